//! The newest durable batches, held in memory for readers that are nearly up to date.
//!
//! Invariant: bounded in bytes and batches whatever the readers do; a reader that falls behind reads the disk. Nothing
//! stands here that is not durable.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::ReadError;
use crate::format::Hash;
use crate::limits::{LIVE_BATCHES_MAX, LIVE_BYTES_MAX};
use crate::reader::{Batch, Reader};

/// What is durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durable {
    pub epoch: u64,
    pub sequence: u64,
    pub hash: Hash,
    pub segment: u32,
    pub offset: u64,
}

struct State {
    durable: Durable,
    recent: VecDeque<Arc<Batch>>,
    recent_bytes: usize,
    tails: Vec<Weak<AtomicU64>>,
    closed: bool,
}

pub(crate) struct Live {
    state: Mutex<State>,
    changed: Condvar,
    /// Lock-free copy for those who only look.
    sequence: AtomicU64,
}

impl Live {
    pub fn new(durable: Durable) -> Self {
        let state = State { durable, recent: VecDeque::new(), recent_bytes: 0, tails: Vec::new(), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), sequence: AtomicU64::new(durable.sequence) }
    }

    pub fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    pub fn durable(&self) -> Durable {
        self.state.lock().durable
    }

    /// A batch has become durable.
    pub fn publish(&self, durable: Durable, batch: Batch) {
        let mut state = self.state.lock();
        state.durable = durable;
        self.sequence.store(durable.sequence, Ordering::Release);
        state.tails.retain(|t| t.strong_count() > 0);
        if state.tails.is_empty() {
            state.recent.clear();
            state.recent_bytes = 0;
        } else {
            state.recent_bytes += batch.raw_bytes();
            state.recent.push_back(Arc::new(batch));
            state.prune();
        }
        drop(state);
        self.changed.notify_all();
    }

    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }

    /// Wait until something beyond `seen` is durable, or the end; says what is durable and whether it ended.
    pub fn wait_beyond(&self, seen: u64, patience: Duration) -> (Durable, bool) {
        let mut state = self.state.lock();
        let end = Instant::now() + patience;
        while state.durable.sequence <= seen && !state.closed {
            if self.changed.wait_until(&mut state, end).timed_out() {
                break;
            }
        }
        (state.durable, state.closed)
    }

    fn register(&self, next: u64) -> Arc<AtomicU64> {
        let position = Arc::new(AtomicU64::new(next));
        self.state.lock().tails.push(Arc::downgrade(&position));
        position
    }
}

impl State {
    /// Let go of what every tail has passed, and of the oldest over the bounds.
    fn prune(&mut self) {
        let slowest = self.tails.iter().filter_map(Weak::upgrade).map(|p| p.load(Ordering::Relaxed)).min();
        while let Some(front) = self.recent.front() {
            let passed = slowest.is_none_or(|s| front.last_sequence() < s);
            let over = self.recent_bytes > LIVE_BYTES_MAX || self.recent.len() > LIVE_BATCHES_MAX;
            if !passed && !over {
                break;
            }
            self.recent_bytes = self.recent_bytes.saturating_sub(front.raw_bytes());
            self.recent.pop_front();
        }
    }
}

/// Follows the journal: first what is on disk, then each batch as it becomes durable.
///
/// It never slows the writer: one that falls behind reads the disk. Retiring segments it has not read yet is the
/// caller's to avoid.
pub struct Tail {
    live: Arc<Live>,
    reader: Reader,
    next: u64,
    position: Arc<AtomicU64>,
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").field("next", &self.next).finish_non_exhaustive()
    }
}

enum Found {
    Recent(Arc<Batch>),
    OnDisk(u64),
    Nothing,
}

impl Tail {
    pub(crate) fn new(live: Arc<Live>, reader: Reader, next: u64) -> Self {
        let position = live.register(next);
        Self { live, reader, next, position }
    }

    /// Sequence of the next record it will give.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The next batch; `Ok(None)` after `patience` without one, or when the journal is closed and all was read
    /// (see [`Tail::is_over`]). Blocks the thread. A batch may begin later than [`Tail::position`] said if the
    /// records between were retired or cut off.
    ///
    /// # Errors
    /// A damaged stretch was passed over, or the disk cannot be read; calling again goes on.
    pub fn next_batch(&mut self, patience: Duration) -> Result<Option<Arc<Batch>>, ReadError> {
        let end = Instant::now() + patience;
        loop {
            match self.find(end) {
                Found::Recent(batch) => return Ok(Some(self.pass(batch))),
                Found::Nothing => {
                    self.reader.release();
                    return Ok(None);
                }
                Found::OnDisk(durable) => {
                    self.reader.seek(self.next);
                    match self.reader.next_batch_until(durable)? {
                        Some(batch) => return Ok(Some(self.pass(Arc::new(batch)))),
                        // Only a damaged stretch is left on disk: go on behind it.
                        None => self.step_to(durable + 1),
                    }
                }
            }
        }
    }

    /// The journal is closed and everything durable was given.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let state = self.live.state.lock();
        state.closed && self.next > state.durable.sequence
    }

    fn find(&self, end: Instant) -> Found {
        let mut state = self.live.state.lock();
        state.prune();
        loop {
            if state.durable.sequence >= self.next {
                let recent = state.recent.front().is_some_and(|b| b.first_sequence <= self.next);
                let batch = recent.then(|| state.recent.iter().find(|b| b.last_sequence() >= self.next)).flatten();
                return batch.map_or(Found::OnDisk(state.durable.sequence), |b| Found::Recent(Arc::clone(b)));
            }
            if state.closed || self.live.changed.wait_until(&mut state, end).timed_out() {
                return Found::Nothing;
            }
        }
    }

    fn pass(&mut self, batch: Arc<Batch>) -> Arc<Batch> {
        let batch = if batch.first_sequence < self.next { Arc::new(batch.from(self.next)) } else { batch };
        self.step_to(batch.last_sequence() + 1);
        batch
    }

    fn step_to(&mut self, next: u64) {
        self.next = next;
        self.position.store(next, Ordering::Relaxed);
    }
}
