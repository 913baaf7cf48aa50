//! Figures, not assertions: `cargo test -p bongsu-agent --test it speed -- --ignored --nocapture --test-threads=1`.
//! `BONGSU_AGENT_BIN` measures another build of the binary.

use std::{
    fs,
    time::{Duration, Instant},
};

use bongsu_uplink::{AgentMessage, BlockOutcome, BlocksDelta, CenterMessage, EnforceConfig, InputKind};

use super::{
    center::Center,
    enforce::{Firewall, block, full, want},
    host::{Host, append, numbered},
};

const TIMES: usize = 200;

fn say(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |q: usize| took[(took.len() * q / 100).min(took.len() - 1)];
    println!("{what}: p50 {:?}, p99 {:?}, most {:?}, n {}", at(50), at(99), took[took.len() - 1], took.len());
}

fn memory(host: &Host, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(key)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "a measurement"]
fn speed_of_a_line_from_the_file_to_the_center() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    let pattern = host.logs().join("*.log").display().to_string();
    center.configure(vec![InputKind::Tail { globs: vec![pattern], from_start: true }], None);
    host.start();
    let path = host.logs().join("app.log");
    append(&path, &numbered("warm", 0, 10));
    center.until_lines(10);
    let mut took = Vec::new();
    for i in 0..TIMES {
        std::thread::sleep(Duration::from_millis(20));
        let started = Instant::now();
        append(&path, &numbered("one", i, 1));
        while center.state.lock().unwrap().records.len() < 11 + i {
            std::thread::sleep(Duration::from_micros(100));
        }
        took.push(started.elapsed());
    }
    say("line written -> at the center", took);
    println!("idle memory: {} KiB resident", memory(&host, "VmRSS:"));
}

#[test]
#[ignore = "a measurement"]
fn speed_of_a_million_lines() {
    const LINES: usize = 1_000_000;
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    let pattern = host.logs().join("*.log").display().to_string();
    let lines: String = numbered("m", 0, LINES).iter().flat_map(|l| [l.as_str(), "\n"]).collect();
    fs::write(host.logs().join("app.log"), &lines).unwrap();
    center.configure(vec![InputKind::Tail { globs: vec![pattern], from_start: true }], None);
    let started = Instant::now();
    host.start();
    center.until_lines(LINES);
    let took = started.elapsed();
    let cpu = center.until("a status after it", |s| {
        s.messages.iter().rev().find_map(|m| match m {
            AgentMessage::Status(s) if s.spool.acked_sequence as usize >= LINES => Some(s.cpu_micros),
            _ => None,
        })
    });
    println!(
        "{LINES} lines, {} MB: {took:?}, {:.0} lines/s, agent CPU {:.2} s, memory peak {} KiB, after {} KiB",
        lines.len() / 1_000_000,
        LINES as f64 / took.as_secs_f64(),
        cpu as f64 / 1e6,
        memory(&host, "VmHWM:"),
        memory(&host, "VmRSS:")
    );
}

#[test]
#[ignore = "a measurement"]
fn speed_of_a_block_from_the_message_to_the_dropped_packet() {
    let Some(range) = Firewall::up("speed of a block") else { return };
    let center = Center::start_at("127.0.0.1:0", Some(&range.ns("fw")));
    let mut host = Host::enrolled_in(&center, Some(range.ns("fw")));
    center.configure(vec![], Some(EnforceConfig { dry_run: false, reconcile_seconds: 1 }));
    host.start();
    center.until("the point", |s| s.messages.iter().any(|m| matches!(m, AgentMessage::Hello(_))).then_some(()));
    want(&center, full(1, vec![block("B-0", "198.51.100.250", 3600)]));
    let (mut answered, mut inside) = (Vec::new(), Vec::new());
    for i in 0..TIMES {
        std::thread::sleep(Duration::from_millis(50));
        let id = format!("B-{}", i + 1);
        let add = vec![block(&id, &format!("203.0.113.{i}"), 3600)];
        let started = Instant::now();
        center.send(CenterMessage::BlocksDelta(BlocksDelta { version: 2 + i as u64, add, ..BlocksDelta::default() }));
        let took = center.until("the answer", |s| {
            s.messages.iter().rev().find_map(|m| match m {
                AgentMessage::BlockResult(r) if r.report.id == id => {
                    assert_eq!(r.report.outcome, BlockOutcome::Inserted);
                    Some(r.took_micros)
                }
                _ => None,
            })
        });
        answered.push(started.elapsed());
        inside.push(Duration::from_micros(took));
    }
    say("block sent -> read back and answered", answered);
    say("of it within the agent", inside);
}
