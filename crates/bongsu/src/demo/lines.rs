//! Lines as the equipment of the demo city writes them. Times are now, in Korea; addresses are documentation and private
//! ones; nothing here is copied from a real log.

use jiff::Zoned;
use rand::Rng;
use rand::seq::IndexedRandom;

use super::city::{ACCOUNTS, Kind};

/// One device and what its lines need.
#[derive(Clone, Debug)]
pub struct Device {
    /// What it is.
    pub kind: Kind,
    /// Host name in its lines.
    pub host: String,
    /// Number of its office: its networks are `10.N.0.0/16`.
    pub office: u8,
    /// Share of its kind's lines that it writes, 1 for equipment.
    pub share: f64,
}

impl Device {
    /// A PC of the office.
    pub fn inside(&self, rng: &mut impl Rng) -> String {
        format!("10.{}.{}.{}", self.office, rng.random_range(1..40), rng.random_range(10..250))
    }
    /// The office's public web address.
    pub fn public(&self) -> String {
        format!("203.0.113.{}", 100 + u16::from(self.office))
    }

    /// A line of an ordinary second.
    pub fn ordinary(&self, now: &Zoned, rng: &mut impl Rng) -> String {
        match self.kind {
            Kind::FortiGate => {
                let (inside, port) =
                    (self.inside(rng), *[443, 443, 443, 80, 53, 123, 8443].choose(rng).unwrap_or(&443));
                self.forti_traffic(
                    now,
                    &inside,
                    &outside(rng),
                    port,
                    "close",
                    rng.random_range(300..90_000),
                    rng.random_range(300..900_000),
                    rng,
                )
            }
            Kind::Mf2 => {
                let inside = self.inside(rng);
                self.mf2(now, "allow", &inside, &outside(rng), 443, rng)
            }
            Kind::TrusGuard => self.trusguard(now, rng),
            Kind::PanOs => {
                let inside = self.inside(rng);
                self.panos_traffic(now, &inside, &outside(rng), 443, "allow", rng)
            }
            Kind::Asa => {
                let (inside, there) = (self.inside(rng), outside(rng));
                self.header(now, 166, &format!(
                    "%ASA-6-302014: Teardown TCP connection {} for outside:{there}/443 to inside:{inside}/{} duration 0:00:{:02} bytes {} TCP FINs",
                    rng.random_range(1_000_000..9_999_999), port(rng), rng.random_range(1..59), rng.random_range(400..400_000),
                ), None)
            }
            Kind::Sniper => self.sniper(
                now,
                "(0183)SNMP Sweep (community string)",
                &self.inside(rng),
                &self.inside(rng),
                "udp/161",
                "Low",
                rng,
            ),
            Kind::Suricata => self.suricata_dns(
                now,
                &self.inside(rng),
                ["www.example.kr", "mail.example.go.kr", "update.example.com", "cdn.example.net"]
                    .choose(rng)
                    .unwrap_or(&"example.kr"),
            ),
            Kind::Sshd => {
                let (user, from) = (ACCOUNTS.choose(rng).unwrap_or(&"kim.sy"), self.inside(rng));
                match rng.random_range(0..10) {
                    0 => self.sshd(now, &format!("Failed password for {user} from {from} port {} ssh2", port(rng)), rng),
                    1..4 => self.header(now, 85, "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)", Some(("CRON", rng.random_range(900..30_000)))),
                    4 => self.header(now, 85, &format!("{user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND=/usr/bin/systemctl status nginx"), Some(("sudo", rng.random_range(900..30_000)))),
                    _ => self.sshd(now, &format!("Accepted publickey for {user} from {from} port {} ssh2: ED25519 SHA256:q0J5example", port(rng)), rng),
                }
            }
            Kind::Nginx => {
                let path = *[
                    "/",
                    "/minwon/list",
                    "/minwon/apply",
                    "/notice?page=2",
                    "/css/site.css",
                    "/img/logo.svg",
                    "/login",
                    "/reserve/list",
                ]
                .choose(rng)
                .unwrap_or(&"/");
                let status = if rng.random_range(0..40) == 0 { 404 } else { 200 };
                let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36";
                self.nginx(now, &outside(rng), "GET", path, status, rng.random_range(300..60_000), agent)
            }
            Kind::Iptables => self.iptables(
                now,
                &outside(rng),
                &self.public(),
                *[443, 80, 443].choose(rng).unwrap_or(&443),
                "ACCEPT",
                rng,
            ),
        }
    }

