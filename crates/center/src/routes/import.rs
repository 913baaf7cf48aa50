//! Import of rules: shown first, applied by who brought it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use bongsu_api::import::{ApplyImport, ImportPath, ImportPreview, ImportQuery, ImportedRule};
use bongsu_api::rule::{BrokenRule, Reloaded};
use bongsu_domain::Ability;
use bongsu_sigma::RuleSet;

use super::caller::{Ask, At, Body, By};
use super::convert::{reason, time};
use super::failure::{Answer, Failure};
use super::rule::reloaded;
use super::{Shared, Web};
use crate::archive::{ARCHIVE_BYTES_MAX, unpack};
use crate::import::{self, Import};
use crate::rulebook::{Fate, RuleFate, compare};

/// Most rules told.
const RULES_SHOWN: usize = 500;
/// Most changed rules told with their texts.
const TEXTS_SHOWN: usize = 100;
/// Most broken or refused files told.
const BROKEN_SHOWN: usize = 200;

fn told(fate: &RuleFate, texts: bool, old: &RuleSet, new: &RuleSet) -> ImportedRule {
    let of = |set: &RuleSet| set.find(&fate.id).and_then(|idx| set.rule(idx).cloned());
    let (before, after) = (of(old), of(new));
    let title = after.as_ref().or(before.as_ref()).map(|r| r.title.clone()).unwrap_or_default();
    let text = |r: Option<Arc<bongsu_sigma::Rule>>| r.map(|r| r.text.to_string()).filter(|_| texts);
    ImportedRule {
        id: fate.id.clone(),
        title,
        fate: fate.fate.word().to_owned(),
        file: fate.file.clone(),
        before: text(before),
        after: text(after),
    }
}

fn shown(web: &Web, import: &Import, name: String, now: bongsu_event::Micros) -> ImportPreview {
    let book = web.app.rules.now();
    let (planned, errors) = import::planned(&web.app, &import.unpacked.files);
    let fates = compare(&book.set, &planned);
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let count = |fate: Fate| number(fates.iter().filter(|f| f.fate == fate).count());
    let mut texts = 0;
    let rules = fates.iter().take(RULES_SHOWN).map(|f| {
        texts += usize::from(f.fate == Fate::Changed);
        told(f, f.fate == Fate::Changed && texts <= TEXTS_SHOWN, &book.set, &planned)
    });
    let rules = rules.collect();
    let fresh = errors.iter().filter(|e| !book.errors.contains(e));
    ImportPreview {
        as_of: time(now),
        id: import.id,
        name,
        files: number(import.unpacked.files.len()),
        new: count(Fate::New),
        changed: count(Fate::Changed),
        removed: count(Fate::Removed),
        rules,
        broken: fresh
            .take(BROKEN_SHOWN)
            .map(|e| BrokenRule { file: format!("{}:{}", e.file, e.line), reason: e.reason.clone() })
            .collect(),
        refused: import
            .unpacked
            .refused
            .iter()
            .take(BROKEN_SHOWN)
            .map(|(file, reason)| BrokenRule { file: file.clone(), reason: reason.clone() })
            .collect(),
    }
}

/// What would change; nothing does yet.
pub(crate) async fn preview(
    State(web): Shared,
    By(by): By,
    Ask(asked): Ask<ImportQuery>,
    request: Request,
) -> Answer<Json<ImportPreview>> {
    by.require_everywhere(Ability::Administer)?;
    let too_large = || Failure::bad_request(None, format!("an archive has at most {ARCHIVE_BYTES_MAX} bytes"));
    let bytes = axum::body::to_bytes(request.into_body(), ARCHIVE_BYTES_MAX).await.map_err(|_| too_large())?;
    let (user, now) = (by.user(), by.now());
    let preview = tokio::task::spawn_blocking(move || {
        let unpacked = unpack(&bytes, &asked.name)?;
        if unpacked.files.is_empty() && unpacked.refused.is_empty() {
            return Err("there is no rule file (.yml) in it".to_owned());
        }
        let import = web.app.imports.add(user, now, unpacked);
        Ok(shown(&web, &import, asked.name, now))
    })
    .await
    .map_err(|e| Failure::internal(&e.into()))?;
    preview.map(Json).map_err(|e| Failure::bad_request(None, e))
}

/// Do it.
pub(crate) async fn apply(
    State(web): Shared,
    By(by): By,
    At(path): At<ImportPath>,
    Body(asked): Body<ApplyImport>,
) -> Answer<Json<Reloaded>> {
    by.require_everywhere(Ability::Administer)?;
    let change = by.change(reason(&asked.reason)?);
    let import =
        web.app.imports.take(path.id, by.user(), by.now()).ok_or_else(|| Failure::not_found("import that waits"))?;
    let app = Arc::clone(&web.app);
    tokio::task::spawn_blocking(move || import::write(&app.config.data, &import.unpacked.files))
        .await
        .map_err(|e| Failure::internal(&e.into()))?
        .map_err(|e| Failure::internal(&e))?;
    let changed = web.app.reload_rules(&change, false).await.map_err(|e| Failure::internal(&e))?;
    Ok(Json(reloaded(&web, &changed, by.now())))
}
