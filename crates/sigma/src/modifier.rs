//! `Field|modifier|modifier: values` read into tests.
//!
//! Invariant: transformations (`wide`, `base64offset`, `windash`, `expand`) apply in the order written; what is left
//! then decides how the result is compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use crate::Node;
use crate::atom::{Compare, Expression, Likeness, Number, Test, TimePart};
use crate::limits::{MODIFIERS_MAX, VALUE_VARIANTS_MAX};
use crate::matcher::{Expr, FieldName, Term};
use crate::pattern::{Part, Pattern};

/// Values of `%placeholders%`.
pub(crate) type Placeholders = BTreeMap<String, Vec<String>>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Base64,
    Base64Offset,
    Utf16Le,
    Utf16Be,
    Utf16,
    Windash,
    Expand,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum How {
    #[default]
    Equal,
    Contains,
    Starts,
    Ends,
    Regex,
    Cidr,
    Exists,
    Compare(Compare),
    FieldRef,
}

#[derive(Debug, Default)]
struct Modifiers {
    how: How,
    likeness: Option<Likeness>,
    changes: Vec<Change>,
    all: bool,
    cased: bool,
    not: bool,
    insensitive: bool,
    lines: bool,
    dot_all: bool,
    part: Option<TimePart>,
}

impl Modifiers {
    fn read<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut m = Self::default();
        for (n, name) in names.enumerate() {
            if n == MODIFIERS_MAX {
                return Err(format!("more than {MODIFIERS_MAX} modifiers on one field"));
            }
            m.add(name)?;
        }
        if m.how == How::FieldRef {
            return Ok(m);
        }
        if let Some(like) = m.likeness {
            match m.how {
                How::Equal => {}
                // `re` with `contains` says nothing more: an expression is searched for anywhere.
                How::Regex => return Ok(m),
                how => return Err(format!("the modifiers {how:?} and {like:?} can't go together").to_lowercase()),
            }
            m.how = match like {
                Likeness::Contains => How::Contains,
                Likeness::Starts => How::Starts,
                Likeness::Ends => How::Ends,
                Likeness::Equal => How::Equal,
            };
        }
        Ok(m)
    }
    fn add(&mut self, name: &str) -> Result<(), String> {
        match name {
            "contains" => self.likeness = Some(Likeness::Contains),
            "startswith" => self.likeness = Some(Likeness::Starts),
            "endswith" => self.likeness = Some(Likeness::Ends),
            "all" => self.all = true,
            "cased" => self.cased = true,
            "neq" => self.not = true,
            "re" => self.set(How::Regex)?,
            "i" | "ignorecase" if self.how == How::Regex => self.insensitive = true,
            "m" | "multiline" if self.how == How::Regex => self.lines = true,
            "s" | "dotall" if self.how == How::Regex => self.dot_all = true,
            "i" | "m" | "s" => return Err(format!("the modifier `{name}` must follow `re`")),
            "cidr" => self.set(How::Cidr)?,
            "exists" => self.set(How::Exists)?,
            "lt" => self.set(How::Compare(Compare::Lt))?,
            "lte" => self.set(How::Compare(Compare::Lte))?,
            "gt" => self.set(How::Compare(Compare::Gt))?,
            "gte" => self.set(How::Compare(Compare::Gte))?,
            "fieldref" => self.set(How::FieldRef)?,
            "base64" => self.changes.push(Change::Base64),
            "base64offset" => self.changes.push(Change::Base64Offset),
            "utf16le" | "wide" => self.changes.push(Change::Utf16Le),
            "utf16be" => self.changes.push(Change::Utf16Be),
            "utf16" => self.changes.push(Change::Utf16),
            "windash" => self.changes.push(Change::Windash),
            "expand" => self.changes.push(Change::Expand),
            _ => match TimePart::from_name(name) {
                Some(part) => self.part = Some(part),
                None => return Err(format!("the modifier `{name}` is not known")),
            },
        }
        Ok(())
    }
    fn set(&mut self, how: How) -> Result<(), String> {
        if self.how != How::Equal {
            return Err(format!("the modifiers {:?} and {how:?} can't go together", self.how).to_lowercase());
        }
        self.how = how;
        Ok(())
    }
}

