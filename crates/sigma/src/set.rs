//! A set of rules, loaded and compiled whole.
//!
//! Invariant: a set never changes; whoever wants other rules loads another set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bongsu_event::ValueRef;
use hashbrown::HashMap;

use crate::matcher::{Expr, FieldName, Matcher};
use crate::plan::{self, Plan};
use crate::rule::{Body, Logsource, Rule};
use crate::{CorrelationHit, EventView, JsonError, Pipeline, explain, load, logsource, naive, view};

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
    /// Pipelines that every rule goes through, the least priority first.
    pub pipelines: Vec<Pipeline>,
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
    /// Which values held for which selection; empty where `base_only`, see [`RuleSet::explain`].
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

/// A selection, asked of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub selection: Arc<str>,
    /// Does it hold?
    pub holds: bool,
    /// Its atoms in the order of the rule, at most `MATCHED_MAX`.
    pub atoms: Vec<AskedAtom>,
}

/// One test of one field, asked of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedAtom {
    /// The field, as the rule names it; empty for keywords.
    pub field: Arc<str>,
    /// What the rule asks, as `contains 'whoami'`; several are alternatives.
    pub test: String,
    /// The value that made it hold, else the event's own; `None`: the event has no such field.
    pub value: Option<String>,
    /// Did it hold?
    pub held: bool,
    /// The rule asks for the opposite.
    pub negated: bool,
}

/// Which language a sentence is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// 한국어.
    Korean,
    /// English.
    English,
}

/// The number that a set gives a field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(u32);

/// Memory reused from event to event; one a thread. It fits any set: after a change of set it begins anew.
#[derive(Debug, Default)]
pub struct Scratch(plan::Scratch);

impl Scratch {
    /// Count what the next event costs each rule, with a clock that tells nanoseconds since any fixed instant.
    pub fn count_next(&mut self, clock: fn() -> u64) {
        self.0.count_next(clock);
    }
}

/// What counted events cost one rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Atoms (tests of one field) of the rule that held.
    pub atoms: u64,
    /// How often its condition was evaluated.
    pub evaluated: u64,
    /// How often it matched.
    pub matched: u64,
    /// Time of its condition, and its part of the expressions tried for it, nanoseconds.
    pub nanos: u64,
}

/// A file, read: what [`RuleSet::assemble`] takes, so that of many files only the changed ones are read anew.
#[derive(Debug)]
pub struct ReadFile(Vec<load::FileRules>);

impl ReadFile {
    /// Read a file; what can't be read is an error of the set it is assembled into.
    #[must_use]
    pub fn read(source: &RuleSource, options: &LoadOptions) -> Self {
        Self(load::files(std::slice::from_ref(source), options))
    }
}

/// What is worked out once for each rule.
#[derive(Debug, Default)]
struct Prepared {
    entity: Vec<FieldName>,
    base_only: bool,
    enabled: bool,
    filters: Vec<Arc<Matcher>>,
}

/// Rules, compiled into one plan.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    prepared: Vec<Prepared>,
    by_name: HashMap<String, RuleIdx>,
    plan: Plan,
    /// The plan's unit → rule.
    units: Vec<RuleIdx>,
    default_entity: Vec<FieldName>,
    ignore_logsource: bool,
}

