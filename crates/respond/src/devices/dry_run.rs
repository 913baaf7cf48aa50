//! A device that touches nothing and says so: what it "holds" is what it was told.

use bongsu_event::Micros;
use ipnet::IpNet;

use crate::{Abilities, Answer, Applied, Device, Element, Found, Wish, limits::TARGETS_MAX};

/// Remembers, touches nothing.
#[derive(Debug, Default)]
pub struct DryRun {
    held: Vec<Wish>,
}

impl Device for DryRun {
    fn name(&self) -> &'static str {
        "dry_run"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            prefixes: true,
            ipv6: true,
            directions: true,
            expires_by_itself: true,
            counts: false,
            sees_connections: false,
            acts: false,
            targets_max: TARGETS_MAX,
        }
    }

    fn apply<'a>(&'a mut self, wanted: &'a [Wish], now: Micros) -> Answer<'a, Applied> {
        let next: Vec<Wish> = wanted.iter().filter(|w| w.expires_at > now).copied().collect();
        let added = next.iter().filter(|w| !self.held.contains(w)).count();
        let removed = self.held.iter().filter(|w| !next.contains(w)).count();
        self.held = next;
        Box::pin(std::future::ready(Ok(Applied { added, removed, rebuilt: false })))
    }

    fn read_back(&mut self, now: Micros) -> Answer<'_, Found> {
        self.held.retain(|w| w.expires_at > now);
        let elements = self.held.iter().map(|w| Element {
            net: Some(w.net),
            direction: w.direction,
            text: w.net.to_string(),
            packets: None,
            bytes: None,
            expires_at: Some(w.expires_at),
        });
        Box::pin(std::future::ready(Ok(Found { unsound: String::new(), elements: elements.collect() })))
    }

    fn cut<'a>(&'a mut self, _: &'a [IpNet]) -> Answer<'a, Option<u32>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn open_connections<'a>(&'a mut self, _: &'a [IpNet]) -> Answer<'a, Option<Vec<u32>>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
