//! One TLS connection that carries uplink messages both ways.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow};
use bongsu_event::Micros;
use bongsu_uplink::{AgentMessage, CenterMessage, Decoder, encode};
use bytes::Bytes;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{identity::Identity, limits::CONNECT_SECONDS_MAX, resolve::resolve, tls};

/// TCP gives up on a peer that does not take our bytes after this long, milliseconds.
const USER_TIMEOUT_MILLIS: u32 = 45_000;

/// The half that reads.
pub(crate) struct LinkReader {
    stream: ReadHalf<TlsStream<TcpStream>>,
    decoder: Decoder<CenterMessage>,
}

/// The half that writes.
pub(crate) struct LinkWriter {
    stream: WriteHalf<TlsStream<TcpStream>>,
}

/// Connects and shakes hands.
pub(crate) async fn connect(
    center: &str,
    config: Arc<ClientConfig>,
    identity: Option<&Identity>,
    now: Micros,
) -> Result<(LinkReader, LinkWriter, SocketAddr)> {
    let work = async {
        let addresses = resolve(center).await?;
        let mut last = None;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return shake(stream, address, config, identity, now).await,
                Err(e) => last = Some(anyhow!("the center does not answer at {address}: {e}")),
            }
        }
        Err(last.unwrap_or_else(|| anyhow!("{center} has no address")))
    };
    tokio::time::timeout(Duration::from_secs(CONNECT_SECONDS_MAX), work)
        .await
        .map_err(|_| anyhow!("the center does not answer at {center} within {CONNECT_SECONDS_MAX} s"))?
}

async fn shake(
    stream: TcpStream,
    address: SocketAddr,
    config: Arc<ClientConfig>,
    identity: Option<&Identity>,
    now: Micros,
) -> Result<(LinkReader, LinkWriter, SocketAddr)> {
    stream.set_nodelay(true)?;
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, USER_TIMEOUT_MILLIS);
    let name = ServerName::IpAddress(address.ip().into());
    let connected = TlsConnector::from(config).connect(name, stream).await;
    let stream = connected.map_err(|e| anyhow!(tls::explain(&e, identity, now)))?;
    let (reader, writer) = tokio::io::split(stream);
    let reader = LinkReader { stream: reader, decoder: Decoder::new() };
    Ok((reader, LinkWriter { stream: writer }, address))
}

impl LinkReader {
    /// The next message; `None` when the center closed the connection.
    pub async fn next(&mut self) -> Result<Option<CenterMessage>> {
        loop {
            if let Some(message) = self.decoder.next().context("the center does not speak our language")? {
                return Ok(Some(message));
            }
            if self.stream.read_buf(self.decoder.buffer_mut()).await? == 0 {
                return Ok(None);
            }
        }
    }
}

impl LinkWriter {
    pub async fn send(&mut self, message: &AgentMessage) -> Result<()> {
        self.send_frame(&encode(message)?).await
    }

    pub async fn send_frame(&mut self, frame: &Bytes) -> Result<()> {
        self.stream.write_all(frame).await?;
        self.stream.flush().await?;
        Ok(())
    }

    pub async fn close(&mut self) {
        let _ = self.stream.shutdown().await;
    }
}
