//! What the listeners are given: where lines go, who senders are, the clock, the limits.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bongsu_event::{Micros, RawRecord, SourceId, Transport};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::counters::{Counters, SourceSnapshot, Sources, Tally};
use crate::limits::Limits;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| Micros::from_timestamp(jiff::Timestamp::now()))
}

/// Takes lines.
pub trait Sink: Send + Sync + 'static {
    /// Take a batch of one listener; ready when it is durable, or safely on its way behind a bounded queue. Nothing more is
    /// read from the connection until then.
    fn deliver(&self, records: Vec<RawRecord>) -> impl Future<Output = Result<(), Undelivered>> + Send;
}

impl<S: Sink> Sink for Arc<S> {
    fn deliver(&self, records: Vec<RawRecord>) -> impl Future<Output = Result<(), Undelivered>> + Send {
        (**self).deliver(records)
    }
}

/// The store is closed: the connection is closed too, and the sender keeps what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is closed; the process is stopping")]
pub struct Undelivered;

/// Knows which registered source a sender is.
pub trait Senders: Send + Sync + 'static {
    /// The source, or [`SourceId::QUARANTINE`] for a sender nobody has registered. Asked for each batch, so that an adoption
    /// counts from the next line on. IPv4 addresses come as such, never mapped into IPv6.
    fn resolve(&self, peer: SocketAddr, transport: Transport) -> SourceId;
}

impl<F: Fn(SocketAddr, Transport) -> SourceId + Send + Sync + 'static> Senders for F {
    fn resolve(&self, peer: SocketAddr, transport: Transport) -> SourceId {
        self(peer, transport)
    }
}

/// Why a listener cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody listens there.
    #[error(
        "{protocol} {address} is in use by another program; stop it, choose another port, or set the listener to `off`"
    )]
    InUse {
        /// `udp`, `tcp` or `tls`.
        protocol: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// Ports below 1024 need a right.
    #[error(
        "{protocol} {address} may not be opened: ports below 1024 need CAP_NET_BIND_SERVICE; give it, or choose a higher port"
    )]
    Denied {
        /// `udp`, `tcp` or `tls`.
        protocol: &'static str,
        /// The address.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("{protocol} {address} cannot be opened: {source}; check that the address belongs to this machine")]
    Io {
        /// `udp`, `tcp` or `tls`.
        protocol: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl BindError {
    pub(crate) fn of(protocol: &'static str, address: SocketAddr) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { protocol, address },
            io::ErrorKind::PermissionDenied => Self::Denied { protocol, address },
            _ => Self::Io { protocol, address, source },
        }
    }
}

/// What all listeners of a process share.
pub struct Context<S, R> {
    pub(crate) sink: S,
    pub(crate) senders: R,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) handshakes: Semaphore,
    sources: Sources,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl<S, R> std::fmt::Debug for Context<S, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl<S: Sink, R: Senders> Context<S, R> {
    /// For all listeners that share these limits.
    #[must_use]
    pub fn new(sink: S, senders: R, clock: Clock, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            sink,
            senders,
            clock,
            limits,
            handshakes: Semaphore::new(limits.handshakes),
            sources: Sources::default(),
            connections: Mutex::default(),
        })
    }

    /// Counters of each source seen since the start, by id.
    #[must_use]
    pub fn sources(&self) -> Vec<(SourceId, SourceSnapshot)> {
        self.sources.all()
    }

    /// Room for one more connection from this address, until the returned place is dropped.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, counters: &Arc<Counters>) -> Option<Place> {
        let mut connections = self.connections.lock();
        let here = connections.by_address.get(&address).copied().unwrap_or(0);
        if connections.total >= self.limits.connections || here >= self.limits.connections_per_address {
            return None;
        }
        connections.total += 1;
        connections.by_address.insert(address, here + 1);
        drop(connections);
        counters.accepted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        counters.open.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (context, counters) = (Arc::clone(self), Arc::clone(counters));
        Some(Place {
            leave: Some(Box::new(move || {
                context.leave(address);
                counters.open.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            })),
        })
    }

    fn leave(&self, address: IpAddr) {
        let mut connections = self.connections.lock();
        connections.total = connections.total.saturating_sub(1);
        if let Some(here) = connections.by_address.get_mut(&address) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                connections.by_address.remove(&address);
            }
        }
    }

    /// Deliver and count.
    pub(crate) async fn deliver(&self, records: Vec<RawRecord>, counters: &Counters) -> Result<(), Undelivered> {
        if records.is_empty() {
            return Ok(());
        }
        let mut all = Tally::default();
        // Batches mostly have one source, or long runs of one.
        let mut by_source: Vec<(SourceId, Tally)> = Vec::new();
        for record in &records {
            all.add(record);
            match by_source.iter_mut().rev().find(|(id, _)| *id == record.source) {
                Some((_, tally)) => tally.add(record),
                None => {
                    let mut tally = Tally::default();
                    tally.add(record);
                    by_source.push((record.source, tally));
                }
            }
        }
        match self.sink.deliver(records).await {
            Ok(()) => {
                counters.add(&all);
                by_source.iter().for_each(|(id, tally)| self.sources.get(*id).add(tally));
                Ok(())
            }
            Err(e) => {
                counters.undelivered.fetch_add(all.lines, std::sync::atomic::Ordering::Relaxed);
                Err(e)
            }
        }
    }
}

/// A connection's place under the limits.
pub(crate) struct Place {
    leave: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}
