//! The event store: columnar files, their manifest and their queries.
//!
//! Invariant: the columnar engine and its file library are named in this crate and nowhere else; no type of theirs
//! leaves it. Every answer is bounded by a `Scope`, in rows, memory and time.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod answer;
mod columns;
mod compact;
mod compile;
mod engine;
mod error;
mod export;
mod file;
mod lake;
mod manifest;
mod memory;
mod options;
mod partition;
mod predicate;
pub mod query;
mod row;
mod scan;
mod schema;
mod search;
mod store;
mod text;
mod tokens;

pub use answer::{
    Answer, Count, Cursor, ExportFormat, Facet, FacetValue, Histogram, LakeStatus, Page, Row, Scanned, Table, TimeRange,
};
pub use error::{LakeError, Result};
pub use lake::{Compacted, LOAD_EPOCH_FIRST, Lake, Loader, Position};
pub use options::{
    BUCKETS_MAX, GROUPS_MAX, LakeOptions, Limits, PAGE_ROWS_MAX, QUERY_BYTES_MAX, QUERY_DEPTH_MAX, SQL_BYTES_MAX,
};
pub use query::{Names, NoNames, Query, QueryError};
