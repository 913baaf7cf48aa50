//! Roles (직책) and their assignments: person × agency × role, with dates, a substitute and absences.
//!
//! Invariant: rights come from assignments in force at a given moment and from nowhere else. A substitute holds the
//! role while its holder is away; the holder keeps seeing and acting, but is not who gets called.

use bongsu_event::{AgencyId, Micros, Scope};
use jiff::civil::Date;

use crate::{AgencyTree, UserId};

/// A role, held over an agency's subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees.
    Viewer,
    /// 관제요원.
    Analyst,
    /// 당직책임자.
    DutyLead,
    /// 사이버보안관리관.
    AgencySecurityManager,
    /// 분임관리관.
    AgencySecurityDeputy,
    /// 관리자.
    Administrator,
}

/// Something a person may do over an agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Ability {
    /// See its records.
    See,
    /// Acknowledge, note, close alerts.
    WorkAlerts,
    /// Ask for blocks within policy; accept what a rule proposes.
    RequestBlocks,
    /// Approve or refuse what needs people.
    ApproveBlocks,
    /// Throw the kill switch.
    KillSwitch,
    /// Sources, agents, rules, policy.
    Administer,
    /// People and agencies.
    ManagePeople,
    /// Read the audit log.
    ReadAudit,
}

/// A set of abilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities(u8);

impl Abilities {
    /// Of a list.
    #[must_use]
    pub const fn of(list: &[Ability]) -> Self {
        let mut bits = 0;
        let mut rest = list;
        while let [first, more @ ..] = rest {
            bits |= 1 << (*first as u8);
            rest = more;
        }
        Self(bits)
    }
    /// Is it in the set?
    #[must_use]
    pub const fn has(self, ability: Ability) -> bool {
        self.0 & (1 << (ability as u8)) != 0
    }
    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// Are all of the other's in this one?
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[
        Self::Viewer,
        Self::Analyst,
        Self::DutyLead,
        Self::AgencySecurityManager,
        Self::AgencySecurityDeputy,
        Self::Administrator,
    ];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::DutyLead => "duty_lead",
            Self::AgencySecurityManager => "agency_security_manager",
            Self::AgencySecurityDeputy => "agency_security_deputy",
            Self::Administrator => "administrator",
        }
    }
    /// The role of that name; `-` and `_` are one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.replace('-', "_");
        Self::ALL.iter().copied().find(|r| r.name() == name)
    }
    /// What the role allows over its agency's subtree.
    #[must_use]
    pub fn abilities(self) -> Abilities {
        use Ability::{Administer, ApproveBlocks, KillSwitch, ManagePeople, ReadAudit, RequestBlocks, See, WorkAlerts};
        match self {
            Self::Viewer => Abilities::of(&[See]),
            Self::Analyst => Abilities::of(&[See, WorkAlerts, RequestBlocks]),
            Self::DutyLead => Abilities::of(&[See, WorkAlerts, RequestBlocks, ApproveBlocks, KillSwitch, ReadAudit]),
            Self::AgencySecurityManager | Self::AgencySecurityDeputy => {
                Abilities::of(&[See, WorkAlerts, RequestBlocks, ApproveBlocks, ReadAudit])
            }
            // The first person of a new center is one, and must be able to act; two people stay two people.
            Self::Administrator => Abilities::of(&[
                See,
                WorkAlerts,
                RequestBlocks,
                ApproveBlocks,
                KillSwitch,
                Administer,
                ManagePeople,
                ReadAudit,
            ]),
        }
    }
}

/// A role assignment's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleAssignmentId(pub u32);

/// An instant, and the date it has on the office's calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub now: Micros,
    /// Its date in the office's zone.
    pub today: Date,
}

impl Moment {
    /// In a zone.
    #[must_use]
    pub fn new(now: Micros, zone: &jiff::tz::TimeZone) -> Self {
        Self { now, today: now.timestamp().to_zoned(zone.clone()).date() }
    }
}

