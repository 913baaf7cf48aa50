//! An EVTX chunk into events. A chunk stands by itself: its names and templates lie within it, so chunks of one file
//! can be read by different threads.
//!
//! Invariant: a damaged record costs itself only: reading goes on at the next one that can be recognised.

use std::sync::Arc;

use hashbrown::HashMap;
use memchr::memmem;

use super::binxml::{self, Compiler, Inner, Piece, Program, Slot};
use super::cursor::Cursor;
use super::event::{Values, WindowsEvent};
use super::names::{NameId, Names};
use super::value;
use super::{CHUNK_STEPS_MAX, EVENT_STEPS_MAX, NAMES_MAX, NESTING_MAX};

/// Bytes of a chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of a file's head, before its first chunk.
pub const FILE_HEADER_BYTES: usize = 4096;
/// Bytes of a chunk's head.
pub(super) const HEAD_BYTES: usize = 512;
/// Bytes of a record around its binary XML.
const RECORD_HEAD_BYTES: usize = 24;
/// A record's first bytes.
const RECORD_MAGIC: [u8; 4] = [b'*', b'*', 0, 0];

/// Does an EVTX file begin so?
#[must_use]
pub fn is_evtx(head: &[u8]) -> bool {
    head.starts_with(b"ElfFile\0")
}

/// Does a chunk begin so?
#[must_use]
pub fn is_chunk(head: &[u8]) -> bool {
    head.starts_with(b"ElfChnk\0")
}

/// What came of a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkReport {
    /// Events read.
    pub records: u64,
    /// Records that could not be read.
    pub damaged: u64,
    /// Its head is not what was written: it was read from its records alone.
    pub head_damaged: bool,
}

/// Reads chunks; its memory is used again for the next. One a thread.
#[derive(Debug, Default)]
pub struct EvtxReader {
    names: Names,
    programs: HashMap<(usize, NameId), Option<Arc<Program>>>,
    steps: usize,
    values: Values,
}

impl EvtxReader {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every event of a chunk, in order.
    pub fn read(&mut self, chunk: &[u8], visit: &mut dyn FnMut(&WindowsEvent<'_>)) -> ChunkReport {
        self.programs.clear();
        self.steps = 0;
        if self.names.len() > NAMES_MAX {
            self.names.clear();
        }
        let mut report = ChunkReport { head_damaged: !is_head_whole(chunk), ..ChunkReport::default() };
        let end = if report.head_damaged { chunk.len() } else { free_space(chunk).unwrap_or(chunk.len()) };
        let chunk = chunk.get(..end).unwrap_or(chunk);
        let (mut at, mut last) = (HEAD_BYTES, None);
        while let Some(record) = next_record(chunk, at, &mut report) {
            at = record.end;
            // A head that is not whole may leave old records behind the new ones.
            if report.head_damaged && last.is_some_and(|last| record.id <= last) {
                break;
            }
            last = Some(record.id);
            self.values.clear();
            if self.record(chunk, &record).is_some() && !self.values.is_empty() {
                let time = self.values.time.or(Some(value::filetime(record.written)).filter(value::is_set));
                visit(&WindowsEvent { names: &self.names, values: &self.values, record: record.id, time });
                report.records += 1;
            } else {
                report.damaged += 1;
            }
        }
        report
    }

    fn record<'c>(&mut self, chunk: &'c [u8], record: &Record) -> Option<()> {
        let root = self.names.id("");
        let mut steps_left = EVENT_STEPS_MAX;
        let mut slots: Vec<Slot<'c>> = Vec::new();
        self.fragment(chunk, (record.from, record.end - 4), root, 0, &mut slots, &mut steps_left)
    }

