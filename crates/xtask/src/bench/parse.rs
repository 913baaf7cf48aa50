//! Lines a second on one core, by kind of line, against the budget: from bytes to event, nothing else.

use anyhow::Result;
use bongsu_event::Micros;
use bongsu_parse::{Context, parse_record};
use bytes::Bytes;

use super::Options;
use super::process::on_cpu_nanos;
use super::table::{Series, print};

/// Lines read per kind and run.
const LINES: u64 = 200_000;
/// Runs, taken in turns over all kinds.
const RUNS: u64 = 5;
/// Lines a second on one core: simple lines, and lines of pairs.
const SIMPLE: f64 = 1e6;
const PAIRS: f64 = 500e3;

const KINDS: &[(&str, f64, &str)] = &[
    ("sshd", SIMPLE, "<86>May 31 23:59:58 gate sshd[4711]: Failed password for root from 203.0.113.7 port 50122 ssh2"),
    (
        "sshd 5424",
        SIMPLE,
        "<86>1 2026-05-31T23:59:58.123456+09:00 gate sshd 4711 - - Failed password for root from 203.0.113.7 port 50122 ssh2",
    ),
    ("syslog", SIMPLE, "<30>May 31 23:59:58 gate systemd[1]: Started Session 5 of user root."),
    (
        "sudo",
        SIMPLE,
        "<86>May 31 23:59:58 gate sudo:      kim : TTY=pts/0 ; PWD=/home/kim ; USER=root ; COMMAND=/usr/bin/id",
    ),
    (
        "iptables",
        PAIRS,
        "<4>May 31 23:59:58 gate kernel: [12345.678901] DROP-IN: IN=eth0 OUT= MAC=00:00:5e:00:53:01:00:00:5e:00:53:02:08:00 SRC=203.0.113.7 DST=192.0.2.1 LEN=60 TOS=0x00 PREC=0x00 TTL=52 ID=4711 DF PROTO=TCP SPT=50122 DPT=22 WINDOW=29200 RES=0x00 SYN URGP=0",
    ),
    (
        "nginx",
        SIMPLE,
        "203.0.113.7 - - [31/May/2026:23:59:58 +0900] \"GET /login?next=%2F HTTP/1.1\" 200 612 \"-\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64)\"",
    ),
    (
        "fortigate",
        PAIRS,
        "<189>date=2026-05-31 time=23:59:58 devname=\"FW-01\" devid=\"FGT60E0000000001\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" eventtime=1780239598000000000 tz=\"+0900\" srcip=203.0.113.7 srcport=50122 srcintf=\"port1\" srcintfrole=\"wan\" dstip=192.0.2.1 dstport=443 dstintf=\"port2\" dstintfrole=\"lan\" sessionid=4711 proto=6 action=\"accept\" policyid=7 policytype=\"policy\" service=\"HTTPS\" dstcountry=\"Korea\" srccountry=\"Reserved\" trandisp=\"noop\" duration=12 sentbyte=1234 rcvdbyte=5678 sentpkt=10 rcvdpkt=12 appcat=\"unscanned\"",
    ),
    (
        "cisco_asa",
        SIMPLE,
        "<166>May 31 2026 23:59:58 fw1 : %ASA-6-302013: Built inbound TCP connection 4711 for outside:203.0.113.7/50122 (203.0.113.7/50122) to dmz:192.0.2.1/443 (192.0.2.1/443)",
    ),
    (
        "kv",
        PAIRS,
        "<134>May 31 23:59:58 box app: action=deny src=203.0.113.7 spt=50122 dst=192.0.2.1 dpt=443 proto=tcp user=\"kim\" msg=\"blocked by policy\" rule=default",
    ),
    (
        "json",
        PAIRS,
        "{\"timestamp\":\"2026-05-31T23:59:58+09:00\",\"src_ip\":\"203.0.113.7\",\"dst_ip\":\"192.0.2.1\",\"user\":{\"name\":\"kim\"},\"action\":\"login\",\"bytes\":1234}",
    ),
    (
        "suricata",
        PAIRS,
        "{\"timestamp\":\"2026-05-31T23:59:58.123456+0900\",\"flow_id\":4711,\"in_iface\":\"eth0\",\"event_type\":\"alert\",\"src_ip\":\"203.0.113.7\",\"src_port\":50122,\"dest_ip\":\"192.0.2.1\",\"dest_port\":80,\"proto\":\"TCP\",\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":2000001,\"rev\":1,\"signature\":\"TEST rule\",\"category\":\"Misc\",\"severity\":2},\"flow\":{\"pkts_toserver\":4,\"pkts_toclient\":3,\"bytes_toserver\":448,\"bytes_toclient\":300}}",
    ),
];

/// Each kind, or only one.
pub fn run(options: &Options) -> Result<()> {
    let lines = options.number("lines", LINES)?.max(1);
    let wanted: Vec<_> = KINDS.iter().filter(|k| options.text("only").is_none_or(|o| o == k.0)).collect();
    let receive_time = Micros::from_timestamp(jiff::Timestamp::now());
    let context = Context { receive_time, timezone: jiff::tz::TimeZone::get("Asia/Seoul")? };
    let mut rates = vec![Series::default(); wanted.len()];
    for _ in 0..RUNS {
        for ((_, _, line), rate) in wanted.iter().zip(&mut rates) {
            rate.push(lines as f64 * 1e9 / nanos(line, lines, &context));
        }
    }
    let rows = wanted.iter().zip(&rates).map(|((name, budget, line), rate)| {
        let (event, _) = parse_record(Bytes::from_static(line.as_bytes()), &context, None);
        let share = format!("{:.2}", rate.median() / budget);
        let columns = event.fields.len().to_string();
        vec![(*name).to_owned(), rate.shown(0), format!("{budget:.0}"), share, columns, event.format.to_owned()]
    });
    print(&["kind", "lines a second and core", "budget", "ratio", "columns", "format"], &rows.collect::<Vec<_>>());
    Ok(())
}

/// Time on a core for so many of a line, as the next lines of a sender whose format is known.
fn nanos(line: &'static str, lines: u64, context: &Context) -> f64 {
    let raw = Bytes::from_static(line.as_bytes());
    let (_, mut hint) = parse_record(raw.clone(), context, None);
    let start = on_cpu_nanos();
    for _ in 0..lines {
        let (event, format) = parse_record(std::hint::black_box(raw.clone()), context, hint);
        hint = format;
        std::hint::black_box(event);
    }
    on_cpu_nanos() - start
}
