//! The sliding window of one group of one correlation rule.
//!
//! Invariant: entries are sorted by time and id, none is older than the timespan before the newest, and the same
//! event is never counted twice.

use std::collections::VecDeque;

use bongsu_event::EventId;
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::limits::{ENTRIES_PER_GROUP_MAX, EVIDENCE_EVENTS_MAX, EVIDENCE_VALUES_MAX, ORDERED_ENTRIES_PER_RULE_MAX};
use crate::rule::{Bound, CorrelationKind};

/// One event in a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Live time, microseconds.
    pub at: i64,
    pub id: EventId,
    /// Which of the correlation's rules matched, by place.
    pub base: u16,
    /// Of `value_count` a hash of the value; of sums, means and percentiles the value's bits.
    pub value: u64,
}

/// What a window needs to know of its rule.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub kind: CorrelationKind,
    pub bounds: Vec<(Bound, f64)>,
    pub expression: Option<Condition>,
    pub timespan: i64,
    pub bases: usize,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in the window; so many older entries had to be dropped for room.
    In(u64),
    /// It was there already.
    Duplicate,
    /// It is older than the window.
    Late,
}

/// The window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    newest: i64,
    entries: VecDeque<Entry>,
    /// Samples of the values counted: hash, text.
    samples: Vec<(u64, String)>,
    /// When the condition last held, if ever.
    held_at: Option<i64>,
    #[serde(skip)]
    ids: HashSet<EventId>,
    /// Where the one entry of a value (or of a rule) stands.
    #[serde(skip)]
    latest: HashMap<u64, (i64, EventId)>,
    #[serde(skip)]
    sum: f64,
    #[serde(skip)]
    removals: u32,
}

impl Window {
    /// Time of the newest entry, microseconds.
    pub fn newest(&self) -> i64 {
        self.newest
    }
    /// Entries kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// Restore what is not written into a snapshot.
    pub fn rebuild(&mut self, kind: CorrelationKind) {
        self.entries.make_contiguous().sort_by_key(|e| (e.at, e.id));
        self.ids.clear();
        self.latest.clear();
        for e in &self.entries {
            if let Some(key) = only_latest(kind, e) {
                self.latest.insert(key, (e.at, e.id));
            } else if kind != CorrelationKind::TemporalOrdered {
                self.ids.insert(e.id);
            }
        }
        self.recount();
    }
    fn recount(&mut self) {
        self.sum = self.entries.iter().map(|e| f64::from_bits(e.value)).filter(|v| v.is_finite()).sum();
        self.removals = 0;
    }

    /// Take an entry in; `text` is a sample of its value.
    pub fn take(&mut self, entry: Entry, text: Option<&str>, terms: &Terms) -> Taken {
        if !self.entries.is_empty() && entry.at < self.newest.saturating_sub(terms.timespan) {
            return Taken::Late;
        }
        if let Some(key) = only_latest(terms.kind, &entry) {
            if let Some((at, id)) = self.latest.get(&key).copied() {
                if (at, id) == (entry.at, entry.id) {
                    return Taken::Duplicate;
                }
                if at > entry.at {
                    // What is known of this value is newer: the window loses nothing.
                    return Taken::In(0);
                }
                self.remove(at, id, entry.base, terms.kind);
            }
            self.latest.insert(key, (entry.at, entry.id));
        } else if terms.kind == CorrelationKind::TemporalOrdered {
            if self.entries.iter().any(|e| e.id == entry.id && e.base == entry.base) {
                return Taken::Duplicate;
            }
        } else if !self.ids.insert(entry.id) {
            return Taken::Duplicate;
        }
        let at = self.entries.partition_point(|e| (e.at, e.id) <= (entry.at, entry.id));
        self.entries.insert(at, entry);
        self.sum += finite(entry.value);
        self.newest = if self.entries.len() == 1 { entry.at } else { self.newest.max(entry.at) };
        if let Some(text) = text {
            self.sample(entry.value, text);
        }
        self.slide(terms);
        Taken::In(self.make_room(entry.base, terms.kind))
    }
    fn sample(&mut self, hash: u64, text: &str) {
        if !self.samples.iter().any(|(h, _)| *h == hash) {
            if self.samples.len() == EVIDENCE_VALUES_MAX {
                self.samples.remove(0);
            }
            self.samples.push((hash, text.to_owned()));
        }
    }
    fn remove(&mut self, at: i64, id: EventId, base: u16, kind: CorrelationKind) {
        let start = self.entries.partition_point(|e| (e.at, e.id) < (at, id));
        let same = |e: &Entry| e.at == at && e.id == id && (e.base == base || kind == CorrelationKind::ValueCount);
        let found = self.entries.iter().skip(start).take_while(|e| e.at == at && e.id == id).position(same);
        if let Some(n) = found
            && let Some(old) = self.entries.remove(start + n)
        {
            self.sum -= finite(old.value);
        }
    }
    fn pop(&mut self, kind: CorrelationKind) {
        let Some(old) = self.entries.pop_front() else { return };
        match only_latest(kind, &old) {
            Some(key) => {
                self.latest.remove(&key);
                self.samples.retain(|(h, _)| *h != old.value);
            }
            None => {
                self.ids.remove(&old.id);
            }
        }
        self.sum -= finite(old.value);
        self.removals += 1;
        // Sums of floats drift; made anew now and then, and exact whenever the window runs empty.
        if self.removals >= 4_096 || self.entries.is_empty() {
            self.recount();
        }
    }
    /// Let go what is older than the timespan before the newest.
    fn slide(&mut self, terms: &Terms) {
        let edge = self.newest.saturating_sub(terms.timespan);
        while self.entries.front().is_some_and(|e| e.at < edge) {
            self.pop(terms.kind);
        }
    }
    /// Bring the window back under its limits; says how many entries were lost.
    fn make_room(&mut self, base: u16, kind: CorrelationKind) -> u64 {
        let mut lost = 0;
        if kind == CorrelationKind::TemporalOrdered {
            // A flood of one rule must not push the others out.
            let same = self.entries.iter().filter(|e| e.base == base).count();
            if same > ORDERED_ENTRIES_PER_RULE_MAX
                && let Some(oldest) = self.entries.iter().position(|e| e.base == base)
            {
                self.entries.remove(oldest);
                lost += 1;
            }
        }
        while self.entries.len() > ENTRIES_PER_GROUP_MAX {
            self.pop(kind);
            lost += 1;
        }
        lost
    }

