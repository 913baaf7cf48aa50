//! The only door to a block. [`decide`] sees the request, the safety policy and the facts of the moment, and says
//! approved, needs people, or refused, with the name of the safety rule.
//!
//! Invariant: every safety rule is one [`Check`]; a single `Refuse` among them refuses, and no approval lifts it.
//! Forged lines must not make us block a victim: what a rule asks for by itself rests on evidence (`LineEvidence`).

use bongsu_event::{AgencyId, Event, Evidence, Field, Micros, Scope, Severity, SourceId, limits};
use ipnet::IpNet;

use crate::{
    Ability, Actor, AlertId, Approval, Approved, Block, BlockFields, Point, PointId, Proposed, Refusal, SafetyPolicy,
    canonical, covers, guard, overlaps,
};

mod words;

/// A safety rule, by its stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SafetyRule {
    /// No new blocks while the kill switch is on.
    KillSwitch,
    /// Who asks may block for that agency.
    Scope,
    /// There is a point to enforce it.
    NoPoint,
    /// Addresses nobody blocks.
    Reserved,
    /// Never wider than this.
    Width,
    /// Never-block lists.
    Protected,
    /// Paths by which we reach the point, the center and the person who asks.
    OwnPath,
    /// Ends, and in time.
    Expiry,
    /// Says why.
    Reason,
    /// What a rule does by itself rests on lines nobody could forge.
    Evidence,
    /// Replays, loads, drills and hunts never act.
    NotLive,
    /// Lines are fresh.
    Stale,
    /// Without a completed handshake a rule may only propose.
    Handshake,
    /// A rule blocks by itself only what is outside.
    Inside,
    /// Automatic playbooks are switched off.
    AutomaticOff,
    /// The rule is not grave enough to block by itself.
    Severity,
    /// Undone a while ago: no rule blocks it again yet.
    Grace,
    /// Blocked already.
    Already,
    /// Blocks an agency has in an hour.
    BudgetAgency,
    /// Blocks the center has in an hour.
    BudgetTotal,
    /// Blocks a service has in an hour.
    BudgetService,
    /// A wide prefix needs two people.
    Wide,
    /// Many targets need two people.
    ManyTargets,
    /// Another agency's equipment needs two people.
    OtherAgency,
    /// Approval was asked for.
    Asked,
}

impl SafetyRule {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KillSwitch => "kill_switch",
            Self::Scope => "scope",
            Self::NoPoint => "no_point",
            Self::Reserved => "reserved",
            Self::Width => "width",
            Self::Protected => "protected",
            Self::OwnPath => "own_path",
            Self::Expiry => "expiry",
            Self::Reason => "reason",
            Self::Evidence => "evidence",
            Self::NotLive => "not_live",
            Self::Stale => "stale",
            Self::Handshake => "handshake",
            Self::Inside => "inside",
            Self::AutomaticOff => "automatic_off",
            Self::Severity => "severity",
            Self::Grace => "grace",
            Self::Already => "already",
            Self::BudgetAgency => "budget_agency",
            Self::BudgetTotal => "budget_total",
            Self::BudgetService => "budget_service",
            Self::Wide => "wide",
            Self::ManyTargets => "many_targets",
            Self::OtherAgency => "other_agency",
            Self::Asked => "asked",
        }
    }
}

/// In which pass a line was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// As it came.
    Live,
    /// Read again after a restart or into a restored center.
    Replay,
    /// From a file.
    Load,
    /// Of a drill.
    Drill,
    /// A pass over what is stored.
    Hunt,
}

/// What the lines behind a rule's request prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineEvidence {
    /// Every line came from a registered source.
    pub registered: bool,
    /// Every line came by a transport whose sender can't be forged.
    pub authenticated: bool,
    /// In some line an outsider could have written the address.
    pub forgeable: bool,
    /// In every line the address completed a handshake.
    pub handshake: bool,
    /// Largest distance between event time and receipt, microseconds.
    pub skew: i64,
    /// Event time of the newest line.
    pub happened: Micros,
    /// Receipt of the newest line.
    pub received: Micros,
    /// In which pass.
    pub live: Live,
}

