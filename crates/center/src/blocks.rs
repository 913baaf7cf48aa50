//! Blocks on their way: decided in the state, sent to their points at once, reconciled every second.
//!
//! Invariant: nothing is sent that the state has not decided; what a point should hold is always computed anew from the
//! state, so that a restart, a retry and an expiry share one path.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use bongsu_api::overview::StreamEvent;
use bongsu_domain::{BlockId, BlockRequest, Effect, PointId};
use bongsu_event::{AgentId, Micros, Scope};
use bongsu_state::{Change, Ended, Outcome, PointFound, PointOutcome, PointRow, Wanted};
use bongsu_uplink::{
    BlockOutcome, BlockReport, BlockResult, Blocks as BlockSet, BlocksDelta, BlocksState, CenterMessage, Direction,
    KillSwitch, WantedBlock,
};
use ipnet::IpNet;
use tracing::warn;

use crate::app::App;

/// Seconds between two full sets to every connected point, whether or not anything changed.
const FULL_SET_SECONDS: u64 = 15;

/// What blocks need besides the state.
#[derive(Default)]
pub struct Blocks {
    version: AtomicU64,
}

impl Blocks {
    /// A version above every one before, across restarts: it begins at the clock's microseconds.
    fn next_version(&self, now: Micros) -> u64 {
        let floor = now.0.unsigned_abs();
        let mut at = self.version.load(Ordering::Relaxed);
        loop {
            let next = floor.max(at + 1);
            match self.version.compare_exchange_weak(at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return next,
                Err(other) => at = other,
            }
        }
    }
}

impl App {
    /// Addresses a block must never cut off: this machine's own, and every agent's that is connected.
    #[must_use]
    pub fn own_paths(&self) -> Vec<IpNet> {
        let mut paths: Vec<IpAddr> = self.own_addresses.clone();
        for agent in self.agents.ids() {
            if let Some(connection) = self.agents.get(agent) {
                paths.push(connection.address.ip().to_canonical());
            }
        }
        paths.retain(|a| !a.is_loopback());
        paths.sort_unstable();
        paths.dedup();
        paths.into_iter().map(IpNet::from).collect()
    }

    /// Ask for a block; what is approved is on its way when this returns.
    ///
    /// # Errors
    /// The state can't be written. A refusal is an [`Outcome`].
    pub async fn request_block(
        &self,
        by: &Change<'_>,
        may_block: &Scope,
        request: &BlockRequest,
        example: bool,
    ) -> Result<Outcome> {
        let outcome = self.state.request_block(by, may_block, request, &self.own_paths(), example).await?;
        self.carry_out(&outcome, Some(request.agency)).await;
        Ok(outcome)
    }

    /// Agree to a block that waits.
    ///
    /// # Errors
    /// The person may not, or the state can't be written.
    pub async fn approve_block(
        &self,
        by: &Change<'_>,
        may_request: &Scope,
        may_approve: &Scope,
        id: BlockId,
    ) -> bongsu_state::Result<Outcome> {
        let outcome = self.state.approve_block(by, may_request, may_approve, id, &self.own_paths()).await?;
        self.carry_out(&outcome, None).await;
        self.stream.tell(None, StreamEvent::Block { id: id.0 });
        Ok(outcome)
    }

    /// Undo a block.
    ///
    /// # Errors
    /// Out of scope, over already, or the state can't be written.
    pub async fn undo_block(&self, by: &Change<'_>, scope: &Scope, id: BlockId) -> bongsu_state::Result<()> {
        let ended = self.state.undo_block(by, scope, id).await?;
        self.lift(std::slice::from_ref(&ended)).await;
        Ok(())
    }

    /// Throw or release the kill switch. Thrown: no new block from this moment, automatic ones are lifted.
    ///
    /// # Errors
    /// The state can't be written.
    pub async fn set_kill_switch(&self, by: &Change<'_>, on: bool) -> bongsu_state::Result<()> {
        let ended = self.state.set_kill_switch(by, on).await?;
        self.lift(&ended).await;
        Ok(())
    }

    /// After a change of the policy: withdraw what it forbids by now.
    ///
    /// # Errors
    /// The state can't be written.
    pub async fn recheck_blocks(&self) -> bongsu_state::Result<()> {
        let ended = self.state.recheck_blocks(&self.own_paths(), self.now()).await?;
        self.lift(&ended).await;
        self.send_full_sets().await;
        Ok(())
    }

