//! A few recent events of each kind: a new set of rules meets them before it is in force, and they tell which log
//! sources there are.
//!
//! Invariant: the event path never waits here; what does not fit is left out.

use std::collections::{HashMap, VecDeque};

use bongsu_event::{Class, Event, SourceId};
use parking_lot::Mutex;

/// Most kinds: a source, its format and a class.
const KINDS_MAX: usize = 512;
/// Most events of one kind.
const PER_KIND_MAX: usize = 8;
/// Most events that nobody has taken yet.
const FRESH_MAX: usize = 512;
/// Longer lines are not kept, bytes.
const SAMPLE_BYTES_MAX: usize = 8 * 1024;

#[derive(Default)]
struct Inner {
    kinds: HashMap<(SourceId, &'static str, Class), VecDeque<Event>>,
    fresh: Vec<Event>,
}

/// The events.
#[derive(Default)]
pub(super) struct Samples(Mutex<Inner>);

impl Samples {
    /// Keep one.
    pub fn keep(&self, event: &Event) {
        if event.raw.len() > SAMPLE_BYTES_MAX {
            return;
        }
        let Some(mut inner) = self.0.try_lock() else { return };
        if inner.fresh.len() < FRESH_MAX {
            inner.fresh.push(event.clone());
        }
        let key = (event.source, event.format, event.class);
        if inner.kinds.len() >= KINDS_MAX && !inner.kinds.contains_key(&key) {
            return;
        }
        let kind = inner.kinds.entry(key).or_default();
        if kind.len() == PER_KIND_MAX {
            kind.pop_front();
        }
        kind.push_back(event.clone());
    }
    /// All that are kept.
    pub fn all(&self) -> Vec<Event> {
        self.0.lock().kinds.values().flatten().cloned().collect()
    }
    /// Those kept since this was asked last.
    pub fn take_fresh(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().fresh)
    }
}
