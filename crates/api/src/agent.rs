//! Agents: collectors and enforcers at the offices.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Named, error::ErrorBody};

/// An agent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// Id.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Whose.
    pub agency: Named,
    /// `connected`, `away`, `revoked`, `never`.
    pub state: String,
    /// Host name it says.
    pub hostname: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Address it came from.
    pub address: Option<String>,
    /// Last message.
    pub last_seen_at: Option<String>,
    /// Certificate until.
    pub certificate_until: Option<String>,
    /// Lines waiting in its spool.
    pub spool_lines: Option<u64>,
    /// Bytes in its spool.
    pub spool_bytes: Option<u64>,
    /// Lines it had to drop because the spool was full.
    pub spool_dropped: Option<u64>,
    /// Memory, bytes.
    pub rss_bytes: Option<u64>,
    /// Lines a second, last minute.
    pub rate: f64,
    /// `nftables`, `dry_run`, `off`.
    pub enforce: String,
    /// Last trouble it reported.
    pub trouble: Option<String>,
    /// What it collects.
    pub inputs: Vec<AgentInput>,
}

/// Something an agent collects.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AgentInput {
    /// `tail`, `journald`, `syslog_udp`, `syslog_tcp`.
    pub kind: String,
    /// File glob, unit filter or listen address.
    pub what: String,
    /// Name of the source its lines belong to.
    pub source: String,
    /// Format or `auto`.
    pub format: String,
    /// Zone.
    pub timezone: String,
}

/// Agents.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Agents {
    /// True as of.
    pub as_of: String,
    /// In scope, away first.
    pub rows: Vec<Agent>,
    /// Tokens not yet used.
    pub tokens: Vec<OpenToken>,
    /// Address agents connect to.
    pub uplink: Option<String>,
}

/// A token not yet used (the secret is not kept).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OpenToken {
    /// For an agent of this name.
    pub name: String,
    /// Whose.
    pub agency: Named,
    /// Until.
    pub expires_at: String,
}

/// Ask for an enrolment token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// Name of the agent.
    pub name: String,
    /// Whose.
    pub agency: u32,
    /// Hours it may be used, at most 24.
    pub hours: u32,
}

/// The token, shown once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Give it to `bongsu-agent enrol`.
    pub token: String,
    /// Until.
    pub expires_at: String,
    /// The command to run at the office.
    pub command: String,
}

/// New configuration of an agent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangeAgent {
    /// What it collects; replaces the list.
    pub inputs: Option<Vec<AgentInput>>,
    /// `nftables`, `dry_run`, `off`.
    pub enforce: Option<String>,
}

/// Id in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct AgentPath {
    /// Agent id.
    pub id: u32,
}

/// Agents.
#[utoipa::path(get, path = "/api/agents", operation_id = "list_agents", responses((status = 200, body = Agents)))]
pub fn list() {}
/// An enrolment token.
#[utoipa::path(post, path = "/api/agents/tokens", operation_id = "create_agent_token", request_body = NewToken, responses((status = 200, body = Token), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub fn create_token() {}
/// Configure.
#[utoipa::path(patch, path = "/api/agents/{id}", operation_id = "change_agent", params(AgentPath), request_body = ChangeAgent, responses((status = 200, body = Agent), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn change() {}
/// Revoke: live connections are closed.
#[utoipa::path(delete, path = "/api/agents/{id}", operation_id = "revoke_agent", params(AgentPath), responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub fn revoke() {}
