//! Randomised requests against random policies: nothing that the oracle forbids is ever approved, at the request, at
//! the decision, or at the enforcement point.
//!
//! `BONGSU_BLOCK_CASES` says how many (default 50,000, half with a fixed seed and half with a fresh one);
//! `BONGSU_BLOCK_SEED` repeats a fresh one that failed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bongsu_domain::{
    Actor, ActorKind, Approval, Block, BlockRequest, Budget, Decision, Existing, Facts, Grace, LineEvidence, Live,
    Origin, Point, PointId, ProtectedList, ProtectedNet, Requester, SafetyPolicy, UserId, decide, guard,
};
use bongsu_event::{AgencyId, Micros, Scope, Severity};
use ipnet::IpNet;

use crate::oracle::{cuts, forbids};

const CASES: u64 = 50_000;
const FIXED_SEED: u64 = 0x00b0_0957;

/// xorshift64*: enough for tests, and the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    /// Mostly one that exists.
    fn point(&mut self) -> u32 {
        let most = if self.one_in(20) { 9 } else { 3 };
        self.below(most) as u32
    }
    fn some<T>(&mut self, most: u64, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }
    /// Few different addresses, so that nets meet often; now and then anything at all.
    fn address(&mut self) -> IpAddr {
        let low = self.below(6) as u8;
        match self.below(12) {
            0..=4 => Ipv4Addr::new(198, 51, 100 + self.below(2) as u8, low).into(),
            5 => Ipv4Addr::new(203, 0, 113, low).into(),
            6 => Ipv4Addr::new(10, 0, 0, low).into(),
            7 => Ipv4Addr::from(self.next() as u32).into(),
            8 => Ipv6Addr::new(0x2001, 0xdb8, self.below(2) as u16, 0, 0, 0, 0, u16::from(low)).into(),
            9 => Ipv6Addr::from(u128::from(self.next()) << 64 | u128::from(self.next())).into(),
            10 => Ipv4Addr::new(198, 51, 100, low).to_ipv6_mapped().into(),
            _ => [
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                Ipv4Addr::UNSPECIFIED.into(),
                Ipv6Addr::LOCALHOST.into(),
                "224.0.0.5".parse().unwrap(),
                "fe80::1".parse().unwrap(),
                "ff02::1".parse().unwrap(),
            ][usize::from(low)],
        }
    }
    fn net(&mut self) -> IpNet {
        let address = self.address();
        let most = if address.is_ipv4() { 32 } else { 128 };
        let cut = match self.below(8) {
            0..=3 => 0,
            4..=5 => self.below(9),
            6 => self.below(33),
            _ => self.below(u64::from(most) + 1),
        };
        IpNet::new(address, most - (cut.min(u64::from(most)) as u8)).unwrap()
    }
    fn time(&mut self, now: Micros) -> Micros {
        match self.below(20) {
            0..=16 => now.plus_seconds(-(self.below(200) as i64)),
            17 => now.plus_seconds(self.below(800) as i64 - 400),
            18 => now.plus_seconds(-300),
            _ => Micros(self.next() as i64),
        }
    }
}

fn policy(d: &mut Dice) -> SafetyPolicy {
    let widest_v4 = 8 + d.below(12) as u8;
    let widest_v6 = 16 + d.below(49) as u8;
    let list = |d: &mut Dice| ProtectedList::ALL[d.below(3) as usize];
    SafetyPolicy {
        protected: d.some(2, |d| ProtectedNet { net: d.net(), list: list(d), note: String::new() }),
        minutes_max: if d.one_in(3) { 1 + d.below(300) as u32 } else { 300 },
        budget_agency_hour: d.below(20) as u32,
        budget_total_hour: d.below(30) as u32,
        budget_service_hour: d.below(20) as u32,
        wide_v4: widest_v4 + d.below(u64::from(33 - widest_v4)) as u8,
        wide_v6: widest_v6 + d.below(u64::from(129 - widest_v6)) as u8,
        widest_v4,
        widest_v6,
        targets_wide: 1 + d.below(5) as u32,
        automatic: !d.one_in(4),
        automatic_severity: Severity::from_number(1 + d.below(5) as u8).unwrap(),
        dry_run: d.one_in(8),
        inside: d.some(2, Dice::net),
        ..SafetyPolicy::example()
    }
}

