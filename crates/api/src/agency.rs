//! Agencies: a tree of organisations.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ErrorBody;

/// An agency.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Agency {
    /// Id.
    pub id: u32,
    /// The agency above.
    pub parent: Option<u32>,
    /// Short code, as `suan-gu`.
    pub code: String,
    /// Name.
    pub name: String,
    /// English name.
    pub name_en: String,
    /// `city`, `department`, `gu`, `gun`, `affiliate`.
    pub kind: String,
    /// Security manager in force now.
    pub manager: Option<String>,
    /// Deputy in force now.
    pub deputy: Option<String>,
    /// Posts that must be named and are vacant: `manager`, `deputy`.
    pub vacancies: Vec<String>,
    /// Sources.
    pub sources: u32,
    /// Open alerts.
    pub open_alerts: u32,
}

/// Agencies in scope.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Agencies {
    /// True as of.
    pub as_of: String,
    /// Parents before children.
    pub rows: Vec<Agency>,
}

/// A new agency.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewAgency {
    /// Above it.
    pub parent: u32,
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// English.
    pub name_en: String,
    /// Kind.
    pub kind: String,
}

/// Change; absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ChangeAgency {
    /// Name.
    pub name: Option<String>,
    /// English.
    pub name_en: Option<String>,
    /// Kind.
    pub kind: Option<String>,
}

/// Id in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct AgencyPath {
    /// Agency id.
    pub id: u32,
}

/// Agencies in scope.
#[utoipa::path(get, path = "/api/agencies", operation_id = "list_agencies", responses((status = 200, body = Agencies)))]
pub fn list() {}
/// Add one below another.
#[utoipa::path(post, path = "/api/agencies", operation_id = "create_agency", request_body = NewAgency, responses((status = 200, body = Agency), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub fn create() {}
/// Change.
#[utoipa::path(patch, path = "/api/agencies/{id}", operation_id = "change_agency", params(AgencyPath), request_body = ChangeAgency, responses((status = 200, body = Agency), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn change() {}
