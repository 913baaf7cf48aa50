//! Background tasks: each idempotent, each with its own rhythm, none on the event path.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bongsu_domain::Actor;
use bongsu_event::{Class, Event, EventId, Field, Micros, Scope, Severity, SourceId, Transport};
use bongsu_state::{Change, QuarantineSeen, SourceSeen};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::app::App;
use crate::audit_head;
use crate::costs::CostLimits;

/// Seconds between two looks for silent sources.
const SILENT_SECONDS: u64 = 10;
/// Seconds between two writings of what was seen last.
const SEEN_SECONDS: u64 = 20;
/// Seconds between two retirements of journal segments.
const RETIRE_SECONDS: u64 = 60;
/// Seconds between two looks for what is past its days.
const FORGET_SECONDS: u64 = 60;
/// Most slices of detections forgotten in one look.
const FORGET_SLICES_MAX: usize = 100;

/// Seconds between two notes of the audit chain's head.
const AUDIT_HEAD_SECONDS: u64 = 1;
/// Seconds between two looks at which log sources come in.
const COVERAGE_SECONDS: u64 = 10;
/// Seconds between two looks for exceptions that are over.
const SETTLE_SECONDS: u64 = 10;
/// Seconds between two looks for rules that cost too much or fire too often.
const JUDGE_SECONDS: u64 = 5;

/// Start every task.
pub fn spawn(app: &Arc<App>) -> Vec<JoinHandle<()>> {
    vec![
        every(app, 1, |app, turn| async move { app.reconcile(turn).await }),
        every(app, SILENT_SECONDS, |app, _| async move { silent_sources(&app).await }),
        every(app, SEEN_SECONDS, |app, _| async move { keep_seen(&app).await }),
        every(app, RETIRE_SECONDS, |app, _| async move { retire(&app).await }),
        every(app, AUDIT_HEAD_SECONDS, |app, _| async move { keep_audit_head(&app).await }),
        every(app, FORGET_SECONDS, |app, _| async move { forget(&app).await }),
        every(app, COVERAGE_SECONDS, |app, _| async move { crate::coverage::look(&app).await }),
        every(app, SETTLE_SECONDS, |app, _| async move { crate::exceptions::settle(&app).await }),
        every(app, JUDGE_SECONDS, |app, _| async move { judge_rules(&app) }),
        tokio::spawn(note_rules(Arc::clone(app))),
    ]
}

fn every<F, T>(app: &Arc<App>, seconds: u64, task: T) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send,
    T: Fn(Arc<App>, u64) -> F + Send + 'static,
{
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(seconds));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut turn = 0u64;
        loop {
            tokio::select! {
                () = app.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            turn += 1;
            task(Arc::clone(&app), turn).await;
        }
    })
}

/// A rule that costs too much or fires too often is told of.
fn judge_rules(app: &App) {
    let limits = CostLimits {
        core_percent: app.config.rule_core_percent_max,
        findings_minute: app.config.rule_findings_minute_max,
    };
    let book = app.rules.now();
    app.costs.judge(book.since, &book.set, limits, &app.troubles, app.now());
}

/// What changed in the rules while the center was away.
async fn note_rules(app: Arc<App>) {
    let center = Actor::center();
    if let Err(e) = app.note_rules(&Change::new(&center, app.now(), "start")).await {
        warn!("the rules' texts could not be kept: {e:#}");
    }
}

/// A source beyond its rhythm becomes an event of the center's own making, which the rule for silent sources matches: once
/// per silence, because the event's identity is the source and its last line.
async fn silent_sources(app: &Arc<App>) {
    let now = app.now();
    let sources = match app.state.sources(&Scope::All).await {
        Ok(sources) => sources,
        Err(e) => return warn!("the sources could not be read: {e}"),
    };
    for source in sources.into_iter().filter(|s| s.enabled) {
        let live = app.live.source(source.id).map(|l| l.last_seen);
        let Some(last) = live.max(source.last_seen) else { continue };
        let limit = i64::from(source.silent_after_minutes) * 60;
        let silent = now.seconds_since(last);
        if silent <= limit as f64 {
            continue;
        }
        if app.silent.lock().insert(source.id, last) == Some(last) {
            continue;
        }
        app.internal.push(silence(source.id, source.agency, &source.name, last, silent, now));
    }
}

