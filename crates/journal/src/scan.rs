//! Walks the bytes of one segment: batches that hold, stretches that do not, and the end.
//!
//! Invariant: every byte of the file is in exactly one step. After a damaged stretch the walk goes on at the next batch
//! header whose checksum holds, so that one flipped byte costs one batch and not the rest of the segment.

use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;

use crate::format::{BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader, Hash, SEGMENT_HEADER_BYTES, SegmentHeader, hash_of};
use crate::limits::BATCH_BODY_BYTES_MAX;

/// Bytes looked through at a time for the next batch header.
const RESYNC_BYTES: usize = 256 * 1024;

/// What is wrong with a stretch of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// A segment file is missing.
    MissingSegment,
    /// The head of a segment does not read.
    SegmentHeader,
    /// A batch's head does not read.
    BatchHeader,
    /// A batch's body is not what its head says.
    BatchBody,
    /// Every checksum holds, but the chain does not: something before this place was replaced.
    Chain,
    /// Records are missing: the file ends, or a batch was taken out.
    MissingRecords,
    /// The chain is not the one the signed checkpoint saw.
    Checkpoint,
    /// The index of retired segments was altered.
    RetiredIndex,
    /// A file that does not belong into the folder.
    Stranger,
}

/// A stretch of the journal that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong.
    pub kind: DamageKind,
    /// The file's name in the folder.
    pub file: String,
    /// Segment.
    pub segment: u32,
    /// Batch in that segment, from 1; 0 for the segment's head.
    pub batch: u64,
    /// Records concerned, as far as they can be told.
    pub records: Option<RangeInclusive<u64>>,
    /// Where the stretch begins in the file, bytes.
    pub offset: u64,
    /// Its length, bytes.
    pub length: u64,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.kind {
            DamageKind::MissingSegment => "segment file is missing",
            DamageKind::SegmentHeader => "segment head was altered",
            DamageKind::BatchHeader => "batch head was altered",
            DamageKind::BatchBody => "batch was altered",
            DamageKind::Chain => "batch was replaced, the chain behind it breaks",
            DamageKind::MissingRecords => "records are missing",
            DamageKind::Checkpoint => "the journal is not the one the signed checkpoint saw",
            DamageKind::RetiredIndex => "index of retired segments was altered",
            DamageKind::Stranger => "file does not belong here",
        };
        write!(f, "{}: {what}", self.file)?;
        if self.kind != DamageKind::Stranger {
            write!(f, ": segment {}, batch {}, bytes {}", self.segment, self.batch, self.offset)?;
            write!(f, " to {}", self.offset.saturating_add(self.length))?;
        }
        match &self.records {
            Some(r) => write!(f, ", records {} to {}", r.start(), r.end()),
            None => Ok(()),
        }
    }
}

/// A batch that holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchAt {
    pub offset: u64,
    pub number: u64,
    pub header: BatchHeader,
    /// The chain behind it; only if bodies are read.
    pub hash: Hash,
}

/// The last stretch of a file that makes no batch; only who knows whether it is the journal's end can judge it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub offset: u64,
    pub number: u64,
    pub length: u64,
    pub header: Option<BatchHeader>,
    /// The file ends before the batch does.
    pub short: bool,
}

impl Tail {
    /// As damage, with the records it may have held.
    pub fn damage(&self, segment: u32, next_sequence: u64, before: Option<u64>) -> Damage {
        let last = self.header.map(|h| h.last_sequence()).or(before.map(|b| b.saturating_sub(1)));
        Damage {
            kind: match (self.header, self.short) {
                (_, true) => DamageKind::MissingRecords,
                (Some(_), false) => DamageKind::BatchBody,
                (None, false) => DamageKind::BatchHeader,
            },
            file: file_name(segment),
            segment,
            batch: self.number,
            records: last.filter(|l| *l >= next_sequence).map(|l| next_sequence..=l),
            offset: self.offset,
            length: self.length,
        }
    }
}

