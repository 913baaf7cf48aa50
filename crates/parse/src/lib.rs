//! Log formats: bytes in, events out.
//!
//! Invariant: pure. No clock, no file, no socket; the same bytes with the same [`Context`] give the same event,
//! and no input panics. A line no format can read becomes an event of class `unparsed`, whole and searchable.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod blocks;
mod csv;
mod decode;
mod envelope;
mod flat;
pub mod formats;
mod generic;
mod header;
mod json;
mod kv;
mod line;
mod names;
mod net;
mod record;
mod records;
mod seek;
mod when;
pub mod windows;

pub use flat::flat;
pub use line::{Context, Line, SyslogHeader};
pub use record::{format_by_name, parse_record, recognise};
pub use records::{RecordError, record_of};
pub use when::time_of;

use bongsu_event::{Event, Unread};

/// One log format. A new one is `formats/<source>.rs` + `samples/<source>.md` + one line in [`formats::FORMATS`].
pub trait Format: Sync {
    /// The name used in `--format`, in `source add --format` and in the event.
    fn name(&self) -> &'static str;
    /// Could this be mine? Cheap: a few byte tests. 0 = no, 100 = certain (a magic word of this vendor at its place).
    /// Generic forms (key=value, JSON, bare syslog) stay below 30 so that vendors go first.
    fn confidence(&self, line: &Line<'_>) -> u8;
    /// Read the line into `event` (time, class, fields, evidence, forgeable). An error leaves the line to the next
    /// candidate; whatever was set before the error is thrown away by the caller.
    ///
    /// # Errors
    /// Why the line is not of this format, or is broken.
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread>;
}