async fn keep_audit_head(app: &Arc<App>) {
    let known = app.audit_head.lock().clone();
    match audit_head::keep(&app.config.data, &app.state, known).await {
        Ok(head) => *app.audit_head.lock() = head,
        Err(e) => warn!("the head of the audit log could not be noted: {e:#}"),
    }
}

fn silence(id: SourceId, agency: bongsu_event::AgencyId, name: &str, last: Micros, silent: f64, now: Micros) -> Event {
    let minutes = (silent / 60.0).floor() as i64;
    let text = format!("bongsu source_silent name=\"{name}\" minutes={minutes} last_seen={last}");
    let mut event = Event::unread(text.into(), now);
    // Epoch 0 is nobody's journal: the identity is the source and its last line.
    event.id = EventId { epoch: 0, sequence: (u64::from(id.0) << 40) ^ last.0.unsigned_abs() };
    event.time = now;
    event.agency = agency;
    event.source = id;
    event.transport = Transport::Load;
    event.format = "bongsu";
    event.class = Class::System;
    event.severity = Severity::Medium;
    event.set(Field::Host, name);
    event.set(Field::App, "bongsu");
    event.set(Field::Action, "source_silent");
    event.set(Field::Duration, minutes.saturating_mul(60_000));
    event.add_extra("minutes", &minutes.to_string());
    event
}

/// Last lines survive a restart, so that a silence does too.
async fn keep_seen(app: &Arc<App>) {
    let seen: Vec<SourceSeen> = app
        .live
        .last_seen()
        .into_iter()
        .map(|(source, at)| {
            let recognised = app.live.source(source).map(|l| l.recognised.to_owned()).filter(|r| !r.is_empty());
            SourceSeen { source, at, recognised }
        })
        .collect();
    if let Err(e) = app.state.sources_seen(&seen).await {
        warn!("what sources sent last could not be kept: {e}");
    }
    let mut unknown = Vec::new();
    for (address, sender) in app.live.quarantine() {
        let lines = app.live.take_unkept(&address);
        if lines == 0 {
            continue;
        }
        unknown.push(QuarantineSeen {
            address: address.to_string(),
            transport: transport(sender.transport).to_owned(),
            at: sender.last_seen,
            lines,
            recognised: (!sender.recognised.is_empty()).then(|| sender.recognised.to_owned()),
            sample: sender.sample,
        });
    }
    if let Err(e) = app.state.quarantine_seen(&unknown).await {
        warn!("the quarantine could not be kept: {e}");
    }
}

/// Word for a transport.
#[must_use]
pub fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::MutualTls => "mutual_tls",
        Transport::Agent => "agent",
        Transport::Load => "load",
    }
}

/// A segment retires only after lake and detection have passed it.
async fn retire(app: &Arc<App>) {
    let lake = app.lake.durable_position();
    let detected = match app.state.position(crate::start::CONSUMER).await {
        Ok(position) => position.map_or(0, |p| p.through.sequence),
        Err(e) => return warn!("the position could not be read: {e}"),
    };
    let through = if lake.epoch == app.epoch { lake.sequence.min(detected) } else { 0 };
    // Raw lines stay for a while beside the lake, so that a look at an event can compare its hash.
    let keep = app.journal.last_sequence().saturating_sub(KEEP_RECORDS);
    let journal = app.journal.clone();
    let done = tokio::task::spawn_blocking(move || journal.retire_through(through.min(keep))).await;
    if let Ok(Err(e)) = done {
        warn!("journal segments could not be retired: {e}");
    }
}

/// Events and detections past their days go; alerts and their counts stay.
async fn forget(app: &Arc<App>) {
    let now = app.now();
    for _ in 0..FORGET_SLICES_MAX {
        match app.state.prune_detections(app.config.detection_days, now).await {
            Ok(0) => break,
            Ok(_) if app.stop.is_cancelled() => return,
            Ok(_) => {}
            Err(e) => {
                warn!("old detections could not be forgotten: {e}");
                break;
            }
        }
    }
    let before = now.plus_seconds(-i64::from(app.config.retention_days) * 86_400);
    let lake = app.lake.clone();
    let done = tokio::task::spawn_blocking(move || lake.retire(&|_| Some(before))).await;
    if let Ok(Err(e)) = done {
        warn!("events past their days could not be let go: {e}");
    }
}

/// Newest records whose raw bytes stay in the journal.
const KEEP_RECORDS: u64 = 20_000_000;
