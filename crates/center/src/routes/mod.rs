//! The routes, one file per noun, all of them in one table that the tests walk.
//!
//! A handler takes `State<Arc<App>>` and a [`Caller`] (which `auth` makes from the session cookie or the operator's
//! socket; without one the answer is 401) and answers with types of `bongsu_api`.

mod agency;
mod agent;
mod alert;
mod audit;
mod block;
mod console;
mod operator;
mod overview;
mod rule;
mod search;
mod session;
mod source;
mod user;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use crate::app::App;
use crate::auth;

/// A path and what answers there.
type Entry = (&'static str, MethodRouter<Arc<App>>);

/// Every route of the contract. The paths are `openapi.json`'s.
pub(crate) fn table() -> Vec<Entry> {
    vec![
        ("/api/session/link/check", post(session::link_check)),
        ("/api/session/link", post(session::link_use)),
        ("/api/session", post(session::log_in).delete(session::log_out).get(session::me)),
        ("/api/sessions", get(session::list)),
        ("/api/sessions/{id}", delete(session::revoke)),
        ("/api/overview", get(overview::overview)),
        ("/api/stream", get(overview::stream)),
        ("/api/authority.pem", get(overview::authority)),
        ("/api/alerts", get(alert::list)),
        ("/api/alerts/{id}", get(alert::get)),
        ("/api/alerts/{id}/events", get(alert::events)),
        ("/api/alerts/{id}/acknowledge", post(alert::acknowledge)),
        ("/api/alerts/{id}/close", post(alert::close)),
        ("/api/alerts/{id}/reopen", post(alert::reopen)),
        ("/api/alerts/{id}/notes", post(alert::note)),
        ("/api/blocks", get(block::list).post(block::create)),
        ("/api/blocks/preview", post(block::preview)),
        ("/api/blocks/{id}", get(block::get)),
        ("/api/blocks/{id}/approve", post(block::approve)),
        ("/api/blocks/{id}/refuse", post(block::refuse)),
        ("/api/blocks/{id}/undo", post(block::undo)),
        ("/api/kill-switch", get(block::kill_switch).put(block::set_kill_switch)),
        ("/api/block-policy", get(block::policy).put(block::set_policy)),
        ("/api/search", get(search::search)),
        ("/api/search/histogram", get(search::histogram)),
        ("/api/search/facets", get(search::facets)),
        ("/api/search/events/{id}", get(search::event)),
        ("/api/search/export", get(search::export)),
        ("/api/search/fields", get(search::fields)),
        ("/api/sources", get(source::list).post(source::create)),
        ("/api/sources/{id}", patch(source::change).delete(source::remove)),
        ("/api/quarantine", get(source::quarantine)),
        ("/api/quarantine/adopt", post(source::adopt)),
        ("/api/agents", get(agent::list)),
        ("/api/agents/tokens", post(agent::create_token)),
        ("/api/agents/{id}", patch(agent::change).delete(agent::revoke)),
        ("/api/rules", get(rule::list)),
        ("/api/rules/{id}", get(rule::get)),
        ("/api/rules/{id}/enabled", put(rule::set_enabled)),
        ("/api/rules/{id}/test", post(rule::test)),
        ("/api/agencies", get(agency::list).post(agency::create)),
        ("/api/agencies/{id}", patch(agency::change)),
        ("/api/users", get(user::list).post(user::create)),
        ("/api/users/{id}", patch(user::change)),
        ("/api/users/{id}/link", post(user::new_link)),
        ("/api/users/{id}/roles", post(user::assign_role)),
        ("/api/role-assignments/{id}", delete(user::end_role)),
        ("/api/audit", get(audit::list)),
        ("/api/audit/verify", get(audit::verify)),
        // For the operator's socket only: they answer 404 over the network.
        ("/operator/status", get(operator::status)),
        ("/operator/search", get(operator::search)),
    ]
}

/// The whole router: the table, the console's files, and the layers every answer passes.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for (path, methods) in table() {
        router = router.route(path, methods);
    }
    let router = router.fallback(console::file);
    auth::layers(router, &app).with_state(app)
}
