//! The alerter: findings → alerts, blocks and positions, in one transaction a batch; then the pages and the points are
//! told.
//!
//! Invariant: what a playbook asks for is decided in the same transaction that records the detection, so that a crash
//! leaves both or neither, and a replay asks for nothing twice.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bongsu_api::overview::StreamEvent;
use bongsu_domain::{AssetGrade, AutomaticBlock, Confidence, Entity, Hint, Plan, PointId, plan, score};
use bongsu_event::{AgencyId, EventId, Micros};
use bongsu_sigma::Playbook;
use bongsu_state::{MatchedValue, NewDetection, Outcome, Position};
use tokio::sync::mpsc;
use tracing::{error, warn};

use super::detect::Finding;
use super::{FINDINGS_QUEUE, Message};
use crate::agents::Watermarks;
use crate::app::App;
use crate::start::{CONSUMER, Checkpoint};

/// Most findings recorded in one transaction.
const BATCH_FINDINGS_MAX: usize = 512;
/// How long to wait before a failed transaction is tried again, milliseconds.
const RETRY_MILLIS: u64 = 500;
/// A rule asks for the same target at most once in this time, microseconds.
const ASK_AGAIN_MICROS: i64 = 5 * Micros::SECOND;
/// Targets remembered for that.
const ASKED_MAX: usize = 50_000;

/// Run until the pipeline is done.
pub async fn run(app: Arc<App>, mut inbox: mpsc::Receiver<Message>) {
    let mut asked = Asked::default();
    let mut waiting = Vec::new();
    while inbox.recv_many(&mut waiting, FINDINGS_QUEUE).await > 0 {
        let mut findings = Vec::new();
        let mut through = 0;
        let mut checkpoint = None;
        for message in waiting.drain(..) {
            match message {
                Message::Findings { through: t, findings: f } => {
                    through = through.max(t);
                    findings.extend(f);
                }
                Message::Checkpoint { through: t, snapshot, watermarks } => {
                    checkpoint = Some((t, snapshot, watermarks));
                }
            }
        }
        for part in findings.chunks(BATCH_FINDINGS_MAX) {
            record(&app, part, &mut asked).await;
        }
        if let Some((through, windows, watermarks)) = checkpoint {
            keep(&app, through, windows, watermarks).await;
        }
    }
}

/// Targets a rule asked for lately.
#[derive(Default)]
struct Asked(HashMap<(String, IpAddr), Micros>);

impl Asked {
    fn may(&mut self, rule: &str, target: IpAddr, now: Micros) -> bool {
        if self.0.len() > ASKED_MAX {
            self.0.retain(|_, at| now.0 - at.0 < ASK_AGAIN_MICROS);
        }
        let key = (rule.to_owned(), target);
        if self.0.get(&key).is_some_and(|at| now.0 - at.0 < ASK_AGAIN_MICROS) {
            return false;
        }
        self.0.insert(key, now);
        true
    }
}

async fn record(app: &Arc<App>, findings: &[Finding], asked: &mut Asked) {
    let now = app.now();
    let policy = app.state.safety_policy(now);
    let mut points: HashMap<AgencyId, Vec<PointId>> = HashMap::new();
    let mut batch = Vec::with_capacity(findings.len());
    for finding in findings {
        let block = match finding.target {
            Some(target) if asked.may(&finding.rule.id, target, now) => {
                let points = points_for(app, finding.agency, &mut points).await;
                match plan(automatic(finding, target, points), &policy) {
                    Plan::Ask(request) => Some(request),
                    Plan::Nothing(_) => None,
                }
            }
            _ => None,
        };
        batch.push(detection(finding, block));
    }
    // The position is the checkpoint's affair: recording is idempotent, so it may lag.
    let position = Position { consumer: RECORDED.to_owned(), through: newest(findings, app.epoch), data: None };
    let recorded = loop {
        match app.state.record_detections(&batch, &position, &app.own_paths(), now).await {
            Ok(recorded) => {
                app.troubles.clear("state");
                break recorded;
            }
            Err(e) => {
                app.troubles.raise("state", format!("alerts can't be recorded: {e}"), app.now());
                if app.stop.is_cancelled() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(RETRY_MILLIS)).await;
            }
        }
    };
    for (finding, done) in findings.iter().zip(recorded) {
        if let Some(Outcome::Approved(wanted)) = &done.block {
            app.send_block(wanted).await;
        }
        if let Some(alert) = done.alert {
            app.stream.tell(Some(finding.agency), StreamEvent::Alert { id: alert.0, new: done.new_alert });
        }
        match done.block {
            Some(Outcome::Approved(wanted)) => {
                app.stream.tell(Some(finding.agency), StreamEvent::Block { id: wanted.id.0 });
            }
            Some(Outcome::Waiting { id, .. }) => app.stream.tell(Some(finding.agency), StreamEvent::Block { id: id.0 }),
            Some(Outcome::Refused { refusal, .. }) => {
                tracing::debug!(rule = finding.rule.id, "no block: {}", refusal.rule.name());
            }
            None => {}
        }
    }
}

