//! Archives of rule files: `.zip`, `.tar`, `.tar.gz`, or one `.yml`; unpacked in memory, within bounds.
//!
//! Invariants: no name leads out of the folder it is unpacked into; what it unpacks to is bounded whatever it claims; a
//! damaged archive is a reason, never a panic.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder};

/// Largest archive, bytes.
pub const ARCHIVE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most that an archive may unpack to, bytes.
const UNPACKED_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Largest file kept, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most rule files.
const FILES_MAX: usize = 20_000;
/// Most entries looked at.
const ENTRIES_MAX: usize = 200_000;
/// Longest name, bytes.
const NAME_BYTES_MAX: usize = 512;
/// Block of a tar file, bytes.
const BLOCK: usize = 512;

/// Rule files by name, and those left out with the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Name below the archive's top → bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Name and reason.
    pub refused: Vec<(String, String)>,
}

impl Unpacked {
    /// Keep a file, if it is a rule file with a safe name.
    fn keep(&mut self, name: &str, size: u64, bytes: impl FnOnce() -> Result<Vec<u8>, String>) -> Result<(), String> {
        let is_rule = [".yml", ".yaml"].iter().any(|e| name.to_ascii_lowercase().ends_with(e));
        if !is_rule {
            return Ok(());
        }
        let Some(safe) = safe_name(name) else {
            self.refused.push((shown(name), "its name leads out of the archive".to_owned()));
            return Ok(());
        };
        if size > FILE_BYTES_MAX {
            self.refused.push((safe, format!("{size} bytes; a rule file has at most {FILE_BYTES_MAX}")));
            return Ok(());
        }
        if self.files.len() >= FILES_MAX {
            return Err(format!("more than {FILES_MAX} rule files"));
        }
        match bytes() {
            Ok(bytes) => {
                self.files.insert(safe, bytes);
            }
            Err(reason) => self.refused.push((safe, reason)),
        }
        Ok(())
    }
}

/// The parts of a name that stay below the folder, joined; `None` if they don't.
fn safe_name(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    let fine = |p: &&str| **p != *".." && !p.contains(['\\', ':', '\0']) && !p.chars().any(char::is_control);
    let safe = !name.starts_with('/') && name.len() <= NAME_BYTES_MAX && parts.iter().all(fine) && !parts.is_empty();
    safe.then(|| parts.join("/"))
}

