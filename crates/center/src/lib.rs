//! The center: pipeline, routes, jobs, accounts, configuration. A library; the binary plugs it together.
//!
//! Invariant: data flows left to right and never back; nothing is acknowledged before it is durable; every door into
//! the state or the lake takes a scope.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod agents;
pub mod app;
pub mod archive;
pub mod attack;
pub mod audit_head;
pub mod auth;
pub mod authority;
pub mod backtest;
pub mod blocks;
pub mod config;
pub mod costs;
pub mod coverage;
pub mod directory;
pub mod exceptions;
pub mod import;
pub mod jobs;
pub mod live;
pub mod pipeline;
pub mod routes;
pub mod rulebook;
pub mod serve;
pub mod start;
pub mod stream;
