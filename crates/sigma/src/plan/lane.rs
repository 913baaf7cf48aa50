//! A lane: all rules that can match one kind of event, compiled together.
//!
//! Terms that wake rules are looked for in every event; all others when a woken rule asks for them.
//!
//! Invariant: a rule that is not woken can't match; a woken rule is decided by its program alone.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::column::{Column, Columns};
use super::late::{Asked, Late, Prepared, look_for_words};
use super::learned::{Learning, Rates};
use super::meter::Meter;
use super::program::{self, ACCEPT, REJECT, Step, Terms};
use super::slot::{Room, ready};
use super::{Interned, InternedTerm, Texts};
use crate::atom::{Likeness, Test, alike};
use crate::json::Raw;

/// A value of the event, under the number of its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'e> {
    pub slot: u32,
    pub branch: bool,
    pub value: Raw<'e>,
}

/// What the running of lanes writes into; stamps instead of clearing.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    epoch: u32,
    held: Vec<u32>,
    woken: Vec<u32>,
    queue: Vec<u32>,
    /// Terms that woke rules.
    woken_by: Vec<u32>,
    /// What asking late cost, nanoseconds by estimate.
    spent: u32,
    /// What was asked of each group of late columns, and late terms that were asked one by one.
    groups: Vec<Asked>,
    asked: Vec<u32>,
    prepared: Prepared,
    /// Where the values of a term stand among the event's.
    places: Vec<usize>,
    /// Units that matched, in their order.
    pub fired: Vec<u32>,
    /// What counted events cost.
    pub meter: Meter,
}

#[derive(Debug)]
struct Pair {
    term: u32,
    left: Vec<u32>,
    right: Vec<u32>,
    like: Likeness,
    cased: bool,
}

/// The compiled rules.
#[derive(Debug)]
pub(crate) struct Lane {
    terms: usize,
    wake_starts: Vec<u32>,
    wake: Vec<u32>,
    units: Vec<(u32, u32)>,
    steps: Vec<Step>,
    always: Vec<u32>,
    /// The plan's numbers of its terms.
    global: Box<[u32]>,
    /// Terms that wake rules, in fields and as keywords.
    columns: Columns,
    keywords: Option<Column>,
    pairs: Vec<Pair>,
    late: Late,
    learning: Learning,
    /// Term → units that ask it; made when the first event is counted.
    users: OnceLock<Vec<Vec<u32>>>,
}

/// What it costs to wake rules by a term, nanoseconds.
const WOKEN_NANOS: u32 = 10;

const NONE: u32 = u32::MAX;

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(NONE)
}

/// An event while a lane looks at it.
struct Given<'g, 'e> {
    interned: &'g Interned,
    texts: &'g Texts<'e, 'g>,
    seen: &'g [Seen<'e>],
}

