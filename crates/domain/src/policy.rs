//! Policies are dated data: a list of versions, of which one is in force at a time.

use bongsu_event::{Micros, Severity};
use ipnet::IpNet;

use crate::{PointPolicy, guard};

/// Has a day from which it counts.
pub trait Dated {
    /// In force since.
    fn valid_from(&self) -> Micros;
}

/// Versions of a policy. Older ones are kept: what was decided by them can be understood later.
#[derive(Clone, Debug)]
pub struct Versions<P> {
    versions: Vec<P>,
}

impl<P: Dated> Versions<P> {
    /// In any order; of two with the same day the later in the list counts.
    #[must_use]
    pub fn new(mut versions: Vec<P>) -> Self {
        versions.sort_by_key(Dated::valid_from);
        Self { versions }
    }
    /// The version in force at that time; before the first one began, none.
    #[must_use]
    pub fn in_force(&self, at: Micros) -> Option<&P> {
        self.versions.iter().rev().find(|p| p.valid_from() <= at)
    }
    /// All, oldest first.
    #[must_use]
    pub fn all(&self) -> &[P] {
        &self.versions
    }
}

/// Which never-block list a net stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtectedList {
    /// Own management paths.
    Management,
    /// Core infrastructure.
    Core,
    /// Partner networks.
    Partner,
}

impl ProtectedList {
    /// Every list.
    pub const ALL: &'static [Self] = &[Self::Management, Self::Core, Self::Partner];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Management => "management",
            Self::Core => "core",
            Self::Partner => "partner",
        }
    }
    /// The list of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|l| l.name() == name)
    }
}

/// An entry of a never-block list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedNet {
    /// Address or prefix.
    pub net: IpNet,
    /// Which list.
    pub list: ProtectedList,
    /// What it is.
    pub note: String,
}

/// The safety of blocking, one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyPolicy {
    /// In force since.
    pub valid_from: Micros,
    /// The shipped example set, not yet edited (예시).
    pub example: bool,
    /// Never blocked, nor anything that covers it.
    pub protected: Vec<ProtectedNet>,
    /// Longest, minutes.
    pub minutes_max: u32,
    /// Blocks an agency may have made in an hour.
    pub budget_agency_hour: u32,
    /// Blocks the whole center may have made in an hour.
    pub budget_total_hour: u32,
    /// Blocks that touch one service in an hour.
    pub budget_service_hour: u32,
    /// A shorter prefix than this needs two people, IPv4.
    pub wide_v4: u8,
    /// IPv6.
    pub wide_v6: u8,
    /// A shorter prefix than this is never blocked, IPv4.
    pub widest_v4: u8,
    /// IPv6.
    pub widest_v6: u8,
    /// More targets than this asked for together need two people.
    pub targets_wide: u32,
    /// After an undo, minutes in which no rule may block the target again.
    pub grace_minutes: u32,
    /// Do automatic playbooks act?
    pub automatic: bool,
    /// Least rule severity that blocks by itself.
    pub automatic_severity: Severity,
    /// Minutes an automatic block holds.
    pub automatic_minutes: u32,
    /// Everything only as a trial.
    pub dry_run: bool,
    /// Rules whose blocks are only a trial.
    pub dry_run_rules: Vec<String>,
    /// Our own networks: a source outside them is "outside".
    pub inside: Vec<IpNet>,
}

impl Dated for SafetyPolicy {
    fn valid_from(&self) -> Micros {
        self.valid_from
    }
}

/// Why a policy can't be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}")]
pub struct PolicyError {
    /// The field.
    pub at: &'static str,
    /// What is wrong, and what to write.
    pub message: String,
}

/// Longest that any policy may allow a block to hold, minutes (30 days): a block is not a firewall rule.
pub const BLOCK_MINUTES_MAX: u32 = 30 * 24 * 60;
/// Most entries of the never-block lists and of the inside networks.
pub const NETS_MAX: usize = 10_000;

