//! Scenarios over real binaries. Each makes its own folder and its own ports; those that need root or nftables say so and
//! skip by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod demo;
mod hunt;
mod kills;
mod laboratory;
mod range;
mod start;
