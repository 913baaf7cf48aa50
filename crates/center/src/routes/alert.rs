//! The queue and the alert panel.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use bongsu_api as api;
use bongsu_api::alert::{
    AlertDetail, AlertEvent, AlertEvents, AlertPage, AlertPath, AlertQuery, AlertRow, CloseAlert, Contact, Entity,
    Mark, MatchedField, Note, SimilarAlert, TimelineEntry,
};
use bongsu_domain::{Ability, AlertId, AlertState, Role, Verdict};
use bongsu_event::{AgencyId, EventId, Micros, Scope};
use bongsu_lake::Limits;
use bongsu_sigma::RuleSet;
use bongsu_state::{AlertFilter, AlertTab, RoleRow, TimelineRow};

use super::caller::{Ask, At, Body, By, Caller};
use super::convert::{actor_named, agency, maybe_time, named, reason, role, severity, severity_from, time};
use super::failure::{Answer, Failure};
use super::{Shared, Web};
use crate::attack::techniques;

/// Raw lines shown of an alert.
const EVENTS_MAX: usize = 50;
/// Hours back by default.
const HOURS: u32 = 24;

pub(crate) fn state(s: AlertState) -> api::alert::AlertState {
    match s {
        AlertState::Open => api::alert::AlertState::Open,
        AlertState::Acknowledged => api::alert::AlertState::Acknowledged,
        AlertState::Closed => api::alert::AlertState::Closed,
    }
}

fn verdict(v: Verdict) -> api::alert::Verdict {
    match v {
        Verdict::TruePositive => api::alert::Verdict::TruePositive,
        Verdict::Benign => api::alert::Verdict::Benign,
        Verdict::FalsePositive => api::alert::Verdict::FalsePositive,
        Verdict::Duplicate => api::alert::Verdict::Duplicate,
    }
}

fn verdict_from(v: api::alert::Verdict) -> Verdict {
    match v {
        api::alert::Verdict::TruePositive => Verdict::TruePositive,
        api::alert::Verdict::Benign => Verdict::Benign,
        api::alert::Verdict::FalsePositive => Verdict::FalsePositive,
        api::alert::Verdict::Duplicate => Verdict::Duplicate,
    }
}

pub(crate) fn timeline(row: TimelineRow, rules: &RuleSet) -> TimelineEntry {
    TimelineEntry {
        at: time(row.at),
        kind: row.kind,
        actor: actor_named(row.actor, &row.actor_name, rules),
        text: row.text,
    }
}

fn shown(row: bongsu_state::AlertRow, caller: &Caller) -> AlertRow {
    AlertRow {
        id: row.id.0,
        severity: severity(row.severity),
        score: row.score,
        state: state(row.state),
        due_at: maybe_time(row.due_at.filter(|_| row.state == AlertState::Open)),
        opened_at: time(row.opened_at),
        reason: row.reason,
        reason_en: row.reason_en,
        rule_id: row.rule,
        rule_title: row.rule_title,
        rule_title_en: row.rule_title_en,
        agency: agency(&caller.tree, row.agency),
        entity: Entity { kind: row.entity.kind, value: row.entity.value, system: None },
        count: row.count,
        sparkline: row.sparkline.to_vec(),
        first_at: time(row.first_at),
        last_at: time(row.last_at),
        owner: row.owner.map(|u| named(u.0, row.owner_name.as_deref().unwrap_or("?"))),
        block: row.block.map(|b| api::block::BlockBrief {
            id: b.id.0,
            state: super::block::state(b.state),
            waiting: b.waiting,
            expires_at: Some(time(b.expires_at)),
            dry_run: b.dry_run,
        }),
        example: row.example,
    }
}

fn filter(asked: AlertQuery, caller: &Caller) -> Answer<AlertFilter> {
    let tab = match asked.tab.as_deref() {
        None | Some("" | "mine") => AlertTab::Mine,
        Some("all") => AlertTab::All,
        Some("closed") => AlertTab::Closed,
        Some(other) => {
            return Err(Failure::bad_request(Some("tab"), format!("`{other}` is none of mine, all, closed")));
        }
    };
    let wanted = asked.state.map(|s| match s {
        api::alert::AlertState::Open => AlertState::Open,
        api::alert::AlertState::Acknowledged => AlertState::Acknowledged,
        api::alert::AlertState::Closed => AlertState::Closed,
    });
    let hours = i64::from(asked.hours.unwrap_or(HOURS).min(24 * 366));
    Ok(AlertFilter {
        tab: if wanted == Some(AlertState::Closed) { AlertTab::Closed } else { tab },
        me: caller.user(),
        state: wanted,
        severity: asked.severity.map(severity_from),
        agencies: asked.agency.map(|a| Scope::Agencies(caller.tree.subtree(AgencyId(a)))),
        rule: asked.rule,
        entity: asked.entity,
        since: Some(caller.now().plus_seconds(-hours * 3600)),
        text: asked.q.filter(|q| !q.trim().is_empty()),
        suppressed: false,
        limit: asked.limit.unwrap_or(0),
        cursor: asked.cursor,
    })
}

