//! Detection rules: text, cases, on and off.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use axum::Json;
use axum::extract::State;
use bongsu_api::alert::MatchedField;
use bongsu_api::rule::{
    BrokenRule, ChangedFile, FalsePositive, Reloaded, Rule, RuleAlert, RuleCase, RuleCost, RuleDetail, RulePath,
    RuleVersion, RuleWindows, Rules, RulesCost, SetEnabled, TestLines, TestResult, TestedAtom, TestedLine, TestedRule,
    TestedSelection,
};
use bongsu_domain::{Ability, ActorKind};
use bongsu_event::{EventId, Micros};
use bongsu_sigma::{Body as RuleBody, CaseInput, CorrelationKind, Correlator, Fire, Playbook, RuleIdx, RuleSet};
use bongsu_state::{AuditRow, RuleStats};
use parking_lot::Mutex;

use super::alert::state;
use super::caller::{At, Body, By, Caller};
use super::convert::{actor, agency, maybe_time, reason, severity, time};
use super::failure::{Answer, Failure};
use super::{Shared, Web};
use crate::app::App;
use crate::attack::techniques;
use crate::costs::Figures;
use crate::rulebook::{Book, Changed, Fate, read_line, run_cases};

/// Most lines tried at once.
const TEST_LINES_MAX: usize = 200;
/// Longest line tried, bytes.
const TEST_LINE_BYTES_MAX: usize = 64 * 1024;

/// Most base rules explained for a line.
const ASKED_MAX: usize = 8;
/// Longest condition shown, characters.
const CONDITION_CHARS_MAX: usize = 400;
/// Alerts shown with a rule.
const ALERTS_SHOWN: u32 = 8;
/// False positives shown with a rule.
const FALSE_SHOWN: u32 = 20;

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

fn cost(figures: Figures) -> RuleCost {
    RuleCost {
        share: figures.share,
        core_percent: figures.core_percent,
        atoms: figures.atoms,
        evaluated: figures.evaluated,
        matches: figures.matches,
        per_minute: figures.per_minute,
        too_dear: figures.too_dear,
        too_often: figures.too_often,
        windows: figures.held.map(|h| RuleWindows {
            groups: h.groups as u64,
            entries: h.entries as u64,
            groups_evicted: h.counters.groups_evicted,
            entries_dropped: h.counters.entries_dropped,
            late: h.counters.late,
            duplicates: h.counters.duplicates,
            ungrouped: h.counters.ungrouped,
        }),
    }
}

fn logsource(r: &bongsu_sigma::Rule) -> String {
    let parts = [&r.logsource.product, &r.logsource.service, &r.logsource.category];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" · ")
}

/// A rule as the pages show it; `None` where the set does not have it.
fn shown(app: &App, book: &Book, idx: RuleIdx, stats: RuleStats, cases_failed: u32) -> Option<Rule> {
    let r = book.set.rule(idx)?;
    Some(Rule {
        id: r.id.clone(),
        title: r.title_ko.clone().unwrap_or_else(|| r.title.clone()),
        title_en: r.title.clone(),
        severity: severity(r.level),
        enabled: !book.disabled.contains(&r.id),
        playbook: match r.playbook {
            Playbook::Block => "block",
            Playbook::Propose => "propose",
            Playbook::None => "none",
        }
        .to_owned(),
        correlation: correlation(&r.body),
        attack: techniques(&r.tags),
        logsource: logsource(r),
        detections: stats.detections,
        last_at: maybe_time(stats.last_at),
        false_positives: stats.false_positives,
        file: r.source.clone(),
        cases: u32::try_from(r.cases.len()).unwrap_or(u32::MAX),
        cases_failed,
        cost: app.costs.of(book.since, idx).map(cost),
    })
}

