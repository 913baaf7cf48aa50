//! People: accounts, single-use links. Only hashes of secrets are here; who hashes passwords is the caller.

use bongsu_domain::{UserId, check_name};
use bongsu_event::{AgencyId, Micros, Scope};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, SqliteConnection};

use crate::error::unique;
use crate::row::{Columns, push_scope, small};
use crate::{Change, Result, State, StateError, audit};

/// Longest life of a single-use link, hours.
pub const LINK_HOURS_MAX: i64 = 72;
/// Longest display name or telephone, characters.
const WORDS_CHARS_MAX: usize = 100;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Id.
    pub id: UserId,
    /// Account name.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Home agency.
    pub agency: AgencyId,
    /// Telephone or extension.
    pub phone: Option<String>,
    /// May log in?
    pub enabled: bool,
    /// Has set a password?
    pub has_password: bool,
    /// Last log-in.
    pub last_login: Option<Micros>,
    /// Written by the demo.
    pub example: bool,
}

/// What log-in needs.
#[derive(Clone)]
pub struct Credential {
    /// Account.
    pub user: UserId,
    /// Its name.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// May log in?
    pub enabled: bool,
    /// Hash of the password, if one is set.
    pub password_hash: Option<String>,
}

impl std::fmt::Debug for Credential {
    /// Without the hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("user", &self.user).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A new account.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Account name.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Home agency.
    pub agency: AgencyId,
    /// Telephone.
    pub phone: Option<String>,
    /// Written by the demo.
    pub example: bool,
}

/// What to change; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ChangeUser {
    /// Display name.
    pub display_name: Option<String>,
    /// Telephone; empty removes it.
    pub phone: Option<String>,
    /// May log in? Switching off ends open sessions and links.
    pub enabled: Option<bool>,
}

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// Whose.
    pub user: UserId,
    /// Account name.
    pub name: String,
    /// Display name.
    pub display_name: String,
    /// Until.
    pub expires_at: Micros,
    /// Logs in without a password being set (demo).
    pub logs_in: bool,
}

fn read(row: &SqliteRow) -> std::result::Result<UserRow, sqlx::Error> {
    Ok(UserRow {
        id: UserId(row.u32("id")?),
        name: row.text("name")?,
        display_name: row.text("display_name")?,
        agency: row.agency("agency_id")?,
        phone: row.maybe_text("phone")?,
        enabled: row.truth("enabled")?,
        has_password: row.maybe_text("password_hash")?.is_some(),
        last_login: row.maybe_time("last_login_at")?,
        example: row.truth("example")?,
    })
}

fn check_words(display_name: &str, phone: Option<&str>) -> Result<()> {
    let long = |s: &str| s.chars().count() > WORDS_CHARS_MAX;
    if display_name.trim().is_empty() || long(display_name) || phone.is_some_and(long) {
        return Err(StateError::invalid(format!(
            "a display name has 1 to {WORDS_CHARS_MAX} characters, a telephone at most as many"
        )));
    }
    Ok(())
}

pub(crate) async fn end_sessions(conn: &mut SqliteConnection, user: UserId) -> Result<()> {
    sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(i64::from(user.0)).execute(conn).await?;
    Ok(())
}

impl State {
    /// Is nobody there yet? Then the first start makes the administrator.
    ///
    /// # Errors
    /// The database fails.
    pub async fn has_users(&self) -> Result<bool> {
        Ok(sqlx::query("SELECT id FROM users LIMIT 1").fetch_optional(&self.readers).await?.is_some())
    }

    /// Accounts in scope, by name. A look at personal data: the caller notes it in the audit log.
    ///
    /// # Errors
    /// The database fails.
    pub async fn users(&self, scope: &Scope) -> Result<Vec<UserRow>> {
        let mut query = QueryBuilder::new("SELECT * FROM users WHERE ");
        push_scope(&mut query, "agency_id", scope);
        query.push(" ORDER BY name");
        let rows = query.build().fetch_all(&self.readers).await?;
        Ok(rows.iter().map(read).collect::<std::result::Result<_, _>>()?)
    }

    /// One account in scope.
    ///
    /// # Errors
    /// It is not there or out of scope.
    pub async fn user(&self, scope: &Scope, id: UserId) -> Result<UserRow> {
        let mut query = QueryBuilder::new("SELECT * FROM users WHERE id = ");
        query.push_bind(i64::from(id.0)).push(" AND ");
        push_scope(&mut query, "agency_id", scope);
        let row = query.build().fetch_optional(&self.readers).await?.ok_or(StateError::NotFound("user"))?;
        Ok(read(&row)?)
    }

