//! Blocks: one target denied on enforcement points until an expiry; and the safety around them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Actor, Named, error::ErrorBody};

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockState {
    /// Asked for, waits for a person (승인 대기) or is a rule's proposal (제안됨).
    Proposed,
    /// Decided, on its way.
    Approved,
    /// Being sent to the points.
    Applying,
    /// In force on every point asked.
    Applied,
    /// Refused, with the rule's name.
    Refused,
    /// Its time is over.
    Expired,
    /// Undone.
    Withdrawn,
}

/// Was it seen to work?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Packets of the target were dropped and none came through.
    Effective,
    /// It is in the device and traffic of the target still passes.
    InsertedNotEffective,
    /// No traffic of the target was seen since.
    Unknown,
}

/// For a row of the queue.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BlockBrief {
    /// Shown as `B-311`.
    pub id: i64,
    /// State.
    pub state: BlockState,
    /// Waits for approval (not merely proposed by a rule).
    pub waiting: bool,
    /// Until.
    pub expires_at: Option<String>,
    /// Only a trial.
    pub dry_run: bool,
}

/// What one enforcement point found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PointState {
    /// Enforcement point.
    pub point: Named,
    /// `nftables`, `dry_run`.
    pub device: String,
    /// Whose equipment.
    pub agency: Named,
    /// `pending`, `applied`, `failed`, `unreachable`, `removed`, `rolled_back`.
    pub state: String,
    /// When it answered.
    pub applied_at: Option<String>,
    /// Milliseconds from decision to answer.
    pub took_ms: Option<f64>,
    /// Packets dropped for this target.
    pub packets_dropped: Option<u64>,
    /// Measured effect.
    pub effect: Effect,
    /// Last error, with what to do.
    pub error: Option<String>,
}

/// A block.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Block {
    /// Shown as `B-311`.
    pub id: i64,
    /// Address or prefix.
    pub target: String,
    /// State.
    pub state: BlockState,
    /// Waits for approval.
    pub waiting: bool,
    /// Whose.
    pub agency: Named,
    /// Why, in words.
    pub reason: String,
    /// Made by.
    pub requested_by: Actor,
    /// When asked for.
    pub requested_at: String,
    /// Approved by (0, 1 or 2 people).
    pub approved_by: Vec<Actor>,
    /// Approvals needed in all (0: within policy).
    pub approvals_needed: u32,
    /// Until when.
    pub expires_at: String,
    /// Minutes asked for.
    pub minutes: u32,
    /// Only a trial: asked for as one, or every point only tries.
    pub dry_run: bool,
    /// Refused or undone because: stable name of the safety rule or `undone`.
    pub refused_by: Option<String>,
    /// The same in words.
    pub refused_because: Option<String>,
    /// Alert it was made for.
    pub alert: Option<i64>,
    /// Rule that made it.
    pub rule_id: Option<String>,
    /// Points.
    pub points: Vec<PointState>,
    /// Measured effect over all points.
    pub effect: Effect,
    /// Packets dropped over all points.
    pub packets_dropped: Option<u64>,
    /// After an undo nobody's rule may block the target again before this time.
    pub grace_until: Option<String>,
    /// Written by the demo (예시).
    pub example: bool,
    /// What happened.
    pub timeline: Vec<crate::alert::TimelineEntry>,
}

/// Blocks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BlockPage {
    /// True as of.
    pub as_of: String,
    /// All that match.
    pub total: u64,
    /// Newest first.
    pub rows: Vec<Block>,
    /// Ask again with this.
    pub next: Option<String>,
}

/// Filters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct BlockQuery {
    /// `in_force` (default), `waiting`, `ended`, `all`.
    pub tab: Option<String>,
    /// Target or reason holds this text.
    pub q: Option<String>,
    /// Rows, at most 200.
    pub limit: Option<u32>,
    /// From `next`.
    pub cursor: Option<String>,
}

