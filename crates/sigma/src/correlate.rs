//! Correlation: detections of base rules in, hits out; state bounded, countable, and kept in a checkpoint.
//!
//! Invariant: the same detections in the same order give the same hits, whether or not a snapshot was taken and
//! restored in between; nothing here reads a clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_event::{EventId, Micros, ValueRef};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::atom::{Number, cut};
use crate::limits::{ENTRIES_PER_RULE_MAX, GROUP_VALUE_BYTES_MAX, GROUPS_PER_RULE_MAX, LATE_SECONDS_MAX};
use crate::matcher::FieldName;
use crate::pattern::fold;
use crate::rule::{Body, Correlation, CorrelationKind};
use crate::window::{Entry, Taken, Terms, Window};
use crate::{EventView, RuleIdx, RuleSet, view};

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
    /// The burst has fired before, no longer than a timespan ago: update its alert.
    pub continued: bool,
    /// Latest events of the window, oldest first; of `value_count` the latest of each value.
    pub events: Vec<EventId>,
    /// Some of the distinct values counted.
    pub values: Vec<String>,
    /// The rule only feeds other correlations: no alert of its own.
    pub base_only: bool,
}

/// What correlation had to give up, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Groups forgotten because a rule had too many.
    pub groups_evicted: u64,
    /// Entries forgotten because a group had too many.
    pub entries_dropped: u64,
    /// Events older than the window of their group.
    pub late: u64,
    /// Events fed twice.
    pub duplicates: u64,
    /// Events without the fields a rule groups by or counts.
    pub ungrouped: u64,
}

/// What one correlation rule keeps, and what it had to give up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Groups kept.
    pub groups: usize,
    /// Entries kept, over all groups.
    pub entries: usize,
    /// Given up.
    pub counters: Counters,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, more: Self) {
        self.groups_evicted += more.groups_evicted;
        self.entries_dropped += more.entries_dropped;
        self.late += more.late;
        self.duplicates += more.duplicates;
        self.ungrouped += more.ungrouped;
    }
}

/// Why a snapshot can't be taken over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the correlation checkpoint can't be read ({0}): windows begin empty")]
pub struct SnapshotError(String);

/// A correlation rule, its names resolved.
#[derive(Debug)]
struct Prepared {
    rule: RuleIdx,
    id: String,
    /// Of what must be the same for windows to be kept.
    fingerprint: u64,
    terms: Terms,
    /// Name in `group-by`, and the field it means for each base.
    group: Vec<(String, Vec<FieldName>)>,
    field: Vec<FieldName>,
    base_only: bool,
}

#[derive(Debug, Default)]
struct State {
    groups: HashMap<Arc<str>, Group>,
    /// Least recently touched first.
    order: BTreeMap<u64, Arc<str>>,
    entries: usize,
    newest: i64,
    counters: Counters,
}

#[derive(Debug)]
struct Group {
    values: Vec<String>,
    window: Window,
    tick: u64,
}

/// Sliding windows of all correlation rules of a set.
#[derive(Debug)]
pub struct Correlator {
    prepared: Vec<Prepared>,
    states: Vec<State>,
    /// Base rule → (correlation, the base's place in it).
    feeds: HashMap<RuleIdx, Vec<(usize, u16)>>,
    /// Of rules that are gone.
    past: Counters,
    tick: u64,
}