/// One step of the walk.
#[derive(Debug)]
pub(crate) enum Step {
    Batch(BatchAt),
    Damage(Damage),
    Tail(Tail),
    End,
}

pub(crate) fn file_name(segment: u32) -> String {
    format!("{segment:08}.seg")
}

/// A walk over one segment.
pub(crate) struct Scan<'a> {
    file: &'a File,
    length: u64,
    segment: u32,
    /// Read bodies and check the chain; without it only heads are looked at.
    check: bool,
    pub offset: u64,
    /// Batch that stands at `offset`, from 1.
    pub number: u64,
    /// What the next batch must name as what is before it; `None` behind damage.
    pub chain: Option<Hash>,
    /// What the next batch must begin with; `None` if unknown.
    pub next_sequence: Option<u64>,
    /// The body of the batch last returned.
    pub body: Vec<u8>,
    /// Batch before `offset`, to name what was replaced.
    before: Option<(u64, BatchHeader)>,
}

/// Read and check a segment's head; `Ok(None)` if it does not read.
pub(crate) fn segment_header(file: &File) -> io::Result<Option<(SegmentHeader, Hash)>> {
    let bytes = read_at(file, 0, SEGMENT_HEADER_BYTES)?;
    Ok(SegmentHeader::parse(&bytes).map(|h| (h, hash_of(&[&bytes]))))
}

/// Up to `length` bytes from `offset`; fewer at the end of the file.
fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut got = 0;
    while let Some(rest) = bytes.get_mut(got..).filter(|r| !r.is_empty()) {
        match file.read_at(rest, offset + got as u64) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(got);
    Ok(bytes)
}

impl<'a> Scan<'a> {
    /// Walk `length` bytes of a segment from behind its head. `head`: what is known of it.
    pub fn new(file: &'a File, segment: u32, length: u64, head: Option<(SegmentHeader, Hash)>, check: bool) -> Self {
        Self {
            file,
            length,
            segment,
            check,
            offset: (SEGMENT_HEADER_BYTES as u64).min(length),
            number: 1,
            chain: head.map(|(_, hash)| hash),
            next_sequence: head.map(|(h, _)| h.first_sequence),
            body: Vec::new(),
            before: None,
        }
    }

    /// Go on at a place found before, checking nothing that lies before it.
    pub fn resume(file: &'a File, segment: u32, length: u64, offset: u64, number: u64, body: Vec<u8>) -> Self {
        Self {
            file,
            length,
            segment,
            check: true,
            offset,
            number,
            chain: None,
            next_sequence: None,
            body,
            before: None,
        }
    }

    fn damage(&self, kind: DamageKind, length: u64, records: Option<RangeInclusive<u64>>) -> Damage {
        let (file, segment) = (file_name(self.segment), self.segment);
        Damage { kind, file, segment, batch: self.number, records, offset: self.offset, length }
    }

    /// The next step.
    pub fn step(&mut self) -> io::Result<Step> {
        let remaining = self.length.saturating_sub(self.offset);
        if remaining == 0 {
            return Ok(Step::End);
        }
        let head_bytes = read_at(self.file, self.offset, BATCH_HEADER_BYTES.min(remaining as usize))?;
        let Some(header) = BatchHeader::parse(&head_bytes) else { return self.no_header(remaining) };
        if let Some(damage) = self.broken_link(&header) {
            self.chain = Some(header.previous);
            self.next_sequence = Some(header.first_sequence);
            return Ok(Step::Damage(damage));
        }
        if remaining < header.disk_bytes() {
            return Ok(self.tail(remaining, Some(header), true));
        }
        let (offset, number) = (self.offset, self.number);
        let mut hash = [0; 32];
        if self.check {
            self.read_body(&header)?;
            if crc32c::crc32c(&self.body) != header.body_crc {
                return Ok(self.bad_body(header, remaining));
            }
            hash = hash_of(&[&head_bytes, &self.body]);
            self.chain = Some(hash);
        } else {
            self.chain = None;
        }
        self.before = Some((self.offset, header));
        self.next_sequence = Some(header.last_sequence() + 1);
        self.offset += header.disk_bytes();
        self.number += 1;
        Ok(Step::Batch(BatchAt { offset, number, header, hash }))
    }

