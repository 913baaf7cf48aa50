//! What the intake counts, per listener and per source. Only ever up, except `open`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use bongsu_event::{Micros, RawRecord, SourceId};
use parking_lot::RwLock;

macro_rules! counters {
    ($(#[$all:meta])* $name:ident, $snapshot:ident { $($(#[$doc:meta])* $field:ident),* $(,)? }) => {
        $(#[$all])*
        #[derive(Debug, Default)]
        pub struct $name { $($(#[$doc])* pub $field: AtomicU64,)* last_line: AtomicI64 }

        /// A copy of the counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $snapshot { $($(#[$doc])* pub $field: u64,)* /** When the last line came; `None` for never. */ pub last_line: Option<Micros> }

        impl $name {
            /// A copy at this moment.
            #[must_use]
            pub fn snapshot(&self) -> $snapshot {
                let last = self.last_line.load(Relaxed);
                $snapshot { $($field: self.$field.load(Relaxed),)* last_line: (last != 0).then_some(Micros(last)) }
            }
        }
    };
}

counters! {
    /// Counters of one listener.
    Counters, Snapshot {
        /// Lines delivered.
        lines,
        /// Raw bytes of them.
        bytes,
        /// Lines cut at the line limit.
        truncated,
        /// Lines whose end never came.
        unterminated,
        /// Bytes of cut lines that were not kept.
        swallowed_bytes,
        /// Connections taken since the start.
        accepted,
        /// Connections open now.
        open,
        /// Connections refused because a limit was reached.
        refused,
        /// TLS handshakes that failed or did not end in time.
        handshake_failed,
        /// Connections closed because nothing was said.
        idle_closed,
        /// Datagrams the kernel dropped because the receive buffer was full.
        udp_dropped,
        /// Datagrams over the rate of one address, dropped.
        rate_dropped,
        /// Lines that could not be delivered because the store was closed.
        undelivered,
    }
}

counters! {
    /// Counters of one source.
    SourceCounters, SourceSnapshot {
        /// Lines delivered.
        lines,
        /// Raw bytes of them.
        bytes,
        /// Lines cut at the line limit.
        truncated,
        /// Lines whose end never came.
        unterminated,
    }
}

/// Counters of all sources seen.
#[derive(Debug, Default)]
pub(crate) struct Sources(RwLock<HashMap<SourceId, Arc<SourceCounters>>>);

impl Sources {
    pub fn get(&self, source: SourceId) -> Arc<SourceCounters> {
        if let Some(found) = self.0.read().get(&source) {
            return Arc::clone(found);
        }
        Arc::clone(self.0.write().entry(source).or_default())
    }

    pub fn all(&self) -> Vec<(SourceId, SourceSnapshot)> {
        let mut all: Vec<_> = self.0.read().iter().map(|(id, c)| (*id, c.snapshot())).collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }
}

/// What a batch adds up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub lines: u64,
    pub bytes: u64,
    pub truncated: u64,
    pub unterminated: u64,
    pub last: i64,
}

impl Tally {
    pub fn add(&mut self, record: &RawRecord) {
        self.lines += 1;
        self.bytes += record.raw.len() as u64;
        self.truncated += u64::from(record.flags.truncated);
        self.unterminated += u64::from(record.flags.unterminated);
        self.last = self.last.max(record.receive_time.0);
    }
}

impl Counters {
    pub(crate) fn add(&self, tally: &Tally) {
        self.lines.fetch_add(tally.lines, Relaxed);
        self.bytes.fetch_add(tally.bytes, Relaxed);
        self.truncated.fetch_add(tally.truncated, Relaxed);
        self.unterminated.fetch_add(tally.unterminated, Relaxed);
        self.last_line.fetch_max(tally.last, Relaxed);
    }
}

impl SourceCounters {
    pub(crate) fn add(&self, tally: &Tally) {
        self.lines.fetch_add(tally.lines, Relaxed);
        self.bytes.fetch_add(tally.bytes, Relaxed);
        self.truncated.fetch_add(tally.truncated, Relaxed);
        self.unterminated.fetch_add(tally.unterminated, Relaxed);
        self.last_line.fetch_max(tally.last, Relaxed);
    }
}
