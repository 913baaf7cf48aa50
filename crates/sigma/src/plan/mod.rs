//! One plan for all rules: every test interned once, each value looked at once, rules woken by what holds.
//!
//! ```text
//! values ─> gate lane ─> set of open logsources ─> lane of those ─> terms that hold ─> woken rules ─> programs
//! ```
//!
//! Invariant: what the plan says of an event is what `naive` says. A lane is compiled when the first event of its
//! kind comes; compiling changes nothing but time.

mod lane;
mod program;
mod required;
mod slot;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bongsu_event::{Field, ValueRef};
use hashbrown::HashMap;

use self::lane::{Lane, Marks, Seen};
use self::program::Terms;
use self::slot::Room;
use crate::atom::Test;
use crate::limits::{FIELD_NAME_BYTES_MAX, LANES_MAX};
use crate::matcher::{Expr, FieldName, Term};
use crate::view::{EventView, Key, Meta};

/// A rule or a gate, ready to be put into lanes.
#[derive(Debug)]
pub(crate) struct Unit {
    terms: Terms,
    wakers: Option<Vec<u32>>,
    gate: u32,
}

/// A term with the keys that feed it.
#[derive(Debug)]
pub(crate) struct InternedTerm {
    term: Arc<Term>,
    slots: Vec<u32>,
    likelihood: u32,
}

/// Everything that rules share.
#[derive(Debug, Default)]
pub(crate) struct Interned {
    terms: Vec<InternedTerm>,
    term_at: HashMap<Arc<Term>, u32>,
    names: HashMap<Box<str>, u32>,
    slots: usize,
}

const META_FIRST: usize = Field::COUNT;
const NAME_FIRST: usize = META_FIRST + Meta::ALL.len();

impl Interned {
    fn likelihood(&self, term: u32) -> u32 {
        self.terms.get(term as usize).map_or(1_000, |t| t.likelihood)
    }
    fn slots_of(&self, field: &FieldName) -> Vec<u32> {
        if field.is_keyword() {
            return Vec::new();
        }
        let hot = field.hot.map(Field::index);
        let meta = field.meta.map(|m| META_FIRST + m as usize);
        let named = field.names().filter_map(|n| self.names.get(n.to_ascii_lowercase().as_str()).copied());
        let mut all: Vec<u32> =
            hot.into_iter().chain(meta).filter_map(|n| u32::try_from(n).ok()).chain(named).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
    fn add_names(&mut self, field: &FieldName) {
        if field.is_keyword() {
            return;
        }
        for name in field.names() {
            let next = u32::try_from(NAME_FIRST + self.names.len()).unwrap_or(u32::MAX);
            self.names.entry(name.to_ascii_lowercase().into()).or_insert(next);
        }
        self.slots = NAME_FIRST + self.names.len();
    }
    fn term(&mut self, term: &Arc<Term>) -> u32 {
        if let Some(at) = self.term_at.get(term) {
            return *at;
        }
        self.add_names(&term.field);
        for test in &term.tests {
            if let Test::Field { other, .. } = test {
                self.add_names(other);
            }
        }
        // A gate has tested these already; in its lane they nearly always hold.
        let common =
            matches!(&*term.field.text, "EventID" | "Channel" | "Provider_Name" | "class" | "status" | "activity");
        let tests: u32 = term.tests.iter().map(Test::likelihood).sum::<u32>().min(990);
        let at = u32::try_from(self.terms.len()).unwrap_or(u32::MAX);
        let slots = self.slots_of(&term.field);
        let likelihood = if common { 700 } else { tests };
        self.terms.push(InternedTerm { term: Arc::clone(term), slots, likelihood });
        self.term_at.insert(Arc::clone(term), at);
        at
    }
    fn terms(&mut self, e: &Expr) -> Terms {
        match e {
            Expr::Const(b) => Terms::Const(*b),
            Expr::Term(t) => Terms::Term(self.term(t)),
            Expr::Not(e) => Terms::Not(Box::new(self.terms(e))),
            Expr::And(l) => Terms::And(l.iter().map(|e| self.terms(e)).collect()),
            Expr::Or(l) => Terms::Or(l.iter().map(|e| self.terms(e)).collect()),
        }
    }
    fn unit(&mut self, e: &Expr, gate: u32) -> Unit {
        let terms = self.terms(e);
        let wakers = program::wakers(&terms, &|t| self.likelihood(t));
        Unit { terms, wakers, gate }
    }
    /// The number of an event's key, if any rule asks for it.
    fn slot(&self, key: Key<'_>) -> Option<u32> {
        match key {
            Key::Hot(f) => u32::try_from(f.index()).ok(),
            Key::Meta(m) => u32::try_from(META_FIRST + m as usize).ok(),
            Key::Name(name) | Key::Branch(name) => {
                let mut room = [0u8; FIELD_NAME_BYTES_MAX];
                let lower = room.get_mut(..name.len())?;
                lower.copy_from_slice(name.as_bytes());
                lower.make_ascii_lowercase();
                self.names.get(std::str::from_utf8(lower).ok()?).copied()
            }
        }
    }
}

/// Memory reused from event to event.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    plan: u64,
    marks: Marks,
    room: Room,
    open: Vec<u64>,
    lanes: HashMap<Box<[u64]>, Arc<Lane>>,
    seen: Vec<Seen<'static>>,
}

impl Scratch {
    /// Units that matched, in order.
    pub fn fired(&self) -> &[u32] {
        &self.marks.fired
    }
}

