//! Limits of the uplink, each named with its unit.

use bongsu_event::limits::LINE_BYTES_MAX;

/// Longest frame, bytes, kind and body together.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest frame of a connection that has not yet shown who it is (enrolment), bytes.
pub const ENROL_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Most bytes a compressed body may unfold to.
pub const PLAIN_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most records in one `Records` message.
pub const RECORDS_MAX: usize = bongsu_event::limits::BATCH_RECORDS_MAX;
/// Raw bytes after which a sender should close a `Records` message and begin the next.
pub const RECORDS_RAW_BYTES_SOFT: usize = 2 * 1024 * 1024;
/// Longest raw line in a `Records` message, bytes.
pub const RECORD_RAW_BYTES_MAX: usize = LINE_BYTES_MAX;
/// Records messages an agent may have sent without an `Ack`; then it waits.
pub const RECORDS_IN_FLIGHT_MAX: usize = 8;
/// Seconds without any frame after which either side sends `Ping`.
pub const PING_SECONDS: u64 = 15;
/// Seconds without any frame after which the connection counts as dead.
pub const SILENCE_SECONDS_MAX: u64 = 45;
/// Seconds between two `Status` messages.
pub const STATUS_SECONDS: u64 = 10;
/// Most hours an enrolment token may be valid.
pub const TOKEN_HOURS_MAX: i64 = 24;
/// Longest enrolment token, characters.
pub const TOKEN_CHARS_MAX: usize = 2_048;
