//! Syslog over UDP: a thread of its own empties the socket, so that a busy runtime loses nothing.
//!
//! Invariant: what the thread has read is delivered or waits in a bounded queue; when that is full the thread stops
//! reading, the kernel's buffer takes over, and what it drops is counted.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bongsu_event::limits::{BATCH_RECORDS_MAX, LINE_BYTES_MAX};
use bongsu_event::{Micros, RawRecord, RecordFlags, Transport};
use bytes::{Bytes, BytesMut};
use parking_lot::{Condvar, Mutex};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::context::{BindError, Context, Senders, Sink};
use crate::counters::Counters;
use crate::limits::{RATE_ADDRESSES_MAX, UDP_DATAGRAMS_PER_CALL, UDP_QUEUE_BYTES_MAX, UDP_QUEUE_RECORDS_MAX};
use crate::mmsg::{self, Receiver};
use crate::rate::Bucket;
use crate::stream::plain;

/// The reading thread looks at `stop` this often.
const STOP_PATIENCE: Duration = Duration::from_millis(100);

/// After the stop at most so many more calls empty the socket.
const DRAIN_CALLS_MAX: u32 = 1_000;

/// A UDP listener, bound and not yet running.
#[derive(Debug)]
pub struct UdpListener {
    socket: UdpSocket,
    counters: Arc<Counters>,
}

impl UdpListener {
    /// Open the port, with a receive buffer of up to `rcvbuf_bytes` (more than `net.core.rmem_max` only as root).
    ///
    /// # Errors
    /// The port is in use, or may not be opened.
    pub fn bind(address: SocketAddr, rcvbuf_bytes: usize) -> Result<Self, BindError> {
        let socket = open(address, rcvbuf_bytes).map_err(BindError::of("udp", address))?;
        Ok(Self { socket, counters: Arc::default() })
    }

    /// Where it listens; tells the port chosen for port 0.
    ///
    /// # Errors
    /// The system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Its counters, which live on while it runs.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Receive until `stop`; returns when all that was read is delivered.
    pub async fn run<S: Sink, R: Senders>(self, context: Arc<Context<S, R>>, stop: CancellationToken) {
        let queue = Arc::new(Queue::default());
        let reader = Reading {
            context: Arc::clone(&context),
            counters: Arc::clone(&self.counters),
            queue: Arc::clone(&queue),
            rates: HashMap::new(),
            dropped: None,
        };
        let socket = self.socket;
        let spawned = std::thread::Builder::new().name("udp".into()).spawn(move || reader.run(&socket));
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread for udp; this listener is off");
            return;
        }
        let stopping = async {
            stop.cancelled().await;
            queue.stop.store(true, Relaxed);
        };
        let delivering = async {
            while let Some(records) = queue.take().await {
                if context.deliver(records, &self.counters).await.is_err() {
                    queue.stop.store(true, Relaxed);
                    break;
                }
            }
        };
        tokio::pin!(delivering);
        tokio::select! {
            () = &mut delivering => return,
            () = stopping => {}
        }
        delivering.await;
    }
}

