//! Agents: collectors and enforcers at the offices. Enrolled by a single-use token, known by their certificate.

use bongsu_event::Micros;

/// Longest life of an enrolment token, hours.
pub const TOKEN_HOURS_MAX: u32 = 24;
/// An agent that said nothing for this long is away, seconds.
pub const AGENT_AWAY_SECONDS: i64 = 30;

/// What an agent does with blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforce {
    /// Collects only.
    #[default]
    Off,
    /// Says what it would do.
    DryRun,
    /// Acts.
    Nftables,
}

impl Enforce {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Off, Self::DryRun, Self::Nftables];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::DryRun => "dry_run",
            Self::Nftables => "nftables",
        }
    }
    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }
}

/// How an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AgentState {
    /// Was here, says nothing.
    Away,
    /// Has never connected.
    Never,
    /// Connected.
    Connected,
    /// Its certificate is worth nothing any more.
    Revoked,
}

impl AgentState {
    /// The name shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Never => "never",
            Self::Connected => "connected",
            Self::Revoked => "revoked",
        }
    }
}

/// How is an agent at `now`?
#[must_use]
pub fn agent_state(revoked: bool, last_seen: Option<Micros>, now: Micros) -> AgentState {
    match last_seen {
        _ if revoked => AgentState::Revoked,
        None => AgentState::Never,
        Some(last) if now.0.saturating_sub(last.0) <= AGENT_AWAY_SECONDS * Micros::SECOND => AgentState::Connected,
        Some(_) => AgentState::Away,
    }
}
