//! Everything the parser promises, from outside: samples, hostile bytes, speed of nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod hostile;
mod samples;
mod shared;
mod vary;
mod windows;
