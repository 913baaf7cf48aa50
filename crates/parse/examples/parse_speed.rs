//! Events a second and core, by kind of line: `cargo run --release -p bongsu-parse --example parse_speed`.

use bongsu_event::Micros;
use bongsu_parse::{Context, parse_record};
use bytes::Bytes;

/// Lines read per kind, if the second argument does not say otherwise; the first names the one kind to read.
const ROUNDS: u32 = 400_000;

const LINES: &[(&str, &str)] = &[
    ("sshd", "<86>May 31 23:59:58 gate sshd[4711]: Failed password for root from 203.0.113.7 port 50122 ssh2"),
    (
        "sshd 5424",
        "<86>1 2026-05-31T23:59:58.123456+09:00 gate sshd 4711 - - Failed password for root from 203.0.113.7 port 50122 ssh2",
    ),
    ("syslog", "<30>May 31 23:59:58 gate systemd[1]: Started Session 5 of user root."),
    ("sudo", "<86>May 31 23:59:58 gate sudo:      kim : TTY=pts/0 ; PWD=/home/kim ; USER=root ; COMMAND=/usr/bin/id"),
    (
        "iptables",
        "<4>May 31 23:59:58 gate kernel: [12345.678901] DROP-IN: IN=eth0 OUT= MAC=00:00:5e:00:53:01:00:00:5e:00:53:02:08:00 SRC=203.0.113.7 DST=192.0.2.1 LEN=60 TOS=0x00 PREC=0x00 TTL=52 ID=4711 DF PROTO=TCP SPT=50122 DPT=22 WINDOW=29200 RES=0x00 SYN URGP=0",
    ),
    (
        "nginx",
        "203.0.113.7 - - [31/May/2026:23:59:58 +0900] \"GET /login?next=%2F HTTP/1.1\" 200 612 \"-\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64)\"",
    ),
    (
        "fortigate",
        "<189>date=2026-05-31 time=23:59:58 devname=\"FW-01\" devid=\"FGT60E0000000001\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" eventtime=1780239598000000000 tz=\"+0900\" srcip=203.0.113.7 srcport=50122 srcintf=\"port1\" srcintfrole=\"wan\" dstip=192.0.2.1 dstport=443 dstintf=\"port2\" dstintfrole=\"lan\" sessionid=4711 proto=6 action=\"accept\" policyid=7 policytype=\"policy\" service=\"HTTPS\" dstcountry=\"Korea\" srccountry=\"Reserved\" trandisp=\"noop\" duration=12 sentbyte=1234 rcvdbyte=5678 sentpkt=10 rcvdpkt=12 appcat=\"unscanned\"",
    ),
    (
        "cisco_asa",
        "<166>May 31 2026 23:59:58 fw1 : %ASA-6-302013: Built inbound TCP connection 4711 for outside:203.0.113.7/50122 (203.0.113.7/50122) to dmz:192.0.2.1/443 (192.0.2.1/443)",
    ),
    (
        "kv",
        "<134>May 31 23:59:58 box app: action=deny src=203.0.113.7 spt=50122 dst=192.0.2.1 dpt=443 proto=tcp user=\"kim\" msg=\"blocked by policy\" rule=default",
    ),
    (
        "json",
        "{\"timestamp\":\"2026-05-31T23:59:58+09:00\",\"src_ip\":\"203.0.113.7\",\"dst_ip\":\"192.0.2.1\",\"user\":{\"name\":\"kim\"},\"action\":\"login\",\"bytes\":1234}",
    ),
    (
        "suricata",
        "{\"timestamp\":\"2026-05-31T23:59:58.123456+0900\",\"flow_id\":4711,\"in_iface\":\"eth0\",\"event_type\":\"alert\",\"src_ip\":\"203.0.113.7\",\"src_port\":50122,\"dest_ip\":\"192.0.2.1\",\"dest_port\":80,\"proto\":\"TCP\",\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":2000001,\"rev\":1,\"signature\":\"TEST rule\",\"category\":\"Misc\",\"severity\":2},\"flow\":{\"pkts_toserver\":4,\"pkts_toclient\":3,\"bytes_toserver\":448,\"bytes_toclient\":300}}",
    ),
];

fn main() {
    let only = std::env::args().nth(1);
    let rounds = std::env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let receive_time = Micros::from_timestamp(jiff::Timestamp::now());
    let zone = jiff::tz::TimeZone::get("Asia/Seoul").unwrap_or(jiff::tz::TimeZone::UTC);
    let context = Context { receive_time, timezone: zone };
    for (name, line) in LINES {
        if only.as_ref().is_some_and(|o| o != name) {
            continue;
        }
        let raw = Bytes::from_static(line.as_bytes());
        let (event, mut hint) = parse_record(raw.clone(), &context, None);
        let columns = event.fields.len();
        let start = on_cpu_nanos();
        for _ in 0..rounds {
            let (event, format) = parse_record(std::hint::black_box(raw.clone()), &context, hint);
            hint = format;
            std::hint::black_box(event);
        }
        let nanos = (on_cpu_nanos() - start) / f64::from(rounds);
        println!("{name:10} {:>9.0} events/s  {nanos:>5.0} ns  {columns} columns  {}", 1e9 / nanos, event.format);
    }
}

/// Time this thread has been on a core, nanoseconds: other programs on the machine do not count.
fn on_cpu_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}
