//! How an operator's command reaches a center: through the socket in its data folder when one runs, else by opening the
//! folder itself and asking the same routes in this process. Either way the same handlers, checks and audit entries.

use std::path::Path;

use anyhow::{Context, Result, bail};
use axum::body::Body;
use bongsu_center::serve::Peer;
use bongsu_center::start::{Offline, SOCKET};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tower::ServiceExt;

/// Most bytes of an answer that is read whole.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A way to the center.
pub enum Client {
    /// A center runs.
    Socket(hyper::client::conn::http1::SendRequest<Body>),
    /// None runs: this process holds the folder.
    Folder(Box<Offline>),
}

impl Client {
    /// Find the center of this data folder.
    ///
    /// # Errors
    /// No such folder, no right to open it, or another program holds it.
    pub async fn open(data: &Path) -> Result<Self> {
        let path = data.join(SOCKET);
        match UnixStream::connect(&path).await {
            Ok(stream) => {
                let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
                tokio::spawn(connection);
                Ok(Self::Socket(sender))
            }
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                bail!("{} may be opened by its owner only; run this as the user the center runs as", path.display())
            }
            Err(_) if !data.join("state.sqlite").exists() => bail!(
                "there is no center in {}: start one with `bongsu center --data {}`, or name its folder with --data or BONGSU_DATA",
                data.display(),
                data.display()
            ),
            Err(_) => {
                // What a center would write to its log stands on this terminal. A second client of one process has it.
                let log = tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).without_time();
                let _ = log.with_target(false).with_writer(std::io::stderr).try_init();
                Ok(Self::Folder(Box::new(bongsu_center::start::offline(data).await?)))
            }
        }
    }

    /// Only a running center: never holds the folder, so that asking can't be in the way of one that starts.
    ///
    /// # Errors
    /// None runs on this folder.
    pub async fn connect(data: &Path) -> Result<Self> {
        if UnixStream::connect(data.join(SOCKET)).await.is_err() {
            bail!("no center runs on {}", data.display());
        }
        Self::open(data).await
    }

    /// Is a center running?
    #[must_use]
    pub fn running(&self) -> bool {
        matches!(self, Self::Socket(_))
    }

    /// Ask, and read the answer as JSON; `Null` for an empty one.
    ///
    /// # Errors
    /// The center refused: its own sentence.
    pub async fn json(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let bytes = self.bytes(method, path, body).await?;
        if bytes.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&bytes)?) }
    }

    /// Ask, and read the answer whole.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub async fn bytes(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Vec<u8>> {
        let answer = self.send(method, path, body).await?;
        let status = answer.status();
        let limited = http_body_util::Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
        let bytes = limited.collect().await.map_err(|e| anyhow::anyhow!("{e}"))?.to_bytes();
        if status.is_success() {
            return Ok(bytes.to_vec());
        }
        let said: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        match said.get("message").and_then(Value::as_str) {
            Some(message) => bail!("{message}"),
            None => bail!("the center answered {status}"),
        }
    }

    /// Ask, and hand each piece of the answer on as it comes.
    ///
    /// # Errors
    /// As [`Client::json`], and when writing fails.
    pub async fn stream(&mut self, path: &str, out: &mut dyn std::io::Write) -> Result<()> {
        let answer = self.send(Method::GET, path, None).await?;
        let status = answer.status();
        let mut body = answer.into_body();
        if !status.is_success() {
            let bytes = body.collect().await.map_err(|e| anyhow::anyhow!("{e}"))?.to_bytes();
            let said: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            bail!("{}", said.get("message").and_then(Value::as_str).unwrap_or("the center refused"));
        }
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|e| anyhow::anyhow!("{e}"))?.into_data() {
                out.write_all(&data)?;
            }
        }
        Ok(out.flush()?)
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Response<Body>> {
        let payload = match body {
            Some(value) => Body::from(serde_json::to_vec(value)?),
            None => Body::empty(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "operator")
            .header("content-type", "application/json")
            .body(payload)?;
        match self {
            Self::Socket(sender) => {
                sender.ready().await.context("the center closed its socket")?;
                Ok(sender.send_request(request).await.context("the center stopped while answering")?.map(Body::new))
            }
            Self::Folder(offline) => {
                let mut request = request;
                let uid = rustix::process::getuid().as_raw();
                request.extensions_mut().insert(Peer::Operator { uid });
                Ok(offline.router().oneshot(request).await.unwrap_or_else(|never| match never {}))
            }
        }
    }
}

/// Percent-encode one value of a query string.
#[must_use]
pub fn query(value: &str) -> String {
    value.bytes().fold(String::with_capacity(value.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
        out
    })
}
