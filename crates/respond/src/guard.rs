//! The point's own last word: what may never be denied here, whoever asks for it.
//!
//! Invariant: pure; the same lists and the same clock give the same answer. A list entry that cannot be read
//! makes nothing blockable that was protected before: the old list stays and the trouble is said.

use std::net::IpAddr;

use bongsu_event::Micros;
use bongsu_uplink::WantedBlock;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{host::HostFacts, limits};

/// Why a point refuses a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// On the center's never-block list.
    #[error("never_block: {0} is on the never-block list of this point")]
    NeverBlock(IpNet),
    /// An address of this host.
    #[error("own_address: {0} is an address of this host")]
    OwnAddress(IpAddr),
    /// A default gateway of this host.
    #[error("gateway: {0} is a default gateway of this host")]
    Gateway(IpAddr),
    /// The center, or what stands for it.
    #[error("center: {0} is the address of the center")]
    Center(IpAddr),
    /// Loopback, multicast and the like.
    #[error("special: {0} is not an address that attacks come from")]
    Special(IpNet),
    /// The prefix has host bits set or a length that does not exist.
    #[error("malformed: {0}/{1} is not a prefix")]
    Malformed(IpAddr, u8),
    /// Too wide.
    #[error("too_wide: /{0} is wider than this point accepts (/{1})")]
    TooWide(u8, u8),
    /// Over.
    #[error("expired: its time was over at {0}")]
    Expired(Micros),
    /// Too long.
    #[error("too_long: it would last more than {0} hours")]
    TooLong(i64),
    /// The point is full.
    #[error("full: this point holds at most {0} targets")]
    Full(usize),
}

/// What may never be denied at this point.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    never: Vec<IpNet>,
    host: HostFacts,
    center: Vec<IpAddr>,
}

impl Guard {
    /// Takes over the center's never-block list; says which entries could not be read. Unreadable entries leave
    /// the former list standing beside the readable ones.
    pub fn set_never_block(&mut self, list: &[String]) -> Vec<String> {
        let (mut nets, mut unread) = (Vec::new(), Vec::new());
        for text in list.iter().take(limits::NEVER_BLOCK_MAX) {
            match net(text) {
                Some(n) => nets.push(n),
                None => unread.push(text.clone()),
            }
        }
        if list.len() > limits::NEVER_BLOCK_MAX {
            unread.push(format!("{} entries beyond the first {}", list.len(), limits::NEVER_BLOCK_MAX));
        }
        if !unread.is_empty() {
            nets.append(&mut self.never);
        }
        nets.sort_unstable();
        nets.dedup();
        self.never = nets;
        unread
    }

    /// The host's own addresses and gateways.
    pub fn set_host(&mut self, facts: HostFacts) {
        self.host = facts;
    }

    /// Addresses by which the center is reached.
    pub fn set_center(&mut self, addresses: Vec<IpAddr>) {
        self.center = addresses;
    }

    /// Never-block entries in force, as text.
    #[must_use]
    pub fn never_block(&self) -> Vec<String> {
        self.never.iter().map(ToString::to_string).collect()
    }

    /// The target of a block that may be held at `now`.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn check(&self, block: &WantedBlock, now: Micros) -> Result<IpNet, Refusal> {
        let target = target(block.address, block.prefix)?;
        width(&target)?;
        if let Some(special) = special_nets().into_iter().find(|s| overlap(s, &target)) {
            return Err(Refusal::Special(special));
        }
        if let Some(a) = self.host.own.iter().find(|a| target.contains(*a)) {
            return Err(Refusal::OwnAddress(*a));
        }
        if let Some(a) = self.host.gateways.iter().find(|a| target.contains(*a)) {
            return Err(Refusal::Gateway(*a));
        }
        if let Some(a) = self.center.iter().find(|a| target.contains(*a)) {
            return Err(Refusal::Center(*a));
        }
        if let Some(n) = self.never.iter().find(|n| overlap(n, &target)) {
            return Err(Refusal::NeverBlock(*n));
        }
        if block.expires_at <= now {
            return Err(Refusal::Expired(block.expires_at));
        }
        if block.expires_at > now.plus_seconds(limits::BLOCK_HOURS_MAX * 3600) {
            return Err(Refusal::TooLong(limits::BLOCK_HOURS_MAX));
        }
        Ok(target)
    }
}

fn net(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(plain(parsed.trunc()))
}

/// An IPv4 address in IPv6 clothes is that IPv4 address.
fn plain(net: IpNet) -> IpNet {
    match net {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match v6.addr().to_ipv4_mapped() {
            Some(v4) => Ipv4Net::new(v4, v6.prefix_len() - 96).map_or(net, IpNet::V4),
            None => net,
        },
        _ => net,
    }
}

fn target(address: IpAddr, prefix: u8) -> Result<IpNet, Refusal> {
    let net = IpNet::new(address, prefix).map_err(|_| Refusal::Malformed(address, prefix))?;
    if net.trunc() != net {
        return Err(Refusal::Malformed(address, prefix));
    }
    Ok(plain(net))
}

