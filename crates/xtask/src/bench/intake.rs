//! Receive → durable: syslog TCP and UDP into a journal on disk, 512-byte lines.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use bongsu_event::{RawRecord, SourceId, Transport};
use bongsu_intake::limits::UDP_RCVBUF_BYTES;
use bongsu_intake::{Context, Limits, Sink, StreamListener, UdpListener, Undelivered, system_clock};
use bongsu_journal::{Journal, OpenOptions};
use tokio_util::sync::CancellationToken;

use super::load::{Load, Plan};
use super::table::{Series, print};
use super::{Folder, Options, process, rsyslog};

const LINES: u64 = 1_000_000;
const PAIRS: u64 = 5;
const SENDERS: u64 = 10;
/// Datagrams a second that must all arrive.
const UDP_RATE: u64 = 200_000;
/// Receiving threads: the machine the budget is for has two cores.
const THREADS: usize = 2;
/// How long the last datagrams may take from the kernel's buffer to the disk.
const UDP_DRAIN: Duration = Duration::from_secs(2);

struct ToJournal(Journal);

impl Sink for ToJournal {
    async fn deliver(&self, records: Vec<RawRecord>) -> Result<(), Undelivered> {
        self.0.append_async(records).await.map(|_| ()).map_err(|_| Undelivered)
    }
}

/// Says whose a sender's lines are.
type Senders = fn(SocketAddr, Transport) -> SourceId;

fn context(journal: &Journal) -> Arc<Context<ToJournal, Senders>> {
    let known: Senders = |_, _| SourceId(1);
    Context::new(ToJournal(journal.clone()), known, system_clock(), Limits::default())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?)
}

/// TCP, beside rsyslog writing to a file.
pub fn tcp(options: &Options) -> Result<()> {
    let (lines, pairs) = (options.number("lines", LINES)?, options.number("pairs", PAIRS)?);
    let peer = rsyslog::program();
    let mut figures: [Series; 4] = Default::default();
    for seed in 1..=pairs {
        let [rate, cpu, peer_rate, peer_cpu] = &mut figures;
        let plan = |to| Plan { to, lines, senders: SENDERS, rate: 0, wide: true, udp: false, seed };
        let (seconds, used) = runtime()?.block_on(receive(plan))?;
        rate.push(lines as f64 / seconds);
        cpu.push(used * 1e6 / lines as f64);
        if let Some(peer) = &peer {
            let taken = rsyslog::run(peer, &plan(rsyslog::free_port()?))?;
            peer_rate.push(lines as f64 / taken.seconds);
            peer_cpu.push(taken.cpu_seconds * 1e6 / lines as f64);
        }
    }
    let [rate, cpu, peer_rate, peer_cpu] = &figures;
    println!("{lines} lines of 512 B from {SENDERS} senders, {pairs} pairs; middle (lowest to highest)");
    print(
        &["receive", "bongsu, durable", "rsyslog, file", "ratio"],
        &[
            vec!["lines a second".into(), rate.shown(0), peer_rate.shown(0), rate.over(peer_rate).shown(2)],
            vec!["CPU s per million".into(), cpu.shown(2), peer_cpu.shown(2), cpu.over(peer_cpu).shown(2)],
        ],
    );
    Ok(())
}

async fn receive(plan: impl Fn(SocketAddr) -> Plan) -> Result<(f64, f64)> {
    let folder = Folder::new("intake")?;
    let (journal, _) = Journal::open(&folder.0.join("journal"), OpenOptions::new(1))?;
    let listener = StreamListener::bind("127.0.0.1:0".parse()?, None)?;
    let (address, stop) = (listener.local_addr()?, CancellationToken::new());
    let running = tokio::spawn(listener.run(context(&journal), stop.clone()));
    let plan = plan(address);
    let wanted = plan.lines;
    let mut load = Load::prepare(&plan)?;
    let (begin, before) = (Instant::now(), process::cpu_seconds(std::process::id())?);
    load.go()?;
    while journal.last_sequence() < wanted {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let taken = (begin.elapsed().as_secs_f64(), process::cpu_seconds(std::process::id())? - before);
    load.wait()?;
    stop.cancel();
    running.await?;
    journal.close();
    Ok(taken)
}

/// UDP at a steady rate: what is lost.
pub fn udp(options: &Options) -> Result<()> {
    let (lines, rate) = (options.number("lines", LINES)?, options.number("rate", UDP_RATE)?);
    runtime()?.block_on(async {
        let folder = Folder::new("udp")?;
        let (journal, _) = Journal::open(&folder.0.join("journal"), OpenOptions::new(1))?;
        let listener = UdpListener::bind("127.0.0.1:0".parse()?, UDP_RCVBUF_BYTES)?;
        let (address, stop, counters) = (listener.local_addr()?, CancellationToken::new(), listener.counters());
        let running = tokio::spawn(listener.run(context(&journal), stop.clone()));
        let plan = Plan { to: address, lines, senders: 1, rate, wide: true, udp: true, seed: 1 };
        let mut load = Load::prepare(&plan)?;
        let before = process::cpu_seconds(std::process::id())?;
        load.go()?;
        let seconds = tokio::task::block_in_place(|| load.wait())?;
        let end = Instant::now() + UDP_DRAIN;
        while journal.last_sequence() < lines && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let used = process::cpu_seconds(std::process::id())? - before;
        stop.cancel();
        running.await?;
        let stored = journal.last_sequence();
        journal.close();
        print(
            &["datagrams of 512 B", "offered a second", "stored", "lost", "dropped, as counted", "CPU s per million"],
            &[vec![
                lines.to_string(),
                format!("{:.0}", lines as f64 / seconds),
                stored.to_string(),
                (lines - stored).to_string(),
                counters.snapshot().udp_dropped.to_string(),
                format!("{:.2}", used * 1e6 / stored.max(1) as f64),
            ]],
        );
        Ok(())
    })
}
