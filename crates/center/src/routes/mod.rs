//! The routes: one table, one file per noun. A handler is thin: check, ask the state or the lake, convert.
//!
//! Invariant: a route is in the table or it does not exist; its `Access` is checked before its handler runs, and the
//! handler checks the agency. Tests walk the table as nobody, as a viewer, and as another agency.

mod agency;
mod agent;
mod alert;
mod attack;
mod audit;
mod backtest;
mod block;
mod caller;
mod console;
mod convert;
mod exception;
mod failure;
mod import;
mod operator;
mod overview;
mod rule;
mod search;
mod session;
mod source;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use bongsu_domain::Ability;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::App;
use crate::auth::{Passwords, Throttle};

pub use caller::Access;

/// Largest request body, bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What handlers share.
pub(crate) struct Web {
    /// The center.
    pub app: Arc<App>,
    /// How often one may guess.
    pub throttle: Throttle,
    /// Hashing.
    pub passwords: Passwords,
    /// Cases of the rules in force, run once for each book.
    pub cases: rule::Cases,
}

pub(crate) type Shared = axum::extract::State<Arc<Web>>;

/// A row of the table.
pub struct Route {
    /// `get`, `post` …
    pub method: &'static str,
    /// As in the contract, `/api/alerts/{id}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    make: fn() -> MethodRouter<Arc<Web>>,
}

macro_rules! routes {
    ($($method:ident $path:literal $access:ident => $handler:path;)*) => {
        /// Every route of the interface.
        pub const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            access: $access,
            make: || $method($handler),
        }),*];
    };
}

const PUBLIC: Access = Access::Public;
const PERSON: Access = Access::Person;
const OPERATOR: Access = Access::Operator;
const SEE: Access = Access::Ability(Ability::See);
const WORK: Access = Access::Ability(Ability::WorkAlerts);
const BLOCK: Access = Access::Ability(Ability::RequestBlocks);
const KILL: Access = Access::Ability(Ability::KillSwitch);
const ADMINISTER: Access = Access::Ability(Ability::Administer);
const PEOPLE: Access = Access::Ability(Ability::ManagePeople);
const AUDIT: Access = Access::Ability(Ability::ReadAudit);

routes! {
    post "/api/session/link/check" PUBLIC => session::link_check;
    post "/api/session/link" PUBLIC => session::link_use;
    post "/api/session" PUBLIC => session::log_in;
    delete "/api/session" PERSON => session::log_out;
    get "/api/session" PERSON => session::me;
    get "/api/sessions" PERSON => session::list;
    delete "/api/sessions/{id}" PERSON => session::revoke;
    get "/api/overview" SEE => overview::overview;
    get "/api/stream" SEE => overview::stream;
    get "/api/authority.pem" PUBLIC => overview::authority;
    get "/api/alerts" SEE => alert::list;
    get "/api/alerts/{id}" SEE => alert::get;
    get "/api/alerts/{id}/events" SEE => alert::events;
    post "/api/alerts/{id}/acknowledge" WORK => alert::acknowledge;
    post "/api/alerts/{id}/close" WORK => alert::close;
    post "/api/alerts/{id}/reopen" WORK => alert::reopen;
    post "/api/alerts/{id}/notes" WORK => alert::note;
    get "/api/blocks" SEE => block::list;
    get "/api/blocks/{id}" SEE => block::get;
    post "/api/blocks/preview" BLOCK => block::preview;
    post "/api/blocks" BLOCK => block::create;
    post "/api/blocks/{id}/approve" BLOCK => block::approve;
    post "/api/blocks/{id}/refuse" BLOCK => block::refuse;
    post "/api/blocks/{id}/undo" BLOCK => block::undo;
    get "/api/kill-switch" SEE => block::kill_switch;
    put "/api/kill-switch" KILL => block::set_kill_switch;
    get "/api/block-policy" SEE => block::policy;
    put "/api/block-policy" ADMINISTER => block::set_policy;
    get "/api/search" SEE => search::search;
    get "/api/search/histogram" SEE => search::histogram;
    get "/api/search/facets" SEE => search::facets;
    get "/api/search/events/{id}" SEE => search::event;
    get "/api/search/export" SEE => search::export;
    get "/api/search/fields" SEE => search::fields;
    get "/api/sources" SEE => source::list;
    post "/api/sources" ADMINISTER => source::create;
    patch "/api/sources/{id}" ADMINISTER => source::change;
    delete "/api/sources/{id}" ADMINISTER => source::remove;
    get "/api/quarantine" SEE => source::quarantine;
    post "/api/quarantine/adopt" ADMINISTER => source::adopt;
    get "/api/agents" SEE => agent::list;
    post "/api/agents/tokens" ADMINISTER => agent::create_token;
    patch "/api/agents/{id}" ADMINISTER => agent::change;
    delete "/api/agents/{id}" ADMINISTER => agent::revoke;
    get "/api/attack" SEE => attack::matrix;
    get "/api/rules" SEE => rule::list;
    get "/api/rules/{id}" SEE => rule::get;
    put "/api/rules/{id}/enabled" ADMINISTER => rule::set_enabled;
    post "/api/rules/reload" ADMINISTER => rule::reload;
    post "/api/rules/import" ADMINISTER => import::preview;
    post "/api/rules/import/{id}" ADMINISTER => import::apply;
    post "/api/rules/{id}/test" SEE => rule::test;
    post "/api/rules/{id}/backtest" WORK => backtest::start;
    get "/api/backtests/{id}" SEE => backtest::get;
    delete "/api/backtests/{id}" WORK => backtest::stop;
    post "/api/rules/{id}/exceptions" ADMINISTER => exception::create;
    post "/api/exceptions/{id}/end" ADMINISTER => exception::end;
    get "/api/agencies" SEE => agency::list;
    post "/api/agencies" PEOPLE => agency::create;
    patch "/api/agencies/{id}" PEOPLE => agency::change;
    get "/api/users" PEOPLE => user::list;
    post "/api/users" PEOPLE => user::create;
    post "/api/users/{id}/link" PEOPLE => user::new_link;
    patch "/api/users/{id}" PEOPLE => user::change;
    post "/api/users/{id}/roles" PEOPLE => user::assign_role;
    delete "/api/role-assignments/{id}" PEOPLE => user::end_role;
    get "/api/audit" AUDIT => audit::list;
    get "/api/audit/verify" AUDIT => audit::verify;
    get "/operator/status" OPERATOR => operator::status;
    get "/operator/search" OPERATOR => operator::search;
}

/// The router: every route of the table behind its guard, then the console's files.
pub fn router(app: Arc<App>) -> Router {
    let web = Arc::new(Web {
        app,
        throttle: Throttle::default(),
        passwords: Passwords::default(),
        cases: rule::Cases::default(),
    });
    let mut router: Router<Arc<Web>> = Router::new();
    for route in ROUTES {
        let guard = from_fn_with_state((Arc::clone(&web), route.access), caller::guard);
        router = router.route(route.path, (route.make)().layer(guard));
    }
    let router = router.fallback(console::file).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(web);
    secured(router)
}

/// Headers that every answer carries.
fn secured(mut router: Router) -> Router {
    const CSP: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
                       frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in headers {
        router = router.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    }
    router.layer(from_fn(caller::transport_headers)).layer(CatchPanicLayer::custom(failure::panicked))
}
