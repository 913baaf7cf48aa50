//! What was found, counted: by rule, level, host, time and ATT&CK tactic.
//!
//! Invariant: memory is bounded by the number of rules and by the limits below, not by the number of findings.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_center::attack::TACTICS;
use bongsu_event::{Micros, Severity};
use bongsu_sigma::{Rule, RuleIdx, RuleSet};

use super::work::Finding;

/// Most hosts counted each by itself; the others are counted together.
const HOSTS_MAX: usize = 10_000;
/// Most steps of time kept; with more, steps grow.
const STEPS_MAX: usize = 4_096;
/// Widths that a step of time may have, seconds.
const WIDTHS: [i64; 11] =
    [1, 10, 60, 600, 3_600, 6 * 3_600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400, 3_650 * 86_400];

/// Levels, the gravest first.
pub const LEVELS: [Severity; 5] = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];

/// Findings of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub findings: u64,
    pub first: Option<Micros>,
    pub last: Option<Micros>,
    /// The gravest among them.
    pub level: Severity,
}

impl Count {
    fn add(&mut self, level: Severity, time: Option<Micros>) {
        self.findings += 1;
        self.level = self.level.max(level);
        if let Some(time) = time {
            self.first = Some(self.first.map_or(time, |t| t.min(time)));
            self.last = Some(self.last.map_or(time, |t| t.max(time)));
        }
    }
}

/// Everything counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub rules: BTreeMap<RuleIdx, Count>,
    pub levels: [u64; 5],
    pub hosts: BTreeMap<Arc<str>, Count>,
    /// Findings on hosts beyond `HOSTS_MAX`.
    pub other_hosts: u64,
    pub tactics: BTreeMap<usize, Count>,
    pub all: Count,
    steps: BTreeMap<i64, [u64; 5]>,
    width: usize,
}

impl Tally {
    /// One finding more.
    pub fn add(&mut self, set: &RuleSet, finding: &Finding) {
        let Some(rule) = set.rule(finding.rule) else { return };
        let (level, time) = (rule.level, finding.time);
        self.all.add(level, time);
        self.rules.entry(finding.rule).or_default().add(level, time);
        if let Some(n) = self.levels.get_mut(place(level)) {
            *n += 1;
        }
        if let Some(host) = &finding.host {
            let known = self.hosts.contains_key(host);
            if known || self.hosts.len() < HOSTS_MAX {
                self.hosts.entry(Arc::clone(host)).or_default().add(level, time);
            } else {
                self.other_hosts += 1;
            }
        }
        for tactic in tactics(rule) {
            self.tactics.entry(tactic).or_default().add(level, time);
        }
        if let Some(time) = time {
            self.step(level, time);
        }
    }
    /// Findings in all.
    pub fn total(&self) -> u64 {
        self.all.findings
    }

    fn step(&mut self, level: Severity, time: Micros) {
        let at = time.0.div_euclid(Micros::SECOND * self.step_seconds());
        if let Some(n) = self.steps.entry(at).or_default().get_mut(place(level)) {
            *n += 1;
        }
        while self.steps.len() > STEPS_MAX && self.width + 1 < WIDTHS.len() {
            let before = self.step_seconds();
            self.width += 1;
            self.steps = joined(&self.steps, before, self.step_seconds());
        }
    }
    fn step_seconds(&self) -> i64 {
        WIDTHS.get(self.width).copied().unwrap_or(1)
    }
    /// At most so many steps of time, without gaps, each with its beginning and its findings by level; and the width
    /// of a step in seconds.
    pub fn times(&self, most: usize) -> (i64, Vec<(Micros, [u64; 5])>) {
        let (Some((first, _)), Some((last, _))) = (self.steps.first_key_value(), self.steps.last_key_value()) else {
            return (1, Vec::new());
        };
        let before = self.step_seconds();
        let (from, to) = (first * before, (last + 1) * before);
        let fits = |w: &i64| *w >= before && to.div_euclid(*w) - from.div_euclid(*w) < most as i64;
        let width = WIDTHS.into_iter().find(fits).unwrap_or(3_650 * 86_400);
        let steps = joined(&self.steps, before, width);
        let (begin, end) = (from.div_euclid(width), (to - 1).div_euclid(width));
        let each = (begin..=end).take(most).map(|at| {
            (
                Micros(at.saturating_mul(width).saturating_mul(Micros::SECOND)),
                steps.get(&at).copied().unwrap_or_default(),
            )
        });
        (width, each.collect())
    }
}

fn joined(steps: &BTreeMap<i64, [u64; 5]>, from_seconds: i64, to_seconds: i64) -> BTreeMap<i64, [u64; 5]> {
    let mut out: BTreeMap<i64, [u64; 5]> = BTreeMap::new();
    for (at, counts) in steps {
        let to = out.entry((at * from_seconds).div_euclid(to_seconds)).or_default();
        to.iter_mut().zip(counts).for_each(|(to, n)| *to += n);
    }
    out
}

/// A level's place in [`LEVELS`].
pub fn place(level: Severity) -> usize {
    usize::from(5 - level.number())
}

/// The tactics that a rule's tags name.
pub fn tactics(rule: &Rule) -> impl Iterator<Item = usize> + '_ {
    rule.tags.iter().filter_map(|tag| {
        let name = tag.strip_prefix("attack.")?.replace('_', "-");
        TACTICS.iter().position(|tactic| *tactic == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_time_have_no_gaps_and_grow() {
        let mut tally = Tally::default();
        for n in 0..10_000 {
            tally.step(Severity::High, Micros(n * 3 * Micros::SECOND));
        }
        assert!(tally.steps.len() <= STEPS_MAX);
        let (width, times) = tally.times(60);
        assert_eq!(width, 600);
        assert_eq!(times.len(), 50);
        assert_eq!(times.iter().map(|(_, n)| n[1]).sum::<u64>(), 10_000);
        let mut two = Tally::default();
        two.step(Severity::Low, Micros(0));
        two.step(Severity::Low, Micros(40 * 365 * 86_400 * Micros::SECOND));
        let (_, times) = two.times(60);
        assert!(times.len() <= 60 && times.len() > 2);
        assert_eq!(times.iter().map(|(_, n)| n[3]).sum::<u64>(), 2);
        assert_eq!(Tally::default().times(60).1, []);
    }

    #[test]
    fn levels_have_their_places() {
        for (n, level) in LEVELS.into_iter().enumerate() {
            assert_eq!(place(level), n);
        }
    }
}
