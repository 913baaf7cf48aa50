//! A JSON line as an event, for those who ask more than which rules match: explanations, sentences, correlation.
//!
//! Invariant: it tells what the plan was told of the same line.

use std::ops::Range;

use bongsu_event::ValueRef;

use super::{Bits, JsonError, Raw, Sink, read, unescape};
use crate::names;
use crate::view::{EventView, Key};

/// A JSON line, read whole.
#[derive(Debug, Default)]
pub struct JsonLine {
    /// Where names and texts lie.
    room: String,
    /// Names joined by dots, each with those that Sigma has for it.
    paths: Vec<(Span, Range<usize>)>,
    others: Vec<Span>,
    values: Vec<(usize, Value)>,
}

type Span = Range<usize>;

#[derive(Debug)]
enum Value {
    Branch,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Span),
}

impl JsonLine {
    /// Read a line that holds one JSON object.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn read(line: &[u8]) -> Result<Self, JsonError> {
        let mut this = Self::default();
        read(line, &mut Bits::default(), None, &mut this)?;
        Ok(this)
    }
    /// Read another line, whose bits are known, into the same memory.
    pub(crate) fn read_again(&mut self, line: &[u8], bits: &Bits) -> Result<(), JsonError> {
        self.room.clear();
        self.paths.clear();
        self.others.clear();
        self.values.clear();
        super::read_again(super::utf8(line)?, bits, None, self)
    }
    fn keep(&mut self, text: &str, escaped: bool) -> Span {
        let start = self.room.len();
        if escaped {
            unescape(text, &mut self.room);
        } else {
            self.room.push_str(text);
        }
        start..self.room.len()
    }
    fn text(&self, span: &Span) -> &str {
        self.room.get(span.clone()).unwrap_or("")
    }
}

impl<'a> Sink<'a> for JsonLine {
    type Name = Option<usize>;
    fn name(&mut self, parent: Self::Name, key: &'a str, escaped: bool) -> Self::Name {
        let start = self.room.len();
        if let Some((above, _)) = parent.and_then(|p| self.paths.get(p)) {
            self.room.extend_from_within(above.clone());
            self.room.push('.');
        }
        self.keep(key, escaped);
        let path = start..self.room.len();
        let (first, mut found) = (self.others.len(), Vec::new());
        names::others(self.text(&path), &mut |other| found.push(other.to_owned()));
        for other in found {
            let span = self.keep(&other, false);
            self.others.push(span);
        }
        self.paths.push((path, first..self.others.len()));
        Some(self.paths.len() - 1)
    }
    fn branch(&mut self, name: Self::Name) {
        self.values.extend(name.map(|n| (n, Value::Branch)));
    }
    fn leaf(&mut self, name: Self::Name, value: Raw<'a>) {
        let value = match value {
            Raw::Value(ValueRef::Bool(b)) => Value::Bool(b),
            Raw::Value(ValueRef::Int(n)) => Value::Int(n),
            Raw::Value(ValueRef::Float(n)) => Value::Float(n),
            Raw::Value(ValueRef::Text(t)) => Value::Text(self.keep(t, false)),
            Raw::Value(ValueRef::Ip(_) | ValueRef::Null) => Value::Null,
            Raw::Digits(t) => t.parse().map_or(Value::Null, Value::Int),
            Raw::Escaped(t) => Value::Text(self.keep(t, true)),
        };
        self.values.extend(name.map(|n| (n, value)));
    }
}

impl EventView for JsonLine {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        for (name, value) in &self.values {
            let Some((path, others)) = self.paths.get(*name) else { continue };
            let path = self.text(path);
            let value = match value {
                Value::Branch => {
                    f(Key::Branch(path), ValueRef::Null);
                    continue;
                }
                Value::Null => ValueRef::Null,
                Value::Bool(b) => ValueRef::Bool(*b),
                Value::Int(n) => ValueRef::Int(*n),
                Value::Float(n) => ValueRef::Float(*n),
                Value::Text(t) => ValueRef::Text(self.text(t)),
            };
            f(Key::Name(path), value);
            for other in self.others.get(others.clone()).unwrap_or_default() {
                f(Key::Name(self.text(other)), value);
            }
        }
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        for (_, value) in &self.values {
            if let Value::Text(t) = value {
                f(self.text(t));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that a view tells, in order.
    fn told(view: &dyn EventView) -> (Vec<String>, Vec<String>) {
        let (mut values, mut texts) = (Vec::new(), Vec::new());
        view.for_each(&mut |k, v| values.push(format!("{k:?} {v:?}")));
        view.for_each_text(&mut |t| texts.push(t.to_owned()));
        (values, texts)
    }

    #[test]
    fn it_tells_what_the_tree_tells() {
        for line in [
            r#"{"a":1,"b":"x\\y\"z","c":[1,"2",{"d":null}],"e":{},"f":[],"g":{"h":{"i":true}}}"#,
            "  { \"a b\" : -1.5e3 , \"n\" : [ ] , \"x\\ty\" : 12345678901234567890 }\r\n",
            r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"S"}},"EventID":{"#text":1}},"EventData":{"A b":"\u00e9"}}}"##,
            r#"{"winlog":{"event_id":1,"event_data":{"X":false}},"z":-0,"y":0,"big":9223372036854775807}"#,
        ] {
            let tree: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(told(&JsonLine::read(line.as_bytes()).unwrap()), told(&tree), "{line}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for line in [
            "",
            "x",
            "[1]",
            "{",
            "{}x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":\"x}",
            "{\"a\":tru}",
            "{\"a\":1e999}",
            "{\"a\":[1}",
            "{\"a\":-}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":[1,]}",
        ] {
            assert!(JsonLine::read(line.as_bytes()).is_err(), "{line}");
            assert!(serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(line).is_err(), "{line}");
        }
        assert_eq!(JsonLine::read(b"{\"a\":\"\xff\"}").unwrap_err().at, 6);
        assert!(JsonLine::read(b"{}").is_ok_and(|l| l.values.is_empty()));
    }

    #[test]
    fn deep_nesting_is_bounded() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(JsonLine::read(deep.as_bytes()).is_ok());
        assert!(JsonLine::read(&deep.as_bytes()[..3_000]).is_err());
    }
}
