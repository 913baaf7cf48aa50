//! The atomic tests: one question asked of one value.
//!
//! Invariant: `Test::holds` is the meaning of a test; the plan must agree with it, whatever way it takes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bongsu_event::ValueRef;
use ipnet::IpNet;
use regex::Regex;

use crate::limits::{MATCH_BYTES_MAX, REGEX_BYTES_MAX, REGEX_COMPILED_BYTES_MAX};
use crate::pattern::{Pattern, Shape, fold};
use crate::required;

/// A comparison of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Compare {
    Lt,
    Lte,
    Gt,
    Gte,
    Eq,
}

impl Compare {
    /// Does `order` (of the value to the bound) satisfy it?
    pub fn admits(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Lt => order.is_lt(),
            Self::Lte => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Gte => order.is_ge(),
            Self::Eq => order.is_eq(),
        }
    }
    fn sign(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Lte => "≤",
            Self::Gt => ">",
            Self::Gte => "≥",
            Self::Eq => "=",
        }
    }
}

/// A number: whole ones are compared exactly.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// Read text as a number; `inf`, `nan` and the like are none.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(n) = text.parse::<i64>() {
            return Some(Self::Int(n));
        }
        // "nan", "infinity" and "1e999" parse as floats; none is a number a log means.
        text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
            .then(|| text.parse::<f64>().ok().filter(|f| f.is_finite()).map(Self::Float))
            .flatten()
    }
    /// The number that a value is or says.
    pub fn of(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Int(n) => Some(Self::Int(n)),
            ValueRef::Float(f) => f.is_finite().then_some(Self::Float(f)),
            ValueRef::Text(t) => Self::parse(t),
            ValueRef::Ip(_) | ValueRef::Bool(_) | ValueRef::Null => None,
        }
    }
    /// As a float.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(f) => f,
        }
    }
    /// Total order; floats are never NaN here.
    pub fn order(self, other: Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (a, b) => a.as_f64().total_cmp(&b.as_f64()),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.order(*other).is_eq()
    }
}
impl Eq for Number {}
impl Hash for Number {
    fn hash<H: Hasher>(&self, h: &mut H) {
        self.as_f64().to_bits().hash(h);
    }
}

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TimePart {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl TimePart {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "minute" => Self::Minute,
            "hour" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }
    /// The part of the date that a value says. A written date counts as it is written, whatever its zone; a number is
    /// seconds, milliseconds or microseconds since 1970 by its size, in UTC.
    pub fn of(self, value: ValueRef<'_>) -> Option<i64> {
        let date = match value {
            ValueRef::Text(t) => {
                let t = t.trim();
                let head = t.get(..19).unwrap_or(t);
                jiff::civil::DateTime::strptime("%Y-%m-%dT%H:%M:%S", head)
                    .or_else(|_| jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", head))
                    .ok()
                    .or_else(|| Some(jiff::civil::Date::strptime("%Y-%m-%d", t).ok()?.into()))?
            }
            ValueRef::Int(n) => {
                let micros = match n.unsigned_abs() {
                    0..100_000_000_000 => n.checked_mul(1_000_000)?,
                    100_000_000_000..100_000_000_000_000 => n.checked_mul(1_000)?,
                    _ => n,
                };
                jiff::Timestamp::from_microsecond(micros).ok()?.to_zoned(jiff::tz::TimeZone::UTC).datetime()
            }
            _ => return None,
        };
        Some(match self {
            Self::Minute => date.minute().into(),
            Self::Hour => date.hour().into(),
            Self::Day => date.day().into(),
            Self::Week => date.date().iso_week_date().week().into(),
            Self::Month => date.month().into(),
            Self::Year => date.year().into(),
        })
    }
    fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// A compiled regular expression, equal to another by its text.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    source: Arc<str>,
    /// Shared: a clone of its own would have to warm its tables anew.
    pub regex: Arc<Regex>,
    required: OnceLock<Option<Vec<String>>>,
    /// It asks for nothing but so many characters of one line, as `.{1000,}`: a table of a thousand states for that
    /// would be built anew with each set.
    line_chars: Option<usize>,
}

impl Expression {
    /// Compile; the error says what to do.
    pub fn new(written: &str, insensitive: bool, lines: bool, dot_all: bool) -> Result<Self, String> {
        if written.len() > REGEX_BYTES_MAX {
            return Err(format!("a regular expression is longer than {REGEX_BYTES_MAX} bytes: split it"));
        }
        let mut flags = String::new();
        for (on, letter) in [(insensitive, 'i'), (lines, 'm'), (dot_all, 's')] {
            if on {
                flags.push(letter);
            }
        }
        let plain = plain_classes(written);
        let source = if flags.is_empty() { plain } else { format!("(?{flags}:{plain})") };
        let regex = regex::RegexBuilder::new(&source)
            .size_limit(REGEX_COMPILED_BYTES_MAX)
            .dfa_size_limit(REGEX_COMPILED_BYTES_MAX)
            .build()
            .map_err(|e| {
                let text = e.to_string();
                let last = text.trim().lines().last().unwrap_or("").trim().trim_start_matches("error: ").to_owned();
                format!("the regular expression `{written}` can't be used: {last}")
            })?;
        let line_chars = if written.starts_with(".{") { required::line_chars(&source) } else { None };
        Ok(Self { source: source.into(), regex: Arc::new(regex), required: OnceLock::new(), line_chars })
    }
    /// Is it found in the text?
    pub fn is_match(&self, text: &str) -> bool {
        match self.line_chars {
            Some(least) => text.split('\n').any(|line| least == 0 || line.chars().nth(least - 1).is_some()),
            None => self.regex.is_match(text),
        }
    }
    /// Folded literals, one of which must occur; `None`: nothing is required.
    pub fn required(&self) -> Option<&[String]> {
        self.required.get_or_init(|| required::literals(&self.source)).as_deref()
    }
    /// The expression with its flags.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// Sigma means PCRE, where `\w`, `\d`, `\s` and `\b` are ASCII and a class holds no class: written so for the regex
/// crate, which is also what keeps `\w{1,64}` small.
fn plain_classes(written: &str) -> String {
    let mut out = String::with_capacity(written.len() + 16);
    let mut chars = written.chars().peekable();
    // Inside a class: how many characters of it have been seen, a leading `^` not counted.
    let mut class: Option<usize> = None;
    while let Some(c) = chars.next() {
        class = class.map(|n| n + 1);
        match (c, class) {
            ('\\', _) => match chars.next() {
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('s') => out.push_str(r"[\t\n\x0B\x0C\r ]"),
                Some('S') => out.push_str(r"[^\t\n\x0B\x0C\r ]"),
                Some('b') if class.is_none() => out.push_str(r"(?-u:\b)"),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            ('[', None) => {
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                class = Some(0);
            }
            ('[', Some(_)) if chars.peek() == Some(&':') => {
                // A POSIX class, to its end.
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            ('[' | '&' | '~', Some(_)) => out.extend(['\\', c]),
            (']', Some(n)) if n > 1 => {
                out.push(']');
                class = None;
            }
            (']', Some(_)) => out.push_str(r"\]"),
            _ => out.push(c),
        }
    }
    out
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
impl Eq for Expression {}
impl Hash for Expression {
    fn hash<H: Hasher>(&self, h: &mut H) {
        self.source.hash(h);
    }
}

/// How two fields of one event are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Likeness {
    Equal,
    Contains,
    Starts,
    Ends,
}

/// One question asked of one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// The field is there, even without a value.
    Exists,
    /// The field has a value.
    Valued,
    /// The pattern matches; unless `cased` it is folded already.
    Text { pattern: Pattern, cased: bool },
    /// The expression is found.
    Regex(Expression),
    /// The address lies in it.
    Net(IpNet),
    /// The number compares so.
    Number(Compare, Number),
    /// The part of the date compares so.
    Date(TimePart, Compare, i64),
    /// Compared with the value of another field; `holds` can't tell.
    Field { other: crate::matcher::FieldName, like: Likeness, cased: bool },
}

impl Test {
    /// Does it hold of this value?
    pub fn holds(&self, value: ValueRef<'_>) -> bool {
        let mut room = String::new();
        match self {
            Self::Exists => true,
            _ if matches!(value, ValueRef::Null) => false,
            Self::Valued => true,
            Self::Text { pattern, cased: true } => pattern.matches(text_of(value, &mut room)),
            Self::Text { pattern, cased: false } => pattern.matches(&fold(text_of(value, &mut room))),
            Self::Regex(e) => e.regex.is_match(text_of(value, &mut room)),
            Self::Net(net) => address_of(value).is_some_and(|a| net.contains(&a)),
            Self::Number(compare, bound) => Number::of(value).is_some_and(|n| compare.admits(n.order(*bound))),
            Self::Date(part, compare, bound) => part.of(value).is_some_and(|n| compare.admits(n.cmp(bound))),
            Self::Field { .. } => false,
        }
    }
    /// The same, of a value whose text and folded text are known.
    pub fn holds_as(&self, value: ValueRef<'_>, text: &str, folded: &str) -> bool {
        match self {
            Self::Text { .. } | Self::Regex(_) if matches!(value, ValueRef::Null) => false,
            Self::Text { pattern, cased: true } => pattern.matches(text),
            Self::Text { pattern, cased: false } => pattern.matches(folded),
            Self::Regex(e) => e.is_match(text),
            other => other.holds(value),
        }
    }
    /// The texts that it looks for, folded or not.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        let parts = if let Self::Text { pattern, .. } = self { pattern.parts() } else { &[] };
        parts.iter().filter_map(|p| if let crate::pattern::Part::Text(t) = p { Some(t.as_str()) } else { None })
    }
    /// What it takes to look for it in a value, beside a look at one end of it.
    pub fn work(&self) -> u32 {
        match self {
            Self::Text { pattern, .. } => match pattern.shape() {
                Shape::Contains(_) => 4,
                Shape::Glob => 6,
                _ => 1,
            },
            Self::Regex(_) => 12,
            Self::Date(..) => 2,
            Self::Field { .. } | Self::Exists | Self::Valued | Self::Net(_) | Self::Number(..) => 1,
        }
    }
    /// How often it is likely to hold, in thousandths; only the order of rules' tests rests on it.
    pub fn likelihood(&self) -> u32 {
        match self {
            Self::Exists | Self::Valued => 900,
            Self::Regex(_) => 60,
            Self::Net(_) => 300,
            Self::Number(..) | Self::Date(..) => 400,
            Self::Field { .. } => 1_000,
            Self::Text { pattern, .. } => match pattern.shape() {
                Shape::Anything => 900,
                Shape::Exact(t) => {
                    if t.len() < 5 {
                        60
                    } else {
                        8
                    }
                }
                _ => match pattern.longest().map_or(0, str::len) {
                    0 => 900,
                    1 => 400,
                    2 => 200,
                    3 => 80,
                    4 => 40,
                    5..8 => 15,
                    8..12 => 8,
                    _ => 3,
                },
            },
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("exists"),
            Self::Valued => f.write_str("has a value"),
            Self::Text { pattern, .. } => match pattern.shape() {
                Shape::Exact(t) => write!(f, "= '{t}'"),
                Shape::Starts(t) => write!(f, "startswith '{t}'"),
                Shape::Ends(t) => write!(f, "endswith '{t}'"),
                Shape::Contains(t) => write!(f, "contains '{t}'"),
                Shape::Anything => f.write_str("has a value"),
                Shape::Glob => write!(f, "like '{pattern}'"),
            },
            Self::Regex(e) => write!(f, "re '{}'", e.source()),
            Self::Net(n) => write!(f, "in {n}"),
            Self::Number(c, n) => match n {
                Number::Int(n) => write!(f, "{} {n}", c.sign()),
                Number::Float(n) => write!(f, "{} {n}", c.sign()),
            },
            Self::Date(p, c, n) => write!(f, "{} {} {n}", p.name(), c.sign()),
            Self::Field { other, like, .. } => {
                let word = match like {
                    Likeness::Equal => "=",
                    Likeness::Contains => "contains",
                    Likeness::Starts => "startswith",
                    Likeness::Ends => "endswith",
                };
                write!(f, "{word} field {}", other.text)
            }
        }
    }
}

/// The text of a value as rules compare it, cut at `MATCH_BYTES_MAX`; `room` holds it where it has to be written.
pub(crate) fn text_of<'v>(value: ValueRef<'v>, room: &'v mut String) -> &'v str {
    use std::fmt::Write as _;
    room.clear();
    let written = match value {
        ValueRef::Text(t) => return cut(t, MATCH_BYTES_MAX),
        ValueRef::Bool(true) => return "true",
        ValueRef::Bool(false) => return "false",
        ValueRef::Null => return "",
        ValueRef::Int(n) => write!(room, "{n}"),
        ValueRef::Float(n) => write!(room, "{n:?}"),
        ValueRef::Ip(a) => write!(room, "{a}"),
    };
    debug_assert!(written.is_ok(), "writing to a string can't fail");
    room
}

/// `text` cut to at most `bytes`, at a character's edge.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

/// The address that a value is or says; v4 mapped into v6 counts as v4.
pub(crate) fn address_of(value: ValueRef<'_>) -> Option<IpAddr> {
    match value {
        ValueRef::Ip(a) => Some(a.to_canonical()),
        ValueRef::Text(t) if t.len() <= 64 => {
            // A dot or a colon is in every address; most text is refused by its first character.
            let t = t.trim();
            t.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':' || c == '[')
                .then(|| t.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok())
                .flatten()
                .map(|a| a.to_canonical())
        }
        _ => None,
    }
}

/// Does the pair of values satisfy a comparison of fields?
pub(crate) fn alike(value: ValueRef<'_>, other: ValueRef<'_>, like: Likeness, cased: bool) -> bool {
    if matches!(value, ValueRef::Null) || matches!(other, ValueRef::Null) {
        return false;
    }
    let (mut a, mut b) = (String::new(), String::new());
    let (a, b) = (text_of(value, &mut a), text_of(other, &mut b));
    let compare = |a: &str, b: &str| match like {
        Likeness::Equal => a == b,
        Likeness::Contains => a.contains(b),
        Likeness::Starts => a.starts_with(b),
        Likeness::Ends => a.ends_with(b),
    };
    if cased { compare(a, b) } else { compare(&fold(a), &fold(b)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly_and_refuse_words() {
        let big = Number::Int(9_007_199_254_740_993);
        assert!(
            Test::Number(Compare::Gt, Number::Int(9_007_199_254_740_992)).holds(ValueRef::Int(9_007_199_254_740_993))
        );
        assert_eq!(Number::parse(" 12 "), Some(Number::Int(12)));
        assert_eq!(Number::parse("nan"), None);
        assert_eq!(Number::parse("1e999"), None);
        assert_ne!(big, Number::Int(1));
        assert!(Test::Number(Compare::Gte, Number::Float(1.5)).holds(ValueRef::Text("2")));
    }

    #[test]
    fn expressions_are_pcre() {
        let found = |re: &str, text: &str| Expression::new(re, false, false, false).unwrap().regex.is_match(text);
        assert!(found(r"^\w+$", "abc_1"));
        assert!(!found(r"^\w+$", "가"));
        assert!(found(r"^[\w-.]+$", "a-b.c"));
        assert!(found(r"^[[]x[]]$", "[x]"));
        assert!(found(r"[[:alpha:]]\d", "a1"));
        assert!(found(r"^[a&&b]+$", "a&b"));
        assert!(found(r"\bcmd\b", "x cmd."));
        assert!(found(r"-k\s\w{1,64}(?:\s?(?:-p|-s))?", "-k netsvcs -p"));
        assert!(Expression::new("(a", false, false, false).unwrap_err().contains("(a"));
        assert!(Expression::new(r"(?=x)", false, false, false).unwrap_err().contains("look"));
        assert!(Expression::new("((a{1000}){1000}){1000}", false, false, false).is_err());
    }

    #[test]
    fn characters_of_a_line_are_counted_as_the_expression_would() {
        for (re, known) in [(".{3,}", true), (".{3}", true), (".{0,2}", true), (".{2,5}a", false), (".{3,}|b", false)] {
            let e = Expression::new(re, true, false, false).unwrap();
            assert_eq!(e.line_chars.is_some(), known, "{re}");
            for text in ["", "a", "ab", "abc", "ab\nab", "가나다", "가\n나다", "ab\n", "ab\rc", "\n\n\nabcd\n"] {
                assert_eq!(e.is_match(text), e.regex.is_match(text), "{re} {text:?}");
            }
        }
        assert_eq!(Expression::new(".{3,}", false, false, true).unwrap().line_chars, None);
    }

    #[test]
    fn dates_count_as_written() {
        let at = ValueRef::Text("2026-03-01T23:15:00+09:00");
        assert_eq!(TimePart::Hour.of(at), Some(23));
        assert_eq!(TimePart::Month.of(at), Some(3));
        assert_eq!(TimePart::Year.of(ValueRef::Int(0)), Some(1970));
        assert_eq!(TimePart::Hour.of(ValueRef::Text("tomorrow")), None);
        assert_eq!(TimePart::Day.of(ValueRef::Text("2026-03-09")), Some(9));
    }

    #[test]
    fn a_net_holds_addresses_however_written() {
        let net = Test::Net("192.0.2.0/24".parse().unwrap());
        assert!(net.holds(ValueRef::Text("::ffff:192.0.2.7")));
        assert!(net.holds(ValueRef::Ip("192.0.2.7".parse().unwrap())));
        assert!(!net.holds(ValueRef::Text("192.0.2.7.example")));
    }
}
