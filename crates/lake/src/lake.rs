//! The lake's door: everything other crates may ask of it.
//!
//! Invariant: no method answers about events without a [`Scope`], and none looks past it.

use std::{io::Write, path::Path, sync::Arc};

use bongsu_event::{Event, EventId, Scope};

use crate::{
    Answer, Count, Cursor, ExportFormat, Facet, Histogram, LakeError, LakeOptions, LakeStatus, Limits, Page, Query,
    Result, Row, Table, TimeRange,
};

/// Epoch and sequence of the last event that is contained; `0-0` before the first.
pub type Position = EventId;

/// The event store. Cheap to clone; the last clone to go flushes and stops the lake's threads.
#[derive(Clone)]
pub struct Lake {}

/// What one compaction step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files that were replaced.
    pub files_before: usize,
    /// Files in their place.
    pub files_after: usize,
}

impl Lake {
    /// Open the lake in `dir` (made if missing). Leftovers of a crash are swept. The position is the last event
    /// on disk: replay the journal from the one after it.
    ///
    /// # Errors
    /// When the folder is in use, damaged, newer than this program, or cannot be written.
    pub fn open(_dir: &Path, _options: LakeOptions) -> Result<(Self, Position)> {
        Err(LakeError::Closed)
    }
    /// Take events, in journal order. Returns when they are queued (microseconds); any query that starts later
    /// sees them. Events at or below the position are dropped: repeating a batch is harmless.
    ///
    /// # Errors
    /// `Backlog` when the disk cannot keep up: nothing was taken; keep the batch and repeat.
    pub fn append(&self, _events: Arc<Vec<Event>>) -> Result<()> {
        Err(LakeError::Closed)
    }
    /// Last event appended.
    #[must_use]
    pub fn position(&self) -> Position {
        Position::default()
    }
    /// Last event that is in files: the journal may let go of everything up to it.
    #[must_use]
    pub fn durable_position(&self) -> Position {
        Position::default()
    }
    /// Write everything appended so far to files; blocks.
    ///
    /// # Errors
    /// When writing fails; the events stay in memory and searchable.
    pub fn flush(&self) -> Result<Position> {
        Err(LakeError::Closed)
    }
    /// One bounded step of merging small files; blocks. Repeat until it says zero.
    ///
    /// # Errors
    /// When reading or writing fails; the old files stay.
    pub fn compact(&self) -> Result<Compacted> {
        Err(LakeError::Closed)
    }
    /// Figures for `status`.
    #[must_use]
    pub fn status(&self) -> LakeStatus {
        LakeStatus::default()
    }
    /// A loader of files that did not come through the journal; see [`Loader`].
    ///
    /// # Errors
    /// When the lake is closed.
    pub fn loader(&self) -> Result<Loader> {
        Err(LakeError::Closed)
    }
    /// Events, newest first, a page at a time: `limits.rows` of them, from below `after`.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn search(
        &self,
        _query: &Query,
        _scope: &Scope,
        _range: TimeRange,
        _after: Option<Cursor>,
        _limits: &Limits,
    ) -> Result<Page> {
        Err(LakeError::Closed)
    }
    /// What the query asks for: rows, or the table of its pipe.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn answer(&self, _query: &Query, _scope: &Scope, _range: TimeRange, _limits: &Limits) -> Result<Answer> {
        Err(LakeError::Closed)
    }
    /// How many events satisfy the query; its pipe is ignored.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn count(&self, _query: &Query, _scope: &Scope, _range: TimeRange, _limits: &Limits) -> Result<Count> {
        Err(LakeError::Closed)
    }
    /// The events over time, in about `buckets` buckets of a round width. An open end of the range is closed at
    /// the oldest or newest matching event.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn histogram(
        &self,
        _query: &Query,
        _scope: &Scope,
        _range: TimeRange,
        _buckets: usize,
        _limits: &Limits,
    ) -> Result<Histogram> {
        Err(LakeError::Closed)
    }
    /// The most frequent values of some columns (short names; `agency_id`, `source_id`, `class` … too).
    ///
    /// # Errors
    /// An unknown column, limits, or the engine.
    pub async fn facets(
        &self,
        _query: &Query,
        _scope: &Scope,
        _range: TimeRange,
        _fields: &[&str],
        _top: usize,
        _limits: &Limits,
    ) -> Result<Vec<Facet>> {
        Err(LakeError::Closed)
    }
    /// One event, if it exists and the scope holds it.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn get(&self, _id: EventId, _scope: &Scope, _limits: &Limits) -> Result<Option<Row>> {
        Err(LakeError::Closed)
    }
    /// What the same source sent within so many seconds of an event, oldest first, at most `limits.rows` nearest.
    /// Empty if the event does not exist within the scope.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn context(&self, _id: EventId, _seconds: i64, _scope: &Scope, _limits: &Limits) -> Result<Vec<Row>> {
        Err(LakeError::Closed)
    }
    /// One SQL query over the table `events`, which holds only the scope's events under their short names.
    ///
    /// # Errors
    /// SQL that is wrong or forbidden, limits, or the engine.
    pub async fn sql(&self, _text: &str, _scope: &Scope, _limits: &Limits) -> Result<Table> {
        Err(LakeError::Closed)
    }
    /// Write every matching event to `out`, newest first, without holding them in memory; says how many.
    /// `limits.rows` and the deadline bound each page, not the whole; drop the future to stop.
    ///
    /// # Errors
    /// Limits, the engine, or writing to `out`.
    pub async fn export(
        &self,
        _query: &Query,
        _scope: &Scope,
        _range: TimeRange,
        _format: ExportFormat,
        _out: &mut (dyn Write + Send),
        _limits: &Limits,
    ) -> Result<u64> {
        Err(LakeError::Closed)
    }
}

/// Takes events of files that did not come through the journal. Nothing is searchable before `finish`, which
/// commits everything in one step; dropped without it, nothing was loaded. Ids are made here, under a load epoch
/// of its own (`EventId::epoch` ≥ [`LOAD_EPOCH_FIRST`]), so that they never meet the journal's.
pub struct Loader {}

/// Epochs from here on are loads, not journals.
pub const LOAD_EPOCH_FIRST: u32 = 1 << 31;

impl Loader {
    /// Take events; their ids are overwritten.
    ///
    /// # Errors
    /// When writing fails; nothing of this load will be kept.
    pub fn append(&mut self, _events: Vec<Event>) -> Result<()> {
        Err(LakeError::Closed)
    }
    /// Make everything searchable; says how many events.
    ///
    /// # Errors
    /// When writing fails; nothing of this load is kept.
    pub fn finish(self) -> Result<u64> {
        Err(LakeError::Closed)
    }
}
