//! Text that must stand in a value before a regular expression can match it.
//!
//! Invariant: if the expression matches a text, the folded text holds at least one of the required literals. An
//! expression that promises none is tried on every value.

use regex_syntax::hir::{Class, Dot, Hir, HirKind};

use crate::pattern::fold;

/// Shorter literals stand in too many values to be worth waiting for, bytes.
const LITERAL_BYTES_MIN: usize = 2;
/// More alternatives than this cost more than they save.
const ALTERNATIVES_MAX: usize = 32;
/// Classes with more characters are no literal.
const CLASS_CHARS_MAX: u32 = 4;

/// Folded literals, one of which must occur; `None`: nothing is required.
pub(crate) fn literals(source: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::Parser::new().parse(source).ok()?;
    required(&hir)
}

/// The least number of characters of one line that the expression asks for, if it asks for nothing else.
pub(crate) fn line_chars(source: &str) -> Option<usize> {
    let hir = regex_syntax::Parser::new().parse(source).ok()?;
    match hir.kind() {
        HirKind::Repetition(r) if *r.sub == Hir::dot(Dot::AnyCharExceptLF) => usize::try_from(r.min).ok(),
        _ => None,
    }
}

fn required(hir: &Hir) -> Option<Vec<String>> {
    let found = match hir.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => vec![exact(hir)?],
        HirKind::Capture(c) => required(&c.sub)?,
        HirKind::Repetition(r) if r.min > 0 => required(&r.sub)?,
        HirKind::Concat(list) => in_row(list)?,
        HirKind::Alternation(list) => {
            let mut all = Vec::new();
            for one in list {
                all.extend(required(one)?);
            }
            all
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => return None,
    };
    let usable = found.len() <= ALTERNATIVES_MAX && found.iter().all(|l| l.len() >= LITERAL_BYTES_MIN);
    usable.then_some(found)
}

/// The best of what the members of a sequence require; neighbours that are plain text are joined.
fn in_row(list: &[Hir]) -> Option<Vec<String>> {
    let mut best: Option<Vec<String>> = None;
    let mut offer = |candidate: Vec<String>| {
        let worth = |c: &[String]| c.iter().map(String::len).min().unwrap_or(0);
        if best.as_ref().is_none_or(|b| worth(b) < worth(&candidate)) {
            best = Some(candidate);
        }
    };
    let mut run = String::new();
    for member in list {
        match exact(member) {
            Some(text) => run.push_str(&text),
            None => {
                offer(vec![std::mem::take(&mut run)]);
                if let Some(inner) = required(member) {
                    offer(inner);
                }
            }
        }
    }
    offer(vec![run]);
    best
}

/// The one folded text that a member stands for, if it stands for one.
fn exact(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(l) => std::str::from_utf8(&l.0).ok().map(fold),
        HirKind::Class(class) => class_text(class),
        HirKind::Capture(c) => exact(&c.sub),
        HirKind::Concat(list) => list.iter().map(exact).collect(),
        HirKind::Empty | HirKind::Look(_) => Some(String::new()),
        HirKind::Repetition(_) | HirKind::Alternation(_) => None,
    }
}

/// A class whose characters differ by case alone.
fn class_text(class: &Class) -> Option<String> {
    let chars: Vec<char> = match class {
        Class::Unicode(c) => {
            let count: u32 = c.ranges().iter().map(|r| u32::from(r.end()) - u32::from(r.start()) + 1).sum();
            if count > CLASS_CHARS_MAX {
                return None;
            }
            c.ranges().iter().flat_map(|r| r.start()..=r.end()).collect()
        }
        Class::Bytes(c) => {
            let count: u32 = c.ranges().iter().map(|r| u32::from(r.end()) - u32::from(r.start()) + 1).sum();
            if count > CLASS_CHARS_MAX || c.ranges().iter().any(|r| r.end() > 127) {
                return None;
            }
            c.ranges().iter().flat_map(|r| r.start()..=r.end()).map(char::from).collect()
        }
    };
    let mut folded = chars.iter().map(|c| fold(&c.to_string()));
    let first = folded.next()?;
    folded.all(|f| f == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::literals;

    #[test]
    fn what_must_occur() {
        let of = |s: &str| literals(s).unwrap_or_default();
        assert_eq!(of(r"(?i)Task\s+Kill"), ["task"]);
        assert_eq!(of(r"\\(cmd|powershell)\.exe"), [".exe"]);
        assert_eq!(of(r"foo|barbaz"), ["foo", "barbaz"]);
        assert_eq!(of(r"^[a-z]{3}$"), Vec::<String>::new());
        assert_eq!(of(r"(?:abc)?d.*"), Vec::<String>::new());
        assert_eq!(of(r"x(abc)+y"), ["abc"]);
    }
}
