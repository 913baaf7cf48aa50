//! All tests of one field, compiled together: each value is looked at once, whatever the number of rules.
//!
//! Invariant: `scan` reports a term if and only if one of its tests holds of the value by `Test::holds`.

use std::net::IpAddr;

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};
use bongsu_event::ValueRef;
use hashbrown::HashMap;
use ipnet::IpNet;
use regex::Regex;

use super::required;
use crate::atom::{Compare, Number, Test, address_of, text_of};
use crate::pattern::{Pattern, Shape, fold_into};

/// Terms `[start, end)` of the pool.
type Span = (u32, u32);

/// Room that `scan` writes into, kept from value to value.
#[derive(Debug, Default)]
pub(crate) struct Room {
    text: String,
    folded: String,
    reversed: Vec<u8>,
    tries: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Hold(Span),
    Try(u32),
}

#[derive(Debug)]
enum Closer {
    Glob { pattern: Pattern, cased: bool },
    Regex(Regex),
}

/// Literals looked for in one text.
#[derive(Debug, Default)]
struct Literals {
    exact: HashMap<Box<str>, Span>,
    inside: Option<Automaton>,
    front: Option<Automaton>,
    back: Option<Automaton>,
}

#[derive(Debug)]
struct Automaton {
    matcher: AhoCorasick,
    acts: Vec<Vec<Act>>,
    longest: usize,
}

/// The compiled tests.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pool: Vec<u32>,
    exists: Span,
    valued: Span,
    folded: Literals,
    cased: Literals,
    closers: Vec<(Closer, Span)>,
    always: Vec<u32>,
    nets: Vec<(bool, u8, HashMap<u128, Span>)>,
    numbers: Vec<(Compare, Vec<(Number, Span)>)>,
    others: Vec<(Test, Span)>,
    needs_text: bool,
    needs_fold: bool,
}

#[derive(Default)]
struct Draft {
    exact: HashMap<Box<str>, Span>,
    inside: Vec<(String, Act)>,
    front: Vec<(String, Act)>,
    back: Vec<(String, Act)>,
}

