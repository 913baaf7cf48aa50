//! Run the cases that stand in the rules.
//!
//! Invariant: a case is run by the very plan and correlator that run live, with all rules of the set, from an empty
//! state; what other rules do does not matter to it.

use bongsu_event::{Event, EventId, Micros};

use crate::correlate::Correlator;
use crate::rule::{Body, Case, CaseInput, Fire};
use crate::{EventView, RuleIdx, RuleSet, Scratch};

/// A case that did not do what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFailure {
    /// The rule.
    pub rule: RuleIdx,
    /// Its id.
    pub id: String,
    /// Its file.
    pub source: String,
    /// Number of the case in the rule, from 1.
    pub case: usize,
    /// What was expected and what happened.
    pub reason: String,
}

impl std::fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: rule {}, case {}: {}", self.source, self.id, self.case, self.reason)
    }
}

/// How many cases ran, and which failed.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Cases run.
    pub run: usize,
    /// Ids of rules that have no case.
    pub without: Vec<String>,
    /// Those that did not do what they say.
    pub failures: Vec<CaseFailure>,
}

/// Cases begin here: 2026-03-02T10:00:00+09:00, a Monday in office hours.
pub const CASE_START: Micros = Micros(1_772_413_200_000_000);

/// Run every case of every rule. `read` makes an event of a raw line, of the format it is to be read with (`None`:
/// recognise it) and of the time of receipt.
pub fn run(rules: &RuleSet, read: &mut dyn FnMut(&str, Option<&str>, Micros) -> Event) -> Outcome {
    let mut outcome = Outcome::default();
    let mut scratch = rules.scratch();
    for (idx, rule) in (0u32..).map(RuleIdx).zip(rules.rules()) {
        if rule.cases.is_empty() && !matches!(rule.body, Body::Filter(_)) {
            outcome.without.push(rule.id.clone());
        }
        for (number, case) in (1..).zip(&rule.cases) {
            outcome.run += 1;
            if let Err(reason) = one(rules, idx, case, &mut scratch, read) {
                let (id, source) = (rule.id.clone(), rule.source.clone());
                outcome.failures.push(CaseFailure { rule: idx, id, source, case: number, reason });
            }
        }
    }
    outcome
}

fn one(
    rules: &RuleSet,
    rule: RuleIdx,
    case: &Case,
    scratch: &mut Scratch,
    read: &mut dyn FnMut(&str, Option<&str>, Micros) -> Event,
) -> Result<(), String> {
    let mut correlator = Correlator::of(rules);
    let (mut fired, mut last_seen) = (0, String::new());
    for (sequence, line) in (1..).zip(&case.lines) {
        let at = Micros(CASE_START.0.saturating_add((line.at * Micros::SECOND as f64) as i64));
        let id = EventId { epoch: 1, sequence };
        match &line.input {
            CaseInput::Event(json) => fired += feed(rules, rule, json, (id, at), scratch, &mut correlator),
            CaseInput::Raw(raw) => {
                let event = read(raw, case.format.as_deref(), at);
                fired += feed(rules, rule, &event, (id, at), scratch, &mut correlator);
                last_seen = seen(rules, rule, &event);
            }
        }
    }
    let note = case.note.as_deref().map(|n| format!(" ({n})")).unwrap_or_default();
    match case.fire {
        Fire::Never if fired > 0 => Err(format!("it must stay silent and fired {fired} times{note}")),
        Fire::Some if fired == 0 => Err(format!("it must fire and stayed silent{note}{last_seen}")),
        Fire::Times(n) if fired != n => Err(format!("it must fire {n} times and fired {fired} times{note}{last_seen}")),
        _ => Ok(()),
    }
}

/// How often the rule itself fired on this event; a burst that goes on does not count again.
fn feed(
    rules: &RuleSet,
    rule: RuleIdx,
    event: &dyn EventView,
    (id, at): (EventId, Micros),
    scratch: &mut Scratch,
    correlator: &mut Correlator,
) -> usize {
    let mut fired = 0;
    for detection in rules.detect(event, scratch) {
        fired += usize::from(detection.rule == rule);
        let hits = correlator.feed(detection.rule, event, id, at, at);
        fired += hits.iter().filter(|h| h.rule == rule && !h.continued).count();
    }
    fired
}

/// What the last event of a silent case looked like, and which selections held: the first thing its writer asks.
fn seen(rules: &RuleSet, rule: RuleIdx, event: &Event) -> String {
    let fields: Vec<String> = event.fields.iter().map(|(f, v)| format!("{}={v}", f.name())).collect();
    let held: Vec<String> = rules.selections(rule, event).iter().map(|(n, h)| format!("{n}={h}")).collect();
    let (class, activity, status) = (event.class.name(), event.activity.name(), event.status.name());
    let format = event.format;
    format!(
        "; last line: format={format} class={class} activity={activity} status={status} {}; selections: {}",
        fields.join(" "),
        held.join(" ")
    )
}
