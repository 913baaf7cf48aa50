//! A raw record: bytes as received, with what intake knows about how they came.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{AgentId, Micros, SourceId};

/// How a record came in; the safety of automatic blocks rests on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Syslog over UDP: the sender's address can be forged.
    Udp,
    /// Plain TCP: the address completed a handshake.
    Tcp,
    /// TLS without a client certificate.
    Tls,
    /// TLS with a client certificate that we know.
    MutualTls,
    /// An enrolled agent over mTLS.
    Agent,
    /// A file loaded by the operator: never acts.
    Load,
}

impl Transport {
    /// May a line that came this way, from a *registered* source, lead to an automatic block?
    #[must_use]
    pub fn authenticates(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls | Self::MutualTls | Self::Agent)
    }
}

/// How lines were told apart on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// RFC 6587 octet counting.
    OctetCounted,
    /// RFC 6587 non-transparent framing: a line ends at LF or NUL.
    Delimited,
}

/// Where an agent's line stands in its spool: repeats are dropped by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpoolPosition {
    /// The agent.
    pub agent: AgentId,
    /// Random number made when the spool folder was made.
    pub epoch: u64,
    /// Sequence in that spool, from 1.
    pub sequence: u64,
}

/// What intake noticed about the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFlags {
    /// Cut at `LINE_BYTES_MAX`.
    pub truncated: bool,
    /// The connection ended in the middle of this line.
    pub unterminated: bool,
}

/// Bytes as received. Nothing in it depends on what the bytes say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRecord {
    /// When we had the bytes.
    pub receive_time: Micros,
    /// The registered source, or [`SourceId::QUARANTINE`].
    pub source: SourceId,
    /// How it came.
    pub transport: Transport,
    /// The sender's address (of an agent: the agent's).
    pub peer: Option<SocketAddr>,
    /// For an agent's lines, where they stand in its spool.
    pub spool: Option<SpoolPosition>,
    /// What intake noticed.
    pub flags: RecordFlags,
    /// The bytes of the line, without framing.
    pub raw: Bytes,
}
