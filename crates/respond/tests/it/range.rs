//! A small cyber range in network namespaces: attacker and user on one side of a firewall, a server on the other.
//!
//! Nothing leaves the namespaces: only documentation addresses, no link to the host.

use std::{
    fs::File,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

pub const ATK: &str = "198.51.100.66";
pub const ATK6: &str = "2001:db8:66::66";
pub const USR: &str = "192.0.2.20";
pub const SRV: &str = "203.0.113.10";
pub const SRV6: &str = "2001:db8:10::10";
pub const FW: &str = "203.0.113.1";
const PORT: u16 = 8080;
const PATIENCE: Duration = Duration::from_millis(700);

static NEXT: AtomicU32 = AtomicU32::new(0);

pub struct Range {
    name: String,
}

/// Runs in the network namespace, on a thread of its own.
pub fn within<T: Send + 'static>(ns: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let file = File::open(Path::new("/run/netns").join(ns)).unwrap();
    thread::spawn(move || {
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(rustix::thread::LinkNameSpaceType::Network))
            .unwrap();
        work()
    })
    .join()
    .unwrap()
}

fn ip(args: &str) {
    let out = Command::new("ip").args(args.split_whitespace()).output().unwrap();
    assert!(out.status.success(), "ip {args}: {}", String::from_utf8_lossy(&out.stderr));
}

impl Range {
    /// `None`, with the reason printed, where namespaces or nft are not to be had.
    pub fn up(test: &str) -> Option<Self> {
        let root = rustix::process::geteuid().is_root();
        let tools = ["/usr/sbin/nft", "/sbin/nft"].iter().any(|p| Path::new(p).exists());
        let name = format!("bgr{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let can = root
            && tools
            && Command::new("ip").args(["netns", "add", &format!("{name}-fw")]).status().is_ok_and(|s| s.success());
        if !can {
            println!("skipped: {test} needs root, iproute2, nftables and network namespaces");
            return None;
        }
        let range = Self { name };
        for node in ["atk", "usr", "srv"] {
            ip(&format!("netns add {}", range.ns(node)));
        }
        for node in ["atk", "usr", "srv", "fw"] {
            // Nobody else is here: no waiting for duplicate addresses.
            within(&range.ns(node), || std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").unwrap());
        }
        range.wire("atk", ATK, "198.51.100.1", Some((ATK6, "2001:db8:66::1")));
        range.wire("usr", USR, "192.0.2.1", None);
        range.wire("srv", SRV, FW, Some((SRV6, "2001:db8:10::1")));
        within(&range.ns("fw"), || {
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
            std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
        });
        // A firewall of the site that accepts what is established: our drop must come before it.
        range.nft(
            "add table inet site; add chain inet site forward { type filter hook forward priority 0; policy accept; }; \
                   add rule inet site forward ct state established,related accept",
        );
        range.serve("srv");
        range.serve("fw");
        Some(range)
    }

    pub fn ns(&self, node: &str) -> String {
        format!("{}-{node}", self.name)
    }

    fn wire(&self, node: &str, address: &str, gateway: &str, v6: Option<(&str, &str)>) {
        let (fw, ns) = (self.ns("fw"), self.ns(node));
        ip(&format!("-n {fw} link add to{node} type veth peer name eth0 netns {ns}"));
        ip(&format!("-n {fw} addr add {gateway}/24 dev to{node}"));
        ip(&format!("-n {ns} addr add {address}/24 dev eth0"));
        if let Some((address, gateway)) = v6 {
            ip(&format!("-n {fw} addr add {gateway}/64 dev to{node} nodad"));
            ip(&format!("-n {ns} addr add {address}/64 dev eth0 nodad"));
        }
        ip(&format!("-n {fw} link set to{node} up"));
        ip(&format!("-n {ns} link set eth0 up"));
        ip(&format!("-n {ns} link set lo up"));
        ip(&format!("-n {ns} route add default via {gateway}"));
        if let Some((_, gateway)) = v6 {
            ip(&format!("-n {ns} -6 route add default via {gateway}"));
        }
    }

    /// Runs nft in the firewall, as an administrator by hand.
    pub fn nft(&self, script: &str) -> String {
        let out = Command::new("ip").args(["netns", "exec", &self.ns("fw"), "nft", script]).output().unwrap();
        assert!(out.status.success(), "nft {script}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    pub fn try_nft(&self, script: &str) -> bool {
        Command::new("ip").args(["netns", "exec", &self.ns("fw"), "nft", script]).status().is_ok_and(|s| s.success())
    }

    /// An echo server that lives as long as the process.
    fn serve(&self, node: &str) {
        let listener = within(&self.ns(node), || TcpListener::bind(("::", PORT)).unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut byte = [0u8; 1];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
                });
            }
        });
    }

    pub fn connect(&self, node: &str, to: &str) -> Option<TcpStream> {
        let to = SocketAddr::new(to.parse::<IpAddr>().unwrap(), PORT);
        within(&self.ns(node), move || TcpStream::connect_timeout(&to, PATIENCE).ok())
    }

    pub fn reaches(&self, node: &str, to: &str) -> bool {
        self.connect(node, to).is_some_and(|mut s| echoes(&mut s))
    }
}

pub fn echoes(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0u8; 1]).is_ok()
}

impl Drop for Range {
    fn drop(&mut self) {
        for node in ["atk", "usr", "srv", "fw"] {
            let _ = Command::new("ip").args(["netns", "del", &self.ns(node)]).status();
        }
    }
}
