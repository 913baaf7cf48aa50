//! The writing side: a queue, a thread that makes events searchable, a thread that writes files, one that joins them.
//!
//! Invariants: events become searchable in the order they were appended, each once; `durable` moves only together
//! with the manifest that holds the files; a failed write loses nothing and is tried again.

use std::{
    collections::VecDeque,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use arrow::array::RecordBatch;
use bongsu_event::{AgencyId, Event, EventId, Micros};
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::watch;

use crate::{
    LakeError, LakeOptions, LakeStatus, Result, columns, compact,
    error::At,
    file::{DataFile, Entry},
    lake::Compacted,
    manifest::{self, Manifest},
    memory::{MemoryBatch, Snapshot},
    options::{
        APPEND_WAIT_SECONDS, BATCH_ROWS, LINGER_MILLIS, QUEUE_BATCHES_MAX, RETRY_SECONDS, SETTLE_MILLIS_MAX,
        TICK_MILLIS,
    },
    partition::{self, Writing},
};

/// A batch that waits, with the first event in it that is new.
type Queued = (Arc<Vec<Event>>, usize);

#[derive(Default)]
struct Queue {
    /// Batches, each with the first event in it that is new.
    batches: VecDeque<Queued>,
    rows: usize,
    /// Last event ever queued.
    last: EventId,
    /// Batches ever queued.
    ticket: u64,
    /// Somebody waits for what is queued.
    hurry: bool,
    closed: bool,
}

/// State shared by the lake's handles and threads.
pub struct Store {
    pub dir: PathBuf,
    pub options: LakeOptions,
    _lock: File,
    queue: Mutex<Queue>,
    work: Condvar,
    room: Condvar,
    /// Tickets whose events are searchable.
    searchable: watch::Sender<u64>,
    snapshot: RwLock<Arc<Snapshot>>,
    manifest: Mutex<Manifest>,
    next_file: AtomicU64,
    loads: AtomicU32,
    flushing: Mutex<()>,
    compacting: Mutex<()>,
    ticker: Mutex<()>,
    tick: Condvar,
    stop: AtomicBool,
    trouble: Mutex<Option<String>>,
}

/// Seconds since 1970.
fn now_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).at(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LakeError::Locked(dir.to_owned())),
        Err(TryLockError::Error(e)) => Err(e).at(&path),
    }
}

impl Store {
    pub fn open(dir: &Path, options: LakeOptions) -> Result<Arc<Self>> {
        fs::create_dir_all(dir).at(dir)?;
        // Files are asked for by their whole path.
        let dir = &fs::canonicalize(dir).at(dir)?;
        let lock = lock(dir)?;
        let mut manifest = manifest::load(dir)?;
        if manifest.version == 0 {
            // From here on a folder with files and no manifest is damaged, not fresh.
            manifest.version = 1;
            manifest::commit(dir, &manifest)?;
        }
        let swept = manifest::sweep(dir, &manifest)?;
        if swept > 0 {
            tracing::info!(files = swept, "files of an unfinished write were swept");
        }
        let files = manifest.files.iter().map(|e| Arc::new(DataFile::new(dir, e.clone()))).collect();
        let snapshot = Snapshot {
            version: manifest.version,
            files: Arc::new(files),
            durable: manifest.position,
            ..Snapshot::default()
        };
        Ok(Arc::new(Self {
            dir: dir.to_owned(),
            options,
            _lock: lock,
            queue: Mutex::new(Queue { last: manifest.position, ..Queue::default() }),
            work: Condvar::new(),
            room: Condvar::new(),
            searchable: watch::Sender::new(0),
            snapshot: RwLock::new(Arc::new(snapshot)),
            next_file: AtomicU64::new(manifest.next_file),
            loads: AtomicU32::new(manifest.loads),
            manifest: Mutex::new(manifest),
            flushing: Mutex::new(()),
            compacting: Mutex::new(()),
            ticker: Mutex::new(()),
            tick: Condvar::new(),
            stop: AtomicBool::new(false),
            trouble: Mutex::new(None),
        }))
    }