/// A line counts for blocking only this near to its receipt and to now, microseconds.
const FRESH_MICROS: i64 = limits::LIVE_SKEW_SECONDS_MAX * Micros::SECOND;

impl LineEvidence {
    /// What one event proves about the address in one of its fields.
    #[must_use]
    pub fn of(event: &Event, field: Field, live: Live) -> Self {
        let live = if event.transport == bongsu_event::Transport::Load { Live::Load } else { live };
        Self {
            registered: event.source != SourceId::QUARANTINE,
            authenticated: event.transport.authenticates(),
            forgeable: event.forgeable.has(field),
            handshake: field == Field::SrcIp && event.evidence == Evidence::Handshake,
            skew: event.time.0.saturating_sub(event.receive_time.0).saturating_abs(),
            happened: event.time,
            received: event.receive_time,
            live,
        }
    }
    /// What two lines prove together: no more than the weaker of them. A correlation proves what all its lines do;
    /// else nine forged lines and one honest mistake would block a victim.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            registered: self.registered && other.registered,
            authenticated: self.authenticated && other.authenticated,
            forgeable: self.forgeable || other.forgeable,
            handshake: self.handshake && other.handshake,
            skew: self.skew.max(other.skew),
            happened: self.happened.max(other.happened),
            received: self.received.max(other.received),
            live: if self.live == Live::Live { other.live } else { self.live },
        }
    }
    /// A pass that never acts, whatever the lines prove.
    #[must_use]
    pub fn never_acts(&self) -> bool {
        self.live != Live::Live
    }
    fn trusted(&self) -> bool {
        self.registered && self.authenticated && !self.forgeable
    }
    fn fresh(&self, now: Micros) -> bool {
        let age = |t: Micros| now.0.saturating_sub(t.0).saturating_abs();
        self.skew < FRESH_MICROS && age(self.received) < FRESH_MICROS && age(self.happened) < FRESH_MICROS
    }
}

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A person or the operator.
    Person,
    /// A peer center.
    Partner,
    /// A rule, by itself.
    Rule {
        /// Rule id.
        rule: String,
        /// Its severity.
        severity: Severity,
        /// What its lines prove.
        evidence: LineEvidence,
    },
    /// A rule's proposal, read back for people to decide on: its evidence was looked at when it was made, and no
    /// evidence makes it go by itself.
    Proposal {
        /// Rule id.
        rule: String,
    },
}

impl Origin {
    fn rule(&self) -> Option<&String> {
        match self {
            Self::Rule { rule, .. } | Self::Proposal { rule } => Some(rule),
            Self::Person | Self::Partner => None,
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRequest {
    /// Address or prefix.
    pub target: IpNet,
    /// Whose.
    pub agency: AgencyId,
    /// Service it touches, for the budget.
    pub service: Option<String>,
    /// Where.
    pub points: Vec<PointId>,
    /// For how long, minutes.
    pub minutes: u32,
    /// Why, in words.
    pub reason: String,
    /// Alert it is for.
    pub alert: Option<AlertId>,
    /// Only a trial.
    pub dry_run: bool,
    /// Ask people even if the policy would not.
    pub ask_approval: bool,
    /// Targets asked for together with this one, itself included.
    pub together: u32,
    /// Where it comes from.
    pub origin: Origin,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Who.
    pub actor: Actor,
    /// Agencies for which they may ask for blocks.
    pub may_block: Scope,
}

/// A block in force or on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Target.
    pub target: IpNet,
    /// Until.
    pub expires_at: Micros,
    /// Where.
    pub points: Vec<PointId>,
    /// Only a trial.
    pub dry_run: bool,
}

/// A target that was undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// Target.
    pub target: IpNet,
    /// No rule blocks it before then.
    pub until: Micros,
}

/// Blocks approved in the last hour, trials not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// For the request's agency.
    pub agency: u32,
    /// For everybody.
    pub total: u32,
    /// For the request's service.
    pub service: u32,
}

