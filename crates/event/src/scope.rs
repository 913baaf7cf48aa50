//! What a person may see: a subtree of agencies, resolved to ids before it reaches a store.

use std::collections::BTreeSet;

use crate::AgencyId;

/// Agencies whose records a query may touch. There is no way to ask a store without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every agency: the operator at the socket, and the center's own tasks.
    All,
    /// Only these; an empty set sees nothing.
    Agencies(BTreeSet<AgencyId>),
}

impl Scope {
    /// Nothing at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self::Agencies(BTreeSet::new())
    }
    /// May a record of this agency be seen?
    #[must_use]
    pub fn holds(&self, agency: AgencyId) -> bool {
        match self {
            Self::All => true,
            Self::Agencies(set) => set.contains(&agency),
        }
    }
}
