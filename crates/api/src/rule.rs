//! Detection rules: text, cases, on and off.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Severity, error::ErrorBody};

/// A rule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// Id (UUID of the Sigma document).
    pub id: String,
    /// Title, Korean.
    pub title: String,
    /// Title, English.
    pub title_en: String,
    /// Severity.
    pub severity: Severity,
    /// On?
    pub enabled: bool,
    /// What it does by itself when policy allows: `block`, `propose`, `none`.
    pub playbook: String,
    /// `event_count`, `value_count`, `temporal`, or absent for a plain rule.
    pub correlation: Option<String>,
    /// ATT&CK techniques.
    pub attack: Vec<crate::alert::Technique>,
    /// Log source in words.
    pub logsource: String,
    /// Detections in the last 24 hours, in scope.
    pub detections: u64,
    /// Last detection in scope.
    pub last_at: Option<String>,
    /// Closed alerts that were false positives, last 30 days.
    pub false_positives: u64,
    /// File it came from.
    pub file: String,
    /// Number of cases.
    pub cases: u32,
    /// Cases that do not hold.
    pub cases_failed: u32,
    /// What it costs since the rules came into force; absent where it cost nothing yet.
    pub cost: Option<RuleCost>,
}

/// What a rule costs since the rules came into force. Times, atoms and evaluations are estimated from every 61st event.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleCost {
    /// Part of the time that detection took, 0 to 1.
    pub share: f64,
    /// Of one core in the last full minute, percent.
    pub core_percent: f64,
    /// Atoms (tests of one field) that held.
    pub atoms: u64,
    /// Evaluations of its condition.
    pub evaluated: u64,
    /// Matches.
    pub matches: u64,
    /// Findings in the last full minute or already in the one running.
    pub per_minute: u64,
    /// Uses more of a core than configured.
    pub too_dear: bool,
    /// Fires more often than configured.
    pub too_often: bool,
    /// Windows of a correlation.
    pub windows: Option<RuleWindows>,
}

/// What a correlation keeps, and what it had to give up since it began; a checkpoint carries it over a restart.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleWindows {
    /// Groups kept.
    pub groups: u64,
    /// Events kept, over all groups.
    pub entries: u64,
    /// Groups forgotten because there were too many.
    pub groups_evicted: u64,
    /// Events forgotten because a group had too many.
    pub entries_dropped: u64,
    /// Events older than the window of their group, not counted.
    pub late: u64,
    /// Events that came again, counted once.
    pub duplicates: u64,
    /// Events without the fields it groups by or counts.
    pub ungrouped: u64,
}

/// What all rules together cost.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RulesCost {
    /// Since the rules came into force.
    pub since: String,
    /// Events.
    pub events: u64,
    /// Of those, timed.
    pub counted: u64,
    /// Detection of one event by all rules together, microseconds.
    pub event_micros: f64,
    /// Part of that which belongs to no single rule, 0 to 1.
    pub shared: f64,
}

/// Rules.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Rules {
    /// True as of.
    pub as_of: String,
    /// All.
    pub rows: Vec<Rule>,
    /// Files that could not be loaded.
    pub broken: Vec<BrokenRule>,
    /// What they cost together.
    pub cost: RulesCost,
}

/// What a reload changed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// True as of.
    pub as_of: String,
    /// Files that differ, by name.
    pub files: Vec<ChangedFile>,
    /// Rules that are new.
    pub new: u32,
    /// Rules whose text differs.
    pub changed: u32,
    /// Rules that are gone.
    pub removed: u32,
    /// Files that could not be loaded.
    pub broken: u32,
}

/// A file that differs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangedFile {
    /// Name.
    pub file: String,
    /// `new`, `changed` or `removed`.
    pub fate: String,
}

/// A rule that could not be loaded; the others run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BrokenRule {
    /// File.
    pub file: String,
    /// Why and what to do.
    pub reason: String,
}

/// A case of a rule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleCase {
    /// The lines.
    pub lines: Vec<String>,
    /// Must it fire?
    pub fire: bool,
    /// Does it hold?
    pub holds: bool,
    /// What went wrong.
    pub problem: Option<String>,
}

/// A rule, whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleDetail {
    /// The row.
    pub rule: Rule,
    /// Description, Korean.
    pub description: String,
    /// Description, English.
    pub description_en: String,
    /// What to do next, Korean.
    pub next_steps: Vec<String>,
    /// What to do next, English.
    pub next_steps_en: Vec<String>,
    /// The YAML text.
    pub text: String,
    /// Cases.
    pub cases: Vec<RuleCase>,
    /// Who switched it and why, newest first.
    pub history: Vec<crate::alert::TimelineEntry>,
    /// Its newest alerts, in scope.
    pub alerts: Vec<RuleAlert>,
    /// Its alerts closed as false positives in the last 30 days, in scope, newest first; at most 20.
    pub false_positives: Vec<FalsePositive>,
    /// Texts that were in force, newest first.
    pub versions: Vec<RuleVersion>,
    /// Exceptions in scope, newest first, ended ones too.
    pub exceptions: Vec<crate::exception::RuleException>,
}

