//! Alerts and the detections in them.
//!
//! Invariant: a detection counts once, however often it is replayed; a closed alert stays closed, a later detection
//! opens a new group. The consumer's position is committed in the same transaction.

mod list;
mod record;

use bongsu_domain::{
    AlertId, AlertState, BlockId, BlockState, Entity, NOTE_CHARS_MAX, SPARKLINE_BUCKETS, Step, UserId, Verdict,
};
use bongsu_event::{AgencyId, EventId, Micros, Scope, Severity};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};

use crate::row::{Columns, small};
use crate::{Change, Result, State, StateError, TimelineRow, audit, timeline};

pub use list::{AlertFilter, AlertPage, AlertTab, CURSOR_ROWS_MAX, DetectionsPage, RuleStats, SimilarRow};
pub use record::{NewDetection, Recorded};

/// An alert: one group, one row of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Id.
    pub id: AlertId,
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
    /// 0 to 100.
    pub score: u32,
    /// State.
    pub state: AlertState,
    /// Verdict, when closed.
    pub verdict: Option<Verdict>,
    /// Why it was closed so.
    pub close_reason: Option<String>,
    /// The reason as a sentence, Korean.
    pub reason: String,
    /// English.
    pub reason_en: String,
    /// When the limit began to run.
    pub opened_at: Micros,
    /// Acknowledge by.
    pub due_at: Option<Micros>,
    /// First detection.
    pub first_at: Micros,
    /// Last detection.
    pub last_at: Micros,
    /// Detections.
    pub count: u64,
    /// Who has it.
    pub owner: Option<UserId>,
    /// Their display name.
    pub owner_name: Option<String>,
    /// Closed when.
    pub closed_at: Option<Micros>,
    /// Nobody is asked: suppressed by policy.
    pub suppressed: bool,
    /// Of the demo.
    pub example: bool,
    /// Counts of the last hour, oldest first.
    pub sparkline: [u32; SPARKLINE_BUCKETS],
    /// The newest block made for it.
    pub block: Option<BlockBrief>,
}

/// A block, for a row of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockBrief {
    /// Id.
    pub id: BlockId,
    /// State.
    pub state: BlockState,
    /// Waits for an approver.
    pub waiting: bool,
    /// Until.
    pub expires_at: Micros,
    /// Only a trial.
    pub dry_run: bool,
}

/// A value that made a selection hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedValue {
    /// Name of the selection.
    pub selection: String,
    /// Field.
    pub field: String,
    /// Value.
    pub value: String,
    /// What the rule asked of it, as `contains 'whoami'`; empty in detections of before.
    #[serde(default)]
    pub test: String,
}

/// One match of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectionRow {
    /// Its identity.
    pub id: String,
    /// When.
    pub at: Micros,
    /// Events behind it, oldest first.
    pub events: Vec<EventId>,
    /// What held.
    pub matched: Vec<MatchedValue>,
}

pub(crate) fn read(row: &SqliteRow) -> std::result::Result<AlertRow, sqlx::Error> {
    Ok(AlertRow {
        id: AlertId(row.int("id")?),
        rule: row.text("rule_id")?,
        rule_title: row.text("rule_title")?,
        rule_title_en: row.text("rule_title_en")?,
        entity: Entity { kind: row.text("entity_kind")?, value: row.text("entity_value")? },
        agency: row.agency("agency_id")?,
        severity: u8::try_from(row.int("severity")?).ok().and_then(Severity::from_number).unwrap_or_default(),
        score: row.u32("score")?,
        state: row.word("state", AlertState::from_name)?,
        verdict: row.maybe_text("verdict")?.as_deref().and_then(Verdict::from_name),
        close_reason: row.maybe_text("close_reason")?,
        reason: row.text("reason")?,
        reason_en: row.text("reason_en")?,
        opened_at: row.time("opened_at")?,
        due_at: row.maybe_time("due_at")?,
        first_at: row.time("first_at")?,
        last_at: row.time("last_at")?,
        count: row.u64("count")?,
        owner: row.maybe_int("owner_id")?.map(|n| UserId(small(n))),
        owner_name: row.maybe_text("owner_name")?,
        closed_at: row.maybe_time("closed_at")?,
        suppressed: row.truth("suppressed")?,
        example: row.truth("example")?,
        sparkline: [0; SPARKLINE_BUCKETS],
        block: None,
    })
}

/// The alert in the writer's transaction, if it is in scope.
async fn find(tx: &mut SqliteConnection, scope: &Scope, id: AlertId) -> Result<AlertRow> {
    let row = sqlx::query("SELECT a.*, NULL AS owner_name FROM alerts a WHERE a.id = $1")
        .bind(id.0)
        .fetch_optional(tx)
        .await?
        .ok_or(StateError::NotFound("alert"))?;
    let alert = read(&row)?;
    if scope.holds(alert.agency) { Ok(alert) } else { Err(StateError::NotFound("alert")) }
}