    async fn carry_out(&self, outcome: &Outcome, agency: Option<bongsu_event::AgencyId>) {
        match outcome {
            Outcome::Approved(wanted) => {
                self.send_block(wanted).await;
                self.stream.tell(Some(wanted.block.fields().agency), StreamEvent::Block { id: wanted.id.0 });
            }
            Outcome::Waiting { id, .. } | Outcome::Refused { id: Some(id), .. } => {
                self.stream.tell(agency, StreamEvent::Block { id: id.0 });
            }
            Outcome::Refused { id: None, .. } => {}
        }
    }

    async fn all_points(&self) -> Vec<PointRow> {
        self.state.points(&Scope::All).await.unwrap_or_else(|e| {
            warn!("the enforcement points could not be read: {e}");
            Vec::new()
        })
    }

    /// Send one approved block to its points, before anything else.
    pub(crate) async fn send_block(&self, wanted: &Wanted) {
        let now = self.now();
        let version = self.blocks.next_version(now);
        for point in self.all_points().await {
            if !wanted.block.fields().points.contains(&point.id) {
                continue;
            }
            let Some(agent) = point.agent else {
                self.trial(&point, wanted.id, now).await;
                continue;
            };
            if wanted.block.fields().dry_run {
                self.trial(&point, wanted.id, now).await;
                continue;
            }
            let delta = BlocksDelta { version, add: vec![order(wanted)], remove: Vec::new(), kill_switch: None };
            if !self.agents.send(agent, CenterMessage::BlocksDelta(delta)) {
                self.found(point.id, &[unreachable(wanted.id)], now).await;
            }
        }
    }

    /// A trial is applied by being written down.
    async fn trial(&self, point: &PointRow, id: BlockId, now: Micros) {
        let found = PointFound {
            block: id,
            state: PointOutcome::Applied,
            packets_dropped: None,
            effect: Effect::Unknown,
            error: None,
        };
        self.found(point.id, &[found], now).await;
    }

    async fn lift(&self, ended: &[Ended]) {
        if ended.is_empty() {
            return;
        }
        let now = self.now();
        let version = self.blocks.next_version(now);
        for point in self.all_points().await {
            let here: Vec<&Ended> = ended.iter().filter(|e| e.points.contains(&point.id)).collect();
            if here.is_empty() {
                continue;
            }
            match point.agent {
                Some(agent) => {
                    let remove = here.iter().map(|e| e.id.0.to_string()).collect();
                    let delta = BlocksDelta { version, add: Vec::new(), remove, kill_switch: None };
                    if !self.agents.send(agent, CenterMessage::BlocksDelta(delta)) {
                        let found: Vec<PointFound> = here.iter().map(|e| unreachable(e.id)).collect();
                        self.found(point.id, &found, now).await;
                    }
                }
                None => {
                    let removed = |e: &&Ended| PointFound {
                        block: e.id,
                        state: PointOutcome::Removed,
                        packets_dropped: None,
                        effect: Effect::Unknown,
                        error: None,
                    };
                    let found: Vec<PointFound> = here.iter().map(removed).collect();
                    self.found(point.id, &found, now).await;
                }
            }
        }
        for one in ended {
            self.stream.tell(None, StreamEvent::Block { id: one.id.0 });
        }
    }

    /// The whole set an agent's point should hold now.
    ///
    /// # Errors
    /// The state can't be read.
    pub async fn blocks_of(&self, agent: AgentId) -> Result<BlockSet> {
        let now = self.now();
        // The version comes first: a delta made while the set is read is newer than the set.
        let version = self.blocks.next_version(now);
        let point = self.state.points(&Scope::All).await?.into_iter().find(|p| p.agent == Some(agent));
        let wanted = match point {
            Some(point) => self
                .state
                .wanted_blocks(&self.own_paths(), now)
                .await?
                .iter()
                .filter(|w| w.block.fields().points.contains(&point.id) && !w.block.fields().dry_run)
                .map(order)
                .collect(),
            None => Vec::new(),
        };
        let policy = self.state.safety_policy(now);
        let never_block = policy.for_point(&self.own_paths()).never.iter().map(ToString::to_string).collect();
        Ok(BlockSet { version, wanted, never_block, kill_switch: KillSwitch::Off })
    }

