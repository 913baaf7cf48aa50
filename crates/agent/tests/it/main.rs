//! The agent as a user meets it: the real binary against a center that speaks the real uplink over real TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod center;
mod enforce;
mod host;
mod journald;
mod link;
mod speed;
mod syslog;
mod tail;
