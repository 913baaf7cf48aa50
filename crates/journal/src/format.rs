//! Layout of segments: one header, then batches end to end. Pure.
//!
//! Invariant: a batch header carries the hash of everything before it, a segment header the final hash of the segment
//! before it; a changed byte changes every later hash. Numbers are little-endian.

use bongsu_event::Micros;
use bongsu_event::limits::BATCH_RECORDS_MAX;
use ring::digest;

use crate::limits::{BATCH_BODY_BYTES_MAX, BATCH_PLAIN_BYTES_MAX};

/// SHA-256.
pub type Hash = [u8; 32];

pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b"BONGSUJ1";
pub(crate) const BATCH_MAGIC: [u8; 4] = *b"BJB1";
pub(crate) const SEGMENT_HEADER_BYTES: usize = 72;
pub(crate) const BATCH_HEADER_BYTES: usize = 64;

/// Head of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub index: u32,
    pub epoch: u64,
    pub first_sequence: u64,
    pub created: Micros,
    pub previous: Hash,
}

/// Head of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub first_sequence: u64,
    pub count: u32,
    pub plain_bytes: u32,
    pub body_bytes: u32,
    pub body_crc: u32,
    pub previous: Hash,
}

/// Takes numbers off the front of a slice.
struct Cut<'a>(&'a [u8]);

impl Cut<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

/// Append the checksum of `out` to it.
fn seal(out: &mut Vec<u8>) {
    let crc = crc32c::crc32c(out);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// The bytes without their checksum, if it holds.
fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    (crc32c::crc32c(body) == u32::from_le_bytes(*crc)).then_some(body)
}

impl SegmentHeader {
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        out.extend_from_slice(&SEGMENT_MAGIC);
        out.extend_from_slice(&self.index.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.first_sequence.to_le_bytes());
        out.extend_from_slice(&self.created.0.to_le_bytes());
        out.extend_from_slice(&self.previous);
        seal(&mut out);
        out
    }

    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut cut = Cut(unseal(bytes.get(..SEGMENT_HEADER_BYTES)?)?);
        if cut.take::<8>()? != SEGMENT_MAGIC {
            return None;
        }
        Some(Self {
            index: cut.u32()?,
            epoch: cut.u64()?,
            first_sequence: cut.u64()?,
            created: Micros(i64::from_le_bytes(cut.take()?)),
            previous: cut.take()?,
        })
    }
}

impl BatchHeader {
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BATCH_HEADER_BYTES);
        out.extend_from_slice(&BATCH_MAGIC);
        out.extend_from_slice(&self.first_sequence.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.plain_bytes.to_le_bytes());
        out.extend_from_slice(&self.body_bytes.to_le_bytes());
        out.extend_from_slice(&self.body_crc.to_le_bytes());
        out.extend_from_slice(&self.previous);
        seal(&mut out);
        out
    }

    /// `None` unless magic, checksum and limits hold.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.first_chunk::<4>() != Some(&BATCH_MAGIC) {
            return None;
        }
        let mut cut = Cut(unseal(bytes.get(..BATCH_HEADER_BYTES)?)?);
        cut.take::<4>()?;
        let header = Self {
            first_sequence: cut.u64()?,
            count: cut.u32()?,
            plain_bytes: cut.u32()?,
            body_bytes: cut.u32()?,
            body_crc: cut.u32()?,
            previous: cut.take()?,
        };
        let sane = header.count >= 1
            && header.count as usize <= BATCH_RECORDS_MAX
            && header.plain_bytes as usize <= BATCH_PLAIN_BYTES_MAX
            && header.body_bytes as usize <= BATCH_BODY_BYTES_MAX
            && header.first_sequence >= 1
            && header.first_sequence.checked_add(u64::from(header.count)).is_some();
        sane.then_some(header)
    }

    pub fn last_sequence(&self) -> u64 {
        self.first_sequence + u64::from(self.count) - 1
    }

    /// Bytes on disk, header included.
    pub fn disk_bytes(&self) -> u64 {
        BATCH_HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }
}

/// The chain after some bytes that themselves carry the chain before them.
pub(crate) fn hash_of(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    out
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// The reverse of [`hex`], of exactly `N` bytes.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    // One spelling only: another would be a change of the file that means the same.
    if text.len() != N * 2 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut out = [0; N];
    for (i, to) in out.iter_mut().enumerate() {
        *to = u8::from_str_radix(text.get(i * 2..i * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}
