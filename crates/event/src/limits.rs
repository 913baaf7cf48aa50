//! Limits of the event path, each named with its unit. A limit that bites marks and counts; it never drops silently.

/// Longest line kept whole, bytes; a longer one is cut here, marked `truncated` and counted.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Most records in one journal batch.
pub const BATCH_RECORDS_MAX: usize = 4_096;
/// Most raw bytes in one journal batch.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most vendor fields (`extra`) kept of one event; the rest stay in the raw line.
pub const EXTRA_FIELDS_MAX: usize = 256;
/// Longest single value kept in a column, bytes; the raw line keeps it whole.
pub const VALUE_BYTES_MAX: usize = 32 * 1024;
/// Event time counts for live windows only this near to receipt, seconds.
pub const LIVE_SKEW_SECONDS_MAX: i64 = 300;
