//! Checks the whole chain of a folder and names the first bad place. Reads only.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::checkpoint::{Checkpoint, PublicKey};
use crate::files::{RETIRED_NAME, list, segment_path};
use crate::format::{Hash, SEGMENT_HEADER_BYTES};
use crate::limits::DAMAGE_MAX;
use crate::recover::{CutOff, Torn, named};
use crate::retired::{self, Index};
use crate::scan::{BatchAt, Damage, DamageKind, Scan, Step, Tail, file_name, segment_header};

/// What is known of the signed checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CheckpointState {
    /// None was asked for.
    #[default]
    NotUsed,
    /// There is no file: nobody can tell whether the end was cut off.
    Missing,
    /// The file is not to be trusted, and why.
    Bad(String),
    /// It holds, and the journal reaches it.
    Holds(Checkpoint),
    /// It holds, and the journal ends before it or is another one.
    NotReached(Checkpoint),
}

/// What `verify` found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Segment files walked.
    pub segments: u64,
    /// Segments retired before, as their index says.
    pub retired: u64,
    /// Batches that hold.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes walked.
    pub bytes: u64,
    /// First record there; 0 if there is none.
    pub first_sequence: u64,
    /// Last record there; 0 if there is none.
    pub last_sequence: u64,
    /// Bad places, in order, at most [`DAMAGE_MAX`].
    pub damage: Vec<Damage>,
    /// Bad places beyond those.
    pub more_damage: u64,
    /// A half batch at the very end, beyond the checkpoint: repaired at the next start, nothing acknowledged is lost.
    pub torn: Option<Torn>,
    /// The journal ends before its checkpoint.
    pub cut_off: Option<CutOff>,
    /// The checkpoint.
    pub checkpoint: CheckpointState,
}

impl Report {
    /// Nothing is wrong. A torn end is in order.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let checkpoint = matches!(self.checkpoint, CheckpointState::NotUsed | CheckpointState::Holds(_));
        self.damage.is_empty() && self.cut_off.is_none() && checkpoint
    }

    fn note(&mut self, damage: Damage) {
        if self.damage.len() < DAMAGE_MAX {
            self.damage.push(damage);
        } else {
            self.more_damage += 1;
        }
    }
}

impl std::fmt::Display for Report {
    /// For the operator, one finding a line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{} segments, {} retired before, {} batches, {} records ({} to {}), {} bytes",
            self.segments,
            self.retired,
            self.batches,
            self.records,
            self.first_sequence,
            self.last_sequence,
            self.bytes
        )?;
        for damage in &self.damage {
            writeln!(f, "damaged: {damage}")?;
        }
        if self.more_damage > 0 {
            writeln!(f, "damaged: {} more places", self.more_damage)?;
        }
        if let Some(c) = self.cut_off {
            let (last, vouched) = (c.last_sequence, c.checkpoint_sequence);
            writeln!(f, "cut off: the journal ends at record {last}, its signed checkpoint vouches for {vouched}")?;
        }
        if let Some(t) = &self.torn {
            let Torn { segment, offset, bytes, .. } = t;
            writeln!(
                f,
                "torn end: segment {segment}, bytes {offset} to {}: half a batch that was never acknowledged; the next start removes it",
                offset + bytes
            )?;
        }
        match &self.checkpoint {
            CheckpointState::Missing => writeln!(f, "no checkpoint: whether the end was cut off cannot be told")?,
            CheckpointState::Bad(why) => writeln!(f, "checkpoint: {why}")?,
            _ => {}
        }
        write!(f, "{}", if self.is_clean() { "the chain holds" } else { "the journal was altered" })
    }
}

/// Check a folder that no process writes. `checkpoint` and `key` as the center keeps them beside it.
///
/// # Errors
/// The folder cannot be read.
pub fn verify(dir: &Path, checkpoint: Option<&Path>, key: Option<&PublicKey>) -> io::Result<Report> {
    verify_until(dir, checkpoint, key, None)
}

