//! The agent's spool: the same segments, bounded in bytes and hours, acknowledged by the center.
//!
//! Invariants: what was appended survives `kill -9` until it is acknowledged or the bounds force it out, oldest first,
//! counted; what was acknowledged is kept for a while (within the bounds), so that a center restored from a backup can
//! ask again; the epoch is fixed when the folder is made, so the center never takes two spools for one.

use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use bongsu_event::{Micros, RawRecord};
use parking_lot::Mutex;

use crate::error::{AppendError, OpenError};
use crate::files;
use crate::journal::{AlarmHook, Append, Clock, Completion, Journal, OpenOptions};
use crate::limits::FREE_BYTES_MIN;
use crate::live::Tail;
use crate::reader::Records;
use crate::recover::Recovery;

/// Folder of the segments within the spool's folder.
const SEGMENTS_NAME: &str = "segments";
/// File with what was acknowledged and what was dropped.
const POSITION_NAME: &str = "position";
/// The size bound is split into this many segments, so that dropping one loses little.
const SEGMENTS_PER_BOUND: u64 = 16;
/// Smallest segment, bytes.
const SEGMENT_BYTES_MIN: u64 = 256 * 1024;
/// Largest segment, bytes.
const SEGMENT_BYTES_LARGEST: u64 = 16 * 1024 * 1024;
/// A segment is closed at this age so that it can go, seconds.
const SEGMENT_SECONDS_MAX: i64 = 3_600;
/// Most raw bytes in one batch: an agent stays small.
const SPOOL_BATCH_BYTES_MAX: usize = 512 * 1024;

/// Bounds of a spool.
#[derive(Clone)]
pub struct SpoolOptions {
    /// Most bytes on disk.
    pub bytes_max: u64,
    /// Most hours a line waits for its acknowledgement.
    pub hours_max: u32,
    /// Hours an acknowledged line is kept.
    pub keep_acked_hours: u32,
    /// With less free space than this the disk counts as full, bytes.
    pub free_bytes_min: u64,
    /// The clock.
    pub clock: Clock,
    /// Told of a full or failing disk.
    pub on_alarm: Option<AlarmHook>,
}

impl Default for SpoolOptions {
    /// 1 GiB, 7 days, acknowledged lines 24 h.
    fn default() -> Self {
        Self {
            bytes_max: 1024 * 1024 * 1024,
            hours_max: 7 * 24,
            keep_acked_hours: 24,
            free_bytes_min: FREE_BYTES_MIN,
            clock: OpenOptions::new(0).clock,
            on_alarm: None,
        }
    }
}

impl std::fmt::Debug for SpoolOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpoolOptions").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

/// How a spool is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpoolStats {
    /// Its epoch.
    pub epoch: u64,
    /// Oldest sequence held; `last_sequence + 1` if none is.
    pub first_sequence: u64,
    /// Newest sequence held.
    pub last_sequence: u64,
    /// Acknowledged through here.
    pub acked_sequence: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bound, bytes.
    pub bytes_max: u64,
    /// Lines dropped unacknowledged since the spool was made, because it was over its bounds.
    pub dropped_records: u64,
    /// The last run of lines dropped so.
    pub last_dropped: Option<RangeInclusive<u64>>,
    /// Lines that wait to be written.
    pub queue_records: usize,
    /// What fails now.
    pub alarm: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Position {
    acked: u64,
    dropped: u64,
    last_dropped: Option<RangeInclusive<u64>>,
}

/// A spool open for writing.
#[derive(Debug)]
pub struct Spool {
    journal: Journal,
    epoch: u64,
    path: PathBuf,
    options: Mutex<SpoolOptions>,
    position: Mutex<Position>,
}

