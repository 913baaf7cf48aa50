//! nftables: our own table `inet bongsu`, ahead of connection tracking and of everybody's accept rules.
//!
//! Invariants: each application is one nft transaction, so the kernel holds the old set or the new one and never
//! half; every element has a kernel timeout, so a block ends although nobody is left to end it; no other table is
//! read or written; nft is started directly, no shell sees a target.

mod child;
mod direct;
mod listing;
mod script;

use std::collections::HashMap;

use bongsu_event::Micros;
use ipnet::IpNet;

use crate::{
    Abilities, Answer, Applied, Device, DeviceError, Element, Found, Wish, conntrack,
    device::Traffic,
    limits::{EXPIRY_SLACK_MICROS, TARGETS_MAX},
};

/// The nftables device of this host.
#[derive(Debug, Default)]
pub struct Nftables {
    /// As last read back and changed by us since; `None` when not known.
    cache: Option<Found>,
    /// The cache was confirmed by the kernel itself just now, as far as the last change goes.
    confirmed: bool,
}

impl Nftables {
    /// Nothing is started or read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes our table: for tests, and for taking a point out of service.
    ///
    /// # Errors
    /// When nft fails.
    pub async fn remove_table(&mut self) -> Result<(), DeviceError> {
        (self.cache, self.confirmed) = (None, false);
        child::run(&["-f", "-"], script::REMOVE).await.map(drop)
    }

    /// What the table holds. Right after a direct change only the changed elements were read again.
    async fn read(&mut self, now: Micros) -> Result<Found, DeviceError> {
        if std::mem::take(&mut self.confirmed)
            && let Some(found) = &self.cache
        {
            return Ok(found.clone());
        }
        let found = match child::run(&["-j", "list", "table", "inet", script::TABLE], "").await {
            Ok(text) => listing::read(&text, now),
            Err(DeviceError::Failed(why)) if why.contains("No such file or directory") => {
                Found { unsound: "the table is missing".to_owned(), elements: Vec::new() }
            }
            Err(e) => return Err(e),
        };
        self.cache = Some(found.clone());
        Ok(found)
    }

    async fn change(&mut self, wanted: &[Wish], now: Micros) -> Result<Applied, DeviceError> {
        self.confirmed = false;
        let wanted = insertable(wanted, now);
        if wanted.len() > TARGETS_MAX {
            return Err(DeviceError::TooMany { wanted: wanted.len(), max: TARGETS_MAX });
        }
        let cached = match self.cache.take() {
            Some(found) if found.unsound.is_empty() => Some(found),
            _ => None,
        };
        if let Some(found) = cached {
            let difference = Difference::between(&wanted, &found.elements, now);
            if difference.is_empty() {
                self.cache = Some(found);
                return Ok(Applied::default());
            }
            let (added, removed) = (difference.add.len(), difference.remove.len());
            match direct::apply(&difference, now) {
                Ok(true) => {
                    self.confirmed = direct::holds(&difference.add).unwrap_or(false);
                    self.cache = Some(after(&wanted, found, now));
                    return Ok(Applied { added, removed, rebuilt: false });
                }
                Ok(false) => {}
                // An element that expired meanwhile, an old kernel: nft knows how.
                Err(e) => tracing::debug!(error = %e, "the direct change did not go through"),
            }
            match child::run(&["-f", "-"], &script::difference(&difference, now)).await {
                Ok(_) => {
                    self.cache = Some(after(&wanted, found, now));
                    return Ok(Applied { added, removed, rebuilt: false });
                }
                // Somebody changed the table since we read it: build it anew below.
                Err(DeviceError::Failed(why)) => tracing::debug!(why, "the small change did not go through"),
                Err(e) => return Err(e),
            }
        }
        child::run(&["-f", "-"], &script::rebuild(&wanted, now)).await?;
        self.cache = Some(after(&wanted, Found::default(), now));
        Ok(Applied { added: wanted.len(), removed: 0, rebuilt: true })
    }
}

impl Device for Nftables {
    fn name(&self) -> &'static str {
        "nftables"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            prefixes: true,
            ipv6: true,
            directions: true,
            expires_by_itself: true,
            counts: true,
            sees_connections: true,
            acts: true,
            targets_max: TARGETS_MAX,
        }
    }

    fn apply<'a>(&'a mut self, wanted: &'a [Wish], now: Micros) -> Answer<'a, Applied> {
        Box::pin(self.change(wanted, now))
    }

    fn read_back(&mut self, now: Micros) -> Answer<'_, Found> {
        Box::pin(self.read(now))
    }

    fn cut<'a>(&'a mut self, targets: &'a [IpNet]) -> Answer<'a, Option<u32>> {
        let targets = targets.to_vec();
        Box::pin(async move {
            Ok(tokio::task::spawn_blocking(move || conntrack::cut(&targets)).await.ok().and_then(Result::ok))
        })
    }

    fn open_connections<'a>(&'a mut self, targets: &'a [IpNet]) -> Answer<'a, Option<Vec<u32>>> {
        let targets = targets.to_vec();
        Box::pin(async move {
            let counted = tokio::task::spawn_blocking(move || conntrack::count(&targets)).await;
            Ok(counted.ok().and_then(Result::ok).flatten())
        })
    }
}

