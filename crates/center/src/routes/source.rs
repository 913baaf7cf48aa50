//! Log sources and the quarantine of unknown senders.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bongsu_api::block::MatchCount;
use bongsu_api::source::{ChangeSource, NewSource, Quarantine, Quarantined, Source, SourcePath, Sources};
use bongsu_domain::{Ability, source_state};
use bongsu_event::{AgencyId, SourceId};
use bongsu_state::SourceRow;

use super::caller::{At, Body, By, Caller};
use super::convert::{agency, maybe_time, time};
use super::failure::{Answer, Failure};
use super::{Shared, Web};

fn shown(web: &Web, caller: &Caller, row: SourceRow) -> Source {
    let now = caller.now();
    let live = web.app.live.source(row.id);
    let last_seen = live.as_ref().map(|l| l.last_seen).max(row.last_seen).filter(|t| t.0 > 0);
    let hour = live.as_ref().map(|l| l.hour(now)).unwrap_or_default();
    let recognised = live.as_ref().map(|l| l.recognised.to_owned()).filter(|r| !r.is_empty()).or(row.recognised);
    let mut reasons: Vec<MatchCount> = live
        .as_ref()
        .map(|l| l.reasons.iter().map(|(name, count)| MatchCount { name: name.clone(), count: *count }).collect())
        .unwrap_or_default();
    reasons.sort_by_key(|r| std::cmp::Reverse(r.count));
    let state = source_state(row.enabled, last_seen, row.silent_after_minutes, now);
    Source {
        id: row.id.0,
        name: row.name,
        agency: agency(&caller.tree, row.agency),
        from: row.from,
        format: row.format,
        recognised,
        timezone: row.timezone,
        enabled: row.enabled,
        state: state.name().to_owned(),
        last_seen_at: maybe_time(last_seen),
        rate: live.as_ref().map_or(0.0, |l| l.rate(now)),
        lag_seconds: live.as_ref().and_then(|l| l.lag_seconds),
        unparsed_share: (hour.lines > 0).then(|| hour.unparsed as f64 / hour.lines as f64),
        unparsed: hour.unparsed,
        lines: hour.lines,
        truncated: hour.truncated,
        skewed: hour.skewed,
        silent_after_minutes: row.silent_after_minutes,
        unparsed_reasons: reasons,
        sparkline: hour.sparkline,
        example: row.example,
    }
}

/// Silent ones first, then by name.
fn place(state: &str) -> u8 {
    match state {
        "silent" => 0,
        "never" => 1,
        "quiet" => 2,
        "live" => 3,
        _ => 4,
    }
}

/// Sources.
pub(crate) async fn list(State(web): Shared, By(by): By) -> Answer<Json<Sources>> {
    let rows = web.app.state.sources(&by.sees()).await?;
    let mut rows: Vec<Source> = rows.into_iter().map(|r| shown(&web, &by, r)).collect();
    rows.sort_by_key(|r| place(&r.state));
    let whole = web.app.state.sees_all(&by.sees());
    let dropped = web.app.intake.lock().iter().map(|c| c.snapshot().udp_dropped).sum();
    Ok(Json(Sources {
        as_of: time(by.now()),
        rows,
        udp_dropped: if whole { dropped } else { 0 },
        listeners: if whole { web.app.listeners.lock().clone() } else { Vec::new() },
        formats: std::iter::once("auto")
            .chain(bongsu_parse::formats::FORMATS.iter().map(|f| f.name()))
            .map(str::to_owned)
            .collect(),
    }))
}

fn format(name: Option<String>) -> Answer<Option<String>> {
    match name.filter(|n| !n.is_empty()) {
        Some(n) if n != "auto" && bongsu_parse::format_by_name(&n).is_none() => Err(Failure::bad_request(
            Some("format"),
            format!("there is no format `{n}`; leave it out to have it recognised"),
        )),
        n => Ok(n),
    }
}

