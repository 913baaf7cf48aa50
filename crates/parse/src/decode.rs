//! Bytes into text: UTF-8, CP949 (which holds EUC-KR) and UTF-16, told apart line by line.
//!
//! Invariant: always gives text; bytes that make none become U+FFFD. A character cut in the middle at the end of a line
//! does not change what the rest is taken for.

use std::borrow::Cow;

use bongsu_event::Encoding;
use encoding_rs::{EUC_KR, UTF_16BE, UTF_16LE};
use memchr::memchr;

/// How much of a line is looked at to tell UTF-16 without byte order mark, bytes.
const UTF16_LOOK_BYTES: usize = 512;

/// The text of a line, and how it was written. Line ends are taken off.
pub(crate) fn decode(raw: &[u8]) -> (Cow<'_, str>, Encoding) {
    if let Some(utf16) = utf16_of(raw) {
        let (text, _) = utf16.encoding().decode_without_bom_handling(utf16.bytes);
        let text = text.trim_start_matches('\u{feff}').trim_end_matches(is_line_end);
        return (Cow::Owned(text.to_owned()), utf16.name);
    }
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let end = raw.iter().rposition(|b| !matches!(b, b'\n' | b'\r' | 0)).map_or(0, |i| i + 1);
    let raw = raw.get(..end).unwrap_or(raw);
    match std::str::from_utf8(raw) {
        Ok(text) => (Cow::Borrowed(text), Encoding::Utf8),
        Err(error) => other_than_utf8(raw, &error),
    }
}

/// The encoding of a text whose characters take two bytes each, if its beginning is one.
pub(crate) fn wide(head: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    utf16_of(head).map(|utf16| utf16.encoding())
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\0')
}

struct Utf16<'a> {
    bytes: &'a [u8],
    name: Encoding,
}

impl Utf16<'_> {
    fn encoding(&self) -> &'static encoding_rs::Encoding {
        if self.name == Encoding::Utf16Be { UTF_16BE } else { UTF_16LE }
    }
}

/// A byte order mark says it; without one, the zero bytes of ASCII characters do: all at even or all at odd places.
fn utf16_of(raw: &[u8]) -> Option<Utf16<'_>> {
    if let Some(bytes) = raw.strip_prefix(b"\xff\xfe") {
        return Some(Utf16 { bytes, name: Encoding::Utf16Le });
    }
    if let Some(bytes) = raw.strip_prefix(b"\xfe\xff") {
        return Some(Utf16 { bytes, name: Encoding::Utf16Be });
    }
    let look = raw.get(..UTF16_LOOK_BYTES).unwrap_or(raw);
    memchr(0, look)?;
    let pairs = look.len() / 2;
    let zeros = |odd: usize| look.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    // a third of the characters of a log line are ASCII, whatever language it speaks
    let name = if odd * 3 >= pairs && odd > 1 && even * 8 < odd {
        Encoding::Utf16Le
    } else if even * 3 >= pairs && even > 1 && odd * 8 < even {
        Encoding::Utf16Be
    } else {
        return None;
    };
    Some(Utf16 { bytes: raw, name })
}

/// CP949 if it reads without mistake, else whichever of the two makes fewer mistakes.
fn other_than_utf8<'a>(raw: &'a [u8], error: &std::str::Utf8Error) -> (Cow<'a, str>, Encoding) {
    let cut_at_end = error.error_len().is_none();
    let valid = raw.get(..error.valid_up_to()).unwrap_or(&[]);
    if cut_at_end && !valid.is_ascii() {
        return (String::from_utf8_lossy(raw), Encoding::Utf8);
    }
    let (korean, _) = EUC_KR.decode_without_bom_handling(raw);
    let wrong = |text: &str| text.strip_suffix('\u{fffd}').unwrap_or(text).matches('\u{fffd}').count();
    let (korean_wrong, utf8) = (wrong(&korean), String::from_utf8_lossy(raw));
    let utf8_wrong = wrong(&utf8);
    if korean_wrong == 0 && !(cut_at_end && utf8_wrong == 0 && !korean.chars().any(is_hangul)) {
        return (korean, Encoding::Cp949);
    }
    let (utf8_right, korean_right) =
        (utf8.chars().filter(|c| is_hangul(*c)).count(), korean.chars().filter(|c| is_hangul(*c)).count());
    if korean_right > 2 * korean_wrong && korean_right > utf8_right && korean_wrong < utf8_wrong {
        return (korean, Encoding::Cp949);
    }
    let name =
        if utf8_right > utf8_wrong || (cut_at_end && utf8_wrong == 0) { Encoding::Utf8 } else { Encoding::Unknown };
    (utf8, name)
}

fn is_hangul(c: char) -> bool {
    matches!(c, '가'..='힣' | 'ㄱ'..='ㅣ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cp949(text: &str) -> Vec<u8> {
        EUC_KR.encode(text).0.into_owned()
    }

    #[test]
    fn each_encoding_is_told_from_the_line_alone() {
        let line = "2026-01-02 방화벽: 접속 차단 src=192.0.2.1";
        assert_eq!(decode(line.as_bytes()), (line.into(), Encoding::Utf8));
        assert_eq!(decode(&cp949(line)), (line.into(), Encoding::Cp949));
        let le: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = line.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&le), (line.into(), Encoding::Utf16Le));
        assert_eq!(decode(&be), (line.into(), Encoding::Utf16Be));
        let with_mark: Vec<u8> = [&[0xff, 0xfe], le.as_slice()].concat();
        assert_eq!(decode(&with_mark), (line.into(), Encoding::Utf16Le));
        assert_eq!(decode(b"\xef\xbb\xbfplain\r\n"), ("plain".into(), Encoding::Utf8));
        assert_eq!(decode(&[b"\xef\xbb\xbf", line.as_bytes()].concat()), (line.into(), Encoding::Utf8));
    }

    #[test]
    fn cut_in_the_middle_of_a_character() {
        let line = "src=192.0.2.1 사유=차단";
        let utf8 = line.as_bytes();
        let (text, encoding) = decode(&utf8[..utf8.len() - 1]);
        assert_eq!((text.as_ref(), encoding), ("src=192.0.2.1 사유=차\u{fffd}", Encoding::Utf8));
        let korean = cp949(line);
        let (text, encoding) = decode(&korean[..korean.len() - 1]);
        assert_eq!((text.as_ref(), encoding), ("src=192.0.2.1 사유=차\u{fffd}", Encoding::Cp949));
    }

    #[test]
    fn neither() {
        let (text, encoding) = decode(b"GET /\xff\xfe\xfd\x81 \xc3(");
        assert!(text.starts_with("GET /"));
        assert_eq!(encoding, Encoding::Unknown);
        assert_eq!(decode(b""), ("".into(), Encoding::Utf8));
        assert_eq!(decode(b"\0\0\0"), ("".into(), Encoding::Utf8));
    }
}
