//! Agents and their enrolment tokens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bongsu_api::agent::{Agent, AgentInput, AgentPath, Agents, ChangeAgent, NewToken, OpenToken, Token};
use bongsu_domain::{Ability, Enforce, agent_state};
use bongsu_event::{AgencyId, AgentId};
use bongsu_state::AgentRow;
use bongsu_uplink::EnrolToken;

use super::caller::{At, Body, By, Caller};
use super::convert::{agency, maybe_time, time};
use super::failure::{Answer, Failure};
use super::{Shared, Web};
use crate::auth::random;

fn shown(web: &Web, caller: &Caller, row: AgentRow) -> Agent {
    let now = caller.now();
    let connection = web.app.agents.get(row.id);
    let last_seen = connection.as_ref().map(|c| c.last_seen).max(row.last_seen);
    // Who has no live connection is away, however lately it was heard.
    let state = match &connection {
        Some(_) if !row.revoked => "connected",
        _ if row.revoked => "revoked",
        _ => match agent_state(false, last_seen, now).name() {
            "connected" => "away",
            other => other,
        },
    };
    let rate = row.inputs.iter().filter_map(|i| web.app.live.source(i.source)).map(|l| l.rate(now)).sum();
    let inputs = row.inputs.into_iter().map(|i| AgentInput {
        kind: i.spec.kind,
        what: i.spec.what,
        source: i.spec.source,
        format: i.spec.format,
        timezone: i.spec.timezone,
    });
    Agent {
        id: row.id.0,
        name: row.name,
        agency: agency(&caller.tree, row.agency),
        state: state.to_owned(),
        hostname: row.hostname,
        version: row.version,
        address: row.address,
        last_seen_at: maybe_time(last_seen),
        certificate_until: maybe_time(row.certificate_until),
        spool_lines: row.spool_lines,
        spool_bytes: row.spool_bytes,
        spool_dropped: row.spool_dropped,
        rss_bytes: row.rss_bytes,
        rate,
        enforce: row.enforce.name().to_owned(),
        trouble: row.trouble,
        inputs: inputs.collect(),
    }
}

/// Those that are away first.
fn place(state: &str) -> u8 {
    match state {
        "away" => 0,
        "never" => 1,
        "connected" => 2,
        _ => 3,
    }
}

/// Agents.
pub(crate) async fn list(State(web): Shared, By(by): By) -> Answer<Json<Agents>> {
    let rows = web.app.state.agents(&by.sees()).await?;
    let mut rows: Vec<Agent> = rows.into_iter().map(|r| shown(&web, &by, r)).collect();
    rows.sort_by_key(|r| place(&r.state));
    let tokens = web.app.state.open_tokens(&by.scope(Ability::Administer), by.now()).await?;
    let tokens = tokens.into_iter().map(|t| OpenToken {
        name: t.name,
        agency: agency(&by.tree, t.agency),
        expires_at: time(t.expires_at),
    });
    Ok(Json(Agents {
        as_of: time(by.now()),
        rows,
        tokens: tokens.collect(),
        uplink: web.app.uplink_address.lock().clone(),
    }))
}

/// Where agents connect, as a token names it. While no center runs: the configured port at this machine's address.
fn center_address(web: &Web) -> Option<String> {
    let running = web.app.uplink_address.lock().clone().or_else(|| web.app.config.uplink_public.clone());
    running.or_else(|| {
        let listen = web.app.config.uplink.address?;
        let ip = if listen.ip().is_unspecified() { web.app.own_addresses.first().copied()? } else { listen.ip() };
        Some(std::net::SocketAddr::new(ip, listen.port()).to_string())
    })
}

/// An enrolment token. It carries where to connect and whom to trust, so that an office needs nothing else.
pub(crate) async fn create_token(State(web): Shared, By(by): By, Body(new): Body<NewToken>) -> Answer<Json<Token>> {
    let expires_at = by.now().plus_seconds(i64::from(new.hours.max(1)) * 3600);
    let Some(center_address) = center_address(&web) else {
        return Err(Failure::conflict("the agent uplink is off; set uplink.listen and start the center"));
    };
    let whose = AgencyId(new.agency);
    let token = EnrolToken {
        secret: random()?,
        ca_fingerprint: web.app.authority.fingerprint(),
        center_address,
        agency: agency(&by.tree, whose).name,
        expires_at,
    };
    let hash = bongsu_state::secret_hash(&token.secret);
    let scope = by.scope(Ability::Administer);
    web.app.state.create_token(&by.change(""), &scope, &new.name, whose, &hash, expires_at).await?;
    web.app.stream.tell(Some(whose), bongsu_api::overview::StreamEvent::Sources);
    let token = token.to_string();
    Ok(Json(Token { command: format!("bongsu-agent enrol {token}"), token, expires_at: time(expires_at) }))
}

/// Configure.
pub(crate) async fn change(
    State(web): Shared,
    By(by): By,
    At(path): At<AgentPath>,
    Body(to): Body<ChangeAgent>,
) -> Answer<Json<Agent>> {
    let enforce = match to.enforce.as_deref() {
        None => None,
        Some(name) => Some(Enforce::from_name(name).ok_or_else(|| {
            Failure::bad_request(Some("enforce"), format!("`{name}` is none of nftables, dry_run, off"))
        })?),
    };
    let inputs: Option<Vec<bongsu_state::AgentInput>> = to.inputs.map(|all| {
        let input = |i: AgentInput| bongsu_state::AgentInput {
            kind: i.kind,
            what: i.what,
            source: i.source,
            format: if i.format.is_empty() { "auto".to_owned() } else { i.format },
            timezone: if i.timezone.is_empty() { web.app.config.timezone.clone() } else { i.timezone },
        };
        all.into_iter().map(input).collect()
    });
    let id = AgentId(path.id);
    let scope = by.scope(Ability::Administer);
    let row = web.app.state.change_agent(&by.change(""), &scope, id, inputs.as_deref(), enforce).await?;
    web.app.refresh_directory().await?;
    web.app.push_agent_config(id).await?;
    Ok(Json(shown(&web, &by, row)))
}

/// Revoke: live connections are closed.
pub(crate) async fn revoke(State(web): Shared, By(by): By, At(path): At<AgentPath>) -> Answer<StatusCode> {
    let id = AgentId(path.id);
    web.app.state.revoke_agent(&by.change(""), &by.scope(Ability::Administer), id).await?;
    web.app.agents.cut(id);
    web.app.refresh_directory().await?;
    Ok(StatusCode::NO_CONTENT)
}
