//! Blocks: from the center's word to the device and back.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::AsFd,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bongsu_uplink::{
    AgentMessage, BlockOutcome, BlockReport, Blocks, BlocksDelta, CenterMessage, Direction, EnforceConfig,
    EnforcementState, KillSwitch, WantedBlock,
};

use super::{
    center::{Center, State, now},
    host::Host,
};

const ATK: &str = "198.51.100.66";

pub fn block(id: &str, address: &str, seconds: i64) -> WantedBlock {
    WantedBlock {
        id: id.into(),
        address: address.parse().unwrap(),
        prefix: 32,
        direction: Direction::Both,
        expires_at: now().plus_seconds(seconds),
    }
}

pub fn full(version: u64, wanted: Vec<WantedBlock>) -> CenterMessage {
    CenterMessage::Blocks(Blocks {
        version,
        wanted,
        never_block: vec!["192.0.2.0/24".into()],
        kill_switch: KillSwitch::Off,
    })
}

fn result(state: &State, id: &str, outcome: BlockOutcome) -> Option<BlockReport> {
    state.messages.iter().find_map(|m| match m {
        AgentMessage::BlockResult(r) if r.report.id == id && r.report.outcome == outcome => Some(r.report.clone()),
        _ => None,
    })
}

pub fn want(center: &Center, message: CenterMessage) {
    center.state.lock().unwrap().blocks = Some(message.clone());
    center.send(message);
}

#[test]
fn a_dry_run_answers_each_block_and_touches_nothing() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![], Some(EnforceConfig { dry_run: true, reconcile_seconds: 1 }));
    center.state.lock().unwrap().blocks = Some(full(1, vec![block("B-1", ATK, 600), block("B-2", "192.0.2.9", 600)]));
    host.start();
    center.until("B-1", |s| result(s, "B-1", BlockOutcome::DryRun));
    let refused = center.until("B-2", |s| result(s, "B-2", BlockOutcome::Refused));
    assert!(refused.detail.starts_with("never_block"), "{refused:?}");
    let delta = BlocksDelta {
        version: 2,
        add: vec![block("B-3", "198.51.100.7", 1)],
        remove: vec!["B-1".into()],
        kill_switch: None,
    };
    center.send(CenterMessage::BlocksDelta(delta));
    center.until("B-1 removed", |s| result(s, "B-1", BlockOutcome::Removed));
    center.until("B-3", |s| result(s, "B-3", BlockOutcome::DryRun));
    center.until("B-3 expired", |s| result(s, "B-3", BlockOutcome::Expired));
    center.until("the state", |s| {
        let dry =
            |m: &AgentMessage| matches!(m, AgentMessage::Status(s) if s.enforcement.state == EnforcementState::DryRun);
        s.messages.iter().any(dry).then_some(())
    });
}

/// A firewall namespace with one client namespace behind it.
pub struct Firewall {
    name: String,
}

