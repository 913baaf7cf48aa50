//! Reading alerts, in scope: the queue, the panel, and what is like an alert.

use std::collections::BTreeMap;

use bongsu_domain::{
    AlertId, AlertState, BUCKET_MICROS, BlockId, BlockState, Entity, SPARKLINE_BUCKETS, UserId, Verdict,
};
use bongsu_event::{AgencyId, Micros, Scope, Severity};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite};

use super::{AlertRow, BlockBrief, DetectionRow, read};
use crate::row::{Columns, like, next_cursor, offset_of, push_in, push_scope};
use crate::{Result, State, StateError};

/// Deepest page of the queue, rows.
pub const CURSOR_ROWS_MAX: u32 = 100_000;
/// Most rows on a page.
const ROWS_MAX: u32 = 200;
/// Days of an entity's history.
const ENTITY_DAYS: usize = 14;
/// Most similar alerts told.
const SIMILAR_MAX: i64 = 5;
/// One day, microseconds.
const DAY: i64 = 86_400 * Micros::SECOND;

/// Which part of the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlertTab {
    /// Mine and nobody's, not closed.
    #[default]
    Mine,
    /// Everybody's, not closed.
    All,
    /// Closed.
    Closed,
}

/// Filters of the queue.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Part.
    pub tab: AlertTab,
    /// Whose `Mine` is.
    pub me: Option<UserId>,
    /// Only this state.
    pub state: Option<AlertState>,
    /// Least severity.
    pub severity: Option<Severity>,
    /// Only these agencies (a subtree), besides the scope.
    pub agencies: Option<Scope>,
    /// Only this rule.
    pub rule: Option<String>,
    /// Only this entity value.
    pub entity: Option<String>,
    /// Last detection not before.
    pub since: Option<Micros>,
    /// Text in reason, entity, rule title or number.
    pub text: Option<String>,
    /// With those that policy suppresses.
    pub suppressed: bool,
    /// Rows, at most 200; 0 for 50.
    pub limit: u32,
    /// From `next`.
    pub cursor: Option<String>,
}

/// A page of the queue.
#[derive(Clone, Debug)]
pub struct AlertPage {
    /// Groups that match.
    pub total: u64,
    /// Detections in them.
    pub detections: u64,
    /// Mine first, then the highest score, then the least time left.
    pub rows: Vec<AlertRow>,
    /// Ask again with this.
    pub next: Option<String>,
    /// Agencies that appear in what matches.
    pub agencies: Vec<AgencyId>,
}

/// Detections of an alert, newest first.
#[derive(Clone, Debug)]
pub struct DetectionsPage {
    /// All there are.
    pub total: u64,
    /// Rows.
    pub rows: Vec<DetectionRow>,
}

/// A closed alert like another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimilarRow {
    /// Alert.
    pub id: AlertId,
    /// Closed when.
    pub closed_at: Micros,
    /// How.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// It is of the same rule.
    pub same_rule: bool,
    /// It is about the same entity.
    pub same_entity: bool,
}

/// Figures of a rule, in scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleStats {
    /// Detections in the last 24 hours.
    pub detections: u64,
    /// Last detection ever.
    pub last_at: Option<Micros>,
    /// Alerts closed as false positives in the last 30 days.
    pub false_positives: u64,
}

const SELECT: &str =
    "SELECT a.*, u.display_name AS owner_name FROM alerts a LEFT JOIN users u ON u.id = a.owner_id WHERE ";

