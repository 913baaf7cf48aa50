//! The agent's command line.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Agent, Folder, LocalConfig, StatusFile, Stop, enrol, shared::now};

/// Where a machine keeps its agent's data unless told otherwise.
const DATA: &str = "/var/lib/bongsu-agent";
/// The local file that may override the data folder and the center's address.
const CONFIG: &str = "/etc/bongsu-agent.toml";

/// Collects an office's logs for its Bongsu center and enforces blocks.
#[derive(Debug, Parser)]
#[command(
    name = "bongsu-agent",
    version,
    after_help = "Example:\n  bongsu-agent enrol bongsu-enrol-1.AbC…\n  bongsu-agent run"
)]
pub struct Cli {
    /// Folder of keys, spool and positions.
    #[arg(long, env = "BONGSU_AGENT_DATA", global = true)]
    data: Option<PathBuf>,
    /// File that may say `data` and `center`.
    #[arg(long, default_value = CONFIG, global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the center for a certificate with a single-use token.
    #[command(after_help = "Example:\n  bongsu-agent enrol bongsu-enrol-1.AbC… --center 192.0.2.10:6515")]
    Enrol {
        /// The token that `bongsu agent enrol` printed at the center.
        token: String,
        /// Reach the center at this HOST:PORT instead of the token's.
        #[arg(long)]
        center: Option<String>,
    },
    /// Collect and enforce until stopped.
    #[command(after_help = "Example:\n  bongsu-agent run --data /var/lib/bongsu-agent")]
    Run {
        /// Reach the center at this HOST:PORT instead of the one of enrolment.
        #[arg(long)]
        center: Option<String>,
    },
    /// Say how the agent on this machine is; exit 0 if it is connected, 1 if not.
    #[command(after_help = "Example:\n  bongsu-agent status")]
    Status,
}

impl Cli {
    /// Carries the command out.
    ///
    /// # Errors
    /// One sentence that says what to do.
    pub fn run(self) -> Result<ExitCode> {
        let local = LocalConfig::read(&self.config)?;
        let data = self.data.or(local.data).unwrap_or_else(|| DATA.into());
        // One thread: an agent must stay small. File reading and the spool have their own.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
        match self.command {
            Command::Enrol { token, center } => {
                let folder = Folder::open(&data)?;
                let id = runtime.block_on(enrol(&folder, &token, center.or(local.center).as_deref(), now()))?;
                println!("enrolled as agent {id}; start it with `systemctl enable --now bongsu-agent`");
                Ok(ExitCode::SUCCESS)
            }
            Command::Run { center } => {
                let folder = Folder::open(&data)?;
                let agent = Agent::new(folder, center.or(local.center));
                runtime.block_on(async { agent.run(stop_on_signal()?).await })?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Status => {
                let folder = Folder::open(&data)?;
                let (running, known) = (folder.in_use(), StatusFile::read(&folder));
                let connected = running && known.as_ref().is_some_and(|k| k.link == "connected");
                println!("{}", known.unwrap_or_default().text(running));
                Ok(if connected { ExitCode::SUCCESS } else { ExitCode::from(1) })
            }
        }
    }
}

fn stop_on_signal() -> Result<Stop> {
    let stop = Stop::new();
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be taken")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be taken")?;
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: handing over what was read");
        told.cancel();
    });
    Ok(stop)
}
