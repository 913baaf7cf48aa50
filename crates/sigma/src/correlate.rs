//! Correlation: detections of base rules in, hits out; state bounded, countable, and kept in a checkpoint.

use std::sync::Arc;

use bongsu_event::{EventId, Micros};

use crate::{EventView, LoadError, RuleIdx, RuleSet};

/// A correlation rule's condition holds.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrelationHit {
    /// The correlation rule.
    pub rule: RuleIdx,
    /// Its group: (name in `group-by`, value).
    pub group: Vec<(String, String)>,
    /// The count, sum, mean or percentile that the condition was asked of.
    pub count: f64,
    /// Time of the first event in the window.
    pub first: Micros,
    /// Time of the last event in the window.
    pub last: Micros,
    /// The burst has fired before: update its alert.
    pub continued: bool,
    /// Latest events of the window, oldest first.
    pub events: Vec<EventId>,
    /// Some of the distinct values counted.
    pub values: Vec<String>,
    /// The rule only feeds other correlations: no alert of its own.
    pub base_only: bool,
}

/// What correlation had to give up, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Groups forgotten because a rule had too many.
    pub groups_evicted: u64,
    /// Entries forgotten because a group had too many.
    pub entries_dropped: u64,
    /// Events older than the window of their group.
    pub late: u64,
    /// Events fed twice.
    pub duplicates: u64,
    /// Events without the fields a rule groups by.
    pub ungrouped: u64,
}

/// Sliding windows of all correlation rules of a set.
#[derive(Debug)]
pub struct Correlator {
    rules: Arc<RuleSet>,
}

impl Correlator {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self { rules }
    }
    /// Change the set; rules whose correlation is unchanged keep their windows.
    pub fn replace(&mut self, rules: Arc<RuleSet>) {
        self.rules = rules;
    }
    /// One detection. `at` is the event's live time, `now` the clock: windows that ended before it may be forgotten.
    pub fn feed(
        &mut self,
        _rule: RuleIdx,
        _event: &dyn EventView,
        _id: EventId,
        _at: Micros,
        _now: Micros,
    ) -> Vec<CorrelationHit> {
        Vec::new()
    }
    /// What had to be given up.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
    /// The state as bytes, for a checkpoint.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }
    /// Take over a state; rules that it names and the set lacks are skipped. Says how many windows were taken over.
    ///
    /// # Errors
    /// When the bytes are no snapshot; the state stays as it was.
    pub fn restore(&mut self, _bytes: &[u8]) -> Result<usize, LoadError> {
        Ok(0)
    }
}