/// Name of the position of the newest recorded detection; for people who look, nothing depends on it.
const RECORDED: &str = "recorded";

fn newest(findings: &[Finding], epoch: u32) -> EventId {
    let ids = findings.iter().filter_map(|f| f.events.iter().filter(|e| e.epoch == epoch).max());
    ids.max().copied().unwrap_or(EventId { epoch, sequence: 0 })
}

async fn points_for(app: &App, agency: AgencyId, known: &mut HashMap<AgencyId, Vec<PointId>>) -> Vec<PointId> {
    if let Some(points) = known.get(&agency) {
        return points.clone();
    }
    let points = match app.state.points_for(agency).await {
        Ok(rows) => rows.into_iter().map(|p| p.id).collect(),
        Err(e) => {
            warn!("the enforcement points could not be read: {e}");
            Vec::new()
        }
    };
    known.insert(agency, Vec::clone(&points));
    points
}

fn automatic(finding: &Finding, target: IpAddr, points: Vec<PointId>) -> AutomaticBlock {
    AutomaticBlock {
        rule: finding.rule.id.clone(),
        severity: finding.rule.level,
        hint: match finding.rule.playbook {
            Playbook::Block => Hint::Block,
            Playbook::Propose => Hint::Propose,
            Playbook::None => Hint::None,
        },
        target,
        agency: finding.agency,
        service: finding.service.clone(),
        points,
        reason: finding.reason_ko.clone(),
        alert: None,
        evidence: finding.evidence,
    }
}

fn detection(finding: &Finding, block: Option<bongsu_domain::BlockRequest>) -> NewDetection {
    let grade = match finding.grade {
        1 => AssetGrade::First,
        2 => AssetGrade::Second,
        3 => AssetGrade::Third,
        4 => AssetGrade::Fourth,
        _ => AssetGrade::Unknown,
    };
    let confidence = Confidence::from_status(finding.rule.status.as_deref());
    NewDetection {
        id: finding.id.clone(),
        rule: finding.rule.id.clone(),
        rule_title: finding.rule.title_ko.clone().unwrap_or_else(|| finding.rule.title.clone()),
        rule_title_en: finding.rule.title.clone(),
        entity: Entity { kind: finding.entity.0.clone(), value: finding.entity.1.clone() },
        agency: finding.agency,
        severity: finding.rule.level,
        score: score(finding.rule.level, grade, confidence),
        at: finding.at,
        events: finding.events.clone(),
        matched: finding
            .matched
            .iter()
            .map(|m| MatchedValue {
                selection: m.selection.to_string(),
                field: m.field.to_string(),
                value: m.value.clone(),
                test: m.test.clone(),
            })
            .collect(),
        reason: finding.reason_ko.clone(),
        reason_en: finding.reason_en.clone(),
        count: 1 + finding.folded,
        example: finding.example,
        block,
    }
}

async fn keep(app: &App, through: u64, windows: Vec<u8>, watermarks: Watermarks) {
    let data = match (Checkpoint { windows, watermarks }).write() {
        Ok(data) => data,
        Err(e) => return error!("the checkpoint could not be written down: {e}"),
    };
    let through = EventId { epoch: app.epoch, sequence: through };
    let position = Position { consumer: CONSUMER.to_owned(), through, data: Some(data) };
    if let Err(e) = app.state.commit_position(&position).await {
        warn!("the checkpoint could not be kept: {e}");
    }
}
