//! The query language: one box. Text becomes a [`Query`], a bounded tree; nothing here touches data.
//!
//! ```text
//! query  = or { "|" pipe }
//! or     = and { "OR" and }            and = not { ["AND"] not }          not = ["NOT" | "-"] unit
//! unit   = "(" or ")" | field ":" value | word | "phrase"
//! value  = word | "phrase" | wild*card | net/len | ">=" n | "[" a "TO" b "]" | "*" | "(" … ")"
//! pipe   = "count" ["by" f {"," f}] | "top" [n] f {"," f} | "timechart" [span] ["by" f]
//! ```
//!
//! Free text is a substring of the raw text without regard to case; a bare address is the whole address.

mod parse;
mod target;
mod value;

use bongsu_event::{AgencyId, Field, SourceId};

pub use target::{FieldInfo, fields};
pub(crate) use value::network;

/// A query that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What an event must satisfy; `None`: every event.
    pub filter: Option<Node>,
    /// What becomes of the events.
    pub pipe: Pipe,
}

impl Query {
    /// Every event.
    #[must_use]
    pub fn all() -> Self {
        Self { filter: None, pipe: Pipe::Rows }
    }
    /// Read a query. Agency and source names are looked up in `names`.
    ///
    /// # Errors
    /// Where the text cannot be read, with the nearest right spelling when there is one.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Self, QueryError> {
        parse::query(text, names)
    }
    /// The same without its pipe: the events it is about.
    #[must_use]
    pub fn events(&self) -> Self {
        Self { filter: self.filter.clone(), pipe: Pipe::Rows }
    }
}

/// Why a query cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// Where, in characters from the start.
    pub position: usize,
    /// What is wrong, for the person who wrote it.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl std::fmt::Display for QueryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at character {}: {}", self.position + 1, self.message)?;
        match &self.suggestion {
            Some(s) => write!(f, "; did you mean {s}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for QueryError {}

/// Names that people give agencies and sources; the lake stores their numbers.
pub trait Names {
    /// Agencies of that name (or short code); empty if unknown.
    fn agencies(&self, name: &str) -> Vec<AgencyId>;
    /// Sources of that name; empty if unknown.
    fn sources(&self, name: &str) -> Vec<SourceId>;
    /// The zone of times that are written without one.
    fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::UTC
    }
    /// Every agency name, for suggestions.
    fn agency_names(&self) -> Vec<String> {
        Vec::new()
    }
    /// Every source name, for suggestions.
    fn source_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// No names: only numbers are understood.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNames;

impl Names for NoNames {
    fn agencies(&self, _: &str) -> Vec<AgencyId> {
        Vec::new()
    }
    fn sources(&self, _: &str) -> Vec<SourceId> {
        Vec::new()
    }
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// All of them.
    And(Vec<Node>),
    /// Any of them.
    Or(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    /// Text in the raw line.
    Text(Pattern),
    /// An address as a whole anywhere in the raw line or an address column.
    Address(std::net::IpAddr),
    /// A condition on a column.
    Is(Target, Test),
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A hot column.
    Field(Field),
    /// Several hot columns, any of which may match (`any_ip`).
    AnyOf(&'static [Field]),
    /// A column of the lake that is no hot column, by its short name.
    Base(&'static str),
    /// A vendor's own field, under the vendor's name.
    Extra(String),
}

/// How it looks.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// There is a value.
    Exists,
    /// The text matches.
    Text(Pattern),
    /// The number, time in microseconds, or id lies in this span, ends included.
    Between(Option<i64>, Option<i64>),
    /// The number is one of these.
    Numbers(Vec<i64>),
    /// The address lies in this span, ends included; v4 as mapped v6.
    Addresses(u128, u128),
    /// It is true.
    True,
    /// It is false.
    False,
    /// Nothing satisfies it.
    Never,
}

/// Text to look for, without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// The whole value.
    Whole(String),
    /// Somewhere in it.
    Within(String),
    /// Pieces in this order, with anything between them.
    Wild {
        /// The pieces, none empty.
        pieces: Vec<String>,
        /// The value starts with the first piece.
        start: bool,
        /// The value ends with the last piece.
        end: bool,
    },
}

/// What becomes of the events.
#[derive(Clone, Debug, PartialEq)]
pub enum Pipe {
    /// They are shown, newest first.
    Rows,
    /// They are counted, by the values of these columns (short names).
    CountBy(Vec<String>),
    /// The most frequent values.
    Top(usize, Vec<String>),
    /// Counted over time.
    Timechart {
        /// Width of a bucket, seconds; `None`: chosen from the range.
        span: Option<i64>,
        /// And by the values of this column.
        by: Option<String>,
    },
}
