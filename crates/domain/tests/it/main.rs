//! The safety of blocking against an oracle of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod decisions;
mod forged;
mod oracle;
