//! The rules a city could state without computers: agencies, roles, sources, alerts, playbooks, blocks.
//!
//! Invariant: pure. No clock, file, socket or randomness; no serde: `api` and `state` convert explicitly. Limits and
//! thresholds that a city would argue about are dated data ([`SafetyPolicy`], [`AlertPolicy`]), never constants.
//!
//! A block has one door: [`decide`]. It alone makes a [`Block<Approved>`] of a request, and [`guard`] is asked again
//! wherever a block is about to be carried out.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod actor;
mod agency;
mod agent;
mod alert;
mod block;
mod decide;
mod guard;
mod playbook;
mod policy;
mod role;
mod source;
mod user;

pub use actor::{Actor, ActorKind};
pub use agency::{Agency, AgencyKind, AgencyTree, TreeError};
pub use agent::{AGENT_AWAY_SECONDS, AgentState, Enforce, TOKEN_HOURS_MAX, agent_state};
pub use alert::{
    AlertId, AlertPolicy, AlertState, AssetGrade, BUCKET_MICROS, Confidence, Due, Entity, GroupKey, NOTE_CHARS_MAX,
    SPARKLINE_BUCKETS, Step, StepError, Suppression, Verdict, detection_id, score,
};
pub use block::{Approval, Approved, Block, BlockFields, BlockId, BlockState, Effect, Point, PointId, Proposed};
pub use decide::{
    BlockRequest, Budget, BudgetUse, Check, Decision, Existing, Facts, Grace, LineEvidence, Live, Origin, Requester,
    Ruling, SafetyRule, approver_ability, checks, decide,
};
pub use guard::{PointPolicy, RESERVED, Refusal, canonical, covers, guard, overlaps, within};
pub use playbook::{AutomaticBlock, Hint, Plan, plan};
pub use policy::{Dated, ProtectedList, ProtectedNet, SafetyPolicy, Versions};
pub use role::{Abilities, Ability, Held, Moment, Rights, Role, RoleAssignment, RoleAssignmentId};
pub use source::{LIVE_SECONDS, SILENT_AFTER_MINUTES, SourceState, source_state};
pub use user::{NameError, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, UserId, check_name, check_password};