impl Lane {
    /// Compile what is left of these units (numbered by the plan).
    pub fn new(units: &[(u32, Cow<'_, Terms>)], rates: Rates, interned: &Interned) -> Self {
        let mut terms = Vec::new();
        let mut local: Vec<u32> = vec![NONE; interned.terms.len()];
        let mut always = Vec::new();
        let mut wakes: Vec<Vec<u32>> = Vec::new();
        for (n, (_, unit)) in units.iter().enumerate() {
            match program::wakers(unit, &|t| interned.cost(t, rates.of(t))) {
                None => always.push(number(n)),
                Some(set) => {
                    for term in set {
                        let term = localise(term, &mut local, &mut terms, &mut wakes);
                        if let Some(list) = wakes.get_mut(term as usize) {
                            list.push(number(n));
                        }
                    }
                }
            }
            unit.each(&mut |term| {
                localise(term, &mut local, &mut terms, &mut wakes);
            });
        }
        let wakes_any = |n: u32| wakes.get(n as usize).is_some_and(|l| !l.is_empty());
        let late = Late::new(&terms, |n| !wakes_any(n), interned);
        let group = |term: u32| local.get(term as usize).and_then(|n| late.group(*n));
        let order = program::Order { likelihood: &|t| interned.likelihood(t), late: &|t| group(t).is_some() };
        let (mut steps, mut lane_units): (Vec<Step>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
        for (global, unit) in units {
            let first = steps.len();
            let entry = program::emit(unit, ACCEPT, REJECT, &order, &mut steps);
            for step in steps.get_mut(first..).unwrap_or_default() {
                step.group = group(step.term).unwrap_or(NONE);
                step.term = local.get(step.term as usize).copied().unwrap_or(NONE);
            }
            lane_units.push((*global, entry));
        }
        let mut wake_starts = vec![0];
        let mut wake = Vec::new();
        for list in &wakes {
            wake.extend_from_slice(list);
            wake_starts.push(number(wake.len()));
        }
        let waking = || terms.iter().copied().zip(0u32..).filter(|(_, n)| wakes_any(*n));
        let is = |t: u32, what: fn(&InternedTerm) -> bool| interned.terms.get(t as usize).is_some_and(what);
        let words: Vec<(u32, u32)> = waking().filter(|(t, _)| is(*t, |t| t.term.field.is_keyword())).collect();
        let tests = |t: u32| interned.terms.get(t as usize).map_or(0, |t| t.term.tests.len());
        let waking_tests = waking().map(|(t, _)| tests(t)).sum();
        let columns = Columns::new(waking().filter(|(t, _)| is(*t, |t| !t.pairs)), None, interned);
        Self {
            terms: terms.len(),
            wake_starts,
            wake,
            units: lane_units,
            steps,
            always,
            columns,
            keywords: (!words.is_empty()).then(|| Column::new(words, NONE)),
            pairs: pairs(&terms, interned),
            late,
            learning: Learning::new(rates, units.len(), terms.len(), waking_tests),
            global: terms.into(),
            users: OnceLock::new(),
        }
    }

    /// Has another lane taken its place?
    #[inline]
    pub fn is_retired(&self) -> bool {
        self.learning.is_retired()
    }
    /// How often it was compiled anew.
    #[cfg(test)]
    pub fn times(&self) -> u32 {
        self.learning.times()
    }
    /// Another lane takes its place.
    pub fn retire(&self) {
        self.learning.retire();
    }
    /// What it has learned.
    pub fn rates(&self) -> Rates {
        let bounds = self.wake_starts.windows(2).map(|w| w.first() != w.last());
        let waking = self.global.iter().copied().enumerate().zip(bounds).filter(|(_, wakes)| *wakes);
        self.learning.rates(waking.map(|(term, _)| term))
    }
    /// Which units match? The answer is in `marks.fired`, in order. Gives whether the lane should be compiled anew.
    pub fn run(
        &self,
        interned: &Interned,
        texts: &Texts<'_, '_>,
        seen: &[Seen<'_>],
        marks: &mut Marks,
        room: &mut Room,
    ) -> bool {
        marks.begin(self.terms, self.units.len(), self.late.groups());
        let given = Given { interned, texts, seen };
        for value in seen {
            if let Some(column) = self.columns.of(value.slot) {
                column.scan(interned, value.value, value.branch, room, &mut |term| marks.hold(self, term));
            }
        }
        look_for_words(self.keywords.as_ref(), interned, texts, room, &mut |term| marks.hold(self, term));
        for pair in &self.pairs {
            if pair.holds(seen) {
                marks.hold(self, pair.term);
            }
        }
        self.decide(&given, marks, room);
        self.learning.is_on() && self.learning.note(&marks.woken_by, marks.spent)
    }
    /// Look at the values that only woken rules ask for.
    fn look_late(&self, step: &Step, given: &Given<'_, '_>, marks: &mut Marks, room: &mut Room) {
        let epoch = marks.epoch;
        let Some(mut asked) = marks.groups.get(step.group as usize).copied() else { return };
        asked.begin(epoch);
        if asked.is_whole() || marks.is_asked(step.term) {
            return;
        }
        let term = self.global.get(step.term as usize).and_then(|t| given.interned.terms.get(*t as usize));
        let Some(term) = term else { return };
        let mut places = std::mem::take(&mut marks.places);
        places.clear();
        places.extend(given.seen.iter().enumerate().filter(|(_, v)| term.is_fed_by(v.slot)).map(|(at, _)| at));
        let values = || places.iter().filter_map(|at| Some((*at, given.seen.get(*at)?)));
        let bytes: usize = values().map(|(_, v)| v.value.bytes()).sum();
        let (alone, nanos) = self.late.asks_alone(step.group, &mut asked, term.weight, number(bytes));
        marks.spend(nanos);
        if let Some(place) = marks.groups.get_mut(step.group as usize) {
            *place = asked;
        }
        if alone {
            marks.ask(step.term);
            if values().any(|(at, v)| marks.prepared.holds(term, at, v)) {
                marks.hold(self, step.term);
            }
        }
        marks.places = places;
        if alone {
            return;
        }
        self.late.look(step.group, given.interned, given.texts, given.seen, room, &mut |term| marks.hold(self, term));
    }
    fn decide(&self, given: &Given<'_, '_>, marks: &mut Marks, room: &mut Room) {
        let clock = room.timed.clock;
        if clock.is_some() {
            self.count_tries(marks, room);
        }
        marks.fired.clear();
        // Late terms wake nobody: the queue stays as it is.
        let queue = std::mem::take(&mut marks.queue);
        for unit in queue.iter().chain(&self.always) {
            let Some((global, entry)) = self.units.get(*unit as usize) else { continue };
            let began = clock.map(|now| now());
            let mut at = *entry;
            while let Some(step) = self.steps.get(at as usize) {
                if step.group != NONE {
                    self.look_late(step, given, marks, room);
                }
                at = if marks.held.get(step.term as usize) == Some(&marks.epoch) { step.yes } else { step.no };
            }
            if at == ACCEPT {
                marks.fired.push(*global);
            }
            if let (Some(now), Some(began)) = (clock, began)
                && let Some(cost) = marks.meter.of(*global)
            {
                cost.evaluated += 1;
                cost.matched += u64::from(at == ACCEPT);
                cost.nanos += now().saturating_sub(began);
            }
        }
        marks.queue = queue;
        marks.fired.sort_unstable();
        if clock.is_some() {
            self.count_atoms(marks, room);
        }
    }
    /// What was tried so far belongs to the units that ask for it.
    fn count_tries(&self, marks: &mut Marks, room: &mut Room) {
        let users = self.users.get_or_init(|| self.users_of_terms());
        for (term, nanos) in room.timed.take_tried() {
            let units = users.get(term as usize).map(Vec::as_slice).unwrap_or_default();
            for (global, _) in units.iter().filter_map(|u| self.units.get(*u as usize)) {
                if let Some(cost) = marks.meter.of(*global) {
                    cost.nanos += nanos / units.len() as u64;
                }
            }
        }
    }
    /// What held belongs to the units that ask for it; what was tried late is in their time already.
    fn count_atoms(&self, marks: &mut Marks, room: &mut Room) {
        room.timed.take_tried();
        let users = self.users.get_or_init(|| self.users_of_terms());
        let Marks { epoch, held, meter, .. } = marks;
        for (units, _) in users.iter().zip(held.iter()).filter(|(_, stamp)| *stamp == epoch) {
            for (global, _) in units.iter().filter_map(|u| self.units.get(*u as usize)) {
                if let Some(cost) = meter.of(*global) {
                    cost.atoms += 1;
                }
            }
        }
    }
    fn users_of_terms(&self) -> Vec<Vec<u32>> {
        let mut users: Vec<Vec<u32>> = vec![Vec::new(); self.terms];
        let mut open = Vec::new();
        let mut reached = vec![NONE; self.steps.len()];
        for (unit, (_, entry)) in (0u32..).zip(&self.units) {
            open.push(*entry);
            while let Some(at) = open.pop() {
                let (Some(step), Some(mark)) = (self.steps.get(at as usize), reached.get_mut(at as usize)) else {
                    continue;
                };
                if *mark == unit {
                    continue;
                }
                *mark = unit;
                if let Some(list) = users.get_mut(step.term as usize)
                    && list.last() != Some(&unit)
                {
                    list.push(unit);
                }
                open.extend([step.yes, step.no]);
            }
        }
        users
    }
}

/// The tests that compare two fields of one event.
fn pairs(terms: &[u32], interned: &Interned) -> Vec<Pair> {
    let mut out = Vec::new();
    for (global, local) in terms.iter().zip(0u32..) {
        let Some(term) = interned.terms.get(*global as usize) else { continue };
        for test in &term.term.tests {
            if let Test::Field { like, cased, other } = test {
                let right = interned.slots_of(other);
                out.push(Pair { term: local, left: term.slots.clone(), right, like: *like, cased: *cased });
            }
        }
    }
    out
}

fn localise(global: u32, local: &mut [u32], terms: &mut Vec<u32>, wakes: &mut Vec<Vec<u32>>) -> u32 {
    let Some(at) = local.get_mut(global as usize) else { return NONE };
    if *at == NONE {
        *at = number(terms.len());
        terms.push(global);
        wakes.push(Vec::new());
    }
    *at
}

impl Marks {
    fn begin(&mut self, terms: usize, units: usize, groups: usize) {
        if self.epoch == u32::MAX {
            self.held.fill(0);
            self.woken.fill(0);
            self.groups.fill(Asked::default());
            self.asked.fill(0);
            self.epoch = 0;
        }
        self.epoch += 1;
        self.queue.clear();
        self.woken_by.clear();
        self.spent = 0;
        self.prepared.begin();
        if self.held.len() < terms {
            self.held.resize(terms, 0);
            self.asked.resize(terms, 0);
        }
        if self.woken.len() < units {
            self.woken.resize(units, 0);
        }
        if self.groups.len() < groups {
            self.groups.resize(groups, Asked::default());
        }
    }
    fn spend(&mut self, nanos: u32) {
        self.spent = self.spent.saturating_add(nanos);
    }
    fn is_asked(&self, term: u32) -> bool {
        self.asked.get(term as usize) == Some(&self.epoch)
    }
    fn ask(&mut self, term: u32) {
        if let Some(stamp) = self.asked.get_mut(term as usize) {
            *stamp = self.epoch;
        }
    }
    fn hold(&mut self, lane: &Lane, term: u32) {
        let Some(stamp) = self.held.get_mut(term as usize) else { return };
        if *stamp == self.epoch {
            return;
        }
        *stamp = self.epoch;
        let bounds = (lane.wake_starts.get(term as usize), lane.wake_starts.get(term as usize + 1));
        let (Some(start), Some(end)) = bounds else { return };
        if start == end {
            return;
        }
        self.woken_by.push(term);
        self.spend(WOKEN_NANOS);
        for unit in lane.wake.get(*start as usize..*end as usize).unwrap_or_default() {
            if let Some(stamp) = self.woken.get_mut(*unit as usize)
                && *stamp != self.epoch
            {
                *stamp = self.epoch;
                self.queue.push(*unit);
            }
        }
    }
}

impl Pair {
    fn holds(&self, seen: &[Seen<'_>]) -> bool {
        let of = |slots: &'_ [u32], s: &Seen<'_>| !s.branch && slots.contains(&s.slot);
        let alike = |a: Raw<'_>, b: Raw<'_>| {
            let (mut left, mut right) = (String::new(), String::new());
            alike(ready(a, &mut left), ready(b, &mut right), self.like, self.cased)
        };
        seen.iter()
            .filter(|a| of(&self.left, a))
            .any(|a| seen.iter().filter(|b| of(&self.right, b)).any(|b| alike(a.value, b.value)))
    }
}
