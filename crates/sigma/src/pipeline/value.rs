//! What pipelines do to the values of an item. Texts are Sigma patterns as written: `*`, `?` and their escapes.

use regex::Regex;

use crate::Node;
use crate::pattern::{Part, Pattern};

/// Does the pattern hold a wildcard?
pub(super) fn has_wildcard(text: &str) -> bool {
    Pattern::parse(text).as_literal().is_none()
}

/// Plain text written so that it means itself.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let special = matches!(c, '*' | '?') || (c == '\\' && matches!(chars.peek(), Some('*' | '?' | '\\') | None));
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A pattern, its plain parts changed, written again.
pub(super) fn map_plain(text: &str, interpret: bool, f: &dyn Fn(&str) -> String) -> String {
    let parts = Pattern::parse(text);
    let each = parts.parts().iter().map(|part| match part {
        Part::Text(t) if interpret => f(t),
        Part::Text(t) => plain(&f(t)),
        Part::Any => "*".to_owned(),
        Part::One => "?".to_owned(),
    });
    each.collect()
}

/// Python's `\1` and `\g<name>` as the regex crate writes them.
pub(super) fn replacement(python: &str) -> String {
    let mut out = String::with_capacity(python.len() + 8);
    let mut chars = python.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek().copied()) {
            ('$', _) => out.push_str("$$"),
            ('\\', Some(d)) if d.is_ascii_digit() => {
                chars.next();
                out.push_str(&format!("${{{d}}}"));
            }
            ('\\', Some('g')) => {
                chars.next();
                let name: String = chars.by_ref().skip_while(|c| *c == '<').take_while(|c| *c != '>').collect();
                out.push_str(&format!("${{{name}}}"));
            }
            ('\\', Some('\\')) => {
                chars.next();
                out.push('\\');
            }
            _ => out.push(c),
        }
    }
    out
}

/// `replace_string` of one value.
pub(super) fn replaced(text: &str, regex: &Regex, with: &str, skip_special: bool, interpret: bool) -> String {
    if skip_special {
        return map_plain(text, interpret, &|t| regex.replace_all(t, with).into_owned());
    }
    // The whole pattern as pySigma shows it: backslashes plain, wildcards as they are.
    let shown = Pattern::parse(text).to_string();
    let new = regex.replace_all(&shown, with);
    let mut out = String::with_capacity(new.len());
    let mut chars = new.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '\\' && !matches!(chars.peek(), Some('*' | '?')) {
            out.push('\\');
        }
    }
    out
}

/// The pattern as a regular expression of the whole value.
pub(super) fn as_expression(text: &str, brackets: bool) -> String {
    let mut out = String::new();
    for part in Pattern::parse(text).parts() {
        match part {
            Part::Any => out.push_str(".*"),
            Part::One => out.push('.'),
            Part::Text(t) => {
                for c in t.chars() {
                    if brackets && c.is_alphabetic() {
                        out.push('[');
                        out.extend(c.to_lowercase().chain(c.to_uppercase()));
                        out.push(']');
                    } else {
                        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
                    }
                }
            }
        }
    }
    out
}

/// `convert_type`.
pub(super) fn converted(value: &Node, to_number: bool) -> Result<Node, String> {
    let Some(text) = value.scalar() else { return Ok(value.clone()) };
    if !to_number {
        return Ok(Node::Text(text));
    }
    let number = text.parse::<i64>().map(Node::Int).or_else(|_| text.parse::<f64>().map(Node::Float));
    number.map_err(|_| format!("`{text}` can't be converted to a number"))
}

/// `snake_case` of a name.
pub(super) fn snake(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut before: Option<char> = None;
    for c in text.chars() {
        if c.is_uppercase() && before.is_some_and(|b| b.is_lowercase() || b.is_ascii_digit()) {
            out.push('_');
        }
        if matches!(c, ' ' | '-') {
            out.push('_');
        } else {
            out.extend(c.to_lowercase());
        }
        before = Some(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stay_patterns() {
        assert_eq!(map_plain(r"a\\*b?\*", false, &|t| t.to_uppercase()), r"A\\*B?\*");
        assert_eq!(map_plain(r"C:\x\", false, &str::to_owned), r"C:\x\\");
        let re = Regex::new(r"^\*\\").unwrap();
        assert_eq!(replaced(r"*\cmd.exe", &re, "*/", false, false), "*/cmd.exe");
        let re = Regex::new("c(m)d").unwrap();
        assert_eq!(replaced(r"*\cmd*", &re, &replacement(r"<\1>"), true, false), r"*\<m>*");
        assert_eq!(as_expression("a.*?", false), r"a\..*.");
        assert_eq!(as_expression("ab", true), "[aA][bB]");
        assert_eq!(snake("CommandLine Id"), "command_line_id");
    }
}
