//! The enforcement point in the agent: orders in, device changes, reports out.
//!
//! Invariant: the wanted set is kept on disk, so that after a restart the blocks go on until they expire although the
//! center is away; a device that fails is tried again at every look, and says so.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bongsu_event::Micros;
use bongsu_respond::{Kept, Now, Point, RulesetWatch, devices, host};
use bongsu_uplink::{
    AgentMessage, BlockOutcome, BlockReport, BlockResult, Blocks, BlocksDelta, EnforceConfig, Enforcement,
    EnforcementState,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    limits::{IDLE_LOOK_SECONDS, RECONCILE_SECONDS, RULESET_CALM_MILLIS},
    session::Outlet,
    shared::Shared,
};

const FILE: &str = "blocks.json";
/// Seconds between two looks at verdicts and things to say.
const TICK_SECONDS: u64 = 1;
/// Seconds between two full reports when nothing changes.
const STATE_SECONDS: u64 = 60;
/// Full reports are paced so that no more blocks than this are reported in a second.
const BLOCKS_A_SECOND: u64 = 500;
/// After the ruleset was looked at because somebody changed it, it is left alone this long, milliseconds.
const LOOK_PAUSE_MILLIS: u64 = 200;

/// What the enforcer is told.
pub(crate) enum Order {
    /// How to enforce; `None`: not at all.
    Config(Option<EnforceConfig>),
    /// The center is reached at this address now.
    Center(SocketAddr),
    /// The full wanted set, and when it came.
    Full(Blocks, Instant),
    /// One change, and when it came.
    Delta(BlocksDelta, Instant),
    /// The center answered a probe sent then.
    Proved(Instant),
}

/// What others may look at.
#[derive(Default)]
pub(crate) struct Shown {
    pub enforcement: Mutex<Enforcement>,
    /// A change waits for proof that the center is still reached.
    pub wants_probe: AtomicBool,
    /// Version of the wanted set.
    pub version: std::sync::atomic::AtomicU64,
}

#[derive(Default, Serialize, Deserialize)]
struct OnDisk {
    kept: Kept,
    center: Vec<IpAddr>,
    clock_ahead: i64,
}

struct Enforcer {
    shared: Arc<Shared>,
    outlet: Outlet,
    shown: Arc<Shown>,
    config: Option<EnforceConfig>,
    point: Option<Point>,
    /// The center's word while there is no point: for the moment it is switched on.
    standby: Option<Blocks>,
    watch: Option<RulesetWatch>,
    center: Vec<IpAddr>,
    said: HashMap<String, (BlockOutcome, String)>,
    state_due: bool,
    state_at: Instant,
    looked_at: Instant,
    foreign: bool,
}

pub(crate) async fn run(
    shared: Arc<Shared>,
    outlet: Outlet,
    shown: Arc<Shown>,
    mut orders: mpsc::Receiver<Order>,
    stop: CancellationToken,
) {
    let mut enforcer = Enforcer {
        shared,
        outlet,
        shown,
        config: None,
        point: None,
        standby: None,
        watch: None,
        center: Vec::new(),
        said: HashMap::new(),
        state_due: false,
        state_at: Instant::now(),
        looked_at: Instant::now(),
        foreign: false,
    };
    loop {
        let pause = enforcer.pause();
        tokio::select! {
            // What is held stays held: a stopped agent frees nobody.
            () = stop.cancelled() => return,
            order = orders.recv() => match order {
                Some(order) => enforcer.obey(order).await,
                None => return,
            },
            () = foreign_change(&mut enforcer.watch) => {
                sleep(Duration::from_millis(RULESET_CALM_MILLIS)).await;
                enforcer.foreign = true;
                enforcer.turn().await;
            }
            () = sleep(pause) => enforcer.turn().await,
        }
    }
}

async fn foreign_change(watch: &mut Option<RulesetWatch>) {
    match watch {
        Some(w) => {
            if w.changed().await.is_err() {
                *watch = None;
            }
        }
        None => std::future::pending().await,
    }
}

impl Enforcer {
    fn now(&self) -> Now {
        Now { wall: self.shared.center_now(), mono: Instant::now() }
    }

