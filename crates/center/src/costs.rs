//! What each rule costs, since its set came into force: the pipeline's thread counts without a lock and hands its tally
//! over once a second; pages, commands and the judge read here.
//!
//! Invariants: one event in `COUNT_EVERY` is timed, every match is counted; a rule over a limit is told of, never
//! switched off.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;
use std::time::Instant;

use bongsu_event::Micros;
use bongsu_sigma::{Cost, Held, RuleIdx, RuleSet};
use parking_lot::Mutex;

use crate::app::Troubles;

/// One event in so many is timed. A prime, so that senders who take turns are all seen.
pub const COUNT_EVERY: u32 = 61;
/// Fewer timed events in a minute say nothing about a rule's share of a core.
const COUNTED_MIN: u64 = 30;
/// Rules named in one notice; the rest is counted.
const NAMED_MAX: usize = 5;
/// Nanoseconds of a minute.
const MINUTE_NANOS: f64 = 60e9;

/// Nanoseconds since the first asking.
#[must_use]
pub fn nanos() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// What the pipeline's thread counted since it was asked last.
#[derive(Debug, Default)]
pub struct Tally {
    /// Events.
    pub events: u64,
    /// Of those, timed.
    pub counted: u64,
    /// What detection of the timed ones took, nanoseconds.
    pub nanos: u64,
    /// Of each rule, over the timed events.
    pub costs: Vec<(RuleIdx, Cost)>,
    /// Of each rule: matches, and findings that ask for an alert.
    pub matches: HashMap<RuleIdx, (u64, u64)>,
    /// Windows of each correlation rule.
    pub held: Vec<(RuleIdx, Held)>,
    /// Matches that each exception held back.
    pub held_back: HashMap<i64, u64>,
}

/// What a rule may cost before it is told of.
#[derive(Clone, Copy, Debug)]
pub struct CostLimits {
    /// Percent of one core.
    pub core_percent: u32,
    /// Findings a minute.
    pub findings_minute: u32,
}

/// What a rule costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Part of the time of detection, 0 to 1.
    pub share: f64,
    /// Of one core, in the last full minute, percent.
    pub core_percent: f64,
    /// Atoms that held, estimated from the timed events.
    pub atoms: u64,
    /// Evaluations of the condition, estimated likewise.
    pub evaluated: u64,
    /// Matches, all counted.
    pub matches: u64,
    /// Findings in the last full minute or the one running, whichever has more.
    pub per_minute: u64,
    /// Over the limit of cost.
    pub too_dear: bool,
    /// Over the limit of findings.
    pub too_often: bool,
    /// Windows, of a correlation.
    pub held: Option<Held>,
}

/// What the set costs in whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Whole {
    /// Counting since.
    pub since: Micros,
    /// Events.
    pub events: u64,
    /// Timed ones.
    pub counted: u64,
    /// Detection of one event, all rules together, microseconds.
    pub event_micros: f64,
    /// Part of the time that belongs to all rules together (reading and looking at each value once), 0 to 1.
    pub shared: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    counted: u64,
    nanos: u64,
    findings: u64,
}

#[derive(Debug, Default)]
struct Entry {
    cost: Cost,
    matches: u64,
    now: Minute,
    last: Minute,
    held: Option<Held>,
}

#[derive(Debug, Default)]
struct Inner {
    since: Micros,
    minute: i64,
    events: u64,
    counted: u64,
    nanos: u64,
    rules: HashMap<RuleIdx, Entry>,
    dear: BTreeSet<RuleIdx>,
    often: BTreeSet<RuleIdx>,
}

/// Costs of the rules in force.
#[derive(Debug, Default)]
pub struct Costs(Mutex<Inner>);

