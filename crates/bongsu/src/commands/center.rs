//! `bongsu center`: load and check everything, build, run, drain.

use std::path::PathBuf;

use anyhow::{Context, Result};
use bongsu_center::config::Config;
use bongsu_center::start;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Center;

/// Threads of the async runtime; detection has a thread of its own.
const RUNTIME_THREADS: usize = 2;

pub fn run(data: Option<PathBuf>, arguments: Center) -> Result<u8> {
    let config = configure(data, &arguments)?;
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_new(&config.log).context("log: this is no filter; write info")?,
        )
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(RUNTIME_THREADS).enable_all().build()?;
    runtime.block_on(serve(config))?;
    Ok(0)
}

fn configure(data: Option<PathBuf>, arguments: &Center) -> Result<Config> {
    let data = match data {
        Some(data) => data,
        None => {
            let folder = super::folder(None)?;
            if arguments.demo { folder.with_file_name("bongsu-demo") } else { folder }
        }
    };
    let mut config = Config::default_for(data, arguments.demo);
    if let Some(file) = &arguments.config {
        config.read_file(file)?;
    }
    if let Some(listen) = &arguments.listen {
        config.set("web.listen", listen)?;
    }
    for pair in &arguments.set {
        let (key, value) = pair.split_once('=').with_context(|| format!("write --set {pair} as --set key=value"))?;
        config.set(key.trim(), value.trim()).context("--set")?;
    }
    config.check()?;
    Ok(config)
}

async fn serve(config: Config) -> Result<()> {
    let demo = config.demo;
    let running = start::start(config).await?;
    let demo = if demo { Some(crate::demo::begin(&running.app).await?) } else { None };
    running.app.ready.store(true, std::sync::atomic::Ordering::Release);
    running.announce(demo.as_ref().map(|d| d.links.as_slice()).unwrap_or_default());
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = running.app.stop.cancelled() => {}
    }
    eprintln!("draining");
    if let Some(demo) = demo {
        demo.stop().await;
    }
    running.drain().await
}
