//! Framing and listeners for syslog over UDP, TCP and TLS: for the center and for an agent at a site.
//!
//! Invariants:
//! * nothing is read from a connection before what was read earlier has been delivered: a slow store slows the senders,
//!   and a killed process loses no more than its socket buffers (and one read over TLS, the beginning of a line over TCP);
//! * nothing is dropped silently: what does not fit is cut, marked and counted; what the kernel drops is counted;
//! * every connection, handshake, line and queue has a named limit;
//! * absent here: any look at what a line says beyond telling lines apart.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod context;
mod counters;
mod datagram;
mod framer;
pub mod limits;
mod mmsg;
mod rate;
mod stream;

pub use context::{BindError, Clock, Context, Senders, Sink, Undelivered, system_clock};
pub use counters::{Counters, Snapshot, SourceCounters, SourceSnapshot};
pub use datagram::UdpListener;
pub use framer::{Framer, Line};
pub use limits::Limits;
pub use stream::StreamListener;
