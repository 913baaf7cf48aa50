//! Back-tests: a rule over the events of the last days before it is switched on. Each is a job with progress that can be
//! stopped; its answer is kept for a while.
//!
//! Invariants: lines are read by the same formats and matched by the same plan and correlator as live, oldest first;
//! only what the asker's scope holds is read; the live stream goes first.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use base64::Engine;
use bongsu_domain::UserId;
use bongsu_event::{Event, Micros, Scope};
use bongsu_lake::query::Pipe;
use bongsu_lake::{Limits, Query, Row, TimeRange};
use bongsu_sigma::{Body, Correlator, Matched, RuleIdx, RuleSet, Scratch};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::directory::{Picture, PictureNames};
use crate::pipeline::detect::live_time;

/// Longest look back, days.
pub const DAYS_MAX: u32 = 31;
/// Back-tests that run at once.
const RUNNING_MAX: usize = 2;
/// Answers kept.
const KEPT_MAX: usize = 32;
/// Events of one look into the lake.
const PAGE_ROWS: usize = 10_000;
/// Most events of one second that are read; the rest is told as left out.
const SECOND_ROWS_MAX: usize = 200_000;
/// A look that would bring more than a page is halved down to this, microseconds.
const SPAN_MICROS_MIN: i64 = Micros::SECOND;
/// Width of a first look, microseconds.
const SPAN_MICROS: i64 = 3_600 * Micros::SECOND;
/// Entities counted; more are counted together.
const ENTITIES_MAX: usize = 20_000;
/// Lines kept as samples.
const SAMPLES_MAX: usize = 20;
/// Seconds of the day's beginning in Korea.
const DAY_OFFSET_SECONDS: i64 = 9 * 3_600;

/// Where a back-test stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stand {
    /// It runs.
    #[default]
    Running,
    /// It saw everything.
    Done,
    /// Somebody stopped it.
    Stopped,
    /// It could not go on.
    Failed,
}

/// A line that the rule matched.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The event.
    pub id: bongsu_event::EventId,
    /// Its time.
    pub time: Micros,
    /// What sent it.
    pub source: bongsu_event::SourceId,
    /// The line.
    pub raw: String,
    /// What held.
    pub matched: Vec<Matched>,
}

/// What is known so far.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Where it stands.
    pub stand: Stand,
    /// Why it failed.
    pub error: Option<String>,
    /// Events read.
    pub scanned: u64,
    /// Events there are.
    pub total: u64,
    /// Events that were too many in one second.
    pub left_out: u64,
    /// Matches; of a correlation its hits.
    pub matches: u64,
    /// By day, as days since 1970 in Korea.
    pub by_day: BTreeMap<i64, u64>,
    /// By entity.
    pub entities: HashMap<String, u64>,
    /// First lines that matched.
    pub samples: Vec<Sample>,
    /// Seconds it took so far.
    pub seconds: f64,
}

/// One back-test.
pub struct Backtest {
    /// Its number.
    pub id: u64,
    /// The rule.
    pub rule: String,
    /// Who asked; `None`: the operator.
    pub user: Option<UserId>,
    /// From.
    pub from: Micros,
    /// To.
    pub to: Micros,
    /// What is known so far.
    pub found: Mutex<Findings>,
    /// Told to stop.
    pub stop: CancellationToken,
}

/// The back-tests of a center.
#[derive(Default)]
pub struct Backtests(Mutex<(u64, VecDeque<Arc<Backtest>>)>);

impl Backtests {
    /// One of them.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Arc<Backtest>> {
        self.0.lock().1.iter().find(|b| b.id == id).cloned()
    }
    /// A new one, if not too many run.
    fn add(&self, make: impl FnOnce(u64) -> Backtest) -> Option<Arc<Backtest>> {
        let mut all = self.0.lock();
        let running = all.1.iter().filter(|b| b.found.lock().stand == Stand::Running).count();
        if running >= RUNNING_MAX {
            return None;
        }
        all.0 += 1;
        let new = Arc::new(make(all.0));
        if all.1.len() == KEPT_MAX {
            all.1.pop_front();
        }
        all.1.push_back(Arc::clone(&new));
        Some(new)
    }
}

