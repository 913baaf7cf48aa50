//! How much CPU and time the journal takes for lines of 512 bytes.
//!
//! `cargo run --release -p bongsu-journal --example speed [LINES [LINES_A_SUBMISSION [DIR]]]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bongsu_event::{Micros, RawRecord, RecordFlags, SourceId, Transport};
use bongsu_journal::{Journal, OpenOptions};
use bytes::Bytes;

/// A firewall line of 512 bytes whose changing parts do not repeat.
fn line(n: u64) -> Bytes {
    let x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut text = format!(
        "<134>Jan 15 10:{:02}:{:02} gw-{:02} kernel: [{}.{:06}] FW-ACCEPT IN=eth0 OUT=eth1 MAC=02:00:5e:00:53:{:02x} SRC=203.0.113.{} DST=198.51.100.{} LEN={} TOS=0x00 PREC=0x00 TTL={} ID={} DF PROTO=TCP SPT={} DPT={} SEQ={} ACK={} WINDOW={} RES=0x00 ACK URGP=0 session={:016x} policy=\"office to internet {}\" bytes_out={} bytes_in={}",
        x % 60,
        (x >> 7) % 60,
        x % 25,
        n,
        x % 1_000_000,
        x & 255,
        (x >> 9) & 255,
        (x >> 17) & 255,
        x % 1500,
        x % 64,
        x & 0xffff,
        (x >> 20) & 0xffff,
        [443, 80, 53, 22][(x >> 30) as usize % 4],
        x >> 32,
        x & 0xffff_ffff,
        (x >> 40) & 0xffff,
        x,
        x % 40,
        x % 100_000,
        (x >> 13) % 1_000_000,
    );
    text.extend(std::iter::repeat_n('.', 512usize.saturating_sub(text.len())));
    text.truncate(512);
    Bytes::from(text)
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let mut fields = stat.rsplit(") ").next().unwrap().split(' ').skip(11);
    let ticks: u64 = (0..2).map(|_| fields.next().unwrap().parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn main() {
    let mut args = std::env::args().skip(1);
    let lines: u64 = args.next().map_or(1_000_000, |a| a.parse().unwrap());
    let each: u64 = args.next().map_or(128, |a| a.parse().unwrap());
    let dir = args
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join(format!("journal-speed-{}", std::process::id()));
    let records: Vec<RawRecord> = (0..lines)
        .map(|n| RawRecord {
            receive_time: Micros(1_700_000_000_000_000 + n as i64),
            source: SourceId((n % 50) as u32),
            transport: Transport::Tcp,
            peer: Some("192.0.2.9:40000".parse().unwrap()),
            spool: None,
            flags: RecordFlags::default(),
            raw: line(n),
        })
        .collect();
    let mut submissions: Vec<Vec<RawRecord>> = records.chunks(each as usize).map(<[_]>::to_vec).collect();
    drop(records);
    let (journal, _) = Journal::open(&dir, OpenOptions::new(1)).unwrap();
    let (start, cpu_before) = (Instant::now(), cpu());
    let last = submissions.pop().unwrap();
    for submission in submissions {
        journal.submit(submission, Box::new(|result| assert!(result.is_ok())));
    }
    journal.append(last).unwrap();
    let (took, used) = (start.elapsed(), cpu() - cpu_before);
    let stats = journal.stats();
    println!(
        "{lines} lines of 512 B, {each} a submission: {:.0} lines/s, {:.2} CPU s per million, {} batches, {:.1}:1 on disk",
        lines as f64 / took.as_secs_f64(),
        used.as_secs_f64() * 1e6 / lines as f64,
        stats.batches,
        stats.stored_raw_bytes as f64 / stats.stored_disk_bytes as f64,
    );
    let start = Instant::now();
    assert_eq!(journal.read_from(1).count() as u64, lines);
    println!("read back: {:.0} lines/s", lines as f64 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    assert!(journal.verify().unwrap().is_clean());
    println!("verified: {:.0} MB/s on disk", stats.bytes as f64 / 1e6 / start.elapsed().as_secs_f64());
    journal.close();
    std::fs::remove_dir_all(dir).unwrap();
}
