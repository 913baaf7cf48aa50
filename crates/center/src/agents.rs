//! Connected agents: enrolment, lines in, acknowledgements out, blocks down, findings up.
//!
//! Invariant: who an agent is stands in its certificate, signed here, and whether it may still speak stands in the
//! state. An acknowledgement is sent only after the journal has the lines; a line is taken once, by its spool position.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bongsu_api::overview::StreamEvent;
use bongsu_domain::Enforce;
use bongsu_event::{AgentId, Micros, RawRecord, Scope, SourceId, SpoolPosition};
use bongsu_state::{AgentSeen, Certificate, StateError};
use bongsu_uplink::{
    AgentConfig, AgentMessage, BlockResult, BlocksState, CenterMessage, Config, Decoder, EnforceConfig, Enrol,
    Enrolled, Hello, InputConfig, InputId, InputKind, PROTOCOL_VERSION, Records, Status, Welcome, encode,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::app::App;
use crate::authority::{AGENT_DAYS, agent_of};

/// Open agent connections.
const CONNECTIONS_MAX: usize = 4_096;
/// Seconds for the TLS handshake and the first message.
const GREETING_SECONDS_MAX: u64 = 15;
/// Seconds without a byte from an agent after which the connection counts as dead.
const SILENCE_SECONDS_MAX: u64 = 60;
/// Messages waiting for a slow agent before its connection is closed.
const OUTBOX_MESSAGES: usize = 256;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Seconds between two looks of an enforcement point at its own table.
const RECONCILE_SECONDS: u32 = 1;
/// Enrolments from one address in a minute.
const ENROLMENTS_A_MINUTE_MAX: u32 = 20;
/// Addresses remembered for that.
const ENROLMENT_ADDRESSES_MAX: usize = 10_000;

/// Newest line taken of each agent's spool.
pub type Watermarks = HashMap<u32, (u64, u64)>;

/// A live connection, as others see it.
#[derive(Clone)]
pub struct Connection {
    number: u64,
    /// From where.
    pub address: SocketAddr,
    /// Since.
    pub since: Micros,
    /// Last message.
    pub last_seen: Micros,
    /// What it said of itself.
    pub hello: Hello,
    /// How it is.
    pub status: Option<Status>,
    /// What its enforcement point holds.
    pub blocks: Option<BlocksState>,
    /// Lines it has sent over this connection.
    pub lines: u64,
    /// Which source stands behind each of its inputs.
    inputs: Arc<HashMap<u32, SourceId>>,
    outbox: mpsc::Sender<CenterMessage>,
    cut: CancellationToken,
}

/// Every agent that is connected now.
#[derive(Default)]
pub struct AgentHub {
    connected: Mutex<HashMap<AgentId, Connection>>,
    watermarks: Mutex<Watermarks>,
    number: AtomicU64,
    enrolments: Mutex<Enrolments>,
}

impl AgentHub {
    /// Begin with what the journal holds of each spool.
    #[must_use]
    pub fn new(watermarks: Watermarks) -> Self {
        Self { watermarks: Mutex::new(watermarks), ..Self::default() }
    }
    /// The connection of an agent.
    #[must_use]
    pub fn get(&self, agent: AgentId) -> Option<Connection> {
        self.connected.lock().get(&agent).cloned()
    }
    /// Agents connected now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.connected.lock().len()
    }
    /// Ids of the agents connected now.
    #[must_use]
    pub fn ids(&self) -> Vec<AgentId> {
        self.connected.lock().keys().copied().collect()
    }
    /// Tell an agent something, at once. False when it is not connected or too slow; it gets the whole set on return.
    pub fn send(&self, agent: AgentId, message: CenterMessage) -> bool {
        let Some(connection) = self.get(agent) else { return false };
        if connection.outbox.try_send(message).is_err() {
            connection.cut.cancel();
            return false;
        }
        true
    }
    /// Close its connection (revocation).
    pub fn cut(&self, agent: AgentId) {
        if let Some(connection) = self.connected.lock().remove(&agent) {
            connection.cut.cancel();
        }
    }
    /// A new configuration, at once if it is connected.
    pub fn configure(&self, agent: AgentId, config: Config, inputs: HashMap<u32, SourceId>) {
        if let Some(c) = self.connected.lock().get_mut(&agent) {
            c.inputs = Arc::new(inputs);
        }
        self.send(agent, CenterMessage::Config(config));
    }
    fn touch(&self, agent: AgentId, number: u64, change: impl FnOnce(&mut Connection)) {
        if let Some(c) = self.connected.lock().get_mut(&agent).filter(|c| c.number == number) {
            change(c);
        }
    }
    fn leave(&self, agent: AgentId, number: u64) {
        let mut connected = self.connected.lock();
        if connected.get(&agent).is_some_and(|c| c.number == number) {
            connected.remove(&agent);
        }
    }
    fn watermark(&self, agent: AgentId, epoch: u64) -> u64 {
        self.watermarks.lock().get(&agent.0).filter(|(e, _)| *e == epoch).map_or(0, |(_, s)| *s)
    }
    fn taken(&self, agent: AgentId, epoch: u64, through: u64) {
        self.watermarks.lock().insert(agent.0, (epoch, through));
    }
}

