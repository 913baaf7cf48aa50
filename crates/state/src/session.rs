//! Sessions: a token's hash, idle and absolute limits, revocation.

use std::net::IpAddr;

use bongsu_domain::{Actor, UserId};
use bongsu_event::{AgencyId, Micros};
use sqlx::Connection;
use sqlx::sqlite::SqliteRow;

use crate::row::Columns;
use crate::{Change, Result, State, StateError, audit};

/// Last use is written at most this often, seconds: a look at a page is no write.
const TOUCH_SECONDS: i64 = 30;
/// Most open sessions of one account; the oldest goes first.
const SESSIONS_MAX: i64 = 20;
/// Longest browser name kept, characters.
const AGENT_CHARS_MAX: usize = 300;

/// A new session.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Id to revoke it by; not the secret.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// Hash of the cookie's token.
    pub token_hash: [u8; 32],
    /// Ends then whatever happens.
    pub expires_at: Micros,
    /// From where.
    pub address: Option<IpAddr>,
    /// The browser's own words.
    pub user_agent: String,
}

/// An open session with its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Id.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// Account name.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Home agency.
    pub agency: AgencyId,
    /// Since.
    pub created_at: Micros,
    /// Last use, as written.
    pub last_seen_at: Micros,
    /// Ends then whatever happens.
    pub expires_at: Micros,
    /// From where.
    pub address: String,
    /// The browser's own words.
    pub user_agent: String,
}

const COLUMNS: &str = "s.*, u.name, u.display_name, u.agency_id";

fn read(row: &SqliteRow) -> std::result::Result<SessionRow, sqlx::Error> {
    Ok(SessionRow {
        id: row.text("id")?,
        user: UserId(row.u32("user_id")?),
        name: row.text("name")?,
        display_name: row.text("display_name")?,
        agency: row.agency("agency_id")?,
        created_at: row.time("created_at")?,
        last_seen_at: row.time("last_seen_at")?,
        expires_at: row.time("expires_at")?,
        address: row.text("address")?,
        user_agent: row.text("user_agent")?,
    })
}

impl State {
    /// Open a session.
    ///
    /// # Errors
    /// The database fails.
    pub async fn create_session(&self, new: &NewSession, now: Micros) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let user = i64::from(new.user.0);
        sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(now.0).execute(&mut *tx).await?;
        sqlx::query(
            "DELETE FROM sessions WHERE user_id = $1 AND id NOT IN \
             (SELECT id FROM sessions WHERE user_id = $1 ORDER BY last_seen_at DESC LIMIT $2)",
        )
        .bind(user)
        .bind(SESSIONS_MAX - 1)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO sessions (id, token_hash, user_id, created_at, last_seen_at, expires_at, address, user_agent) \
             VALUES ($1, $2, $3, $4, $4, $5, $6, $7)",
        )
        .bind(&new.id)
        .bind(new.token_hash.as_slice())
        .bind(user)
        .bind(now.0)
        .bind(new.expires_at.0)
        .bind(crate::row::address_text(new.address).unwrap_or_default())
        .bind(new.user_agent.chars().take(AGENT_CHARS_MAX).collect::<String>())
        .execute(&mut *tx)
        .await?;
        let row =
            sqlx::query("UPDATE users SET last_login_at = $2 WHERE id = $1 RETURNING name, display_name, agency_id")
                .bind(user)
                .bind(now.0)
                .fetch_one(&mut *tx)
                .await?;
        let actor = Actor::person(new.user, &row.text("display_name")?, new.address);
        let (object, agency) = (format!("user {}", row.text("name")?), Some(row.agency("agency_id")?));
        audit::append(&mut tx, &Change::new(&actor, now, ""), "session.begin", &object, agency, "logged in").await?;
        Ok(tx.commit().await?)
    }

    /// The session of a token, if it is open: neither idle for `idle_seconds` nor past its end, of an account that
    /// is on. Notes the use. No scope: the token is the right.
    ///
    /// # Errors
    /// The database fails.
    pub async fn session(&self, token_hash: &[u8; 32], idle_seconds: i64, now: Micros) -> Result<Option<SessionRow>> {
        let row = sqlx::query(&format!(
            "SELECT {COLUMNS} FROM sessions s JOIN users u ON u.id = s.user_id \
             WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.last_seen_at > $3 AND u.enabled = 1"
        ))
        .bind(token_hash.as_slice())
        .bind(now.0)
        .bind(now.plus_seconds(-idle_seconds).0)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let session = read(&row)?;
        if now.0.saturating_sub(session.last_seen_at.0) > TOUCH_SECONDS * Micros::SECOND {
            let mut conn = self.writer.lock().await;
            sqlx::query("UPDATE sessions SET last_seen_at = $2 WHERE id = $1")
                .bind(&session.id)
                .bind(now.0)
                .execute(&mut *conn)
                .await?;
        }
        Ok(Some(session))
    }

    /// Open sessions of one account, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sessions(&self, user: UserId, idle_seconds: i64, now: Micros) -> Result<Vec<SessionRow>> {
        let rows = sqlx::query(&format!(
            "SELECT {COLUMNS} FROM sessions s JOIN users u ON u.id = s.user_id \
             WHERE s.user_id = $1 AND s.expires_at > $2 AND s.last_seen_at > $3 ORDER BY s.created_at DESC"
        ))
        .bind(i64::from(user.0))
        .bind(now.0)
        .bind(now.plus_seconds(-idle_seconds).0)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.iter().map(read).collect::<std::result::Result<_, _>>()?)
    }

    /// End one session of an account.
    ///
    /// # Errors
    /// It is not there or somebody else's.
    pub async fn end_session(&self, by: &Change<'_>, user: UserId, id: &str) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let gone = sqlx::query("DELETE FROM sessions WHERE id = $1 AND user_id = $2")
            .bind(id)
            .bind(i64::from(user.0))
            .execute(&mut *tx)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(StateError::NotFound("session"));
        }
        audit::append(&mut tx, by, "session.end", &format!("session {id}"), None, "").await?;
        Ok(tx.commit().await?)
    }
}
