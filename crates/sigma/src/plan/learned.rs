//! What a lane learns from events: how often the terms hold that wake its rules. Whether a term is rare can be told from
//! its text only roughly; a lane whose rules are woken in vain too often is compiled anew with what it has learned.
//!
//! Invariant: what is learned decides which terms wake which rules, never which rules match.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use hashbrown::HashMap;

/// Compiling a lane costs so much for each of its rules and for each of its tests that wakes any, nanoseconds.
const RULE_NANOS: u32 = 2_000;
const TEST_NANOS: u32 = 500;
/// A lane is compiled anew so often at most; each time it must promise twice as much.
const TIMES_MAX: u32 = 6;

/// How often terms hold, thousandths, by the plan's numbers.
#[derive(Debug, Default)]
pub(super) struct Rates {
    known: HashMap<u32, u32>,
    times: u32,
}

impl Rates {
    /// How often this one holds, if that is known.
    pub fn of(&self, term: u32) -> Option<u32> {
        self.known.get(&term).copied()
    }
}

/// Of one lane.
#[derive(Debug)]
pub(super) struct Learning {
    before: Rates,
    on: AtomicBool,
    retired: AtomicBool,
    /// What waking rules has cost since the lane was compiled, and from which on it is compiled anew, nanoseconds.
    spent: AtomicU32,
    limit: u32,
    events: AtomicU32,
    /// Events in which each of the lane's terms woke rules.
    held: Box<[AtomicU32]>,
}

impl Learning {
    /// Of a lane of so many rules, terms and tests that wake rules, which begins with what is known.
    pub fn new(before: Rates, rules: usize, terms: usize, tests: usize) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let cost = count(rules).saturating_mul(RULE_NANOS).saturating_add(count(tests).saturating_mul(TEST_NANOS));
        Self {
            on: AtomicBool::new(before.times < TIMES_MAX),
            limit: cost.saturating_mul(1 << before.times.min(TIMES_MAX)),
            before,
            retired: AtomicBool::new(false),
            spent: AtomicU32::new(0),
            events: AtomicU32::new(0),
            held: (0..terms).map(|_| AtomicU32::new(0)).collect(),
        }
    }
    /// Does the lane still learn?
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }
    /// An event woke rules by these terms, which cost so much. Is it time to compile the lane anew? It is asked of one
    /// thread alone.
    pub fn note(&self, woken_by: &[u32], nanos: u32) -> bool {
        self.events.fetch_add(1, Ordering::Relaxed);
        for held in woken_by.iter().filter_map(|t| self.held.get(*t as usize)) {
            held.fetch_add(1, Ordering::Relaxed);
        }
        if nanos == 0 {
            return false;
        }
        let spent = self.spent.fetch_add(nanos, Ordering::Relaxed).saturating_add(nanos);
        spent > self.limit && self.on.swap(false, Ordering::Relaxed)
    }
    /// What is known now; `global`: the plan's number of each of the lane's terms that wakes any.
    pub fn rates(&self, global: impl Iterator<Item = (usize, u32)>) -> Rates {
        let events = u64::from(self.events.load(Ordering::Relaxed).max(1));
        let mut known = self.before.known.clone();
        for (at, term) in global {
            let held = self.held.get(at).map_or(0, |h| u64::from(h.load(Ordering::Relaxed)));
            known.insert(term, u32::try_from((held * 1_000).div_ceil(events)).unwrap_or(1_000));
        }
        Rates { known, times: self.before.times + 1 }
    }
    /// How often the lane was compiled anew.
    #[cfg(test)]
    pub fn times(&self) -> u32 {
        self.before.times
    }
    /// Another lane has taken its place.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }
    /// Has another lane taken its place?
    #[inline]
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }
}
