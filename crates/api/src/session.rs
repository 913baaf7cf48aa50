//! Log-in, log-out, single-use links, and the sessions a person has open.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Named, error::ErrorBody};

/// A role, held over an agency's subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees.
    Viewer,
    /// 관제요원: works the queue, proposes and makes blocks within policy.
    Analyst,
    /// 당직책임자: approves, throws the kill switch.
    DutyLead,
    /// 사이버보안관리관 / 분임관리관: their own agency.
    AgencySecurityManager,
    /// 분임관리관.
    AgencySecurityDeputy,
    /// 관리자: people, agencies, sources, agents, rules, policy.
    Administrator,
}

/// Ask what a link is for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LinkCheck {
    /// The token from the link.
    pub token: String,
}

/// What a link is for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LinkInfo {
    /// Account name.
    pub user: String,
    /// Display name.
    pub display_name: String,
    /// When it stops working.
    pub expires_at: String,
    /// In the demo a link logs in without a password being set.
    pub logs_in: bool,
}

/// Use a link: set the password and log in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LinkUse {
    /// The token from the link.
    pub token: String,
    /// The new password, 12 characters or more; absent for demo links.
    pub password: Option<String>,
}

/// Log in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogIn {
    /// Account name.
    pub name: String,
    /// Password.
    pub password: String,
}

/// A role held now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HeldRole {
    /// The role.
    pub role: Role,
    /// Over this agency and everything below it.
    pub agency: Named,
}

/// What a person may do here and now, for showing or hiding buttons; the server decides again each time.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Abilities {
    /// Acknowledge, note, close alerts.
    pub work_alerts: bool,
    /// Request blocks.
    pub request_blocks: bool,
    /// Approve or refuse requests, throw the kill switch.
    pub approve_blocks: bool,
    /// Sources, agents, rules, policy.
    pub administer: bool,
    /// People and agencies.
    pub manage_people: bool,
    /// Read the audit log.
    pub read_audit: bool,
}

/// Who I am.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// User id.
    pub id: u32,
    /// Account name.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Roles held now.
    pub roles: Vec<HeldRole>,
    /// What I may do.
    pub can: Abilities,
    /// Number of agencies in my scope.
    pub scope_agencies: u32,
    /// The top agencies of my scope ("보는 범위").
    pub scope: Vec<Named>,
    /// Send it back as header `x-bongsu-csrf` with each change.
    pub csrf: String,
    /// When the session ends whatever happens.
    pub expires_at: String,
}

/// One open session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Id to revoke it by (not the secret).
    pub id: String,
    /// Since when.
    pub created_at: String,
    /// Last use.
    pub last_seen_at: String,
    /// From where.
    pub address: String,
    /// The browser's own words.
    pub user_agent: String,
    /// This one?
    pub current: bool,
}

/// Open sessions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// True as of.
    pub as_of: String,
    /// Mine.
    pub sessions: Vec<Session>,
}

/// Id in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct SessionPath {
    /// Session id.
    pub id: String,
}

/// What is this link for?
#[utoipa::path(post, path = "/api/session/link/check", request_body = LinkCheck, responses((status = 200, body = LinkInfo), (status = 404, body = ErrorBody)))]
pub fn link_check() {}
/// Use a single-use link.
#[utoipa::path(post, path = "/api/session/link", request_body = LinkUse, responses((status = 200, body = Me), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn link_use() {}
/// Log in; sets the session cookie.
#[utoipa::path(post, path = "/api/session", request_body = LogIn, responses((status = 200, body = Me), (status = 401, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub fn log_in() {}
/// Log out.
#[utoipa::path(delete, path = "/api/session", responses((status = 204)))]
pub fn log_out() {}
/// Who am I?
#[utoipa::path(get, path = "/api/session", responses((status = 200, body = Me), (status = 401, body = ErrorBody)))]
pub fn me() {}
/// My open sessions.
#[utoipa::path(get, path = "/api/sessions", responses((status = 200, body = Sessions)))]
pub fn list() {}
/// End one of my sessions.
#[utoipa::path(delete, path = "/api/sessions/{id}", params(SessionPath), responses((status = 204), (status = 404, body = ErrorBody)))]
pub fn revoke() {}
