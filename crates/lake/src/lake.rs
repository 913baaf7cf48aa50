//! The lake's door: everything other crates may ask of it.
//!
//! Invariant: no method answers about events without a [`Scope`], and none looks past it.

use std::{io::Write, path::Path, sync::Arc, thread::JoinHandle};

use arrow::array::RecordBatch;
use bongsu_event::{AgencyId, Event, EventId, Micros, Scope};
use parking_lot::Mutex;

use crate::{
    Answer, Count, Cursor, ExportFormat, Facet, Histogram, LakeOptions, LakeStatus, Limits, Page, Query, Result, Row,
    Table, TimeRange, columns,
    engine::{Engine, Session},
    export::Export,
    file::Entry,
    options::{BATCH_ROWS, EXPORT_PAGE_ROWS},
    query::{Node, Pipe, Target, Test},
    search::{self, Ask},
    store::Store,
};

/// Epoch and sequence of the last event that is contained; `0-0` before the first.
pub type Position = EventId;

/// The event store. Cheap to clone; the last clone to go writes what is in memory and stops the lake's threads.
#[derive(Clone)]
pub struct Lake {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<Store>,
    engine: Engine,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Inner {
    fn close(&self) -> Result<()> {
        let threads = std::mem::take(&mut *self.threads.lock());
        if threads.is_empty() {
            return Ok(());
        }
        self.store.close();
        for t in threads {
            if t.join().is_err() {
                tracing::error!("a thread of the lake ended by a defect");
            }
        }
        self.store.flush().map(|_| ())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(e) = self.close() {
            // The journal still has these events.
            tracing::error!(error = %e, "the last events could not be written while closing the lake");
        }
    }
}

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
    pub fn open(dir: &Path, options: LakeOptions) -> Result<(Self, Position)> {
        let store = Store::open(dir, options)?;
        let position = store.position();
        let engine = Engine::new()?;
        let threads = Mutex::new(store.start()?);
        Ok((Self { inner: Arc::new(Inner { store, engine, threads }) }, position))
    }
    /// Take events, in journal order. Returns when they are queued (microseconds); any query that starts later
    /// sees them. Events at or below the position are dropped: repeating a batch is harmless.
    ///
    /// # Errors
    /// `Backlog` when the disk cannot keep up: nothing was taken; keep the batch and repeat.
    pub fn append(&self, events: Arc<Vec<Event>>) -> Result<()> {
        self.inner.store.append(events)
    }
    /// Last event appended.
    #[must_use]
    pub fn position(&self) -> Position {
        self.inner.store.position()
    }
    /// Last event that is in files: the journal may let go of everything up to it.
    #[must_use]
    pub fn durable_position(&self) -> Position {
        self.inner.store.snapshot().durable
    }
    /// Write everything appended so far to files; blocks.
    ///
    /// # Errors
    /// When writing fails; the events stay in memory and searchable.
    pub fn flush(&self) -> Result<Position> {
        self.inner.store.flush()
    }
    /// One bounded step of merging small files; blocks. Repeat until it says zero.
    ///
    /// # Errors
    /// When reading or writing fails; the old files stay.
    pub fn compact(&self) -> Result<Compacted> {
        self.inner.store.compact()
    }
    /// Let go of whole files whose youngest event is older than the agency's limit (`None`: keep all); says how
    /// many. Blocks.
    ///
    /// # Errors
    /// When the manifest cannot be written; everything stays.
    pub fn retire(&self, before: &dyn Fn(AgencyId) -> Option<Micros>) -> Result<usize> {
        self.inner.store.retire(before)
    }
    /// Copy everything that is in files to a fresh folder, for a backup; the copy is a lake. Says up to which
    /// event it reaches. Flush first to include what is in memory. Blocks.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub fn copy_to(&self, dir: &Path) -> Result<Position> {
        self.inner.store.copy_to(dir)
    }
    /// Figures for `status`.
    #[must_use]
    pub fn status(&self) -> LakeStatus {
        self.inner.store.status()
    }
    /// A loader of files that did not come through the journal; see [`Loader`].
    ///
    /// # Errors
    /// When the lake is closed.
    pub fn loader(&self) -> Result<Loader> {
        Ok(Loader::new(Arc::clone(&self.inner.store)))
    }
    /// Events, newest first, a page at a time: `limits.rows` of them, from below `after`.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn search(
        &self,
        query: &Query,
        scope: &Scope,
        range: TimeRange,
        after: Option<Cursor>,
        limits: &Limits,
    ) -> Result<Page> {
        let (s, scope, ask) = self.prepare(query, scope, range, limits).await?;
        let rows = limits.rows;
        self.inner
            .engine
            .run(limits, async move {
                let (rows, next) = search::page(&s, &scope, &ask, after, rows).await?;
                Ok(Page { rows, next, scanned: s.tally.scanned() })
            })
            .await
    }
    /// What the query asks for: rows, or the table of its pipe.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn answer(&self, query: &Query, scope: &Scope, range: TimeRange, limits: &Limits) -> Result<Answer> {
        if query.pipe == Pipe::Rows {
            return Ok(Answer::Rows(self.search(query, scope, range, None, limits).await?));
        }
        let (s, _, ask) = self.prepare(query, scope, range, limits).await?;
        let table = self.inner.engine.run(limits, async move { search::pipe(&s, &ask).await }).await?;
        Ok(Answer::Table(table.unwrap_or_default()))
    }
    /// How many events satisfy the query; its pipe is ignored.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn count(&self, query: &Query, scope: &Scope, range: TimeRange, limits: &Limits) -> Result<Count> {
        let (s, _, ask) = self.prepare(query, scope, range, limits).await?;
        self.inner.engine.run(limits, async move { search::count_rows(&s, &ask).await }).await
    }
    /// The events over time, in about `buckets` buckets of a round width. An open end of the range is closed at
    /// the oldest or newest matching event.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn histogram(
        &self,
        query: &Query,
        scope: &Scope,
        range: TimeRange,
        buckets: usize,
        limits: &Limits,
    ) -> Result<Histogram> {
        let (s, _, ask) = self.prepare(query, scope, range, limits).await?;
        self.inner.engine.run(limits, async move { search::histogram(&s, &ask, buckets).await }).await
    }
    /// The most frequent values of some columns (short names; `agency_id`, `source_id`, `class` … too).
    ///
    /// # Errors
    /// An unknown column, limits, or the engine.
    pub async fn facets(
        &self,
        query: &Query,
        scope: &Scope,
        range: TimeRange,
        fields: &[&str],
        top: usize,
        limits: &Limits,
    ) -> Result<Vec<Facet>> {
        let (s, _, ask) = self.prepare(query, scope, range, limits).await?;
        let fields: Vec<String> = fields.iter().map(|f| (*f).to_owned()).collect();
        self.inner.engine.run(limits, async move { search::facets(&s, &ask, &fields, top).await }).await
    }
    /// One event, if it exists and the scope holds it.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn get(&self, id: EventId, scope: &Scope, limits: &Limits) -> Result<Option<Row>> {
        let (s, ..) = self.prepare(&Query::all(), scope, TimeRange::ALL, limits).await?;
        self.inner.engine.run(limits, async move { search::get(&s, id).await }).await
    }
    /// What the same source sent within so many seconds of an event, oldest first, at most `limits.rows` nearest.
    /// Empty if the event does not exist within the scope.
    ///
    /// # Errors
    /// Limits, or the engine.
    pub async fn context(&self, id: EventId, seconds: i64, scope: &Scope, limits: &Limits) -> Result<Vec<Row>> {
        let Some(event) = self.get(id, scope, limits).await? else { return Ok(Vec::new()) };
        let source = Target::Base("source_id");
        let filter = Node::Is(source, Test::Numbers(vec![i64::from(event.source.0)]));
        let query = Query { filter: Some(filter), pipe: Pipe::Rows };
        let half = (limits.rows / 2).max(1);
        // Itself and before, newest first; then after, of which the nearest are the last of a newest-first search.
        let from = event.time.plus_seconds(seconds.saturating_neg());
        let cursor = Cursor { time: event.time, id: EventId { sequence: id.sequence.saturating_add(1), ..id } };
        let (s, scope, ask) = self.prepare(&query, scope, TimeRange { from: Some(from), to: None }, limits).await?;
        let to = event.time.plus_seconds(seconds.saturating_add(1));
        self.inner
            .engine
            .run(limits, async move {
                let (mut rows, _) = search::page(&s, &scope, &ask, Some(cursor), half + 1).await?;
                rows.reverse();
                rows.extend(search::after(&s, &ask, (event.time, id), to, half).await?);
                Ok(rows)
            })
            .await
    }
    /// One SQL query over the table `events`, which holds only the scope's events under their short names.
    ///
    /// # Errors
    /// SQL that is wrong or forbidden, limits, or the engine.
    pub async fn sql(&self, text: &str, scope: &Scope, limits: &Limits) -> Result<Table> {
        let (s, ..) = self.prepare(&Query::all(), scope, TimeRange::ALL, limits).await?;
        let text = text.to_owned();
        self.inner.engine.run(limits, async move { search::sql(&s, &text).await }).await
    }
    /// Write the newest `most` matching events to `out` (`None`: every one), newest first, without holding them in
    /// memory; says how many. The deadline bounds each page, not the whole; drop the future to stop.
    ///
    /// # Errors
    /// Limits, the engine, or writing to `out`.
    #[expect(clippy::too_many_arguments, reason = "a search's arguments, and where the rows go")]
    pub async fn export(
        &self,
        query: &Query,
        scope: &Scope,
        range: TimeRange,
        format: ExportFormat,
        out: &mut (dyn Write + Send),
        most: Option<u64>,
        limits: &Limits,
    ) -> Result<u64> {
        let (s, scope, ask) = self.prepare(&query.events(), scope, range, limits).await?;
        let mut export = Export::start(format, out)?;
        let (mut after, mut rows, most) = (None, 0, most.unwrap_or(u64::MAX));
        while rows < most {
            let (s, scope, ask) = (s.clone(), scope.clone(), ask.clone());
            let page_rows = usize::try_from(most - rows).unwrap_or(usize::MAX).min(EXPORT_PAGE_ROWS);
            let page = async move { search::page_columns(&s, &scope, &ask, after, page_rows).await };
            let (batches, next) = self.inner.engine.run(limits, page).await?;
            rows += export.page(&batches)?;
            after = next;
            if after.is_none() {
                break;
            }
        }
        export.finish()?;
        Ok(rows)
    }
    /// Write what is in memory and stop. Later appends are refused; queries go on.
    ///
    /// # Errors
    /// When writing fails; the journal still has those events.
    pub fn close(&self) -> Result<()> {
        self.inner.close()
    }

    /// A session on what the lake holds once everything appended so far is searchable.
    async fn prepare(
        &self,
        query: &Query,
        scope: &Scope,
        range: TimeRange,
        limits: &Limits,
    ) -> Result<(Session, Scope, Ask)> {
        self.inner.store.settle().await;
        let session = self.inner.engine.session(self.inner.store.snapshot(), scope, limits)?;
        Ok((session, scope.clone(), Ask { query: query.clone(), range }))
    }
}

