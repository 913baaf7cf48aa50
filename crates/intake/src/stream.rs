//! Syslog over TCP and TLS.
//!
//! Invariants: one read at a time, delivered before the next; so back-pressure reaches the sender through TCP itself. Over
//! plain TCP what is not delivered yet stands in the kernel's buffer: it is looked at there and taken out afterwards, so
//! that a killed process has lost what its socket held and nothing besides, but the beginning of one line where much
//! came at once.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bongsu_event::{RawRecord, Transport};
use bytes::Bytes;
use rustix::net::{RecvFlags, recv};
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, Interest};
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

/// Of a line whose end has not come, this much stays in the kernel's buffer, bytes; of a longer one nothing does …
const STAY_BYTES_MAX: usize = 4 * 1024;
/// … nor if more than this stood there, bytes: what stays keeps its whole segment, and with it the window, closed.
const STAY_READ_BYTES_MAX: usize = 8 * 1024;

/// After the stop, a connection that says nothing for so long is closed …
const DRAIN_PAUSE: Duration = Duration::from_millis(20);
/// … and any other after so many more reads.
const DRAIN_READS_MAX: u32 = 64;

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
            None => self.read(Plain(stream), Transport::Tcp).await,
            Some(acceptor) => {
                let Some(stream) = self.handshake(stream, &acceptor).await else {
                    self.counters.handshake_failed.fetch_add(1, Relaxed);
                    return;
                };
                let known = stream.get_ref().1.peer_certificates().is_some();
                self.read(Tls(stream), if known { Transport::MutualTls } else { Transport::Tls }).await
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

    async fn read(&self, input: impl Input, transport: Transport) -> End {
        let reading = Reading {
            connection: self,
            input,
            seen: 0,
            transport,
            framer: Framer::new(),
            lines: Vec::new(),
            buffer: vec![0; READ_BYTES_MIN],
            rate: self.context.limits.lines_per_second.map(|n| Bucket::new(n, (self.context.clock)())),
            drain_reads: DRAIN_READS_MAX,
        };
        reading.run().await
    }
}

/// Where bytes come from.
trait Input: Send {
    /// Bytes beyond those seen, put behind them; how many, 0 at the end. Waits for some.
    fn look(&mut self, buffer: &mut [u8], seen: usize) -> impl Future<Output = io::Result<usize>> + Send;
    /// So many bytes are safe; says how many of those seen stay where they are when these shall.
    fn take(&mut self, safe: usize, stay: usize, buffer: &mut [u8]) -> usize;
}

/// Bytes stay in the kernel's buffer until they are taken.
struct Plain(TcpStream);

impl Input for Plain {
    async fn look(&mut self, buffer: &mut [u8], seen: usize) -> io::Result<usize> {
        loop {
            let ready = self.0.ready(Interest::READABLE).await?;
            let looked = self.0.try_io(Interest::READABLE, || {
                let (n, _) = recv(&self.0, &mut *buffer, RecvFlags::PEEK)?;
                // Nothing beyond what was seen: readable again with the next bytes.
                if n == seen && n > 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(n) }
            });
            match looked {
                Ok(n) => return Ok(n.saturating_sub(seen)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && ready.is_read_closed() => return Ok(0),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
    }
    fn take(&mut self, safe: usize, stay: usize, buffer: &mut [u8]) -> usize {
        let stay = if stay <= STAY_BYTES_MAX && safe <= STAY_READ_BYTES_MAX { stay } else { 0 };
        let mut left = safe.saturating_sub(stay);
        while left > 0 {
            let part = left.min(buffer.len());
            // A connection that broke has nothing more to give.
            match recv(&self.0, buffer.get_mut(..part).unwrap_or_default(), RecvFlags::TRUNC) {
                Ok((n, _)) if n > 0 => left = left.saturating_sub(n),
                _ => break,
            }
        }
        stay.min(safe)
    }
}

/// Bytes are taken as they are deciphered.
struct Tls(tokio_rustls::server::TlsStream<TcpStream>);

impl Input for Tls {
    async fn look(&mut self, buffer: &mut [u8], _: usize) -> io::Result<usize> {
        self.0.read(buffer).await
    }
    fn take(&mut self, _: usize, _: usize, _: &mut [u8]) -> usize {
        0
    }
}

/// Reads one connection to its end.
struct Reading<'a, S, R, T> {
    connection: &'a Connection<S, R>,
    input: T,
    /// Bytes at the front of the input that the framer has had.
    seen: usize,
    transport: Transport,
    framer: Framer,
    lines: Vec<Line>,
    buffer: Vec<u8>,
    rate: Option<Bucket>,
    drain_reads: u32,
}

impl<S: Sink, R: Senders, T: Input> Reading<'_, S, R, T> {
    async fn run(mut self) -> End {
        let end = loop {
            let n = match self.read_some().await {
                Ok(n) => n,
                Err(end) => break end,
            };
            // Copied out, so that a line kept for long does not keep the whole buffer.
            let chunk = Bytes::copy_from_slice(self.buffer.get(self.seen..self.seen + n).unwrap_or_default());
            self.framer.push(chunk, &mut self.lines);
            let count = self.lines.len();
            if self.deliver().await.is_err() {
                return End::Undelivered;
            }
            let looked_at = self.seen + n;
            self.seen = self.input.take(looked_at, self.framer.held(), &mut self.buffer);
            self.wait_for_rate(count).await;
            self.fit_buffer(looked_at);
        };
        self.framer.finish(&mut self.lines);
        if self.deliver().await.is_ok() {
            self.input.take(self.seen, 0, &mut self.buffer);
        }
        end
    }