    fn header(&self, now: &Zoned, pri: u8, text: &str, app: Option<(&str, u32)>) -> String {
        match app {
            Some((app, pid)) => format!("<{pri}>{} {} {app}[{pid}]: {text}", now.strftime("%b %e %H:%M:%S"), self.host),
            None => format!("<{pri}>{} {} {text}", now.strftime("%b %e %H:%M:%S"), self.host),
        }
    }

    /// A line of sshd.
    pub fn sshd(&self, now: &Zoned, text: &str, rng: &mut impl Rng) -> String {
        self.header(now, 86, text, Some(("sshd", rng.random_range(900..30_000))))
    }

    /// A line of another program on a Linux server.
    pub fn program(&self, now: &Zoned, app: &str, text: &str, rng: &mut impl Rng) -> String {
        self.header(now, 86, text, Some((app, rng.random_range(900..30_000))))
    }

    /// FortiGate traffic.
    #[expect(clippy::too_many_arguments, reason = "one line has so many fields")]
    pub fn forti_traffic(
        &self,
        now: &Zoned,
        src: &str,
        dst: &str,
        dport: u16,
        action: &str,
        sent: u64,
        rcvd: u64,
        rng: &mut impl Rng,
    ) -> String {
        format!(
            "<189>date={} time={} devname=\"{}\" devid=\"FG100F0000000001\" eventtime={} tz=\"+0900\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip={src} srcport={} srcintf=\"lan\" dstip={dst} dstport={dport} dstintf=\"wan1\" proto=6 action=\"{action}\" policyid=12 service=\"HTTPS\" sessionid={} duration={} sentbyte={sent} rcvdbyte={rcvd} sentpkt={} rcvdpkt={}",
            now.strftime("%Y-%m-%d"),
            now.strftime("%H:%M:%S"),
            self.host,
            now.timestamp().as_nanosecond(),
            port(rng),
            rng.random_range(100_000..999_999),
            rng.random_range(1..120),
            sent / 900 + 1,
            rcvd / 1200 + 1,
        )
    }

    /// A FortiGate event (`rest` begins with its type).
    pub fn forti_event(&self, now: &Zoned, logid: &str, rest: &str) -> String {
        format!(
            "<188>date={} time={} devname=\"{}\" devid=\"FG100F0000000001\" eventtime={} tz=\"+0900\" logid=\"{logid}\" {rest}",
            now.strftime("%Y-%m-%d"),
            now.strftime("%H:%M:%S"),
            self.host,
            now.timestamp().as_nanosecond(),
        )
    }

    /// SECUI MF2 traffic.
    pub fn mf2(&self, now: &Zoned, verdict: &str, src: &str, dst: &str, dport: u16, rng: &mut impl Rng) -> String {
        let (stamp, time) = (
            now.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            now.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        );
        if verdict == "allow" {
            format!(
                "<190>1 {stamp} [fw4_allow] [10.{}.0.1] {time},{time},0,{},{},-,{src},{},{dst},{dport},TCP,EXT,{},{},{},{},-,3Way OK / FIN1 [SAF:SAF],-",
                self.office,
                self.host,
                rng.random_range(1..200),
                port(rng),
                rng.random_range(4..60),
                rng.random_range(4..60),
                rng.random_range(400..60_000),
                rng.random_range(400..600_000),
            )
        } else {
            format!(
                "<190>1 {stamp} [fw4_deny] [10.{}.0.1] {time},{time},0,{},{},-,{src},{},{dst},{dport},TCP,EXT,1,60,-,-,Deny by Deny Rule",
                self.office,
                self.host,
                rng.random_range(1..200),
                port(rng),
            )
        }
    }

    /// An administrator's act on an MF2.
    pub fn mf2_audit(&self, now: &Zoned, admin: &str, from: &str, menu: &str, command: &str, result: &str) -> String {
        format!(
            "<190>1 {} [audit] [10.{}.0.1] {},{},{admin},{from},Administrator,{menu},{command},{result},-,-",
            now.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
            self.office,
            now.strftime("%Y-%m-%d %H:%M:%S"),
            self.host,
        )
    }

