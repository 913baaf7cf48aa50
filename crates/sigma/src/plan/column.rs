//! All terms that one key of an event feeds, compiled when its first value comes.
//!
//! Invariant: columns of the same terms share what is compiled, whichever lanes they stand in.

use std::sync::{Arc, OnceLock, PoisonError};

use super::Interned;
use super::slot::{Room, Slot};
use crate::json::Raw;

const NONE: u16 = u16::MAX;

/// Terms fed by one key.
#[derive(Debug)]
pub(super) struct Column {
    /// The plan's terms, in order, and the number that each has for whoever scans.
    terms: Box<[u32]>,
    numbers: Box<[u32]>,
    slot: OnceLock<Arc<Slot>>,
}

impl Column {
    /// Of (the plan's term, the number to report it by).
    pub fn new(mut terms: Vec<(u32, u32)>) -> Self {
        terms.sort_unstable();
        terms.dedup();
        let (terms, numbers): (Vec<u32>, Vec<u32>) = terms.into_iter().unzip();
        Self { terms: terms.into(), numbers: numbers.into(), slot: OnceLock::new() }
    }
    /// Report every term that holds of this value.
    #[inline]
    pub fn scan(&self, interned: &Interned, value: Raw<'_>, branch: bool, room: &mut Room, hit: &mut impl FnMut(u32)) {
        let slot = match self.slot.get() {
            Some(slot) => slot,
            None => self.slot.get_or_init(|| self.compiled(interned)),
        };
        slot.scan(value, branch, room, &mut |at| {
            if let Some(number) = self.numbers.get(at as usize) {
                hit(*number);
            }
        });
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
        let slot = Arc::new(Slot::new(tests));
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
    /// Of (the plan's term, the number to report it by).
    pub fn new(terms: impl Iterator<Item = (u32, u32)>, interned: &Interned) -> Self {
        let mut lists: Vec<Vec<(u32, u32)>> = Vec::new();
        let mut at: Box<[u16]> = vec![NONE; interned.slots].into();
        for (term, number) in terms {
            for slot in interned.terms.get(term as usize).map(|t| t.slots.as_slice()).unwrap_or_default() {
                let Some(place) = at.get_mut(*slot as usize) else { continue };
                if *place == NONE {
                    *place = u16::try_from(lists.len()).unwrap_or(NONE);
                    lists.push(Vec::new());
                }
                if let Some(list) = lists.get_mut(usize::from(*place)) {
                    list.push((term, number));
                }
            }
        }
        Self { all: lists.into_iter().map(Column::new).collect(), at }
    }
    /// The terms that this key feeds.
    #[inline]
    pub fn of(&self, slot: u32) -> Option<&Column> {
        self.all.get(usize::from(*self.at.get(slot as usize)?))
    }
}
