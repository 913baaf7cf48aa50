//! The journal and the agent's spool: append-only segments of compressed batches, group commit, hash chain.
//!
//! Invariants:
//! * acknowledged means on disk: a completion runs only after `fdatasync` of the batch that holds its records;
//! * sequences start at 1 and have no gaps, unless the folder was cut off from outside, which stays visible for ever;
//! * every byte of the folder is under a hash chain, and each group is one batch and one sync, so that only the very
//!   last batch can be torn;
//! * only a torn last batch is ever removed, and even its bytes are set aside in `<folder>.torn/`;
//! * absent here: any look at what the lines say, any network, any idea of agencies.
//!
//! The file format is described in `FORMAT.md` beside this crate's manifest.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod checkpoint;
mod encode;
mod error;
mod files;
mod format;
mod journal;
pub mod limits;
mod live;
mod queue;
mod reader;
mod recover;
mod retired;
mod scan;
mod spool;
mod verify;
mod writer;

pub use checkpoint::{Checkpoint, PublicKey, SigningKey};
pub use error::{AppendError, OpenError, ReadError};
pub use format::Hash;
pub use journal::{AlarmHook, Append, CheckpointOptions, Clock, Completion, Fault, Journal, OpenOptions, Stats};
pub use live::Tail;
pub use reader::{Batch, Reader, Records};
pub use recover::{CutOff, Recovery, Torn};
pub use retired::Retired;
pub use scan::{Damage, DamageKind};
pub use spool::{Spool, SpoolOptions, SpoolStats};
pub use verify::{CheckpointState, Report, verify};