/// Read `Field|modifier…` and its value or values.
pub(crate) fn read(key: &str, node: &Node, fill: &Placeholders, unfilled: &mut Vec<String>) -> Result<Expr, String> {
    let mut words = key.split('|');
    let name = words.next().unwrap_or("").trim();
    let field = FieldName::new(name)?;
    let context = |e: String| if name.is_empty() { format!("keywords: {e}") } else { format!("field `{name}`: {e}") };
    let modifiers = Modifiers::read(words).map_err(context)?;
    if matches!(node, Node::Map(_)) {
        return Err(context("its value is a mapping; name nested fields with dots".to_owned()));
    }
    let reader = Reader { field, modifiers, fill };
    reader.read(node, unfilled).map_err(context)
}

struct Reader<'a> {
    field: FieldName,
    modifiers: Modifiers,
    fill: &'a Placeholders,
}

impl Reader<'_> {
    fn read(&self, node: &Node, unfilled: &mut Vec<String>) -> Result<Expr, String> {
        let values = match node {
            // `field:` and `field: []` ask for the absence of a value.
            Node::Null => std::slice::from_ref(node),
            Node::List(list) if list.is_empty() => &[Node::Null],
            other => other.as_list(),
        };
        let mut tests = Vec::new();
        let mut each: Vec<Expr> = Vec::new();
        for value in values {
            match value {
                Node::Null => each.push(self.term(vec![Test::Valued]).negate()),
                Node::List(_) | Node::Map(_) => return Err(format!("a value can't be {}", value.kind())),
                _ if self.modifiers.how == How::Exists => each.push(self.exists(value)?),
                _ if self.modifiers.all => {
                    let variants = self.tests(value, unfilled)?;
                    each.push(self.term(variants));
                }
                _ => tests.extend(self.tests(value, unfilled)?),
            }
        }
        if !tests.is_empty() {
            tests.dedup();
            each.push(self.term(tests));
        }
        let joined = if self.modifiers.all { Expr::and(each) } else { Expr::or(each) };
        Ok(if self.modifiers.not { joined.negate() } else { joined })
    }
    fn term(&self, tests: Vec<Test>) -> Expr {
        Expr::Term(Arc::new(Term { field: self.field.clone(), tests }))
    }
    fn exists(&self, value: &Node) -> Result<Expr, String> {
        if self.field.is_keyword() {
            return Err("`exists` needs a field".to_owned());
        }
        let there = self.term(vec![Test::Exists]);
        match value.scalar().as_deref() {
            Some("true") => Ok(there),
            Some("false") => Ok(there.negate()),
            _ => Err("`exists` is `true` or `false`".to_owned()),
        }
    }
    fn tests(&self, value: &Node, unfilled: &mut Vec<String>) -> Result<Vec<Test>, String> {
        let text = value.scalar().unwrap_or_default();
        let m = &self.modifiers;
        if let Some(part) = m.part {
            let compare = match m.how {
                How::Equal => Compare::Eq,
                How::Compare(c) => c,
                _ => return Err("a part of a date compares with numbers only".to_owned()),
            };
            let number = text.trim().parse().map_err(|_| format!("`{text}` is no whole number"))?;
            return Ok(vec![Test::Date(part, compare, number)]);
        }
        match m.how {
            How::Compare(compare) => {
                let number = Number::parse(&text).ok_or_else(|| format!("`{text}` is no number"))?;
                Ok(vec![Test::Number(compare, number)])
            }
            How::FieldRef => {
                let like = m.likeness.unwrap_or(Likeness::Equal);
                Ok(vec![Test::Field { other: FieldName::new(&text)?, like, cased: m.cased }])
            }
            How::Exists => Err("`exists` is `true` or `false`".to_owned()),
            How::Regex | How::Cidr if m.changes.iter().all(|c| *c == Change::Expand) => {
                let texts = if m.changes.is_empty() { vec![text] } else { self.fill_text(&text, unfilled) };
                texts.iter().map(|t| self.typed(t)).collect()
            }
            How::Regex | How::Cidr => Err("encodings can't be combined with `re` or `cidr`".to_owned()),
            How::Equal | How::Contains | How::Starts | How::Ends => {
                self.patterns(&text, unfilled)?.into_iter().map(|p| self.compared(p)).collect()
            }
        }
    }
    fn typed(&self, text: &str) -> Result<Test, String> {
        let m = &self.modifiers;
        if m.how == How::Regex {
            return Expression::new(text, m.insensitive, m.lines, m.dot_all).map(Test::Regex);
        }
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        net.map(|n| Test::Net(n.trunc())).map_err(|_| format!("`{text}` is no network, as 192.0.2.0/24"))
    }
    fn compared(&self, pattern: Pattern) -> Result<Test, String> {
        let m = &self.modifiers;
        if m.how == How::Equal && self.field.is_address() {
            // Address columns compare as addresses, however the rule writes them.
            if let Some(address) = pattern.as_literal().and_then(|t| t.parse::<std::net::IpAddr>().ok()) {
                return Ok(Test::Net(IpNet::from(address.to_canonical())));
            }
        }
        let anywhere = self.field.is_keyword() || m.how == How::Contains;
        let pattern = pattern.wrapped(anywhere || m.how == How::Ends, anywhere || m.how == How::Starts);
        if pattern.parts() == [Part::Any] {
            return Ok(Test::Valued);
        }
        let pattern = if m.cased { pattern } else { pattern.folded() };
        Ok(Test::Text { pattern, cased: m.cased })
    }
    /// The value after all transformations.
    fn patterns(&self, text: &str, unfilled: &mut Vec<String>) -> Result<Vec<Pattern>, String> {
        let expands = self.modifiers.changes.contains(&Change::Expand);
        let mut values = if expands { self.fill_pattern(text, unfilled)? } else { vec![Pattern::parse(text)] };
        // After `wide` each character stands for a byte.
        let mut binary = false;
        for change in &self.modifiers.changes {
            let mut next = Vec::new();
            for value in &values {
                change.apply(value, binary, &mut next)?;
                if next.len() > VALUE_VARIANTS_MAX {
                    return Err(format!("the value `{text}` becomes more than {VALUE_VARIANTS_MAX} values"));
                }
            }
            values = next;
            binary = match change {
                Change::Utf16 | Change::Utf16Le | Change::Utf16Be => true,
                Change::Base64 | Change::Base64Offset => false,
                Change::Windash | Change::Expand => binary,
            };
        }
        Ok(values)
    }
    /// Placeholders of a pattern filled in; none filled: no value at all.
    fn fill_pattern(&self, text: &str, unfilled: &mut Vec<String>) -> Result<Vec<Pattern>, String> {
        let mut done = vec![Pattern::default()];
        for piece in pieces(text) {
            let choices: Vec<Pattern> = match piece {
                Piece::Plain(t) => vec![Pattern::parse(&t)],
                Piece::Name(name) => match self.fill.get(name) {
                    Some(values) => values.iter().map(|v| Pattern::parse(v)).collect(),
                    None => {
                        unfilled.push(name.to_owned());
                        return Ok(vec![Pattern::parse(text)]);
                    }
                },
            };
            if done.len().saturating_mul(choices.len()) > VALUE_VARIANTS_MAX {
                return Err(format!("the placeholders of `{text}` make more than {VALUE_VARIANTS_MAX} values"));
            }
            done = done.iter().flat_map(|d| choices.iter().map(|c| d.joined(c))).collect();
        }
        Ok(done)
    }
    /// The same for text that is no pattern (`re`, `cidr`): a value of the list is the text of the placeholder.
    fn fill_text(&self, text: &str, unfilled: &mut Vec<String>) -> Vec<String> {
        let mut done = vec![String::new()];
        for piece in pieces(text) {
            match piece {
                Piece::Plain(t) => done.iter_mut().for_each(|d| d.push_str(&t)),
                Piece::Name(name) => match self.fill.get(name) {
                    Some(values) => {
                        done = done
                            .iter()
                            .flat_map(|d| values.iter().map(move |v| format!("{d}{v}")))
                            .take(VALUE_VARIANTS_MAX)
                            .collect();
                    }
                    None => {
                        unfilled.push(name.to_owned());
                        return Vec::new();
                    }
                },
            }
        }
        done
    }
}

