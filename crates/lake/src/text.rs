//! Text of raw lines, and what is read out of it: the decoded line, the addresses in it, folding of case.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use bongsu_event::Encoding;

/// The line as text, and whether its UTF-8 is exactly the bytes.
pub fn decode(raw: &[u8], encoding: Encoding) -> (Cow<'_, str>, bool) {
    let table = match encoding {
        Encoding::Utf8 | Encoding::Unknown => {
            return match std::str::from_utf8(raw) {
                Ok(s) => (Cow::Borrowed(s), true),
                Err(_) => (String::from_utf8_lossy(raw), false),
            };
        }
        Encoding::Cp949 => encoding_rs::EUC_KR,
        Encoding::Utf16Le => encoding_rs::UTF_16LE,
        Encoding::Utf16Be => encoding_rs::UTF_16BE,
    };
    let (text, _) = table.decode_with_bom_removal(raw);
    let exact = text.as_bytes() == raw;
    (text, exact)
}

/// The value by which addresses compare: IPv4 as mapped IPv6.
pub fn address_number(a: IpAddr) -> u128 {
    match a {
        IpAddr::V4(a) => a.to_ipv6_mapped().to_bits(),
        IpAddr::V6(a) => a.to_bits(),
    }
}

/// The reverse of [`address_number`].
pub fn number_address(n: u128) -> IpAddr {
    Ipv6Addr::from_bits(n).to_canonical()
}

/// Call `found` for each address that stands whole in the text: not a piece of a longer number, name or address.
pub fn addresses(text: &[u8], mut found: impl FnMut(IpAddr)) {
    let mut i = 0;
    while i < text.len() {
        let rest = text.get(i..).unwrap_or_default();
        let Some(c) = rest.first() else { break };
        if c.is_ascii_digit() {
            let run = length(rest, |b| b.is_ascii_digit() || b == b'.');
            if let Some(a) = rest.get(..run).and_then(v4) {
                found(IpAddr::V4(a));
                i += run;
                continue;
            }
            if rest.iter().take(run).any(|b| *b == b'.') {
                // A version, a decimal, five parts: no piece of it is an address.
                i += run;
                continue;
            }
        }
        if c.is_ascii_hexdigit() || *c == b':' {
            let run = length(rest, |b| b.is_ascii_hexdigit() || b == b':');
            if let Some(a) = rest.get(..run).and_then(v6) {
                found(IpAddr::V6(a).to_canonical());
                i += run;
                continue;
            }
            // A digit may start an address after letters and colons, as in `src:192.0.2.1`.
            let digits = length(rest, |b| b.is_ascii_digit()).max(1);
            i += digits;
            continue;
        }
        i += 1;
    }
}

fn length(text: &[u8], inside: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|b| !inside(*b)).unwrap_or(text.len())
}

fn v4(run: &[u8]) -> Option<Ipv4Addr> {
    let end = run.iter().rposition(|b| *b != b'.')? + 1;
    if !(7..=15).contains(&end) {
        return None;
    }
    Ipv4Addr::parse_ascii_stable(run.get(..end)?)
}

fn v6(run: &[u8]) -> Option<Ipv6Addr> {
    if run.len() < 3 || run.iter().filter(|b| **b == b':').count() < 2 {
        return None;
    }
    let text = std::str::from_utf8(run).ok()?;
    let text = if text.ends_with("::") { text } else { text.trim_end_matches(':') };
    let text = if text.starts_with("::") { text } else { text.trim_start_matches(':') };
    text.parse().ok()
}

/// `Ipv4Addr::parse_ascii` is not stable.
trait ParseAscii: Sized {
    fn parse_ascii_stable(text: &[u8]) -> Option<Self>;
}

impl ParseAscii for Ipv4Addr {
    fn parse_ascii_stable(text: &[u8]) -> Option<Self> {
        let mut octets = [0u8; 4];
        let mut parts = text.split(|b| *b == b'.');
        for octet in &mut octets {
            let part = parts.next()?;
            if part.is_empty() || part.len() > 3 || (part.len() > 1 && part.first() == Some(&b'0')) {
                return None;
            }
            let mut n = 0u16;
            for b in part {
                n = n * 10 + u16::from(b.wrapping_sub(b'0'));
            }
            *octet = u8::try_from(n).ok()?;
        }
        parts.next().is_none().then(|| Self::from(octets))
    }
}

/// Does this address stand whole in the text?
pub fn holds_address(text: &str, address: IpAddr, canonical: &str) -> bool {
    // Canonical IPv4 has one spelling, so most lines are ruled out by a plain search.
    if address.is_ipv4() && memchr::memmem::find(text.as_bytes(), canonical.as_bytes()).is_none() {
        return false;
    }
    let mut hit = false;
    addresses(text.as_bytes(), |a| hit |= a == address);
    hit
}

/// Lower case, character by character, so that folding a piece gives a piece of the folded whole.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(fold_char).collect()
}

/// ASCII folds within ASCII only; other letters fold when they have exactly one lower-case form.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(l), None) if !l.is_ascii() => l,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        addresses(text.as_bytes(), |a| all.push(a.to_string()));
        all
    }

    #[test]
    fn addresses_stand_whole() {
        assert_eq!(
            found("src=192.0.2.1:443 dst=[2001:DB8::1] end 198.51.100.7."),
            ["192.0.2.1", "2001:db8::1", "198.51.100.7"]
        );
        assert_eq!(found("src:203.0.113.9 x10.1.2.3.4 1.2.3 12:34:56 300.1.1.1"), ["203.0.113.9"]);
        assert_eq!(found("가192.0.2.8나"), ["192.0.2.8"]);
        assert!(!holds_address("src=192.0.2.10", "192.0.2.1".parse().unwrap(), "192.0.2.1"));
        assert!(holds_address("a 2001:0db8:0:0::1,", "2001:db8::1".parse().unwrap(), "2001:db8::1"));
    }

    #[test]
    fn cp949_is_read() {
        let (bytes, _, _) = encoding_rs::EUC_KR.encode("로그인 실패");
        let (text, exact) = decode(&bytes, Encoding::Cp949);
        assert_eq!(text, "로그인 실패");
        assert!(!exact);
        assert_eq!(decode(b"plain", Encoding::Cp949), (Cow::Borrowed("plain"), true));
        assert!(!decode(b"\xff\xfe\x00", Encoding::Unknown).1);
    }

    #[test]
    fn folding_a_piece_is_a_piece_of_the_folded() {
        assert_eq!(fold("ÄB가\u{212a}"), "äb가\u{212a}");
        assert_eq!(fold("\u{130}"), "\u{130}");
    }
}
