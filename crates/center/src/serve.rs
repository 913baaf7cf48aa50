//! Serving the router: over TLS, over plain TCP on loopback, and over the operator's socket.
//!
//! Invariant: every connection is bounded in time and number; the operator's socket is readable by its owner only and
//! names the caller from SO_PEERCRED, never from what the caller says.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, warn};

/// Open connections to the web interface.
const CONNECTIONS_MAX: usize = 2_048;
/// Seconds for a TLS handshake.
const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// Seconds to send the head of a request.
const HEADER_SECONDS_MAX: u64 = 15;

/// Where a request came from; a request extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Over the network.
    Network {
        /// The caller's address.
        address: SocketAddr,
        /// Over TLS?
        tls: bool,
    },
    /// Over the operator's socket, or by the program itself while no center runs.
    Operator {
        /// The user's id on this machine.
        uid: u32,
    },
}

/// Serve on a bound listener until told to stop, then let open requests finish.
pub async fn network(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let acceptor = tls.map(TlsAcceptor::from);
    let tasks = tokio_util::task::TaskTracker::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(pair) => pair,
                Err(e) => {
                    warn!("the web listener could not accept a connection: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let _ = stream.set_nodelay(true);
        let (router, acceptor, stop) = (router.clone(), acceptor.clone(), stop.clone());
        tasks.spawn(async move {
            let peer = Peer::Network { address, tls: acceptor.is_some() };
            match acceptor {
                None => connection(stream, peer, router, stop).await,
                Some(acceptor) => {
                    let handshake = acceptor.accept(stream);
                    match tokio::time::timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), handshake).await {
                        Ok(Ok(stream)) => connection(stream, peer, router, stop).await,
                        Ok(Err(e)) => debug!(%address, "TLS handshake failed: {e}"),
                        Err(_) => debug!(%address, "TLS handshake took too long"),
                    }
                }
            }
            drop(slot);
        });
    }
    tasks.close();
    let _ = tokio::time::timeout(Duration::from_secs(5), tasks.wait()).await;
}

/// Bind the operator's socket; only its owner may open it.
///
/// # Errors
/// The folder can't be written.
pub fn bind_operator(path: &Path) -> Result<UnixListener> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).with_context(|| format!("cannot make the socket {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serve the operator's socket until told to stop.
pub async fn operator(listener: UnixListener, router: Router, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(e) => {
                    warn!("the operator's socket could not accept a connection: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let Ok(credentials) = stream.peer_cred() else { continue };
        let (router, stop) = (router.clone(), stop.clone());
        tokio::spawn(connection(stream, Peer::Operator { uid: credentials.uid() }, router, stop));
    }
}

async fn connection<S>(stream: S, peer: Peer, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |mut request: axum::http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        request.map(axum::body::Body::new)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(HEADER_SECONDS_MAX));
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(30)));
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(served);
    tokio::select! {
        result = served.as_mut() => {
            if let Err(e) = result { debug!("a connection ended: {e}"); }
        }
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(Duration::from_secs(3), served).await;
        }
    }
}
