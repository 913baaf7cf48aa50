//! Detection rules: text, cases, on and off.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use axum::Json;
use axum::extract::State;
use bongsu_api::alert::MatchedField;
use bongsu_api::overview::StreamEvent;
use bongsu_api::rule::{
    BrokenRule, Rule, RuleCase, RuleDetail, RulePath, Rules, SetEnabled, TestLines, TestResult, TestedLine,
};
use bongsu_domain::{Ability, ActorKind};
use bongsu_event::{EventId, Micros};
use bongsu_sigma::{Body as RuleBody, CaseInput, CorrelationKind, Correlator, Fire, Playbook, RuleIdx, RuleSet};
use bongsu_state::{AuditRow, RuleStats};
use parking_lot::Mutex;

use super::attack::techniques;
use super::caller::{At, Body, By};
use super::convert::{actor, maybe_time, reason, severity, time};
use super::failure::{Answer, Failure};
use super::{Shared, Web};
use crate::rulebook::{read_line, run_cases};
use crate::start::disabled_rules;

/// Most lines tried at once.
const TEST_LINES_MAX: usize = 200;
/// Longest line tried, bytes.
const TEST_LINE_BYTES_MAX: usize = 64 * 1024;

/// Cases that fail, by rule id and number of the case.
type Failures = BTreeMap<(String, usize), String>;

/// What the cases of a set did, run once for each set.
#[derive(Default)]
pub(crate) struct Cases(Mutex<Option<(Weak<RuleSet>, Arc<Failures>)>>);

impl Cases {
    async fn of(&self, set: &Arc<RuleSet>) -> Arc<Failures> {
        if let Some((known, failures)) = self.0.lock().as_ref()
            && known.upgrade().is_some_and(|k| Arc::ptr_eq(&k, set))
        {
            return Arc::clone(failures);
        }
        let running = Arc::clone(set);
        let outcome = tokio::task::spawn_blocking(move || run_cases(&running)).await.unwrap_or_default();
        let failures = outcome.failures.into_iter().map(|f| ((f.id, f.case), f.reason)).collect();
        let failures = Arc::new(failures);
        *self.0.lock() = Some((Arc::downgrade(set), Arc::clone(&failures)));
        failures
    }
}

fn failed(failures: &Failures, id: &str) -> u32 {
    let mine = failures.range((id.to_owned(), 0)..).take_while(|((rule, _), _)| rule == id);
    u32::try_from(mine.count()).unwrap_or(u32::MAX)
}

fn correlation(body: &RuleBody) -> Option<String> {
    let RuleBody::Correlation(c) = body else { return None };
    let name = match c.kind {
        CorrelationKind::EventCount => "event_count",
        CorrelationKind::ValueCount => "value_count",
        CorrelationKind::Temporal => "temporal",
        CorrelationKind::TemporalOrdered => "temporal_ordered",
        CorrelationKind::ValueSum => "value_sum",
        CorrelationKind::ValueAvg => "value_avg",
        CorrelationKind::ValueMedian => "value_median",
        CorrelationKind::ValuePercentile(_) => "value_percentile",
    };
    Some(name.to_owned())
}

fn shown(r: &bongsu_sigma::Rule, enabled: bool, stats: RuleStats, cases_failed: u32) -> Rule {
    let source = [&r.logsource.product, &r.logsource.service, &r.logsource.category];
    let source: Vec<&str> = source.into_iter().flatten().map(String::as_str).collect();
    Rule {
        id: r.id.clone(),
        title: r.title_ko.clone().unwrap_or_else(|| r.title.clone()),
        title_en: r.title.clone(),
        severity: severity(r.level),
        enabled,
        playbook: match r.playbook {
            Playbook::Block => "block",
            Playbook::Propose => "propose",
            Playbook::None => "none",
        }
        .to_owned(),
        correlation: correlation(&r.body),
        attack: techniques(&r.tags),
        logsource: source.join(" · "),
        detections: stats.detections,
        last_at: maybe_time(stats.last_at),
        false_positives: stats.false_positives,
        file: r.source.clone(),
        cases: u32::try_from(r.cases.len()).unwrap_or(u32::MAX),
        cases_failed,
    }
}

/// Rules, those that only feed others left out of nothing: they are listed too.
pub(crate) async fn list(State(web): Shared, By(by): By) -> Answer<Json<Rules>> {
    let book = web.app.rules.now();
    let stats = web.app.state.rule_stats(&by.sees(), by.now()).await?;
    let failures = web.cases.of(&book.set).await;
    let rows = book.set.rules().iter().map(|r| {
        let stats = stats.get(&r.id).copied().unwrap_or_default();
        shown(r, !book.disabled.contains(&r.id), stats, failed(&failures, &r.id))
    });
    let broken =
        book.errors.iter().map(|e| BrokenRule { file: format!("{}:{}", e.file, e.line), reason: e.reason.clone() });
    Ok(Json(Rules { as_of: time(by.now()), rows: rows.collect(), broken: broken.collect() }))
}

fn case_lines(case: &bongsu_sigma::Case) -> Vec<String> {
    let line = |l: &bongsu_sigma::CaseLine| match &l.input {
        CaseInput::Raw(raw) => raw.clone(),
        CaseInput::Event(json) => json.to_string(),
    };
    case.lines.iter().map(line).collect()
}

fn history(row: AuditRow, rules: &RuleSet) -> bongsu_api::alert::TimelineEntry {
    let by = actor(&row.actor, rules);
    bongsu_api::alert::TimelineEntry { at: time(row.at), kind: row.action, actor: by, text: row.text }
}

