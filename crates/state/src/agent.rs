//! Agents: enrolment by single-use token, certificates, inputs and the sources behind them.
//!
//! Invariant: an agent's agency comes from its token and never from what it says; an input's lines belong to the
//! source that stands here.

use bongsu_domain::{Enforce, TOKEN_HOURS_MAX};
use bongsu_event::{AgencyId, AgentId, Micros, Scope, SourceId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, SqliteConnection};

use crate::error::unique;
use crate::row::{Columns, big, push_scope, small};
use crate::source::{self, NewSource};
use crate::{Change, Result, State, StateError, audit, point};

/// Most inputs of one agent.
const INPUTS_MAX: usize = 64;
/// Longest name, characters.
const NAME_CHARS_MAX: usize = 64;
/// Longest input text (glob, unit, address), characters.
const WHAT_CHARS_MAX: usize = 500;

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRow {
    /// Id.
    pub id: AgentId,
    /// Name.
    pub name: String,
    /// Whose.
    pub agency: AgencyId,
    /// What it does with blocks.
    pub enforce: Enforce,
    /// Grows with each change of its configuration.
    pub config_version: u64,
    /// Last report.
    pub hostname: Option<String>,
    /// Its program's version.
    pub version: Option<String>,
    /// Address it came from.
    pub address: Option<String>,
    /// Serial of its certificate.
    pub certificate_serial: Option<String>,
    /// SHA-256 of its certificate, hex.
    pub certificate_fingerprint: Option<String>,
    /// Certificate until.
    pub certificate_until: Option<Micros>,
    /// Last message.
    pub last_seen: Option<Micros>,
    /// Lines waiting in its spool.
    pub spool_lines: Option<u64>,
    /// Bytes in its spool.
    pub spool_bytes: Option<u64>,
    /// Lines it had to drop.
    pub spool_dropped: Option<u64>,
    /// Memory, bytes.
    pub rss_bytes: Option<u64>,
    /// Last trouble it reported.
    pub trouble: Option<String>,
    /// Worth nothing any more.
    pub revoked: bool,
    /// What it collects.
    pub inputs: Vec<InputRow>,
}

/// Something an agent collects, and the source its lines belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRow {
    /// Number in the agent's records.
    pub input: u32,
    /// What.
    pub spec: AgentInput,
    /// The source.
    pub source: SourceId,
}

/// What to collect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentInput {
    /// `tail`, `journald`, `syslog_udp`, `syslog_tcp`.
    pub kind: String,
    /// File glob, unit filter or listen address.
    pub what: String,
    /// Name of the source.
    pub source: String,
    /// Format or `auto`.
    pub format: String,
    /// Zone.
    pub timezone: String,
}

/// The same as asked for.
pub type NewInput = AgentInput;

/// A token not yet used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// For an agent of this name.
    pub name: String,
    /// Whose.
    pub agency: AgencyId,
    /// Until.
    pub expires_at: Micros,
}

/// What a used token made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The agent from now on.
    pub agent: AgentId,
    /// Its name.
    pub name: String,
    /// Whose, as the token says.
    pub agency: AgencyId,
}

/// A certificate given to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Serial.
    pub serial: String,
    /// SHA-256, hex.
    pub fingerprint: String,
    /// Until.
    pub until: Micros,
}

/// What an agent reported; `None` leaves what is stored.
#[derive(Clone, Debug, Default)]
pub struct AgentSeen {
    /// Its host name.
    pub hostname: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Address it came from.
    pub address: Option<String>,
    /// Lines waiting.
    pub spool_lines: Option<u64>,
    /// Bytes waiting.
    pub spool_bytes: Option<u64>,
    /// Lines dropped.
    pub spool_dropped: Option<u64>,
    /// Memory, bytes.
    pub rss_bytes: Option<u64>,
    /// Trouble; `Some("")` clears it.
    pub trouble: Option<String>,
}

