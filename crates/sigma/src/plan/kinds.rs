//! Values that tell kinds of events apart, and which terms each made hold: there are few of them, and they come again
//! and again.
//!
//! Invariant: what is remembered depends on the plan and the value alone; forgetting it changes nothing but time.

use bongsu_event::ValueRef;

use crate::json::Raw;

/// Longer values are looked at each time, bytes.
const VALUE_BYTES_MAX: usize = 64;
/// Values remembered of one column.
const PLACES: usize = 8;

/// A value and its terms.
#[derive(Debug, Default)]
struct Known {
    /// How the line has it: as text, with escapes or as digits.
    form: u8,
    text: Vec<u8>,
    terms: Vec<u32>,
    full: bool,
}

/// The values, by column.
#[derive(Debug, Default)]
pub(super) struct Kinds(Vec<Known>);

/// Where a value is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'v> {
    at: usize,
    form: u8,
    text: &'v [u8],
}

impl Kinds {
    /// Where this value of a column would be; `None`: it is not remembered.
    #[inline]
    pub fn place<'v>(column: usize, value: Raw<'v>) -> Option<Place<'v>> {
        let (form, text) = match value {
            Raw::Value(ValueRef::Text(t)) => (0, t),
            Raw::Escaped(t) => (1, t),
            Raw::Digits(t) => (2, t),
            Raw::Value(_) => return None,
        };
        let text = text.as_bytes();
        let last = text.last().copied().map_or(0, usize::from);
        let fits = text.len() <= VALUE_BYTES_MAX;
        fits.then_some(Place { at: column * PLACES + (text.len() + last) % PLACES, form, text })
    }
    /// The terms of a value, if it is known.
    #[inline]
    pub fn terms(&self, place: Place<'_>) -> Option<&[u32]> {
        let known = self.0.get(place.at)?;
        (known.full && known.form == place.form && known.text == place.text).then_some(&known.terms)
    }
    /// Remember the terms of a value.
    pub fn keep(&mut self, place: Place<'_>, terms: &[u32]) {
        if self.0.len() <= place.at {
            self.0.resize_with(place.at + 1, Known::default);
        }
        if let Some(known) = self.0.get_mut(place.at) {
            known.form = place.form;
            place.text.clone_into(&mut known.text);
            terms.clone_into(&mut known.terms);
            known.full = true;
        }
    }
}
