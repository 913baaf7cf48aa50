//! The index of retired segments: what each was, chained and signed, one JSON line each.
//!
//! Invariant: a segment's file is removed only after its line is on disk, so the chain from the first record ever to the
//! newest one can be followed at any time.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bongsu_event::Micros;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{PublicKey, SigningKey};
use crate::files::{RETIRED_NAME, sync_dir};
use crate::format::{Hash, hash_of, hex, unhex};

/// A segment that was removed because everything in it has been carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Its index.
    pub segment: u32,
    /// Its epoch.
    pub epoch: u64,
    /// First record.
    pub first_sequence: u64,
    /// Last record; `first_sequence - 1` if it held none.
    pub last_sequence: u64,
    /// The chain before it.
    pub previous: Hash,
    /// The chain behind it.
    pub hash: Hash,
    /// Its length, bytes.
    pub bytes: u64,
    /// When it was removed.
    pub time: Micros,
}

#[derive(Serialize, Deserialize)]
struct Line {
    segment: u32,
    epoch: u64,
    first: u64,
    last: u64,
    previous: String,
    hash: String,
    bytes: u64,
    time: i64,
    /// SHA-256 of the line before.
    chain: String,
    signature: String,
}

impl Retired {
    fn message(&self, chain: &Hash) -> String {
        let Self { segment, epoch, first_sequence, last_sequence, previous, hash, bytes, time } = self;
        format!(
            "bongsu-journal-retired-1\n{segment}\n{epoch}\n{first_sequence}\n{last_sequence}\n{}\n{}\n{bytes}\n{}\n{}\n",
            hex(previous),
            hex(hash),
            time.0,
            hex(chain)
        )
    }

    fn of_line(line: &Line) -> Option<(Self, Hash)> {
        let retired = Self {
            segment: line.segment,
            epoch: line.epoch,
            first_sequence: line.first,
            last_sequence: line.last,
            previous: unhex(&line.previous)?,
            hash: unhex(&line.hash)?,
            bytes: line.bytes,
            time: Micros(line.time),
        };
        Some((retired, unhex(&line.chain)?))
    }
}

/// The index as found.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub entries: Vec<Retired>,
    /// Hash of the last line.
    pub chain: Hash,
    /// Offset of the first line that is not what was written.
    pub bad: Option<u64>,
    /// Length of the whole lines that hold, bytes.
    pub good_bytes: u64,
    /// A half line at the end.
    pub torn: bool,
}

/// Read the index; an absent file is an empty one. Stops at the first line that does not hold.
pub(crate) fn read(dir: &Path, key: Option<&PublicKey>) -> io::Result<Index> {
    let mut index = Index::default();
    let text = match fs::read(dir.join(RETIRED_NAME)) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(index),
        Err(e) => return Err(e),
    };
    for line in text.split_inclusive(|b| *b == b'\n') {
        let Some(body) = line.strip_suffix(b"\n") else {
            index.torn = true;
            break;
        };
        let parsed = serde_json::from_slice::<Line>(body).ok();
        let entry = parsed.as_ref().and_then(|l| Some((l, Retired::of_line(l)?)));
        let holds = entry.is_some_and(|(line, (retired, chain))| {
            let canonical = serde_json::to_vec(line).is_ok_and(|again| again == body);
            let signed = key.is_none_or(|k| k.holds(retired.message(&chain).as_bytes(), &line.signature));
            if canonical && signed && chain == index.chain {
                index.entries.push(retired);
                return true;
            }
            false
        });
        if !holds {
            index.bad = Some(index.good_bytes);
            break;
        }
        index.chain = hash_of(&[body]);
        index.good_bytes += line.len() as u64;
    }
    Ok(index)
}

/// Appends to the index.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    chain: Hash,
}

impl Writer {
    /// Go on behind `index`; a half line at the end is cut.
    pub fn new(dir: &Path, index: &Index) -> io::Result<Self> {
        let path = dir.join(RETIRED_NAME);
        if index.torn {
            fs::OpenOptions::new().write(true).open(&path)?.set_len(index.good_bytes)?;
        }
        Ok(Self { path, chain: index.chain })
    }

    /// Write and sync one line.
    pub fn append(&mut self, retired: &Retired, key: Option<&SigningKey>) -> io::Result<()> {
        let line = Line {
            segment: retired.segment,
            epoch: retired.epoch,
            first: retired.first_sequence,
            last: retired.last_sequence,
            previous: hex(&retired.previous),
            hash: hex(&retired.hash),
            bytes: retired.bytes,
            time: retired.time.0,
            chain: hex(&self.chain),
            signature: key.map(|k| k.sign(retired.message(&self.chain).as_bytes())).unwrap_or_default(),
        };
        let mut body = serde_json::to_vec(&line)?;
        let chain = hash_of(&[&body]);
        body.push(b'\n');
        let mut file: File = fs::OpenOptions::new().create(true).append(true).open(&self.path)?;
        let length = file.metadata()?.len();
        let written = file.write_all(&body).and_then(|()| file.sync_data());
        if let Err(e) = written {
            // A half line must not stand before the next try.
            let _ = file.set_len(length);
            return Err(e);
        }
        if let Some(dir) = self.path.parent() {
            sync_dir(dir)?;
        }
        self.chain = chain;
        Ok(())
    }
}
