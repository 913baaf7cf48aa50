//! Literals that may stand anywhere in a text: a few bytes of each are looked for at every place at once.
//!
//! Of each literal one window of four bytes is put into a bitmap. At every place of a text the four bytes there are
//! looked up; only where the bitmap answers are literals compared. The places do not wait for one another, as the
//! steps of an automaton do, and the cost hardly depends on how many literals there are. If all literals are long,
//! several neighbouring windows of each stand in the bitmap, and only every second or fourth place is looked at.
//!
//! Invariant: `scan` reports exactly the literals that the text holds, some perhaps several times.

use hashbrown::HashMap;

/// A literal's number.
pub(super) type Id = u32;

const GRAM: usize = 4;
/// Places looked at before the first branch.
const BATCH: usize = 8;
/// Bits for each window; more make fewer false alarms and a larger bitmap.
const BITS_PER_WINDOW: usize = 32;
const BITS_MIN: usize = 1 << 12;
const BITS_MAX: usize = 1 << 23;
const COUNTS: usize = 1 << 12;

#[derive(Clone, Copy, Debug)]
struct Candidate {
    literal: u32,
    /// Where the window stands in the literal.
    offset: u32,
}

#[derive(Debug)]
struct Literal {
    text: Box<[u8]>,
    id: Id,
}

/// The literals.
#[derive(Debug, Default)]
pub(super) struct Grams {
    literals: Vec<Literal>,
    long: Windows,
    short: Pairs,
    single: Vec<(u8, Id)>,
    /// Literals of no length stand in every text.
    empty: Vec<Id>,
}

/// Windows of literals of four bytes and more.
#[derive(Debug, Default)]
struct Windows {
    bits: Vec<u64>,
    shift: u32,
    stride: usize,
    places: HashMap<u32, (u32, u32)>,
    candidates: Vec<Candidate>,
}

/// Windows of two bytes of literals of two and three.
#[derive(Debug, Default)]
struct Pairs {
    bits: Vec<u64>,
    places: HashMap<u16, (u32, u32)>,
    candidates: Vec<Candidate>,
}

#[inline]
fn mix(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1)
}

fn gram_at(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..)?.first_chunk::<GRAM>().map(|g| u32::from_le_bytes(*g))
}

impl Grams {
    /// `None` where there is nothing to look for.
    pub fn new(literals: Vec<(Vec<u8>, Id)>) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        let mut this = Self::default();
        for (text, id) in literals {
            match *text.as_slice() {
                [] => this.empty.push(id),
                [byte] => this.single.push((byte, id)),
                _ => this.literals.push(Literal { text: text.into(), id }),
            }
        }
        this.long = Windows::new(&this.literals);
        this.short = Pairs::new(&this.literals);
        Some(this)
    }
    /// Report the literals that the text holds.
    #[inline]
    pub fn scan(&self, text: &[u8], mut found: impl FnMut(Id)) {
        for id in &self.empty {
            found(*id);
        }
        for (byte, id) in &self.single {
            if memchr::memchr(*byte, text).is_some() {
                found(*id);
            }
        }
        if !self.long.bits.is_empty() {
            self.long.scan(text, &mut |at, candidate| self.check(text, at, candidate, &mut found));
        }
        if !self.short.bits.is_empty() {
            self.short.scan(text, &mut |at, candidate| self.check(text, at, candidate, &mut found));
        }
    }
    #[inline]
    fn check(&self, text: &[u8], at: usize, candidate: Candidate, found: &mut impl FnMut(Id)) {
        let Some(literal) = self.literals.get(candidate.literal as usize) else { return };
        let start = at.checked_sub(candidate.offset as usize);
        if start.and_then(|s| text.get(s..)).is_some_and(|rest| rest.starts_with(&literal.text)) {
            found(literal.id);
        }
    }
}