fn actor(d: &mut Dice) -> Actor {
    let n = d.below(4) as u32;
    let kind = ActorKind::ALL[d.below(5) as usize];
    let address = if d.one_in(3) { Some(d.address()).filter(|a| !a.is_loopback()) } else { None };
    // Names are people: the same number is the same person, whatever the way they came.
    Actor { kind, name: format!("p{n}"), user: Some(UserId(n)), address }
}

fn evidence(d: &mut Dice, now: Micros) -> LineEvidence {
    LineEvidence {
        registered: !d.one_in(20),
        authenticated: !d.one_in(20),
        forgeable: d.one_in(20),
        handshake: !d.one_in(5),
        skew: if d.one_in(6) { d.below(600_000_000) as i64 } else { 0 },
        happened: d.time(now),
        received: d.time(now),
        live: if d.one_in(20) {
            [Live::Replay, Live::Load, Live::Drill, Live::Hunt][d.below(4) as usize]
        } else {
            Live::Live
        },
    }
}

struct World {
    policy: SafetyPolicy,
    existing: Vec<Existing>,
    grace: Vec<Grace>,
    own: Vec<IpNet>,
    points: Vec<Point>,
    lineage: Vec<AgencyId>,
    approvals: Vec<Approval>,
    requester: Requester,
    budget: Budget,
    kill_switch: bool,
}

impl World {
    fn new(d: &mut Dice, now: Micros) -> Self {
        let agencies = d.some(4, |d| AgencyId(d.below(5) as u32));
        let human = |mut a: Actor| {
            a.kind = ActorKind::Person;
            a
        };
        let requester = actor(d);
        Self {
            policy: policy(d),
            existing: d.some(2, |d| Existing {
                target: d.net(),
                expires_at: d.time(now),
                points: vec![PointId(d.below(3) as u32)],
                dry_run: d.one_in(2),
            }),
            grace: d.some(2, |d| Grace { target: d.net(), until: now.plus_seconds(d.below(1000) as i64 - 500) }),
            own: d.some(2, Dice::net),
            points: (0..3).map(|n| Point { id: PointId(n), agency: AgencyId(d.below(5) as u32) }).collect(),
            lineage: d.some(3, |d| AgencyId(d.below(5) as u32)),
            approvals: d.some(3, |d| Approval { by: if d.one_in(3) { actor(d) } else { human(actor(d)) }, at: now }),
            requester: Requester {
                actor: if d.one_in(2) { human(requester) } else { requester },
                may_block: if !d.one_in(4) { Scope::All } else { Scope::Agencies(agencies.into_iter().collect()) },
            },
            budget: Budget { agency: d.below(6) as u32, total: d.below(8) as u32, service: d.below(5) as u32 },
            kill_switch: d.one_in(20),
        }
    }
    fn facts<'a>(&'a self, now: Micros, approvals: &'a [Approval]) -> Facts<'a> {
        Facts {
            now,
            kill_switch: self.kill_switch,
            existing: &self.existing,
            budget: self.budget,
            grace: &self.grace,
            own_paths: &self.own,
            requester: &self.requester,
            points: &self.points,
            lineage: &self.lineage,
            approvals,
        }
    }
}

