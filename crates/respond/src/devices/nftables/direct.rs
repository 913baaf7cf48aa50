//! Single addresses in and out of our hash sets by netlink itself: no child process between a decision and the drop.
//!
//! Invariant: one batch is one kernel transaction. Whatever is not a plain element of a hash set, or does not go
//! through, is left to nft.

use std::io;

use bongsu_event::Micros;
use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{RecvFlags, SendFlags, SocketFlags, netlink::NETFILTER, netlink::SocketAddrNetlink},
};

use super::{
    Difference,
    script::{Set, TABLE},
};
use crate::{
    Wish,
    netlink::{self, ACK, REQUEST, Walk, attr, attrs, i32_at, message, messages, push_attr, u32_at},
};

const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEW_ELEMENT: u16 = (SUBSYSTEM << 8) | 12;
const GET_ELEMENT: u16 = (SUBSYSTEM << 8) | 13;
const DELETE_ELEMENT: u16 = (SUBSYSTEM << 8) | 14;
const CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
const NESTED: u16 = 0x8000;
const FAMILY_INET: u8 = 1;
const NFGENMSG_BYTES: usize = 4;
const LIST_TABLE: u16 = 1;
const LIST_SET: u16 = 2;
const LIST_ELEMENTS: u16 = 3;
const ELEMENT: u16 = 1;
const KEY: u16 = 1;
const TIMEOUT: u16 = 4;
const EXPIRATION: u16 = 5;
const VALUE: u16 = 1;
/// Most elements of one direct batch: beyond it nft's start counts for nothing.
const ELEMENTS_MAX: usize = 256;
/// Answers are read in pieces of this many bytes.
const READ_BYTES: usize = 8 * 1024;

