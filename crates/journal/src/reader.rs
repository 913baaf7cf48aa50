//! Reads batches from the disk, from any sequence on.
//!
//! Invariant: needs nothing but the folder, so it serves a running journal, a stopped one and a copy alike; damage is
//! named once and passed over, never a reason to stop for good.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use bongsu_event::RawRecord;
use bytes::Bytes;

use crate::encode::decode;
use crate::error::ReadError;
use crate::files::{list, segment_path};
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::scan::{BatchAt, Damage, DamageKind, Scan, Step, Tail, file_name, segment_header};

/// Records that became durable together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Epoch of their segment; with the sequence it makes the event's id.
    pub epoch: u64,
    /// Sequence of the first record.
    pub first_sequence: u64,
    /// The records, at least one.
    pub records: Vec<RawRecord>,
}

impl Batch {
    /// Sequence of the last record.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        (self.first_sequence + self.records.len() as u64).saturating_sub(1)
    }

    /// Each record with its sequence.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &RawRecord)> {
        (self.first_sequence..).zip(&self.records)
    }

    pub(crate) fn raw_bytes(&self) -> usize {
        self.records.iter().map(|r| r.raw.len()).sum()
    }

    /// The part from `sequence` on.
    pub(crate) fn from(&self, sequence: u64) -> Self {
        let skip = sequence.saturating_sub(self.first_sequence) as usize;
        Self {
            epoch: self.epoch,
            first_sequence: self.first_sequence + skip as u64,
            records: self.records.get(skip..).unwrap_or_default().to_vec(),
        }
    }
}

struct Current {
    file: File,
    index: u32,
    epoch: u64,
    offset: u64,
    number: u64,
}

/// Reads a journal folder.
pub struct Reader {
    dir: PathBuf,
    next: u64,
    limit: u64,
    current: Option<Current>,
    body: Vec<u8>,
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("dir", &self.dir).field("next", &self.next).finish_non_exhaustive()
    }
}

