//! Blocks: wanted state, decided in the transaction that stores the decision, and what points found.
//!
//! Invariant: a row becomes `approved` only with a `Block<Approved>` in hand; the facts `decide` saw (budgets, kill
//! switch, existing blocks) are read by the one writer, so that two requests can't both take the last of a budget.

mod change;
mod list;

use bongsu_domain::{
    Actor, AlertId, Approval, Approved, Block, BlockFields, BlockId, BlockRequest, BlockState, Budget, Check, Decision,
    Effect, Existing, Facts, Grace, Origin, Point, PointId, Refusal, Requester, SafetyPolicy, SafetyRule, checks,
    decide,
};
use bongsu_event::{AgencyId, Micros, Scope};
use ipnet::IpNet;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::row::{Columns, address_text, small};
use crate::{Change, Result, State, StateError, TimelineRow, audit, point, setting, timeline};

pub use list::{BlockFilter, BlockPage, BlockTab};

/// Most open proposals of rules; a flood of forged SYNs proposes no more.
pub const PROPOSALS_OPEN_MAX: u32 = 500;
/// A proposal nobody decided on ends after this, seconds.
const PROPOSAL_SECONDS: i64 = 24 * 3600;
/// The budgets' window, seconds.
const BUDGET_SECONDS: i64 = 3600;

/// A block with everything about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// Id.
    pub id: BlockId,
    /// What it says.
    pub fields: BlockFields,
    /// Where it stands.
    pub state: BlockState,
    /// Waits for an approver, and is not merely proposed by a rule.
    pub waiting: bool,
    /// Targets asked for together.
    pub together: u32,
    /// Approval was asked for.
    pub ask_approval: bool,
    /// Who agreed.
    pub approvals: Vec<Approval>,
    /// Approvals needed in all.
    pub approvals_needed: u32,
    /// Decided when.
    pub approved_at: Option<Micros>,
    /// Over since.
    pub ended_at: Option<Micros>,
    /// Refused or undone because: a safety rule's name, `undone`, `person` or `kill_switch`.
    pub refused_by: Option<String>,
    /// The same in Korean.
    pub refused_ko: Option<String>,
    /// In English.
    pub refused_en: Option<String>,
    /// No rule blocks the target again before then.
    pub grace_until: Option<Micros>,
    /// Points.
    pub points: Vec<PointStateRow>,
    /// What happened.
    pub timeline: Vec<TimelineRow>,
    /// Of the demo.
    pub example: bool,
}

/// What a point found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointOutcome {
    /// Not answered yet.
    Pending,
    /// In force.
    Applied,
    /// Tried and failed.
    Failed,
    /// Not reached.
    Unreachable,
    /// Lifted.
    Removed,
    /// Cut the point off, and was taken back.
    RolledBack,
}

impl PointOutcome {
    const ALL: &'static [Self] =
        &[Self::Pending, Self::Applied, Self::Failed, Self::Unreachable, Self::Removed, Self::RolledBack];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Removed => "removed",
            Self::RolledBack => "rolled_back",
        }
    }
    /// The outcome of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|o| o.name() == name)
    }
}

/// A block at one point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointStateRow {
    /// Point.
    pub point: PointId,
    /// Its name.
    pub name: String,
    /// `nftables` or `dry_run`.
    pub device: String,
    /// Whose equipment.
    pub agency: AgencyId,
    /// What it found.
    pub state: PointOutcome,
    /// When it answered.
    pub applied_at: Option<Micros>,
    /// From decision to answer, microseconds.
    pub took_micros: Option<i64>,
    /// Packets dropped for this target.
    pub packets_dropped: Option<u64>,
    /// Measured effect.
    pub effect: Effect,
    /// Last error, with what to do.
    pub error: Option<String>,
}

/// What a point says of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointFound {
    /// The block.
    pub block: BlockId,
    /// What was found.
    pub state: PointOutcome,
    /// Packets dropped so far, if it counts them.
    pub packets_dropped: Option<u64>,
    /// Measured effect.
    pub effect: Effect,
    /// Error, with what to do.
    pub error: Option<String>,
}

/// A block that should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Id.
    pub id: BlockId,
    /// The permission.
    pub block: Block<Approved>,
}

