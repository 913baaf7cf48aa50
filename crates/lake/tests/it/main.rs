//! What a user of the lake relies on, tested through its door.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod files;
mod hostile;
mod language;
mod once;
mod sample;
mod scope;
mod search;
mod sql;
