//! Rule files on disk, each read anew only when it changed.
//!
//! Invariant: a file whose stamp or hash is that of before keeps its read form; what can't be read is an error, and the
//! other files run.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bongsu_sigma::{LoadError, LoadOptions, ReadFile, RuleSource};
use sha2::{Digest, Sha256};

/// Most bytes of one rule file.
const RULE_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most rule files of one folder tree.
const RULE_FILES_MAX: usize = 100_000;
/// Deepest folder below a rule path.
const FOLDER_DEPTH_MAX: usize = 16;
/// A file changed less than this before it was looked at may change again under the same stamp, seconds.
const STAMP_TRUSTED_SECONDS: i64 = 2;

/// What tells that a file is the same without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            len: meta.len(),
            inode: meta.ino(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
    fn is_settled(self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        self.changed.0 + STAMP_TRUSTED_SECONDS <= i64::try_from(now).unwrap_or(i64::MAX)
    }
}

struct Known {
    stamp: Option<Stamp>,
    hash: [u8; 32],
    file: Arc<ReadFile>,
}

/// What became of a file since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It was not there.
    New,
    /// Its bytes differ.
    Changed,
    /// It is gone.
    Removed,
}

/// Every rule file, as it stands now.
pub struct Look {
    /// In the order of the paths.
    pub files: Vec<Arc<ReadFile>>,
    /// What could not be read at all.
    pub errors: Vec<LoadError>,
    /// Files that differ from the last look, by name.
    pub changes: Vec<(String, Fate)>,
    /// Folders that hold them, to be watched.
    pub folders: Vec<PathBuf>,
}

/// Files read before.
#[derive(Default)]
pub struct Files(HashMap<String, Known>);

impl Files {
    /// Look at `fixed` texts and at every file below `paths`.
    pub fn look(&mut self, fixed: &[RuleSource], paths: &[PathBuf], options: &LoadOptions) -> Look {
        let before = std::mem::take(&mut self.0);
        let mut look = Look { files: Vec::new(), errors: Vec::new(), changes: Vec::new(), folders: Vec::new() };
        for source in fixed {
            let hash = Sha256::digest(source.text.as_bytes()).into();
            self.keep(&before, source, None, hash, options, &mut look);
        }
        for path in paths {
            let mut found = Vec::new();
            walk(path, &mut found, &mut look.folders, &mut look.errors);
            for (at, meta) in found {
                let name = at.display().to_string();
                let stamp = Stamp::of(&meta);
                if let Some(known) = before.get(&name).filter(|k| k.stamp == Some(stamp)) {
                    let (hash, file) = (known.hash, Arc::clone(&known.file));
                    look.files.push(Arc::clone(&file));
                    self.0.insert(name, Known { stamp: Some(stamp).filter(|s| s.is_settled()), hash, file });
                    continue;
                }
                match std::fs::read(&at) {
                    Ok(bytes) => {
                        let hash = Sha256::digest(&bytes).into();
                        let source = RuleSource { name, text: String::from_utf8_lossy(&bytes).into_owned() };
                        let stamp = Some(stamp).filter(|s| s.is_settled());
                        self.keep(&before, &source, stamp, hash, options, &mut look);
                    }
                    Err(e) => look.errors.push(refused(&at, format!("cannot be read: {e}"))),
                }
            }
        }
        let gone = before.into_keys().filter(|name| !self.0.contains_key(name));
        look.changes.extend(gone.map(|name| (name, Fate::Removed)));
        look.changes.sort();
        look
    }
    /// Every file as it was read last, by name.
    pub fn all(&self) -> Vec<Arc<ReadFile>> {
        self.sorted(|_| true)
    }
    /// Those that do not stand below this folder.
    pub fn outside(&self, folder: &Path) -> Vec<Arc<ReadFile>> {
        self.sorted(|name| !Path::new(name).starts_with(folder))
    }
    fn sorted(&self, wanted: impl Fn(&str) -> bool) -> Vec<Arc<ReadFile>> {
        let mut names: Vec<(&String, &Known)> = self.0.iter().filter(|(name, _)| wanted(name)).collect();
        names.sort_by_key(|(name, _)| *name);
        names.into_iter().map(|(_, known)| Arc::clone(&known.file)).collect()
    }
    fn keep(
        &mut self,
        before: &HashMap<String, Known>,
        source: &RuleSource,
        stamp: Option<Stamp>,
        hash: [u8; 32],
        options: &LoadOptions,
        look: &mut Look,
    ) {
        let known = before.get(&source.name);
        let file = match known.filter(|k| k.hash == hash) {
            Some(known) => Arc::clone(&known.file),
            None => {
                look.changes.push((source.name.clone(), if known.is_some() { Fate::Changed } else { Fate::New }));
                Arc::new(ReadFile::read(source, options))
            }
        };
        look.files.push(Arc::clone(&file));
        self.0.insert(source.name.clone(), Known { stamp, hash, file });
    }
}

