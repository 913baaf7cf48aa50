//! Names of JSON events, met once and remembered with the number a rule knows them by.
//!
//! Invariant: what is remembered depends on the plan and the name alone; forgetting it changes nothing but time.

use std::hash::{BuildHasher, Hash as _, Hasher as _};

use bongsu_event::ValueRef;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::Interned;
use super::lane::Seen;
use crate::json::{Raw, Sink, unescape};
use crate::limits::NAMES_KEPT_MAX;
use crate::names;
use crate::view::Key;

const NONE: u32 = u32::MAX;
/// The place above the names of an event.
pub(super) const ROOT: u32 = 0;

#[derive(Debug)]
struct Name {
    parent: u32,
    key: Box<str>,
    /// In quotes and with its colon, as most lines have it.
    written: Box<[u8]>,
    /// Joined by dots.
    path: Box<str>,
    slot: u32,
    /// Numbers of the other names that Sigma has for it.
    others: Box<[u32]>,
    /// The name that came after this one the last time: events of one shape name their values in one order.
    next: u32,
}

/// The names met.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: Vec<Name>,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Names {
    /// Room for one more event; nothing is forgotten while an event is read.
    pub fn begin(&mut self) {
        if self.all.len() > NAMES_KEPT_MAX {
            *self = Self::default();
        }
        if self.all.is_empty() {
            let (key, path, others) = (Box::default(), Box::default(), Box::default());
            self.all.push(Name { parent: NONE, key, written: Box::default(), path, slot: NONE, others, next: NONE });
        }
    }
    fn is(&self, name: u32, parent: u32, key: &str) -> bool {
        self.all.get(name as usize).is_some_and(|n| n.parent == parent && *n.key == *key)
    }
    fn hash(&self, parent: u32, key: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        parent.hash(&mut hasher);
        key.hash(&mut hasher);
        hasher.finish()
    }
    fn find(&mut self, parent: u32, key: &str, escaped: bool, interned: &Interned) -> u32 {
        let hash = self.hash(parent, key);
        if let Some(known) = self.places.find(hash, |name| self.is(*name, parent, key)) {
            return *known;
        }
        self.add(parent, key, escaped, hash, interned)
    }
    fn add(&mut self, parent: u32, key: &str, escaped: bool, hash: u64, interned: &Interned) -> u32 {
        let above = self.all.get(parent as usize).map_or("", |n| &n.path);
        let mut path = if parent == ROOT { String::new() } else { format!("{above}.") };
        if escaped {
            unescape(key, &mut path);
        } else {
            path.push_str(key);
        }
        let slot = interned.slot(Key::Name(&path)).unwrap_or(NONE);
        let mut others = Vec::new();
        names::others(&path, &mut |name| others.extend(interned.slot(Key::Name(name))));
        let at = u32::try_from(self.all.len()).unwrap_or(NONE);
        let written = format!("\"{key}\":").into_bytes().into();
        let (key, path, others) = (key.into(), path.into(), others.into());
        self.all.push(Name { parent, key, written, path, slot, others, next: NONE });
        let (all, hasher) = (&self.all, &self.hasher);
        self.places.insert_unique(hash, at, |name| {
            let mut h = hasher.build_hasher();
            if let Some(n) = all.get(*name as usize) {
                n.parent.hash(&mut h);
                n.key.hash(&mut h);
            }
            h.finish()
        });
        at
    }
}

/// Takes in what a line tells, as far as rules ask for it.
#[derive(Debug)]
pub(super) struct Intake<'a, 'p> {
    pub interned: &'p Interned,
    pub names: &'p mut Names,
    pub last: u32,
    pub seen: &'p mut Vec<Seen<'a>>,
}

impl<'a> Sink<'a> for Intake<'a, '_> {
    type Name = u32;
    #[inline]
    fn guess(&mut self, parent: u32, text: &[u8]) -> Option<(u32, usize)> {
        let guess = self.names.all.get(self.last as usize)?.next;
        let name = self.names.all.get(guess as usize)?;
        let fits = name.parent == parent && text.starts_with(&name.written);
        fits.then(|| {
            self.last = guess;
            (guess, name.written.len())
        })
    }
    fn name(&mut self, parent: u32, key: &'a str, escaped: bool) -> u32 {
        let name = self.names.find(parent, key, escaped, self.interned);
        if let Some(last) = self.names.all.get_mut(self.last as usize) {
            last.next = name;
        }
        self.last = name;
        name
    }
    #[inline]
    fn branch(&mut self, name: u32) {
        let slot = self.names.all.get(name as usize).map_or(NONE, |n| n.slot);
        if slot != NONE {
            self.seen.push(Seen { slot, branch: true, value: Raw::Value(ValueRef::Null) });
        }
    }
    #[inline]
    fn leaf(&mut self, name: u32, value: Raw<'a>) {
        if let Some(n) = self.names.all.get(name as usize) {
            if n.slot != NONE {
                self.seen.push(Seen { slot: n.slot, branch: false, value });
            }
            for slot in &n.others {
                self.seen.push(Seen { slot: *slot, branch: false, value });
            }
        }
    }
}