/// Note a journalled line's spool position. Lines come in journal order.
pub fn note_watermark(watermarks: &mut Watermarks, position: &SpoolPosition) {
    let entry = watermarks.entry(position.agent.0).or_insert((position.epoch, 0));
    if entry.0 != position.epoch {
        *entry = (position.epoch, 0);
    }
    entry.1 = entry.1.max(position.sequence);
}

/// Serve agents until told to stop.
pub async fn serve(app: Arc<App>, listener: TcpListener, tls: Arc<rustls::ServerConfig>) {
    let acceptor = TlsAcceptor::from(tls);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let (stream, address) = tokio::select! {
            () = app.stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok(pair) => pair,
                Err(e) => {
                    warn!("the uplink could not accept a connection: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (app, acceptor) = (Arc::clone(&app), acceptor.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            if let Err(e) = greet(app, stream, address, acceptor).await {
                debug!(%address, "agent connection ended: {e:#}");
            }
            drop(slot);
        });
    }
}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

async fn greet(app: Arc<App>, stream: TcpStream, address: SocketAddr, acceptor: TlsAcceptor) -> Result<()> {
    let patience = Duration::from_secs(GREETING_SECONDS_MAX);
    let mut stream =
        tokio::time::timeout(patience, acceptor.accept(stream)).await.context("TLS handshake took too long")??;
    let agent = stream.get_ref().1.peer_certificates().and_then(|c| c.first()).and_then(|c| agent_of(c));
    let mut decoder = Decoder::<AgentMessage>::new();
    let first = tokio::time::timeout(patience, next(&mut stream, &mut decoder)).await.context("nothing was said")??;
    match (agent, first) {
        (None, Some(AgentMessage::Enrol(enrol))) => enrolment(&app, &mut stream, address, enrol).await,
        (Some(agent), Some(AgentMessage::Hello(hello))) => session(app, stream, address, decoder, agent, hello).await,
        (None, Some(_)) => refuse(&mut stream, "no certificate was shown; enrol first with `bongsu-agent enrol`").await,
        (Some(_), Some(_)) => refuse(&mut stream, "the first message must be a hello").await,
        (_, None) => Ok(()),
    }
}

async fn refuse(stream: &mut Tls, text: &str) -> Result<()> {
    write(stream, &CenterMessage::Error(text.to_owned())).await?;
    stream.shutdown().await?;
    Ok(())
}

async fn write(stream: &mut (impl AsyncWriteExt + Unpin), message: &CenterMessage) -> Result<()> {
    stream.write_all(&encode(message)?).await?;
    stream.flush().await?;
    Ok(())
}

/// The next message; `None` at the end of the stream.
async fn next(
    stream: &mut (impl AsyncReadExt + Unpin),
    decoder: &mut Decoder<AgentMessage>,
) -> Result<Option<AgentMessage>> {
    let mut buffer = vec![0u8; READ_BYTES];
    loop {
        if let Some(message) = decoder.next()? {
            return Ok(Some(message));
        }
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(None);
        }
        decoder.feed(buffer.get(..read).unwrap_or_default());
    }
}