/// Id in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct BlockPath {
    /// Block id.
    pub id: i64,
}

/// Ask for a block (also for its preview).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BlockRequest {
    /// Address or prefix.
    pub target: String,
    /// Whose; default the alert's agency, else the top of my scope.
    pub agency: Option<u32>,
    /// For how long, minutes.
    pub minutes: u32,
    /// Why; needed for a request, not for a preview.
    #[serde(default)]
    pub reason: String,
    /// Alert it is for.
    pub alert: Option<i64>,
    /// Points; absent: every point of the agency and above it.
    pub points: Option<Vec<u32>>,
    /// Only try (연습 실행).
    #[serde(default)]
    pub dry_run: bool,
    /// Ask for approval even if policy would not need it.
    #[serde(default)]
    pub ask_approval: bool,
}

/// What decide would say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Goes at once.
    Approved,
    /// Needs people.
    NeedsApproval,
    /// Can't be.
    Refused,
}

/// One safety check of the preview.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SafetyCheck {
    /// `protected`, `scope`, `budget`, `grace`, `kill_switch`, `expiry`, `other_agency`, `rollback`.
    pub name: String,
    /// Passed?
    pub ok: bool,
    /// What was found, Korean.
    pub text: String,
    /// English.
    pub text_en: String,
    /// Budget figures, if it is about a budget.
    pub used: Option<u32>,
    /// After this one.
    pub after: Option<u32>,
    /// Most.
    pub limit: Option<u32>,
}

/// A point that could enforce it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PointChoice {
    /// Point.
    pub point: Named,
    /// Device kind.
    pub device: String,
    /// Whose.
    pub agency: Named,
    /// Chosen by default?
    pub chosen: bool,
    /// Reached now?
    pub reachable: bool,
    /// Last answer took, ms.
    pub last_ms: Option<f64>,
    /// Two people needed (another agency's equipment).
    pub needs_two: bool,
}

/// Flows of the last 24 h that the block would stop.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Matches {
    /// Events with this address in the last 24 hours, in scope.
    pub total: u64,
    /// By destination, most first.
    pub destinations: Vec<MatchCount>,
    /// Events that look like a legitimate user's (allowed, successful).
    pub legitimate: u64,
    /// By hour, 24 values, oldest first.
    pub hours: Vec<u64>,
}

/// A count by name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MatchCount {
    /// Name.
    pub name: String,
    /// Count.
    pub count: u64,
}

/// The drawer's preview.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BlockPreview {
    /// True as of.
    pub as_of: String,
    /// The target as understood.
    pub target: String,
    /// What would be decided.
    pub decision: Decision,
    /// Safety rule's name when not approved.
    pub because: Option<String>,
    /// Checks, in order.
    pub checks: Vec<SafetyCheck>,
    /// What it matches.
    pub matches: Matches,
    /// Where.
    pub points: Vec<PointChoice>,
    /// Until when.
    pub expires_at: String,
    /// Most minutes policy allows.
    pub minutes_max: u32,
    /// Choices to offer, minutes.
    pub minutes_choices: Vec<u32>,
}

/// A reason in words.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// Why.
    pub reason: String,
}

/// The kill switch: on = no new blocks, automatic ones withdrawn.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KillSwitch {
    /// Thrown?
    pub on: bool,
    /// Since.
    pub since: Option<String>,
    /// By.
    pub by: Option<Actor>,
    /// Why.
    pub reason: Option<String>,
    /// Automatic blocking by playbooks is on (policy)?
    pub automatic: bool,
    /// Points it could not reach yet.
    pub unreached: Vec<Named>,
    /// Automatic blocks still to withdraw.
    pub withdrawing: u32,
}

/// Throw or release it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SetKillSwitch {
    /// Thrown?
    pub on: bool,
    /// Why; needed.
    pub reason: String,
}

