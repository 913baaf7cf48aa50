//! What the operator's commands ask besides the interface: how the center is, and a search written out whole.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bongsu_event::Scope;
use bongsu_state::Counts;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::caller::Ask;
use super::failure::Answer;
use super::search::{Found, found};

/// Rates, lag, queues.
pub(crate) async fn status(State(web): Shared) -> Answer<Json<Value>> {
    let now = web.app.now();
    let counts: Counts = web.app.state.counts(&Scope::All, &Scope::All, None, now).await?;
    let flow = web.app.live.flow();
    let lake = web.app.lake.status();
    let dropped: u64 = web.app.intake.lock().iter().map(|c| c.snapshot().udp_dropped).sum();
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ready": web.app.ready.load(std::sync::atomic::Ordering::Acquire),
        "web": *web.app.web_address.lock(),
        "uplink": *web.app.uplink_address.lock(),
        "listeners": *web.app.listeners.lock(),
        "events_per_second": web.app.live.rate(now, |_| true),
        "events": flow.events,
        "detections": flow.detections,
        "journal_sequence": web.app.journal.last_sequence(),
        "lake_sequence": lake.position.sequence,
        "lake_durable_sequence": lake.durable.sequence,
        "lake_rows": lake.file_rows + lake.memory_rows,
        "lag_seconds": flow.lag_seconds,
        "open_alerts": counts.queue_open,
        "blocks_in_force": counts.blocks_in_force,
        "agents_connected": web.app.agents.count(),
        "udp_dropped": dropped,
        "troubles": web.app.troubles.list(),
    })))
}

/// A search whose every match is written out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Written {
    q: String,
    from: Option<String>,
    to: Option<String>,
    format: Option<String>,
    limit: Option<u64>,
}

/// Search over every agency and, without a range, all time.
pub(crate) async fn search(State(web): Shared, Ask(asked): Ask<Written>) -> Answer<Response> {
    found(
        &web,
        Found {
            text: &asked.q,
            from: asked.from.as_deref(),
            to: asked.to.as_deref(),
            format: asked.format.as_deref().unwrap_or("jsonl"),
            limit: asked.limit.filter(|n| *n > 0),
            scope: Scope::All,
        },
    )
    .await
}