    /// Until there is something to do by itself: a verdict, a look, an expiry.
    fn pause(&self) -> Duration {
        let tick = Duration::from_secs(TICK_SECONDS);
        let Some(point) = &self.point else { return tick };
        let wall = self.shared.center_now();
        let expiry =
            point.next_expiry(wall).map(|e| Duration::from_micros(e.0.saturating_sub(wall.0).unsigned_abs() + 1_000));
        let calm = Duration::from_millis(LOOK_PAUSE_MILLIS).saturating_sub(self.looked_at.elapsed());
        let foreign = self.foreign.then_some(calm);
        [Some(tick), expiry, foreign].into_iter().flatten().min().unwrap_or(tick)
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Config(config) => self.configure(config).await,
            Order::Center(address) => {
                self.center = vec![address.ip()];
                let center = self.center.clone();
                if let Some(point) = &mut self.point {
                    point.guard_mut().set_center(center);
                }
                self.said.clear();
                self.state_due = true;
            }
            Order::Full(blocks, arrived) => {
                let now = self.now();
                let Some(point) = &mut self.point else {
                    self.standby = Some(blocks);
                    return;
                };
                point.take_full(blocks, now);
                self.state_due = true;
                self.settle(arrived).await;
                self.say_state();
            }
            Order::Delta(delta, arrived) => {
                let now = self.now();
                match &mut self.point {
                    Some(point) => {
                        if point.take_delta(delta, now) {
                            self.settle(arrived).await;
                        }
                    }
                    None => self.standby.iter_mut().for_each(|s| apply(s, &delta)),
                }
            }
            Order::Proved(sent) => {
                if let Some(point) = &mut self.point {
                    point.proved(sent);
                }
            }
        }
        self.show();
    }

    async fn configure(&mut self, config: Option<EnforceConfig>) {
        if config == self.config {
            return;
        }
        let name = |c: &EnforceConfig| if c.dry_run { "dry_run" } else { "nftables" };
        let device = config.as_ref().map(name);
        let changes = self.point.as_ref().map(Point::device_name) != device;
        self.config = config;
        if !changes {
            return;
        }
        let mut on_disk: OnDisk = self.shared.folder.read_json(FILE).unwrap_or_default();
        if let Some(mut old) = self.point.take() {
            on_disk.kept = old.kept();
            self.standby = Some(standby(&on_disk.kept));
            let empty = Blocks { version: old.version(), ..Blocks::default() };
            old.take_full(empty, self.now());
            old.settle(self.now()).await;
        }
        self.watch = None;
        let Some(mut point) = device.and_then(devices::by_name).map(Point::new) else {
            tracing::info!("enforcement is off");
            self.said.clear();
            return;
        };
        if self.center.is_empty() {
            self.center = on_disk.center;
            // The clock the center last showed, until it answers again.
            self.shared.clock_ahead.store(on_disk.clock_ahead, Relaxed);
        }
        point.guard_mut().set_center(self.center.clone());
        point.restore(on_disk.kept, self.now());
        if let Some(blocks) = self.standby.take() {
            point.take_full(blocks, self.now());
        }
        self.watch = point.watches().then(RulesetWatch::open).and_then(Result::ok);
        tracing::info!(device = point.device_name(), "enforcement is on");
        self.point = Some(point);
        self.settle(Instant::now()).await;
    }

    /// What is due by itself.
    async fn turn(&mut self) {
        let now = self.now();
        let Some(point) = &mut self.point else { return };
        let judged = point.judge(now);
        let seconds = self.config.as_ref().map_or(0, |c| c.reconcile_seconds).max(RECONCILE_SECONDS);
        let every = if point.held() > 0 || !point.error().is_empty() { u64::from(seconds) } else { IDLE_LOOK_SECONDS };
        let since = self.looked_at.elapsed();
        let foreign = self.foreign && since >= Duration::from_millis(LOOK_PAUSE_MILLIS);
        if foreign || since >= Duration::from_secs(every) {
            (self.foreign, self.looked_at) = (false, Instant::now());
            set_host(point);
            let reports = point.look(now).await;
            self.tell(reports, Instant::now());
        }
        if judged || self.expires() {
            self.settle(Instant::now()).await;
        }
        let since = self.state_at.elapsed();
        let held = u64::from(self.point.as_ref().map_or(0, Point::held));
        let calm = Duration::from_secs(TICK_SECONDS + held / BLOCKS_A_SECOND);
        if (self.state_due && since >= calm) || since >= Duration::from_secs(STATE_SECONDS) {
            self.say_state();
        }
        self.show();
    }

    /// Is a block reported as held whose time is over?
    fn expires(&self) -> bool {
        let wall = self.shared.center_now();
        let held = |b: &BlockReport| b.expires_at.is_some_and(|e| e <= wall) && b.outcome != BlockOutcome::Expired;
        self.point.as_ref().is_some_and(|p| p.state(self.now()).blocks.iter().any(held))
    }

    async fn settle(&mut self, arrived: Instant) {
        let now = self.now();
        let Some(point) = &mut self.point else { return };
        set_host(point);
        let reports = point.settle(now).await;
        self.tell(reports, arrived);
        if let Some(point) = &mut self.point {
            point.cut_fresh().await;
        }
        self.keep();
    }

    /// Says each block whose outcome changed, at once.
    fn tell(&mut self, reports: Vec<BlockReport>, arrived: Instant) {
        self.state_due |= !reports.is_empty();
        let (time, took) = (self.shared.center_now(), arrived.elapsed());
        for report in reports {
            let now_said = (report.outcome, report.detail.clone());
            if self.said.get(&report.id) == Some(&now_said) {
                continue;
            }
            if report.outcome == BlockOutcome::Removed {
                self.said.remove(&report.id);
            } else {
                self.said.insert(report.id.clone(), now_said);
            }
            tracing::info!(id = report.id, target = report.target, outcome = ?report.outcome, detail = report.detail, took_us = took.as_micros(), "block");
            let took_micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.outlet.say(AgentMessage::BlockResult(BlockResult { time, took_micros, report }));
        }
    }

    fn say_state(&mut self) {
        let Some(point) = &self.point else { return };
        self.outlet.say(AgentMessage::BlocksState(point.state(self.now())));
        (self.state_due, self.state_at) = (false, Instant::now());
    }

    fn keep(&self) {
        let Some(point) = &self.point else { return };
        let on_disk = OnDisk {
            kept: point.kept(),
            center: self.center.clone(),
            clock_ahead: self.shared.clock_ahead.load(Relaxed),
        };
        if let Err(e) = self.shared.folder.write_json(FILE, &on_disk) {
            tracing::warn!(error = format!("{e:#}"), "the wanted blocks cannot be kept");
        }
    }

    fn show(&self) {
        let (state, held, version, error, probe) = match (&self.point, &self.config) {
            (Some(p), _) => {
                let works = if p.watches() { EnforcementState::On } else { EnforcementState::DryRun };
                let state = if p.error().is_empty() { works } else { EnforcementState::Failed };
                (state, p.held(), p.version(), p.error().to_owned(), p.wants_probe())
            }
            _ => (EnforcementState::Off, 0, 0, String::new(), false),
        };
        *self.shown.enforcement.lock() = Enforcement { state, blocks_version: version, held, error };
        self.shown.wants_probe.store(probe, Relaxed);
        self.shown.version.store(version, Relaxed);
    }
}