impl Correlator {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>) -> Self {
        Self::of(&rules)
    }
    /// The same, of a borrowed set.
    #[must_use]
    pub fn of(rules: &RuleSet) -> Self {
        let mut prepared = Vec::new();
        let mut feeds: HashMap<RuleIdx, Vec<(usize, u16)>> = HashMap::new();
        for (idx, rule) in (0u32..).map(RuleIdx).zip(rules.rules()) {
            let Body::Correlation(c) = &rule.body else { continue };
            if !rules.is_enabled(idx) {
                continue;
            }
            for (place, name) in (0u16..).zip(&c.rules) {
                if let Some(base) = rules.find(name) {
                    feeds.entry(base).or_default().push((prepared.len(), place));
                }
            }
            prepared.push(Prepared::new(idx, rule.id.clone(), c, rules));
        }
        let states = prepared.iter().map(|_| State::default()).collect();
        Self { prepared, states, feeds, past: Counters::default(), tick: 0 }
    }
    /// Change the set; rules whose correlation is unchanged keep their windows.
    pub fn replace(&mut self, rules: Arc<RuleSet>) {
        let mut next = Self::of(&rules);
        next.past = self.past;
        next.tick = self.tick;
        for (old, state) in self.prepared.iter().zip(&mut self.states) {
            let same = |p: &&Prepared| p.id == old.id && p.fingerprint == old.fingerprint;
            let at = next.prepared.iter().position(|p| same(&p));
            match at.and_then(|at| next.states.get_mut(at)) {
                Some(target) => std::mem::swap(target, state),
                None => next.past += state.counters,
            }
        }
        *self = next;
    }
    /// One detection, whether or not it is `base_only`. `at` is the event's live time, `now` the clock: windows that
    /// ended well before both may be forgotten.
    pub fn feed(
        &mut self,
        rule: RuleIdx,
        event: &dyn EventView,
        id: EventId,
        at: Micros,
        now: Micros,
    ) -> Vec<CorrelationHit> {
        let mut hits = Vec::new();
        if self.feeds.contains_key(&rule) {
            self.feed_one(rule, false, event, (id, at, now), &mut hits);
        }
        hits
    }
    fn feed_one(
        &mut self,
        rule: RuleIdx,
        continued: bool,
        event: &dyn EventView,
        when: (EventId, Micros, Micros),
        hits: &mut Vec<CorrelationHit>,
    ) {
        // Rules that stand on others form no loop (the set refuses them), so this ends.
        for (at, base) in self.feeds.get(&rule).cloned().unwrap_or_default() {
            let temporal = self
                .prepared
                .get(at)
                .is_some_and(|p| matches!(p.terms.kind, CorrelationKind::Temporal | CorrelationKind::TemporalOrdered));
            // A burst that goes on is one occurrence for those who count, and a later one for those who look at time.
            if continued && !temporal {
                continue;
            }
            if let Some(hit) = self.enter(at, base, event, when) {
                let (next, continued) = (hit.rule, hit.continued);
                hits.push(hit);
                self.feed_one(next, continued, event, when, hits);
            }
        }
    }
    /// One correlation rule takes the event in; the hit, if its condition holds.
    fn enter(
        &mut self,
        at: usize,
        base: u16,
        event: &dyn EventView,
        (id, time, now): (EventId, Micros, Micros),
    ) -> Option<CorrelationHit> {
        let Self { prepared, states, tick, .. } = self;
        let (rule, state) = (prepared.get(at)?, states.get_mut(at)?);
        let (Some(values), Some((value, text))) = (rule.group_of(base, event), rule.value_of(event)) else {
            state.counters.ungrouped += 1;
            return None;
        };
        *tick += 1;
        state.newest = if state.groups.is_empty() { time.0 } else { state.newest.max(time.0) };
        let key: Arc<str> = fold(&values.join("\u{1f}")).into();
        let group = state.touch(key, values, *tick);
        let before = group.window.len();
        let taken = group.window.take(Entry { at: time.0, id, base, value }, text.as_deref(), &rule.terms);
        let after = group.window.len();
        let verdict = match taken {
            Taken::In(_) => group.window.verdict(&rule.terms),
            Taken::Duplicate | Taken::Late => None,
        };
        let hit = verdict.map(|verdict| rule.hit(group, verdict));
        match taken {
            Taken::In(lost) => state.counters.entries_dropped += lost,
            Taken::Duplicate => state.counters.duplicates += 1,
            Taken::Late => state.counters.late += 1,
        }
        state.entries = (state.entries + after).saturating_sub(before);
        state.forget(state.newest.min(now.0), rule.terms.timespan);
        hit
    }
    /// What had to be given up.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut all = self.past;
        self.states.iter().for_each(|s| all += s.counters);
        all
    }
    /// What each correlation rule of the set keeps, and what it had to give up.
    pub fn by_rule(&self) -> impl Iterator<Item = (RuleIdx, Held)> + '_ {
        let held = |s: &State| Held { groups: s.groups.len(), entries: s.entries, counters: s.counters };
        self.prepared.iter().zip(&self.states).map(move |(p, s)| (p.rule, held(s)))
    }
    /// Groups and entries kept for a rule.
    #[must_use]
    pub fn kept(&self, rule: RuleIdx) -> (usize, usize) {
        let at = self.prepared.iter().position(|p| p.rule == rule);
        at.and_then(|at| self.states.get(at)).map_or((0, 0), |s| (s.groups.len(), s.entries))
    }
    /// The state as bytes, for a checkpoint.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let rules = self.prepared.iter().zip(&self.states).map(|(p, s)| Kept {
            id: p.id.clone(),
            fingerprint: p.fingerprint,
            newest: s.newest,
            counters: s.counters,
            groups: s
                .order
                .values()
                .filter_map(|k| s.groups.get(k))
                .map(|g| (g.values.clone(), g.window.clone()))
                .collect(),
        });
        let all = Snapshot { version: SNAPSHOT_VERSION, past: self.past, rules: rules.collect() };
        // Writing into memory can't fail; a reader refuses an empty snapshot.
        postcard::to_stdvec(&all).unwrap_or_default()
    }
    /// Take over a state; rules that it names and the set lacks are skipped. Says how many windows were taken over.
    ///
    /// # Errors
    /// When the bytes are no snapshot; the state stays as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<usize, SnapshotError> {
        let all: Snapshot = postcard::from_bytes(bytes).map_err(|e| SnapshotError(e.to_string()))?;
        if all.version != SNAPSHOT_VERSION {
            return Err(SnapshotError(format!("version {}, not {SNAPSHOT_VERSION}", all.version)));
        }
        self.past = all.past;
        let mut taken = 0;
        for kept in all.rules {
            let same = |p: &Prepared| p.id == kept.id && p.fingerprint == kept.fingerprint;
            let Some(at) = self.prepared.iter().position(same) else {
                self.past += kept.counters;
                continue;
            };
            let (Some(rule), Some(state)) = (self.prepared.get(at), self.states.get_mut(at)) else { continue };
            *state = State { newest: kept.newest, counters: kept.counters, ..State::default() };
            for (values, mut window) in kept.groups.into_iter().take(GROUPS_PER_RULE_MAX) {
                window.rebuild(rule.terms.kind);
                state.entries += window.len();
                self.tick += 1;
                let key: Arc<str> = fold(&values.join("\u{1f}")).into();
                state.touch(key, values, self.tick).window = window;
                taken += 1;
            }
        }
        Ok(taken)
    }
}