impl RuleSet {
    /// Load every document; what can't be loaded comes back with its reason.
    #[must_use]
    pub fn load(sources: &[RuleSource]) -> (Self, Vec<LoadError>) {
        Self::load_with(sources, &LoadOptions::default())
    }
    /// The same, with options.
    #[must_use]
    pub fn load_with(sources: &[RuleSource], options: &LoadOptions) -> (Self, Vec<LoadError>) {
        let (rules, errors) = load::join(load::files(sources, options).iter());
        (Self::compile(rules, options), errors)
    }
    /// A set of files that were read before, with the same placeholders and pipelines.
    pub fn assemble<'f>(files: impl Iterator<Item = &'f ReadFile>, options: &LoadOptions) -> (Self, Vec<LoadError>) {
        let (rules, errors) = load::join(files.flat_map(|f| &f.0));
        (Self::compile(rules, options), errors)
    }
    /// Compile rules whose references have been checked.
    fn compile(rules: Vec<Arc<Rule>>, options: &LoadOptions) -> Self {
        let mut by_name = HashMap::new();
        for (idx, rule) in (0u32..).map(RuleIdx).zip(&rules) {
            by_name.entry(rule.id.clone()).or_insert(idx);
        }
        for (idx, rule) in (0u32..).map(RuleIdx).zip(&rules) {
            if let Some(name) = &rule.name {
                by_name.entry(name.clone()).or_insert(idx);
            }
        }
        let mut prepared: Vec<Prepared> = rules
            .iter()
            .map(|r| Prepared {
                entity: r.entity.iter().filter_map(|n| FieldName::new(n).ok()).collect(),
                base_only: false,
                enabled: r.idle.is_none() && !options.disabled.contains(&r.id),
                filters: Vec::new(),
            })
            .collect();
        mark_bases(&rules, &by_name, &mut prepared);
        join_filters(&rules, &mut prepared);
        let (plan, units) = plan_of(&rules, &prepared, options);
        let default_entity = ["src_ip", "user", "host"].iter().filter_map(|n| FieldName::new(n).ok()).collect();
        Self { rules, prepared, by_name, plan, units, default_entity, ignore_logsource: options.ignore_logsource }
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
    pub fn find(&self, id_or_name: &str) -> Option<RuleIdx> {
        self.by_name.get(id_or_name).copied()
    }
    /// Is the rule on: neither disabled nor idle?
    #[must_use]
    pub fn is_enabled(&self, rule: RuleIdx) -> bool {
        self.prepared.get(rule.0 as usize).is_some_and(|p| p.enabled)
    }
    /// Does the rule only feed correlations?
    #[must_use]
    pub fn is_base_only(&self, rule: RuleIdx) -> bool {
        self.prepared.get(rule.0 as usize).is_some_and(|p| p.base_only)
    }
    /// How many different tests the plan holds, and how many lanes it has compiled so far.
    #[must_use]
    pub fn plan_sizes(&self) -> (usize, usize) {
        self.plan.sizes()
    }
    /// Memory for [`RuleSet::detect`].
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        Scratch::default()
    }
    /// Every rule that matches the event, in the order of the set. Allocates only when something matches.
    #[must_use]
    pub fn detect(&self, event: &dyn EventView, scratch: &mut Scratch) -> Vec<Detection> {
        self.plan.run(event, &mut scratch.0);
        self.fired(scratch).map(|rule| self.detection(rule, event)).collect()
    }
    /// The same without what held: which rules match.
    pub fn matching<'s>(
        &'s self,
        event: &dyn EventView,
        scratch: &'s mut Scratch,
    ) -> impl Iterator<Item = RuleIdx> + 's {
        self.plan.run(event, &mut scratch.0);
        self.fired(scratch)
    }
    /// Every rule that matches a JSON line, read where it lies: the fastest way in. A line that is no JSON object
    /// is an error, and the rules are not asked.
    ///
    /// # Errors
    /// When the line is no JSON object.
    pub fn detect_json(&self, line: &[u8], scratch: &mut Scratch) -> Result<Vec<Detection>, JsonError> {
        self.plan.run_json(line, &mut scratch.0)?;
        if scratch.0.fired().is_empty() {
            return Ok(Vec::new());
        }
        let event = scratch.0.line(line)?;
        let detections = self.fired(scratch).map(|rule| self.detection(rule, &event)).collect();
        scratch.0.keep(event);
        Ok(detections)
    }
    /// The same without what held: which rules match.
    ///
    /// # Errors
    /// When the line is no JSON object.
    pub fn matching_json<'s>(
        &'s self,
        line: &[u8],
        scratch: &'s mut Scratch,
    ) -> Result<impl Iterator<Item = RuleIdx> + 's, JsonError> {
        self.plan.run_json(line, &mut scratch.0)?;
        Ok(self.fired(scratch))
    }
    /// The number of a name, for [`RuleSet::matching_slots`]; `None`: no rule asks for it, leave its values out.
    /// Numbers are this set's own. Windows events in JSON have a short name beside the long one: look both up.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.plan.slot(name).map(Slot)
    }
    /// Which rules match an event whose names were looked up before. `values` are those that `event` would tell by
    /// [`EventView::for_each`], of which only the texts are asked here.
    pub fn matching_slots<'s, 'e, I: Iterator<Item = (Slot, ValueRef<'e>)>>(
        &'s self,
        values: I,
        event: &'e dyn EventView,
        scratch: &'s mut Scratch,
    ) -> impl Iterator<Item = RuleIdx> + use<'s, 'e, I> {
        self.plan.run_slots(values.map(|(slot, value)| (slot.0, value)), event, &mut scratch.0);
        self.fired(scratch)
    }
    fn fired<'s>(&'s self, scratch: &'s Scratch) -> impl Iterator<Item = RuleIdx> + 's {
        scratch.0.fired().iter().filter_map(|unit| self.units.get(*unit as usize).copied())
    }
    /// What the events counted since the last asking cost, of each rule that cost anything.
    #[must_use]
    pub fn take_costs(&self, scratch: &mut Scratch) -> Vec<(RuleIdx, Cost)> {
        let costs = self.plan.take_costs(&mut scratch.0).into_iter();
        let cost =
            |c: plan::UnitCost| Cost { atoms: c.atoms, evaluated: c.evaluated, matched: c.matched, nanos: c.nanos };
        costs.filter_map(|(unit, c)| Some((*self.units.get(unit as usize)?, cost(c)))).collect()
    }
    fn detection(&self, rule: RuleIdx, event: &dyn EventView) -> Detection {
        let base_only = self.is_base_only(rule);
        let matched = if base_only { Vec::new() } else { self.explain(rule, event) };
        Detection { rule, base_only, matched }
    }
    /// Which values held for which selection, of an event that the rule matches.
    #[must_use]
    pub fn explain(&self, rule: RuleIdx, event: &dyn EventView) -> Vec<Matched> {
        match self.rule(rule).map(|r| &r.body) {
            Some(Body::Matcher(m)) => explain::matched(m, event),
            _ => Vec::new(),
        }
    }
    /// The entity an alert of this rule groups by: (field, value) pairs, empty if the event has none. Of a
    /// correlation take the hit's group instead.
    #[must_use]
    pub fn entity(&self, rule: RuleIdx, event: &dyn EventView) -> Vec<(String, String)> {
        let own = self.prepared.get(rule.0 as usize).map(|p| p.entity.as_slice()).unwrap_or_default();
        let pair = |f: &FieldName| Some((f.text.to_string(), view::first_text(event, f)?));
        let found: Vec<_> = own.iter().filter_map(pair).collect();
        if found.is_empty() { self.default_entity.iter().find_map(pair).into_iter().collect() } else { found }
    }
    /// Why the alert was raised, in one sentence: the rule's own, its placeholders filled from the event, `count`
    /// and the group of a correlation; the title where the rule has none.
    #[must_use]
    pub fn reason(
        &self,
        rule: RuleIdx,
        language: Language,
        event: Option<&dyn EventView>,
        hit: Option<&CorrelationHit>,
    ) -> String {
        let Some(rule) = self.rule(rule) else { return String::new() };
        let (own, title) = match language {
            Language::Korean => (rule.reason_ko.as_ref().or(rule.reason.as_ref()), rule.title_ko.as_ref()),
            Language::English => (rule.reason.as_ref(), None),
        };
        explain::fill(own.or(title).unwrap_or(&rule.title), event, hit)
    }
    /// Would the rule match this event, evaluated by itself? Slow; for tests and for explaining why not.
    #[must_use]
    pub fn matches_alone(&self, rule: RuleIdx, event: &dyn EventView) -> bool {
        let (Some(r), Some(p)) = (self.rule(rule), self.prepared.get(rule.0 as usize)) else { return false };
        let Body::Matcher(m) = &r.body else { return false };
        let logsource = (!self.ignore_logsource).then_some(&r.logsource);
        p.enabled
            && naive::fires(logsource, m, event)
            && p.filters.iter().all(|f| naive::condition(&f.condition, f, event))
    }
    /// Every rule whose logsource this event satisfies, whether or not it is on: what could fire. Slow.
    #[must_use]
    pub fn applicable(&self, event: &dyn EventView) -> Vec<RuleIdx> {
        let mut known: HashMap<&Logsource, bool> = HashMap::new();
        let mut out = Vec::new();
        for (idx, rule) in (0u32..).map(RuleIdx).zip(&self.rules) {
            let asked = || naive::expr(&logsource::condition(&rule.logsource), event);
            if matches!(rule.body, Body::Matcher(_))
                && (self.ignore_logsource || *known.entry(&rule.logsource).or_insert_with(asked))
            {
                out.push(idx);
            }
        }
        out
    }
    /// Does a filter let the event pass? True of what is no filter.
    #[must_use]
    pub fn passes(&self, filter: RuleIdx, event: &dyn EventView) -> bool {
        match self.rule(filter).map(|r| &r.body) {
            Some(Body::Filter(f)) => naive::condition(&f.matcher.condition, &f.matcher, event),
            _ => true,
        }
    }
    /// Is the event of the log source that the rule asks for?
    #[must_use]
    pub fn logsource_fits(&self, rule: RuleIdx, event: &dyn EventView) -> bool {
        let fits = |r: &Arc<Rule>| naive::expr(&logsource::condition(&r.logsource), event);
        self.ignore_logsource || self.rule(rule).is_some_and(fits)
    }
    /// Does the rule's own condition hold, whatever its log source, filters and switch say?
    #[must_use]
    pub fn condition_holds(&self, rule: RuleIdx, event: &dyn EventView) -> bool {
        let Some(Body::Matcher(m)) = self.rule(rule).map(|r| &r.body) else { return false };
        naive::condition(&m.condition, m, event)
    }
    /// Every selection of the rule with its atoms: which held of this event, and what stood there instead.
    #[must_use]
    pub fn why(&self, rule: RuleIdx, event: &dyn EventView) -> Vec<Asked> {
        let Some(Body::Matcher(m)) = self.rule(rule).map(|r| &r.body) else { return Vec::new() };
        explain::why(m, event)
    }
    /// Which selections of the rule hold for this event, each by itself: what a tester shows.
    #[must_use]
    pub fn selections(&self, rule: RuleIdx, event: &dyn EventView) -> Vec<(String, bool)> {
        let Some(Body::Matcher(m)) = self.rule(rule).map(|r| &r.body) else { return Vec::new() };
        m.selections.iter().map(|(name, e)| (name.to_string(), naive::expr(e, event))).collect()
    }
}

