//! Reading blocks, in scope.

use std::collections::BTreeMap;

use bongsu_domain::{Approval, BlockId, Effect, PointId};
use bongsu_event::{Micros, Scope};
use sqlx::{QueryBuilder, Sqlite};

use super::{BlockRow, PointOutcome, PointStateRow, read};
use crate::row::{Columns, like, next_cursor, offset_of, push_in, push_scope};
use crate::{Result, State, StateError};

/// Most rows on a page.
const ROWS_MAX: u32 = 200;
/// Deepest page, rows.
const OFFSET_MAX: u32 = 100_000;

/// Which blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockTab {
    /// Decided and not over.
    #[default]
    InForce,
    /// Waiting for people, proposals of rules included.
    Waiting,
    /// Over.
    Ended,
    /// All.
    All,
}

/// Filters.
#[derive(Clone, Debug, Default)]
pub struct BlockFilter {
    /// Tab.
    pub tab: BlockTab,
    /// Target, reason or number holds this.
    pub text: Option<String>,
    /// Rows, at most 200; 0 for 50.
    pub limit: u32,
    /// From `next`.
    pub cursor: Option<String>,
}

/// Blocks, newest first.
#[derive(Clone, Debug)]
pub struct BlockPage {
    /// All that match.
    pub total: u64,
    /// Rows.
    pub rows: Vec<BlockRow>,
    /// Ask again with this.
    pub next: Option<String>,
}

impl BlockFilter {
    fn push(&self, query: &mut QueryBuilder<'_, Sqlite>, scope: &Scope, now: Micros) {
        push_scope(query, "agency_id", scope);
        match self.tab {
            BlockTab::InForce => {
                query.push(" AND state IN ('approved', 'applying', 'applied') AND expires_at > ").push_bind(now.0);
            }
            BlockTab::Waiting => {
                query.push(" AND state = 'proposed'");
            }
            BlockTab::Ended => {
                query.push(" AND state IN ('refused', 'expired', 'withdrawn')");
            }
            BlockTab::All => {}
        }
        if let Some(text) = &self.text {
            let number = text.trim_start_matches("B-").parse::<i64>().unwrap_or(-1);
            query.push(" AND (target LIKE ").push_bind(like(text)).push(" ESCAPE '\\' OR reason LIKE ");
            query.push_bind(like(text)).push(" ESCAPE '\\' OR id = ").push_bind(number).push(")");
        }
    }
}

impl State {
    /// Blocks in scope, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn blocks(&self, scope: &Scope, filter: &BlockFilter, now: Micros) -> Result<BlockPage> {
        let limit = if filter.limit == 0 { 50 } else { filter.limit.min(ROWS_MAX) };
        let offset = offset_of(filter.cursor.as_deref(), OFFSET_MAX);
        let mut count = QueryBuilder::new("SELECT COUNT(*) AS n FROM blocks WHERE ");
        filter.push(&mut count, scope, now);
        let total = count.build().fetch_one(&self.readers).await?.u64("n")?;
        let mut query = QueryBuilder::new("SELECT * FROM blocks WHERE ");
        filter.push(&mut query, scope, now);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ").push_bind(offset);
        let found = query.build().fetch_all(&self.readers).await?;
        let rows = found.iter().map(read).collect::<std::result::Result<Vec<_>, _>>()?;
        let rows = self.fill_blocks(rows).await?;
        Ok(BlockPage { total, next: next_cursor(offset, rows.len(), total), rows })
    }

    /// One block in scope.
    ///
    /// # Errors
    /// It is not there or out of scope.
    pub async fn block(&self, scope: &Scope, id: BlockId) -> Result<BlockRow> {
        let mut query = QueryBuilder::new("SELECT * FROM blocks WHERE id = ");
        query.push_bind(id.0).push(" AND ");
        push_scope(&mut query, "agency_id", scope);
        let row = query.build().fetch_optional(&self.readers).await?.ok_or(StateError::NotFound("block"))?;
        self.fill_blocks(vec![read(&row)?]).await?.pop().ok_or(StateError::NotFound("block"))
    }

    async fn fill_blocks(&self, mut rows: Vec<BlockRow>) -> Result<Vec<BlockRow>> {
        let ids: Vec<BlockId> = rows.iter().map(|r| r.id).collect();
        let mut places: BTreeMap<BlockId, &mut BlockRow> = rows.iter_mut().map(|r| (r.id, r)).collect();
        let mut points = QueryBuilder::new(
            "SELECT b.*, p.name, p.device, p.agency_id FROM block_points b JOIN points p ON p.id = b.point_id WHERE ",
        );
        push_in(&mut points, "b.block_id", ids.iter().map(|b| b.0));
        points.push(" ORDER BY b.point_id");
        for r in points.build().fetch_all(&self.readers).await? {
            let Some(block) = places.get_mut(&BlockId(r.int("block_id")?)) else { continue };
            let point = PointId(r.u32("point_id")?);
            block.fields.points.push(point);
            block.points.push(PointStateRow {
                point,
                name: r.text("name")?,
                device: r.text("device")?,
                agency: r.agency("agency_id")?,
                state: r.word("state", PointOutcome::from_name)?,
                applied_at: r.maybe_time("applied_at")?,
                took_micros: r.maybe_int("took_micros")?,
                packets_dropped: r.maybe_u64("packets_dropped")?,
                effect: r.word("effect", Effect::from_name)?,
                error: r.maybe_text("error")?,
            });
        }
        let mut agreed = QueryBuilder::new("SELECT * FROM block_approvals WHERE ");
        push_in(&mut agreed, "block_id", ids.iter().map(|b| b.0));
        agreed.push(" ORDER BY at");
        for r in agreed.build().fetch_all(&self.readers).await? {
            if let Some(block) = places.get_mut(&BlockId(r.int("block_id")?)) {
                block.approvals.push(Approval { by: r.actor()?, at: r.time("at")? });
            }
        }
        for entry in self.timeline_of_blocks(&ids).await? {
            if let Some(block) = entry.block.and_then(|b| places.get_mut(&b)) {
                block.timeline.push(entry);
            }
        }
        Ok(rows)
    }
}
