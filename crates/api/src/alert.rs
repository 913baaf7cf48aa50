//! Alerts: detections grouped by rule + entity + agency, asking for a person.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Actor, Named, Severity, block::BlockBrief, error::ErrorBody};

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has taken it.
    Open,
    /// Somebody works on it (확인 중).
    Acknowledged,
    /// Ended, with a verdict.
    Closed,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// 실제 침해.
    TruePositive,
    /// 정상 업무.
    Benign,
    /// 오탐.
    FalsePositive,
    /// 중복.
    Duplicate,
}

/// A row of the queue.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertRow {
    /// Shown as `A-24817`.
    pub id: i64,
    /// Severity.
    pub severity: Severity,
    /// Severity × asset grade × confidence, 0 to 100.
    pub score: u32,
    /// State.
    pub state: AlertState,
    /// Acknowledge by; absent: no limit.
    pub due_at: Option<String>,
    /// When the limit began to run.
    pub opened_at: String,
    /// The reason as a sentence, Korean.
    pub reason: String,
    /// The reason as a sentence, English.
    pub reason_en: String,
    /// Rule id.
    pub rule_id: String,
    /// Rule title, Korean.
    pub rule_title: String,
    /// Rule title, English.
    pub rule_title_en: String,
    /// Whose.
    pub agency: Named,
    /// What it is about.
    pub entity: Entity,
    /// Detections in it.
    pub count: u64,
    /// Counts of the last hour, 12 buckets of 5 minutes, oldest first.
    pub sparkline: Vec<u32>,
    /// First detection.
    pub first_at: String,
    /// Last detection.
    pub last_at: String,
    /// Who has it.
    pub owner: Option<Named>,
    /// The block made for it, if any.
    pub block: Option<BlockBrief>,
    /// Written by the demo (예시).
    pub example: bool,
}

/// The thing an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entity {
    /// `src_ip`, `user`, `host`, `source` …
    pub kind: String,
    /// Its value.
    pub value: String,
    /// Registered system name, if known.
    pub system: Option<String>,
}

/// The queue.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertPage {
    /// True as of.
    pub as_of: String,
    /// Groups that match, in scope.
    pub total: u64,
    /// Detections in those groups.
    pub detections: u64,
    /// Rows, best first: mine, then nobody's.
    pub rows: Vec<AlertRow>,
    /// Ask again with this for more.
    pub next: Option<String>,
    /// Agencies that appear in the rows' query.
    pub agencies: Vec<Named>,
}

/// Filters of the queue; all of them live in the page's URL.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct AlertQuery {
    /// `mine` (mine + unassigned, default), `all`, `closed`.
    pub tab: Option<String>,
    /// `open`, `acknowledged`, `closed`; default open and acknowledged.
    pub state: Option<AlertState>,
    /// Least severity.
    pub severity: Option<Severity>,
    /// Only this agency's subtree.
    pub agency: Option<u32>,
    /// Only this rule.
    pub rule: Option<String>,
    /// Only this entity value.
    pub entity: Option<String>,
    /// Hours back from now by last detection; default 24.
    pub hours: Option<u32>,
    /// Text in reason, entity or agency.
    pub q: Option<String>,
    /// Rows a page, at most 200.
    pub limit: Option<u32>,
    /// From `next`.
    pub cursor: Option<String>,
}

/// Id in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct AlertPath {
    /// Alert id.
    pub id: i64,
}

/// One thing that happened to an alert.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TimelineEntry {
    /// When.
    pub at: String,
    /// `detected`, `acknowledged`, `note`, `closed`, `reopened`, `block_requested`, `block_approved`, `block_applied`, `block_refused`, `block_undone`, `block_expired`.
    pub kind: String,
    /// Who.
    pub actor: Actor,
    /// In words (note text, reason, verdict).
    pub text: String,
}

/// An ATT&CK technique.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Technique {
    /// As `T1110.001`.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A person to call.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Contact {
    /// Name.
    pub name: String,
    /// Role in words.
    pub role: crate::session::Role,
    /// Telephone or extension.
    pub phone: Option<String>,
    /// Away until, if a substitute stands in.
    pub away_until: Option<String>,
    /// Responsible at this moment.
    pub on_duty: bool,
}

