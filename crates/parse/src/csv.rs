//! Separated values: a line cut at a delimiter, quoted values whole.
//!
//! Invariant: a delimiter between double quotes never cuts; an unclosed quote runs to the end of the line, so hostile
//! text can at most swallow what follows it, never add a column.

use std::borrow::Cow;

use memchr::memchr;

/// Most columns cut from one line; the rest stay in the raw bytes.
pub(crate) const COLUMNS_MAX: usize = 512;

/// The columns of a line, quotes taken off, doubled quotes left as they are (see [`unquote`]).
pub(crate) fn split(text: &str, delimiter: u8) -> Vec<&str> {
    let mut columns = Vec::with_capacity(128);
    let mut rest = text;
    while columns.len() < COLUMNS_MAX {
        let (column, next) = if rest.starts_with('"') { quoted(rest, delimiter) } else { plain(rest, delimiter) };
        columns.push(column);
        match next {
            Some(n) => rest = n,
            None => break,
        }
    }
    columns
}

fn plain(text: &str, delimiter: u8) -> (&str, Option<&str>) {
    match memchr(delimiter, text.as_bytes()) {
        Some(i) => (text.get(..i).unwrap_or(""), text.get(i + 1..)),
        None => (text, None),
    }
}

/// The closing quote is one that stands before a delimiter or the end, and is not doubled.
fn quoted(text: &str, delimiter: u8) -> (&str, Option<&str>) {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(i) = bytes.get(at..).and_then(|b| memchr(b'"', b)).map(|i| i + at) {
        match bytes.get(i + 1) {
            Some(b'"') => at = i + 2,
            Some(b) if *b == delimiter => return (text.get(1..i).unwrap_or(""), text.get(i + 2..)),
            None => return (text.get(1..i).unwrap_or(""), None),
            Some(_) => at = i + 1,
        }
    }
    (text.get(1..).unwrap_or(""), None)
}

/// A column with doubled quotes made single.
pub(crate) fn unquote(column: &str) -> Cow<'_, str> {
    if column.contains("\"\"") { Cow::Owned(column.replace("\"\"", "\"")) } else { Cow::Borrowed(column) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_in_quotes_does_not_cut() {
        assert_eq!(split("a,\"b,c\",,\"d \"\"e\"\"\",f", b','), ["a", "b,c", "", "d \"\"e\"\"", "f"]);
        assert_eq!(unquote("d \"\"e\"\""), "d \"e\"");
        assert_eq!(split("\"a,b", b','), ["a,b"]);
        assert_eq!(split("", b','), [""]);
        assert_eq!(split("a`b`", b'`'), ["a", "b", ""]);
    }
}
