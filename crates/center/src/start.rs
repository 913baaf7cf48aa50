//! Starting a center: open and check everything, then listeners, then say so; and the reverse.
//!
//! Invariant: nothing listens before everything behind it works; what was acknowledged before a kill is replayed before
//! anything new is taken.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use bongsu_domain::{Actor, Role};
use bongsu_event::{Micros, RawRecord, Scope, SourceId};
use bongsu_intake as intake;
use bongsu_journal::{CheckpointOptions, Journal, OpenOptions, SigningKey};
use bongsu_lake::{Lake, LakeOptions};
use bongsu_state::{Change, ChangeAgency, NewAssignment, NewUser, State};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::agents::{AgentHub, Watermarks, note_watermark};
use crate::app::{App, Troubles, picture_of};
use crate::authority::Authority;
use crate::blocks::Blocks;
use crate::config::{Config, Listen};
use crate::costs::{self, Costs};
use crate::directory::Directory;
use crate::live::Live;
use crate::pipeline::{FINDINGS_QUEUE, Internal, Pipeline, alerter, detect::Detector};
use crate::rulebook::Rulebook;
use crate::stream::Stream;
use crate::{audit_head, jobs, routes, serve};

/// The operator's socket in the data folder.
pub const SOCKET: &str = "control.sock";
/// The state's file in the data folder.
pub const STATE_FILE: &str = "state.sqlite";
/// The mark of a demo folder: the demo refuses any folder without it.
const DEMO_MARK: &str = "demo-city";
/// Hours the first administrator's link works.
const FIRST_LINK_HOURS: i64 = 24;
/// Megabytes of lake memory before events are written out; keeps an idle center small.
const LAKE_FLUSH_BYTES: usize = 32 * 1024 * 1024;

/// A center that runs.
pub struct Running {
    /// Its parts.
    pub app: Arc<App>,
    pipeline: JoinHandle<()>,
    alerter: tokio::task::JoinHandle<()>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    first_link: Option<String>,
}

/// The name under which detection keeps its position.
pub const CONSUMER: &str = "alerts";

/// What the correlators and the agents' spools looked like at a journal position.
#[derive(Default, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// Correlation windows.
    pub windows: Vec<u8>,
    /// Newest line of each agent's spool.
    pub watermarks: Watermarks,
}

impl Checkpoint {
    /// As kept.
    ///
    /// # Errors
    /// It can't be written down.
    pub fn write(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_stdvec(self)
    }
    /// What was kept; of an older center, which kept JSON, the spools: its windows begin anew.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let older: Option<Self> = serde_json::from_slice(bytes).ok();
        older.map(|old| Self { windows: Vec::new(), ..old }).or_else(|| postcard::from_bytes(bytes).ok())
    }
}

/// A center without listeners: the folder is held, the routes answer.
pub struct Offline {
    app: Arc<App>,
}

impl Offline {
    /// The same routes a running center answers.
    pub fn router(&self) -> axum::Router {
        routes::router(Arc::clone(&self.app))
    }
}

/// Open the folder of a center that does not run.
///
/// # Errors
/// The folder is held by another program, or something in it can't be opened.
pub async fn offline(data: &Path) -> Result<Offline> {
    let demo = data.join(DEMO_MARK).exists();
    offline_with(Config::default_for(data.to_owned(), demo)).await
}

/// The same with a configuration.
///
/// # Errors
/// As [`offline`].
pub async fn offline_with(config: Config) -> Result<Offline> {
    let (app, _) = open(config).await?;
    Ok(Offline { app })
}

/// Open everything, start every task and listener.
///
/// # Errors
/// One sentence: what can't be opened, and what to do.
pub async fn start(config: Config) -> Result<Running> {
    let (app, opened) = open(config).await?;
    let first_link = first_link(&app).await?;
    let (out, inbox) = mpsc::channel(FINDINGS_QUEUE);
    let detector = opened.detector;
    let pipeline = Pipeline {
        app: Arc::clone(&app),
        tail: app.journal.subscribe(app.replay_from),
        detector,
        detected_through: opened.detected_through,
        watermarks: opened.watermarks,
        out,
    };
    let pipeline = std::thread::Builder::new().name("pipeline".to_owned()).spawn(move || pipeline.run())?;
    let alerter = tokio::spawn(alerter::run(Arc::clone(&app), inbox));
    let mut tasks = jobs::spawn(&app);
    tasks.push(tokio::spawn(crate::rulebook::watch::run(Arc::clone(&app))));
    listeners(&app, &mut tasks).await?;
    let socket = serve::bind_operator(&app.config.data.join(SOCKET))?;
    tasks.push(tokio::spawn(serve::operator(socket, routes::router(Arc::clone(&app)), app.stop.clone())));
    Ok(Running { app, pipeline, alerter, tasks, first_link })
}

