//! `key=value` lines cut into pairs.
//!
//! Invariant: what stands between quotes is one value; a `key=` inside it never becomes a pair. An unclosed quote runs
//! to the end of the line, so hostile text can swallow what follows it and never add a pair of its own.

use std::borrow::Cow;

use memchr::memchr2;

/// Longest key, bytes; a longer word before `=` is no key.
pub(crate) const KEY_BYTES_MAX: usize = 64;
/// Most pairs read from one line; the rest stay in the raw bytes.
pub(crate) const PAIRS_MAX: usize = 512;

/// The pairs of a line, in order. Separators are spaces, tabs, commas, semicolons and bars.
pub(crate) struct Pairs<'a> {
    text: &'a str,
    at: usize,
    left: usize,
    greedy: bool,
}

impl<'a> Pairs<'a> {
    /// Bare values end at the first separator.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, left: PAIRS_MAX, greedy: false }
    }

    /// Bare values run on over spaces up to the next `key=`, for senders that quote nothing.
    pub(crate) fn greedy(text: &'a str) -> Self {
        Self { greedy: true, ..Self::new(text) }
    }

    /// What has not been read yet.
    #[cfg(test)]
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The end of the value that begins here, where the next pair is looked for, and the value.
    #[inline]
    fn value(&self, start: usize) -> (Cow<'a, str>, usize) {
        match self.byte(start) {
            Some(q @ (b'"' | b'\'')) => self.quoted(start, q).unwrap_or_else(|| self.bare(start)),
            // `key=\"value\"`: a line that was quoted whole by somebody on its way
            Some(b'\\') if self.byte(start + 1) == Some(b'"') => self.escaped(start),
            _ => self.bare(start),
        }
    }

    /// `"…"` with `\"` and `""` inside. The closing quote stands before a separator or the end.
    #[inline]
    fn quoted(&self, start: usize, quote: u8) -> Option<(Cow<'a, str>, usize)> {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        let mut escapes = false;
        while let Some(i) = bytes.get(at..).and_then(|b| quote_or_escape(quote, b)).map(|i| i + at) {
            if bytes.get(i) == Some(&b'\\') {
                // always hides what follows, even in `"C:\" x=1`: text swallowed is safer than a pair added
                escapes = true;
                at = i + 2;
                continue;
            }
            if self.ends_pair(i + 1) {
                let inner = self.text.get(start + 1..i)?;
                return Some((if escapes { unescape(inner) } else { Cow::Borrowed(inner) }, i + 1));
            }
            at = i + 1;
        }
        if quote == b'\'' {
            // an apostrophe, not a quote
            return None;
        }
        let inner = self.text.get(start + 1..)?;
        Some((if escapes { unescape(inner) } else { Cow::Borrowed(inner) }, bytes.len()))
    }

    /// Is this the end, or a separator with the end or another pair behind it?
    #[inline]
    fn ends_pair(&self, at: usize) -> bool {
        match self.byte(at) {
            None => true,
            Some(b' ' | b',' | b';' | b'\t' | b'|' | b'\n' | b'\r' | b'}' | b']' | b')' | 0) => true,
            Some(_) => false,
        }
    }

    fn escaped(&self, start: usize) -> (Cow<'a, str>, usize) {
        let inner = self.text.get(start + 2..).unwrap_or("");
        match inner.find("\\\"") {
            Some(i) => (Cow::Borrowed(inner.get(..i).unwrap_or("")), start + 2 + i + 2),
            None => (Cow::Borrowed(inner), self.text.len()),
        }
    }

    #[inline]
    fn bare(&self, start: usize) -> (Cow<'a, str>, usize) {
        let bytes = self.text.as_bytes();
        let rest = bytes.get(start..).unwrap_or(&[]);
        let mut end = start + rest.iter().position(|b| is_separator(*b)).unwrap_or(rest.len());
        if !self.greedy {
            return (Cow::Borrowed(self.text.get(start..end).unwrap_or("")), end);
        }
        end = self.run_on(start, end);
        let value = self.text.get(start..end).unwrap_or("");
        (Cow::Borrowed(value.trim_end_matches([' ', '\t'])), end)
    }

    /// Words behind a bare value belong to it as long as a pair follows them.
    fn run_on(&self, start: usize, first_end: usize) -> usize {
        let bytes = self.text.as_bytes();
        if first_end == start || self.byte(first_end) != Some(b' ') {
            return first_end;
        }
        let mut at = first_end;
        while let Some(b) = bytes.get(at) {
            if matches!(b, b'=' | b'"') {
                let key = self.key_before(at, first_end);
                return if *b == b'=' { key.unwrap_or(first_end) } else { first_end };
            }
            if is_separator(*b) && *b != b' ' {
                return at;
            }
            at += 1;
        }
        first_end
    }

    /// Where the key that ends before this `=` begins, if it is one.
    fn key_before(&self, equals: usize, from: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut start = equals;
        while start > from && bytes.get(start - 1).is_some_and(|b| is_key_byte(*b)) {
            start -= 1;
        }
        (start < equals && equals - start <= KEY_BYTES_MAX && start > from).then_some(start)
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        let mut at = self.at;
        while self.left > 0 {
            let rest = bytes.get(at..)?;
            at += rest.iter().position(|b| !is_key_byte(*b))?;
            match *bytes.get(at)? {
                b'=' if start < at && at - start <= KEY_BYTES_MAX => {
                    let key = self.text.get(start..at)?;
                    let (value, end) = self.value(at + 1);
                    self.at = end.max(at + 1);
                    self.left -= 1;
                    return Some((key, value));
                }
                // a quoted text that is no value is stepped over, whatever it holds
                b'"' => {
                    let (_, end) = self.quoted(at, b'"').unwrap_or((Cow::Borrowed(""), at + 1));
                    if let Some(pair) = self.quoted_key(at, end) {
                        return Some(pair);
                    }
                    at = end;
                }
                _ => at += 1,
            }
            start = at;
        }
        None
    }
}