/// As [`verify`], but not beyond `end` (segment, bytes).
pub(crate) fn verify_until(
    dir: &Path,
    checkpoint: Option<&Path>,
    key: Option<&PublicKey>,
    end: Option<(u32, u64)>,
) -> io::Result<Report> {
    // The checkpoint first: a running journal may only get ahead of it.
    let mut walk = Walk { end, ..Walk::default() };
    match checkpoint.map(|path| Checkpoint::load(path, key)).transpose()? {
        None => {}
        Some(None) => walk.report.checkpoint = CheckpointState::Missing,
        Some(Some(Err(why))) => walk.report.checkpoint = CheckpointState::Bad(why.to_owned()),
        Some(Some(Ok(c))) => walk.checkpoint = Some(c),
    }
    let listing = list(dir)?;
    let retired = retired::read(dir, key)?;
    for name in listing.strangers {
        walk.report.note(named(DamageKind::Stranger, name, 0));
    }
    walk.retired(&retired);
    let gone = retired.entries.last().map_or(0, |r| r.segment);
    if retired.torn && !listing.segments.contains(&(gone + 1)) {
        // A half line whose segment is gone was a whole one.
        let damage = named(DamageKind::RetiredIndex, RETIRED_NAME.into(), gone + 1);
        walk.report.note(Damage { offset: retired.good_bytes, ..damage });
    }
    let segments: Vec<u32> =
        listing.segments.into_iter().filter(|i| *i > gone && end.is_none_or(|(last, _)| *i <= last)).collect();
    for (at, &index) in segments.iter().enumerate() {
        walk.segment(dir, index, segments.get(at + 1).copied())?;
    }
    Ok(walk.finish())
}

#[derive(Default)]
struct Walk {
    report: Report,
    checkpoint: Option<Checkpoint>,
    seen_checkpoint: bool,
    end: Option<(u32, u64)>,
    /// Index, chain and next sequence that the next segment must name; `None` before the first and behind damage.
    index: Option<u32>,
    chain: Option<Hash>,
    next_sequence: Option<u64>,
}

impl Walk {
    fn retired(&mut self, index: &Index) {
        self.report.retired = index.entries.len() as u64;
        if let Some(offset) = index.bad {
            self.report.note(Damage { offset, ..named(DamageKind::RetiredIndex, RETIRED_NAME.into(), 0) });
        }
        for entry in &index.entries {
            self.check_link(entry.segment, entry.previous, entry.first_sequence);
            self.index = Some(entry.segment + 1);
            self.chain = Some(entry.hash);
            self.next_sequence = Some(entry.last_sequence + 1);
            self.passed(entry.last_sequence, &entry.hash);
        }
        if index.bad.is_some() {
            (self.index, self.chain, self.next_sequence) = (None, None, None);
        }
    }

    /// A segment against what is before it.
    fn check_link(&mut self, segment: u32, previous: Hash, first_sequence: u64) {
        let wanted = self.index.unwrap_or(segment);
        let in_order = wanted == segment && (self.index.is_some() || segment == 1 || self.report.retired > 0);
        if !in_order {
            let missing = if self.index.is_some() { wanted } else { segment.saturating_sub(1) };
            let records = self.next_sequence.unwrap_or(1)..=first_sequence.saturating_sub(1);
            let damage = named(DamageKind::MissingSegment, file_name(missing), missing);
            self.report.note(Damage { records: (!records.is_empty()).then_some(records), ..damage });
            return;
        }
        if let Some(next) = self.next_sequence.filter(|n| *n != first_sequence) {
            let records = (next < first_sequence).then(|| next..=first_sequence - 1);
            let damage = named(DamageKind::MissingRecords, file_name(segment), segment);
            return self.report.note(Damage { records, ..damage });
        }
        if self.chain.is_some_and(|c| c != previous) {
            let before = segment.saturating_sub(1);
            self.report.note(named(DamageKind::Chain, file_name(before), before));
        }
    }

    /// The chain has come to the end of a batch.
    fn passed(&mut self, last_sequence: u64, hash: &Hash) -> bool {
        let Some(c) = self.checkpoint.filter(|c| c.sequence == last_sequence) else { return true };
        self.seen_checkpoint |= c.hash == *hash;
        c.hash == *hash
    }