struct Opened {
    detector: Detector,
    detected_through: u64,
    /// As of `replay_from`.
    watermarks: Watermarks,
}

async fn open(config: Config) -> Result<(Arc<App>, Opened)> {
    let data = config.data.clone();
    prepare_folder(&data, config.demo)?;
    let now = Micros::from_timestamp(jiff::Timestamp::now());
    let key = Arc::new(signing_key(&data)?);
    let stop = CancellationToken::new();
    let troubles = Arc::new(Troubles::default());
    let journal_dir = data.join("journal");
    let epoch = Journal::epoch_of(&journal_dir)
        .with_context(|| format!("cannot read {}", journal_dir.display()))?
        .unwrap_or(1)
        .max(1);
    let for_alarm = Arc::clone(&troubles);
    let options = OpenOptions {
        checkpoint: Some(CheckpointOptions { path: data.join("journal.checkpoint"), key }),
        on_alarm: Some(Arc::new(move |text| match text {
            Some(text) => {
                for_alarm.raise("journal", text, Micros::from_timestamp(jiff::Timestamp::now()));
            }
            None => for_alarm.clear("journal"),
        })),
        ..OpenOptions::new(epoch)
    };
    let (journal, recovery) = Journal::open(&journal_dir, options)?;
    let epoch = u32::try_from(recovery.epoch.max(1)).unwrap_or(u32::MAX);
    report_recovery(&recovery, &troubles, now);
    let state = State::open(&data.join(STATE_FILE))
        .await
        .with_context(|| format!("cannot open {}", data.join(STATE_FILE).display()))?;
    match audit_head::check(&data, &state).await {
        Ok(Some(told)) => troubles.raise("audit_cut_off", told, now),
        Ok(None) => {}
        Err(e) => troubles.raise("audit_head", format!("{e:#}"), now),
    }
    let lake_options = LakeOptions { flush_bytes: LAKE_FLUSH_BYTES, ..LakeOptions::default() };
    let (lake, lake_position) = Lake::open(&data.join("lake"), lake_options)?;
    let lake_through = if lake_position.epoch == epoch { lake_position.sequence } else { 0 };

    name_root(&state, &config, now).await?;
    let (detected_through, checkpoint) = read_checkpoint(&state, epoch).await?;
    let mut watermarks = checkpoint.watermarks.clone();
    for record in journal.read_from(detected_through + 1) {
        let Ok((_, record)) = record else { break };
        if let Some(position) = &record.spool {
            note_watermark(&mut watermarks, position);
        }
    }
    let mut rule_paths = config.rules.clone();
    rule_paths.push(crate::import::folder(&data));
    let rules = Rulebook::open(&rule_paths, disabled_rules(&state).await?, now);
    let mut detector = Detector::new(&rules.now(), costs::nanos);
    if let Ok(snapshot) = postcard::from_bytes(&checkpoint.windows) {
        detector.restore(&snapshot);
    }
    let directory = Arc::new(Directory::default());
    directory.replace(picture_of(&state, &config).await?);
    let authority = Authority::open(&data, now)?;
    let live = Live::default();
    let app = Arc::new(App {
        epoch,
        replay_from: lake_through.min(detected_through) + 1,
        state,
        lake,
        journal,
        directory,
        rules,
        costs: Costs::default(),
        backtests: crate::backtest::Backtests::default(),
        exceptions: crate::exceptions::Exceptions::default(),
        imports: crate::import::Imports::default(),
        coverage: crate::coverage::Coverage::default(),
        live,
        stream: Stream::default(),
        blocks: Blocks::default(),
        agents: AgentHub::new(watermarks),
        authority,
        audit_head: parking_lot::Mutex::default(),
        internal: Internal::default(),
        silent: parking_lot::Mutex::default(),
        listeners: parking_lot::Mutex::default(),
        own_addresses: own_addresses(),
        uplink_address: parking_lot::Mutex::default(),
        web_address: parking_lot::Mutex::default(),
        intake: parking_lot::Mutex::default(),
        troubles,
        ready: AtomicBool::new(false),
        stop,
        config,
    });
    app.refresh_exceptions().await?;
    for broken in &app.rules.now().errors {
        tracing::warn!("a rule was left out: {broken}");
    }
    Ok((app, Opened { detector, detected_through, watermarks: checkpoint.watermarks }))
}

