//! A set of rules, loaded and compiled whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{EventView, Rule};

/// A rule's place in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleIdx(pub u32);

/// A rule file: its name (path) and its text.
#[derive(Clone, Debug)]
pub struct RuleSource {
    /// Path or other name, for errors.
    pub name: String,
    /// YAML, one or several documents.
    pub text: String,
}

/// Why a document could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct LoadError {
    /// The file, as given.
    pub file: String,
    /// Line, from 1; that of the document where nothing nearer is known.
    pub line: usize,
    /// The rule's id, if it could be read.
    pub rule: Option<String>,
    /// What is wrong, and what to do.
    pub reason: String,
}

/// How to load.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Ids of rules that are listed and never fire.
    pub disabled: BTreeSet<String>,
    /// Values for `%placeholders%`, by name.
    pub placeholders: BTreeMap<String, Vec<String>>,
    /// Match every rule against every event, whatever its logsource says.
    pub ignore_logsource: bool,
}

/// One match of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// The rule.
    pub rule: RuleIdx,
    /// The rule only feeds correlations: no alert of its own.
    pub base_only: bool,
    /// Which values held for which selection.
    pub matched: Vec<Matched>,
}

/// A value of the event that made a selection hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// Name of the selection.
    pub selection: Arc<str>,
    /// The field, as the rule names it; empty for keywords.
    pub field: Arc<str>,
    /// The event's value, cut at `MATCHED_VALUE_BYTES_MAX`.
    pub value: String,
    /// What the rule asked, as `contains 'whoami'`.
    pub test: String,
}

/// Memory reused from event to event; one a thread.
#[derive(Debug, Default)]
pub struct Scratch {}

/// Rules, compiled into one plan.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
}

impl RuleSet {
    /// Load every document; what can't be loaded comes back with its reason.
    #[must_use]
    pub fn load(sources: &[RuleSource]) -> (Self, Vec<LoadError>) {
        Self::load_with(sources, &LoadOptions::default())
    }
    /// The same, with options.
    #[must_use]
    pub fn load_with(_sources: &[RuleSource], _options: &LoadOptions) -> (Self, Vec<LoadError>) {
        (Self { rules: Vec::new() }, Vec::new())
    }
    /// Every rule, in the order loaded; a [`RuleIdx`] is a place in it.
    #[must_use]
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }
    /// The rule at a place.
    #[must_use]
    pub fn rule(&self, rule: RuleIdx) -> Option<&Arc<Rule>> {
        self.rules.get(rule.0 as usize)
    }
    /// By id, else by name.
    #[must_use]
    pub fn find(&self, _id_or_name: &str) -> Option<RuleIdx> {
        None
    }
    /// Memory for [`RuleSet::detect`].
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        Scratch {}
    }
    /// Every rule that matches the event, in the order of the set. Allocates only when something matches.
    #[must_use]
    pub fn detect(&self, _event: &dyn EventView, _scratch: &mut Scratch) -> Vec<Detection> {
        Vec::new()
    }
    /// The entity an alert of this rule groups by: (field, value) pairs, empty if the event has none.
    #[must_use]
    pub fn entity(&self, _rule: RuleIdx, _event: &dyn EventView) -> Vec<(String, String)> {
        Vec::new()
    }
}
