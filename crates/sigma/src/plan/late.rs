//! Terms of a lane that no rule waits for: asked when a woken rule comes to them. Few are asked one by one; where many
//! are, a look at all of them together is cheaper, once they are compiled. They are compiled when what that would have
//! saved comes to what it costs.
//!
//! Invariant: whether terms are asked one by one or together changes nothing but time.

use std::sync::atomic::{AtomicU32, Ordering};

use bongsu_event::ValueRef;

use super::column::{Column, Columns, Groups};
use super::lane::Seen;
use super::slot::{Room, plain_into};
use super::{Interned, InternedTerm, Texts};
use crate::atom::{Test, cut, text_of};
use crate::json::Raw;
use crate::limits::MATCH_BYTES_MAX;
use crate::pattern::fold_into;

/// Compiling a test, nanoseconds.
const COMPILE_NANOS: u32 = 500;

/// The terms.
#[derive(Debug)]
pub(super) struct Late {
    columns: Columns,
    keywords: Option<Column>,
    groups: Vec<Group>,
    /// Group of each of the lane's terms; `NONE`: it is known before rules are asked.
    of_term: Box<[u32]>,
}

/// Columns that are looked at together.
#[derive(Debug, Default)]
struct Group {
    /// Compiling costs so much, and so much was lost by not having compiled, nanoseconds.
    price: u32,
    lost: AtomicU32,
}

/// What asking terms of a group one by one has come to in an event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    epoch: u32,
    nanos: u32,
    /// All of the group's terms are known.
    whole: bool,
}

/// What a term costs to be asked alone of so many bytes, and with all others at once, nanoseconds.
fn costs(work: u32, bytes: u32) -> (u32, u32) {
    (work.saturating_mul(5 + bytes / 64), 40 + bytes)
}

const NONE: u32 = u32::MAX;

impl Late {
    /// Of a lane's terms, given by the plan's numbers, those that are `late`.
    pub fn new(terms: &[u32], late: impl Fn(u32) -> bool, interned: &Interned) -> Self {
        let chosen: Vec<(u32, u32)> = terms
            .iter()
            .copied()
            .zip(0u32..)
            .filter(|(t, n)| late(*n) && interned.terms.get(*t as usize).is_some_and(|t| !t.pairs))
            .collect();
        let plain: Vec<u32> = chosen.iter().map(|(t, _)| *t).collect();
        let known = Groups::of(&plain, interned);
        let mut groups: Vec<Group> = (0..known.count).map(|_| Group::default()).collect();
        let mut of_term: Box<[u32]> = vec![NONE; terms.len()].into();
        for (term, n) in &chosen {
            let Some(at) = known.of_term(*term) else { continue };
            if let Some(place) = of_term.get_mut(*n as usize) {
                *place = u32::try_from(at).unwrap_or(NONE);
            }
            let tests = interned.terms.get(*term as usize).map_or(0, |t| t.term.tests.len());
            if let Some(group) = groups.get_mut(at) {
                let price = u32::try_from(tests).unwrap_or(NONE).saturating_mul(COMPILE_NANOS);
                group.price = group.price.saturating_add(price);
            }
        }
        let word = |t: u32| interned.terms.get(t as usize).is_some_and(|t| t.term.field.is_keyword());
        let words: Vec<(u32, u32)> = chosen.iter().copied().filter(|(t, _)| word(*t)).collect();
        let last = u32::try_from(known.count.saturating_sub(1)).unwrap_or(NONE);
        let keywords = (!words.is_empty()).then(|| Column::new(words, last));
        Self { columns: Columns::new(chosen.into_iter(), Some(&known), interned), keywords, groups, of_term }
    }
    /// The group of one of the lane's terms, if it is late.
    pub fn group(&self, term: u32) -> Option<u32> {
        self.of_term.get(term as usize).copied().filter(|g| *g != NONE)
    }
    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }
    /// Should the next term of this group, which takes so much work for so many bytes, be asked by itself? Keywords never
    /// are. Gives what it will cost, nanoseconds.
    pub fn asks_alone(&self, group: u32, asked: &mut Asked, work: u32, bytes: u32) -> (bool, u32) {
        let (alone, together) = costs(work, bytes);
        let Some(known) = self.groups.get(group as usize).filter(|_| group as usize + 1 < self.groups.len()) else {
            asked.whole = true;
            return (false, together);
        };
        let sum = asked.nanos.saturating_add(alone);
        // Threads that lose at once may lose a little more than the price.
        if sum > together && known.lost.load(Ordering::Relaxed) >= known.price {
            asked.whole = true;
            return (false, together);
        }
        if sum > together {
            known.lost.fetch_add(alone, Ordering::Relaxed);
        }
        asked.nanos = sum;
        (true, alone)
    }
    /// Look at all values of a group.
    pub fn look(
        &self,
        group: u32,
        interned: &Interned,
        texts: &Texts<'_, '_>,
        seen: &[Seen<'_>],
        room: &mut Room,
        hit: &mut impl FnMut(u32),
    ) {
        if group as usize + 1 == self.groups.len() {
            return look_for_words(self.keywords.as_ref(), interned, texts, room, hit);
        }
        for value in seen {
            if let Some(column) = self.columns.of(value.slot).filter(|c| c.group == group) {
                column.scan(interned, value.value, value.branch, room, hit);
            }
        }
    }
}

