//! The demo's enforcement point: as root real nftables in a namespace of its own, which goes with the demo and is swept
//! after a kill; elsewhere a trial that says so. The host's own network is the same before, during and after.

use std::process::Command;

use bongsu_sim::{Center, eventually, is_root, missing};

const SETTINGS: &[&str] = &[
    "web.listen=127.0.0.1:0",
    "intake.syslog_udp=127.0.0.1:0",
    "intake.syslog_tcp=127.0.0.1:0",
    "intake.syslog_tls=off",
    "uplink.listen=off",
];

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a demo could change of the host's own network.
fn host() -> String {
    let rules = said("nft", &["list", "ruleset"]);
    let links = said("ip", &["-o", "-br", "link"]);
    let addresses = said("ip", &["-o", "-br", "address"]);
    let routes = said("ip", &["route", "show", "table", "all"]);
    [rules, links, addresses, routes].join("\n--\n")
}

fn namespaces_of(pid: u32) -> usize {
    let entries = std::fs::read_dir("/run/netns").into_iter().flatten();
    let ours = |n: &str| n.starts_with(&format!("bongsu-demo-{pid}-"));
    entries.filter(|e| e.as_ref().is_ok_and(|e| e.file_name().to_str().is_some_and(ours))).count()
}

#[test]
fn as_root_the_demo_blocks_in_a_namespace_of_its_own_and_leaves_the_host_alone() {
    let absent = missing(&["ip", "nft"]);
    if !is_root() || !absent.is_empty() {
        println!("skipped: the demo's real point needs root, ip and nft");
        return;
    }
    let before = host();
    let folder = tempfile::tempdir().unwrap();
    let mut center = Center::new(&folder.path().join("data"), SETTINGS).demo();
    center.start();
    let first = center.pid().unwrap();
    let gateway = format!("bongsu-demo-{first}-fw");
    assert!(center.log().contains(&format!("nftables in the namespace {gateway}")), "{}", center.log());
    assert_eq!(namespaces_of(first), 2);
    let held = |b: &serde_json::Value| b["effect"] == "effective" && b["packets_dropped"].as_u64() > Some(0);
    eventually("a block drops packets", || center.rows(&["block", "list"]).iter().any(held));
    let rules = said("ip", &["netns", "exec", &gateway, "nft", "list", "ruleset"]);
    assert!(rules.contains("table inet bongsu") && rules.contains("198.51.100."), "{rules}");
    assert_eq!(host(), before, "while it runs");

    center.stop();
    assert_eq!(namespaces_of(first), 0, "a stopped demo takes its namespaces away");
    assert_eq!(host(), before, "after it stopped");

    center.start();
    let killed = center.pid().unwrap();
    eventually("its blocks go on", || center.rows(&["block", "list"]).iter().any(held));
    center.kill();
    assert_eq!(namespaces_of(killed), 2, "a killed one can't");
    center.start();
    let last = center.pid().unwrap();
    assert_eq!((namespaces_of(killed), namespaces_of(last)), (0, 2), "the next one sweeps");
    let enrolled = center.rows(&["agent", "list"]).len();
    assert_eq!(enrolled, 1, "the same agent goes on");
    center.stop();
    assert_eq!(namespaces_of(last), 0);
    assert_eq!(host(), before, "in the end");
}

#[test]
fn a_demo_that_cannot_have_a_real_point_says_so_and_tries_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut center = Center::new(&folder.path().join("data"), SETTINGS).demo().with_path("/nonexistent");
    center.start();
    assert!(center.log().contains("a trial, it only says what it would do"), "{}", center.log());
    assert_eq!(namespaces_of(center.pid().unwrap()), 0);
    eventually("a block is tried", || center.rows(&["block", "list"]).iter().any(|b| b["state"] == "applied"));
    let tried = |b: &serde_json::Value| b["points"].as_array().unwrap().iter().all(|p| p["device"] == "dry_run");
    assert!(center.rows(&["block", "list"]).iter().all(tried), "by a point that says so");
    center.stop();
}