fn read(row: &SqliteRow) -> std::result::Result<AgentRow, sqlx::Error> {
    Ok(AgentRow {
        id: AgentId(row.u32("id")?),
        name: row.text("name")?,
        agency: row.agency("agency_id")?,
        enforce: row.word("enforce", Enforce::from_name)?,
        config_version: row.u64("config_version")?,
        hostname: row.maybe_text("hostname")?,
        version: row.maybe_text("version")?,
        address: row.maybe_text("address")?,
        certificate_serial: row.maybe_text("certificate_serial")?,
        certificate_fingerprint: row.maybe_text("certificate_fingerprint")?,
        certificate_until: row.maybe_time("certificate_until")?,
        last_seen: row.maybe_time("last_seen_at")?,
        spool_lines: row.maybe_u64("spool_lines")?,
        spool_bytes: row.maybe_u64("spool_bytes")?,
        spool_dropped: row.maybe_u64("spool_dropped")?,
        rss_bytes: row.maybe_u64("rss_bytes")?,
        trouble: row.maybe_text("trouble")?.filter(|t| !t.is_empty()),
        revoked: row.maybe_int("revoked_at")?.is_some(),
        inputs: Vec::new(),
    })
}

fn read_input(row: &SqliteRow) -> std::result::Result<(AgentId, InputRow), sqlx::Error> {
    let spec = AgentInput {
        kind: row.text("kind")?,
        what: row.text("what")?,
        source: row.text("name")?,
        format: row.text("format")?,
        timezone: row.text("timezone")?,
    };
    let input = InputRow { input: row.u32("input_id")?, spec, source: SourceId(row.u32("source_id")?) };
    Ok((AgentId(row.u32("agent_id")?), input))
}

const INPUTS: &str = "SELECT i.agent_id, i.input_id, i.kind, i.what, i.source_id, s.name, s.format, s.timezone \
     FROM agent_inputs i JOIN sources s ON s.id = i.source_id WHERE i.removed_at IS NULL ORDER BY i.input_id";

impl State {
    async fn with_inputs(&self, rows: &[SqliteRow]) -> Result<Vec<AgentRow>> {
        let mut agents = rows.iter().map(read).collect::<std::result::Result<Vec<_>, _>>()?;
        for row in sqlx::query(INPUTS).fetch_all(&self.readers).await? {
            let (agent, input) = read_input(&row)?;
            if let Some(a) = agents.iter_mut().find(|a| a.id == agent) {
                a.inputs.push(input);
            }
        }
        Ok(agents)
    }

    /// Agents in scope, by name; revoked ones last.
    ///
    /// # Errors
    /// The database fails.
    pub async fn agents(&self, scope: &Scope) -> Result<Vec<AgentRow>> {
        let mut query = QueryBuilder::new("SELECT * FROM agents WHERE ");
        push_scope(&mut query, "agency_id", scope);
        query.push(" ORDER BY CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END, name, id");
        let rows = query.build().fetch_all(&self.readers).await?;
        self.with_inputs(&rows).await
    }

    /// One agent in scope.
    ///
    /// # Errors
    /// It is not there or out of scope.
    pub async fn agent(&self, scope: &Scope, id: AgentId) -> Result<AgentRow> {
        let mut query = QueryBuilder::new("SELECT * FROM agents WHERE id = ");
        query.push_bind(i64::from(id.0)).push(" AND ");
        push_scope(&mut query, "agency_id", scope);
        let rows = query.build().fetch_all(&self.readers).await?;
        self.with_inputs(&rows).await?.pop().ok_or(StateError::NotFound("agent"))
    }

    /// Does this certificate still speak for this agent? No scope: the certificate is the right. After a renewal
    /// the old one is worth nothing.
    ///
    /// # Errors
    /// The database fails.
    pub async fn certificate_holds(&self, id: AgentId, fingerprint: &str) -> Result<bool> {
        let row =
            sqlx::query("SELECT id FROM agents WHERE id = $1 AND certificate_fingerprint = $2 AND revoked_at IS NULL")
                .bind(i64::from(id.0))
                .bind(fingerprint)
                .fetch_optional(&self.readers)
                .await?;
        Ok(row.is_some())
    }

