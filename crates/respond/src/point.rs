//! An enforcement point: the wanted set, the guard before it and the device behind it.
//!
//! Invariant: one idempotent path, [`Point::settle`], serves new blocks, undo, expiry, kill switch, restart and
//! repair. What is reported comes from the device's read-back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use bongsu_event::Micros;
use bongsu_uplink::{BlockOutcome, BlockReport, Blocks, BlocksDelta, BlocksState, KillSwitch, WantedBlock};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Confirm, Device, DeviceError, Found, FoundIndex, Guard, Refusal, Verdict, Wish, limits};

/// The two clocks: the center's time of day, by which blocks end, and one that never jumps.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Time of day as the center sees it.
    pub wall: Micros,
    /// Monotonic.
    pub mono: Instant,
}

/// What a point must remember through a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Version of the wanted set.
    pub version: u64,
    /// The wanted set.
    pub wanted: Vec<WantedBlock>,
    /// The never-block list.
    pub never_block: Vec<String>,
    /// The kill switch.
    pub kill_switch: KillSwitch,
    /// Blocks in force whose change is not confirmed yet.
    #[serde(default)]
    pub unconfirmed: Vec<String>,
    /// Blocks that cut this point from its center: they stay out.
    #[serde(default)]
    pub guilty: Vec<String>,
}

/// One enforcement point.
pub struct Point {
    device: Box<dyn Device>,
    guard: Guard,
    confirm: Confirm,
    version: u64,
    wanted: BTreeMap<String, WantedBlock>,
    kill_switch: KillSwitch,
    guilty: BTreeSet<String>,
    tallies: BTreeMap<String, Tally>,
    reports: BTreeMap<String, BlockReport>,
    strangers: Vec<String>,
    repaired: u64,
    error: String,
    list_error: String,
    measured_at: Option<Instant>,
    /// Inserted, and their open connections not cut yet.
    fresh: Vec<(String, IpNet)>,
}

/// What is known of a block's effect beyond the device's present counters.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    inserted_at: Micros,
    /// Counted by elements that were replaced since.
    packets_before: u64,
    bytes_before: u64,
    packets_now: u64,
    bytes_now: u64,
    cut: u32,
    open: Option<u32>,
}

impl Point {
    /// A point that wants nothing yet.
    #[must_use]
    pub fn new(device: Box<dyn Device>) -> Self {
        Self {
            device,
            guard: Guard::default(),
            confirm: Confirm::default(),
            version: 0,
            wanted: BTreeMap::new(),
            kill_switch: KillSwitch::Off,
            guilty: BTreeSet::new(),
            tallies: BTreeMap::new(),
            reports: BTreeMap::new(),
            strangers: Vec::new(),
            repaired: 0,
            error: String::new(),
            list_error: String::new(),
            measured_at: None,
            fresh: Vec::new(),
        }
    }

    /// Takes up what was kept through a restart. What was not confirmed then waits for proof again.
    pub fn restore(&mut self, kept: Kept, now: Now) {
        self.version = kept.version;
        self.wanted = kept.wanted.into_iter().map(|b| (b.id.clone(), b)).collect();
        self.kill_switch = kept.kill_switch;
        self.guilty = kept.guilty.into_iter().collect();
        self.note_list(&kept.never_block);
        self.await_proof(kept.unconfirmed, now);
    }