    fn segment(&mut self, dir: &Path, index: u32, next: Option<u32>) -> io::Result<()> {
        let file = match File::open(segment_path(dir, index)) {
            Ok(file) => file,
            // Retired while we walked.
            Err(e) if e.kind() == io::ErrorKind::NotFound && self.end.is_some() => {
                (self.index, self.chain, self.next_sequence) = (None, None, None);
                self.report.retired += 1;
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        let whole = file.metadata()?.len();
        let length = self.end.filter(|(last, _)| *last == index).map_or(whole, |(_, bytes)| bytes.min(whole));
        let head = segment_header(&file)?;
        let head = head.filter(|(h, _)| h.index == index && length >= SEGMENT_HEADER_BYTES as u64);
        if head.is_none() && next.is_none() && length <= SEGMENT_HEADER_BYTES as u64 {
            self.report.torn = Some(Torn { segment: index, offset: 0, bytes: length, kept_at: None });
            return Ok(());
        }
        self.report.segments += 1;
        self.report.bytes += length;
        match &head {
            Some((h, _)) => self.check_link(index, h.previous, h.first_sequence),
            None => {
                let bytes = SEGMENT_HEADER_BYTES as u64;
                let damage = named(DamageKind::SegmentHeader, file_name(index), index);
                self.report.note(Damage { length: bytes, ..damage });
            }
        }
        let mut scan = Scan::new(&file, index, length, head, true);
        if head.is_none() {
            scan.next_sequence = self.next_sequence;
        }
        self.batches(dir, index, next, &mut scan)?;
        self.index = Some(index + 1);
        (self.chain, self.next_sequence) = (scan.chain, scan.next_sequence);
        Ok(())
    }

    fn batches(&mut self, dir: &Path, index: u32, next: Option<u32>, scan: &mut Scan<'_>) -> io::Result<()> {
        loop {
            match scan.step()? {
                Step::Batch(at) => self.batch(index, &at),
                Step::Damage(damage) => self.report.note(damage),
                Step::Tail(tail) => {
                    let after = next.and_then(|n| File::open(segment_path(dir, n)).ok());
                    let after = after.and_then(|f| segment_header(&f).ok().flatten()).map(|(h, _)| h.first_sequence);
                    let from = scan.next_sequence.unwrap_or(1);
                    self.tail(index, next.is_none(), from, &tail, after);
                    (scan.chain, scan.next_sequence) = (None, after);
                }
                Step::End => return Ok(()),
            }
        }
    }

    fn batch(&mut self, segment: u32, at: &BatchAt) {
        let (first, last) = (at.header.first_sequence, at.header.last_sequence());
        self.report.batches += 1;
        self.report.records += u64::from(at.header.count);
        if self.report.first_sequence == 0 {
            self.report.first_sequence = first;
        }
        self.report.last_sequence = last;
        if !self.passed(last, &at.hash) {
            let damage = named(DamageKind::Checkpoint, file_name(segment), segment);
            let (records, offset, length) = (Some(first..=last), at.offset, at.header.disk_bytes());
            self.report.note(Damage { batch: at.number, records, offset, length, ..damage });
        }
    }

    /// Bytes at the end of a segment that make no batch.
    fn tail(&mut self, segment: u32, is_last: bool, from: u64, tail: &Tail, after: Option<u64>) {
        let vouched = self.checkpoint.is_some_and(|c| from <= c.sequence);
        let torn = Torn { segment, offset: tail.offset, bytes: tail.length, kept_at: None };
        match (is_last, vouched) {
            (true, false) => self.report.torn = Some(torn),
            // Shorter than it was: told as cut off. Whole by its length: altered.
            (true, true) if tail.short => {}
            (true, true) => {
                let before = self.checkpoint.map(|c| c.sequence + 1);
                self.report.note(tail.damage(segment, from, before));
                self.seen_checkpoint = true;
            }
            (false, _) => self.report.note(tail.damage(segment, from, after)),
        }
    }

    fn finish(mut self) -> Report {
        let Some(c) = self.checkpoint else { return self.report };
        let last = self.report.last_sequence.max(self.next_sequence.map_or(0, |n| n.saturating_sub(1)));
        self.report.checkpoint = CheckpointState::Holds(c);
        if c.sequence == 0 || self.seen_checkpoint {
            return self.report;
        }
        self.report.checkpoint = CheckpointState::NotReached(c);
        if last < c.sequence {
            self.report.cut_off = Some(CutOff { last_sequence: last, checkpoint_sequence: c.sequence });
        } else if self.report.damage.is_empty() {
            // Every link holds and the journal passes the checkpoint, but no batch ends there as it saw it.
            let damage = named(DamageKind::Checkpoint, file_name(c.segment), c.segment);
            self.report.note(Damage { offset: c.offset, ..damage });
        }
        self.report
    }
}
