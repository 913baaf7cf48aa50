//! Sigma from the outside: rules in, detections out.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod cases;
mod community;
mod correlation;
mod costs;
mod equivalence;
mod hostile;
mod language;
mod mapping;
mod pipeline;
mod support;
mod taxonomy;
