//! Lines on their way from an agent's spool to the center's journal.

use std::net::SocketAddr;

use bongsu_event::{AgentId, Micros, RawRecord, RecordFlags, SourceId, SpoolPosition, Transport};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One input of an agent (a tail, journald, a syslog listener), numbered by the center in [`crate::Config`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InputId(pub u32);

/// One line as an agent sends it. Its spool sequence is its place in [`Records`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRecord {
    /// When the agent had the bytes.
    pub time: Micros,
    /// The input that read them; the center knows the source behind it.
    pub input: InputId,
    /// The device that sent the line to the agent's syslog listener; `None` for files and journald.
    pub peer: Option<SocketAddr>,
    /// How the line reached the agent: `Agent` for files and journald, else the site transport (UDP, TCP).
    pub via: Transport,
    /// What the agent's intake noticed.
    pub flags: RecordFlags,
    /// The bytes of the line.
    pub raw: Bytes,
}

impl AgentRecord {
    /// From a record of the agent's spool, where the input's number stands in `source`.
    #[must_use]
    pub fn from_spool(record: &RawRecord) -> Self {
        Self {
            time: record.receive_time,
            input: InputId(record.source.0),
            peer: record.peer,
            via: record.transport,
            flags: record.flags,
            raw: record.raw.clone(),
        }
    }

    /// As the agent's spool keeps it: the reverse of [`AgentRecord::from_spool`].
    #[must_use]
    pub fn into_spool(self) -> RawRecord {
        RawRecord {
            receive_time: self.time,
            source: SourceId(self.input.0),
            transport: self.via,
            peer: self.peer,
            spool: None,
            flags: self.flags,
            raw: self.raw,
        }
    }

    /// As the center's journal keeps it. `source` and `position` are the center's findings; a line that came to
    /// the agent over UDP stays UDP, because its sender's address may be forged all the same.
    #[must_use]
    pub fn into_raw(self, source: SourceId, position: SpoolPosition, agent_address: Option<SocketAddr>) -> RawRecord {
        let transport = if self.via == Transport::Udp { Transport::Udp } else { Transport::Agent };
        RawRecord {
            receive_time: self.time,
            source,
            transport,
            peer: self.peer.or(agent_address),
            spool: Some(position),
            flags: self.flags,
            raw: self.raw,
        }
    }
}

/// A run of the agent's spool, without gaps inside; a gap *between* two messages is what the spool had to drop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Epoch of the spool.
    pub epoch: u64,
    /// Sequence of the first record, from 1.
    pub first_sequence: u64,
    /// The records, at most [`crate::limits::RECORDS_MAX`].
    pub records: Vec<AgentRecord>,
}

impl Records {
    /// Sequence of the last record; `first_sequence - 1` if there is none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.first_sequence.saturating_add(self.records.len() as u64).saturating_sub(1)
    }

    /// Each record with its place in the spool of `agent`.
    pub fn into_positions(self, agent: AgentId) -> impl Iterator<Item = (SpoolPosition, AgentRecord)> {
        let (epoch, first) = (self.epoch, self.first_sequence);
        self.records
            .into_iter()
            .zip(0u64..)
            .map(move |(record, i)| (SpoolPosition { agent, epoch, sequence: first.saturating_add(i) }, record))
    }
}
