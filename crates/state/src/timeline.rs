//! What happened to an alert or a block, in order. A block made for an alert writes into both.

use bongsu_domain::{Actor, ActorKind, AlertId, BlockId};
use bongsu_event::Micros;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, SqliteConnection};

use crate::row::{Columns, push_in};
use crate::{Change, Result, State};

/// Entries of one alert or block that are read, the newest.
const ENTRIES_MAX: i64 = 500;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineRow {
    /// Alert, if it is about one.
    pub alert: Option<AlertId>,
    /// Block, if it is about one.
    pub block: Option<BlockId>,
    /// When.
    pub at: Micros,
    /// `detected`, `acknowledged`, `note`, `closed`, `reopened`, `block_requested`, `block_approved`,
    /// `block_applied`, `block_refused`, `block_undone`, `block_expired`.
    pub kind: String,
    /// What kind of actor.
    pub actor: ActorKind,
    /// Their name.
    pub actor_name: String,
    /// In words.
    pub text: String,
}

impl TimelineRow {
    fn read(row: &SqliteRow) -> std::result::Result<Self, sqlx::Error> {
        Ok(Self {
            alert: row.maybe_int("alert_id")?.map(AlertId),
            block: row.maybe_int("block_id")?.map(BlockId),
            at: row.time("at")?,
            kind: row.text("kind")?,
            actor: row.word("actor_kind", ActorKind::from_name)?,
            actor_name: row.text("actor_name")?,
            text: row.text("text")?,
        })
    }
}

pub(crate) async fn add(
    conn: &mut SqliteConnection,
    alert: Option<AlertId>,
    block: Option<BlockId>,
    by: &Change<'_>,
    kind: &str,
    text: &str,
) -> Result<TimelineRow> {
    add_as(conn, alert, block, by.now, by.actor, kind, text).await
}

pub(crate) async fn add_as(
    conn: &mut SqliteConnection,
    alert: Option<AlertId>,
    block: Option<BlockId>,
    at: Micros,
    actor: &Actor,
    kind: &str,
    text: &str,
) -> Result<TimelineRow> {
    let row = sqlx::query(
        "INSERT INTO timeline (alert_id, block_id, at, kind, actor_kind, actor_name, text) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *",
    )
    .bind(alert.map(|a| a.0))
    .bind(block.map(|b| b.0))
    .bind(at.0)
    .bind(kind)
    .bind(actor.kind.name())
    .bind(&actor.name)
    .bind(text)
    .fetch_one(conn)
    .await?;
    Ok(TimelineRow::read(&row)?)
}

impl State {
    /// Entries of an alert, oldest first; whoever calls has read the alert in scope.
    pub(crate) async fn timeline_of_alert(&self, alert: AlertId) -> Result<Vec<TimelineRow>> {
        let rows = sqlx::query("SELECT * FROM timeline WHERE alert_id = $1 ORDER BY id DESC LIMIT $2")
            .bind(alert.0)
            .bind(ENTRIES_MAX)
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.iter().rev().map(TimelineRow::read).collect::<std::result::Result<_, _>>()?)
    }

    /// Entries of blocks, oldest first; whoever calls has read the blocks in scope.
    pub(crate) async fn timeline_of_blocks(&self, blocks: &[BlockId]) -> Result<Vec<TimelineRow>> {
        let mut query = QueryBuilder::new("SELECT * FROM timeline WHERE ");
        push_in(&mut query, "block_id", blocks.iter().map(|b| b.0));
        query.push(" ORDER BY id");
        let rows = query.build().fetch_all(&self.readers).await?;
        Ok(rows.iter().map(TimelineRow::read).collect::<std::result::Result<_, _>>()?)
    }
}
