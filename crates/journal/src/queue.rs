//! The bounded queue between many submitters and the one writer.
//!
//! Invariant: never more than `QUEUE_RECORDS_MAX` records or `QUEUE_BYTES_MAX` bytes wait, one submission aside; who finds
//! it full waits. No submission is ever dropped without its completion having run.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bongsu_event::RawRecord;
use bongsu_event::limits::BATCH_RECORDS_MAX;
use parking_lot::{Condvar, Mutex};

use crate::journal::Completion;
use crate::limits::{QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX};

/// Records of one submitter.
pub(crate) struct Submission {
    pub records: Vec<RawRecord>,
    pub bytes: usize,
    pub done: Completion,
}

impl Submission {
    pub fn new(records: Vec<RawRecord>, done: Completion) -> Self {
        let bytes = records.iter().map(|r| r.raw.len()).sum();
        Self { records, bytes, done }
    }
}

#[derive(Default)]
struct State {
    items: VecDeque<Submission>,
    records: usize,
    bytes: usize,
    closed: bool,
    waiting: Vec<Waker>,
}

impl State {
    fn has_room(&self, submission: &Submission) -> bool {
        self.items.is_empty()
            || (self.records + submission.records.len() <= QUEUE_RECORDS_MAX
                && self.bytes + submission.bytes <= QUEUE_BYTES_MAX)
    }

    fn push(&mut self, submission: Submission) {
        self.records += submission.records.len();
        self.bytes += submission.bytes;
        self.items.push_back(submission);
    }
}

/// Why a submission was not taken; it comes back whole.
pub(crate) enum Refused {
    Full(Submission),
    Closed(Submission),
}

/// What the writer finds.
pub(crate) enum Taken {
    Group(Vec<Submission>),
    Idle,
    Closed,
}

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    closing: Condvar,
    drained: Condvar,
}

impl Queue {
    /// Wait for room.
    pub fn push(&self, submission: Submission) -> Result<(), Submission> {
        let mut state = self.state.lock();
        while !state.closed && !state.has_room(&submission) {
            self.drained.wait(&mut state);
        }
        if state.closed {
            return Err(submission);
        }
        state.push(submission);
        self.filled.notify_one();
        Ok(())
    }

    /// Only if there is room now.
    pub fn try_push(&self, submission: Submission) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refused::Closed(submission));
        }
        if !state.has_room(&submission) {
            return Err(Refused::Full(submission));
        }
        state.push(submission);
        self.filled.notify_one();
        Ok(())
    }

    /// Take `submission` when there is room; until then the task is woken for another try.
    pub fn poll_push(
        &self,
        context: &Context<'_>,
        submission: &mut Option<Submission>,
    ) -> Poll<Result<(), Submission>> {
        let Some(wanted) = submission.take() else { return Poll::Ready(Ok(())) };
        let mut state = self.state.lock();
        if state.closed {
            return Poll::Ready(Err(wanted));
        }
        if !state.has_room(&wanted) {
            if !state.waiting.iter().any(|w| w.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            *submission = Some(wanted);
            return Poll::Pending;
        }
        state.push(wanted);
        self.filled.notify_one();
        Poll::Ready(Ok(()))
    }

    /// What waits, up to one batch; `Idle` after `patience` without any, `Closed` when closed and empty.
    pub fn take(&self, patience: Duration, batch_bytes_max: usize) -> Taken {
        let mut state = self.state.lock();
        if state.items.is_empty() && !state.closed {
            self.filled.wait_for(&mut state, patience);
        }
        if state.items.is_empty() {
            return if state.closed { Taken::Closed } else { Taken::Idle };
        }
        let (mut group, mut records, mut bytes) = (Vec::new(), 0, 0);
        while let Some(next) = state.items.front() {
            records += next.records.len();
            bytes += next.bytes;
            if !group.is_empty() && (records > BATCH_RECORDS_MAX || bytes > batch_bytes_max) {
                break;
            }
            group.extend(state.items.pop_front());
        }
        for submission in &group {
            state.records -= submission.records.len();
            state.bytes -= submission.bytes;
        }
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.drained.notify_all();
        waiting.into_iter().for_each(Waker::wake);
        Taken::Group(group)
    }

    /// Take nothing more; what waits is still written.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.filled.notify_all();
        self.closing.notify_all();
        self.drained.notify_all();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Wait before another try on a failing disk; says whether the queue was closed meanwhile.
    pub fn pause(&self, pause: Duration) -> bool {
        let mut state = self.state.lock();
        if !state.closed {
            let end = std::time::Instant::now() + pause;
            while !state.closed && !self.closing.wait_until(&mut state, end).timed_out() {}
        }
        state.closed
    }

    /// Records and bytes that wait.
    pub fn depth(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.records, state.bytes)
    }
}
