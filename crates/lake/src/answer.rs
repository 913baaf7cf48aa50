//! What the lake answers: rows, tables, histograms, facets. Plain data, no type of the engine underneath.

use bongsu_event::{AgencyId, EventId, Micros, SourceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A span of event time, from (included) to (not included); `None` is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// First instant.
    pub from: Option<Micros>,
    /// First instant after it.
    pub to: Option<Micros>,
}

impl TimeRange {
    /// All time.
    pub const ALL: Self = Self { from: None, to: None };
    /// From `from` to before `to`.
    #[must_use]
    pub fn between(from: Micros, to: Micros) -> Self {
        Self { from: Some(from), to: Some(to) }
    }
    /// The part that both hold.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        let from = self.from.max(other.from);
        let to = match (self.to, other.to) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { from, to }
    }
}

/// Where a page of newest-first rows ended: the next page starts below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// Time of the last row.
    pub time: Micros,
    /// Its id.
    pub id: EventId,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.time.0, self.id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (time, id) = s.split_once('_').ok_or("a cursor is what the page before gave")?;
        Ok(Self { time: Micros(time.parse().map_err(|_| "a cursor is what the page before gave")?), id: id.parse()? })
    }
}

/// One event as the lake shows it: flat, short names, absent fields left out.
///
/// `fields` holds `id`, `time`, `receive_time` (RFC 3339 UTC), `agency_id`, `source_id`, `transport`, `format`,
/// `class`, `activity`, `status`, `event_severity`, `evidence`, `time_from`, `encoding`, `truncated`, `skewed`,
/// `unread`, every hot column under its short name (`bongsu_event::Field::name`), `extra` (an object of the
/// vendor's own fields), `raw` (text) and `raw_hash` (16 hex digits). `raw_b64` is present when the bytes are
/// not the UTF-8 of `raw`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The event.
    #[serde(skip)]
    pub id: EventId,
    /// Its time.
    #[serde(skip)]
    pub time: Micros,
    /// Whose it is.
    #[serde(skip)]
    pub agency: AgencyId,
    /// What sent it.
    #[serde(skip)]
    pub source: SourceId,
    /// Everything, flat.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// How much a query had to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scanned {
    /// Rows in the lake, within the scope.
    pub rows_total: u64,
    /// Rows of the row groups (and memory) that were read.
    pub rows_read: u64,
    /// Files in the lake, within the scope.
    pub files_total: u64,
    /// Files that were read.
    pub files_read: u64,
    /// Row groups in those files.
    pub groups_total: u64,
    /// Row groups that were read.
    pub groups_read: u64,
}

/// A page of events, newest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The events.
    pub rows: Vec<Row>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
    /// What was read for it.
    pub scanned: Scanned,
}

/// A number of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub rows: u64,
    /// What was read for it.
    pub scanned: Scanned,
}

/// Events over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Start of the first bucket.
    pub from: Micros,
    /// Width of a bucket, microseconds.
    pub width: i64,
    /// Events per bucket.
    pub counts: Vec<u64>,
    /// All of them.
    pub total: u64,
}

/// One value of a facet.
#[derive(Clone, Debug, PartialEq)]
pub struct FacetValue {
    /// The value as it is written in a query.
    pub value: String,
    /// Events that have it.
    pub count: u64,
    /// Share of all events looked at, 0 to 1.
    pub share: f64,
}

/// The most frequent values of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Facet {
    /// The field's short name.
    pub field: String,
    /// Distinct values seen.
    pub distinct: u64,
    /// Most frequent first.
    pub values: Vec<FacetValue>,
    /// Not every event or value was looked at.
    pub sampled: bool,
}

/// A table: the answer to a pipe or to SQL.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each with one value per column.
    pub rows: Vec<Vec<Value>>,
    /// More rows than allowed; these are the first.
    pub truncated: bool,
    /// What was read for it.
    pub scanned: Scanned,
}

/// Either, by what the query asks for.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Events.
    Rows(Page),
    /// The result of a pipe.
    Table(Table),
}

/// Files that `bongsu search` and the console export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma separated, with a header line.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Parquet with the lake's own columns.
    Parquet,
}

/// How the lake is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LakeStatus {
    /// Last event appended.
    pub position: EventId,
    /// Last event that is in files.
    pub durable: EventId,
    /// Rows in memory.
    pub memory_rows: u64,
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Data files.
    pub files: u64,
    /// Rows in them.
    pub file_rows: u64,
    /// Their bytes, token filters included.
    pub file_bytes: u64,
    /// Version of the manifest.
    pub version: u64,
    /// Why the last write failed, while it has not succeeded since.
    pub trouble: Option<String>,
}