    /// An enrolment token, stored as its hash.
    ///
    /// # Errors
    /// The agency is out of scope, the name taken or too long, the token would live too long.
    pub async fn create_token(
        &self,
        by: &Change<'_>,
        scope: &Scope,
        name: &str,
        agency: AgencyId,
        token_hash: &[u8; 32],
        expires_at: Micros,
    ) -> Result<()> {
        if !scope.holds(agency) || self.tree().get(agency).is_none() {
            return Err(StateError::NotFound("agency"));
        }
        let fits = !name.is_empty()
            && name.len() <= NAME_CHARS_MAX
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !fits {
            return Err(StateError::invalid("an agent's name is 1 to 64 of A-Z a-z 0-9 . _ -"));
        }
        if expires_at <= by.now || expires_at > by.now.plus_seconds(i64::from(TOKEN_HOURS_MAX) * 3600) {
            return Err(StateError::invalid(format!("an enrolment token lives 1 to {TOKEN_HOURS_MAX} hours")));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let taken = sqlx::query("SELECT id FROM agents WHERE name = $1 AND revoked_at IS NULL")
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
        if taken.is_some() {
            return Err(StateError::conflict(
                "an agent with this name is enrolled; revoke it first or choose another name",
            ));
        }
        sqlx::query("DELETE FROM enrolment_tokens WHERE (name = $1 AND used_at IS NULL) OR expires_at <= $2")
            .bind(name)
            .bind(by.now.0)
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT INTO enrolment_tokens (token_hash, name, agency_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(token_hash.as_slice())
            .bind(name)
            .bind(i64::from(agency.0))
            .bind(by.now.0)
            .bind(expires_at.0)
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, by, "agent.token", &format!("agent {name}"), Some(agency), "enrolment token made")
            .await?;
        Ok(tx.commit().await?)
    }

    /// Tokens in scope that can still be used.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open_tokens(&self, scope: &Scope, now: Micros) -> Result<Vec<TokenRow>> {
        let mut query = QueryBuilder::new("SELECT * FROM enrolment_tokens WHERE used_at IS NULL AND expires_at > ");
        query.push_bind(now.0).push(" AND ");
        push_scope(&mut query, "agency_id", scope);
        query.push(" ORDER BY expires_at");
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter()
            .map(|r| {
                Ok(TokenRow {
                    name: r.text("name")?,
                    agency: r.agency("agency_id")?,
                    expires_at: r.time("expires_at")?,
                })
            })
            .collect()
    }

