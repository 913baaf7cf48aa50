//! The check that is asked three times: when a block is requested, when it is decided, where it is enforced.
//!
//! Invariant: a target that overlaps a protected net never passes, whichever of the two is the wider, and however
//! the address is written (an IPv4 address inside an IPv6 one is the IPv4 address).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bongsu_event::Micros;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::SafetyRule;

/// What an enforcement point knows and checks by itself, connected or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointPolicy {
    /// Never blocked, nor anything that covers it.
    pub never: Vec<IpNet>,
    /// Longest, minutes from now.
    pub minutes_max: u32,
    /// Widest prefix, IPv4.
    pub widest_v4: u8,
    /// IPv6.
    pub widest_v6: u8,
}

/// Why a block can't be: the rule, and the same in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {en}", .rule.name())]
pub struct Refusal {
    /// Which safety rule.
    pub rule: SafetyRule,
    /// In Korean.
    pub ko: String,
    /// In English.
    pub en: String,
}

/// Shortest prefix whose addresses are IPv4 ones written as IPv6 (`::ffff:0:0/96`).
const MAPPED_BITS: u8 = 96;

pub(crate) const fn net_v4(a: u8, b: u8, c: u8, d: u8, len: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len))
}

const fn net_v6(first: u16, second: u16, len: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), len))
}

/// Blocked by nobody, ever, whatever a policy says: this host, this link, groups, and addresses that are none.
pub const RESERVED: &[IpNet] = &[
    net_v4(0, 0, 0, 0, 8),
    net_v4(127, 0, 0, 0, 8),
    net_v4(169, 254, 0, 0, 16),
    net_v4(224, 0, 0, 0, 4),
    net_v4(240, 0, 0, 0, 4),
    net_v6(0xfe80, 0, 10),
    net_v6(0xff00, 0, 8),
];

/// Holds `::`, `::1` and the old forms of IPv4 addresses; of a canonical target the IPv4 ones are gone from it.
const LOW_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 8);

fn reserved(target: IpNet) -> Option<IpNet> {
    if let IpNet::V6(v6) = target
        && (LOW_V6.contains(&v6) || v6.contains(&LOW_V6))
    {
        return Some(IpNet::V6(LOW_V6));
    }
    RESERVED.iter().copied().find(|r| overlaps(*r, target))
}

/// The one way of writing a net: host bits cleared, IPv4 inside IPv6 as IPv4.
#[must_use]
pub fn canonical(net: IpNet) -> IpNet {
    if let IpNet::V6(v6) = net
        && v6.prefix_len() >= MAPPED_BITS
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Ok(mapped) = Ipv4Net::new(v4, v6.prefix_len() - MAPPED_BITS)
    {
        return IpNet::V4(mapped.trunc());
    }
    net.trunc()
}

/// Does the first hold every address of the second?
#[must_use]
pub fn covers(outer: IpNet, inner: IpNet) -> bool {
    let (outer, inner) = (canonical(outer), canonical(inner));
    match (outer, inner) {
        (IpNet::V6(o), IpNet::V4(i)) => o.contains(&mapped(i)),
        _ => outer.contains(&inner),
    }
}

/// Do they share an address?
#[must_use]
pub fn overlaps(a: IpNet, b: IpNet) -> bool {
    covers(a, b) || covers(b, a)
}

/// Does an address stand in a net?
#[must_use]
pub fn within(net: IpNet, address: IpAddr) -> bool {
    covers(net, IpNet::from(address))
}

fn mapped(v4: Ipv4Net) -> Ipv6Net {
    Ipv6Net::new(v4.addr().to_ipv6_mapped(), v4.prefix_len() + MAPPED_BITS).unwrap_or_default()
}

