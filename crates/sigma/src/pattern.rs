//! Text patterns of Sigma: wildcards, escaping, folding of case.
//!
//! Invariant: `fold` works character by character, so that a part of a text folds to a part of the folded text; the
//! plan's automata rest on it.

use std::fmt;

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    /// This text.
    Text(String),
    /// `*`
    Any,
    /// `?`
    One,
}

/// A pattern: literal pieces and wildcards; two literals never stand side by side, nor two `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pattern(Vec<Part>);

/// What a pattern amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shape<'a> {
    /// The whole value.
    Exact(&'a str),
    /// The value begins so.
    Starts(&'a str),
    /// The value ends so.
    Ends(&'a str),
    /// The value holds it.
    Contains(&'a str),
    /// Any value.
    Anything,
    /// Wildcards elsewhere.
    Glob,
}

/// Fold one character.
fn fold_char(c: char) -> impl Iterator<Item = char> {
    // The two letters whose lower case differs from their case folding, and that meet ASCII or end Greek words.
    let c = match c {
        'ſ' => 's',
        'ς' => 'σ',
        c => c,
    };
    c.to_lowercase()
}

/// Append `text` folded.
pub(crate) fn fold_into(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        if let Some(added) = out.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| !b.is_ascii()) {
        let (plain, tail) = rest.split_at(at);
        let start = out.len();
        out.push_str(plain);
        if let Some(added) = out.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        let mut chars = tail.chars();
        match chars.next() {
            // Kana, Han, Hangul: no case.
            Some(c @ ('\u{3000}'..='\u{a63f}' | '\u{ac00}'..='\u{d7ff}')) => out.push(c),
            Some(c) => out.extend(fold_char(c)),
            None => {}
        }
        rest = chars.as_str();
    }
    out.extend(rest.chars().map(|c| c.to_ascii_lowercase()));
}

/// `text` folded.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

impl Pattern {
    /// Only literal text.
    pub fn literal(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::default() } else { Self(vec![Part::Text(text)]) }
    }
    /// Read a Sigma value: `*` and `?` are wildcards; a backslash makes them, and itself, plain.
    pub fn parse(value: &str) -> Self {
        let mut out = Self::default();
        let mut chars = value.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.peek() {
                    Some(&next @ ('*' | '?' | '\\')) => {
                        chars.next();
                        out.push_char(next);
                    }
                    _ => out.push_char('\\'),
                },
                '*' => out.push(Part::Any),
                '?' => out.push(Part::One),
                c => out.push_char(c),
            }
        }
        out
    }
    fn push_char(&mut self, c: char) {
        if let Some(Part::Text(t)) = self.0.last_mut() {
            t.push(c);
        } else {
            self.0.push(Part::Text(c.to_string()));
        }
    }
    fn push(&mut self, part: Part) {
        match (&part, self.0.last_mut()) {
            (Part::Any, Some(Part::Any)) => {}
            (Part::Text(more), Some(Part::Text(t))) => t.push_str(more),
            (Part::Text(t), _) if t.is_empty() => {}
            _ => self.0.push(part),
        }
    }
    /// Its pieces.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }
    /// The text, if there is no wildcard.
    pub fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(t)] => Some(t),
            _ => None,
        }
    }
    /// With `*` in front, behind, or both.
    pub fn wrapped(&self, front: bool, behind: bool) -> Self {
        let mut out = Self::default();
        if front {
            out.push(Part::Any);
        }
        for part in &self.0 {
            out.push(part.clone());
        }
        if behind {
            out.push(Part::Any);
        }
        out
    }
    /// This pattern followed by another.
    pub fn joined(&self, more: &Self) -> Self {
        let mut out = self.clone();
        for part in &more.0 {
            out.push(part.clone());
        }
        out
    }
    /// With case folded.
    pub fn folded(&self) -> Self {
        self.map_text(fold)
    }
    /// With every literal piece changed.
    pub fn map_text(&self, f: impl Fn(&str) -> String) -> Self {
        let mut out = Self::default();
        for part in &self.0 {
            out.push(if let Part::Text(t) = part { Part::Text(f(t)) } else { part.clone() });
        }
        out
    }
    /// What it amounts to.
    pub fn shape(&self) -> Shape<'_> {
        match self.0.as_slice() {
            [] => Shape::Exact(""),
            [Part::Any] => Shape::Anything,
            [Part::Text(t)] => Shape::Exact(t),
            [Part::Text(t), Part::Any] => Shape::Starts(t),
            [Part::Any, Part::Text(t)] => Shape::Ends(t),
            [Part::Any, Part::Text(t), Part::Any] => Shape::Contains(t),
            _ => Shape::Glob,
        }
    }
    /// The longest literal piece.
    pub fn longest(&self) -> Option<&str> {
        let texts = self.0.iter().filter_map(|p| if let Part::Text(t) = p { Some(t.as_str()) } else { None });
        texts.max_by_key(|t| t.len())
    }
    /// Does it match the whole of `text`? Case must have been folded on both sides, or on neither. Time is bounded by
    /// the product of the two lengths; only the last `*` is ever gone back to.
    pub fn matches(&self, text: &str) -> bool {
        let (mut part, mut rest) = (0, text);
        let mut back: Option<(usize, &str)> = None;
        loop {
            let step = match self.0.get(part) {
                None if rest.is_empty() => return true,
                None => None,
                Some(Part::Any) => match self.0.get(part + 1..).unwrap_or_default() {
                    [] => return true,
                    [Part::Text(end)] => return rest.ends_with(end.as_str()),
                    _ => {
                        part += 1;
                        match self.next_from(part, rest) {
                            Some(from) => {
                                back = Some((part, from));
                                rest = from;
                            }
                            None => return false,
                        }
                        continue;
                    }
                },
                Some(Part::One) => {
                    let mut chars = rest.chars();
                    chars.next().map(|_| chars.as_str())
                }
                Some(Part::Text(t)) => rest.strip_prefix(t.as_str()),
            };
            if let Some(after) = step {
                rest = after;
                part += 1;
                continue;
            }
            let Some((again, from)) = back else { return false };
            let mut chars = from.chars();
            if chars.next().is_none() {
                return false;
            }
            let Some(from) = self.next_from(again, chars.as_str()) else { return false };
            rest = from;
            back = Some((again, from));
            part = again;
        }
    }
    /// `text` from the first place on where the piece at `part` may begin.
    fn next_from<'t>(&self, part: usize, text: &'t str) -> Option<&'t str> {
        match self.0.get(part) {
            Some(Part::Text(t)) => text.get(memchr::memmem::find(text.as_bytes(), t.as_bytes())?..),
            _ => Some(text),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(t) => f.write_str(t)?,
                Part::Any => f.write_str("*")?,
                Part::One => f.write_str("?")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_follows_the_specification() {
        let cases = [
            (r"C:\x", r"C:\x"),
            (r"C:\\x", r"C:\x"),
            (r"a\*b", "a*b"),
            (r"a\?b", "a?b"),
            (r"a\\\*b", r"a\*b"),
            (r"a\\\\b", r"a\\b"),
            (r"a\\\b", r"a\\b"),
        ];
        for (written, meant) in cases {
            assert_eq!(Pattern::parse(written).as_literal(), Some(meant), "{written}");
        }
        assert_eq!(Pattern::parse(r"a\\*").shape(), Shape::Starts(r"a\"));
        assert_eq!(Pattern::parse("*").shape(), Shape::Anything);
        assert_eq!(Pattern::parse("**").shape(), Shape::Anything);
        assert_eq!(Pattern::parse("a").wrapped(true, true).shape(), Shape::Contains("a"));
        assert_eq!(Pattern::parse("*a*").wrapped(true, true).shape(), Shape::Contains("a"));
        assert_eq!(Pattern::parse("").shape(), Shape::Exact(""));
    }

    #[test]
    fn globs() {
        let yes = [("a*c", "abbc"), ("a?c", "a가c"), ("*b*c", "xbxbc"), ("a*", "a"), ("?", "가"), ("*?", "x")];
        for (p, t) in yes {
            assert!(Pattern::parse(p).matches(t), "{p} {t}");
        }
        let no = [("a*c", "abcd"), ("a?c", "ac"), ("?", ""), ("*??", "x"), ("a", "A")];
        for (p, t) in no {
            assert!(!Pattern::parse(p).matches(t), "{p} {t}");
        }
    }

    #[test]
    fn folding() {
        assert_eq!(fold("WhoAmI"), "whoami");
        assert_eq!(fold("ÀÉ가 K ſ"), "àé가 k s");
    }
}
