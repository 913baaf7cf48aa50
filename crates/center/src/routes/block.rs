//! Blocks, the kill switch, and the safety policy.

use axum::Json;
use axum::extract::State;
use bongsu_api as api;
use bongsu_api::block::{
    Block, BlockPage, BlockPath, BlockPolicy, BlockPreview, BlockQuery, BlockRequest, KillSwitch, MatchCount, Matches,
    PointChoice, PointState, ProtectedNet, Reason, SafetyCheck, SetKillSwitch,
};
use bongsu_api::overview::StreamEvent;
use bongsu_domain::{
    Ability, AlertId, BlockId, BlockState, Check, Decision, Effect, Origin, PointId, ProtectedList, Ruling,
    SafetyPolicy, SafetyRule, canonical,
};
use bongsu_event::{AgencyId, Field, Micros, Scope};
use bongsu_lake::{Limits, Query, TimeRange};
use bongsu_sigma::RuleSet;
use bongsu_state::{BlockFilter, BlockRow, BlockTab, Outcome, PointRow};
use ipnet::IpNet;

use super::alert::timeline;
use super::caller::{Ask, At, Body, By, Caller};
use super::convert::{actor, agency, maybe_time, named, parse_time, reason, severity, severity_from, time};
use super::failure::{Answer, Failure};
use super::{Shared, Web};
use crate::pipeline::detect::service;

/// Expiries offered, minutes.
const MINUTES_CHOICES: &[u32] = &[15, 60, 240, 1_440, 10_080];
/// Destinations shown of what a block matches.
const DESTINATIONS_MAX: usize = 5;
/// Time given to counting what a block matches, seconds.
const MATCH_SECONDS: u64 = 3;

pub(crate) fn state(s: BlockState) -> api::block::BlockState {
    match s {
        BlockState::Proposed => api::block::BlockState::Proposed,
        BlockState::Approved => api::block::BlockState::Approved,
        BlockState::Applying => api::block::BlockState::Applying,
        BlockState::Applied => api::block::BlockState::Applied,
        BlockState::Refused => api::block::BlockState::Refused,
        BlockState::Expired => api::block::BlockState::Expired,
        BlockState::Withdrawn => api::block::BlockState::Withdrawn,
    }
}

fn effect(e: Effect) -> api::block::Effect {
    match e {
        Effect::Effective => api::block::Effect::Effective,
        Effect::InsertedNotEffective => api::block::Effect::InsertedNotEffective,
        Effect::Unknown => api::block::Effect::Unknown,
    }
}

fn shown(row: BlockRow, caller: &Caller, rules: &RuleSet) -> Block {
    let f = row.fields;
    let dropped: Vec<u64> = row.points.iter().filter_map(|p| p.packets_dropped).collect();
    Block {
        id: row.id.0,
        target: text_of(f.target),
        state: state(row.state),
        waiting: row.waiting,
        agency: agency(&caller.tree, f.agency),
        reason: f.reason,
        requested_by: actor(&f.requested_by, rules),
        requested_at: time(f.requested_at),
        approved_by: row.approvals.iter().map(|a| actor(&a.by, rules)).collect(),
        approvals_needed: row.approvals_needed,
        expires_at: time(f.expires_at),
        minutes: f.minutes,
        // Points that only try make it a trial, whatever was asked.
        dry_run: f.dry_run || (!row.points.is_empty() && row.points.iter().all(|p| p.device == "dry_run")),
        refused_by: row.refused_by,
        refused_because: row.refused_ko,
        alert: f.alert.map(|a| a.0),
        rule_id: f.rule,
        effect: effect(Effect::together(row.points.iter().map(|p| p.effect))),
        packets_dropped: (!dropped.is_empty()).then(|| dropped.iter().sum()),
        points: row
            .points
            .into_iter()
            .map(|p| PointState {
                point: named(p.point.0, &p.name),
                device: p.device,
                agency: agency(&caller.tree, p.agency),
                state: p.state.name().to_owned(),
                applied_at: maybe_time(p.applied_at),
                took_ms: p.took_micros.map(|m| m as f64 / 1000.0),
                packets_dropped: p.packets_dropped,
                effect: effect(p.effect),
                error: p.error,
            })
            .collect(),
        grace_until: maybe_time(row.grace_until),
        example: row.example,
        timeline: row.timeline.into_iter().map(|t| timeline(t, rules)).collect(),
    }
}