enum Piece<'a> {
    Plain(String),
    Name(&'a str),
}

/// Text cut at its `%placeholders%`; `\%` is a plain percent sign.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\%") {
            plain.push('%');
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('%').and_then(|r| r.split_once('%')).filter(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        });
        if let Some((name, after)) = name {
            out.push(Piece::Plain(std::mem::take(&mut plain)));
            out.push(Piece::Name(name));
            rest = after;
        } else {
            plain.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or("");
        }
    }
    out.push(Piece::Plain(plain));
    out
}

impl Change {
    fn apply(self, value: &Pattern, binary: bool, out: &mut Vec<Pattern>) -> Result<(), String> {
        if self == Self::Expand {
            out.push(value.clone());
            return Ok(());
        }
        if self == Self::Windash {
            return windash(value, out);
        }
        let Some(text) = value.as_literal() else {
            return Err("a value with wildcards can't be encoded".to_owned());
        };
        match self {
            Self::Utf16Le => out.push(wide(text, false, false)),
            Self::Utf16Be => out.push(wide(text, true, false)),
            Self::Utf16 => out.push(wide(text, false, true)),
            Self::Base64 => out.push(Pattern::literal(STANDARD.encode(bytes(text, binary)))),
            Self::Base64Offset => {
                let raw = bytes(text, binary);
                for (shift, start) in [0usize, 2, 3].into_iter().enumerate() {
                    let mut shifted = vec![b' '; shift];
                    shifted.extend_from_slice(&raw);
                    let code = STANDARD.encode(&shifted);
                    let behind = [0, 3, 2].into_iter().nth(shifted.len() % 3).unwrap_or(0);
                    out.push(Pattern::literal(code.get(start..code.len().saturating_sub(behind)).unwrap_or("")));
                }
            }
            Self::Windash | Self::Expand => {}
        }
        Ok(())
    }
}