/// Start one. `None`: too many run.
#[must_use]
pub fn start(app: &Arc<App>, rule: &str, user: Option<UserId>, scope: Scope, days: u32) -> Option<Arc<Backtest>> {
    let now = app.now();
    let stop = app.stop.child_token();
    let job = app.backtests.add(|id| Backtest {
        id,
        rule: rule.to_owned(),
        user,
        from: now.plus_seconds(-i64::from(days.clamp(1, DAYS_MAX)) * 86_400),
        to: now,
        found: Mutex::default(),
        stop,
    })?;
    let (app, running) = (Arc::clone(app), Arc::clone(&job));
    tokio::spawn(async move {
        let begun = Instant::now();
        let outcome = run(&app, &running, &scope, begun).await;
        let mut found = running.found.lock();
        found.seconds = begun.elapsed().as_secs_f64();
        found.stand = match outcome {
            Ok(()) if running.stop.is_cancelled() => Stand::Stopped,
            Ok(()) => Stand::Done,
            Err(e) => {
                found.error = Some(format!("{e:#}"));
                Stand::Failed
            }
        };
    });
    Some(job)
}

async fn run(app: &Arc<App>, job: &Arc<Backtest>, scope: &Scope, begun: Instant) -> Result<()> {
    let query = Query::parse("", &PictureNames(app.directory.now()))?;
    debug_assert!(query.pipe == Pipe::Rows);
    let whole = TimeRange::between(job.from, job.to);
    job.found.lock().total = app.lake.count(&query, scope, whole, &Limits::default()).await?.rows;
    let (asking, rule) = (Arc::clone(app), job.rule.clone());
    let mut tester = tokio::task::spawn_blocking(move || Tester::new(&asking, &rule)).await??;
    let limits = Limits { rows: PAGE_ROWS, ..Limits::default() };
    // The oldest span on top.
    let mut spans: Vec<(i64, i64)> = Vec::new();
    let mut at = job.to.0;
    while at > job.from.0 {
        let from = (at - SPAN_MICROS).max(job.from.0);
        spans.push((from, at));
        at = from;
    }
    while let Some((from, to)) = spans.pop() {
        if job.stop.is_cancelled() {
            return Ok(());
        }
        let range = TimeRange::between(Micros(from), Micros(to));
        let working = Instant::now();
        let mut page = app.lake.search(&query, scope, range, None, &limits).await?;
        if page.next.is_some() && to - from > SPAN_MICROS_MIN {
            let middle = from + (to - from) / 2;
            spans.extend([(middle, to), (from, middle)]);
            continue;
        }
        let mut rows = std::mem::take(&mut page.rows);
        while let Some(next) = page.next.filter(|_| rows.len() < SECOND_ROWS_MAX) {
            page = app.lake.search(&query, scope, range, Some(next), &limits).await?;
            rows.append(&mut page.rows);
        }
        if rows.is_empty() {
            continue;
        }
        let read = rows.len() as u64;
        tester = tokio::task::spawn_blocking(move || {
            tester.feed(&rows);
            tester
        })
        .await?;
        note(job, &tester, read, page.next.is_some(), begun);
        // Half of the time belongs to the live stream.
        tokio::time::sleep(working.elapsed().min(Duration::from_secs(1))).await;
    }
    Ok(())
}

/// Tell what is known so far.
fn note(job: &Backtest, tester: &Tester, read: u64, crowded: bool, begun: Instant) {
    let mut found = job.found.lock();
    found.scanned += read;
    found.left_out += u64::from(crowded);
    tester.tell(&mut found);
    found.seconds = begun.elapsed().as_secs_f64();
}

/// The rule at work over old events.
struct Tester {
    set: Arc<RuleSet>,
    rule: RuleIdx,
    scratch: Scratch,
    correlator: Correlator,
    counts: bool,
    picture: Arc<Picture>,
    found: Findings,
}

