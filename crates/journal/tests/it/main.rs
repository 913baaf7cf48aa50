//! Tests of the journal and the spool on a real file system.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::new_without_default
)]

mod append;
mod damage;
mod kill;
mod recovery;
mod spool;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bongsu_event::{Micros, RawRecord, RecordFlags, SourceId, Transport};
use bongsu_journal::{CheckpointOptions, Journal, OpenOptions, Reader, Recovery, Report, SigningKey, verify};
use bytes::Bytes;

/// A line that tells which one it is.
pub fn record(n: u64) -> RawRecord {
    RawRecord {
        receive_time: Micros(1_700_000_000_000_000 + n as i64),
        source: SourceId(3),
        transport: Transport::Tcp,
        peer: Some("192.0.2.9:40000".parse().unwrap()),
        spool: None,
        flags: RecordFlags::default(),
        raw: Bytes::from(format!("<13>Jan  1 00:00:00 gw sshd[{n}]: line number {n}")),
    }
}

pub fn records(range: std::ops::RangeInclusive<u64>) -> Vec<RawRecord> {
    range.map(record).collect()
}

/// A data folder with a journal, its key and its checkpoint, as the center has them.
pub struct Data {
    pub dir: tempfile::TempDir,
    pub clock: Arc<AtomicI64>,
}

impl Data {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: Arc::new(AtomicI64::new(1_700_000_000_000_000)) }
    }
    pub fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }
    pub fn checkpoint(&self) -> PathBuf {
        self.dir.path().join("journal.checkpoint")
    }
    pub fn key(&self) -> SigningKey {
        SigningKey::load_or_create(&self.dir.path().join("journal.key")).unwrap()
    }
    pub fn options(&self) -> OpenOptions {
        let clock = Arc::clone(&self.clock);
        let mut options = OpenOptions::new(1);
        options.clock = Arc::new(move || Micros(clock.load(Ordering::Relaxed)));
        options.checkpoint = Some(CheckpointOptions { path: self.checkpoint(), key: Arc::new(self.key()) });
        options.free_bytes_min = 0;
        options
    }
    pub fn open(&self) -> (Journal, Recovery) {
        Journal::open(&self.journal(), self.options()).unwrap()
    }
    pub fn open_small_segments(&self) -> (Journal, Recovery) {
        let mut options = self.options();
        options.segment_bytes_max = 600;
        Journal::open(&self.journal(), options).unwrap()
    }
    pub fn verify(&self) -> Report {
        verify(&self.journal(), Some(&self.checkpoint()), Some(&self.key().public_key())).unwrap()
    }
    pub fn segment(&self, index: u32) -> PathBuf {
        self.journal().join(format!("{index:08}.seg"))
    }
}

/// Every sequence and line of a folder; damage is passed over.
pub fn read_all(dir: &Path) -> Vec<(u64, Bytes)> {
    Reader::new(dir, 1).records().filter_map(Result::ok).map(|(s, r)| (s, r.raw)).collect()
}

/// What `read_all` must give for these sequences.
pub fn expected(range: std::ops::RangeInclusive<u64>) -> Vec<(u64, Bytes)> {
    range.map(|n| (n, record(n).raw)).collect()
}
