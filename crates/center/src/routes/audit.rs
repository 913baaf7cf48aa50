//! The audit log.

use axum::Json;
use axum::extract::State;
use bongsu_api::audit::{AuditChain, AuditEntry, AuditPage, AuditQuery};
use bongsu_domain::Ability;
use bongsu_state::AuditFilter;

use super::Shared;
use super::caller::{Ask, By};
use super::convert::{actor, agency, time};
use super::failure::{Answer, Failure};
use crate::audit_head;
use crate::authority::hex;

/// Entries in scope.
pub(crate) async fn list(State(web): Shared, By(by): By, Ask(asked): Ask<AuditQuery>) -> Answer<Json<AuditPage>> {
    let filter = AuditFilter {
        action: asked.action.filter(|a| !a.is_empty()),
        text: asked.q.filter(|q| !q.is_empty()),
        object: None,
        limit: asked.limit.unwrap_or(0),
        cursor: asked.cursor,
    };
    let page = web.app.state.audit(&by.scope(Ability::ReadAudit), &filter).await?;
    let rules = web.app.rules.now();
    let rows = page.rows.into_iter().map(|e| AuditEntry {
        id: e.id,
        at: time(e.at),
        address: e.actor.address.map(|a| a.to_string()),
        actor: actor(&e.actor, &rules.set),
        action: e.action,
        object: e.object,
        agency: e.agency.map(|a| agency(&by.tree, a)),
        text: e.text,
        hash: hex(&e.hash),
    });
    Ok(Json(AuditPage { as_of: time(by.now()), total: page.total, rows: rows.collect(), next: page.next }))
}

/// Check the chain. Whether it is whole is no secret of any agency.
pub(crate) async fn verify(State(web): Shared, By(by): By) -> Answer<Json<AuditChain>> {
    let chain = web.app.state.verify_audit().await?;
    let missing = audit_head::missing(&web.app.config.data, &web.app.state).await.map_err(|e| Failure::internal(&e))?;
    let first_bad = [chain.first_bad, missing].into_iter().flatten().min();
    Ok(Json(AuditChain { as_of: time(by.now()), entries: chain.entries, whole: first_bad.is_none(), first_bad }))
}
