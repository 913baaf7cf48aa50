//! What a line says changes, and what is read changes with it: addresses, ports, names, devices, days, the order of pairs.
//!
//! Invariant: fixed seed, made-up lines; each placeholder of a template is checked against its field.

use bongsu_event::Micros;
use bongsu_parse::{flat, parse_record};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value};

use crate::samples::context;

/// Values put into a template.
#[derive(Clone, Debug)]
struct Said {
    src: std::net::IpAddr,
    dst: std::net::IpAddr,
    src_port: u16,
    dst_port: u16,
    host: String,
    user: String,
    month: i8,
    day: i8,
    clock: (i8, i8, i8),
    pid: u32,
    upper: bool,
}

fn address() -> impl Strategy<Value = std::net::IpAddr> {
    prop_oneof![
        (1u8..224, any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(a, b, c, d)| [a, b, c, d].into()),
        (any::<u16>(), any::<u16>(), 1u16..)
            .prop_map(|(a, b, c)| std::net::Ipv6Addr::new(0x2001, 0xdb8, a, b, 0, 0, 0, c).into()),
    ]
}

fn said() -> impl Strategy<Value = Said> {
    let names = (
        "[a-z][a-z0-9_-]{1,10}(\\.[a-z][a-z0-9_]{1,8}){0,2}",
        "[a-z][a-z0-9._-]{0,9}[a-z0-9]",
        (1i8..=12, 1i8..=28),
        (0i8..24, 0i8..60, 0i8..60),
    );
    ((address(), address()), (1u16.., 1u16..), names, 1u32..100_000, any::<bool>()).prop_map(
        |((src, dst), (src_port, dst_port), (host, user, (month, day), clock), pid, upper)| Said {
            src,
            dst,
            src_port,
            dst_port,
            host,
            user,
            month,
            day,
            clock,
            pid,
            upper,
        },
    )
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Said {
    fn month_name(&self) -> &'static str {
        MONTHS[usize::try_from(self.month - 1).unwrap()]
    }
    fn clock(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.clock.0, self.clock.1, self.clock.2)
    }
    fn fill(&self, template: &str) -> String {
        let proto = if self.upper { "TCP" } else { "tcp" };
        let front = format!("{} {:>2} {}", self.month_name(), self.day, self.clock());
        let date = format!("2025-{:02}-{:02}", self.month, self.day);
        [
            ("{header}", front),
            ("{iso}", format!("{date}T{}+09:00", self.clock())),
            ("{date}", date.clone()),
            ("{slashed}", date.replace('-', "/")),
            ("{apache}", format!("{:02}/{}/2025:{} +0900", self.day, self.month_name(), self.clock())),
            ("{ctime}", format!("{} {:02} {}.123456 2025", self.month_name(), self.day, self.clock())),
            ("{asa}", format!("{} {:02} 2025 {}", self.month_name(), self.day, self.clock())),
            ("{clock}", self.clock()),
            ("{src}", self.src.to_string()),
            ("{dst}", self.dst.to_string()),
            ("{sport}", self.src_port.to_string()),
            ("{dport}", self.dst_port.to_string()),
            ("{host}", self.host.clone()),
            ("{user}", self.user.clone()),
            ("{pid}", self.pid.to_string()),
            ("{proto}", proto.to_owned()),
        ]
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
    }
    fn field(&self, name: &str) -> Value {
        match name {
            "src_ip" => self.src.to_string().into(),
            "dst_ip" => self.dst.to_string().into(),
            "src_port" => self.src_port.into(),
            "dst_port" => self.dst_port.into(),
            "host" => self.host.as_str().into(),
            "user" => self.user.as_str().into(),
            "pid" => self.pid.into(),
            "proto" => "tcp".into(),
            other => panic!("no field {other}"),
        }
    }
}

