//! The laboratory beside the project, where it is there: a firewall, a server with real sshd and nginx, an attacker with
//! real tools, a user, and the center in a namespace of its own. Guessing and probes block by themselves, a scan only
//! proposes; a block drops the next packet, cuts the open connection, leaves the user alone and ends by itself; forged
//! lines never block the user. Prints how long a block takes from the last line the rule needs to the first lost packet.
//!
//! `BONGSU_SIM_REPETITIONS` sets how many blocks are timed, `BONGSU_SIM_FORGED` how many lines are forged each way.

mod probe;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use bongsu_sim::{Agent, Center, eventually, ip, is_root, missing, patiently};

use probe::{Forger, Open, first_loss, guess, guesses, served};

const ATTACKER: &str = "198.51.100.66";
const USER: &str = "192.0.2.20";
const SERVER: &str = "203.0.113.10";
const CENTER: &str = "100.64.0.2";
const FIREWALL: &str = "100.64.0.1";
/// Belongs to no source.
const STRANGER: &str = "100.64.0.77";
/// What the laboratory's script and this scenario need.
const PROGRAMS: &[&str] = &[
    "ip", "nft", "ulogd", "rsyslogd", "sshd", "ssh", "nginx", "pmacctd", "nfcapd", "hydra", "nmap", "hping3", "curl",
    "jq", "openssl",
];
/// Failed log-ins that the rule counts.
const GUESSES: usize = 10;

struct Laboratory {
    script: PathBuf,
    id: String,
}

impl Laboratory {
    fn up() -> Option<Self> {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/lab/lab.sh");
        let absent = missing(PROGRAMS);
        if !is_root() || !script.exists() || !absent.is_empty() {
            println!(
                "skipped: the laboratory needs root, {} and these programs: {}",
                script.display(),
                absent.join(" ")
            );
            return None;
        }
        let up = Command::new(&script).arg("up").env("COLLECTOR", "none").output().unwrap();
        let text = String::from_utf8_lossy(&up.stdout);
        let id = text.lines().find_map(|l| l.strip_prefix("LAB="));
        let id = id.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&up.stderr))).to_owned();
        Some(Self { script, id })
    }
    fn node(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.script);
        command.args(words).env("LAB", &self.id).stdin(Stdio::null());
        command
    }
    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }
    /// The socket that programs of the server log to.
    fn log(&self) -> PathBuf {
        PathBuf::from(format!("/run/netlab-{}/srv/dev/log", self.id))
    }
    /// End the attacker's tools.
    fn calm(&self) {
        let pids = Command::new("ip").args(["netns", "pids", &self.node("atk")]).output().unwrap();
        for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
            let _ = Command::new("kill").args(["-9", pid]).status();
        }
    }
    fn serves(&self, node: &str, from: &str) -> bool {
        served(&self.node(node), from, SERVER)
    }
}

impl Drop for Laboratory {
    fn drop(&mut self) {
        self.calm();
        let _ = self.run(&["down"]);
    }
}

fn number(name: &str, short: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(short)
}

/// Center among the security people, agent on the firewall, the server's and the firewall's logs known.
fn set_up(laboratory: &Laboratory, folder: &std::path::Path) -> (Center, Agent) {
    let settings = [
        "web.listen=off".to_owned(),
        format!("intake.syslog_udp={CENTER}:5514"),
        format!("intake.syslog_tcp={CENTER}:5514"),
        "intake.syslog_tls=off".to_owned(),
        format!("uplink.listen={CENTER}:6515"),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut center = Center::new(&folder.join("data"), &settings).in_namespace(&laboratory.node("soc"));
    center.start();
    center.must(&["source", "add", "srv", "--from", SERVER]);
    center.must(&["source", "add", "fw", "--from", FIREWALL]);
    center.policy(|p| {
        p["automatic"] = true.into();
        p["automatic_minutes"] = 1.into();
        p["grace_minutes"] = 0.into();
        for budget in ["budget_agency_hour", "budget_total_hour", "budget_service_hour"] {
            p[budget] = 100_000.into();
        }
    });
    let mut agent = Agent::enrol(&center, &folder.join("agent"), "gate", Some(&laboratory.node("fw")));
    agent.start();
    center.must(&["agent", "set", "gate", "--enforce", "nftables"]);
    eventually("the point acts", || {
        let agents = center.rows(&["agent", "list"]);
        agents[0]["enforce"] == "nftables" && agents[0]["state"] == "connected"
    });
    eventually("the server's lines arrive", || center.count("source:srv") > 0);
    (center, agent)
}

fn applied(center: &Center, address: &str) -> bool {
    center.blocks_of(address).iter().any(|b| b["state"] == "applied")
}

#[test]
fn attacks_of_the_laboratory_are_answered_and_forged_lines_are_not() {
    let Some(laboratory) = Laboratory::up() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut center, _agent) = set_up(&laboratory, folder.path());
    assert!(laboratory.serves("atk", ATTACKER) && laboratory.serves("usr", USER), "both are served before");

    a_scan_only_proposes(&laboratory, &center);
    probes_block(&laboratory, &center);
    let blocked_at = guessing_blocks(&laboratory, &center);
    forged_lines_block_nobody(&laboratory, &center);
    time_blocks(&laboratory, &center);

    patiently(Duration::from_secs(90), "the block ends by itself", || laboratory.serves("atk", ATTACKER));
    println!("laboratory: a block of one minute ended after {:.1} s", blocked_at.elapsed().as_secs_f64());
    eventually("its state says so", || center.blocks_of(ATTACKER).iter().any(|b| b["state"] == "expired"));
    assert!(laboratory.serves("usr", USER), "the user was served all the time");
    center.stop();
}

