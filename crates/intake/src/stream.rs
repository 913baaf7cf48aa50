//! Syslog over TCP and TLS.
//!
//! Invariant: one read at a time, delivered before the next; so back-pressure reaches the sender through TCP itself.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bongsu_event::{RawRecord, Transport};
use bytes::Bytes;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::{BindError, Context, Place, Senders, Sink, Undelivered};
use crate::counters::Counters;
use crate::framer::{Framer, Line};
use crate::limits::READ_BYTES_MIN;
use crate::rate::Bucket;

/// Connections waiting to be accepted.
const BACKLOG: i32 = 1_024;
/// Pause after a failed accept (no file descriptors left), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A TCP or TLS listener, bound and not yet running.
pub struct StreamListener {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    counters: Arc<Counters>,
}

impl std::fmt::Debug for StreamListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamListener").field("address", &self.local_addr().ok()).finish_non_exhaustive()
    }
}

impl StreamListener {
    /// Open the port. With `tls` the listener speaks RFC 5425; a client certificate, where the configuration asks for one,
    /// makes the transport `MutualTls`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The port is in use, or may not be opened.
    pub fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Result<Self, BindError> {
        let protocol = if tls.is_some() { "tls" } else { "tcp" };
        let listener = listen(address).map_err(BindError::of(protocol, address))?;
        Ok(Self { listener, tls: tls.map(TlsAcceptor::from), counters: Arc::default() })
    }

    /// Where it listens; tells the port chosen for port 0.
    ///
    /// # Errors
    /// The system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Its counters, which live on while it runs.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Accept until `stop`; then deliver what was read and close. Returns when every connection is closed.
    pub async fn run<S: Sink, R: Senders>(self, context: Arc<Context<S, R>>, stop: CancellationToken) {
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let peer = plain(peer);
            let Some(place) = context.admit(peer.ip(), &self.counters) else {
                self.counters.refused.fetch_add(1, Relaxed);
                continue;
            };
            let connection = Connection {
                context: Arc::clone(&context),
                counters: Arc::clone(&self.counters),
                peer,
                stop: stop.clone(),
                _place: place,
            };
            connections.spawn(connection.serve(stream, self.tls.clone()));
        }
        drop(self.listener);
        connections.close();
        connections.wait().await;
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// An IPv4 address that came through an IPv6 socket, as IPv4.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(address, |v4| SocketAddr::from((v4, address.port()))),
        IpAddr::V4(_) => address,
    }
}

struct Connection<S, R> {
    context: Arc<Context<S, R>>,
    counters: Arc<Counters>,
    peer: SocketAddr,
    stop: CancellationToken,
    _place: Place,
}

/// Why reading ended.
enum End {
    Closed,
    Idle,
    Stopped,
    Undelivered,
}

impl<S: Sink, R: Senders> Connection<S, R> {
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let end = match tls {
            None => self.read(stream, Transport::Tcp).await,
            Some(acceptor) => {
                let Some(stream) = self.handshake(stream, &acceptor).await else {
                    self.counters.handshake_failed.fetch_add(1, Relaxed);
                    return;
                };
                let known = stream.get_ref().1.peer_certificates().is_some();
                self.read(stream, if known { Transport::MutualTls } else { Transport::Tls }).await
            }
        };
        if matches!(end, End::Idle) {
            self.counters.idle_closed.fetch_add(1, Relaxed);
        }
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        tls: &TlsAcceptor,
    ) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
        let shake = async {
            let _permit = self.context.handshakes.acquire().await.ok()?;
            tls.accept(stream).await.inspect_err(|error| tracing::debug!(%error, peer = %self.peer, "tls")).ok()
        };
        tokio::select! {
            () = self.stop.cancelled() => None,
            done = timeout(self.context.limits.handshake, shake) => done.ok().flatten(),
        }
    }

    async fn read(&self, mut stream: impl AsyncRead + Unpin, transport: Transport) -> End {
        let mut framer = Framer::new();
        let mut lines = Vec::new();
        let mut buffer = vec![0u8; READ_BYTES_MIN];
        let mut rate = self.context.limits.lines_per_second.map(|n| Bucket::new(n, (self.context.clock)()));
        let end = loop {
            let n = match self.read_some(&mut stream, &mut buffer, &mut framer, &mut lines).await {
                Ok(n) => n,
                Err(end) => break end,
            };
            // Copied out, so that a line kept for long does not keep the whole buffer.
            framer.push(Bytes::copy_from_slice(buffer.get(..n).unwrap_or_default()), &mut lines);
            let count = lines.len();
            if self.deliver(&mut framer, &mut lines, transport).await.is_err() {
                return End::Undelivered;
            }
            if let Some(rate) = &mut rate {
                self.wait_for_rate(rate, count).await;
            }
            self.fit(&mut buffer, n);
        };
        framer.finish(&mut lines);
        let _ = self.deliver(&mut framer, &mut lines, transport).await;
        end
    }

    /// At least one byte; in a pause in the middle of a line, what is there is kept as a line.
    async fn read_some(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        buffer: &mut [u8],
        framer: &mut Framer,
        lines: &mut Vec<Line>,
    ) -> Result<usize, End> {
        let limits = &self.context.limits;
        loop {
            let patience = if framer.is_partial() { limits.partial } else { limits.idle };
            let read = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(End::Stopped),
                read = timeout(patience, stream.read(buffer)) => read,
            };
            match read {
                Ok(Ok(0)) => return Err(End::Closed),
                Ok(Ok(n)) => return Ok(n),
                Ok(Err(error)) => {
                    tracing::debug!(%error, peer = %self.peer, "connection");
                    return Err(End::Closed);
                }
                Err(_) if framer.is_partial() => {
                    framer.idle(lines);
                    // Nothing was read: the caller delivers what was held.
                    return Ok(0);
                }
                Err(_) => return Err(End::Idle),
            }
        }
    }

    async fn deliver(
        &self,
        framer: &mut Framer,
        lines: &mut Vec<Line>,
        transport: Transport,
    ) -> Result<(), Undelivered> {
        let swallowed = framer.take_swallowed();
        if swallowed > 0 {
            self.counters.swallowed_bytes.fetch_add(swallowed, Relaxed);
        }
        if lines.is_empty() {
            return Ok(());
        }
        let receive_time = (self.context.clock)();
        let source = self.context.senders.resolve(self.peer, transport);
        let records = lines.drain(..).map(|line| RawRecord {
            receive_time,
            source,
            transport,
            peer: Some(self.peer),
            spool: None,
            flags: line.flags,
            raw: line.raw,
        });
        self.context.deliver(records.collect(), &self.counters).await
    }

    async fn wait_for_rate(&self, rate: &mut Bucket, lines: usize) {
        let micros = rate.take(lines, (self.context.clock)());
        if micros > 0 {
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_micros(micros)) => {}
            }
        }
    }

    /// A full read asks for a larger buffer, a small one gives it back.
    fn fit(&self, buffer: &mut Vec<u8>, read: usize) {
        let size = buffer.len();
        if read == size && size < self.context.limits.read_bytes {
            buffer.resize((size * 4).min(self.context.limits.read_bytes), 0);
        } else if read < size / 16 && size > READ_BYTES_MIN {
            buffer.truncate((size / 4).max(READ_BYTES_MIN));
            buffer.shrink_to_fit();
        }
    }
}
