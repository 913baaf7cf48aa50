//! Recording detections: the path from a match to a row of the queue, and to a block where a playbook asks for one.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_domain::{Actor, AlertPolicy};
use bongsu_domain::{AlertId, BUCKET_MICROS, BlockRequest, Entity, GroupKey};
use bongsu_event::{AgencyId, EventId, Micros, Scope, Severity};
use ipnet::IpNet;
use sqlx::{Connection, QueryBuilder, SqliteConnection};

use super::MatchedValue;
use crate::block::{self, Outcome};
use crate::row::{Columns, big};
use crate::{Change, Position, Result, State, StateError, position, timeline};

/// Events kept with a detection; the rest are found by search.
const EVENTS_MAX: usize = 50;
/// Values kept with a detection.
const MATCHED_MAX: usize = 32;
/// Rows forgotten at a time.
const PRUNE_ROWS: i64 = 5_000;
/// Rows in one statement.
const INSERT_ROWS: usize = 200;
/// Longest entity value that groups, bytes.
const ENTITY_BYTES_MAX: usize = 512;

/// A detection to be recorded.
#[derive(Clone, Debug)]
pub struct NewDetection {
    /// Its identity: `bongsu_domain::detection_id`.
    pub id: String,
    /// Rule id.
    pub rule: String,
    /// Rule title, Korean.
    pub rule_title: String,
    /// Rule title, English.
    pub rule_title_en: String,
    /// What it is about.
    pub entity: Entity,
    /// Whose.
    pub agency: AgencyId,
    /// Severity.
    pub severity: Severity,
    /// 0 to 100: `bongsu_domain::score`.
    pub score: u32,
    /// Live time of the (last) event.
    pub at: Micros,
    /// Events behind it, oldest first.
    pub events: Vec<EventId>,
    /// What held.
    pub matched: Vec<MatchedValue>,
    /// The reason as a sentence, Korean. The newest is shown.
    pub reason: String,
    /// English.
    pub reason_en: String,
    /// Matches it stands for, itself among them.
    pub count: u64,
    /// Of the demo.
    pub example: bool,
    /// What a playbook asks for; its `alert` is filled in here. Asked only if the detection is new.
    pub block: Option<BlockRequest>,
}

/// What became of a detection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its alert; `None` for one that had been recorded before.
    pub alert: Option<AlertId>,
    /// It opened the alert.
    pub new_alert: bool,
    /// What became of its block.
    pub block: Option<Outcome>,
}

fn key(d: &NewDetection) -> GroupKey {
    GroupKey { rule: d.rule.clone(), entity: cut(&d.entity), agency: d.agency }
}

fn cut(entity: &Entity) -> Entity {
    let mut end = entity.value.len().min(ENTITY_BYTES_MAX);
    while !entity.value.is_char_boundary(end) {
        end -= 1;
    }
    Entity { kind: entity.kind.clone(), value: entity.value.get(..end).unwrap_or("").to_owned() }
}

/// Ids among these that are recorded already.
async fn known(tx: &mut SqliteConnection, batch: &[NewDetection]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for chunk in batch.chunks(500) {
        let mut query = QueryBuilder::new("SELECT id FROM detections WHERE id IN (");
        let mut list = query.separated(", ");
        for d in chunk {
            list.push_bind(&d.id);
        }
        query.push(")");
        for row in query.build().fetch_all(&mut *tx).await? {
            found.insert(row.text("id")?);
        }
    }
    Ok(found)
}

/// The group's open alert brought up to date, or a new one.
async fn upsert(
    tx: &mut SqliteConnection,
    group: &GroupKey,
    of: &[&NewDetection],
    policy: &AlertPolicy,
    now: Micros,
) -> Result<(AlertId, bool)> {
    let newest = of.iter().max_by_key(|d| d.at).ok_or(StateError::NotFound("detection"))?;
    let first = of.iter().map(|d| d.at).min().unwrap_or(newest.at);
    let count = of.iter().map(|d| d.count).sum();
    let gravest = of.iter().max_by_key(|d| d.score).unwrap_or(newest);
    let updated = sqlx::query(
        "UPDATE alerts SET count = count + $5, \
         first_at = CASE WHEN first_at < $6 THEN first_at ELSE $6 END, last_at = CASE WHEN last_at > $7 THEN last_at ELSE $7 END, \
         score = CASE WHEN score > $8 THEN score ELSE $8 END, severity = CASE WHEN severity > $9 THEN severity ELSE $9 END, \
         reason = $10, reason_en = $11 \
         WHERE rule_id = $1 AND entity_kind = $2 AND entity_value = $3 AND agency_id = $4 AND state <> 'closed' RETURNING id",
    )
    .bind(&group.rule)
    .bind(&group.entity.kind)
    .bind(&group.entity.value)
    .bind(i64::from(group.agency.0))
    .bind(big(count))
    .bind(first.0)
    .bind(newest.at.0)
    .bind(i64::from(gravest.score))
    .bind(i64::from(gravest.severity.number()))
    .bind(&newest.reason)
    .bind(&newest.reason_en)
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = updated {
        return Ok((AlertId(row.int("id")?), false));
    }
    let suppressed = policy.suppressed(group, now).is_some();
    let row = sqlx::query(
        "INSERT INTO alerts (rule_id, rule_title, rule_title_en, entity_kind, entity_value, agency_id, severity, score, state, \
         reason, reason_en, opened_at, due_at, first_at, last_at, count, suppressed, example) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING id",
    )
    .bind(&group.rule)
    .bind(&newest.rule_title)
    .bind(&newest.rule_title_en)
    .bind(&group.entity.kind)
    .bind(&group.entity.value)
    .bind(i64::from(group.agency.0))
    .bind(i64::from(gravest.severity.number()))
    .bind(i64::from(gravest.score))
    .bind(&newest.reason)
    .bind(&newest.reason_en)
    .bind(now.0)
    .bind(policy.due_at(gravest.severity, now).map(|t| t.0))
    .bind(first.0)
    .bind(newest.at.0)
    .bind(big(count))
    .bind(i64::from(suppressed))
    .bind(i64::from(newest.example))
    .fetch_one(&mut *tx)
    .await?;
    let id = AlertId(row.int("id")?);
    let actor = Actor::rule(&group.rule);
    timeline::add(tx, Some(id), None, &Change::new(&actor, now, ""), "detected", &newest.reason).await?;
    Ok((id, true))
}