impl Reader {
    /// From `sequence` on, or from the oldest record still there.
    #[must_use]
    pub fn new(dir: &Path, sequence: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            next: sequence.max(1),
            limit: u64::MAX,
            current: None,
            body: Vec::new(),
            decompressor: None,
        }
    }

    /// The next batch; `None` at the end (asking again later finds what came meanwhile). Its first record may be later
    /// than asked for, if those before it are retired.
    ///
    /// # Errors
    /// A damaged stretch was passed over, or the disk cannot be read; calling again goes on.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, ReadError> {
        self.next_batch_until(self.limit)
    }

    /// Not beyond `sequence`'s batch.
    pub(crate) fn until(mut self, sequence: u64) -> Self {
        self.limit = sequence;
        self
    }

    /// Each record with its sequence.
    #[must_use]
    pub fn records(self) -> Records {
        Records { reader: self, batch: None }
    }

    /// Give the buffers back in a quiet time.
    pub(crate) fn release(&mut self) {
        (self.body, self.decompressor) = (Vec::new(), None);
    }

    /// Go on at `sequence`; cheap if that is where it stands.
    pub(crate) fn seek(&mut self, sequence: u64) {
        if sequence != self.next {
            self.next = sequence;
            self.current = None;
        }
    }

    /// The next batch if it begins at `limit` or before. What lies beyond `limit` is not even looked at: it may be
    /// half written.
    pub(crate) fn next_batch_until(&mut self, limit: u64) -> Result<Option<Batch>, ReadError> {
        while self.next <= limit {
            let Some(mut current) = self.take_current()? else { return Ok(None) };
            let step = self.step(&mut current);
            let path = segment_path(&self.dir, current.index);
            match step.map_err(|source| ReadError::Io { path, source })? {
                Step::Batch(at) => {
                    let (index, epoch) = (current.index, current.epoch);
                    self.current = Some(current);
                    if at.header.last_sequence() < self.next {
                        continue;
                    }
                    let from = self.next;
                    let batch = self.unpack(index, epoch, &at)?;
                    return Ok(Some(if batch.first_sequence < from { batch.from(from) } else { batch }));
                }
                Step::Damage(damage) => {
                    self.current = Some(current);
                    return Err(ReadError::Damaged(damage));
                }
                Step::Tail(tail) => {
                    if let Some(damage) = self.leave(current, Some(&tail))? {
                        return Err(ReadError::Damaged(damage));
                    }
                    if self.current.is_none() {
                        return Ok(None);
                    }
                }
                Step::End => {
                    let here = current.index;
                    self.leave(current, None)?;
                    if self.current.as_ref().is_none_or(|c| c.index == here) {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    fn step(&mut self, current: &mut Current) -> io::Result<Step> {
        let length = current.file.metadata()?.len();
        let body = std::mem::take(&mut self.body);
        let mut scan = Scan::resume(&current.file, current.index, length, current.offset, current.number, body);
        let step = scan.step();
        (current.offset, current.number) = (scan.offset, scan.number);
        self.body = scan.body;
        step
    }

    fn take_current(&mut self) -> Result<Option<Current>, ReadError> {
        if let Some(current) = self.current.take() {
            return Ok(Some(current));
        }
        let dir_error = |source| ReadError::Io { path: self.dir.clone(), source };
        let mut chosen = None;
        for index in list(&self.dir).map_err(dir_error)?.segments.into_iter().rev() {
            let Some((current, header)) = self.open(index)? else { continue };
            let holds = header.is_some_and(|h| h.first_sequence <= self.next);
            chosen = Some(current);
            if holds {
                break;
            }
        }
        if let Some(current) = &mut chosen {
            self.skip(current);
        }
        Ok(chosen)
    }

    /// Step over heads up to the batch that holds `next`. What does not read is left for the walk that checks.
    fn skip(&self, current: &mut Current) {
        let Ok(length) = current.file.metadata().map(|m| m.len()) else { return };
        let mut scan = Scan::new(&current.file, current.index, length, None, false);
        while let Ok(Step::Batch(at)) = scan.step() {
            if at.header.last_sequence() >= self.next {
                (current.offset, current.number) = (at.offset, at.number);
                return;
            }
            (current.offset, current.number) = (scan.offset, scan.number);
        }
    }

    /// `Ok(None)`: retired meanwhile.
    fn open(&self, index: u32) -> Result<Option<(Current, Option<SegmentHeader>)>, ReadError> {
        let path = segment_path(&self.dir, index);
        let opened = File::open(&path).and_then(|file| Ok((segment_header(&file)?, file)));
        match opened {
            Ok((head, file)) => {
                let header = head.map(|(h, _)| h);
                let epoch = header.map_or(0, |h| h.epoch);
                let offset = SEGMENT_HEADER_BYTES as u64;
                Ok(Some((Current { file, index, epoch, offset, number: 1 }, header)))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ReadError::Io { path, source }),
        }
    }

    /// Go to the next segment if there is one, else stay. A tail that is not the journal's end is damage.
    fn leave(&mut self, mut here: Current, tail: Option<&Tail>) -> Result<Option<Damage>, ReadError> {
        let dir_error = |source| ReadError::Io { path: self.dir.clone(), source };
        let segments = list(&self.dir).map_err(dir_error)?.segments;
        for index in segments.into_iter().filter(|i| *i > here.index) {
            if let Some((mut next, header)) = self.open(index)? {
                next.epoch = next.epoch.max(here.epoch);
                self.current = Some(next);
                return Ok(tail.map(|t| t.damage(here.index, self.next, header.map(|h| h.first_sequence))));
            }
        }
        match tail {
            // Half a batch at the journal's end: being written, or torn. Look again from its start next time.
            Some(_) => self.current = None,
            None => {
                here.offset = here.offset.max(SEGMENT_HEADER_BYTES as u64);
                self.current = Some(here);
            }
        }
        Ok(None)
    }

    fn unpack(&mut self, segment: u32, epoch: u64, at: &BatchAt) -> Result<Batch, ReadError> {
        self.next = at.header.last_sequence() + 1;
        let wanted = at.header.plain_bytes as usize;
        if self.decompressor.is_none() {
            self.decompressor = zstd::bulk::Decompressor::new().ok();
        }
        let plain = self.decompressor.as_mut().and_then(|d| d.decompress(&self.body, wanted).ok());
        let records =
            plain.filter(|p| p.len() == wanted).and_then(|p| decode(&Bytes::from(p), at.header.count as usize));
        match records {
            Some(records) => Ok(Batch { epoch, first_sequence: at.header.first_sequence, records }),
            // Every checksum holds and the content does not: somebody wrote it who is not the journal.
            None => Err(ReadError::Damaged(Damage {
                kind: DamageKind::BatchBody,
                file: file_name(segment),
                segment,
                batch: at.number,
                records: Some(at.header.first_sequence..=at.header.last_sequence()),
                offset: at.offset,
                length: at.header.disk_bytes(),
            })),
        }
    }
}

/// Iterator over records, made by [`Reader::records`]. After an error it goes on behind the damage.
#[derive(Debug)]
pub struct Records {
    reader: Reader,
    batch: Option<(u64, std::vec::IntoIter<RawRecord>)>,
}

impl Iterator for Records {
    type Item = Result<(u64, RawRecord), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((sequence, rest)) = &mut self.batch
                && let Some(record) = rest.next()
            {
                *sequence += 1;
                return Some(Ok((*sequence - 1, record)));
            }
            match self.reader.next_batch() {
                Ok(Some(batch)) => self.batch = Some((batch.first_sequence, batch.records.into_iter())),
                Ok(None) => return None,
                Err(e) => return Some(Err(e)),
            }
        }
    }
}
