//! What the center says to an agent.

use std::net::IpAddr;

use bongsu_event::{AgentId, Micros};
use serde::{Deserialize, Serialize};

use crate::InputId;

/// Center → agent.
#[derive(Clone, Debug, PartialEq)]
pub enum CenterMessage {
    /// Answer to `Hello`.
    Welcome(Welcome),
    /// Durable in the center's journal through this sequence of this spool epoch.
    Ack {
        /// Epoch of the spool.
        epoch: u64,
        /// Through this sequence.
        through: u64,
    },
    /// A new configuration.
    Config(Config),
    /// The full wanted set.
    Blocks(Blocks),
    /// One change to the wanted set, sent before the next full set for speed.
    BlocksDelta(BlocksDelta),
    /// Answer to `Enrol` and `Renew`.
    Enrolled(Enrolled),
    /// Are you there? The number comes back in `Pong`.
    Ping(u64),
    /// Yes.
    Pong(u64),
    /// Refused, with what to do; the connection closes after it.
    Error(String),
}

/// Answer to `Hello`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`crate::PROTOCOL_VERSION`] of the center.
    pub protocol: u16,
    /// Who the center takes the agent for.
    pub agent_id: AgentId,
    /// The center's clock.
    pub time: Micros,
    /// Epoch of the center's journal; a new one after a restore.
    pub center_epoch: u64,
    /// The center holds everything of this spool epoch through here; 0 for nothing. The agent sends from the next
    /// one, even if it was told more before: a restored center asks again.
    pub acked_sequence: u64,
    /// What to collect.
    pub config: Config,
}

/// What an agent collects and how it keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Grows with each change.
    pub version: u64,
    /// The configuration.
    pub agent: AgentConfig,
}

/// The body of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// Inputs; the center keeps which source stands behind each.
    pub inputs: Vec<InputConfig>,
    /// Bounds of the spool.
    pub spool: SpoolConfig,
    /// The enforcement point; `None` for a mere collector.
    pub enforce: Option<EnforceConfig>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputConfig {
    /// Its number in [`crate::AgentRecord::input`].
    pub id: InputId,
    /// What to read.
    pub kind: InputKind,
}

/// What an input reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputKind {
    /// Files, followed through rotation and truncation.
    Tail {
        /// Globs of absolute paths.
        globs: Vec<String>,
        /// Read what was there before the input was made, too.
        from_start: bool,
    },
    /// The system's journal.
    Journald {
        /// Only these units; all if empty.
        units: Vec<String>,
    },
    /// Syslog over UDP for a site.
    SyslogUdp {
        /// Address and port.
        listen: String,
    },
    /// Syslog over TCP for a site.
    SyslogTcp {
        /// Address and port.
        listen: String,
    },
}

/// Bounds of an agent's spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolConfig {
    /// Most bytes on disk.
    pub bytes_max: u64,
    /// Most hours a line waits for its acknowledgement.
    pub hours_max: u32,
    /// Hours an acknowledged line is kept, for a center restored from a backup.
    pub keep_acked_hours: u32,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self { bytes_max: 1024 * 1024 * 1024, hours_max: 7 * 24, keep_acked_hours: 24 }
    }
}

/// How an agent enforces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnforceConfig {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Seconds between two comparisons of wanted and found.
    pub reconcile_seconds: u32,
}

/// The full wanted set of one enforcement point; what is not in it is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    /// Grows with each change, deltas included.
    pub version: u64,
    /// Every block wanted here.
    pub wanted: Vec<WantedBlock>,
    /// Addresses and prefixes that are never blocked here, as text (`192.0.2.0/24`); the agent checks them again.
    pub never_block: Vec<String>,
    /// The kill switch.
    pub kill_switch: KillSwitch,
}

/// The kill switch as the point must obey it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KillSwitch {
    /// Blocks are enforced.
    #[default]
    Off,
    /// No block is enforced, those held are lifted.
    On,
}

/// One block that should hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedBlock {
    /// The center's id of the block.
    pub id: String,
    /// First address of the target.
    pub address: IpAddr,
    /// Prefix length; 32 or 128 for a single address.
    pub prefix: u8,
    /// Which traffic.
    pub direction: Direction,
    /// When it ends, whether or not the center is there.
    pub expires_at: Micros,
}

/// Which traffic of a target is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// From the target and to it.
    #[default]
    Both,
    /// From the target.
    From,
    /// To the target.
    To,
}

/// One change to the wanted set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlocksDelta {
    /// Version this change leads to; applies on top of any older one.
    pub version: u64,
    /// To be added, or renewed.
    pub add: Vec<WantedBlock>,
    /// Ids to be lifted.
    pub remove: Vec<String>,
    /// The kill switch, if this change moves it.
    pub kill_switch: Option<KillSwitch>,
}

/// A certificate for the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Who the agent is from now on.
    pub agent_id: AgentId,
    /// Its certificate and what signs it, PEM.
    pub chain_pem: String,
    /// The center's authority, PEM.
    pub ca_pem: String,
    /// When to renew, well before the certificate ends.
    pub renew_at: Micros,
}
