//! What a process used, from `/proc`: all its threads together.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result};

/// The kernel's clock ticks a second, as `/proc` counts CPU time.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds so far, user and system.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    Ok(ticks(&pid.to_string(), 11)? / TICKS_PER_SECOND)
}

/// CPU seconds of the children this process has waited for.
pub fn cpu_seconds_of_ended() -> Result<f64> {
    Ok(ticks("self", 13)? / TICKS_PER_SECOND)
}

/// Two neighbouring fields of `stat`, counted behind the name.
fn ticks(process: &str, first: usize) -> Result<f64> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let fields = stat.rsplit(") ").next().unwrap_or("").split(' ').skip(first).take(2);
    Ok(fields.filter_map(|f| f.parse::<f64>().ok()).sum())
}

/// Most memory it has held so far, MiB.
pub fn peak_mib(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("");
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0)
}

/// Time this thread has been on a core, nanoseconds: other programs on the machine do not count.
pub fn on_cpu_nanos() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

/// A program under test; killed when it is let go.
pub struct Running(pub Child);

impl Running {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
    /// Ask it to end, and wait.
    pub fn stop(mut self) -> Result<()> {
        std::process::Command::new("kill").arg(self.0.id().to_string()).status()?;
        self.0.wait()?;
        Ok(())
    }
    /// Has it ended by itself?
    pub fn ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Wait until something gives a value.
pub fn eventually<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begin = std::time::Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        anyhow::ensure!(begin.elapsed() < patience, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
