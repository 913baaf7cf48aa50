//! Open connections of a target, from the kernel's connection table: count them, end them.
//!
//! Why: our drop stands before connection tracking, so once the entries of a target were removed, an entry that
//! comes back is traffic that passed us by (a flow table, a bridge): the measure of "inserted but not effective".
//! Removing the entries also takes established flows out of a fast path that never meets our chains.

use std::{io, net::IpAddr};

use ipnet::IpNet;
use rustix::{
    io::Errno,
    net::{SocketFlags, netlink::NETFILTER},
};

use crate::{
    limits::CONNECTIONS_READ_MAX,
    netlink::{self, Walk, address, attr, attrs, message, push_attr},
};

const CT_NEW: u16 = 1 << 8;
const CT_GET: u16 = (1 << 8) | 1;
const CT_DELETE: u16 = (1 << 8) | 2;
const NFGENMSG_BYTES: usize = 4;
const TUPLE_ORIG: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const CT_ID: u16 = 12;
const CT_ZONE: u16 = 18;
const TUPLE_IP: u16 = 1;
const NESTED: u16 = 0x8000;

/// One entry that touches a target: what names it again in a request.
struct Entry {
    family: u8,
    target: usize,
    name: Vec<u8>,
}

/// Connections open with each target, in the order of `targets`. `None` when the table is too long to be read.
///
/// # Errors
/// When the kernel has no connection table or does not let us read it.
pub fn count(targets: &[IpNet]) -> io::Result<Option<Vec<u32>>> {
    let mut counts = vec![0u32; targets.len()];
    let whole = walk(targets, |entry| {
        if let Some(n) = counts.get_mut(entry.target) {
            *n = n.saturating_add(1);
        }
    })?;
    Ok(whole.then_some(counts))
}

/// Ends the connections of `targets`; says how many.
///
/// # Errors
/// As [`count`].
pub fn cut(targets: &[IpNet]) -> io::Result<u32> {
    let mut entries = Vec::new();
    walk(targets, |entry| entries.push(entry))?;
    let socket = netlink::open(Some(NETFILTER), 0, SocketFlags::empty())?;
    let mut ended = 0u32;
    for (i, entry) in (1u32..).zip(&entries) {
        let mut body = vec![entry.family, 0, 0, 0];
        body.extend_from_slice(&entry.name);
        match netlink::ask(&socket, &message(CT_DELETE, netlink::REQUEST | netlink::ACK, i, &body), |_, _| Walk::Go) {
            Ok(()) => ended = ended.saturating_add(1),
            // Ended by itself meanwhile.
            Err(Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(ended)
}

/// Was the table read to its end?
fn walk(targets: &[IpNet], mut each: impl FnMut(Entry)) -> io::Result<bool> {
    let mut read = 0usize;
    for family in families(targets) {
        let socket = netlink::open(Some(NETFILTER), 0, SocketFlags::empty())?;
        let request = message(CT_GET, netlink::REQUEST | netlink::DUMP, 1, &[family, 0, 0, 0]);
        netlink::ask(&socket, &request, |kind, body| {
            if kind == CT_NEW
                && let Some(entry) = entry(body, family, targets)
            {
                each(entry);
            }
            read += 1;
            if read > CONNECTIONS_READ_MAX { Walk::Stop } else { Walk::Go }
        })?;
    }
    Ok(read <= CONNECTIONS_READ_MAX)
}

fn families(targets: &[IpNet]) -> impl Iterator<Item = u8> {
    let v4 = targets.iter().any(|t| matches!(t, IpNet::V4(_))).then_some(2u8);
    let v6 = targets.iter().any(|t| matches!(t, IpNet::V6(_))).then_some(10u8);
    v4.into_iter().chain(v6)
}

fn entry(body: &[u8], family: u8, targets: &[IpNet]) -> Option<Entry> {
    let list = body.get(NFGENMSG_BYTES..)?;
    let ends = || [TUPLE_ORIG, TUPLE_REPLY].into_iter().filter_map(|k| attr(list, k)).flat_map(tuple_addresses);
    let target = targets.iter().position(|t| ends().any(|a| t.contains(&a)))?;
    let mut name = Vec::with_capacity(96);
    for (kind, value) in attrs(list) {
        match kind {
            TUPLE_ORIG => push_attr(&mut name, kind | NESTED, value),
            CT_ID | CT_ZONE => push_attr(&mut name, kind, value),
            _ => {}
        }
    }
    Some(Entry { family, target, name })
}

fn tuple_addresses(tuple: &[u8]) -> impl Iterator<Item = IpAddr> {
    attrs(attr(tuple, TUPLE_IP).unwrap_or_default()).filter_map(|(_, v)| address(v))
}