impl Slot {
    /// Compile tests, each with the terms that it makes hold.
    pub fn new<'t>(tests: impl Iterator<Item = (&'t Test, u32)>) -> Self {
        let mut terms: HashMap<&Test, Vec<u32>> = HashMap::new();
        let mut order = Vec::new();
        for (test, term) in tests {
            let list = terms.entry(test).or_insert_with(|| {
                order.push(test);
                Vec::new()
            });
            if list.last() != Some(&term) {
                list.push(term);
            }
        }
        let mut this = Self::default();
        let (mut folded, mut cased) = (Draft::default(), Draft::default());
        for test in order {
            let span = this.span(terms.get(test).map(Vec::as_slice).unwrap_or_default());
            this.add(test, span, &mut folded, &mut cased);
        }
        for (_, bounds) in &mut this.numbers {
            bounds.sort_by(|a, b| a.0.order(b.0));
        }
        this.needs_fold =
            !folded.is_empty() || this.closers.iter().any(|(c, _)| matches!(c, Closer::Glob { cased: false, .. }));
        this.needs_text = this.needs_fold || !cased.is_empty() || !this.closers.is_empty();
        this.folded = folded.build();
        this.cased = cased.build();
        this
    }
    fn span(&mut self, terms: &[u32]) -> Span {
        let start = u32::try_from(self.pool.len()).unwrap_or(u32::MAX);
        self.pool.extend_from_slice(terms);
        (start, u32::try_from(self.pool.len()).unwrap_or(u32::MAX))
    }
    fn add(&mut self, test: &Test, span: Span, folded: &mut Draft, cased: &mut Draft) {
        match test {
            Test::Exists => self.exists = span,
            Test::Valued => self.valued = span,
            Test::Text { pattern, cased: is_cased } => {
                let draft = if *is_cased { cased } else { folded };
                self.add_pattern(pattern, *is_cased, span, draft);
            }
            Test::Regex(e) => {
                let closer = self.closer(Closer::Regex(e.regex.clone()), span);
                match required::literals(e.source()) {
                    Some(literals) => folded.inside.extend(literals.into_iter().map(|l| (l, Act::Try(closer)))),
                    None => self.always.push(closer),
                }
            }
            Test::Net(net) => self.add_net(*net, span),
            Test::Number(compare, bound) if *compare != Compare::Eq => {
                match self.numbers.iter_mut().find(|(c, _)| c == compare) {
                    Some((_, list)) => list.push((*bound, span)),
                    None => self.numbers.push((*compare, vec![(*bound, span)])),
                }
            }
            Test::Number(..) | Test::Date(..) => self.others.push((test.clone(), span)),
            // Two fields at once: the lane compares them.
            Test::Field { .. } => {}
        }
    }
    fn closer(&mut self, closer: Closer, span: Span) -> u32 {
        self.closers.push((closer, span));
        u32::try_from(self.closers.len() - 1).unwrap_or(u32::MAX)
    }
    fn add_pattern(&mut self, pattern: &Pattern, cased: bool, span: Span, draft: &mut Draft) {
        match pattern.shape() {
            Shape::Exact(t) => {
                draft.exact.insert(t.into(), span);
            }
            Shape::Starts(t) => draft.front.push((t.to_owned(), Act::Hold(span))),
            Shape::Ends(t) => draft.back.push((t.to_owned(), Act::Hold(span))),
            Shape::Contains(t) => draft.inside.push((t.to_owned(), Act::Hold(span))),
            Shape::Anything => self.others.push((Test::Valued, span)),
            Shape::Glob => {
                let closer = self.closer(Closer::Glob { pattern: pattern.clone(), cased }, span);
                match pattern.longest() {
                    Some(l) => draft.inside.push((l.to_owned(), Act::Try(closer))),
                    None => self.always.push(closer),
                }
            }
        }
    }
    fn add_net(&mut self, net: IpNet, span: Span) {
        let (v4, bits) = bits_of(net.network());
        let len = net.prefix_len();
        let group = match self.nets.iter_mut().position(|(g, l, _)| *g == v4 && *l == len) {
            Some(at) => self.nets.get_mut(at),
            None => {
                self.nets.push((v4, len, HashMap::new()));
                self.nets.last_mut()
            }
        };
        if let Some((_, _, map)) = group {
            map.insert(bits, span);
        }
    }

    /// Report every term that holds of this value; `branch`: the field is a mapping, it is there and no more.
    pub fn scan(&self, value: ValueRef<'_>, branch: bool, room: &mut Room, hit: &mut impl FnMut(u32)) {
        self.hold(self.exists, hit);
        if branch {
            return self.hold(self.valued, hit);
        }
        if matches!(value, ValueRef::Null) {
            return;
        }
        self.hold(self.valued, hit);
        if self.needs_text {
            self.scan_text(value, room, hit);
        }
        if !self.nets.is_empty() {
            self.scan_nets(value, hit);
        }
        if !self.numbers.is_empty() {
            self.scan_numbers(value, hit);
        }
        for (test, span) in &self.others {
            if test.holds(value) {
                self.hold(*span, hit);
            }
        }
    }
    fn hold(&self, (start, end): Span, hit: &mut impl FnMut(u32)) {
        for term in self.pool.get(start as usize..end as usize).unwrap_or_default() {
            hit(*term);
        }
    }
    fn scan_text(&self, value: ValueRef<'_>, room: &mut Room, hit: &mut impl FnMut(u32)) {
        let Room { text, folded, reversed, tries } = room;
        let text = text_of(value, text);
        tries.clear();
        if self.needs_fold {
            folded.clear();
            fold_into(text, folded);
        }
        for (literals, text) in [(&self.folded, folded.as_str()), (&self.cased, text)] {
            if let Some(span) = (!literals.exact.is_empty()).then(|| literals.exact.get(text)).flatten() {
                self.hold(*span, hit);
            }
            if let Some(inside) = &literals.inside {
                for found in inside.matcher.find_overlapping_iter(text) {
                    self.act(inside, found.pattern().as_usize(), tries, hit);
                }
            }
            if let Some(front) = &literals.front {
                let head = text.as_bytes().get(..front.longest).unwrap_or(text.as_bytes());
                self.scan_end(front, head, tries, hit);
            }
            if let Some(back) = &literals.back {
                reversed.clear();
                reversed.extend(text.bytes().rev().take(back.longest));
                self.scan_end(back, reversed, tries, hit);
            }
        }
        tries.extend_from_slice(&self.always);
        tries.sort_unstable();
        tries.dedup();
        for at in tries.iter() {
            if let Some((closer, span)) = self.closers.get(*at as usize) {
                let holds = match closer {
                    Closer::Glob { pattern, cased: true } => pattern.matches(text),
                    Closer::Glob { pattern, cased: false } => pattern.matches(folded),
                    Closer::Regex(regex) => regex.is_match(text),
                };
                if holds {
                    self.hold(*span, hit);
                }
            }
        }
    }
    fn scan_end(&self, automaton: &Automaton, text: &[u8], tries: &mut Vec<u32>, hit: &mut impl FnMut(u32)) {
        let input = Input::new(text).anchored(Anchored::Yes);
        let mut state = OverlappingState::start();
        while automaton.matcher.try_find_overlapping(input.clone(), &mut state).is_ok() {
            let Some(found) = state.get_match() else { break };
            // Even anchored, a state reports the literals that end in it, wherever they began.
            if found.start() != 0 {
                continue;
            }
            self.act(automaton, found.pattern().as_usize(), tries, hit);
        }
    }
    fn act(&self, automaton: &Automaton, pattern: usize, tries: &mut Vec<u32>, hit: &mut impl FnMut(u32)) {
        for act in automaton.acts.get(pattern).map(Vec::as_slice).unwrap_or_default() {
            match act {
                Act::Hold(span) => self.hold(*span, hit),
                Act::Try(closer) => tries.push(*closer),
            }
        }
    }
    fn scan_nets(&self, value: ValueRef<'_>, hit: &mut impl FnMut(u32)) {
        let Some(address) = address_of(value) else { return };
        let (v4, bits) = bits_of(address);
        let width: u32 = if v4 { 32 } else { 128 };
        for (group, len, map) in &self.nets {
            if *group == v4 {
                let masked = u128::MAX.checked_shl(width - u32::from(*len)).unwrap_or(0) & bits;
                if let Some(span) = map.get(&masked) {
                    self.hold(*span, hit);
                }
            }
        }
    }
    fn scan_numbers(&self, value: ValueRef<'_>, hit: &mut impl FnMut(u32)) {
        let Some(number) = Number::of(value) else { return };
        for (compare, bounds) in &self.numbers {
            let below = bounds.partition_point(|(b, _)| b.order(number).is_lt());
            let up_to = bounds.partition_point(|(b, _)| b.order(number).is_le());
            let range = match compare {
                Compare::Gt => 0..below,
                Compare::Gte => 0..up_to,
                Compare::Lt => up_to..bounds.len(),
                Compare::Lte => below..bounds.len(),
                Compare::Eq => below..up_to,
            };
            for (_, span) in bounds.get(range).unwrap_or_default() {
                self.hold(*span, hit);
            }
        }
    }
}