fn prepare_folder(data: &Path, demo: bool) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mark = data.join(DEMO_MARK);
    let used = data.join(STATE_FILE).exists();
    if demo && used && !mark.exists() {
        bail!(
            "{} belongs to a real center; the demo city needs a folder of its own: name another with --data",
            data.display()
        );
    }
    if !demo && mark.exists() {
        bail!(
            "{} belongs to the demo city; a real center needs a folder of its own: name another with --data",
            data.display()
        );
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).with_context(|| {
        format!("cannot make the data folder {}; make it yourself or name another with --data", data.display())
    })?;
    // The folder of imported rules stands before anything looks for it.
    std::fs::create_dir_all(crate::import::folder(data))
        .with_context(|| format!("cannot make {}", crate::import::folder(data).display()))?;
    let probe = data.join(".writable");
    std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)).with_context(|| {
        format!("cannot write in the data folder {}; give its owner the right to write, or free space", data.display())
    })?;
    if demo && !mark.exists() {
        std::fs::write(&mark, "This folder holds the demo city (예시). Nothing in it is real.\n")?;
    }
    Ok(())
}

fn signing_key(data: &Path) -> Result<SigningKey> {
    let path = data.join("journal.key");
    SigningKey::load_or_create(&path).with_context(|| format!("cannot open the journal's key {}", path.display()))
}

fn report_recovery(recovery: &bongsu_journal::Recovery, troubles: &Troubles, now: Micros) {
    if let Some(torn) = &recovery.torn {
        tracing::warn!("a half-written end of {} bytes was set aside; nothing acknowledged was in it", torn.bytes);
    }
    if let Some(cut) = &recovery.cut_off {
        let text = format!(
            "the journal ends at record {} and had reached {}: its end was cut off; run `bongsu verify` and restore it from a backup",
            cut.last_sequence, cut.checkpoint_sequence
        );
        troubles.raise("journal_cut_off", text, now);
    }
    if !recovery.damage.is_empty() {
        troubles.raise("journal_damage", "the journal is damaged; run `bongsu verify` to see where", now);
    }
}

/// Where detection stands, and with which windows. Of another epoch (a restored folder) nothing counts.
async fn read_checkpoint(state: &State, epoch: u32) -> Result<(u64, Checkpoint)> {
    let Some(position) = state.position(CONSUMER).await?.filter(|p| p.through.epoch == epoch) else {
        return Ok((0, Checkpoint::default()));
    };
    let checkpoint = position.data.and_then(|d| Checkpoint::read(&d)).unwrap_or_default();
    Ok((position.through.sequence, checkpoint))
}

/// Rules switched off in the console.
///
/// # Errors
/// The state can't be read.
pub async fn disabled_rules(state: &State) -> Result<BTreeSet<String>> {
    Ok(state.rule_switches().await?.into_iter().filter(|s| !s.enabled).map(|s| s.rule).collect())
}

/// The root agency carries the organisation's name.
async fn name_root(state: &State, config: &Config, now: Micros) -> Result<()> {
    let tree = state.tree();
    let Some(root) = tree.get(bongsu_state::ROOT) else { return Ok(()) };
    if root.name == config.organisation || !config.demo {
        return Ok(());
    }
    let by = Actor::center();
    let to = ChangeAgency { name: Some(config.organisation.clone()), ..ChangeAgency::default() };
    state.change_agency(&Change::new(&by, now, "organisation"), &Scope::All, bongsu_state::ROOT, &to).await?;
    Ok(())
}