/// A single address without its length.
fn text_of(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

fn target(text: &str) -> Answer<IpNet> {
    let text = text.trim();
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    net.map(canonical).map_err(|_| {
        Failure::bad_request(
            Some("target"),
            format!("`{text}` is no address; write it as 198.51.100.66 or 198.51.100.0/24"),
        )
    })
}

/// Blocks.
pub(crate) async fn list(State(web): Shared, By(by): By, Ask(asked): Ask<BlockQuery>) -> Answer<Json<BlockPage>> {
    let tab = match asked.tab.as_deref() {
        None | Some("" | "in_force") => BlockTab::InForce,
        Some("waiting") => BlockTab::Waiting,
        Some("ended") => BlockTab::Ended,
        Some("all") => BlockTab::All,
        Some(other) => {
            return Err(Failure::bad_request(
                Some("tab"),
                format!("`{other}` is none of in_force, waiting, ended, all"),
            ));
        }
    };
    let filter = BlockFilter {
        tab,
        text: asked.q.filter(|q| !q.trim().is_empty()),
        limit: asked.limit.unwrap_or(0),
        cursor: asked.cursor,
    };
    let page = web.app.state.blocks(&by.sees(), &filter, by.now()).await?;
    let rules = web.app.rules.now();
    let rows = page.rows.into_iter().map(|r| shown(r, &by, &rules.set)).collect();
    Ok(Json(BlockPage { as_of: time(by.now()), total: page.total, rows, next: page.next }))
}

async fn one(web: &Web, by: &Caller, id: BlockId) -> Answer<Json<Block>> {
    Ok(Json(shown(web.app.state.block(&by.sees(), id).await?, by, &web.app.rules.now().set)))
}

/// One block.
pub(crate) async fn get(State(web): Shared, By(by): By, At(path): At<BlockPath>) -> Answer<Json<Block>> {
    one(&web, &by, BlockId(path.id)).await
}

/// The request as the domain takes it. Whose it is: as asked, else the alert's, else the caller's top.
async fn request(web: &Web, by: &Caller, asked: &BlockRequest) -> Answer<bongsu_domain::BlockRequest> {
    let alert = match asked.alert {
        Some(id) => Some(web.app.state.alert(&by.sees(), AlertId(id), by.now()).await?),
        None => None,
    };
    let top = || by.rights().and_then(|r| r.tops(&by.tree).first().copied()).unwrap_or(by.tree.root());
    let whose = asked.agency.map(AgencyId).or(alert.as_ref().map(|a| a.agency)).unwrap_or_else(top);
    if !by.sees().holds(whose) || by.tree.get(whose).is_none() {
        return Err(Failure::not_found("agency"));
    }
    if !by.may(Ability::RequestBlocks, whose) {
        return Err(Failure::forbidden("you may not ask for blocks of this agency"));
    }
    let points = match &asked.points {
        Some(ids) => ids.iter().map(|id| PointId(*id)).collect(),
        None => web.app.state.points_for(whose).await?.into_iter().map(|p| p.id).collect(),
    };
    let service = match &alert {
        Some(alert) => service_of(web, by, alert.id).await?,
        None => None,
    };
    Ok(bongsu_domain::BlockRequest {
        target: target(&asked.target)?,
        agency: whose,
        service,
        points,
        minutes: asked.minutes,
        reason: asked.reason.trim().to_owned(),
        alert: alert.map(|a| a.id),
        dry_run: asked.dry_run,
        ask_approval: asked.ask_approval,
        together: 1,
        origin: Origin::Person,
    })
}

/// The service an alert is about: that of its newest event, as playbooks count it; it is counted and never shown. None
/// once the event is gone, or while the lake can't say: the other budgets hold, and a block is not kept waiting.
async fn service_of(web: &Web, by: &Caller, alert: AlertId) -> Answer<Option<String>> {
    let newest = web.app.state.detections(&by.sees(), alert, 1).await?.rows.into_iter().next();
    let Some(event) = newest.and_then(|d| d.events.last().copied()) else { return Ok(None) };
    let limits = Limits { deadline: std::time::Duration::from_secs(MATCH_SECONDS), ..Limits::default() };
    let row = web.app.lake.get(event, &Scope::All, &limits).await.unwrap_or_else(|e| {
        tracing::warn!("the service of a block could not be looked up: {e}");
        None
    });
    let Some(row) = row else { return Ok(None) };
    let text = |field: Field| row.fields.get(field.name()).and_then(serde_json::Value::as_str);
    let port = row.fields.get(Field::DstPort.name()).and_then(serde_json::Value::as_i64);
    Ok(service(text(Field::DstIp).map(str::to_owned), port, text(Field::Host)))
}

/// The names under which the drawer shows checks.
fn check_name(rule: SafetyRule) -> &'static str {
    match rule {
        SafetyRule::Protected | SafetyRule::Reserved => "protected",
        SafetyRule::OwnPath => "rollback",
        SafetyRule::Width | SafetyRule::Wide | SafetyRule::ManyTargets | SafetyRule::Scope => "scope",
        SafetyRule::BudgetAgency | SafetyRule::BudgetTotal | SafetyRule::BudgetService => "budget",
        other => other.name(),
    }
}