/// Is it v4, and its bits.
fn bits_of(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(a) => (true, u128::from(u32::from(a))),
        IpAddr::V6(a) => (false, u128::from(a)),
    }
}

impl Draft {
    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.inside.is_empty() && self.front.is_empty() && self.back.is_empty()
    }
    fn build(self) -> Literals {
        let back = self.back.into_iter().map(|(t, act)| (t.bytes().rev().collect::<Vec<u8>>(), act));
        Literals {
            exact: self.exact,
            inside: Automaton::new(
                self.inside.into_iter().map(|(t, act)| (t.into_bytes(), act)),
                StartKind::Unanchored,
            ),
            front: Automaton::new(self.front.into_iter().map(|(t, act)| (t.into_bytes(), act)), StartKind::Anchored),
            back: Automaton::new(back, StartKind::Anchored),
        }
    }
}

impl Automaton {
    /// `None` where there is nothing to look for.
    fn new(literals: impl Iterator<Item = (Vec<u8>, Act)>, start: StartKind) -> Option<Self> {
        let mut texts: Vec<Vec<u8>> = Vec::new();
        let mut acts: Vec<Vec<Act>> = Vec::new();
        let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
        for (text, act) in literals {
            let at = *known.entry(text).or_insert_with_key(|text| {
                texts.push(text.clone());
                acts.push(Vec::new());
                acts.len() - 1
            });
            if let Some(list) = acts.get_mut(at) {
                list.push(act);
            }
        }
        let longest = texts.iter().map(Vec::len).max()?;
        // Building fails only beyond 2^31 states, which FILE_BYTES_MAX per rule file keeps far away.
        let matcher = AhoCorasick::builder().match_kind(MatchKind::Standard).start_kind(start).build(&texts).ok()?;
        Some(Self { matcher, acts, longest })
    }
}