/// The queue.
pub(crate) async fn list(State(web): Shared, By(by): By, Ask(asked): Ask<AlertQuery>) -> Answer<Json<AlertPage>> {
    let page = web.app.state.alerts(&by.sees(), &filter(asked, &by)?, by.now()).await?;
    Ok(Json(AlertPage {
        as_of: time(by.now()),
        total: page.total,
        detections: page.detections,
        rows: page.rows.into_iter().map(|r| shown(r, &by)).collect(),
        next: page.next,
        agencies: page.agencies.into_iter().map(|a| agency(&by.tree, a)).collect(),
    }))
}

/// People of the agency and above it who answer for it, nearest first.
fn contacts(roles: Vec<RoleRow>, caller: &Caller) -> Vec<Contact> {
    let asked = [Role::AgencySecurityManager, Role::AgencySecurityDeputy, Role::DutyLead];
    roles
        .into_iter()
        .filter(|r| asked.contains(&r.assignment.role))
        .flat_map(|r| {
            let a = &r.assignment;
            let away = a.away.filter(|_| a.is_away(caller.at)).map(|(_, through)| through.to_string());
            let on_duty = |user| a.responsible(caller.at) == Some(user);
            let holder = Contact {
                name: r.name.clone(),
                role: role(a.role),
                phone: r.phone.clone(),
                away_until: away.clone(),
                on_duty: on_duty(a.user),
            };
            let stand_in = a.substitute.filter(|_| away.is_some()).map(|user| Contact {
                name: r.substitute_name.clone().unwrap_or_default(),
                role: role(a.role),
                phone: r.substitute_phone.clone(),
                away_until: None,
                on_duty: on_duty(user),
            });
            std::iter::once(holder).chain(stand_in).collect::<Vec<_>>()
        })
        .take(8)
        .collect()
}

/// The panel.
pub(crate) async fn get(State(web): Shared, By(by): By, At(path): At<AlertPath>) -> Answer<Json<AlertDetail>> {
    let (scope, now, store) = (by.sees(), by.now(), &web.app.state);
    let row = store.alert(&scope, AlertId(path.id), now).await?;
    let book = web.app.rules.now();
    let rule = book.set.find(&row.rule).and_then(|idx| book.set.rule(idx)).cloned();
    let other = store.alerts_of_entity(&scope, &row.entity, row.id, now).await?;
    let (entity_days, seen_in) = store.entity_history(&scope, &row.entity, now).await?;
    let similar = store.similar_alerts(&scope, &row).await?;
    let contacts = contacts(store.responsible_for(&scope, row.agency, by.at).await?, &by);
    let history = store.alert_timeline(&scope, row.id).await?;
    let because = |rule: bool, entity: bool| {
        let words = [(rule, "same_rule"), (entity, "same_entity")];
        words.iter().filter(|(holds, _)| *holds).map(|(_, w)| (*w).to_owned()).collect()
    };
    let target = row.entity.value.parse::<std::net::IpAddr>().ok().filter(|_| row.entity.kind.ends_with("_ip"));
    let r = rule.as_deref();
    let korean = |own: Option<&String>, english: Option<&String>| own.or(english).cloned().unwrap_or_default();
    Ok(Json(AlertDetail {
        description: korean(r.and_then(|r| r.description_ko.as_ref()), r.map(|r| &r.description)),
        description_en: r.map(|r| r.description.clone()).unwrap_or_default(),
        next_steps: r
            .map(|r| if r.next_steps_ko.is_empty() { &r.next_steps } else { &r.next_steps_ko })
            .cloned()
            .unwrap_or_default(),
        next_steps_en: r.map(|r| r.next_steps.clone()).unwrap_or_default(),
        attack: r.map(|r| techniques(&r.tags)).unwrap_or_default(),
        verdict: row.verdict.map(verdict),
        timeline: history.into_iter().map(|t| timeline(t, &book.set)).collect(),
        other_alerts: other.into_iter().map(|o| shown(o, &by)).collect(),
        entity_days,
        seen_in: seen_in.into_iter().map(|a| agency(&by.tree, a)).collect(),
        contacts,
        similar: similar
            .into_iter()
            .map(|s| SimilarAlert {
                id: s.id.0,
                closed_at: time(s.closed_at),
                verdict: verdict(s.verdict),
                because: because(s.same_rule, s.same_entity),
                text: s.reason,
            })
            .collect(),
        block_target: target.map(|t| t.to_string()),
        row: shown(row, &by),
    }))
}

