//! A small town: root 1, two gu offices 2 and 3, a center 4 below 2; a person in each.

use bongsu_domain::{Actor, AgencyKind, BlockRequest, Entity, LineEvidence, Live, Origin, PointId, Role, UserId};
use bongsu_event::{AgencyId, EventId, Micros, Scope, Severity};
use bongsu_state::{Change, NewAgency, NewAssignment, NewDetection, NewUser, Position, ROOT, State};
use tempfile::TempDir;

pub const NOW: Micros = Micros(1_772_413_200_000_000);
pub const A: AgencyId = AgencyId(2);
pub const B: AgencyId = AgencyId(3);
pub const A1: AgencyId = AgencyId(4);

pub struct Town {
    pub dir: TempDir,
    pub state: State,
    pub center: Actor,
    /// Administrator over the root, analysts of A and B, duty leads over the root.
    pub admin: Actor,
    pub analyst_a: Actor,
    pub analyst_b: Actor,
    pub lead: Actor,
    pub lead2: Actor,
}

pub fn only(agency: AgencyId) -> Scope {
    Scope::Agencies([agency].into())
}

pub fn later(seconds: i64) -> Micros {
    NOW.plus_seconds(seconds)
}

impl Town {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(&dir.path().join("state.sqlite")).await.unwrap();
        let center = Actor::center();
        let by = Change::new(&center, NOW, "");
        for (parent, code) in [(ROOT, "suan-gu"), (ROOT, "haeon-gu"), (A, "suan-health")] {
            let new = NewAgency {
                parent,
                code: code.into(),
                name: code.into(),
                name_en: String::new(),
                kind: AgencyKind::Gu,
            };
            state.create_agency(&by, &Scope::All, &new).await.unwrap();
        }
        let mut people = Vec::new();
        for (name, agency, role) in [
            ("admin", ROOT, Role::Administrator),
            ("analyst-a", A, Role::Analyst),
            ("analyst-b", B, Role::Analyst),
            ("lead", ROOT, Role::DutyLead),
            ("lead2", ROOT, Role::DutyLead),
        ] {
            let new = NewUser { name: name.into(), display_name: name.into(), agency, phone: None, example: false };
            let user = state.create_user(&by, &Scope::All, &new).await.unwrap();
            let role = NewAssignment {
                user,
                agency,
                role,
                starts_on: state.moment(NOW).today,
                ends_on: None,
                substitute: None,
                away: None,
            };
            state.assign_role(&by, &Scope::All, &role).await.unwrap();
            people.push(Actor::person(user, name, None));
        }
        let [admin, analyst_a, analyst_b, lead, lead2] = people.try_into().unwrap();
        Self { dir, state, center, admin, analyst_a, analyst_b, lead, lead2 }
    }

    pub fn center(&self) -> Change<'_> {
        Change::new(&self.center, NOW, "")
    }

    pub async fn user(&self, name: &str, agency: AgencyId) -> UserId {
        let new = NewUser { name: name.into(), display_name: name.into(), agency, phone: None, example: false };
        self.state.create_user(&self.center(), &Scope::All, &new).await.unwrap()
    }

    pub async fn point(&self, agency: AgencyId) -> PointId {
        self.state.dry_run_point(&self.center(), agency, &format!("fw-{agency}")).await.unwrap()
    }

    /// Which may ask for blocks: everybody here whose role lets them.
    pub async fn may_block(&self, actor: &Actor) -> Scope {
        let rights = self.state.rights(actor.user.unwrap(), self.state.moment(NOW)).await.unwrap();
        rights.scope(bongsu_domain::Ability::RequestBlocks, &self.state.tree())
    }

    pub async fn may_approve(&self, actor: &Actor) -> Scope {
        let rights = self.state.rights(actor.user.unwrap(), self.state.moment(NOW)).await.unwrap();
        rights.scope(bongsu_domain::Ability::ApproveBlocks, &self.state.tree())
    }
}

pub fn detection(id: u64, agency: AgencyId, entity: &str, at: Micros) -> NewDetection {
    NewDetection {
        id: format!("rule-1/1-{id}"),
        rule: "rule-1".into(),
        rule_title: "SSH 비밀번호 추측".into(),
        rule_title_en: "SSH password guessing".into(),
        entity: Entity { kind: "src_ip".into(), value: entity.into() },
        agency,
        severity: Severity::High,
        score: 70,
        at,
        events: vec![EventId { epoch: 1, sequence: id }],
        matched: vec![],
        reason: format!("{entity}에서 추측"),
        reason_en: format!("guessing from {entity}"),
        count: 1,
        example: false,
        block: None,
    }
}

pub fn position(sequence: u64) -> Position {
    Position { consumer: "alerts".into(), through: EventId { epoch: 1, sequence }, data: Some(vec![1, 2, 3]) }
}

pub fn request(target: &str, agency: AgencyId, points: Vec<PointId>) -> BlockRequest {
    BlockRequest {
        target: target.parse().unwrap(),
        agency,
        service: None,
        points,
        minutes: 60,
        reason: "attack".into(),
        alert: None,
        dry_run: false,
        ask_approval: false,
        together: 1,
        origin: Origin::Person,
    }
}

pub fn by_rule(target: &str, agency: AgencyId, points: Vec<PointId>, at: Micros) -> BlockRequest {
    let evidence = LineEvidence {
        registered: true,
        authenticated: true,
        forgeable: false,
        handshake: true,
        skew: 0,
        happened: at,
        received: at,
        live: Live::Live,
    };
    let origin = Origin::Rule { rule: "rule-1".into(), severity: Severity::Critical, evidence };
    BlockRequest { origin, ..request(target, agency, points) }
}