impl SafetyPolicy {
    /// The example set (예시): automatic playbooks off, private addresses inside, nothing of the city's own known yet.
    #[must_use]
    pub fn example() -> Self {
        let net = |a, b, c, d, len| guard::net_v4(a, b, c, d, len);
        Self {
            valid_from: Micros(0),
            example: true,
            protected: Vec::new(),
            minutes_max: 7 * 24 * 60,
            budget_agency_hour: 20,
            budget_total_hour: 100,
            budget_service_hour: 10,
            wide_v4: 24,
            wide_v6: 48,
            widest_v4: 16,
            widest_v6: 32,
            targets_wide: 10,
            grace_minutes: 60,
            automatic: false,
            automatic_severity: Severity::High,
            automatic_minutes: 60,
            dry_run: false,
            dry_run_rules: Vec::new(),
            inside: vec![net(10, 0, 0, 0, 8), net(172, 16, 0, 0, 12), net(192, 168, 0, 0, 16), net(100, 64, 0, 0, 10)],
        }
    }
    /// Does it make sense?
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), PolicyError> {
        let wrong = |at, message: &str| Err(PolicyError { at, message: message.to_owned() });
        if !(1..=BLOCK_MINUTES_MAX).contains(&self.minutes_max) {
            return wrong("minutes_max", "the longest block is 1 to 43200 minutes (30 days)");
        }
        if !(1..=self.minutes_max).contains(&self.automatic_minutes) {
            return wrong("automatic_minutes", "an automatic block holds 1 minute to minutes_max");
        }
        if !(self.widest_v4 <= self.wide_v4 && self.wide_v4 <= 32 && self.widest_v4 >= 8) {
            return wrong("widest_v4", "write 8 <= widest_v4 <= wide_v4 <= 32");
        }
        if !(self.widest_v6 <= self.wide_v6 && self.wide_v6 <= 128 && self.widest_v6 >= 16) {
            return wrong("widest_v6", "write 16 <= widest_v6 <= wide_v6 <= 128");
        }
        if self.targets_wide == 0 {
            return wrong("targets_wide", "at least 1 target goes without a second person");
        }
        if self.protected.len() > NETS_MAX || self.inside.len() > NETS_MAX {
            return wrong("protected", "at most 10000 networks; join neighbours into prefixes");
        }
        if let Some(p) = self.protected.iter().find(|p| p.net.prefix_len() == 0) {
            return wrong("protected", &format!("{} would forbid every block; use the kill switch for that", p.net));
        }
        Ok(())
    }
    /// Is this target outside our own networks, all of it?
    #[must_use]
    pub fn outside(&self, target: IpNet) -> bool {
        !self.inside.iter().any(|n| guard::overlaps(*n, target))
    }
    /// What an enforcement point checks by itself. `own` are further paths that must stay open.
    #[must_use]
    pub fn for_point(&self, own: &[IpNet]) -> PointPolicy {
        let never = self.protected.iter().map(|p| p.net).chain(own.iter().copied()).collect();
        PointPolicy { never, minutes_max: self.minutes_max, widest_v4: self.widest_v4, widest_v6: self.widest_v6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_in_force_is_the_latest_that_has_begun() {
        let at = |t, minutes_max| SafetyPolicy { valid_from: Micros(t), minutes_max, ..SafetyPolicy::example() };
        let versions = Versions::new(vec![at(200, 3), at(0, 1), at(100, 2), at(100, 4)]);
        let in_force = |t| versions.in_force(Micros(t)).map(|p| p.minutes_max);
        assert_eq!(
            [in_force(-1), in_force(0), in_force(99), in_force(100), in_force(500)],
            [None, Some(1), Some(1), Some(4), Some(3)]
        );
    }

    #[test]
    fn the_example_is_sound_labelled_and_does_not_act_by_itself() {
        let p = SafetyPolicy::example();
        assert_eq!(p.check(), Ok(()));
        assert!(p.example && !p.automatic);
    }

    #[test]
    fn a_policy_that_makes_no_sense_names_its_field() {
        let at = |change: fn(&mut SafetyPolicy)| {
            let mut p = SafetyPolicy::example();
            change(&mut p);
            p.check().unwrap_err().at
        };
        assert_eq!(at(|p| p.minutes_max = 0), "minutes_max");
        assert_eq!(at(|p| p.automatic_minutes = p.minutes_max + 1), "automatic_minutes");
        assert_eq!(at(|p| p.widest_v4 = 0), "widest_v4");
        assert_eq!(at(|p| p.wide_v6 = 129), "widest_v6");
    }
}