fn step(alert: &AlertRow, step: Step) -> Result<AlertState> {
    alert.state.after(step).map_err(|e| StateError::conflict(e.to_string()))
}

impl State {
    /// Acknowledge and take, one action. Taking over from somebody is allowed and noted.
    ///
    /// # Errors
    /// Out of scope, closed, or the actor is no person.
    pub async fn acknowledge_alert(&self, by: &Change<'_>, scope: &Scope, id: AlertId) -> Result<()> {
        let Some(user) = by.actor.user else {
            return Err(StateError::invalid("only a person with an account can take an alert"));
        };
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let alert = find(&mut tx, scope, id).await?;
        let next = step(&alert, Step::Acknowledge)?;
        sqlx::query("UPDATE alerts SET state = $2, owner_id = $3 WHERE id = $1")
            .bind(id.0)
            .bind(next.name())
            .bind(i64::from(user.0))
            .execute(&mut *tx)
            .await?;
        timeline::add(&mut tx, Some(id), None, by, "acknowledged", by.reason).await?;
        audit::append(&mut tx, by, "alert.acknowledge", &format!("alert {id}"), Some(alert.agency), "").await?;
        Ok(tx.commit().await?)
    }

    /// Close with a verdict and a reason.
    ///
    /// # Errors
    /// Out of scope, closed already, no reason.
    pub async fn close_alert(&self, by: &Change<'_>, scope: &Scope, id: AlertId, verdict: Verdict) -> Result<()> {
        if by.reason.trim().is_empty() || by.reason.chars().count() > NOTE_CHARS_MAX {
            return Err(StateError::invalid(format!("say why, in at most {NOTE_CHARS_MAX} characters")));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let alert = find(&mut tx, scope, id).await?;
        let next = step(&alert, Step::Close)?;
        sqlx::query(
            "UPDATE alerts SET state = $2, verdict = $3, close_reason = $4, closed_at = $5, owner_id = COALESCE(owner_id, $6) WHERE id = $1",
        )
        .bind(id.0)
        .bind(next.name())
        .bind(verdict.name())
        .bind(by.reason)
        .bind(by.now.0)
        .bind(by.actor.user.map(|u| i64::from(u.0)))
        .execute(&mut *tx)
        .await?;
        let text = format!("{}: {}", verdict.name(), by.reason);
        timeline::add(&mut tx, Some(id), None, by, "closed", &text).await?;
        audit::append(&mut tx, by, "alert.close", &format!("alert {id}"), Some(alert.agency), verdict.name()).await?;
        Ok(tx.commit().await?)
    }

    /// Undo a close or an acknowledgement.
    ///
    /// # Errors
    /// Out of scope, open already, or a newer alert of the same group is open: that one is worked on.
    pub async fn reopen_alert(&self, by: &Change<'_>, scope: &Scope, id: AlertId) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let alert = find(&mut tx, scope, id).await?;
        let next = step(&alert, Step::Reopen)?;
        let owner = if alert.state == AlertState::Closed { alert.owner.map(|u| i64::from(u.0)) } else { None };
        sqlx::query("UPDATE alerts SET state = $2, verdict = NULL, close_reason = NULL, closed_at = NULL, owner_id = $3 WHERE id = $1")
            .bind(id.0)
            .bind(next.name())
            .bind(owner)
            .execute(&mut *tx)
            .await
            .map_err(|e| crate::error::unique(e, "a newer alert of the same rule, entity and agency is open; work on that one"))?;
        timeline::add(&mut tx, Some(id), None, by, "reopened", by.reason).await?;
        audit::append(&mut tx, by, "alert.reopen", &format!("alert {id}"), Some(alert.agency), "").await?;
        Ok(tx.commit().await?)
    }

    /// Write a note.
    ///
    /// # Errors
    /// Out of scope, empty or too long.
    pub async fn note_alert(&self, by: &Change<'_>, scope: &Scope, id: AlertId, text: &str) -> Result<TimelineRow> {
        if text.trim().is_empty() || text.chars().count() > NOTE_CHARS_MAX {
            return Err(StateError::invalid(format!("a note has 1 to {NOTE_CHARS_MAX} characters")));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let alert = find(&mut tx, scope, id).await?;
        let row = timeline::add(&mut tx, Some(id), None, by, "note", text).await?;
        audit::append(&mut tx, by, "alert.note", &format!("alert {id}"), Some(alert.agency), text).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// What happened to an alert in scope, oldest first.
    ///
    /// # Errors
    /// Out of scope.
    pub async fn alert_timeline(&self, scope: &Scope, id: AlertId) -> Result<Vec<TimelineRow>> {
        self.alert(scope, id, Micros(0)).await?;
        self.timeline_of_alert(id).await
    }
}