fn check(c: &Check) -> SafetyCheck {
    let budget = c.budget();
    SafetyCheck {
        name: check_name(c.rule).to_owned(),
        ok: c.ruling == Ruling::Pass,
        text: c.ko(),
        text_en: c.en(),
        used: budget.map(|b| b.used),
        after: budget.map(|b| b.after),
        limit: budget.map(|b| b.limit),
    }
}

fn choice(point: PointRow, chosen: bool, by: &Caller) -> PointChoice {
    PointChoice {
        point: named(point.id.0, &point.name),
        needs_two: !by.may(Ability::RequestBlocks, point.agency),
        agency: agency(&by.tree, point.agency),
        device: point.device,
        chosen,
        reachable: point.reachable,
        last_ms: point.last_micros.map(|m| m as f64 / 1000.0),
    }
}

/// What a block of the target would stop: its events of the last 24 hours, in scope.
async fn matches(web: &Web, by: &Caller, target: IpNet) -> Matches {
    let nothing = Matches { total: 0, destinations: Vec::new(), legitimate: 0, hours: vec![0; 24] };
    let names = crate::directory::PictureNames(web.app.directory.now());
    let text = format!("any_ip:{}", text_of(target));
    let (Ok(query), Ok(good)) =
        (Query::parse(&text, &names), Query::parse(&format!("{text} (status:success OR activity:allow)"), &names))
    else {
        return nothing;
    };
    let hour = 3600 * Micros::SECOND;
    let to = Micros((by.now().0.div_euclid(hour) + 1) * hour);
    let range = TimeRange::between(Micros(to.0 - 24 * hour), to);
    let limits = Limits { deadline: std::time::Duration::from_secs(MATCH_SECONDS), ..Limits::default() };
    let scope = by.sees();
    let lake = &web.app.lake;
    let (histogram, legitimate, facets) = tokio::join!(
        lake.histogram(&query, &scope, range, 24, &limits),
        lake.count(&good, &scope, range, &limits),
        lake.facets(&query, &scope, range, &["dst_ip"], DESTINATIONS_MAX, &limits)
    );
    let histogram = histogram.unwrap_or_default();
    let mut hours = vec![0; 24];
    for (i, n) in histogram.counts.iter().enumerate() {
        let at = histogram.from.0 + histogram.width.saturating_mul(i as i64);
        let slot = (at - (to.0 - 24 * hour)).div_euclid(hour);
        if let Some(place) = usize::try_from(slot).ok().and_then(|s| hours.get_mut(s)) {
            *place += n;
        }
    }
    let destinations = facets.ok().and_then(|mut f| f.pop()).map(|f| f.values).unwrap_or_default();
    Matches {
        total: histogram.total,
        destinations: destinations.into_iter().map(|v| MatchCount { name: v.value, count: v.count }).collect(),
        legitimate: legitimate.map(|c| c.rows).unwrap_or(0),
        hours,
    }
}

