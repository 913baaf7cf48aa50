//! Search over the lake: one box, histogram, facets, one event whole.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ErrorBody;

/// A search.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// The box; empty finds all.
    pub q: String,
    /// RFC 3339; default 24 h before `to`.
    pub from: Option<String>,
    /// RFC 3339; default now.
    pub to: Option<String>,
    /// Rows, at most 500.
    pub limit: Option<u32>,
    /// From `next`.
    pub cursor: Option<String>,
    /// Histogram buckets (12 to 200, default 48).
    pub buckets: Option<u32>,
    /// Fields for facets, separated by commas.
    pub fields: Option<String>,
    /// `csv`, `jsonl` or `parquet` (export).
    pub format: Option<String>,
}

/// A row.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventRow {
    /// Event id.
    pub id: String,
    /// Event time.
    pub time: String,
    /// Agency name.
    pub agency: String,
    /// Source name.
    pub source: String,
    /// Class name.
    pub class: String,
    /// `success`, `failure`, `allow`, `deny` or empty.
    pub result: String,
    /// Where from: an address, else a host name.
    pub src: Option<String>,
    /// Where to: an address, else a host name.
    pub dst: Option<String>,
    /// One line of content.
    pub text: String,
}

/// Result of a search.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SearchPage {
    /// True as of.
    pub as_of: String,
    /// Matching events, all of them.
    pub total: u64,
    /// Is `total` exact?
    pub exact: bool,
    /// Events looked through.
    pub scanned: u64,
    /// Files there are in the time range.
    pub files_total: u32,
    /// Files read.
    pub files_read: u32,
    /// Milliseconds it took.
    pub took_ms: f64,
    /// Newest first.
    pub rows: Vec<EventRow>,
    /// Ask again with this.
    pub next: Option<String>,
    /// A piped query (`| count by`, `| top`, `| timechart`) answers with this table instead of rows.
    pub table: Option<Table>,
}

/// A table of a piped query.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Values, as text or numbers.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    pub rows: Vec<Vec<serde_json::Value>>,
}

/// The histogram.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Histogram {
    /// True as of.
    pub as_of: String,
    /// Start of the first bucket.
    pub from: String,
    /// End of the last.
    pub to: String,
    /// Length of a bucket, seconds.
    pub bucket_seconds: f64,
    /// Counts, oldest first.
    pub counts: Vec<u64>,
}

/// Top values of one field.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Facet {
    /// Field.
    pub field: String,
    /// Different values (may be capped).
    pub distinct: u64,
    /// Most frequent first.
    pub values: Vec<FacetValue>,
}

/// One value.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FacetValue {
    /// As shown.
    pub value: String,
    /// Events.
    pub count: u64,
    /// Share of events that have the field, 0 to 1.
    pub share: f64,
}

/// Facets.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Facets {
    /// True as of.
    pub as_of: String,
    /// In the order asked.
    pub facets: Vec<Facet>,
}

/// A field that can be asked for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FieldInfo {
    /// Name.
    pub name: String,
    /// `ip`, `int` or `text`.
    pub kind: String,
    /// OCSF path.
    pub ocsf: String,
    /// Other names.
    pub aliases: Vec<String>,
}

/// Fields.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Fields {
    /// All.
    pub fields: Vec<FieldInfo>,
}

/// Id in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct EventPath {
    /// Event id, as `1-48113902`.
    pub id: String,
}

/// A name and a value.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Pair {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// One event, whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventDetail {
    /// The row.
    pub row: EventRow,
    /// The raw line as text.
    pub raw: String,
    /// Encoding name.
    pub encoding: String,
    /// Format that read it.
    pub format: String,
    /// Time of receipt.
    pub receive_time: String,
    /// How it came.
    pub transport: String,
    /// Journal sequence.
    pub sequence: u64,
    /// Is the raw line in the journal still the same, by hash? Absent: the segment has retired.
    pub hash_ok: Option<bool>,
    /// Why it could not be read.
    pub unread: Option<String>,
    /// Columns that are set.
    pub fields: Vec<Pair>,
    /// The vendor's own fields.
    pub extra: Vec<Pair>,
    /// Cut, skewed…
    pub flags: Vec<String>,
}

/// Search.
#[utoipa::path(get, path = "/api/search", operation_id = "search", params(SearchQuery), responses((status = 200, body = SearchPage), (status = 400, body = ErrorBody)))]
pub fn search() {}
/// Its histogram.
#[utoipa::path(get, path = "/api/search/histogram", operation_id = "search_histogram", params(SearchQuery), responses((status = 200, body = Histogram), (status = 400, body = ErrorBody)))]
pub fn histogram() {}
/// Its facets.
#[utoipa::path(get, path = "/api/search/facets", operation_id = "search_facets", params(SearchQuery), responses((status = 200, body = Facets), (status = 400, body = ErrorBody)))]
pub fn facets() {}
/// One event.
#[utoipa::path(get, path = "/api/search/events/{id}", operation_id = "get_event", params(EventPath), responses((status = 200, body = EventDetail), (status = 404, body = ErrorBody)))]
pub fn event() {}
/// Download all matches, at most 1,000,000 rows.
#[utoipa::path(get, path = "/api/search/export", operation_id = "search_export", params(SearchQuery), responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = 400, body = ErrorBody)))]
pub fn export() {}
/// Fields that can be asked for.
#[utoipa::path(get, path = "/api/search/fields", operation_id = "search_fields", responses((status = 200, body = Fields)))]
pub fn fields() {}