fn standby(kept: &Kept) -> Blocks {
    Blocks {
        version: kept.version,
        wanted: kept.wanted.clone(),
        never_block: kept.never_block.clone(),
        kill_switch: kept.kill_switch,
    }
}

fn apply(standby: &mut Blocks, delta: &BlocksDelta) {
    if delta.version <= standby.version {
        return;
    }
    standby.version = delta.version;
    standby.kill_switch = delta.kill_switch.unwrap_or(standby.kill_switch);
    let replaced = |id: &String| delta.remove.contains(id) || delta.add.iter().any(|b| b.id == *id);
    standby.wanted.retain(|b| !replaced(&b.id));
    standby.wanted.extend(delta.add.iter().cloned());
    standby.wanted.truncate(bongsu_respond::limits::TARGETS_MAX);
}

fn set_host(point: &mut Point) {
    match host::read() {
        Ok(facts) => point.guard_mut().set_host(facts),
        Err(e) => {
            tracing::warn!(error = %e, "the host's own addresses cannot be read: those known before stay protected")
        }
    }
}

/// Wanted blocks kept on disk, for `Hello`.
pub(crate) fn kept_version(shared: &Shared) -> u64 {
    shared.folder.read_json::<OnDisk>(FILE).unwrap_or_default().kept.version
}

/// The time a message says, against ours.
pub(crate) fn clock_ahead(center: Micros, ours: Micros) -> i64 {
    center.0.saturating_sub(ours.0)
}