/// An alert of the rule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleAlert {
    /// Alert id.
    pub id: i64,
    /// The reason as a sentence, Korean.
    pub reason: String,
    /// English.
    pub reason_en: String,
    /// Whose.
    pub agency: crate::Named,
    /// What it is about.
    pub entity: String,
    /// State.
    pub state: crate::alert::AlertState,
    /// Detections.
    pub count: u64,
    /// Last detection.
    pub last_at: String,
}

/// An alert of the rule that was none.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FalsePositive {
    /// Alert id.
    pub alert: i64,
    /// When it was closed.
    pub closed_at: String,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// What it was about.
    pub entity: String,
    /// Whose.
    pub agency: crate::Named,
}

/// A text of the rule that came into force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleVersion {
    /// Since when.
    pub at: String,
    /// Who brought it.
    pub actor: crate::Actor,
    /// Why.
    pub reason: String,
    /// File.
    pub file: String,
    /// SHA-256 of the text.
    pub hash: String,
    /// The text; absent: the rule went away.
    pub text: Option<String>,
}

/// Switch a rule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SetEnabled {
    /// On?
    pub enabled: bool,
    /// Why; needed.
    pub reason: String,
}

/// Try lines against a rule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TestLines {
    /// Raw lines, at most 200.
    pub lines: Vec<String>,
}

/// What a line did.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TestedLine {
    /// The line.
    pub line: String,
    /// Format that read it.
    pub format: Option<String>,
    /// Did the rule (or, for a correlation, one of its base rules) match?
    pub matched: bool,
    /// Did the correlation fire at this line?
    pub fired: bool,
    /// What held.
    pub fields: Vec<crate::alert::MatchedField>,
    /// Every rule that was asked: the rule, or the base rules of a correlation.
    pub asked: Vec<TestedRule>,
}

/// A rule, asked of a line.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TestedRule {
    /// Rule id.
    pub id: String,
    /// Title, Korean.
    pub title: String,
    /// Title, English.
    pub title_en: String,
    /// Did it match?
    pub matched: bool,
    /// Is the line of the log source it asks for?
    pub logsource_fits: bool,
    /// That log source, in words.
    pub logsource: String,
    /// Held back by an exception or a filter, though its own condition holds.
    pub held_back: bool,
    /// How its selections are joined.
    pub condition: String,
    /// Its selections.
    pub selections: Vec<TestedSelection>,
}

/// A selection, asked of a line.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TestedSelection {
    /// Name.
    pub name: String,
    /// Does it hold?
    pub holds: bool,
    /// Its atoms.
    pub atoms: Vec<TestedAtom>,
}

/// One test of one field, asked of a line.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TestedAtom {
    /// Field, as the rule names it; empty for a keyword.
    pub field: String,
    /// What the rule asks, as `contains 'whoami'`.
    pub test: String,
    /// What the line has there; absent: the line has no such field.
    pub value: Option<String>,
    /// Did it hold?
    pub held: bool,
    /// The rule asks for the opposite.
    pub negated: bool,
}

/// Result.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TestResult {
    /// A line each.
    pub lines: Vec<TestedLine>,
}

/// Id in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct RulePath {
    /// Rule id.
    pub id: String,
}

/// Rules.
#[utoipa::path(get, path = "/api/rules", operation_id = "list_rules", responses((status = 200, body = Rules)))]
pub fn list() {}
/// One rule.
#[utoipa::path(get, path = "/api/rules/{id}", operation_id = "get_rule", params(RulePath), responses((status = 200, body = RuleDetail), (status = 404, body = ErrorBody)))]
pub fn get() {}
/// On or off.
#[utoipa::path(put, path = "/api/rules/{id}/enabled", operation_id = "set_rule_enabled", params(RulePath), request_body = SetEnabled, responses((status = 200, body = Rule), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn set_enabled() {}
/// Read the rule files again.
#[utoipa::path(post, path = "/api/rules/reload", operation_id = "reload_rules", responses((status = 200, body = Reloaded), (status = 403, body = ErrorBody)))]
pub fn reload() {}
/// Try lines.
#[utoipa::path(post, path = "/api/rules/{id}/test", operation_id = "test_rule", params(RulePath), request_body = TestLines, responses((status = 200, body = TestResult), (status = 404, body = ErrorBody)))]
pub fn test() {}
