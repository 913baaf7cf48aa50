//! The connection to the center: connect, say hello, send what the spool holds, obey; again and again.
//!
//! Invariant: after each welcome lines are sent from the one behind what the center holds, so that nothing is lost and
//! repeats are dropped there. Reading never waits for writing: a block gets through while lines are being pushed.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, bail};
use bongsu_event::Micros;
use bongsu_uplink::{
    AgentMessage, CenterMessage, Config, Enrolled, Hello, PROTOCOL_VERSION, Renew, Welcome,
    limits::{PING_SECONDS, RECORDS_IN_FLIGHT_MAX, SILENCE_SECONDS_MAX, STATUS_SECONDS},
};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    enforce::{self, Order, Shown},
    feed::{Feed, Packed},
    identity::{Identity, Request},
    limits::{
        BACKOFF_MILLIS_MAX, BACKOFF_MILLIS_MIN, CONNECT_SECONDS_MAX, OUTBOX_MESSAGES_MAX, PROBE_SECONDS,
        REFUSED_SECONDS, RENEW_LOOK_SECONDS,
    },
    link::{self, LinkReader, LinkWriter},
    places,
    shared::{Shared, now},
    status, tls,
};

/// Probes whose answers are awaited.
const PROBES_MAX: usize = 64;

/// Where the parts of the agent put messages for the center; while it is away they are dropped, for each of them is
/// said anew when it is back.
#[derive(Clone, Default)]
pub(crate) struct Outlet(Arc<Mutex<Option<mpsc::Sender<AgentMessage>>>>);

impl Outlet {
    pub fn say(&self, message: AgentMessage) {
        if let Some(to) = self.0.lock().as_ref() {
            let _ = to.try_send(message);
        }
    }

    fn set(&self, to: Option<mpsc::Sender<AgentMessage>>) {
        *self.0.lock() = to;
    }
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    /// It broke, or the center closed it.
    Broken(anyhow::Error),
    /// The center does not want us.
    Refused(String),
    /// The center holds lines of this spool that the spool itself has lost.
    SpoolBehind,
    /// We are stopping.
    Stopped,
}

/// Everything the connection needs.
pub(crate) struct Uplink {
    pub shared: Arc<Shared>,
    pub identity: Mutex<Identity>,
    /// `host:port`.
    pub center: String,
    pub feed: Feed,
    pub outlet: Outlet,
    pub orders: mpsc::Sender<Order>,
    pub shown: Arc<Shown>,
    pub config: watch::Sender<Config>,
    /// `connected`, or why not.
    pub state: Arc<Mutex<String>>,
    pub started: Instant,
}

/// What the two halves of one connection share.
struct Talk {
    /// Last sequences of messages not yet acknowledged.
    in_flight: Mutex<VecDeque<u64>>,
    room: Notify,
    probes: Mutex<VecDeque<(u64, Instant)>>,
    next_probe: AtomicU64,
    heard: Mutex<Instant>,
    renewal: Mutex<Option<String>>,
}

impl Uplink {
    /// Until `stop`, or until the spool must be begun anew.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let mut pause = Backoff::default();
        let ended = loop {
            let end = self.once(&stop, &mut pause).await;
            self.outlet.set(None);
            let wait = match end {
                End::Stopped => break Ok(()),
                End::SpoolBehind => {
                    break Err(anyhow!(
                        "the center holds more of this spool than the spool itself: beginning a new one"
                    ));
                }
                End::Refused(why) => {
                    tracing::warn!(why, "the center refuses this agent");
                    self.set_state(format!("refused: {why}"));
                    Duration::from_secs(REFUSED_SECONDS)
                }
                End::Broken(e) => {
                    let text = format!("{e:#}");
                    if *self.state.lock() != text {
                        tracing::warn!(error = text, "no connection to the center; collecting and enforcing go on");
                    }
                    self.set_state(text);
                    pause.next()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => break Ok(()),
            }
        };
        self.feed.stop().await;
        ended
    }