impl<'a> Pairs<'a> {
    /// `"key"="value"` and `"key=value"`: whole pairs in quotes.
    fn quoted_key(&mut self, start: usize, end: usize) -> Option<(&'a str, Cow<'a, str>)> {
        let inner = self.text.get(start + 1..end.checked_sub(1)?)?;
        let is_key = |t: &str| !t.is_empty() && t.len() <= KEY_BYTES_MAX && t.bytes().all(is_key_byte);
        if is_key(inner) && self.byte(end) == Some(b'=') {
            let (value, end) = self.value(end + 1);
            self.at = end;
            self.left -= 1;
            return Some((inner, value));
        }
        None
    }
}

/// Quoted values are short: the first bytes are looked at one by one, as setting a wide search up costs more.
const SHORT_BYTES: usize = 16;

#[inline]
fn quote_or_escape(quote: u8, bytes: &[u8]) -> Option<usize> {
    let (short, long) = bytes.split_at_checked(SHORT_BYTES).unwrap_or((bytes, &[]));
    let near = short.iter().position(|b| *b == quote || *b == b'\\');
    near.or_else(|| memchr2(quote, b'\\', long).map(|i| i + SHORT_BYTES))
}

/// What a byte may be: the inner loops look it up.
const SEPARATOR: u8 = 1;
const KEY: u8 = 2;
static KIND: [u8; 256] = {
    let mut kind = [0u8; 256];
    let mut b = 0usize;
    while b < 256 {
        let byte = b as u8;
        let separator = matches!(byte, b' ' | b',' | b';' | b'\t' | b'|' | b'\n' | b'\r' | 0);
        let key = byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':' | b'@' | b'#' | b'$')
            || byte >= 0x80;
        #[expect(clippy::indexing_slicing, reason = "const; b < 256")]
        {
            kind[b] = if separator {
                SEPARATOR
            } else if key {
                KEY
            } else {
                0
            };
        }
        b += 1;
    }
    kind
};

fn is_separator(b: u8) -> bool {
    KIND.get(usize::from(b)) == Some(&SEPARATOR)
}

fn is_key_byte(b: u8) -> bool {
    KIND.get(usize::from(b)) == Some(&KEY)
}

