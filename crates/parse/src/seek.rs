//! Looking for short words in lines.
//!
//! Invariant: no set-up cost per call, as every line is asked a dozen such questions before a format is found.

use memchr::memchr_iter;

/// Where the needle begins. Its rarest byte is looked for, the rest compared.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let (at, byte) = needle.iter().copied().enumerate().min_by_key(|(_, b)| commonness(*b))?;
    let last = hay.len().checked_sub(needle.len())?;
    let search = hay.get(at..=last + at)?;
    memchr_iter(byte, search).find(|start| hay.get(*start..*start + needle.len()) == Some(needle))
}

/// Is the needle in the hay?
pub(crate) fn has(hay: &[u8], needle: &[u8]) -> bool {
    find(hay, needle).is_some()
}

/// How often a byte stands in a log line, roughly.
fn commonness(b: u8) -> u8 {
    match b {
        b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b's' | b'r' | b'n' | b'0' | b'1' | b'2' | b'.' => 9,
        b'"' | b':' | b'=' | b'-' | b'/' | b'3'..=b'9' => 7,
        b'a'..=b'z' | b'_' | b',' => 5,
        b'A'..=b'Z' => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there() {
        assert_eq!(find(b"IN=eth0 SRC=1 DST=2", b" DST="), Some(13));
        assert_eq!(find(b"SRC=", b"SRC="), Some(0));
        assert_eq!(find(b"SRC", b"SRC="), None);
        assert_eq!(find(b"", b"x"), None);
        assert_eq!(find(b"x", b""), None);
        assert_eq!(find(b"aab", b"ab"), Some(1));
        assert!(!has(b"abc", b"cd"));
    }
}
