//! What counted events cost each unit.
//!
//! Invariant: an event that is not counted pays one look at an `Option`; counting never changes what matches.

/// A clock that the caller lends: nanoseconds since any fixed instant.
pub(crate) type Clock = fn() -> u64;

/// What counted events cost one unit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UnitCost {
    /// Terms of the unit that held.
    pub atoms: u64,
    /// Runs of its program.
    pub evaluated: u64,
    /// Runs that matched.
    pub matched: u64,
    /// Its programs, and its part of the expressions tried for it, nanoseconds.
    pub nanos: u64,
}

/// Costs by the plan's unit.
#[derive(Debug, Default)]
pub(crate) struct Meter(Vec<UnitCost>);

impl Meter {
    /// The cost of a unit, to be added to.
    pub fn of(&mut self, unit: u32) -> Option<&mut UnitCost> {
        let at = unit as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, UnitCost::default());
        }
        self.0.get_mut(at)
    }
    /// Every unit that cost something, in order; the meter begins anew.
    pub fn take(&mut self) -> impl Iterator<Item = (u32, UnitCost)> + use<> {
        let all = std::mem::take(&mut self.0);
        (0u32..).zip(all).filter(|(_, c)| c.atoms + c.evaluated + c.nanos > 0)
    }
}