    fn trusguard(&self, now: &Zoned, rng: &mut impl Rng) -> String {
        format!(
            "<134>{} {} 3`0`1`1`42c0cd`1020`{}`{}`3`6`{}`{}`{}`{}`443`eth2(Out)`eth3(DMZ)````{}`5`{}`3``15`2``S sa A / RA",
            now.strftime("%b %e %H:%M:%S"),
            self.host,
            now.strftime("%Y%m%d"),
            now.strftime("%H:%M:%S"),
            rng.random_range(1_000..9_000),
            self.inside(rng),
            port(rng),
            outside(rng),
            rng.random_range(300..60_000),
            rng.random_range(300..60_000),
        )
    }

    /// A verdict of an IPS module of TrusGuard.
    pub fn trusguard_ips(
        &self,
        now: &Zoned,
        src: &str,
        dst: &str,
        dport: u16,
        what: &str,
        rng: &mut impl Rng,
    ) -> String {
        format!(
            "<132>{} {} 1`0`2`1`000000`9`{}`{}`2`6`{src}`{}`{dst}`{dport}`3001``IPS`2012`3`0800`00:03:47:B5:B0:07`10232`65535` {what}`",
            now.strftime("%b %e %H:%M:%S"),
            self.host,
            now.strftime("%Y%m%d"),
            now.strftime("%H:%M:%S"),
            port(rng),
        )
    }

    /// PAN-OS traffic.
    pub fn panos_traffic(
        &self,
        now: &Zoned,
        src: &str,
        dst: &str,
        dport: u16,
        action: &str,
        rng: &mut impl Rng,
    ) -> String {
        let t = now.strftime("%Y/%m/%d %H:%M:%S").to_string();
        let (bytes, sent) = (rng.random_range(2_000..900_000), rng.random_range(400..2_000));
        let kind = if action == "allow" { "end" } else { "drop" };
        format!(
            "<14>{} {} 1,{t},007951000000001,TRAFFIC,{kind},2305,{t},{src},{dst},0.0.0.0,0.0.0.0,outbound,,,ssl,vsys1,trust,untrust,ethernet1/2,ethernet1/1,forward,{t},{},1,{},{dport},0,0,0x1c,tcp,{action},{bytes},{sent},{},{},{t},{},any,0,{},0x0,10.0.0.0-10.255.255.255,United States,0,{},{},tcp-fin,0,0,0,0,,{},from-policy",
            now.strftime("%b %e %H:%M:%S"),
            self.host,
            rng.random_range(10_000..99_999),
            port(rng),
            bytes - sent,
            bytes / 800 + 2,
            rng.random_range(1..200),
            rng.random_range(1_000_000..9_000_000),
            bytes / 1600 + 1,
            bytes / 1600 + 1,
            self.host,
        )
    }

    /// PAN-OS threat.
    #[expect(clippy::too_many_arguments, reason = "one line has so many fields")]
    pub fn panos_threat(
        &self,
        now: &Zoned,
        src: &str,
        dst: &str,
        what: &str,
        severity: &str,
        action: &str,
        rng: &mut impl Rng,
    ) -> String {
        let t = now.strftime("%Y/%m/%d %H:%M:%S").to_string();
        format!(
            "<12>{} {} 1,{t},007951000000001,THREAT,virus,2305,{t},{src},{dst},0.0.0.0,0.0.0.0,inbound,,,web-browsing,vsys1,untrust,trust,ethernet1/1,ethernet1/2,forward,{t},{},1,{},443,0,0,0x2000,tcp,{action},\"report.docm\",{what},any,{severity},server-to-client,{},0x0,Netherlands,10.0.0.0-10.255.255.255,0,,0,,,0,,,,,,,,0,0,0,0,0,,{},",
            now.strftime("%b %e %H:%M:%S"),
            self.host,
            rng.random_range(10_000..99_999),
            port(rng),
            rng.random_range(1_000_000..9_000_000),
            self.host,
        )
    }