/// What a transaction changes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    /// Elements to be taken out, among them those renewed.
    remove: Vec<(script::Set, String)>,
    /// Targets to be put in.
    add: Vec<Wish>,
}

impl Difference {
    fn between(wanted: &[Wish], found: &[Element], now: Micros) -> Self {
        let held = by_target(found);
        let wishes: HashMap<Target, &Wish> = wanted.iter().map(|w| ((w.direction, w.net), w)).collect();
        let right = |e: &Element, w: &Wish| live(e, now) && same_end(e, w);
        let missing = |w: &&Wish| !held.get(&(w.direction, w.net)).is_some_and(|e| right(e, w));
        let wrong =
            |e: &&Element| !e.net.is_some_and(|net| wishes.get(&(e.direction, net)).is_some_and(|w| right(e, w)));
        Self {
            add: wanted.iter().filter(missing).copied().collect(),
            remove: found.iter().filter(wrong).map(|e| (script::Set::of_element(e), e.text.clone())).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }
}

fn live(element: &Element, now: Micros) -> bool {
    element.expires_at.is_some_and(|e| e > now)
}

fn same_end(element: &Element, wish: &Wish) -> bool {
    element.expires_at.is_some_and(|e| e.0.abs_diff(wish.expires_at.0) <= EXPIRY_SLACK_MICROS.unsigned_abs())
}

/// Live wishes, one for a target (the longest), and none that a wider one of an interval set already covers:
/// the kernel refuses overlapping intervals. A covered one comes in when its cover goes.
fn insertable(wanted: &[Wish], now: Micros) -> Vec<Wish> {
    let mut sorted: Vec<Wish> = wanted.iter().filter(|w| w.expires_at > now).copied().collect();
    sorted.sort_by_key(|w| (w.direction, w.net.prefix_len(), w.net, std::cmp::Reverse(w.expires_at)));
    sorted.dedup_by_key(|w| (w.direction, w.net));
    let mut kept: Vec<Wish> = Vec::with_capacity(sorted.len());
    let mut wide: Vec<Wish> = Vec::new();
    for wish in sorted {
        let set = script::Set::of(&wish);
        let covered = set.intervals() && wide.iter().any(|w| script::Set::of(w) == set && w.net.contains(&wish.net));
        if !covered {
            if set.intervals() {
                wide.push(wish);
            }
            kept.push(wish);
        }
    }
    kept
}

/// What the table holds after a transaction went through; counters of what stayed are kept.
fn after(wanted: &[Wish], before: Found, now: Micros) -> Found {
    let held = by_target(&before.elements);
    let elements = wanted.iter().map(|w| match held.get(&(w.direction, w.net)) {
        Some(e) if live(e, now) && same_end(e, w) => (*e).clone(),
        _ => Element {
            net: Some(w.net),
            direction: w.direction,
            text: script::key(&w.net),
            packets: Some(0),
            bytes: Some(0),
            expires_at: Some(w.expires_at),
        },
    });
    Found { unsound: String::new(), elements: elements.collect() }
}

type Target = (Traffic, IpNet);

fn by_target(elements: &[Element]) -> HashMap<Target, &Element> {
    elements.iter().filter_map(|e| Some(((e.direction, e.net?), e))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros(1_800_000_000_000_000);

    fn wish(net: &str, seconds: i64) -> Wish {
        Wish { net: net.parse().unwrap(), direction: Traffic::Both, expires_at: NOW.plus_seconds(seconds) }
    }

    #[test]
    fn a_host_stays_its_own_element_beside_the_prefix_around_it() {
        let wishes = [wish("198.51.100.7/32", 60), wish("198.51.100.0/24", 60), wish("198.51.100.0/25", 90)];
        let kept = insertable(&wishes, NOW);
        assert_eq!(kept, [wish("198.51.100.0/24", 60), wish("198.51.100.7/32", 60)], "only intervals may not overlap");
        assert_eq!(insertable(&wishes, NOW.plus_seconds(70)), [wish("198.51.100.0/25", 90)], "the cover is gone");
    }

    #[test]
    fn of_two_blocks_of_one_target_the_longer_counts() {
        assert_eq!(
            insertable(&[wish("198.51.100.7/32", 60), wish("198.51.100.7/32", 600)], NOW),
            [wish("198.51.100.7/32", 600)]
        );
    }

    #[test]
    fn what_is_right_is_left_alone_and_what_is_wrong_is_renewed() {
        let held = after(&[wish("198.51.100.7/32", 60), wish("198.51.100.8/32", 60)], Found::default(), NOW);
        let d = Difference::between(&[wish("198.51.100.7/32", 61), wish("198.51.100.8/32", 600)], &held.elements, NOW);
        assert_eq!(d.add, [wish("198.51.100.8/32", 600)]);
        assert_eq!(d.remove, [(script::Set::Host4, "198.51.100.8".to_owned())]);
        let d = Difference::between(&[], &held.elements, NOW);
        assert_eq!((d.add.len(), d.remove.len()), (0, 2));
    }
}