/// A block that should hold no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Id.
    pub id: BlockId,
    /// Target.
    pub target: IpNet,
    /// Points to lift it from.
    pub points: Vec<PointId>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes: send it to its points.
    Approved(Wanted),
    /// It waits for people.
    Waiting {
        /// Id.
        id: BlockId,
        /// Why people are asked.
        because: Refusal,
        /// Approvals needed in all.
        needed: u32,
        /// Approvals missing.
        missing: u32,
    },
    /// It can't be. A person's request is kept with its refusal; a rule's is only answered.
    Refused {
        /// Id of the kept request.
        id: Option<BlockId>,
        /// Why.
        refusal: Refusal,
    },
}

pub(crate) fn read(row: &SqliteRow) -> std::result::Result<BlockRow, sqlx::Error> {
    let rule = row.maybe_text("rule_id")?;
    let state = row.word("state", BlockState::from_name)?;
    let approvals_needed = row.u32("approvals_needed")?;
    let fields = BlockFields {
        target: row.word("target", |t| t.parse().ok())?,
        agency: row.agency("agency_id")?,
        service: row.maybe_text("service")?,
        points: Vec::new(),
        reason: row.text("reason")?,
        requested_by: row.actor()?,
        requested_at: row.time("requested_at")?,
        minutes: row.u32("minutes")?,
        expires_at: row.time("expires_at")?,
        dry_run: row.truth("dry_run")?,
        automatic: row.truth("automatic")?,
        alert: row.maybe_int("alert_id")?.map(AlertId),
        rule,
    };
    Ok(BlockRow {
        id: BlockId(row.int("id")?),
        waiting: state == BlockState::Proposed && !(fields.rule.is_some() && approvals_needed <= 1),
        fields,
        state,
        together: row.u32("together")?,
        ask_approval: row.truth("ask_approval")?,
        approvals: Vec::new(),
        approvals_needed,
        approved_at: row.maybe_time("approved_at")?,
        ended_at: row.maybe_time("ended_at")?,
        refused_by: row.maybe_text("refused_by")?,
        refused_ko: row.maybe_text("refused_ko")?,
        refused_en: row.maybe_text("refused_en")?,
        grace_until: row.maybe_time("grace_until")?,
        points: Vec::new(),
        timeline: Vec::new(),
        example: row.truth("example")?,
    })
}

/// What `decide` looks at, read in one go.
struct Moment {
    kill_switch: bool,
    existing: Vec<Existing>,
    budget: Budget,
    grace: Vec<Grace>,
    points: Vec<Point>,
    lineage: Vec<AgencyId>,
}

impl Moment {
    async fn read(conn: &mut SqliteConnection, state: &State, request: &BlockRequest, now: Micros) -> Result<Self> {
        Ok(Self {
            kill_switch: setting::kill_switch(conn).await?.on,
            existing: existing(conn, now).await?,
            budget: budget(conn, request, now).await?,
            grace: graces(conn, now).await?,
            points: point::all(conn).await?,
            lineage: own_side(&state.tree(), request.agency),
        })
    }
    fn facts<'a>(
        &'a self,
        now: Micros,
        requester: &'a Requester,
        own_paths: &'a [IpNet],
        approvals: &'a [Approval],
    ) -> Facts<'a> {
        Facts {
            now,
            kill_switch: self.kill_switch,
            existing: &self.existing,
            budget: self.budget,
            grace: &self.grace,
            own_paths,
            requester,
            points: &self.points,
            lineage: &self.lineage,
            approvals,
        }
    }
}

/// Whose equipment is no stranger's: the agency's own, that of those above it, and of those below it.
fn own_side(tree: &bongsu_domain::AgencyTree, agency: AgencyId) -> Vec<AgencyId> {
    let mut all = tree.lineage(agency);
    all.extend(tree.subtree(agency));
    all
}

