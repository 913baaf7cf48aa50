//! Typed numbers: an `AgencyId` is no `SourceId`.

use serde::{Deserialize, Serialize};

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }
    };
}

number_id!(/** An organisation: every record belongs to exactly one. */ AgencyId);
number_id!(/** A registered log source; 0 is the quarantine of unknown senders. */ SourceId);
number_id!(/** An enrolled agent. */ AgentId);

impl SourceId {
    /// Lines of senders nobody has registered.
    pub const QUARANTINE: Self = Self(0);
}

/// Identity of an event: center epoch + journal sequence. A restored center starts a new epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId {
    /// Epoch of the center's journal, from 1.
    pub epoch: u32,
    /// Journal sequence number, from 1, without gaps.
    pub sequence: u64,
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.epoch, self.sequence)
    }
}

impl std::str::FromStr for EventId {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (epoch, sequence) = s.split_once('-').ok_or("an event id is EPOCH-SEQUENCE, as 1-48113902")?;
        Ok(Self {
            epoch: epoch.parse().map_err(|_| "the epoch of an event id is a number")?,
            sequence: sequence.parse().map_err(|_| "the sequence of an event id is a number")?,
        })
    }
}
