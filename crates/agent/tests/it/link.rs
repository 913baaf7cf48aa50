//! The connection: enrolment, acknowledgement, a center that breaks, comes back, was restored, refuses.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use bongsu_uplink::{AgentMessage, InputKind};

use super::{
    center::Center,
    host::{Host, append, numbered},
};

fn tail(host: &Host) -> InputKind {
    InputKind::Tail { globs: vec![host.logs().join("*.log").display().to_string()], from_start: true }
}

#[test]
fn enrolment_trusts_only_the_tokens_authority_and_keeps_the_key_here() {
    let (center, stranger) = (Center::start(), Center::start());
    let host = Host::bare();
    let mut forged = center.token();
    forged.center_address = stranger.address.to_string();
    let out = host.ask(&["enrol", &forged.to_string()]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(3));
    assert!(said.contains("not the center this agent was enrolled at") && said.lines().count() == 1, "{said}");
    assert!(!host.data().join("identity.json").exists());

    let mut used = center.token();
    used.secret[0] ^= 1;
    let out = host.ask(&["enrol", &used.to_string()]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("refuses the enrolment"), "{out:?}");
    assert!(!host.ask(&["enrol", "hello"]).status.success());
    assert!(String::from_utf8_lossy(&host.ask(&["run"]).stderr).contains("not enrolled"));

    let mut moved = center.token();
    moved.center_address = "192.0.2.1:1".into();
    let out = host.ask(&["enrol", &moved.to_string(), "--center", &center.address.to_string()]);
    assert!(out.status.success(), "{out:?}");
    let mode = fs::metadata(host.data().join("identity.json")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn what_a_broken_center_did_not_acknowledge_is_sent_again_and_counted_once() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host)], None);
    host.start();
    let path = host.logs().join("app.log");
    let wanted = numbered("b", 0, 4000);
    for (i, part) in wanted.chunks(200).enumerate() {
        append(&path, part);
        center.state.lock().unwrap().withhold_acks = i % 3 == 1;
        if i % 4 == 3 {
            center.cut();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    center.state.lock().unwrap().withhold_acks = false;
    center.until_lines(wanted.len());
    assert_eq!(center.compare(&wanted), (Vec::new(), Vec::new()));

    // Restored from a backup: it asks from where it stands, and gets it though it had acknowledged more.
    {
        let mut state = center.state.lock().unwrap();
        let epoch = state.records.keys().next().unwrap().0;
        state.records.retain(|(_, sequence), _| *sequence <= 1000);
        assert_eq!(state.records.len(), 1000, "one epoch, no gaps: {epoch}");
    }
    center.cut();
    center.until_lines(wanted.len());
    assert_eq!(center.compare(&wanted), (Vec::new(), Vec::new()));
}

#[test]
fn lines_wait_in_the_spool_while_the_center_is_away_even_over_a_restart() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host)], None);
    host.start();
    append(&host.logs().join("app.log"), &numbered("w", 0, 10));
    center.until_lines(10);
    center.state.lock().unwrap().refuse = Some("closed for the night".into());
    center.cut();
    append(&host.logs().join("app.log"), &numbered("w", 10, 10));
    center.until("a refused hello", |s| (s.connections >= 3).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    host.kill();
    // The file is gone for good; what was read of it is in the spool.
    fs::remove_file(host.logs().join("app.log")).unwrap();
    center.state.lock().unwrap().refuse = None;
    host.start();
    center.until_lines(20);
    assert_eq!(center.compare(&numbered("w", 0, 20)), (Vec::new(), Vec::new()));
}

#[test]
fn a_refused_agent_says_so_and_does_not_hammer() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.state.lock().unwrap().refuse = Some("this agent was revoked".into());
    let before = center.state.lock().unwrap().connections;
    host.start();
    center.until("a connection", |s| (s.connections > before).then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(center.state.lock().unwrap().connections, before + 1);
    // The status file is written every few seconds.
    let end = std::time::Instant::now() + Duration::from_secs(20);
    let said = loop {
        let out = host.ask(&["status"]);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        if said.contains("revoked") || std::time::Instant::now() > end {
            assert_eq!(out.status.code(), Some(1));
            break said;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(said.contains("refused: this agent was revoked"), "{said}");
}

#[test]
fn the_certificate_is_renewed_with_a_fresh_key_before_it_ends() {
    let center = Center::start();
    // Two thirds of its life (begun an hour ago) are over.
    center.state.lock().unwrap().certificate_seconds = 600;
    let mut host = Host::enrolled(&center);
    let identity = host.data().join("identity.json");
    let before = fs::read_to_string(&identity).unwrap();
    center.state.lock().unwrap().certificate_seconds = 30 * 86_400;
    host.start();
    center.until("a renewal", |s| s.messages.iter().any(|m| matches!(m, AgentMessage::Renew(_))).then_some(()));
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while fs::read_to_string(&identity).unwrap() == before {
        assert!(std::time::Instant::now() < end, "the new certificate is not kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    let connections = center.state.lock().unwrap().connections;
    center.cut();
    center.until("a connection with it", |s| (s.connections > connections).then_some(()));
    center.until("a second hello", |s| {
        (s.messages.iter().filter(|m| matches!(m, AgentMessage::Hello(_))).count() == 2).then_some(())
    });
    let hello = |s: &super::center::State| s.messages.iter().filter(|m| matches!(m, AgentMessage::Renew(_))).count();
    assert_eq!(hello(&center.state.lock().unwrap()), 1, "renewed once");
}

#[test]
fn an_idle_agent_is_small_and_says_how_it_is() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    center.configure(vec![tail(&host)], None);
    host.start();
    append(&host.logs().join("app.log"), &numbered("s", 0, 5000));
    center.until_lines(5000);
    std::thread::sleep(Duration::from_secs(1));
    let status = fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let rss: u64 = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    println!("resident after 5000 lines: {rss} KiB");
    assert!(rss <= 15 * 1024, "{rss} KiB");
    let status = center.until("a status with the lines", |s| {
        s.messages.iter().rev().find_map(|m| match m {
            AgentMessage::Status(s) if s.inputs.iter().any(|i| i.lines == 5000) => Some(s.clone()),
            _ => None,
        })
    });
    assert!(status.rss_bytes > 1 << 20 && status.spool.last_sequence == 5000, "{status:?}");
    host.stop();
    assert!(!host.log().contains("ERROR"), "{}", host.log());
}

#[test]
fn a_full_spool_makes_files_wait_and_drops_nothing() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    let bound = 1 << 20;
    center.configure_spool(vec![tail(&host)], bound);
    host.start();
    center.until("a hello", |s| s.messages.iter().any(|m| matches!(m, AgentMessage::Hello(_))).then_some(()));
    // From here on nothing is acknowledged; lines that do not compress.
    center.state.lock().unwrap().withhold_acks = true;
    let mut seed = 1u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{seed:016x}")
    };
    let wanted: Vec<String> =
        (0..40_000).map(|i| format!("{i} {} {} {} {}", noise(), noise(), noise(), noise())).collect();
    append(&host.logs().join("app.log"), &wanted);
    let held = center.until("a full spool", |s| {
        s.messages.iter().rev().find_map(|m| match m {
            AgentMessage::Status(s) if s.spool.bytes > bound / 10 * 9 => Some(s.spool.clone()),
            _ => None,
        })
    });
    assert!(held.bytes < 2 * bound && held.dropped_records == 0, "{held:?}");
    center.state.lock().unwrap().withhold_acks = false;
    center.cut();
    center.until_lines(wanted.len());
    assert_eq!(center.compare(&wanted), (Vec::new(), Vec::new()));
}