/// A closed alert like this one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SimilarAlert {
    /// Alert id.
    pub id: i64,
    /// When it closed.
    pub closed_at: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What was noted.
    pub text: String,
    /// Why it is similar, as `same_rule`, `same_entity`.
    pub because: Vec<String>,
}

/// The panel.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertDetail {
    /// The row.
    pub row: AlertRow,
    /// What the rule says, Korean.
    pub description: String,
    /// What the rule says, English.
    pub description_en: String,
    /// What to do next, Korean, a step a line.
    pub next_steps: Vec<String>,
    /// What to do next, English.
    pub next_steps_en: Vec<String>,
    /// Techniques.
    pub attack: Vec<Technique>,
    /// Verdict, when closed.
    pub verdict: Option<Verdict>,
    /// What happened to it.
    pub timeline: Vec<TimelineEntry>,
    /// Other open alerts of the entity in scope.
    pub other_alerts: Vec<AlertRow>,
    /// Alerts of this entity a day, last 14 days, oldest first.
    pub entity_days: Vec<u32>,
    /// Agencies in scope where the entity was seen in alerts.
    pub seen_in: Vec<Named>,
    /// The agency's people.
    pub contacts: Vec<Contact>,
    /// Closed alerts like this.
    pub similar: Vec<SimilarAlert>,
    /// What a block of it would target, and why not if it can't be.
    pub block_target: Option<String>,
}

/// A raw line of an alert.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertEvent {
    /// Event id, as `1-48113902`.
    pub id: String,
    /// Event time.
    pub time: String,
    /// Source name.
    pub source: String,
    /// The raw line as text.
    pub raw: String,
    /// Parts of `raw` that made the rule fire.
    pub marks: Vec<Mark>,
    /// Does the journal's hash still match?
    pub hash_ok: Option<bool>,
    /// Fields and values that held.
    pub matched: Vec<MatchedField>,
}

/// A part of a raw line, in characters (Unicode scalar values).
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Mark {
    /// First character.
    pub start: u32,
    /// After the last.
    pub end: u32,
}

/// A field that held for a selection.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MatchedField {
    /// Name of the selection in the rule.
    pub selection: String,
    /// Field.
    pub field: String,
    /// Value.
    pub value: String,
    /// What the rule asked of it, as `contains 'whoami'`; empty where it was not kept.
    #[serde(default)]
    pub test: String,
}

/// Raw lines of an alert.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertEvents {
    /// True as of.
    pub as_of: String,
    /// All there are.
    pub total: u64,
    /// The newest, at most 50.
    pub events: Vec<AlertEvent>,
}

/// Close an alert.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CloseAlert {
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in words; needed.
    pub reason: String,
}

/// Write a note.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// At most 4,000 characters.
    pub text: String,
}

/// The queue.
#[utoipa::path(get, path = "/api/alerts", operation_id = "list_alerts", params(AlertQuery), responses((status = 200, body = AlertPage), (status = 401, body = ErrorBody)))]
pub fn list() {}
/// The panel.
#[utoipa::path(get, path = "/api/alerts/{id}", operation_id = "get_alert", params(AlertPath), responses((status = 200, body = AlertDetail), (status = 404, body = ErrorBody)))]
pub fn get() {}
/// Raw lines behind it.
#[utoipa::path(get, path = "/api/alerts/{id}/events", operation_id = "alert_events", params(AlertPath), responses((status = 200, body = AlertEvents), (status = 404, body = ErrorBody)))]
pub fn events() {}
/// Acknowledge and take, one action.
#[utoipa::path(post, path = "/api/alerts/{id}/acknowledge", operation_id = "acknowledge_alert", params(AlertPath), responses((status = 200, body = AlertRow), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub fn acknowledge() {}
/// Close with reason.
#[utoipa::path(post, path = "/api/alerts/{id}/close", operation_id = "close_alert", params(AlertPath), request_body = CloseAlert, responses((status = 200, body = AlertRow), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn close() {}
/// Undo a close or an acknowledgement.
#[utoipa::path(post, path = "/api/alerts/{id}/reopen", operation_id = "reopen_alert", params(AlertPath), responses((status = 200, body = AlertRow), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn reopen() {}
/// Write a note.
#[utoipa::path(post, path = "/api/alerts/{id}/notes", operation_id = "note_alert", params(AlertPath), request_body = Note, responses((status = 200, body = TimelineEntry), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn note() {}