/// A center without a person gets one single-use link for its first administrator.
async fn first_link(app: &Arc<App>) -> Result<Option<String>> {
    if app.config.demo {
        return Ok(None);
    }
    // A link that was lost before anybody set a password must not lock the center for ever.
    let users = app.state.users(&Scope::All).await?;
    if users.iter().any(|u| u.has_password) {
        return Ok(None);
    }
    let token = crate::auth::new_token()?;
    let by = Actor::center();
    let change = Change::new(&by, app.now(), "first start");
    let until = app.now().plus_seconds(FIRST_LINK_HOURS * 3600);
    if let Some(waiting) = users.first() {
        app.state.new_link(&change, &Scope::All, waiting.id, &crate::auth::token_hash(&token), until, false).await?;
        return Ok(Some(token));
    }
    let new = NewUser {
        name: "admin".to_owned(),
        display_name: "관리자".to_owned(),
        agency: bongsu_state::ROOT,
        phone: None,
        example: false,
    };
    let user = app.state.create_user(&change, &Scope::All, &new).await?;
    let starts_on = app.state.moment(app.now()).today;
    let role = Role::Administrator;
    let assignment = NewAssignment {
        user,
        agency: bongsu_state::ROOT,
        role,
        starts_on,
        ends_on: None,
        substitute: None,
        away: None,
    };
    app.state.assign_role(&change, &Scope::All, &assignment).await?;
    app.state.new_link(&change, &Scope::All, user, &crate::auth::token_hash(&token), until, false).await?;
    Ok(Some(token))
}

/// How intake delivers: the journal, durable, before the sender is answered.
pub struct ToJournal(pub Journal);

impl intake::Sink for ToJournal {
    async fn deliver(&self, batch: Vec<RawRecord>) -> Result<(), intake::Undelivered> {
        self.0.append_async(batch).await.map(|_| ()).map_err(|_| intake::Undelivered)
    }
}

/// The shared part of the syslog listeners.
type Intake = intake::Context<ToJournal, Box<dyn Fn(SocketAddr, bongsu_event::Transport) -> SourceId + Send + Sync>>;

/// Bytes of receive buffer asked for of the kernel for UDP.
const UDP_BUFFER_BYTES: usize = 32 * 1024 * 1024;

async fn listeners(app: &Arc<App>, tasks: &mut Vec<tokio::task::JoinHandle<()>>) -> Result<()> {
    let now = app.now();
    let names = certificate_names(&app.config);
    let directory = Arc::clone(&app.directory);
    let resolve: Box<dyn Fn(SocketAddr, bongsu_event::Transport) -> SourceId + Send + Sync> =
        Box::new(move |peer, _| directory.now().source_of(peer.ip()));
    let context: Arc<Intake> = intake::Context::new(
        ToJournal(app.journal.clone()),
        resolve,
        intake::system_clock(),
        intake::Limits::default(),
    );
    let say = |text: String| {
        tracing::info!("{text}");
        app.listeners.lock().push(text);
    };

    if let Some((listener, address)) =
        open_port("syslog UDP", app.config.syslog_udp, |a| intake::UdpListener::bind(a, UDP_BUFFER_BYTES), &say)?
    {
        app.intake.lock().push(listener.counters());
        say(format!("syslog UDP {}", listener.local_addr().unwrap_or(address)));
        tasks.push(tokio::spawn(listener.run(Arc::clone(&context), app.stop.clone())));
    }
    if let Some((listener, address)) =
        open_port("syslog TCP", app.config.syslog_tcp, |a| intake::StreamListener::bind(a, None), &say)?
    {
        app.intake.lock().push(listener.counters());
        say(format!("syslog TCP {}", listener.local_addr().unwrap_or(address)));
        tasks.push(tokio::spawn(listener.run(Arc::clone(&context), app.stop.clone())));
    }
    let tls = app.authority.server_tls(&names, false, now)?;
    if let Some((listener, address)) = open_port(
        "syslog TLS",
        app.config.syslog_tls,
        |a| intake::StreamListener::bind(a, Some(Arc::clone(&tls))),
        &say,
    )? {
        app.intake.lock().push(listener.counters());
        say(format!("syslog TLS {}", listener.local_addr().unwrap_or(address)));
        tasks.push(tokio::spawn(listener.run(Arc::clone(&context), app.stop.clone())));
    }
    if let Some((listener, _)) = open_port("agent uplink", app.config.uplink, bind_tcp, &say)? {
        let address = listener.local_addr()?;
        say(format!("agent uplink {address}"));
        let public = app.config.uplink_public.clone().unwrap_or_else(|| public_address(address));
        *app.uplink_address.lock() = Some(public);
        let tls = app.authority.uplink_tls(&names, now)?;
        tasks.push(tokio::spawn(crate::agents::serve(Arc::clone(app), listener, tls)));
    }
    if let Some((listener, _)) = open_port("web", app.config.web, bind_tcp, &say)? {
        let address = listener.local_addr()?;
        let tls = if app.config.web_is_tls() { Some(app.authority.server_tls(&names, true, now)?) } else { None };
        let scheme = if tls.is_some() { "https" } else { "http" };
        *app.web_address.lock() = Some(format!("{scheme}://{}", public_address(address)));
        say(format!("web {scheme} {address}"));
        tasks.push(tokio::spawn(serve::network(listener, tls, routes::router(Arc::clone(app)), app.stop.clone())));
    }
    Ok(())
}

