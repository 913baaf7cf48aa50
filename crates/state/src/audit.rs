//! The audit log: append-only, hash-chained, one entry for each change and each look at personal data.
//!
//! Invariant: an entry's hash covers all its columns and the hash before it, and numbers have no gaps; triggers
//! refuse UPDATE and DELETE, `verify` finds what was done behind their back.

use std::net::IpAddr;

use bongsu_domain::{Actor, ActorKind, UserId};
use bongsu_event::{AgencyId, Micros, Scope};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use crate::row::{Columns, address_text, like, next_cursor, offset_of, push_scope, small};
use crate::{Change, Result, State};

/// Most entries on a page.
const ROWS_MAX: u32 = 500;
/// Deepest page, rows.
const OFFSET_MAX: u32 = 1_000_000;
/// Entries read at a time while checking the chain.
const VERIFY_ROWS: i64 = 2_000;
/// Longest text of an entry, characters.
const TEXT_CHARS_MAX: usize = 8_000;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Number, without gaps.
    pub id: i64,
    /// When.
    pub at: Micros,
    /// Who, and from where.
    pub actor: Actor,
    /// What, as `block.create`.
    pub action: String,
    /// Of what, as `block B-311`.
    pub object: String,
    /// Whose.
    pub agency: Option<AgencyId>,
    /// Why and what changed.
    pub text: String,
    /// Over this entry and the hash before it.
    pub hash: Vec<u8>,
}

/// Entries, newest first.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// All that match.
    pub total: u64,
    /// Rows.
    pub rows: Vec<AuditRow>,
    /// Ask again with this.
    pub next: Option<String>,
}

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Action begins with this.
    pub action: Option<String>,
    /// Actor, object or text holds this.
    pub text: Option<String>,
    /// Exactly this object.
    pub object: Option<String>,
    /// Rows, at most 500; 0 for 100.
    pub limit: u32,
    /// From `next`.
    pub cursor: Option<String>,
}

/// Is the chain whole?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditChain {
    /// Entries checked.
    pub entries: u64,
    /// First entry that does not fit.
    pub first_bad: Option<i64>,
    /// The last hash that fits: note it elsewhere, and a cut-off tail is found too.
    pub head: [u8; 32],
}

/// Write an entry; to be called in the transaction of the change itself.
pub(crate) async fn append(
    conn: &mut SqliteConnection,
    by: &Change<'_>,
    action: &str,
    object: &str,
    agency: Option<AgencyId>,
    text: &str,
) -> Result<()> {
    let last = sqlx::query("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetch_optional(&mut *conn).await?;
    let (before, hash) = match &last {
        Some(row) => (row.int("id")?, row.try_get::<Vec<u8>, _>("hash")?),
        None => (0, Vec::new()),
    };
    let text = match (by.reason, text) {
        ("", t) => t.to_owned(),
        (r, "") => r.to_owned(),
        (r, t) => format!("{t}: {r}"),
    };
    let mut entry = AuditRow {
        id: before + 1,
        at: by.now,
        actor: by.actor.clone(),
        action: action.to_owned(),
        object: object.to_owned(),
        agency,
        text: text.chars().take(TEXT_CHARS_MAX).collect(),
        hash: Vec::new(),
    };
    entry.hash = entry.digest(&hash).to_vec();
    sqlx::query(
        "INSERT INTO audit (id, at, actor_kind, actor_name, actor_user_id, address, action, object, agency_id, text, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(entry.id)
    .bind(entry.at.0)
    .bind(entry.actor.kind.name())
    .bind(&entry.actor.name)
    .bind(entry.actor.user.map(|u| i64::from(u.0)))
    .bind(address_text(entry.actor.address))
    .bind(&entry.action)
    .bind(&entry.object)
    .bind(entry.agency.map(|a| i64::from(a.0)))
    .bind(&entry.text)
    .bind(&entry.hash)
    .execute(conn)
    .await?;
    Ok(())
}

impl AuditRow {
    fn read(row: &SqliteRow) -> std::result::Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.int("id")?,
            at: row.time("at")?,
            actor: Actor {
                kind: row.word("actor_kind", ActorKind::from_name)?,
                name: row.text("actor_name")?,
                user: row.maybe_int("actor_user_id")?.map(|n| UserId(small(n))),
                address: row.maybe_text("address")?.and_then(|a| a.parse::<IpAddr>().ok()),
            },
            action: row.text("action")?,
            object: row.text("object")?,
            agency: row.maybe_int("agency_id")?.map(|n| AgencyId(small(n))),
            text: row.text("text")?,
            hash: row.try_get("hash")?,
        })
    }
    /// Each part with its length before it, so that no two entries read the same.
    fn digest(&self, before: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(before);
        part(&self.id.to_be_bytes());
        part(&self.at.0.to_be_bytes());
        part(self.actor.kind.name().as_bytes());
        part(self.actor.name.as_bytes());
        part(self.actor.user.map(|u| u.0.to_be_bytes()).as_ref().map_or(&[], |b| b.as_slice()));
        part(address_text(self.actor.address).unwrap_or_default().as_bytes());
        part(self.action.as_bytes());
        part(self.object.as_bytes());
        part(self.agency.map(|a| a.0.to_be_bytes()).as_ref().map_or(&[], |b| b.as_slice()));
        part(self.text.as_bytes());
        hash.finalize().into()
    }
}

