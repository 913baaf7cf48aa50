//! The demo's enforcement point. As root: a real agent in a gateway's network namespace of its own, with real nftables,
//! and packets from the attackers at work, so that an effect can be measured. Elsewhere a point that says what it would do.
//!
//! Invariant: the host's own firewall is never touched by a demo; which kind of point it has is said at start.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bongsu_center::app::App;
use bongsu_domain::{Actor, Enforce};
use bongsu_event::Scope;
use bongsu_state::{AgentRow, Change};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::namespaces::{self, Namespaces, SERVICE};

/// Name of the agent and of its point.
const AGENT: &str = "demo-gateway";
/// Name of the point that only says what it would do.
const TRIAL: &str = "예시 관문 (연습)";
/// Where the agent finds the center: the gateway's own loopback, not the host's.
const UPLINK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 6515);
/// Minutes the agent's token works.
const TOKEN_MINUTES: i64 = 10;
/// Days that the certificate of the last demo's agent must have left for it to go on.
const CERTIFICATE_DAYS_MIN: i64 = 2;
/// Milliseconds between two packets of an attacker.
const KNOCK_MILLIS: u64 = 500;
/// Discard (RFC 863): nobody listens.
const KNOCK_PORT: u16 = 9;
/// Seconds before an agent that ended by itself is started again.
const RESTART_SECONDS: u64 = 1;
/// Seconds an agent has to end when told to.
const END_SECONDS_MAX: u64 = 3;

/// A real point that runs.
pub struct Point {
    agent: JoinHandle<()>,
    knock: std::thread::JoinHandle<()>,
    namespaces: Namespaces,
}

impl Point {
    /// Wait for the agent and the attackers, who were told to stop; take the namespaces away.
    pub async fn stop(self) {
        let _ = self.agent.await;
        let (knock, namespaces) = (self.knock, self.namespaces);
        let _ = tokio::task::spawn_blocking(move || {
            let _ = knock.join();
            drop(namespaces);
        })
        .await;
    }
}

/// Start the point: real where this process may, a trial otherwise.
///
/// # Errors
/// The state can't be written.
pub async fn start(
    app: &Arc<App>,
    attackers: watch::Receiver<Vec<String>>,
    stop: &CancellationToken,
) -> Result<Option<Point>> {
    let by = Actor::center();
    let change = Change::new(&by, app.now(), "예시 도시");
    let why = if rustix::process::geteuid().is_root() {
        match real(app, &change, attackers, stop).await {
            Ok(point) => {
                app.state.remove_dry_run_point(&change, TRIAL).await?;
                say(app, format!("demo enforcement point: nftables in the namespace {}", point.namespaces.gateway));
                return Ok(Some(point));
            }
            Err(e) => format!("{e:#}"),
        }
    } else {
        "root makes it a real one".to_owned()
    };
    revoke(app, &change).await?;
    app.state.dry_run_point(&change, app.directory.now().root(), TRIAL).await?;
    say(app, format!("demo enforcement point: a trial, it only says what it would do ({why})"));
    Ok(None)
}

fn say(app: &App, text: String) {
    tracing::info!("{text}");
    app.listeners.lock().push(text);
}

async fn real(
    app: &Arc<App>,
    change: &Change<'_>,
    attackers: watch::Receiver<Vec<String>>,
    stop: &CancellationToken,
) -> Result<Point> {
    let program = agent_program()?;
    let namespaces = tokio::task::spawn_blocking(Namespaces::make).await??;
    let gateway = namespaces.gateway.clone();
    let listener = namespaces::within(&gateway, || Ok(std::net::TcpListener::bind(UPLINK)?))?;
    bongsu_center::start::uplink_too(app, listener)?;
    let folder = app.config.data.join(AGENT);
    enrol(app, change, &gateway, &program, &folder).await?;
    let outside = namespaces.outside.clone();
    let told = stop.clone();
    let knock = std::thread::Builder::new()
        .name("attackers".to_owned())
        .spawn(move || knock(&outside, &attackers, &told))
        .context("no thread for the attackers")?;
    let agent = tokio::spawn(keep(gateway, program, folder, stop.clone()));
    Ok(Point { agent, knock, namespaces })
}

/// The agent's program beside this one.
fn agent_program() -> Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("bongsu-agent");
    if !beside.exists() {
        bail!("{} is not there; build it with `cargo build -p bongsu-agent`", beside.display());
    }
    Ok(beside)
}