fn width(target: &IpNet) -> Result<(), Refusal> {
    let widest = match target {
        IpNet::V4(_) => limits::WIDEST_V4_BITS,
        IpNet::V6(_) => limits::WIDEST_V6_BITS,
    };
    if target.prefix_len() < widest { Err(Refusal::TooWide(target.prefix_len(), widest)) } else { Ok(()) }
}

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// Loopback, unspecified, link-local, multicast, broadcast, and IPv4 in IPv6 clothes wider than an address.
fn special_nets() -> [IpNet; 9] {
    let v4 = |a, p| IpNet::V4(Ipv4Net::new_assert(a, p));
    let v6 = |a, p| IpNet::V6(Ipv6Net::new_assert(a, p));
    use std::net::{Ipv4Addr as A4, Ipv6Addr as A6};
    [
        v4(A4::new(0, 0, 0, 0), 8),
        v4(A4::LOCALHOST, 8).trunc(),
        v4(A4::new(169, 254, 0, 0), 16),
        v4(A4::new(224, 0, 0, 0), 4),
        v4(A4::new(240, 0, 0, 0), 4),
        v6(A6::UNSPECIFIED, 127),
        v6(A6::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
        v6(A6::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
        v6(A6::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
    ]
}

#[cfg(test)]
mod tests {
    use bongsu_uplink::Direction;
    use proptest::prelude::*;

    use super::*;

    const NOW: Micros = Micros(1_800_000_000_000_000);

    fn block(target: &str, seconds: i64) -> WantedBlock {
        let net: IpNet = target.parse().unwrap_or_else(|_| IpNet::from(target.parse::<IpAddr>().unwrap()));
        WantedBlock {
            id: "B-1".into(),
            address: net.addr(),
            prefix: net.prefix_len(),
            direction: Direction::Both,
            expires_at: NOW.plus_seconds(seconds),
        }
    }

    fn guard() -> Guard {
        let mut g = Guard::default();
        assert!(g.set_never_block(&["192.0.2.0/24".into(), "2001:db8:1::5".into()]).is_empty());
        g.set_host(HostFacts {
            own: ["203.0.113.1".parse().unwrap()].into(),
            gateways: ["203.0.113.254".parse().unwrap()].into(),
        });
        g.set_center(vec!["198.51.100.2".parse().unwrap()]);
        g
    }

    fn refused(target: &str) -> String {
        guard().check(&block(target, 60), NOW).unwrap_err().to_string()
    }

    #[test]
    fn protected_addresses_are_refused_however_they_are_covered() {
        for (target, rule) in [
            ("192.0.2.7", "never_block"),
            ("192.0.0.0/16", "never_block"),
            ("2001:db8:1::/48", "never_block"),
            ("::ffff:192.0.2.7", "never_block"),
            ("203.0.113.1", "own_address"),
            ("203.0.113.254", "gateway"),
            ("198.51.100.0/24", "center"),
            ("127.0.0.1", "special"),
            ("224.0.0.1", "special"),
            ("::1", "special"),
            ("fe80::1", "special"),
            ("198.0.0.0/8", "too_wide"),
            ("2001::/16", "too_wide"),
        ] {
            assert!(refused(target).starts_with(rule), "{target}: {}", refused(target));
        }
        assert_eq!(guard().check(&block("198.51.100.66", 60), NOW).unwrap().to_string(), "198.51.100.66/32");
    }

    #[test]
    fn time_is_checked_here_too() {
        assert_eq!(guard().check(&block("198.51.100.66", 0), NOW), Err(Refusal::Expired(NOW)));
        let long = limits::BLOCK_HOURS_MAX * 3600 + 1;
        assert!(matches!(guard().check(&block("198.51.100.66", long), NOW), Err(Refusal::TooLong(_))));
    }

    #[test]
    fn a_list_that_cannot_be_read_protects_what_it_did() {
        let mut g = guard();
        assert_eq!(g.set_never_block(&["198.51.100.9".into(), "not an address".into()]), ["not an address"]);
        for protected in ["192.0.2.7", "198.51.100.9"] {
            assert!(g.check(&block(protected, 60), NOW).is_err(), "{protected}");
        }
        assert!(g.set_never_block(&[]).is_empty());
        assert!(g.check(&block("192.0.2.7", 60), NOW).is_ok(), "a list taken back is taken back");
    }

    proptest! {
        #[test]
        fn nothing_approved_ever_covers_a_protected_address(
            address: [u8; 4], prefix in 0u8..=40, protected: [u8; 4], width in 8u8..=32, seconds in -10i64..10_000_000
        ) {
            let mut g = guard();
            let protected = Ipv4Net::new(protected.into(), width).unwrap().trunc();
            g.set_never_block(&[protected.to_string()]);
            let wanted = WantedBlock {
                id: String::new(), address: IpAddr::from(address), prefix, direction: Direction::Both,
                expires_at: NOW.plus_seconds(seconds),
            };
            if let Ok(net) = g.check(&wanted, NOW) {
                prop_assert!(!overlap(&net, &IpNet::V4(protected)));
                prop_assert!(!net.contains(&"203.0.113.1".parse::<IpAddr>().unwrap()));
                prop_assert!(seconds > 0 && seconds <= limits::BLOCK_HOURS_MAX * 3600);
                prop_assert!(net.prefix_len() >= limits::WIDEST_V4_BITS);
            }
        }
    }
}