/// Rules, those that only feed others left out of nothing: they are listed too.
pub(crate) async fn list(State(web): Shared, By(by): By) -> Answer<Json<Rules>> {
    let book = web.app.rules.now();
    let stats = web.app.state.rule_stats(&by.sees(), by.now()).await?;
    let failures = web.cases.of(&book.set).await;
    let rows = (0u32..).map(RuleIdx).zip(book.set.rules()).filter_map(|(idx, r)| {
        let stats = stats.get(&r.id).copied().unwrap_or_default();
        shown(&web.app, &book, idx, stats, failed(&failures, &r.id))
    });
    let broken =
        book.errors.iter().map(|e| BrokenRule { file: format!("{}:{}", e.file, e.line), reason: e.reason.clone() });
    let whole = web.app.costs.whole();
    let cost = RulesCost {
        since: time(book.since),
        events: whole.events,
        counted: whole.counted,
        event_micros: whole.event_micros,
        shared: whole.shared,
    };
    Ok(Json(Rules { as_of: time(by.now()), rows: rows.collect(), broken: broken.collect(), cost }))
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

fn alert(row: bongsu_state::AlertRow, by: &Caller) -> RuleAlert {
    RuleAlert {
        id: row.id.0,
        reason: row.reason,
        reason_en: row.reason_en,
        agency: agency(&by.tree, row.agency),
        entity: row.entity.value,
        state: state(row.state),
        count: row.count,
        last_at: time(row.last_at),
    }
}

fn false_positive(row: bongsu_state::AlertRow, by: &Caller) -> FalsePositive {
    FalsePositive {
        alert: row.id.0,
        closed_at: time(row.closed_at.unwrap_or(row.last_at)),
        by: row.owner_name,
        reason: row.close_reason.unwrap_or_default(),
        entity: row.entity.value,
        agency: agency(&by.tree, row.agency),
    }
}

fn version(row: bongsu_state::RuleVersion, rules: &RuleSet) -> RuleVersion {
    RuleVersion {
        at: time(row.at),
        actor: actor(&row.actor, rules),
        reason: row.reason,
        file: row.text.file,
        hash: row.text.hash,
        text: row.text.text,
    }
}

fn find(web: &Web, id: &str) -> Answer<(Arc<crate::rulebook::Book>, RuleIdx)> {
    let book = web.app.rules.now();
    let idx = book.set.find(id).ok_or_else(|| Failure::not_found("rule"))?;
    Ok((book, idx))
}

/// The rule of that id, as it stands.
pub(crate) fn found(web: &Web, id: &str) -> Answer<(Arc<Book>, Arc<bongsu_sigma::Rule>)> {
    let (book, idx) = find(web, id)?;
    let rule = book.set.rule(idx).cloned().ok_or_else(|| Failure::not_found("rule"))?;
    Ok((book, rule))
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
    let mut versions = web.app.state.rule_versions(&rule.id).await?;
    if !by.may_anywhere(Ability::ReadAudit) {
        let actors = switched.iter_mut().map(|r| &mut r.actor).chain(versions.iter_mut().map(|v| &mut v.actor));
        for actor in actors.filter(|a| a.kind == ActorKind::Person) {
            "관리자".clone_into(&mut actor.name);
        }
    }
    let sees = by.sees();
    let alerts = web.app.state.alerts_of_rule(&sees, &rule.id, None, ALERTS_SHOWN).await?;
    let exceptions = web.app.state.exceptions(&sees, &rule.id).await?;
    let month_ago = by.now().plus_seconds(-30 * 86_400);
    let wrong = web.app.state.alerts_of_rule(&sees, &rule.id, Some(month_ago), FALSE_SHOWN).await?;
    let row = shown(&web.app, &book, idx, stats, failed(&failures, &rule.id));
    Ok(Json(RuleDetail {
        rule: row.ok_or_else(|| Failure::not_found("rule"))?,
        description: rule.description_ko.clone().unwrap_or_else(|| rule.description.clone()),
        description_en: rule.description.clone(),
        next_steps: if rule.next_steps_ko.is_empty() { rule.next_steps.clone() } else { rule.next_steps_ko.clone() },
        next_steps_en: rule.next_steps.clone(),
        text: rule.text.to_string(),
        cases: cases.collect(),
        history: switched.into_iter().map(|row| history(row, &book.set)).collect(),
        alerts: alerts.into_iter().map(|a| alert(a, &by)).collect(),
        false_positives: wrong.into_iter().map(|a| false_positive(a, &by)).collect(),
        versions: versions.into_iter().map(|v| version(v, &book.set)).collect(),
        exceptions: exceptions.into_iter().map(|e| super::exception::shown(e, &by, &book.set)).collect(),
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
    let change = by.change(reason(&asked.reason)?);
    web.app.state.set_rule_enabled(&change, &rule.id, asked.enabled).await?;
    web.app.reload_rules(&change, true).await.map_err(|e| Failure::internal(&e))?;
    let book = web.app.rules.now();
    let idx = book.set.find(&rule.id).ok_or_else(|| Failure::not_found("rule"))?;
    let stats = web.app.state.rule_stats(&by.sees(), by.now()).await?.get(&rule.id).copied().unwrap_or_default();
    let failures = web.cases.of(&book.set).await;
    let row = shown(&web.app, &book, idx, stats, failed(&failures, &rule.id));
    row.map(Json).ok_or_else(|| Failure::not_found("rule"))
}

/// Read the rule files again; says what changed.
pub(crate) async fn reload(State(web): Shared, By(by): By) -> Answer<Json<Reloaded>> {
    by.require_everywhere(Ability::Administer)?;
    let changed = web.app.reload_rules(&by.change("asked to"), false).await.map_err(|e| Failure::internal(&e))?;
    Ok(Json(reloaded(&web, &changed, by.now())))
}

/// What a reload changed, in figures.
pub(crate) fn reloaded(web: &Web, changed: &Changed, now: Micros) -> Reloaded {
    let count = |fate: Fate| {
        let n = changed.rules.iter().filter(|r| r.fate == fate).count();
        u32::try_from(n).unwrap_or(u32::MAX)
    };
    let file = |(file, fate): &(String, Fate)| ChangedFile { file: file.clone(), fate: fate.word().to_owned() };
    Reloaded {
        as_of: time(now),
        files: changed.files.iter().map(file).collect(),
        new: count(Fate::New),
        changed: count(Fate::Changed),
        removed: count(Fate::Removed),
        broken: u32::try_from(web.app.rules.now().errors.len()).unwrap_or(u32::MAX),
    }
}

/// What each selection of the rule says of the event.
fn explained(set: &RuleSet, idx: RuleIdx, event: &bongsu_event::Event, matched: bool) -> Option<TestedRule> {
    let rule = set.rule(idx)?;
    let atom = |a: bongsu_sigma::AskedAtom| TestedAtom {
        field: a.field.to_string(),
        test: a.test,
        value: a.value,
        held: a.held,
        negated: a.negated,
    };
    let selections = set.why(idx, event).into_iter().map(|s| TestedSelection {
        name: s.selection.to_string(),
        holds: s.holds,
        atoms: s.atoms.into_iter().map(atom).collect(),
    });
    Some(TestedRule {
        id: rule.id.clone(),
        title: rule.title_ko.clone().unwrap_or_else(|| rule.title.clone()),
        title_en: rule.title.clone(),
        matched,
        logsource_fits: set.logsource_fits(idx, event),
        logsource: logsource(rule),
        held_back: !matched && set.condition_holds(idx, event) && set.logsource_fits(idx, event),
        condition: condition_text(&rule.text),
        selections: selections.collect(),
    })
}

/// The `condition:` line of a rule's text; the engine keeps it compiled alone.
fn condition_text(text: &str) -> String {
    let line = text.lines().map(str::trim).find_map(|l| l.strip_prefix("condition:"));
    line.unwrap_or("").trim().chars().take(CONDITION_CHARS_MAX).collect()
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
            asked: Vec::new(),
        };
        let found = set.detect(&event, &mut scratch);
        let asked = if bases.is_empty() { std::slice::from_ref(&rule) } else { bases.as_slice() };
        let hit = |idx: RuleIdx| found.iter().any(|d| d.rule == idx);
        tested.asked = asked.iter().take(ASKED_MAX).filter_map(|idx| explained(set, *idx, &event, hit(*idx))).collect();
        for detection in found {
            if detection.rule == rule || bases.contains(&detection.rule) {
                tested.matched = true;
                tested.fields.extend(detection.matched.iter().map(|m| MatchedField {
                    selection: m.selection.to_string(),
                    field: m.field.to_string(),
                    value: m.value.clone(),
                    test: m.test.clone(),
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