fn new_source(new: NewSource) -> Answer<bongsu_state::NewSource> {
    if new.from.trim().starts_with("agent:") {
        return Err(Failure::bad_request(Some("from"), "an agent's inputs are registered at the agent"));
    }
    Ok(bongsu_state::NewSource {
        name: new.name,
        from: new.from,
        agency: AgencyId(new.agency),
        format: format(new.format)?,
        timezone: new.timezone.filter(|t| !t.is_empty()),
        silent_after_minutes: new.silent_after_minutes,
        example: false,
    })
}

/// Register.
pub(crate) async fn create(State(web): Shared, By(by): By, Body(new): Body<NewSource>) -> Answer<Json<Source>> {
    let row = web.app.state.create_source(&by.change(""), &by.scope(Ability::Administer), &new_source(new)?).await?;
    web.app.refresh_directory().await?;
    Ok(Json(shown(&web, &by, row)))
}

/// Change.
pub(crate) async fn change(
    State(web): Shared,
    By(by): By,
    At(path): At<SourcePath>,
    Body(to): Body<ChangeSource>,
) -> Answer<Json<Source>> {
    let to = bongsu_state::ChangeSource {
        name: to.name,
        format: format(to.format)?,
        timezone: to.timezone,
        silent_after_minutes: to.silent_after_minutes,
        enabled: to.enabled,
    };
    let scope = by.scope(Ability::Administer);
    let row = web.app.state.change_source(&by.change(""), &scope, SourceId(path.id), &to).await?;
    web.app.refresh_directory().await?;
    Ok(Json(shown(&web, &by, row)))
}

/// Remove; its events stay.
pub(crate) async fn remove(State(web): Shared, By(by): By, At(path): At<SourcePath>) -> Answer<StatusCode> {
    let id = SourceId(path.id);
    let scope = by.scope(Ability::Administer);
    if web.app.state.source(&scope, id).await?.from.starts_with("agent:") {
        return Err(Failure::conflict("this source is an agent's input; remove it at the agent"));
    }
    web.app.state.remove_source(&by.change(""), &scope, id).await?;
    web.app.live.forget(id);
    web.app.refresh_directory().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Unknown senders: what is live now, and what was kept from before a restart.
pub(crate) async fn quarantine(State(web): Shared, By(by): By) -> Answer<Json<Quarantine>> {
    let kept = web.app.state.quarantine(&by.sees()).await?;
    let mut rows: Vec<Quarantined> = kept
        .into_iter()
        .map(|q| Quarantined {
            address: q.address,
            transport: q.transport,
            first_seen_at: time(q.first_seen),
            last_seen_at: time(q.last_seen),
            lines: q.lines,
            recognised: q.recognised,
            sample: q.sample,
        })
        .collect();
    for (address, sender) in web.app.live.quarantine() {
        let address = address.to_string();
        match rows.iter_mut().find(|r| r.address == address) {
            Some(row) => {
                row.lines = row.lines.max(sender.lines);
                row.last_seen_at = time(sender.last_seen);
                row.sample = sender.sample;
            }
            None => rows.push(Quarantined {
                address,
                transport: crate::jobs::transport(sender.transport).to_owned(),
                first_seen_at: time(sender.first_seen),
                last_seen_at: time(sender.last_seen),
                lines: sender.lines,
                recognised: (!sender.recognised.is_empty()).then(|| sender.recognised.to_owned()),
                sample: sender.sample,
            }),
        }
    }
    rows.sort_by_key(|r| std::cmp::Reverse(r.lines));
    Ok(Json(Quarantine { as_of: time(by.now()), rows }))
}

/// Adopt one. It may have come since the quarantine was last written down.
pub(crate) async fn adopt(State(web): Shared, By(by): By, Body(new): Body<NewSource>) -> Answer<Json<Source>> {
    let from = new.from.trim().to_owned();
    let new = new_source(new)?;
    let scope = by.scope(Ability::Administer);
    let live = web.app.live.quarantine().iter().any(|(address, _)| address.to_string() == from);
    let row = if live {
        web.app.state.create_source(&by.change("adopted"), &scope, &new).await?
    } else {
        web.app.state.adopt_sender(&by.change("adopted"), &scope, &new).await?
    };
    web.app.refresh_directory().await?;
    Ok(Json(shown(&web, &by, row)))
}
