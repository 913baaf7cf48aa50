//! A block (차단): one target denied on enforcement points until an expiry.
//!
//! Invariant: a [`Block<Approved>`] exists only if `decide` made it, or if one that was decided earlier is read back
//! and passes `guard` again. Whoever enforces takes nothing else.

use std::marker::PhantomData;

use bongsu_event::{AgencyId, Micros};
use ipnet::IpNet;

use crate::{Actor, AlertId, PointPolicy, Refusal, guard};

/// A block, shown as `B-311`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub i64);

impl std::fmt::Display for BlockId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "B-{}", self.0)
    }
}

/// An enforcement point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointId(pub u32);

/// An enforcement point and whose equipment it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Id.
    pub id: PointId,
    /// Whose.
    pub agency: AgencyId,
}

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockState {
    /// Waits for people, or is a rule's proposal.
    Proposed,
    /// Decided, on its way.
    Approved,
    /// Being sent.
    Applying,
    /// In force on every point asked.
    Applied,
    /// Refused, with the rule's name.
    Refused,
    /// Its time is over.
    Expired,
    /// Undone.
    Withdrawn,
}

impl BlockState {
    /// Every state.
    pub const ALL: &'static [Self] =
        &[Self::Proposed, Self::Approved, Self::Applying, Self::Applied, Self::Refused, Self::Expired, Self::Withdrawn];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.name() == name)
    }
    /// Should it hold on its points?
    #[must_use]
    pub fn wanted(self) -> bool {
        matches!(self, Self::Approved | Self::Applying | Self::Applied)
    }
    /// Is it over?
    #[must_use]
    pub fn ended(self) -> bool {
        matches!(self, Self::Refused | Self::Expired | Self::Withdrawn)
    }
}

/// Was it seen to work?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Packets of the target were dropped and none came through.
    Effective,
    /// It is in the device and traffic of the target still passes.
    InsertedNotEffective,
    /// No traffic of the target was seen since.
    #[default]
    Unknown,
}

impl Effect {
    /// Every effect.
    pub const ALL: &'static [Self] = &[Self::Effective, Self::InsertedNotEffective, Self::Unknown];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Effective => "effective",
            Self::InsertedNotEffective => "inserted_not_effective",
            Self::Unknown => "unknown",
        }
    }
    /// The effect of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.name() == name)
    }
    /// Over several points: one where traffic passes makes it ineffective; one that drops makes it effective.
    #[must_use]
    pub fn together(all: impl IntoIterator<Item = Self>) -> Self {
        let mut found = Self::Unknown;
        for effect in all {
            match effect {
                Self::InsertedNotEffective => return effect,
                Self::Effective => found = effect,
                Self::Unknown => {}
            }
        }
        found
    }
}

/// A person who agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Micros,
}

/// What a block says, at whatever stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockFields {
    /// Address or prefix, in its one way of writing.
    pub target: IpNet,
    /// Whose.
    pub agency: AgencyId,
    /// Service it touches, for the budget, as `203.0.113.10:22`.
    pub service: Option<String>,
    /// Where.
    pub points: Vec<PointId>,
    /// Why, in words.
    pub reason: String,
    /// Asked for by.
    pub requested_by: Actor,
    /// When.
    pub requested_at: Micros,
    /// Minutes asked for.
    pub minutes: u32,
    /// Until.
    pub expires_at: Micros,
    /// Only a trial.
    pub dry_run: bool,
    /// Decided without a person: the kill switch withdraws it.
    pub automatic: bool,
    /// Alert it is for.
    pub alert: Option<AlertId>,
    /// Rule that made it.
    pub rule: Option<String>,
}

mod stage {
    pub trait Stage {}
}

/// Not decided yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposed {}
/// Decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approved {}
impl stage::Stage for Proposed {}
impl stage::Stage for Approved {}

/// A block at a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block<S: stage::Stage> {
    fields: BlockFields,
    stage: PhantomData<S>,
}

impl<S: stage::Stage> Block<S> {
    /// What it says.
    #[must_use]
    pub fn fields(&self) -> &BlockFields {
        &self.fields
    }
    /// The same, taken out: what is left permits nothing.
    #[must_use]
    pub fn into_fields(self) -> BlockFields {
        self.fields
    }
    // Only `decide` may call it.
    pub(crate) fn at_stage(fields: BlockFields) -> Self {
        Self { fields, stage: PhantomData }
    }
}

impl Block<Approved> {
    /// One that was decided earlier, read back: it passes only if it would still be allowed. So never-block lists
    /// reach blocks that were made before them.
    ///
    /// # Errors
    /// The safety rule that forbids it by now.
    pub fn read_back(mut fields: BlockFields, now: Micros, policy: &PointPolicy) -> Result<Self, Refusal> {
        fields.target = guard(fields.target, fields.expires_at, now, policy)?;
        Ok(Self::at_stage(fields))
    }
}