    /// Use a token, once: makes the agent, in the token's agency and by the token's name.
    ///
    /// # Errors
    /// The token is unknown, used or too old (the three look alike), or the name was enrolled meanwhile.
    pub async fn use_token(&self, token_hash: &[u8; 32], hostname: &str, now: Micros) -> Result<Enrolled> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query(
            "UPDATE enrolment_tokens SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING name, agency_id",
        )
        .bind(token_hash.as_slice())
        .bind(now.0)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(StateError::NotFound("enrolment token"))?;
        let (name, agency) = (row.text("name")?, row.agency("agency_id")?);
        let row = sqlx::query(
            "INSERT INTO agents (name, agency_id, enforce, config_version, hostname, enrolled_at) VALUES ($1, $2, 'off', 1, $3, $4) RETURNING id",
        )
        .bind(&name)
        .bind(i64::from(agency.0))
        .bind(hostname.chars().take(NAME_CHARS_MAX * 4).collect::<String>())
        .bind(now.0)
        .fetch_one(&mut *tx)
        .await
        .map_err(|e| unique(e, "an agent with this name is enrolled; revoke it first"))?;
        let agent = AgentId(row.u32("id")?);
        let actor = bongsu_domain::Actor::center();
        audit::append(
            &mut tx,
            &Change::new(&actor, now, ""),
            "agent.enrol",
            &format!("agent {name}"),
            Some(agency),
            hostname,
        )
        .await?;
        tx.commit().await?;
        Ok(Enrolled { agent, name, agency })
    }

    /// The certificate that speaks for an agent from now on.
    ///
    /// # Errors
    /// The agent is revoked.
    pub async fn set_certificate(&self, id: AgentId, certificate: &Certificate, now: Micros) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let row = sqlx::query(
            "UPDATE agents SET certificate_serial = $2, certificate_fingerprint = $3, certificate_until = $4 \
             WHERE id = $1 AND revoked_at IS NULL RETURNING name, agency_id",
        )
        .bind(i64::from(id.0))
        .bind(&certificate.serial)
        .bind(&certificate.fingerprint)
        .bind(certificate.until.0)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(StateError::NotFound("agent"))?;
        let actor = bongsu_domain::Actor::center();
        let (object, agency) = (format!("agent {}", row.text("name")?), Some(row.agency("agency_id")?));
        let what = format!("serial {}", certificate.serial);
        audit::append(&mut tx, &Change::new(&actor, now, ""), "agent.certificate", &object, agency, &what).await?;
        Ok(tx.commit().await?)
    }

    /// Configure an agent in scope: inputs (each with its source, made where new) and enforcement. An input keeps
    /// its number and source while its kind and text stay the same.
    ///
    /// # Errors
    /// It is out of scope or revoked; too many inputs, an unknown kind or zone.
    pub async fn change_agent(
        &self,
        by: &Change<'_>,
        scope: &Scope,
        id: AgentId,
        inputs: Option<&[NewInput]>,
        enforce: Option<Enforce>,
    ) -> Result<AgentRow> {
        let old = self.agent(scope, id).await?;
        if old.revoked {
            return Err(StateError::conflict("the agent is revoked; enrol it again"));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(inputs) = inputs {
            set_inputs(&mut tx, by, &old, inputs).await?;
        }
        let enforce = enforce.unwrap_or(old.enforce);
        sqlx::query("UPDATE agents SET enforce = $2, config_version = config_version + 1 WHERE id = $1")
            .bind(i64::from(id.0))
            .bind(enforce.name())
            .execute(&mut *tx)
            .await?;
        point::of_agent(&mut tx, &old, enforce, by.now).await?;
        let what = format!("{} inputs, enforcement {}", inputs.map_or(old.inputs.len(), <[_]>::len), enforce.name());
        audit::append(&mut tx, by, "agent.change", &format!("agent {}", old.name), Some(old.agency), &what).await?;
        tx.commit().await?;
        drop(conn);
        self.agent(scope, id).await
    }

    /// Revoke one in scope: its certificate is worth nothing, its sources stay with their events. The caller closes
    /// live connections.
    ///
    /// # Errors
    /// It is out of scope or revoked already.
    pub async fn revoke_agent(&self, by: &Change<'_>, scope: &Scope, id: AgentId) -> Result<()> {
        let old = self.agent(scope, id).await?;
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let done = sqlx::query(
            "UPDATE agents SET revoked_at = $2, certificate_fingerprint = NULL, enforce = 'off' WHERE id = $1 AND revoked_at IS NULL",
        )
        .bind(i64::from(id.0))
        .bind(by.now.0)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StateError::conflict("the agent is revoked already"));
        }
        for input in &old.inputs {
            remove_input(&mut tx, &old, input, by.now).await?;
        }
        point::of_agent(&mut tx, &old, Enforce::Off, by.now).await?;
        audit::append(&mut tx, by, "agent.revoke", &format!("agent {}", old.name), Some(old.agency), "").await?;
        Ok(tx.commit().await?)
    }

    /// Note what an agent reported. No audit: it is no change by anybody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn agent_seen(&self, id: AgentId, seen: &AgentSeen, now: Micros) -> Result<()> {
        let mut conn = self.writer.lock().await;
        sqlx::query(
            "UPDATE agents SET last_seen_at = $2, hostname = COALESCE($3, hostname), version = COALESCE($4, version), \
             address = COALESCE($5, address), spool_lines = COALESCE($6, spool_lines), spool_bytes = COALESCE($7, spool_bytes), \
             spool_dropped = COALESCE($8, spool_dropped), rss_bytes = COALESCE($9, rss_bytes), trouble = COALESCE($10, trouble) \
             WHERE id = $1",
        )
        .bind(i64::from(id.0))
        .bind(now.0)
        .bind(seen.hostname.as_deref())
        .bind(seen.version.as_deref())
        .bind(seen.address.as_deref())
        .bind(seen.spool_lines.map(big))
        .bind(seen.spool_bytes.map(big))
        .bind(seen.spool_dropped.map(big))
        .bind(seen.rss_bytes.map(big))
        .bind(seen.trouble.as_deref())
        .execute(&mut *conn)
        .await?;
        Ok(())
    }
}