/// A line of each kind, the fields it must give, and how its time is written: the placeholder itself says it.
const TEMPLATES: &[(&str, &str)] = &[
    (
        "<86>{header} {host} sshd[{pid}]: Failed password for invalid user {user} from {src} port {sport} ssh2",
        "host pid user src_ip src_port",
    ),
    (
        "{header} {host} sshd[{pid}]: Accepted publickey for {user} from {src} port {sport} ssh2: ED25519 SHA256:abc",
        "host pid user src_ip src_port",
    ),
    (
        "<86>1 {iso} {host} sshd {pid} - - Connection closed by authenticating user {user} {src} port {sport} [preauth]",
        "host pid user src_ip src_port",
    ),
    ("<86>{iso} {host} sshd {pid} - - Invalid user {user} from {src} port {sport}", "host pid user src_ip src_port"),
    (
        "{header} {host} sshd[{pid}]: message repeated 5 times: [ Failed password for {user} from {src} port {sport} ssh2]",
        "host pid user src_ip src_port",
    ),
    (
        "{header} {host} sshd[{pid}]: Disconnecting invalid user {user} {src} port {sport}: Change of username or service not allowed: ({user},ssh-connection) -> (x,ssh-connection) [preauth]",
        "host pid user src_ip src_port",
    ),
    (
        "<13>{header} relay {iso} {host} sshd[{pid}]: Failed password for {user} from {src} port {sport} ssh2",
        "host pid user src_ip src_port",
    ),
    (
        "{\"log\":\"{header} {host} sshd[{pid}]: Failed password for {user} from {src} port {sport} ssh2\\n\",\"stream\":\"stdout\",\"time\":\"{iso}\"}",
        "host pid user src_ip src_port",
    ),
    ("{header} {host} sudo[{pid}]: {user} : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id", "host pid user"),
    (
        "{header} {host} su[{pid}]: pam_unix(su:auth): authentication failure; logname= uid=0 euid=0 tty=pts/0 ruser= rhost={src}  user={user}",
        "host pid user src_ip",
    ),
    ("{header} {host} systemd-logind[{pid}]: New session 7 of user {user}.", "host pid user"),
    ("{header} {host} vsftpd[{pid}]: [{user}] FAIL LOGIN: Client \"{src}\"", "host pid user src_ip"),
    ("{src} - {user} [{apache}] \"GET /a?src={dst} HTTP/1.1\" 200 {pid} \"-\" \"curl/8\"", "src_ip user"),
    ("{host}:{dport} {src} - {user} [{apache}] \"POST / HTTP/2.0\" 403 - \"-\" \"x {dst}\"", "src_ip user dst_port"),
    ("[Mon {ctime}] [core:error] [pid {pid}:tid 9] [client {src}:{sport}] AH00037: x {dst}", "src_ip src_port pid"),
    (
        "{slashed} {clock} [error] {pid}#1: *5 open() \"/x\" failed (2: No such file), client: {src}, server: _, request: \"GET / HTTP/1.1\", host: \"{host}\"",
        "src_ip pid",
    ),
    (
        "{header} {host} kernel: [1.5] DROP IN=eth0 OUT= MAC= SRC={src} DST={dst} LEN=60 TTL=52 PROTO={proto} SPT={sport} DPT={dport} SYN",
        "host src_ip dst_ip src_port dst_port proto",
    ),
    (
        "<166>{asa} {host} : %ASA-6-302013: Built inbound TCP connection 9 for outside:{src}/{sport} ({src}/{sport}) to dmz:{dst}/{dport} ({dst}/{dport})",
        "host src_ip dst_ip src_port dst_port proto",
    ),
    (
        "<164>{asa} {host} : %ASA-4-106023: Deny tcp src outside:{src}/{sport} dst dmz:{dst}/{dport} by access-group \"in\" [0x0, 0x0]",
        "host src_ip dst_ip src_port dst_port proto",
    ),
    (
        "<166>{asa} {host} : %ASA-6-113015: AAA user authentication Rejected : reason = x : local database : user = {user} : user IP = {src}",
        "host src_ip user",
    ),
    ("<165>{asa} {host} : %ASA-5-304001: {src} Accessed URL {dst}:http://{host}/x", "host src_ip dst_ip"),
    (
        "<14>{header} {host} 1,{slashed} {clock},0128,TRAFFIC,end,2560,{slashed} {clock},{src},{dst},0.0.0.0,0.0.0.0,r,{user},,ssl,vsys1,a,b,e1,e2,f,{slashed} {clock},1,1,{sport},{dport},0,0,0x0,{proto},allow,5,2,3,4",
        "src_ip dst_ip src_port dst_port user proto",
    ),
    (
        "CEF:0|V|P|1|100|n|5|rt={iso} dvchost={host} src={src} spt={sport} dst={dst} dpt={dport} proto={proto} suser={user} msg=a\\=b",
        "host src_ip dst_ip src_port dst_port user proto",
    ),
    (
        "LEEF:2.0|V|P|1|E|^|devTime={iso}^src={src}^srcPort={sport}^dst={dst}^dstPort={dport}^proto={proto}^usrName={user}",
        "src_ip dst_ip src_port dst_port user proto",
    ),
    (
        "{\"timestamp\":\"{iso}\",\"flow_id\":1,\"event_type\":\"tls\",\"src_ip\":\"{src}\",\"src_port\":{sport},\"dest_ip\":\"{dst}\",\"dest_port\":{dport},\"proto\":\"{proto}\",\"tls\":{\"sni\":\"{host}\"}}",
        "src_ip dst_ip src_port dst_port proto",
    ),
    (
        "[SNIPER-0201] [Attack_Name=(0305)x], [Time={slashed} {clock}], [Hacker={src}], [Victim={dst}], [Protocol=tcp/{dport}], [Risk=Low], [Handling=Alarm], [Information=[Hacker={dst}]], [SrcPort={sport}], [HackType=1]",
        "src_ip dst_ip src_port dst_port proto",
    ),
];

