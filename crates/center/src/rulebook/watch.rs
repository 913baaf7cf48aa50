//! Changed rule files are noticed: the kernel tells of the folders it can watch, and a slow look catches the rest
//! (network folders, too many folders, a folder that was not there).
//!
//! Invariant: a look costs reads of names and stamps alone; only a change loads rules.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_domain::Actor;
use bongsu_state::Change;
use inotify::{EventMask, Inotify, WatchMask};
use tracing::{info, warn};

use crate::app::App;

/// Between two askings of the kernel, milliseconds.
const ASK_MILLIS: u64 = 200;
/// Between two looks that nobody asked for, seconds.
const LOOK_SECONDS: u64 = 30;
/// Most bytes of notices taken at once.
const NOTICE_BYTES: usize = 16 * 1024;

/// What the kernel is asked to tell of a folder.
fn wanted() -> WatchMask {
    WatchMask::CLOSE_WRITE
        | WatchMask::MOVED_TO
        | WatchMask::MOVED_FROM
        | WatchMask::CREATE
        | WatchMask::DELETE
        | WatchMask::DELETE_SELF
        | WatchMask::MOVE_SELF
}

struct Watch {
    kernel: Option<Inotify>,
    folders: HashSet<PathBuf>,
}

impl Watch {
    fn new() -> Self {
        let kernel = Inotify::init().inspect_err(|e| warn!("rule folders are looked at every {LOOK_SECONDS} s: {e}"));
        Self { kernel: kernel.ok(), folders: HashSet::new() }
    }
    /// Watch these folders; says whether one is new, which may hold files written before it was watched.
    fn set(&mut self, folders: &[PathBuf]) -> bool {
        let Some(kernel) = &self.kernel else { return false };
        let before = self.folders.len();
        for folder in folders {
            if self.folders.contains(folder) {
                continue;
            }
            match kernel.watches().add(folder, wanted()) {
                Ok(_) => {
                    self.folders.insert(folder.clone());
                }
                Err(e) => {
                    warn!("{} is looked at every {LOOK_SECONDS} s: {e}", folder.display());
                    break;
                }
            }
        }
        self.folders.len() > before
    }
    /// Has anything happened since the last asking?
    fn told(&mut self) -> bool {
        let Some(kernel) = &mut self.kernel else { return false };
        let mut buffer = [0; NOTICE_BYTES];
        let mut any = false;
        while let Ok(notices) = kernel.read_events(&mut buffer) {
            for notice in notices {
                any = true;
                // A folder that went away may come back under the same name.
                if notice.mask.intersects(EventMask::DELETE_SELF | EventMask::MOVE_SELF | EventMask::IGNORED) {
                    self.folders.clear();
                }
            }
        }
        any
    }
}

/// Until the center stops.
pub async fn run(app: Arc<App>) {
    let mut watch = Watch::new();
    let mut again = watch.set(&app.rules.now().folders);
    let mut ticks = tokio::time::interval(Duration::from_millis(ASK_MILLIS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looked = Instant::now();
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if !watch.told() && !again && looked.elapsed() < Duration::from_secs(LOOK_SECONDS) {
            continue;
        }
        looked = Instant::now();
        let center = Actor::center();
        match app.reload_rules(&Change::new(&center, app.now(), "files changed"), true).await {
            Ok(changed) if changed.is_empty() => {}
            Ok(changed) => info!("rules loaded again: {}", changed.words()),
            Err(e) => warn!("rules could not be loaded again: {e:#}"),
        }
        again = watch.set(&app.rules.now().folders);
    }
}
