//! Back-tests. What one found is told to who started it alone: it holds lines of their scope.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bongsu_api::alert::MatchedField;
use bongsu_api::backtest::{
    Backtest, BacktestDay, BacktestEntity, BacktestPath, BacktestSample, BacktestState, StartBacktest,
};
use bongsu_api::rule::RulePath;
use bongsu_event::Micros;

use super::alert::marks;
use super::caller::{At, Body, By, Caller};
use super::convert::time;
use super::failure::{Answer, Failure};
use super::{Shared, Web};
use crate::backtest::{self, DAYS_MAX, Sample, Stand};

/// Entities told.
const ENTITIES_SHOWN: usize = 10;

fn shown(web: &Web, job: &backtest::Backtest, now: Micros) -> Backtest {
    let found = job.found.lock().clone();
    let date = |day: i64| {
        let at = Micros(day.saturating_mul(86_400 * Micros::SECOND));
        at.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    };
    let korean_day = |t: Micros| (t.0.div_euclid(Micros::SECOND) + 9 * 3_600).div_euclid(86_400);
    let days = korean_day(job.from)..=korean_day(job.to);
    let mut entities: Vec<_> = found.entities.iter().collect();
    entities.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    Backtest {
        as_of: time(now),
        id: job.id,
        rule_id: job.rule.clone(),
        from: time(job.from),
        to: time(job.to),
        state: match found.stand {
            Stand::Running => BacktestState::Running,
            Stand::Done => BacktestState::Done,
            Stand::Stopped => BacktestState::Stopped,
            Stand::Failed => BacktestState::Failed,
        },
        error: found.error,
        scanned: found.scanned,
        total: found.total.max(found.scanned),
        crowded_seconds: found.left_out,
        matches: found.matches,
        groups: found.entities.len() as u64,
        days: days.map(|d| BacktestDay { date: date(d), count: found.by_day.get(&d).copied().unwrap_or(0) }).collect(),
        entities: entities
            .into_iter()
            .take(ENTITIES_SHOWN)
            .map(|(value, count)| BacktestEntity { value: value.clone(), count: *count })
            .collect(),
        samples: found.samples.into_iter().map(|s| sample(web, s)).collect(),
        seconds: found.seconds,
    }
}

fn sample(web: &Web, s: Sample) -> BacktestSample {
    let fields: Vec<MatchedField> = s
        .matched
        .iter()
        .map(|m| MatchedField {
            selection: m.selection.to_string(),
            field: m.field.to_string(),
            value: m.value.clone(),
            test: m.test.clone(),
        })
        .collect();
    BacktestSample {
        id: s.id.to_string(),
        time: time(s.time),
        source: web.source_name(s.source),
        marks: marks(&s.raw, &fields),
        raw: s.raw,
        fields,
    }
}

/// Of who asks, or nothing.
fn own(web: &Web, by: &Caller, id: u64) -> Answer<Arc<backtest::Backtest>> {
    let found = web.app.backtests.get(id).filter(|b| b.user == by.user());
    found.ok_or_else(|| Failure::not_found("back-test"))
}

/// Start one.
pub(crate) async fn start(
    State(web): Shared,
    By(by): By,
    At(path): At<RulePath>,
    Body(asked): Body<StartBacktest>,
) -> Answer<Json<Backtest>> {
    if !(1..=DAYS_MAX).contains(&asked.days) {
        return Err(Failure::bad_request(Some("days"), format!("between 1 and {DAYS_MAX} days")));
    }
    let (_, rule) = super::rule::found(&web, &path.id)?;
    let job = backtest::start(&web.app, &rule.id, by.user(), by.sees(), asked.days).ok_or_else(|| {
        Failure::new(StatusCode::CONFLICT, "conflict", "two back-tests run already; wait until one ends or stop it")
    })?;
    Ok(Json(shown(&web, &job, by.now())))
}

/// How it stands.
pub(crate) async fn get(State(web): Shared, By(by): By, At(path): At<BacktestPath>) -> Answer<Json<Backtest>> {
    let job = own(&web, &by, path.id)?;
    Ok(Json(shown(&web, &job, by.now())))
}

/// Stop it.
pub(crate) async fn stop(State(web): Shared, By(by): By, At(path): At<BacktestPath>) -> Answer<Json<Backtest>> {
    let job = own(&web, &by, path.id)?;
    job.stop.cancel();
    Ok(Json(shown(&web, &job, by.now())))
}
