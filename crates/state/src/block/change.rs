//! Changes of blocks: request, approve, refuse, undo, expire, recheck; and what points found.

use bongsu_domain::{
    Ability, Actor, ActorKind, Approval, Block, BlockId, BlockRequest, BlockState, Decision, Origin, PointId,
    Requester, approver_ability, decide,
};
use bongsu_event::{Micros, Scope};
use ipnet::IpNet;
use sqlx::{Connection, SqliteConnection};

use super::{
    BlockRow, Ended, Moment, Outcome, PROPOSAL_SECONDS, PointFound, PointOutcome, Wanted, end, not_proposed, note,
    read, request_in, rows_with_points,
};
use crate::row::{Columns, address_text, big};
use crate::{Change, Result, State, StateError, audit, role, timeline};

/// Who asks: what they may, seen when they asked is not enough, it is read again.
async fn requester(tx: &mut SqliteConnection, state: &State, block: &BlockRow, now: Micros) -> Result<Requester> {
    let actor = block.fields.requested_by.clone();
    let may_block = match (actor.kind, actor.user) {
        (ActorKind::Person, Some(user)) => {
            role::rights(tx, user, state.moment(now)).await?.scope(Ability::RequestBlocks, &state.tree())
        }
        (ActorKind::Person, None) => Scope::nothing(),
        _ => Scope::All,
    };
    Ok(Requester { actor, may_block })
}

/// The request as it was made; a rule's is now a proposal, its evidence was looked at then.
fn request_of(block: &BlockRow) -> BlockRequest {
    let f = &block.fields;
    BlockRequest {
        target: f.target,
        agency: f.agency,
        service: f.service.clone(),
        points: f.points.clone(),
        minutes: f.minutes,
        reason: f.reason.clone(),
        alert: f.alert,
        dry_run: f.dry_run,
        ask_approval: block.ask_approval,
        together: block.together,
        origin: match (&f.rule, f.requested_by.kind) {
            (Some(rule), ActorKind::Rule) => Origin::Proposal { rule: rule.clone() },
            (_, ActorKind::Partner) => Origin::Partner,
            _ => Origin::Person,
        },
    }
}

async fn find(tx: &mut SqliteConnection, scope: &Scope, id: BlockId) -> Result<BlockRow> {
    let rows = sqlx::query("SELECT * FROM blocks WHERE id = $1").bind(id.0).fetch_all(&mut *tx).await?;
    let block = rows_with_points(tx, &rows).await?.pop().ok_or(StateError::NotFound("block"))?;
    if !scope.holds(block.fields.agency) {
        return Err(StateError::NotFound("block"));
    }
    Ok(block)
}

async fn approvals(tx: &mut SqliteConnection, id: BlockId) -> Result<Vec<Approval>> {
    let rows =
        sqlx::query("SELECT * FROM block_approvals WHERE block_id = $1 ORDER BY at").bind(id.0).fetch_all(tx).await?;
    rows.iter().map(|r| Ok(Approval { by: r.actor()?, at: r.time("at")? })).collect()
}

