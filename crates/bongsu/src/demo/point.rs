//! The demo's enforcement point. As root: three network namespaces (attackers, gateway, server), a real agent in the
//! gateway with real nftables, and packets from the attackers at work, so that an effect can be measured. Otherwise a
//! point that only says what it would do.

use std::net::{IpAddr, UdpSocket};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bongsu_center::app::App;
use bongsu_domain::{Actor, Enforce};
use bongsu_event::Scope;
use bongsu_state::Change;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Name of the agent and of the point.
const NAME: &str = "demo-gateway";
/// Prefix of the namespaces.
const PREFIX: &str = "bongsu-demo";
/// The server behind the gateway.
const SERVER: &str = "203.0.113.101";
/// Milliseconds between two packets of an attacker.
const KNOCK_MILLIS: u64 = 400;
/// Discard (RFC 863): nobody listens.
const KNOCK_PORT: u16 = 9;

/// A point that runs.
pub struct Point {
    agent: Child,
    knock: tokio::task::JoinHandle<()>,
}

impl Point {
    /// Stop the agent, take the namespaces away.
    pub async fn stop(mut self) {
        self.knock.abort();
        let _ = self.agent.start_kill();
        let _ = self.agent.wait().await;
        remove().await;
    }
}

/// Start the point: real when this process may, a trial otherwise.
///
/// # Errors
/// The state can't be written.
pub async fn start(
    app: &Arc<App>,
    attackers: watch::Receiver<Vec<String>>,
    stop: CancellationToken,
) -> Result<Option<Point>> {
    let by = Actor::center();
    let change = Change::new(&by, app.now(), "예시 도시");
    if rustix::process::geteuid().is_root() {
        match real(app, &change, attackers, stop).await {
            Ok(point) => return Ok(Some(point)),
            Err(e) => {
                remove().await;
                tracing::warn!("the demo's enforcement point is a trial only: {e:#}");
            }
        }
    } else {
        tracing::info!("the demo's enforcement point is a trial only: run as root for a real one");
    }
    app.state.dry_run_point(&change, app.directory.now().root(), "예시 관문 (연습)").await?;
    Ok(None)
}