fn open(address: SocketAddr, rcvbuf_bytes: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    mmsg::ask_rcvbuf(socket.as_fd(), rcvbuf_bytes);
    if let Err(error) = mmsg::count_drops(socket.as_fd()) {
        tracing::warn!(%error, "the kernel will not say how many datagrams it drops");
    }
    socket.set_read_timeout(Some(STOP_PATIENCE))?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[derive(Default)]
struct Waiting {
    batches: VecDeque<Vec<RawRecord>>,
    records: usize,
    bytes: usize,
    /// The thread is gone; nothing more will come.
    over: bool,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    room: Condvar,
    filled: Notify,
    stop: AtomicBool,
}

impl Queue {
    /// Wait for room; on the reading thread.
    fn push(&self, batch: Vec<RawRecord>) {
        let mut waiting = self.waiting.lock();
        while waiting.records > UDP_QUEUE_RECORDS_MAX || waiting.bytes > UDP_QUEUE_BYTES_MAX {
            self.room.wait_for(&mut waiting, STOP_PATIENCE);
            if self.stop.load(Relaxed) {
                break;
            }
        }
        waiting.records += batch.len();
        waiting.bytes += batch.iter().map(|r| r.raw.len()).sum::<usize>();
        waiting.batches.push_back(batch);
        drop(waiting);
        self.filled.notify_one();
    }

    fn end(&self) {
        self.waiting.lock().over = true;
        self.filled.notify_one();
    }

    /// What waits, up to one journal batch; `None` when nothing more will come.
    async fn take(&self) -> Option<Vec<RawRecord>> {
        loop {
            if let Some(found) = self.take_now() {
                return found;
            }
            self.filled.notified().await;
        }
    }

    fn take_now(&self) -> Option<Option<Vec<RawRecord>>> {
        let mut waiting = self.waiting.lock();
        let Some(mut records) = waiting.batches.pop_front() else { return waiting.over.then_some(None) };
        while waiting.batches.front().is_some_and(|next| records.len() + next.len() <= BATCH_RECORDS_MAX) {
            records.extend(waiting.batches.pop_front().unwrap_or_default());
        }
        waiting.records -= records.len();
        waiting.bytes -= records.iter().map(|r| r.raw.len()).sum::<usize>();
        drop(waiting);
        self.room.notify_one();
        Some(Some(records))
    }
}

struct Reading<S, R> {
    context: Arc<Context<S, R>>,
    counters: Arc<Counters>,
    queue: Arc<Queue>,
    rates: HashMap<IpAddr, Bucket>,
    /// The kernel's drop counter as last seen; it wraps.
    dropped: Option<u32>,
}

impl<S: Sink, R: Senders> Reading<S, R> {
    fn run(mut self, socket: &UdpSocket) {
        let mut receiver = Receiver::new(UDP_DATAGRAMS_PER_CALL);
        let mut drain_calls = DRAIN_CALLS_MAX;
        // After the stop, what had arrived before it is still read.
        while drain_calls > 0 {
            if self.queue.stop.load(Relaxed) {
                drain_calls -= 1;
            }
            match receiver.receive(socket.as_fd()) {
                Ok(count) => {
                    self.count_drops(receiver.drops(count));
                    let records = self.records(&receiver, count);
                    if !records.is_empty() {
                        self.queue.push(records);
                    }
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if self.queue.stop.load(Relaxed) {
                        break;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::warn!(%error, "udp");
                    std::thread::sleep(STOP_PATIENCE);
                }
            }
        }
        self.queue.end();
    }

    fn count_drops(&mut self, now: Option<u32>) {
        let Some(now) = now else { return };
        let before = self.dropped.replace(now).unwrap_or(0);
        self.counters.udp_dropped.fetch_add(u64::from(now.wrapping_sub(before)), Relaxed);
    }

    fn records(&mut self, receiver: &Receiver, count: usize) -> Vec<RawRecord> {
        let receive_time = (self.context.clock)();
        // One allocation for all of them.
        let total = receiver.datagrams(count).map(|(b, _)| b.len().min(LINE_BYTES_MAX)).sum();
        let mut bytes = BytesMut::with_capacity(total);
        let mut records = Vec::with_capacity(count);
        let mut known = None;
        for (datagram, peer) in receiver.datagrams(count) {
            let peer = peer.map(plain);
            let line = strip_end(datagram);
            if line.is_empty() || self.is_over_rate(peer, receive_time) {
                continue;
            }
            let truncated = line.len() > LINE_BYTES_MAX;
            bytes.extend_from_slice(line.get(..LINE_BYTES_MAX).unwrap_or(line));
            let raw: Bytes = bytes.split().freeze();
            let source = match known {
                Some((of, source)) if of == peer => source,
                _ => peer.map_or(Default::default(), |p| self.context.senders.resolve(p, Transport::Udp)),
            };
            known = Some((peer, source));
            let flags = RecordFlags { truncated, unterminated: false };
            records.push(RawRecord { receive_time, source, transport: Transport::Udp, peer, spool: None, flags, raw });
        }
        records
    }

    fn is_over_rate(&mut self, peer: Option<SocketAddr>, now: Micros) -> bool {
        let Some((limit, peer)) = self.context.limits.lines_per_second.zip(peer) else { return false };
        if self.rates.len() >= RATE_ADDRESSES_MAX && !self.rates.contains_key(&peer.ip()) {
            // Forged addresses must not fill the memory; the real ones are back at once.
            self.rates.clear();
        }
        let over = !self.rates.entry(peer.ip()).or_insert_with(|| Bucket::new(limit, now)).try_take(now);
        if over {
            self.counters.rate_dropped.fetch_add(1, Relaxed);
        }
        over
    }
}

/// A datagram is one message (RFC 5426); some senders end it like a line all the same.
fn strip_end(datagram: &[u8]) -> &[u8] {
    let line = datagram.strip_suffix(b"\n").or_else(|| datagram.strip_suffix(b"\0")).unwrap_or(datagram);
    line.strip_suffix(b"\r").unwrap_or(line)
}
