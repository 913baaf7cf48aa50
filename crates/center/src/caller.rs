//! Who calls, and what they may do. Made by `auth` from a session, or from the operator's socket; nowhere else.

use std::sync::Arc;

use bongsu_domain::{Ability, Actor, AgencyTree, Rights, UserId};
use bongsu_event::{AgencyId, Scope};

use crate::problem::Problem;

/// A caller that has been let in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who, for the audit log.
    pub actor: Actor,
    /// Rights held now; `None` for the operator at the socket, who may do everything but approve twice.
    pub rights: Option<Rights>,
    /// The tree the rights are held over.
    pub tree: Arc<AgencyTree>,
}

impl Caller {
    /// The account, if it is a person with one.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.actor.user
    }
    /// Agencies over which the caller has this ability.
    #[must_use]
    pub fn scope(&self, ability: Ability) -> Scope {
        match &self.rights {
            None => Scope::All,
            Some(rights) => rights.scope(ability, &self.tree),
        }
    }
    /// What the caller sees.
    #[must_use]
    pub fn sees(&self) -> Scope {
        self.scope(Ability::See)
    }
    /// May the caller do this anywhere at all?
    #[must_use]
    pub fn may(&self, ability: Ability) -> bool {
        self.rights.as_ref().is_none_or(|r| r.may_anywhere(ability))
    }
    /// May the caller do this to this agency?
    #[must_use]
    pub fn may_in(&self, ability: Ability, agency: AgencyId) -> bool {
        self.rights.as_ref().is_none_or(|r| r.may(ability, agency, &self.tree))
    }
    /// The scope of an ability, or a refusal when it is held nowhere.
    ///
    /// # Errors
    /// 403.
    pub fn needs(&self, ability: Ability) -> Result<Scope, Problem> {
        if self.may(ability) { Ok(self.scope(ability)) } else { Err(Problem::forbidden()) }
    }
    /// An ability held over the whole city: rules, policy, the kill switch concern everybody.
    ///
    /// # Errors
    /// 403.
    pub fn needs_everywhere(&self, ability: Ability) -> Result<(), Problem> {
        if self.may_in(ability, bongsu_state::ROOT) { Ok(()) } else { Err(Problem::forbidden()) }
    }
}
