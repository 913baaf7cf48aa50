//! The event model: what one log line becomes, and the words every other floor uses for it.
//!
//! Invariant: nothing here reads a clock, a file or a socket; an [`Event`] is immutable once `prepare` has
//! let go of it, and always carries the raw bytes it came from.
#![warn(missing_docs)]

mod event;
mod field;
mod id;
pub mod limits;
mod observable;
mod record;
mod scope;
mod time;
mod value;

pub use event::{Activity, Class, Encoding, Event, Evidence, Severity, Status, TimeFrom, Unread};
pub use field::{Field, FieldKind, FieldSet};
pub use id::{AgencyId, AgentId, EventId, SourceId};
pub use observable::{Observable, ObservableKind};
pub use record::{Framing, RawRecord, RecordFlags, SpoolPosition, Transport};
pub use scope::Scope;
pub use time::Micros;
pub use value::{Value, ValueRef};