async fn add_approval(tx: &mut SqliteConnection, id: BlockId, approval: &Approval) -> Result<()> {
    sqlx::query("INSERT INTO block_approvals (block_id, at, actor_kind, actor_name, actor_user_id, actor_address) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id.0)
        .bind(approval.at.0)
        .bind(approval.by.kind.name())
        .bind(&approval.by.name)
        .bind(approval.by.user.map(|u| i64::from(u.0)))
        .bind(address_text(approval.by.address))
        .execute(tx)
        .await?;
    Ok(())
}

impl State {
    /// Ask for a block: decided and stored in one transaction. `may_block` are the agencies for which the actor may
    /// ask; `own_paths` the center's and the points' own addresses.
    ///
    /// # Errors
    /// The database fails. A refusal is an [`Outcome`].
    pub async fn request_block(
        &self,
        by: &Change<'_>,
        may_block: &Scope,
        request: &BlockRequest,
        own_paths: &[IpNet],
        example: bool,
    ) -> Result<Outcome> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let outcome = request_in(&mut tx, self, by, may_block, request, own_paths, example).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    /// Agree to a block that waits. `may_request` and `may_approve` are the approver's agencies for either: a rule's
    /// proposal within policy needs the first, all else the second. It is decided anew with everyone who agreed, so
    /// that what has changed since (budget, kill switch, never-block lists) counts; if that refuses it, it waits on.
    ///
    /// # Errors
    /// Out of scope, not waiting, the actor asked for it or agreed already, or may not approve.
    pub async fn approve_block(
        &self,
        by: &Change<'_>,
        may_request: &Scope,
        may_approve: &Scope,
        id: BlockId,
        own_paths: &[IpNet],
    ) -> Result<Outcome> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let block = find(&mut tx, &Scope::All, id).await?;
        let may = match approver_ability(block.fields.rule.is_some(), block.approvals_needed) {
            Ability::RequestBlocks => may_request,
            _ => may_approve,
        };
        if !may.holds(block.fields.agency) {
            return Err(StateError::Forbidden("you may not approve blocks of this agency".to_owned()));
        }
        if block.state != BlockState::Proposed {
            return Err(not_proposed(block.state));
        }
        if !by.actor.kind.is_human() || by.actor.same_human(&block.fields.requested_by) {
            return Err(StateError::conflict("somebody else than who asked must approve"));
        }
        let mut agreed = approvals(&mut tx, id).await?;
        if agreed.iter().any(|a| a.by.same_human(by.actor)) {
            return Err(StateError::conflict("you have approved it already; another person is needed"));
        }
        let approval = Approval { by: by.actor.clone(), at: by.now };
        agreed.push(approval.clone());
        let request = request_of(&block);
        let requester = requester(&mut tx, self, &block, by.now).await?;
        let moment = Moment::read(&mut tx, self, &request, by.now).await?;
        let decision =
            decide(&request, &self.safety_policy(by.now), &moment.facts(by.now, &requester, own_paths, &agreed));
        let outcome = match decision {
            Decision::Refused(refusal) => return Ok(Outcome::Refused { id: Some(id), refusal }),
            Decision::NeedsApproval { because, needed, missing, .. } => {
                add_approval(&mut tx, id, &approval).await?;
                note(&mut tx, by, id, &block.fields, "block_approved", "block.approve", by.reason).await?;
                Outcome::Waiting { id, because, needed, missing }
            }
            Decision::Approved(approved) => {
                add_approval(&mut tx, id, &approval).await?;
                store_approved(&mut tx, by, id, &approved).await?;
                note(&mut tx, by, id, &block.fields, "block_approved", "block.approve", by.reason).await?;
                Outcome::Approved(Wanted { id, block: approved })
            }
        };
        tx.commit().await?;
        Ok(outcome)
    }

    /// Refuse a block that waits. Same rights as approving.
    ///
    /// # Errors
    /// Out of scope, not waiting, or the actor may not.
    pub async fn refuse_block(
        &self,
        by: &Change<'_>,
        may_request: &Scope,
        may_approve: &Scope,
        id: BlockId,
    ) -> Result<()> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let block = find(&mut tx, &Scope::All, id).await?;
        let may = match approver_ability(block.fields.rule.is_some(), block.approvals_needed) {
            Ability::RequestBlocks => may_request,
            _ => may_approve,
        };
        if !may.holds(block.fields.agency) {
            return Err(StateError::Forbidden("you may not decide on blocks of this agency".to_owned()));
        }
        if block.state != BlockState::Proposed {
            return Err(not_proposed(block.state));
        }
        end(&mut tx, by, &block, BlockState::Refused, ("person", by.reason, by.reason), None).await?;
        note(&mut tx, by, id, &block.fields, "block_refused", "block.refuse", by.reason).await?;
        Ok(tx.commit().await?)
    }

    /// Undo a block: one action. Starts the grace period in which no rule blocks the target again.
    ///
    /// # Errors
    /// Out of scope, or over already.
    pub async fn undo_block(&self, by: &Change<'_>, scope: &Scope, id: BlockId) -> Result<Ended> {
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let block = find(&mut tx, scope, id).await?;
        if block.state.ended() {
            return Err(StateError::conflict(format!("the block is {} already", block.state.name())));
        }
        let minutes = i64::from(self.safety_policy(by.now).grace_minutes);
        let grace = block.state.wanted().then(|| by.now.plus_seconds(minutes * 60));
        let ended = end(&mut tx, by, &block, BlockState::Withdrawn, ("undone", by.reason, by.reason), grace).await?;
        note(&mut tx, by, id, &block.fields, "block_undone", "block.undo", by.reason).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// End what is over: blocks past their expiry, proposals nobody decided on. Run it every second.
    ///
    /// # Errors
    /// The database fails.
    pub async fn expire_blocks(&self, now: Micros) -> Result<Vec<Ended>> {
        const DUE: &str = "(state IN ('approved', 'applying', 'applied') AND expires_at <= $1) OR (state = 'proposed' AND requested_at <= $2)";
        let waited = now.plus_seconds(-PROPOSAL_SECONDS).0;
        let due = sqlx::query(&format!("SELECT id FROM blocks WHERE {DUE} LIMIT 1"))
            .bind(now.0)
            .bind(waited)
            .fetch_optional(&self.readers)
            .await?;
        if due.is_none() {
            return Ok(Vec::new());
        }
        let center = Actor::center();
        let by = Change::new(&center, now, "");
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let rows = sqlx::query(&format!("SELECT * FROM blocks WHERE {DUE}"))
            .bind(now.0)
            .bind(waited)
            .fetch_all(&mut *tx)
            .await?;
        let mut ended = Vec::new();
        for block in rows_with_points(&mut tx, &rows).await? {
            let over = end(&mut tx, &by, &block, BlockState::Expired, ("", "", ""), None).await?;
            note(&mut tx, &by, block.id, &block.fields, "block_expired", "block.expire", "").await?;
            if block.state.wanted() {
                ended.push(over);
            }
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Automatic blocks that the kill switch withdrew and that some point has not lifted yet.
    ///
    /// # Errors
    /// The database fails.
    pub async fn withdrawing(&self, now: Micros) -> Result<u32> {
        let row = sqlx::query(
            "SELECT COUNT(DISTINCT b.id) AS n FROM blocks b JOIN block_points p ON p.block_id = b.id \
             WHERE b.state = 'withdrawn' AND b.refused_by = 'kill_switch' AND b.expires_at > $1 AND b.dry_run = 0 \
             AND p.state NOT IN ('removed', 'failed', 'rolled_back')",
        )
        .bind(now.0)
        .fetch_one(&self.readers)
        .await?;
        Ok(row.u32("n")?)
    }

    /// Every block that should hold now, each allowed anew by the policy in force: desired state for the points.
    ///
    /// # Errors
    /// The database fails.
    pub async fn wanted_blocks(&self, own_paths: &[IpNet], now: Micros) -> Result<Vec<Wanted>> {
        let mut conn = self.readers.acquire().await?;
        let rows = sqlx::query(
            "SELECT * FROM blocks WHERE state IN ('approved', 'applying', 'applied') AND expires_at > $1 ORDER BY id",
        )
        .bind(now.0)
        .fetch_all(&mut *conn)
        .await?;
        let policy = self.safety_policy(now).for_point(own_paths);
        let all = rows_with_points(&mut conn, &rows).await?;
        Ok(all
            .into_iter()
            .filter_map(|row| Block::read_back(row.fields, now, &policy).ok().map(|block| Wanted { id: row.id, block }))
            .collect())
    }

    /// Withdraw what the policy in force forbids by now. Run it at start and after each change of the policy.
    ///
    /// # Errors
    /// The database fails.
    pub async fn recheck_blocks(&self, own_paths: &[IpNet], now: Micros) -> Result<Vec<Ended>> {
        let policy = self.safety_policy(now).for_point(own_paths);
        let center = Actor::center();
        let by = Change::new(&center, now, "");
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        let rows =
            sqlx::query("SELECT * FROM blocks WHERE state IN ('approved', 'applying', 'applied') AND expires_at > $1")
                .bind(now.0)
                .fetch_all(&mut *tx)
                .await?;
        let mut ended = Vec::new();
        for block in rows_with_points(&mut tx, &rows).await? {
            let Err(refusal) = Block::read_back(block.fields.clone(), now, &policy) else { continue };
            let words = (refusal.rule.name(), refusal.ko.as_str(), refusal.en.as_str());
            ended.push(end(&mut tx, &by, &block, BlockState::Withdrawn, words, None).await?);
            note(&mut tx, &by, block.id, &block.fields, "block_undone", "block.withdraw", &refusal.ko).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// What a point found of its blocks. Writes only what differs; answers with the blocks that changed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn point_found(&self, point: PointId, found: &[PointFound], now: Micros) -> Result<Vec<BlockId>> {
        let news = self.differing(point, found).await?;
        if news.is_empty() {
            return Ok(Vec::new());
        }
        let mut conn = self.writer.lock().await;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
        for f in &news {
            sqlx::query(
                "UPDATE block_points SET state = $3, packets_dropped = COALESCE($4, packets_dropped), effect = $5, error = $6, \
                 applied_at = CASE WHEN $3 = 'applied' AND applied_at IS NULL THEN $7 ELSE applied_at END, \
                 took_micros = CASE WHEN $3 = 'applied' AND applied_at IS NULL THEN \
                 $7 - (SELECT approved_at FROM blocks WHERE id = $1) ELSE took_micros END \
                 WHERE block_id = $1 AND point_id = $2",
            )
            .bind(f.block.0)
            .bind(i64::from(point.0))
            .bind(f.state.name())
            .bind(f.packets_dropped.map(big))
            .bind(f.effect.name())
            .bind(f.error.as_deref())
            .bind(now.0)
            .execute(&mut *tx)
            .await?;
            roll_up(&mut tx, f.block, now).await?;
        }
        tx.commit().await?;
        Ok(news.iter().map(|f| f.block).collect())
    }

    async fn differing<'a>(&self, point: PointId, found: &'a [PointFound]) -> Result<Vec<&'a PointFound>> {
        let rows = sqlx::query(
            "SELECT p.* FROM block_points p JOIN blocks b ON b.id = p.block_id WHERE p.point_id = $1 AND \
             (b.ended_at IS NULL OR p.state <> 'removed')",
        )
        .bind(i64::from(point.0))
        .fetch_all(&self.readers)
        .await?;
        let mut known = std::collections::BTreeMap::new();
        for r in &rows {
            let now = (r.text("state")?, r.maybe_u64("packets_dropped")?, r.text("effect")?, r.maybe_text("error")?);
            known.insert(r.int("block_id")?, now);
        }
        let differs = |f: &&PointFound| {
            known.get(&f.block.0).is_some_and(|(state, packets, effect, error)| {
                *state != f.state.name()
                    || (f.packets_dropped.is_some() && *packets != f.packets_dropped)
                    || *effect != f.effect.name()
                    || *error != f.error
            })
        };
        Ok(found.iter().filter(differs).collect())
    }
}

async fn store_approved(
    tx: &mut SqliteConnection,
    by: &Change<'_>,
    id: BlockId,
    block: &Block<bongsu_domain::Approved>,
) -> Result<()> {
    let f = block.fields();
    sqlx::query("UPDATE blocks SET state = 'approved', target = $2, expires_at = $3, approved_at = $4, dry_run = $5, refused_by = NULL, refused_ko = NULL, refused_en = NULL WHERE id = $1")
        .bind(id.0)
        .bind(f.target.to_string())
        .bind(f.expires_at.0)
        .bind(by.now.0)
        .bind(i64::from(f.dry_run))
        .execute(tx)
        .await?;
    Ok(())
}

/// A block stands where its points stand.
async fn roll_up(tx: &mut SqliteConnection, id: BlockId, now: Micros) -> Result<()> {
    let row = sqlx::query("SELECT * FROM blocks WHERE id = $1").bind(id.0).fetch_one(&mut *tx).await?;
    let block = read(&row)?;
    if !block.state.wanted() {
        return Ok(());
    }
    let rows = sqlx::query("SELECT state FROM block_points WHERE block_id = $1").bind(id.0).fetch_all(&mut *tx).await?;
    let states =
        rows.iter().map(|r| r.word("state", PointOutcome::from_name)).collect::<std::result::Result<Vec<_>, _>>()?;
    let next =
        if states.iter().all(|s| *s == PointOutcome::Applied) { BlockState::Applied } else { BlockState::Applying };
    if next == block.state {
        return Ok(());
    }
    sqlx::query("UPDATE blocks SET state = $2 WHERE id = $1").bind(id.0).bind(next.name()).execute(&mut *tx).await?;
    if next == BlockState::Applied {
        let center = Actor::center();
        timeline::add(tx, block.fields.alert, Some(id), &Change::new(&center, now, ""), "block_applied", "").await?;
        audit::append(
            tx,
            &Change::new(&center, now, ""),
            "block.applied",
            &format!("block {id}"),
            Some(block.fields.agency),
            &block.fields.target.to_string(),
        )
        .await?;
    }
    Ok(())
}