const SNAPSHOT_VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct Snapshot {
    version: u8,
    past: Counters,
    rules: Vec<Kept>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    fingerprint: u64,
    newest: i64,
    counters: Counters,
    groups: Vec<(Vec<String>, Window)>,
}

impl State {
    /// The group, now the most recently touched.
    fn touch(&mut self, key: Arc<str>, values: Vec<String>, tick: u64) -> &mut Group {
        let group =
            self.groups.entry(Arc::clone(&key)).or_insert_with(|| Group { values, window: Window::default(), tick });
        self.order.remove(&group.tick);
        group.tick = tick;
        self.order.insert(tick, key);
        group
    }
    /// Forget groups that nothing can join any more, and those beyond the limits.
    fn forget(&mut self, watermark: i64, timespan: i64) {
        let slack = timespan.saturating_mul(2).saturating_add(LATE_SECONDS_MAX * Micros::SECOND);
        while let Some((tick, key)) = self.order.first_key_value().map(|(t, k)| (*t, Arc::clone(k))) {
            let over = self.groups.len() > GROUPS_PER_RULE_MAX || self.entries > ENTRIES_PER_RULE_MAX;
            let newest = self.groups.get(&key).map_or(i64::MIN, |g| g.window.newest());
            let ended = newest.saturating_add(slack) < watermark;
            // The group just touched is the last: it stays, whatever its size.
            if !(ended || over && self.groups.len() > 1) {
                return;
            }
            self.order.remove(&tick);
            if let Some(group) = self.groups.remove(&key) {
                self.entries = self.entries.saturating_sub(group.window.len());
                self.counters.groups_evicted += u64::from(!ended);
            }
        }
    }
}