fn find(web: &Web, id: &str) -> Answer<(Arc<crate::rulebook::Book>, RuleIdx)> {
    let book = web.app.rules.now();
    let idx = book.set.find(id).ok_or_else(|| Failure::not_found("rule"))?;
    Ok((book, idx))
}

/// One rule. Who switched it is told to those who see the whole audit log of their agency; to others by role alone.
pub(crate) async fn get(State(web): Shared, By(by): By, At(path): At<RulePath>) -> Answer<Json<RuleDetail>> {
    let (book, idx) = find(&web, &path.id)?;
    let rule = book.set.rule(idx).cloned().ok_or_else(|| Failure::not_found("rule"))?;
    let stats = web.app.state.rule_stats(&by.sees(), by.now()).await?.get(&rule.id).copied().unwrap_or_default();
    let failures = web.cases.of(&book.set).await;
    let cases = (1..).zip(&rule.cases).map(|(number, case)| {
        let problem = failures.get(&(rule.id.clone(), number)).cloned();
        RuleCase { lines: case_lines(case), fire: case.fire != Fire::Never, holds: problem.is_none(), problem }
    });
    let mut switched = web.app.state.rule_history(&rule.id).await?;
    if !by.may_anywhere(Ability::ReadAudit) {
        for row in &mut switched {
            if row.actor.kind == ActorKind::Person {
                "관리자".clone_into(&mut row.actor.name);
            }
        }
    }
    let enabled = !book.disabled.contains(&rule.id);
    Ok(Json(RuleDetail {
        rule: shown(&rule, enabled, stats, failed(&failures, &rule.id)),
        description: rule.description_ko.clone().unwrap_or_else(|| rule.description.clone()),
        description_en: rule.description.clone(),
        next_steps: if rule.next_steps_ko.is_empty() { rule.next_steps.clone() } else { rule.next_steps_ko.clone() },
        next_steps_en: rule.next_steps.clone(),
        text: rule.text.to_string(),
        cases: cases.collect(),
        history: switched.into_iter().map(|row| history(row, &book.set)).collect(),
    }))
}

/// On or off, for every agency.
pub(crate) async fn set_enabled(
    State(web): Shared,
    By(by): By,
    At(path): At<RulePath>,
    Body(asked): Body<SetEnabled>,
) -> Answer<Json<Rule>> {
    by.require_everywhere(Ability::Administer)?;
    let (book, idx) = find(&web, &path.id)?;
    let rule = book.set.rule(idx).cloned().ok_or_else(|| Failure::not_found("rule"))?;
    web.app.state.set_rule_enabled(&by.change(reason(&asked.reason)?), &rule.id, asked.enabled).await?;
    let disabled = disabled_rules(&web.app.state).await?;
    let app = Arc::clone(&web.app);
    // Compiling every rule anew is work for a thread of its own.
    tokio::task::spawn_blocking(move || app.rules.reload(disabled)).await.map_err(|e| Failure::internal(&e.into()))?;
    web.app.stream.tell(None, StreamEvent::Rules);
    let stats = web.app.state.rule_stats(&by.sees(), by.now()).await?.get(&rule.id).copied().unwrap_or_default();
    let failures = web.cases.of(&web.app.rules.now().set).await;
    Ok(Json(shown(&rule, asked.enabled, stats, failed(&failures, &rule.id))))
}

/// Lines through the very plan that runs live, from an empty state, a second apart.
fn tried(set: &RuleSet, rule: RuleIdx, lines: Vec<String>, now: Micros) -> Vec<TestedLine> {
    let bases: Vec<RuleIdx> = match set.rule(rule).map(|r| &r.body) {
        Some(RuleBody::Correlation(c)) => c.rules.iter().filter_map(|r| set.find(r)).collect(),
        _ => Vec::new(),
    };
    let (mut scratch, mut correlator) = (set.scratch(), Correlator::of(set));
    let mut out = Vec::with_capacity(lines.len());
    for (sequence, line) in (1..).zip(lines) {
        let at = now.plus_seconds(i64::try_from(sequence).unwrap_or(0));
        let event = read_line(&line, None, at);
        let mut tested = TestedLine {
            format: (!event.format.is_empty()).then(|| event.format.to_owned()),
            line,
            matched: false,
            fired: false,
            fields: Vec::new(),
        };
        for detection in set.detect(&event, &mut scratch) {
            if detection.rule == rule || bases.contains(&detection.rule) {
                tested.matched = true;
                tested.fields.extend(detection.matched.iter().map(|m| MatchedField {
                    selection: m.selection.to_string(),
                    field: m.field.to_string(),
                    value: m.value.clone(),
                }));
            }
            let hits = correlator.feed(detection.rule, &event, EventId { epoch: 1, sequence }, at, at);
            tested.fired |= hits.iter().any(|h| h.rule == rule);
        }
        out.push(tested);
    }
    out
}

/// Try lines.
pub(crate) async fn test(
    State(web): Shared,
    By(by): By,
    At(path): At<RulePath>,
    Body(asked): Body<TestLines>,
) -> Answer<Json<TestResult>> {
    if asked.lines.len() > TEST_LINES_MAX || asked.lines.iter().any(|l| l.len() > TEST_LINE_BYTES_MAX) {
        return Err(Failure::bad_request(Some("lines"), "at most 200 lines of 64 KiB each are tried at once"));
    }
    let (book, idx) = find(&web, &path.id)?;
    let now = by.now();
    let lines = tokio::task::spawn_blocking(move || tried(&book.set, idx, asked.lines, now))
        .await
        .map_err(|e| Failure::internal(&e.into()))?;
    Ok(Json(TestResult { lines }))
}
