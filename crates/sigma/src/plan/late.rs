//! Terms of a lane that no rule waits for: asked when a woken rule comes to them, one by one, until so much has been
//! asked that compiling all of them together is cheaper.
//!
//! Invariant: whether terms are asked one by one or together changes nothing but time.

use std::sync::atomic::{AtomicU32, Ordering};

use bongsu_event::ValueRef;

use super::column::{Column, Columns, Groups};
use super::lane::Seen;
use super::slot::{Room, plain_into};
use super::{Interned, Texts};
use crate::atom::{Test, text_of};
use crate::json::Raw;
use crate::pattern::fold_into;

/// To compile a test costs so many times what it costs to ask it once.
const COMPILING: u32 = 8;

/// The terms.
#[derive(Debug)]
pub(super) struct Late {
    columns: Columns,
    keywords: Option<Column>,
    groups: Vec<Group>,
    /// Group of each of the lane's terms; `NONE`: it is known before rules are asked.
    of_term: Box<[u32]>,
}

/// Columns that are looked at together, and what asking their terms one by one has come to.
#[derive(Debug)]
struct Group {
    /// Asking costs so much before its terms are compiled.
    limit: u32,
    asked: AtomicU32,
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
        let mut groups: Vec<Group> =
            (0..known.count).map(|_| Group { limit: 0, asked: AtomicU32::new(0) }).collect();
        let mut of_term: Box<[u32]> = vec![NONE; terms.len()].into();
        for (term, n) in &chosen {
            let Some(at) = known.of_term(*term) else { continue };
            if let Some(place) = of_term.get_mut(*n as usize) {
                *place = u32::try_from(at).unwrap_or(NONE);
            }
            let tests = interned.terms.get(*term as usize).map_or(0, |t| t.term.tests.len());
            if let (Some(group), true) = (groups.get_mut(at), at + 1 < known.count) {
                group.limit = group.limit.saturating_add(u32::try_from(tests).unwrap_or(NONE).saturating_mul(COMPILING));
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
    /// The next term of this group costs so many tests: should it be asked by itself?
    pub fn asks_alone(&self, group: u32, tests: usize) -> bool {
        let Some(group) = self.groups.get(group as usize) else { return false };
        // Close to the limit threads may go beyond it a little, which costs nothing but that.
        group.asked.load(Ordering::Relaxed) < group.limit
            && group.asked.fetch_add(u32::try_from(tests).unwrap_or(NONE / 2), Ordering::Relaxed) < group.limit
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
    folded: String,
}

impl Prepared {
    /// Another event: nothing is ready.
    pub fn begin(&mut self) {
        self.used = 0;
    }
    /// Does any of these tests hold of the value that stands at this place among the event's?
    pub fn holds(&mut self, tests: &[Test], place: usize, seen: &Seen<'_>) -> bool {
        if seen.branch {
            return tests.iter().any(|t| matches!(t, Test::Exists | Test::Valued));
        }
        if matches!(seen.value, Raw::Value(ValueRef::Null)) {
            return tests.iter().any(|t| matches!(t, Test::Exists));
        }
        let Some(Text { plain, folded, .. }) = self.text(place, seen.value) else { return false };
        let value = match seen.value {
            Raw::Value(value) => value,
            Raw::Digits(text) => text.parse().map_or(ValueRef::Null, ValueRef::Int),
            Raw::Escaped(_) => ValueRef::Text(plain),
        };
        tests.iter().any(|t| t.holds_as(value, plain, folded))
    }
    fn text(&mut self, place: usize, value: Raw<'_>) -> Option<&Text> {
        let known = self.all.iter().take(self.used).position(|t| t.of == place);
        if known.is_none() {
            if self.all.len() == self.used {
                self.all.push(Text::default());
            }
            let Text { of, plain, folded } = self.all.get_mut(self.used)?;
            *of = place;
            match value {
                Raw::Escaped(raw) => plain_into(raw, plain),
                Raw::Digits(text) => text.clone_into(plain),
                Raw::Value(value) => {
                    // The text is written to `folded` where it must be written.
                    let text = text_of(value, folded);
                    text.clone_into(plain);
                }
            }
            folded.clear();
            fold_into(plain, folded);
            self.used += 1;
        }
        self.all.get(known.unwrap_or(self.used - 1))
    }
}