fn read(line: &str) -> Map<String, Value> {
    flat(&parse_record(Bytes::from(line.to_owned()), &context(), None).0)
}

/// The instant as a clock in the source's zone: its last digits are what was written, whatever year was supplied.
fn local(out: &Map<String, Value>) -> String {
    let time: jiff::Timestamp = out["time"].as_str().unwrap().parse().unwrap();
    time.to_zoned(context().timezone).strftime("%m-%dT%H:%M:%S").to_string()
}

/// Pairs of a FortiGate line; order is free and all may be missing but what tells the format.
const PAIRS: &[(&str, &str, &str)] = &[
    ("srcip", "{src}", "src_ip"),
    ("srcport", "{sport}", "src_port"),
    ("dstip", "{dst}", "dst_ip"),
    ("dstport", "{dport}", "dst_port"),
    ("user", "\"{user}\"", "user"),
    ("proto", "6", "proto"),
    ("msg", "\"a srcip=192.0.2.66 user=x\"", ""),
    ("url", "\"/q?srcip=192.0.2.66&user=x\"", ""),
    ("service", "\"HTTPS\"", ""),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, rng_seed: RngSeed::Fixed(20_260_601), ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_is_what_is_read(said in said()) {
        for (template, fields) in TEMPLATES {
            let line = said.fill(template);
            let out = read(&line);
            for name in fields.split(' ') {
                prop_assert_eq!(out.get(name), Some(&said.field(name)), "{} of {}", name, line);
            }
            let written = format!("{:02}-{:02}T{}", said.month, said.day, said.clock());
            prop_assert_eq!(local(&out), written, "time of {}", line);
        }
    }

    #[test]
    fn pairs_come_in_any_order(
        said in said(),
        order in Just((0..PAIRS.len()).collect::<Vec<_>>()).prop_shuffle(),
        kept in prop::collection::vec(any::<bool>(), PAIRS.len()),
        commas in any::<bool>(),
    ) {
        let mut line = said.fill("date={date} time={clock} devname=\"{host}\" devid=\"FG100D3G16800000\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\"");
        let mut wanted = vec!["host"];
        for at in order {
            let (key, value, field) = PAIRS[at];
            if kept[at] {
                line.push_str(&said.fill(&format!("{}{key}={value}", if commas { "," } else { " " })));
                wanted.extend((!field.is_empty()).then_some(field));
            }
        }
        let out = read(&line);
        for name in &wanted {
            prop_assert_eq!(out.get(*name), Some(&said.field(name)), "{} of {}", name, line);
        }
        for name in ["src_ip", "dst_ip", "user"].iter().filter(|n| !wanted.contains(n)) {
            prop_assert_eq!(out.get(*name), None, "{} of {}", name, line);
        }
    }

    #[test]
    fn a_name_with_anything_in_it_is_no_address(said in said(), name in "[a-z@.: 0-9\\\\]{0,24}") {
        let typed = format!("x{name} from 192.0.2.66 port 1 y");
        let line = said.fill("{header} {host} sshd[{pid}]: Failed password for invalid user NAME from {src} port {sport} ssh2").replace("NAME", &typed);
        let out = read(&line);
        prop_assert_eq!(out.get("src_ip"), Some(&said.field("src_ip")), "{}", line);
        prop_assert_eq!(out.get("user").and_then(Value::as_str), Some(typed.trim()), "{}", line);
    }
}

#[test]
fn the_year_is_the_nearest_that_is_not_ahead() {
    let out = read("<86>Dec 31 23:59:59 gate sshd[1]: Server listening on 0.0.0.0 port 22.");
    assert_eq!(out["time"], Micros::from_timestamp("2025-12-31T23:59:59+09:00".parse().unwrap()).to_string());
}