    fn set_state(&self, text: String) {
        *self.state.lock() = text;
    }

    /// One connection, from its first byte to its last.
    async fn once(&self, stop: &CancellationToken, pause: &mut Backoff) -> End {
        let opened = tokio::select! {
            opened = self.open() => opened,
            () = stop.cancelled() => return End::Stopped,
        };
        let (mut reader, mut writer, address, welcome) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(refused)) => return End::Refused(refused),
            Err(e) => return End::Broken(e),
        };
        if welcome.acked_sequence > self.shared.spool.last_sequence() {
            return End::SpoolBehind;
        }
        tracing::info!(center = %address, agent = %welcome.agent_id, acked = welcome.acked_sequence, "connected");
        self.set_state("connected".to_owned());
        pause.reset();
        self.shared.clock_ahead.store(enforce::clock_ahead(welcome.time, now()), Relaxed);
        self.shared.acked.store(welcome.acked_sequence, Relaxed);
        let (outbox, out) = mpsc::channel(OUTBOX_MESSAGES_MAX);
        self.outlet.set(Some(outbox));
        let _ = self.orders.send(Order::Center(address)).await;
        self.configure(welcome.config).await;
        let frames = self.feed.from(welcome.acked_sequence + 1);
        let talk = Talk::new();
        let end = tokio::select! {
            end = self.listen(&mut reader, &talk) => end,
            e = write(&mut writer, &talk, out, frames) => End::Broken(e),
            e = self.tick(&talk) => End::Broken(e),
            () = stop.cancelled() => End::Stopped,
        };
        writer.close().await;
        end
    }

    /// Connects and says hello; the inner error is the center's refusal.
    async fn open(&self) -> Result<Result<(LinkReader, LinkWriter, SocketAddr, Welcome), String>> {
        let identity = self.identity.lock().clone();
        let config = tls::enrolled(&identity)?;
        let (mut reader, mut writer, address) = link::connect(&self.center, config, Some(&identity), now()).await?;
        writer.send(&AgentMessage::Hello(self.hello())).await?;
        let answer = tokio::time::timeout(Duration::from_secs(CONNECT_SECONDS_MAX), reader.next());
        match answer.await.map_err(|_| anyhow!("the center does not welcome us within {CONNECT_SECONDS_MAX} s"))? {
            Ok(Some(CenterMessage::Welcome(welcome))) => Ok(Ok((reader, writer, address, welcome))),
            Ok(Some(CenterMessage::Error(why))) => Ok(Err(why)),
            Ok(Some(_)) => bail!("the center answers our hello with something else"),
            Ok(None) => bail!("the center closed the connection at our hello"),
            Err(e) => Err(as_tls(e, &identity)),
        }
    }

    fn hello(&self) -> Hello {
        let spool = self.shared.spool.stats();
        let journald = std::path::Path::new("/usr/bin/journalctl").exists().then_some("journald");
        Hello {
            protocol: PROTOCOL_VERSION,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: status::hostname(),
            os: status::os(),
            spool_epoch: spool.epoch,
            spool_first_sequence: spool.first_sequence,
            spool_last_sequence: spool.last_sequence,
            config_version: self.config.borrow().version,
            blocks_version: self.shown.version.load(Relaxed),
            capabilities: ["tail", "syslog", "nftables"].into_iter().chain(journald).map(str::to_owned).collect(),
        }
    }

    async fn configure(&self, config: Config) {
        // On the same way as the blocks, so that the point stands before the first of them comes.
        let _ = self.orders.send(Order::Config(config.agent.enforce.clone())).await;
        self.config.send_if_modified(|known| {
            let changed = *known != config;
            *known = config;
            changed
        });
    }

    async fn listen(&self, reader: &mut LinkReader, talk: &Talk) -> End {
        loop {
            let message = match reader.next().await {
                Ok(Some(message)) => message,
                Ok(None) => return End::Broken(anyhow!("the center closed the connection")),
                Err(e) => return End::Broken(as_tls(e, &self.identity.lock())),
            };
            *talk.heard.lock() = Instant::now();
            if let Some(end) = self.take(message, talk).await {
                return end;
            }
        }
    }

    async fn take(&self, message: CenterMessage, talk: &Talk) -> Option<End> {
        let arrived = Instant::now();
        match message {
            CenterMessage::Ack { epoch, through } => {
                if epoch == self.shared.spool.epoch() {
                    self.shared.acked.fetch_max(through.min(self.shared.spool.last_sequence()), Relaxed);
                    talk.acked(through);
                }
            }
            CenterMessage::Config(config) => self.configure(config).await,
            CenterMessage::Welcome(welcome) => self.configure(welcome.config).await,
            CenterMessage::Blocks(blocks) => drop(self.orders.send(Order::Full(blocks, arrived)).await),
            CenterMessage::BlocksDelta(delta) => drop(self.orders.send(Order::Delta(delta, arrived)).await),
            CenterMessage::Enrolled(answer) => self.renewed(answer, talk),
            CenterMessage::Ping(n) => self.outlet.say(AgentMessage::Pong(n)),
            CenterMessage::Pong(n) => {
                if let Some(sent) = talk.answered(n) {
                    let _ = self.orders.send(Order::Proved(sent)).await;
                }
            }
            CenterMessage::Error(why) => return Some(End::Refused(why)),
        }
        None
    }

    fn renewed(&self, answer: Enrolled, talk: &Talk) {
        let Some(key_pem) = talk.renewal.lock().take() else { return };
        let center = self.identity.lock().center.clone();
        let stored = Identity::from_answer(answer, key_pem, center)
            .and_then(|fresh| fresh.store(&self.shared.folder).map(|()| fresh));
        match stored {
            Ok(fresh) => {
                tracing::info!("the certificate was renewed; the next connection uses it");
                *self.identity.lock() = fresh;
            }
            Err(e) => {
                let text = format!("the renewed certificate cannot be used: {e:#}");
                tracing::warn!(text);
                self.outlet.say(AgentMessage::Error(text));
            }
        }
    }

    /// Status, pings, probes, renewal; gives up on a silent center.
    async fn tick(&self, talk: &Talk) -> anyhow::Error {
        let mut tick = tokio::time::interval(Duration::from_secs(PROBE_SECONDS));
        let mut turn = 0u64;
        loop {
            tick.tick().await;
            let silent = talk.heard.lock().elapsed().as_secs();
            if silent >= SILENCE_SECONDS_MAX {
                return anyhow!("the center has said nothing for {silent} s");
            }
            if self.shown.wants_probe.load(Relaxed) || (silent >= PING_SECONDS && turn.is_multiple_of(5)) {
                self.outlet.say(AgentMessage::Ping(talk.probe()));
            }
            if turn.is_multiple_of(STATUS_SECONDS / PROBE_SECONDS) {
                let enforcement = self.shown.enforcement.lock().clone();
                let status = status::gather(&self.shared, enforcement, self.started);
                self.outlet.say(AgentMessage::Status(status));
            }
            let look = turn.is_multiple_of(RENEW_LOOK_SECONDS / PROBE_SECONDS);
            if look && self.identity.lock().wants_renewal(self.shared.center_now()) {
                match Request::make(&status::hostname()) {
                    Ok(request) => {
                        *talk.renewal.lock() = Some(request.key_pem);
                        self.outlet.say(AgentMessage::Renew(Renew { csr_pem: request.csr_pem }));
                    }
                    Err(e) => tracing::warn!(error = format!("{e:#}"), "no new key can be made"),
                }
            }
            turn += 1;
        }
    }
}