/// A value as a line may have it: as it is, inside JSON, inside XML.
fn forms(value: &str) -> Vec<String> {
    let json = serde_json::to_string(value).unwrap_or_default();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or("").to_owned();
    let xml = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut all = vec![value.to_owned(), json, xml];
    all.dedup();
    all
}

/// Where the values stand in the raw line, in characters, without overlap.
pub(crate) fn marks(raw: &str, values: &[MatchedField]) -> Vec<Mark> {
    let lower = raw.to_lowercase();
    // Lower case of some letters is longer; then places would be wrong, so only the exact case is looked for.
    let same_length = lower.chars().count() == raw.chars().count();
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let written = values.iter().flat_map(|m| forms(m.value.trim()));
    for value in written.filter(|v| v.chars().count() >= 2) {
        let (hay, needle) = if same_length { (lower.as_str(), value.to_lowercase()) } else { (raw, value) };
        for (at, found) in hay.match_indices(needle.as_str()).take(8) {
            let start = hay.get(..at).map_or(0, |s| s.chars().count());
            spans.push((start, start + found.chars().count()));
        }
    }
    spans.sort_unstable();
    let mut joined: Vec<(usize, usize)> = Vec::new();
    for (start, end) in spans {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    joined.into_iter().map(|(s, e)| Mark { start: number(s), end: number(e) }).collect()
}

/// Raw lines behind it: those the caller's scope holds.
pub(crate) async fn events(State(web): Shared, By(by): By, At(path): At<AlertPath>) -> Answer<Json<AlertEvents>> {
    let scope = by.sees();
    let page = web.app.state.detections(&scope, AlertId(path.id), EVENTS_MAX as u32).await?;
    let mut wanted: BTreeMap<EventId, Vec<MatchedField>> = BTreeMap::new();
    for detection in &page.rows {
        for id in &detection.events {
            let matched = wanted.entry(*id).or_default();
            for m in &detection.matched {
                let field = MatchedField {
                    selection: m.selection.clone(),
                    field: m.field.clone(),
                    value: m.value.clone(),
                    test: m.test.clone(),
                };
                if !matched.iter().any(|k| k.field == field.field && k.value == field.value) {
                    matched.push(field);
                }
            }
        }
    }
    let total = page.total.max(wanted.len() as u64);
    let (mut events, mut hashes) = (Vec::new(), Vec::new());
    for (id, matched) in wanted.into_iter().rev().take(EVENTS_MAX) {
        let Some(row) = web.app.lake.get(id, &scope, &Limits::default()).await? else { continue };
        let raw = row.fields.get("raw").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let matched: Vec<MatchedField> = matched.into_iter().filter(|m| holds(&row, &raw, m)).collect();
        events.push((
            row.time,
            AlertEvent {
                id: id.to_string(),
                time: time(row.time),
                source: web.source_name(row.source),
                marks: marks(&raw, &matched),
                raw,
                hash_ok: None,
                matched,
            },
        ));
        let noted = row.fields.get("raw_hash").and_then(|v| v.as_str()).unwrap_or_default();
        hashes.push((id, noted.to_owned()));
    }
    events.sort_by_key(|e| std::cmp::Reverse(e.0));
    let hold = web.hashes_hold(hashes).await;
    let held = |id: &str| id.parse().ok().and_then(|id: EventId| hold.get(&id).copied());
    let events = events.into_iter().map(|(_, e)| AlertEvent { hash_ok: held(&e.id), ..e }).collect();
    Ok(Json(AlertEvents { as_of: time(by.now()), total, events }))
}

/// Of several events behind one detection, a value is shown with those that have it.
fn holds(row: &bongsu_lake::Row, raw: &str, m: &MatchedField) -> bool {
    let column = row.fields.get(&m.field).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let lower = raw.to_lowercase();
    column.is_some_and(|v| v.eq_ignore_ascii_case(&m.value))
        || forms(&m.value).iter().any(|form| lower.contains(&form.to_lowercase()))
}

async fn again(web: &Web, by: &Caller, id: AlertId) -> Answer<Json<AlertRow>> {
    let row = web.app.state.alert(&by.sees(), id, web.app.now()).await?;
    tell(web, row.agency, id);
    Ok(Json(shown(row, by)))
}

fn tell(web: &Web, whose: AgencyId, id: AlertId) {
    web.app.stream.tell(Some(whose), api::overview::StreamEvent::Alert { id: id.0, new: false });
}

/// Acknowledge and take, one action.
pub(crate) async fn acknowledge(State(web): Shared, By(by): By, At(path): At<AlertPath>) -> Answer<Json<AlertRow>> {
    let id = AlertId(path.id);
    web.visible(&by, id).await?;
    web.app
        .state
        .acknowledge_alert(&by.change(""), &by.scope(Ability::WorkAlerts), id)
        .await
        .map_err(super::failure::not_yours)?;
    again(&web, &by, id).await
}

/// Close with reason.
pub(crate) async fn close(
    State(web): Shared,
    By(by): By,
    At(path): At<AlertPath>,
    Body(asked): Body<CloseAlert>,
) -> Answer<Json<AlertRow>> {
    let id = AlertId(path.id);
    web.visible(&by, id).await?;
    let change = by.change(reason(&asked.reason)?);
    let scope = by.scope(Ability::WorkAlerts);
    web.app
        .state
        .close_alert(&change, &scope, id, verdict_from(asked.verdict))
        .await
        .map_err(super::failure::not_yours)?;
    again(&web, &by, id).await
}

/// Undo a close or an acknowledgement.
pub(crate) async fn reopen(State(web): Shared, By(by): By, At(path): At<AlertPath>) -> Answer<Json<AlertRow>> {
    let id = AlertId(path.id);
    web.visible(&by, id).await?;
    web.app
        .state
        .reopen_alert(&by.change(""), &by.scope(Ability::WorkAlerts), id)
        .await
        .map_err(super::failure::not_yours)?;
    again(&web, &by, id).await
}

/// Write a note.
pub(crate) async fn note(
    State(web): Shared,
    By(by): By,
    At(path): At<AlertPath>,
    Body(asked): Body<Note>,
) -> Answer<Json<TimelineEntry>> {
    let id = AlertId(path.id);
    let whose = web.visible(&by, id).await?;
    let scope = by.scope(Ability::WorkAlerts);
    let row = web
        .app
        .state
        .note_alert(&by.change(""), &scope, id, asked.text.trim())
        .await
        .map_err(super::failure::not_yours)?;
    tell(&web, whose, id);
    Ok(Json(timeline(row, &web.app.rules.now().set)))
}

impl Web {
    /// Whose an alert is, if the caller sees it. What one sees and may not work on is 403, what one doesn't see 404.
    async fn visible(&self, by: &Caller, id: AlertId) -> Answer<AgencyId> {
        Ok(self.app.state.alert(&by.sees(), id, Micros(0)).await?.agency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(v: &str) -> MatchedField {
        MatchedField { selection: String::new(), field: String::new(), value: v.into(), test: String::new() }
    }

    #[test]
    fn marks_count_characters_and_never_overlap() {
        let found = marks("사용자 Kim kim 실패", &[value("kim"), value("im k"), value("실패"), value("x"), value("")]);
        assert_eq!(found.iter().map(|m| (m.start, m.end)).collect::<Vec<_>>(), [(4, 11), (12, 14)]);
        let path = r"C:\\Windows\\a.exe";
        let line = format!(r#"{{"Image":"{path}","Arg":"&lt;b&gt;"}}"#);
        let found = marks(&line, &[value(r"C:\Windows\a.exe"), value("<b>")]);
        let told: Vec<String> = found
            .iter()
            .map(|m| line.chars().skip(m.start as usize).take((m.end - m.start) as usize).collect())
            .collect();
        assert_eq!(told, [path, "&lt;b&gt;"], "as it is written inside JSON and XML");
        assert!(marks("", &[value("abc")]).is_empty());
        assert!(marks("İstanbul abc", &[value("abc")]).len() == 1);
    }
}
