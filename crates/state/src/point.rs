//! Enforcement points: where blocks are carried out. An agent that enforces is one; a dry-run point has no agent.

use bongsu_domain::{Enforce, Point, PointId};
use bongsu_event::{AgencyId, AgentId, Micros, Scope};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, SqliteConnection};

use crate::agent::AgentRow;
use crate::row::{Columns, push_scope, small};
use crate::{Change, Result, State, audit};

/// An enforcement point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointRow {
    /// Id.
    pub id: PointId,
    /// Name.
    pub name: String,
    /// Whose.
    pub agency: AgencyId,
    /// `nftables` or `dry_run`.
    pub device: String,
    /// The agent that enforces, if one does.
    pub agent: Option<AgentId>,
    /// Reached now?
    pub reachable: bool,
    /// Last answer.
    pub last_seen: Option<Micros>,
    /// Last answer took, microseconds.
    pub last_micros: Option<i64>,
}

fn read(row: &SqliteRow) -> std::result::Result<PointRow, sqlx::Error> {
    Ok(PointRow {
        id: PointId(row.u32("id")?),
        name: row.text("name")?,
        agency: row.agency("agency_id")?,
        device: row.text("device")?,
        agent: row.maybe_int("agent_id")?.map(|n| AgentId(small(n))),
        reachable: row.truth("reachable")?,
        last_seen: row.maybe_time("last_seen_at")?,
        last_micros: row.maybe_int("last_micros")?,
    })
}

/// Make, change or remove the point of an agent.
pub(crate) async fn of_agent(tx: &mut SqliteConnection, agent: &AgentRow, enforce: Enforce, now: Micros) -> Result<()> {
    let id = i64::from(agent.id.0);
    if enforce == Enforce::Off {
        sqlx::query("UPDATE points SET removed_at = $2, reachable = 0 WHERE agent_id = $1")
            .bind(id)
            .bind(now.0)
            .execute(tx)
            .await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO points (name, agency_id, device, agent_id, reachable) VALUES ($1, $2, $3, $4, 0) \
         ON CONFLICT (agent_id) DO UPDATE SET name = excluded.name, device = excluded.device, removed_at = NULL",
    )
    .bind(&agent.name)
    .bind(i64::from(agent.agency.0))
    .bind(enforce.name())
    .bind(id)
    .execute(tx)
    .await?;
    Ok(())
}

/// Every point, for deciding.
pub(crate) async fn all(conn: &mut SqliteConnection) -> Result<Vec<Point>> {
    let rows = sqlx::query("SELECT id, agency_id FROM points WHERE removed_at IS NULL").fetch_all(conn).await?;
    rows.iter().map(|r| Ok(Point { id: PointId(r.u32("id")?), agency: r.agency("agency_id")? })).collect()
}

impl State {
    /// Points in scope, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn points(&self, scope: &Scope) -> Result<Vec<PointRow>> {
        let mut query = QueryBuilder::new("SELECT * FROM points WHERE removed_at IS NULL AND ");
        push_scope(&mut query, "agency_id", scope);
        query.push(" ORDER BY name, id");
        let rows = query.build().fetch_all(&self.readers).await?;
        Ok(rows.iter().map(read).collect::<std::result::Result<_, _>>()?)
    }

    /// Where a block of this agency goes when nobody chose: every point of the agency and above it, from below;
    /// if there is none, those below it. Their names alone are told, whatever the scope: a block names its points.
    ///
    /// # Errors
    /// The database fails.
    pub async fn points_for(&self, agency: AgencyId) -> Result<Vec<PointRow>> {
        let all = self.points(&Scope::All).await?;
        let tree = self.tree();
        let above: Vec<PointRow> =
            tree.lineage(agency).into_iter().flat_map(|a| all.iter().filter(move |p| p.agency == a).cloned()).collect();
        if !above.is_empty() {
            return Ok(above);
        }
        Ok(all.into_iter().filter(|p| tree.holds(agency, p.agency)).collect())
    }

    /// Make the point that only says what it would do, once; answers with its id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn dry_run_point(&self, by: &Change<'_>, agency: AgencyId, name: &str) -> Result<PointId> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let old = sqlx::query("SELECT id FROM points WHERE agent_id IS NULL AND name = $1 AND removed_at IS NULL")
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(row) = old {
            return Ok(PointId(row.u32("id")?));
        }
        let row = sqlx::query(
            "INSERT INTO points (name, agency_id, device, reachable) VALUES ($1, $2, 'dry_run', 1) RETURNING id",
        )
        .bind(name)
        .bind(i64::from(agency.0))
        .fetch_one(&mut *tx)
        .await?;
        audit::append(&mut tx, by, "point.create", &format!("point {name}"), Some(agency), "dry run").await?;
        tx.commit().await?;
        Ok(PointId(row.u32("id")?))
    }

    /// Take away the point that only says what it would do, if there is one of that name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn remove_dry_run_point(&self, by: &Change<'_>, name: &str) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let old = sqlx::query(
            "UPDATE points SET removed_at = $2, reachable = 0 \
             WHERE agent_id IS NULL AND name = $1 AND removed_at IS NULL RETURNING agency_id",
        )
        .bind(name)
        .bind(by.now.0)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(row) = old {
            let agency = row.agency("agency_id")?;
            audit::append(&mut tx, by, "point.remove", &format!("point {name}"), Some(agency), "dry run").await?;
        }
        Ok(tx.commit().await?)
    }

    /// Note whether a point is reached and how long its answer took. No audit: it is no change by anybody.
    ///
    /// # Errors
    /// The database fails.
    pub async fn point_seen(
        &self,
        point: PointId,
        reachable: bool,
        took_micros: Option<i64>,
        now: Micros,
    ) -> Result<()> {
        let mut conn = self.writer.lock().await;
        sqlx::query(
            "UPDATE points SET reachable = $2, last_micros = COALESCE($3, last_micros), \
             last_seen_at = CASE WHEN $2 = 1 THEN $4 ELSE last_seen_at END WHERE id = $1",
        )
        .bind(i64::from(point.0))
        .bind(i64::from(reachable))
        .bind(took_micros)
        .bind(now.0)
        .execute(&mut *conn)
        .await?;
        Ok(())
    }
}