fn refused(at: &Path, reason: String) -> LoadError {
    LoadError { file: at.display().to_string(), line: 1, rule: None, reason }
}

/// A rule file, or every `.yml` below a folder, in order. What can't be read is listed.
fn walk(path: &Path, found: &mut Vec<(PathBuf, Metadata)>, folders: &mut Vec<PathBuf>, errors: &mut Vec<LoadError>) {
    let mut stack = vec![(path.to_path_buf(), 0usize)];
    while let Some((at, depth)) = stack.pop() {
        if found.len() >= RULE_FILES_MAX {
            errors.push(refused(&at, format!("more than {RULE_FILES_MAX} rule files; the rest is left out")));
            return;
        }
        let meta = match std::fs::metadata(&at) {
            Ok(meta) => meta,
            Err(e) => {
                errors.push(refused(&at, format!("cannot be read: {e}")));
                continue;
            }
        };
        if meta.is_dir() {
            if depth >= FOLDER_DEPTH_MAX {
                errors.push(refused(&at, format!("deeper than {FOLDER_DEPTH_MAX} folders; left out")));
                continue;
            }
            match std::fs::read_dir(&at) {
                Ok(entries) => {
                    let mut inner: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
                    inner.sort();
                    stack.extend(inner.into_iter().rev().map(|p| (p, depth + 1)));
                }
                Err(e) => errors.push(refused(&at, format!("cannot be read: {e}"))),
            }
            folders.push(at);
            continue;
        }
        let is_rule = at.extension().is_some_and(|e| e == "yml" || e == "yaml");
        if depth > 0 && !is_rule {
            continue;
        }
        if meta.len() > RULE_FILE_BYTES_MAX {
            let reason = format!("{} bytes; a rule file has at most {RULE_FILE_BYTES_MAX}", meta.len());
            errors.push(refused(&at, reason));
            continue;
        }
        if depth == 0
            && let Some(folder) = at.parent()
        {
            folders.push(folder.to_path_buf());
        }
        found.push((at, meta));
    }
}

/// Read a rule file, or every `.yml` below a folder, once. What can't be read is listed.
pub fn read_path(path: &Path, sources: &mut Vec<RuleSource>, errors: &mut Vec<LoadError>) {
    let mut found = Vec::new();
    walk(path, &mut found, &mut Vec::new(), errors);
    for (at, _) in found {
        match std::fs::read(&at) {
            Ok(bytes) => sources.push(RuleSource {
                name: at.display().to_string(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            }),
            Err(e) => errors.push(refused(&at, format!("cannot be read: {e}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str) -> String {
        format!("title: {id}\nid: {id}\nlogsource: {{ category: any }}\ndetection: {{ s: {{ a: b }}, condition: s }}\n")
    }

    #[test]
    fn only_what_changed_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("inner")).unwrap();
        std::fs::write(dir.path().join("a.yml"), rule("a")).unwrap();
        std::fs::write(dir.path().join("inner/b.yml"), rule("b")).unwrap();
        std::fs::write(dir.path().join("inner/c.txt"), "no rule").unwrap();
        let (paths, options) = (vec![dir.path().to_path_buf()], LoadOptions::default());
        let mut files = Files::default();
        let first = files.look(&[], &paths, &options);
        assert_eq!((first.files.len(), first.folders.len(), first.errors.len()), (2, 2, 0));
        assert_eq!(first.changes.iter().map(|(_, f)| *f).collect::<Vec<_>>(), [Fate::New, Fate::New]);

        let same = files.look(&[], &paths, &options);
        assert!(same.changes.is_empty() && Arc::ptr_eq(&same.files[0], &first.files[0]));
        // The same bytes written again are no change, other bytes of the same length are one.
        std::fs::write(dir.path().join("a.yml"), rule("a")).unwrap();
        assert!(files.look(&[], &paths, &options).changes.is_empty());
        std::fs::write(dir.path().join("a.yml"), rule("x")).unwrap();
        std::fs::remove_file(dir.path().join("inner/b.yml")).unwrap();
        let last = files.look(&[], &paths, &options);
        let name = |file: &str| dir.path().join(file).display().to_string();
        assert_eq!(last.changes, [(name("a.yml"), Fate::Changed), (name("inner/b.yml"), Fate::Removed)]);
        assert_eq!(last.files.len(), 1);
    }
}
