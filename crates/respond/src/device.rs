//! The trait behind which every enforcement device stands.
//!
//! Invariant: a device gets the *whole* wanted set and finds the difference itself, so that add, undo, expiry,
//! restart and repair share one path.

use std::{collections::HashMap, future::Future, pin::Pin};

use bongsu_event::Micros;
use bongsu_uplink::Direction;
use ipnet::IpNet;

/// An answer of a device, some time.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DeviceError>> + Send + 'a>>;

/// What a device can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Prefixes, not only single addresses.
    pub prefixes: bool,
    /// IPv6.
    pub ipv6: bool,
    /// Only traffic from, or only to, a target.
    pub directions: bool,
    /// Lifts a block at its expiry even if nobody tells it to.
    pub expires_by_itself: bool,
    /// Counts packets dropped for each target.
    pub counts: bool,
    /// Says how many connections with a target are open.
    pub sees_connections: bool,
    /// Changes something at all (a dry run does not).
    pub acts: bool,
    /// Most targets held.
    pub targets_max: usize,
}

/// One target a device should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wish {
    /// Address or prefix, host bits zero.
    pub net: IpNet,
    /// Which traffic.
    pub direction: Traffic,
    /// Until.
    pub expires_at: Micros,
}

/// [`Direction`] with an order, so that wishes can be keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// From the target and to it.
    Both,
    /// From the target.
    From,
    /// To the target.
    To,
}

impl From<Direction> for Traffic {
    fn from(d: Direction) -> Self {
        match d {
            Direction::Both => Self::Both,
            Direction::From => Self::From,
            Direction::To => Self::To,
        }
    }
}

/// One target a device was found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Address or prefix; `None` for something we would never write, as a range.
    pub net: Option<IpNet>,
    /// Which traffic.
    pub direction: Traffic,
    /// As the device writes it.
    pub text: String,
    /// Packets dropped since it was inserted.
    pub packets: Option<u64>,
    /// Bytes dropped since it was inserted.
    pub bytes: Option<u64>,
    /// The device's own end of it; `None` for never, which is wrong by itself.
    pub expires_at: Option<Micros>,
}

/// What a device was found to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What is wrong with the device's own frame (table, chains, rules); empty when it stands.
    pub unsound: String,
    /// Targets held.
    pub elements: Vec<Element>,
}

/// Finds elements of a [`Found`] by target.
#[derive(Debug)]
pub struct FoundIndex<'a> {
    exact: HashMap<(Traffic, IpNet), &'a Element>,
    wide: Vec<&'a Element>,
}

impl Found {
    /// For many questions at once.
    #[must_use]
    pub fn index(&self) -> FoundIndex<'_> {
        let wide = |e: &&Element| e.net.is_some_and(|n| n.prefix_len() < n.max_prefix_len());
        FoundIndex {
            exact: self.elements.iter().filter_map(|e| Some(((e.direction, e.net?), e))).collect(),
            wide: self.elements.iter().filter(wide).collect(),
        }
    }
}

impl<'a> FoundIndex<'a> {
    /// The element that denies `net`: itself, or a wider one.
    #[must_use]
    pub fn holds(&self, net: &IpNet, direction: Traffic) -> Option<&'a Element> {
        let wider = |e: &&&Element| e.direction == direction && e.net.is_some_and(|n| n.contains(net));
        self.exact.get(&(direction, *net)).or_else(|| self.wide.iter().find(wider)).copied()
    }
}

/// What one application changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Targets added or renewed.
    pub added: usize,
    /// Targets removed.
    pub removed: usize,
    /// The device's frame was built anew.
    pub rebuilt: bool,
}

impl Applied {
    /// Was anything changed?
    #[must_use]
    pub fn changed(&self) -> bool {
        self.added > 0 || self.removed > 0 || self.rebuilt
    }
}

/// Why a device could not do as asked; says what to do.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceError {
    /// The program that drives the device is missing.
    #[error("nft is not installed: install the package nftables, or set this point to dry run")]
    NoNft,
    /// Not allowed.
    #[error("no permission to change nftables: run the agent as the packaged service, or give it CAP_NET_ADMIN")]
    NotPermitted,
    /// It took too long.
    #[error("nft did not answer within {0} s: look for a process that holds the ruleset")]
    Slow(u64),
    /// Anything else, in the device's words.
    #[error("nft failed: {0}")]
    Failed(String),
    /// More targets than the device holds.
    #[error("{wanted} targets are wanted and this point holds at most {max}: aggregate them or use another point")]
    TooMany {
        /// Wanted.
        wanted: usize,
        /// Limit.
        max: usize,
    },
}

/// An enforcement device.
pub trait Device: Send {
    /// Stable name: `nftables`, `dry_run`.
    fn name(&self) -> &'static str;
    /// What it can do.
    fn abilities(&self) -> Abilities;
    /// Make the device hold exactly `wanted`, in one step. Targets whose time is over at `now` are not inserted.
    fn apply<'a>(&'a mut self, wanted: &'a [Wish], now: Micros) -> Answer<'a, Applied>;
    /// What the device holds.
    fn read_back(&mut self, now: Micros) -> Answer<'_, Found>;
    /// End the open connections of these targets, as far as the device can; says how many, `None` if it can't tell.
    fn cut<'a>(&'a mut self, targets: &'a [IpNet]) -> Answer<'a, Option<u32>>;
    /// Connections open with each of these targets, in their order; `None` if it can't tell.
    fn open_connections<'a>(&'a mut self, targets: &'a [IpNet]) -> Answer<'a, Option<Vec<u32>>>;
}
