//! Log sources and the quarantine of unknown senders.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Named, error::ErrorBody};

/// A source.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// Id.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Whose.
    pub agency: Named,
    /// Sender address, or `agent:NAME` for an agent's input.
    pub from: String,
    /// Format, or `auto`.
    pub format: String,
    /// Format recognised last.
    pub recognised: Option<String>,
    /// IANA zone.
    pub timezone: String,
    /// Taken in?
    pub enabled: bool,
    /// `live`, `quiet` (within rhythm), `silent` (an alert), `never`, `disabled`.
    pub state: String,
    /// Last line.
    pub last_seen_at: Option<String>,
    /// Events a second, last minute.
    pub rate: f64,
    /// Seconds between event time and receipt, last events.
    pub lag_seconds: Option<f64>,
    /// Share of unparsed lines over the last hour, 0 to 1; absent: no lines.
    pub unparsed_share: Option<f64>,
    /// Unparsed lines over the last hour.
    pub unparsed: u64,
    /// Lines over the last hour.
    pub lines: u64,
    /// Cut lines over the last hour.
    pub truncated: u64,
    /// Lines with a clock far off, last hour.
    pub skewed: u64,
    /// Silent after this many minutes without a line.
    pub silent_after_minutes: u32,
    /// Reasons of unparsed lines with counts, most first.
    pub unparsed_reasons: Vec<crate::block::MatchCount>,
    /// Lines a minute, last 60 minutes, oldest first.
    pub sparkline: Vec<u32>,
    /// Written by the demo (예시).
    pub example: bool,
}

/// Sources.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Sources {
    /// True as of.
    pub as_of: String,
    /// In scope, silent first.
    pub rows: Vec<Source>,
    /// UDP datagrams the kernel dropped since start.
    pub udp_dropped: u64,
    /// Open listeners, in words, as `syslog UDP 0.0.0.0:514`.
    pub listeners: Vec<String>,
    /// Formats to choose from.
    pub formats: Vec<String>,
}

/// Register a source.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewSource {
    /// Name.
    pub name: String,
    /// Sender address or prefix.
    pub from: String,
    /// Whose.
    pub agency: u32,
    /// Format name or `auto`.
    pub format: Option<String>,
    /// IANA zone, default Asia/Seoul.
    pub timezone: Option<String>,
    /// Silent after, minutes.
    pub silent_after_minutes: Option<u32>,
}

/// Change a source; absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ChangeSource {
    /// Name.
    pub name: Option<String>,
    /// Format.
    pub format: Option<String>,
    /// Zone.
    pub timezone: Option<String>,
    /// Silent after, minutes.
    pub silent_after_minutes: Option<u32>,
    /// Taken in?
    pub enabled: Option<bool>,
}

/// An unknown sender.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Quarantined {
    /// Its address.
    pub address: String,
    /// `udp`, `tcp`, `tls`.
    pub transport: String,
    /// First line.
    pub first_seen_at: String,
    /// Last line.
    pub last_seen_at: String,
    /// Lines so far.
    pub lines: u64,
    /// Format recognised.
    pub recognised: Option<String>,
    /// Newest line, at most 300 characters.
    pub sample: String,
}

/// The quarantine.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    /// True as of.
    pub as_of: String,
    /// Most lines first.
    pub rows: Vec<Quarantined>,
}

/// Id in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct SourcePath {
    /// Source id.
    pub id: u32,
}

/// Sources.
#[utoipa::path(get, path = "/api/sources", operation_id = "list_sources", responses((status = 200, body = Sources)))]
pub fn list() {}
/// Register.
#[utoipa::path(post, path = "/api/sources", operation_id = "create_source", request_body = NewSource, responses((status = 200, body = Source), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub fn create() {}
/// Change.
#[utoipa::path(patch, path = "/api/sources/{id}", operation_id = "change_source", params(SourcePath), request_body = ChangeSource, responses((status = 200, body = Source), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn change() {}
/// Remove; its events stay.
#[utoipa::path(delete, path = "/api/sources/{id}", operation_id = "remove_source", params(SourcePath), responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn remove() {}
/// Unknown senders.
#[utoipa::path(get, path = "/api/quarantine", operation_id = "list_quarantine", responses((status = 200, body = Quarantine), (status = 403, body = ErrorBody)))]
pub fn quarantine() {}
/// Adopt one.
#[utoipa::path(post, path = "/api/quarantine/adopt", operation_id = "adopt_sender", request_body = NewSource, responses((status = 200, body = Source), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn adopt() {}
