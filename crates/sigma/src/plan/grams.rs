//! Literals that may stand anywhere in a text: a few bytes of each are looked for at every place at once.
//!
//! Of each literal one window of four bytes is put into a filter. At every place of a text the four bytes there are
//! looked up; only where the filter answers are literals compared. The places do not wait for one another, as the
//! steps of an automaton do, and the cost hardly depends on how many literals there are. If all literals are long,
//! several neighbouring windows of each stand in the filter, and only every second to eighth place is looked at.
//!
//! The filter knows no case, and of each literal windows are preferred that JSON never writes with a backslash: so
//! `may_hold` can ask it of a long text as the line has it, before anything is copied.
//!
//! Invariant: `scan` reports exactly the literals that the folded text holds, some perhaps several times; `may_hold` is
//! true of every ASCII text that holds one when folded.

use hashbrown::HashMap;
use memchr::memmem::Finder;

/// A literal's number.
pub(super) type Id = u32;

const GRAM: usize = 4;
/// Places looked at before the first branch.
const BATCH: usize = 8;
/// Up to so many windows have a byte each in a table of 16 KiB, which takes half the steps that bits take.
const BYTES_MAX: usize = 256;
/// Bits for each window; more make fewer false alarms and a larger filter.
const BITS_PER_WINDOW: usize = 64;
const COUNTS: usize = 1 << 16;
/// Most short literals that are sought one by one.
const SOUGHT_MAX: usize = 8;

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
    /// Few short literals are sought one by one, which takes fewer steps than a look at every pair.
    sought: Vec<(Finder<'static>, Id)>,
    /// Literals of no length stand in every text.
    empty: Vec<Id>,
    /// No window holds what JSON may write with a backslash.
    plain: bool,
}

/// Windows of literals of four bytes and more.
#[derive(Debug, Default)]
struct Windows {
    filter: Filter,
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

/// Which windows any literal has, with false alarms.
#[derive(Debug, Default)]
enum Filter {
    /// None has any.
    #[default]
    Empty,
    Bytes(Bytes),
    Small(Bits<{ 1 << 9 }>),
    Middle(Bits<{ 1 << 12 }>),
    Large(Bits<{ 1 << 15 }>),
    Huge(Bits<{ 1 << 17 }>),
}

/// One byte for each window.
#[derive(Debug)]
struct Bytes(Box<[u8; 1 << 14]>);

/// One bit for each window, in so many words.
#[derive(Debug)]
struct Bits<const WORDS: usize>(Box<[u64; WORDS]>);

/// The last bit of the answer says whether any literal has this window, with false alarms; the others say nothing.
trait Probe {
    fn probe(&self, gram: u32) -> u64;
}

impl Probe for Bytes {
    #[inline]
    fn probe(&self, gram: u32) -> u64 {
        self.0.get((mix(gram) >> (32 - 14)) as usize).copied().map_or(0, u64::from)
    }
}

impl<const WORDS: usize> Probe for Bits<WORDS> {
    #[inline]
    fn probe(&self, gram: u32) -> u64 {
        let bit = mix(gram) >> (32 - 6 - WORDS.trailing_zeros());
        self.0.get(bit as usize / 64).map_or(0, |word| word.wrapping_shr(bit))
    }
}

impl Bytes {
    fn new(grams: impl Iterator<Item = u32>) -> Self {
        let mut this = Self(Box::new([0; 1 << 14]));
        for gram in grams {
            if let Some(byte) = this.0.get_mut((mix(gram) >> (32 - 14)) as usize) {
                *byte = 1;
            }
        }
        this
    }
}

impl<const WORDS: usize> Bits<WORDS> {
    fn new(grams: impl Iterator<Item = u32>) -> Option<Self> {
        let mut this = Self(vec![0; WORDS].into_boxed_slice().try_into().ok()?);
        for gram in grams {
            let bit = mix(gram) >> (32 - 6 - WORDS.trailing_zeros());
            if let Some(word) = this.0.get_mut(bit as usize / 64) {
                *word |= 1 << (bit % 64);
            }
        }
        Some(this)
    }
}

impl Filter {
    fn new(count: usize, grams: impl Iterator<Item = u32>) -> Self {
        let made = if count <= BYTES_MAX {
            Some(Self::Bytes(Bytes::new(grams)))
        } else {
            match count * BITS_PER_WINDOW / 64 {
                0..=0x200 => Bits::new(grams).map(Self::Small),
                0x201..=0x1000 => Bits::new(grams).map(Self::Middle),
                0x1001..=0x8000 => Bits::new(grams).map(Self::Large),
                _ => Bits::new(grams).map(Self::Huge),
            }
        };
        made.unwrap_or_default()
    }
}

#[inline]
fn mix(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1)
}