    /// Does the condition hold now? The figure it was asked of, and whether the burst had fired before.
    pub fn verdict(&mut self, terms: &Terms) -> Option<(f64, bool)> {
        let (count, holds) = self.measure(terms);
        if !holds {
            return None;
        }
        let continued = self.held_at.is_some_and(|t| self.newest.saturating_sub(t) <= terms.timespan);
        self.held_at = Some(self.newest);
        Some((count, continued))
    }
    fn measure(&self, terms: &Terms) -> (f64, bool) {
        let count = match terms.kind {
            CorrelationKind::EventCount => self.entries.len() as f64,
            CorrelationKind::ValueCount => self.latest.len() as f64,
            CorrelationKind::ValueSum => self.sum,
            CorrelationKind::ValueAvg => self.sum / self.entries.len().max(1) as f64,
            CorrelationKind::ValuePercentile(rank) => self.percentile(rank),
            CorrelationKind::ValueMedian => self.median(),
            CorrelationKind::Temporal => return self.together(terms),
            CorrelationKind::TemporalOrdered => {
                return (terms.bases as f64, self.in_order(terms.bases));
            }
        };
        (count, within(count, &terms.bounds))
    }
    fn median(&self) -> f64 {
        let mut values: Vec<f64> = self.entries.iter().map(|e| finite(e.value)).collect();
        values.sort_unstable_by(f64::total_cmp);
        let upper = values.get(values.len() / 2).copied().unwrap_or(0.0);
        let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
        f64::midpoint(lower, upper)
    }
    /// The nearest-rank percentile.
    fn percentile(&self, rank: f64) -> f64 {
        let mut values: Vec<f64> = self.entries.iter().map(|e| finite(e.value)).collect();
        let last = values.len().saturating_sub(1);
        let at = ((rank / 100.0 * values.len() as f64).ceil() as usize).saturating_sub(1).min(last);
        if values.is_empty() {
            return 0.0;
        }
        *values.select_nth_unstable_by(at, f64::total_cmp).1
    }
    fn together(&self, terms: &Terms) -> (f64, bool) {
        let there = |base: usize| self.entries.iter().any(|e| usize::from(e.base) == base);
        let count = (0..terms.bases).filter(|b| there(*b)).count();
        let holds = match &terms.expression {
            Some(e) => asked(e, &there),
            None if terms.bounds.is_empty() => count == terms.bases,
            None => within(count as f64, &terms.bounds),
        };
        (count as f64, holds)
    }
    /// From the newest backwards: the latest entry of each rule before that of the next, all different events.
    fn in_order(&self, bases: usize) -> bool {
        let mut wanted = bases;
        let mut used: Vec<EventId> = Vec::with_capacity(bases);
        for e in self.entries.iter().rev() {
            if wanted > 0 && usize::from(e.base) + 1 == wanted && !used.contains(&e.id) {
                used.push(e.id);
                wanted -= 1;
            }
        }
        wanted == 0
    }
    /// Time of the first and of the last entry, the latest ids, and samples of the values.
    pub fn evidence(&self) -> (i64, i64, Vec<EventId>, Vec<String>) {
        let first = self.entries.front().map_or(self.newest, |e| e.at);
        let skip = self.entries.len().saturating_sub(EVIDENCE_EVENTS_MAX);
        let mut ids: Vec<EventId> = self.entries.iter().skip(skip).map(|e| e.id).collect();
        ids.dedup();
        (first, self.newest, ids, self.samples.iter().map(|(_, t)| t.clone()).collect())
    }
}

/// Kinds that need of each value, or of each rule, only the latest entry: the key of that value or rule.
fn only_latest(kind: CorrelationKind, entry: &Entry) -> Option<u64> {
    match kind {
        CorrelationKind::ValueCount => Some(entry.value),
        CorrelationKind::Temporal => Some(entry.base.into()),
        _ => None,
    }
}

fn finite(bits: u64) -> f64 {
    let value = f64::from_bits(bits);
    if value.is_finite() { value } else { 0.0 }
}

fn within(count: f64, bounds: &[(Bound, f64)]) -> bool {
    bounds.iter().all(|(bound, limit)| match bound {
        Bound::Gt => count > *limit,
        Bound::Gte => count >= *limit,
        Bound::Lt => count < *limit,
        Bound::Lte => count <= *limit,
        Bound::Eq => count == *limit,
        Bound::Neq => count != *limit,
    })
}

fn asked(e: &Condition, there: &dyn Fn(usize) -> bool) -> bool {
    match e {
        Condition::Const(b) => *b,
        Condition::Selection(base) => there(*base),
        Condition::Not(e) => !asked(e, there),
        Condition::And(l) => l.iter().all(|e| asked(e, there)),
        Condition::Or(l) => l.iter().any(|e| asked(e, there)),
    }
}
