//! The audit log: append-only, hash-chained, one entry for each change and each look at personal data.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Actor, Named, error::ErrorBody};

/// An entry.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Number, without gaps.
    pub id: i64,
    /// When.
    pub at: String,
    /// Who.
    pub actor: Actor,
    /// From where.
    pub address: Option<String>,
    /// What, as `block.create`.
    pub action: String,
    /// Of what, as `block B-311`.
    pub object: String,
    /// Whose.
    pub agency: Option<Named>,
    /// Why and what changed, in words.
    pub text: String,
    /// SHA-256 over this entry and the hash before it, hex.
    pub hash: String,
}

/// Entries.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// True as of.
    pub as_of: String,
    /// All that match.
    pub total: u64,
    /// Newest first.
    pub rows: Vec<AuditEntry>,
    /// Ask again with this.
    pub next: Option<String>,
}

/// Filters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Action begins with this.
    pub action: Option<String>,
    /// Actor, object or text holds this.
    pub q: Option<String>,
    /// Rows, at most 500.
    pub limit: Option<u32>,
    /// From `next`.
    pub cursor: Option<String>,
}

/// Is the chain whole?
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditChain {
    /// Checked at.
    pub as_of: String,
    /// Entries checked.
    pub entries: u64,
    /// Whole?
    pub whole: bool,
    /// First entry that does not fit.
    pub first_bad: Option<i64>,
}

/// Entries in scope.
#[utoipa::path(get, path = "/api/audit", operation_id = "list_audit", params(AuditQuery), responses((status = 200, body = AuditPage), (status = 403, body = ErrorBody)))]
pub fn list() {}
/// Check the chain.
#[utoipa::path(get, path = "/api/audit/verify", operation_id = "verify_audit", responses((status = 200, body = AuditChain), (status = 403, body = ErrorBody)))]
pub fn verify() {}