/// A budget's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetUse {
    /// In the last hour.
    pub used: u32,
    /// With this one.
    pub after: u32,
    /// Most.
    pub limit: u32,
}

/// The moment at which is decided. Read it in the same transaction that stores the decision.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Now.
    pub now: Micros,
    /// Is the kill switch on?
    pub kill_switch: bool,
    /// Blocks in force or on their way.
    pub existing: &'a [Existing],
    /// Blocks made in the last hour.
    pub budget: Budget,
    /// Targets undone a while ago.
    pub grace: &'a [Grace],
    /// Our own management paths: the center, agents, points, gateways between them.
    pub own_paths: &'a [IpNet],
    /// Who asks.
    pub requester: &'a Requester,
    /// Every enforcement point there is.
    pub points: &'a [Point],
    /// The request's agency, those above it and those below it.
    pub lineage: &'a [AgencyId],
    /// People who agreed so far.
    pub approvals: &'a [Approval],
}

/// What one safety rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Goes.
    Pass,
    /// Goes if so many people agree, the one who asks included.
    People(u32),
    /// Can't be, whoever agrees.
    Refuse,
}

/// One safety rule, looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub rule: SafetyRule,
    /// What it says.
    pub ruling: Ruling,
    detail: Detail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Detail {
    None,
    Net(IpNet),
    Until(Micros),
    Budget(BudgetUse),
    Width { len: u8, limit: u8 },
    Minutes(u32),
    Count(u32),
    Refusal(Refusal),
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes at once.
    Approved(Block<Approved>),
    /// It waits for people.
    NeedsApproval {
        /// What waits.
        block: Block<Proposed>,
        /// Which safety rule asks for people, in words.
        because: Refusal,
        /// Approvals needed in all.
        needed: u32,
        /// Approvals still missing.
        missing: u32,
    },
    /// It can't be.
    Refused(Refusal),
}

/// Who may give the approvals that a block still needs: a rule's proposal within policy may be accepted by whoever
/// may ask for blocks; all else needs an approver.
#[must_use]
pub fn approver_ability(by_rule: bool, needed: u32) -> Ability {
    if by_rule && needed <= 1 { Ability::RequestBlocks } else { Ability::ApproveBlocks }
}

/// Decide. The only way to a [`Block<Approved>`].
#[must_use]
pub fn decide(request: &BlockRequest, policy: &SafetyPolicy, facts: &Facts<'_>) -> Decision {
    let checks = checks(request, policy, facts);
    if let Some(no) = checks.iter().find(|c| c.ruling == Ruling::Refuse) {
        return Decision::Refused(no.refusal());
    }
    let asks = checks.iter().filter_map(|c| if let Ruling::People(n) = c.ruling { Some((n, c)) } else { None });
    // The first of the gravest: its words are shown.
    let gravest = asks.fold(None, |best: Option<(u32, &Check)>, ask| match best {
        Some(b) if b.0 >= ask.0 => best,
        _ => Some(ask),
    });
    let mut fields = fields(request, policy, facts);
    let Some((people, check)) = gravest else {
        fields.automatic = matches!(request.origin, Origin::Rule { .. });
        return Decision::Approved(Block::at_stage(fields));
    };
    let by_human = facts.requester.actor.kind.is_human() && request.origin == Origin::Person;
    let needed = people.saturating_sub(u32::from(by_human));
    let missing = needed.saturating_sub(agreed(facts));
    if missing == 0 {
        return Decision::Approved(Block::at_stage(fields));
    }
    Decision::NeedsApproval { block: Block::at_stage(fields), because: check.refusal(), needed, missing }
}

