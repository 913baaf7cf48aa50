//! The agent: collects an office's logs into a spool, brings them to the center, and enforces blocks.
//!
//! Invariants:
//! * a line is read past only together with its place in the spool, so that after `kill -9` each line is sent once;
//! * nothing is sent before it is durable here, so that a sequence never means two lines;
//! * the private key is made here and never leaves; who the agent is stands in its certificate alone;
//! * what to collect and what to block comes from the center alone, and holds on while the center is away;
//! * every queue is bounded: when the disk is slow or full, files wait, TCP senders wait, datagrams are counted lost.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod cli;
mod collectors;
mod config;
mod enforce;
mod enrol;
mod feed;
mod folder;
mod identity;
pub mod limits;
mod link;
mod places;
mod resolve;
mod run;
mod session;
mod shared;
mod status;
mod tls;

pub use enrol::enrol;
pub use folder::{Folder, LocalConfig};
pub use run::{Agent, Stop};
pub use status::StatusFile;