    /// What must be kept through a restart.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept {
            version: self.version,
            wanted: self.wanted.values().cloned().collect(),
            never_block: self.guard.never_block(),
            kill_switch: self.kill_switch,
            unconfirmed: self.confirm.waiting().chain(self.confirm.rolled_back()).map(str::to_owned).collect(),
            guilty: self.guilty.iter().cloned().collect(),
        }
    }

    /// The guard, to tell it of the host and the center.
    pub fn guard_mut(&mut self) -> &mut Guard {
        &mut self.guard
    }

    /// Stable name of the device.
    #[must_use]
    pub fn device_name(&self) -> &'static str {
        self.device.name()
    }

    /// What last failed; empty when nothing does.
    #[must_use]
    pub fn error(&self) -> &str {
        &self.error
    }

    /// Version of the wanted set.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Blocks found at the device, or that a dry run would hold.
    #[must_use]
    pub fn held(&self) -> u32 {
        use BlockOutcome::{DryRun, Effective, Inserted, NotEffective};
        let held = |r: &&BlockReport| matches!(r.outcome, Inserted | Effective | NotEffective | DryRun);
        u32::try_from(self.reports.values().filter(held).count()).unwrap_or(u32::MAX)
    }

    /// Does the device need to be looked at periodically?
    #[must_use]
    pub fn watches(&self) -> bool {
        self.device.abilities().acts
    }

    /// The center's full wanted set: what is not in it goes.
    pub fn take_full(&mut self, blocks: Blocks, now: Now) {
        let fresh: Vec<String> = blocks.wanted.iter().filter(|b| self.is_new(b)).map(|b| b.id.clone()).collect();
        self.version = blocks.version;
        self.kill_switch = blocks.kill_switch;
        self.wanted = blocks.wanted.into_iter().map(|b| (b.id.clone(), b)).collect();
        self.note_list(&blocks.never_block);
        self.forget_unwanted();
        self.await_proof(fresh, now);
    }

    /// One change; false if it is older than what we have.
    pub fn take_delta(&mut self, delta: BlocksDelta, now: Now) -> bool {
        if delta.version <= self.version {
            return false;
        }
        self.version = delta.version;
        self.kill_switch = delta.kill_switch.unwrap_or(self.kill_switch);
        for id in &delta.remove {
            self.wanted.remove(id);
        }
        let fresh: Vec<String> = delta.add.iter().filter(|b| self.is_new(b)).map(|b| b.id.clone()).collect();
        self.wanted.extend(delta.add.into_iter().map(|b| (b.id.clone(), b)));
        self.forget_unwanted();
        self.await_proof(fresh, now);
        true
    }

    /// The center answered a probe sent at `sent`.
    pub fn proved(&mut self, sent: Instant) {
        self.confirm.proved(sent);
    }

    /// Should the center be probed now, because a change waits for proof?
    #[must_use]
    pub fn wants_probe(&self) -> bool {
        self.confirm.wants_probe()
    }

    /// Carries out the verdicts due; true if the wanted set changed by it and [`Point::settle`] must follow.
    pub fn judge(&mut self, now: Now) -> bool {
        let verdicts = self.confirm.tick(now.mono);
        for verdict in &verdicts {
            match verdict {
                Verdict::Confirmed(ids) => tracing::debug!(?ids, "confirmed"),
                Verdict::RollBack(ids) => {
                    tracing::warn!(?ids, "the center is out of reach since this change: rolled back")
                }
                Verdict::Acquitted(ids) => {
                    tracing::info!(?ids, "the center is away for another reason: in force again")
                }
                Verdict::Guilty(ids) => {
                    tracing::warn!(?ids, "the center came back after the roll-back: these blocks stay out");
                    self.guilty.extend(ids.iter().cloned());
                }
            }
        }
        !verdicts.is_empty()
    }

    /// When the next block ends, to settle then.
    #[must_use]
    pub fn next_expiry(&self, now: Micros) -> Option<Micros> {
        self.wanted.values().map(|b| b.expires_at).filter(|e| *e > now).min()
    }

    /// Makes the device hold what is wanted, reads it back, and gives the reports that changed by it.
    pub async fn settle(&mut self, now: Now) -> Vec<BlockReport> {
        let decided = self.decide(now.wall);
        let wishes: Vec<Wish> = decided.iter().filter_map(|(_, d)| d.as_ref().ok().copied()).collect();
        let fresh = self.fresh_targets(&decided);
        let found = self.enforce(&wishes, now.wall).await;
        if found.is_ok() {
            self.fresh.extend(fresh);
        }
        self.report(decided, found, now)
    }

    /// Ends what connections the newly blocked still have, in the kernel's table: call it after [`Point::settle`], once
    /// the outcome was said. Their packets are dropped already.
    pub async fn cut_fresh(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        if fresh.is_empty() {
            return;
        }
        let targets: Vec<IpNet> = fresh.iter().map(|(_, n)| *n).collect();
        let cut = self.device.cut(&targets).await.ok().flatten().unwrap_or(0);
        // Cut together, a number belongs to one block only if it was alone.
        if let [(id, _)] = fresh.as_slice()
            && let Some(tally) = self.tallies.get_mut(id)
        {
            tally.cut = cut;
        }
    }

    /// As [`Point::settle`], but looks at the device first: for the periodic comparison and after a foreign change.
    pub async fn look(&mut self, now: Now) -> Vec<BlockReport> {
        let read = self.device.read_back(now.wall).await;
        self.count_repair(&read, now.wall);
        self.cut_fresh().await;
        self.measure(now).await;
        self.settle(now).await
    }

    /// Everything about the point, for the center.
    #[must_use]
    pub fn state(&self, now: Now) -> BlocksState {
        let errors = [&self.error, &self.list_error].into_iter().filter(|e| !e.is_empty()).cloned();
        BlocksState {
            time: now.wall,
            blocks_version: self.version,
            kill_switch: self.kill_switch == KillSwitch::On,
            blocks: self.reports.values().cloned().collect(),
            strangers: self.strangers.clone(),
            repaired: self.repaired,
            errors: errors.collect(),
        }
    }

    /// A device that touches nothing cuts nobody off.
    fn await_proof(&mut self, ids: Vec<String>, now: Now) {
        if self.device.abilities().acts {
            self.confirm.changed(ids, now.mono);
        }
    }

    fn is_new(&self, block: &WantedBlock) -> bool {
        self.wanted.get(&block.id).is_none_or(|known| {
            (known.address, known.prefix, known.direction) != (block.address, block.prefix, block.direction)
        })
    }

    fn note_list(&mut self, list: &[String]) {
        let unread = self.guard.set_never_block(list);
        self.list_error = match unread.first() {
            Some(first) => format!(
                "{} never-block entries cannot be read, the first is {first:?}: the former list stays too",
                unread.len()
            ),
            None => String::new(),
        };
    }

    fn forget_unwanted(&mut self) {
        let wanted = &self.wanted;
        self.confirm.forget(|id| !wanted.contains_key(id));
        self.guilty.retain(|id| wanted.contains_key(id));
        self.tallies.retain(|id, _| wanted.contains_key(id));
    }

    /// Each wanted block: what it asks of the device, or why not.
    fn decide(&self, now: Micros) -> Vec<(WantedBlock, Result<Wish, Held>)> {
        let out: BTreeSet<&str> = self.confirm.rolled_back().chain(self.guilty.iter().map(String::as_str)).collect();
        let mut room = self.device.abilities().targets_max;
        let verdict = |b: &WantedBlock, room: &mut usize| {
            let net = self.guard.check(b, now).map_err(Held::Refused)?;
            if self.kill_switch == KillSwitch::On {
                return Err(Held::KillSwitch);
            }
            if out.contains(b.id.as_str()) {
                return Err(Held::RolledBack);
            }
            *room = room.checked_sub(1).ok_or(Held::Refused(Refusal::Full(limits::TARGETS_MAX)))?;
            Ok(Wish { net, direction: b.direction.into(), expires_at: b.expires_at })
        };
        self.wanted.values().map(|b| (b.clone(), verdict(b, &mut room))).collect()
    }

    /// Targets to be inserted now that were not held before: their open connections must be cut.
    fn fresh_targets(&self, decided: &[(WantedBlock, Result<Wish, Held>)]) -> Vec<(String, IpNet)> {
        if !self.device.abilities().sees_connections {
            return Vec::new();
        }
        let fresh = decided.iter().filter(|(b, _)| !self.tallies.contains_key(&b.id));
        fresh.filter_map(|(b, d)| Some((b.id.clone(), d.as_ref().ok()?.net))).collect()
    }

    async fn enforce(&mut self, wishes: &[Wish], now: Micros) -> Result<Found, DeviceError> {
        let applied = self.device.apply(wishes, now).await?;
        if applied.changed() {
            tracing::debug!(?applied, device = self.device.name(), "changed");
        }
        self.device.read_back(now).await
    }

    /// Counts open connections of the blocks held, now and then.
    async fn measure(&mut self, now: Now) {
        let due = self.measured_at.is_none_or(|m| now.mono.duration_since(m).as_secs() >= limits::MEASURE_SECONDS);
        let settled = |t: &Tally| now.wall.seconds_since(t.inserted_at) >= limits::EFFECT_AFTER_SECONDS as f64;
        let first = self.tallies.values().any(|t| t.open.is_none() && settled(t));
        if self.tallies.is_empty() || !self.device.abilities().sees_connections || !(due || first) {
            return;
        }
        self.measured_at = Some(now.mono);
        let both = |b: &&WantedBlock| b.direction == bongsu_uplink::Direction::Both;
        let blocks: Vec<(String, IpNet)> = (self.wanted.values().filter(both))
            .filter(|b| self.tallies.get(&b.id).is_some_and(settled))
            .filter_map(|b| Some((b.id.clone(), IpNet::new(b.address, b.prefix).ok()?)))
            .collect();
        let targets: Vec<IpNet> = blocks.iter().map(|(_, n)| *n).collect();
        let Ok(Some(open)) = self.device.open_connections(&targets).await else { return };
        for ((id, _), open) in blocks.iter().zip(open) {
            if let Some(tally) = self.tallies.get_mut(id) {
                tally.open = Some(open);
            }
        }
    }

    /// A table that another hand altered is counted; settling repairs it.
    fn count_repair(&mut self, read: &Result<Found, DeviceError>, now: Micros) {
        let Ok(found) = read else { return };
        let index = found.index();
        let slack = now.plus_seconds(1);
        let expected = |r: &&BlockReport| {
            use BlockOutcome::{Effective, Inserted, NotEffective};
            matches!(r.outcome, Inserted | Effective | NotEffective) && r.expires_at.is_some_and(|e| e > slack)
        };
        let held = |r: &BlockReport| {
            let wanted = self.wanted.get(&r.id)?;
            let net = IpNet::new(wanted.address, wanted.prefix).ok()?;
            index.holds(&net, wanted.direction.into())
        };
        let missing = self.reports.values().filter(expected).any(|r| held(r).is_none());
        let known: BTreeSet<IpNet> =
            self.wanted.values().filter_map(|b| IpNet::new(b.address, b.prefix).ok()).collect();
        let strange = |e: &&crate::Element| e.net.is_none_or(|n| !known.contains(&n));
        self.strangers = found.elements.iter().filter(strange).map(|e| e.text.clone()).collect();
        let expects_any = self.reports.values().any(|r| expected(&r));
        if missing || (!found.unsound.is_empty() && expects_any) || !self.strangers.is_empty() {
            self.repaired += 1;
            let (unsound, strangers) = (&found.unsound, self.strangers.len());
            tracing::warn!(unsound, strangers, missing, "the table was altered by another hand: putting it right");
        }
    }

    fn report(
        &mut self,
        decided: Vec<(WantedBlock, Result<Wish, Held>)>,
        found: Result<Found, DeviceError>,
        now: Now,
    ) -> Vec<BlockReport> {
        self.error = found.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let index = found.as_ref().map(|f| (f.index(), f.unsound.as_str()));
        let mut next = BTreeMap::new();
        for (block, decision) in decided {
            let report = match (decision, &index) {
                (Err(held), _) => {
                    self.tallies.remove(&block.id);
                    refused(&block, &held, self.reports.get(&block.id))
                }
                (Ok(_), Err(e)) => plain(&block, BlockOutcome::Failed, e.to_string()),
                (Ok(wish), Ok((index, unsound))) => self.found(&block, &wish, index, unsound, now.wall),
            };
            next.insert(block.id, report);
        }
        let mut changed: Vec<BlockReport> =
            next.iter().filter(|(id, r)| self.reports.get(*id) != Some(*r)).map(|(_, r)| r.clone()).collect();
        changed.extend(self.reports.iter().filter(|(id, _)| !next.contains_key(*id)).map(|(_, r)| BlockReport {
            outcome: BlockOutcome::Removed,
            expires_at: None,
            detail: String::new(),
            ..r.clone()
        }));
        self.reports = next;
        changed
    }

    fn found(
        &mut self,
        block: &WantedBlock,
        wish: &Wish,
        index: &FoundIndex<'_>,
        unsound: &str,
        now: Micros,
    ) -> BlockReport {
        if !self.device.abilities().acts {
            let mut report = plain(block, BlockOutcome::DryRun, String::new());
            report.expires_at = Some(block.expires_at);
            return report;
        }
        let Some(element) = index.holds(&wish.net, wish.direction) else {
            return plain(block, BlockOutcome::Failed, "the device took it and does not hold it".to_owned());
        };
        let tally =
            self.tallies.entry(block.id.clone()).or_insert_with(|| Tally { inserted_at: now, ..Tally::default() });
        tally.count(element.packets.unwrap_or(0), element.bytes.unwrap_or(0));
        let (outcome, detail) = effect(tally, unsound);
        BlockReport {
            id: block.id.clone(),
            target: element.text.clone(),
            outcome,
            dropped_packets: element.packets.map(|_| tally.packets_before + tally.packets_now),
            dropped_bytes: element.bytes.map(|_| tally.bytes_before + tally.bytes_now),
            open_connections: tally.open,
            expires_at: element.expires_at.map(|e| steady(e, wish.expires_at)),
            detail,
        }
    }
}

