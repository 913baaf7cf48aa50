//! How far the hunt is: bytes, rate, time left and findings so far, on a terminal only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often the bar is drawn.
const DRAW: Duration = Duration::from_millis(200);
const TEMPLATE: &str = "{bar:28} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left; {msg} detections";

/// The bar, which is hidden where nobody looks.
pub struct Progress {
    bar: ProgressBar,
    read: Arc<AtomicU64>,
}

impl Progress {
    /// Of so many bytes; 0: not known.
    pub fn new(total: u64) -> Self {
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        if total > 0 && !bar.is_hidden() {
            bar.enable_steady_tick(DRAW);
        }
        Self { bar, read: Arc::default() }
    }
    /// Where readers count what they read.
    pub fn read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }
    /// So many findings so far.
    pub fn at(&self, findings: u64) {
        if !self.bar.is_hidden() {
            self.bar.set_position(self.read.load(Ordering::Relaxed));
            self.bar.set_message(findings.to_string());
        }
    }
    /// Write to the terminal without the bar in the way.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        if self.bar.is_hidden() { write() } else { self.bar.suspend(write) }
    }
    /// Take the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
