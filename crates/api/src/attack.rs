//! ATT&CK: what is covered by rules that have the log sources they need, what is not, and what would bring it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The matrix, in scope.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttackMatrix {
    /// True as of.
    pub as_of: String,
    /// Version of ATT&CK.
    pub version: String,
    /// A log source counts as seen when an event of it came in so many days.
    pub days: u32,
    /// Tactics in order.
    pub tactics: Vec<AttackTactic>,
    /// Log sources: missing ones first, those that would bring most first; then those that are seen.
    pub sources: Vec<AttackSource>,
}

/// A tactic with its techniques.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttackTactic {
    /// As `initial-access`.
    pub name: String,
    /// Its techniques.
    pub techniques: Vec<AttackCell>,
}

/// A technique, its sub-techniques counted in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttackCell {
    /// As `T1110`.
    pub id: String,
    /// English name.
    pub name: String,
    /// Rules that are on and have the log sources they need.
    pub covered: u32,
    /// Rules that are on and lack a log source.
    pub waiting: u32,
    /// Rules that are off.
    pub off: u32,
    /// Log sources that the waiting rules lack most, at most three.
    pub missing: Vec<String>,
    /// Sub-techniques.
    pub subs: Vec<AttackSub>,
}

/// A sub-technique.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttackSub {
    /// As `T1110.001`.
    pub id: String,
    /// English name.
    pub name: String,
    /// Rules that are on and have the log sources they need.
    pub covered: u32,
    /// Rules that are on and lack a log source.
    pub waiting: u32,
    /// Rules that are off.
    pub off: u32,
}

/// A log source that rules ask for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttackSource {
    /// In words.
    pub logsource: String,
    /// Is it seen here?
    pub seen: bool,
    /// Last event.
    pub last_at: Option<String>,
    /// Rules that are on and lack it.
    pub rules: u32,
    /// Techniques that nothing covers now and that it alone would cover.
    pub gains: u32,
    /// What to connect, Korean.
    pub bring: String,
    /// What to connect, English.
    pub bring_en: String,
}

/// The matrix.
#[utoipa::path(get, path = "/api/attack", operation_id = "attack_matrix", responses((status = 200, body = AttackMatrix)))]
pub fn matrix() {}
