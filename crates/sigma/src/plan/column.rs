//! All terms that one key of an event feeds, compiled when its first value comes.
//!
//! Invariant: columns of the same terms share what is compiled, whichever lanes they stand in.

use std::sync::{Arc, OnceLock, PoisonError};

use super::slot::{Room, Slot};
use super::{Interned, Texts};
use crate::json::Raw;
use hashbrown::HashMap;

const NONE: u16 = u16::MAX;

/// Terms fed by one key.
#[derive(Debug)]
pub(super) struct Column {
    /// The plan's terms, in order, and the number that each has for whoever scans.
    terms: Box<[u32]>,
    numbers: Box<[u32]>,
    slot: OnceLock<Arc<Slot>>,
    /// Columns that feed the same terms are one group: looked at together or not at all.
    pub group: u32,
}

impl Column {
    /// Of (the plan's term, the number to report it by).
    pub fn new(mut terms: Vec<(u32, u32)>, group: u32) -> Self {
        terms.sort_unstable();
        terms.dedup();
        let (terms, numbers): (Vec<u32>, Vec<u32>) = terms.into_iter().unzip();
        Self { terms: terms.into(), numbers: numbers.into(), slot: OnceLock::new(), group }
    }
    /// Report every term that holds of this value.
    #[inline]
    pub fn scan(&self, interned: &Interned, value: Raw<'_>, branch: bool, room: &mut Room, hit: &mut impl FnMut(u32)) {
        let numbers = &self.numbers;
        self.slot(interned).scan(value, branch, room, &mut |at| {
            if let Some(number) = numbers.get(at as usize) {
                hit(*number);
            }
        });
        if room.timed.clock.is_some() {
            room.timed.renumber(&|at| numbers.get(at as usize).copied().unwrap_or(u32::MAX));
        }
    }
    /// May any of these texts make a term hold?
    pub fn may_hold(&self, interned: &Interned, texts: &Texts<'_, '_>, room: &Room) -> bool {
        match texts {
            Texts::View(_) => true,
            Texts::Raw(line, _) => self.slot(interned).may_hold(line, room),
        }
    }
    #[inline]
    fn slot(&self, interned: &Interned) -> &Slot {
        match self.slot.get() {
            Some(slot) => slot,
            None => self.slot.get_or_init(|| self.compiled(interned)),
        }
    }
    fn compiled(&self, interned: &Interned) -> Arc<Slot> {
        let mut known = interned.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.get(&self.terms) {
            return Arc::clone(slot);
        }
        drop(known);
        let tests = self.terms.iter().zip(0u32..).flat_map(|(term, at)| {
            let term = interned.terms.get(*term as usize);
            term.into_iter().flat_map(|t| t.term.tests.iter()).map(move |test| (test, at))
        });
        let slot = Arc::new(Slot::new(tests, interned.common()));
        known = interned.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(self.terms.clone()).or_insert(slot))
    }
}

/// The columns of a lane, found by the number of a key.
#[derive(Debug, Default)]
pub(super) struct Columns {
    all: Vec<Column>,
    at: Box<[u16]>,
}

impl Columns {
    /// Of (the plan's term, the number to report it by); `groups` where columns are looked at by them.
    pub fn new(terms: impl Iterator<Item = (u32, u32)>, groups: Option<&Groups<'_>>, interned: &Interned) -> Self {
        let mut lists: Vec<(u32, Vec<(u32, u32)>)> = Vec::new();
        let mut at: Box<[u16]> = vec![NONE; interned.slots].into();
        for (term, number) in terms {
            for slot in interned.terms.get(term as usize).map(|t| t.slots.as_slice()).unwrap_or_default() {
                let Some(place) = at.get_mut(*slot as usize) else { continue };
                if *place == NONE {
                    *place = u16::try_from(lists.len()).unwrap_or(NONE);
                    let group = groups.and_then(|g| g.of_slot(*slot)).and_then(|g| u32::try_from(g).ok());
                    lists.push((group.unwrap_or(u32::MAX), Vec::new()));
                }
                if let Some((_, list)) = lists.get_mut(usize::from(*place)) {
                    list.push((term, number));
                }
            }
        }
        Self { all: lists.into_iter().map(|(group, list)| Column::new(list, group)).collect(), at }
    }
    /// The terms that this key feeds.
    #[inline]
    pub fn of(&self, slot: u32) -> Option<&Column> {
        Some(self.at(slot)?.1)
    }
    /// The same, and its place among the columns.
    #[inline]
    pub fn at(&self, slot: u32) -> Option<(usize, &Column)> {
        let at = usize::from(*self.at.get(slot as usize)?);
        Some((at, self.all.get(at)?))
    }
}

/// Which columns stand or fall together: those that feed one term. The last group is that of keywords.
#[derive(Debug)]
pub(super) struct Groups<'i> {
    interned: &'i Interned,
    of: HashMap<u32, usize>,
    pub count: usize,
}

impl<'i> Groups<'i> {
    /// Of the plan's terms.
    pub fn of(terms: &[u32], interned: &'i Interned) -> Self {
        let mut of: HashMap<u32, usize> = HashMap::new();
        let mut count = 0;
        for slots in terms.iter().filter_map(|t| interned.terms.get(*t as usize)).map(|t| &t.slots) {
            let known: Vec<usize> = slots.iter().filter_map(|s| of.get(s).copied()).collect();
            let group = known.iter().copied().min().unwrap_or(count);
            count += usize::from(known.is_empty());
            for slot in slots {
                of.insert(*slot, group);
            }
            if known.iter().any(|g| *g != group) {
                of.values_mut().filter(|g| known.contains(g)).for_each(|g| *g = group);
            }
        }
        Self { interned, of, count: count + 1 }
    }
    /// The group of a key.
    pub fn of_slot(&self, slot: u32) -> Option<usize> {
        self.of.get(&slot).copied()
    }
    /// The group whose values decide a term; `None`: none does, it compares two fields.
    pub fn of_term(&self, term: u32) -> Option<usize> {
        let term = self.interned.terms.get(term as usize)?;
        if term.pairs {
            return None;
        }
        if term.term.field.is_keyword() {
            return Some(self.count - 1);
        }
        self.of_slot(*term.slots.first()?)
    }
}
