//! All tests of one field, compiled together: each value is looked at once, whatever the number of rules.
//!
//! Invariant: `scan` reports a term if and only if one of its tests holds of the value by `Test::holds`.

use std::borrow::Cow;
use std::net::IpAddr;

use bongsu_event::ValueRef;
use hashbrown::HashMap;
use ipnet::IpNet;

use super::grams::{Commonness, Grams};
use super::meter::Clock;
use super::trie::Trie;
use crate::atom::{Compare, Expression, Number, Test, address_of, cut, text_of};
use crate::json::{Raw, unescape};
use crate::limits::MATCH_BYTES_MAX;
use crate::pattern::{Pattern, Shape, fold, fold_into};

/// Terms `[start, end)` of the pool.
type Span = (u32, u32);

/// Room that `scan` writes into, kept from value to value.
#[derive(Debug, Default)]
pub(crate) struct Room {
    plain: String,
    text: String,
    folded: String,
    tries: Vec<u32>,
    /// All texts of the event are known to hold neither `\u` nor a character that folds to ASCII from beyond it.
    pub clean: bool,
    /// Of a counted event.
    pub timed: Timed,
}

/// What the expressions tried for a counted event took.
#[derive(Debug, Default)]
pub(crate) struct Timed {
    /// Lent for a counted event.
    pub clock: Option<Clock>,
    /// Terms whose expressions were tried, and for how long, nanoseconds.
    tried: Vec<(u32, u64)>,
    /// How many of those have their lane's number already.
    renumbered: usize,
}

impl Timed {
    /// Give what was tried last the numbers of the lane.
    pub fn renumber(&mut self, number: &dyn Fn(u32) -> u32) {
        for (term, _) in self.tried.iter_mut().skip(self.renumbered) {
            *term = number(*term);
        }
        self.renumbered = self.tried.len();
    }
    /// What was tried since this was asked last, by the numbers of the lane.
    pub fn take_tried(&mut self) -> Vec<(u32, u64)> {
        self.renumbered = 0;
        std::mem::take(&mut self.tried)
    }
}

/// What a literal that was found means.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// This term holds.
    Hold(u32),
    Try(u32),
}

#[derive(Debug)]
enum Closer {
    Glob { pattern: Pattern, cased: bool },
    Regex(Expression),
}

/// Texts longer than this are asked as they are before they are copied, bytes; longer than any address even if half of
/// it is backslashes.
const LONG_BYTES_MIN: usize = 160;
/// Texts up to this are copied at once where only literals anywhere are looked for, bytes.
const SHORT_BYTES_MAX: usize = 12;

/// Literals looked for in the folded text, each with its acts.
#[derive(Debug, Default)]
struct Literals {
    exact: HashMap<Box<str>, u32>,
    /// One bit for each length of an exact literal, the last for all that are longer.
    lengths: u64,
    /// Longest exact literal, literal in front and literal behind, bytes.
    longest: [usize; 3],
    inside: Option<Grams>,
    front: Option<Trie>,
    back: Option<Trie>,
    /// Of each literal, from its start to that of the next.
    acts: Vec<Act>,
    starts: Vec<u32>,
}

/// The compiled tests.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pool: Vec<u32>,
    exists: Span,
    valued: Span,
    literals: Literals,
    closers: Vec<(Closer, Span)>,
    always: Vec<u32>,
    nets: Vec<(bool, u8, HashMap<u128, Span>)>,
    numbers: Vec<(Compare, Vec<(Number, Span)>)>,
    others: Vec<(Test, Span)>,
    needs_text: bool,
    needs_fold: bool,
    needs_value: bool,
    /// Values are asked for their folded text, and for nothing else.
    only_text: bool,
    /// Only literals are looked for: long texts can be asked as they are.
    skims: bool,
    /// The same, and none of them has a place in the text.
    seeks: bool,
}

/// Literals, each as often as something asks for it.
type Gathered<'t> = Vec<(Cow<'t, str>, Act)>;