    /// What log-in needs, by account name. No scope: nobody is logged in yet.
    ///
    /// # Errors
    /// The database fails.
    pub async fn credential(&self, name: &str) -> Result<Option<Credential>> {
        let row = sqlx::query("SELECT id, name, display_name, enabled, password_hash FROM users WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Credential {
            user: UserId(row.u32("id")?),
            name: row.text("name")?,
            display_name: row.text("display_name")?,
            enabled: row.truth("enabled")?,
            password_hash: row.maybe_text("password_hash")?,
        }))
    }

    /// Names of accounts, for showing who did or has something. Ids that are unknown are left out.
    ///
    /// # Errors
    /// The database fails.
    pub async fn display_names(&self, ids: &[UserId]) -> Result<std::collections::BTreeMap<UserId, String>> {
        let mut query = QueryBuilder::new("SELECT id, display_name FROM users WHERE ");
        crate::row::push_in(&mut query, "id", ids.iter().map(|u| i64::from(u.0)));
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter().map(|r| Ok((UserId(r.u32("id")?), r.text("display_name")?))).collect()
    }

    /// Add an account; it has no password until its link is used.
    ///
    /// # Errors
    /// The name is taken or none, the agency is out of scope.
    pub async fn create_user(&self, by: &Change<'_>, scope: &Scope, new: &NewUser) -> Result<UserId> {
        check_name(&new.name).map_err(|e| StateError::invalid(e.to_string()))?;
        check_words(&new.display_name, new.phone.as_deref())?;
        if !scope.holds(new.agency) || self.tree().get(new.agency).is_none() {
            return Err(StateError::NotFound("agency"));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query(
            "INSERT INTO users (name, display_name, agency_id, phone, enabled, example, created_at) \
             VALUES ($1, $2, $3, $4, 1, $5, $6) RETURNING id",
        )
        .bind(&new.name)
        .bind(&new.display_name)
        .bind(i64::from(new.agency.0))
        .bind(new.phone.as_deref())
        .bind(i64::from(new.example))
        .bind(by.now.0)
        .fetch_one(&mut *tx)
        .await
        .map_err(|e| unique(e, "an account with this name exists; choose another name"))?;
        let id = UserId(row.u32("id")?);
        audit::append(&mut tx, by, "user.create", &format!("user {}", new.name), Some(new.agency), &new.display_name)
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Change one in scope. Switching off ends open sessions and links.
    ///
    /// # Errors
    /// It is out of scope, or a word is too long.
    pub async fn change_user(&self, by: &Change<'_>, scope: &Scope, id: UserId, to: &ChangeUser) -> Result<()> {
        let old = self.user(scope, id).await?;
        let display_name = to.display_name.as_ref().unwrap_or(&old.display_name);
        let phone = to.phone.as_ref().or(old.phone.as_ref()).filter(|p| !p.is_empty());
        let enabled = to.enabled.unwrap_or(old.enabled);
        check_words(display_name, phone.map(String::as_str))?;
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("UPDATE users SET display_name = $1, phone = $2, enabled = $3 WHERE id = $4")
            .bind(display_name)
            .bind(phone)
            .bind(i64::from(enabled))
            .bind(i64::from(id.0))
            .execute(&mut *tx)
            .await?;
        if !enabled {
            end_sessions(&mut tx, id).await?;
            drop_links(&mut tx, id).await?;
        }
        let what = match (old.enabled, enabled) {
            (true, false) => "switched off",
            (false, true) => "switched on",
            _ => "name or telephone changed",
        };
        audit::append(&mut tx, by, "user.change", &format!("user {}", old.name), Some(old.agency), what).await?;
        Ok(tx.commit().await?)
    }

    /// A new single-use link, stored as the hash of its token. The old password stops working and sessions end,
    /// except for a demo link, which logs in by itself.
    ///
    /// # Errors
    /// The account is out of scope or switched off, or the link would live too long.
    pub async fn new_link(
        &self,
        by: &Change<'_>,
        scope: &Scope,
        id: UserId,
        token_hash: &[u8; 32],
        expires_at: Micros,
        logs_in: bool,
    ) -> Result<()> {
        let user = self.user(scope, id).await?;
        if !user.enabled {
            return Err(StateError::conflict("the account is switched off; switch it on first"));
        }
        if expires_at <= by.now || expires_at > by.now.plus_seconds(LINK_HOURS_MAX * 3600) {
            return Err(StateError::invalid(format!("a link lives at most {LINK_HOURS_MAX} hours")));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        drop_links(&mut tx, id).await?;
        if !logs_in {
            sqlx::query("UPDATE users SET password_hash = NULL WHERE id = $1")
                .bind(i64::from(id.0))
                .execute(&mut *tx)
                .await?;
            end_sessions(&mut tx, id).await?;
        }
        sqlx::query(
            "INSERT INTO links (token_hash, user_id, logs_in, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(token_hash.as_slice())
        .bind(i64::from(id.0))
        .bind(i64::from(logs_in))
        .bind(by.now.0)
        .bind(expires_at.0)
        .execute(&mut *tx)
        .await?;
        audit::append(
            &mut tx,
            by,
            "user.link",
            &format!("user {}", user.name),
            Some(user.agency),
            "single-use link made",
        )
        .await?;
        Ok(tx.commit().await?)
    }

    /// What a link is for, if it still works. No scope: the token is the right.
    ///
    /// # Errors
    /// It is unknown, used, or too old: the three look alike.
    pub async fn link(&self, token_hash: &[u8; 32], now: Micros) -> Result<LinkRow> {
        let row = sqlx::query(
            "SELECT l.user_id, l.logs_in, l.expires_at, u.name, u.display_name FROM links l JOIN users u ON u.id = l.user_id \
             WHERE l.token_hash = $1 AND l.used_at IS NULL AND l.expires_at > $2 AND u.enabled = 1",
        )
        .bind(token_hash.as_slice())
        .bind(now.0)
        .fetch_optional(&self.readers)
        .await?
        .ok_or(StateError::NotFound("link"))?;
        Ok(LinkRow {
            user: UserId(row.u32("user_id")?),
            name: row.text("name")?,
            display_name: row.text("display_name")?,
            expires_at: row.time("expires_at")?,
            logs_in: row.truth("logs_in")?,
        })
    }

    /// Use a link, once: sets the password (absent for a demo link that logs in). Open sessions of the account end.
    /// The audit entry names the account itself as actor.
    ///
    /// # Errors
    /// The link does not work, or wants a password and none is given.
    pub async fn use_link(
        &self,
        token_hash: &[u8; 32],
        password_hash: Option<&str>,
        address: Option<std::net::IpAddr>,
        now: Micros,
    ) -> Result<LinkRow> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query(
            "UPDATE links SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 \
             RETURNING user_id, logs_in, expires_at",
        )
        .bind(token_hash.as_slice())
        .bind(now.0)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(StateError::NotFound("link"))?;
        let (user, logs_in) = (row.int("user_id")?, row.truth("logs_in")?);
        if password_hash.is_none() && !logs_in {
            return Err(StateError::invalid("choose a password"));
        }
        let account = sqlx::query(
            "UPDATE users SET password_hash = COALESCE($2, password_hash), last_login_at = $3 WHERE id = $1 AND enabled = 1 \
             RETURNING name, display_name, agency_id",
        )
        .bind(user)
        .bind(password_hash)
        .bind(now.0)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(StateError::NotFound("link"))?;
        let link = LinkRow {
            user: UserId(small(user)),
            name: account.text("name")?,
            display_name: account.text("display_name")?,
            expires_at: row.time("expires_at")?,
            logs_in,
        };
        if password_hash.is_some() {
            end_sessions(&mut tx, link.user).await?;
        }
        let actor = bongsu_domain::Actor::person(link.user, &link.display_name, address);
        let what = if password_hash.is_some() { "password set by link" } else { "logged in by link" };
        let agency = Some(account.agency("agency_id")?);
        audit::append(
            &mut tx,
            &Change::new(&actor, now, ""),
            "session.link",
            &format!("user {}", link.name),
            agency,
            what,
        )
        .await?;
        tx.commit().await?;
        Ok(link)
    }
}

async fn drop_links(conn: &mut SqliteConnection, user: UserId) -> Result<()> {
    sqlx::query("DELETE FROM links WHERE user_id = $1").bind(i64::from(user.0)).execute(conn).await?;
    Ok(())
}