/// Serve agents on one more listener: one that stands where the configured address is not reached.
///
/// # Errors
/// The listener can't be used, or the authority's folder can't be read.
pub fn uplink_too(app: &Arc<App>, listener: std::net::TcpListener) -> Result<()> {
    listener.set_nonblocking(true)?;
    let tls = app.authority.uplink_tls(&certificate_names(&app.config), app.now())?;
    tokio::spawn(crate::agents::serve(Arc::clone(app), TcpListener::from_std(listener)?, tls));
    Ok(())
}

/// A busy port set by a person fails the start; a busy default is reported and skipped.
fn open_port<L, E: std::fmt::Display>(
    name: &str,
    listen: Listen,
    bind: impl Fn(SocketAddr) -> Result<L, E>,
    say: &impl Fn(String),
) -> Result<Option<(L, SocketAddr)>> {
    let Some(address) = listen.address else {
        say(format!("{name} off"));
        return Ok(None);
    };
    match bind(address) {
        Ok(listener) => Ok(Some((listener, address))),
        Err(e) if listen.explicit => bail!("{name}: {e}"),
        Err(e) => {
            say(format!("{name} skipped: {e}"));
            Ok(None)
        }
    }
}

fn bind_tcp(address: SocketAddr) -> Result<TcpListener> {
    let refuse = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{address} is in use by another program; stop it or choose another port")
        }
        std::io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("{address} may not be opened; choose a port above 1023")
        }
        _ => anyhow::anyhow!("{address} cannot be opened: {e}; check that the address belongs to this machine"),
    };
    let socket = std::net::TcpListener::bind(address).map_err(refuse)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket)?)
}

/// An address others can use: of "any" the first of the machine's own.
fn public_address(address: SocketAddr) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    let ip = own_addresses().into_iter().find(|a| a.is_ipv4()).unwrap_or(IpAddr::from([127, 0, 0, 1]));
    SocketAddr::new(ip, address.port()).to_string()
}

/// The machine's addresses, loopback left out.
#[must_use]
pub fn own_addresses() -> Vec<IpAddr> {
    // The kernel chooses the source address of a datagram socket without sending anything.
    let mut found = Vec::new();
    for (bind, towards) in [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")] {
        if let Ok(socket) = std::net::UdpSocket::bind(bind)
            && socket.connect(towards).is_ok()
            && let Ok(address) = socket.local_addr()
            && !address.ip().is_unspecified()
            && !address.ip().is_loopback()
        {
            found.push(address.ip());
        }
    }
    if let Ok(text) = std::fs::read_to_string("/proc/net/fib_trie") {
        let mut candidate = None;
        for line in text.lines() {
            let line = line.trim();
            if let Some(address) = line.strip_prefix("|-- ") {
                candidate = address.parse::<IpAddr>().ok();
            } else if line.contains("host LOCAL")
                && let Some(ip) = candidate.filter(|ip| !ip.is_loopback())
                && !found.contains(&ip)
            {
                found.push(ip);
            }
        }
    }
    found
}

