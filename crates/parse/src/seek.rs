//! Looking for short words in lines.
//!
//! Invariant: no set-up cost per call, as every line is asked a dozen such questions before a format is found.

use memchr::memchr_iter;

/// A word to look for, with the byte of it that stands in log lines most rarely.
#[derive(Clone, Copy)]
pub(crate) struct Needle {
    bytes: &'static [u8],
    rare: usize,
}

impl Needle {
    pub(crate) const fn new(bytes: &'static [u8]) -> Self {
        let (mut rare, mut least, mut i) = (0, u8::MAX, 0);
        while i < bytes.len() {
            #[expect(clippy::indexing_slicing, reason = "const fn; i < len")]
            let common = commonness(bytes[i]);
            if common < least {
                (rare, least) = (i, common);
            }
            i += 1;
        }
        Self { bytes, rare }
    }

    /// Where it begins: its rarest byte is looked for, the rest compared.
    pub(crate) fn find(self, hay: &[u8]) -> Option<usize> {
        let byte = *self.bytes.get(self.rare)?;
        let last = hay.len().checked_sub(self.bytes.len())?;
        let search = hay.get(self.rare..=last + self.rare)?;
        memchr_iter(byte, search).find(|start| hay.get(*start..*start + self.bytes.len()) == Some(self.bytes))
    }

    /// Is it there?
    pub(crate) fn is_in(self, hay: &[u8]) -> bool {
        self.find(hay).is_some()
    }
}

/// How often a byte stands in a log line, roughly.
const fn commonness(b: u8) -> u8 {
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
        let find = |hay: &[u8], needle: &'static [u8]| Needle::new(needle).find(hay);
        assert_eq!(find(b"IN=eth0 SRC=1 DST=2", b" DST="), Some(13));
        assert_eq!(find(b"SRC=", b"SRC="), Some(0));
        assert_eq!(find(b"SRC", b"SRC="), None);
        assert_eq!(find(b"", b"x"), None);
        assert_eq!(find(b"x", b""), None);
        assert_eq!(find(b"aab", b"ab"), Some(1));
        assert!(!Needle::new(b"cd").is_in(b"abc"));
    }
}
