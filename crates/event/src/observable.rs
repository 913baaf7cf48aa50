//! Observables: values taken from an event that other systems know by name.

use serde::{Deserialize, Serialize};

use crate::{Event, Field, Value};

/// What kind of observable a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservableKind {
    /// An IPv4 or IPv6 address.
    Ip,
    /// An account name.
    User,
    /// MD5, SHA-1 or SHA-256, lower-case hex.
    Hash,
    /// A DNS name.
    Domain,
}

/// A typed value of an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Observable {
    /// Its kind.
    pub kind: ObservableKind,
    /// The value as text: addresses canonical, hashes and domains in lower case.
    pub value: String,
}

const IPS: &[Field] = &[Field::SrcIp, Field::DstIp, Field::SrcNatIp, Field::DstNatIp];
const USERS: &[Field] = &[Field::User, Field::DstUser];
const HASHES: &[Field] = &[Field::Sha256, Field::Sha1, Field::Md5];
const DOMAINS: &[Field] = &[Field::Domain, Field::SrcDomain, Field::DstHost];

impl Event {
    /// Every observable of this event, once each, in the order ip, user, hash, domain.
    #[must_use]
    pub fn observables(&self) -> Vec<Observable> {
        let mut found = Vec::new();
        for (kind, fields) in [
            (ObservableKind::Ip, IPS),
            (ObservableKind::User, USERS),
            (ObservableKind::Hash, HASHES),
            (ObservableKind::Domain, DOMAINS),
        ] {
            for field in fields {
                let Some(value) = self.get(*field) else { continue };
                let value = match (kind, value) {
                    (ObservableKind::Ip, Value::Ip(a)) => a.to_string(),
                    (ObservableKind::Ip, _) => continue,
                    (ObservableKind::User, v) => v.to_string(),
                    (_, v) => v.to_string().to_lowercase(),
                };
                let o = Observable { kind, value };
                if !o.value.is_empty() && !found.contains(&o) {
                    found.push(o);
                }
            }
        }
        found
    }
}