    /// A verdict of SNIPER.
    #[expect(clippy::too_many_arguments, reason = "one line has so many fields")]
    pub fn sniper(
        &self,
        now: &Zoned,
        attack: &str,
        from: &str,
        to: &str,
        protocol: &str,
        risk: &str,
        rng: &mut impl Rng,
    ) -> String {
        format!(
            "<36>[SNIPER-{}] [Attack_Name={attack}], [Time={}], [Hacker={from}], [Victim={to}], [Protocol={protocol}], [Risk={risk}], [Handling=Alarm], [Information=], [SrcPort={}]",
            self.office,
            now.strftime("%Y/%m/%d %H:%M:%S"),
            port(rng),
        )
    }

    /// A DNS query seen by Suricata.
    pub fn suricata_dns(&self, now: &Zoned, from: &str, name: &str) -> String {
        format!(
            "<134>{} {} suricata[811]: {{\"timestamp\":\"{}\",\"flow_id\":{},\"in_iface\":\"ens3\",\"event_type\":\"dns\",\"src_ip\":\"{from}\",\"src_port\":53211,\"dest_ip\":\"10.{}.0.53\",\"dest_port\":53,\"proto\":\"UDP\",\"dns\":{{\"type\":\"query\",\"id\":4711,\"rrname\":\"{name}\",\"rrtype\":\"TXT\",\"tx_id\":0}}}}",
            now.strftime("%b %e %H:%M:%S"),
            self.host,
            now.strftime("%Y-%m-%dT%H:%M:%S%.6f%z"),
            now.timestamp().as_microsecond(),
            self.office,
        )
    }

    /// An alert of Suricata.
    pub fn suricata_alert(&self, now: &Zoned, from: &str, to: &str, what: &str, severity: u8) -> String {
        format!(
            "<132>{} {} suricata[811]: {{\"timestamp\":\"{}\",\"flow_id\":{},\"in_iface\":\"ens3\",\"event_type\":\"alert\",\"src_ip\":\"{from}\",\"src_port\":44321,\"dest_ip\":\"{to}\",\"dest_port\":445,\"proto\":\"TCP\",\"alert\":{{\"action\":\"allowed\",\"gid\":1,\"signature_id\":2024217,\"rev\":3,\"signature\":\"{what}\",\"category\":\"A Network Trojan was detected\",\"severity\":{severity}}}}}",
            now.strftime("%b %e %H:%M:%S"),
            self.host,
            now.strftime("%Y-%m-%dT%H:%M:%S%.6f%z"),
            now.timestamp().as_microsecond(),
        )
    }

    /// A request seen by nginx.
    #[expect(clippy::too_many_arguments, reason = "one line has so many fields")]
    pub fn nginx(
        &self,
        now: &Zoned,
        from: &str,
        method: &str,
        path: &str,
        status: u16,
        bytes: u64,
        agent: &str,
    ) -> String {
        self.header(
            now,
            190,
            &format!(
                "nginx: {from} - - [{}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"",
                now.strftime("%d/%b/%Y:%H:%M:%S %z")
            ),
            None,
        )
    }

    /// A packet logged by iptables.
    pub fn iptables(&self, now: &Zoned, from: &str, to: &str, dport: u16, verdict: &str, rng: &mut impl Rng) -> String {
        self.header(
            now, 4,
            &format!("kernel: [{}.{:06}] {verdict} IN=eth0 OUT=eth1 MAC=52:54:00:12:34:56:52:54:00:65:43:21:08:00 SRC={from} DST={to} LEN=60 TOS=0x00 PREC=0x00 TTL=52 ID={} DF PROTO=TCP SPT={} DPT={dport} WINDOW=64240 RES=0x00 SYN URGP=0",
                rng.random_range(10_000..99_999), rng.random_range(0..999_999), rng.random_range(1..65_000), port(rng)),
            None,
        )
    }
}

/// An ordinary address outside: from the documentation prefixes (RFC 5737), away from the attackers'.
pub fn outside(rng: &mut impl Rng) -> String {
    format!("192.0.2.{}", rng.random_range(1..250))
}

fn port(rng: &mut impl Rng) -> u16 {
    rng.random_range(20_000..60_000)
}
