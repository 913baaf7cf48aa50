//! The enforcement point against the real nftables of this kernel, in namespaces the tests make themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod range;

use std::time::{Duration, Instant, SystemTime};

use bongsu_event::Micros;
use bongsu_respond::{Now, Point, RulesetWatch, conntrack, devices::by_name, host};
use bongsu_uplink::{BlockOutcome, BlockReport, Blocks, BlocksDelta, Direction, KillSwitch, WantedBlock};
use ipnet::IpNet;
use range::{ATK, ATK6, FW, Range, SRV, SRV6, USR, echoes, within};

fn now() -> Now {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Now { wall: Micros(since.as_micros() as i64), mono: Instant::now() }
}

fn block(id: &str, target: &str, seconds: i64) -> WantedBlock {
    let net: IpNet = target.parse().unwrap_or_else(|_| IpNet::from(target.parse::<std::net::IpAddr>().unwrap()));
    WantedBlock {
        id: id.into(),
        address: net.addr(),
        prefix: net.prefix_len(),
        direction: Direction::Both,
        expires_at: now().wall.plus_seconds(seconds),
    }
}

fn wanted(version: u64, blocks: &[WantedBlock]) -> Blocks {
    Blocks { version, wanted: blocks.to_vec(), never_block: vec!["192.0.2.0/24".into()], kill_switch: KillSwitch::Off }
}

/// A point in the firewall, driven step by step from the test's thread.
struct Firewall {
    steps: std::sync::mpsc::Sender<Step>,
}

type Step = Box<dyn for<'a> FnOnce(&'a mut Point, &'a tokio::runtime::Runtime) + Send>;

impl Firewall {
    fn start(range: &Range) -> Self {
        let (steps, todo) = std::sync::mpsc::channel::<Step>();
        let ns = range.ns("fw");
        std::thread::spawn(move || {
            within(&ns, move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let mut point = Point::new(by_name("nftables").unwrap());
                point.guard_mut().set_host(host::read().unwrap());
                for step in todo {
                    step(&mut point, &runtime);
                }
            });
        });
        Self { steps }
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Point, &tokio::runtime::Runtime) -> T + Send + 'static,
    ) -> T {
        let (answer, got) = std::sync::mpsc::channel();
        self.steps.send(Box::new(move |p, r| answer.send(work(p, r)).unwrap())).unwrap();
        got.recv().unwrap()
    }

    fn want(&self, version: u64, blocks: &[WantedBlock]) -> Vec<BlockReport> {
        let blocks = wanted(version, blocks);
        self.run(move |p, r| {
            p.take_full(blocks, now());
            let reports = r.block_on(p.settle(now()));
            r.block_on(p.cut_fresh());
            reports
        })
    }

    fn look(&self) -> Vec<BlockReport> {
        self.run(|p, r| {
            r.block_on(p.look(now()));
            p.state(now()).blocks
        })
    }
}

#[test]
fn a_block_stops_the_next_packet_and_cuts_the_open_connection() {
    let Some(range) = Range::up("a block stops the next packet") else { return };
    let fw = Firewall::start(&range);
    let mut open = range.connect("atk", SRV).unwrap();
    assert!(echoes(&mut open) && range.reaches("usr", SRV) && range.reaches("atk", FW));

    let started = Instant::now();
    let reports = fw.want(1, &[block("B-1", ATK, 600)]);
    println!("first block: {:?}", started.elapsed());
    assert_eq!((reports.len(), reports[0].outcome), (1, BlockOutcome::Inserted), "{reports:?}");
    assert!(!echoes(&mut open), "the open connection is cut");
    assert!(!range.reaches("atk", SRV), "nothing new in transit");
    assert!(!range.reaches("atk", FW), "nothing to the firewall itself");
    assert!(range.reaches("usr", SRV), "the other host is untouched");

    let measured = fw.look();
    assert_eq!(measured[0].outcome, BlockOutcome::Effective, "{measured:?}");
    assert!(measured[0].dropped_packets.unwrap() > 0);

    let started = Instant::now();
    let delta =
        BlocksDelta { version: 2, add: vec![block("B-2", "198.51.100.77", 600)], remove: vec![], kill_switch: None };
    let reports = fw.run(move |p, r| {
        assert!(p.take_delta(delta, now()));
        r.block_on(p.settle(now()))
    });
    println!("one more block: {:?}", started.elapsed());
    assert_eq!((reports.len(), reports[0].id.as_str()), (1, "B-2"));

    let reports = fw.want(3, &[]);
    assert!(reports.iter().all(|r| r.outcome == BlockOutcome::Removed), "{reports:?}");
    assert!(range.reaches("atk", SRV), "undone");
}

