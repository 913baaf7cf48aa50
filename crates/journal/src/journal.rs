//! The journal: open, append, follow, retire.

use std::future::Future;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bongsu_event::limits::BATCH_BYTES_MAX;
use bongsu_event::{Micros, RawRecord};
use parking_lot::Mutex;

use crate::checkpoint::{Checkpoint, SigningKey};
use crate::error::{AppendError, OpenError};
use crate::files::{segment_path, sync_dir};
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::limits::{CHECKPOINT_MILLIS, FREE_BYTES_MIN, SEGMENT_BYTES_MAX};
use crate::live::{Durable, Live, Tail};
use crate::queue::{Queue, Refused, Submission};
use crate::reader::{Batch, Reader, Records};
use crate::recover::{Recovery, SegmentInfo, recover};
use crate::retired::{self, Retired};
use crate::verify::{Report, verify_until};
use crate::writer::{NOTHING, Writer};

/// Runs once the records are durable (or never will be), on the writer's thread: it must be quick and not wait.
pub type Completion = Box<dyn FnOnce(Result<RangeInclusive<u64>, AppendError>) + Send>;
/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;
/// Told when the journal begins to fail (`Some` text for the operator) and when it works again (`None`).
pub type AlarmHook = Arc<dyn Fn(Option<&str>) + Send + Sync>;
/// For tests: given the length of a write, may let only so many bytes through and fail.
pub type Fault = Arc<dyn Fn(usize) -> Option<(usize, io::Error)> + Send + Sync>;

/// How to open a journal.
#[derive(Clone)]
pub struct OpenOptions {
    /// Epoch of the center (or of the spool); never lower than that of the newest segment.
    pub epoch: u64,
    /// A segment is closed at this size, bytes.
    pub segment_bytes_max: u64,
    /// A segment is closed at this age, seconds, even if small, so that it can retire.
    pub segment_seconds_max: Option<i64>,
    /// Most raw bytes in one batch.
    pub batch_bytes_max: usize,
    /// With less free space than this the disk counts as full, bytes.
    pub free_bytes_min: u64,
    /// The signed checkpoint; `None` for a spool.
    pub checkpoint: Option<CheckpointOptions>,
    /// Keep an index of retired segments; off for a spool.
    pub retired_index: bool,
    /// Where torn ends are set aside; by default beside the folder, as `<folder>.torn`.
    pub torn_dir: Option<PathBuf>,
    /// The clock.
    pub clock: Clock,
    /// Told of a full or failing disk.
    pub on_alarm: Option<AlarmHook>,
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

/// Where the checkpoint is, and who signs it.
#[derive(Clone, Debug)]
pub struct CheckpointOptions {
    /// The file, outside the journal's folder.
    pub path: PathBuf,
    /// The key.
    pub key: Arc<SigningKey>,
}

impl OpenOptions {
    /// A journal without checkpoint.
    #[must_use]
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            segment_seconds_max: None,
            batch_bytes_max: BATCH_BYTES_MAX,
            free_bytes_min: FREE_BYTES_MIN,
            checkpoint: None,
            retired_index: true,
            torn_dir: None,
            clock: Arc::new(|| Micros::from_timestamp(jiff::Timestamp::now())),
            on_alarm: None,
            fault: None,
        }
    }
}

impl std::fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenOptions").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// How the journal is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Oldest record still there.
    pub first_sequence: u64,
    /// Newest durable record; 0 before the first.
    pub last_sequence: u64,
    /// Segment files.
    pub segments: usize,
    /// Bytes of the segments on disk.
    pub bytes: u64,
    /// Records stored since it was opened.
    pub stored_records: u64,
    /// Raw bytes stored since it was opened.
    pub stored_raw_bytes: u64,
    /// Bytes written for them.
    pub stored_disk_bytes: u64,
    /// Batches, each one sync, since it was opened.
    pub batches: u64,
    /// Records waiting to be written.
    pub queue_records: usize,
    /// Raw bytes waiting to be written.
    pub queue_bytes: usize,
    /// What fails now.
    pub alarm: Option<String>,
}

#[derive(Default)]
struct Counters {
    records: AtomicU64,
    raw_bytes: AtomicU64,
    disk_bytes: AtomicU64,
    batches: AtomicU64,
}

