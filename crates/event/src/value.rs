//! The value of a field.

use std::net::IpAddr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// One value. IP columns compare as addresses; text keeps the source's case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// An IP address.
    Ip(IpAddr),
    /// A whole number.
    Int(i64),
    /// Text, in the source's own case.
    Text(CompactString),
}

/// A borrowed value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// An IP address.
    Ip(IpAddr),
    /// A whole number.
    Int(i64),
    /// A number with a fraction (JSON events of hunts).
    Float(f64),
    /// A truth value (JSON events of hunts).
    Bool(bool),
    /// Text.
    Text(&'a str),
    /// The field is there and has no value.
    Null,
}

impl Value {
    /// Borrow it.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Ip(a) => ValueRef::Ip(*a),
            Self::Int(n) => ValueRef::Int(*n),
            Self::Text(t) => ValueRef::Text(t),
        }
    }
    /// The text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(t) = self { Some(t) } else { None }
    }
    /// The address, if it is one.
    #[must_use]
    pub fn as_ip(&self) -> Option<IpAddr> {
        if let Self::Ip(a) = self { Some(*a) } else { None }
    }
    /// The number, if it is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(n) = self { Some(*n) } else { None }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(a) => a.fmt(f),
            Self::Int(n) => n.fmt(f),
            Self::Text(t) => f.write_str(t),
        }
    }
}

impl From<IpAddr> for Value {
    fn from(a: IpAddr) -> Self {
        Self::Ip(a)
    }
}
impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}
impl From<&str> for Value {
    fn from(t: &str) -> Self {
        Self::Text(CompactString::from(t))
    }
}
impl From<CompactString> for Value {
    fn from(t: CompactString) -> Self {
        Self::Text(t)
    }
}
