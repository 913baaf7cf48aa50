//! The rules in force: those in the binary, those in configured folders, less those switched off; one immutable
//! set, replaced whole. A broken file is listed with its reason and the others run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bongsu_sigma::{LoadError, LoadOptions, RuleSet, RuleSource};
use rust_embed::RustEmbed;

/// Most bytes of one rule file.
const RULE_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most rule files of one folder tree.
const RULE_FILES_MAX: usize = 100_000;
/// Deepest folder below a rule path.
const FOLDER_DEPTH_MAX: usize = 16;

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
    /// Texts, by file name, for the console.
    pub sources: Vec<RuleSource>,
    /// Switched off.
    pub disabled: BTreeSet<String>,
}

/// The book in force.
pub struct Rulebook {
    paths: Vec<PathBuf>,
    book: ArcSwap<Book>,
}

impl Rulebook {
    /// Load everything.
    #[must_use]
    pub fn open(paths: &[PathBuf], disabled: BTreeSet<String>) -> Self {
        Self { paths: paths.to_vec(), book: ArcSwap::from_pointee(load(paths, disabled)) }
    }
    /// The book in force now.
    #[must_use]
    pub fn now(&self) -> Arc<Book> {
        self.book.load_full()
    }
    /// Load again, with these switched off.
    pub fn reload(&self, disabled: BTreeSet<String>) {
        self.book.store(Arc::new(load(&self.paths, disabled)));
    }
}

fn load(paths: &[PathBuf], disabled: BTreeSet<String>) -> Book {
    let mut errors = Vec::new();
    let mut sources = shipped();
    for path in paths {
        read_path(path, &mut sources, &mut errors);
    }
    let options = LoadOptions { disabled: disabled.clone(), ..LoadOptions::default() };
    let (set, refused) = RuleSet::load_with(&sources, &options);
    errors.extend(refused);
    Book { set: Arc::new(set), errors, sources, disabled }
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

/// Read a rule file, or every `.yml` below a folder. What can't be read is listed.
pub fn read_path(path: &Path, sources: &mut Vec<RuleSource>, errors: &mut Vec<LoadError>) {
    let mut stack = vec![(path.to_path_buf(), 0usize)];
    while let Some((at, depth)) = stack.pop() {
        let refuse = |reason: String| LoadError { file: at.display().to_string(), line: 1, rule: None, reason };
        if sources.len() >= RULE_FILES_MAX {
            errors.push(refuse(format!("more than {RULE_FILES_MAX} rule files; the rest is left out")));
            return;
        }
        let meta = match std::fs::metadata(&at) {
            Ok(meta) => meta,
            Err(e) => {
                errors.push(refuse(format!("cannot be read: {e}")));
                continue;
            }
        };
        if meta.is_dir() {
            if depth >= FOLDER_DEPTH_MAX {
                errors.push(refuse(format!("deeper than {FOLDER_DEPTH_MAX} folders; left out")));
                continue;
            }
            match std::fs::read_dir(&at) {
                Ok(entries) => {
                    let mut inner: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
                    inner.sort();
                    stack.extend(inner.into_iter().rev().map(|p| (p, depth + 1)));
                }
                Err(e) => errors.push(refuse(format!("cannot be read: {e}"))),
            }
            continue;
        }
        let is_rule = at.extension().is_some_and(|e| e == "yml" || e == "yaml");
        if depth > 0 && !is_rule {
            continue;
        }
        if meta.len() > RULE_FILE_BYTES_MAX {
            errors.push(refuse(format!("{} bytes; a rule file has at most {RULE_FILE_BYTES_MAX}", meta.len())));
            continue;
        }
        match std::fs::read(&at) {
            Ok(bytes) => sources.push(RuleSource {
                name: at.display().to_string(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            }),
            Err(e) => errors.push(refuse(format!("cannot be read: {e}"))),
        }
    }
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
