//! Receives syslog for a site and hands it to the spool.
//!
//! Invariant: a TCP sender waits while the spool is full; datagrams cannot wait, and what the kernel drops is counted.

use std::{net::SocketAddr, sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use bongsu_event::{RawRecord, SourceId, Transport};
use bongsu_intake::{Context, Counters, Limits, Sink, StreamListener, UdpListener, Undelivered, system_clock};
use bongsu_uplink::InputId;
use tokio_util::sync::CancellationToken;

use crate::{
    limits::{RETRY_SECONDS, SITE_CONNECTIONS_MAX, SITE_UDP_RCVBUF_BYTES},
    shared::{Shared, Tally},
};

/// Seconds between two looks at a listener's counters.
const COUNT_SECONDS: u64 = 1;
/// Pause of a TCP sender while the spool is full, milliseconds.
const FULL_MILLIS: u64 = 200;

struct ToSpool {
    shared: Arc<Shared>,
    waits: bool,
}

impl Sink for ToSpool {
    async fn deliver(&self, records: Vec<RawRecord>) -> Result<(), Undelivered> {
        while self.waits && self.shared.full.load(Relaxed) {
            tokio::time::sleep(Duration::from_millis(FULL_MILLIS)).await;
        }
        let stored = self.shared.spool.append_async(records).await.map(drop).map_err(|_| Undelivered);
        if self.waits {
            self.shared.look_at_room();
        }
        stored
    }
}

fn context(
    shared: &Arc<Shared>,
    input: InputId,
    waits: bool,
) -> Arc<Context<ToSpool, impl Fn(SocketAddr, Transport) -> SourceId + Send + Sync + 'static>> {
    let limits = Limits {
        connections: SITE_CONNECTIONS_MAX,
        connections_per_address: SITE_CONNECTIONS_MAX,
        udp_rcvbuf_bytes: SITE_UDP_RCVBUF_BYTES,
        read_bytes: 64 * 1024,
        ..Limits::default()
    };
    // Which sender is which source is the center's to know: here all lines belong to the input.
    let senders = move |_: SocketAddr, _: Transport| SourceId(input.0);
    Context::new(ToSpool { shared: Arc::clone(shared), waits }, senders, system_clock(), limits)
}

pub(super) async fn udp(shared: Arc<Shared>, input: InputId, listen: String, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let tally = shared.tally(input);
        let Some(address) = address(&listen, &tally) else { return };
        match UdpListener::bind(address, SITE_UDP_RCVBUF_BYTES) {
            Ok(listener) => {
                let counters = listener.counters();
                opened(&tally, listener.local_addr().ok());
                let run = listener.run(context(&shared, input, false), stop.clone());
                counted(run, &counters, &tally).await;
            }
            Err(e) => wait(&tally, e.to_string(), &stop).await,
        }
    }
}

pub(super) async fn tcp(shared: Arc<Shared>, input: InputId, listen: String, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let tally = shared.tally(input);
        let Some(address) = address(&listen, &tally) else { return };
        match StreamListener::bind(address, None) {
            Ok(listener) => {
                let counters = listener.counters();
                opened(&tally, listener.local_addr().ok());
                let run = listener.run(context(&shared, input, true), stop.clone());
                counted(run, &counters, &tally).await;
            }
            Err(e) => wait(&tally, e.to_string(), &stop).await,
        }
    }
}

fn address(listen: &str, tally: &Tally) -> Option<SocketAddr> {
    let parsed = listen.parse().ok();
    if parsed.is_none() {
        tally.set_error(format!("{listen:?} is no address to listen on: the center must say ADDRESS:PORT"));
    }
    parsed
}

fn opened(tally: &Tally, address: Option<SocketAddr>) {
    tally.set_error("");
    *tally.open.lock() = address.map(|a| a.to_string()).into_iter().collect();
}

async fn wait(tally: &Tally, error: String, stop: &CancellationToken) {
    tally.set_error(error);
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(RETRY_SECONDS)) => {}
        () = stop.cancelled() => {}
    }
}

/// Runs the listener and carries its counters over to the input's tally.
async fn counted(run: impl Future<Output = ()>, counters: &Counters, tally: &Tally) {
    tokio::pin!(run);
    let mut before = counters.snapshot();
    let mut tick = tokio::time::interval(Duration::from_secs(COUNT_SECONDS));
    loop {
        let over = tokio::select! {
            () = &mut run => true,
            _ = tick.tick() => false,
        };
        let now = counters.snapshot();
        tally.lines.fetch_add(now.lines - before.lines, Relaxed);
        tally.bytes.fetch_add(now.bytes - before.bytes, Relaxed);
        tally.truncated.fetch_add(now.truncated - before.truncated, Relaxed);
        let dropped = |s: &bongsu_intake::Snapshot| s.udp_dropped + s.rate_dropped + s.undelivered;
        tally.dropped.fetch_add(dropped(&now) - dropped(&before), Relaxed);
        tally.last_line.fetch_max(now.last_line.map_or(0, |t| t.0), Relaxed);
        before = now;
        if over {
            return;
        }
    }
}