fn in_gateway(gateway: &str, program: &Path, folder: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", gateway]).arg(program).arg("--data").arg(folder);
    // As the packaged service has it; and an agent that the machine has already is none of our business.
    command.args(["--config", "/dev/null"]);
    command.envs([("MALLOC_ARENA_MAX", "1"), ("MALLOC_TRIM_THRESHOLD_", "65536"), ("MALLOC_MMAP_THRESHOLD_", "65536")]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    // Ctrl-C at the terminal is for the center; it tells the agent itself.
    command.process_group(0);
    command
}

async fn ours(app: &App) -> Result<Option<AgentRow>> {
    Ok(app.state.agents(&Scope::All).await?.into_iter().find(|a| a.name == AGENT && !a.revoked))
}

async fn revoke(app: &App, change: &Change<'_>) -> Result<()> {
    if let Some(old) = ours(app).await? {
        app.state.revoke_agent(change, &Scope::All, old.id).await?;
    }
    Ok(())
}

/// Enrol the agent by a token as anywhere, unless the last demo's agent can go on: then its blocks go on too.
async fn enrol(app: &App, change: &Change<'_>, gateway: &str, program: &Path, folder: &Path) -> Result<()> {
    let until = app.now().plus_seconds(CERTIFICATE_DAYS_MIN * 86_400);
    if folder.join("identity.json").exists()
        && ours(app).await?.is_some_and(|a| a.enforce == Enforce::Nftables && a.certificate_until >= Some(until))
    {
        return Ok(());
    }
    revoke(app, change).await?;
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let secret: [u8; bongsu_uplink::SECRET_BYTES] = bongsu_center::auth::random()?;
    let expires_at = app.now().plus_seconds(TOKEN_MINUTES * 60);
    let hash = bongsu_center::auth::secret_hash(&secret);
    app.state.create_token(change, &Scope::All, AGENT, app.directory.now().root(), &hash, expires_at).await?;
    let token = bongsu_uplink::EnrolToken {
        secret,
        ca_fingerprint: app.authority.fingerprint(),
        center_address: UPLINK.to_string(),
        agency: app.config.organisation.clone(),
        expires_at,
    };
    let output = in_gateway(gateway, program, folder)
        .args(["enrol", &token.to_string()])
        .stderr(Stdio::piped())
        .output()
        .await
        .context("cannot run ip; install the package iproute2")?;
    if !output.status.success() {
        bail!("its agent could not enrol: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let agent = ours(app).await?.context("its agent enrolled and is not there")?;
    app.state.change_agent(change, &Scope::All, agent.id, None, Some(Enforce::Nftables)).await?;
    Ok(())
}

/// Keep the agent running until told to stop.
async fn keep(gateway: String, program: PathBuf, folder: PathBuf, stop: CancellationToken) {
    loop {
        match in_gateway(&gateway, &program, &folder).arg("run").spawn() {
            Ok(mut child) => tokio::select! {
                () = stop.cancelled() => return end(child).await,
                status = child.wait() => tracing::warn!("the demo's agent ended by itself ({status:?}): started again"),
            },
            Err(e) => tracing::warn!("the demo's agent does not start: {e}"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(RESTART_SECONDS)) => {}
        }
    }
}

async fn end(mut child: Child) {
    let pid = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if tokio::time::timeout(Duration::from_secs(END_SECONDS_MAX), child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// Packets from the attackers at work to the service behind the gateway, so that the point has something to drop. This
/// thread lives outside the gateway and nowhere else.
fn knock(outside: &str, attackers: &watch::Receiver<Vec<String>>, stop: &CancellationToken) {
    if let Err(e) = namespaces::enter(outside) {
        return tracing::warn!("the demo's attackers send no packets: {e:#}");
    }
    while !stop.is_cancelled() {
        let at_work: Vec<Ipv4Addr> = attackers.borrow().iter().filter_map(|a| a.parse().ok()).collect();
        for from in at_work {
            if let Ok(socket) = UdpSocket::bind((from, 0)) {
                let _ = socket.send_to(b"knock", (SERVICE, KNOCK_PORT));
            }
        }
        std::thread::sleep(Duration::from_millis(KNOCK_MILLIS));
    }
}
