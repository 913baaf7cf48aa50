//! Where the quotes of a line stand, one bit a byte, found sixteen bytes at a time.
//!
//! Invariant: a bit of `quotes` is set if and only if the byte is a quote that no backslash escapes; a bit of
//! `slashes` if and only if it is a backslash.

/// Bytes that one word of bits covers.
pub(super) const WORD: usize = 64;

/// The bits of 64 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    pub quotes: u64,
    pub slashes: u64,
}

/// The bits of a line, in memory kept from line to line.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    words: Vec<Word>,
    /// The line holds `\u`.
    unicode: bool,
    ascii: bool,
}

impl Bits {
    /// Take a line in.
    pub fn read(&mut self, bytes: &[u8]) {
        self.words.clear();
        self.words.reserve(bytes.len() / WORD + 1);
        self.unicode = false;
        let (mut escaped, mut all) = (0, 0);
        let (chunks, rest) = bytes.as_chunks::<WORD>();
        for chunk in chunks {
            let (eights, _) = chunk.as_chunks::<8>();
            all |= eights.iter().fold(0, |all, eight| all | u64::from_le_bytes(*eight));
            self.words.push(word(chunk, &mut escaped, &mut self.unicode));
        }
        self.ascii = all & 0x8080_8080_8080_8080 == 0 && rest.is_ascii();
        let mut last = [b' '; WORD];
        if let Some(head) = last.get_mut(..rest.len()) {
            head.copy_from_slice(rest);
            self.words.push(word(&last, &mut escaped, &mut self.unicode));
        }
    }
    /// Does the line hold an escape of four digits?
    pub fn has_unicode(&self) -> bool {
        self.unicode
    }
    /// Does the line hold nothing but ASCII?
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }
    /// The quote that closes the string opened at `open`, and whether a backslash stands between them.
    #[inline]
    pub fn close(&self, open: usize) -> Option<(usize, bool)> {
        let from = open + 1;
        let mut at = from / WORD;
        let mut mask = u64::MAX << (from % WORD);
        let mut slashes = 0;
        loop {
            let word = self.words.get(at)?;
            let quotes = word.quotes & mask;
            if quotes != 0 {
                let bit = quotes.trailing_zeros();
                slashes |= word.slashes & mask & ((1u64 << bit) - 1);
                return Some((at * WORD + bit as usize, slashes != 0));
            }
            slashes |= word.slashes & mask;
            mask = u64::MAX;
            at += 1;
        }
    }
}

#[inline]
fn word(chunk: &[u8; WORD], escaped: &mut u64, unicode: &mut bool) -> Word {
    let (quotes, slashes) = (find(chunk, b'"'), find(chunk, b'\\'));
    if slashes == 0 {
        // Only the first byte can be escaped, by the last backslash of the word before.
        let first = std::mem::take(escaped);
        *unicode |= first == 1 && chunk.first() == Some(&b'u');
        return Word { quotes: quotes & !first, slashes };
    }
    let behind = after_odd_run(slashes, escaped);
    *unicode = *unicode || find(chunk, b'u') & behind != 0;
    Word { quotes: quotes & !behind, slashes }
}

/// The bytes that stand behind a run of backslashes of odd length; `escaped` carries from word to word.
#[inline]
fn after_odd_run(slashes: u64, escaped: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let slashes = slashes & !*escaped;
    let follows = slashes << 1 | *escaped;
    let odd_starts = slashes & !EVEN & !follows;
    let (even_ends, overflow) = odd_starts.overflowing_add(slashes);
    *escaped = u64::from(overflow);
    (EVEN ^ (even_ends << 1)) & follows
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "four times faster than words of eight bytes, on the path of every event")]
fn find(chunk: &[u8; WORD], byte: u8) -> u64 {
    // SAFETY: every x86-64 processor has SSE2, which is all that `find_sse2` asks for; it takes no pointer.
    unsafe { find_sse2(chunk, byte) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn find_sse2(chunk: &[u8; WORD], byte: u8) -> u64 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let (wanted, mut bits) = (_mm_set1_epi8(byte as i8), 0u64);
    let (parts, _) = chunk.as_chunks::<16>();
    for (n, part) in parts.iter().enumerate() {
        let all = u128::from_le_bytes(*part);
        let bytes: __m128i = _mm_set_epi64x((all >> 64) as i64, all as i64);
        bits |= u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) as u16) << (n * 16);
    }
    bits
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn find(chunk: &[u8; WORD], byte: u8) -> u64 {
    chunk.iter().enumerate().fold(0, |bits, (n, b)| bits | u64::from(*b == byte) << n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_found_as_one_byte_after_the_other_would() {
        let mut seed = 7u64;
        let mut bits = Bits::default();
        for len in 0..400 {
            let line: Vec<u8> = (0..len)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    b"\\\\\\\"\"au"[(seed >> 33) as usize % 7]
                })
                .collect();
            bits.read(&line);
            let (mut skip, mut unicode) = (false, false);
            for (at, byte) in line.iter().enumerate() {
                let quote = *byte == b'"' && !skip;
                unicode |= *byte == b'u' && skip;
                skip = *byte == b'\\' && !skip;
                let word = bits.words[at / WORD];
                assert_eq!(word.quotes >> (at % WORD) & 1 == 1, quote, "{at} of {:?}", String::from_utf8_lossy(&line));
                assert_eq!(word.slashes >> (at % WORD) & 1 == 1, *byte == b'\\');
            }
            assert_eq!(bits.has_unicode(), unicode);
            assert!(bits.is_ascii());
            for at in [0, len / 2, len.max(1) - 1].into_iter().filter(|at| *at < len) {
                let mut line = line.clone();
                line[at] = 0x80;
                bits.read(&line);
                assert!(!bits.is_ascii());
            }
        }
    }
}