/// The end as asked for when the found one is near: the device rounds, and the report would change with each look.
fn steady(found: Micros, wanted: Micros) -> Micros {
    if found.0.abs_diff(wanted.0) <= limits::EXPIRY_SLACK_MICROS.unsigned_abs() { wanted } else { found }
}

impl Tally {
    /// Counters that run backwards belong to an element put in anew: what the former counted is kept.
    fn count(&mut self, packets: u64, bytes: u64) {
        if packets < self.packets_now {
            self.packets_before += self.packets_now;
            self.bytes_before += self.bytes_now;
        }
        (self.packets_now, self.bytes_now) = (packets, bytes);
    }
}

/// Why a wanted block is not in force here.
enum Held {
    Refused(Refusal),
    KillSwitch,
    RolledBack,
}

fn effect(tally: &Tally, unsound: &str) -> (BlockOutcome, String) {
    let dropped = tally.packets_before + tally.packets_now;
    match tally.open {
        _ if !unsound.is_empty() => (BlockOutcome::NotEffective, unsound.to_owned()),
        Some(open) if open > 0 => {
            (BlockOutcome::NotEffective, format!("{open} connections with it are open: traffic passes by another way"))
        }
        _ if dropped > 0 => (BlockOutcome::Effective, String::new()),
        Some(0) if tally.cut > 0 => (BlockOutcome::Effective, String::new()),
        _ => (BlockOutcome::Inserted, String::new()),
    }
}