/// An entry of a never-block list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProtectedNet {
    /// Address or prefix.
    pub net: String,
    /// `management`, `core`, `partner`.
    pub list: String,
    /// What it is.
    pub note: String,
}

/// The safety policy, dated data.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BlockPolicy {
    /// In force since.
    pub valid_from: String,
    /// The shipped example set, not yet edited (예시).
    pub example: bool,
    /// Never blocked.
    pub protected: Vec<ProtectedNet>,
    /// Longest, minutes.
    pub minutes_max: u32,
    /// Blocks an agency may have made in an hour.
    pub budget_agency_hour: u32,
    /// Blocks the whole city may have made in an hour.
    pub budget_total_hour: u32,
    /// Blocks that touch one service in an hour.
    pub budget_service_hour: u32,
    /// Prefix wider than this needs two people (IPv4).
    pub wide_v4: u8,
    /// IPv6.
    pub wide_v6: u8,
    /// Widest prefix that may be blocked at all, IPv4.
    pub widest_v4: u8,
    /// IPv6.
    pub widest_v6: u8,
    /// After an undo, minutes in which no rule may block the target again.
    pub grace_minutes: u32,
    /// Automatic playbooks on?
    pub automatic: bool,
    /// Least rule severity that blocks by itself.
    pub automatic_severity: crate::Severity,
    /// Minutes an automatic block holds.
    pub automatic_minutes: u32,
    /// Everything only as a trial.
    pub dry_run: bool,
    /// Our own networks: a source outside them is "outside".
    pub inside: Vec<String>,
}

/// Blocks.
#[utoipa::path(get, path = "/api/blocks", operation_id = "list_blocks", params(BlockQuery), responses((status = 200, body = BlockPage)))]
pub fn list() {}
/// One block.
#[utoipa::path(get, path = "/api/blocks/{id}", operation_id = "get_block", params(BlockPath), responses((status = 200, body = Block), (status = 404, body = ErrorBody)))]
pub fn get() {}
/// What would happen.
#[utoipa::path(post, path = "/api/blocks/preview", operation_id = "preview_block", request_body = BlockRequest, responses((status = 200, body = BlockPreview), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub fn preview() {}
/// Block, or ask for it.
#[utoipa::path(post, path = "/api/blocks", operation_id = "create_block", request_body = BlockRequest, responses((status = 200, body = Block), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub fn create() {}
/// Approve.
#[utoipa::path(post, path = "/api/blocks/{id}/approve", operation_id = "approve_block", params(BlockPath), request_body = Reason, responses((status = 200, body = Block), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub fn approve() {}
/// Refuse.
#[utoipa::path(post, path = "/api/blocks/{id}/refuse", operation_id = "refuse_block", params(BlockPath), request_body = Reason, responses((status = 200, body = Block), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub fn refuse() {}
/// Undo: one action, starts the grace period.
#[utoipa::path(post, path = "/api/blocks/{id}/undo", operation_id = "undo_block", params(BlockPath), request_body = Reason, responses((status = 200, body = Block), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub fn undo() {}
/// The kill switch.
#[utoipa::path(get, path = "/api/kill-switch", operation_id = "kill_switch", responses((status = 200, body = KillSwitch)))]
pub fn kill_switch() {}
/// Throw or release it.
#[utoipa::path(put, path = "/api/kill-switch", operation_id = "set_kill_switch", request_body = SetKillSwitch, responses((status = 200, body = KillSwitch), (status = 403, body = ErrorBody)))]
pub fn set_kill_switch() {}
/// The safety policy in force.
#[utoipa::path(get, path = "/api/block-policy", operation_id = "block_policy", responses((status = 200, body = BlockPolicy)))]
pub fn policy() {}
/// A new version of the safety policy.
#[utoipa::path(put, path = "/api/block-policy", operation_id = "set_block_policy", request_body = BlockPolicy, responses((status = 200, body = BlockPolicy), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub fn set_policy() {}
