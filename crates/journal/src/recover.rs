//! Opening a folder: what is there, what was torn, what was cut off; and where to go on.
//!
//! Invariant: only a torn last batch beyond the checkpoint, or the half batch of a cut, is removed, and its bytes are set
//! aside first. Whatever else is wrong stays where it is, is named, and does not keep the journal from going on.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bongsu_event::Micros;

use crate::checkpoint::Checkpoint;
use crate::error::OpenError;
use crate::files::{list, lock, segment_path, sync_dir};
use crate::format::{Hash, SEGMENT_HEADER_BYTES, SegmentHeader, hash_of};
use crate::journal::OpenOptions;
use crate::limits::{BATCH_BODY_BYTES_MAX, DAMAGE_MAX, TORN_FILES_MAX};
use crate::retired::{self, Index};
use crate::scan::{Damage, DamageKind, Scan, Step, Tail, file_name, segment_header};

/// What opening found.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Epoch the journal now writes.
    pub epoch: u64,
    /// Oldest record still there; `next_sequence` if there is none.
    pub first_sequence: u64,
    /// Sequence the next record will get.
    pub next_sequence: u64,
    /// The folder was empty or absent.
    pub created: bool,
    /// A half batch at the very end, never acknowledged, was set aside.
    pub torn: Option<Torn>,
    /// The journal ended before its signed checkpoint: somebody removed records that were durable. The caller should
    /// take a new epoch, so that no event id is given twice.
    pub cut_off: Option<CutOff>,
    /// Damage seen on the way (the last segment is walked whole, older ones only by their heads).
    pub damage: Vec<Damage>,
    /// Why the checkpoint could not be used, if it could not.
    pub checkpoint_error: Option<String>,
}

/// A half batch at the end of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Segment.
    pub segment: u32,
    /// Where it began, bytes.
    pub offset: u64,
    /// Its length, bytes.
    pub bytes: u64,
    /// Where its bytes were set aside; `None` if not (`verify` moves nothing).
    pub kept_at: Option<PathBuf>,
}

/// A journal that ends before its checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// Last record found.
    pub last_sequence: u64,
    /// Last record the checkpoint vouches for.
    pub checkpoint_sequence: u64,
}

/// A segment of the folder, known by its head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentInfo {
    pub index: u32,
    pub epoch: u64,
    pub first_sequence: u64,
    pub created: Micros,
    pub previous: Hash,
    pub bytes: u64,
}

/// A folder ready to be written.
pub(crate) struct Opened {
    pub lock: File,
    pub file: File,
    pub segments: Vec<SegmentInfo>,
    pub length: u64,
    pub chain: Hash,
    pub retired: Index,
    pub recovery: Recovery,
}

/// Where the journal ends.
struct End {
    /// The last segment, if new batches may be written behind it.
    segment: Option<(File, u64)>,
    chain: Hash,
    next_sequence: u64,
}

