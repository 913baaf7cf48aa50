//! Limits of the intake, each named with its unit. The line limit stands in `bongsu_event::limits`.

use std::time::Duration;

/// Most connections at once, all listeners of one [`crate::Context`] together.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Most connections at once from one address.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// Most TLS handshakes under way at once.
pub const HANDSHAKES_MAX: usize = 128;
/// A TLS handshake must be done within this many seconds.
pub const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// A connection that says nothing for this many seconds is closed.
pub const IDLE_SECONDS_MAX: u64 = 3_600;
/// A line whose end does not come for this many seconds is kept as it is, marked unterminated.
pub const PARTIAL_SECONDS_MAX: u64 = 5;
/// A connection begins with a read buffer of this many bytes …
pub const READ_BYTES_MIN: usize = 16 * 1024;
/// … and, while it fills it, comes to this many. Of TLS, what a killed process has read and not stored is at most this;
/// plain TCP stays in the kernel's buffer until it is stored.
pub const READ_BYTES_MAX: usize = 512 * 1024;
/// Longest RFC 6587 count taken for one, bytes; a longer number is text.
pub const COUNTED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Receive buffer asked of the kernel for a UDP socket, bytes.
pub const UDP_RCVBUF_BYTES: usize = 64 * 1024 * 1024;
/// Datagrams taken in one system call.
pub const UDP_DATAGRAMS_PER_CALL: usize = 128;
/// Most bytes of datagrams waiting for the store; beyond it the kernel's buffer fills, then the kernel drops and counts.
pub const UDP_QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most datagrams waiting for the store.
pub const UDP_QUEUE_RECORDS_MAX: usize = 256 * 1024;
/// Most addresses whose rate is remembered.
pub const RATE_ADDRESSES_MAX: usize = 16 * 1024;

/// The limits that a configuration may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`CONNECTIONS_MAX`].
    pub connections: usize,
    /// See [`CONNECTIONS_PER_ADDRESS_MAX`].
    pub connections_per_address: usize,
    /// See [`HANDSHAKES_MAX`].
    pub handshakes: usize,
    /// See [`HANDSHAKE_SECONDS_MAX`].
    pub handshake: Duration,
    /// See [`IDLE_SECONDS_MAX`].
    pub idle: Duration,
    /// See [`PARTIAL_SECONDS_MAX`].
    pub partial: Duration,
    /// See [`READ_BYTES_MAX`].
    pub read_bytes: usize,
    /// See [`UDP_RCVBUF_BYTES`].
    pub udp_rcvbuf_bytes: usize,
    /// Lines a second from one address; TCP senders are slowed to it, datagrams beyond it dropped and counted.
    pub lines_per_second: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            connections_per_address: CONNECTIONS_PER_ADDRESS_MAX,
            handshakes: HANDSHAKES_MAX,
            handshake: Duration::from_secs(HANDSHAKE_SECONDS_MAX),
            idle: Duration::from_secs(IDLE_SECONDS_MAX),
            partial: Duration::from_secs(PARTIAL_SECONDS_MAX),
            read_bytes: READ_BYTES_MAX,
            udp_rcvbuf_bytes: UDP_RCVBUF_BYTES,
            lines_per_second: None,
        }
    }
}
