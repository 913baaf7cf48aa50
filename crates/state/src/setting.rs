//! Settings: the kill switch, and small words the center keeps (which folder is a demo's, its epoch). No scope.

use bongsu_domain::{Actor, ActorKind};
use bongsu_event::Micros;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, SqliteConnection};

use crate::row::Columns;
use crate::{Change, Ended, Result, State, StateError, audit, block};

/// The kill switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KillSwitch {
    /// Thrown?
    pub on: bool,
    /// Since.
    pub since: Option<Micros>,
    /// By.
    pub by: Option<Actor>,
    /// Why.
    pub reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    on: bool,
    since: i64,
    kind: String,
    name: String,
    reason: String,
}

const KILL_SWITCH: &str = "kill_switch";

async fn get(conn: &mut SqliteConnection, name: &str) -> Result<Option<String>> {
    let row = sqlx::query("SELECT value FROM settings WHERE name = $1").bind(name).fetch_optional(conn).await?;
    Ok(row.map(|r| r.text("value")).transpose()?)
}

async fn put(conn: &mut SqliteConnection, name: &str, value: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(conn)
    .await?;
    Ok(())
}

/// A switch that can't be read counts as thrown: nothing is blocked until somebody looks.
pub(crate) async fn kill_switch(conn: &mut SqliteConnection) -> Result<KillSwitch> {
    let Some(text) = get(conn, KILL_SWITCH).await? else { return Ok(KillSwitch::default()) };
    let Ok(s) = serde_json::from_str::<Stored>(&text) else {
        return Ok(KillSwitch {
            on: true,
            reason: Some("the stored switch can't be read".into()),
            ..KillSwitch::default()
        });
    };
    let kind = ActorKind::from_name(&s.kind).unwrap_or(ActorKind::Center);
    Ok(KillSwitch {
        on: s.on,
        since: Some(Micros(s.since)),
        by: Some(Actor { kind, name: s.name, user: None, address: None }),
        reason: Some(s.reason),
    })
}

impl State {
    /// The kill switch.
    ///
    /// # Errors
    /// The database fails.
    pub async fn kill_switch(&self) -> Result<KillSwitch> {
        let mut conn = self.readers.acquire().await?;
        kill_switch(&mut conn).await
    }

    /// Throw or release it. Thrown, it withdraws every automatic block in the same transaction; they are answered,
    /// to be lifted at their points at once. What was withdrawn stays so when it is released.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_kill_switch(&self, by: &Change<'_>, on: bool) -> Result<Vec<Ended>> {
        let stored = Stored {
            on,
            since: by.now.0,
            kind: by.actor.kind.name().to_owned(),
            name: by.actor.name.clone(),
            reason: by.reason.to_owned(),
        };
        let text = serde_json::to_string(&stored).map_err(|e| StateError::invalid(e.to_string()))?;
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        put(&mut tx, KILL_SWITCH, &text).await?;
        let withdrawn = if on { block::withdraw_automatic(&mut tx, by).await? } else { Vec::new() };
        let what = if on { format!("on, {} automatic blocks withdrawn", withdrawn.len()) } else { "off".to_owned() };
        audit::append(&mut tx, by, "kill_switch.set", "kill switch", None, &what).await?;
        tx.commit().await?;
        Ok(withdrawn)
    }

    /// A word the center keeps.
    ///
    /// # Errors
    /// The database fails.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        let mut conn = self.readers.acquire().await?;
        get(&mut conn, name).await
    }

    /// Keep a word.
    ///
    /// # Errors
    /// The name is one that has its own door.
    pub async fn set_setting(&self, by: &Change<'_>, name: &str, value: &str) -> Result<()> {
        if name == KILL_SWITCH {
            return Err(StateError::invalid("the kill switch has its own door"));
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        put(&mut tx, name, value).await?;
        audit::append(&mut tx, by, "setting.set", &format!("setting {name}"), None, value).await?;
        Ok(tx.commit().await?)
    }
}