    fn read_body(&mut self, header: &BatchHeader) -> io::Result<()> {
        self.body.resize(header.body_bytes as usize, 0);
        self.file.read_exact_at(&mut self.body, self.offset + BATCH_HEADER_BYTES as u64)
    }

    /// A head that holds by itself, against what is before it.
    fn broken_link(&self, header: &BatchHeader) -> Option<Damage> {
        if let Some(next) = self.next_sequence.filter(|n| *n != header.first_sequence) {
            let missing = (next < header.first_sequence).then(|| next..=header.first_sequence - 1);
            return Some(self.damage(DamageKind::MissingRecords, 0, missing));
        }
        if self.chain.is_none_or(|c| c == header.previous) {
            return None;
        }
        // The replaced thing is the batch before, or the segment's head.
        let mut damage = self.damage(DamageKind::Chain, 0, None);
        damage.batch = self.number.saturating_sub(1);
        (damage.offset, damage.length, damage.records) = match self.before {
            Some((offset, h)) => (offset, h.disk_bytes(), Some(h.first_sequence..=h.last_sequence())),
            None => (0, SEGMENT_HEADER_BYTES as u64, None),
        };
        Some(damage)
    }

    fn tail(&mut self, length: u64, header: Option<BatchHeader>, short: bool) -> Step {
        let tail = Tail { offset: self.offset, number: self.number, length, header, short };
        self.offset = self.length;
        Step::Tail(tail)
    }

    fn bad_body(&mut self, header: BatchHeader, remaining: u64) -> Step {
        if remaining == header.disk_bytes() {
            return self.tail(remaining, Some(header), false);
        }
        let range = header.first_sequence..=header.last_sequence();
        let damage = self.damage(DamageKind::BatchBody, header.disk_bytes(), Some(range));
        self.skip_to(self.offset + header.disk_bytes(), Some(header.last_sequence() + 1));
        Step::Damage(damage)
    }

    fn no_header(&mut self, remaining: u64) -> io::Result<Step> {
        let Some((at, header)) = self.find_header()? else {
            let torn = remaining <= (BATCH_HEADER_BYTES + BATCH_BODY_BYTES_MAX) as u64;
            if torn {
                return Ok(self.tail(remaining, None, remaining < BATCH_HEADER_BYTES as u64));
            }
            let damage = self.damage(DamageKind::BatchHeader, remaining, None);
            self.skip_to(self.length, None);
            return Ok(Step::Damage(damage));
        };
        let first = header.first_sequence;
        let lost = self.next_sequence.filter(|n| *n < first).map(|n| n..=first - 1);
        let damage = self.damage(DamageKind::BatchHeader, at - self.offset, lost);
        self.skip_to(at, Some(first));
        Ok(Step::Damage(damage))
    }

    fn skip_to(&mut self, offset: u64, next_sequence: Option<u64>) {
        self.offset = offset;
        self.number += 1;
        self.chain = None;
        self.before = None;
        self.next_sequence = next_sequence;
    }

    /// The next head behind `offset` whose checksum holds.
    fn find_header(&self) -> io::Result<Option<(u64, BatchHeader)>> {
        let mut from = self.offset + 1;
        while from + (BATCH_HEADER_BYTES as u64) <= self.length {
            let window = read_at(self.file, from, RESYNC_BYTES.min((self.length - from) as usize))?;
            for at in memchr::memmem::find_iter(&window, &BATCH_MAGIC) {
                let bytes = read_at(self.file, from + at as u64, BATCH_HEADER_BYTES)?;
                if let Some(header) = BatchHeader::parse(&bytes) {
                    return Ok(Some((from + at as u64, header)));
                }
            }
            if window.len() < BATCH_MAGIC.len() {
                break;
            }
            // Overlap: a magic may lie across two windows.
            from += (window.len() - (BATCH_MAGIC.len() - 1)) as u64;
        }
        Ok(None)
    }
}