/// Takes events of files that did not come through the journal. Nothing is searchable before `finish`, which
/// commits everything in one step; dropped without it, nothing was loaded. Ids are made here, under a load epoch
/// of its own (`EventId::epoch` ≥ [`LOAD_EPOCH_FIRST`]), so that they never meet the journal's.
pub struct Loader {
    store: Arc<Store>,
    load: u32,
    sequence: u64,
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    staged: Vec<Entry>,
    finished: bool,
}

/// Epochs from here on are loads, not journals.
pub const LOAD_EPOCH_FIRST: u32 = 1 << 31;

impl Loader {
    fn new(store: Arc<Store>) -> Self {
        let load = store.next_load();
        Self { store, load, sequence: 0, batches: Vec::new(), rows: 0, bytes: 0, staged: Vec::new(), finished: false }
    }

    /// Take events; their ids are overwritten.
    ///
    /// # Errors
    /// When writing fails; nothing of this load will be kept.
    pub fn append(&mut self, mut events: Vec<Event>) -> Result<()> {
        for e in &mut events {
            self.sequence += 1;
            e.id = EventId { epoch: LOAD_EPOCH_FIRST | self.load, sequence: self.sequence };
        }
        for some in events.chunks(BATCH_ROWS) {
            let batch = columns::build(some)?;
            self.rows += batch.num_rows();
            self.bytes += batch.get_array_memory_size();
            self.batches.push(batch);
            if self.rows >= self.store.options.flush_rows || self.bytes >= self.store.options.flush_bytes {
                self.stage()?;
            }
        }
        Ok(())
    }

    fn stage(&mut self) -> Result<()> {
        self.staged.extend(self.store.stage(&self.batches)?);
        self.batches.clear();
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// Make everything searchable; says how many events.
    ///
    /// # Errors
    /// When writing fails; nothing of this load is kept.
    pub fn finish(mut self) -> Result<u64> {
        self.stage()?;
        self.store.commit_load(self.load, self.staged.clone())?;
        self.finished = true;
        Ok(self.sequence)
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        if !self.finished {
            self.store.unstage(&self.staged);
        }
    }
}
