//! The token filter: what a row group surely does not hold, so that a needle touches few groups.
//!
//! Two parts per row group. A split-block Bloom filter over whole values (addresses, their networks, users,
//! hashes, names); and a bitmap of trigrams over the raw line, all text columns and vendor fields, for substrings.
//! Both fold case as the predicates do. Invariant: `may_hold` errs only towards reading: a row that satisfies a
//! predicate is never in a group that its `Need` excludes. The hash below is part of the file format.

use std::net::IpAddr;

use hashbrown::HashSet;

use crate::text;

/// Bits of the whole trigram space: three letters of six bits.
const TRIGRAM_BITS: usize = 1 << 18;
/// Smallest trigram bitmap, bits.
const TRIGRAM_BITS_MIN: usize = 1 << 10;
/// Bits of the Bloom filter per value.
const BLOOM_BITS_PER_VALUE: usize = 12;
/// Bytes of a Bloom block.
pub const BLOCK_BYTES: usize = 32;
/// Most blocks of one row group's Bloom filter (256 KiB).
const BLOCKS_MAX: usize = 8_192;
/// Odd constants that set one bit in each of the eight words of a block (as Parquet's own filters do).
const SALT: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// What kind of value a token stands for; its number is part of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Tag {
    /// An address, in any column or whole in the raw line.
    Ip = 1,
    /// The first 24 bits of an IPv4 address in a column, or 64 of an IPv6 address.
    Net24 = 2,
    /// The first 16 bits of an IPv4 address in a column, or 48 of an IPv6 address.
    Net16 = 3,
    /// An account name.
    User = 4,
    /// A file hash.
    Hash = 5,
    /// A host or domain name.
    Host = 6,
    /// A rule, signature or event code.
    Code = 7,
}

/// FNV-1a, then mixed so that every bit counts.
fn hash(tag: Tag, bytes: &[u8]) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(tag as u8);
    for b in bytes {
        h = (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(h)
}

fn mix(mut h: u64) -> u64 {
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

/// Token of a text value, without regard to case.
pub fn text_token(tag: Tag, value: &str) -> u64 {
    if value.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        hash(tag, text::fold(value).as_bytes())
    } else {
        hash(tag, value.as_bytes())
    }
}

/// Token of an address.
pub fn ip_token(a: IpAddr) -> u64 {
    hash(Tag::Ip, &text::address_number(a).to_be_bytes())
}

/// Bits of the two networks that tokens are made of, counted in the mapped IPv6 form.
fn network_bits(a: IpAddr) -> [(Tag, u32); 2] {
    if a.is_ipv4() { [(Tag::Net24, 120), (Tag::Net16, 112)] } else { [(Tag::Net24, 64), (Tag::Net16, 48)] }
}

fn network_token(tag: Tag, n: u128, bits: u32) -> u64 {
    hash(tag, &(n >> (128 - bits)).to_be_bytes())
}

/// A token that every address of this span shares, if one is kept.
pub fn span_token(low: u128, high: u128) -> Option<u64> {
    if low == high {
        return Some(ip_token(text::number_address(low)));
    }
    network_bits(text::number_address(low)).into_iter().find_map(|(tag, bits)| {
        (text::number_address(low).is_ipv4() == text::number_address(high).is_ipv4()
            && low >> (128 - bits) == high >> (128 - bits))
            .then(|| network_token(tag, low, bits))
    })
}

/// Six bits for a byte; letters without regard to case.
const LETTERS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut b = 0;
    #[expect(clippy::indexing_slicing, reason = "const; b < 256")]
    while b < 256 {
        table[b] = match b as u8 {
            c @ b'a'..=b'z' => c - b'a',
            c @ b'A'..=b'Z' => c - b'A',
            c @ b'0'..=b'9' => c - b'0' + 26,
            b'.' => 36,
            b'-' => 37,
            b'_' => 38,
            b'/' => 39,
            b':' => 40,
            b' ' => 41,
            b'=' => 42,
            b'@' => 43,
            b'"' => 44,
            b',' => 45,
            b'\\' => 46,
            b'%' => 47,
            c if c < 0x80 => 48,
            c => 49 + c % 15,
        };
        b += 1;
    }
    table
};

fn letter(b: u8) -> usize {
    usize::from(LETTERS.get(usize::from(b)).copied().unwrap_or(0))
}