impl AlertFilter {
    fn push(&self, q: &mut QueryBuilder<'_, Sqlite>, scope: &Scope) {
        push_scope(q, "a.agency_id", scope);
        if let Some(agencies) = &self.agencies {
            q.push(" AND ");
            push_scope(q, "a.agency_id", agencies);
        }
        q.push(match self.tab {
            AlertTab::Closed => " AND a.state = 'closed'",
            AlertTab::All | AlertTab::Mine => " AND a.state <> 'closed'",
        });
        if self.tab == AlertTab::Mine {
            q.push(" AND (a.owner_id IS NULL OR a.owner_id = ")
                .push_bind(self.me.map_or(-1, |u| i64::from(u.0)))
                .push(")");
        }
        if let Some(state) = self.state {
            q.push(" AND a.state = ").push_bind(state.name());
        }
        if let Some(severity) = self.severity {
            q.push(" AND a.severity >= ").push_bind(i64::from(severity.number()));
        }
        if let Some(rule) = &self.rule {
            q.push(" AND a.rule_id = ").push_bind(rule.clone());
        }
        if let Some(entity) = &self.entity {
            q.push(" AND a.entity_value = ").push_bind(entity.clone());
        }
        if let Some(since) = self.since {
            q.push(" AND a.last_at >= ").push_bind(since.0);
        }
        if !self.suppressed {
            q.push(" AND a.suppressed = 0");
        }
        if let Some(text) = &self.text {
            let pattern = like(text);
            let number = text.trim_start_matches("A-").parse::<i64>().unwrap_or(-1);
            q.push(" AND (a.id = ").push_bind(number);
            for column in ["a.reason", "a.reason_en", "a.entity_value", "a.rule_title", "a.rule_title_en"] {
                q.push(" OR ").push(column).push(" LIKE ").push_bind(pattern.clone()).push(" ESCAPE '\\'");
            }
            q.push(" OR a.agency_id IN (SELECT id FROM agencies WHERE name LIKE ").push_bind(pattern.clone());
            q.push(" ESCAPE '\\' OR name_en LIKE ").push_bind(pattern).push(" ESCAPE '\\'))");
        }
    }
}

impl State {
    /// The queue, in scope.
    ///
    /// # Errors
    /// The database fails.
    pub async fn alerts(&self, scope: &Scope, filter: &AlertFilter, now: Micros) -> Result<AlertPage> {
        let limit = if filter.limit == 0 { 50 } else { filter.limit.min(ROWS_MAX) };
        let offset = offset_of(filter.cursor.as_deref(), CURSOR_ROWS_MAX);
        let mut count = QueryBuilder::new("SELECT a.agency_id, COUNT(*) AS n, SUM(a.count) AS d FROM alerts a WHERE ");
        filter.push(&mut count, scope);
        count.push(" GROUP BY a.agency_id");
        let (mut total, mut detections, mut agencies) = (0_u64, 0_u64, Vec::new());
        for row in count.build().fetch_all(&self.readers).await? {
            total += row.u64("n")?;
            detections += row.u64("d")?;
            agencies.push(row.agency("agency_id")?);
        }
        let mut query = QueryBuilder::new(SELECT);
        filter.push(&mut query, scope);
        query.push(" ORDER BY ");
        if filter.tab == AlertTab::Closed {
            query.push("a.closed_at DESC, ");
        } else {
            query.push("CASE WHEN a.owner_id = ").push_bind(filter.me.map_or(-1, |u| i64::from(u.0)));
            query.push(" THEN 0 ELSE 1 END, a.score DESC, CASE WHEN a.due_at IS NULL THEN 1 ELSE 0 END, a.due_at, ");
        }
        query.push("a.id DESC LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ").push_bind(offset);
        let rows = query.build().fetch_all(&self.readers).await?;
        let rows = self.fill(&rows, now).await?;
        Ok(AlertPage { total, detections, next: next_cursor(offset, rows.len(), total), rows, agencies })
    }

    /// One alert in scope; `now` places the sparkline.
    ///
    /// # Errors
    /// It is not there or out of scope.
    pub async fn alert(&self, scope: &Scope, id: AlertId, now: Micros) -> Result<AlertRow> {
        let mut query = QueryBuilder::new(SELECT);
        query.push("a.id = ").push_bind(id.0).push(" AND ");
        push_scope(&mut query, "a.agency_id", scope);
        let rows = query.build().fetch_all(&self.readers).await?;
        self.fill(&rows, now).await?.pop().ok_or(StateError::NotFound("alert"))
    }

