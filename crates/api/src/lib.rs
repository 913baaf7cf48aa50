//! The JSON types and routes of the HTTP interface, one file per noun. `openapi.json` is generated from here
//! (`cargo xtask schema`), committed, and both the center's router and the console's client are tested against it.
//!
//! Times are RFC 3339 in UTC; the console shows them in KST. Every list names `as_of`, the time it was true.
#![warn(missing_docs)]

pub mod agency;
pub mod agent;
pub mod alert;
pub mod attack;
pub mod audit;
pub mod backtest;
pub mod block;
pub mod error;
pub mod exception;
pub mod import;
pub mod overview;
pub mod rule;
pub mod search;
pub mod session;
pub mod source;
pub mod user;

use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// Severity of events, rules and alerts: what a machine thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 정보.
    Info,
    /// 낮음.
    Low,
    /// 중간.
    Medium,
    /// 높음.
    High,
    /// 치명.
    Critical,
}

/// Who did an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// `person`, `rule`, `partner`, `operator` (at the socket) or `center`.
    pub kind: ActorKind,
    /// Display name; of a rule its title, Korean.
    pub name: String,
    /// The same in English, if there is one.
    pub name_en: Option<String>,
}

/// What kind of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person with an account.
    Person,
    /// A rule, through a playbook.
    Rule,
    /// A peer center.
    Partner,
    /// The operator at the local socket.
    Operator,
    /// The center itself (expiry, reconciliation).
    Center,
}

/// A name with its id, for lists and links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Named {
    /// Id.
    pub id: u32,
    /// Name in Korean (or the only name there is).
    pub name: String,
    /// Name in English, if there is one.
    pub name_en: Option<String>,
}

/// The whole contract.
#[derive(OpenApi)]
#[openapi(
    info(title = "Bongsu", description = "Cyber attack response and service continuity center"),
    paths(
        session::link_check,
        session::link_use,
        session::log_in,
        session::log_out,
        session::me,
        session::list,
        session::revoke,
        overview::overview,
        overview::stream,
        overview::authority,
        alert::list,
        alert::get,
        alert::events,
        alert::acknowledge,
        alert::close,
        alert::reopen,
        alert::note,
        block::list,
        block::get,
        block::preview,
        block::create,
        block::approve,
        block::refuse,
        block::undo,
        block::kill_switch,
        block::set_kill_switch,
        block::policy,
        block::set_policy,
        search::search,
        search::histogram,
        search::facets,
        search::event,
        search::export,
        search::fields,
        source::list,
        source::create,
        source::change,
        source::remove,
        source::quarantine,
        source::adopt,
        agent::list,
        agent::create_token,
        agent::change,
        agent::revoke,
        attack::matrix,
        rule::list,
        rule::get,
        rule::set_enabled,
        rule::reload,
        rule::test,
        backtest::start,
        backtest::get,
        backtest::stop,
        exception::create,
        exception::end,
        import::preview,
        import::apply,
        agency::list,
        agency::create,
        agency::change,
        user::list,
        user::create,
        user::new_link,
        user::change,
        user::assign_role,
        user::end_role,
        audit::list,
        audit::verify,
    ),
    components(schemas(error::ErrorBody, overview::StreamEvent))
)]
pub struct Contract;