impl Prepared {
    fn new(rule: RuleIdx, id: String, c: &Correlation, rules: &RuleSet) -> Self {
        let field = |name: &str| FieldName::new(name).ok();
        let group = c.group_by.iter().map(|name| {
            let alias = c.aliases.iter().find(|(a, _)| a == name).map(|(_, m)| m.as_slice()).unwrap_or_default();
            let of_base = |base: &String| {
                let base = rules.find(base);
                let meant = alias.iter().find(|(r, _)| rules.find(r) == base && base.is_some());
                field(meant.map_or(name, |(_, f)| f))
            };
            (name.clone(), c.rules.iter().filter_map(of_base).collect())
        });
        let same = (c.kind, &c.rules, &c.group_by, c.timespan, &c.field, &c.aliases);
        Self {
            rule,
            id,
            fingerprint: hash(&format!("{same:?}")),
            terms: Terms {
                kind: c.kind,
                bounds: c.bounds.clone(),
                expression: c.expression.clone(),
                timespan: c.timespan,
                bases: c.rules.len(),
            },
            group: group.collect(),
            field: c.field.iter().filter_map(|n| field(n)).collect(),
            base_only: rules.is_base_only(rule),
        }
    }
    /// The values an event groups by; `None` if it lacks one.
    fn group_of(&self, base: u16, event: &dyn EventView) -> Option<Vec<String>> {
        let value = |(_, fields): &(String, Vec<FieldName>)| {
            let text = view::first_text(event, fields.get(usize::from(base))?)?;
            Some(cut(&text, GROUP_VALUE_BYTES_MAX).to_owned())
        };
        self.group.iter().map(value).collect()
    }
    /// What an event adds to the count, and a sample of it; `None` if it lacks the field.
    fn value_of(&self, event: &dyn EventView) -> Option<(u64, Option<String>)> {
        match self.terms.kind {
            CorrelationKind::EventCount | CorrelationKind::Temporal | CorrelationKind::TemporalOrdered => {
                Some((0, None))
            }
            CorrelationKind::ValueCount => {
                let texts: Option<Vec<String>> = self.field.iter().map(|f| view::first_text(event, f)).collect();
                let text = texts?.join(" ");
                Some((hash(&fold(&text)), Some(cut(&text, GROUP_VALUE_BYTES_MAX).to_owned())))
            }
            CorrelationKind::ValueSum
            | CorrelationKind::ValueAvg
            | CorrelationKind::ValueMedian
            | CorrelationKind::ValuePercentile(_) => {
                let text = view::first_text(event, self.field.first()?)?;
                Some((Number::of(ValueRef::Text(&text))?.as_f64().to_bits(), None))
            }
        }
    }
    fn hit(&self, group: &Group, (count, continued): (f64, bool)) -> CorrelationHit {
        let (first, last, events, values) = group.window.evidence();
        let names = self.group.iter().map(|(n, _)| n.clone());
        CorrelationHit {
            rule: self.rule,
            group: names.zip(group.values.iter().cloned()).collect(),
            count,
            first: Micros(first),
            last: Micros(last),
            continued,
            events,
            values,
            base_only: self.base_only,
        }
    }
}

/// FNV-1a, 64 bits, mixed: the same on every machine and in every version, as snapshots need it.
fn hash(text: &str) -> u64 {
    let mut h = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    h ^= h >> 32;
    h = h.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h ^ (h >> 29)
}