/// The compiled rules.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Tells plans apart, so that a scratch never keeps a lane of another.
    serial: u64,
    interned: Interned,
    units: Vec<Unit>,
    gates: Lane,
    gate_count: usize,
    lanes: RwLock<HashMap<Box<[u64]>, Arc<Lane>>>,
    whole: OnceLock<Arc<Lane>>,
}

impl Plan {
    /// Compile rules, each with the number of its gate in `gates`.
    pub fn new<'r>(gates: &[Expr], rules: impl Iterator<Item = (&'r Expr, u32)>) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let mut interned = Interned { slots: NAME_FIRST, ..Interned::default() };
        let gate_units: Vec<Unit> = gates.iter().map(|g| interned.unit(g, 0)).collect();
        let units: Vec<Unit> = rules.map(|(e, gate)| interned.unit(e, gate)).collect();
        let numbered: Vec<(u32, &Unit)> = (0u32..).zip(&gate_units).collect();
        let gate_lane = Lane::new(&numbered, &interned);
        Self {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            gates: gate_lane,
            gate_count: gates.len(),
            interned,
            units,
            lanes: RwLock::default(),
            whole: OnceLock::new(),
        }
    }
    /// How many different terms, and how many lanes so far.
    pub fn sizes(&self) -> (usize, usize) {
        (self.interned.terms.len(), self.lanes.read().unwrap_or_else(PoisonError::into_inner).len())
    }
    /// Which rules match? The answer is in `scratch.fired()`.
    pub fn run(&self, event: &dyn EventView, scratch: &mut Scratch) {
        if scratch.plan != self.serial {
            *scratch = Scratch { plan: self.serial, ..Scratch::default() };
        }
        let mut seen: Vec<Seen<'_>> = emptied(std::mem::take(&mut scratch.seen));
        event.for_each(&mut |key, value| {
            if let Some(slot) = self.interned.slot(key) {
                seen.push(Seen { slot, branch: matches!(key, Key::Branch(_)), value });
            }
        });
        self.gates.run(&self.interned, event, &seen, &mut scratch.marks, &mut scratch.room);
        scratch.open.clear();
        scratch.open.resize(self.gate_count.div_ceil(64), 0);
        for gate in &scratch.marks.fired {
            if let Some(word) = scratch.open.get_mut(*gate as usize / 64) {
                *word |= 1 << (gate % 64);
            }
        }
        let known = scratch.lanes.get(scratch.open.as_slice()).cloned();
        let lane = match known {
            Some(lane) => Some(lane),
            None => self.lane(&scratch.open).inspect(|lane| {
                scratch.lanes.insert(scratch.open.as_slice().into(), Arc::clone(lane));
            }),
        };
        match lane {
            Some(lane) => lane.run(&self.interned, event, &seen, &mut scratch.marks, &mut scratch.room),
            None => self.run_whole(event, &seen, scratch),
        }
        scratch.seen = emptied(seen);
    }
    /// Too many kinds of events: one lane of all rules, gates asked afterwards.
    fn run_whole(&self, event: &dyn EventView, seen: &[Seen<'_>], scratch: &mut Scratch) {
        let whole = self.whole.get_or_init(|| {
            let all: Vec<(u32, &Unit)> = (0u32..).zip(&self.units).collect();
            Arc::new(Lane::new(&all, &self.interned))
        });
        whole.run(&self.interned, event, seen, &mut scratch.marks, &mut scratch.room);
        let open = &scratch.open;
        scratch.marks.fired.retain(|unit| self.units.get(*unit as usize).is_some_and(|u| is_open(open, u.gate)));
    }
    /// The lane for this set of open gates; `None` when there are too many already.
    fn lane(&self, open: &[u64]) -> Option<Arc<Lane>> {
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(open) {
            return Some(Arc::clone(lane));
        }
        if lanes.len() >= LANES_MAX {
            return None;
        }
        drop(lanes);
        let members: Vec<(u32, &Unit)> = (0u32..).zip(&self.units).filter(|(_, u)| is_open(open, u.gate)).collect();
        let lane = Arc::new(Lane::new(&members, &self.interned));
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(lanes.entry(open.into()).or_insert(lane)))
    }
}

fn is_open(open: &[u64], gate: u32) -> bool {
    open.get(gate as usize / 64).is_some_and(|word| word & (1 << (gate % 64)) != 0)
}

/// The same memory, without its values and their lifetime.
fn emptied<'b>(mut seen: Vec<Seen<'_>>) -> Vec<Seen<'b>> {
    seen.clear();
    seen.into_iter().map_while(|_| None).collect()
}

/// The first value, in the event's order, that makes one of a term's tests hold, and the test.
pub(crate) fn witness(term: &Term, event: &dyn EventView) -> Option<(String, String)> {
    let mut found: Option<(String, String)> = None;
    let mut offer = |value: ValueRef<'_>, branch: bool| {
        if found.is_some() {
            return;
        }
        let holds = |t: &&Test| if branch { matches!(t, Test::Exists | Test::Valued) } else { t.holds(value) };
        if let Some(test) = term.tests.iter().find(holds) {
            let mut room = String::new();
            found = Some((crate::atom::text_of(value, &mut room).to_owned(), test.to_string()));
        }
    };
    if term.field.is_keyword() {
        event.for_each_text(&mut |text| offer(ValueRef::Text(text), false));
    } else {
        event.for_each(&mut |key, value| {
            if term.field.is_fed_by(key) {
                offer(value, matches!(key, Key::Branch(_)));
            }
        });
    }
    found
}
