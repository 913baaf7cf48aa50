//! Tests of the framing and of listeners on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::new_without_default
)]

mod framing;
mod tcp;
mod tls;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bongsu_event::{RawRecord, SourceId, Transport};
use bongsu_intake::{Clock, Context, Limits, Sink, StreamListener, Undelivered, system_clock};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Keeps what it is given; can be told to hold everything up.
#[derive(Default)]
pub struct Store {
    pub records: Mutex<Vec<RawRecord>>,
    pub changed: Notify,
    pub blocked: Mutex<bool>,
    pub unblocked: Notify,
    pub closed: Mutex<bool>,
    /// Batches asked for, delivered or not.
    pub asked: AtomicUsize,
}

impl Sink for Store {
    async fn deliver(&self, records: Vec<RawRecord>) -> Result<(), Undelivered> {
        self.asked.fetch_add(records.len(), Ordering::SeqCst);
        self.changed.notify_waiters();
        loop {
            let free = self.unblocked.notified();
            if !*self.blocked.lock() {
                break;
            }
            free.await;
        }
        if *self.closed.lock() {
            return Err(Undelivered);
        }
        self.records.lock().extend(records);
        self.changed.notify_waiters();
        Ok(())
    }
}

impl Store {
    pub fn release(&self) {
        *self.blocked.lock() = false;
        self.unblocked.notify_waiters();
    }
    /// Wait until `n` lines are there; a test that hangs here has lost some.
    pub async fn wait_for(&self, n: usize) -> Vec<RawRecord> {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if self.records.lock().len() >= n {
                    return self.records.lock().clone();
                }
                let _ = tokio::time::timeout(Duration::from_millis(50), changed).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(30), wait).await {
            Ok(records) => records,
            Err(_) => panic!("{n} lines wanted, {} came", self.records.lock().len()),
        }
    }
}

/// 127.0.0.1 is registered as source 7, everybody else goes to quarantine.
pub fn senders(peer: SocketAddr, _: Transport) -> SourceId {
    if peer.ip().is_loopback() { SourceId(7) } else { SourceId::QUARANTINE }
}

pub type Ctx = Context<Arc<Store>, fn(SocketAddr, Transport) -> SourceId>;

pub fn context(limits: Limits) -> (Arc<Store>, Arc<Ctx>) {
    let store = Arc::new(Store::default());
    let clock: Clock = system_clock();
    let senders: fn(SocketAddr, Transport) -> SourceId = senders;
    (Arc::clone(&store), Context::new(store, senders, clock, limits))
}

pub struct Running {
    pub address: SocketAddr,
    pub store: Arc<Store>,
    pub context: Arc<Ctx>,
    pub counters: Arc<bongsu_intake::Counters>,
    pub stop: CancellationToken,
    pub done: tokio::task::JoinHandle<()>,
}

pub fn stream(limits: Limits, tls: Option<Arc<ServerConfig>>) -> Running {
    let (store, context) = context(limits);
    let listener = StreamListener::bind("127.0.0.1:0".parse().unwrap(), tls).unwrap();
    let (address, counters, stop) = (listener.local_addr().unwrap(), listener.counters(), CancellationToken::new());
    let done = tokio::spawn(listener.run(Arc::clone(&context), stop.clone()));
    Running { address, store, context, counters, stop, done }
}

pub fn texts(records: &[RawRecord]) -> Vec<String> {
    records.iter().map(|r| String::from_utf8_lossy(&r.raw).into_owned()).collect()
}

/// Wait until a counter says what it should.
pub async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it never came to it");
}