/// May this target be blocked until then? Answers with the target in its one way of writing.
///
/// # Errors
/// The first safety rule that forbids it.
pub fn guard(target: IpNet, expires_at: Micros, now: Micros, policy: &PointPolicy) -> Result<IpNet, Refusal> {
    let target = canonical(target);
    if let Some(reserved) = reserved(target) {
        return Err(Refusal {
            rule: SafetyRule::Reserved,
            ko: format!("{target}은(는) 특수 주소 {reserved}과(와) 겹쳐 차단할 수 없습니다"),
            en: format!("{target} overlaps the reserved addresses {reserved}, which are never blocked"),
        });
    }
    let widest = if matches!(target, IpNet::V4(_)) { policy.widest_v4 } else { policy.widest_v6 };
    if target.prefix_len() < widest {
        return Err(Refusal {
            rule: SafetyRule::Width,
            ko: format!("{target}은(는) 허용된 가장 넓은 범위 /{widest}보다 넓습니다. 범위를 좁히십시오"),
            en: format!("{target} is wider than the widest block allowed, /{widest}; narrow it"),
        });
    }
    if let Some(never) = policy.never.iter().find(|n| overlaps(**n, target)) {
        return Err(Refusal {
            rule: SafetyRule::Protected,
            ko: format!("{target}은(는) 차단 금지 대상 {never}과(와) 겹칩니다"),
            en: format!("{target} overlaps {never}, which is never blocked"),
        });
    }
    let latest = now.plus_seconds(i64::from(policy.minutes_max) * 60);
    if expires_at <= now || expires_at > latest {
        return Err(Refusal {
            rule: SafetyRule::Expiry,
            ko: format!("만료 시각은 지금부터 {}분 안이어야 합니다", policy.minutes_max),
            en: format!("a block ends within {} minutes from now; choose an expiry in that time", policy.minutes_max),
        });
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(s: &str) -> IpNet {
        s.parse().unwrap()
    }

    fn ask(target: &str, never: &[&str]) -> Result<String, &'static str> {
        let policy =
            PointPolicy { never: never.iter().map(|n| net(n)).collect(), minutes_max: 60, widest_v4: 8, widest_v6: 16 };
        let now = Micros(1_000_000_000);
        guard(net(target), now.plus_seconds(60), now, &policy).map(|n| n.to_string()).map_err(|r| r.rule.name())
    }

    #[test]
    fn what_covers_a_protected_address_is_refused_as_well_as_what_lies_in_it() {
        assert_eq!(ask("198.51.100.66/32", &["203.0.113.0/24"]), Ok("198.51.100.66/32".into()));
        assert_eq!(ask("203.0.113.10/32", &["203.0.113.0/24"]), Err("protected"));
        assert_eq!(ask("203.0.113.0/24", &["203.0.113.10/32"]), Err("protected"));
        assert_eq!(ask("203.0.112.0/20", &["203.0.113.10/32"]), Err("protected"));
        assert_eq!(ask("2001:db8:1::/48", &["2001:db8::/32"]), Err("protected"));
        assert_eq!(ask("2001:db8::/32", &["2001:db8:1::5/128"]), Err("protected"));
    }

    #[test]
    fn an_ipv4_address_written_as_ipv6_is_the_ipv4_address() {
        assert_eq!(ask("::ffff:198.51.100.66/128", &[]), Ok("198.51.100.66/32".into()));
        assert_eq!(ask("::ffff:203.0.113.10/128", &["203.0.113.0/24"]), Err("protected"));
        assert_eq!(ask("203.0.113.10/32", &["::ffff:203.0.113.0/120"]), Err("protected"));
        assert_eq!(ask("203.0.113.10/32", &["::ffff:0:0/95"]), Err("protected"));
        assert_eq!(ask("::ffff:0:0/96", &[]), Err("reserved"));
        assert_eq!(ask("::/16", &[]), Err("reserved"));
    }

    #[test]
    fn everything_and_this_host_and_groups_never() {
        for target in [
            "0.0.0.0/0",
            "::/0",
            "127.0.0.1/32",
            "126.0.0.0/7",
            "::1/128",
            "0.0.0.0/32",
            "::/128",
            "224.0.0.1/32",
            "239.1.2.3/32",
            "255.255.255.255/32",
            "169.254.169.254/32",
            "fe80::1/128",
            "ff02::1/128",
            "128.0.0.0/1",
            "::ffff:127.0.0.1/128",
            "::ffff:224.0.0.1/128",
            "64::/8",
        ] {
            let found = ask(target, &[]);
            assert!(matches!(found, Err("reserved" | "width")), "{target}: {found:?}");
        }
        assert_eq!(ask("198.0.0.0/7", &[]), Err("width"));
        assert_eq!(ask("198.51.100.77/24", &[]), Ok("198.51.100.0/24".into()), "host bits are cleared");
    }

    #[test]
    fn an_expiry_is_needed_and_bounded() {
        let policy = PointPolicy { never: vec![], minutes_max: 60, widest_v4: 8, widest_v6: 16 };
        let now = Micros(0);
        let ask = |s| guard(net("198.51.100.66/32"), now.plus_seconds(s), now, &policy).is_ok();
        assert!(ask(1) && ask(3600) && !ask(3601) && !ask(0) && !ask(-1));
        let never = guard(net("198.51.100.66/32"), Micros(i64::MAX), Micros(i64::MAX - 1), &policy);
        assert!(never.is_ok(), "arithmetic at the end of time does not wrap");
    }
}
