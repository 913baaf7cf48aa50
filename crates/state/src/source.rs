//! Log sources, and the quarantine of unknown senders.

use bongsu_domain::SILENT_AFTER_MINUTES;
use bongsu_event::{AgencyId, Micros, Scope, SourceId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, SqliteConnection};

use crate::error::unique;
use crate::row::{Columns, big, push_scope};
use crate::{Change, Result, State, StateError, audit};

/// Most senders kept in quarantine; the one silent longest goes first.
pub const QUARANTINE_ROWS_MAX: u32 = 10_000;
/// Longest sample line kept, characters.
const SAMPLE_CHARS_MAX: usize = 300;
/// Longest name, characters.
const NAME_CHARS_MAX: usize = 100;
/// Longest rhythm, minutes (a year).
const SILENT_MINUTES_MAX: u32 = 366 * 24 * 60;

/// A source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRow {
    /// Id.
    pub id: SourceId,
    /// Name.
    pub name: String,
    /// Whose.
    pub agency: AgencyId,
    /// Sender's address or prefix, or `agent:NAME/INPUT`.
    pub from: String,
    /// Format or `auto`.
    pub format: String,
    /// Format recognised last.
    pub recognised: Option<String>,
    /// IANA zone.
    pub timezone: String,
    /// Silent after, minutes.
    pub silent_after_minutes: u32,
    /// Taken in?
    pub enabled: bool,
    /// Last line, as persisted.
    pub last_seen: Option<Micros>,
    /// Written by the demo.
    pub example: bool,
    /// No longer registered; kept for the names of its events.
    pub removed: bool,
}

/// A new source.
#[derive(Clone, Debug)]
pub struct NewSource {
    /// Name.
    pub name: String,
    /// Sender's address or prefix.
    pub from: String,
    /// Whose.
    pub agency: AgencyId,
    /// Format; `None`: `auto`.
    pub format: Option<String>,
    /// IANA zone; `None`: Asia/Seoul.
    pub timezone: Option<String>,
    /// Silent after, minutes.
    pub silent_after_minutes: Option<u32>,
    /// Written by the demo.
    pub example: bool,
}

/// What to change; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ChangeSource {
    /// Name.
    pub name: Option<String>,
    /// Format.
    pub format: Option<String>,
    /// Zone.
    pub timezone: Option<String>,
    /// Silent after, minutes.
    pub silent_after_minutes: Option<u32>,
    /// Taken in?
    pub enabled: Option<bool>,
}

/// A line was seen.
#[derive(Clone, Debug)]
pub struct SourceSeen {
    /// Source.
    pub source: SourceId,
    /// Receipt of its newest line.
    pub at: Micros,
    /// Format recognised.
    pub recognised: Option<String>,
}

/// An unknown sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Its address.
    pub address: String,
    /// `udp`, `tcp`, `tls`.
    pub transport: String,
    /// First line.
    pub first_seen: Micros,
    /// Last line.
    pub last_seen: Micros,
    /// Lines so far.
    pub lines: u64,
    /// Format recognised.
    pub recognised: Option<String>,
    /// Newest line, cut.
    pub sample: String,
}

/// Lines of an unknown sender since the last report.
#[derive(Clone, Debug)]
pub struct QuarantineSeen {
    /// Its address.
    pub address: String,
    /// `udp`, `tcp`, `tls`.
    pub transport: String,
    /// Receipt of the newest line.
    pub at: Micros,
    /// Lines since the last report.
    pub lines: u64,
    /// Format recognised.
    pub recognised: Option<String>,
    /// Newest line.
    pub sample: String,
}

fn read(row: &SqliteRow) -> std::result::Result<SourceRow, sqlx::Error> {
    Ok(SourceRow {
        id: SourceId(row.u32("id")?),
        name: row.text("name")?,
        agency: row.agency("agency_id")?,
        from: row.text("sender")?,
        format: row.text("format")?,
        recognised: row.maybe_text("recognised")?,
        timezone: row.text("timezone")?,
        silent_after_minutes: row.u32("silent_after_minutes")?,
        enabled: row.truth("enabled")?,
        last_seen: row.maybe_time("last_seen_at")?,
        example: row.truth("example")?,
        removed: row.maybe_int("removed_at")?.is_some(),
    })
}

fn check(name: &str, timezone: &str, silent_after_minutes: u32) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(StateError::invalid(format!("a source's name has 1 to {NAME_CHARS_MAX} characters")));
    }
    if jiff::tz::TimeZone::get(timezone).is_err() {
        return Err(StateError::invalid(format!("`{timezone}` is no time zone; write it as Asia/Seoul")));
    }
    if !(1..=SILENT_MINUTES_MAX).contains(&silent_after_minutes) {
        return Err(StateError::invalid("a source is silent after 1 minute to a year"));
    }
    Ok(())
}