pub(crate) fn recover(dir: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
    fs::create_dir_all(dir).map_err(OpenError::io("create", dir))?;
    let lock =
        lock(dir).map_err(OpenError::io("lock", dir))?.ok_or_else(|| OpenError::Locked { dir: dir.to_owned() })?;
    let key = options.checkpoint.as_ref().map(|c| c.key.public_key());
    let retired = retired::read(dir, key.as_ref()).map_err(OpenError::io("read", dir))?;
    let listing = list(dir).map_err(OpenError::io("list", dir))?;
    let mut recovery = Recovery::default();
    for name in listing.strangers {
        note(&mut recovery, named(DamageKind::Stranger, name, 0));
    }
    if let Some(offset) = retired.bad {
        note(&mut recovery, Damage { offset, ..named(DamageKind::RetiredIndex, "retired".into(), 0) });
    }
    let checkpoint = load_checkpoint(options, &mut recovery)?;
    let mut segments = heads(dir, &listing.segments, &retired, &mut recovery)?;
    recovery.created = segments.is_empty() && retired.entries.is_empty() && checkpoint.is_none();

    let end = find_end(dir, options, &mut segments, &retired, checkpoint.as_ref(), &mut recovery)?;
    let newest = segments.last().map_or(0, |s| s.epoch).max(checkpoint.map_or(0, |c| c.epoch));
    if options.epoch < newest {
        return Err(OpenError::Epoch { found: newest, given: options.epoch });
    }
    recovery.epoch = options.epoch;
    recovery.next_sequence = end.next_sequence;
    let same_epoch = segments.last().is_some_and(|s| s.epoch == options.epoch);
    let (file, length, chain) = match end.segment {
        Some((file, length)) if same_epoch => (file, length, end.chain),
        _ => {
            let index = next_index(&segments, &retired, checkpoint.as_ref());
            let created = (options.clock)();
            let (epoch, first_sequence, previous) = (options.epoch, end.next_sequence, end.chain);
            let header = SegmentHeader { index, epoch, first_sequence, created, previous };
            let path = segment_path(dir, index);
            let (file, chain) = create_segment(dir, &header).map_err(OpenError::io("create", &path))?;
            segments.push(info(&header, SEGMENT_HEADER_BYTES as u64));
            (file, SEGMENT_HEADER_BYTES as u64, chain)
        }
    };
    recovery.first_sequence = segments.first().map_or(end.next_sequence, |s| s.first_sequence);
    Ok(Opened { lock, file, segments, length, chain, retired, recovery })
}

pub(crate) fn info(header: &SegmentHeader, bytes: u64) -> SegmentInfo {
    let SegmentHeader { index, epoch, first_sequence, created, previous } = *header;
    SegmentInfo { index, epoch, first_sequence, created, previous, bytes }
}

/// Make a segment file with its head, durable; gives the chain behind the head.
pub(crate) fn create_segment(dir: &Path, header: &SegmentHeader) -> io::Result<(File, Hash)> {
    let bytes = header.to_bytes();
    let path = segment_path(dir, header.index);
    let file = fs::OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path)?;
    let made = file.write_all_at(&bytes, 0).and_then(|()| file.sync_all()).and_then(|()| sync_dir(dir));
    if let Err(e) = made {
        let _ = fs::remove_file(&path);
        return Err(e);
    }
    Ok((file, hash_of(&[&bytes])))
}

fn note(recovery: &mut Recovery, damage: Damage) {
    if recovery.damage.len() < DAMAGE_MAX {
        recovery.damage.push(damage);
    }
}

pub(crate) fn named(kind: DamageKind, file: String, segment: u32) -> Damage {
    Damage { kind, file, segment, batch: 0, records: None, offset: 0, length: 0 }
}

fn load_checkpoint(options: &OpenOptions, recovery: &mut Recovery) -> Result<Option<Checkpoint>, OpenError> {
    let Some(wanted) = &options.checkpoint else { return Ok(None) };
    let key = wanted.key.public_key();
    let found = Checkpoint::load(&wanted.path, Some(&key)).map_err(OpenError::io("read", &wanted.path))?;
    match found {
        Some(Ok(checkpoint)) => Ok(Some(checkpoint)),
        Some(Err(why)) => {
            recovery.checkpoint_error = Some(format!("{}: {why}", wanted.path.display()));
            Ok(None)
        }
        None => Ok(None),
    }
}