/// What the threads and the handles share.
pub(crate) struct Shared {
    pub dir: PathBuf,
    pub options: OpenOptions,
    pub queue: Queue,
    pub live: Arc<Live>,
    pub segments: Mutex<Vec<SegmentInfo>>,
    retired: Mutex<retired::Writer>,
    counters: Counters,
    alarm: Mutex<Option<String>>,
    /// Sequence of the checkpoint on disk; held while one is written.
    checkpoint: Mutex<Option<u64>>,
}

impl Shared {
    pub fn alarm(&self, text: Option<&str>) {
        let mut alarm = self.alarm.lock();
        if alarm.as_deref() == text {
            return;
        }
        *alarm = text.map(str::to_owned);
        drop(alarm);
        match text {
            Some(text) => tracing::error!("{text}"),
            None => tracing::info!("the journal of {} writes again", self.dir.display()),
        }
        if let Some(hook) = &self.options.on_alarm {
            hook(text);
        }
    }

    pub fn count_batch(&self, batch: &Batch, disk_bytes: u64, segment: u32, length: u64) {
        self.counters.records.fetch_add(batch.records.len() as u64, Relaxed);
        self.counters.raw_bytes.fetch_add(batch.raw_bytes() as u64, Relaxed);
        self.counters.disk_bytes.fetch_add(disk_bytes, Relaxed);
        self.counters.batches.fetch_add(1, Relaxed);
        if let Some(last) = self.segments.lock().last_mut().filter(|s| s.index == segment) {
            last.bytes = length;
        }
    }

    fn store_checkpoint(&self, at: &CheckpointOptions, durable: &Durable) -> io::Result<()> {
        let mut stored = self.checkpoint.lock();
        if stored.is_some_and(|s| s >= durable.sequence) {
            return Ok(());
        }
        let Durable { epoch, sequence, hash, segment, offset } = *durable;
        let time = (self.options.clock)();
        Checkpoint { epoch, sequence, hash, segment, offset, time }.store(&at.path, &at.key)?;
        *stored = Some(sequence);
        Ok(())
    }

    /// Until the journal is closed: write a checkpoint soon after something new is durable.
    fn run_checkpoints(&self, at: &CheckpointOptions) {
        let mut written = None;
        loop {
            let (durable, closed) = self.live.wait_beyond(written.unwrap_or(0), Duration::from_secs(60));
            if written != Some(durable.sequence) {
                match self.store_checkpoint(at, &durable) {
                    Ok(()) => written = Some(durable.sequence),
                    Err(error) => tracing::error!(%error, "cannot write {}", at.path.display()),
                }
            }
            if closed {
                return;
            }
            self.queue.pause(Duration::from_millis(CHECKPOINT_MILLIS));
        }
    }
}

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    _lock: std::fs::File,
}

impl Inner {
    fn close(&self) {
        self.shared.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        for handle in threads {
            // A completion may hold the last handle and drop it on the writer's own thread.
            if handle.thread().id() != thread::current().id() && handle.join().is_err() {
                tracing::error!("a journal thread ended badly");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// A journal open for writing. Cheap to clone; the last one dropped closes it.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("dir", &self.inner.shared.dir).finish_non_exhaustive()
    }
}

impl Journal {
    /// Open a folder, make it if need be, repair a torn end, say what was found.
    ///
    /// # Errors
    /// The folder is in use, cannot be read or written, or belongs to a later epoch.
    pub fn open(dir: &Path, options: OpenOptions) -> Result<(Self, Recovery), OpenError> {
        let opened = recover(dir, &options)?;
        let last = opened.segments.last().copied();
        let header = last.map_or(
            SegmentHeader { index: 0, epoch: 0, first_sequence: 1, created: Micros(0), previous: [0; 32] },
            |s| SegmentHeader {
                index: s.index,
                epoch: s.epoch,
                first_sequence: s.first_sequence,
                created: s.created,
                previous: s.previous,
            },
        );
        let next = opened.recovery.next_sequence;
        let (epoch, segment, offset) = (header.epoch, header.index, opened.length);
        // In a segment without batches the chain so far is the one its head names.
        let empty = offset <= SEGMENT_HEADER_BYTES as u64;
        let hash = if empty { header.previous } else { opened.chain };
        let durable = Durable { epoch, sequence: next - 1, hash, segment, offset };
        let retired = retired::Writer::new(dir, &opened.retired).map_err(OpenError::io("write", dir))?;
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            options,
            queue: Queue::default(),
            live: Arc::new(Live::new(durable)),
            segments: Mutex::new(opened.segments),
            retired: Mutex::new(retired),
            counters: Counters::default(),
            alarm: Mutex::new(None),
            checkpoint: Mutex::new(None),
        });
        let writer = Writer::new(Arc::clone(&shared), opened.file, header, opened.length, opened.chain, next);
        let mut threads = vec![spawn("journal", dir, move || writer.run())?];
        if let Some(at) = shared.options.checkpoint.clone() {
            shared.store_checkpoint(&at, &durable).map_err(OpenError::io("write", &at.path)).or_else(|e| {
                // A full disk must not keep the center from starting and saying so.
                shared.alarm(Some(&e.to_string()));
                Ok::<_, OpenError>(())
            })?;
            let for_thread = Arc::clone(&shared);
            threads.push(spawn("checkpoint", dir, move || for_thread.run_checkpoints(&at))?);
        }
        let inner = Inner { shared, threads: Mutex::new(threads), _lock: opened.lock };
        Ok((Self { inner: Arc::new(inner) }, opened.recovery))
    }

