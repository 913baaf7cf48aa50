//! One event as names and values; its memory is used again for the next.

use bongsu_event::{Micros, ValueRef};

use super::names::{NameId, Names};
use super::{EVENT_TEXT_BYTES_MAX, EVENT_VALUES_MAX};

/// A value; text lies in the event's own room.
#[derive(Clone, Copy, Debug)]
pub(super) enum Held {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(u32, u32),
}

/// What one event holds.
#[derive(Debug, Default)]
pub(super) struct Values {
    list: Vec<(NameId, Held)>,
    text: String,
    pub time: Option<Micros>,
    /// Values were left out.
    pub cut: bool,
}

impl Values {
    pub fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
        self.time = None;
        self.cut = false;
    }
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
    pub fn push(&mut self, name: NameId, value: Held) {
        if self.list.len() < EVENT_VALUES_MAX {
            self.list.push((name, value));
        } else {
            self.cut = true;
        }
    }
    /// A text value, written by `write` at the end of the event's room.
    pub fn push_text(&mut self, name: NameId, write: impl FnOnce(&mut String)) {
        let begin = self.text.len();
        if begin < EVENT_TEXT_BYTES_MAX {
            write(&mut self.text);
        } else {
            self.cut = true;
        }
        let span = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.push(name, Held::Text(span(begin), span(self.text.len())));
    }
    fn value(&self, held: Held) -> ValueRef<'_> {
        match held {
            Held::Null => ValueRef::Null,
            Held::Bool(b) => ValueRef::Bool(b),
            Held::Int(n) => ValueRef::Int(n),
            Held::Float(f) => ValueRef::Float(f),
            Held::Text(from, to) => ValueRef::Text(self.text.get(from as usize..to as usize).unwrap_or("")),
        }
    }
}

/// An event that was read, until the next one is.
#[derive(Clone, Copy, Debug)]
pub struct WindowsEvent<'r> {
    pub(super) names: &'r Names,
    pub(super) values: &'r Values,
    /// The record's own number.
    pub record: u64,
    /// When it happened; of a record that does not say so, when it was written. Clocks that were never set say nothing.
    pub time: Option<Micros>,
}

impl<'r> WindowsEvent<'r> {
    /// Every value, in order, under the name that Sigma gives it. Lists repeat their name.
    pub fn for_each(&self, f: &mut dyn FnMut(&'r str, ValueRef<'r>)) {
        for (name, held) in &self.values.list {
            if let Some(name) = self.names.get(*name) {
                f(&name.short, self.values.value(*held));
            }
        }
    }
    /// The same under its whole path, as `Event.EventData.CommandLine`.
    pub fn for_each_path(&self, f: &mut dyn FnMut(&'r str, ValueRef<'r>)) {
        for (name, held) in &self.values.list {
            if let Some(name) = self.names.get(*name) {
                f(&name.path, self.values.value(*held));
            }
        }
    }
    /// Every value with its name's number in the reader's table; what is worked out of a name can be kept under it.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, ValueRef<'r>)> + use<'r> {
        let values = self.values;
        values.list.iter().map(move |(name, held)| (name.0 as usize, values.value(*held)))
    }
    /// The name of that number as Sigma writes it, and its whole path.
    #[must_use]
    pub fn name(&self, number: usize) -> Option<(&'r str, &'r str)> {
        let name = self.names.get(NameId(u32::try_from(number).ok()?))?;
        Some((&name.short, &name.path))
    }
    /// How often the reader's table of names began anew: numbers of before mean nothing after.
    #[must_use]
    pub fn table(&self) -> u64 {
        self.names.renewed
    }
    /// The first value of that name, as Sigma writes it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ValueRef<'r>> {
        let mut held = self.values.list.iter();
        held.find(|(id, _)| self.names.get(*id).is_some_and(|n| &*n.short == name)).map(|(_, v)| self.values.value(*v))
    }
    /// Were values left out because there were too many?
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.values.cut
    }
}