impl Firewall {
    pub fn up(test: &str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bga{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let tools = ["/usr/sbin/nft", "/sbin/nft"].iter().any(|p| std::path::Path::new(p).exists());
        let can = rustix::process::geteuid().is_root() && tools;
        if !can || !Command::new("ip").args(["netns", "add", &format!("{name}-fw")]).status().is_ok_and(|s| s.success())
        {
            println!("skipped: {test} needs root, iproute2, nftables and network namespaces");
            return None;
        }
        let range = Self { name };
        let (fw, atk) = (range.ns("fw"), range.ns("atk"));
        for args in [
            format!("netns add {atk}"),
            format!("-n {fw} link add toatk type veth peer name eth0 netns {atk}"),
            format!("-n {fw} addr add 198.51.100.1/24 dev toatk"),
            format!("-n {atk} addr add {ATK}/24 dev eth0"),
            format!("-n {fw} link set toatk up"),
            format!("-n {fw} link set lo up"),
            format!("-n {atk} link set eth0 up"),
        ] {
            assert!(Command::new("ip").args(args.split_whitespace()).status().unwrap().success(), "{args}");
        }
        let listener = range.within("fw", || TcpListener::bind("198.51.100.1:8080").unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut byte = [0u8; 1];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
                });
            }
        });
        Some(range)
    }

    pub fn ns(&self, node: &str) -> String {
        format!("{}-{node}", self.name)
    }

    fn within<T: Send + 'static>(&self, node: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
        let ns = std::fs::File::open(format!("/run/netns/{}", self.ns(node))).unwrap();
        let thread = std::thread::spawn(move || {
            rustix::thread::move_into_link_name_space(ns.as_fd(), Some(rustix::thread::LinkNameSpaceType::Network))
                .unwrap();
            work()
        });
        thread.join().unwrap()
    }

    fn reaches(&self) -> bool {
        self.within("atk", || {
            let to = "198.51.100.1:8080".parse().unwrap();
            let Ok(mut stream) = TcpStream::connect_timeout(&to, Duration::from_millis(500)) else { return false };
            stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0u8; 1]).is_ok()
        })
    }

    fn nft(&self, script: &str) {
        let out = Command::new("ip").args(["netns", "exec", &self.ns("fw"), "nft", script]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    fn until(&self, reached: bool, what: &str) {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while self.reaches() != reached {
            assert!(std::time::Instant::now() < end, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        for node in ["atk", "fw"] {
            let _ = Command::new("ip").args(["netns", "del", &self.ns(node)]).status();
        }
    }
}

#[test]
fn blocks_hold_on_nftables_with_the_center_there_and_without_it() {
    let Some(range) = Firewall::up("blocks on nftables") else { return };
    let center = Center::start_at("127.0.0.1:0", Some(&range.ns("fw")));
    let mut host = Host::enrolled_in(&center, Some(range.ns("fw")));
    center.configure(vec![], Some(EnforceConfig { dry_run: false, reconcile_seconds: 1 }));
    host.start();
    center.until("the point", |s| s.messages.iter().any(|m| matches!(m, AgentMessage::Hello(_))).then_some(()));
    assert!(range.reaches());

    want(&center, full(1, vec![block("B-1", ATK, 600), block("B-0", "127.0.0.1", 600)]));
    let took = center.until("B-1", |s| {
        s.messages.iter().find_map(|m| match m {
            AgentMessage::BlockResult(r) if r.report.id == "B-1" => Some((r.report.outcome, r.took_micros)),
            _ => None,
        })
    });
    println!("from message to read-back: {} us", took.1);
    assert_eq!(took.0, BlockOutcome::Inserted);
    center.until("the center's own address refused", |s| result(s, "B-0", BlockOutcome::Refused));
    assert!(!range.reaches());
    let effective = center.until("its effect", |s| result(s, "B-1", BlockOutcome::Effective));
    assert!(effective.dropped_packets.unwrap() > 0);

    range.nft("flush ruleset");
    range.until(false, "repaired after a flush by hand");
    center.until("the repair reported", |s| {
        s.messages.iter().any(|m| matches!(m, AgentMessage::BlocksState(b) if b.repaired > 0)).then_some(())
    });

    // Killed, its table flushed, and started with the center refusing it: the block goes on.
    host.kill();
    range.nft("flush ruleset");
    assert!(range.reaches());
    center.state.lock().unwrap().refuse = Some("away".into());
    host.start();
    range.until(false, "in force again without the center");
    host.kill();
    assert!(!range.reaches(), "a killed agent frees nobody");

    center.state.lock().unwrap().refuse = None;
    host.start();
    want(&center, full(2, vec![block("B-2", ATK, 3)]));
    center.until("B-2", |s| {
        result(s, "B-2", BlockOutcome::Inserted).or_else(|| result(s, "B-2", BlockOutcome::Effective))
    });
    center.until("B-2 expired", |s| result(s, "B-2", BlockOutcome::Expired));
    range.until(true, "expired");

    want(&center, full(3, vec![block("B-3", ATK, 600)]));
    range.until(false, "B-3");
    center.configure(vec![], None);
    range.until(true, "enforcement switched off lifts what was held");
    host.stop();
}

#[test]
fn a_point_switched_on_later_holds_what_the_center_had_said() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.state.lock().unwrap().blocks =
        Some(full(1, vec![block("B-1", ATK, 600), block("B-2", "198.51.100.7", 600)]));
    host.start();
    center.until("a hello", |s| s.messages.iter().any(|m| matches!(m, AgentMessage::Hello(_))).then_some(()));
    center.send(CenterMessage::BlocksDelta(BlocksDelta {
        version: 2,
        remove: vec!["B-2".into()],
        ..BlocksDelta::default()
    }));
    center.configure(vec![], Some(EnforceConfig { dry_run: true, reconcile_seconds: 1 }));
    center.until("B-1", |s| result(s, "B-1", BlockOutcome::DryRun));
    assert!(result(&center.state.lock().unwrap(), "B-2", BlockOutcome::DryRun).is_none());
}

#[test]
fn a_block_after_which_the_center_is_silent_is_rolled_back() {
    let Some(range) = Firewall::up("confirmed commit in the agent") else { return };
    let center = Center::start_at("127.0.0.1:0", Some(&range.ns("fw")));
    let mut host = Host::enrolled_in(&center, Some(range.ns("fw")));
    center.configure(vec![], Some(EnforceConfig { dry_run: false, reconcile_seconds: 1 }));
    host.start();
    center.until("the point", |s| s.messages.iter().any(|m| matches!(m, AgentMessage::Hello(_))).then_some(()));
    center.state.lock().unwrap().silent_to_probes = true;
    want(&center, full(1, vec![block("B-1", ATK, 600)]));
    range.until(false, "in force at first");
    let refused = center.until("the roll-back", |s| result(s, "B-1", BlockOutcome::Refused));
    assert!(refused.detail.starts_with("rolled_back"), "{refused:?}");
    range.until(true, "rolled back");
    // The center is heard again: the block was the cause and stays out, also when it is sent once more.
    center.state.lock().unwrap().silent_to_probes = false;
    center.cut();
    std::thread::sleep(Duration::from_secs(3));
    assert!(range.reaches());
    want(&center, full(2, vec![]));
    want(&center, full(3, vec![block("B-2", ATK, 600)]));
    range.until(false, "a new block is a new change");
}
