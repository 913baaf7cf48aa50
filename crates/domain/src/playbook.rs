//! Playbooks: what runs by itself when an alert is raised. For now one: rule × severity × source outside → block.
//!
//! Invariant: a playbook only *asks*; `decide` has the last word, with the evidence in hand.

use std::net::IpAddr;

use bongsu_event::{AgencyId, Severity};
use ipnet::IpNet;

use crate::{AlertId, BlockRequest, LineEvidence, Origin, PointId, SafetyPolicy};

/// What a rule says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Block the source where the policy lets it.
    Block,
    /// Propose a block to a person.
    Propose,
    /// Nothing.
    #[default]
    None,
}

/// A detection that a playbook may act on.
#[derive(Clone, Debug, PartialEq)]
pub struct AutomaticBlock {
    /// Rule id.
    pub rule: String,
    /// Its severity.
    pub severity: Severity,
    /// Its hint.
    pub hint: Hint,
    /// The address it is about.
    pub target: IpAddr,
    /// Whose alert.
    pub agency: AgencyId,
    /// Service it touches, as `203.0.113.10:22`.
    pub service: Option<String>,
    /// Points of the agency and above it.
    pub points: Vec<PointId>,
    /// Why, in words.
    pub reason: String,
    /// Its alert, if there is one yet.
    pub alert: Option<AlertId>,
    /// What the lines prove.
    pub evidence: LineEvidence,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// Ask for this block.
    Ask(BlockRequest),
    /// Nothing, because.
    Nothing(&'static str),
}

/// What does the playbook ask for?
#[must_use]
pub fn plan(found: AutomaticBlock, policy: &SafetyPolicy) -> Plan {
    if found.hint == Hint::None {
        return Plan::Nothing("the rule has no playbook");
    }
    if found.evidence.never_acts() {
        return Plan::Nothing("replays, loaded files, drills and hunts never act");
    }
    Plan::Ask(BlockRequest {
        target: IpNet::from(found.target),
        agency: found.agency,
        service: found.service,
        points: found.points,
        minutes: policy.automatic_minutes,
        reason: found.reason,
        alert: found.alert,
        dry_run: policy.dry_run_rules.contains(&found.rule),
        ask_approval: found.hint == Hint::Propose,
        together: 1,
        origin: Origin::Rule { rule: found.rule, severity: found.severity, evidence: found.evidence },
    })
}