impl Costs {
    /// Take a tally over; `since` is when its set came into force.
    pub fn take(&self, since: Micros, tally: Tally, now: Micros) {
        let mut inner = self.0.lock();
        if inner.since != since {
            *inner = Inner { since, ..Inner::default() };
        }
        inner.turn(now);
        inner.events += tally.events;
        inner.counted += tally.counted;
        inner.nanos += tally.nanos;
        for (rule, cost) in tally.costs {
            let entry = inner.rules.entry(rule).or_default();
            entry.cost.atoms += cost.atoms;
            entry.cost.evaluated += cost.evaluated;
            entry.cost.nanos += cost.nanos;
            entry.now.nanos += cost.nanos;
            entry.now.counted += tally.counted;
        }
        for (rule, (matches, findings)) in tally.matches {
            let entry = inner.rules.entry(rule).or_default();
            entry.matches += matches;
            entry.now.findings += findings;
        }
        for (rule, held) in tally.held {
            inner.rules.entry(rule).or_default().held = Some(held);
        }
    }
    /// Figures of one rule of the set that came into force then.
    #[must_use]
    pub fn of(&self, since: Micros, rule: RuleIdx) -> Option<Figures> {
        let inner = self.0.lock();
        if inner.since != since {
            return None;
        }
        inner.rules.get(&rule).map(|e| inner.figures(rule, e))
    }
    /// Figures of the whole set.
    #[must_use]
    pub fn whole(&self) -> Whole {
        let inner = self.0.lock();
        let own: u64 = inner.rules.values().map(|e| e.cost.nanos).sum();
        Whole {
            since: inner.since,
            events: inner.events,
            counted: inner.counted,
            event_micros: inner.nanos as f64 / inner.counted.max(1) as f64 / 1e3,
            shared: 1.0 - share(own, inner.nanos),
        }
    }
    /// Tell of rules over a limit, and that it is over. `since` is when the set came into force: of another one nothing is
    /// known yet.
    pub fn judge(&self, since: Micros, set: &RuleSet, limits: CostLimits, troubles: &Troubles, now: Micros) {
        let mut inner = self.0.lock();
        if inner.since != since {
            return;
        }
        inner.turn(now);
        let dear = inner.over(|e| e.core_percent() > f64::from(limits.core_percent));
        let often = inner.over(|e| e.per_minute() > u64::from(limits.findings_minute));
        let title = |rule: &RuleIdx| set.rule(*rule).map(|r| r.title_ko.as_ref().unwrap_or(&r.title).clone());
        let named = |rules: &BTreeSet<RuleIdx>| {
            let names: Vec<String> = rules.iter().take(NAMED_MAX).filter_map(title).collect();
            let more = rules.len().saturating_sub(NAMED_MAX);
            if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
        };
        let (percent, often_max) = (limits.core_percent, limits.findings_minute);
        let dear_text =
            || format!("rules that use more than {percent} % of a core: {}; see the list of rules", named(&dear));
        let often_text = || {
            let names = named(&often);
            format!("rules that fire more than {often_max} times a minute: {names}; narrow them or add an exception")
        };
        tell(troubles, "rules_dear", (!dear.is_empty()).then(dear_text), now);
        tell(troubles, "rules_often", (!often.is_empty()).then(often_text), now);
        (inner.dear, inner.often) = (dear, often);
    }
}

impl Inner {
    /// Begin a new minute if it is one.
    fn turn(&mut self, now: Micros) {
        let minute = now.0.div_euclid(60 * Micros::SECOND);
        if minute == self.minute {
            return;
        }
        let next = minute == self.minute + 1;
        self.minute = minute;
        for entry in self.rules.values_mut() {
            entry.last = if next { entry.now } else { Minute::default() };
            entry.now = Minute::default();
        }
    }
    fn over(&self, too_much: impl Fn(&Entry) -> bool) -> BTreeSet<RuleIdx> {
        self.rules.iter().filter(|(_, e)| too_much(e)).map(|(rule, _)| *rule).collect()
    }
    fn figures(&self, rule: RuleIdx, entry: &Entry) -> Figures {
        Figures {
            share: share(entry.cost.nanos, self.nanos),
            core_percent: entry.core_percent(),
            atoms: entry.cost.atoms * u64::from(COUNT_EVERY),
            evaluated: entry.cost.evaluated * u64::from(COUNT_EVERY),
            matches: entry.matches,
            per_minute: entry.per_minute(),
            too_dear: self.dear.contains(&rule),
            too_often: self.often.contains(&rule),
            held: entry.held,
        }
    }
}

