//! What the tail remembers through restarts: each file by what it is, not by what it is called.

use std::{
    collections::BTreeMap,
    fs::File,
    os::unix::fs::{FileExt, MetadataExt},
    path::PathBuf,
};

use bongsu_event::Micros;
use bongsu_uplink::{InputConfig, InputId, InputKind};
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::{
    limits::{HEAD_BYTES, PLACES_MAX},
    places::{Reader, replay},
    shared::Shared,
};

const FILE: &str = "places-tail.json";

/// The first bytes of a file, as a hash: they tell it from another that was given its inode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    len: usize,
    sha256: String,
}

impl Head {
    /// Of the file as it is, at most [`HEAD_BYTES`] long.
    pub fn of(file: &File) -> std::io::Result<Self> {
        Self::first(file, HEAD_BYTES)
    }

    fn first(file: &File, len: usize) -> std::io::Result<Self> {
        let mut bytes = vec![0u8; len];
        let mut read = 0;
        while read < len {
            match file.read_at(bytes.get_mut(read..).unwrap_or_default(), read as u64)? {
                0 => break,
                n => read += n,
            }
        }
        let hash = digest::digest(&digest::SHA256, bytes.get(..read).unwrap_or_default());
        let sha256 = hash.as_ref().iter().take(16).fold(String::new(), |s, b| s + &format!("{b:02x}"));
        Ok(Self { len: read, sha256 })
    }

    /// Does the file still begin so?
    pub fn begins(&self, file: &File) -> bool {
        self.len == 0 || Self::first(file, self.len).is_ok_and(|h| h == *self)
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Could it say more, now that the file has `size` bytes?
    pub fn may_grow(&self, size: u64) -> bool {
        self.len < HEAD_BYTES && size > self.len as u64
    }
}

/// Where we stand in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub input: InputId,
    pub path: PathBuf,
    pub device: u64,
    pub inode: u64,
    pub head: Head,
    /// Read and durable up to this byte.
    pub offset: u64,
    pub seen: Micros,
}

impl Place {
    /// Is this open file the one meant?
    pub fn is(&self, file: &File) -> bool {
        let same = |m: std::fs::Metadata| (m.dev(), m.ino()) == (self.device, self.inode) && m.len() >= self.offset;
        file.metadata().is_ok_and(same) && self.head.begins(file)
    }
}

/// Everything remembered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Places {
    /// Spool the sequence belongs to.
    epoch: u64,
    /// Lines of the spool through here are counted in.
    through: u64,
    /// Inputs that have begun: files that were there before are behind them.
    begun: BTreeMap<u32, String>,
    /// Files by their number.
    pub files: BTreeMap<u64, Place>,
    #[serde(skip)]
    changed: bool,
    #[serde(skip)]
    bytes_since: u64,
}

impl Places {
    /// As kept, brought up to the spool's last line.
    pub fn load(shared: &Shared) -> Self {
        let mut places: Self = shared.folder.read_json(FILE).unwrap_or_default();
        if places.epoch != shared.spool.epoch() {
            (places.epoch, places.through) = (shared.spool.epoch(), 0);
        }
        let files = &mut places.files;
        places.through = replay(&shared.spool, Reader::Tail, places.through, |number, offset| {
            if let Some(place) = files.get_mut(&number) {
                place.offset = place.offset.max(offset);
            }
        });
        places.changed = true;
        places
    }

    /// Lines through `sequence`, so many bytes, are durable.
    pub fn passed(&mut self, sequence: u64, bytes: u64) {
        self.through = self.through.max(sequence);
        self.bytes_since += bytes;
        self.changed = true;
    }

    pub fn bytes_since_store(&self) -> u64 {
        self.bytes_since
    }

    /// Durable when it returns true.
    pub fn store(&mut self, shared: &Shared) -> bool {
        if !self.changed {
            return true;
        }
        self.forget_oldest();
        match shared.folder.write_json(FILE, self) {
            Ok(()) => {
                (self.changed, self.bytes_since) = (false, 0);
                true
            }
            Err(e) => {
                tracing::warn!(error = format!("{e:#}"), "where we stand in the files cannot be kept");
                false
            }
        }
    }

    /// To be stored soon.
    pub fn touch(&mut self) {
        self.changed = true;
    }

    pub fn has_begun(&self, input: &InputConfig) -> bool {
        self.begun.get(&input.id.0).is_some_and(|known| *known == what(input))
    }

    pub fn begin(&mut self, input: &InputConfig) {
        self.begun.insert(input.id.0, what(input));
        self.changed = true;
    }

    fn forget_oldest(&mut self) {
        while self.files.len() > PLACES_MAX {
            let Some(oldest) = self.files.iter().min_by_key(|(_, p)| p.seen).map(|(n, _)| *n) else { return };
            self.files.remove(&oldest);
        }
    }
}

fn what(input: &InputConfig) -> String {
    match &input.kind {
        InputKind::Tail { globs, .. } => globs.join("\n"),
        _ => String::new(),
    }
}