#[test]
fn ipv6_and_prefixes_hold_too() {
    let Some(range) = Range::up("IPv6 and prefixes") else { return };
    let fw = Firewall::start(&range);
    assert!(range.reaches("atk", SRV6));
    fw.want(1, &[block("B-6", ATK6, 600), block("B-4", "198.51.100.64/28", 600), block("B-5", ATK, 600)]);
    assert!(!range.reaches("atk", SRV6) && !range.reaches("atk", SRV));
    // The prefix goes, the host inside it stays.
    fw.want(2, &[block("B-6", ATK6, 600), block("B-5", ATK, 600)]);
    assert!(!range.reaches("atk", SRV6) && !range.reaches("atk", SRV));
    fw.want(3, &[block("B-6", ATK6, 600)]);
    assert!(!range.reaches("atk", SRV6) && range.reaches("atk", SRV));
}

#[test]
fn a_block_expires_although_nobody_is_left_to_end_it() {
    let Some(range) = Range::up("a block expires by itself") else { return };
    let fw = Firewall::start(&range);
    fw.want(1, &[block("B-1", ATK, 2), block("B-2", "198.51.100.77", 600)]);
    drop(fw); // the agent is gone
    assert!(!range.reaches("atk", SRV));
    std::thread::sleep(Duration::from_secs(2));
    assert!(range.reaches("atk", SRV));
    let fw = Firewall::start(&range);
    // An agent that comes back with a stale wanted set does not put it in again.
    let stale = block("B-1", ATK, -1);
    let reports = fw.want(1, &[stale, block("B-2", "198.51.100.77", 600)]);
    let outcome = |id| reports.iter().find(|r| r.id == id).unwrap().outcome;
    assert_eq!((outcome("B-1"), outcome("B-2")), (BlockOutcome::Refused, BlockOutcome::Inserted));
    assert!(range.reaches("atk", SRV));
}

#[test]
fn a_table_altered_by_hand_is_put_right() {
    let Some(range) = Range::up("a table altered by hand") else { return };
    let fw = Firewall::start(&range);
    fw.want(1, &[block("B-1", ATK, 600)]);
    for by_hand in [
        "flush ruleset",
        "delete table inet bongsu",
        "flush set inet bongsu block4",
        "flush chain inet bongsu drops",
        "flush chain inet bongsu prerouting; flush chain inet bongsu forward",
        "insert rule inet bongsu drops accept",
        "add table inet bongsu { flags dormant; }",
        "add element inet bongsu block4 { 192.0.2.20 }",
        "add element inet bongsu net4 { 192.0.2.16-192.0.2.31 }",
    ] {
        let woken = fw.run({
            let by_hand = by_hand.to_owned();
            let ns = range.ns("fw");
            move |_, r| {
                r.block_on(async {
                    let mut watch = RulesetWatch::open().unwrap();
                    let out = std::process::Command::new("ip")
                        .args(["netns", "exec", &ns, "nft", &by_hand])
                        .output()
                        .unwrap();
                    assert!(out.status.success(), "{by_hand}: {}", String::from_utf8_lossy(&out.stderr));
                    tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.is_ok()
                })
            }
        });
        assert!(woken, "nobody heard of {by_hand:?}");
        let before = fw.run(|p, _| p.state(now()).repaired);
        fw.look();
        assert_eq!(fw.run(|p, _| p.state(now()).repaired), before + 1, "{by_hand:?} counted once");
        fw.look();
        assert_eq!(fw.run(|p, _| p.state(now()).repaired), before + 1, "{by_hand:?} repaired for good");
        assert!(!range.reaches("atk", SRV), "repaired after {by_hand:?}");
        assert!(range.reaches("usr", SRV), "repaired after {by_hand:?}");
    }
}

#[test]
fn the_point_refuses_what_it_must_never_deny() {
    let Some(range) = Range::up("never-block at the point") else { return };
    let fw = Firewall::start(&range);
    let reports = fw.want(
        1,
        &[block("B-1", USR, 600), block("B-2", FW, 600), block("B-3", "192.0.2.16/28", 600), block("B-4", ATK, 600)],
    );
    let of = |id| reports.iter().find(|r| r.id == id).unwrap();
    assert!(of("B-1").detail.starts_with("never_block"), "{reports:?}");
    assert!(of("B-2").detail.starts_with("own_address"), "{reports:?}");
    assert!(of("B-3").detail.starts_with("never_block"), "{reports:?}");
    assert_eq!(of("B-4").outcome, BlockOutcome::Inserted);
    assert!(range.reaches("usr", SRV) && !range.reaches("atk", SRV));

    // The list also works back on blocks that stand.
    let reports = fw.run(|p, r| {
        let mut blocks = wanted(2, &[block("B-4", ATK, 600)]);
        blocks.never_block.push("198.51.100.0/24".into());
        p.take_full(blocks, now());
        r.block_on(p.settle(now()))
    });
    assert!(reports.iter().any(|r| r.id == "B-4" && r.outcome == BlockOutcome::Refused), "{reports:?}");
    assert!(range.reaches("atk", SRV));
}

#[test]
fn the_kill_switch_lifts_everything() {
    let Some(range) = Range::up("the kill switch") else { return };
    let fw = Firewall::start(&range);
    fw.want(1, &[block("B-1", ATK, 600)]);
    assert!(!range.reaches("atk", SRV));
    let throw = |version, to| {
        fw.run(move |p, r| {
            p.take_delta(BlocksDelta { version, kill_switch: Some(to), ..BlocksDelta::default() }, now());
            r.block_on(p.settle(now()))
        })
    };
    throw(2, KillSwitch::On);
    assert!(range.reaches("atk", SRV));
    throw(3, KillSwitch::Off);
    assert!(!range.reaches("atk", SRV));
}