impl Entry {
    /// Of one core, in the last full minute or already in the one running.
    fn core_percent(&self) -> f64 {
        let percent = |m: &Minute| {
            let nanos = if m.counted >= COUNTED_MIN { m.nanos } else { 0 };
            nanos as f64 * f64::from(COUNT_EVERY) / MINUTE_NANOS * 100.0
        };
        percent(&self.last).max(percent(&self.now))
    }
    fn per_minute(&self) -> u64 {
        self.last.findings.max(self.now.findings)
    }
}

fn tell(troubles: &Troubles, code: &str, text: Option<String>, now: Micros) {
    match text {
        Some(text) => troubles.raise(code, text, now),
        None => troubles.clear(code),
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_sigma::RuleSource;

    const RULE: RuleIdx = RuleIdx(0);

    fn tally(findings: u64, nanos: u64) -> Tally {
        let cost = Cost { atoms: 2, evaluated: 1, matched: 1, nanos };
        Tally {
            events: 6_100,
            counted: 100,
            nanos: nanos * 2,
            costs: vec![(RULE, cost)],
            matches: [(RULE, (findings, findings))].into(),
            held: Vec::new(),
            held_back: HashMap::new(),
        }
    }

    #[test]
    fn a_rule_over_a_limit_is_told_of_and_cleared_when_it_calms_down() {
        let text = "title: loud\nid: r\nlogsource: { category: any }\ndetection: { s: { a: b }, condition: s }\n";
        let (set, _) = RuleSet::load(&[RuleSource { name: "r.yml".into(), text: text.into() }]);
        let (costs, troubles) = (Costs::default(), Troubles::default());
        let limits = CostLimits { core_percent: 5, findings_minute: 100 };
        let at = |minute: i64| Micros(minute * 60 * Micros::SECOND + 1);
        costs.take(at(0), tally(101, 1_000), at(1));
        costs.judge(at(0), &set, limits, &troubles, at(1));
        let codes = || troubles.list().into_iter().map(|t| t.code).collect::<Vec<_>>();
        assert_eq!(codes(), ["rules_often"]);
        let figures = costs.of(at(0), RULE).unwrap();
        assert!(figures.too_often && !figures.too_dear);
        assert_eq!((figures.matches, figures.evaluated, figures.atoms), (101, 61, 122));
        assert!((figures.share - 0.5).abs() < 1e-9);
        // The last full minute still counts, the one after does not.
        costs.judge(at(0), &set, limits, &troubles, at(2));
        assert_eq!(codes(), ["rules_often"]);
        costs.judge(at(0), &set, limits, &troubles, at(3));
        assert!(codes().is_empty());
        // 61 × 0.06 s of a minute is 6.1 % of a core.
        costs.take(at(0), tally(1, 60_000_000), at(4));
        costs.judge(at(0), &set, limits, &troubles, at(4));
        assert_eq!(codes(), ["rules_dear"]);
        assert!(troubles.list()[0].message.contains("loud"));
    }

    #[test]
    fn a_new_set_begins_anew() {
        let costs = Costs::default();
        costs.take(Micros(1), tally(5, 10), Micros(1));
        costs.take(Micros(2), Tally::default(), Micros(2));
        assert_eq!((costs.of(Micros(1), RULE), costs.of(Micros(2), RULE)), (None, None));
        assert_eq!(costs.whole().since, Micros(2));
    }
}