    async fn send_full_sets(&self) {
        for agent in self.agents.ids() {
            match self.blocks_of(agent).await {
                Ok(set) => {
                    self.agents.send(agent, CenterMessage::Blocks(set));
                }
                Err(e) => warn!(agent = agent.0, "the wanted blocks could not be read: {e:#}"),
            }
        }
    }

    /// An agent says what became of one block.
    pub async fn block_result(&self, agent: AgentId, result: BlockResult) {
        let now = self.now();
        let Some(point) = self.all_points().await.into_iter().find(|p| p.agent == Some(agent)) else { return };
        if let Some(found) = found_of(&result.report) {
            self.found(point.id, &[found], now).await;
        }
        let took = i64::try_from(result.took_micros).ok();
        if let Err(e) = self.state.point_seen(point.id, true, took, now).await {
            warn!("what a point answered could not be kept: {e}");
        }
    }

    /// An agent says what its point holds.
    pub async fn blocks_found(&self, agent: AgentId, state: BlocksState) {
        let now = self.now();
        let Some(point) = self.all_points().await.into_iter().find(|p| p.agent == Some(agent)) else { return };
        let found: Vec<PointFound> = state.blocks.iter().filter_map(found_of).collect();
        self.found(point.id, &found, now).await;
        let _ = self.state.point_seen(point.id, true, None, now).await;
        for error in &state.errors {
            warn!(agent = agent.0, "its enforcement point says: {error}");
        }
    }

    async fn found(&self, point: PointId, found: &[PointFound], now: Micros) {
        if found.is_empty() {
            return;
        }
        match self.state.point_found(point, found, now).await {
            Ok(changed) => {
                for id in changed {
                    self.stream.tell(None, StreamEvent::Block { id: id.0 });
                }
            }
            Err(e) => warn!("what a point found could not be kept: {e}"),
        }
    }

    /// Once a second: end what is over, tell points that are gone, and now and then the whole set.
    pub(crate) async fn reconcile(&self, turn: u64) {
        let now = self.now();
        match self.state.expire_blocks(now).await {
            Ok(ended) => self.lift(&ended).await,
            Err(e) => warn!("blocks could not be ended: {e}"),
        }
        if turn.is_multiple_of(FULL_SET_SECONDS) {
            self.send_full_sets().await;
        }
        for point in self.all_points().await {
            let Some(agent) = point.agent else { continue };
            let connected = self.agents.get(agent).is_some();
            if point.reachable && !connected {
                let _ = self.state.point_seen(point.id, false, None, now).await;
            }
        }
    }
}

fn order(wanted: &Wanted) -> WantedBlock {
    let fields = wanted.block.fields();
    WantedBlock {
        id: wanted.id.0.to_string(),
        address: fields.target.network(),
        prefix: fields.target.prefix_len(),
        direction: Direction::Both,
        expires_at: fields.expires_at,
    }
}

fn unreachable(id: BlockId) -> PointFound {
    PointFound {
        block: id,
        state: PointOutcome::Unreachable,
        packets_dropped: None,
        effect: Effect::Unknown,
        error: Some("the agent is not connected; it gets the block when it returns".to_owned()),
    }
}

fn found_of(report: &BlockReport) -> Option<PointFound> {
    let id = BlockId(report.id.parse().ok()?);
    let (state, effect) = match report.outcome {
        BlockOutcome::Inserted | BlockOutcome::DryRun => (PointOutcome::Applied, Effect::Unknown),
        BlockOutcome::Effective => (PointOutcome::Applied, Effect::Effective),
        BlockOutcome::NotEffective => (PointOutcome::Applied, Effect::InsertedNotEffective),
        BlockOutcome::Refused | BlockOutcome::Failed => (PointOutcome::Failed, Effect::Unknown),
        BlockOutcome::Expired | BlockOutcome::Removed => (PointOutcome::Removed, Effect::Unknown),
    };
    let error = (!report.detail.is_empty()).then(|| report.detail.chars().take(300).collect());
    Some(PointFound { block: id, state, packets_dropped: report.dropped_packets, effect, error })
}
