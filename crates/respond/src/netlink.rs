//! Just enough netlink: send a request, walk the answers, walk attributes. Bounds-checked; no unsafe.
//!
//! Invariant: bytes from the kernel are read as foreign bytes all the same: short or odd ones end the walk.

use std::time::Duration;

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{
        AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, netlink::SocketAddrNetlink, sockopt,
    },
};

/// Bytes read from the kernel at once.
const READ_BYTES: usize = 32 * 1024;
/// The kernel may take this long to answer, seconds.
const ANSWER_SECONDS_MAX: u64 = 5;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
pub(crate) const REQUEST: u16 = 1;
pub(crate) const ACK: u16 = 4;
pub(crate) const DUMP: u16 = 0x300;
const ATTR_TYPE_MASK: u16 = 0x3fff;
const HEADER_BYTES: usize = 16;

/// A netlink socket (no protocol is rtnetlink, number 0); `groups` is the mask of multicast groups to join.
pub(crate) fn open(protocol: Option<Protocol>, groups: u32, flags: SocketFlags) -> Result<OwnedFd, Errno> {
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC | flags, protocol)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(ANSWER_SECONDS_MAX)))?;
    Ok(socket)
}

/// One request with its header.
pub(crate) fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let len = HEADER_BYTES + body.len();
    let mut m = Vec::with_capacity(len);
    m.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_ne_bytes());
    m.extend_from_slice(&kind.to_ne_bytes());
    m.extend_from_slice(&flags.to_ne_bytes());
    m.extend_from_slice(&sequence.to_ne_bytes());
    m.extend_from_slice(&0u32.to_ne_bytes());
    m.extend_from_slice(body);
    m
}

/// Appends one attribute, padded to four bytes.
pub(crate) fn push_attr(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// What the walker does next.
pub(crate) enum Walk {
    Go,
    Stop,
}

/// Sends `request` and hands each answer's kind and body to `each`, until the kernel says it is done.
pub(crate) fn ask(socket: &OwnedFd, request: &[u8], mut each: impl FnMut(u16, &[u8]) -> Walk) -> Result<(), Errno> {
    rustix::net::sendto(socket, request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut buffer = vec![0u8; READ_BYTES];
    loop {
        let (n, _) = match rustix::net::recv(socket, buffer.as_mut_slice(), RecvFlags::empty()) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        for (kind, body) in messages(buffer.get(..n).unwrap_or_default()) {
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => {
                    let code = i32_at(body, 0).unwrap_or(0);
                    return if code == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(code.saturating_neg())) };
                }
                _ => {
                    if matches!(each(kind, body), Walk::Stop) {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Messages of one read.
pub(crate) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let kind = u16_at(bytes, 4)?;
        let body = bytes.get(HEADER_BYTES..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// Attributes of a message or of a nested attribute.
pub(crate) fn attrs(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & ATTR_TYPE_MASK;
        let value = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// First attribute of a kind.
pub(crate) fn attr(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attrs(bytes).find(|(k, _)| *k == kind).map(|(_, v)| v)
}

pub(crate) fn u16_at(b: &[u8], at: usize) -> Option<u16> {
    b.get(at..)?.first_chunk().map(|c| u16::from_ne_bytes(*c))
}
pub(crate) fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    b.get(at..)?.first_chunk().map(|c| u32::from_ne_bytes(*c))
}
pub(crate) fn i32_at(b: &[u8], at: usize) -> Option<i32> {
    b.get(at..)?.first_chunk().map(|c| i32::from_ne_bytes(*c))
}

/// An address of four or sixteen bytes.
pub(crate) fn address(b: &[u8]) -> Option<std::net::IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(b) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(b).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_bytes_end_the_walk() {
        assert_eq!(attrs(&[]).count(), 0);
        assert_eq!(attrs(&[3, 0, 1, 0]).count(), 0, "an attribute shorter than its head");
        assert_eq!(attrs(&[200, 0, 1, 0, 9]).count(), 0, "longer than what is there");
        assert_eq!(messages(&[0; 16]).count(), 0, "a message of no length");
        let mut a = Vec::new();
        push_attr(&mut a, 7, &[1, 2, 3]);
        push_attr(&mut a, 8 | 0x8000, &[4]);
        assert_eq!(attrs(&a).collect::<Vec<_>>(), [(7, &[1u8, 2, 3][..]), (8, &[4][..])]);
        let m = message(22, REQUEST, 1, &a);
        assert_eq!(messages(&m).collect::<Vec<_>>(), [(22, &a[..])]);
    }
}