async fn real(
    app: &Arc<App>,
    change: &Change<'_>,
    attackers: watch::Receiver<Vec<String>>,
    stop: CancellationToken,
) -> Result<Point> {
    let program = agent_program()?;
    let uplink = app.uplink_address.lock().clone().context("the uplink is off")?;
    remove().await;
    namespaces().await?;
    let folder = app.config.data.join("demo-agent");
    if !folder.join("agent.toml").exists() && !folder.join("agent.pem").exists() {
        enrol(app, change, &program, &folder, &uplink).await?;
    }
    // The agent speaks to the center over loopback, and its nft looks into the gateway's namespace.
    let tools = wrapper(app)?;
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
    let agent = Command::new(&program)
        .args(["run", "--data"])
        .arg(&folder)
        .env("PATH", path)
        // As the systemd unit does: a small heap that gives back what a burst took.
        .envs([("MALLOC_ARENA_MAX", "1"), ("MALLOC_TRIM_THRESHOLD_", "65536"), ("MALLOC_MMAP_THRESHOLD_", "65536")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let knock = tokio::spawn(knock(attackers, stop));
    Ok(Point { agent, knock })
}

async fn enrol(
    app: &Arc<App>,
    change: &Change<'_>,
    program: &std::path::Path,
    folder: &std::path::Path,
    uplink: &str,
) -> Result<()> {
    let root = app.directory.now().root();
    let mut secret = [0u8; bongsu_uplink::SECRET_BYTES];
    rand::Rng::fill(&mut rand::rng(), &mut secret);
    let until = app.now().plus_seconds(600);
    let hash = bongsu_center::auth::secret_hash(&secret);
    if let Some(old) = app.state.agents(&Scope::All).await?.into_iter().find(|a| a.name == NAME && !a.revoked) {
        app.state.revoke_agent(change, &Scope::All, old.id).await?;
    }
    app.state.create_token(change, &Scope::All, NAME, root, &hash, until).await?;
    let token = bongsu_uplink::EnrolToken {
        secret,
        ca_fingerprint: app.authority.fingerprint(),
        center_address: uplink.to_owned(),
        agency: app.config.organisation.clone(),
        expires_at: until,
    };
    let output = Command::new(program).args(["enrol", &token.to_string(), "--data"]).arg(folder).output().await?;
    if !output.status.success() {
        bail!("enrolment failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let agent = app
        .state
        .agents(&Scope::All)
        .await?
        .into_iter()
        .find(|a| a.name == NAME && !a.revoked)
        .context("the agent is not there")?;
    app.state.change_agent(change, &Scope::All, agent.id, None, Some(Enforce::Nftables)).await?;
    Ok(())
}

/// The agent's program beside this one.
fn agent_program() -> Result<std::path::PathBuf> {
    let here = std::env::current_exe()?;
    let beside = here.with_file_name("bongsu-agent");
    if beside.exists() {
        return Ok(beside);
    }
    bail!("{} is not there; build it with `cargo build -p bongsu-agent`", beside.display())
}

/// `nft` and `conntrack` that look into the gateway's namespace.
fn wrapper(app: &App) -> Result<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let folder = app.config.data.join("demo-tools");
    std::fs::create_dir_all(&folder)?;
    let nft = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"]
        .iter()
        .find(|p| std::path::Path::new(p).exists())
        .context("nft is missing; install the package nftables")?;
    let path = folder.join("nft");
    std::fs::write(&path, format!("#!/bin/sh\nexec ip netns exec {PREFIX}-gw {nft} \"$@\"\n"))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

async fn ip(arguments: &str) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .await
        .context("cannot run ip; install the package iproute2")?;
    if !output.status.success() {
        bail!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Attackers 198.51.100.0/24 ── gateway ── server 203.0.113.101. No link to anything else.
async fn namespaces() -> Result<()> {
    for node in ["atk", "gw", "srv"] {
        ip(&format!("netns add {PREFIX}-{node}")).await?;
        ip(&format!("-n {PREFIX}-{node} link set lo up")).await?;
    }
    for (node, inside, gateway, near) in [
        ("atk", "198.51.100.2/24", "198.51.100.1/24", "198.51.100.1"),
        ("srv", "203.0.113.101/24", "203.0.113.1/24", "203.0.113.1"),
    ] {
        ip(&format!("-n {PREFIX}-gw link add to{node} type veth peer name eth0 netns {PREFIX}-{node}")).await?;
        ip(&format!("-n {PREFIX}-gw addr add {gateway} dev to{node}")).await?;
        ip(&format!("-n {PREFIX}-gw link set to{node} up")).await?;
        ip(&format!("-n {PREFIX}-{node} addr add {inside} dev eth0")).await?;
        ip(&format!("-n {PREFIX}-{node} link set eth0 up")).await?;
        ip(&format!("-n {PREFIX}-{node} route add default via {near}")).await?;
    }
    ip(&format!("netns exec {PREFIX}-gw sysctl -qw net.ipv4.ip_forward=1")).await?;
    // Any address of the prefix but the gateway's own part may speak from the attackers' side.
    for part in ["198.51.100.8/29", "198.51.100.16/28", "198.51.100.32/27", "198.51.100.64/26", "198.51.100.128/25"] {
        ip(&format!("-n {PREFIX}-atk route add local {part} dev lo")).await?;
    }
    Ok(())
}

async fn remove() {
    for node in ["atk", "gw", "srv"] {
        let _ = ip(&format!("netns del {PREFIX}-{node}")).await;
    }
}

/// Packets from the attackers at work to the server, so that the point has something to drop: a child of this program in
/// the attackers' namespace sends one datagram for each address it is told.
async fn knock(attackers: watch::Receiver<Vec<String>>, stop: CancellationToken) {
    let Ok(program) = std::env::current_exe() else { return };
    let child = Command::new("ip")
        .args(["netns", "exec", &format!("{PREFIX}-atk")])
        .arg(program)
        .args(["knock", SERVER])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut child) = child else { return };
    let Some(mut told) = child.stdin.take() else { return };
    let mut turn = 0usize;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(std::time::Duration::from_millis(KNOCK_MILLIS)) => {}
        }
        let all = attackers.borrow().clone();
        let Some(from) = all.get(turn % all.len().max(1)) else { continue };
        turn += 1;
        if told.write_all(format!("{from}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The child: reads addresses, sends a datagram from each to the server. It only ever speaks inside its namespace: from
/// anywhere else the addresses can't be bound.
///
/// # Errors
/// The server's address can't be read.
pub fn knock_child(server: &str) -> Result<()> {
    let server: IpAddr = server.parse().context("the server's address can't be read")?;
    for line in std::io::stdin().lines() {
        let Ok(from) = line?.trim().parse::<IpAddr>() else { continue };
        if let Ok(socket) = UdpSocket::bind((from, 0)) {
            let _ = socket.send_to(b"knock", (server, KNOCK_PORT));
        }
    }
    Ok(())
}