fn certificate_names(config: &Config) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if let Ok(host) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        let host = host.trim().to_owned();
        if !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') {
            names.push(host);
        }
    }
    names.extend(own_addresses().iter().map(ToString::to_string));
    for listen in [config.web, config.uplink, config.syslog_tls] {
        if let Some(ip) = listen.address.map(|a| a.ip()).filter(|ip| !ip.is_unspecified()) {
            names.push(ip.to_string());
        }
    }
    if let Some(public) = &config.uplink_public {
        let host = public.rsplit_once(':').map_or(public.as_str(), |(h, _)| h);
        names.push(host.trim_matches(['[', ']']).to_owned());
    }
    names.extend(config.web_names.iter().cloned());
    names.sort();
    names.dedup();
    names
}

impl Running {
    /// Print where the center is, and the links that let people in.
    pub fn announce(&self, links: &[(String, String)]) {
        let app = &self.app;
        let web = app.web_address.lock().clone();
        for listener in app.listeners.lock().iter() {
            println!("  {listener}");
        }
        let Some(web) = web else {
            println!("the web interface is off; use the commands with --data {}", app.config.data.display());
            return;
        };
        if app.config.web_is_tls() {
            let pem = app.config.data.join("authority/authority.pem");
            println!("the browser trusts this center once {} is installed in it", pem.display());
        }
        if let Some(token) = &self.first_link {
            println!(
                "open this link once, within a day, to set the administrator's password:\n\n  {web}/link#{token}\n"
            );
        } else if links.is_empty() {
            println!("\n  {web}\n");
        }
        if !links.is_empty() {
            println!("\nthe demo city (예시) is alive; each link works once:");
            for (role, token) in links {
                println!("  {role:<28} {web}/link#{token}");
            }
            println!();
        }
    }

    /// Stop taking, finish what was taken, write everything out.
    ///
    /// # Errors
    /// The lake could not be written; the journal has everything.
    pub async fn drain(self) -> Result<()> {
        let Self { app, pipeline, alerter, tasks, .. } = self;
        app.stop.cancel();
        for task in tasks {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(10), task).await;
        }
        let _ = tokio::task::spawn_blocking(move || pipeline.join()).await;
        let _ = alerter.await;
        let lake = app.lake.clone();
        tokio::task::spawn_blocking(move || lake.flush()).await??;
        app.journal.close();
        let _ = std::fs::remove_file(app.config.data.join(SOCKET));
        Ok(())
    }
}

/// What `bongsu verify` found.
pub struct Verified {
    /// Nothing wrong.
    pub clean: bool,
    /// For people.
    pub lines: Vec<String>,
    /// For programs.
    pub json: serde_json::Value,
}

/// Check the journal of a data folder, whether or not a center runs on it.
///
/// # Errors
/// The folder can't be read.
pub fn verify(data: &Path) -> Result<Verified> {
    let journal = data.join("journal");
    if !journal.is_dir() {
        bail!("there is no journal in {}; name the data folder with --data", data.display());
    }
    let key_path = data.join("journal.key");
    let key = if key_path.exists() { Some(SigningKey::load_or_create(&key_path)?.public_key()) } else { None };
    let report = bongsu_journal::verify(&journal, Some(&data.join("journal.checkpoint")), key.as_ref())?;
    let clean = report.is_clean();
    let lines = report.to_string().lines().map(str::to_owned).collect();
    let json = serde_json::json!({
        "clean": clean,
        "segments": report.segments,
        "retired": report.retired,
        "batches": report.batches,
        "records": report.records,
        "bytes": report.bytes,
        "first_sequence": report.first_sequence,
        "last_sequence": report.last_sequence,
        "damage": report.damage.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "torn_bytes": report.torn.as_ref().map(|t| t.bytes),
        "cut_off": report.cut_off.as_ref().map(|c| serde_json::json!({
            "last_sequence": c.last_sequence, "checkpoint_sequence": c.checkpoint_sequence,
        })),
    });
    Ok(Verified { clean, lines, json })
}
