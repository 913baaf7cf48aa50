//! Where each consumer of the journal stands, and what it needs to go on. No agency's data: no scope.

use bongsu_event::EventId;
use sqlx::{Connection, Row, SqliteConnection};

use crate::row::{Columns, big};
use crate::{Result, State};

/// Through which journal sequence a consumer is done, with its checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// As `alerts`.
    pub consumer: String,
    /// Done through here.
    pub through: EventId,
    /// What it needs to go on (correlation windows); `None` leaves what is stored.
    pub data: Option<Vec<u8>>,
}

pub(crate) async fn commit(conn: &mut SqliteConnection, position: &Position) -> Result<()> {
    let text = if position.data.is_some() {
        "INSERT INTO checkpoints (consumer, epoch, sequence, data) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (consumer) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence, data = excluded.data"
    } else {
        "INSERT INTO checkpoints (consumer, epoch, sequence, data) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (consumer) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence"
    };
    sqlx::query(text)
        .bind(&position.consumer)
        .bind(i64::from(position.through.epoch))
        .bind(big(position.through.sequence))
        .bind(position.data.as_deref())
        .execute(conn)
        .await?;
    Ok(())
}

impl State {
    /// Where a consumer stands; `None` before its first commit.
    ///
    /// # Errors
    /// The database fails.
    pub async fn position(&self, consumer: &str) -> Result<Option<Position>> {
        let row = sqlx::query("SELECT * FROM checkpoints WHERE consumer = $1")
            .bind(consumer)
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Position {
            consumer: consumer.to_owned(),
            through: EventId { epoch: row.u32("epoch")?, sequence: row.u64("sequence")? },
            data: row.try_get("data")?,
        }))
    }

    /// Commit a position that comes with no detections.
    ///
    /// # Errors
    /// The database fails.
    pub async fn commit_position(&self, position: &Position) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        commit(&mut tx, position).await?;
        Ok(tx.commit().await?)
    }
}