    /// Some bytes; none after a pause in the middle of a line, when what is there is kept as a line.
    async fn read_some(&mut self) -> Result<usize, End> {
        let Connection { context, stop, peer, .. } = self.connection;
        let stopping = stop.is_cancelled();
        let patience = match (stopping, self.framer.is_partial()) {
            (true, _) => DRAIN_PAUSE,
            (false, true) => context.limits.partial,
            (false, false) => context.limits.idle,
        };
        if stopping {
            self.drain_reads = self.drain_reads.checked_sub(1).ok_or(End::Stopped)?;
        }
        let read = tokio::select! {
            read = timeout(patience, self.input.look(&mut self.buffer, self.seen)) => read,
            // Once more, for what has arrived by now.
            () = stop.cancelled(), if !stopping => return Ok(0),
        };
        match read {
            Ok(Ok(0)) => Err(End::Closed),
            Ok(Ok(n)) => Ok(n),
            Ok(Err(error)) => {
                tracing::debug!(%error, %peer, "connection");
                Err(End::Closed)
            }
            Err(_) if stopping => Err(End::Stopped),
            Err(_) if self.framer.is_partial() => {
                self.framer.idle(&mut self.lines);
                Ok(0)
            }
            Err(_) => Err(End::Idle),
        }
    }

    async fn deliver(&mut self) -> Result<(), Undelivered> {
        let Connection { context, counters, peer, .. } = self.connection;
        let swallowed = self.framer.take_swallowed();
        if swallowed > 0 {
            counters.swallowed_bytes.fetch_add(swallowed, Relaxed);
        }
        if self.lines.is_empty() {
            return Ok(());
        }
        let (receive_time, transport) = ((context.clock)(), self.transport);
        let source = context.senders.resolve(*peer, transport);
        let records = self.lines.drain(..).map(|line| RawRecord {
            receive_time,
            source,
            transport,
            peer: Some(*peer),
            spool: None,
            flags: line.flags,
            raw: line.raw,
        });
        context.deliver(records.collect(), counters).await
    }

    async fn wait_for_rate(&mut self, lines: usize) {
        let Connection { context, stop, .. } = self.connection;
        let micros = self.rate.as_mut().map_or(0, |rate| rate.take(lines, (context.clock)()));
        if micros > 0 {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_micros(micros)) => {}
            }
        }
    }

    /// A full read asks for a larger buffer, a small one gives it back.
    fn fit_buffer(&mut self, read: usize) {
        let (size, most) = (self.buffer.len(), self.connection.context.limits.read_bytes);
        if read == size && size < most {
            self.buffer.resize((size * 4).min(most), 0);
        } else if read < size / 16 && size > READ_BYTES_MIN {
            self.buffer.truncate((size / 4).max(READ_BYTES_MIN));
            self.buffer.shrink_to_fit();
        }
    }
}