/// `key:"value"; key:"value"`, as Check Point writes inside its brackets.
pub(crate) fn colon_pairs(text: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let mut pairs = Pairs::new(text);
    std::iter::from_fn(move || {
        let rest = text.get(pairs.at..)?;
        let key = rest.trim_start_matches([' ', ';', '[']);
        let colon = key.find(":\"")?;
        let start = pairs.at + (rest.len() - key.len()) + colon + 1;
        pairs.left = pairs.left.checked_sub(1)?;
        let (value, end) = pairs.quoted(start, b'"')?;
        pairs.at = end;
        key.get(..colon).map(|k| (k, value))
    })
}

/// Backslashes before quotes, backslashes and line ends taken off.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.peek().copied() {
            Some(n @ ('"' | '\\' | '\'' | '=' | '|')) => {
                out.push(n);
                chars.next();
            }
            _ => out.push('\\'),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        Pairs::new(text).map(|(k, v)| (k.to_owned(), v.into_owned())).collect()
    }
    fn list(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn plain_and_quoted() {
        assert_eq!(
            pairs("a=1 b=\"two words\", c='x y';d=|e=\"\" f=g"),
            list(&[("a", "1"), ("b", "two words"), ("c", "x y"), ("d", ""), ("e", ""), ("f", "g")])
        );
    }

    #[test]
    fn a_key_inside_quotes_is_no_pair() {
        assert_eq!(
            pairs("srcip=192.0.2.1 url=\"http://x/?q=1 srcip=203.0.113.9\" action=deny"),
            list(&[("srcip", "192.0.2.1"), ("url", "http://x/?q=1 srcip=203.0.113.9"), ("action", "deny")])
        );
        assert_eq!(
            pairs("url=\"a\\\" srcip=203.0.113.9 \\\"b\" x=1"),
            list(&[("url", "a\" srcip=203.0.113.9 \"b"), ("x", "1")])
        );
        // an unclosed quote swallows, it never adds
        assert_eq!(pairs("url=\"x srcip=203.0.113.9"), list(&[("url", "x srcip=203.0.113.9")]));
        // free quoted text before the pairs
        assert_eq!(pairs("GET \"/a?srcip=203.0.113.9 b=c\" d=e"), list(&[("d", "e")]));
    }

    #[test]
    fn values_of_senders_that_quote_nothing() {
        let greedy = |t: &'static str| Pairs::greedy(t).map(|(k, v)| (k, v.into_owned())).collect::<Vec<_>>();
        assert_eq!(
            greedy("msg=closed by peer src=192.0.2.1 note=last word here"),
            [("msg", "closed by peer".to_owned()), ("src", "192.0.2.1".to_owned()), ("note", "last".to_owned())]
        );
    }

    #[test]
    fn colons_and_semicolons() {
        let found: Vec<_> =
            colon_pairs("[action:\"Drop\"; src:\"192.0.2.1\"; note:\"a:\\\"b\\\"; dst:\\\"x\"]").collect();
        assert_eq!(
            found,
            [("action", "Drop".into()), ("src", "192.0.2.1".into()), ("note", "a:\"b\"; dst:\"x".into())]
        );
        assert_eq!(colon_pairs("[a b]").count(), 0);
    }

    #[test]
    fn backslashes() {
        assert_eq!(pairs(r#"path="C:\\" x=1"#), list(&[("path", r"C:\"), ("x", "1")]));
        assert_eq!(pairs(r#"path="C:\" x=1"#), list(&[("path", r#"C:" x=1"#)]));
        assert_eq!(pairs(r#"path="C:\Users\kim" x=1"#), list(&[("path", r"C:\Users\kim"), ("x", "1")]));
        assert_eq!(pairs(r#"a=\"b\" c=\"d\""#), list(&[("a", "b"), ("c", "d")]));
    }

    #[test]
    fn odd_ends() {
        assert_eq!(pairs("="), []);
        assert_eq!(pairs("a="), list(&[("a", "")]));
        assert_eq!(pairs("a=\""), list(&[("a", "")]));
        assert_eq!(pairs("\""), []);
        assert_eq!(pairs("it's a=1"), list(&[("a", "1")]));
        assert_eq!(Pairs::new("a=1").rest(), "a=1");
    }
}
