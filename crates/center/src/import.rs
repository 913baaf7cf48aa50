//! Imported rules: a folder of the data folder, replaced whole, after somebody has seen what would change.
//!
//! Invariants: what is applied is what was shown; the folder in force is complete at every instant but the swap's, and a
//! swap that fails leaves the old one.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use bongsu_domain::UserId;
use bongsu_event::Micros;
use bongsu_sigma::{LoadError, RuleSet};
use parking_lot::Mutex;

use crate::archive::Unpacked;

/// The folder in the data folder.
pub const FOLDER: &str = "rules";
/// Imports that wait to be applied.
const WAITING_MAX: usize = 4;
/// Minutes one waits.
const WAITING_MINUTES: i64 = 30;

/// An import that waits.
pub struct Import {
    /// Its number.
    pub id: u64,
    /// Who brought it; `None`: the operator.
    pub user: Option<UserId>,
    /// Since.
    pub at: Micros,
    /// Its files.
    pub unpacked: Unpacked,
}

/// Those that wait.
#[derive(Default)]
pub struct Imports(Mutex<(u64, VecDeque<Arc<Import>>)>);

impl Imports {
    /// Keep one for a while.
    pub fn add(&self, user: Option<UserId>, at: Micros, unpacked: Unpacked) -> Arc<Import> {
        let mut all = self.0.lock();
        all.0 += 1;
        let import = Arc::new(Import { id: all.0, user, at, unpacked });
        if all.1.len() == WAITING_MAX {
            all.1.pop_front();
        }
        all.1.push_back(Arc::clone(&import));
        import
    }
    /// Take one that this person brought and that has not waited too long.
    #[must_use]
    pub fn take(&self, id: u64, user: Option<UserId>, now: Micros) -> Option<Arc<Import>> {
        let mut all = self.0.lock();
        all.1.retain(|i| now.seconds_since(i.at) < (WAITING_MINUTES * 60) as f64);
        let at = all.1.iter().position(|i| i.id == id && i.user == user)?;
        all.1.remove(at)
    }
}

/// The folder of imported rules.
#[must_use]
pub fn folder(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// What the rules would be with these files in the folder.
#[must_use]
pub fn planned(app: &crate::app::App, files: &BTreeMap<String, Vec<u8>>) -> (RuleSet, Vec<LoadError>) {
    app.rules.planned(&folder(&app.config.data), files)
}

/// Put the files into the folder, in place of what is there.
///
/// # Errors
/// The disk refuses; what was there stays.
pub fn write(data: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let (target, fresh, old) = (folder(data), data.join("rules.new"), data.join("rules.old"));
    for leftover in [&fresh, &old] {
        if leftover.exists() {
            std::fs::remove_dir_all(leftover).with_context(|| format!("cannot clear {}", leftover.display()))?;
        }
    }
    std::fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    for (name, bytes) in files {
        let path = fresh.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if target.exists() {
        std::fs::rename(&target, &old).with_context(|| format!("cannot move {}", target.display()))?;
    }
    if let Err(e) = std::fs::rename(&fresh, &target) {
        let _ = std::fs::rename(&old, &target);
        return Err(e).with_context(|| format!("cannot put the rules in {}", target.display()));
    }
    let _ = std::fs::remove_dir_all(&old);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let files = |names: &[&str]| names.iter().map(|n| ((*n).to_owned(), b"x".to_vec())).collect();
        write(dir.path(), &files(&["a/b.yml", "c.yml"])).unwrap();
        write(dir.path(), &files(&["a/d.yml"])).unwrap();
        assert!(folder(dir.path()).join("a/d.yml").exists());
        assert!(!folder(dir.path()).join("c.yml").exists() && !folder(dir.path()).join("a/b.yml").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn only_who_brought_it_takes_it_and_not_for_ever() {
        let imports = Imports::default();
        let id = imports.add(Some(UserId(3)), Micros(0), Unpacked::default()).id;
        assert!(imports.take(id, Some(UserId(4)), Micros(1)).is_none());
        assert!(imports.take(id, Some(UserId(3)), Micros(1)).is_some());
        assert!(imports.take(id, Some(UserId(3)), Micros(1)).is_none(), "once");
        let id = imports.add(None, Micros(0), Unpacked::default()).id;
        assert!(imports.take(id, None, Micros(31 * 60 * Micros::SECOND)).is_none());
    }
}
