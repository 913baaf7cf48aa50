//! From what the center knows to what the interface says.

use bongsu_api as api;
use bongsu_domain::{Actor, ActorKind, AgencyTree, Role};
use bongsu_event::{AgencyId, Micros, Severity};
use bongsu_sigma::RuleSet;

use super::failure::{Answer, Failure};

pub(crate) fn time(t: Micros) -> String {
    t.to_string()
}

pub(crate) fn maybe_time(t: Option<Micros>) -> Option<String> {
    t.map(time)
}

/// RFC 3339 from a request.
pub(crate) fn parse_time(at: &str, text: &str) -> Answer<Micros> {
    text.parse::<jiff::Timestamp>().map(Micros::from_timestamp).map_err(|_| {
        Failure::bad_request(Some(at), format!("`{text}` is no time; write it as 2026-03-02T10:00:00+09:00"))
    })
}

/// A date from a request.
pub(crate) fn parse_date(at: &str, text: &str) -> Answer<jiff::civil::Date> {
    text.parse().map_err(|_| Failure::bad_request(Some(at), format!("`{text}` is no date; write it as 2026-03-02")))
}

pub(crate) fn severity(s: Severity) -> api::Severity {
    match s {
        Severity::Info => api::Severity::Info,
        Severity::Low => api::Severity::Low,
        Severity::Medium => api::Severity::Medium,
        Severity::High => api::Severity::High,
        Severity::Critical => api::Severity::Critical,
    }
}

pub(crate) fn severity_from(s: api::Severity) -> Severity {
    match s {
        api::Severity::Info => Severity::Info,
        api::Severity::Low => Severity::Low,
        api::Severity::Medium => Severity::Medium,
        api::Severity::High => Severity::High,
        api::Severity::Critical => Severity::Critical,
    }
}

pub(crate) fn actor_kind(kind: ActorKind) -> api::ActorKind {
    match kind {
        ActorKind::Person => api::ActorKind::Person,
        ActorKind::Rule => api::ActorKind::Rule,
        ActorKind::Partner => api::ActorKind::Partner,
        ActorKind::Operator => api::ActorKind::Operator,
        ActorKind::Center => api::ActorKind::Center,
    }
}

pub(crate) fn actor(a: &Actor, rules: &RuleSet) -> api::Actor {
    actor_named(a.kind, &a.name, rules)
}

/// Who did something. A rule is stored by its id and shown by its title; one that is gone keeps its id.
pub(crate) fn actor_named(kind: ActorKind, name: &str, rules: &RuleSet) -> api::Actor {
    let rule = if kind == ActorKind::Rule { rules.find(name).and_then(|r| rules.rule(r)) } else { None };
    let (name, name_en) = match rule {
        Some(r) => (r.title_ko.as_ref().unwrap_or(&r.title).clone(), Some(r.title.clone())),
        None => (name.to_owned(), None),
    };
    api::Actor { kind: actor_kind(kind), name, name_en }
}

pub(crate) fn role(r: Role) -> api::session::Role {
    match r {
        Role::Viewer => api::session::Role::Viewer,
        Role::Analyst => api::session::Role::Analyst,
        Role::DutyLead => api::session::Role::DutyLead,
        Role::AgencySecurityManager => api::session::Role::AgencySecurityManager,
        Role::AgencySecurityDeputy => api::session::Role::AgencySecurityDeputy,
        Role::Administrator => api::session::Role::Administrator,
    }
}

pub(crate) fn role_from(r: api::session::Role) -> Role {
    match r {
        api::session::Role::Viewer => Role::Viewer,
        api::session::Role::Analyst => Role::Analyst,
        api::session::Role::DutyLead => Role::DutyLead,
        api::session::Role::AgencySecurityManager => Role::AgencySecurityManager,
        api::session::Role::AgencySecurityDeputy => Role::AgencySecurityDeputy,
        api::session::Role::Administrator => Role::Administrator,
    }
}

/// An agency by name. One that is gone keeps its number.
pub(crate) fn agency(tree: &AgencyTree, id: AgencyId) -> api::Named {
    match tree.get(id) {
        Some(a) => {
            api::Named { id: id.0, name: a.name.clone(), name_en: (!a.name_en.is_empty()).then(|| a.name_en.clone()) }
        }
        None => api::Named { id: id.0, name: format!("#{id}"), name_en: None },
    }
}

pub(crate) fn named(id: u32, name: &str) -> api::Named {
    api::Named { id, name: name.to_owned(), name_en: None }
}

/// A reason that must be given.
pub(crate) fn reason(text: &str) -> Answer<&str> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > bongsu_domain::NOTE_CHARS_MAX {
        return Err(Failure::bad_request(Some("reason"), "say why, in at most 4000 characters"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_shown_by_its_title_in_both_languages_and_one_that_is_gone_by_its_id() {
        let (rules, refused) = RuleSet::load(&crate::rulebook::shipped());
        assert!(refused.is_empty(), "{refused:?}");
        let rule = rules.rules().iter().find(|r| r.title_ko.is_some()).unwrap();
        let shown = actor(&Actor::rule(&rule.id), &rules);
        assert_eq!((Some(&shown.name), shown.name_en.as_ref()), (rule.title_ko.as_ref(), Some(&rule.title)));
        assert_eq!(actor(&Actor::rule("gone"), &rules).name, "gone");
        let person = Actor { kind: ActorKind::Person, name: rule.id.clone(), ..Actor::center() };
        assert_eq!(actor(&person, &rules).name, rule.id, "a person may bear any name");
    }
}
