//! A small range in network namespaces, for whoever has no laboratory: an attacker's failed log-ins, read by an agent from
//! a file, become an alert and a block that holds in real nftables, cuts the open connection and ends by itself; a scan only
//! proposes; forged lines become neither. Needs root, `ip`, `nft` and `curl`; skips by name without them.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bongsu_sim::{Agent, Center, eventually, ip, is_root, missing, patiently, within};

const GATE: &str = "198.51.100.1";
const ATTACKER: &str = "198.51.100.66";
const SECOND: &str = "198.51.100.67";
const SCANNER: &str = "198.51.100.68";
const USER: &str = "198.51.100.20";
/// Answers with what it is told.
const ECHO: u16 = 7;
/// Seconds after which a block of one minute must have ended by itself.
const ENDED_SECONDS_MAX: u64 = 90;

struct Range {
    id: String,
}

impl Range {
    fn new() -> Option<Self> {
        let absent = missing(&["ip", "nft", "curl"]);
        if !is_root() || !absent.is_empty() {
            println!("skipped: range needs root, ip, nft and curl");
            return None;
        }
        let range = Self { id: format!("bgs{:04x}", std::process::id() & 0xffff) };
        for node in ["fw", "atk"] {
            ip(&format!("netns add {}-{node}", range.id));
            ip(&format!("-n {}-{node} link set lo up", range.id));
        }
        ip(&format!("-n {0}-fw link add toatk type veth peer name eth0 netns {0}-atk", range.id));
        ip(&format!("-n {}-fw addr add {GATE}/24 dev toatk", range.id));
        ip(&format!("-n {}-fw link set toatk up", range.id));
        for address in [ATTACKER, SECOND, SCANNER, USER] {
            ip(&format!("-n {}-atk addr add {address}/24 dev eth0", range.id));
        }
        ip(&format!("-n {}-atk link set eth0 up", range.id));
        range.echo();
        Some(range)
    }
    fn echo(&self) {
        let gate = SocketAddr::new(GATE.parse().unwrap(), ECHO);
        let listener = within(&format!("{}-fw", self.id), || TcpListener::bind(gate).unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut byte = [0u8; 1];
                    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
                });
            }
        });
    }
    /// A connection from this address to the gate.
    fn connect(&self, from: &str) -> Option<TcpStream> {
        use socket2::{Domain, Socket, Type};
        let (from, to) = (SocketAddr::new(from.parse().unwrap(), 0), SocketAddr::new(GATE.parse().unwrap(), ECHO));
        within(&format!("{}-atk", self.id), || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&from.into()).unwrap();
            socket.connect_timeout(&to.into(), Duration::from_secs(1)).ok()?;
            socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            Some(TcpStream::from(socket))
        })
    }
    fn reaches(&self, from: &str) -> bool {
        self.connect(from).is_some_and(|mut stream| speaks(&mut stream))
    }
}

/// Is a byte answered?
fn speaks(stream: &mut TcpStream) -> bool {
    let mut byte = [0u8; 1];
    stream.write_all(b"?").is_ok() && stream.read_exact(&mut byte).is_ok()
}

impl Drop for Range {
    fn drop(&mut self) {
        for node in ["fw", "atk"] {
            let _ = Command::new("ip").args(["netns", "del", &format!("{}-{node}", self.id)]).status();
        }
    }
}

/// The log that the agent follows.
struct Log(File);

impl Log {
    fn new(path: &Path) -> Self {
        Self(File::create(path).unwrap())
    }
    fn say(&mut self, program: &str, text: &str) {
        let date =
            Command::new("date").args(["+%b %e %H:%M:%S"]).envs([("TZ", "Asia/Seoul"), ("LC_ALL", "C")]).output();
        let now = String::from_utf8(date.unwrap().stdout).unwrap();
        writeln!(self.0, "{} fw {program}: {text}", now.trim()).unwrap();
    }
    /// Failed log-ins under a name that claims to be the user's address: what stands after the last `from` is true.
    fn guess(&mut self, from: &str) {
        for i in 0..25 {
            let name = format!("x from {USER} port 1 ssh2");
            self.say(
                "sshd[811]",
                &format!("Failed password for invalid user {name} from {from} port {} ssh2", 40_000 + i),
            );
        }
    }
    fn scan(&mut self, from: &str) {
        for port in 1..60 {
            self.say(
                "kernel",
                &format!("NEW IN=toatk OUT= SRC={from} DST={GATE} LEN=44 TTL=50 PROTO=TCP SPT=51234 DPT={port} SYN"),
            );
        }
    }
}

fn applied(center: &Center, address: &str) -> bool {
    center.blocks_of(address).iter().any(|b| b["state"] == "applied")
}

#[test]
fn guessing_is_blocked_by_itself_and_a_scan_or_a_forged_name_is_not() {
    let Some(range) = Range::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let fw = format!("{}-fw", range.id);
    let settings = [
        "web.listen=off",
        "intake.syslog_udp=off",
        "intake.syslog_tcp=127.0.0.1:5140",
        "intake.syslog_tls=off",
        "uplink.listen=127.0.0.1:6515",
    ];
    let mut center = Center::new(&folder.path().join("data"), &settings).in_namespace(&fw);
    center.start();
    center.policy(|p| (p["automatic"], p["automatic_minutes"]) = (true.into(), 1.into()));
    let path = folder.path().join("auth.log");
    let mut log = Log::new(&path);
    let mut agent = Agent::enrol(&center, &folder.path().join("agent"), "fw", Some(&fw));
    agent.start();
    center.must(&["agent", "set", "fw", "--tail", &format!("{}=fw-auth", path.display()), "--enforce", "nftables"]);
    eventually("the point acts", || {
        center.rows(&["agent", "list"])[0]["enforce"] == "nftables"
            && center.rows(&["agent", "list"])[0]["state"] == "connected"
    });
    let mut users = range.connect(USER).unwrap();
    let mut attackers = range.connect(ATTACKER).unwrap();
    assert!(speaks(&mut users) && speaks(&mut attackers), "both reach the gate before");

    log.scan(SCANNER);
    log.guess(ATTACKER);
    eventually("the attacker is blocked", || applied(&center, ATTACKER));
    assert!(!speaks(&mut attackers), "its open connection is cut");
    assert!(!range.reaches(ATTACKER), "its packets are dropped");
    assert!(speaks(&mut users) && range.reaches(USER), "the user is untouched");
    eventually("the effect is measured", || center.blocks_of(ATTACKER).iter().any(|b| b["effect"] == "effective"));
    assert!(center.blocks_of(USER).is_empty(), "a name is no address");

    eventually("the scan raises its alert", || center.alerted("Port scan", SCANNER));
    eventually("and proposes", || center.blocks_of(SCANNER).iter().any(|b| b["state"] == "proposed"));
    assert!(!applied(&center, SCANNER) && range.reaches(SCANNER), "no more than that");

    log.guess(SECOND);
    eventually("the second attacker is blocked", || applied(&center, SECOND));
    center.must(&["block", "undo", SECOND]);
    eventually("undone, it reaches the gate again", || range.reaches(SECOND));
    let patience = Duration::from_secs(ENDED_SECONDS_MAX);
    patiently(patience, "the first block ends by itself", || range.reaches(ATTACKER));
    eventually("and says so", || center.blocks_of(ATTACKER).iter().any(|b| b["state"] == "expired"));
    center.stop();
}