impl Spool {
    /// Open a folder or make it. `new_epoch`: a random number, used only if there is no spool yet.
    ///
    /// # Errors
    /// The folder is in use, or cannot be read or written.
    pub fn open(dir: &Path, options: SpoolOptions, new_epoch: u64) -> Result<(Self, Recovery), OpenError> {
        let segments = dir.join(SEGMENTS_NAME);
        let known = Journal::epoch_of(&segments).map_err(OpenError::io("read", &segments))?;
        let epoch = known.unwrap_or(new_epoch);
        let mut open = OpenOptions::new(epoch);
        open.segment_bytes_max =
            (options.bytes_max / SEGMENTS_PER_BOUND).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_LARGEST);
        open.segment_seconds_max = Some(SEGMENT_SECONDS_MAX);
        open.batch_bytes_max = SPOOL_BATCH_BYTES_MAX;
        open.free_bytes_min = options.free_bytes_min;
        open.retired_index = false;
        open.clock = options.clock.clone();
        open.on_alarm = options.on_alarm.clone();
        let (journal, recovery) = Journal::open(&segments, open)?;
        let path = dir.join(POSITION_NAME);
        let mut position = Position::load(&path);
        if known.is_none() {
            position = Position::default();
        }
        let spool = Self { journal, epoch, path, options: Mutex::new(options), position: Mutex::new(position) };
        Ok((spool, recovery))
    }

    /// The spool's epoch: with the sequence it tells each line from every other.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Change the bounds, as the center's configuration says. Segment sizes follow at the next start.
    pub fn set_bounds(&self, bytes_max: u64, hours_max: u32, keep_acked_hours: u32) {
        let mut options = self.options.lock();
        options.bytes_max = bytes_max;
        options.hours_max = hours_max;
        options.keep_acked_hours = keep_acked_hours;
    }

    /// Store lines and wait until they are on disk. Blocks the thread.
    ///
    /// # Errors
    /// The spool is closed.
    pub fn append(&self, records: Vec<RawRecord>) -> Result<RangeInclusive<u64>, AppendError> {
        self.journal.append(records)
    }

    /// As [`Spool::append`], as a future for any runtime.
    #[must_use]
    pub fn append_async(&self, records: Vec<RawRecord>) -> Append {
        self.journal.append_async(records)
    }

    /// Hand lines over, waiting only for room in the queue.
    pub fn submit(&self, records: Vec<RawRecord>, done: Completion) {
        self.journal.submit(records, done);
    }

    /// Read what is durable now, from `sequence` on or from the oldest line held.
    #[must_use]
    pub fn read_from(&self, sequence: u64) -> Records {
        self.journal.read_from(sequence)
    }

    /// Follow the spool from `sequence` on. What the bounds drop meanwhile is passed over.
    #[must_use]
    pub fn subscribe(&self, sequence: u64) -> Tail {
        self.journal.subscribe(sequence)
    }

    /// The center has everything through `sequence`. Durable when it returns; a lower number than before is taken too:
    /// a restored center asks again.
    ///
    /// # Errors
    /// The position cannot be written; it counts in memory all the same.
    pub fn ack(&self, sequence: u64) -> io::Result<()> {
        let position = {
            let mut position = self.position.lock();
            position.acked = sequence.min(self.journal.last_sequence());
            position.clone()
        };
        position.store(&self.path)
    }

    /// Acknowledged through here.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.position.lock().acked
    }

    /// Newest durable sequence.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.journal.last_sequence()
    }

    /// Let go of what may go: acknowledged segments past their time, then the oldest ones over a bound. Call it every few
    /// seconds. Gives how many unacknowledged lines were dropped by it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn tidy(&self) -> io::Result<u64> {
        let (now, bytes_max, hours_max, keep) = {
            let o = self.options.lock();
            ((o.clock)(), o.bytes_max, o.hours_max, o.keep_acked_hours)
        };
        let acked = self.acked();
        let segments = self.journal.segments();
        let mut over = segments.iter().map(|s| s.bytes).sum::<u64>().saturating_sub(bytes_max);
        // A segment is as old as the one behind it: that is when its last line came.
        let mut through = 0;
        for pair in segments.windows(2) {
            let [segment, behind] = pair else { break };
            let last = behind.first_sequence - 1;
            let hours = if last <= acked { keep } else { hours_max };
            let past = now >= behind.created.plus_seconds(i64::from(hours) * 3_600);
            if over == 0 && !past {
                break;
            }
            over = over.saturating_sub(segment.bytes);
            through = last;
        }
        if through == 0 {
            return Ok(0);
        }
        let first = segments.first().map_or(1, |s| s.first_sequence).max(acked + 1);
        let lost = first..=through;
        let dropped = if lost.is_empty() { 0 } else { through - first + 1 };
        if dropped > 0 {
            // Counted before they go: a count too high after a crash is better than a silent loss.
            let mut position = self.position.lock();
            position.dropped += dropped;
            position.last_dropped = Some(lost);
            position.store(&self.path)?;
        }
        self.journal.retire_through(through)?;
        Ok(dropped)
    }

    /// How it is.
    #[must_use]
    pub fn stats(&self) -> SpoolStats {
        let journal = self.journal.stats();
        let position = self.position.lock().clone();
        SpoolStats {
            epoch: self.epoch,
            first_sequence: journal.first_sequence,
            last_sequence: journal.last_sequence,
            acked_sequence: position.acked,
            bytes: journal.bytes,
            bytes_max: self.options.lock().bytes_max,
            dropped_records: position.dropped,
            last_dropped: position.last_dropped,
            queue_records: journal.queue_records,
            alarm: journal.alarm,
        }
    }

    /// Seconds since the oldest segment with unacknowledged lines was begun; 0 if all is acknowledged.
    #[must_use]
    pub fn lag_seconds(&self) -> i64 {
        if self.acked() >= self.last_sequence() {
            return 0;
        }
        let now: Micros = (self.options.lock().clock)();
        let acked = self.acked();
        let segments = self.journal.segments();
        let holding = segments.iter().rev().find(|s| s.first_sequence <= acked + 1).or(segments.first());
        holding.map_or(0, |s| now.seconds_since(s.created).max(0.0) as i64)
    }

    /// Write what waits and stop. Blocks the thread.
    pub fn close(&self) {
        self.journal.close();
    }
}

impl Position {
    /// Lost or damaged: as if nothing had been acknowledged. Repeats are dropped by the center.
    fn load(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut numbers = text.split_whitespace().map_while(|n| n.parse::<u64>().ok());
        let (Some(acked), Some(dropped)) = (numbers.next(), numbers.next()) else { return Self::default() };
        let last_dropped = numbers.next().zip(numbers.next()).map(|(a, b)| a..=b);
        Self { acked, dropped, last_dropped }
    }

    fn store(&self, path: &Path) -> io::Result<()> {
        let mut text = format!("{} {}", self.acked, self.dropped);
        if let Some(r) = &self.last_dropped {
            text.push_str(&format!(" {} {}", r.start(), r.end()));
        }
        text.push('\n');
        files::replace(path, text.as_bytes())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.close();
    }
}