impl State {
    /// Entries in scope, newest first. What belongs to no agency is seen by who sees every agency.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit(&self, scope: &Scope, filter: &AuditFilter) -> Result<AuditPage> {
        let whole = self.sees_all(scope);
        let limit = if filter.limit == 0 { 100 } else { filter.limit.min(ROWS_MAX) };
        let offset = offset_of(filter.cursor.as_deref(), OFFSET_MAX);
        let mut count = QueryBuilder::new("SELECT COUNT(*) AS n FROM audit WHERE ");
        filter.push(&mut count, scope, whole);
        let total = count.build().fetch_one(&self.readers).await?.u64("n")?;
        let mut query = QueryBuilder::new("SELECT * FROM audit WHERE ");
        filter.push(&mut query, scope, whole);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ").push_bind(offset);
        let found = query.build().fetch_all(&self.readers).await?;
        let rows = found.iter().map(AuditRow::read).collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(AuditPage { total, next: next_cursor(offset, rows.len(), total), rows })
    }

    /// Check the whole chain, from the first entry.
    ///
    /// # Errors
    /// The database fails.
    pub async fn verify_audit(&self) -> Result<AuditChain> {
        let mut chain = AuditChain { entries: 0, first_bad: None, head: [0; 32] };
        let mut before: Vec<u8> = Vec::new();
        let mut last = 0_i64;
        loop {
            let found = sqlx::query("SELECT * FROM audit WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(last)
                .bind(VERIFY_ROWS)
                .fetch_all(&self.readers)
                .await?;
            if found.is_empty() {
                return Ok(chain);
            }
            for row in &found {
                let id = row.int("id")?;
                let hash = AuditRow::read(row).ok().map(|e| (e.digest(&before), e.hash));
                match hash {
                    Some((computed, stored)) if id == last + 1 && computed.as_slice() == stored => {
                        chain.head = computed;
                        before = stored;
                    }
                    _ => {
                        chain.first_bad = Some(id.min(last + 1));
                        return Ok(chain);
                    }
                }
                last = id;
                chain.entries += 1;
            }
        }
    }

    /// Number and hash of the last entry; `None` of an empty log.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit_head(&self) -> Result<Option<(i64, Vec<u8>)>> {
        let last = sqlx::query("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
        let row = last.fetch_optional(&self.readers).await?;
        row.map(|r| Ok((r.int("id")?, r.try_get("hash")?))).transpose()
    }

    /// The hash of one entry.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit_hash(&self, entry: i64) -> Result<Option<Vec<u8>>> {
        let found = sqlx::query("SELECT hash FROM audit WHERE id = $1").bind(entry);
        let row = found.fetch_optional(&self.readers).await?;
        row.map(|r| Ok(r.try_get("hash")?)).transpose()
    }

    /// Note a look at personal data, or an action that changes nothing here.
    ///
    /// # Errors
    /// The database fails: then what was to be looked at must not be shown.
    pub async fn note_look(
        &self,
        by: &Change<'_>,
        action: &str,
        object: &str,
        agency: Option<AgencyId>,
        text: &str,
    ) -> Result<()> {
        use sqlx::Connection;
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        append(&mut tx, by, action, object, agency, text).await?;
        Ok(tx.commit().await?)
    }
}

impl AuditFilter {
    fn push(&self, query: &mut QueryBuilder<'_, Sqlite>, scope: &Scope, whole: bool) {
        query.push("(");
        push_scope(query, "agency_id", scope);
        query.push(if whole { " OR agency_id IS NULL)" } else { ")" });
        if let Some(action) = &self.action {
            let pattern = like(action).split_off(1);
            query.push(" AND action LIKE ").push_bind(pattern).push(" ESCAPE '\\'");
        }
        if let Some(object) = &self.object {
            query.push(" AND object = ").push_bind(object.clone());
        }
        if let Some(text) = &self.text {
            let pattern = like(text);
            query.push(" AND (actor_name LIKE ").push_bind(pattern.clone());
            query.push(" ESCAPE '\\' OR object LIKE ").push_bind(pattern.clone());
            query.push(" ESCAPE '\\' OR text LIKE ").push_bind(pattern).push(" ESCAPE '\\')");
        }
    }
}