/// Heads of all segments. One that was retired and is still there goes now; one whose head does not read is named and
/// takes its numbers from its neighbour.
fn heads(dir: &Path, indexes: &[u32], retired: &Index, recovery: &mut Recovery) -> Result<Vec<SegmentInfo>, OpenError> {
    let gone = retired.entries.last().map_or(0, |r| r.segment);
    let mut segments: Vec<SegmentInfo> = Vec::with_capacity(indexes.len());
    for &index in indexes {
        let path = segment_path(dir, index);
        if index <= gone {
            fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
            continue;
        }
        let read = File::open(&path).and_then(|f| Ok((segment_header(&f)?, f.metadata()?.len())));
        let (head, bytes) = read.map_err(OpenError::io("read", &path))?;
        let header = head.map(|(h, _)| h).filter(|h| h.index == index);
        let is_torn_last = bytes <= SEGMENT_HEADER_BYTES as u64 && indexes.last() == Some(&index);
        if header.is_none() && !is_torn_last {
            let length = SEGMENT_HEADER_BYTES as u64;
            note(recovery, Damage { length, ..named(DamageKind::SegmentHeader, file_name(index), index) });
        }
        if let Some(before) = segments.last().filter(|s| s.index + 1 != index) {
            let missing = before.index + 1;
            note(recovery, named(DamageKind::MissingSegment, file_name(missing), missing));
        }
        let before = segments.last();
        let fallback = SegmentHeader {
            index,
            epoch: before.map_or(0, |s| s.epoch),
            first_sequence: before.map_or(1, |s| s.first_sequence),
            created: before.map_or(Micros(0), |s| s.created),
            previous: [0; 32],
        };
        segments.push(info(&header.unwrap_or(fallback), bytes));
    }
    Ok(segments)
}

fn next_index(segments: &[SegmentInfo], retired: &Index, checkpoint: Option<&Checkpoint>) -> u32 {
    let newest = segments.last().map_or(0, |s| s.index);
    newest.max(retired.entries.last().map_or(0, |r| r.segment)).max(checkpoint.map_or(0, |c| c.segment)) + 1
}

fn find_end(
    dir: &Path,
    options: &OpenOptions,
    segments: &mut Vec<SegmentInfo>,
    retired: &Index,
    checkpoint: Option<&Checkpoint>,
    recovery: &mut Recovery,
) -> Result<End, OpenError> {
    let vouched = checkpoint.map_or(0, |c| c.sequence);
    let mut end = loop {
        let Some(last) = segments.last().copied() else {
            let before = retired.entries.last();
            break End {
                segment: None,
                chain: before.map_or([0; 32], |r| r.hash),
                next_sequence: before.map_or(1, |r| r.last_sequence + 1),
            };
        };
        let path = segment_path(dir, last.index);
        let file = fs::OpenOptions::new().read(true).write(true).open(&path).map_err(OpenError::io("open", &path))?;
        let head = segment_header(&file).map_err(OpenError::io("read", &path))?;
        if head.is_none() && last.bytes <= SEGMENT_HEADER_BYTES as u64 {
            // The segment was being made when the power went; it never held a record.
            let kept_at = set_aside(dir, options, &file, last.index, 0, last.bytes);
            recovery.torn = Some(Torn { segment: last.index, offset: 0, bytes: last.bytes, kept_at });
            fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
            segments.pop();
            continue;
        }
        let walked = walk(dir, options, &file, &last, head, checkpoint, recovery);
        let (end, length) = walked.map_err(OpenError::io("repair", &path))?;
        if let Some(s) = segments.last_mut() {
            s.bytes = length;
        }
        break End {
            segment: end.segment.map(|()| (file, length)),
            chain: end.chain,
            next_sequence: end.next_sequence,
        };
    };
    if let Some(c) = checkpoint.filter(|_| end.next_sequence <= vouched) {
        recovery.cut_off = Some(CutOff { last_sequence: end.next_sequence - 1, checkpoint_sequence: vouched });
        end = End { segment: None, chain: c.hash, next_sequence: vouched + 1 };
    }
    Ok(end)
}

struct Walked {
    /// Batches may be written behind it.
    segment: Option<()>,
    chain: Hash,
    next_sequence: u64,
}