    /// Binary XML between two places, below an element.
    fn fragment<'c>(
        &mut self,
        chunk: &'c [u8],
        (from, end): (usize, usize),
        below: NameId,
        depth: usize,
        slots: &mut Vec<Slot<'c>>,
        steps_left: &mut usize,
    ) -> Option<()> {
        if depth > NESTING_MAX {
            return None;
        }
        let mut cursor = Cursor::new(chunk.get(..end)?, from);
        loop {
            match binxml::piece(&mut cursor, end)? {
                Piece::End => return Some(()),
                Piece::Instance(at) => {
                    cursor.seek(at);
                    self.instance(chunk, &mut cursor, below, depth, slots, steps_left)?;
                }
                Piece::Elements(at) => {
                    let program = Compiler::compile(chunk, (at, end), below, false, &mut self.names)?;
                    let base = slots.len();
                    return self.run(chunk, &program, base, depth, slots, steps_left);
                }
            }
        }
    }

    fn instance<'c>(
        &mut self,
        chunk: &'c [u8],
        cursor: &mut Cursor<'c>,
        below: NameId,
        depth: usize,
        slots: &mut Vec<Slot<'c>>,
        steps_left: &mut usize,
    ) -> Option<()> {
        let base = slots.len();
        let template = binxml::instance(cursor, slots)?;
        let program = self.program(chunk, template, below)?;
        self.run(chunk, &program, base, depth, slots, steps_left)
    }

    /// Run a program on the slots from `base` on, then what its values hold of binary XML.
    fn run<'c>(
        &mut self,
        chunk: &'c [u8],
        program: &Program,
        base: usize,
        depth: usize,
        slots: &mut Vec<Slot<'c>>,
        steps_left: &mut usize,
    ) -> Option<()> {
        let mut inner = Vec::new();
        binxml::run(program, slots.get(base..)?, &mut self.values, &mut inner, steps_left);
        slots.truncate(base);
        for piece in inner {
            match piece {
                Inner::Fragment { below, from, end } => {
                    self.fragment(chunk, (from, end), below, depth + 1, slots, steps_left)?;
                }
                Inner::Instance { below, at } if depth < NESTING_MAX => {
                    self.instance(chunk, &mut Cursor::new(chunk, at), below, depth + 1, slots, steps_left)?;
                }
                Inner::Instance { .. } => return None,
            }
        }
        Some(())
    }

    /// The program of a template, compiled when it is first met.
    fn program(&mut self, chunk: &[u8], at: usize, below: NameId) -> Option<Arc<Program>> {
        if let Some(known) = self.programs.get(&(at, below)) {
            return known.clone();
        }
        let compiled = (self.steps < CHUNK_STEPS_MAX)
            .then(|| binxml::template_span(chunk, at))
            .flatten()
            .and_then(|span| Compiler::compile(chunk, span, below, true, &mut self.names))
            .map(Arc::new);
        self.steps += compiled.as_ref().map_or(1, |p| p.len());
        self.programs.insert((at, below), compiled.clone());
        compiled
    }
}

/// A record's place in its chunk.
#[derive(Clone, Copy, Debug)]
struct Record {
    id: u64,
    written: u64,
    /// Its binary XML begins here.
    from: usize,
    end: usize,
}

fn record_at(chunk: &[u8], at: usize) -> Option<Record> {
    let mut cursor = Cursor::new(chunk, at);
    if cursor.take(4)? != RECORD_MAGIC {
        return None;
    }
    let size = cursor.place()?;
    let (id, written) = (cursor.u64()?, cursor.u64()?);
    let end = at.checked_add(size)?;
    (size > RECORD_HEAD_BYTES + 4 && end <= chunk.len()).then_some(Record { id, written, from: cursor.at(), end })
}

/// The record at a place, or the next one that can be recognised behind it.
fn next_record(chunk: &[u8], at: usize, report: &mut ChunkReport) -> Option<Record> {
    let rest = chunk.get(at..)?;
    if let Some(record) = record_at(chunk, at) {
        return Some(record);
    }
    // Behind the last record there is nothing.
    if rest.iter().all(|b| *b == 0) {
        return None;
    }
    report.damaged += 1;
    let mut found = memmem::find_iter(rest, &RECORD_MAGIC).map(|n| at + n).filter(|n| *n > at);
    found.find_map(|n| record_at(chunk, n).filter(|r| is_closed(chunk, r)))
}

/// Does the record end with its size, as it began?
fn is_closed(chunk: &[u8], record: &Record) -> bool {
    let begin = record.from - RECORD_HEAD_BYTES;
    Cursor::new(chunk, record.end - 4).place() == Some(record.end - begin)
}

fn free_space(chunk: &[u8]) -> Option<usize> {
    Cursor::new(chunk, 48).place().filter(|end| (HEAD_BYTES..=chunk.len()).contains(end))
}

fn is_head_whole(chunk: &[u8]) -> bool {
    let (Some(first), Some(tables)) = (chunk.get(..120), chunk.get(128..HEAD_BYTES)) else { return false };
    is_chunk(chunk) && Cursor::new(chunk, 124).u32() == Some(crc32(&[first, tables]))
}

/// The checksum of ZIP and Ethernet.
pub(super) fn crc32(pieces: &[&[u8]]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut n = 0;
        while n < 256 {
            let mut c = n as u32;
            let mut bit = 0;
            while bit < 8 {
                c = if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 };
                bit += 1;
            }
            #[expect(clippy::indexing_slicing, reason = "worked out by the compiler, within bounds")]
            {
                table[n] = c;
            }
            n += 1;
        }
        table
    };
    let step = |c: u32, b: &u8| TABLE.get(((c ^ u32::from(*b)) & 0xff) as usize).copied().unwrap_or(0) ^ (c >> 8);
    !pieces.iter().flat_map(|p| p.iter()).fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_checksum() {
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
    }
}