/// Different human beings who agreed, the one who asks not counted.
fn agreed(facts: &Facts<'_>) -> u32 {
    let mut people: Vec<&Actor> = vec![&facts.requester.actor];
    for approval in facts.approvals {
        if approval.by.kind.is_human() && !people.iter().any(|p| p.same_human(&approval.by)) {
            people.push(&approval.by);
        }
    }
    u32::try_from(people.len() - 1).unwrap_or(u32::MAX)
}

fn fields(request: &BlockRequest, policy: &SafetyPolicy, facts: &Facts<'_>) -> BlockFields {
    let rule = request.origin.rule().cloned();
    let trial = rule.as_ref().is_some_and(|r| policy.dry_run_rules.contains(r));
    BlockFields {
        target: canonical(request.target),
        agency: request.agency,
        service: request.service.clone(),
        points: request.points.clone(),
        reason: request.reason.clone(),
        requested_by: facts.requester.actor.clone(),
        requested_at: facts.now,
        minutes: request.minutes,
        expires_at: expiry(request, facts.now),
        dry_run: request.dry_run || policy.dry_run || trial,
        automatic: false,
        alert: request.alert,
        rule,
    }
}

fn expiry(request: &BlockRequest, now: Micros) -> Micros {
    now.plus_seconds(i64::from(request.minutes) * 60)
}

/// Every safety rule that has something to say, in the order in which they are shown.
#[must_use]
pub fn checks(request: &BlockRequest, policy: &SafetyPolicy, facts: &Facts<'_>) -> Vec<Check> {
    let mut all = Vec::with_capacity(16);
    all.push(refuse_if(SafetyRule::KillSwitch, facts.kill_switch, Detail::None));
    all.push(refuse_if(SafetyRule::Scope, !facts.requester.may_block.holds(request.agency), Detail::None));
    guarded(request, policy, facts, &mut all);
    if request.origin == Origin::Person {
        all.push(refuse_if(SafetyRule::Reason, request.reason.trim().is_empty(), Detail::None));
    }
    if let Origin::Rule { severity, evidence, .. } = &request.origin {
        by_rule(request, policy, facts, *severity, evidence, &mut all);
    }
    repeated(request, facts, &mut all);
    budgets(request, policy, facts, &mut all);
    people(request, policy, facts, &mut all);
    all
}

fn refuse_if(rule: SafetyRule, no: bool, detail: Detail) -> Check {
    Check { rule, ruling: if no { Ruling::Refuse } else { Ruling::Pass }, detail }
}

fn people_if(rule: SafetyRule, people: u32, ask: bool, detail: Detail) -> Check {
    Check { rule, ruling: if ask { Ruling::People(people) } else { Ruling::Pass }, detail }
}

fn guarded(request: &BlockRequest, policy: &SafetyPolicy, facts: &Facts<'_>, all: &mut Vec<Check>) {
    match guard(request.target, expiry(request, facts.now), facts.now, &policy.for_point(&[])) {
        Ok(_) => {
            all.push(refuse_if(SafetyRule::Protected, false, Detail::None));
            all.push(refuse_if(SafetyRule::Expiry, false, Detail::Minutes(request.minutes)));
        }
        Err(refusal) => {
            all.push(Check { rule: refusal.rule, ruling: Ruling::Refuse, detail: Detail::Refusal(refusal) });
        }
    }
    // Whoever asks keeps their own way in.
    let own = facts.requester.actor.address.filter(|a| !a.is_loopback()).map(IpNet::from);
    let hit = facts.own_paths.iter().copied().chain(own).find(|n| overlaps(*n, request.target));
    all.push(refuse_if(SafetyRule::OwnPath, hit.is_some(), hit.map_or(Detail::None, Detail::Net)));
    let known = |id: &PointId| facts.points.iter().any(|p| p.id == *id);
    let none = request.points.is_empty() || !request.points.iter().all(known);
    all.push(refuse_if(SafetyRule::NoPoint, none, Detail::None));
}

