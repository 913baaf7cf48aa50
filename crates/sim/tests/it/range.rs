//! A small range in network namespaces: an attacker's failed log-ins, read by an agent from a file, become an alert and a
//! block that holds in real nftables; forged lines become neither. Needs root, `ip` and `nft`; skips by name without them.

use std::io::Write;
use std::process::Command;

use bongsu_sim::{Agent, Center, eventually, is_root};

const GATE: &str = "198.51.100.1";
const ATTACKER: &str = "198.51.100.66";
const USER: &str = "198.51.100.20";

struct Range {
    id: String,
}

impl Range {
    fn new() -> Option<Self> {
        let tools = ["ip", "nft", "curl"]
            .iter()
            .all(|t| Command::new("which").arg(t).output().is_ok_and(|o| o.status.success()));
        if !is_root() || !tools {
            println!("skipped: range needs root, ip, nft and curl");
            return None;
        }
        let range = Self { id: format!("bgs{:04x}", std::process::id() & 0xffff) };
        for node in ["fw", "atk"] {
            range.ip(&format!("netns add {}-{node}", range.id));
            range.ip(&format!("-n {}-{node} link set lo up", range.id));
        }
        range.ip(&format!("-n {0}-fw link add toatk type veth peer name eth0 netns {0}-atk", range.id));
        range.ip(&format!("-n {}-fw addr add {GATE}/24 dev toatk", range.id));
        range.ip(&format!("-n {}-fw link set toatk up", range.id));
        for address in [ATTACKER, USER] {
            range.ip(&format!("-n {}-atk addr add {address}/24 dev eth0", range.id));
        }
        range.ip(&format!("-n {}-atk link set eth0 up", range.id));
        Some(range)
    }
    fn ip(&self, arguments: &str) {
        let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
    fn reaches(&self, from: &str, port: u16) -> bool {
        Command::new("ip")
            .args([
                "netns",
                "exec",
                &format!("{}-atk", self.id),
                "curl",
                "-sk",
                "--interface",
                from,
                "--max-time",
                "2",
                "-o",
                "/dev/null",
            ])
            .arg(format!("https://{GATE}:{port}/"))
            .status()
            .is_ok_and(|s| s.success())
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        for node in ["fw", "atk"] {
            let _ = Command::new("ip").args(["netns", "del", &format!("{}-{node}", self.id)]).status();
        }
    }
}

fn policy(center: &Center) {
    let socket = center.data.join("control.sock");
    let ask = |arguments: &[&str]| {
        let output = Command::new("curl")
            .arg("-sf")
            .arg("--unix-socket")
            .arg(&socket)
            .args(arguments)
            .arg("http://center/api/block-policy")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let mut policy = ask(&[]);
    policy["automatic"] = true.into();
    let body = policy.to_string();
    ask(&["-X", "PUT", "-H", "content-type: application/json", "-d", &body]);
}

#[test]
fn guessing_is_blocked_by_itself_and_a_forged_name_is_not() {
    let Some(range) = Range::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fw = format!("{}-fw", range.id);
    let port = 8099;
    let settings = [
        format!("web.listen={GATE}:{port}"),
        "intake.syslog_udp=off".to_owned(),
        "intake.syslog_tcp=127.0.0.1:5140".to_owned(),
        "intake.syslog_tls=off".to_owned(),
        "uplink.listen=127.0.0.1:6515".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut center = Center::new(&folder.path().join("data"), &settings).in_namespace(&fw);
    center.start();
    policy(&center);
    let log = folder.path().join("auth.log");
    std::fs::write(&log, b"").unwrap();
    let mut agent = Agent::enrol(&center, &folder.path().join("agent"), "fw", Some(&fw));
    agent.start();
    center.must(&["agent", "set", "fw", "--tail", &format!("{}=fw-auth", log.display()), "--enforce", "nftables"]);
    eventually("the point acts", || {
        center.rows(&["agent", "list"])[0]["enforce"] == "nftables"
            && center.rows(&["agent", "list"])[0]["state"] == "connected"
    });
    assert!(range.reaches(ATTACKER, port) && range.reaches(USER, port), "both reach the gate before");

    let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    let say = |file: &mut std::fs::File, text: &str| {
        let now = String::from_utf8(
            Command::new("date").args(["+%b %e %H:%M:%S"]).env("TZ", "Asia/Seoul").output().unwrap().stdout,
        )
        .unwrap();
        writeln!(file, "{} fw sshd[811]: {text}", now.trim()).unwrap();
    };
    // A name that claims to be the user's address: the address after the last `from` is the attacker's own.
    for i in 0..25 {
        say(
            &mut file,
            &format!(
                "Failed password for invalid user x from {USER} port 1 ssh2 from {ATTACKER} port {} ssh2",
                40_000 + i
            ),
        );
    }
    eventually("the attacker is blocked", || {
        center
            .rows(&["block", "list"])
            .iter()
            .any(|b| b["target"].as_str().unwrap().starts_with(ATTACKER) && b["state"] == "applied")
    });
    eventually("the attacker's packets are dropped", || !range.reaches(ATTACKER, port));
    assert!(range.reaches(USER, port), "the user is untouched");
    eventually("the effect is measured", || center.rows(&["block", "list"]).iter().any(|b| b["effect"] == "effective"));
    assert!(!center.rows(&["block", "list"]).iter().any(|b| b["target"].as_str().unwrap().starts_with(USER)));

    center.must(&["block", "undo", ATTACKER]);
    eventually("undone, the attacker reaches the gate again", || range.reaches(ATTACKER, port));
    center.stop();
}
