//! Measures the lake on one machine: `cargo run -p bongsu-lake --example lake_speed [EVENTS] [DIR]`.
//! Lines are like a firewall's, about 400 bytes, from 30 agencies over an hour per million events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a measuring tool")]

use std::{sync::Arc, time::Instant};

use bongsu_event::*;
use bongsu_lake::*;
use bytes::Bytes;

/// A number that looks random.
fn mix(mut h: u64) -> u64 {
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

fn event(n: u64) -> Event {
    let r = mix(n);
    let src = [10, (r % 20) as u8, (r >> 8) as u8, (r >> 16) as u8];
    let dst = if r.is_multiple_of(3) {
        [203, 0, 113, (r >> 24) as u8]
    } else {
        [10, 200, (r >> 28) as u8 & 7, (r >> 32) as u8]
    };
    let (sport, dport) = (1024 + (r >> 40) % 60_000, [443, 80, 53, 22, 8080][(r >> 20) as usize % 5]);
    let allow = !(r >> 50).is_multiple_of(7);
    let action = if allow { "accept" } else { "deny" };
    let time = Micros(1_773_273_600_000_000 + n as i64 * 3_600);
    let src_ip = std::net::Ipv4Addr::from(src);
    let dst_ip = std::net::Ipv4Addr::from(dst);
    let line = format!(
        "<189>date=2026-03-12 time={} devname=\"fw-{:02}\" devid=\"FG100F{:08}\" eventtime={} tz=\"+0900\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip={src_ip} srcport={sport} srcintf=\"lan{}\" dstip={dst_ip} dstport={dport} dstintf=\"wan1\" sessionid={} proto=6 action=\"{action}\" policyid={} service=\"HTTPS\" duration={} sentbyte={} rcvdbyte={}",
        n / 277 % 86_400,
        n % 30,
        n % 30,
        time.0,
        r % 4,
        r >> 34,
        (r >> 12) % 200,
        (r >> 3) % 300,
        (r >> 9) % 100_000,
        (r >> 5) % 1_000_000
    );
    let mut e = Event::unread(Bytes::from(line), time);
    e.id = EventId { epoch: 1, sequence: n + 1 };
    e.agency = AgencyId((n % 30) as u32 + 1);
    e.source = SourceId((n % 30) as u32 + 1);
    e.transport = Transport::Tcp;
    e.format = "fortigate";
    e.class = Class::Network;
    e.activity = if allow { Activity::Allow } else { Activity::Deny };
    e.set(Field::SrcIp, std::net::IpAddr::V4(src_ip));
    e.set(Field::SrcPort, sport as i64);
    e.set(Field::DstIp, std::net::IpAddr::V4(dst_ip));
    e.set(Field::DstPort, i64::from(dport));
    e.set(Field::Host, format!("fw-{:02}", n % 30).as_str());
    e.set(Field::Action, action);
    e.set(Field::Proto, "tcp");
    e.set(Field::RuleId, format!("{}", (r >> 12) % 200).as_str());
    e.set(Field::BytesOut, ((r >> 9) % 100_000) as i64);
    e.set(Field::BytesIn, ((r >> 5) % 1_000_000) as i64);
    e.set(Field::InIface, ["lan0", "lan1", "lan2", "lan3"][(r % 4) as usize]);
    e.set(Field::OutIface, "wan1");
    for (k, v) in [("devid", "FG100F"), ("logid", "0000000013"), ("vd", "root"), ("tz", "+0900")] {
        e.add_extra(k, v);
    }
    e
}

/// User and system CPU seconds of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (after[11].parse::<f64>().unwrap() + after[12].parse::<f64>().unwrap()) / 100.0
}

fn resident_mib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4 / 1024
}

fn main() {
    let mut args = std::env::args().skip(1);
    let events: u64 = args.next().map_or(1_000_000, |n| n.parse().unwrap());
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("bongsu-lake-speed"), Into::into);
    let _ = std::fs::remove_dir_all(&dir);
    let options = LakeOptions { compact_every: None, ..LakeOptions::default() };
    let (lake, _) = Lake::open(&dir, options).unwrap();
    println!("open: {} MiB resident", resident_mib());
    let batch = |start: u64| (start..(start + 2_000).min(events)).map(event).collect::<Vec<_>>();
    // What making the events costs is measured first and taken off.
    let (t, c) = (Instant::now(), cpu_seconds());
    let raw: usize = (0..events).step_by(2_000).map(|s| batch(s).iter().map(|e| e.raw.len()).sum::<usize>()).sum();
    let (making, making_cpu) = (t.elapsed().as_secs_f64(), cpu_seconds() - c);
    let (t, c) = (Instant::now(), cpu_seconds());
    for start in (0..events).step_by(2_000) {
        lake.append(Arc::new(batch(start))).unwrap();
    }
    lake.flush().unwrap();
    let (wall, cpu) = (t.elapsed().as_secs_f64(), cpu_seconds() - c - making_cpu);
    println!("making the events: {making:.1} s");
    let s = lake.status();
    let rate = |seconds: f64| events as f64 / seconds / 1000.0;
    println!(
        "append and flush: {:.0}k ev/s of wall time (making included), {:.0}k ev/s per CPU second",
        rate(wall),
        rate(cpu)
    );
    println!(
        "disk: {} files, raw {raw} B, files {} B, 1/{:.1}",
        s.files,
        s.file_bytes,
        raw as f64 / s.file_bytes as f64
    );
    let (t, c) = (Instant::now(), cpu_seconds());
    while lake.compact().unwrap().files_before > 0 {}
    println!("compaction: {:.1} s, {:.1} CPU s", t.elapsed().as_secs_f64(), cpu_seconds() - c);
    let s = lake.status();
    println!("disk: {} files, {} B, 1/{:.1}", s.files, s.file_bytes, raw as f64 / s.file_bytes as f64);
    println!("then: {} MiB resident", resident_mib());
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let needle = event(events / 3);
    let ip = needle.ip(Field::SrcIp).unwrap();
    let session =
        String::from_utf8_lossy(&needle.raw).split("sessionid=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    for (name, text) in [
        ("address needle", format!("src_ip:{ip}")),
        ("address in text", format!("{ip}")),
        ("absent address", "198.51.100.1".to_owned()),
        ("network", "src_ip:10.3.0.0/24".to_owned()),
        ("substring", format!("sessionid={session}")),
        ("absent word", "webshell".to_owned()),
        ("everything", String::new()),
        ("by office and action", "| count by agency, action".to_owned()),
        ("top sources", "| top 10 src_ip".to_owned()),
    ] {
        let q = Query::parse(&text, &NoNames).unwrap();
        let limits = Limits { rows: 100, ..Limits::default() };
        for round in ["cold", "warm"] {
            let t = Instant::now();
            let answer = rt.block_on(lake.answer(&q, &Scope::All, TimeRange::ALL, &limits)).unwrap();
            let took = t.elapsed().as_secs_f64() * 1000.0;
            let (n, scanned) = match answer {
                Answer::Rows(p) => (p.rows.len(), p.scanned),
                Answer::Table(t) => (t.rows.len(), t.scanned),
            };
            println!(
                "{name} ({round}): {took:.0} ms, {n} rows, {}/{} row groups read",
                scanned.groups_read, scanned.groups_total
            );
        }
        let t = Instant::now();
        let n = rt.block_on(lake.count(&q.events(), &Scope::All, TimeRange::ALL, &limits)).unwrap().rows;
        println!("{name} (count): {:.0} ms, {n}", t.elapsed().as_secs_f64() * 1000.0);
    }
    println!("at the end: {} MiB resident", resident_mib());
}
