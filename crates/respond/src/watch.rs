//! Wakes when anybody changes the kernel's ruleset, so that a flush by hand is repaired at once.
//!
//! Invariant: a hint only; the periodic comparison does not rely on it.

use std::io;

use rustix::{
    io::Errno,
    net::{SocketFlags, netlink::NETFILTER},
};
use tokio::net::UnixDatagram;

use crate::netlink;

/// Mask of the multicast group NFNLGRP_NFTABLES (7).
const NFTABLES_GROUP: u32 = 1 << 6;
/// Reads after which a busy notification queue is left for the next turn.
const READS_MAX: usize = 256;

/// Listens for changes of the ruleset in the network namespace of the calling thread.
#[derive(Debug)]
pub struct RulesetWatch {
    // Only readiness and recv(2) are used, which are the same for every socket that keeps message bounds.
    socket: UnixDatagram,
}

impl RulesetWatch {
    /// # Errors
    /// Without CAP_NET_ADMIN, or without nftables in the kernel.
    pub fn open() -> io::Result<Self> {
        let socket = netlink::open(Some(NETFILTER), NFTABLES_GROUP, SocketFlags::NONBLOCK)?;
        Ok(Self { socket: UnixDatagram::from_std(std::os::unix::net::UnixDatagram::from(socket))? })
    }

    /// Returns after the ruleset was changed by anybody, us included.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub async fn changed(&mut self) -> io::Result<()> {
        let mut buffer = [0u8; 4096];
        loop {
            self.socket.readable().await?;
            let mut seen = false;
            for _ in 0..READS_MAX {
                match self.socket.try_recv(&mut buffer) {
                    Ok(_) => seen = true,
                    // More changes than the kernel keeps for us: a change all the same.
                    Err(e) if e.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => seen = true,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                    Err(e) => return Err(e),
                }
            }
            if seen {
                return Ok(());
            }
        }
    }
}
