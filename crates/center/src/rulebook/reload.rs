//! The one door by which rules change in a running center: switches from the state, files from disk, a new set in
//! force, and the record of what changed.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use bongsu_api::overview::StreamEvent;
use bongsu_sigma::{Rule, RuleSet};
use bongsu_state::{Change, RuleText};
use sha2::{Digest, Sha256};

use super::Fate;
use crate::app::App;
use crate::authority::hex;

/// Files named in one audit entry; the rest is counted.
const NAMED_MAX: usize = 20;

/// What became of a rule.
#[derive(Clone, Debug)]
pub struct RuleFate {
    /// Its id.
    pub id: String,
    /// Which of the three.
    pub fate: Fate,
    /// The file it stands in, or stood.
    pub file: String,
}

/// What a reload changed.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// Files.
    pub files: Vec<(String, Fate)>,
    /// Rules.
    pub rules: Vec<RuleFate>,
}

impl Changed {
    /// Nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.rules.is_empty()
    }
    /// In one sentence.
    #[must_use]
    pub fn words(&self) -> String {
        let count = |f: Fate| self.rules.iter().filter(|r| r.fate == f).count();
        let named: Vec<String> =
            self.files.iter().take(NAMED_MAX).map(|(name, fate)| format!("{} {name}", fate.word())).collect();
        let more = self.files.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(", and {more} more files") } else { String::new() };
        let (new, changed, removed) = (count(Fate::New), count(Fate::Changed), count(Fate::Removed));
        format!("rules new {new}, changed {changed}, removed {removed}; {}{more}", named.join(", "))
    }
}

impl Fate {
    /// As it stands in the audit log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// SHA-256 of a rule's text.
#[must_use]
pub fn text_hash(rule: &Rule) -> String {
    hex(&Sha256::digest(rule.text.as_bytes()))
}

/// Rules whose text differs between two sets.
#[must_use]
pub fn compare(old: &RuleSet, new: &RuleSet) -> Vec<RuleFate> {
    let known: HashMap<&str, &Arc<Rule>> = old.rules().iter().map(|r| (r.id.as_str(), r)).collect();
    let fate = |r: &Arc<Rule>, fate| RuleFate { id: r.id.clone(), fate, file: r.source.clone() };
    let mut all: Vec<RuleFate> = new
        .rules()
        .iter()
        .filter_map(|r| match known.get(r.id.as_str()) {
            None => Some(fate(r, Fate::New)),
            Some(k) if Arc::ptr_eq(k, r) || k.text == r.text => None,
            Some(_) => Some(fate(r, Fate::Changed)),
        })
        .collect();
    all.extend(old.rules().iter().filter(|r| new.find(&r.id).is_none()).map(|r| fate(r, Fate::Removed)));
    all
}

impl App {
    /// Load rules again. `looking`: nobody asked, so that without a change nothing is done and nothing recorded.
    ///
    /// # Errors
    /// The state can't be read or written; the rules in force stay or are the new ones, never half of them.
    pub async fn reload_rules(self: &Arc<Self>, by: &Change<'_>, looking: bool) -> Result<Changed> {
        let _turn = self.rules.turn.lock().await;
        let disabled = crate::start::disabled_rules(&self.state).await?;
        let app = Arc::clone(self);
        let now = self.now();
        let loaded = tokio::task::spawn_blocking(move || app.rules.load(disabled, now)).await?;
        let Some((book, files)) = loaded else {
            if !looking {
                self.state.note_look(by, "rule.reload", "rules", None, "nothing changed").await?;
            }
            return Ok(Changed::default());
        };
        let old = self.rules.now();
        let changed = Changed { files, rules: compare(&old.set, &book.set) };
        let texts: Vec<RuleText> = changed.rules.iter().map(|f| text_of(f, &book.set)).collect();
        for broken in book.errors.iter().filter(|e| !old.errors.contains(e)) {
            tracing::warn!("a rule was left out: {broken}");
        }
        self.rules.book.store(Arc::new(book));
        self.stream.tell(None, StreamEvent::Rules);
        if !changed.is_empty() {
            self.state.keep_rule_texts(by, &texts, &changed.words()).await?;
        }
        Ok(changed)
    }

    /// Texts that differ from what the state knows, after the center was away.
    ///
    /// # Errors
    /// The state can't be read or written.
    pub async fn note_rules(&self, by: &Change<'_>) -> Result<()> {
        let set = Arc::clone(&self.rules.now().set);
        let known = self.state.rule_hashes().await?;
        let mut texts: Vec<RuleText> = set
            .rules()
            .iter()
            .map(|r| (r, text_hash(r)))
            .filter(|(r, hash)| known.get(&r.id) != Some(hash))
            .map(|(r, hash)| RuleText {
                rule: r.id.clone(),
                file: r.source.clone(),
                hash,
                text: Some(r.text.to_string()),
            })
            .collect();
        let gone = known.keys().filter(|id| set.find(id).is_none());
        texts.extend(gone.map(|id| RuleText { rule: id.clone(), ..RuleText::default() }));
        if texts.is_empty() {
            return Ok(());
        }
        let words = format!("{} rules differ from when the center ran last", texts.len());
        Ok(self.state.keep_rule_texts(by, &texts, &words).await?)
    }
}

fn text_of(fate: &RuleFate, set: &RuleSet) -> RuleText {
    let rule = set.find(&fate.id).and_then(|idx| set.rule(idx));
    RuleText {
        rule: fate.id.clone(),
        file: fate.file.clone(),
        hash: rule.map(|r| text_hash(r)).unwrap_or_default(),
        text: rule.map(|r| r.text.to_string()),
    }
}