/// Trigrams that any text containing `piece` must have. Letters whose other case has other bytes are passed over.
pub fn trigrams(piece: &str) -> Vec<u32> {
    let stable = |c: char| c.is_ascii() || (c.to_lowercase().eq(c.to_uppercase()));
    let mut found = Vec::new();
    for run in piece.split(|c| !stable(c)) {
        for w in run.as_bytes().windows(3) {
            if let [a, b, c] = w {
                found.push((letter(*a) << 12 | letter(*b) << 6 | letter(*c)) as u32);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What a row must have to satisfy a predicate, as far as the filter can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing the filter knows.
    Anything,
    /// This value.
    Token(u64),
    /// These trigrams.
    Trigrams(Vec<u32>),
    /// Every one of these.
    All(Vec<Need>),
    /// One of these.
    Any(Vec<Need>),
}

impl Need {
    /// A piece of text.
    pub fn piece(text: &str) -> Self {
        let t = trigrams(text);
        if t.is_empty() { Self::Anything } else { Self::Trigrams(t) }
    }
    /// All of them, simplified.
    pub fn all(needs: impl IntoIterator<Item = Self>) -> Self {
        let mut all: Vec<_> = needs.into_iter().filter(|n| *n != Self::Anything).collect();
        if all.len() > 1 { Self::All(all) } else { all.pop().unwrap_or(Self::Anything) }
    }
    /// Any of them, simplified.
    pub fn any(needs: impl IntoIterator<Item = Self>) -> Self {
        let mut any: Vec<_> = needs.into_iter().collect();
        if any.contains(&Self::Anything) {
            return Self::Anything;
        }
        if any.len() > 1 { Self::Any(any) } else { any.pop().unwrap_or(Self::Anything) }
    }
    /// May a group with these answers hold such a row?
    pub fn may_hold(&self, filter: &mut impl Filter) -> bool {
        match self {
            Self::Anything => true,
            Self::Token(t) => filter.token(*t),
            Self::Trigrams(all) => all.iter().all(|t| filter.trigram(*t)),
            Self::All(all) => all.iter().all(|n| n.may_hold(filter)),
            Self::Any(any) => any.iter().any(|n| n.may_hold(filter)),
        }
    }
}

/// Answers about one row group.
pub trait Filter {
    fn token(&mut self, token: u64) -> bool;
    fn trigram(&mut self, trigram: u32) -> bool;
}

/// Collects one row group's filter.
pub struct FilterBuilder {
    tokens: HashSet<u64>,
    grams: Vec<u64>,
}

impl FilterBuilder {
    pub fn new() -> Self {
        Self { tokens: HashSet::new(), grams: vec![0; TRIGRAM_BITS / 64] }
    }
    /// A text value.
    pub fn text(&mut self, text: &[u8]) {
        let mut bytes = text.iter();
        let (Some(a), Some(b)) = (bytes.next(), bytes.next()) else { return };
        let mut code = letter(*a) << 6 | letter(*b);
        for c in bytes {
            code = (code << 6 | letter(*c)) & (TRIGRAM_BITS - 1);
            if let Some(word) = self.grams.get_mut(code >> 6) {
                *word |= 1 << (code & 63);
            }
        }
    }
    /// A whole value.
    pub fn value(&mut self, tag: Tag, value: &str) {
        self.tokens.insert(text_token(tag, value));
    }
    /// An address of a column.
    pub fn column_address(&mut self, a: IpAddr) {
        self.tokens.insert(ip_token(a));
        let n = text::address_number(a);
        for (tag, bits) in network_bits(a) {
            self.tokens.insert(network_token(tag, n, bits));
        }
    }
    /// Addresses of the raw line.
    pub fn raw_addresses(&mut self, raw: &[u8]) {
        text::addresses(raw, |a| {
            self.tokens.insert(ip_token(a));
        });
    }
    /// The finished filter; the builder is empty again.
    pub fn finish(&mut self) -> GroupFilter {
        let blocks = (self.tokens.len() * BLOOM_BITS_PER_VALUE).div_ceil(BLOCK_BYTES * 8).clamp(1, BLOCKS_MAX);
        let mut bloom = vec![0u8; blocks * BLOCK_BYTES];
        for token in self.tokens.drain() {
            let start = block_of(token, blocks) * BLOCK_BYTES;
            let Some(block) = bloom.get_mut(start..start + BLOCK_BYTES) else { continue };
            for (word, salt) in block.chunks_exact_mut(4).zip(SALT) {
                let bit = (token as u32).wrapping_mul(salt) >> 27;
                if let Some(byte) = word.get_mut(bit as usize / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
        let ones: usize = self.grams.iter().map(|w| w.count_ones() as usize).sum();
        let bits = (ones * 8).next_power_of_two().clamp(TRIGRAM_BITS_MIN, TRIGRAM_BITS);
        let mut grams = vec![0u8; bits / 8];
        for (i, word) in self.grams.iter_mut().enumerate() {
            let mut rest = std::mem::take(word);
            while rest != 0 {
                let code = i * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let bit = gram_bit(code as u32, bits);
                if let Some(byte) = grams.get_mut(bit / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
        GroupFilter { bloom, grams }
    }
}

fn block_of(token: u64, blocks: usize) -> usize {
    (((token >> 32) * blocks as u64) >> 32) as usize
}

/// Where a trigram stands in a bitmap of so many bits.
pub fn gram_bit(gram: u32, bits: usize) -> usize {
    if bits >= TRIGRAM_BITS { gram as usize } else { mix(u64::from(gram)) as usize & (bits - 1) }
}

/// One row group's filter, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFilter {
    pub bloom: Vec<u8>,
    pub grams: Vec<u8>,
}

/// Where the block of a token stands in a Bloom filter of so many bytes.
pub fn block_range(token: u64, bloom_bytes: usize) -> std::ops::Range<usize> {
    let start = block_of(token, (bloom_bytes / BLOCK_BYTES).max(1)) * BLOCK_BYTES;
    start..start + BLOCK_BYTES
}

/// Is the token in its block?
pub fn block_holds(token: u64, block: &[u8]) -> bool {
    block.chunks_exact(4).zip(SALT).all(|(word, salt)| {
        let bit = (token as u32).wrapping_mul(salt) >> 27;
        word.get(bit as usize / 8).is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
    })
}

impl Filter for &GroupFilter {
    fn token(&mut self, token: u64) -> bool {
        self.bloom.get(block_range(token, self.bloom.len())).is_none_or(|b| block_holds(token, b))
    }
    fn trigram(&mut self, trigram: u32) -> bool {
        let bit = gram_bit(trigram, self.grams.len() * 8);
        self.grams.get(bit / 8).is_none_or(|b| b & (1 << (bit % 8)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_and_pieces_are_told_apart() {
        let mut b = FilterBuilder::new();
        b.text("Failed password for root from 192.0.2.7 한글".as_bytes());
        b.raw_addresses(b"from 192.0.2.7");
        b.column_address("198.51.100.9".parse().unwrap());
        b.value(Tag::User, "Root");
        let f = b.finish();
        let may = |n: Need| n.may_hold(&mut &f);
        assert!(may(Need::piece("PASSWORD")));
        assert!(may(Need::piece("글")));
        assert!(!may(Need::piece("accepted")));
        assert!(may(Need::Token(text_token(Tag::User, "ROOT"))));
        assert!(!may(Need::Token(text_token(Tag::User, "admin"))));
        assert!(may(Need::Token(ip_token("192.0.2.7".parse().unwrap()))));
        assert!(!may(Need::Token(ip_token("192.0.2.8".parse().unwrap()))));
        let net = |s: &str, e: &str| {
            let n = |t: &str| text::address_number(t.parse().unwrap());
            span_token(n(s), n(e)).map(Need::Token)
        };
        assert!(may(net("198.51.100.0", "198.51.100.255").unwrap()));
        assert!(!may(net("203.0.113.0", "203.0.113.255").unwrap()));
        assert_eq!(net("0.0.0.0", "255.255.255.255"), None);
        assert_eq!(b.finish(), FilterBuilder::new().finish(), "the builder is empty again");
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found(values in prop::collection::vec("\\PC{0,40}", 1..60), cut in 0usize..20, len in 0usize..20) {
            let mut b = FilterBuilder::new();
            for v in &values { b.text(v.as_bytes()); b.value(Tag::Host, v); }
            let f = b.finish();
            for v in &values {
                let piece: String = v.chars().skip(cut).take(len).collect();
                prop_assert!(Need::piece(&piece).may_hold(&mut &f));
                prop_assert!(Need::piece(&text::fold(&piece)).may_hold(&mut &f));
                prop_assert!(Need::Token(text_token(Tag::Host, &text::fold(v))).may_hold(&mut &f));
            }
        }
    }
}
