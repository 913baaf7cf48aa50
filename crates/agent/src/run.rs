//! The running agent: puts the parts together, keeps house, drains.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bongsu_journal::{Spool, SpoolOptions};
use bongsu_uplink::Config;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::{
    Folder, StatusFile,
    collectors::Collectors,
    config, enforce,
    enforce::{Order, Shown},
    feed::Feed,
    identity::Identity,
    limits::{KEEP_SECONDS, OUTBOX_MESSAGES_MAX, TIDY_SECONDS},
    places,
    session::{self, Outlet, Uplink},
    shared::Shared,
    status,
};

/// Stops the agent: what was read is handed over, then it ends.
pub type Stop = tokio_util::sync::CancellationToken;

/// Folder of the spool within the data folder.
const SPOOL: &str = "spool";
/// Seconds between two writes of the status file.
const STATUS_FILE_SECONDS: u64 = 5;

/// The agent.
#[derive(Debug)]
pub struct Agent {
    folder: Folder,
    center: Option<String>,
}

impl Agent {
    /// On a data folder; `center` overrides the address of enrolment.
    #[must_use]
    pub fn new(folder: Folder, center: Option<String>) -> Self {
        Self { folder, center }
    }

    /// Runs until `stop`.
    ///
    /// # Errors
    /// Not enrolled, the folder in use or not usable.
    pub async fn run(self, stop: Stop) -> Result<()> {
        let _lock = self.folder.lock()?;
        let identity = Identity::load(&self.folder)
            .context("this machine is not enrolled: run `bongsu-agent enrol TOKEN` with a token from the center")?;
        let kept_config = config::load(&self.folder);
        let spool = open_spool(&self.folder, &kept_config)?;
        let shared = Shared::new(self.folder.clone(), spool);
        let center = self.center.unwrap_or_else(|| identity.center.clone());
        let running = Running::start(&shared, identity, center, kept_config, &stop)?;
        let outcome = running.wait(&shared, stop).await;
        let closing = Arc::clone(&shared);
        let _ = tokio::task::spawn_blocking(move || {
            let _ = closing.spool.ack(closing.acked.load(Relaxed));
            closing.spool.close();
        })
        .await;
        if outcome.is_err() {
            let aside = self.folder.at(&format!("{SPOOL}.{}", crate::shared::now().0));
            let _ = std::fs::rename(self.folder.at(SPOOL), aside);
        }
        outcome
    }
}

fn open_spool(folder: &Folder, config: &Config) -> Result<Spool> {
    let bounds = &config.agent.spool;
    let options = SpoolOptions {
        bytes_max: bounds.bytes_max,
        hours_max: bounds.hours_max,
        keep_acked_hours: bounds.keep_acked_hours,
        ..SpoolOptions::default()
    };
    let (spool, recovery) =
        Spool::open(&folder.at(SPOOL), options, places::random()).context("the spool cannot be opened")?;
    if let Some(torn) = &recovery.torn {
        tracing::info!(
            bytes = torn.bytes,
            "the spool's last batch was torn by a power cut or a kill: its lines are read again"
        );
    }
    for damage in &recovery.damage {
        tracing::error!(%damage, "the spool is damaged: the lines there are lost");
    }
    Ok(spool)
}

/// The parts of the agent.
struct Running {
    collectors: Collectors,
    configs: watch::Receiver<Config>,
    uplink: tokio::task::JoinHandle<Result<()>>,
    enforcer: tokio::task::JoinHandle<()>,
    keeper: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(shared: &Arc<Shared>, identity: Identity, center: String, kept: Config, stop: &Stop) -> Result<Self> {
        let outlet = Outlet::default();
        let shown = Arc::new(Shown::default());
        shown.version.store(enforce::kept_version(shared), Relaxed);
        let (orders, ordered) = mpsc::channel(OUTBOX_MESSAGES_MAX);
        // What is kept is in force before the center is asked.
        let _ = orders.try_send(Order::Config(kept.agent.enforce.clone()));
        let enforcer = enforce::run(Arc::clone(shared), outlet.clone(), Arc::clone(&shown), ordered, stop.clone());
        let collectors = Collectors::start(Arc::clone(shared)).context("the files cannot be followed")?;
        let (config, mut configs) = watch::channel(kept);
        configs.mark_changed();
        let state = Arc::new(Mutex::new("connecting".to_owned()));
        let started = Instant::now();
        let view = View {
            center: center.clone(),
            agent_id: identity.agent_id.0,
            state: Arc::clone(&state),
            shown: Arc::clone(&shown),
            started,
        };
        let uplink = Uplink {
            shared: Arc::clone(shared),
            identity: Mutex::new(identity),
            center,
            feed: Feed::start(Arc::clone(shared)).context("no thread for the spool")?,
            outlet,
            orders,
            shown,
            config,
            state,
            started,
        };
        Ok(Self {
            collectors,
            configs,
            uplink: tokio::spawn(uplink.run(stop.clone())),
            enforcer: tokio::spawn(enforcer),
            keeper: tokio::spawn(keep(Arc::clone(shared), view, stop.clone())),
        })
    }