/// A sender as it is compared: an address or a prefix in its one way of writing.
fn sender(from: &str) -> Result<String> {
    let from = from.trim();
    if let Some(agent) = from.strip_prefix("agent:")
        && !agent.is_empty()
    {
        return Ok(from.to_owned());
    }
    let net = from.parse::<ipnet::IpNet>().or_else(|_| from.parse::<std::net::IpAddr>().map(ipnet::IpNet::from));
    let net =
        net.map_err(|_| StateError::invalid(format!("`{from}` is no address; write it as 192.0.2.7 or 192.0.2.0/24")))?;
    let net = bongsu_domain::canonical(net);
    Ok(if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() })
}

pub(crate) async fn insert(conn: &mut SqliteConnection, by: &Change<'_>, new: &NewSource) -> Result<SourceRow> {
    let timezone = new.timezone.as_deref().unwrap_or("Asia/Seoul");
    let silent = new.silent_after_minutes.unwrap_or(SILENT_AFTER_MINUTES);
    check(&new.name, timezone, silent)?;
    let row = sqlx::query(
        "INSERT INTO sources (name, agency_id, sender, format, timezone, silent_after_minutes, enabled, example, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8) RETURNING *",
    )
    .bind(&new.name)
    .bind(i64::from(new.agency.0))
    .bind(sender(&new.from)?)
    .bind(new.format.as_deref().unwrap_or("auto"))
    .bind(timezone)
    .bind(i64::from(silent))
    .bind(i64::from(new.example))
    .bind(by.now.0)
    .fetch_one(&mut *conn)
    .await
    .map_err(|e| unique(e, "a source with this sender exists; change it instead"))?;
    audit::append(conn, by, "source.create", &format!("source {}", new.name), Some(new.agency), &new.from).await?;
    Ok(read(&row)?)
}