    /// Sparklines and blocks of rows that were read in scope.
    async fn fill(&self, rows: &[SqliteRow], now: Micros) -> Result<Vec<AlertRow>> {
        let mut alerts = rows.iter().map(read).collect::<std::result::Result<Vec<_>, _>>()?;
        let ids: Vec<i64> = alerts.iter().map(|a| a.id.0).collect();
        let mut places: BTreeMap<i64, &mut AlertRow> = alerts.iter_mut().map(|a| (a.id.0, a)).collect();
        let first = now.0.div_euclid(BUCKET_MICROS) + 1 - SPARKLINE_BUCKETS as i64;
        let mut buckets = QueryBuilder::new("SELECT * FROM alert_buckets WHERE bucket >= ");
        buckets.push_bind(first).push(" AND ");
        push_in(&mut buckets, "alert_id", ids.iter().copied());
        for row in buckets.build().fetch_all(&self.readers).await? {
            let slot = usize::try_from(row.int("bucket")? - first).unwrap_or(usize::MAX);
            let count = row.u32("count")?;
            if let Some(place) = places.get_mut(&row.int("alert_id")?).and_then(|a| a.sparkline.get_mut(slot)) {
                *place = count;
            }
        }
        let mut blocks = QueryBuilder::new(
            "SELECT id, alert_id, state, rule_id, approvals_needed, expires_at, (dry_run OR COALESCE((SELECT \
             MIN(p.device = 'dry_run') FROM block_points b JOIN points p ON p.id = b.point_id WHERE b.block_id = blocks.id), \
             0)) AS dry_run FROM blocks WHERE ",
        );
        push_in(&mut blocks, "alert_id", ids);
        blocks.push(" ORDER BY id");
        for row in blocks.build().fetch_all(&self.readers).await? {
            let Some(alert) = places.get_mut(&row.int("alert_id")?) else { continue };
            let state = row.word("state", BlockState::from_name)?;
            let proposal = row.maybe_text("rule_id")?.is_some() && row.int("approvals_needed")? <= 1;
            alert.block = Some(BlockBrief {
                id: BlockId(row.int("id")?),
                state,
                waiting: state == BlockState::Proposed && !proposal,
                expires_at: row.time("expires_at")?,
                dry_run: row.truth("dry_run")?,
            });
        }
        Ok(alerts)
    }

    /// Detections of an alert in scope, newest first.
    ///
    /// # Errors
    /// The alert is out of scope.
    pub async fn detections(&self, scope: &Scope, id: AlertId, limit: u32) -> Result<DetectionsPage> {
        let alert = self.alert(scope, id, Micros(0)).await?;
        let rows = sqlx::query(
            "SELECT id, at, events, matched FROM detections WHERE alert_id = $1 ORDER BY at DESC, id DESC LIMIT $2",
        )
        .bind(id.0)
        .bind(i64::from(limit.min(1_000)))
        .fetch_all(&self.readers)
        .await?;
        let rows = rows.iter().map(|r| {
            Ok(DetectionRow {
                id: r.text("id")?,
                at: r.time("at")?,
                events: r.text("events")?.split(' ').filter_map(|e| e.parse().ok()).collect(),
                matched: serde_json::from_str(&r.text("matched")?).unwrap_or_default(),
            })
        });
        Ok(DetectionsPage { total: alert.count, rows: rows.collect::<Result<_>>()? })
    }

    /// Other open alerts of an entity, in scope.
    ///
    /// # Errors
    /// The database fails.
    pub async fn alerts_of_entity(
        &self,
        scope: &Scope,
        entity: &Entity,
        but: AlertId,
        now: Micros,
    ) -> Result<Vec<AlertRow>> {
        let mut query = QueryBuilder::new(SELECT);
        push_scope(&mut query, "a.agency_id", scope);
        query.push(" AND a.state <> 'closed' AND a.entity_value = ").push_bind(entity.value.clone());
        query.push(" AND a.entity_kind = ").push_bind(entity.kind.clone()).push(" AND a.id <> ").push_bind(but.0);
        query.push(" ORDER BY a.score DESC, a.id DESC LIMIT 20");
        let rows = query.build().fetch_all(&self.readers).await?;
        self.fill(&rows, now).await
    }

    /// Detections about an entity a day, the last 14 days, oldest first; and agencies in scope where it was seen.
    ///
    /// # Errors
    /// The database fails.
    pub async fn entity_history(
        &self,
        scope: &Scope,
        entity: &Entity,
        now: Micros,
    ) -> Result<(Vec<u32>, Vec<AgencyId>)> {
        let mut query = QueryBuilder::new(
            "SELECT a.agency_id, b.bucket, b.count FROM alerts a LEFT JOIN alert_buckets b ON b.alert_id = a.id AND b.bucket >= ",
        );
        let first_day = now.0.div_euclid(DAY) + 1 - ENTITY_DAYS as i64;
        query.push_bind(first_day * (DAY / BUCKET_MICROS)).push(" WHERE ");
        push_scope(&mut query, "a.agency_id", scope);
        query.push(" AND a.entity_value = ").push_bind(entity.value.clone());
        query.push(" AND a.entity_kind = ").push_bind(entity.kind.clone()).push(" LIMIT 50000");
        let mut days = vec![0_u32; ENTITY_DAYS];
        let mut agencies = Vec::new();
        for row in query.build().fetch_all(&self.readers).await? {
            let agency = row.agency("agency_id")?;
            if !agencies.contains(&agency) {
                agencies.push(agency);
            }
            let (Some(bucket), Some(n)) = (row.maybe_int("bucket")?, row.maybe_int("count")?) else { continue };
            let day = bucket.saturating_mul(BUCKET_MICROS).div_euclid(DAY) - first_day;
            if let Some(slot) = usize::try_from(day).ok().and_then(|d| days.get_mut(d)) {
                *slot = slot.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
            }
        }
        Ok((days, agencies))
    }

