//! Enforcement devices: what each can do, apply a difference, read back, measure.
//!
//! Invariants: an enforcement point checks every block again by itself (never-block, expiry, width) before it
//! touches a device, whoever asked for it; a device changes in one step or not at all; what is reported was read
//! back from the device, never taken from memory; every block held has an end that needs nobody to be alive.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod confirm;
pub mod conntrack;
mod device;
pub mod devices;
mod guard;
pub mod host;
pub mod limits;
mod netlink;
mod point;
mod watch;

pub use confirm::{Confirm, Verdict};
pub use device::{Abilities, Answer, Applied, Device, DeviceError, Element, Found, FoundIndex, Traffic, Wish};
pub use guard::{Guard, Refusal};
pub use point::{Kept, Now, Point};
pub use watch::RulesetWatch;