#[test]
fn a_change_that_cuts_off_the_center_is_rolled_back_alone() {
    let Some(range) = Range::up("confirmed commit") else { return };
    let fw = Firewall::start(&range);
    let (t, s) = (now(), Duration::from_secs);
    let at = move |n: u64| Now { wall: t.wall.plus_seconds(n as i64), mono: t.mono + s(n) };
    fw.run(move |p, r| {
        p.take_full(wanted(1, &[block("B-1", "198.51.100.77", 600)]), at(0));
        r.block_on(p.settle(at(0)));
        p.proved((at(9)).mono);
        assert!(p.judge(at(10)), "confirmed");
        p.take_full(wanted(2, &[block("B-1", "198.51.100.77", 600), block("B-2", ATK, 600)]), at(20));
        r.block_on(p.settle(at(20)));
    });
    assert!(!range.reaches("atk", SRV));
    let kept = fw.run(move |p, r| {
        assert!(p.judge(at(30)), "no answer since");
        r.block_on(p.settle(at(30)));
        p.kept()
    });
    assert!(range.reaches("atk", SRV), "rolled back");
    assert!(range.nft("list set inet bongsu block4").contains("198.51.100.77"), "only that change");
    assert_eq!(kept.unconfirmed, ["B-2"], "a restart must not bring it back unproved");
    fw.run(move |p, r| {
        p.proved(at(31).mono);
        assert!(p.judge(at(32)));
        let reports = r.block_on(p.settle(at(32)));
        assert!(reports.iter().all(|r| r.id != "B-2"), "{reports:?}");
        assert!(p.state(at(33)).blocks.iter().any(|b| b.id == "B-2" && b.detail.starts_with("rolled_back")));
    });
    assert!(range.reaches("atk", SRV), "it stays out");
}

#[test]
fn many_targets_go_in_at_once_and_one_more_is_quick() {
    let Some(range) = Range::up("many targets") else { return };
    let fw = Firewall::start(&range);
    let mut many: Vec<WantedBlock> =
        (0..2000u32).map(|i| block(&format!("B-{i}"), &format!("198.18.{}.{}", i >> 8, i & 255), 600)).collect();
    let started = Instant::now();
    let reports = fw.want(1, &many);
    println!("2000 targets: {:?}", started.elapsed());
    assert!(reports.iter().all(|r| r.outcome == BlockOutcome::Inserted) && reports.len() == 2000);
    many.push(block("B-last", ATK, 600));
    let started = Instant::now();
    let reports = fw.want(2, &many);
    println!("one beside 2000: {:?}", started.elapsed());
    assert_eq!(reports.len(), 1);
    assert!(!range.reaches("atk", SRV));
}

#[test]
fn a_connection_on_the_kernels_fast_path_is_cut_too() {
    let Some(range) = Range::up("a connection on the fast path") else { return };
    // Flows in a flow table never meet a chain again: only taking them out of connection tracking stops them.
    let fast = "add table inet fast; add flowtable inet fast f { hook ingress priority 0; devices = { toatk, tosrv }; }; \
                add chain inet fast forward { type filter hook forward priority 10; }; \
                add rule inet fast forward ct state established flow add @f";
    if !range.try_nft(fast) {
        println!("skipped: a connection on the fast path needs a kernel with nf_flow_table");
        return;
    }
    let fw = Firewall::start(&range);
    let mut open = range.connect("atk", SRV).unwrap();
    assert!((0..5).all(|_| echoes(&mut open)));
    fw.want(1, &[block("B-1", ATK, 600)]);
    assert!(!echoes(&mut open), "taken off the fast path");
    std::thread::sleep(Duration::from_secs(2));
    let measured = fw.look();
    assert_eq!((measured[0].outcome, measured[0].open_connections), (BlockOutcome::Effective, Some(0)), "{measured:?}");
}

#[test]
fn connections_are_counted_and_ended_for_the_target_alone() {
    let Some(range) = Range::up("connections are counted") else { return };
    let (_atk, _usr) = (range.connect("atk", SRV).unwrap(), range.connect("usr", SRV).unwrap());
    let counted = within(&range.ns("fw"), || {
        let nets = [ATK, USR].map(|a| IpNet::from(a.parse::<std::net::IpAddr>().unwrap()));
        let before = conntrack::count(&nets)?;
        let cut = conntrack::cut(&nets[..1])?;
        Ok::<_, std::io::Error>((before, cut, conntrack::count(&nets)?))
    });
    match counted {
        Ok(counted) => assert_eq!(counted, (Some(vec![1, 1]), 1, Some(vec![0, 1]))),
        Err(e) => println!("skipped: connections are counted needs nf_conntrack_netlink in the kernel ({e})"),
    }
}
