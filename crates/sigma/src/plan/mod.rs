//! One plan for all rules: every test interned once, each value looked at once, rules woken by what holds.
//!
//! ```text
//! values ─> terms that tell kinds of events apart ─> the lane of that kind ─> terms that hold ─> woken rules ─> programs
//! ```
//!
//! The terms of logsources, and those that rules ask of `EventID` and the like, are asked first. Which of them hold
//! chooses the lane: in it only rules that can still match are left, and of those only what is still open.
//!
//! Invariant: what the plan says of an event is what `naive` says. A lane is compiled when the first event of its
//! kind comes; compiling changes nothing but time.

mod column;
mod grams;
mod kinds;
mod lane;
mod late;
mod learned;
mod meter;
mod names;
mod program;
mod slot;
mod trie;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use bongsu_event::{Field, ValueRef};
use hashbrown::HashMap;
use memchr::memmem::Finder;

use self::column::Columns;
use self::grams::Commonness;
use self::kinds::Kinds;
use self::lane::{Lane, Marks, Seen};
use self::learned::Rates;
use self::meter::Clock;
pub(crate) use self::meter::UnitCost;
use self::names::{Intake, Names};
use self::program::Terms;
use self::slot::{Room, Slot};
use crate::atom::Test;
use crate::json::{self, Bits, JsonError, JsonLine, Raw};
use crate::limits::{FIELD_NAME_BYTES_MAX, LANES_MAX};
use crate::matcher::{Expr, FieldName, Term};
use crate::pattern::Shape;
use crate::view::{EventView, Key, Meta};

/// A rule, ready to be put into lanes.
#[derive(Debug)]
struct Unit {
    terms: Terms,
    gate: u32,
    /// Is any of its terms asked first?
    first: bool,
}

