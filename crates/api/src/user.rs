//! People and their role assignments.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Named, error::ErrorBody, session::Role};

/// A role assignment (직책 지정): person × agency × role, with dates and a substitute.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoleAssignment {
    /// Id.
    pub id: u32,
    /// Role.
    pub role: Role,
    /// Over this agency's subtree.
    pub agency: Named,
    /// From (date).
    pub starts_on: String,
    /// Through (date); absent: until ended.
    pub ends_on: Option<String>,
    /// Who stands in while away.
    pub substitute: Option<Named>,
    /// Away from (date).
    pub away_from: Option<String>,
    /// Away through (date).
    pub away_through: Option<String>,
    /// In force now?
    pub in_force: bool,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Id.
    pub id: u32,
    /// Account name.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Home agency.
    pub agency: Named,
    /// Telephone or extension.
    pub phone: Option<String>,
    /// May log in?
    pub enabled: bool,
    /// Has set a password?
    pub has_password: bool,
    /// Last log-in.
    pub last_login_at: Option<String>,
    /// Assignments, newest first.
    pub roles: Vec<RoleAssignment>,
    /// Written by the demo (예시).
    pub example: bool,
}

/// Users in scope.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Users {
    /// True as of.
    pub as_of: String,
    /// By name.
    pub rows: Vec<User>,
}

/// A new user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewUser {
    /// Account name: 2 to 64 of a-z 0-9 . _ -
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Home agency.
    pub agency: u32,
    /// First role.
    pub role: Role,
    /// Telephone.
    pub phone: Option<String>,
}

/// A single-use link, shown once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserLink {
    /// The user.
    pub user: User,
    /// Path and token, to be opened by the person: `/link#TOKEN`.
    pub link: String,
    /// Until.
    pub expires_at: String,
}

/// Change; absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ChangeUser {
    /// Display name.
    pub display_name: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// May log in? Switching off ends open sessions.
    pub enabled: Option<bool>,
}

/// Give a role.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AssignRole {
    /// Role.
    pub role: Role,
    /// Over this agency's subtree.
    pub agency: u32,
    /// From (date); default today.
    pub starts_on: Option<String>,
    /// Through (date).
    pub ends_on: Option<String>,
    /// Substitute's user id.
    pub substitute: Option<u32>,
    /// Away from (date).
    pub away_from: Option<String>,
    /// Away through (date).
    pub away_through: Option<String>,
}

/// Id in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct UserPath {
    /// User id.
    pub id: u32,
}

/// Users in scope.
#[utoipa::path(get, path = "/api/users", operation_id = "list_users", responses((status = 200, body = Users), (status = 403, body = ErrorBody)))]
pub fn list() {}
/// Add a user; answers with a single-use link.
#[utoipa::path(post, path = "/api/users", operation_id = "create_user", request_body = NewUser, responses((status = 200, body = UserLink), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub fn create() {}
/// A new single-use link; the old password stops working.
#[utoipa::path(post, path = "/api/users/{id}/link", operation_id = "new_user_link", params(UserPath), responses((status = 200, body = UserLink), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn new_link() {}
/// Change.
#[utoipa::path(patch, path = "/api/users/{id}", operation_id = "change_user", params(UserPath), request_body = ChangeUser, responses((status = 200, body = User), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn change() {}
/// Give a role.
#[utoipa::path(post, path = "/api/users/{id}/roles", operation_id = "assign_role", params(UserPath), request_body = AssignRole, responses((status = 200, body = User), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn assign_role() {}
/// End a role assignment today.
#[utoipa::path(delete, path = "/api/role-assignments/{id}", operation_id = "end_role", params(UserPath), responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn end_role() {}
