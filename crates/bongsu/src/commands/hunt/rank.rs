//! The findings that a page shows one by one: of each rule the first ones, of all rules no more than a page can hold.
//!
//! Invariant: memory is bounded by `RULE_FINDINGS_MAX` and `FINDINGS_MAX`, whatever is found.

use std::collections::BTreeMap;

use bongsu_sigma::RuleIdx;

use super::work::Finding;

/// Findings of one rule that are shown.
const RULE_FINDINGS_MAX: usize = 20;
/// Findings of all rules that are shown.
const FINDINGS_MAX: usize = 2_000;

/// Findings kept to be shown.
#[derive(Default)]
pub struct Rank {
    kept: BTreeMap<RuleIdx, Vec<Finding>>,
    all: usize,
}

impl Rank {
    /// One finding more.
    pub fn add(&mut self, finding: Finding) {
        let list = self.kept.entry(finding.rule).or_default();
        // Each rule that was found is shown at least once.
        if list.is_empty() || (list.len() < RULE_FINDINGS_MAX && self.all < FINDINGS_MAX) {
            list.push(finding);
            self.all += 1;
        }
    }
    /// Those of a rule.
    pub fn of(&self, rule: RuleIdx) -> &[Finding] {
        self.kept.get(&rule).map(Vec::as_slice).unwrap_or_default()
    }
}