async fn existing(conn: &mut SqliteConnection, now: Micros) -> Result<Vec<Existing>> {
    let rows = sqlx::query(
        "SELECT b.id, b.target, b.expires_at, b.dry_run, p.point_id FROM blocks b JOIN block_points p ON p.block_id = b.id \
         WHERE b.state IN ('approved', 'applying', 'applied') AND b.expires_at > $1 ORDER BY b.id",
    )
    .bind(now.0)
    .fetch_all(conn)
    .await?;
    let mut all: Vec<Existing> = Vec::new();
    let mut last = None;
    for row in &rows {
        let (id, point) = (row.int("id")?, PointId(row.u32("point_id")?));
        match all.last_mut() {
            Some(block) if last == Some(id) => block.points.push(point),
            _ => all.push(Existing {
                target: row.word("target", |t| t.parse().ok())?,
                expires_at: row.time("expires_at")?,
                points: vec![point],
                dry_run: row.truth("dry_run")?,
            }),
        }
        last = Some(id);
    }
    Ok(all)
}

async fn budget(conn: &mut SqliteConnection, request: &BlockRequest, now: Micros) -> Result<Budget> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS total, COALESCE(SUM(CASE WHEN agency_id = $2 THEN 1 ELSE 0 END), 0) AS agency, \
         COALESCE(SUM(CASE WHEN service = $3 THEN 1 ELSE 0 END), 0) AS service \
         FROM blocks WHERE approved_at > $1 AND dry_run = 0",
    )
    .bind(now.plus_seconds(-BUDGET_SECONDS).0)
    .bind(i64::from(request.agency.0))
    .bind(request.service.as_deref())
    .fetch_one(conn)
    .await?;
    Ok(Budget { agency: row.u32("agency")?, total: row.u32("total")?, service: row.u32("service")? })
}

async fn graces(conn: &mut SqliteConnection, now: Micros) -> Result<Vec<Grace>> {
    let rows = sqlx::query("SELECT target, grace_until FROM blocks WHERE grace_until > $1")
        .bind(now.0)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|r| Ok(Grace { target: r.word("target", |t| t.parse().ok())?, until: r.time("grace_until")? }))
        .collect()
}

struct NewRow<'a> {
    fields: &'a BlockFields,
    request: &'a BlockRequest,
    state: BlockState,
    needed: u32,
    refusal: Option<&'a Refusal>,
    approved_at: Option<Micros>,
    example: bool,
}

async fn insert(tx: &mut SqliteConnection, by: &Change<'_>, new: &NewRow<'_>) -> Result<BlockId> {
    let f = new.fields;
    let row = sqlx::query(
        "INSERT INTO blocks (target, agency_id, service, state, reason, actor_kind, actor_name, actor_user_id, actor_address, \
         requested_at, minutes, together, ask_approval, expires_at, approved_at, ended_at, dry_run, automatic, alert_id, rule_id, \
         approvals_needed, refused_by, refused_ko, refused_en, example) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
         $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25) RETURNING id",
    )
    .bind(f.target.to_string())
    .bind(i64::from(f.agency.0))
    .bind(f.service.as_deref())
    .bind(new.state.name())
    .bind(&f.reason)
    .bind(f.requested_by.kind.name())
    .bind(&f.requested_by.name)
    .bind(f.requested_by.user.map(|u| i64::from(u.0)))
    .bind(address_text(f.requested_by.address))
    .bind(f.requested_at.0)
    .bind(i64::from(f.minutes))
    .bind(i64::from(new.request.together))
    .bind(i64::from(new.request.ask_approval))
    .bind(f.expires_at.0)
    .bind(new.approved_at.map(|t| t.0))
    .bind(new.state.ended().then_some(by.now.0))
    .bind(i64::from(f.dry_run))
    .bind(i64::from(f.automatic))
    .bind(f.alert.map(|a| a.0))
    .bind(f.rule.as_deref())
    .bind(i64::from(new.needed))
    .bind(new.refusal.map(|r| r.rule.name()))
    .bind(new.refusal.map(|r| r.ko.as_str()))
    .bind(new.refusal.map(|r| r.en.as_str()))
    .bind(i64::from(new.example))
    .fetch_one(&mut *tx)
    .await?;
    let id = BlockId(row.int("id")?);
    for point in &f.points {
        sqlx::query("INSERT INTO block_points (block_id, point_id, state, effect) VALUES ($1, $2, 'pending', 'unknown') ON CONFLICT DO NOTHING")
            .bind(id.0)
            .bind(i64::from(point.0))
            .execute(&mut *tx)
            .await?;
    }
    Ok(id)
}

