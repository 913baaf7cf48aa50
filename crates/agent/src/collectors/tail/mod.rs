//! Follows files: one thread for all of them, woken by the kernel, looking by itself every second as well.
//!
//! Invariant: a file's number and head are durable before its first line is, so that a line found in the spool after a
//! crash always tells which file it came from.

mod cutter;
mod file;
mod keep;
mod rotated;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read, Write},
    os::{
        fd::AsFd,
        unix::{fs::MetadataExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bongsu_event::{RawRecord, RecordFlags, SourceId, Transport};
use bongsu_uplink::{InputConfig, InputKind};
use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::{
    cutter::Line,
    file::{Followed, Look, fresh},
    keep::Places,
};
use super::glob;
use crate::{
    limits::{BATCH_BYTES, FILES_MAX, PLACES_SECONDS, POLL_SECONDS, QUIET_SECONDS},
    places::{self, Reader},
    shared::{Shared, now},
};

/// Bytes of lines after which the places are stored even before their time.
const STORE_BYTES: u64 = 4 * 1024 * 1024;
/// The thread is given this long to hand over what it read, seconds.
const STOP_SECONDS_MAX: u64 = 10;
/// New names in a watched folder lead to a look at the globs at most this often, milliseconds.
const LOOK_MILLIS: u64 = 20;

/// The thread that follows files, from outside.
pub(super) struct Tail {
    orders: Arc<Mutex<Orders>>,
    wake: UnixStream,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Orders {
    inputs: Option<Vec<InputConfig>>,
    stop: bool,
}

impl Tail {
    pub fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let orders = Arc::new(Mutex::new(Orders::default()));
        let worker = Worker::new(shared, Arc::clone(&orders), woken)?;
        let thread = std::thread::Builder::new().name("tail".to_owned()).spawn(move || worker.run())?;
        Ok(Self { orders, wake, thread: Some(thread) })
    }

    pub fn set(&self, inputs: &[InputConfig]) {
        let tails = inputs.iter().filter(|i| matches!(i.kind, InputKind::Tail { .. }));
        self.orders.lock().inputs = Some(tails.cloned().collect());
        let _ = (&self.wake).write(&[1]);
    }

    pub async fn stop(mut self) {
        self.orders.lock().stop = true;
        let _ = (&self.wake).write(&[1]);
        let Some(thread) = self.thread.take() else { return };
        // On a full disk it waits inside the spool, which lets it go when it is closed.
        let joined = tokio::task::spawn_blocking(move || thread.join());
        let _ = tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), joined).await;
    }
}

struct Worker {
    shared: Arc<Shared>,
    orders: Arc<Mutex<Orders>>,
    woken: UnixStream,
    inotify: Inotify,
    inputs: Vec<InputConfig>,
    places: Places,
    files: Vec<Followed>,
    folders: BTreeMap<PathBuf, Option<WatchDescriptor>>,
    /// Inputs whose globs were expanded in this run.
    looked: BTreeSet<u32>,
    look_due: bool,
    looked_at: Option<Instant>,
    stored_at: Instant,
    closed: bool,
}

impl Worker {
    fn new(shared: Arc<Shared>, orders: Arc<Mutex<Orders>>, woken: UnixStream) -> std::io::Result<Self> {
        let places = Places::load(&shared);
        Ok(Self {
            shared,
            orders,
            woken,
            inotify: Inotify::init()?,
            inputs: Vec::new(),
            places,
            files: Vec::new(),
            folders: BTreeMap::new(),
            looked: BTreeSet::new(),
            look_due: false,
            looked_at: None,
            stored_at: Instant::now(),
            closed: false,
        })
    }

    fn run(mut self) {
        while !self.closed {
            if self.take_orders() {
                break;
            }
            let since = self.looked_at.map(|t| t.elapsed());
            let due = self.look_due && since.is_none_or(|s| s >= Duration::from_millis(LOOK_MILLIS));
            if due || since.is_none_or(|s| s >= Duration::from_secs(POLL_SECONDS)) {
                self.look_at_globs();
            }
            let more = !self.shared.full.load(Relaxed) && self.read_round();
            self.store_places();
            if !more {
                self.wait();
            }
        }
        self.places.touch();
        self.places.store(&self.shared);
    }

