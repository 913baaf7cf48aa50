//! Files that a rotation left beside the one followed: renamed, copied, or come and gone while nobody looked.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use bongsu_event::Micros;

use super::keep::Place;
use crate::limits::FOLDER_NAMES_MAX;

/// A regular file in the folder of a followed one.
pub(super) struct Sibling {
    pub path: PathBuf,
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    pub modified: Micros,
}

/// Every regular file beside `path`, the last written last.
pub(super) fn siblings(path: &Path) -> Vec<Sibling> {
    let names = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    let mut found: Vec<Sibling> =
        names.into_iter().flat_map(|n| n.take(FOLDER_NAMES_MAX)).flatten().filter_map(|e| sibling(&e)).collect();
    found.sort_by_key(|s| s.modified);
    found
}

fn sibling(entry: &fs::DirEntry) -> Option<Sibling> {
    let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
    let modified = Micros(meta.mtime().saturating_mul(Micros::SECOND).saturating_add(meta.mtime_nsec() / 1_000));
    Some(Sibling { path: entry.path(), device: meta.dev(), inode: meta.ino(), size: meta.len(), modified })
}

impl Sibling {
    /// Is it named as rotations name what was `path`: `.1`, `-20261122`, `.2026-11-22_1`?
    pub fn was(&self, path: &Path) -> bool {
        let name = |p: &Path| p.file_name().and_then(|n| n.to_str()).map(str::to_owned);
        let (Some(mine), Some(base)) = (name(&self.path), name(path)) else { return false };
        mine.strip_prefix(&base).is_some_and(|rest| {
            rest.starts_with(['.', '-'])
                && rest.bytes().any(|b| b.is_ascii_digit())
                && rest.bytes().all(|b| b.is_ascii_digit() || b"._-T".contains(&b))
        })
    }

    /// Is it, opened, a copy of the file of this place, at least as far as that was read?
    pub fn copy_of(&self, place: &Place) -> Option<File> {
        let other = (self.device, self.inode) != (place.device, place.inode);
        let file =
            File::open(&self.path).ok().filter(|_| other && self.size >= place.offset && !place.head.is_empty())?;
        place.head.begins(&file).then_some(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_rotation_would_call_it_was_the_file() {
        let was = |name: &str| {
            let path = PathBuf::from("/var/log").join(name);
            Sibling { path, device: 0, inode: 0, size: 0, modified: Micros(0) }.was(Path::new("/var/log/auth.log"))
        };
        for name in ["auth.log.1", "auth.log-20261122", "auth.log.2026-11-22_10"] {
            assert!(was(name), "{name}");
        }
        for name in
            ["auth.log", "auth.log.gz", "auth.log.1.gz", "auth.log-errors", "auth.log2", "xauth.log.1", "auth.log."]
        {
            assert!(!was(name), "{name}");
        }
    }
}