async fn enrolment(app: &App, stream: &mut Tls, address: SocketAddr, enrol: Enrol) -> Result<()> {
    let now = app.now();
    match app.enrol_agent(&enrol, address, now).await {
        Ok(enrolled) => {
            info!(%address, agent = enrolled.agent_id.0, "agent enrolled");
            write(stream, &CenterMessage::Enrolled(enrolled)).await?;
            stream.shutdown().await?;
            Ok(())
        }
        Err(e) => {
            warn!(%address, "enrolment refused: {e:#}");
            refuse(stream, &e.to_string()).await
        }
    }
}

async fn session(
    app: Arc<App>,
    mut stream: Tls,
    address: SocketAddr,
    mut decoder: Decoder<AgentMessage>,
    agent: AgentId,
    hello: Hello,
) -> Result<()> {
    if hello.protocol > PROTOCOL_VERSION {
        return refuse(&mut stream, "this agent is newer than the center; upgrade the center first").await;
    }
    if !app.agent_may_speak(agent).await? {
        return refuse(&mut stream, "this agent's certificate has been revoked; enrol it anew").await;
    }
    let (outbox, mut inbox) = mpsc::channel(OUTBOX_MESSAGES);
    let number = app.agents.number.fetch_add(1, Ordering::Relaxed);
    let cut = app.stop.child_token();
    let now = app.now();
    let epoch = hello.spool_epoch;
    let connection = Connection {
        number,
        address,
        since: now,
        last_seen: now,
        hello,
        status: None,
        blocks: None,
        lines: 0,
        inputs: Arc::default(),
        outbox,
        cut: cut.clone(),
    };
    if let Some(older) = app.agents.connected.lock().insert(agent, connection) {
        older.cut.cancel();
    }
    app.agent_connected(agent, address).await;
    let (config, inputs) = app.agent_config(agent).await?;
    app.agents.touch(agent, number, |c| c.inputs = Arc::new(inputs));
    let welcome = Welcome {
        protocol: PROTOCOL_VERSION,
        agent_id: agent,
        time: now,
        center_epoch: u64::from(app.epoch),
        acked_sequence: app.agents.watermark(agent, epoch),
        config,
    };
    write(&mut stream, &CenterMessage::Welcome(welcome)).await?;
    write(&mut stream, &CenterMessage::Blocks(app.blocks_of(agent).await?)).await?;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut taker = Taker { app: Arc::clone(&app), agent, number, address };
    let reading = async {
        loop {
            let silence = Duration::from_secs(SILENCE_SECONDS_MAX);
            let message = tokio::time::timeout(silence, next(&mut reader, &mut decoder))
                .await
                .context("nothing was heard for a minute")??;
            let Some(message) = message else { return Ok::<(), anyhow::Error>(()) };
            taker.take(message).await?;
        }
    };
    let writing = async {
        while let Some(message) = inbox.recv().await {
            write(&mut writer, &message).await?;
        }
        Ok::<(), anyhow::Error>(())
    };
    let ended = tokio::select! {
        () = cut.cancelled() => Ok(()),
        result = reading => result,
        result = writing => result,
    };
    app.agents.leave(agent, number);
    app.agent_left(agent).await;
    ended
}

struct Taker {
    app: Arc<App>,
    agent: AgentId,
    number: u64,
    address: SocketAddr,
}

impl Taker {
    async fn take(&mut self, message: AgentMessage) -> Result<()> {
        let now = self.app.now();
        self.app.agents.touch(self.agent, self.number, |c| c.last_seen = now);
        match message {
            AgentMessage::Records(records) => self.records(records).await?,
            AgentMessage::Status(status) => {
                self.app.agents.touch(self.agent, self.number, |c| c.status = Some(status.clone()));
                self.app.agent_status(self.agent, &status).await;
            }
            AgentMessage::BlocksState(state) => {
                self.app.agents.touch(self.agent, self.number, |c| c.blocks = Some(state.clone()));
                self.app.blocks_found(self.agent, state).await;
            }
            AgentMessage::BlockResult(result) => self.result(result).await,
            AgentMessage::Renew(renew) => {
                let enrolled = self.app.renew_agent(self.agent, &renew.csr_pem, now).await?;
                self.app.agents.send(self.agent, CenterMessage::Enrolled(enrolled));
            }
            AgentMessage::Ping(number) => {
                self.app.agents.send(self.agent, CenterMessage::Pong(number));
            }
            AgentMessage::Pong(_) => {}
            AgentMessage::Error(text) => warn!(agent = self.agent.0, "the agent says: {text}"),
            AgentMessage::Hello(_) | AgentMessage::Enrol(_) => bail!("said twice who it is"),
        }
        Ok(())
    }