impl Windows {
    fn new(literals: &[Literal]) -> Self {
        let long = || (0u32..).zip(literals).filter(|(_, l)| l.text.len() >= GRAM);
        let Some(shortest) = long().map(|(_, l)| l.text.len()).min() else { return Self::default() };
        let stride = match shortest - GRAM + 1 {
            0 | 1 => 1,
            2 | 3 => 2,
            _ => 4,
        };
        // What stands in many literals stands in many texts: the rarest windows make the fewest false alarms.
        let mut counts = vec![0u32; COUNTS];
        let slot = |gram: u32| (mix(gram) >> 20) as usize % COUNTS;
        for (_, literal) in long() {
            for gram in literal.text.windows(GRAM).filter_map(|w| gram_at(w, 0)) {
                if let Some(count) = counts.get_mut(slot(gram)) {
                    *count += 1;
                }
            }
        }
        let cost = |text: &[u8], at: usize| -> u64 {
            let of = |n: usize| gram_at(text, at + n).and_then(|g| counts.get(slot(g))).copied().unwrap_or(0);
            (0..stride).map(|n| u64::from(of(n))).sum()
        };
        let mut windows: Vec<(u32, Candidate)> = Vec::new();
        for (literal, l) in long() {
            let last = l.text.len() - GRAM - (stride - 1);
            let start = (0..=last).min_by_key(|at| (cost(&l.text, *at), last - at)).unwrap_or(0);
            for offset in start..start + stride {
                let Some(gram) = gram_at(&l.text, offset) else { continue };
                windows.push((gram, Candidate { literal, offset: u32::try_from(offset).unwrap_or(u32::MAX) }));
            }
        }
        windows.sort_unstable_by_key(|(gram, c)| (*gram, c.literal, c.offset));
        Self::build(&windows, stride)
    }
    fn build(windows: &[(u32, Candidate)], stride: usize) -> Self {
        let size = (windows.len() * BITS_PER_WINDOW).next_power_of_two().clamp(BITS_MIN, BITS_MAX);
        let shift = 32 - size.trailing_zeros();
        let mut this = Self { bits: vec![0; size / 64], shift, stride, ..Self::default() };
        for group in windows.chunk_by(|a, b| a.0 == b.0) {
            let start = u32::try_from(this.candidates.len()).unwrap_or(u32::MAX);
            this.candidates.extend(group.iter().map(|(_, c)| *c));
            let end = u32::try_from(this.candidates.len()).unwrap_or(u32::MAX);
            let Some((gram, _)) = group.first() else { continue };
            this.places.insert(*gram, (start, end));
            let bit = mix(*gram) >> shift;
            if let Some(word) = this.bits.get_mut(bit as usize / 64) {
                *word |= 1 << (bit % 64);
            }
        }
        this
    }
    #[inline]
    fn probe(&self, gram: u32) -> u64 {
        let bit = mix(gram) >> self.shift;
        self.bits.get(bit as usize / 64).map_or(0, |word| word >> (bit % 64) & 1)
    }
    #[inline]
    fn scan(&self, text: &[u8], found: &mut impl FnMut(usize, Candidate)) {
        match self.stride {
            1 => self.scan_by::<1>(text, found),
            2 => self.scan_by::<2>(text, found),
            _ => self.scan_by::<4>(text, found),
        }
    }
    #[inline]
    fn scan_by<const STRIDE: usize>(&self, text: &[u8], found: &mut impl FnMut(usize, Candidate)) {
        let mut at = 0;
        // So many bytes hold a whole batch of windows.
        let reach = (BATCH - 1) * STRIDE + GRAM;
        while let Some(part) = text.get(at..at + reach) {
            let mut any = 0;
            for n in 0..BATCH {
                any |= gram_at(part, n * STRIDE).map_or(0, |g| self.probe(g));
            }
            if any != 0 {
                for n in 0..BATCH {
                    self.look(text, at + n * STRIDE, found);
                }
            }
            at += BATCH * STRIDE;
        }
        while at + GRAM <= text.len() {
            self.look(text, at, found);
            at += STRIDE;
        }
    }
    #[inline]
    fn look(&self, text: &[u8], at: usize, found: &mut impl FnMut(usize, Candidate)) {
        let Some(gram) = gram_at(text, at) else { return };
        if self.probe(gram) == 0 {
            return;
        }
        if let Some((start, end)) = self.places.get(&gram) {
            for candidate in self.candidates.get(*start as usize..*end as usize).unwrap_or_default() {
                found(at, *candidate);
            }
        }
    }
}

