//! Agent ⇄ center messages over one mTLS connection; no I/O.
//!
//! Invariants: a peer's bytes never panic and never make us hold more than the named limits; identity never
//! stands in a message (the certificate, or the enrolment token, says who speaks); a message kind we do not know
//! is skipped and counted, so that either side may be the newer one.
//!
//! Compatibility: the kind numbers in `wire.rs` are frozen. A field may be added at the *end* of a message
//! struct only together with a new [`PROTOCOL_VERSION`]; anything else is a new kind.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod agent;
mod center;
mod codec;
pub mod limits;
mod record;
mod token;
mod wire;

pub use agent::{
    AgentMessage, BlockOutcome, BlockReport, BlockResult, BlocksState, Enforcement, EnforcementState, Enrol, Hello,
    InputStatus, Renew, SpoolStatus, Status,
};
pub use center::{
    AgentConfig, Blocks, BlocksDelta, CenterMessage, Config, Direction, EnforceConfig, Enrolled, InputConfig,
    InputKind, KillSwitch, SpoolConfig, WantedBlock, Welcome,
};
pub use codec::{CodecError, Decoder, Message, encode};
pub use record::{AgentRecord, InputId, Records};
pub use token::{EnrolToken, SECRET_BYTES, TOKEN_PREFIX, TokenError};

/// Version of the messages, said in `Hello` and `Welcome`. The older of both sides rules.
pub const PROTOCOL_VERSION: u16 = 1;