/// A rule that a correlation refers to raises no alert itself, unless every such correlation says `generate`.
fn mark_bases(rules: &[Arc<Rule>], by_name: &HashMap<String, RuleIdx>, prepared: &mut [Prepared]) {
    for rule in rules {
        let Body::Correlation(c) = &rule.body else { continue };
        for base in c.rules.iter().filter_map(|n| by_name.get(n)) {
            if let Some(p) = prepared.get_mut(base.0 as usize) {
                p.base_only |= !c.generate;
            }
        }
    }
}

fn join_filters(rules: &[Arc<Rule>], prepared: &mut [Prepared]) {
    for filter_rule in rules {
        let Body::Filter(filter) = &filter_rule.body else { continue };
        if filter_rule.idle.is_some() {
            continue;
        }
        let part = |own: &Option<String>, rule: &Option<String>| own.is_none() || own == rule;
        for (rule, p) in rules.iter().zip(prepared.iter_mut()) {
            let (a, b) = (&filter_rule.logsource, &rule.logsource);
            let logs = part(&a.category, &b.category) && part(&a.product, &b.product) && part(&a.service, &b.service);
            let named = filter.rules.iter().any(|n| *n == rule.id || Some(n) == rule.name.as_ref());
            if matches!(rule.body, Body::Matcher(_)) && logs && (named || filter.rules.is_empty()) {
                p.filters.push(Arc::clone(&filter.matcher));
            }
        }
    }
}

