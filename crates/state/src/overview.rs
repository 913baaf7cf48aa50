//! Counts for the frame of every page, in scope.

use bongsu_domain::UserId;
use bongsu_event::{Micros, Scope};
use sqlx::QueryBuilder;

use crate::row::{Columns, push_scope};
use crate::{Result, State};

/// What the frame counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blocks in force.
    pub blocks_in_force: u32,
    /// Requests waiting for an approval this person could give.
    pub approvals_waiting: u32,
    /// Open alerts that are theirs or nobody's.
    pub queue_open: u32,
    /// Senders in quarantine; 0 for who may not see them.
    pub quarantined: u32,
}

impl State {
    /// Count for one person: what they see, and over which agencies they may approve.
    ///
    /// # Errors
    /// The database fails.
    pub async fn counts(&self, scope: &Scope, approve: &Scope, me: Option<UserId>, now: Micros) -> Result<Counts> {
        let me = me.map_or(-1, |u| i64::from(u.0));
        let mut query = QueryBuilder::new(
            "SELECT (SELECT COUNT(*) FROM blocks WHERE state IN ('approved', 'applying', 'applied') AND expires_at > ",
        );
        query.push_bind(now.0).push(" AND ");
        push_scope(&mut query, "agency_id", scope);
        query.push(
            ") AS in_force, (SELECT COUNT(*) FROM blocks b WHERE state = 'proposed' AND NOT (rule_id IS NOT NULL AND approvals_needed <= 1) AND COALESCE(actor_user_id, -2) <> ",
        );
        query.push_bind(me);
        query.push(" AND NOT EXISTS (SELECT 1 FROM block_approvals a WHERE a.block_id = b.id AND a.actor_user_id = ");
        query.push_bind(me).push(") AND ");
        push_scope(&mut query, "agency_id", approve);
        query.push(
            ") AS waiting, (SELECT COUNT(*) FROM alerts WHERE state <> 'closed' AND suppressed = 0 AND (owner_id IS NULL OR owner_id = ",
        );
        query.push_bind(me).push(") AND ");
        push_scope(&mut query, "agency_id", scope);
        query.push(") AS queue, (SELECT COUNT(*) FROM quarantine) AS quarantined");
        let row = query.build().fetch_one(&self.readers).await?;
        Ok(Counts {
            blocks_in_force: row.u32("in_force")?,
            approvals_waiting: row.u32("waiting")?,
            queue_open: row.u32("queue")?,
            quarantined: if self.sees_all(scope) { row.u32("quarantined")? } else { 0 },
        })
    }
}