    /// Epoch of the newest segment of a folder; `None` if it holds none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn epoch_of(dir: &Path) -> io::Result<Option<u64>> {
        if !dir.exists() {
            return Ok(None);
        }
        for index in crate::files::list(dir)?.segments.into_iter().rev() {
            let file = std::fs::File::open(segment_path(dir, index))?;
            if let Some((header, _)) = crate::scan::segment_header(&file)? {
                return Ok(Some(header.epoch));
            }
        }
        Ok(None)
    }

    fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// Store records and wait until they are on disk; gives their sequences. Blocks the thread.
    ///
    /// # Errors
    /// The journal is closed. A full disk is no error: the call waits.
    pub fn append(&self, records: Vec<RawRecord>) -> Result<RangeInclusive<u64>, AppendError> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        self.submit(
            records,
            Box::new(move |result| {
                let _ = tell.send(result);
            }),
        );
        told.recv().unwrap_or(Err(AppendError::Closed))
    }

    /// Hand records over, waiting only for room in the queue; `done` runs when they are on disk.
    pub fn submit(&self, records: Vec<RawRecord>, done: Completion) {
        if records.is_empty() {
            return done(Ok(NOTHING));
        }
        if let Err(submission) = self.shared().queue.push(Submission::new(records, done)) {
            (submission.done)(Err(AppendError::Closed));
        }
    }

    /// As [`Journal::submit`], but gives everything back instead of waiting for room.
    ///
    /// # Errors
    /// The records and the completion, untouched, if the queue is full now.
    pub fn try_submit(&self, records: Vec<RawRecord>, done: Completion) -> Result<(), (Vec<RawRecord>, Completion)> {
        if records.is_empty() {
            done(Ok(NOTHING));
            return Ok(());
        }
        match self.shared().queue.try_push(Submission::new(records, done)) {
            Ok(()) => Ok(()),
            Err(Refused::Full(s)) => Err((s.records, s.done)),
            Err(Refused::Closed(s)) => {
                (s.done)(Err(AppendError::Closed));
                Ok(())
            }
        }
    }

    /// Store records without blocking the thread: a future for any runtime. Once polled to the queue the records are
    /// written even if the future is dropped.
    #[must_use]
    pub fn append_async(&self, records: Vec<RawRecord>) -> Append {
        let slot = Arc::new(Mutex::new(Slot { result: None, waker: None }));
        let submission = if records.is_empty() {
            slot.lock().result = Some(Ok(NOTHING));
            None
        } else {
            let for_writer = Arc::clone(&slot);
            let done: Completion = Box::new(move |result| {
                let mut slot = for_writer.lock();
                slot.result = Some(result);
                let waker = slot.waker.take();
                drop(slot);
                if let Some(waker) = waker {
                    waker.wake();
                }
            });
            Some(Submission::new(records, done))
        };
        Append { shared: Arc::clone(&self.inner.shared), submission, slot }
    }

    /// Newest durable sequence; 0 before the first.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.shared().live.sequence()
    }

    /// Oldest sequence still there.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.shared().segments.lock().first().map_or(1, |s| s.first_sequence)
    }

    /// Follow the journal from `sequence` on (or from the oldest record still there).
    #[must_use]
    pub fn subscribe(&self, sequence: u64) -> Tail {
        let next = sequence.max(1);
        Tail::new(Arc::clone(&self.shared().live), Reader::new(&self.shared().dir, next), next)
    }

    /// Read what is durable now, from `sequence` on.
    #[must_use]
    pub fn read_from(&self, sequence: u64) -> Records {
        Reader::new(&self.shared().dir, sequence).until(self.last_sequence()).records()
    }

    /// Remove whole segments that hold nothing beyond `sequence`, leaving their line in the index. The newest segment
    /// always stays. Gives those removed.
    ///
    /// # Errors
    /// The disk refuses; what was retired until then stays retired.
    pub fn retire_through(&self, sequence: u64) -> io::Result<Vec<Retired>> {
        self.retire_while(|_, last| last <= sequence)
    }

    /// Remove segments from the oldest on as long as `may_go` says so of one (its head, its last sequence).
    pub(crate) fn retire_while(&self, may_go: impl Fn(&SegmentInfo, u64) -> bool) -> io::Result<Vec<Retired>> {
        let shared = self.shared();
        let mut writer = shared.retired.lock();
        let mut gone = Vec::new();
        loop {
            let (first, next) = match shared.segments.lock().as_slice() {
                [first, next, ..] => (*first, *next),
                _ => break,
            };
            let last_sequence = next.first_sequence - 1;
            if !may_go(&first, last_sequence) {
                break;
            }
            let retired = Retired {
                segment: first.index,
                epoch: first.epoch,
                first_sequence: first.first_sequence,
                last_sequence,
                previous: first.previous,
                hash: next.previous,
                bytes: first.bytes,
                time: (shared.options.clock)(),
            };
            if let Some(at) = shared.options.checkpoint.as_ref().filter(|_| gone.is_empty()) {
                // The checkpoint must not stand in the middle of what goes.
                shared.store_checkpoint(at, &shared.live.durable())?;
            }
            if shared.options.retired_index {
                writer.append(&retired, shared.options.checkpoint.as_ref().map(|c| &*c.key))?;
            }
            std::fs::remove_file(segment_path(&shared.dir, first.index))?;
            shared.segments.lock().remove(0);
            gone.push(retired);
        }
        if !gone.is_empty() {
            sync_dir(&shared.dir)?;
        }
        Ok(gone)
    }

    /// Check the whole chain of what is durable now, while the journal goes on.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn verify(&self) -> io::Result<Report> {
        let shared = self.shared();
        let at = shared.options.checkpoint.as_ref();
        let durable = shared.live.durable();
        let end = Some((durable.segment, durable.offset));
        verify_until(&shared.dir, at.map(|c| c.path.as_path()), at.map(|c| c.key.public_key()).as_ref(), end)
    }

    /// How it is.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = self.shared();
        let (queue_records, queue_bytes) = shared.queue.depth();
        let segments = shared.segments.lock();
        Stats {
            first_sequence: segments.first().map_or(1, |s| s.first_sequence),
            last_sequence: shared.live.sequence(),
            segments: segments.len(),
            bytes: segments.iter().map(|s| s.bytes).sum(),
            stored_records: shared.counters.records.load(Relaxed),
            stored_raw_bytes: shared.counters.raw_bytes.load(Relaxed),
            stored_disk_bytes: shared.counters.disk_bytes.load(Relaxed),
            batches: shared.counters.batches.load(Relaxed),
            queue_records,
            queue_bytes,
            alarm: shared.alarm.lock().clone(),
        }
    }

    pub(crate) fn segments(&self) -> Vec<SegmentInfo> {
        self.shared().segments.lock().clone()
    }

    /// Write what waits, sync, write the last checkpoint. Later appends fail. Blocks the thread.
    pub fn close(&self) {
        self.inner.close();
    }
}

fn spawn(name: &str, dir: &Path, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(OpenError::io("start a thread for", dir))
}

struct Slot {
    result: Option<Result<RangeInclusive<u64>, AppendError>>,
    waker: Option<Waker>,
}

/// Future of [`Journal::append_async`]: the sequences, once on disk.
pub struct Append {
    shared: Arc<Shared>,
    submission: Option<Submission>,
    slot: Arc<Mutex<Slot>>,
}

impl std::fmt::Debug for Append {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Append").field("queued", &self.submission.is_none()).finish_non_exhaustive()
    }
}

impl Future for Append {
    type Output = Result<RangeInclusive<u64>, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match this.shared.queue.poll_push(context, &mut this.submission) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(AppendError::Closed)),
            Poll::Ready(Ok(())) => {}
        }
        let mut slot = this.slot.lock();
        match slot.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