/// Messages first, then lines as far as the center has room for them.
async fn write(
    writer: &mut LinkWriter,
    talk: &Talk,
    mut out: mpsc::Receiver<AgentMessage>,
    mut frames: mpsc::Receiver<Packed>,
) -> anyhow::Error {
    loop {
        let room = talk.in_flight.lock().len() < RECORDS_IN_FLIGHT_MAX;
        let sent = tokio::select! {
            biased;
            message = out.recv() => match message {
                Some(message) => writer.send(&message).await,
                None => return anyhow!("stopping"),
            },
            packed = frames.recv(), if room => match packed {
                Some(packed) => {
                    talk.in_flight.lock().push_back(packed.last);
                    writer.send_frame(&packed.frame).await
                }
                None => return anyhow!("the spool is closed"),
            },
            () = talk.room.notified(), if !room => Ok(()),
        };
        if let Err(e) = sent {
            return e;
        }
    }
}

fn as_tls(e: anyhow::Error, identity: &Identity) -> anyhow::Error {
    match e.downcast_ref::<std::io::Error>() {
        // In TLS 1.3 a refused certificate shows only at the first read.
        Some(io) if io.get_ref().is_some() => anyhow!(tls::explain(io, Some(identity), now())),
        _ => e,
    }
}

impl Talk {
    fn new() -> Self {
        Self {
            in_flight: Mutex::default(),
            room: Notify::new(),
            probes: Mutex::default(),
            next_probe: AtomicU64::new(1),
            heard: Mutex::new(Instant::now()),
            renewal: Mutex::default(),
        }
    }

