//! The values of binary XML in the form in which Windows shows them.
//!
//! Invariant: bytes of the wrong length for their type give no value, never a wrong one.

use std::fmt::Write as _;

use bongsu_event::Micros;

use super::event::{Held, Values};
use super::names::NameId;
use crate::decode;

/// The types of binary XML values.
pub(super) mod kind {
    pub const NULL: u8 = 0x00;
    pub const TEXT: u8 = 0x01;
    pub const ANSI: u8 = 0x02;
    pub const I8: u8 = 0x03;
    pub const U8: u8 = 0x04;
    pub const I16: u8 = 0x05;
    pub const U16: u8 = 0x06;
    pub const I32: u8 = 0x07;
    pub const U32: u8 = 0x08;
    pub const I64: u8 = 0x09;
    pub const U64: u8 = 0x0a;
    pub const F32: u8 = 0x0b;
    pub const F64: u8 = 0x0c;
    pub const BOOL: u8 = 0x0d;
    pub const BINARY: u8 = 0x0e;
    pub const GUID: u8 = 0x0f;
    pub const SIZE: u8 = 0x10;
    pub const FILETIME: u8 = 0x11;
    pub const SYSTEMTIME: u8 = 0x12;
    pub const SID: u8 = 0x13;
    pub const HEX32: u8 = 0x14;
    pub const HEX64: u8 = 0x15;
    pub const BINXML: u8 = 0x21;
    /// Set on arrays of the type below it.
    pub const ARRAY: u8 = 0x80;
}

/// 1601-01-01 to 1970-01-01, microseconds.
const FILETIME_EPOCH_MICROS: i64 = 11_644_473_600_000_000;

/// Before 1971 a clock was never set.
const YEAR_MIN: Micros = Micros(365 * 86_400 * Micros::SECOND);

/// The instant that a FILETIME counts to.
pub(super) fn filetime(ticks: u64) -> Micros {
    Micros(i64::try_from(ticks / 10).unwrap_or(i64::MAX).saturating_sub(FILETIME_EPOCH_MICROS))
}

/// Is it a time that a clock which was set may say?
pub(super) fn is_set(time: &Micros) -> bool {
    *time >= YEAR_MIN
}

/// Put a value under its name; one without content becomes `empty`. Arrays give each of their items.
pub(super) fn put(values: &mut Values, name: NameId, kind: u8, bytes: &[u8], empty: Option<Held>) {
    if kind & kind::ARRAY != 0 && kind != kind::ARRAY {
        return items(values, name, kind & !kind::ARRAY, bytes, empty);
    }
    match number(kind, bytes) {
        Some(held) => values.push(name, held),
        None => {
            let bytes = if kind == kind::TEXT { until_nul(bytes) } else { bytes };
            if bytes.is_empty() || kind == kind::NULL {
                if let Some(held) = empty {
                    values.push(name, held);
                }
            } else {
                values.push_text(name, |out| text(kind, bytes, out));
            }
        }
    }
}

/// Each item of an array.
fn items(values: &mut Values, name: NameId, kind: u8, bytes: &[u8], empty: Option<Held>) {
    let width = match kind {
        kind::TEXT => {
            let mut rest = bytes;
            while !rest.is_empty() && !values.cut {
                let item = until_nul(rest);
                put(values, name, kind, item, empty);
                rest = rest.get(item.len() + 2..).unwrap_or(&[]);
            }
            return;
        }
        kind::ANSI => {
            for item in bytes.strip_suffix(&[0]).unwrap_or(bytes).split(|b| *b == 0) {
                put(values, name, kind, item, empty);
            }
            return;
        }
        kind::I8 | kind::U8 => 1,
        kind::I16 | kind::U16 => 2,
        kind::I32 | kind::U32 | kind::F32 | kind::BOOL | kind::HEX32 => 4,
        kind::I64 | kind::U64 | kind::F64 | kind::FILETIME | kind::HEX64 => 8,
        kind::GUID | kind::SYSTEMTIME => 16,
        kind::SID => return sids(values, name, bytes),
        _ => return values.push_text(name, |out| hex(bytes, out)),
    };
    for item in bytes.chunks_exact(width) {
        put(values, name, kind, item, empty);
    }
}

