//! What an agent says to the center.

use bongsu_event::Micros;
use serde::{Deserialize, Serialize};

use crate::{InputId, Records};

/// Agent → center.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentMessage {
    /// First message of an enrolled agent.
    Hello(Hello),
    /// Lines.
    Records(Records),
    /// How the agent is, every [`crate::limits::STATUS_SECONDS`].
    Status(Status),
    /// What the enforcement point holds, read back from it.
    BlocksState(BlocksState),
    /// What became of one wanted block, at once.
    BlockResult(BlockResult),
    /// First and only message of a machine that has a token and no certificate yet.
    Enrol(Enrol),
    /// Ask for a fresh certificate; the old one speaks for the agent.
    Renew(Renew),
    /// Are you there? The number comes back in `Pong`.
    Ping(u64),
    /// Yes.
    Pong(u64),
    /// Something failed here that an operator should read.
    Error(String),
}

/// First message of an enrolled agent. Who it is stands in its certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`crate::PROTOCOL_VERSION`] of the agent.
    pub protocol: u16,
    /// Version of the agent's program.
    pub agent_version: String,
    /// The machine's own name; a label, never an identity.
    pub hostname: String,
    /// As `Debian GNU/Linux 13, 6.12.0`.
    pub os: String,
    /// Epoch of the spool: a random number made when its folder was made.
    pub spool_epoch: u64,
    /// Oldest sequence the spool still holds; `spool_last_sequence + 1` if it holds none.
    pub spool_first_sequence: u64,
    /// Newest sequence the spool holds, 0 before the first line.
    pub spool_last_sequence: u64,
    /// Version of the configuration the agent runs on, 0 for none.
    pub config_version: u64,
    /// Version of the blocks the agent last applied, 0 for none.
    pub blocks_version: u64,
    /// What this agent can do, as `nftables`, `journald`, `syslog`, `tail`.
    pub capabilities: Vec<String>,
}

/// How an agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's clock, to show a skew.
    pub time: Micros,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// CPU used since start, microseconds.
    pub cpu_micros: u64,
    /// Seconds since the agent started.
    pub uptime_seconds: u64,
    /// The spool.
    pub spool: SpoolStatus,
    /// Each input.
    pub inputs: Vec<InputStatus>,
    /// The enforcement point.
    pub enforcement: Enforcement,
}

/// State of the spool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolStatus {
    /// Its epoch.
    pub epoch: u64,
    /// Oldest sequence held.
    pub first_sequence: u64,
    /// Newest sequence held.
    pub last_sequence: u64,
    /// Acknowledged by the center through this sequence.
    pub acked_sequence: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bound, bytes.
    pub bytes_max: u64,
    /// Lines dropped before they were acknowledged, because the spool was over its bound, since it was made.
    pub dropped_records: u64,
    /// What fails now, as a full disk; empty when nothing does.
    pub alarm: String,
}

/// State of one input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputStatus {
    /// The input.
    pub input: InputId,
    /// Lines read since the agent started.
    pub lines: u64,
    /// Bytes read since the agent started.
    pub bytes: u64,
    /// Lines cut at the line limit since the agent started.
    pub truncated: u64,
    /// Datagrams the kernel dropped since the agent started (UDP listeners).
    pub dropped: u64,
    /// Last line read; `None` for never.
    pub last_line: Option<Micros>,
    /// Open files or connections, as text for the operator.
    pub open: Vec<String>,
    /// What fails now (`permission denied: /var/log/secure`); empty when nothing does.
    pub error: String,
}

/// State of the agent's enforcement point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforcement {
    /// Whether it can act.
    pub state: EnforcementState,
    /// Version of the wanted set that was last applied whole.
    pub blocks_version: u64,
    /// Blocks it holds now.
    pub held: u32,
    /// Why it cannot act, or what last failed; empty when nothing does.
    pub error: String,
}

/// Whether an enforcement point can act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnforcementState {
    /// Not configured.
    #[default]
    Off,
    /// Works, touches nothing.
    DryRun,
    /// Works.
    On,
    /// Should work and does not.
    Failed,
}

/// What the enforcement point holds, read back from it (never from memory).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlocksState {
    /// When it was read.
    pub time: Micros,
    /// Version of the wanted set that was compared with.
    pub blocks_version: u64,
    /// Whether the kill switch was on.
    pub kill_switch: bool,
    /// Each wanted block, and what was found of it.
    pub blocks: Vec<BlockReport>,
    /// Found at the point and wanted by nobody; removed.
    pub strangers: Vec<String>,
    /// Times the table was found altered by another hand and put right, since the agent started.
    pub repaired: u64,
    /// What failed; empty when nothing did.
    pub errors: Vec<String>,
}

/// One block as found at the point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockReport {
    /// The center's id of the block.
    pub id: String,
    /// The target as found, as text.
    pub target: String,
    /// What was found.
    pub outcome: BlockOutcome,
    /// Packets dropped by it since it was inserted, if the point counts them.
    pub dropped_packets: Option<u64>,
    /// Bytes dropped by it since it was inserted, if the point counts them.
    pub dropped_bytes: Option<u64>,
    /// Connections still open with the target; `None` if the point cannot say.
    pub open_connections: Option<u32>,
    /// The point's own end of the block.
    pub expires_at: Option<Micros>,
    /// Reason for the operator when the outcome is not a plain success; else empty.
    pub detail: String,
}

/// What became of a wanted block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockOutcome {
    /// Inserted; its effect cannot be told yet.
    #[default]
    Inserted,
    /// Inserted and seen to work: packets dropped, or no connection left.
    Effective,
    /// Inserted, and traffic of the target still passes.
    NotEffective,
    /// Refused by the point's own rules: never-block list, expiry, too wide a prefix, kill switch.
    Refused,
    /// Tried and failed.
    Failed,
    /// Ended by its expiry.
    Expired,
    /// Removed as no longer wanted.
    Removed,
    /// Dry run: would have been inserted.
    DryRun,
}

/// What became of one wanted block, sent as soon as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockResult {
    /// When it was done.
    pub time: Micros,
    /// Microseconds from the message's arrival to the read-back.
    pub took_micros: u64,
    /// The block as found.
    pub report: BlockReport,
}

/// Ask for a certificate with a token. The agency comes from the token, never from here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// [`crate::PROTOCOL_VERSION`] of the agent.
    pub protocol: u16,
    /// The token's secret.
    pub secret: [u8; crate::SECRET_BYTES],
    /// Certificate signing request, PEM, for keys made by the agent.
    pub csr_pem: String,
    /// The machine's own name; a label, never an identity.
    pub hostname: String,
}

impl std::fmt::Debug for Enrol {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrol")
            .field("protocol", &self.protocol)
            .field("hostname", &self.hostname)
            .finish_non_exhaustive()
    }
}

/// Ask for a fresh certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// Certificate signing request, PEM.
    pub csr_pem: String,
}