    async fn result(&self, result: BlockResult) {
        self.app.block_result(self.agent, result).await;
    }

    async fn records(&mut self, records: Records) -> Result<()> {
        let epoch = records.epoch;
        let last = records.last_sequence();
        let taken = self.app.agents.watermark(self.agent, epoch);
        let address = self.address;
        let inputs = self.app.agents.get(self.agent).map(|c| c.inputs).unwrap_or_default();
        let fresh: Vec<RawRecord> = records
            .into_positions(self.agent)
            .filter(|(position, _)| position.sequence > taken)
            .map(|(position, record)| {
                // An agent speaks only for its own inputs.
                let source = inputs.get(&record.input.0).copied().unwrap_or(SourceId::QUARANTINE);
                record.into_raw(source, position, Some(address))
            })
            .collect();
        let lines = fresh.len() as u64;
        if !fresh.is_empty() {
            self.app.journal.append_async(fresh).await?;
            self.app.agents.taken(self.agent, epoch, last.max(taken));
        }
        self.app.agents.touch(self.agent, self.number, |c| c.lines += lines);
        self.app.agents.send(self.agent, CenterMessage::Ack { epoch, through: last.max(taken) });
        Ok(())
    }
}

/// When an agent should renew: at two thirds of its certificate's life.
#[must_use]
pub fn renew_at(now: Micros) -> Micros {
    now.plus_seconds(AGENT_DAYS * 86_400 * 2 / 3)
}

/// An answer to enrolment or renewal.
#[must_use]
pub fn enrolled(agent: AgentId, leaf_pem: &str, authority_pem: &str, now: Micros) -> Enrolled {
    Enrolled {
        agent_id: agent,
        chain_pem: format!("{leaf_pem}{authority_pem}"),
        ca_pem: authority_pem.to_owned(),
        renew_at: renew_at(now),
    }
}

impl App {
    /// A token's one use: an agent is made, in the token's agency and by the token's name.
    async fn enrol_agent(&self, enrol: &Enrol, address: SocketAddr, now: Micros) -> Result<Enrolled> {
        if !self.agents.enrolments.lock().allow(address.ip(), now) {
            bail!("too many enrolments from this address; wait a minute");
        }
        let hash: [u8; 32] = Sha256::digest(enrol.secret).into();
        let made = self.state.use_token(&hash, &enrol.hostname, now).await.map_err(|_| {
            anyhow::anyhow!("the token is unknown, used or too old; make a new one with `bongsu agent enrol`")
        })?;
        let enrolled = self.certify(made.agent, &enrol.csr_pem, now).await?;
        self.stream.tell(Some(made.agency), StreamEvent::Sources);
        Ok(enrolled)
    }

    async fn certify(&self, agent: AgentId, csr_pem: &str, now: Micros) -> Result<Enrolled> {
        let signed = self.authority.sign_agent(csr_pem, agent, now)?;
        let certificate =
            Certificate { serial: signed.serial, fingerprint: signed.fingerprint, until: signed.not_after };
        self.state.set_certificate(agent, &certificate, now).await?;
        Ok(enrolled(agent, &signed.pem, self.authority.pem(), now))
    }

    async fn renew_agent(&self, agent: AgentId, csr_pem: &str, now: Micros) -> Result<Enrolled> {
        self.certify(agent, csr_pem, now).await
    }

