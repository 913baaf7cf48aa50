//! Escapes of JSON text.

/// Append `raw` without its escapes. What is no escape of JSON stays as it is; half a surrogate becomes U+FFFD.
pub(crate) fn unescape(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, tail) = rest.split_at(at);
        // By far the most frequent: a backslash of a path, copied with what stands before it.
        if let Some(after) = tail.strip_prefix("\\\\") {
            out.push_str(rest.get(..=at).unwrap_or(plain));
            rest = after;
            continue;
        }
        out.push_str(plain);
        let mut chars = tail.chars();
        chars.next();
        let c = chars.next();
        rest = chars.as_str();
        match c {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => rest = unicode(rest, out),
            Some(c @ ('"' | '\\' | '/')) => out.push(c),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out.push_str(rest);
}

/// The character of `\u`, one escape or two; what is left of the text.
fn unicode<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let Some(high) = hex(rest) else {
        out.push_str("\\u");
        return rest;
    };
    let after = rest.get(4..).unwrap_or("");
    if (0xd800..0xdc00).contains(&high)
        && let Some(low) = after.strip_prefix("\\u").and_then(hex).filter(|l| (0xdc00..0xe000).contains(l))
    {
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return after.get(6..).unwrap_or("");
    }
    out.push(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
    after
}

fn hex(text: &str) -> Option<u32> {
    let digits = text.get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes() {
        let of = |raw: &str| {
            let mut out = String::new();
            unescape(raw, &mut out);
            out
        };
        assert_eq!(of(r#"C:\\a\"b\/\n\t"#), "C:\\a\"b/\n\t");
        assert_eq!(of(r"\uac00\ud83d\ude00 \u00e9"), "가😀 é");
        assert_eq!(of(r"\ud83d x"), "\u{fffd} x");
        assert_eq!(of(r"\q\u12"), r"\q\u12");
    }
}
