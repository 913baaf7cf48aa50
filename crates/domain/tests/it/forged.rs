//! Forged lines must not make us block a victim.

use bongsu_domain::{
    Actor, AutomaticBlock, BlockRequest, Budget, Decision, Facts, Hint, LineEvidence, Live, Plan, Point, PointId,
    Requester, SafetyPolicy, SafetyRule, decide, plan,
};
use bongsu_event::{AgencyId, Event, Evidence, Field, FieldSet, Micros, Scope, Severity, SourceId, Transport};

const NOW: Micros = Micros(1_772_413_200_000_000);

fn event(change: impl FnOnce(&mut Event)) -> Event {
    let mut event = Event::unread(bytes(), NOW);
    event.source = SourceId(7);
    event.transport = Transport::Agent;
    event.evidence = Evidence::Handshake;
    change(&mut event);
    event
}

fn bytes() -> bytes::Bytes {
    bytes::Bytes::from_static(b"Failed password for root from 198.51.100.66 port 4242 ssh2")
}

fn policy() -> SafetyPolicy {
    SafetyPolicy { automatic: true, ..SafetyPolicy::example() }
}

fn decided(evidence: LineEvidence, hint: Hint, policy: &SafetyPolicy) -> Option<Decision> {
    let found = AutomaticBlock {
        rule: "ssh-guessing".into(),
        severity: Severity::High,
        hint,
        target: "198.51.100.66".parse().unwrap(),
        agency: AgencyId(1),
        service: None,
        points: vec![PointId(1)],
        reason: "guessing".into(),
        alert: None,
        evidence,
    };
    let Plan::Ask(request) = plan(found, policy) else { return None };
    Some(ask(&request, policy))
}

fn ask(request: &BlockRequest, policy: &SafetyPolicy) -> Decision {
    let requester = Requester { actor: Actor::rule("ssh-guessing"), may_block: Scope::All };
    let facts = Facts {
        now: NOW,
        kill_switch: false,
        existing: &[],
        budget: Budget::default(),
        grace: &[],
        own_paths: &[],
        requester: &requester,
        points: &[Point { id: PointId(1), agency: AgencyId(1) }],
        lineage: &[AgencyId(1)],
        approvals: &[],
    };
    decide(request, policy, &facts)
}

fn refused(decision: Option<Decision>) -> SafetyRule {
    match decision {
        Some(Decision::Refused(r)) => r.rule,
        other => panic!("{other:?}"),
    }
}

fn proposed(decision: Option<Decision>) -> SafetyRule {
    match decision {
        Some(Decision::NeedsApproval { because, needed: 1, missing: 1, .. }) => because.rule,
        other => panic!("{other:?}"),
    }
}

fn of(change: impl FnOnce(&mut Event)) -> LineEvidence {
    LineEvidence::of(&event(change), Field::SrcIp, Live::Live)
}

#[test]
fn an_honest_line_of_an_agent_blocks() {
    let decision = decided(of(|_| ()), Hint::Block, &policy());
    let Some(Decision::Approved(block)) = decision else { panic!("{decision:?}") };
    assert!(block.fields().automatic && !block.fields().dry_run);
    assert_eq!(block.fields().expires_at, NOW.plus_seconds(3600));
}

#[test]
fn lines_that_could_be_forged_do_not() {
    let all = |change: fn(&mut Event)| refused(decided(of(change), Hint::Block, &policy()));
    assert_eq!(all(|e| e.transport = Transport::Udp), SafetyRule::Evidence);
    assert_eq!(all(|e| e.source = SourceId::QUARANTINE), SafetyRule::Evidence);
    assert_eq!(
        all(|e| {
            let mut written = FieldSet::default();
            written.insert(Field::SrcIp);
            e.forgeable = written;
        }),
        SafetyRule::Evidence
    );
    assert_eq!(all(|e| e.time = NOW.plus_seconds(-301)), SafetyRule::Stale);
    assert_eq!(all(|e| e.time = NOW.plus_seconds(301)), SafetyRule::Stale);
    assert_eq!(
        all(|e| {
            e.time = NOW.plus_seconds(-400);
            e.receive_time = NOW.plus_seconds(-400);
        }),
        SafetyRule::Stale
    );
}

#[test]
fn a_syn_alone_or_an_inside_address_only_proposes() {
    assert_eq!(proposed(decided(of(|e| e.evidence = Evidence::None), Hint::Block, &policy())), SafetyRule::Handshake);
    let inside = SafetyPolicy { inside: vec!["198.51.100.0/24".parse().unwrap()], ..policy() };
    assert_eq!(proposed(decided(of(|_| ()), Hint::Block, &inside)), SafetyRule::Inside);
    assert_eq!(proposed(decided(of(|_| ()), Hint::Propose, &policy())), SafetyRule::Asked);
    assert_eq!(proposed(decided(of(|_| ()), Hint::Block, &SafetyPolicy::example())), SafetyRule::AutomaticOff);
    let grave = SafetyPolicy { automatic_severity: Severity::Critical, ..policy() };
    assert_eq!(proposed(decided(of(|_| ()), Hint::Block, &grave)), SafetyRule::Severity);
    // The handshake is about where a line says it comes from, not about any other address in it.
    let other = LineEvidence::of(&event(|_| ()), Field::DstIp, Live::Live);
    assert_eq!(proposed(decided(other, Hint::Block, &policy())), SafetyRule::Handshake);
}

#[test]
fn replays_loads_drills_and_hunts_never_ask() {
    for live in [Live::Replay, Live::Load, Live::Drill, Live::Hunt] {
        let evidence = LineEvidence::of(&event(|_| ()), Field::SrcIp, live);
        assert_eq!(decided(evidence, Hint::Block, &policy()), None);
    }
    assert_eq!(
        decided(of(|e| e.transport = Transport::Load), Hint::Block, &policy()),
        None,
        "a loaded file, whatever is said"
    );
    assert_eq!(decided(of(|_| ()), Hint::None, &policy()), None);
}

#[test]
fn nine_forged_lines_and_one_honest_mistake_prove_nothing() {
    let forged = of(|e| e.transport = Transport::Udp);
    let honest = of(|_| ());
    let together = (0..9).fold(honest, |all, _| all.and(forged));
    assert_eq!(refused(decided(together, Hint::Block, &policy())), SafetyRule::Evidence);
    let old = of(|e| {
        e.time = NOW.plus_seconds(-600);
        e.receive_time = NOW.plus_seconds(-600);
    });
    assert!(
        matches!(decided(honest.and(old), Hint::Block, &policy()), Some(Decision::Approved(_))),
        "a window's newest line counts"
    );
}
