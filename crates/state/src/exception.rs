//! Exceptions from a rule: a Sigma filter with a reason and an end, for an agency and those below it.
//!
//! Invariant: an exception always ends; what made it, what ended it and its lapse are in the audit log.

use bongsu_domain::Actor;
use bongsu_event::{AgencyId, Micros, Scope};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder};

use crate::row::{Columns, address_text, push_scope};
use crate::{Change, Result, State, StateError, audit};

/// Longest an exception may hold, days.
pub const EXCEPTION_DAYS_MAX: u32 = 366;
/// Most exceptions of one rule that have not ended.
const OPEN_PER_RULE_MAX: i64 = 100;
/// Most exceptions of a rule that are told, ended ones included.
const TOLD_MAX: i64 = 100;

/// A new exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewException {
    /// Rule id.
    pub rule: String,
    /// Whose events; those of agencies below too.
    pub agency: AgencyId,
    /// The Sigma filter.
    pub text: String,
    /// When it ends by itself.
    pub expires_at: Micros,
}

/// An exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionRow {
    /// Number.
    pub id: i64,
    /// Rule id.
    pub rule: String,
    /// Whose events.
    pub agency: AgencyId,
    /// The Sigma filter.
    pub text: String,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created_at: Micros,
    /// When it ends by itself.
    pub expires_at: Micros,
    /// When it ended.
    pub ended_at: Option<Micros>,
    /// Events it held back.
    pub held_back: u64,
    /// The last of them.
    pub last_held_at: Option<Micros>,
    /// Who made it.
    pub actor: Actor,
}

fn read(row: &SqliteRow) -> Result<ExceptionRow> {
    Ok(ExceptionRow {
        id: row.int("id")?,
        rule: row.text("rule_id")?,
        agency: row.agency("agency_id")?,
        text: row.text("text")?,
        reason: row.text("reason")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        ended_at: row.maybe_time("ended_at")?,
        held_back: row.u64("held_back")?,
        last_held_at: row.maybe_time("last_held_at")?,
        actor: row.actor()?,
    })
}

impl State {
    /// Make one.
    ///
    /// # Errors
    /// Out of scope, no reason, too long, too many.
    pub async fn create_exception(&self, by: &Change<'_>, scope: &Scope, new: &NewException) -> Result<i64> {
        if !scope.holds(new.agency) {
            return Err(StateError::NotFound("agency"));
        }
        if by.reason.trim().is_empty() {
            return Err(StateError::invalid("say why"));
        }
        let latest = by.now.plus_seconds(i64::from(EXCEPTION_DAYS_MAX) * 86_400);
        if new.expires_at <= by.now || new.expires_at > latest {
            return Err(StateError::invalid(format!("it must end, within {EXCEPTION_DAYS_MAX} days")));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let open = sqlx::query("SELECT COUNT(*) AS n FROM rule_exceptions WHERE rule_id = $1 AND ended_at IS NULL")
            .bind(&new.rule)
            .fetch_one(&mut *tx)
            .await?
            .int("n")?;
        if open >= OPEN_PER_RULE_MAX {
            return Err(StateError::conflict(format!(
                "the rule has {open} exceptions already; end some, or narrow the rule"
            )));
        }
        let id = sqlx::query(
            "INSERT INTO rule_exceptions (rule_id, agency_id, text, reason, created_at, expires_at, held_back, actor_kind, \
             actor_name, actor_user_id, actor_address) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10) RETURNING id",
        )
        .bind(&new.rule)
        .bind(i64::from(new.agency.0))
        .bind(&new.text)
        .bind(by.reason)
        .bind(by.now.0)
        .bind(new.expires_at.0)
        .bind(by.actor.kind.name())
        .bind(&by.actor.name)
        .bind(by.actor.user.map(|u| i64::from(u.0)))
        .bind(address_text(by.actor.address))
        .fetch_one(&mut *tx)
        .await?
        .int("id")?;
        let object = format!("rule {}", new.rule);
        let text = format!("exception {id} until {}", new.expires_at);
        audit::append(&mut tx, by, "rule.exception", &object, Some(new.agency), &text).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// End one before its time.
    ///
    /// # Errors
    /// Out of scope, or it has ended.
    pub async fn end_exception(&self, by: &Change<'_>, scope: &Scope, id: i64) -> Result<ExceptionRow> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query("SELECT * FROM rule_exceptions WHERE id = $1").bind(id).fetch_optional(&mut *tx).await?;
        let row = row.as_ref().map(read).transpose()?.filter(|r| scope.holds(r.agency));
        let row = row.ok_or(StateError::NotFound("exception"))?;
        if row.ended_at.is_some() {
            return Err(StateError::conflict("it has ended already"));
        }
        sqlx::query("UPDATE rule_exceptions SET ended_at = $2 WHERE id = $1")
            .bind(id)
            .bind(by.now.0)
            .execute(&mut *tx)
            .await?;
        let object = format!("rule {}", row.rule);
        audit::append(&mut tx, by, "rule.exception_end", &object, Some(row.agency), &format!("exception {id}")).await?;
        tx.commit().await?;
        Ok(ExceptionRow { ended_at: Some(by.now), ..row })
    }

    /// Exceptions of a rule in scope, newest first, ended ones too.
    ///
    /// # Errors
    /// The database fails.
    pub async fn exceptions(&self, scope: &Scope, rule: &str) -> Result<Vec<ExceptionRow>> {
        let mut query = QueryBuilder::new("SELECT * FROM rule_exceptions WHERE ");
        push_scope(&mut query, "agency_id", scope);
        query.push(" AND rule_id = ").push_bind(rule.to_owned());
        query.push(" ORDER BY id DESC LIMIT ").push_bind(TOLD_MAX);
        query.build().fetch_all(&self.readers).await?.iter().map(read).collect()
    }

    /// Every exception in force, for the event path; no person sees this.
    ///
    /// # Errors
    /// The database fails.
    pub async fn exceptions_in_force(&self, now: Micros) -> Result<Vec<ExceptionRow>> {
        let rows = sqlx::query("SELECT * FROM rule_exceptions WHERE ended_at IS NULL AND expires_at > $1 ORDER BY id")
            .bind(now.0)
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Note what exceptions held back, and end those whose time is over; says how many ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn settle_exceptions(&self, by: &Change<'_>, held: &[(i64, u64, Micros)]) -> Result<usize> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        for (id, count, at) in held {
            sqlx::query("UPDATE rule_exceptions SET held_back = held_back + $2, last_held_at = $3 WHERE id = $1")
                .bind(id)
                .bind(i64::try_from(*count).unwrap_or(i64::MAX))
                .bind(at.0)
                .execute(&mut *tx)
                .await?;
        }
        let over = sqlx::query("SELECT * FROM rule_exceptions WHERE ended_at IS NULL AND expires_at <= $1")
            .bind(by.now.0)
            .fetch_all(&mut *tx)
            .await?;
        for row in over.iter().map(read) {
            let row = row?;
            sqlx::query("UPDATE rule_exceptions SET ended_at = expires_at WHERE id = $1")
                .bind(row.id)
                .execute(&mut *tx)
                .await?;
            let (object, text) = (format!("rule {}", row.rule), format!("exception {}", row.id));
            audit::append(&mut tx, by, "rule.exception_expire", &object, Some(row.agency), &text).await?;
        }
        tx.commit().await?;
        Ok(over.len())
    }
}