/// Look for keywords in the texts of an event.
pub(super) fn look_for_words(
    column: Option<&Column>,
    interned: &Interned,
    texts: &Texts<'_, '_>,
    room: &mut Room,
    hit: &mut impl FnMut(u32),
) {
    if let Some(column) = column.filter(|c| c.may_hold(interned, texts, room)) {
        texts.each(&mut |text| column.scan(interned, text, false, room, hit));
    }
}

impl Asked {
    /// In this event.
    pub fn begin(&mut self, epoch: u32) {
        if self.epoch != epoch {
            *self = Self { epoch, ..Self::default() };
        }
    }
    /// Are all of the group's terms known?
    pub fn is_whole(self) -> bool {
        self.whole
    }
}

/// Values made ready for tests that are asked one by one, in memory kept from event to event.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    all: Vec<Text>,
    used: usize,
}

/// The text of one of an event's values, as it is and folded.
#[derive(Debug, Default)]
struct Text {
    of: usize,
    plain: String,
    has_plain: bool,
    folded: String,
}

impl Prepared {
    /// Another event: nothing is ready.
    pub fn begin(&mut self) {
        self.used = 0;
    }
    /// Does any of the term's tests hold of the value that stands at this place among the event's?
    pub fn holds(&mut self, term: &InternedTerm, place: usize, seen: &Seen<'_>) -> bool {
        let tests = &term.term.tests;
        if seen.branch {
            return tests.iter().any(|t| matches!(t, Test::Exists | Test::Valued));
        }
        if matches!(seen.value, Raw::Value(ValueRef::Null)) {
            return tests.iter().any(|t| matches!(t, Test::Exists));
        }
        let folded_alone = tests.iter().all(|t| matches!(t, Test::Text { cased: false, .. }));
        let Some(text) = self.text(place, seen.value) else { return false };
        if !folded_alone {
            text.write_plain(seen.value);
        }
        let Text { plain, folded, .. } = text;
        let value = match seen.value {
            Raw::Value(value) => value,
            Raw::Digits(text) => text.parse().map_or(ValueRef::Null, ValueRef::Int),
            Raw::Escaped(_) => ValueRef::Text(plain),
        };
        term.tests().any(|(test, searcher)| match (test, searcher) {
            (_, Some(searcher)) => searcher.find(folded.as_bytes()).is_some(),
            (Test::Text { pattern, cased: false }, _) => pattern.matches(folded),
            // Where a literal must stand in the text, it is cheaper to look for that first.
            (Test::Regex(e), _) if e.required().is_some_and(|l| !l.iter().any(|l| folded.contains(l.as_str()))) => {
                false
            }
            (test, _) => test.holds_as(value, plain, folded),
        })
    }
    fn text(&mut self, place: usize, value: Raw<'_>) -> Option<&mut Text> {
        let known = self.all.iter().take(self.used).position(|t| t.of == place);
        if known.is_none() {
            if self.all.len() == self.used {
                self.all.push(Text::default());
            }
            let text = self.all.get_mut(self.used)?;
            text.of = place;
            text.has_plain = false;
            text.write_folded(value);
            self.used += 1;
        }
        self.all.get_mut(known.unwrap_or(self.used - 1))
    }
}

impl Text {
    fn write_folded(&mut self, value: Raw<'_>) {
        let Self { plain, folded, .. } = self;
        match value {
            Raw::Escaped(raw) => {
                plain_into(raw, folded);
                if folded.is_ascii() {
                    return folded.make_ascii_lowercase();
                }
                std::mem::swap(plain, folded);
                self.has_plain = true;
                folded.clear();
                fold_into(plain, folded);
            }
            Raw::Digits(text) => text.clone_into(folded),
            Raw::Value(value) => {
                let text = text_of(value, plain);
                folded.clear();
                fold_into(text, folded);
            }
        }
    }
    fn write_plain(&mut self, value: Raw<'_>) {
        if std::mem::replace(&mut self.has_plain, true) {
            return;
        }
        let mut room = std::mem::take(&mut self.plain);
        match value {
            Raw::Escaped(raw) => plain_into(raw, &mut room),
            Raw::Digits(text) => text.clone_into(&mut room),
            Raw::Value(ValueRef::Text(text)) => cut(text, MATCH_BYTES_MAX).clone_into(&mut room),
            Raw::Value(value) => {
                text_of(value, &mut String::new()).clone_into(&mut room);
            }
        }
        self.plain = room;
    }
}
