//! JSON walked value by value, without building a tree.
//!
//! Invariant: bounded in values and depth; of a line cut in the middle every value before the cut is still seen.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Most values looked at in one line; the rest stay in the raw bytes.
const VALUES_MAX: usize = 1024;
/// Longest path of names, bytes; deeper values are skipped.
const PATH_BYTES_MAX: usize = 512;

/// A value without parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Text(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
}

/// Call `visit` with the dotted path of each value, in order; an element of a list has the list's path. Nulls are left
/// out. Gives how many values were seen, and whether the text was whole.
pub(crate) fn walk(text: &str, visit: &mut dyn FnMut(&str, Scalar<'_>)) -> (usize, bool) {
    let mut state = State { path: String::with_capacity(64), visit, seen: 0 };
    let mut reader = serde_json::Deserializer::from_str(text);
    let whole = Value(&mut state).deserialize(&mut reader).is_ok();
    (state.seen, whole)
}

struct State<'v> {
    path: String,
    visit: &'v mut dyn FnMut(&str, Scalar<'_>),
    seen: usize,
}

impl State<'_> {
    fn tell(&mut self, value: Scalar<'_>) {
        if self.seen < VALUES_MAX && self.path.len() <= PATH_BYTES_MAX {
            self.seen += 1;
            (self.visit)(&self.path, value);
        }
    }
}

struct Value<'s, 'v>(&'s mut State<'v>);

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.tell(Scalar::Bool(value));
        Ok(())
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0.tell(Scalar::Int(value));
        Ok(())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.0.tell(Scalar::Int(value)),
            Err(_) => self.0.tell(Scalar::Text(&value.to_string())),
        }
        Ok(())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.tell(Scalar::Float(value));
        Ok(())
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.0.tell(Scalar::Text(value));
        Ok(())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let before = self.0.path.len();
        loop {
            if before > 0 {
                self.0.path.push('.');
            }
            let more = map.next_key_seed(Name(&mut self.0.path))?.is_some();
            if more {
                map.next_value_seed(Value(&mut *self.0))?;
            }
            self.0.path.truncate(before);
            if !more {
                return Ok(());
            }
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Value(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

struct Name<'s>(&'s mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        // deep nesting must not grow the path without bound
        if self.0.len() <= PATH_BYTES_MAX {
            self.0.push_str(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> (Vec<String>, bool) {
        let mut out = Vec::new();
        let (_, whole) = walk(text, &mut |path, value| out.push(format!("{path}={value:?}")));
        (out, whole)
    }

    #[test]
    fn values_with_their_paths() {
        let (out, whole) = seen(r#"{"a":{"b":1,"c":[true,{"d":"x\"y"}]},"e":1.5,"f":null,"g":18446744073709551615}"#);
        assert!(whole);
        assert_eq!(
            out,
            [
                "a.b=Int(1)",
                "a.c=Bool(true)",
                "a.c.d=Text(\"x\\\"y\")",
                "e=Float(1.5)",
                "g=Text(\"18446744073709551615\")"
            ]
        );
    }

    #[test]
    fn a_cut_line_keeps_what_was_before() {
        let (out, whole) = seen(r#"{"a":"b","c":"d"#);
        assert!(!whole);
        assert_eq!(out, ["a=Text(\"b\")"]);
        assert_eq!(seen("{").0.len(), 0);
        assert_eq!(seen(&"{\"a\":".repeat(10_000)).0.len(), 0);
        assert_eq!(seen(&"[".repeat(100_000)).0.len(), 0);
    }
}