/// What would happen.
pub(crate) async fn preview(
    State(web): Shared,
    By(by): By,
    Body(asked): Body<BlockRequest>,
) -> Answer<Json<BlockPreview>> {
    let mut request = request(&web, &by, &asked).await?;
    if request.reason.is_empty() {
        // Asked for when it is sent, not while it is looked at.
        "preview".clone_into(&mut request.reason);
    }
    let may_block = by.scope(Ability::RequestBlocks);
    let own = web.app.own_paths();
    let (decision, checks) = web.app.state.preview_block(&by.actor, &may_block, &request, &own, by.now()).await?;
    let policy = web.app.state.safety_policy(by.now());
    let (said, because) = match &decision {
        Decision::Approved(_) => (api::block::Decision::Approved, None),
        Decision::NeedsApproval { because, .. } => (api::block::Decision::NeedsApproval, Some(because.rule)),
        Decision::Refused(refusal) => (api::block::Decision::Refused, Some(refusal.rule)),
    };
    let mut points: Vec<PointChoice> = Vec::new();
    let offered = web.app.state.points_for(request.agency).await?;
    let mut seen = web.app.state.points(&by.sees()).await?;
    seen.retain(|p| !offered.iter().any(|o| o.id == p.id));
    for point in offered.into_iter().chain(seen) {
        let chosen = request.points.contains(&point.id);
        points.push(choice(point, chosen, &by));
    }
    let shown_checks = checks.iter().filter(|c| c.rule != SafetyRule::Reason);
    Ok(Json(BlockPreview {
        as_of: time(by.now()),
        target: text_of(request.target),
        decision: said,
        because: because.map(|r| r.name().to_owned()),
        checks: shown_checks.map(check).collect(),
        matches: matches(&web, &by, request.target).await,
        points,
        expires_at: time(by.now().plus_seconds(i64::from(request.minutes) * 60)),
        minutes_max: policy.minutes_max,
        minutes_choices: MINUTES_CHOICES.iter().copied().filter(|m| *m <= policy.minutes_max).collect(),
    }))
}

/// Block, or ask for it. A refusal is answered as a block that was refused, with the rule's name.
pub(crate) async fn create(State(web): Shared, By(by): By, Body(asked): Body<BlockRequest>) -> Answer<Json<Block>> {
    let request = request(&web, &by, &asked).await?;
    let why = reason(&request.reason)?.to_owned();
    let may_block = by.scope(Ability::RequestBlocks);
    let outcome = web.app.request_block(&by.change(&why), &may_block, &request, false).await?;
    if let Some(alert) = request.alert {
        web.app.stream.tell(Some(request.agency), StreamEvent::Alert { id: alert.0, new: false });
    }
    match outcome {
        Outcome::Approved(wanted) => one(&web, &by, wanted.id).await,
        Outcome::Waiting { id, .. } | Outcome::Refused { id: Some(id), .. } => one(&web, &by, id).await,
        Outcome::Refused { id: None, refusal } => Err(Failure::forbidden(refusal.en)),
    }
}