fn sids(values: &mut Values, name: NameId, mut bytes: &[u8]) {
    while let Some(count) = bytes.get(1) {
        let length = 8 + 4 * usize::from(*count);
        let Some((sid, rest)) = bytes.split_at_checked(length) else { return };
        values.push_text(name, |out| text(kind::SID, sid, out));
        bytes = rest;
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// Numbers and truth values.
fn number(kind: u8, bytes: &[u8]) -> Option<Held> {
    Some(match kind {
        kind::I8 => Held::Int(i8::from_le_bytes(fixed(bytes)?).into()),
        kind::U8 => Held::Int(u8::from_le_bytes(fixed(bytes)?).into()),
        kind::I16 => Held::Int(i16::from_le_bytes(fixed(bytes)?).into()),
        kind::U16 => Held::Int(u16::from_le_bytes(fixed(bytes)?).into()),
        kind::I32 => Held::Int(i32::from_le_bytes(fixed(bytes)?).into()),
        kind::U32 => Held::Int(u32::from_le_bytes(fixed(bytes)?).into()),
        kind::I64 => Held::Int(i64::from_le_bytes(fixed(bytes)?)),
        // One that does not fit is shown by its digits.
        kind::U64 => Held::Int(i64::try_from(u64::from_le_bytes(fixed(bytes)?)).ok()?),
        kind::F32 => Held::Float(f32::from_le_bytes(fixed(bytes)?).into()),
        kind::F64 => Held::Float(f64::from_le_bytes(fixed(bytes)?)),
        kind::BOOL => match i32::from_le_bytes(fixed(bytes)?) {
            0 => Held::Bool(false),
            1 => Held::Bool(true),
            // Windows writes bit masks into some of these.
            n => Held::Int(n.into()),
        },
        _ => return None,
    })
}

/// Write what is no number as text.
pub(super) fn text(kind: u8, bytes: &[u8], out: &mut String) {
    match kind {
        kind::TEXT => utf16(until_nul(bytes), out),
        kind::ANSI => {
            let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
            out.push_str(&decode::decode(bytes.get(..end).unwrap_or(bytes)).0);
        }
        kind::GUID => guid(bytes, out),
        kind::SID => sid(bytes, out),
        kind::FILETIME => {
            if let Some(ticks) = fixed(bytes).map(u64::from_le_bytes) {
                time(ticks, out);
            }
        }
        kind::SYSTEMTIME => systemtime(bytes, out),
        kind::HEX32 | kind::HEX64 | kind::SIZE => {
            let four = fixed(bytes).map(|b| u64::from(u32::from_le_bytes(b)));
            if let Some(n) = four.or_else(|| fixed(bytes).map(u64::from_le_bytes)) {
                hex_number(n, out);
            }
        }
        kind::BINARY => hex(bytes, out),
        kind::U64 => decimal(fixed(bytes).map_or(0, u64::from_le_bytes), out),
        _ => {
            if let Some(held) = number(kind, bytes) {
                shown(held, out);
            }
        }
    }
}

fn shown(held: Held, out: &mut String) {
    let done = match held {
        Held::Bool(b) => write!(out, "{b}"),
        Held::Int(n) => write!(out, "{n}"),
        Held::Float(f) => write!(out, "{f}"),
        Held::Null | Held::Text(..) => Ok(()),
    };
    debug_assert!(done.is_ok(), "writing to a string");
}

/// The bytes before the first character of zero.
fn until_nul(bytes: &[u8]) -> &[u8] {
    let units = bytes.chunks_exact(2);
    let end = units.clone().position(|u| u == [0, 0]).unwrap_or(units.len());
    bytes.get(..end * 2).unwrap_or(bytes)
}

/// Characters narrowed at once while they are ASCII.
const STRIDE_BYTES: usize = 32;

/// UTF-16 into text; halves of characters become U+FFFD.
pub(super) fn utf16(bytes: &[u8], out: &mut String) {
    let mut rest = bytes;
    out.reserve(bytes.len() / 2);
    while let Some((stride, after)) = rest.split_at_checked(STRIDE_BYTES) {
        let mut narrow = [0u8; STRIDE_BYTES / 2];
        let mut seen = 0u16;
        for (unit, to) in stride.chunks_exact(2).zip(&mut narrow) {
            let unit = fixed(unit).map_or(0, u16::from_le_bytes);
            seen |= unit;
            *to = unit.to_le_bytes().first().copied().unwrap_or(0);
        }
        if seen >= 0x80 {
            break;
        }
        out.push_str(std::str::from_utf8(&narrow).unwrap_or(""));
        rest = after;
    }
    let units = rest.chunks_exact(2).map(|u| fixed(u).map_or(0, u16::from_le_bytes));
    out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

fn digit(table: &[u8; 16], nibble: u8) -> char {
    table.get(usize::from(nibble & 15)).copied().map_or('0', char::from)
}

fn hex(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len() * 2);
    for b in bytes {
        out.push(digit(UPPER, b >> 4));
        out.push(digit(UPPER, *b));
    }
}

fn hex_number(n: u64, out: &mut String) {
    out.push_str("0x");
    let digits = (64 - n.leading_zeros()).div_ceil(4).max(1);
    for at in (0..digits).rev() {
        out.push(digit(LOWER, (n >> (at * 4)) as u8));
    }
}

/// In braces and small letters, as Windows does.
fn guid(bytes: &[u8], out: &mut String) {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    if bytes.len() != ORDER.len() {
        return;
    }
    out.push('{');
    for (n, at) in ORDER.iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let b = bytes.get(*at).copied().unwrap_or(0);
        out.push(digit(LOWER, b >> 4));
        out.push(digit(LOWER, b));
    }
    out.push('}');
}

fn sid(bytes: &[u8], out: &mut String) {
    let Some((&[revision, count, a, b, c, d, e, f], parts)) = bytes.split_first_chunk::<8>() else { return };
    let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    out.push_str("S-");
    decimal(revision.into(), out);
    out.push('-');
    decimal(authority, out);
    for part in parts.chunks_exact(4).take(count.into()) {
        out.push('-');
        decimal(fixed(part).map_or(0, |b| u32::from_le_bytes(b).into()), out);
    }
}

/// Decimal digits without the formatting machinery: a log has millions of them.
fn decimal(mut n: u64, out: &mut String) {
    let mut room = [b'0'; 20];
    let mut used = 0;
    for place in room.iter_mut().rev() {
        *place = b'0' + (n % 10) as u8;
        used += 1;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    let digits = room.get(room.len() - used..).unwrap_or(&[]);
    out.push_str(std::str::from_utf8(digits).unwrap_or("0"));
}

/// At least `width` digits.
fn padded(n: u64, width: u32, out: &mut String) {
    for at in (0..width).rev() {
        let digit = n / 10u64.saturating_pow(at) % 10;
        out.push(char::from(b'0' + digit as u8));
    }
}

/// `2020-09-04T11:22:33.1234567Z`, the 100 ns that a FILETIME counts.
fn time(ticks: u64, out: &mut String) {
    let seconds = ticks / 10_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days into a date, after Hinnant: eras of 400 years that begin on the first of March.
    let z = days + 584_694;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = (era * 400 + year_of_era + u64::from(month <= 2)) % 10_000;
    clock([year, month, day, second / 3_600, second / 60 % 60, second % 60], ticks % 10_000_000, out);
}

fn clock([year, month, day, hour, minute, second]: [u64; 6], ticks: u64, out: &mut String) {
    padded(year, 4, out);
    for (mark, part) in [('-', month), ('-', day), ('T', hour), (':', minute), (':', second)] {
        out.push(mark);
        padded(part, 2, out);
    }
    out.push('.');
    padded(ticks, 7, out);
    out.push('Z');
}

fn systemtime(bytes: &[u8], out: &mut String) {
    let mut parts = bytes.chunks_exact(2).map(|p| fixed(p).map_or(0, |b| u64::from(u16::from_le_bytes(b))));
    let mut next = || parts.next().unwrap_or(0);
    let (year, month, _weekday, day, hour, minute, second, millis) =
        (next(), next(), next(), next(), next(), next(), next(), next());
    clock([year, month, day, hour, minute, second], millis * 10_000, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: u8, bytes: &[u8]) -> String {
        let mut out = String::new();
        text(kind, bytes, &mut out);
        out
    }

    #[test]
    fn as_windows_shows_them() {
        let wide: Vec<u8> = "수안구청 login \u{1f600}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(shown(kind::TEXT, &wide), "수안구청 login \u{1f600}");
        let long: Vec<u8> = "x".repeat(100).encode_utf16().flat_map(u16::to_le_bytes).chain([0, 0, 65, 0]).collect();
        assert_eq!(shown(kind::TEXT, &long), "x".repeat(100));
        assert_eq!(shown(kind::TEXT, &[0x00, 0xd8, 0x41, 0x00]), "\u{fffd}A");
        let guid: Vec<u8> = (1..=16).collect();
        assert_eq!(shown(kind::GUID, &guid), "{04030201-0605-0807-090a-0b0c0d0e0f10}");
        assert_eq!(shown(kind::SID, &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]), "S-1-5-32-544");
        assert_eq!(shown(kind::HEX64, &0x8020_0000_0000_0000u64.to_le_bytes()), "0x8020000000000000");
        assert_eq!(shown(kind::HEX32, &0u32.to_le_bytes()), "0x0");
        assert_eq!(shown(kind::BINARY, &[0xde, 0x0a]), "DE0A");
        assert_eq!(shown(kind::FILETIME, &132_436_920_000_000_001u64.to_le_bytes()), "2020-09-04T11:20:00.0000001Z");
        assert_eq!(filetime(132_436_920_000_000_001).to_string(), "2020-09-04T11:20:00.000000Z");
        assert_eq!(
            shown(kind::SYSTEMTIME, &[0xe4, 7, 9, 0, 3, 0, 2, 0, 18, 0, 1, 0, 2, 0, 5, 0]),
            "2020-09-02T18:01:02.0050000Z"
        );
        assert_eq!(shown(kind::U16, &[16, 39]), "10000");
        assert_eq!(shown(kind::U64, &[0xff; 8]), "18446744073709551615");
    }

    #[test]
    fn hostile_lengths_give_nothing() {
        for kind in 0..=255 {
            for length in 0..40 {
                let bytes = vec![0xffu8; length];
                shown(kind, &bytes);
                put(&mut Values::default(), NameId(0), kind, &bytes, Some(Held::Null));
            }
        }
        assert_eq!(shown(kind::GUID, &[1, 2]), "");
        assert_eq!(shown(kind::FILETIME, &u64::MAX.to_le_bytes()).len(), 28);
    }
}