fn request(d: &mut Dice, now: Micros) -> BlockRequest {
    BlockRequest {
        target: d.net(),
        agency: AgencyId(d.below(5) as u32),
        service: d.one_in(2).then(|| "svc".to_owned()),
        points: (0..1 + d.below(2)).map(|_| PointId(d.point())).collect(),
        minutes: if d.one_in(4) { d.below(320) as u32 } else { 60 },
        reason: if d.one_in(10) { String::new() } else { "why".into() },
        alert: None,
        dry_run: d.one_in(6),
        ask_approval: d.one_in(6),
        together: 1 + d.below(6) as u32,
        origin: match d.below(6) {
            0..=2 => Origin::Person,
            3 => Origin::Partner,
            4 => Origin::Proposal { rule: "r".into() },
            _ => Origin::Rule {
                rule: "r".into(),
                severity: Severity::from_number(1 + d.below(5) as u8).unwrap(),
                evidence: evidence(d, now),
            },
        },
    }
}

#[derive(Default, Debug)]
struct Tally {
    approved: u64,
    waiting: u64,
    refused: u64,
    wanted: u64,
}

fn run(seed: u64, cases: u64) -> Tally {
    let mut d = Dice::new(seed);
    let mut tally = Tally::default();
    let now = Micros(1_772_413_200_000_000);
    for case in 0..cases {
        let world = World::new(&mut d, now);
        let ask = request(&mut d, now);
        let at = |place: &str, why: String| {
            panic!(
                "case {case} of seed {seed}: approved {place} against the oracle ({why}): {ask:?} {:?}",
                world.policy
            )
        };
        // 1: when it is asked for, nobody having agreed yet; 2: when people decide on it.
        let mut block: Option<Block<bongsu_domain::Approved>> = None;
        for (place, approvals) in [("at the request", &[][..]), ("at the decision", world.approvals.as_slice())] {
            let facts = world.facts(now, approvals);
            match decide(&ask, &world.policy, &facts) {
                Decision::Approved(approved) => {
                    if let Some(why) = forbids(&ask, &world.policy, &facts) {
                        at(place, why);
                    }
                    tally.approved += 1;
                    block = Some(approved);
                }
                Decision::NeedsApproval { missing, .. } => {
                    assert!(missing > 0, "case {case} of seed {seed}: it waits for nobody");
                    tally.waiting += 1;
                }
                Decision::Refused(_) => tally.refused += 1,
            }
        }
        // 3: where it is enforced, some time later and with the lists of that time; and any target thrown at it.
        let later = now.plus_seconds(d.below(30_000) as i64);
        let own: Vec<IpNet> = d.some(2, Dice::net);
        let point = policy(&mut d).for_point(&own);
        let all = || point.never.iter().copied();
        let latest = later.plus_seconds(i64::from(point.minutes_max) * 60);
        let stray = d.net();
        let expires = d.time(later);
        if guard(stray, expires, later, &point).is_ok() {
            tally.wanted += 1;
            let why = cuts(stray, all()).or_else(|| (expires <= later || expires > latest).then(|| "expiry".into()));
            if let Some(why) = why {
                at("at the point", why);
            }
        }
        if let Some(block) = block
            && let Ok(again) = Block::read_back(block.into_fields(), later, &point)
        {
            let f = again.fields();
            let why = cuts(f.target, all())
                .or_else(|| (f.expires_at <= later || f.expires_at > latest).then(|| "expiry".into()));
            if let Some(why) = why {
                at("when read back", why);
            }
        }
    }
    tally
}

#[test]
fn nothing_that_must_stay_reachable_is_ever_blocked() {
    let cases = std::env::var("BONGSU_BLOCK_CASES").ok().and_then(|v| v.parse().ok()).unwrap_or(CASES);
    let clock = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let fresh = std::env::var("BONGSU_BLOCK_SEED").ok().and_then(|v| v.parse().ok()).unwrap_or_else(clock);
    for (name, seed) in [("fixed", FIXED_SEED), ("fresh", fresh)] {
        let tally = run(seed, cases / 2);
        println!("{name} seed {seed}: {} requests, {tally:?}", cases / 2);
        // Silence proves nothing: each outcome must be frequent enough to mean something.
        assert!(tally.approved * 30 > cases / 2, "{tally:?}");
        assert!(tally.waiting * 200 > cases / 2 && tally.wanted * 200 > cases / 2, "{tally:?}");
    }
}