impl Tester {
    /// The rules as they stand, with this one and those it counts switched on.
    fn new(app: &App, rule: &str) -> Result<Self> {
        let book = app.rules.now();
        let missing = || anyhow::anyhow!("the rule is not loaded any more");
        let idx = book.set.find(rule).ok_or_else(missing)?;
        let set = if needed(&book.set, idx).iter().all(|r| book.set.is_enabled(*r)) {
            Arc::clone(&book.set)
        } else {
            let on: Vec<String> =
                needed(&book.set, idx).iter().filter_map(|r| book.set.rule(*r)).map(|r| r.id.clone()).collect();
            Arc::new(app.rules.with_on(&on))
        };
        let rule = set.find(rule).ok_or_else(missing)?;
        Ok(Self {
            scratch: set.scratch(),
            correlator: Correlator::new(Arc::clone(&set)),
            counts: set.rule(rule).is_some_and(|r| matches!(r.body, Body::Correlation(_))),
            picture: app.directory.now(),
            set,
            rule,
            found: Findings::default(),
        })
    }
    /// Rows, newest first.
    fn feed(&mut self, rows: &[Row]) {
        for row in rows.iter().rev() {
            let event = event_of(row, &self.picture);
            let matching: Vec<RuleIdx> = self.set.matching(&event, &mut self.scratch).collect();
            if matching.contains(&self.rule) {
                self.hit(&event, self.rule, &[]);
            }
            if !self.counts {
                continue;
            }
            let (at, received) = (live_time(&event), event.receive_time);
            for base in matching {
                for hit in self.correlator.feed(base, &event, event.id, at, received) {
                    if hit.rule == self.rule {
                        self.hit(&event, base, &hit.group);
                    }
                }
            }
        }
    }
    fn hit(&mut self, event: &Event, explained: RuleIdx, group: &[(String, String)]) {
        let found = &mut self.found;
        found.matches += 1;
        let day = (event.time.0.div_euclid(Micros::SECOND) + DAY_OFFSET_SECONDS).div_euclid(86_400);
        *found.by_day.entry(day).or_default() += 1;
        let entity = if group.is_empty() { self.set.entity(self.rule, event) } else { group.to_vec() };
        let entity: Vec<&str> = entity.iter().map(|(_, v)| v.as_str()).collect();
        let entity = if entity.is_empty() { "-".to_owned() } else { entity.join(" · ") };
        let room = found.entities.len() < ENTITIES_MAX || found.entities.contains_key(&entity);
        *found.entities.entry(if room { entity } else { "…".to_owned() }).or_default() += 1;
        if found.samples.len() < SAMPLES_MAX {
            found.samples.push(Sample {
                id: event.id,
                time: event.time,
                source: event.source,
                raw: event.raw_text().into_owned(),
                matched: self.set.explain(explained, event),
            });
        }
    }
    fn tell(&self, to: &mut Findings) {
        to.matches = self.found.matches;
        to.by_day.clone_from(&self.found.by_day);
        to.entities.clone_from(&self.found.entities);
        to.samples.clone_from(&self.found.samples);
    }
}

/// The rule and those it counts, all the way down.
fn needed(set: &RuleSet, rule: RuleIdx) -> Vec<RuleIdx> {
    let (mut open, mut all) = (vec![rule], Vec::new());
    while let Some(idx) = open.pop() {
        if all.contains(&idx) {
            continue;
        }
        all.push(idx);
        if let Some(Body::Correlation(c)) = set.rule(idx).map(|r| &r.body) {
            open.extend(c.rules.iter().filter_map(|name| set.find(name)));
        }
    }
    all
}

/// The event of a row: its bytes read again, as when they came.
fn event_of(row: &Row, picture: &Picture) -> Event {
    let text = |name: &str| row.fields.get(name).and_then(|v| v.as_str());
    let decoded = text("raw_b64").and_then(|b| base64::engine::general_purpose::STANDARD.decode(b).ok());
    let raw = decoded.unwrap_or_else(|| text("raw").unwrap_or_default().as_bytes().to_vec());
    let source = picture.source(row.source);
    let hint = source.and_then(|s| s.format).or_else(|| text("format").and_then(bongsu_parse::format_by_name));
    let receive_time = text("receive_time").and_then(|t| t.parse().ok()).map_or(row.time, Micros::from_timestamp);
    let context = bongsu_parse::Context {
        receive_time,
        timezone: source.map_or(jiff::tz::TimeZone::UTC, |s| s.timezone.clone()),
    };
    let (mut event, _) = bongsu_parse::parse_record(raw.into(), &context, hint);
    event.id = row.id;
    event.time = row.time;
    event.agency = row.agency;
    event.source = row.source;
    event
}
