//! Back-tests: a rule over the events of the last days.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::alert::{Mark, MatchedField};
use crate::error::ErrorBody;
use crate::rule::RulePath;

/// Where a back-test stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BacktestState {
    /// It runs.
    Running,
    /// It saw everything.
    Done,
    /// Somebody stopped it; what it found until then stands.
    Stopped,
    /// It could not go on.
    Failed,
}

/// Ask for one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StartBacktest {
    /// Days back, 1 to 31.
    pub days: u32,
}

/// A back-test and what it found so far.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Backtest {
    /// True as of.
    pub as_of: String,
    /// Its number.
    pub id: u64,
    /// Rule id.
    pub rule_id: String,
    /// From.
    pub from: String,
    /// To.
    pub to: String,
    /// Where it stands.
    pub state: BacktestState,
    /// Why it failed.
    pub error: Option<String>,
    /// Events read.
    pub scanned: u64,
    /// Events there are in scope.
    pub total: u64,
    /// Seconds of which not every event could be read, because there were too many.
    pub crowded_seconds: u64,
    /// Matches; of a correlation its hits.
    pub matches: u64,
    /// Different entities among them: about so many alerts.
    pub groups: u64,
    /// By day, oldest first, every day of the span.
    pub days: Vec<BacktestDay>,
    /// Entities with most matches, at most ten.
    pub entities: Vec<BacktestEntity>,
    /// First lines that matched, at most twenty.
    pub samples: Vec<BacktestSample>,
    /// Seconds it took so far.
    pub seconds: f64,
}

/// A day.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BacktestDay {
    /// As `2026-03-12`, Korea.
    pub date: String,
    /// Matches.
    pub count: u64,
}

/// An entity.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BacktestEntity {
    /// Its value.
    pub value: String,
    /// Matches.
    pub count: u64,
}

/// A line that matched.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BacktestSample {
    /// Event id.
    pub id: String,
    /// Its time.
    pub time: String,
    /// What sent it.
    pub source: String,
    /// The line.
    pub raw: String,
    /// Where the values stand that held.
    pub marks: Vec<Mark>,
    /// What held.
    pub fields: Vec<MatchedField>,
}

/// Number in the path.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct BacktestPath {
    /// Its number.
    pub id: u64,
}

/// Start one.
#[utoipa::path(post, path = "/api/rules/{id}/backtest", operation_id = "start_backtest", params(RulePath), request_body = StartBacktest, responses((status = 200, body = Backtest), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub fn start() {}
/// How it stands; told to who started it alone.
#[utoipa::path(get, path = "/api/backtests/{id}", operation_id = "get_backtest", params(BacktestPath), responses((status = 200, body = Backtest), (status = 404, body = ErrorBody)))]
pub fn get() {}
/// Stop it.
#[utoipa::path(delete, path = "/api/backtests/{id}", operation_id = "stop_backtest", params(BacktestPath), responses((status = 200, body = Backtest), (status = 404, body = ErrorBody)))]
pub fn stop() {}
