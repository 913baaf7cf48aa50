//! A YAML value, bounded in size and depth, mappings in order.
//!
//! Invariant: reading never expands aliases beyond `FILE_NODES_MAX` values, and a broken document leaves the others
//! of its file readable.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::limits::{FILE_DOCUMENTS_MAX, FILE_NODES_MAX, NODE_DEPTH_MAX};

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in order.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value under a key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }
    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(t) = self { Some(t) } else { None }
    }
    /// The mapping, if it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&[(String, Self)]> {
        if let Self::Map(m) = self { Some(m) } else { None }
    }
    /// A list as it is, anything else as a list of one, null as an empty list.
    #[must_use]
    pub fn as_list(&self) -> &[Self] {
        match self {
            Self::List(l) => l,
            Self::Null => &[],
            one => std::slice::from_ref(one),
        }
    }
    /// The text of a scalar, as Sigma compares it: numbers in decimal, truth values as `true` and `false`.
    #[must_use]
    pub fn scalar(&self) -> Option<String> {
        match self {
            Self::Bool(b) => Some(b.to_string()),
            Self::Int(n) => Some(n.to_string()),
            Self::Float(f) => Some(format!("{f:?}")),
            Self::Text(t) => Some(t.clone()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }
    /// What it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
    /// The same as JSON, for events that stand in cases.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            Self::Int(n) => (*n).into(),
            Self::Float(f) => (*f).into(),
            Self::Text(t) => t.as_str().into(),
            Self::List(l) => serde_json::Value::Array(l.iter().map(Self::to_json).collect()),
            Self::Map(m) => serde_json::Value::Object(m.iter().map(|(k, v)| (k.clone(), v.to_json())).collect()),
        }
    }
}

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// Line on which its text begins, from 1.
    pub line: usize,
    /// Its text.
    pub text: &'a str,
    /// What it says, or the line and the reason why it can't be read.
    pub node: Result<Node, (usize, String)>,
}

/// The documents of a file; empty ones are left out.
pub(crate) fn documents(text: &str) -> Vec<Document<'_>> {
    let budget = Cell::new(FILE_NODES_MAX);
    let mut out = Vec::new();
    for (line, text) in split(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        if out.len() == FILE_DOCUMENTS_MAX {
            let reason = format!("more than {FILE_DOCUMENTS_MAX} documents in one file: split the file");
            out.push(Document { line, text, node: Err((line, reason)) });
            break;
        }
        let node =
            Seed { budget: &budget, depth: 0 }.deserialize(serde_yaml_ng::Deserializer::from_str(text)).map_err(|e| {
                let at = e.location().map_or(line, |l| line + l.line().saturating_sub(1));
                (at, brief(&e.to_string()))
            });
        if !matches!(node, Ok(Node::Null)) {
            out.push(Document { line, text, node });
        }
    }
    out
}

/// YAML's own messages end in a position; ours names the line already.
fn brief(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

/// Cut at the document markers: a `---` at the start of a line, which no YAML content can hold.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut start_line) = (0, 1);
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let marker = line.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty());
        if marker {
            parts.push((start_line, text.get(start..offset).unwrap_or("")));
            start = offset + line.len();
            start_line = number + 2;
        }
        offset += line.len();
    }
    parts.push((start_line, text.get(start..).unwrap_or("")));
    parts
}

#[derive(Clone, Copy)]
struct Seed<'b> {
    budget: &'b Cell<usize>,
    depth: usize,
}

impl Seed<'_> {
    fn take<E: de::Error>(self) -> Result<(), E> {
        if self.depth > NODE_DEPTH_MAX {
            return Err(E::custom(format!("values are nested deeper than {NODE_DEPTH_MAX}")));
        }
        match self.budget.get().checked_sub(1) {
            Some(left) => {
                self.budget.set(left);
                Ok(())
            }
            None => Err(E::custom(format!("more than {FILE_NODES_MAX} values in one file, aliases counted"))),
        }
    }
    fn deeper(self) -> Self {
        Self { budget: self.budget, depth: self.depth + 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Node, D::Error> {
        self.take()?;
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain YAML value")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Node, E> {
        Ok(Node::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Node, E> {
        Ok(Node::Int(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Node, E> {
        Ok(i64::try_from(v).map_or_else(|_| Node::Text(v.to_string()), Node::Int))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Node, E> {
        Ok(Node::Float(v))
    }
    fn visit_str<E>(self, v: &str) -> Result<Node, E> {
        Ok(Node::Text(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Node, E> {
        Ok(Node::Text(v))
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = seq.next_element_seed(self.deeper())? {
            list.push(node);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut out: Vec<(String, Node)> = Vec::new();
        let mut merged = Vec::new();
        while let Some(key) = map.next_key_seed(self.deeper())? {
            let key = key.scalar().ok_or_else(|| de::Error::custom("a key of a mapping must be text"))?;
            let value = map.next_value_seed(self.deeper())?;
            if key == "<<" {
                merged.push(value);
            } else if out.iter().any(|(k, _)| *k == key) {
                return Err(de::Error::custom(format!("the key `{key}` is given twice: join the two into one list")));
            } else {
                out.push((key, value));
            }
        }
        for more in merged {
            for (k, v) in more.as_map().unwrap_or_default() {
                if !out.iter().any(|(known, _)| known == k) {
                    out.push((k.clone(), v.clone()));
                }
            }
        }
        Ok(Node::Map(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_lines_and_fail_alone() {
        let docs = documents("---\na: 1\n---\nb: [\n---\n# nothing\n---\nc: x\n");
        assert_eq!(docs.len(), 3);
        assert_eq!(docs[0].line, 2);
        assert_eq!(docs[0].node, Ok(Node::Map(vec![("a".into(), Node::Int(1))])));
        assert!(docs[1].node.as_ref().is_err_and(|(line, _)| *line >= 4), "{:?}", docs[1].node);
        assert_eq!(docs[2].node.as_ref().unwrap().get("c"), Some(&Node::Text("x".into())));
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..20 {
            let one = format!("*a{}", i - 1);
            bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![one; 10].join(",")));
        }
        let docs = documents(&bomb);
        let (_, reason) = docs[0].node.as_ref().unwrap_err();
        assert!(reason.contains("aliases counted") || reason.contains("repetition"), "{reason}");
    }

    #[test]
    fn deep_nesting_and_double_keys_are_refused() {
        assert!(documents(&"[".repeat(5_000))[0].node.is_err());
        let deep = format!("{}x{}", "[".repeat(60), "]".repeat(60));
        assert!(documents(&deep)[0].node.as_ref().unwrap_err().1.contains("nested"));
        assert!(documents("a: 1\na: 2\n")[0].node.as_ref().unwrap_err().1.contains("twice"));
    }
}