/// Text whose characters stand for single bytes (U+0000 to U+00FF), in UTF-16.
fn wide(text: &str, big: bool, mark: bool) -> Pattern {
    let mut out = String::with_capacity(text.len() * 2 + 2);
    if mark {
        out.push_str("\u{ff}\u{fe}");
    }
    for unit in text.encode_utf16() {
        let pair = if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        out.extend(pair.into_iter().map(char::from));
    }
    Pattern::literal(out)
}

/// The bytes that text stands for.
fn bytes(text: &str, binary: bool) -> Vec<u8> {
    if binary {
        text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect()
    } else {
        text.as_bytes().to_vec()
    }
}

const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];

/// Every dash that begins a flag, as each of the five. Two or more flags are permuted as long as that stays small;
/// beyond it all dashes of one value are the same, as people type them.
fn windash(value: &Pattern, out: &mut Vec<Pattern>) -> Result<(), String> {
    let flags: usize = value.parts().iter().map(|p| if let Part::Text(t) = p { flag_count(t) } else { 0 }).sum();
    let combinations = 5usize.checked_pow(u32::try_from(flags).unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
    let permute = combinations <= VALUE_VARIANTS_MAX;
    for code in 0..if permute { combinations } else { DASHES.len() } {
        let digits = std::cell::Cell::new(code);
        out.push(value.map_text(|t| {
            dashed(t, || {
                let code = digits.get();
                if permute {
                    digits.set(code / 5);
                }
                DASHES.into_iter().nth(code % 5).unwrap_or('-')
            })
        }));
    }
    Ok(())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn flag_count(text: &str) -> usize {
    let mut count = 0;
    dashed(text, || {
        count += 1;
        '-'
    });
    count
}

/// `text` with each dash that follows no word character and precedes one replaced.
fn dashed(text: &str, mut with: impl FnMut() -> char) -> String {
    let mut before = None;
    let mut chars = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        let flag = DASHES.contains(&c) && !before.is_some_and(is_word) && chars.peek().copied().is_some_and(is_word);
        out.push(if flag { with() } else { c });
        before = Some(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_event::ValueRef;

    fn tests_of(key: &str, value: &str) -> Vec<Test> {
        let node = Node::Text(value.to_owned());
        match read(key, &node, &Placeholders::new(), &mut Vec::new()).unwrap() {
            Expr::Term(t) => t.tests.clone(),
            other => panic!("{other:?}"),
        }
    }
    fn any(key: &str, value: &str, event: &str) -> bool {
        tests_of(key, value).iter().any(|t| t.holds(ValueRef::Text(event)))
    }

    #[test]
    fn base64offset_finds_the_value_at_each_shift() {
        for prefix in ["", "x", "yy", "zzz"] {
            let code = STANDARD.encode(format!("{prefix}http://evil.example/ and more"));
            assert!(any("f|base64offset|contains", "http://evil.example", &code), "{prefix}");
        }
        let wide: Vec<u8> = "xIEX (New".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(any("f|wide|base64offset|contains", "IEX (", &STANDARD.encode(wide)));
        assert!(any("f|base64", "foobar", "Zm9vYmFy"));
        assert!(any("f|utf16|base64|contains", "a", "//5hAA=="));
    }

    #[test]
    fn windash_knows_five_dashes() {
        for dash in DASHES {
            assert!(any("f|contains|windash", " -enc ", &format!("powershell {dash}enc AAAA")), "{dash}");
        }
        assert!(!any("f|contains|windash", "a-b", "a/b"));
        assert_eq!(tests_of("f|windash|contains", "-a -b").len(), 25);
        assert_eq!(tests_of("f|windash", "-a -b -c -d -e -f -g").len(), 5);
    }

    #[test]
    fn modifiers_that_contradict_are_refused() {
        for key in
            ["f|re|cidr", "f|gt|re", "f|i", "f|bogus", "f|cidr|contains", "f|all|all|all|all|all|all|all|all|all"]
        {
            let e = read(key, &Node::Text("1".into()), &Placeholders::new(), &mut Vec::new()).unwrap_err();
            assert!(e.starts_with("field `f`"), "{e}");
        }
    }

    #[test]
    fn placeholders_become_values_or_are_named() {
        let fill = Placeholders::from([("admins".to_owned(), vec!["root".to_owned(), "adm*".to_owned()])]);
        let mut unfilled = Vec::new();
        let expr = read("user|expand", &Node::Text("%admins%".into()), &fill, &mut unfilled).unwrap();
        let Expr::Term(term) = expr else { panic!() };
        assert_eq!(term.tests.len(), 2);
        assert!(term.tests[1].holds(ValueRef::Text("ADM01")));
        assert!(unfilled.is_empty());
        read("user|expand", &Node::Text("x%servers%y".into()), &fill, &mut unfilled).unwrap();
        assert_eq!(unfilled, ["servers"]);
        let Expr::Term(plain) = read("u|expand", &Node::Text(r"\%a%b".into()), &fill, &mut unfilled).unwrap() else {
            panic!()
        };
        assert!(plain.tests[0].holds(ValueRef::Text("%a%b")));
    }

    #[test]
    fn null_and_neq_are_negations() {
        let none = read("f", &Node::Null, &Placeholders::new(), &mut Vec::new()).unwrap();
        assert!(matches!(none, Expr::Not(_)));
        let list = Node::List(vec![Node::Int(1), Node::Int(2)]);
        let neq = read("f|neq", &list, &Placeholders::new(), &mut Vec::new()).unwrap();
        assert!(matches!(neq, Expr::Not(_)));
    }

    #[test]
    fn addresses_compare_as_addresses() {
        assert!(any("src_ip", "2001:db8:0:0::1", "2001:DB8::1"));
        assert!(any("SourceIp", "192.0.2.1", "::ffff:192.0.2.1"));
    }
}