    /// Start the threads.
    pub fn start(self: &Arc<Self>) -> Result<Vec<JoinHandle<()>>> {
        let spawn = |name: &str, run: fn(&Self)| {
            let store = Arc::clone(self);
            std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&store)).at(&self.dir)
        };
        let mut threads = vec![spawn("lake-memory", Self::run_memory)?, spawn("lake-flush", Self::run_flush)?];
        if self.options.compact_every.is_some() {
            threads.push(spawn("lake-compact", Self::run_compact)?);
        }
        Ok(threads)
    }

    /// No more events; the threads end after what is queued is searchable.
    pub fn close(&self) {
        self.queue.lock().closed = true;
        self.work.notify_all();
        self.room.notify_all();
        self.stop.store(true, Ordering::Release);
        drop(self.ticker.lock());
        self.tick.notify_all();
    }

    /// What the lake holds now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read())
    }

    pub fn position(&self) -> EventId {
        self.queue.lock().last
    }

    pub fn append(&self, events: Arc<Vec<Event>>) -> Result<()> {
        let Some(last) = events.last().map(|e| e.id) else { return Ok(()) };
        let patience = Instant::now() + Duration::from_secs(APPEND_WAIT_SECONDS);
        let mut queue = self.queue.lock();
        while queue.batches.len() >= QUEUE_BATCHES_MAX && !queue.closed {
            if self.room.wait_until(&mut queue, patience).timed_out() {
                let why = self.trouble.lock().clone();
                return Err(LakeError::Backlog(why.unwrap_or_else(|| "writing is slower than what comes in".into())));
            }
        }
        if queue.closed {
            return Err(LakeError::Closed);
        }
        let first = events.partition_point(|e| e.id <= queue.last);
        if first == events.len() {
            return Ok(());
        }
        queue.rows += events.len() - first;
        queue.last = last;
        queue.ticket += 1;
        queue.batches.push_back((events, first));
        drop(queue);
        self.work.notify_one();
        Ok(())
    }

    /// Ask for everything queued to become searchable at once; the ticket to wait for.
    fn hurry(&self) -> u64 {
        let mut queue = self.queue.lock();
        queue.hurry = !queue.batches.is_empty();
        let ticket = queue.ticket;
        drop(queue);
        self.work.notify_one();
        ticket
    }

    /// Wait until everything appended before is searchable, or long enough.
    pub async fn settle(&self) {
        let ticket = self.hurry();
        let mut searchable = self.searchable.subscribe();
        let wait = searchable.wait_for(|t| *t >= ticket);
        // Too slow a disk must not stop people from searching what is there.
        let _ = tokio::time::timeout(Duration::from_millis(SETTLE_MILLIS_MAX), wait).await;
    }

    /// The same, blocking.
    fn settle_blocking(&self) {
        let ticket = self.hurry();
        while *self.searchable.borrow() < ticket && !self.stop.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Take what is queued; `None` when closed and empty.
    fn take(&self) -> Option<(Vec<Queued>, u64)> {
        let mut queue = self.queue.lock();
        loop {
            while queue.batches.is_empty() {
                if queue.closed {
                    return None;
                }
                self.work.wait(&mut queue);
            }
            let linger = Instant::now() + Duration::from_millis(LINGER_MILLIS);
            // A queue of many small batches is company enough: `append` must not wait for the linger.
            let few = |q: &Queue| q.rows < BATCH_ROWS && q.batches.len() < QUEUE_BATCHES_MAX / 2;
            while !queue.hurry && !queue.closed && few(&queue) {
                if self.work.wait_until(&mut queue, linger).timed_out() {
                    break;
                }
            }
            let (rows, bytes) = self.snapshot().memory_size();
            let full = rows >= 2 * self.options.flush_rows || bytes >= 2 * self.options.flush_bytes;
            if !full || queue.closed {
                break;
            }
            // Memory is full: wait for the files. `append` waits behind us.
            self.work.wait_for(&mut queue, Duration::from_millis(TICK_MILLIS));
        }
        let mut rows = 0;
        let mut taken = Vec::new();
        while let Some((events, first)) = queue.batches.pop_front() {
            rows += events.len() - first;
            taken.push((events, first));
            if rows >= BATCH_ROWS {
                break;
            }
        }
        queue.rows -= rows;
        queue.hurry &= !queue.batches.is_empty();
        let ticket = queue.ticket - queue.batches.len() as u64;
        drop(queue);
        self.room.notify_all();
        Some((taken, ticket))
    }

    fn run_memory(&self) {
        while let Some((taken, ticket)) = self.take() {
            if let Err(e) = self.publish(&taken) {
                // Building columns fails only by a defect of ours; the events remain in the journal.
                tracing::error!(error = %e, "events could not be made searchable");
                *self.trouble.lock() = Some(e.to_string());
            }
            self.searchable.send_replace(ticket);
            let (rows, bytes) = self.snapshot().memory_size();
            if rows >= self.options.flush_rows || bytes >= self.options.flush_bytes {
                self.tick.notify_all();
            }
        }
        self.searchable.send_replace(u64::MAX);
    }

    fn publish(&self, taken: &[Queued]) -> Result<()> {
        let rows = taken.iter().map(|(e, first)| e.len() - first).sum();
        let mut builder = columns::ColumnsBuilder::new(rows);
        let mut last = EventId::default();
        for (events, first) in taken {
            for e in events.get(*first..).unwrap_or_default() {
                builder.push(e)?;
                last = e.id;
            }
        }
        let batch = MemoryBatch::new(builder.finish()?, last);
        let mut snapshot = self.snapshot.write();
        Arc::make_mut(&mut snapshot).push(batch, Instant::now())?;
        Ok(())
    }

    /// Is a flush due?
    fn due(&self) -> bool {
        let s = self.snapshot();
        if !s.frozen.is_empty() {
            return true;
        }
        let (rows, bytes) = s.memory_size();
        rows >= self.options.flush_rows
            || bytes >= self.options.flush_bytes
            || s.since.is_some_and(|t| t.elapsed() >= self.options.flush_age)
    }

    fn wait_tick(&self, millis: u64) {
        let mut guard = self.ticker.lock();
        if !self.stop.load(Ordering::Acquire) {
            self.tick.wait_for(&mut guard, Duration::from_millis(millis));
        }
    }

    fn run_flush(&self) {
        while !self.stop.load(Ordering::Acquire) {
            if !self.due() {
                self.wait_tick(TICK_MILLIS);
            } else if let Err(e) = self.flush_memory() {
                tracing::error!(error = %e, "events could not be written to files; they stay in memory and are tried again");
                let again = Instant::now() + Duration::from_secs(RETRY_SECONDS);
                while Instant::now() < again && !self.stop.load(Ordering::Acquire) {
                    self.wait_tick(TICK_MILLIS);
                }
            }
        }
    }

    fn run_compact(&self) {
        let Some(every) = self.options.compact_every else { return };
        let mut next = Instant::now() + every;
        while !self.stop.load(Ordering::Acquire) {
            if Instant::now() < next {
                self.wait_tick(TICK_MILLIS * 4);
                continue;
            }
            match self.compact() {
                // While there is work, go on without waiting; each step is bounded.
                Ok(done) if done.files_before > 0 => continue,
                Ok(_) => {}
                Err(e) => tracing::error!(error = %e, "small files could not be joined; they stay as they are"),
            }
            next = Instant::now() + every;
        }
    }

    fn writing<'a>(&'a self, zstd_level: i32, next_file: &'a dyn Fn() -> u64) -> Writing<'a> {
        Writing { dir: &self.dir, zstd_level, now_seconds: now_seconds(), next_file }
    }

    /// Everything appended so far goes to files.
    pub fn flush(&self) -> Result<EventId> {
        self.settle_blocking();
        // Twice: batches frozen by a failed flush first, then the rest.
        while !self.snapshot().frozen.is_empty() {
            self.flush_memory()?;
        }
        self.flush_memory()?;
        Ok(self.snapshot().durable)
    }

    fn flush_memory(&self) -> Result<()> {
        let _one = self.flushing.lock();
        let frozen = {
            let mut snapshot = self.snapshot.write();
            if snapshot.frozen.is_empty() {
                if snapshot.memory.is_empty() {
                    return Ok(());
                }
                let s = Arc::make_mut(&mut snapshot);
                s.frozen = std::mem::take(&mut s.memory);
                s.since = None;
            }
            snapshot.frozen.clone()
        };
        let batches: Vec<&RecordBatch> = frozen.iter().map(|b| &b.batch).collect();
        let position = frozen.last().map(|b| b.last).unwrap_or_default();
        let next = || self.next_file.fetch_add(1, Ordering::Relaxed);
        let done = partition::write(&batches, &self.writing(self.options.zstd_level, &next)).and_then(|entries| {
            self.commit(
                &[],
                entries,
                |m| m.position = position,
                |s| {
                    s.frozen.clear();
                    s.durable = position;
                },
            )
        });
        *self.trouble.lock() = done.as_ref().err().map(ToString::to_string);
        self.work.notify_one();
        done
    }

    /// One manifest version: these files go, these come. On disk first, then in the eyes of queries.
    fn commit(
        &self,
        gone: &[Arc<DataFile>],
        come: Vec<Entry>,
        manifest: impl FnOnce(&mut Manifest),
        picture: impl FnOnce(&mut Snapshot),
    ) -> Result<()> {
        let mut current = self.manifest.lock();
        let mut next = current.clone();
        next.version += 1;
        next.schema = crate::schema::SCHEMA_VERSION;
        next.next_file = self.next_file.load(Ordering::Relaxed);
        next.files.retain(|e| !gone.iter().any(|g| g.entry.path == e.path));
        next.files.extend(come.iter().cloned());
        manifest(&mut next);
        if let Err(e) = manifest::commit(&self.dir, &next) {
            // A version that may yet count must find its files.
            if !manifest::exists(&self.dir, next.version) {
                for entry in &come {
                    let _ = fs::remove_file(self.dir.join(&entry.path));
                }
            }
            return Err(e);
        }
        let mut snapshot = self.snapshot.write();
        let s = Arc::make_mut(&mut snapshot);
        let mut files: Vec<_> = s.files.iter().filter(|f| !gone.iter().any(|g| Arc::ptr_eq(f, g))).cloned().collect();
        files.extend(come.into_iter().map(|e| Arc::new(DataFile::new(&self.dir, e))));
        s.files = Arc::new(files);
        s.version = next.version;
        picture(s);
        drop(snapshot);
        gone.iter().for_each(|g| g.doom());
        *current = next;
        Ok(())
    }

    /// One step of joining small files.
    pub fn compact(&self) -> Result<Compacted> {
        let _one = self.compacting.lock();
        let chosen = compact::choose(&self.snapshot().files, now_seconds());
        let next = || self.next_file.fetch_add(1, Ordering::Relaxed);
        let Some(entry) = compact::merge(&chosen, &self.writing(self.options.zstd_level_compacted, &next))? else {
            return Ok(Compacted::default());
        };
        self.commit(&chosen, vec![entry], |_| {}, |_| {})?;
        Ok(Compacted { files_before: chosen.len(), files_after: 1 })
    }

    /// Let go of files whose youngest event is older than the agency's limit.
    pub fn retire(&self, before: &dyn Fn(AgencyId) -> Option<Micros>) -> Result<usize> {
        // Not while files are joined: their rows would come back.
        let _one = self.compacting.lock();
        let old = |f: &Arc<DataFile>| before(AgencyId(f.entry.agency)).is_some_and(|t| f.entry.times().1 < t.0);
        let gone: Vec<_> = self.snapshot().files.iter().filter(|f| old(f)).cloned().collect();
        if !gone.is_empty() {
            self.commit(&gone, Vec::new(), |_| {}, |_| {})?;
        }
        Ok(gone.len())
    }

    /// Copy what is in files to a fresh folder, as a lake of its own.
    pub fn copy_to(&self, to: &Path) -> Result<EventId> {
        fs::create_dir_all(to.join("manifest")).at(to)?;
        // The snapshot keeps its files while they are copied.
        let (snapshot, manifest) = {
            let manifest = self.manifest.lock();
            (self.snapshot(), manifest.clone())
        };
        for f in snapshot.files.iter() {
            let target = to.join(&f.entry.path);
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder).at(folder)?;
            }
            fs::copy(&f.path, &target).at(&target)?;
            File::open(&target).and_then(|f| f.sync_all()).at(&target)?;
        }
        partition::sync_folders(to, &manifest.files)?;
        manifest::commit(to, &manifest)?;
        Ok(manifest.position)
    }

    /// Number of a new load.
    pub fn next_load(&self) -> u32 {
        self.loads.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Write rows of a load to files that no manifest names yet.
    pub fn stage(&self, batches: &[RecordBatch]) -> Result<Vec<Entry>> {
        let next = || self.next_file.fetch_add(1, Ordering::Relaxed);
        let batches: Vec<_> = batches.iter().collect();
        partition::write(&batches, &self.writing(self.options.zstd_level, &next))
    }

    /// Name the files of a load.
    pub fn commit_load(&self, load: u32, entries: Vec<Entry>) -> Result<()> {
        self.commit(&[], entries, |m| m.loads = m.loads.max(load), |_| {})
    }

    /// Delete the files of a load that will not be named. If a manifest may name them, they stay: the next start
    /// sweeps what none names.
    pub fn unstage(&self, entries: &[Entry]) {
        let manifest = self.manifest.lock();
        if !manifest::exists(&self.dir, manifest.version + 1) {
            for e in entries {
                let _ = fs::remove_file(self.dir.join(&e.path));
            }
        }
    }

    pub fn status(&self) -> LakeStatus {
        let s = self.snapshot();
        let (rows, bytes) = s.memory_size();
        LakeStatus {
            position: self.position(),
            durable: s.durable,
            memory_rows: rows as u64,
            memory_bytes: bytes as u64,
            files: s.files.len() as u64,
            file_rows: s.files.iter().map(|f| f.entry.rows).sum(),
            file_bytes: s.files.iter().map(|f| f.entry.bytes).sum(),
            version: s.version,
            trouble: self.trouble.lock().clone(),
        }
    }
}
