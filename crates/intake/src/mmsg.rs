//! `recvmmsg`: many datagrams in one system call, with the kernel's count of dropped ones.
//!
//! The one file of this crate with `unsafe`: no safe binding offers this call. Every pointer handed to the kernel points into
//! a buffer owned by [`Receiver`] and is set anew before each call.
#![expect(unsafe_code, reason = "recvmmsg and SO_RXQ_OVFL have no safe binding")]

use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Longest datagram, bytes.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;
/// Room for one control message with the drop counter.
const CONTROL_BYTES: usize = 64;

/// Ask the kernel to tell with each datagram how many it has dropped.
pub(crate) fn count_drops(socket: BorrowedFd<'_>) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the pointer and length describe `on`, which outlives the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RXQ_OVFL,
            (&raw const on).cast(),
            mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ask for a receive buffer beyond the system's bound, which root may have; else up to the bound.
pub(crate) fn ask_rcvbuf(socket: BorrowedFd<'_>, bytes: usize) {
    let bytes = libc::c_int::try_from(bytes / 2).unwrap_or(libc::c_int::MAX);
    for option in [libc::SO_RCVBUFFORCE, libc::SO_RCVBUF] {
        // SAFETY: the pointer and length describe `bytes`, which outlives the call.
        let done = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const bytes).cast(),
                mem::size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if done == 0 {
            return;
        }
    }
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// Buffers for one call.
pub(crate) struct Receiver {
    headers: Vec<libc::mmsghdr>,
    parts: Vec<libc::iovec>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    /// One allocation the kernel maps only where datagrams come to lie.
    bytes: Vec<u8>,
}

impl Receiver {
    pub fn new(datagrams: usize) -> Self {
        // SAFETY: all-zero bytes are a valid mmsghdr, iovec and sockaddr_storage: numbers and null pointers.
        let (header, part, name) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        Self {
            headers: vec![header; datagrams],
            parts: vec![part; datagrams],
            names: vec![name; datagrams],
            controls: vec![Control([0; CONTROL_BYTES]); datagrams],
            bytes: vec![0; datagrams * DATAGRAM_BYTES_MAX],
        }
    }

    /// Wait for datagrams as long as the socket's receive timeout allows; says how many came.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        let buffers = self.bytes.chunks_exact_mut(DATAGRAM_BYTES_MAX);
        let places = self.headers.iter_mut().zip(&mut self.parts).zip(&mut self.names).zip(&mut self.controls);
        for ((((header, part), name), control), buffer) in places.zip(buffers) {
            part.iov_base = buffer.as_mut_ptr().cast();
            part.iov_len = buffer.len();
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES;
            header.msg_hdr.msg_flags = 0;
            header.msg_len = 0;
        }
        // SAFETY: `headers` holds that many valid entries, whose pointers were set above to buffers of the given lengths.
        let got = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_WAITFORONE as _,
                ptr::null_mut(),
            )
        };
        usize::try_from(got).map_err(|_| io::Error::last_os_error())
    }

    /// The datagrams of the last call: bytes and sender.
    pub fn datagrams(&self, count: usize) -> impl Iterator<Item = (&[u8], Option<SocketAddr>)> {
        let buffers = self.bytes.chunks_exact(DATAGRAM_BYTES_MAX);
        self.headers.iter().zip(&self.names).zip(buffers).take(count).map(|((header, name), buffer)| {
            (buffer.get(..header.msg_len as usize).unwrap_or(buffer), address(name, header.msg_hdr.msg_namelen))
        })
    }

    /// Datagrams the kernel has dropped on this socket so far, if the last call's datagrams say.
    pub fn drops(&self, count: usize) -> Option<u32> {
        self.headers.iter().take(count).rev().find_map(|header| {
            // SAFETY: the kernel has filled the control buffer and its length; the macros stay within it.
            unsafe {
                let message = libc::CMSG_FIRSTHDR(&raw const header.msg_hdr);
                let ours = !message.is_null()
                    && (*message).cmsg_level == libc::SOL_SOCKET
                    && (*message).cmsg_type == libc::SO_RXQ_OVFL;
                ours.then(|| ptr::read_unaligned(libc::CMSG_DATA(message).cast::<u32>()))
            }
        })
    }
}

fn address(name: &libc::sockaddr_storage, length: libc::socklen_t) -> Option<SocketAddr> {
    let length = length as usize;
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET if length >= mem::size_of::<libc::sockaddr_in>() => {
            // SAFETY: family and length say it is a sockaddr_in, and sockaddr_storage is large and aligned enough.
            let v4 = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(v4.sin_port))))
        }
        libc::AF_INET6 if length >= mem::size_of::<libc::sockaddr_in6>() => {
            // SAFETY: family and length say it is a sockaddr_in6, and sockaddr_storage is large and aligned enough.
            let v6 = unsafe { &*ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let port = u16::from_be(v6.sin6_port);
            Some(SocketAddr::V6(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id)))
        }
        _ => None,
    }
}
