//! A JSON line as an event, for those who ask more than which rules match: explanations, sentences, correlation.
//!
//! Invariant: it tells what the plan was told of the same line.

use bongsu_event::ValueRef;

use super::{Bits, JsonError, Raw, Sink, read, unescape};
use crate::names;
use crate::view::{EventView, Key};

/// A JSON line, read whole.
#[derive(Debug, Default)]
pub struct JsonLine {
    /// Names joined by dots, each with those that Sigma has for it.
    paths: Vec<(String, Vec<String>)>,
    values: Vec<(usize, Value)>,
}

#[derive(Debug)]
enum Value {
    Branch,
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
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
}

impl<'a> Sink<'a> for JsonLine {
    type Name = Option<usize>;
    fn name(&mut self, parent: Self::Name, key: &'a str, escaped: bool) -> Self::Name {
        let mut path = parent.and_then(|p| self.paths.get(p)).map(|(p, _)| format!("{p}.")).unwrap_or_default();
        if escaped {
            unescape(key, &mut path);
        } else {
            path.push_str(key);
        }
        let mut others = Vec::new();
        names::others(&path, &mut |other| others.push(other.to_owned()));
        self.paths.push((path, others));
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
            Raw::Value(ValueRef::Text(t)) => Value::Text(t.to_owned()),
            Raw::Value(ValueRef::Ip(_) | ValueRef::Null) => Value::Null,
            Raw::Digits(t) => t.parse().map_or(Value::Null, Value::Int),
            Raw::Escaped(t) => {
                let mut text = String::with_capacity(t.len());
                unescape(t, &mut text);
                Value::Text(text)
            }
        };
        self.values.extend(name.map(|n| (n, value)));
    }
}

impl EventView for JsonLine {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        for (name, value) in &self.values {
            let Some((path, others)) = self.paths.get(*name) else { continue };
            let value = match value {
                Value::Branch => {
                    f(Key::Branch(path), ValueRef::Null);
                    continue;
                }
                Value::Null => ValueRef::Null,
                Value::Bool(b) => ValueRef::Bool(*b),
                Value::Int(n) => ValueRef::Int(*n),
                Value::Float(n) => ValueRef::Float(*n),
                Value::Text(t) => ValueRef::Text(t),
            };
            f(Key::Name(path), value);
            for other in others {
                f(Key::Name(other), value);
            }
        }
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        for (_, value) in &self.values {
            if let Value::Text(t) = value {
                f(t);
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
