//! CPU seconds, and what several of them come to.

use rustix::time::{ClockId, clock_gettime};

/// CPU seconds of this thread so far, user and system.
pub fn cpu_seconds() -> f64 {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

/// How long `f` keeps this thread's CPU busy, and what it gives.
pub fn timed<T>(f: impl FnOnce() -> T) -> (f64, T) {
    let start = cpu_seconds();
    let value = f();
    (cpu_seconds() - start, value)
}

/// Median, least and greatest.
pub fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).copied().unwrap_or(0.0);
    (median, values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0))
}