    /// Not revoked? A certificate of ours that has been renewed meanwhile still speaks until its own end.
    async fn agent_may_speak(&self, agent: AgentId) -> Result<bool> {
        match self.state.agent(&Scope::All, agent).await {
            Ok(row) => Ok(!row.revoked),
            Err(StateError::NotFound(_)) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    async fn agent_connected(&self, agent: AgentId, address: SocketAddr) {
        let hello = self.agents.get(agent).map(|c| c.hello);
        let seen = AgentSeen {
            hostname: hello.as_ref().map(|h| h.hostname.chars().take(253).collect()),
            version: hello.as_ref().map(|h| h.agent_version.chars().take(64).collect()),
            address: Some(address.to_string()),
            ..AgentSeen::default()
        };
        self.note_agent(agent, &seen).await;
        self.stream.tell(None, StreamEvent::Sources);
    }

    async fn agent_left(&self, agent: AgentId) {
        self.note_agent(agent, &AgentSeen::default()).await;
        self.stream.tell(None, StreamEvent::Sources);
    }

    async fn agent_status(&self, agent: AgentId, status: &Status) {
        let waiting = status.spool.last_sequence.saturating_sub(status.spool.acked_sequence);
        let trouble = [status.spool.alarm.as_str(), status.enforcement.error.as_str()]
            .into_iter()
            .chain(status.inputs.iter().map(|i| i.error.as_str()))
            .find(|t| !t.is_empty())
            .unwrap_or("");
        let seen = AgentSeen {
            spool_lines: Some(waiting),
            spool_bytes: Some(status.spool.bytes),
            spool_dropped: Some(status.spool.dropped_records),
            rss_bytes: Some(status.rss_bytes),
            trouble: Some(trouble.chars().take(300).collect()),
            ..AgentSeen::default()
        };
        self.note_agent(agent, &seen).await;
    }

    async fn note_agent(&self, agent: AgentId, seen: &AgentSeen) {
        if let Err(e) = self.state.agent_seen(agent, seen, self.now()).await {
            warn!(agent = agent.0, "what an agent reported could not be kept: {e}");
        }
    }

    /// What an agent is to do, and the source behind each input.
    ///
    /// # Errors
    /// The state can't be read, or there is no such agent.
    pub async fn agent_config(&self, agent: AgentId) -> Result<(Config, HashMap<u32, SourceId>)> {
        let row = self.state.agent(&Scope::All, agent).await?;
        let inputs = row.inputs.iter().filter_map(|i| {
            let what = i.spec.what.clone();
            let list = || what.split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect::<Vec<_>>();
            let kind = match i.spec.kind.as_str() {
                "tail" => InputKind::Tail { globs: list(), from_start: true },
                "journald" => InputKind::Journald { units: list() },
                "syslog_udp" => InputKind::SyslogUdp { listen: what.clone() },
                "syslog_tcp" => InputKind::SyslogTcp { listen: what.clone() },
                _ => return None,
            };
            Some(InputConfig { id: InputId(i.input), kind })
        });
        let enforce = match row.enforce {
            Enforce::Off => None,
            Enforce::DryRun => Some(EnforceConfig { dry_run: true, reconcile_seconds: RECONCILE_SECONDS }),
            Enforce::Nftables => Some(EnforceConfig { dry_run: false, reconcile_seconds: RECONCILE_SECONDS }),
        };
        let config = AgentConfig { inputs: inputs.collect(), enforce, ..AgentConfig::default() };
        let sources = row.inputs.iter().map(|i| (i.input, i.source)).collect();
        Ok((Config { version: row.config_version, agent: config }, sources))
    }

    /// Tell an agent its configuration as it stands now. Call after each change to it.
    ///
    /// # Errors
    /// The state can't be read.
    pub async fn push_agent_config(&self, agent: AgentId) -> Result<()> {
        let (config, inputs) = self.agent_config(agent).await?;
        self.agents.configure(agent, config, inputs);
        Ok(())
    }
}

/// Enrolments from one address: few, because guessing is all that many could mean.
#[derive(Default)]
pub struct Enrolments {
    recent: HashMap<IpAddr, (Micros, u32)>,
}

impl Enrolments {
    fn allow(&mut self, address: IpAddr, now: Micros) -> bool {
        if self.recent.len() > ENROLMENT_ADDRESSES_MAX {
            self.recent.clear();
        }
        let entry = self.recent.entry(address).or_insert((now, 0));
        if now.seconds_since(entry.0) > 60.0 {
            *entry = (now, 0);
        }
        entry.1 += 1;
        entry.1 <= ENROLMENTS_A_MINUTE_MAX
    }
}