/// Walk the last segment, repair its torn end; gives its end and its length.
fn walk(
    dir: &Path,
    options: &OpenOptions,
    file: &File,
    last: &SegmentInfo,
    head: Option<(SegmentHeader, Hash)>,
    checkpoint: Option<&Checkpoint>,
    recovery: &mut Recovery,
) -> io::Result<(Walked, u64)> {
    let mut scan = Scan::new(file, last.index, last.bytes, head, true);
    let mut walked =
        Walked { segment: Some(()), chain: scan.chain.unwrap_or_default(), next_sequence: last.first_sequence };
    loop {
        match scan.step()? {
            Step::Batch(at) => {
                (walked.chain, walked.next_sequence) = (at.hash, at.header.last_sequence() + 1);
                walked.segment = Some(());
                if let Some(c) = checkpoint.filter(|c| c.sequence + 1 == walked.next_sequence && c.hash != at.hash) {
                    let records = Some(at.header.first_sequence..=c.sequence);
                    let (offset, length, batch) = (at.offset, at.header.disk_bytes(), at.number);
                    let damage = named(DamageKind::Checkpoint, file_name(last.index), last.index);
                    note(recovery, Damage { batch, records, offset, length, ..damage });
                }
            }
            Step::Damage(damage) => {
                note(recovery, damage);
                // If nothing sound follows, the next batch goes into a segment of its own.
                walked.segment = None;
                walked.next_sequence = scan.next_sequence.unwrap_or(walked.next_sequence);
            }
            Step::Tail(tail) => return end_of(dir, options, file, last, tail, walked, checkpoint, recovery),
            Step::End => return Ok((walked, scan.offset)),
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the one place where all that is known of the end comes together")]
fn end_of(
    dir: &Path,
    options: &OpenOptions,
    file: &File,
    last: &SegmentInfo,
    tail: Tail,
    mut walked: Walked,
    checkpoint: Option<&Checkpoint>,
    recovery: &mut Recovery,
) -> io::Result<(Walked, u64)> {
    let vouched = checkpoint.is_some_and(|c| walked.next_sequence <= c.sequence);
    if vouched && !tail.short {
        // Whole by its length and durable by the checkpoint: altered, not torn. It stays as it is.
        note(recovery, tail.damage(last.index, walked.next_sequence, checkpoint.map(|c| c.sequence + 1)));
        walked.segment = None;
        let after = tail.header.map_or(0, |h| h.last_sequence() + 1);
        walked.next_sequence = walked.next_sequence.max(after).max(checkpoint.map_or(0, |c| c.sequence + 1));
        return Ok((walked, last.bytes));
    }
    let kept_at = set_aside(dir, options, file, last.index, tail.offset, tail.length);
    recovery.torn = Some(Torn { segment: last.index, offset: tail.offset, bytes: tail.length, kept_at });
    file.set_len(tail.offset)?;
    file.sync_all()?;
    Ok((walked, tail.offset))
}

/// Keep the bytes that are about to be removed. On a full disk they go without: they were never acknowledged.
fn set_aside(
    dir: &Path,
    options: &OpenOptions,
    file: &File,
    segment: u32,
    offset: u64,
    length: u64,
) -> Option<PathBuf> {
    let aside = options.torn_dir.clone().unwrap_or_else(|| {
        let mut name = dir.file_name().unwrap_or_default().to_owned();
        name.push(".torn");
        dir.with_file_name(name)
    });
    let keep = || -> io::Result<PathBuf> {
        fs::create_dir_all(&aside)?;
        let mut old: Vec<_> = fs::read_dir(&aside)?.filter_map(|e| Some(e.ok()?.path())).collect();
        old.sort();
        let over = (old.len() + 1).saturating_sub(TORN_FILES_MAX);
        old.iter().take(over).try_for_each(fs::remove_file)?;
        let mut bytes = vec![0; (length as usize).min(BATCH_BODY_BYTES_MAX + 4096)];
        file.read_exact_at(&mut bytes, offset)?;
        let path = aside.join(format!("{segment:08}-{offset:012}.torn"));
        fs::write(&path, bytes)?;
        Ok(path)
    };
    keep().inspect_err(|error| tracing::warn!(%error, "a torn batch could not be set aside")).ok()
}