/// Approve.
pub(crate) async fn approve(
    State(web): Shared,
    By(by): By,
    At(path): At<BlockPath>,
    Body(asked): Body<Reason>,
) -> Answer<Json<Block>> {
    let id = BlockId(path.id);
    web.app.state.block(&by.sees(), id).await?;
    let (request, approve) = (by.scope(Ability::RequestBlocks), by.scope(Ability::ApproveBlocks));
    match web.app.approve_block(&by.change(asked.reason.trim()), &request, &approve, id).await? {
        Outcome::Refused { refusal, .. } => Err(Failure::conflict(format!("{}: {}", refusal.rule.name(), refusal.en))),
        Outcome::Approved(_) | Outcome::Waiting { .. } => one(&web, &by, id).await,
    }
}

/// Refuse.
pub(crate) async fn refuse(
    State(web): Shared,
    By(by): By,
    At(path): At<BlockPath>,
    Body(asked): Body<Reason>,
) -> Answer<Json<Block>> {
    let id = BlockId(path.id);
    let whose = web.app.state.block(&by.sees(), id).await?.fields.agency;
    let (request, approve) = (by.scope(Ability::RequestBlocks), by.scope(Ability::ApproveBlocks));
    web.app.state.refuse_block(&by.change(reason(&asked.reason)?), &request, &approve, id).await?;
    web.app.stream.tell(Some(whose), StreamEvent::Block { id: id.0 });
    one(&web, &by, id).await
}

/// Undo: one action, starts the grace period.
pub(crate) async fn undo(
    State(web): Shared,
    By(by): By,
    At(path): At<BlockPath>,
    Body(asked): Body<Reason>,
) -> Answer<Json<Block>> {
    let id = BlockId(path.id);
    let whose = web.app.state.block(&by.sees(), id).await?.fields.agency;
    if !by.may(Ability::RequestBlocks, whose) {
        return Err(Failure::forbidden("you may not undo blocks of this agency"));
    }
    web.app.undo_block(&by.change(asked.reason.trim()), &by.scope(Ability::RequestBlocks), id).await?;
    web.app.stream.tell(Some(whose), StreamEvent::Block { id: id.0 });
    one(&web, &by, id).await
}

/// The switch as it stands, with what it could not do yet.
pub(crate) async fn switch(web: &Web, scope: &Scope, now: Micros) -> Answer<KillSwitch> {
    let switch = web.app.state.kill_switch().await?;
    let mut unreached = Vec::new();
    if switch.on {
        for point in web.app.state.points(scope).await? {
            if point.agent.is_some_and(|a| web.app.agents.get(a).is_none()) {
                unreached.push(named(point.id.0, &point.name));
            }
        }
    }
    Ok(KillSwitch {
        on: switch.on,
        since: maybe_time(switch.since.filter(|_| switch.on)),
        by: switch.by.filter(|_| switch.on).as_ref().map(|a| actor(a, &web.app.rules.now().set)),
        reason: switch.reason.filter(|_| switch.on),
        automatic: web.app.state.safety_policy(now).automatic,
        unreached,
        withdrawing: if switch.on { web.app.state.withdrawing(now).await? } else { 0 },
    })
}

/// The kill switch.
pub(crate) async fn kill_switch(State(web): Shared, By(by): By) -> Answer<Json<KillSwitch>> {
    Ok(Json(switch(&web, &by.sees(), by.now()).await?))
}

/// Throw or release it. Thrown by any duty lead; released only by who leads the whole center.
pub(crate) async fn set_kill_switch(
    State(web): Shared,
    By(by): By,
    Body(asked): Body<SetKillSwitch>,
) -> Answer<Json<KillSwitch>> {
    by.require_everywhere(Ability::KillSwitch)?;
    web.app.set_kill_switch(&by.change(reason(&asked.reason)?), asked.on).await?;
    let state = switch(&web, &by.sees(), web.app.now()).await?;
    web.app.stream.tell(None, StreamEvent::KillSwitch { state: state.clone() });
    Ok(Json(state))
}