    /// True to stop.
    fn take_orders(&mut self) -> bool {
        let mut orders = self.orders.lock();
        if let Some(inputs) = orders.inputs.take() {
            self.files.retain(|f| inputs.iter().any(|i| i.id == f.input));
            self.inputs = inputs;
            self.looked_at = None;
        }
        orders.stop
    }

    fn wait(&mut self) {
        let patience =
            if self.look_due { Duration::from_millis(LOOK_MILLIS) } else { Duration::from_secs(POLL_SECONDS) };
        let timeout = Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: patience.subsec_nanos().into() };
        let woken = {
            let mut fds = [PollFd::new(&self.woken, PollFlags::IN), PollFd::new(&self.inotify, PollFlags::IN)];
            poll(&mut fds, Some(&timeout))
        };
        match woken {
            Ok(0) => self.files.iter_mut().for_each(|f| f.dirty = true),
            _ => {
                let _ = (&self.woken).read(&mut [0u8; 64]);
                self.take_events();
            }
        }
    }

    fn take_events(&mut self) {
        let mut buffer = [0u8; 16 * 1024];
        while let Ok(events) = self.inotify.read_events(&mut buffer) {
            for event in events {
                if event.mask.contains(EventMask::Q_OVERFLOW) {
                    self.files.iter_mut().for_each(|f| f.dirty = true);
                    self.look_due = true;
                }
                match event.name.and_then(|n| n.to_str()) {
                    Some(name) => self.look_due |= self.may_match(name),
                    None => {
                        self.files
                            .iter_mut()
                            .filter(|f| f.watch.as_ref() == Some(&event.wd))
                            .for_each(|f| f.dirty = true);
                        if event.mask.intersects(EventMask::IGNORED | EventMask::DELETE_SELF | EventMask::MOVE_SELF) {
                            self.folders.retain(|_, wd| wd.as_ref() != Some(&event.wd));
                            self.look_due = true;
                        }
                    }
                }
            }
        }
    }

    fn may_match(&self, name: &str) -> bool {
        self.inputs.iter().any(|i| globs(i).iter().any(|g| glob::may_match(g, name)))
    }

    /// Finds files that came, were renamed or went.
    fn look_at_globs(&mut self) {
        (self.look_due, self.looked_at) = (false, Some(Instant::now()));
        let mut folders = BTreeSet::new();
        let mut named = BTreeSet::new();
        for input in self.inputs.clone() {
            let mut error = String::new();
            let files = self.files.len();
            for pattern in globs(&input) {
                let expanded = glob::expand(pattern);
                folders.extend(expanded.folders);
                for path in expanded.paths {
                    match self.meet(&input, &path) {
                        Ok(Some(identity)) => {
                            named.insert((input.id, identity));
                        }
                        Ok(None) => {}
                        Err(e) => error = format!("cannot read {}: {e}", path.display()),
                    }
                }
            }
            let rotated = self
                .files
                .get(files..)
                .unwrap_or_default()
                .iter()
                .any(|new| self.files.iter().take(files).any(|old| old.path == new.path && old.input == new.input));
            if self.looked.insert(input.id.0) {
                self.find_rotated(&input, files);
                self.places.begin(&input);
            } else if rotated {
                self.find_rotated(&input, files);
            }
            let tally = self.shared.tally(input.id);
            tally.set_error(error);
            let open = self.files.iter().filter(|f| f.input == input.id).map(|f| f.path.display().to_string());
            *tally.open.lock() = open.collect();
        }
        for file in &mut self.files {
            let is_named = named.contains(&(file.input, (file.device, file.inode)));
            file.gone = if is_named { None } else { file.gone.or_else(|| Some(Instant::now())) };
            file.dirty |= file.gone.is_some();
        }
        self.watch_folders(folders);
    }

    /// A path that matches: the file we follow already, one we know from before, or a new one.
    fn meet(&mut self, input: &InputConfig, path: &Path) -> std::io::Result<Option<(u64, u64)>> {
        let meta = fs::metadata(path)?;
        if !meta.is_file() {
            return Ok(None);
        }
        let identity = (meta.dev(), meta.ino());
        if let Some(known) = self.files.iter_mut().find(|f| f.input == input.id && (f.device, f.inode) == identity) {
            if known.path != path {
                known.path = path.to_owned();
            }
            return Ok(Some(identity));
        }
        if self.files.len() >= FILES_MAX {
            return Err(std::io::Error::other(format!("more than {FILES_MAX} files match; narrow the globs")));
        }
        let file = File::open(path)?;
        let known = self.places.files.iter().find(|(_, p)| p.input == input.id && p.is(&file));
        let (number, place) = match known {
            Some((number, place)) => (*number, keep::Place { path: path.to_owned(), ..place.clone() }),
            None => {
                let from_start = matches!(input.kind, InputKind::Tail { from_start: true, .. });
                let behind = !from_start && !self.places.has_begun(input);
                (places::random(), fresh(&file, path.to_owned(), input.id, behind)?)
            }
        };
        self.follow(number, place, file);
        Ok(Some(identity))
    }

    /// What rotations left of an input's files while nobody looked: renamed ones are read on, copies from where the
    /// truncated original stood, and what came and went unseen from its start.
    /// Files from the `new`th on were met in this very look and say nothing of when we last saw.
    fn find_rotated(&mut self, input: &InputConfig, new: usize) {
        let known: Vec<(u64, keep::Place)> =
            self.places.files.iter().filter(|(_, p)| p.input == input.id).map(|(n, p)| (*n, p.clone())).collect();
        let paths: BTreeSet<&Path> = known.iter().map(|(_, p)| p.path.as_path()).collect();
        for path in paths {
            let before = |n: u64| !self.files.iter().skip(new).any(|f| f.number == n);
            let seen = known.iter().filter(|(n, p)| p.path == path && before(*n)).map(|(_, p)| p.seen).max();
            for sibling in rotated::siblings(path) {
                let identity = (sibling.device, sibling.inode);
                if self.files.iter().any(|f| f.input == input.id && (f.device, f.inode) == identity) {
                    continue;
                }
                let lost = |f: &[Followed], n: u64| !f.iter().any(|f| f.number == n);
                let renamed = known.iter().find(|(n, p)| (p.device, p.inode) == identity && lost(&self.files, *n));
                let opened = renamed.and_then(|_| File::open(&sibling.path).ok());
                match renamed.zip(opened).filter(|((_, place), file)| place.is(file)) {
                    Some(((number, place), file)) => self.follow(*number, place.clone(), file),
                    None if sibling.was(path) => self.take_over(input, path, &sibling, &known, seen),
                    None => {}
                }
            }
        }
    }

    /// A rotated file that we never followed under its inode.
    fn take_over(
        &mut self,
        input: &InputConfig,
        path: &Path,
        sibling: &rotated::Sibling,
        known: &[(u64, keep::Place)],
        seen: Option<bongsu_event::Micros>,
    ) {
        let mut copied = known.iter().filter(|(_, p)| p.path == path);
        if let Some((number, file, offset)) = copied.find_map(|(n, p)| Some((*n, sibling.copy_of(p)?, p.offset))) {
            // A copy of what still stands there says nothing new.
            let stands = self.files.iter().any(|f| f.number == number);
            if !stands && let Ok(mut place) = fresh(&file, path.to_owned(), input.id, false) {
                place.offset = offset;
                self.places.files.remove(&number);
                self.follow(places::random(), place, file);
            }
        } else if seen.is_some_and(|s| sibling.modified > s)
            && let Ok(file) = File::open(&sibling.path)
            && let Ok(place) = fresh(&file, path.to_owned(), input.id, false)
        {
            self.follow(places::random(), place, file);
        }
    }

    fn follow(&mut self, number: u64, place: keep::Place, file: File) {
        let mut followed = Followed::new(number, &place, file);
        self.watch(&mut followed);
        self.places.files.insert(number, place);
        self.places.touch();
        // Before its first line, so that a line in the spool always tells its file.
        self.places.store(&self.shared);
        tracing::debug!(path = %followed.path.display(), at = followed.at, "follows a file");
        self.files.push(followed);
    }

    /// Watches the file itself, so that what a program goes on writing after a rename wakes us too.
    fn watch(&mut self, file: &mut Followed) {
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file.file.as_fd()));
        file.watch = self.inotify.watches().add(path, WatchMask::MODIFY | WatchMask::ATTRIB).ok();
    }

    fn watch_folders(&mut self, wanted: BTreeSet<PathBuf>) {
        let mask = WatchMask::CREATE
            | WatchMask::MOVED_TO
            | WatchMask::MOVED_FROM
            | WatchMask::DELETE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF;
        let gone: Vec<PathBuf> = self.folders.keys().filter(|f| !wanted.contains(*f)).cloned().collect();
        for folder in gone {
            if let Some(wd) = self.folders.remove(&folder).flatten() {
                let _ = self.inotify.watches().remove(wd);
            }
        }
        for folder in wanted {
            if self.folders.get(&folder).is_none_or(Option::is_none) {
                let wd = self.inotify.watches().add(&folder, mask).ok();
                // What came between the look and the watch is seen at the next look, a second away at most.
                self.folders.insert(folder, wd);
            }
        }
    }

    /// Reads each file once, hands over what was read; true if there is more to read now.
    fn read_round(&mut self) -> bool {
        let mut batch = Vec::new();
        let mut ends = Vec::new();
        let mut bytes = 0;
        let mut finished = Vec::new();
        for index in 0..self.files.len() {
            if bytes >= BATCH_BYTES {
                break;
            }
            match self.read_file(index, &mut batch, &mut ends) {
                Ok(read) => bytes += read,
                Err(e) => {
                    if let Some(file) = self.files.get_mut(index) {
                        file.dirty = false;
                        self.shared.tally(file.input).set_error(format!("cannot read {}: {e}", file.path.display()));
                    }
                }
            }
            if self.files.get(index).is_some_and(is_finished) {
                finished.push(index);
            }
        }
        self.hand_over(batch, &ends);
        for index in finished.into_iter().rev() {
            self.let_go(index);
        }
        // The next round begins with those that had no turn.
        if bytes >= BATCH_BYTES && !self.files.is_empty() {
            let by = 1 % self.files.len();
            self.files.rotate_left(by);
        }
        self.files.iter().any(|f| f.dirty)
    }

    fn read_file(
        &mut self,
        index: usize,
        batch: &mut Vec<RawRecord>,
        ends: &mut Vec<(u64, u64)>,
    ) -> std::io::Result<usize> {
        let Some(file) = self.files.get_mut(index).filter(|f| f.dirty) else { return Ok(0) };
        match file.look()? {
            Look::Quiet => {
                file.dirty = false;
                Ok(0)
            }
            Look::Again => {
                tracing::info!(path = %file.path.display(), "truncated or written anew: reading from its start");
                self.begin_again(index, batch, ends)?;
                Ok(0)
            }
            Look::More => {
                if file.at == 0 && file.grow_head()? {
                    let (number, place) = (file.number, file.place(0));
                    self.places.files.insert(number, place);
                    self.places.touch();
                    self.places.store(&self.shared);
                }
                let Some(file) = self.files.get_mut(index) else { return Ok(0) };
                let mut lines = Vec::new();
                let read = file.read(&mut lines)?;
                let (number, input) = (file.number, file.input);
                ends.extend(lines.last().map(|l| (number, l.end)));
                self.take(input, number, lines, false, batch);
                Ok(read)
            }
        }
    }

    /// The file begins again. If a rotation kept a copy, the rest is read from there; else a line that waited for its
    /// end will never get it.
    fn begin_again(
        &mut self,
        index: usize,
        batch: &mut Vec<RawRecord>,
        ends: &mut Vec<(u64, u64)>,
    ) -> std::io::Result<()> {
        let Some(file) = self.files.get_mut(index) else { return Ok(()) };
        let rest = file.cutter.give_up(file.at);
        let (old, input, path) = (file.number, file.input, file.path.clone());
        (file.number, file.at) = (places::random(), 0);
        file.head = keep::Head::of(&file.file)?;
        let (number, place) = (file.number, file.place(0));
        let former = self.places.files.remove(&old);
        self.places.files.insert(number, place);
        let siblings = rotated::siblings(&path);
        let copy = former.and_then(|former| {
            let found = siblings.iter().filter(|s| s.was(&path)).find_map(|s| s.copy_of(&former))?;
            let place = fresh(&found, path.clone(), input, false).ok()?;
            Some((keep::Place { offset: former.offset, ..place }, found))
        });
        match (copy, rest) {
            (Some((place, file)), _) => self.follow(places::random(), place, file),
            (None, Some(line)) => {
                ends.push((old, line.end));
                self.take(input, old, vec![line], true, batch);
            }
            (None, None) => {}
        }
        self.places.touch();
        self.places.store(&self.shared);
        Ok(())
    }

    fn take(
        &self,
        input: bongsu_uplink::InputId,
        number: u64,
        lines: Vec<Line>,
        unterminated: bool,
        batch: &mut Vec<RawRecord>,
    ) {
        let (time, tally) = (now(), self.shared.tally(input));
        for line in lines {
            tally.count(line.raw.len(), line.truncated, time);
            batch.push(RawRecord {
                receive_time: time,
                source: SourceId(input.0),
                transport: Transport::Agent,
                peer: None,
                spool: Some(places::place(Reader::Tail, number, line.end)),
                flags: RecordFlags { truncated: line.truncated, unterminated },
                raw: line.raw,
            });
        }
    }

    /// Waits until the lines are durable; only then do the files count as read up to there.
    fn hand_over(&mut self, batch: Vec<RawRecord>, ends: &[(u64, u64)]) {
        if batch.is_empty() {
            return;
        }
        let bytes = batch.iter().map(|r| r.raw.len() as u64).sum();
        match self.shared.spool.append(batch) {
            Ok(range) => {
                for (number, end) in ends {
                    if let Some(place) = self.places.files.get_mut(number) {
                        place.offset = place.offset.max(*end);
                        place.seen = now();
                    }
                }
                self.places.passed(*range.end(), bytes);
                self.shared.look_at_room();
            }
            Err(_) => self.closed = true,
        }
    }

    /// A file that is gone and quiet: its last, unfinished line is kept as it is.
    fn let_go(&mut self, index: usize) {
        let mut file = self.files.swap_remove(index);
        if let Some(line) = file.cutter.give_up(file.at) {
            let (mut batch, ends) = (Vec::new(), [(file.number, line.end)]);
            self.take(file.input, file.number, vec![line], true, &mut batch);
            self.hand_over(batch, &ends);
        }
        if let Some(wd) = file.watch.take() {
            let _ = self.inotify.watches().remove(wd);
        }
        if !self.closed && file.file.metadata().is_ok_and(|m| m.nlink() == 0) {
            self.places.files.remove(&file.number);
            self.places.touch();
        }
        tracing::debug!(path = %file.path.display(), "let go of a file that is gone");
    }

    fn store_places(&mut self) {
        let due = self.stored_at.elapsed() >= Duration::from_secs(PLACES_SECONDS);
        if !due && self.places.bytes_since_store() < STORE_BYTES {
            return;
        }
        self.stored_at = Instant::now();
        for file in &mut self.files {
            if file.grow_head().unwrap_or(false)
                && let Some(place) = self.places.files.get_mut(&file.number)
            {
                place.head = file.head.clone();
                self.places.touch();
            }
            if let Some(place) = self.places.files.get_mut(&file.number)
                && place.path != file.path
            {
                place.path = file.path.clone();
            }
        }
        self.places.store(&self.shared);
    }
}

fn globs(input: &InputConfig) -> &[String] {
    match &input.kind {
        InputKind::Tail { globs, .. } => globs,
        _ => &[],
    }
}

fn is_finished(file: &Followed) -> bool {
    let quiet = Duration::from_secs(QUIET_SECONDS);
    !file.dirty && file.gone.is_some_and(|g| g.elapsed() >= quiet) && file.last_read.elapsed() >= quiet
}