    /// Obeys new configurations until something ends.
    async fn wait(mut self, shared: &Arc<Shared>, stop: Stop) -> Result<()> {
        let outcome = loop {
            tokio::select! {
                () = stop.cancelled() => break None,
                ended = &mut self.uplink => {
                    stop.cancel();
                    break Some(ended.context("the connection's task failed").and_then(|r| r));
                }
                changed = self.configs.changed() => {
                    if changed.is_ok() {
                        self.configure(shared).await;
                    }
                }
            }
        };
        // Readers first: what they hand over still goes into the spool.
        self.collectors.stop().await;
        let _ = self.enforcer.await;
        let _ = self.keeper.await;
        match outcome {
            Some(outcome) => outcome,
            None => self.uplink.await.context("the connection's task failed")?,
        }
    }

    async fn configure(&mut self, shared: &Arc<Shared>) {
        let config = self.configs.borrow_and_update().clone();
        config::store(&shared.folder, &config);
        let bounds = &config.agent.spool;
        shared.spool.set_bounds(bounds.bytes_max, bounds.hours_max, bounds.keep_acked_hours);
        self.collectors.set(&config.agent.inputs).await;
        tracing::info!(version = config.version, inputs = config.agent.inputs.len(), "configured");
    }
}

/// What the status file shows.
struct View {
    center: String,
    agent_id: u32,
    state: Arc<Mutex<String>>,
    shown: Arc<Shown>,
    started: Instant,
}

/// Keeps house: the acknowledged position, the spool's bounds, the status file.
async fn keep(shared: Arc<Shared>, view: View, stop: Stop) {
    let mut tick = tokio::time::interval(Duration::from_secs(KEEP_SECONDS));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut turn = 0u64;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.cancelled() => return,
        }
        shared.look_at_room();
        let tidy = turn.is_multiple_of(TIDY_SECONDS / KEEP_SECONDS);
        let ack = shared.acked.load(Relaxed);
        if tidy || ack != shared.spool.acked() {
            let working = Arc::clone(&shared);
            let _ = tokio::task::spawn_blocking(move || housework(&working, ack, tidy)).await;
        }
        if turn.is_multiple_of(STATUS_FILE_SECONDS / KEEP_SECONDS) {
            show(&shared, &view);
        }
        turn += 1;
    }
}

fn housework(shared: &Shared, ack: u64, tidy: bool) {
    if ack != shared.spool.acked()
        && let Err(e) = shared.spool.ack(ack)
    {
        tracing::warn!(error = %e, "the acknowledged position cannot be kept");
    }
    if !tidy {
        return;
    }
    match shared.spool.tidy() {
        Ok(0) => {}
        Ok(dropped) => tracing::error!(dropped, "the spool is over its bound: its oldest lines were dropped"),
        Err(e) => tracing::warn!(error = %e, "the spool cannot be tidied"),
    }
}

fn show(shared: &Shared, view: &View) {
    let enforcement = view.shown.enforcement.lock().clone();
    let file = StatusFile {
        center: view.center.clone(),
        agent_id: view.agent_id,
        link: view.state.lock().clone(),
        certificate_until: session::certificate_until(&shared.folder),
        status: status::gather(shared, enforcement, view.started),
    };
    // No need to survive a power cut: it is written again in seconds.
    let (path, fresh) = (shared.folder.at(status::FILE), shared.folder.at("status.json.new"));
    if let Ok(json) = serde_json::to_vec(&file) {
        let _ = write_owner_only(&fresh, &json).and_then(|()| std::fs::rename(fresh, path));
    }
}

fn write_owner_only(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?.write_all(bytes)
}