/// A term with the keys that feed it.
#[derive(Debug)]
pub(crate) struct InternedTerm {
    term: Arc<Term>,
    slots: Vec<u32>,
    likelihood: u32,
    /// What looking for it takes: for the hardest of its tests, and for all of them.
    work: u32,
    weight: u32,
    /// How many rules ask for it.
    uses: u32,
    /// It tells kinds of events apart: asked before a lane is chosen.
    first: bool,
    /// It compares two fields.
    pairs: bool,
    /// For each of its tests that looks for a literal anywhere; made when the term is first asked by itself.
    searchers: OnceLock<Box<[Option<Finder<'static>>]>>,
}

impl InternedTerm {
    /// Do values under this key belong to it?
    #[inline]
    fn is_fed_by(&self, slot: u32) -> bool {
        match self.slots.as_slice() {
            [one] => *one == slot,
            several => several.contains(&slot),
        }
    }
    /// Each test, with what looks for its literal if it looks for one anywhere.
    fn tests(&self) -> impl Iterator<Item = (&Test, Option<&Finder<'static>>)> {
        let searcher = |test: &Test| match test {
            Test::Text { pattern, cased: false } => match pattern.shape() {
                Shape::Contains(literal) => Some(Finder::new(literal).into_owned()),
                _ => None,
            },
            _ => None,
        };
        let all = self.searchers.get_or_init(|| self.term.tests.iter().map(searcher).collect());
        self.term.tests.iter().zip(all.iter().map(Option::as_ref))
    }
}

/// Everything that rules share.
#[derive(Debug, Default)]
pub(crate) struct Interned {
    terms: Vec<InternedTerm>,
    term_at: HashMap<Arc<Term>, u32>,
    names: HashMap<Box<str>, u32>,
    slots: usize,
    /// How common what rules look for is, counted when the first column is compiled.
    common: OnceLock<Commonness>,
    /// What columns have compiled, by their terms.
    compiled: Mutex<HashMap<Box<[u32]>, Arc<Slot>>>,
}

/// Fields with few values that nearly every rule of their kind asks for.
const FIRST_FIELDS: [&str; 3] = ["EventID", "Channel", "Provider_Name"];

const META_FIRST: usize = Field::COUNT;
const NAME_FIRST: usize = META_FIRST + Meta::ALL.len();

impl Interned {
    fn common(&self) -> &Commonness {
        self.common.get_or_init(|| {
            let tests = self.terms.iter().flat_map(|t| &t.term.tests);
            Commonness::of_all(tests.flat_map(Test::literals))
        })
    }
    fn likelihood(&self, term: u32) -> u32 {
        self.terms.get(term as usize).map_or(1_000, |t| t.likelihood)
    }
    /// What waiting for it costs: how likely it is, how common whatever many rules ask for, and what looking at values
    /// takes: a rule that waits for the end of a name leaves long texts alone until it is woken.
    /// Where events have told how often it holds, that is what counts.
    fn cost(&self, term: u32, rate: Option<u32>) -> u32 {
        self.terms.get(term as usize).map_or(1_000, |t| match rate {
            Some(rate) => rate.saturating_mul(8).saturating_add(1).saturating_mul(t.work),
            None => t.likelihood.saturating_mul(8 + t.uses.min(1_000)).saturating_mul(t.work),
        })
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
        let tests: u32 = term.tests.iter().map(Test::likelihood).sum::<u32>().min(990);
        let at = u32::try_from(self.terms.len()).unwrap_or(u32::MAX);
        let slots = self.slots_of(&term.field);
        let first = FIRST_FIELDS.contains(&&*term.field.text) && can_be_first(term);
        let pairs = term.tests.iter().any(|t| matches!(t, Test::Field { .. }));
        let work = term.tests.iter().map(Test::work).max().unwrap_or(1);
        let weight = term.tests.iter().map(Test::work).fold(0, u32::saturating_add);
        let term_at = InternedTerm {
            term: Arc::clone(term),
            slots,
            likelihood: tests,
            work,
            weight,
            uses: 0,
            first,
            pairs,
            searchers: OnceLock::new(),
        };
        self.terms.push(term_at);
        self.term_at.insert(Arc::clone(term), at);
        at
    }
    fn terms(&mut self, e: &Expr) -> Terms {
        match e {
            Expr::Const(b) => Terms::Const(*b),
            Expr::Term(t) => {
                let at = self.term(t);
                if let Some(t) = self.terms.get_mut(at as usize) {
                    t.uses += 1;
                }
                Terms::Term(at)
            }
            Expr::Not(e) => Terms::Not(Box::new(self.terms(e))),
            Expr::And(l) => Terms::And(l.iter().map(|e| self.terms(e)).collect()),
            Expr::Or(l) => Terms::Or(l.iter().map(|e| self.terms(e)).collect()),
        }
    }
    /// A gate's terms are all asked first.
    fn gate(&mut self, e: &Expr) -> Terms {
        let terms = self.terms(e);
        terms.each(&mut |at| {
            if let Some(t) = self.terms.get_mut(at as usize) {
                t.first = can_be_first(&t.term);
            }
        });
        terms
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

/// Can one value of one field decide it?
fn can_be_first(term: &Term) -> bool {
    !term.field.is_keyword() && !term.tests.iter().any(|t| matches!(t, Test::Field { .. }))
}

/// The texts that keywords are looked for in.
pub(crate) enum Texts<'e, 't> {
    View(&'e dyn EventView),
    /// Of a JSON line, which holds all of them.
    Raw(&'e str, &'t Bits),
}

impl Texts<'_, '_> {
    fn each(&self, f: &mut dyn FnMut(Raw<'_>)) {
        match self {
            Self::View(event) => event.for_each_text(&mut |text| f(Raw::Value(ValueRef::Text(text)))),
            Self::Raw(line, bits) => json::each_text(line, bits, f),
        }
    }
}

/// Memory reused from event to event.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    plan: u64,
    marks: Marks,
    room: Room,
    /// Terms asked first that hold, in order.
    kind: Vec<u32>,
    kinds: Kinds,
    /// The kind of the event before, and its lane.
    last: Option<(Box<[u32]>, Arc<Lane>)>,
    lanes: HashMap<Box<[u32]>, Arc<Lane>>,
    seen: Vec<Seen<'static>>,
    bits: Bits,
    /// The line of an event that matched.
    line: JsonLine,
    names: Names,
    /// Lent for the next event alone.
    clock: Option<Clock>,
}

impl Scratch {
    /// Count what the next event costs.
    pub fn count_next(&mut self, clock: Clock) {
        self.clock = Some(clock);
    }
    /// The line that was given last, for those who ask more of it; give it back with [`Scratch::keep`].
    pub fn line(&mut self, line: &[u8]) -> Result<JsonLine, JsonError> {
        let mut event = std::mem::take(&mut self.line);
        event.read_again(line, &self.bits)?;
        Ok(event)
    }
    /// Keep the memory of a line for the next.
    pub fn keep(&mut self, line: JsonLine) {
        self.line = line;
    }
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
    gates: Vec<Terms>,
    units: Vec<Unit>,
    first: Columns,
    lanes: RwLock<HashMap<Box<[u32]>, Arc<Lane>>>,
    whole: OnceLock<Arc<Lane>>,
}

impl Plan {
    /// Compile rules, each with the number of its gate in `gates`.
    pub fn new<'r>(gates: &[Expr], rules: impl Iterator<Item = (&'r Expr, u32)>) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let mut interned = Interned { slots: NAME_FIRST, ..Interned::default() };
        let gates: Vec<Terms> = gates.iter().map(|g| interned.gate(g)).collect();
        let mut units: Vec<Unit> =
            rules.map(|(e, gate)| Unit { terms: interned.terms(e), gate, first: false }).collect();
        for unit in &mut units {
            unit.terms.each(&mut |t| unit.first |= interned.terms.get(t as usize).is_some_and(|t| t.first));
        }
        interned.common();
        let first = (0u32..).zip(&interned.terms).filter(|(_, t)| t.first).map(|(at, _)| (at, at));
        let first = Columns::new(first, None, &interned);
        Self {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            first,
            gates,
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
    /// How often lanes were compiled anew.
    #[cfg(test)]
    pub fn times_learned(&self) -> u32 {
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        lanes.values().map(|l| l.times()).sum()
    }
    /// The number by which values of this name are given to [`Plan::run_slots`]; `None`: no rule asks for it.
    pub fn slot(&self, name: &str) -> Option<u32> {
        self.interned.slot(Key::Name(name))
    }
    fn begin(&self, scratch: &mut Scratch) {
        if scratch.plan != self.serial {
            *scratch = Scratch { plan: self.serial, clock: scratch.clock, ..Scratch::default() };
        }
    }
    /// What counted events cost, by unit; counting begins anew.
    pub fn take_costs(&self, scratch: &mut Scratch) -> Vec<(u32, UnitCost)> {
        if scratch.plan == self.serial { scratch.marks.meter.take().collect() } else { Vec::new() }
    }
    /// Which rules match? The answer is in `scratch.fired()`.
    pub fn run(&self, event: &dyn EventView, scratch: &mut Scratch) {
        self.begin(scratch);
        let mut seen: Vec<Seen<'_>> = emptied(std::mem::take(&mut scratch.seen));
        event.for_each(&mut |key, value| {
            if let Some(slot) = self.interned.slot(key) {
                seen.push(Seen { slot, branch: matches!(key, Key::Branch(_)), value: Raw::Value(value) });
            }
        });
        self.decide(&Texts::View(event), &seen, scratch);
        scratch.seen = emptied(seen);
    }
    /// The same of values whose names were looked up before; `event` gives the texts for keywords.
    pub fn run_slots<'e>(
        &self,
        values: impl Iterator<Item = (u32, ValueRef<'e>)>,
        event: &'e dyn EventView,
        scratch: &mut Scratch,
    ) {
        self.begin(scratch);
        let mut seen: Vec<Seen<'_>> = emptied(std::mem::take(&mut scratch.seen));
        seen.extend(values.map(|(slot, value)| Seen { slot, branch: false, value: Raw::Value(value) }));
        self.decide(&Texts::View(event), &seen, scratch);
        scratch.seen = emptied(seen);
    }
    /// The same of a JSON line.
    pub fn run_json(&self, line: &[u8], scratch: &mut Scratch) -> Result<(), JsonError> {
        self.begin(scratch);
        scratch.marks.fired.clear();
        let mut seen: Vec<Seen<'_>> = emptied(std::mem::take(&mut scratch.seen));
        let mut bits = std::mem::take(&mut scratch.bits);
        scratch.names.begin();
        let names = &mut scratch.names;
        let mut intake = Intake { interned: &self.interned, names, last: names::ROOT, seen: &mut seen };
        let read = json::read(line, &mut bits, names::ROOT, &mut intake);
        if let Ok(text) = read {
            self.decide(&Texts::Raw(text, &bits), &seen, scratch);
        }
        scratch.seen = emptied(seen);
        scratch.bits = bits;
        read.map(|_| ())
    }
    fn decide(&self, texts: &Texts<'_, '_>, seen: &[Seen<'_>], scratch: &mut Scratch) {
        let Scratch { kind, kinds, room, .. } = scratch;
        room.clean =
            matches!(texts, Texts::Raw(line, bits) if !bits.has_unicode() && (bits.is_ascii() || slot::is_clean(line)));
        kind.clear();
        for value in seen {
            let Some((at, column)) = self.first.at(value.slot) else { continue };
            let place = if value.branch { None } else { Kinds::place(at, value.value) };
            if let Some(terms) = place.and_then(|p| kinds.terms(p)) {
                kind.extend_from_slice(terms);
                continue;
            }
            let before = kind.len();
            column.scan(&self.interned, value.value, value.branch, room, &mut |term| kind.push(term));
            if let (Some(place), Some(terms)) = (place, kind.get(before..)) {
                kinds.keep(place, terms);
            }
        }
        kind.sort_unstable();
        kind.dedup();
        let same = scratch.last.as_ref().is_some_and(|(known, lane)| **known == *scratch.kind && !lane.is_retired());
        if !same {
            let lane = self.lane(scratch);
            scratch.last = Some((scratch.kind.as_slice().into(), lane));
        }
        if let Some((_, lane)) = &scratch.last {
            scratch.room.timed.clock = scratch.clock.take();
            let anew = lane.run(&self.interned, texts, seen, &mut scratch.marks, &mut scratch.room);
            scratch.room.timed.clock = None;
            if anew {
                self.replace(&scratch.kind, lane);
            }
        }
    }
    /// The lane for events of which these terms hold, from the thread's own memory if it has it.
    fn lane(&self, scratch: &mut Scratch) -> Arc<Lane> {
        let kind = scratch.kind.as_slice();
        if let Some(lane) = scratch.lanes.get(kind).filter(|l| !l.is_retired()) {
            return Arc::clone(lane);
        }
        let lane = self.shared_lane(kind);
        if scratch.lanes.len() < LANES_MAX || scratch.lanes.contains_key(kind) {
            scratch.lanes.insert(kind.into(), Arc::clone(&lane));
        }
        lane
    }
    fn shared_lane(&self, kind: &[u32]) -> Arc<Lane> {
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(kind) {
            return Arc::clone(lane);
        }
        let full = lanes.len() >= LANES_MAX;
        drop(lanes);
        if full {
            // Too many kinds of events: one lane of all rules.
            return Arc::clone(self.whole.get_or_init(|| Arc::new(self.compiled(&|_| None, Rates::default()))));
        }
        let lane = Arc::new(self.compiled_for(kind, Rates::default()));
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(kind.into()).or_insert(lane))
    }
    /// Compile the lane of a kind anew with what it has learned; one that is of all kinds stays.
    fn replace(&self, kind: &[u32], lane: &Lane) {
        let known = self.lanes.read().unwrap_or_else(PoisonError::into_inner).contains_key(kind);
        if !known {
            return;
        }
        let new = Arc::new(self.compiled_for(kind, lane.rates()));
        self.lanes.write().unwrap_or_else(PoisonError::into_inner).insert(kind.into(), new);
        lane.retire();
    }
    fn compiled_for(&self, kind: &[u32], rates: Rates) -> Lane {
        let first = |term: u32| self.interned.terms.get(term as usize).is_some_and(|t| t.first);
        let known = |term: u32| first(term).then(|| kind.binary_search(&term).is_ok());
        self.compiled(&known, rates)
    }
    /// What is left of every rule once some terms are known.
    fn compiled(&self, known: &dyn Fn(u32) -> Option<bool>, rates: Rates) -> Lane {
        let gates: Vec<Terms> = self.gates.iter().map(|g| program::simplified(g, known)).collect();
        let mut left = Vec::new();
        for (number, unit) in (0u32..).zip(&self.units) {
            let terms = match gates.get(unit.gate as usize) {
                None | Some(Terms::Const(false)) => continue,
                Some(Terms::Const(true)) if !unit.first => Cow::Borrowed(&unit.terms),
                Some(Terms::Const(true)) => Cow::Owned(program::simplified(&unit.terms, known)),
                Some(gate) => Cow::Owned(Terms::And(vec![gate.clone(), program::simplified(&unit.terms, known)])),
            };
            if !matches!(*terms, Terms::Const(false)) {
                left.push((number, terms));
            }
        }
        Lane::new(&left, rates, &self.interned)
    }
}

/// The same memory, without its values and their lifetime.
fn emptied<T, U>(mut values: Vec<T>) -> Vec<U> {
    values.clear();
    values.into_iter().map_while(|_| None).collect()
}
