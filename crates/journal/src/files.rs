//! Files of a journal folder: names, listing, the lock, syncing.
//!
//! Invariant: a file that must survive a power cut is synced, and so is its folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the index of retired segments.
pub(crate) const RETIRED_NAME: &str = "retired";

/// `00000001.seg`.
pub(crate) fn segment_path(dir: &Path, index: u32) -> PathBuf {
    dir.join(format!("{index:08}.seg"))
}

/// Index of a segment by its file name.
fn segment_index(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    let index = digits.parse().ok()?;
    (digits == format!("{index:08}")).then_some(index)
}

/// What lies in a journal folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Indexes of segments, rising.
    pub segments: Vec<u32>,
    /// Names that do not belong there.
    pub strangers: Vec<String>,
}

/// List a journal folder.
pub(crate) fn list(dir: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        match segment_index(&name) {
            Some(index) => listing.segments.push(index),
            None if name == RETIRED_NAME => {}
            None => listing.strangers.push(name.into_owned()),
        }
    }
    listing.segments.sort_unstable();
    listing.strangers.sort();
    Ok(listing)
}

/// Lock a folder for this process; the lock lives as long as the returned file.
/// `Ok(None)`: another process has it.
pub(crate) fn lock(dir: &Path) -> io::Result<Option<File>> {
    let file = File::open(dir)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Make names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replace a file in one step: after a power cut the old or the new one is there, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = parent.join(name);
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&new, path)?;
    sync_dir(parent)
}

/// Free bytes for this user on the file system of an open file.
pub(crate) fn free_bytes(file: &File) -> io::Result<u64> {
    let stat = rustix::fs::fstatvfs(file)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
