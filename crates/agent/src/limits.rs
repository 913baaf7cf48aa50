//! Limits of the agent, each named with its unit. Those of the wire stand in `bongsu_uplink::limits`, those of the
//! enforcement point in `bongsu_respond::limits`.

/// Bytes read from a file at once.
pub const READ_BYTES: usize = 128 * 1024;
/// Most bytes of lines handed to the spool in one step.
pub const BATCH_BYTES: usize = 256 * 1024;
/// Bytes at the head of a file that tell it from another with the same inode.
pub const HEAD_BYTES: usize = 256;
/// Most files followed at once.
pub const FILES_MAX: usize = 1_024;
/// Most names looked at in one folder.
pub const FOLDER_NAMES_MAX: usize = 20_000;
/// Seconds between two looks at the globs and at every file's size, should the kernel not have told us.
pub const POLL_SECONDS: u64 = 1;
/// A file that was renamed away or deleted is let go after it was quiet this long, seconds.
pub const QUIET_SECONDS: u64 = 30;
/// Seconds between two writes of where we stand in each file.
pub const PLACES_SECONDS: u64 = 2;
/// Most places remembered, of files that are there and that were.
pub const PLACES_MAX: usize = 1_536;
/// First pause before connecting again, milliseconds.
pub const BACKOFF_MILLIS_MIN: u64 = 100;
/// Longest pause before connecting again, milliseconds.
pub const BACKOFF_MILLIS_MAX: u64 = 5_000;
/// Pause before asking again after the center refused us, seconds.
pub const REFUSED_SECONDS: u64 = 60;
/// A connection must stand, TLS and welcome included, within this many seconds.
pub const CONNECT_SECONDS_MAX: u64 = 15;
/// Seconds between two probes of the center while a change waits for proof.
pub const PROBE_SECONDS: u64 = 1;
/// Messages of the enforcement point that wait for the connection.
pub const OUTBOX_MESSAGES_MAX: usize = 256;
/// Seconds between two looks at whether the certificate should be renewed.
pub const RENEW_LOOK_SECONDS: u64 = 60;
/// Seconds between two writes of the acknowledged position and the status.
pub const KEEP_SECONDS: u64 = 1;
/// Seconds between two tidyings of the spool.
pub const TIDY_SECONDS: u64 = 5;
/// Pause before a child (journalctl) or a listener that failed is tried again, seconds.
pub const RETRY_SECONDS: u64 = 10;
/// Longest line of journalctl's output, bytes.
pub const JOURNALD_LINE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most lines of journalctl in one step.
pub const JOURNALD_BATCH_LINES: usize = 1_024;
/// Most connections to a site's listener.
pub const SITE_CONNECTIONS_MAX: usize = 256;
/// Receive buffer of a site's UDP listener, bytes.
pub const SITE_UDP_RCVBUF_BYTES: usize = 8 * 1024 * 1024;
/// Seconds between two comparisons of wanted and found blocks when the center does not say.
pub const RECONCILE_SECONDS: u32 = 1;
/// The ruleset is looked at this long after somebody changed it, milliseconds: changes come in bursts.
pub const RULESET_CALM_MILLIS: u64 = 20;
/// Seconds between two looks at a device on which nothing is wanted.
pub const IDLE_LOOK_SECONDS: u64 = 30;
