//! Exceptions from rules: made and ended by who administers the agency they are about.

use axum::Json;
use axum::extract::State;
use bongsu_api::exception::{
    CreateException, EndException, ExceptionPart, ExceptionPath, ExceptionTest, RuleException,
};
use bongsu_api::overview::StreamEvent;
use bongsu_api::rule::RulePath;
use bongsu_domain::Ability;
use bongsu_event::AgencyId;
use bongsu_sigma::RuleSet;
use bongsu_state::{EXCEPTION_DAYS_MAX, ExceptionRow, NewException};

use super::Shared;
use super::caller::{At, Body, By, Caller};
use super::convert::{actor, agency, maybe_time, reason, time};
use super::failure::{Answer, Failure, not_yours};
use crate::exceptions::{Part, check, filter_text};

/// Most conditions of one exception.
const PARTS_MAX: usize = 8;
/// Most values of one condition.
const VALUES_MAX: usize = 100;
/// Longest value, bytes.
const VALUE_BYTES_MAX: usize = 1_024;

pub(crate) fn shown(row: ExceptionRow, by: &Caller, rules: &RuleSet) -> RuleException {
    RuleException {
        id: row.id,
        rule_id: row.rule,
        agency: agency(&by.tree, row.agency),
        text: row.text,
        reason: row.reason,
        actor: actor(&row.actor, rules),
        created_at: time(row.created_at),
        expires_at: time(row.expires_at),
        ended_at: maybe_time(row.ended_at),
        held_back: row.held_back,
        last_held_at: maybe_time(row.last_held_at),
    }
}

fn modifier(test: ExceptionTest) -> Option<&'static str> {
    match test {
        ExceptionTest::Is => None,
        ExceptionTest::Contains => Some("contains"),
        ExceptionTest::StartsWith => Some("startswith"),
        ExceptionTest::EndsWith => Some("endswith"),
        ExceptionTest::Cidr => Some("cidr"),
    }
}

fn bounded(parts: &[ExceptionPart]) -> Answer<()> {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@');
    let fine = |p: &ExceptionPart| {
        !p.field.is_empty()
            && p.field.len() <= 128
            && p.field.chars().all(name)
            && (1..=VALUES_MAX).contains(&p.values.len())
            && p.values.iter().all(|v| !v.trim().is_empty() && v.len() <= VALUE_BYTES_MAX)
    };
    if (1..=PARTS_MAX).contains(&parts.len()) && parts.iter().all(fine) {
        return Ok(());
    }
    let words = format!("1 to {PARTS_MAX} conditions, each with a field's name and 1 to {VALUES_MAX} values");
    Err(Failure::bad_request(Some("parts"), words))
}

/// Make one.
pub(crate) async fn create(
    State(web): Shared,
    By(by): By,
    At(path): At<RulePath>,
    Body(asked): Body<CreateException>,
) -> Answer<Json<RuleException>> {
    let (book, rule) = super::rule::found(&web, &path.id)?;
    let whose = AgencyId(asked.agency);
    if !by.sees().holds(whose) {
        return Err(Failure::not_found("agency"));
    }
    bounded(&asked.parts)?;
    if !(1..=EXCEPTION_DAYS_MAX).contains(&asked.days) {
        return Err(Failure::bad_request(Some("days"), format!("between 1 and {EXCEPTION_DAYS_MAX} days")));
    }
    let parts: Vec<Part<'_>> =
        asked.parts.iter().map(|p| Part { field: &p.field, modifier: modifier(p.test), values: &p.values }).collect();
    let text = filter_text(&rule, &parts);
    check(&text).map_err(|e| Failure::bad_request(Some("parts"), e))?;
    let new = NewException {
        rule: rule.id.clone(),
        agency: whose,
        text,
        expires_at: by.now().plus_seconds(i64::from(asked.days) * 86_400),
    };
    let scope = by.scope(Ability::Administer);
    let change = by.change(reason(&asked.reason)?);
    let id = web.app.state.create_exception(&change, &scope, &new).await.map_err(not_yours)?;
    web.app.refresh_exceptions().await.map_err(|e| Failure::internal(&e))?;
    web.app.stream.tell(None, StreamEvent::Rules);
    let rows = web.app.state.exceptions(&scope, &rule.id).await?;
    let row = rows.into_iter().find(|r| r.id == id).ok_or_else(|| Failure::not_found("exception"))?;
    Ok(Json(shown(row, &by, &book.set)))
}

/// End one before its time.
pub(crate) async fn end(
    State(web): Shared,
    By(by): By,
    At(path): At<ExceptionPath>,
    Body(asked): Body<EndException>,
) -> Answer<Json<RuleException>> {
    let change = by.change(reason(&asked.reason)?);
    let row = web.app.state.end_exception(&change, &by.scope(Ability::Administer), path.id).await?;
    web.app.refresh_exceptions().await.map_err(|e| Failure::internal(&e))?;
    web.app.stream.tell(None, StreamEvent::Rules);
    Ok(Json(shown(row, &by, &web.app.rules.now().set)))
}