fn a_scan_only_proposes(laboratory: &Laboratory, center: &Center) {
    let scan = laboratory.run(&["scan"]);
    assert!(scan.status.success(), "{}", String::from_utf8_lossy(&scan.stderr));
    eventually("the scan raises its alert", || center.alerted("Port scan", ATTACKER));
    eventually("a block is proposed", || center.blocks_of(ATTACKER).iter().any(|b| b["state"] == "proposed"));
    assert!(!applied(center, ATTACKER), "a scan blocks nobody by itself");
    assert!(laboratory.serves("atk", ATTACKER));
}

fn probes_block(laboratory: &Laboratory, center: &Center) {
    laboratory.run(&["web"]);
    eventually("the probes raise their alert", || center.alerted("Web attack probes from one address", ATTACKER));
    eventually("the prober is blocked", || applied(center, ATTACKER));
    assert!(!laboratory.serves("atk", ATTACKER), "its next packet is dropped");
    assert!(laboratory.serves("usr", USER), "the user is untouched");
    eventually("the effect is measured", || center.blocks_of(ATTACKER).iter().any(|b| b["effect"] == "effective"));
    center.must(&["block", "undo", ATTACKER]);
    eventually("undone, the prober is served again", || laboratory.serves("atk", ATTACKER));
}

fn guessing_blocks(laboratory: &Laboratory, center: &Center) -> Instant {
    let mut attackers = Open::new(&laboratory.node("atk"), ATTACKER, SERVER);
    let mut users = Open::new(&laboratory.node("usr"), USER, SERVER);
    assert!(attackers.speaks() && users.speaks(), "both connections are open");
    let mut brute = laboratory.command(&["brute"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let title = "SSH password guessing from one address";
    eventually("the guessing raises its alert", || center.alerted(title, ATTACKER));
    eventually("the guesser is blocked", || applied(center, ATTACKER));
    let blocked_at = Instant::now();
    assert!(!attackers.speaks(), "the attacker's open connection is cut");
    assert!(users.speaks() && laboratory.serves("usr", USER), "the user's goes on");
    laboratory.calm();
    let _ = brute.wait();
    blocked_at
}

/// By UDP in the server's name, by TCP from an unregistered address, and by honest servers that write down a name or an
/// address of a page as it came.
fn forged_lines_block_nobody(laboratory: &Laboratory, center: &Center) {
    let lines = number("BONGSU_SIM_FORGED", 500);
    let firewall = laboratory.node("fw");
    ip(&format!("-n {firewall} addr add {STRANGER}/24 dev tosoc"));
    let forger = Forger { victim: USER, lines, center: format!("{CENTER}:5514") };
    forger.udp(&firewall, SERVER);
    forger.tcp(&firewall, STRANGER);
    forger.names(&laboratory.log(), "198.51.100.250");
    for (way, query) in [("UDP", "forgery-udp"), ("TCP", "forgery-tcp"), ("names", "forgery-name")] {
        patiently(Duration::from_secs(120), &format!("the lines forged by {way} arrive"), || {
            center.count(&format!("\"{query}\"")) >= lines as u64
        });
    }
    let blocks = center.blocks_of(USER);
    assert!(blocks.iter().all(|b| b["state"] == "refused"), "{blocks:?}");
    assert!(laboratory.serves("usr", USER), "the user is served");
    println!("laboratory: {lines} lines forged by UDP, TCP and in names each: no block of {USER}");
}

fn time_blocks(laboratory: &Laboratory, center: &Center) {
    let repetitions = number("BONGSU_SIM_REPETITIONS", 5).min(240);
    let outside = laboratory.node("atk");
    let fresh = (2..=249).filter(|n| *n != 66).map(|n| format!("198.51.100.{n}")).take(repetitions);
    let mut took = Vec::new();
    for address in fresh {
        ip(&format!("-n {outside} addr add {address}/32 dev eth0"));
        guesses(&laboratory.log(), &address, GUESSES - 1);
        eventually("the lines before the last have arrived", || {
            center.count(&format!("src_ip:{address} AND action:failed")) == GUESSES as u64 - 1
        });
        let log = laboratory.log();
        let lost = first_loss(&outside, &address, SERVER, || guess(&log, &address));
        took.push(lost.unwrap_or_else(|| panic!("{address} was not blocked")));
        ip(&format!("-n {outside} addr del {address}/32 dev eth0"));
    }
    took.sort_unstable();
    let at =
        |share: f64| took[((took.len() as f64 * share).ceil() as usize).clamp(1, took.len()) - 1].as_secs_f64() * 1e3;
    println!(
        "laboratory: last line to first lost packet, {} repetitions: p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
        took.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