    fn acked(&self, through: u64) {
        let mut in_flight = self.in_flight.lock();
        while in_flight.front().is_some_and(|last| *last <= through) {
            in_flight.pop_front();
        }
        drop(in_flight);
        self.room.notify_one();
    }

    /// Number of a new probe.
    fn probe(&self) -> u64 {
        let number = self.next_probe.fetch_add(1, Relaxed);
        let mut probes = self.probes.lock();
        if probes.len() >= PROBES_MAX {
            probes.pop_front();
        }
        probes.push_back((number, Instant::now()));
        number
    }

    /// When the probe of this answer was sent.
    fn answered(&self, number: u64) -> Option<Instant> {
        let mut probes = self.probes.lock();
        let at = probes.iter().position(|(n, _)| *n == number)?;
        probes.remove(at).map(|(_, sent)| sent)
    }
}

/// Pauses that double, each cut by up to half at random so that a city's agents do not come all at once.
#[derive(Default)]
struct Backoff {
    millis: u64,
}

impl Backoff {
    fn next(&mut self) -> Duration {
        self.millis = (self.millis * 2).clamp(BACKOFF_MILLIS_MIN, BACKOFF_MILLIS_MAX);
        Duration::from_millis(self.millis - places::random() % (self.millis / 2 + 1))
    }

    fn reset(&mut self) {
        self.millis = 0;
    }
}

/// The certificate's end, for the status.
pub(crate) fn certificate_until(folder: &crate::Folder) -> Option<Micros> {
    Some(Identity::load(folder)?.validity()?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_never_vanish() {
        let mut pause = Backoff::default();
        for _ in 0..20 {
            let p = pause.next().as_millis() as u64;
            assert!((BACKOFF_MILLIS_MIN / 2..=BACKOFF_MILLIS_MAX).contains(&p), "{p}");
        }
        assert!(pause.next() >= Duration::from_millis(BACKOFF_MILLIS_MAX / 2));
    }

    #[test]
    fn an_acknowledgement_frees_all_it_covers() {
        let talk = Talk::new();
        talk.in_flight.lock().extend([3, 6, 9]);
        talk.acked(6);
        assert_eq!(*talk.in_flight.lock(), [9]);
        let n = talk.probe();
        assert!(talk.answered(n).is_some() && talk.answered(n).is_none());
    }
}