#[derive(Default)]
struct Draft<'t> {
    exact: Gathered<'t>,
    inside: Gathered<'t>,
    front: Gathered<'t>,
    back: Gathered<'t>,
}

impl Slot {
    /// Compile tests, each with the terms that it makes hold.
    pub fn new<'t>(tests: impl Iterator<Item = (&'t Test, u32)>, common: &Commonness) -> Self {
        let mut this = Self::default();
        let mut draft = Draft::default();
        // What is more than a literal is asked once, whatever number of terms it makes hold.
        let mut others: HashMap<&Test, Vec<u32>> = HashMap::new();
        let mut order = Vec::new();
        for (test, term) in tests {
            if draft.takes(test, term) {
                continue;
            }
            let list = others.entry(test).or_insert_with(|| {
                order.push(test);
                Vec::new()
            });
            if list.last() != Some(&term) {
                list.push(term);
            }
        }
        for test in order {
            let span = this.span(others.get(test).map(Vec::as_slice).unwrap_or_default());
            this.add(test, span, &mut draft);
        }
        for (_, bounds) in &mut this.numbers {
            bounds.sort_by(|a, b| a.0.order(b.0));
        }
        this.needs_fold =
            !draft.is_empty() || this.closers.iter().any(|(c, _)| matches!(c, Closer::Glob { cased: false, .. }));
        this.needs_text = this.needs_fold || !this.closers.is_empty();
        this.needs_value =
            this.needs_text || !this.nets.is_empty() || !this.numbers.is_empty() || !this.others.is_empty();
        this.only_text = this.needs_fold && this.nets.is_empty() && this.numbers.is_empty() && this.others.is_empty();
        this.skims = this.always.is_empty() && this.numbers.is_empty() && this.others.is_empty();
        this.seeks = this.skims
            && this.nets.is_empty()
            && this.exists == this.valued
            && this.exists == Span::default()
            && draft.exact.is_empty()
            && draft.front.is_empty()
            && draft.back.is_empty();
        this.literals = draft.build(common);
        this
    }
    fn span(&mut self, terms: &[u32]) -> Span {
        let start = number(self.pool.len());
        self.pool.extend_from_slice(terms);
        (start, number(self.pool.len()))
    }
    fn add<'t>(&mut self, test: &'t Test, span: Span, draft: &mut Draft<'t>) {
        match test {
            Test::Exists => self.exists = span,
            Test::Valued => self.valued = span,
            Test::Text { pattern, cased: false } => self.add_pattern(pattern, span, draft),
            Test::Text { pattern, cased: true } => self.add_cased(pattern, span, draft),
            Test::Regex(e) => {
                let closer = self.closer(Closer::Regex(e.clone()), span);
                match e.required() {
                    Some(literals) => {
                        draft.inside.extend(literals.iter().map(|l| (Cow::from(l), Act::Try(closer))));
                    }
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
        number(self.closers.len() - 1)
    }
    /// What is no literal.
    fn add_pattern<'t>(&mut self, pattern: &'t Pattern, span: Span, draft: &mut Draft<'t>) {
        if pattern.shape() == Shape::Anything {
            return self.others.push((Test::Valued, span));
        }
        let closer = self.closer(Closer::Glob { pattern: pattern.clone(), cased: false }, span);
        match pattern.longest() {
            Some(l) => draft.inside.push((l.into(), Act::Try(closer))),
            None => self.always.push(closer),
        }
    }
    /// What holds with case holds without: found in the folded text, then compared as it is.
    fn add_cased<'t>(&mut self, pattern: &Pattern, span: Span, draft: &mut Draft<'t>) {
        let closer = self.closer(Closer::Glob { pattern: pattern.clone(), cased: true }, span);
        let act = Act::Try(closer);
        match pattern.shape() {
            Shape::Exact(t) => draft.exact.push((fold(t).into(), act)),
            Shape::Starts(t) => draft.front.push((fold(t).into(), act)),
            Shape::Ends(t) => draft.back.push((fold(t).into(), act)),
            Shape::Contains(t) => draft.inside.push((fold(t).into(), act)),
            Shape::Anything => self.always.push(closer),
            Shape::Glob => match pattern.folded().longest() {
                Some(l) => draft.inside.push((l.to_owned().into(), act)),
                None => self.always.push(closer),
            },
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
    #[inline]
    pub fn scan(&self, value: Raw<'_>, branch: bool, room: &mut Room, hit: &mut impl FnMut(u32)) {
        self.hold(self.exists, hit);
        if branch {
            return self.hold(self.valued, hit);
        }
        if matches!(value, Raw::Value(ValueRef::Null)) {
            return;
        }
        self.hold(self.valued, hit);
        if !self.needs_value {
            return;
        }
        let (text, escaped) = match value {
            Raw::Escaped(text) => (text, true),
            Raw::Value(ValueRef::Text(text)) => (text, false),
            _ => ("", false),
        };
        if (text.len() > LONG_BYTES_MIN || self.seeks && text.len() > SHORT_BYTES_MAX)
            && self.skimmed(text, escaped, room, hit)
        {
            return;
        }
        if let (Raw::Escaped(raw), true) = (value, self.only_text) {
            return self.scan_escaped(raw, room, hit);
        }
        let mut plain = std::mem::take(&mut room.plain);
        let value = match (ready(value, &mut plain), value) {
            // Dates read a number as one; all else reads its text.
            (ValueRef::Text(t), Raw::Digits(_)) if !self.others.is_empty() => {
                t.parse().map_or(ValueRef::Null, ValueRef::Int)
            }
            (value, _) => value,
        };
        self.scan_value(value, room, hit);
        room.plain = plain;
    }
    /// Try to tell from a long text as it is that only literals at its ends can matter, and look at those. `false`:
    /// it has to be looked at whole.
    fn skimmed(&self, text: &str, escaped: bool, room: &mut Room, hit: &mut impl FnMut(u32)) -> bool {
        // Half of the text may be backslashes, and folding makes some characters three times shorter.
        let [exact, front, back] = self.literals.longest;
        let ready = self.skims && text.len() <= MATCH_BYTES_MAX && (exact == 0 || exact < text.len() / 6);
        if !ready || self.may_stand_in(text, escaped, room) {
            return false;
        }
        let bytes = text.as_bytes();
        let mut whole = true;
        let Room { plain, folded, .. } = room;
        let mut act = |act: Act| match act {
            Act::Hold(term) => hit(term),
            Act::Try(_) => whole = false,
        };
        if let Some(trie) = &self.literals.front {
            folded_end(cut(text, front * 6 + 6), escaped, plain, folded);
            trie.walk(folded.as_bytes(), |at| self.literals.acts_of(at, &mut act));
        }
        if let Some(trie) = &self.literals.back {
            let mut start = text.len().saturating_sub(back * 6 + 6);
            // Never begin inside a character, nor between a backslash and what it escapes.
            while start > 0 && (!text.is_char_boundary(start) || bytes.get(start - 1) == Some(&b'\\')) {
                start -= 1;
            }
            folded_end(text.get(start..).unwrap_or(text), escaped, plain, folded);
            trie.walk(folded.as_bytes(), |at| self.literals.acts_of(at, &mut act));
        }
        whole
    }
    /// May a literal that is looked for anywhere stand in the text?
    fn may_stand_in(&self, text: &str, escaped: bool, room: &Room) -> bool {
        let Some(inside) = &self.literals.inside else { return false };
        let clean = room.clean || !escaped && is_clean(text);
        !clean || inside.may_hold(text.as_bytes(), escaped)
    }
    /// May any test hold of any text in this line, whose texts are written with escapes?
    pub fn may_hold(&self, line: &str, room: &Room) -> bool {
        !self.seeks || self.may_stand_in(line, true, room)
    }
    fn scan_value(&self, value: ValueRef<'_>, room: &mut Room, hit: &mut impl FnMut(u32)) {
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
    #[inline]
    fn hold(&self, (start, end): Span, hit: &mut impl FnMut(u32)) {
        for term in self.pool.get(start as usize..end as usize).unwrap_or_default() {
            hit(*term);
        }
    }
    fn scan_text(&self, value: ValueRef<'_>, room: &mut Room, hit: &mut impl FnMut(u32)) {
        let Room { text, folded, tries, timed, .. } = room;
        let text = text_of(value, text);
        tries.clear();
        if self.needs_fold {
            folded.clear();
            fold_into(text, folded);
            self.find(folded, tries, hit);
        }
        tries.extend_from_slice(&self.always);
        self.close((text, folded), tries, timed, hit);
    }
    /// The same of text with escapes, whose plain form is made only where something asks for it.
    fn scan_escaped(&self, raw: &str, room: &mut Room, hit: &mut impl FnMut(u32)) {
        let Room { plain, folded, tries, timed, .. } = room;
        plain_into(raw, folded);
        let ascii = folded.is_ascii();
        if ascii {
            folded.make_ascii_lowercase();
        } else {
            std::mem::swap(plain, folded);
            folded.clear();
            fold_into(plain, folded);
        }
        tries.clear();
        self.find(folded, tries, hit);
        tries.extend_from_slice(&self.always);
        if tries.is_empty() {
            return;
        }
        if ascii {
            plain_into(raw, plain);
        }
        self.close((plain, folded), tries, timed, hit);
    }
    fn find(&self, folded: &str, tries: &mut Vec<u32>, hit: &mut impl FnMut(u32)) {
        self.literals.find(folded, &mut |act| match act {
            Act::Hold(term) => hit(term),
            Act::Try(closer) => tries.push(closer),
        });
    }
    /// Ask the tests that a literal, or nothing, made worth asking.
    fn close(&self, (text, folded): (&str, &str), tries: &mut Vec<u32>, timed: &mut Timed, hit: &mut impl FnMut(u32)) {
        if tries.is_empty() {
            return;
        }
        tries.sort_unstable();
        tries.dedup();
        for at in tries.iter() {
            if let Some((closer, span)) = self.closers.get(*at as usize) {
                let began = timed.clock.map(|now| now());
                let holds = match closer {
                    Closer::Glob { pattern, cased: true } => pattern.matches(text),
                    Closer::Glob { pattern, cased: false } => pattern.matches(folded),
                    Closer::Regex(e) => e.is_match(text),
                };
                if let (Some(now), Some(began)) = (timed.clock, began) {
                    let took = now().saturating_sub(began) / u64::from((span.1 - span.0).max(1));
                    self.hold(*span, &mut |term| timed.tried.push((term, took)));
                }
                if holds {
                    self.hold(*span, hit);
                }
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

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The value with its escapes taken away; `room` holds it where they were.
#[inline]
pub(crate) fn ready<'v>(value: Raw<'v>, room: &'v mut String) -> ValueRef<'v> {
    match value {
        Raw::Value(value) => value,
        // Its text is the one that the number would be written with.
        Raw::Digits(text) => ValueRef::Text(text),
        Raw::Escaped(raw) => {
            plain_into(raw, room);
            ValueRef::Text(room)
        }
    }
}

/// `raw` without escapes, as far as it is compared.
pub(super) fn plain_into(raw: &str, room: &mut String) {
    room.clear();
    // No escape is longer than six bytes for one: what lies beyond is never compared.
    unescape(cut(raw, MATCH_BYTES_MAX * 6), room);
    room.truncate(cut(room, MATCH_BYTES_MAX).len());
}

/// Does the text hold no character that folds to ASCII from beyond it?
pub(super) fn is_clean(text: &str) -> bool {
    text.is_ascii() || !folds_to_ascii(text.as_bytes())
}

/// May the text hold one of the three characters beyond ASCII that fold to ASCII: the long s, the Kelvin sign, İ?
fn folds_to_ascii(text: &[u8]) -> bool {
    ["ſ", "\u{212a}", "İ"].iter().any(|c| memchr::memmem::find(text, c.as_bytes()).is_some())
}

/// An end of a text, without escapes, folded.
fn folded_end(text: &str, escaped: bool, plain: &mut String, folded: &mut String) {
    folded.clear();
    if escaped {
        plain.clear();
        unescape(text, plain);
        fold_into(plain, folded);
    } else {
        fold_into(text, folded);
    }
}

impl<'t> Draft<'t> {
    /// Take in a test that looks for a literal.
    fn takes(&mut self, test: &'t Test, term: u32) -> bool {
        let Test::Text { pattern, cased: false } = test else { return false };
        let (list, text) = match pattern.shape() {
            Shape::Exact(t) => (&mut self.exact, t),
            Shape::Starts(t) => (&mut self.front, t),
            Shape::Ends(t) => (&mut self.back, t),
            Shape::Contains(t) => (&mut self.inside, t),
            Shape::Anything | Shape::Glob => return false,
        };
        list.push((text.into(), Act::Hold(term)));
        true
    }
    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.inside.is_empty() && self.front.is_empty() && self.back.is_empty()
    }
    fn build(self, common: &Commonness) -> Literals {
        let longest = |list: &Gathered<'_>| list.iter().map(|(t, _)| t.len()).max().unwrap_or(0);
        let longest = [longest(&self.exact), longest(&self.front), longest(&self.back)];
        let mut out = Literals { longest, starts: vec![0], ..Literals::default() };
        let exact = out.numbered(self.exact);
        out.exact = exact.into_iter().map(|(text, at)| (text.into(), at)).collect();
        out.lengths = out.exact.keys().fold(0, |bits, text| bits | 1 << text.len().min(63));
        let inside = out.numbered(self.inside);
        let inside: Vec<(&[u8], u32)> = inside.iter().map(|(text, at)| (text.as_bytes(), *at)).collect();
        out.inside = Grams::new(&inside, common);
        let bytes = |list: Vec<(Cow<'t, str>, u32)>| -> Vec<(Vec<u8>, u32)> {
            list.into_iter().map(|(text, at)| (text.into_owned().into_bytes(), at)).collect()
        };
        let (front, back) = (out.numbered(self.front), out.numbered(self.back));
        out.front = Trie::new(bytes(front), false);
        out.back = Trie::new(bytes(back), true);
        out
    }
}

impl Literals {
    /// Give each literal a number, and keep its acts under it.
    fn numbered<'t>(&mut self, mut list: Gathered<'t>) -> Vec<(Cow<'t, str>, u32)> {
        list.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut out: Vec<(Cow<'t, str>, u32)> = Vec::with_capacity(list.len());
        for (text, act) in list {
            if out.last().is_none_or(|(last, _)| *last != text) {
                out.push((text, number(self.starts.len() - 1)));
                self.starts.push(number(self.acts.len()));
            }
            self.acts.push(act);
            if let Some(end) = self.starts.last_mut() {
                *end = number(self.acts.len());
            }
        }
        out
    }
    #[inline]
    fn acts_of(&self, at: u32, act: &mut impl FnMut(Act)) {
        let (Some(start), Some(end)) = (self.starts.get(at as usize), self.starts.get(at as usize + 1)) else { return };
        for one in self.acts.get(*start as usize..*end as usize).unwrap_or_default() {
            act(*one);
        }
    }
    #[inline]
    fn find(&self, folded: &str, act: &mut impl FnMut(Act)) {
        let mut found = |at: u32| self.acts_of(at, act);
        if self.lengths >> folded.len().min(63) & 1 == 1
            && let Some(at) = self.exact.get(folded)
        {
            found(*at);
        }
        if let Some(front) = &self.front {
            front.walk(folded.as_bytes(), &mut found);
        }
        if let Some(back) = &self.back {
            back.walk(folded.as_bytes(), &mut found);
        }
        if let Some(inside) = &self.inside {
            inside.scan(folded.as_bytes(), &mut found);
        }
    }
}