async fn remove_input(tx: &mut SqliteConnection, agent: &AgentRow, input: &InputRow, now: Micros) -> Result<()> {
    sqlx::query("UPDATE agent_inputs SET removed_at = $3 WHERE agent_id = $1 AND input_id = $2")
        .bind(i64::from(agent.id.0))
        .bind(i64::from(input.input))
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    sqlx::query("UPDATE sources SET removed_at = $2, enabled = 0 WHERE id = $1")
        .bind(i64::from(input.source.0))
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

async fn set_inputs(tx: &mut SqliteConnection, by: &Change<'_>, agent: &AgentRow, inputs: &[NewInput]) -> Result<()> {
    if inputs.len() > INPUTS_MAX {
        return Err(StateError::invalid(format!("an agent has at most {INPUTS_MAX} inputs")));
    }
    for new in inputs {
        if !matches!(new.kind.as_str(), "tail" | "journald" | "syslog_udp" | "syslog_tcp") {
            return Err(StateError::invalid(format!(
                "`{}` is none of tail, journald, syslog_udp, syslog_tcp",
                new.kind
            )));
        }
        if new.what.chars().count() > WHAT_CHARS_MAX {
            return Err(StateError::invalid(format!("what an input reads has at most {WHAT_CHARS_MAX} characters")));
        }
        if inputs.iter().filter(|i| i.kind == new.kind && i.what == new.what).count() > 1 {
            return Err(StateError::invalid(format!(
                "{} {} is there twice; each input is read once",
                new.kind, new.what
            )));
        }
    }
    let same = |a: &AgentInput, b: &AgentInput| a.kind == b.kind && a.what == b.what;
    for gone in agent.inputs.iter().filter(|o| !inputs.iter().any(|n| same(&o.spec, n))) {
        remove_input(tx, agent, gone, by.now).await?;
    }
    let row = sqlx::query("SELECT COALESCE(MAX(input_id), 0) AS n FROM agent_inputs WHERE agent_id = $1")
        .bind(i64::from(agent.id.0))
        .fetch_one(&mut *tx)
        .await?;
    let mut last = small(row.int("n")?);
    for new in inputs {
        if let Some(old) = agent.inputs.iter().find(|o| same(&o.spec, new)) {
            if jiff::tz::TimeZone::get(&new.timezone).is_err() {
                return Err(StateError::invalid(format!("`{}` is no time zone; write it as Asia/Seoul", new.timezone)));
            }
            sqlx::query("UPDATE sources SET name = $2, format = $3, timezone = $4 WHERE id = $1")
                .bind(i64::from(old.source.0))
                .bind(&new.source)
                .bind(&new.format)
                .bind(&new.timezone)
                .execute(&mut *tx)
                .await?;
            continue;
        }
        last += 1;
        let source = NewSource {
            name: new.source.clone(),
            from: format!("agent:{}/{last}", agent.name),
            agency: agent.agency,
            format: Some(new.format.clone()),
            timezone: Some(new.timezone.clone()),
            silent_after_minutes: None,
            example: false,
        };
        let source = source::insert(tx, by, &source).await?;
        sqlx::query("INSERT INTO agent_inputs (agent_id, input_id, kind, what, source_id) VALUES ($1, $2, $3, $4, $5)")
            .bind(i64::from(agent.id.0))
            .bind(i64::from(last))
            .bind(&new.kind)
            .bind(&new.what)
            .bind(i64::from(source.id.0))
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}