/// So many bytes hold a whole batch of windows.
const fn reach(stride: usize) -> usize {
    (BATCH - 1) * stride + GRAM
}

/// Four bytes without case: what differs from a letter by case alone, and a little more, is one.
#[inline]
fn gram_at(text: &[u8], at: usize) -> Option<u32> {
    text.get(at..)?.first_chunk::<GRAM>().map(|g| u32::from_le_bytes(*g) | 0x2020_2020)
}

/// The same of two bytes.
#[inline]
fn pair_at(text: &[u8], at: usize) -> Option<u16> {
    text.get(at..)?.first_chunk::<2>().map(|g| u16::from_le_bytes(*g) | 0x2020)
}

/// Does JSON always write these bytes as they are?
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| !matches!(b, 0..0x20 | b'"' | b'\\' | b'/' | 0x7f..))
}

impl Grams {
    /// `None` where there is nothing to look for.
    pub fn new(literals: &[(impl AsRef<[u8]>, Id)], common: &Commonness) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        let mut this = Self::default();
        for (text, id) in literals {
            match text.as_ref() {
                [] => this.empty.push(*id),
                [byte] => this.single.push((*byte, *id)),
                text => this.literals.push(Literal { text: text.into(), id: *id }),
            }
        }
        let (long, plain) = Windows::new(&this.literals, common);
        let (short, plain_too) = Pairs::new(&this.literals);
        this.plain = plain && plain_too;
        let short_ones = || this.literals.iter().filter(|l| l.text.len() < GRAM);
        if short_ones().count() <= SOUGHT_MAX {
            this.sought = short_ones().map(|l| (Finder::new(&l.text).into_owned(), l.id)).collect();
        }
        this.long = long;
        this.short = short;
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
        if !self.long.is_empty() {
            self.long.scan(text, &mut |at, candidate| self.check(text, at, candidate, &mut found));
        }
        for (finder, id) in &self.sought {
            if finder.find(text).is_some() {
                found(*id);
            }
        }
        if self.sought.is_empty() && !self.short.bits.is_empty() {
            self.short.scan(text, &mut |at, candidate| self.check(text, at, candidate, &mut found));
        }
    }
    /// May an ASCII text hold any of the literals? `escaped`: it is as JSON writes it, without `\u`.
    pub fn may_hold(&self, text: &[u8], escaped: bool) -> bool {
        if !self.empty.is_empty() || !self.single.is_empty() || (escaped && !self.plain) {
            return true;
        }
        let mut may = false;
        if !self.long.is_empty() {
            self.long.scan(text, &mut |at, candidate| may = may || self.fits(text, at, candidate, GRAM));
        }
        if !may && !self.short.bits.is_empty() {
            self.short.scan(text, &mut |at, candidate| may = may || self.fits(text, at, candidate, 2));
        }
        may
    }
    /// Does the literal stand there without regard to case, as far as JSON writes it as it is around the window?
    fn fits(&self, text: &[u8], at: usize, candidate: Candidate, width: usize) -> bool {
        let Some(literal) = self.literals.get(candidate.literal as usize) else { return true };
        let offset = candidate.offset as usize;
        let (front, rest) = literal.text.split_at_checked(offset).unwrap_or((&literal.text, &[]));
        let (before, after) = text.split_at_checked(at).unwrap_or((text, &[]));
        let behind = rest.get(width..).unwrap_or_default();
        let after = after.get(width..).unwrap_or_default();
        let run = |l: &mut dyn Iterator<Item = (&u8, Option<&u8>)>| {
            l.take_while(|(l, _)| is_plain(&[**l])).all(|(l, t)| t.is_some_and(|t| t.eq_ignore_ascii_case(l)))
        };
        let mut texts = before.iter().rev().map(Some).chain(std::iter::repeat(None));
        let left = run(&mut front.iter().rev().map(|l| (l, texts.next().flatten())));
        let mut texts = after.iter().map(Some).chain(std::iter::repeat(None));
        left && run(&mut behind.iter().map(|l| (l, texts.next().flatten())))
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

/// How common four bytes are: what stands in many literals of all rules stands in many texts, and the rarest windows
/// make the fewest false alarms.
#[derive(Debug)]
pub(super) struct Commonness(Vec<u16>);

impl Commonness {
    /// Of all literals.
    pub fn of_all<'l>(literals: impl Iterator<Item = &'l str>) -> Self {
        let mut this = Self(vec![0; COUNTS]);
        for literal in literals {
            for gram in literal.as_bytes().windows(GRAM).filter_map(|w| gram_at(w, 0)) {
                if let Some(count) = this.0.get_mut(Self::place(gram)) {
                    *count = count.saturating_add(1);
                }
            }
        }
        this
    }
    fn place(gram: u32) -> usize {
        (mix(gram) >> 16) as usize % COUNTS
    }
    fn of(&self, gram: u32) -> u16 {
        self.0.get(Self::place(gram)).copied().unwrap_or(0)
    }
}

