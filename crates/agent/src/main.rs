//! The agent: collectors, spool, enforcement; its binary.

use std::{io::IsTerminal, process::ExitCode};

use bongsu_agent::cli::Cli;
use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("BONGSU_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colour = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .init();
    match cli.run() {
        Ok(code) => code,
        Err(e) => {
            eprintln!("bongsu-agent: {e:#}");
            ExitCode::from(3)
        }
    }
}
