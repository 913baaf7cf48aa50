//! Limits of an enforcement point, each named with its unit.

/// Longest block a point accepts, hours, whatever the center says.
pub const BLOCK_HOURS_MAX: i64 = 30 * 24;
/// Widest IPv4 prefix a point accepts, bits.
pub const WIDEST_V4_BITS: u8 = 16;
/// Widest IPv6 prefix a point accepts, bits.
pub const WIDEST_V6_BITS: u8 = 32;
/// Most targets one point holds.
pub const TARGETS_MAX: usize = 10_000;
/// Most entries of a never-block list.
pub const NEVER_BLOCK_MAX: usize = 10_000;
/// A change counts as confirmed when the center was reached until this long after it, seconds.
pub const CONFIRM_SECONDS: u64 = 10;
/// The center must have answered a probe sent at least this long after the change, seconds.
pub const PROOF_SECONDS: u64 = 5;
/// A change that had worked this long before a later one came is not the later one's guilt, seconds.
pub const SETTLED_SECONDS: u64 = 1;
/// After a roll-back the center has this long to come back, seconds; if it does not, the change was not the cause.
pub const ACQUIT_SECONDS: u64 = 30;
/// A child process of a device may run this long, seconds.
pub const CHILD_SECONDS_MAX: u64 = 10;
/// Difference between wanted and found expiry that is left alone, microseconds (nft lists whole seconds).
pub const EXPIRY_SLACK_MICROS: i64 = 3_000_000;
/// Connections read from the kernel's table in one measurement; beyond it the count is unknown.
pub const CONNECTIONS_READ_MAX: usize = 500_000;
/// Routes read to find the gateways.
pub const ROUTES_READ_MAX: usize = 20_000;
/// Seconds after an insertion from which a connection still open counts against it.
pub const EFFECT_AFTER_SECONDS: i64 = 2;
/// Seconds between two measurements of open connections.
pub const MEASURE_SECONDS: u64 = 5;