    /// Closed alerts like this one, in scope: same rule, same entity, or both, which come first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn similar_alerts(&self, scope: &Scope, to: &AlertRow) -> Result<Vec<SimilarRow>> {
        let mut query =
            QueryBuilder::new("SELECT a.*, NULL AS owner_name FROM alerts a WHERE a.state = 'closed' AND a.id <> ");
        query.push_bind(to.id.0).push(" AND ");
        push_scope(&mut query, "a.agency_id", scope);
        query.push(" AND (a.rule_id = ").push_bind(to.rule.clone());
        query.push(" OR (a.entity_kind = ").push_bind(to.entity.kind.clone());
        query
            .push(" AND a.entity_value = ")
            .push_bind(to.entity.value.clone())
            .push(")) ORDER BY CASE WHEN a.rule_id = ");
        query.push_bind(to.rule.clone()).push(" AND a.entity_value = ").push_bind(to.entity.value.clone());
        query.push(" THEN 0 ELSE 1 END, a.closed_at DESC LIMIT ").push_bind(SIMILAR_MAX);
        let rows = query.build().fetch_all(&self.readers).await?;
        let mut found = Vec::new();
        for row in &rows {
            let a = read(row)?;
            let (Some(verdict), Some(closed_at)) = (a.verdict, a.closed_at) else { continue };
            found.push(SimilarRow {
                id: a.id,
                closed_at,
                verdict,
                reason: a.close_reason.unwrap_or_default(),
                same_rule: a.rule == to.rule,
                same_entity: a.entity == to.entity,
            });
        }
        Ok(found)
    }

    /// Newest alerts of a rule, in scope; with `false_since` those closed as false positives since then, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn alerts_of_rule(
        &self,
        scope: &Scope,
        rule: &str,
        false_since: Option<Micros>,
        limit: u32,
    ) -> Result<Vec<AlertRow>> {
        let mut query = QueryBuilder::new(SELECT);
        push_scope(&mut query, "a.agency_id", scope);
        query.push(" AND a.rule_id = ").push_bind(rule.to_owned());
        if let Some(since) = false_since {
            query.push(" AND a.verdict = 'false_positive' AND a.closed_at >= ").push_bind(since.0);
            query.push(" ORDER BY a.closed_at DESC");
        } else {
            query.push(" ORDER BY a.last_at DESC");
        }
        query.push(", a.id DESC LIMIT ").push_bind(i64::from(limit.min(ROWS_MAX)));
        let rows = query.build().fetch_all(&self.readers).await?;
        Ok(rows.iter().map(read).collect::<std::result::Result<_, _>>()?)
    }

    /// Figures of every rule that has any, in scope.
    ///
    /// # Errors
    /// The database fails.
    pub async fn rule_stats(&self, scope: &Scope, now: Micros) -> Result<BTreeMap<String, RuleStats>> {
        let mut all: BTreeMap<String, RuleStats> = BTreeMap::new();
        let mut query = QueryBuilder::new("SELECT rule_id, COUNT(*) AS n FROM detections WHERE at >= ");
        query.push_bind(now.0 - DAY).push(" AND ");
        push_scope(&mut query, "agency_id", scope);
        query.push(" GROUP BY rule_id");
        for row in query.build().fetch_all(&self.readers).await? {
            all.entry(row.text("rule_id")?).or_default().detections = row.u64("n")?;
        }
        let mut query = QueryBuilder::new(
            "SELECT rule_id, MAX(last_at) AS last_at, SUM(CASE WHEN verdict = 'false_positive' AND closed_at >= ",
        );
        query.push_bind(now.0 - 30 * DAY).push(" THEN 1 ELSE 0 END) AS wrong FROM alerts WHERE ");
        push_scope(&mut query, "agency_id", scope);
        query.push(" GROUP BY rule_id");
        for row in query.build().fetch_all(&self.readers).await? {
            let stats = all.entry(row.text("rule_id")?).or_default();
            stats.last_at = row.maybe_time("last_at")?;
            stats.false_positives = row.u64("wrong")?;
        }
        Ok(all)
    }
}