fn refused(block: &WantedBlock, held: &Held, before: Option<&BlockReport>) -> BlockReport {
    let was_here = before.is_some_and(|b| !matches!(b.outcome, BlockOutcome::Refused | BlockOutcome::Failed));
    let (outcome, detail) = match held {
        Held::Refused(Refusal::Expired(_)) if was_here => (BlockOutcome::Expired, String::new()),
        Held::Refused(refusal) => (BlockOutcome::Refused, refusal.to_string()),
        Held::KillSwitch => (BlockOutcome::Refused, "kill_switch: the kill switch is on".to_owned()),
        Held::RolledBack => (BlockOutcome::Refused, "rolled_back: it cut this point from its center".to_owned()),
    };
    let counted = before.map(|b| (b.dropped_packets, b.dropped_bytes)).unwrap_or_default();
    BlockReport { dropped_packets: counted.0, dropped_bytes: counted.1, ..plain(block, outcome, detail) }
}

fn plain(block: &WantedBlock, outcome: BlockOutcome, detail: String) -> BlockReport {
    let net = IpNet::new(block.address, block.prefix).ok();
    let host = net.filter(|n| n.prefix_len() == n.max_prefix_len());
    let target = match (host, net) {
        (None, Some(n)) => n.to_string(),
        _ => block.address.to_string(),
    };
    BlockReport { id: block.id.clone(), target, outcome, detail, ..BlockReport::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::DryRun;

    #[test]
    fn the_measured_effect_is_one_of_three() {
        let tally = |packets_now, cut, open| Tally { packets_now, cut, open, ..Tally::default() };
        let of = |t: &Tally, unsound| effect(t, unsound).0;
        assert_eq!(of(&tally(0, 0, None), ""), BlockOutcome::Inserted, "no traffic seen");
        assert_eq!(of(&tally(0, 0, Some(0)), ""), BlockOutcome::Inserted, "there never was a connection");
        assert_eq!(of(&tally(9, 0, None), ""), BlockOutcome::Effective, "dropped");
        assert_eq!(of(&tally(0, 2, Some(0)), ""), BlockOutcome::Effective, "the connections it had are gone");
        assert_eq!(of(&tally(9, 2, Some(1)), ""), BlockOutcome::NotEffective, "some dropped, some pass");
        assert_eq!(of(&tally(9, 0, None), "the chain forward is missing"), BlockOutcome::NotEffective);
    }

    #[test]
    fn counters_of_an_element_put_in_anew_add_up() {
        let mut tally = Tally::default();
        for packets in [3, 7, 2, 4] {
            tally.count(packets, packets * 60);
        }
        assert_eq!(tally.packets_before + tally.packets_now, 11);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_dry_run_says_what_it_would_do_and_checks_as_strictly() {
        let mut point = Point::new(Box::<DryRun>::default());
        let now = Now { wall: Micros(1_800_000_000_000_000), mono: Instant::now() };
        let block = |id: &str, address: &str| WantedBlock {
            id: id.to_owned(),
            address: address.parse().unwrap(),
            prefix: 32,
            direction: bongsu_uplink::Direction::Both,
            expires_at: now.wall.plus_seconds(60),
        };
        point.take_full(
            Blocks {
                version: 4,
                wanted: vec![block("B-1", "198.51.100.66"), block("B-2", "192.0.2.1")],
                never_block: vec!["192.0.2.0/24".to_owned()],
                kill_switch: KillSwitch::Off,
            },
            now,
        );
        let outcomes: Vec<_> = point.settle(now).await.into_iter().map(|r| (r.id, r.outcome)).collect();
        assert_eq!(outcomes, [("B-1".to_owned(), BlockOutcome::DryRun), ("B-2".to_owned(), BlockOutcome::Refused)]);
        assert_eq!(point.held(), 1);
        assert!(!point.take_delta(BlocksDelta { version: 4, ..BlocksDelta::default() }, now), "an old delta");
        let later = Now { wall: now.wall.plus_seconds(61), ..now };
        let ended = point.settle(later).await;
        assert_eq!(ended.iter().find(|r| r.id == "B-1").unwrap().outcome, BlockOutcome::Expired);
        let mut again = Point::new(Box::<DryRun>::default());
        again.restore(point.kept(), now);
        assert_eq!(again.kept(), point.kept());
    }
}