/// Many rows in one statement: a burst of detections must not hold the pipeline up.
async fn insert(tx: &mut SqliteConnection, alert: AlertId, of: &[&NewDetection], now: Micros) -> Result<()> {
    for chunk in of.chunks(INSERT_ROWS) {
        let mut query = QueryBuilder::new(
            "INSERT INTO detections (id, alert_id, rule_id, agency_id, at, recorded_at, events, matched) ",
        );
        query.push_values(chunk, |mut row, d| {
            let skip = d.events.len().saturating_sub(EVENTS_MAX);
            let events: Vec<String> = d.events.iter().skip(skip).map(ToString::to_string).collect();
            let matched: Vec<&MatchedValue> = d.matched.iter().take(MATCHED_MAX).collect();
            let matched = serde_json::to_string(&matched).unwrap_or_else(|_| "[]".to_owned());
            row.push_bind(&d.id).push_bind(alert.0).push_bind(&d.rule).push_bind(i64::from(d.agency.0));
            row.push_bind(d.at.0).push_bind(now.0).push_bind(events.join(" ")).push_bind(matched);
        });
        query.build().execute(&mut *tx).await?;
    }
    Ok(())
}

async fn count(tx: &mut SqliteConnection, alert: AlertId, of: &[&NewDetection]) -> Result<()> {
    let mut buckets: BTreeMap<i64, u64> = BTreeMap::new();
    for d in of {
        *buckets.entry(d.at.0.div_euclid(BUCKET_MICROS)).or_default() += d.count;
    }
    for (bucket, n) in buckets {
        sqlx::query(
            "INSERT INTO alert_buckets (alert_id, bucket, count) VALUES ($1, $2, $3) \
             ON CONFLICT (alert_id, bucket) DO UPDATE SET count = alert_buckets.count + excluded.count",
        )
        .bind(alert.0)
        .bind(bucket)
        .bind(big(n))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

impl State {
    /// Record a batch of detections, decide on the blocks that playbooks ask for, and commit the consumer's
    /// position: all in one transaction, so that a crash leaves all of it or nothing. Replays change nothing.
    /// Answers in the order of the batch.
    ///
    /// # Errors
    /// The database fails; then nothing of the batch is there.
    pub async fn record_detections(
        &self,
        batch: &[NewDetection],
        position: &Position,
        own_paths: &[IpNet],
        now: Micros,
    ) -> Result<Vec<Recorded>> {
        let policy = self.alert_policy(now);
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let mut seen = known(&mut tx, batch).await?;
        let mut groups: BTreeMap<GroupKey, Vec<usize>> = BTreeMap::new();
        for (i, d) in batch.iter().enumerate() {
            if seen.insert(d.id.clone()) {
                groups.entry(key(d)).or_default().push(i);
            }
        }
        let mut out = vec![Recorded { alert: None, new_alert: false, block: None }; batch.len()];
        for (group, members) in &groups {
            let of: Vec<&NewDetection> = members.iter().filter_map(|i| batch.get(*i)).collect();
            let (alert, new_alert) = upsert(&mut tx, group, &of, &policy, now).await?;
            count(&mut tx, alert, &of).await?;
            insert(&mut tx, alert, &of, now).await?;
            for (nth, i) in members.iter().enumerate() {
                let (Some(d), Some(slot)) = (batch.get(*i), out.get_mut(*i)) else { continue };
                slot.alert = Some(alert);
                slot.new_alert = new_alert && nth == 0;
                let Some(request) = &d.block else { continue };
                let request = BlockRequest { alert: Some(alert), ..request.clone() };
                let actor = Actor::rule(&d.rule);
                let by = Change::new(&actor, now, "");
                slot.block =
                    Some(block::request_in(&mut tx, self, &by, &Scope::All, &request, own_paths, d.example).await?);
            }
        }
        position::commit(&mut tx, position).await?;
        tx.commit().await?;
        Ok(out)
    }

    /// Forget what only replays and sparklines need and both have long passed: rows of detections (their alerts keep
    /// their counts) and buckets older than `keep_days`. A slice a call, so that the writer is never held long; run it
    /// every minute.
    ///
    /// # Errors
    /// The database fails.
    pub async fn prune_detections(&self, keep_days: u32, now: Micros) -> Result<u64> {
        let before = now.plus_seconds(-i64::from(keep_days) * 86_400);
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let gone = sqlx::query(
            "DELETE FROM detections WHERE id IN (SELECT id FROM detections WHERE recorded_at < $1 ORDER BY recorded_at LIMIT $2)",
        )
        .bind(before.0)
        .bind(PRUNE_ROWS)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM alert_buckets WHERE bucket < $1")
            .bind(before.0.div_euclid(BUCKET_MICROS))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(gone.rows_affected())
    }
}
