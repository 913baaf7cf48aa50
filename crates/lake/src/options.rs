//! Limits of the lake, each named with its unit, and the options a caller may set.

use std::time::Duration;

/// Rows of one row group: what the token filter can skip at once.
pub const ROW_GROUP_ROWS: usize = 65_536;
/// Rows of one data page: what a search can skip inside a row group.
pub const PAGE_ROWS: usize = 2_048;
/// Rows of a compacted file, about; a file this large is left alone.
pub const FILE_ROWS_TARGET: usize = 1_048_576;
/// Rows of one in-memory batch and of one batch in a query.
pub const BATCH_ROWS: usize = 8_192;
/// Batches of events waiting to become searchable; a full queue holds `append` back.
pub const QUEUE_BATCHES_MAX: usize = 64;
/// How long a batch may wait for company before it becomes searchable, milliseconds.
pub const LINGER_MILLIS: u64 = 100;
/// Longest wait of `append` for a full queue, seconds; then it answers `Backlog`.
pub const APPEND_WAIT_SECONDS: u64 = 5;
/// Longest wait of a query for events appended before it, milliseconds.
pub const SETTLE_MILLIS_MAX: u64 = 2_000;
/// Queries at once; one more is refused with `Busy` after waiting its own deadline.
pub const QUERIES_MAX: usize = 8;
/// Threads that run queries, and partitions of one query.
pub const QUERY_THREADS: usize = 2;
/// Memory for Parquet footers kept between queries, bytes.
pub const FOOTER_CACHE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Days of one agency that get files of their own in one flush; the rest share one.
pub const DAYS_PER_FLUSH_MAX: usize = 32;
/// Files of like size in one folder before they are joined.
pub const COMPACT_FILES_MIN: usize = 8;
/// Files joined in one step, at most; together at most `FILE_ROWS_TARGET` rows.
pub const COMPACT_FILES_MAX: usize = 32;
/// A folder is joined whole once nothing was added to it for so long, seconds.
pub const COMPACT_COLD_SECONDS: i64 = 3_600;
/// Rows read at once of each file being joined.
pub const COMPACT_READ_ROWS: usize = 1_024;
/// Pause after a failed write before it is tried again, seconds.
pub const RETRY_SECONDS: u64 = 5;
/// How often the lake looks whether a flush is due, milliseconds.
pub const TICK_MILLIS: u64 = 250;
/// Longest query text, bytes.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Most terms in a query.
pub const QUERY_TERMS_MAX: usize = 512;
/// Deepest nesting of parentheses and NOTs.
pub const QUERY_DEPTH_MAX: usize = 32;
/// Longest SQL text, bytes.
pub const SQL_BYTES_MAX: usize = 64 * 1024;
/// Rows of one step of an export.
pub const EXPORT_PAGE_ROWS: usize = 8_192;
/// Operators, keywords and opening parentheses of one SQL text: what makes its plan deep.
pub const SQL_OPERATORS_MAX: usize = 400;
/// Stack of a query thread, bytes; only what is used takes memory.
pub const QUERY_STACK_BYTES: usize = 16 * 1024 * 1024;
/// Most rows of one page of search results.
pub const PAGE_ROWS_MAX: usize = 10_000;
/// Rows of the first window that a search looks through, newest first; each further window is sixteen times as large.
pub const WINDOW_ROWS_FIRST: f64 = 262_144.0;
/// Most groups that `count by` and `top` answer with; the rest are told by `truncated`.
pub const GROUPS_MAX: usize = 10_000;
/// Rows looked at for facets, newest first; more are told by `sampled`.
pub const FACET_ROWS_MAX: u64 = 1_000_000;
/// Distinct values counted per facet; more are told by `sampled`.
pub const FACET_VALUES_MAX: usize = 50_000;
/// Most buckets of a histogram.
pub const BUCKETS_MAX: usize = 1_000;

/// How a lake is kept.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// Rows in memory at which they are written to files.
    pub flush_rows: usize,
    /// Bytes in memory at which they are written to files.
    pub flush_bytes: usize,
    /// Age of the oldest row in memory at which they are written to files.
    pub flush_age: Duration,
    /// How often the lake compacts by itself, one bounded step; `None`: only when asked.
    pub compact_every: Option<Duration>,
    /// zstd level of new files.
    pub zstd_level: i32,
    /// zstd level of compacted files.
    pub zstd_level_compacted: i32,
}

impl Default for LakeOptions {
    fn default() -> Self {
        Self {
            flush_rows: 200_000,
            flush_bytes: 64 * 1024 * 1024,
            flush_age: Duration::from_secs(60),
            compact_every: Some(Duration::from_secs(120)),
            zstd_level: 1,
            zstd_level_compacted: 6,
        }
    }
}

/// What one query may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most rows of the answer.
    pub rows: usize,
    /// Memory, bytes.
    pub memory: usize,
    /// Time.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 200, memory: 256 * 1024 * 1024, deadline: Duration::from_secs(30) }
    }
}
