//! The text nft reads: our table, and changes to it. Pure.
//!
//! Targets are formatted from parsed addresses, so no text of anybody else ever reaches the script.

use std::fmt::Write as _;

use bongsu_event::Micros;
use ipnet::IpNet;

use super::Difference;
use crate::{Element, Wish, device::Traffic};

/// Name of our table, family `inet`.
pub(super) const TABLE: &str = "bongsu";
/// Removes the table, there or not.
pub(super) const REMOVE: &str = "add table inet bongsu\ndelete table inet bongsu\n";
/// Before connection tracking (-200) and raw (-300), after defragmentation (-400): no accept of anybody comes first.
pub(super) const PRIORITY: i64 = -310;
/// The regular chain that every hook jumps to.
pub(super) const DROPS: &str = "drops";
/// Hooks we stand in: transit, in, out, and all that arrives.
pub(super) const HOOKS: [&str; 4] = ["prerouting", "input", "forward", "output"];

/// A set of our table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Set {
    /// Single IPv4 addresses: a hash set, adding to it costs the same however long it is.
    Host4,
    /// Single IPv6 addresses.
    Host6,
    /// IPv4 prefixes.
    Net4,
    /// IPv6 prefixes.
    Net6,
    /// Traffic from IPv4 targets only.
    From4,
    /// Traffic from IPv6 targets only.
    From6,
    /// Traffic to IPv4 targets only.
    To4,
    /// Traffic to IPv6 targets only.
    To6,
}

impl Set {
    pub(super) const ALL: [Self; 8] =
        [Self::Host4, Self::Host6, Self::Net4, Self::Net6, Self::From4, Self::From6, Self::To4, Self::To6];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Host4 => "block4",
            Self::Host6 => "block6",
            Self::Net4 => "net4",
            Self::Net6 => "net6",
            Self::From4 => "from4",
            Self::From6 => "from6",
            Self::To4 => "to4",
            Self::To6 => "to6",
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    pub(super) fn intervals(self) -> bool {
        !matches!(self, Self::Host4 | Self::Host6)
    }

    pub(super) fn direction(self) -> Traffic {
        match self {
            Self::Host4 | Self::Host6 | Self::Net4 | Self::Net6 => Traffic::Both,
            Self::From4 | Self::From6 => Traffic::From,
            Self::To4 | Self::To6 => Traffic::To,
        }
    }

    fn v4(self) -> bool {
        matches!(self, Self::Host4 | Self::Net4 | Self::From4 | Self::To4)
    }

    fn pick(v4: bool, host: bool, direction: Traffic) -> Self {
        match (direction, v4, host) {
            (Traffic::Both, true, true) => Self::Host4,
            (Traffic::Both, true, false) => Self::Net4,
            (Traffic::Both, false, true) => Self::Host6,
            (Traffic::Both, false, false) => Self::Net6,
            (Traffic::From, true, _) => Self::From4,
            (Traffic::From, false, _) => Self::From6,
            (Traffic::To, true, _) => Self::To4,
            (Traffic::To, false, _) => Self::To6,
        }
    }

    pub(super) fn of(wish: &Wish) -> Self {
        Self::pick(wish.net.addr().is_ipv4(), wish.net.prefix_len() == wish.net.max_prefix_len(), wish.direction)
    }

    /// The set an element was found in; ranges stand only in interval sets.
    pub(super) fn of_element(element: &Element) -> Self {
        let v4 = !element.text.contains(':');
        let host = element.net.is_some_and(|n| n.prefix_len() == n.max_prefix_len());
        Self::pick(v4, host, element.direction)
    }

    /// The ends of a packet this set is compared with.
    pub(super) fn ends(self) -> &'static [&'static str] {
        match self.direction() {
            Traffic::Both => &["saddr", "daddr"],
            Traffic::From => &["saddr"],
            Traffic::To => &["daddr"],
        }
    }

    pub(super) fn protocol(self) -> &'static str {
        if self.v4() { "ip" } else { "ip6" }
    }
}

/// A target as nft writes it.
pub(super) fn key(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// Time left as the kernel counts it, never 0: that would be for ever.
pub(super) fn millis(wish: &Wish, now: Micros) -> i64 {
    wish.expires_at.0.saturating_sub(now.0).max(0) / 1000 + 1
}

fn element(out: &mut String, wish: &Wish, now: Micros) {
    let _ = write!(out, "{} timeout {}ms", key(&wish.net), millis(wish, now));
}

/// A small change. Each removal first adds: an element that expired meanwhile would fail the whole transaction.
pub(super) fn difference(difference: &Difference, now: Micros) -> String {
    let mut out = String::with_capacity(128 * (difference.add.len() + difference.remove.len()));
    for (set, key) in &difference.remove {
        let name = set.name();
        let _ = writeln!(out, "add element inet {TABLE} {name} {{ {key} }}");
        let _ = writeln!(out, "delete element inet {TABLE} {name} {{ {key} }}");
    }
    for wish in &difference.add {
        let _ = write!(out, "add element inet {TABLE} {} {{ ", Set::of(wish).name());
        element(&mut out, wish, now);
        out.push_str(" }\n");
    }
    out
}

/// The whole table anew, with every element, in one transaction.
pub(super) fn rebuild(wanted: &[Wish], now: Micros) -> String {
    let mut out = String::with_capacity(2048 + 64 * wanted.len());
    out.push_str(REMOVE);
    let _ = writeln!(out, "table inet {TABLE} {{");
    for set in Set::ALL {
        let kind = if set.v4() { "ipv4_addr" } else { "ipv6_addr" };
        let flags = if set.intervals() { "interval,timeout" } else { "timeout" };
        let _ = write!(out, " set {} {{ type {kind}; flags {flags}; counter;", set.name());
        let mut first = true;
        for wish in wanted.iter().filter(|w| Set::of(w) == set) {
            out.push_str(if std::mem::take(&mut first) { " elements = { " } else { ", " });
            element(&mut out, wish, now);
        }
        out.push_str(if first { " }\n" } else { " } }\n" });
    }
    let _ = writeln!(out, " chain {DROPS} {{");
    for (set, end) in rules() {
        let _ = writeln!(out, "  {} {end} @{} drop", set.protocol(), set.name());
    }
    out.push_str(" }\n");
    for hook in HOOKS {
        let _ = writeln!(
            out,
            " chain {hook} {{ type filter hook {hook} priority {PRIORITY}; policy accept; jump {DROPS}; }}"
        );
    }
    out.push_str("}\n");
    out
}

/// Every rule of the chain of drops, in order.
pub(super) fn rules() -> impl Iterator<Item = (Set, &'static str)> {
    Set::ALL.into_iter().flat_map(|set| set.ends().iter().map(move |end| (set, *end)))
}
