//! The center's routes, asked as the network asks them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod authorization;
mod city;
mod live;
mod rules;
mod sessions;
mod work;