/// A role assignment (직책 지정).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAssignment {
    /// Id.
    pub id: RoleAssignmentId,
    /// Who.
    pub user: UserId,
    /// Over this agency's subtree.
    pub agency: AgencyId,
    /// What.
    pub role: Role,
    /// From this date on.
    pub starts_on: Date,
    /// Through this date.
    pub ends_on: Option<Date>,
    /// Ended by a person before its date.
    pub ended_at: Option<Micros>,
    /// Who stands in while away.
    pub substitute: Option<UserId>,
    /// Away from, through (dates, both included).
    pub away: Option<(Date, Date)>,
}

impl RoleAssignment {
    /// Does it count at that moment?
    #[must_use]
    pub fn in_force(&self, at: Moment) -> bool {
        self.starts_on <= at.today
            && self.ends_on.is_none_or(|end| at.today <= end)
            && self.ended_at.is_none_or(|end| at.now < end)
    }
    /// Is its holder away at that moment?
    #[must_use]
    pub fn is_away(&self, at: Moment) -> bool {
        self.away.is_some_and(|(from, through)| (from..=through).contains(&at.today))
    }
    /// Who answers for it at that moment: the substitute while its holder is away. `None` when not in force, or
    /// away without a substitute: then the post is vacant.
    #[must_use]
    pub fn responsible(&self, at: Moment) -> Option<UserId> {
        match (self.in_force(at), self.is_away(at)) {
            (false, _) => None,
            (true, false) => Some(self.user),
            (true, true) => self.substitute,
        }
    }
    /// Does it give this person its rights at that moment?
    #[must_use]
    pub fn empowers(&self, user: UserId, at: Moment) -> bool {
        self.in_force(at) && (self.user == user || (self.is_away(at) && self.substitute == Some(user)))
    }
}

/// A role held over an agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Role.
    pub role: Role,
    /// Over this agency's subtree.
    pub agency: AgencyId,
}

/// What one person holds at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    held: Vec<Held>,
}

