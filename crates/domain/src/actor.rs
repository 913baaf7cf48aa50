//! Who did an action. Every action says whether a rule, a person or a partner did it.

use std::net::IpAddr;

use crate::UserId;

/// What kind of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorKind {
    /// A person with an account.
    Person,
    /// A rule, through a playbook.
    Rule,
    /// A peer center.
    Partner,
    /// The operator at the local socket.
    Operator,
    /// The center itself (expiry, reconciliation).
    Center,
}

impl ActorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Person, Self::Rule, Self::Partner, Self::Operator, Self::Center];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Rule => "rule",
            Self::Partner => "partner",
            Self::Operator => "operator",
            Self::Center => "center",
        }
    }
    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }
    /// A human being: only these can agree to something.
    #[must_use]
    pub fn is_human(self) -> bool {
        matches!(self, Self::Person | Self::Operator)
    }
}

/// Who did it, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Kind.
    pub kind: ActorKind,
    /// Display name; of a rule its id.
    pub name: String,
    /// Account, of a person.
    pub user: Option<UserId>,
    /// Address the action came from.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// The center itself.
    #[must_use]
    pub fn center() -> Self {
        Self { kind: ActorKind::Center, name: "center".to_owned(), user: None, address: None }
    }
    /// A rule, by its id.
    #[must_use]
    pub fn rule(id: &str) -> Self {
        Self { kind: ActorKind::Rule, name: id.to_owned(), user: None, address: None }
    }
    /// The operator at the socket, by system account.
    #[must_use]
    pub fn operator(account: &str) -> Self {
        Self { kind: ActorKind::Operator, name: account.to_owned(), user: None, address: None }
    }
    /// A person with an account.
    #[must_use]
    pub fn person(user: UserId, name: &str, address: Option<IpAddr>) -> Self {
        Self { kind: ActorKind::Person, name: name.to_owned(), user: Some(user), address }
    }
    /// Are these the same human being, as far as we can tell?
    #[must_use]
    pub fn same_human(&self, other: &Self) -> bool {
        match (self.user, other.user) {
            (Some(a), Some(b)) => a == b,
            (None, None) => self.kind == other.kind && self.name == other.name,
            _ => false,
        }
    }
}
