//! Sigma rules: rule → plan → match → correlate. Pure: no clock, no file, no socket, no randomness.
//!
//! Invariant: what [`RuleSet::detect`] says of an event is what evaluating each rule alone says of it.
//!
//! ```text
//! RuleSource ─load─> RuleSet ─detect(view, scratch)─> Detection ─feed─> Correlator ─> CorrelationHit
//! ```
//!
//! - [`RuleSet::load`] reads YAML texts; what can't be read comes back as [`LoadError`], the rest runs. A set is
//!   immutable: a center replaces it whole and calls [`Correlator::replace`].
//! - [`RuleSet::detect`] takes any [`EventView`]: our own `Event`, `serde_json::Value`, or [`Zoned`] for another
//!   zone than Korea's. One [`Scratch`] a thread.
//! - A [`Detection`] with `base_only` raises no alert: its rule only feeds a correlation. Feed every detection.
//! - [`Correlator::feed`] takes the event's live time; hits with `continued` update the alert that the first hit of
//!   the burst raised. [`Correlator::snapshot`] goes into the checkpoint.
//! - [`testing::run`] runs the `cases` that stand in the rules themselves.
//!
//! Names a rule may use for a field: the event's columns (`src_ip`), their OCSF paths and every alias
//! (`CommandLine`, `source.ip`), the vendor's own names, and [`Meta`] (`class`, `activity`, `status`, `format`,
//! `event_severity`, `hour`, `weekday`, …). Names compare without case.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod atom;
mod cases;
mod condition;
mod correlate;
mod explain;
mod json;
pub mod limits;
mod load;
mod logsource;
mod matcher;
mod modifier;
mod naive;
mod names;
mod node;
mod pattern;
mod pipeline;
mod plan;
mod read;
mod required;
mod rule;
mod set;
pub mod testing;
mod view;
mod window;

pub use correlate::{CorrelationHit, Correlator, Counters, Held, SnapshotError};
pub use json::{JsonError, JsonLine};
pub use node::Node;
pub use pipeline::Pipeline;
pub use rule::{
    Aliases, Body, Bound, Case, CaseInput, CaseLine, Correlation, CorrelationKind, Filter, Fire, Logsource, Matcher,
    Playbook, Rule,
};
pub use set::{
    Asked, AskedAtom, Cost, Detection, Language, LoadError, LoadOptions, Matched, ReadFile, RuleIdx, RuleSet,
    RuleSource, Scratch, Slot,
};
pub use view::{EventView, KOREA_OFFSET_SECONDS, Key, Meta, Zoned};
