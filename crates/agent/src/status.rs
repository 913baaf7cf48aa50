//! How the agent is: for the center every few seconds, and for whoever asks `bongsu-agent status`.

use std::{fs, sync::atomic::Ordering::Relaxed, time::Instant};

use bongsu_event::Micros;
use bongsu_uplink::{Enforcement, SpoolStatus, Status};
use serde::{Deserialize, Serialize};

use crate::{
    Folder,
    shared::{Shared, now},
};

/// File that `bongsu-agent status` reads.
pub(crate) const FILE: &str = "status.json";
/// Longest machine name passed on, characters.
const NAME_CHARS_MAX: usize = 255;
/// Clock ticks in a second, as Linux shows CPU time to programs on every machine.
const TICKS_A_SECOND: u64 = 100;

/// What `bongsu-agent status` shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StatusFile {
    /// The center's address.
    pub center: String,
    /// Our number there.
    pub agent_id: u32,
    /// `connected`, or why not.
    pub link: String,
    /// End of the certificate.
    pub certificate_until: Option<Micros>,
    /// What the center is told.
    pub status: Status,
}

impl StatusFile {
    /// As the running agent last wrote it.
    #[must_use]
    pub fn read(folder: &Folder) -> Option<Self> {
        folder.read_json(FILE)
    }

    /// For people.
    #[must_use]
    pub fn text(&self, running: bool) -> String {
        let s = &self.status;
        let mut out = vec![
            format!("agent {} of center {}", self.agent_id, self.center),
            format!("state: {}", if running { self.link.as_str() } else { "not running" }),
            format!("as of {}, memory {} KiB", s.time, s.rss_bytes / 1024),
            format!(
                "spool: {} lines wait, {} of {} MiB on disk, {} dropped",
                s.spool.last_sequence.saturating_sub(s.spool.acked_sequence),
                s.spool.bytes >> 20,
                s.spool.bytes_max >> 20,
                s.spool.dropped_records
            ),
            format!("enforcement: {:?}, {} blocks held", s.enforcement.state, s.enforcement.held),
        ];
        out.extend(self.certificate_until.map(|until| format!("certificate until {until}")));
        for i in &s.inputs {
            let trouble = if i.error.is_empty() { String::new() } else { format!("; {}", i.error) };
            out.push(format!("input {}: {} lines, {} dropped{trouble}", i.input.0, i.lines, i.dropped));
        }
        for trouble in [&s.spool.alarm, &s.enforcement.error].into_iter().filter(|t| !t.is_empty()) {
            out.push(format!("trouble: {trouble}"));
        }
        out.join("\n")
    }
}

/// Gathers everything.
pub(crate) fn gather(shared: &Shared, enforcement: Enforcement, started: Instant) -> Status {
    let s = shared.spool.stats();
    Status {
        time: now(),
        rss_bytes: rss_bytes(),
        cpu_micros: cpu_micros(),
        uptime_seconds: started.elapsed().as_secs(),
        spool: SpoolStatus {
            epoch: s.epoch,
            first_sequence: s.first_sequence,
            last_sequence: s.last_sequence,
            acked_sequence: shared.acked.load(Relaxed),
            bytes: s.bytes,
            bytes_max: s.bytes_max,
            dropped_records: s.dropped_records,
            alarm: s.alarm.unwrap_or_default(),
        },
        inputs: shared.tallies.lock().iter().map(|(id, tally)| tally.status(*id)).collect(),
        enforcement,
    }
}

/// The machine's own name.
pub(crate) fn hostname() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.chars().take(NAME_CHARS_MAX).collect()
}

/// As `Debian GNU/Linux 13, 6.12.0`.
pub(crate) fn os() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux").trim_matches('"');
    format!("{name}, {}", rustix::system::uname().release().to_string_lossy())
}

/// Resident memory of this process.
pub(crate) fn rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).and_then(|l| l.split_whitespace().next());
    kib.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// CPU time used by this process.
fn cpu_micros() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name may hold blanks and brackets: what counts begins behind its last bracket.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * (1_000_000 / TICKS_A_SECOND)
}
