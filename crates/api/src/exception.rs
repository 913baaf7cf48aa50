//! Exceptions from a rule: a Sigma filter with a reason and an end.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ErrorBody;
use crate::rule::RulePath;
use crate::{Actor, Named};

/// An exception.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RuleException {
    /// Number.
    pub id: i64,
    /// Rule id.
    pub rule_id: String,
    /// Whose events; those of agencies below too.
    pub agency: Named,
    /// The Sigma filter.
    pub text: String,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub actor: Actor,
    /// When it was made.
    pub created_at: String,
    /// When it ends by itself.
    pub expires_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Matches it held back.
    pub held_back: u64,
    /// The last of them.
    pub last_held_at: Option<String>,
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionTest {
    /// The same, without case; `*` and `?` stand for anything.
    Is,
    /// Has it inside.
    Contains,
    /// Begins with it.
    StartsWith,
    /// Ends with it.
    EndsWith,
    /// An address of this network.
    Cidr,
}

/// One condition; all conditions of an exception must hold.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExceptionPart {
    /// Field, as rules name it.
    pub field: String,
    /// How its value is compared.
    pub test: ExceptionTest,
    /// Any of these.
    pub values: Vec<String>,
}

/// Make an exception.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CreateException {
    /// Whose events.
    pub agency: u32,
    /// Conditions, 1 to 8.
    pub parts: Vec<ExceptionPart>,
    /// Days it holds, 1 to 366.
    pub days: u32,
    /// Why; needed.
    pub reason: String,
}

/// End an exception.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EndException {
    /// Why; needed.
    pub reason: String,
}

/// Number in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct ExceptionPath {
    /// Number.
    pub id: i64,
}

/// Make one.
#[utoipa::path(post, path = "/api/rules/{id}/exceptions", operation_id = "create_exception", params(RulePath), request_body = CreateException, responses((status = 200, body = RuleException), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn create() {}
/// End one before its time.
#[utoipa::path(post, path = "/api/exceptions/{id}/end", operation_id = "end_exception", params(ExceptionPath), request_body = EndException, responses((status = 200, body = RuleException), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn end() {}