impl Windows {
    /// The windows, and whether JSON writes all of them as they are.
    fn new(literals: &[Literal], common: &Commonness) -> (Self, bool) {
        let long = || (0u32..).zip(literals).filter(|(_, l)| l.text.len() >= GRAM);
        let Some(shortest) = long().map(|(_, l)| l.text.len()).min() else { return (Self::default(), true) };
        let stride = match shortest - GRAM + 1 {
            0 | 1 => 1,
            2 | 3 => 2,
            4 | 5 => 4,
            6 | 7 => 6,
            _ => 8,
        };
        let width = GRAM + stride - 1;
        let mut counts: Vec<u32> = Vec::new();
        let mut all_plain = true;
        let mut windows: Vec<(u32, Candidate)> = Vec::new();
        for (literal, l) in long() {
            let last = l.text.len() - width;
            let plain = |at: usize| l.text.get(at..at + width).is_some_and(is_plain);
            counts.clear();
            counts.extend(l.text.windows(GRAM).filter_map(|w| gram_at(w, 0)).map(|g| u32::from(common.of(g))));
            let cost = |at: usize| counts.get(at..at + stride).unwrap_or_default().iter().sum::<u32>();
            let start = (0..=last).min_by_key(|at| (!plain(*at), cost(*at), last - at)).unwrap_or(0);
            all_plain &= plain(start);
            for offset in start..start + stride {
                let Some(gram) = gram_at(&l.text, offset) else { continue };
                windows.push((gram, Candidate { literal, offset: u32::try_from(offset).unwrap_or(u32::MAX) }));
            }
        }
        windows.sort_unstable_by_key(|(gram, c)| (*gram, c.literal, c.offset));
        (Self::build(&windows, stride), all_plain)
    }
    fn build(windows: &[(u32, Candidate)], stride: usize) -> Self {
        let filter = Filter::new(windows.len(), windows.iter().map(|(gram, _)| *gram));
        let mut this = Self { filter, stride, ..Self::default() };
        for group in windows.chunk_by(|a, b| a.0 == b.0) {
            let start = u32::try_from(this.candidates.len()).unwrap_or(u32::MAX);
            this.candidates.extend(group.iter().map(|(_, c)| *c));
            let end = u32::try_from(this.candidates.len()).unwrap_or(u32::MAX);
            if let Some((gram, _)) = group.first() {
                this.places.insert(*gram, (start, end));
            }
        }
        this
    }
    fn is_empty(&self) -> bool {
        matches!(self.filter, Filter::Empty)
    }
    fn scan(&self, text: &[u8], found: &mut dyn FnMut(usize, Candidate)) {
        match &self.filter {
            Filter::Empty => {}
            Filter::Bytes(filter) => self.scan_with(filter, text, found),
            Filter::Small(filter) => self.scan_with(filter, text, found),
            Filter::Middle(filter) => self.scan_with(filter, text, found),
            Filter::Large(filter) => self.scan_with(filter, text, found),
            Filter::Huge(filter) => self.scan_with(filter, text, found),
        }
    }
    fn scan_with(&self, filter: &impl Probe, text: &[u8], found: &mut dyn FnMut(usize, Candidate)) {
        match self.stride {
            1 => self.scan_by::<1, { reach(1) }>(filter, text, found),
            2 => self.scan_by::<2, { reach(2) }>(filter, text, found),
            4 => self.scan_by::<4, { reach(4) }>(filter, text, found),
            6 => self.scan_by::<6, { reach(6) }>(filter, text, found),
            _ => self.scan_by::<8, { reach(8) }>(filter, text, found),
        }
    }
    #[inline]
    fn scan_by<const STRIDE: usize, const REACH: usize>(
        &self,
        filter: &impl Probe,
        text: &[u8],
        found: &mut dyn FnMut(usize, Candidate),
    ) {
        let mut at = 0;
        while let Some(part) = text.get(at..).and_then(|t| t.first_chunk::<REACH>()) {
            let mut any = 0;
            for n in 0..BATCH {
                any |= gram_at(part, n * STRIDE).map_or(0, |g| filter.probe(g));
            }
            if any & 1 != 0 {
                for n in 0..BATCH {
                    self.look(filter, text, at + n * STRIDE, found);
                }
            }
            at += BATCH * STRIDE;
        }
        while at + GRAM <= text.len() {
            self.look(filter, text, at, found);
            at += STRIDE;
        }
    }
    #[inline]
    fn look(&self, filter: &impl Probe, text: &[u8], at: usize, found: &mut dyn FnMut(usize, Candidate)) {
        let Some(gram) = gram_at(text, at) else { return };
        if filter.probe(gram) & 1 == 0 {
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
    /// The windows, and whether JSON writes all of them as they are.
    fn new(literals: &[Literal]) -> (Self, bool) {
        let mut windows: Vec<(u16, Candidate)> = Vec::new();
        let mut all_plain = true;
        for (literal, l) in (0u32..).zip(literals).filter(|(_, l)| l.text.len() < GRAM) {
            // Of three bytes the last two: values are full of what begins with a blank or a backslash.
            let last = l.text.len() - 2;
            let plain = |at: usize| l.text.get(at..at + 2).is_some_and(is_plain);
            let at = (0..=last).min_by_key(|at| (!plain(*at), last - at)).unwrap_or(0);
            all_plain &= plain(at);
            let Some(pair) = pair_at(&l.text, at) else { continue };
            windows.push((pair, Candidate { literal, offset: u32::try_from(at).unwrap_or(0) }));
        }
        if windows.is_empty() {
            return (Self::default(), true);
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
        (this, all_plain)
    }
    #[inline]
    fn probe(&self, pair: u16) -> u64 {
        self.bits.get(usize::from(pair) / 64).map_or(0, |word| word >> (pair % 64) & 1)
    }
    /// Does any place of these few bytes answer?
    #[inline]
    fn batch(&self, part: &[u8; BATCH + 1]) -> bool {
        let mut any = 0;
        for n in 0..BATCH {
            any |= pair_at(part, n).map_or(0, |p| self.probe(p));
        }
        any != 0
    }
    #[inline]
    fn scan(&self, text: &[u8], found: &mut impl FnMut(usize, Candidate)) {
        let mut at = 0;
        while let Some(part) = text.get(at..).and_then(|t| t.first_chunk::<{ BATCH + 1 }>()) {
            if self.batch(part) {
                for n in 0..BATCH {
                    self.look(text, at + n, found);
                }
            }
            at += BATCH;
        }
        while at + 2 <= text.len() {
            self.look(text, at, found);
            at += 1;
        }
    }
    #[inline]
    fn look(&self, text: &[u8], at: usize, found: &mut impl FnMut(usize, Candidate)) {
        let Some(pair) = pair_at(text, at) else { return };
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
        let literals: Vec<(&str, u32)> = list.iter().copied().zip(0u32..).collect();
        let mut found = Vec::new();
        let common = Commonness::of_all(list.iter().copied());
        Grams::new(&literals, &common).unwrap().scan(text.as_bytes(), |id| found.push(id));
        found.sort_unstable();
        found.dedup();
        let meant: Vec<u32> = (0u32..).zip(list).filter(|(_, l)| text.contains(**l)).map(|(n, _)| n).collect();
        assert_eq!(found, meant, "{list:?} in {text}");
        let grams = Grams::new(&literals, &common).unwrap();
        if text.is_ascii() && !meant.is_empty() {
            assert!(grams.may_hold(text.to_ascii_uppercase().as_bytes(), false), "{list:?} in {text}");
            let written = serde_json::to_string(text).unwrap();
            assert!(grams.may_hold(written.as_bytes(), true), "{list:?} in {written}");
        }
    }

    #[test]
    fn literals_are_found_wherever_they_stand() {
        let lists: [&[&str]; 8] = [
            &["", "a", "ab", "abc", "bcd", " -e"],
            &["abcd", "bcde", "abcdefgh", "cd", "b"],
            &["abcdefg", "bcdefgh", "gabcdefga"],
            &["abcde", "efgab"],
            &["abcdefgab", "bcdefgabcd"],
            &["abcdefgabcd", "bcdefgabcdefg"],
            &["가나", "나다라", "abcdefgabc"],
            &["\\ab", "a/b", "a\\bcde", "\"x"],
        ];
        let base = "abcdefghabcdefgabcdefgabcde -enc 가나다라 xabcdefgabcdefg a/b \\abc a\\bcde\"x";
        for list in lists {
            for start in (0..base.len()).filter(|n| base.is_char_boundary(*n)) {
                for end in (start..=base.len()).filter(|n| base.is_char_boundary(*n)) {
                    agree(list, &base[start..end]);
                }
            }
        }
        assert!(Grams::new(&Vec::<(&str, u32)>::new(), &Commonness::of_all([].into_iter())).is_none());
    }
}