/// A refused request is shown as it was asked for.
fn as_asked(request: &BlockRequest, by: &Change<'_>) -> BlockFields {
    let rule = if let Origin::Rule { rule, .. } = &request.origin { Some(rule.clone()) } else { None };
    BlockFields {
        target: bongsu_domain::canonical(request.target),
        agency: request.agency,
        service: request.service.clone(),
        points: Vec::new(),
        reason: request.reason.clone(),
        requested_by: by.actor.clone(),
        requested_at: by.now,
        minutes: request.minutes,
        expires_at: by.now.plus_seconds(i64::from(request.minutes) * 60),
        dry_run: request.dry_run,
        automatic: false,
        alert: request.alert,
        rule,
    }
}

/// An open proposal of a rule for the same target and agency.
async fn same_proposal(tx: &mut SqliteConnection, fields: &BlockFields) -> Result<Option<BlockId>> {
    let row = sqlx::query("SELECT id FROM blocks WHERE state = 'proposed' AND rule_id IS NOT NULL AND target = $1 AND agency_id = $2 LIMIT 1")
        .bind(fields.target.to_string())
        .bind(i64::from(fields.agency.0))
        .fetch_optional(tx)
        .await?;
    Ok(row.map(|r| r.int("id")).transpose()?.map(BlockId))
}

async fn proposals_full(tx: &mut SqliteConnection) -> Result<bool> {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM blocks WHERE state = 'proposed' AND rule_id IS NOT NULL")
        .fetch_one(tx)
        .await?;
    Ok(row.u32("n")? >= PROPOSALS_OPEN_MAX)
}

fn full() -> Refusal {
    Refusal {
        rule: SafetyRule::BudgetTotal,
        ko: format!("규칙이 낸 제안이 {PROPOSALS_OPEN_MAX}건 쌓여 있습니다. 먼저 처리하십시오"),
        en: format!("{PROPOSALS_OPEN_MAX} proposals of rules are open; decide on them first"),
    }
}

/// Decide on a request and store what was decided, in the caller's transaction.
pub(crate) async fn request_in(
    tx: &mut SqliteConnection,
    state: &State,
    by: &Change<'_>,
    may_block: &Scope,
    request: &BlockRequest,
    own_paths: &[IpNet],
    example: bool,
) -> Result<Outcome> {
    let moment = Moment::read(tx, state, request, by.now).await?;
    let requester = Requester { actor: by.actor.clone(), may_block: may_block.clone() };
    let policy = state.safety_policy(by.now);
    let decision = decide(request, &policy, &moment.facts(by.now, &requester, own_paths, &[]));
    match decision {
        Decision::Approved(block) => {
            let id = insert(
                tx,
                by,
                &NewRow {
                    fields: block.fields(),
                    request,
                    state: BlockState::Approved,
                    needed: 0,
                    refusal: None,
                    approved_at: Some(by.now),
                    example,
                },
            )
            .await?;
            note(tx, by, id, block.fields(), "block_approved", "block.create", &block.fields().reason).await?;
            Ok(Outcome::Approved(Wanted { id, block }))
        }
        Decision::NeedsApproval { block, because, needed, missing } => {
            if block.fields().rule.is_some() {
                if let Some(id) = same_proposal(tx, block.fields()).await? {
                    return Ok(Outcome::Waiting { id, because, needed, missing });
                }
                if proposals_full(tx).await? {
                    return Ok(Outcome::Refused { id: None, refusal: full() });
                }
            }
            let new = NewRow {
                fields: block.fields(),
                request,
                state: BlockState::Proposed,
                needed,
                refusal: Some(&because),
                approved_at: None,
                example,
            };
            let id = insert(tx, by, &new).await?;
            note(tx, by, id, block.fields(), "block_requested", "block.request", &because.ko).await?;
            Ok(Outcome::Waiting { id, because, needed, missing })
        }
        Decision::Refused(refusal) => {
            // A rule asks again with each detection, and an agency that is out of scope gets no row.
            if request.origin != Origin::Person || !may_block.holds(request.agency) {
                return Ok(Outcome::Refused { id: None, refusal });
            }
            let fields = as_asked(request, by);
            let new = NewRow {
                fields: &fields,
                request,
                state: BlockState::Refused,
                needed: 0,
                refusal: Some(&refusal),
                approved_at: None,
                example,
            };
            let id = insert(tx, by, &new).await?;
            note(tx, by, id, &fields, "block_refused", "block.refused", &refusal.ko).await?;
            Ok(Outcome::Refused { id: Some(id), refusal })
        }
    }
}

