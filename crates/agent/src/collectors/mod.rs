//! Readers of an office's logs, one file each.

mod glob;
mod journald;
mod syslog;
mod tail;

use std::sync::Arc;

use bongsu_uplink::{InputConfig, InputKind};

use crate::shared::Shared;

/// All readers of the agent; a new configuration starts, changes and stops them.
pub(crate) struct Collectors {
    shared: Arc<Shared>,
    tail: tail::Tail,
    running: Vec<(InputConfig, Running)>,
}

/// A reader that runs as a task; files are all followed by one thread.
struct Running {
    stop: tokio_util::sync::CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Collectors {
    pub fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let tail = tail::Tail::start(Arc::clone(&shared))?;
        Ok(Self { shared, tail, running: Vec::new() })
    }

    /// Makes the readers those of `inputs`; what did not change runs on untouched.
    pub async fn set(&mut self, inputs: &[InputConfig]) {
        self.shared.tallies.lock().retain(|id, _| inputs.iter().any(|i| i.id == *id));
        self.tail.set(inputs);
        let (kept, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.running).into_iter().partition(|(config, _)| inputs.contains(config));
        self.running = kept;
        // A port must be free again before its next owner opens it.
        for (_, running) in gone {
            running.end().await;
        }
        for input in inputs {
            if self.running.iter().any(|(config, _)| config == input) {
                continue;
            }
            let (shared, id) = (Arc::clone(&self.shared), input.id);
            let stop = tokio_util::sync::CancellationToken::new();
            let task = match &input.kind {
                InputKind::Tail { .. } => continue,
                InputKind::Journald { units } => tokio::spawn(journald::run(shared, id, units.clone(), stop.clone())),
                InputKind::SyslogUdp { listen } => tokio::spawn(syslog::udp(shared, id, listen.clone(), stop.clone())),
                InputKind::SyslogTcp { listen } => tokio::spawn(syslog::tcp(shared, id, listen.clone(), stop.clone())),
            };
            self.running.push((input.clone(), Running { stop, task }));
        }
    }

    /// Stops every reader after what was read is handed over.
    pub async fn stop(self) {
        for (_, running) in self.running {
            running.end().await;
        }
        self.tail.stop().await;
    }
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}
