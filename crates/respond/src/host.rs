//! What the host says of itself: its own addresses and default gateways, which no block may ever touch.

use std::{collections::BTreeSet, io, net::IpAddr};

use rustix::net::SocketFlags;

use crate::{
    limits::ROUTES_READ_MAX,
    netlink::{self, Walk, address, attr, attrs, message, u16_at},
};

const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const IFADDRMSG_BYTES: usize = 8;
const RTMSG_BYTES: usize = 12;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_GATEWAY: u16 = 5;
const RTA_MULTIPATH: u16 = 9;
const RTA_VIA: u16 = 18;
const RTNEXTHOP_BYTES: usize = 8;

/// Own addresses and default gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Addresses of this host's interfaces.
    pub own: BTreeSet<IpAddr>,
    /// Gateways of its default routes.
    pub gateways: BTreeSet<IpAddr>,
}

/// Reads both from the kernel, for the network namespace of the calling thread.
///
/// # Errors
/// When the kernel does not answer over rtnetlink.
pub fn read() -> io::Result<HostFacts> {
    let mut facts = HostFacts::default();
    let socket = netlink::open(None, 0, SocketFlags::empty())?;
    netlink::ask(
        &socket,
        &message(RTM_GETADDR, netlink::REQUEST | netlink::DUMP, 1, &[0; IFADDRMSG_BYTES]),
        |k, b| {
            if k == RTM_NEWADDR {
                facts.own.extend(own_address(b));
            }
            Walk::Go
        },
    )?;
    // A fresh socket: a walk that stops early leaves the rest of its answers behind.
    let socket = netlink::open(None, 0, SocketFlags::empty())?;
    let mut read = 0usize;
    netlink::ask(&socket, &message(RTM_GETROUTE, netlink::REQUEST | netlink::DUMP, 2, &[0; RTMSG_BYTES]), |k, b| {
        if k == RTM_NEWROUTE {
            gateways(b, &mut facts.gateways);
        }
        read += 1;
        if read > ROUTES_READ_MAX { Walk::Stop } else { Walk::Go }
    })?;
    Ok(facts)
}

fn own_address(body: &[u8]) -> Option<IpAddr> {
    let list = body.get(IFADDRMSG_BYTES..)?;
    attr(list, IFA_LOCAL).or_else(|| attr(list, IFA_ADDRESS)).and_then(address)
}

fn gateways(body: &[u8], into: &mut BTreeSet<IpAddr>) {
    let default = body.get(1) == Some(&0);
    let Some(list) = body.get(RTMSG_BYTES..).filter(|_| default) else { return };
    into.extend(hop(list));
    let mut hops = attr(list, RTA_MULTIPATH).unwrap_or_default();
    while let Some(len) = u16_at(hops, 0).map(usize::from).filter(|l| *l >= RTNEXTHOP_BYTES) {
        into.extend(hops.get(RTNEXTHOP_BYTES..len).and_then(hop));
        hops = hops.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
}

fn hop(list: &[u8]) -> Option<IpAddr> {
    attrs(list).find_map(|(k, v)| match k {
        RTA_GATEWAY => address(v),
        RTA_VIA => v.get(2..).and_then(address),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn loopback_is_one_of_our_own() {
        let facts = super::read().unwrap();
        assert!(facts.own.contains(&"127.0.0.1".parse().unwrap()), "{facts:?}");
    }
}
