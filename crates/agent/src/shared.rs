//! What the parts of the agent share: the spool, the folder, the clocks, the tallies of inputs.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

use bongsu_event::Micros;
use bongsu_journal::Spool;
use bongsu_uplink::{InputId, InputStatus};
use parking_lot::Mutex;

use crate::Folder;

/// The spool counts as full from this part of its bound on, in tenths: readers of files and of TCP wait then.
const FULL_TENTHS: u64 = 9;

pub(crate) struct Shared {
    pub folder: Folder,
    pub spool: Spool,
    /// Nothing more fits that the center has not acknowledged.
    pub full: AtomicBool,
    /// Acknowledged by the center in this run; written to disk by the keeper.
    pub acked: AtomicU64,
    /// The center's clock minus ours, microseconds.
    pub clock_ahead: AtomicI64,
    pub tallies: Mutex<BTreeMap<InputId, Arc<Tally>>>,
}

/// What one input did since the agent started.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub lines: AtomicU64,
    pub bytes: AtomicU64,
    pub truncated: AtomicU64,
    pub dropped: AtomicU64,
    pub last_line: AtomicI64,
    pub open: Mutex<Vec<String>>,
    pub error: Mutex<String>,
}

/// The machine's clock.
pub(crate) fn now() -> Micros {
    Micros::from_timestamp(jiff::Timestamp::now())
}

impl Shared {
    pub fn new(folder: Folder, spool: Spool) -> Arc<Self> {
        let acked = AtomicU64::new(spool.acked());
        Arc::new(Self {
            folder,
            spool,
            full: AtomicBool::new(false),
            acked,
            clock_ahead: AtomicI64::new(0),
            tallies: Mutex::default(),
        })
    }

    /// Time of day as the center sees it: blocks end by it.
    pub fn center_now(&self) -> Micros {
        Micros(now().0.saturating_add(self.clock_ahead.load(Relaxed)))
    }

    pub fn tally(&self, input: InputId) -> Arc<Tally> {
        Arc::clone(self.tallies.lock().entry(input).or_default())
    }

    /// Looks whether the spool has room for what is not acknowledged.
    pub fn look_at_room(&self) {
        let s = self.spool.stats();
        let over = s.bytes > s.bytes_max / 10 * FULL_TENTHS;
        let held = s.last_sequence.saturating_sub(s.first_sequence);
        let may_go = s.acked_sequence.saturating_sub(s.first_sequence);
        let full = over && may_go < held / 8;
        if self.full.swap(full, Relaxed) != full {
            tracing::warn!(full, bytes = s.bytes, "the spool is full of what the center has not taken: files wait");
        }
    }
}

impl Tally {
    pub fn count(&self, bytes: usize, truncated: bool, time: Micros) {
        self.lines.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.truncated.fetch_add(u64::from(truncated), Relaxed);
        self.last_line.fetch_max(time.0, Relaxed);
    }

    pub fn set_error(&self, text: impl Into<String>) {
        let text = text.into();
        let mut error = self.error.lock();
        if *error != text {
            if !text.is_empty() {
                tracing::warn!(error = text, "an input fails");
            }
            *error = text;
        }
    }

    pub fn status(&self, input: InputId) -> InputStatus {
        let last = self.last_line.load(Relaxed);
        InputStatus {
            input,
            lines: self.lines.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            truncated: self.truncated.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            last_line: (last != 0).then_some(Micros(last)),
            open: self.open.lock().clone(),
            error: self.error.lock().clone(),
        }
    }
}
