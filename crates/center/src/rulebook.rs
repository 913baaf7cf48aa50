//! The rules in force: those in the binary, those in configured folders, less those switched off; one immutable
//! set, replaced whole. A broken file is listed with its reason and the others run.
//!
//! Invariant: a set is in force only after it has met the kinds of events that came lately, so that the stream never
//! waits for its compiling.

mod files;
mod reload;
mod sample;
pub mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bongsu_event::{Event, Micros};
use bongsu_sigma::{LoadError, LoadOptions, ReadFile, RuleSet, RuleSource, Scratch};
use parking_lot::Mutex;
use rust_embed::RustEmbed;

use self::files::Files;
pub use self::files::{Fate, read_path};
pub use self::reload::{Changed, RuleFate, compare};
use self::sample::Samples;

#[derive(RustEmbed)]
#[folder = "../../rules"]
#[include = "*.yml"]
#[include = "**/*.yml"]
struct Shipped;

/// A set and what could not be loaded.
pub struct Book {
    /// The compiled set.
    pub set: Arc<RuleSet>,
    /// What was left out.
    pub errors: Vec<LoadError>,
    /// Switched off.
    pub disabled: BTreeSet<String>,
    /// Folders that hold rule files.
    pub folders: Vec<PathBuf>,
    /// In force since.
    pub since: Micros,
    /// Memory that has met the set; for the pipeline's thread.
    warm: Mutex<Option<Scratch>>,
}

impl Book {
    /// A book of this set alone.
    #[must_use]
    pub fn of(set: RuleSet) -> Self {
        let set = Arc::new(set);
        Self {
            set,
            errors: Vec::new(),
            disabled: BTreeSet::new(),
            folders: Vec::new(),
            since: Micros(0),
            warm: Mutex::default(),
        }
    }
    /// Memory that has met the set; the first who asks has it.
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        self.warm.lock().take().unwrap_or_else(|| self.set.scratch())
    }
}

/// The book in force.
pub struct Rulebook {
    paths: Vec<PathBuf>,
    shipped: Vec<RuleSource>,
    files: Mutex<Files>,
    samples: Samples,
    book: ArcSwap<Book>,
    /// One reload after the other, from reading the switches to the swap.
    turn: tokio::sync::Mutex<()>,
}

impl Rulebook {
    /// Load everything.
    #[must_use]
    pub fn open(paths: &[PathBuf], disabled: BTreeSet<String>, now: Micros) -> Self {
        let (shipped, mut files) = (shipped(), Files::default());
        let look = files.look(&shipped, paths, &LoadOptions::default());
        let book = assemble(look, disabled, now, &[]);
        Self {
            paths: paths.to_vec(),
            shipped,
            files: Mutex::new(files),
            samples: Samples::default(),
            book: ArcSwap::from_pointee(book),
            turn: tokio::sync::Mutex::default(),
        }
    }
    /// The book in force now.
    #[must_use]
    pub fn now(&self) -> Arc<Book> {
        self.book.load_full()
    }
    /// Keep an event that a later set shall meet before it is in force.
    pub fn sample(&self, event: &Event) {
        self.samples.keep(event);
    }
    /// Events kept since this was asked last.
    pub fn take_fresh(&self) -> Vec<Event> {
        self.samples.take_fresh()
    }
    /// The rules as they stand, with these switched on. Takes long, as a load does.
    #[must_use]
    pub fn with_on(&self, on: &[String]) -> RuleSet {
        let mut disabled = self.now().disabled.clone();
        disabled.retain(|id| !on.contains(id));
        let options = LoadOptions { disabled, ..LoadOptions::default() };
        let files = self.files.lock().all();
        RuleSet::assemble(files.iter().map(|f| &**f), &options).0
    }
    /// What the rules would be with these files, and no others, below a folder. Takes long, as a load does.
    #[must_use]
    pub fn planned(&self, folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> (RuleSet, Vec<LoadError>) {
        let options = LoadOptions { disabled: self.now().disabled.clone(), ..LoadOptions::default() };
        let mut all = self.files.lock().outside(folder);
        all.extend(files.iter().map(|(name, bytes)| {
            let name = folder.join(name).display().to_string();
            Arc::new(ReadFile::read(&RuleSource { name, text: String::from_utf8_lossy(bytes).into_owned() }, &options))
        }));
        RuleSet::assemble(all.iter().map(|f| &**f), &options)
    }
    /// Look at the files; a new book if anything differs from the one in force, and which files do. Takes long: not for
    /// a thread that others wait for.
    fn load(&self, disabled: BTreeSet<String>, now: Micros) -> Option<(Book, Vec<(String, Fate)>)> {
        let mut files = self.files.lock();
        let look = files.look(&self.shipped, &self.paths, &LoadOptions::default());
        let in_force = self.now();
        // What can't be read at all has no hash by which it could be seen to change.
        let errors = look.errors.iter().all(|e| in_force.errors.contains(e));
        if look.changes.is_empty() && disabled == in_force.disabled && errors && look.folders == in_force.folders {
            return None;
        }
        let changes = look.changes.clone();
        let samples = self.samples.all();
        Some((assemble(look, disabled, now, &samples), changes))
    }
}

fn assemble(look: files::Look, disabled: BTreeSet<String>, now: Micros, samples: &[Event]) -> Book {
    let options = LoadOptions { disabled: disabled.clone(), ..LoadOptions::default() };
    let (set, refused) = RuleSet::assemble(look.files.iter().map(|f| &**f), &options);
    let mut errors = look.errors;
    errors.extend(refused);
    let mut scratch = set.scratch();
    for event in samples {
        let _ = set.detect(event, &mut scratch);
    }
    Book { set: Arc::new(set), errors, disabled, folders: look.folders, since: now, warm: Mutex::new(Some(scratch)) }
}

/// The rules in the binary.
#[must_use]
pub fn shipped() -> Vec<RuleSource> {
    let mut sources: Vec<RuleSource> = Shipped::iter()
        .filter_map(|name| {
            let file = Shipped::get(&name)?;
            Some(RuleSource { name: format!("rules/{name}"), text: String::from_utf8_lossy(&file.data).into_owned() })
        })
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    sources
}

/// Run every case that stands in the rules, through the real formats.
#[must_use]
pub fn run_cases(set: &RuleSet) -> bongsu_sigma::testing::Outcome {
    bongsu_sigma::testing::run(set, &mut |raw, format, at| read_line(raw, format, at))
}

/// A line as a registered source in Korea would have sent it at that time.
#[must_use]
pub fn read_line(raw: &str, format: Option<&str>, at: bongsu_event::Micros) -> bongsu_event::Event {
    let timezone = jiff::tz::TimeZone::get("Asia/Seoul").unwrap_or(jiff::tz::TimeZone::UTC);
    let context = bongsu_parse::Context { receive_time: at, timezone };
    let hint = format.and_then(bongsu_parse::format_by_name);
    let (mut event, _) = bongsu_parse::parse_record(raw.as_bytes().to_vec().into(), &context, hint);
    event.transport = bongsu_event::Transport::Agent;
    event.source = bongsu_event::SourceId(1);
    event
}
