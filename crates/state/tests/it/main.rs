//! The state store against a real file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod accounts;
mod agents;
mod alerts;
mod audit;
mod blocks;
mod scope;
mod town;