impl Rights {
    /// Of the assignments that empower this person now.
    #[must_use]
    pub fn of(user: UserId, assignments: &[RoleAssignment], at: Moment) -> Self {
        let mut held: Vec<Held> = assignments
            .iter()
            .filter(|a| a.empowers(user, at))
            .map(|a| Held { role: a.role, agency: a.agency })
            .collect();
        held.sort_unstable();
        held.dedup();
        Self { held }
    }
    /// Roles held.
    #[must_use]
    pub fn held(&self) -> &[Held] {
        &self.held
    }
    /// May this person do that over this agency?
    #[must_use]
    pub fn may(&self, ability: Ability, agency: AgencyId, tree: &AgencyTree) -> bool {
        self.held.iter().any(|h| h.role.abilities().has(ability) && tree.holds(h.agency, agency))
    }
    /// May this person do that over any agency? For showing a button; never for deciding.
    #[must_use]
    pub fn may_anywhere(&self, ability: Ability) -> bool {
        self.held.iter().any(|h| h.role.abilities().has(ability))
    }
    /// Agencies over which this person may do that.
    #[must_use]
    pub fn scope(&self, ability: Ability, tree: &AgencyTree) -> Scope {
        let tops = self.held.iter().filter(|h| h.role.abilities().has(ability));
        Scope::Agencies(tops.flat_map(|h| tree.subtree(h.agency)).collect())
    }
    /// The top agencies of what this person sees, none of them below another.
    #[must_use]
    pub fn tops(&self, tree: &AgencyTree) -> Vec<AgencyId> {
        let mut tops: Vec<AgencyId> = self.held.iter().map(|h| h.agency).collect();
        tops.sort_unstable();
        tops.dedup();
        let all = tops.clone();
        tops.retain(|t| !all.iter().any(|other| other != t && tree.holds(*other, *t)));
        tops
    }
    /// May this person give that role over that agency? Only who holds all of its abilities there, or manages
    /// people at the root; else a small administrator could make a great one.
    #[must_use]
    pub fn may_give(&self, role: Role, agency: AgencyId, tree: &AgencyTree) -> bool {
        if !self.may(Ability::ManagePeople, agency, tree) {
            return false;
        }
        let here = self.held.iter().filter(|h| tree.holds(h.agency, agency));
        let mine = here.fold(Abilities::default(), |all, h| all.and(h.role.abilities()));
        mine.covers(role.abilities()) || mine.has(Ability::Administer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Agency, AgencyKind};
    use jiff::civil::date;

    fn at(today: Date) -> Moment {
        Moment { now: Micros(today.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_microsecond()), today }
    }

    fn assignment(user: u32, agency: u32, role: Role) -> RoleAssignment {
        RoleAssignment {
            id: RoleAssignmentId(1),
            user: UserId(user),
            agency: AgencyId(agency),
            role,
            starts_on: date(2026, 3, 1),
            ends_on: Some(date(2026, 3, 31)),
            ended_at: None,
            substitute: Some(UserId(9)),
            away: Some((date(2026, 3, 10), date(2026, 3, 12))),
        }
    }

    fn tree() -> AgencyTree {
        let agency = |id: u32, parent: u32| Agency {
            id: AgencyId(id),
            parent: (parent > 0).then_some(AgencyId(parent)),
            code: String::new(),
            name: String::new(),
            name_en: String::new(),
            kind: AgencyKind::Gu,
        };
        AgencyTree::new([agency(1, 0), agency(2, 1), agency(3, 1), agency(4, 2)]).unwrap()
    }

    #[test]
    fn dates_include_both_ends_and_an_early_end_counts_at_once() {
        let mut a = assignment(1, 2, Role::Analyst);
        assert!(!a.in_force(at(date(2026, 2, 28))) && a.in_force(at(date(2026, 3, 1))));
        assert!(a.in_force(at(date(2026, 3, 31))) && !a.in_force(at(date(2026, 4, 1))));
        a.ended_at = Some(at(date(2026, 3, 5)).now);
        assert!(a.in_force(at(date(2026, 3, 4))) && !a.in_force(at(date(2026, 3, 5))));
    }

    #[test]
    fn a_substitute_answers_only_while_the_holder_is_away() {
        let mut a = assignment(1, 2, Role::DutyLead);
        let (home, away) = (at(date(2026, 3, 9)), at(date(2026, 3, 12)));
        assert_eq!((a.responsible(home), a.responsible(away)), (Some(UserId(1)), Some(UserId(9))));
        assert!(!a.empowers(UserId(9), home) && a.empowers(UserId(9), away) && a.empowers(UserId(1), away));
        a.substitute = None;
        assert_eq!(a.responsible(away), None, "away without a substitute is a vacancy");
    }

    #[test]
    fn rights_reach_down_the_subtree_and_not_sideways() {
        let now = at(date(2026, 3, 2));
        let rights = Rights::of(UserId(1), &[assignment(1, 2, Role::Analyst), assignment(7, 1, Role::DutyLead)], now);
        let t = tree();
        assert!(rights.may(Ability::RequestBlocks, AgencyId(4), &t));
        assert!(!rights.may(Ability::See, AgencyId(1), &t) && !rights.may(Ability::See, AgencyId(3), &t));
        assert!(!rights.may_anywhere(Ability::ApproveBlocks));
        assert_eq!(rights.scope(Ability::See, &t), Scope::Agencies([AgencyId(2), AgencyId(4)].into()));
        assert_eq!(rights.scope(Ability::ApproveBlocks, &t), Scope::nothing());
    }

    #[test]
    fn nobody_gives_rights_beyond_their_own_subtree() {
        let now = at(date(2026, 3, 2));
        let rights = Rights::of(UserId(1), &[assignment(1, 2, Role::Administrator)], now);
        let t = tree();
        assert!(rights.may_give(Role::DutyLead, AgencyId(4), &t));
        assert!(!rights.may_give(Role::Viewer, AgencyId(1), &t) && !rights.may_give(Role::Viewer, AgencyId(3), &t));
        let lead = Rights::of(UserId(1), &[assignment(1, 1, Role::DutyLead)], now);
        assert!(!lead.may_give(Role::Viewer, AgencyId(4), &t));
        assert_eq!(rights.tops(&t), vec![AgencyId(2)]);
    }
}
