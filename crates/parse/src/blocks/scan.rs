//! Where the next record begins and ends, in JSON and in XML.

use memchr::{memchr, memchr2, memmem};

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole record; `stray` bytes before it belong to nothing.
    Record { from: usize, to: usize, stray: usize },
    /// No whole record: what is before `from` is done with.
    Begun { from: usize, stray: usize },
}

/// The next object. Between objects there may be white space, commas, brackets and the end of a wrapper.
pub(super) fn json(bytes: &[u8]) -> Found {
    let from = memchr(b'{', bytes).unwrap_or(bytes.len());
    let between = bytes.get(..from).unwrap_or(bytes);
    let stray = between.iter().filter(|b| !b.is_ascii_whitespace() && !b"[],}".contains(b)).count();
    let (mut at, mut depth) = (from, 0usize);
    while let Some(b) = bytes.get(at) {
        at += 1;
        match b {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Found::Record { from, to: at, stray };
                }
            }
            b'"' => match string_end(bytes, at) {
                Some(end) => at = end,
                None => break,
            },
            _ => {}
        }
    }
    Found::Begun { from, stray }
}

/// Behind the quote that ends a string.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let next = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(next) == Some(&b'"') {
            return Some(next + 1);
        }
        at = next + 2;
    }
}

/// The next `<Event>` element.
pub(super) fn xml(bytes: &[u8]) -> Found {
    const BEGIN: &[u8] = b"<Event";
    const END: &[u8] = b"</Event>";
    let mut begins = memmem::find_iter(bytes, BEGIN);
    let is_event = |at: &usize| matches!(bytes.get(at + BEGIN.len()), None | Some(b' ' | b'\t' | b'\r' | b'\n' | b'>'));
    let Some(from) = begins.find(is_event) else {
        // The beginning of a mark may be cut in two.
        let kept = bytes.iter().rev().take(BEGIN.len()).position(|b| *b == b'<').map_or(0, |n| n + 1);
        return Found::Begun { from: bytes.len() - kept, stray: 0 };
    };
    let rest = bytes.get(from..).unwrap_or(&[]);
    match memmem::find(rest, END) {
        Some(end) => Found::Record { from, to: from + end + END.len(), stray: 0 },
        None => Found::Begun { from, stray: 0 },
    }
}
