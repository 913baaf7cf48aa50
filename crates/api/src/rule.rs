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
/// Try lines.
#[utoipa::path(post, path = "/api/rules/{id}/test", operation_id = "test_rule", params(RulePath), request_body = TestLines, responses((status = 200, body = TestResult), (status = 404, body = ErrorBody)))]
pub fn test() {}
