//! Import of rule files: first what would change, then the change.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ErrorBody;
use crate::rule::{BrokenRule, Reloaded};

/// Name of the archive.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// As `rules.zip`, `rules.tar.gz`, `rule.yml`.
    pub name: String,
}

/// What an import would change. Imported files are a whole: what an earlier import brought and this one lacks goes.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportPreview {
    /// True as of.
    pub as_of: String,
    /// To apply it.
    pub id: u64,
    /// Name of the archive.
    pub name: String,
    /// Rule files in it.
    pub files: u32,
    /// Rules that would be new.
    pub new: u32,
    /// Rules whose text would change.
    pub changed: u32,
    /// Rules that would go.
    pub removed: u32,
    /// Those rules, at most 500.
    pub rules: Vec<ImportedRule>,
    /// Documents that can't be loaded, with the reason, at most 200.
    pub broken: Vec<BrokenRule>,
    /// Files left out, with the reason, at most 200.
    pub refused: Vec<BrokenRule>,
}

/// A rule that an import would change.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportedRule {
    /// Rule id.
    pub id: String,
    /// English title.
    pub title: String,
    /// `new`, `changed` or `removed`.
    pub fate: String,
    /// File.
    pub file: String,
    /// Text in force, of a changed rule.
    pub before: Option<String>,
    /// Text that would be in force, of a changed rule.
    pub after: Option<String>,
}

/// Apply an import.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApplyImport {
    /// Why; needed.
    pub reason: String,
}

/// Number in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct ImportPath {
    /// Number.
    pub id: u64,
}

/// What would change; nothing does yet.
#[utoipa::path(post, path = "/api/rules/import", operation_id = "preview_import", params(ImportQuery), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = ImportPreview), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub fn preview() {}
/// Do it.
#[utoipa::path(post, path = "/api/rules/import/{id}", operation_id = "apply_import", params(ImportPath), request_body = ApplyImport, responses((status = 200, body = Reloaded), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn apply() {}