impl State {
    /// Registered sources in scope, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sources(&self, scope: &Scope) -> Result<Vec<SourceRow>> {
        self.list_sources(scope, "removed_at IS NULL").await
    }

    /// The same with those removed: their events keep their names.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sources_ever(&self, scope: &Scope) -> Result<Vec<SourceRow>> {
        self.list_sources(scope, "1 = 1").await
    }

    async fn list_sources(&self, scope: &Scope, which: &str) -> Result<Vec<SourceRow>> {
        let mut query = QueryBuilder::new("SELECT * FROM sources WHERE ");
        query.push(which).push(" AND ");
        push_scope(&mut query, "agency_id", scope);
        query.push(" ORDER BY name, id");
        let rows = query.build().fetch_all(&self.readers).await?;
        Ok(rows.iter().map(read).collect::<std::result::Result<_, _>>()?)
    }

    /// One registered source in scope.
    ///
    /// # Errors
    /// It is not there or out of scope.
    pub async fn source(&self, scope: &Scope, id: SourceId) -> Result<SourceRow> {
        let mut query = QueryBuilder::new("SELECT * FROM sources WHERE removed_at IS NULL AND id = ");
        query.push_bind(i64::from(id.0)).push(" AND ");
        push_scope(&mut query, "agency_id", scope);
        let row = query.build().fetch_optional(&self.readers).await?.ok_or(StateError::NotFound("source"))?;
        Ok(read(&row)?)
    }

    /// Register a source. A sender that waits in quarantine leaves it.
    ///
    /// # Errors
    /// The agency is out of scope, the sender is taken or no address, the zone unknown.
    pub async fn create_source(&self, by: &Change<'_>, scope: &Scope, new: &NewSource) -> Result<SourceRow> {
        if !scope.holds(new.agency) || self.tree().get(new.agency).is_none() {
            return Err(StateError::NotFound("agency"));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let row = insert(&mut tx, by, new).await?;
        sqlx::query("DELETE FROM quarantine WHERE address = $1").bind(&row.from).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Adopt a sender that waits in quarantine.
    ///
    /// # Errors
    /// As [`State::create_source`]; or no such sender waits.
    pub async fn adopt_sender(&self, by: &Change<'_>, scope: &Scope, new: &NewSource) -> Result<SourceRow> {
        let waits = sqlx::query("SELECT address FROM quarantine WHERE address = $1")
            .bind(sender(&new.from)?)
            .fetch_optional(&self.readers)
            .await?;
        if waits.is_none() {
            return Err(StateError::NotFound("sender in quarantine"));
        }
        self.create_source(by, scope, new).await
    }

    /// Change one in scope.
    ///
    /// # Errors
    /// It is out of scope, or the zone is unknown.
    pub async fn change_source(
        &self,
        by: &Change<'_>,
        scope: &Scope,
        id: SourceId,
        to: &ChangeSource,
    ) -> Result<SourceRow> {
        let old = self.source(scope, id).await?;
        let name = to.name.as_ref().unwrap_or(&old.name);
        let timezone = to.timezone.as_ref().unwrap_or(&old.timezone);
        let silent = to.silent_after_minutes.unwrap_or(old.silent_after_minutes);
        let format = to.format.as_ref().unwrap_or(&old.format);
        let enabled = to.enabled.unwrap_or(old.enabled);
        check(name, timezone, silent)?;
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query(
            "UPDATE sources SET name = $1, timezone = $2, silent_after_minutes = $3, format = $4, enabled = $5 WHERE id = $6 RETURNING *",
        )
        .bind(name)
        .bind(timezone)
        .bind(i64::from(silent))
        .bind(format)
        .bind(i64::from(enabled))
        .bind(i64::from(id.0))
        .fetch_one(&mut *tx)
        .await?;
        let what =
            format!("{name}, {format}, {timezone}, silent after {silent} min, {}", if enabled { "on" } else { "off" });
        audit::append(&mut tx, by, "source.change", &format!("source {}", old.name), Some(old.agency), &what).await?;
        tx.commit().await?;
        Ok(read(&row)?)
    }

    /// Remove one in scope; its events stay.
    ///
    /// # Errors
    /// It is out of scope.
    pub async fn remove_source(&self, by: &Change<'_>, scope: &Scope, id: SourceId) -> Result<()> {
        let old = self.source(scope, id).await?;
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("UPDATE sources SET removed_at = $2, enabled = 0 WHERE id = $1")
            .bind(i64::from(id.0))
            .bind(by.now.0)
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, by, "source.remove", &format!("source {}", old.name), Some(old.agency), &old.from)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Note when sources were last heard, a batch every few seconds. No audit: it is no change by anybody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sources_seen(&self, seen: &[SourceSeen]) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        for s in seen {
            sqlx::query(
                "UPDATE sources SET last_seen_at = CASE WHEN last_seen_at > $2 THEN last_seen_at ELSE $2 END, \
                 recognised = COALESCE($3, recognised) WHERE id = $1",
            )
            .bind(i64::from(s.source.0))
            .bind(s.at.0)
            .bind(s.recognised.as_deref())
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Unknown senders, most lines first. They belong to no agency: only who sees every agency sees them.
    ///
    /// # Errors
    /// The scope does not hold every agency.
    pub async fn quarantine(&self, scope: &Scope) -> Result<Vec<QuarantineRow>> {
        if !self.sees_all(scope) {
            return Err(StateError::Forbidden("unknown senders are shown to who sees every agency".to_owned()));
        }
        let rows = sqlx::query("SELECT * FROM quarantine ORDER BY lines DESC, address LIMIT 1000")
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|r| {
                Ok(QuarantineRow {
                    address: r.text("address")?,
                    transport: r.text("transport")?,
                    first_seen: r.time("first_seen_at")?,
                    last_seen: r.time("last_seen_at")?,
                    lines: r.u64("lines")?,
                    recognised: r.maybe_text("recognised")?,
                    sample: r.text("sample")?,
                })
            })
            .collect()
    }

    /// Note lines of unknown senders, a batch every few seconds.
    ///
    /// # Errors
    /// The database fails.
    pub async fn quarantine_seen(&self, seen: &[QuarantineSeen]) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        for s in seen {
            sqlx::query(
                "INSERT INTO quarantine (address, transport, first_seen_at, last_seen_at, lines, recognised, sample) \
                 VALUES ($1, $2, $3, $3, $4, $5, $6) ON CONFLICT (address, transport) DO UPDATE SET \
                 last_seen_at = excluded.last_seen_at, lines = quarantine.lines + excluded.lines, \
                 recognised = COALESCE(excluded.recognised, quarantine.recognised), sample = excluded.sample",
            )
            .bind(&s.address)
            .bind(&s.transport)
            .bind(s.at.0)
            .bind(big(s.lines))
            .bind(s.recognised.as_deref())
            .bind(s.sample.chars().take(SAMPLE_CHARS_MAX).collect::<String>())
            .execute(&mut *tx)
            .await?;
        }
        sqlx::query(
            "DELETE FROM quarantine WHERE last_seen_at < (SELECT last_seen_at FROM quarantine ORDER BY last_seen_at DESC LIMIT 1 OFFSET $1)",
        )
        .bind(i64::from(QUARANTINE_ROWS_MAX))
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }
}
