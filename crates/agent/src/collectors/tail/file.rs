//! One file that is followed, through truncation, renaming and deletion.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::PathBuf,
    time::Instant,
};

use bongsu_uplink::InputId;
use bytes::Bytes;
use inotify::WatchDescriptor;

use super::{
    cutter::{Cutter, Line},
    keep::{Head, Place},
};
use crate::{limits::READ_BYTES, shared::now};

pub(super) struct Followed {
    /// Its number in the places; a new one after each truncation.
    pub number: u64,
    pub input: InputId,
    pub path: PathBuf,
    pub file: File,
    pub device: u64,
    pub inode: u64,
    pub head: Head,
    /// Next byte to read.
    pub at: u64,
    pub cutter: Cutter,
    pub watch: Option<WatchDescriptor>,
    /// Something may have been written.
    pub dirty: bool,
    /// No longer what its path names, since.
    pub gone: Option<Instant>,
    pub last_read: Instant,
}

/// What a look at the file found before reading on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing new.
    Quiet,
    /// Bytes to read.
    More,
    /// Truncated or written anew: it begins again.
    Again,
}

impl Followed {
    pub fn new(number: u64, place: &Place, file: File) -> Self {
        Self {
            number,
            input: place.input,
            path: place.path.clone(),
            file,
            device: place.device,
            inode: place.inode,
            head: place.head.clone(),
            at: place.offset,
            cutter: Cutter::default(),
            watch: None,
            dirty: true,
            gone: None,
            last_read: Instant::now(),
        }
    }

    pub fn look(&mut self) -> io::Result<Look> {
        let size = self.file.metadata()?.len();
        if size < self.at || !self.head.begins(&self.file) {
            return Ok(Look::Again);
        }
        Ok(if size > self.at { Look::More } else { Look::Quiet })
    }

    /// Does the head say more than when we last looked?
    pub fn grow_head(&mut self) -> io::Result<bool> {
        if !self.head.may_grow(self.file.metadata()?.len()) {
            return Ok(false);
        }
        self.head = Head::of(&self.file)?;
        Ok(true)
    }

    /// Reads on; gives the bytes read. Lines go to `out`.
    pub fn read(&mut self, out: &mut Vec<Line>) -> io::Result<usize> {
        let mut chunk = vec![0u8; READ_BYTES];
        let n = self.file.read_at(&mut chunk, self.at)?;
        chunk.truncate(n);
        // A line or two must not hold a large buffer.
        if n < READ_BYTES / 2 {
            chunk.shrink_to_fit();
        }
        self.cutter.push(Bytes::from(chunk), self.at, out);
        self.at += n as u64;
        self.dirty = n == READ_BYTES;
        if n > 0 {
            self.last_read = Instant::now();
        }
        Ok(n)
    }

    /// As a place at byte `offset`.
    pub fn place(&self, offset: u64) -> Place {
        Place {
            input: self.input,
            path: self.path.clone(),
            device: self.device,
            inode: self.inode,
            head: self.head.clone(),
            offset,
            seen: now(),
        }
    }
}

/// An opened file as a fresh place; `behind`: what stands in it already was there before us.
pub(super) fn fresh(file: &File, path: PathBuf, input: InputId, behind: bool) -> io::Result<Place> {
    let meta = file.metadata()?;
    let offset = if behind { last_line_start(file, meta.len())? } else { 0 };
    Ok(Place { input, path, device: meta.dev(), inode: meta.ino(), head: Head::of(file)?, offset, seen: now() })
}

/// The byte behind the last line end: a line half written when we came is read whole.
fn last_line_start(file: &File, size: u64) -> io::Result<u64> {
    let from = size.saturating_sub(READ_BYTES as u64);
    let mut tail = vec![0u8; usize::try_from(size - from).unwrap_or(READ_BYTES)];
    file.read_exact_at(&mut tail, from)?;
    Ok(memchr::memrchr(b'\n', &tail).map_or(size, |i| from + i as u64 + 1))
}