fn plan_of(rules: &[Arc<Rule>], prepared: &[Prepared], options: &LoadOptions) -> (Plan, Vec<RuleIdx>) {
    let mut gates = vec![Expr::Const(true)];
    let mut gate_at: HashMap<&Logsource, u32> = HashMap::new();
    let mut units = Vec::new();
    let mut expressions: Vec<(Expr, u32)> = Vec::new();
    for ((idx, rule), p) in (0u32..).map(RuleIdx).zip(rules).zip(prepared) {
        let Body::Matcher(matcher) = &rule.body else { continue };
        if !p.enabled {
            continue;
        }
        let gate = if options.ignore_logsource {
            0
        } else {
            *gate_at.entry(&rule.logsource).or_insert_with(|| {
                gates.push(logsource::condition(&rule.logsource));
                u32::try_from(gates.len() - 1).unwrap_or(0)
            })
        };
        let mut all = vec![matcher.expression()];
        all.extend(p.filters.iter().map(|f| f.expression()));
        expressions.push((Expr::and(all), gate));
        units.push(idx);
    }
    (Plan::new(&gates, expressions.iter().map(|(e, gate)| (e, *gate))), units)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a` is the rarer by its text, and stands in every event: at first it wakes the rule, then `b` does.
    const RULE: &str = "
title: t
id: t
logsource: { category: any }
detection:
  s: { a|contains: a long and seemingly rare text, b|contains: xyzzy }
  condition: s
";

    #[test]
    fn a_lane_learns_what_is_rare_and_says_the_same() {
        let options = LoadOptions { ignore_logsource: true, ..LoadOptions::default() };
        let (set, errors) = RuleSet::load_with(&[RuleSource { name: "t".into(), text: RULE.into() }], &options);
        assert!(errors.is_empty(), "{errors:?}");
        let (mut one, mut other) = (set.scratch(), set.scratch());
        let silent = br#"{"a":"here is a long and seemingly rare text","b":"nothing"}"#;
        let loud = br#"{"a":"A long and seemingly rare text","b":"say XYZZY"}"#;
        let matches = |line: &[u8], scratch: &mut Scratch| set.matching_json(line, scratch).unwrap().count();
        assert_eq!((matches(silent, &mut other), matches(loud, &mut other)), (0, 1));
        for _ in 0..2_000 {
            assert_eq!((matches(silent, &mut one), matches(loud, &mut one)), (0, 1));
        }
        assert!(set.plan.times_learned() > 0);
        // A thread that knows the lane as it was goes on with the new one.
        assert_eq!((matches(silent, &mut other), matches(loud, &mut other)), (0, 1));
    }
}