impl Pairs {
    fn new(literals: &[Literal]) -> Self {
        let mut windows: Vec<(u16, Candidate)> = Vec::new();
        for (literal, l) in (0u32..).zip(literals) {
            // Of three bytes the last two: values are full of what begins with a blank or a backslash.
            if let [.., a, b] = *l.text
                && l.text.len() < GRAM
            {
                let offset = u32::try_from(l.text.len() - 2).unwrap_or(0);
                windows.push((u16::from_le_bytes([a, b]), Candidate { literal, offset }));
            }
        }
        if windows.is_empty() {
            return Self::default();
        }
        windows.sort_unstable_by_key(|(pair, c)| (*pair, c.literal));
        let mut this = Self { bits: vec![0; 1024], ..Self::default() };
        for group in windows.chunk_by(|a, b| a.0 == b.0) {
            let start = u32::try_from(this.candidates.len()).unwrap_or(u32::MAX);
            this.candidates.extend(group.iter().map(|(_, c)| *c));
            let end = u32::try_from(this.candidates.len()).unwrap_or(u32::MAX);
            let Some((pair, _)) = group.first() else { continue };
            this.places.insert(*pair, (start, end));
            if let Some(word) = this.bits.get_mut(usize::from(*pair) / 64) {
                *word |= 1 << (pair % 64);
            }
        }
        this
    }
    #[inline]
    fn probe(&self, pair: u16) -> u64 {
        self.bits.get(usize::from(pair) / 64).map_or(0, |word| word >> (pair % 64) & 1)
    }
    #[inline]
    fn scan(&self, text: &[u8], found: &mut impl FnMut(usize, Candidate)) {
        let pair_at = |part: &[u8], at: usize| match part.get(at..at + 2) {
            Some(&[a, b]) => u16::from_le_bytes([a, b]),
            _ => 0,
        };
        let mut at = 0;
        while let Some(part) = text.get(at..at + BATCH + 1) {
            let mut any = 0;
            for n in 0..BATCH {
                any |= self.probe(pair_at(part, n));
            }
            if any != 0 {
                for n in 0..BATCH {
                    self.look(pair_at(part, n), at + n, found);
                }
            }
            at += BATCH;
        }
        while at + 2 <= text.len() {
            self.look(pair_at(text, at), at, found);
            at += 1;
        }
    }
    #[inline]
    fn look(&self, pair: u16, at: usize, found: &mut impl FnMut(usize, Candidate)) {
        if self.probe(pair) == 0 {
            return;
        }
        if let Some((start, end)) = self.places.get(&pair) {
            for candidate in self.candidates.get(*start as usize..*end as usize).unwrap_or_default() {
                found(at, *candidate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(list: &[&str], text: &str) {
        let literals = list.iter().zip(0u32..).map(|(l, n)| (l.as_bytes().to_vec(), n)).collect();
        let mut found = Vec::new();
        Grams::new(literals).unwrap().scan(text.as_bytes(), |id| found.push(id));
        found.sort_unstable();
        found.dedup();
        let meant: Vec<u32> = (0u32..).zip(list).filter(|(_, l)| text.contains(**l)).map(|(n, _)| n).collect();
        assert_eq!(found, meant, "{list:?} in {text}");
    }

    #[test]
    fn literals_are_found_wherever_they_stand() {
        let lists: [&[&str]; 5] = [
            &["", "a", "ab", "abc", "bcd", " -e"],
            &["abcd", "bcde", "abcdefgh", "cd", "b"],
            &["abcdefg", "bcdefgh", "gabcdefga"],
            &["abcde", "efgab"],
            &["가나", "나다라", "abcdefgabc"],
        ];
        let base = "abcdefghabcdefgabcdefgabcde -enc 가나다라 xabcdefgabcdefg";
        for list in lists {
            for start in (0..base.len()).filter(|n| base.is_char_boundary(*n)) {
                for end in (start..=base.len()).filter(|n| base.is_char_boundary(*n)) {
                    agree(list, &base[start..end]);
                }
            }
        }
        assert!(Grams::new(Vec::new()).is_none());
    }
}
