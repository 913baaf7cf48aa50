//! The frame of every page: stages, kill switch, counts, rates; and the live stream.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::ErrorBody;

/// Header and rail of every page.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// True as of (server time).
    pub as_of: String,
    /// Organisation name.
    pub organisation: String,
    /// Is this the demo city?
    pub demo: bool,
    /// Automatic blocking.
    pub kill_switch: crate::block::KillSwitch,
    /// Blocks in force.
    pub blocks_in_force: u32,
    /// Requests waiting for an approval I could give.
    pub approvals_waiting: u32,
    /// Open alert groups in my scope that are mine or nobody's.
    pub queue_open: u32,
    /// Events a second over the last ten seconds, in my scope's sources.
    pub events_per_second: f64,
    /// Newest event received in my scope, if any.
    pub last_event_at: Option<String>,
    /// Seconds from receipt to detection, of the newest batch.
    pub lag_seconds: f64,
    /// Who is duty lead now, by role assignments in force.
    pub duty_lead: Option<String>,
    /// Sources silent beyond their rhythm.
    pub silent_sources: u32,
    /// Senders in quarantine.
    pub quarantined: u32,
    /// Something the operator must act on (disk full, clock, broken rule file), in plain words.
    pub troubles: Vec<Trouble>,
}

/// Something is wrong with the center itself.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Trouble {
    /// Stable code.
    pub code: String,
    /// What and what to do.
    pub message: String,
    /// Since when.
    pub since: String,
}

/// One message of the live stream (`text/event-stream`, JSON in `data`). Says what changed; the client asks again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StreamEvent {
    /// Sent every second: the frame's figures.
    Tick {
        /// The frame.
        overview: Overview,
    },
    /// An alert was made or changed.
    Alert {
        /// Alert id.
        id: i64,
        /// New, not changed.
        new: bool,
    },
    /// A block was made or changed.
    Block {
        /// Block id.
        id: i64,
    },
    /// The kill switch was thrown.
    KillSwitch {
        /// Its state.
        state: crate::block::KillSwitch,
    },
    /// Sources, agents or the quarantine changed.
    Sources,
    /// Rules changed.
    Rules,
}

/// Header and rail.
#[utoipa::path(get, path = "/api/overview", responses((status = 200, body = Overview), (status = 401, body = ErrorBody)))]
pub fn overview() {}
/// Live stream, server-sent events.
#[utoipa::path(get, path = "/api/stream", responses((status = 200, content_type = "text/event-stream", body = StreamEvent), (status = 401, body = ErrorBody)))]
pub fn stream() {}
/// The authority's certificate, for installing in browsers and agents. Needs no session.
#[utoipa::path(get, path = "/api/authority.pem", responses((status = 200, content_type = "application/x-pem-file", body = String)))]
pub fn authority() {}