fn shown(name: &str) -> String {
    name.chars().take(NAME_BYTES_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Unpack what the bytes are: the first of them say it.
///
/// # Errors
/// It is none of the kinds, damaged, or beyond the bounds.
pub fn unpack(bytes: &[u8], name: &str) -> Result<Unpacked, String> {
    if bytes.len() > ARCHIVE_BYTES_MAX {
        return Err(format!("an archive has at most {ARCHIVE_BYTES_MAX} bytes"));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return unzip(bytes);
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut tar = Vec::new();
        let mut reader = MultiGzDecoder::new(bytes).take(UNPACKED_BYTES_MAX + 1);
        reader.read_to_end(&mut tar).map_err(|e| format!("the archive is damaged: {e}"))?;
        if tar.len() as u64 > UNPACKED_BYTES_MAX {
            return Err(format!("the archive unpacks to more than {UNPACKED_BYTES_MAX} bytes"));
        }
        return untar(&tar);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return untar(bytes);
    }
    let mut one = Unpacked::default();
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".yml") || lower.ends_with(".yaml") {
        one.keep(name.rsplit('/').next().unwrap_or(name), bytes.len() as u64, || Ok(bytes.to_vec()))?;
        return Ok(one);
    }
    Err("it is no .zip, .tar, .tar.gz or .yml file".to_owned())
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

fn untar(bytes: &[u8]) -> Result<Unpacked, String> {
    let mut out = Unpacked::default();
    let mut at = 0;
    let mut long: Option<String> = None;
    for _ in 0..ENTRIES_MAX {
        let Some(head) = bytes.get(at..at + BLOCK) else { return Ok(out) };
        if head.iter().all(|b| *b == 0) {
            return Ok(out);
        }
        let part = |from: usize, to: usize| head.get(from..to).unwrap_or_default();
        let size = octal(part(124, 136)).filter(|s| *s <= UNPACKED_BYTES_MAX).ok_or("the archive is damaged")?;
        let size = usize::try_from(size).map_err(|_| "the archive is damaged")?;
        let body = bytes.get(at + BLOCK..at + BLOCK + size).ok_or("the archive ends too early")?;
        at += BLOCK + size.div_ceil(BLOCK) * BLOCK;
        match head.get(156) {
            Some(b'L') => long = Some(text(body)),
            Some(b'x') => long = pax_path(body).or(long),
            Some(b'0' | 0) => {
                let (prefix, own) = (text(part(345, 500)), text(part(0, 100)));
                let name = if prefix.is_empty() { own } else { format!("{prefix}/{own}") };
                let name = long.take().unwrap_or(name);
                out.keep(&name, size as u64, || Ok(body.to_vec()))?;
            }
            _ => long = None,
        }
    }
    Err(format!("more than {ENTRIES_MAX} entries"))
}

/// The `path` of a pax header.
fn pax_path(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    text.lines().find_map(|line| line.split_once(' ')?.1.strip_prefix("path=").map(str::to_owned))
}

fn number(bytes: &[u8], at: usize, len: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(len)?)?;
    Some(part.iter().rev().fold(0u64, |n, b| (n << 8) | u64::from(*b)))
}

fn place(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    usize::try_from(number(bytes, at, len)?).ok()
}

/// By the directory at the end, as every program that makes archives writes it.
fn unzip(bytes: &[u8]) -> Result<Unpacked, String> {
    let damaged = || "the archive is damaged".to_owned();
    // The end record, behind a comment of at most 64 KiB.
    let from = bytes.len().saturating_sub(22 + 65_535);
    let tail = bytes.get(from..).unwrap_or_default();
    let end = tail.windows(4).rposition(|w| w == b"PK\x05\x06").map(|p| from + p).ok_or_else(damaged)?;
    let count = place(bytes, end + 10, 2).ok_or_else(damaged)?;
    let mut at = place(bytes, end + 16, 4).ok_or_else(damaged)?;
    let mut out = Unpacked::default();
    let mut unpacked = 0u64;
    for _ in 0..count.min(ENTRIES_MAX) {
        if bytes.get(at..at + 4) != Some(b"PK\x01\x02") {
            return Err(damaged());
        }
        let part = |offset: usize, len: usize| place(bytes, at + offset, len).ok_or_else(damaged);
        let (method, packed, size) = (part(10, 2)?, part(20, 4)?, part(24, 4)? as u64);
        let (name_len, extra, comment, local) = (part(28, 2)?, part(30, 2)?, part(32, 2)?, part(42, 4)?);
        let name = bytes.get(at + 46..at + 46 + name_len).ok_or_else(damaged)?;
        let name = String::from_utf8_lossy(name).into_owned();
        at += 46 + name_len + extra + comment;
        let left = UNPACKED_BYTES_MAX.saturating_sub(unpacked);
        let mut read = 0;
        out.keep(&name, size, || {
            let skip = 30 + place(bytes, local + 26, 2).unwrap_or(0) + place(bytes, local + 28, 2).unwrap_or(0);
            let body = bytes.get(local + skip..local + skip + packed).ok_or("the archive ends too early")?;
            let most = FILE_BYTES_MAX.min(left) + 1;
            let mut file = Vec::new();
            let done = match method {
                0 => body.take(most).read_to_end(&mut file),
                8 => DeflateDecoder::new(body).take(most).read_to_end(&mut file),
                _ => return Err("it is packed in a way that is not read here".to_owned()),
            };
            read = done.map_err(|e| format!("it is damaged: {e}"))? as u64;
            if read == most { Err(format!("it unpacks to more than {} bytes", most - 1)) } else { Ok(file) }
        })?;
        unpacked += read;
        if unpacked > UNPACKED_BYTES_MAX {
            return Err(format!("the archive unpacks to more than {UNPACKED_BYTES_MAX} bytes"));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, body) in entries {
            let mut head = [0u8; BLOCK];
            head[..name.len()].copy_from_slice(name.as_bytes());
            head[124..135].copy_from_slice(format!("{:011o}", body.len()).as_bytes());
            head[156] = b'0';
            head[257..262].copy_from_slice(b"ustar");
            out.extend_from_slice(&head);
            out.extend_from_slice(body);
            out.resize(out.len().div_ceil(BLOCK) * BLOCK, 0);
        }
        out.resize(out.len() + 2 * BLOCK, 0);
        out
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, body) in entries {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body).unwrap();
            let packed = encoder.finish().unwrap();
            let local = out.len();
            let sizes = [(packed.len() as u32).to_le_bytes(), (body.len() as u32).to_le_bytes()].concat();
            out.extend_from_slice(b"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00");
            out.extend_from_slice(&sizes);
            out.extend_from_slice(&(name.len() as u16).to_le_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(&packed);
            directory.extend_from_slice(b"PK\x01\x02\x14\x00\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00");
            directory.extend_from_slice(&sizes);
            directory.extend_from_slice(&(name.len() as u16).to_le_bytes());
            directory.extend_from_slice(&[0; 12]);
            directory.extend_from_slice(&(local as u32).to_le_bytes());
            directory.extend_from_slice(name.as_bytes());
        }
        let at = (out.len() as u32).to_le_bytes();
        let count = (entries.len() as u16).to_le_bytes();
        out.extend_from_slice(&directory);
        out.extend_from_slice(b"PK\x05\x06\x00\x00\x00\x00");
        out.extend_from_slice(&[count, count].concat());
        out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
        out.extend_from_slice(&at);
        out.extend_from_slice(&[0, 0]);
        out
    }

    const ENTRIES: &[(&str, &[u8])] =
        &[("top/a.yml", b"title: a"), ("top/read.me", b"x"), ("../../etc/evil.yml", b"title: e"), ("/b.yml", b"b")];

    #[test]
    fn every_kind_gives_the_same_files_and_no_name_leads_out() {
        for archive in [tar(ENTRIES), gz(&tar(ENTRIES)), zip(ENTRIES)] {
            let found = unpack(&archive, "x").unwrap();
            assert_eq!(found.files.keys().collect::<Vec<_>>(), ["top/a.yml"]);
            assert_eq!(found.files["top/a.yml"], b"title: a");
            let refused: Vec<_> = found.refused.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(refused, ["../../etc/evil.yml", "/b.yml"]);
        }
        assert_eq!(unpack(b"title: x", "folder/x.yml").unwrap().files.len(), 1);
        assert!(unpack(b"title: x", "x.exe").is_err());
        for bad in ["C:\\x.yml", "a/../b.yml", "a\u{0}b.yml", ""] {
            assert_eq!(safe_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_bomb_is_bounded_and_a_damaged_one_is_a_reason() {
        let bomb = vec![b'a'; 3 * 1024 * 1024];
        let found = unpack(&zip(&[("big.yml", &bomb), ("small.yml", b"x")]), "x").unwrap();
        assert_eq!(found.files.keys().collect::<Vec<_>>(), ["small.yml"]);
        // A size that lies is found while unpacking.
        let mut lying = zip(&[("big.yml", &bomb)]);
        let place = lying.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap() + 24;
        lying[place..place + 4].copy_from_slice(&5u32.to_le_bytes());
        assert!(unpack(&lying, "x").unwrap().refused[0].1.contains("more than"));
        for archive in [tar(ENTRIES), gz(&tar(ENTRIES)), zip(ENTRIES)] {
            for cut in 1..archive.len().min(900) {
                let _ = unpack(&archive[..cut], "x");
                let mut flipped = archive.clone();
                flipped[cut] ^= 0xff;
                let _ = unpack(&flipped, "x");
            }
        }
    }
}