fn by_rule(
    request: &BlockRequest,
    policy: &SafetyPolicy,
    facts: &Facts<'_>,
    severity: Severity,
    evidence: &LineEvidence,
    all: &mut Vec<Check>,
) {
    all.push(refuse_if(SafetyRule::NotLive, evidence.never_acts(), Detail::None));
    all.push(refuse_if(SafetyRule::Evidence, !evidence.trusted(), Detail::None));
    all.push(refuse_if(SafetyRule::Stale, !evidence.fresh(facts.now), Detail::None));
    let grace = facts.grace.iter().find(|g| g.until > facts.now && overlaps(g.target, request.target));
    let grace_until = grace.map_or(Detail::None, |g| Detail::Until(g.until));
    all.push(refuse_if(SafetyRule::Grace, grace.is_some(), grace_until));
    all.push(people_if(SafetyRule::Handshake, 1, !evidence.handshake, Detail::None));
    all.push(people_if(SafetyRule::Inside, 1, !policy.outside(request.target), Detail::None));
    all.push(people_if(SafetyRule::AutomaticOff, 1, !policy.automatic, Detail::None));
    all.push(people_if(SafetyRule::Severity, 1, severity < policy.automatic_severity, Detail::None));
}

fn repeated(request: &BlockRequest, facts: &Facts<'_>, all: &mut Vec<Check>) {
    let until = expiry(request, facts.now);
    let by_rule = matches!(request.origin, Origin::Rule { .. });
    let same = facts.existing.iter().find(|e| {
        e.expires_at > facts.now
            && (!e.dry_run || request.dry_run)
            && covers(e.target, request.target)
            && (by_rule || e.expires_at >= until)
            && request.points.iter().all(|p| e.points.contains(p))
    });
    all.push(refuse_if(
        SafetyRule::Already,
        same.is_some(),
        same.map_or(Detail::None, |e| Detail::Until(e.expires_at)),
    ));
}

fn budgets(request: &BlockRequest, policy: &SafetyPolicy, facts: &Facts<'_>, all: &mut Vec<Check>) {
    let mut one = |rule, used: u32, limit| {
        let after = used.saturating_add(1);
        all.push(refuse_if(rule, after > limit, Detail::Budget(BudgetUse { used, after, limit })));
    };
    one(SafetyRule::BudgetAgency, facts.budget.agency, policy.budget_agency_hour);
    one(SafetyRule::BudgetTotal, facts.budget.total, policy.budget_total_hour);
    if request.service.is_some() {
        one(SafetyRule::BudgetService, facts.budget.service, policy.budget_service_hour);
    }
}

fn people(request: &BlockRequest, policy: &SafetyPolicy, facts: &Facts<'_>, all: &mut Vec<Check>) {
    let target = canonical(request.target);
    let limit = if matches!(target, IpNet::V4(_)) { policy.wide_v4 } else { policy.wide_v6 };
    let len = target.prefix_len();
    all.push(people_if(SafetyRule::Wide, 2, len < limit, Detail::Width { len, limit }));
    let many = request.together > policy.targets_wide;
    all.push(people_if(SafetyRule::ManyTargets, 2, many, Detail::Count(request.together)));
    let foreign = request
        .points
        .iter()
        .filter_map(|id| facts.points.iter().find(|p| p.id == *id))
        .any(|p| foreign_point(p, request, facts));
    all.push(people_if(SafetyRule::OtherAgency, 2, foreign, Detail::None));
    let people = if request.origin == Origin::Person { 2 } else { 1 };
    let always = matches!(request.origin, Origin::Partner | Origin::Proposal { .. });
    all.push(people_if(SafetyRule::Asked, people, request.ask_approval || always, Detail::None));
}

/// Another agency's equipment: for a person, what lies outside what they may block for; for a rule, what is neither
/// its agency's nor that of one above or below.
fn foreign_point(point: &Point, request: &BlockRequest, facts: &Facts<'_>) -> bool {
    match request.origin {
        Origin::Person => !facts.requester.may_block.holds(point.agency),
        Origin::Partner | Origin::Rule { .. } | Origin::Proposal { .. } => !facts.lineage.contains(&point.agency),
    }
}