/// Applies the difference if it is one of single addresses only. `Ok(false)`: it is not, nothing was done.
///
/// # Errors
/// The kernel refused; nothing was changed.
pub(super) fn apply(difference: &Difference, now: Micros) -> io::Result<bool> {
    let Some(changes) = changes(difference, now) else { return Ok(false) };
    let socket = netlink::open(Some(NETFILTER), 0, SocketFlags::empty())?;
    let mut batch = message(BATCH_BEGIN, REQUEST, 0, &[0, 0, 0, SUBSYSTEM.to_be_bytes()[1]]);
    for (i, (kind, body)) in (1u32..).zip(&changes) {
        let flags = REQUEST | ACK | if *kind == NEW_ELEMENT { CREATE } else { 0 };
        batch.extend(message(*kind, flags, i, body));
    }
    batch.extend(message(BATCH_END, REQUEST, u32::MAX, &[0, 0, 0, SUBSYSTEM.to_be_bytes()[1]]));
    rustix::net::sendto(&socket, &batch, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    acknowledged(&socket, changes.len())?;
    Ok(true)
}

/// Is each of these held now, with time left? Asks the kernel for the elements themselves.
///
/// # Errors
/// The kernel does not answer.
pub(super) fn holds(wishes: &[Wish]) -> io::Result<bool> {
    let socket = netlink::open(Some(NETFILTER), 0, SocketFlags::empty())?;
    for (i, wish) in (1u32..).zip(wishes) {
        let body = list(Set::of(wish), &[element(&key(wish), None)]);
        let mut left = None;
        let asked = netlink::ask(&socket, &message(GET_ELEMENT, REQUEST | ACK, i, &body), |_, answer| {
            left = expiration(answer).or(left);
            Walk::Go
        });
        match asked {
            Ok(()) if left.is_some_and(|ms| ms > 0) => {}
            Ok(()) | Err(Errno::NOENT) => return Ok(false),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(true)
}

fn changes(difference: &Difference, now: Micros) -> Option<Vec<(u16, Vec<u8>)>> {
    if difference.add.len() + difference.remove.len() > ELEMENTS_MAX {
        return None;
    }
    let mut changes = Vec::new();
    for set in [Set::Host4, Set::Host6] {
        let gone = difference.remove.iter().filter(|(s, _)| *s == set);
        let gone: Option<Vec<Vec<u8>>> =
            gone.map(|(_, text)| Some(element(&bytes(text.parse().ok()?), None))).collect();
        let gone = gone?;
        if !gone.is_empty() {
            changes.push((DELETE_ELEMENT, list(set, &gone)));
        }
        let come: Vec<Vec<u8>> = difference
            .add
            .iter()
            .filter(|w| Set::of(w) == set)
            .map(|w| element(&key(w), Some(millis(w, now))))
            .collect();
        if !come.is_empty() {
            changes.push((NEW_ELEMENT, list(set, &come)));
        }
    }
    let others =
        difference.remove.iter().any(|(s, _)| s.intervals()) || difference.add.iter().any(|w| Set::of(w).intervals());
    (!others && !changes.is_empty()).then_some(changes)
}

fn millis(wish: &Wish, now: Micros) -> u64 {
    super::script::millis(wish, now).unsigned_abs()
}

fn key(wish: &Wish) -> Vec<u8> {
    bytes(wish.net.addr())
}

fn bytes(address: std::net::IpAddr) -> Vec<u8> {
    match address {
        std::net::IpAddr::V4(a) => a.octets().to_vec(),
        std::net::IpAddr::V6(a) => a.octets().to_vec(),
    }
}

fn element(key: &[u8], timeout_millis: Option<u64>) -> Vec<u8> {
    let (mut value, mut body) = (Vec::new(), Vec::new());
    push_attr(&mut value, VALUE, key);
    push_attr(&mut body, KEY | NESTED, &value);
    if let Some(ms) = timeout_millis {
        push_attr(&mut body, TIMEOUT, &ms.to_be_bytes());
    }
    body
}

fn list(set: Set, elements: &[Vec<u8>]) -> Vec<u8> {
    let mut inner = Vec::new();
    for element in elements {
        push_attr(&mut inner, ELEMENT | NESTED, element);
    }
    let mut body = vec![FAMILY_INET, 0, 0, 0];
    push_attr(&mut body, LIST_TABLE, format!("{TABLE}\0").as_bytes());
    push_attr(&mut body, LIST_SET, format!("{}\0", set.name()).as_bytes());
    push_attr(&mut body, LIST_ELEMENTS | NESTED, &inner);
    body
}

/// Each message of the batch is answered; the first that failed undid them all.
fn acknowledged(socket: &OwnedFd, mut wanted: usize) -> io::Result<()> {
    let mut buffer = vec![0u8; READ_BYTES];
    while wanted > 0 {
        let (n, _) = match rustix::net::recv(socket, buffer.as_mut_slice(), RecvFlags::empty()) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        for (kind, body) in messages(buffer.get(..n).unwrap_or_default()) {
            if kind == NLMSG_ERROR {
                match i32_at(body, 0).unwrap_or(0) {
                    0 => wanted = wanted.saturating_sub(1),
                    code => return Err(Errno::from_raw_os_error(code.saturating_neg()).into()),
                }
            }
        }
    }
    Ok(())
}

/// Milliseconds left of the element in an answer.
fn expiration(answer: &[u8]) -> Option<u64> {
    let elements = attr(answer.get(NFGENMSG_BYTES..)?, LIST_ELEMENTS)?;
    let (_, element) = attrs(elements).next()?;
    let left = attr(element, EXPIRATION)?;
    Some(u64::from(u32_at(left, 0)?.swap_bytes()) << 32 | u64::from(u32_at(left, 4)?.swap_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Traffic;

    #[test]
    fn only_single_addresses_go_directly() {
        let now = Micros(0);
        let wish = |net: &str, direction| Wish { net: net.parse().unwrap(), direction, expires_at: Micros(60_000_000) };
        let adds = |add: Vec<Wish>| changes(&Difference { add, remove: vec![] }, now).map(|c| c.len());
        assert_eq!(adds(vec![wish("198.51.100.7/32", Traffic::Both)]), Some(1));
        assert_eq!(adds(vec![wish("198.51.100.7/32", Traffic::Both), wish("2001:db8::7/128", Traffic::Both)]), Some(2));
        assert_eq!(adds(vec![wish("198.51.100.0/24", Traffic::Both)]), None);
        assert_eq!(adds(vec![wish("198.51.100.7/32", Traffic::From)]), None);
        assert_eq!(adds(vec![]), None);
        let remove = vec![(Set::Host4, "not an address".to_owned())];
        assert_eq!(changes(&Difference { add: vec![], remove }, now), None);
    }
}