fn policy_shown(p: &SafetyPolicy) -> BlockPolicy {
    let protected = |n: &bongsu_domain::ProtectedNet| ProtectedNet {
        net: text_of(n.net),
        list: n.list.name().to_owned(),
        note: n.note.clone(),
    };
    BlockPolicy {
        valid_from: time(p.valid_from),
        example: p.example,
        protected: p.protected.iter().map(protected).collect(),
        minutes_max: p.minutes_max,
        budget_agency_hour: p.budget_agency_hour,
        budget_total_hour: p.budget_total_hour,
        budget_service_hour: p.budget_service_hour,
        wide_v4: p.wide_v4,
        wide_v6: p.wide_v6,
        widest_v4: p.widest_v4,
        widest_v6: p.widest_v6,
        grace_minutes: p.grace_minutes,
        automatic: p.automatic,
        automatic_severity: severity(p.automatic_severity),
        automatic_minutes: p.automatic_minutes,
        dry_run: p.dry_run,
        inside: p.inside.iter().map(|n| text_of(*n)).collect(),
    }
}

fn nets(at: &str, texts: &[String]) -> Answer<Vec<IpNet>> {
    let net =
        |t: &String| target(t).map_err(|_| Failure::bad_request(Some(at), format!("`{t}` is no address or prefix")));
    texts.iter().map(net).collect()
}

fn policy_from(asked: &BlockPolicy, old: SafetyPolicy) -> Answer<SafetyPolicy> {
    let protected = asked.protected.iter().map(|p| {
        let list = ProtectedList::from_name(&p.list).ok_or_else(|| {
            Failure::bad_request(Some("protected"), format!("`{}` is none of management, core, partner", p.list))
        })?;
        let net =
            nets("protected", std::slice::from_ref(&p.net))?.pop().ok_or_else(|| Failure::not_found("network"))?;
        Ok(bongsu_domain::ProtectedNet { net, list, note: p.note.chars().take(200).collect() })
    });
    Ok(SafetyPolicy {
        valid_from: parse_time("valid_from", &asked.valid_from)?,
        example: false,
        protected: protected.collect::<Answer<_>>()?,
        minutes_max: asked.minutes_max,
        budget_agency_hour: asked.budget_agency_hour,
        budget_total_hour: asked.budget_total_hour,
        budget_service_hour: asked.budget_service_hour,
        wide_v4: asked.wide_v4,
        wide_v6: asked.wide_v6,
        widest_v4: asked.widest_v4,
        widest_v6: asked.widest_v6,
        grace_minutes: asked.grace_minutes,
        automatic: asked.automatic,
        automatic_severity: severity_from(asked.automatic_severity),
        automatic_minutes: asked.automatic_minutes,
        dry_run: asked.dry_run,
        inside: nets("inside", &asked.inside)?,
        // What the page does not show stays.
        targets_wide: old.targets_wide,
        dry_run_rules: old.dry_run_rules,
    })
}

/// The safety policy in force.
pub(crate) async fn policy(State(web): Shared, By(by): By) -> Answer<Json<BlockPolicy>> {
    Ok(Json(policy_shown(&web.app.state.safety_policy(by.now()))))
}

/// A new version of the safety policy; existing blocks are held against it at once.
pub(crate) async fn set_policy(
    State(web): Shared,
    By(by): By,
    Body(asked): Body<BlockPolicy>,
) -> Answer<Json<BlockPolicy>> {
    by.require_everywhere(Ability::Administer)?;
    let new = policy_from(&asked, web.app.state.safety_policy(by.now()))?;
    web.app.state.set_safety_policy(&by.change(""), &new).await?;
    web.app.recheck_blocks().await?;
    Ok(Json(policy_shown(&web.app.state.safety_policy(web.app.now()))))
}