/// Timeline and audit of one step.
async fn note(
    tx: &mut SqliteConnection,
    by: &Change<'_>,
    id: BlockId,
    f: &BlockFields,
    kind: &str,
    action: &str,
    text: &str,
) -> Result<()> {
    timeline::add(tx, f.alert, Some(id), by, kind, text).await?;
    let trial = if f.dry_run { ", dry run" } else { "" };
    let what = format!("{} for {} min{trial}: {text}", f.target, f.minutes);
    // The reason is in the text already.
    let change = Change { reason: if by.reason == text || text.is_empty() { "" } else { by.reason }, ..*by };
    audit::append(tx, &change, action, &format!("block {id}"), Some(f.agency), &what).await
}

/// Points of blocks as stored, for sending and lifting.
async fn points_of(conn: &mut SqliteConnection, id: BlockId) -> Result<Vec<PointId>> {
    let rows = sqlx::query(
        "SELECT point_id FROM block_points WHERE block_id = $1 AND state <> 'rolled_back' ORDER BY point_id",
    )
    .bind(id.0)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|r| Ok(PointId(small(r.int("point_id")?)))).collect()
}

async fn rows_with_points(conn: &mut SqliteConnection, rows: &[SqliteRow]) -> Result<Vec<BlockRow>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let mut block = read(row)?;
        block.fields.points = points_of(conn, block.id).await?;
        all.push(block);
    }
    Ok(all)
}

/// End a block that is wanted: stored, lifted by the caller.
async fn end(
    tx: &mut SqliteConnection,
    by: &Change<'_>,
    block: &BlockRow,
    to: BlockState,
    because: (&str, &str, &str),
    grace_until: Option<Micros>,
) -> Result<Ended> {
    sqlx::query(
        "UPDATE blocks SET state = $2, ended_at = $3, refused_by = $4, refused_ko = $5, refused_en = $6, grace_until = $7 WHERE id = $1",
    )
    .bind(block.id.0)
    .bind(to.name())
    .bind(by.now.0)
    .bind((!because.0.is_empty()).then_some(because.0))
    .bind((!because.0.is_empty()).then_some(because.1))
    .bind((!because.0.is_empty()).then_some(because.2))
    .bind(grace_until.map(|t| t.0))
    .execute(&mut *tx)
    .await?;
    Ok(Ended { id: block.id, target: block.fields.target, points: block.fields.points.clone() })
}

/// Withdraw every automatic block, for the kill switch.
pub(crate) async fn withdraw_automatic(tx: &mut SqliteConnection, by: &Change<'_>) -> Result<Vec<Ended>> {
    let rows = sqlx::query("SELECT * FROM blocks WHERE automatic = 1 AND state IN ('approved', 'applying', 'applied')")
        .fetch_all(&mut *tx)
        .await?;
    let mut ended = Vec::new();
    for block in rows_with_points(tx, &rows).await? {
        let words = ("kill_switch", "긴급 정지로 해제했습니다", "withdrawn by the kill switch");
        ended.push(end(tx, by, &block, BlockState::Withdrawn, words, None).await?);
        note(tx, by, block.id, &block.fields, "block_undone", "block.withdraw", words.1).await?;
    }
    Ok(ended)
}

impl State {
    /// What `decide` would say, and each safety rule's word. Nothing is stored.
    ///
    /// # Errors
    /// The database fails.
    pub async fn preview_block(
        &self,
        actor: &Actor,
        may_block: &Scope,
        request: &BlockRequest,
        own_paths: &[IpNet],
        now: Micros,
    ) -> Result<(Decision, Vec<Check>)> {
        let mut conn = self.readers.acquire().await?;
        let moment = Moment::read(&mut conn, self, request, now).await?;
        let requester = Requester { actor: actor.clone(), may_block: may_block.clone() };
        let policy: SafetyPolicy = self.safety_policy(now);
        let facts = moment.facts(now, &requester, own_paths, &[]);
        Ok((decide(request, &policy, &facts), checks(request, &policy, &facts)))
    }
}

fn not_proposed(state: BlockState) -> StateError {
    StateError::conflict(format!("the block is {} already; only what waits can be decided on", state.name()))
}
