//! The frame of every page, the live stream, and the authority's certificate.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bongsu_api::overview::{Overview, StreamEvent};
use bongsu_domain::{Ability, Role};
use bongsu_event::{Micros, Scope};
use futures::Stream;
use tokio::sync::broadcast::error::RecvError;

use super::caller::{By, Caller};
use super::convert::{maybe_time, time};
use super::failure::Answer;
use super::{Shared, Web, block};

/// Seconds between two looks whether a stream's session is still open.
const SESSION_CHECK_SECONDS: u64 = 5;

/// Header and rail.
pub(crate) async fn overview(State(web): Shared, By(by): By) -> Answer<Json<Overview>> {
    Ok(Json(frame(&web, &by, web.app.now()).await?))
}

/// Who is duty lead now, nearest to what the caller sees.
async fn duty_lead(web: &Web, caller: &Caller) -> Answer<Option<String>> {
    let top = caller.rights().and_then(|r| r.tops(&caller.tree).first().copied()).unwrap_or(caller.tree.root());
    let at = web.app.state.moment(web.app.now());
    let roles = web.app.state.responsible_for(&Scope::All, top, at).await?;
    let mut leads = roles.into_iter().filter(|r| r.assignment.role == Role::DutyLead);
    Ok(leads.find_map(|r| match r.assignment.responsible(at) {
        Some(user) if user == r.assignment.user => Some(r.name),
        Some(_) => r.substitute_name,
        None => None,
    }))
}

/// Sources whose silence was told and still lasts.
fn silent(web: &Web, scope: &Scope) -> u32 {
    let picture = web.app.directory.now();
    let told = web.app.silent.lock();
    let lasts = told.iter().filter(|(id, last)| {
        let in_scope = picture.source(**id).is_some_and(|s| s.enabled && scope.holds(s.agency));
        in_scope && web.app.live.source(**id).is_none_or(|l| l.last_seen <= **last)
    });
    u32::try_from(lasts.count()).unwrap_or(u32::MAX)
}

async fn frame(web: &Web, caller: &Caller, now: Micros) -> Answer<Overview> {
    let scope = caller.sees();
    let counts = web.app.state.counts(&scope, &caller.scope(Ability::ApproveBlocks), caller.user(), now).await?;
    let whole = web.app.state.sees_all(&scope);
    Ok(Overview {
        as_of: time(now),
        organisation: web.app.config.organisation.clone(),
        demo: web.app.config.demo,
        kill_switch: block::switch(web, &scope, now).await?,
        blocks_in_force: counts.blocks_in_force,
        approvals_waiting: counts.approvals_waiting,
        queue_open: counts.queue_open,
        events_per_second: web.app.live.rate(now, |a| scope.holds(a)),
        last_event_at: maybe_time(web.app.live.newest(|a| scope.holds(a))),
        lag_seconds: web.app.live.flow().lag_seconds,
        duty_lead: duty_lead(web, caller).await?,
        silent_sources: silent(web, &scope),
        quarantined: if whole {
            u32::try_from(web.app.live.quarantine().len()).unwrap_or(0).max(counts.quarantined)
        } else {
            0
        },
        // What an operator must act on is for who may.
        troubles: if caller.may_anywhere(Ability::Administer) || whole { web.app.troubles.list() } else { Vec::new() },
    })
}

/// Live stream: what changed in scope, and the frame each second. Ends with the session.
pub(crate) async fn stream(State(web): Shared, By(by): By) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut changes = web.app.stream.listen();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    tokio::spawn(async move {
        let mut turn = 0_u64;
        let mut caller = by;
        loop {
            let event = tokio::select! {
                () = web.app.stop.cancelled() => return,
                () = sender.closed() => return,
                _ = ticks.tick() => {
                    turn += 1;
                    if turn.is_multiple_of(SESSION_CHECK_SECONDS) {
                        match refreshed(&web, &caller).await {
                            Some(fresh) => caller = fresh,
                            None => return,
                        }
                    }
                    match frame(&web, &caller, web.app.now()).await {
                        Ok(overview) => StreamEvent::Tick { overview },
                        Err(_) => continue,
                    }
                }
                change = changes.recv() => match change {
                    Ok(change) if change.agency.is_none_or(|a| caller.sees().holds(a)) => change.event,
                    // A page that fell behind hears of everything at the next tick.
                    Ok(_) | Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return,
                },
            };
            let Ok(event) = Event::default().json_data(&event) else { continue };
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
    });
    Sse::new(tokio_stream::wrappers::ReceiverStream::new(receiver)).keep_alive(KeepAlive::default())
}

/// The caller as of now: rights anew; `None` once the session has ended. Looking does not keep it open.
async fn refreshed(web: &Web, caller: &Arc<Caller>) -> Option<Arc<Caller>> {
    let Some(session) = &caller.session else { return Some(Arc::clone(caller)) };
    let now = web.app.now();
    let idle = i64::from(web.app.config.session_idle_minutes) * 60;
    let open = web.app.state.sessions(session.user, idle, now).await.ok()?;
    if !open.iter().any(|s| s.id == session.id) {
        return None;
    }
    let rights = web.app.state.rights(session.user, web.app.state.moment(now)).await.ok()?;
    if !rights.may_anywhere(Ability::See) {
        return None;
    }
    Some(Arc::new(caller.with_rights(rights, web.app.state.tree())))
}

/// The authority's certificate.
pub(crate) async fn authority(State(web): Shared) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"bongsu-authority.pem\""),
    ];
    (headers, web.app.authority.pem().to_owned()).into_response()
}
