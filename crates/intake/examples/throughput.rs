//! Syslog TCP on loopback to the journal on disk: lines a second and CPU, for lines of 512 bytes.
//!
//! `cargo run --release -p bongsu-intake --example throughput [LINES [SENDERS [DIR]]]`
//!
//! `… --example throughput udp [LINES [LINES_A_SECOND [DIR]]]` does the same over UDP at a steady rate and says what is lost.
//!
//! The senders run in a process of their own, so that the CPU time printed is the receiver's alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_event::{RawRecord, SourceId, Transport};
use bongsu_intake::limits::UDP_RCVBUF_BYTES;
use bongsu_intake::{Context, Limits, Sink, StreamListener, UdpListener, Undelivered, system_clock};
use bongsu_journal::{Journal, OpenOptions};
use tokio_util::sync::CancellationToken;

/// Different lines of one sender.
const BLOCK_LINES: u64 = 5_000;

struct ToJournal(Journal);

impl Sink for ToJournal {
    async fn deliver(&self, records: Vec<RawRecord>) -> Result<(), Undelivered> {
        self.0.append_async(records).await.map(|_| ()).map_err(|_| Undelivered)
    }
}

fn send(address: SocketAddr, lines: u64, seed: u64) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut block = Vec::new();
    // Different lines enough that none comes twice in one batch of the journal.
    for n in 0..lines.min(BLOCK_LINES) {
        let x = (n + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut line = format!(
            "<134>Jan 15 10:{:02}:{:02} gw-{:02} kernel: [{x}] FW-ACCEPT IN=eth0 OUT=eth1 SRC=203.0.113.{} DST=198.51.100.{} LEN={} TTL={} ID={} PROTO=TCP SPT={} DPT=443 session={x:016x} policy=\"office to internet {}\" out={} in={}",
            x % 60,
            (x >> 7) % 60,
            x % 25,
            (x >> 9) & 255,
            (x >> 17) & 255,
            x % 1500,
            x % 64,
            x & 0xffff,
            (x >> 20) & 0xffff,
            x % 40,
            x % 100_000,
            (x >> 13) % 1_000_000,
        );
        line.extend(std::iter::repeat_n('.', 511usize.saturating_sub(line.len())));
        line.truncate(511);
        line.push('\n');
        block.extend_from_slice(line.as_bytes());
    }
    let per_block = lines.min(BLOCK_LINES);
    for _ in 0..lines / per_block {
        stream.write_all(&block).unwrap();
    }
}

/// At a steady rate, in bursts of one millisecond.
fn send_udp(address: SocketAddr, lines: u64, per_second: u64) {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    let (start, line) = (Instant::now(), [b'x'; 512]);
    for n in 0..lines {
        socket.send(&line).unwrap();
        if n % (per_second / 1_000) == 0 {
            let due = Duration::from_secs_f64(n as f64 / per_second as f64);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }
    println!("sent {:.0} a second", lines as f64 / start.elapsed().as_secs_f64());
}

async fn udp(journal: Journal, lines: u64, per_second: u64) {
    let known = |_: SocketAddr, _: Transport| SourceId(1);
    let context = Context::new(ToJournal(journal.clone()), known, system_clock(), Limits::default());
    let listener = UdpListener::bind("127.0.0.1:0".parse().unwrap(), UDP_RCVBUF_BYTES).unwrap();
    let (address, stop, counters) = (listener.local_addr().unwrap(), CancellationToken::new(), listener.counters());
    let running = tokio::spawn(listener.run(context, stop.clone()));
    let before = cpu();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["send-udp", &address.to_string(), &lines.to_string(), &per_second.to_string()])
        .spawn()
        .unwrap();
    tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    stop.cancel();
    running.await.unwrap();
    let stored = journal.last_sequence();
    println!(
        "{lines} datagrams of 512 B: {stored} stored, {} lost, {} counted as dropped by the kernel, {:.2} CPU s per million",
        lines - stored,
        counters.snapshot().udp_dropped,
        (cpu() - before).as_secs_f64() * 1e6 / stored as f64
    );
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let mut fields = stat.rsplit(") ").next().unwrap().split(' ').skip(11);
    let ticks: u64 = (0..2).map(|_| fields.next().unwrap().parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|a| a == "send") {
        let (address, lines, senders): (SocketAddr, u64, u64) =
            (args[2].parse().unwrap(), args[3].parse().unwrap(), args[4].parse().unwrap());
        std::thread::scope(|scope| {
            for s in 0..senders {
                scope.spawn(move || send(address, lines / senders, s * 7_919));
            }
        });
        return;
    }
    if args.get(1).is_some_and(|a| a == "send-udp") {
        return send_udp(args[2].parse().unwrap(), args[3].parse().unwrap(), args[4].parse().unwrap());
    }
    let over_udp = args.get(1).is_some_and(|a| a == "udp");
    let args = if over_udp { args[1..].to_vec() } else { args };
    let lines: u64 = args.get(1).map_or(2_000_000, |a| a.parse().unwrap());
    let senders: u64 = args.get(2).map_or(10, |a| a.parse().unwrap());
    let dir = args.get(3).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = dir.join(format!("intake-throughput-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (journal, _) = Journal::open(&dir, OpenOptions::new(1)).unwrap();
        if over_udp {
            udp(journal.clone(), lines, args.get(2).map_or(200_000, |a| a.parse().unwrap())).await;
            return journal.close();
        }
        let known = |_: SocketAddr, _: Transport| SourceId(1);
        let context = Context::new(ToJournal(journal.clone()), known, system_clock(), Limits::default());
        let listener = StreamListener::bind("127.0.0.1:0".parse().unwrap(), None).unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let running = tokio::spawn(listener.run(Arc::clone(&context), stop.clone()));
        let (start, before) = (Instant::now(), cpu());
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["send", &address.to_string(), &lines.to_string(), &senders.to_string()])
            .spawn()
            .unwrap();
        let wanted = lines / senders / BLOCK_LINES * BLOCK_LINES * senders;
        while journal.last_sequence() < wanted {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (took, used, stats) = (start.elapsed(), cpu() - before, journal.stats());
        println!(
            "{wanted} lines of 512 B from {senders} senders, TCP to durable: {:.0} lines/s, {:.2} CPU s per million, {} syncs",
            wanted as f64 / took.as_secs_f64(),
            used.as_secs_f64() * 1e6 / wanted as f64,
            stats.batches
        );
        child.wait().unwrap();
        stop.cancel();
        running.await.unwrap();
        journal.close();
    });
    std::fs::remove_dir_all(dir).unwrap();
}
