//! Blocks: decided in the transaction that stores them.

use std::sync::Arc;

use bongsu_domain::{Ability, BlockId, BlockState, Effect, ProtectedList, ProtectedNet, SafetyPolicy, SafetyRule};
use bongsu_event::Scope;
use bongsu_state::{BlockFilter, BlockTab, Change, Outcome, PointFound, PointOutcome, StateError};

use crate::town::{A, B, NOW, Town, by_rule, detection, later, position, request};

fn approved(outcome: Outcome) -> BlockId {
    match outcome {
        Outcome::Approved(w) => w.id,
        other => panic!("{other:?}"),
    }
}

fn waiting(outcome: Outcome) -> BlockId {
    match outcome {
        Outcome::Waiting { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

fn refused(outcome: Outcome) -> SafetyRule {
    match outcome {
        Outcome::Refused { refusal, .. } => refusal.rule,
        other => panic!("{other:?}"),
    }
}

async fn policy(town: &Town, change: impl FnOnce(&mut SafetyPolicy)) {
    let mut policy = town.state.safety_policy(NOW);
    change(&mut policy);
    town.state.set_safety_policy(&Change::new(&town.admin, NOW, "test"), &policy).await.unwrap();
}

#[tokio::test]
async fn a_person_blocks_within_policy_and_undoes_it_and_no_rule_blocks_it_again_for_a_while() {
    let town = Town::new().await;
    let s = &town.state;
    policy(&town, |p| p.automatic = true).await;
    let point = town.point(A).await;
    let by = Change::new(&town.analyst_a, NOW, "");
    let may = town.may_block(&town.analyst_a).await;
    let id =
        approved(s.request_block(&by, &may, &request("198.51.100.66/32", A, vec![point]), &[], false).await.unwrap());
    let wanted = s.wanted_blocks(&[], NOW).await.unwrap();
    assert_eq!((wanted.len(), wanted[0].id, wanted[0].block.fields().points.as_slice()), (1, id, [point].as_slice()));
    let again = s.request_block(&by, &may, &request("198.51.100.66/32", A, vec![point]), &[], false).await.unwrap();
    assert_eq!(refused(again), SafetyRule::Already);
    let undo = Change::new(&town.analyst_a, NOW, "it was the mayor");
    let ended = s.undo_block(&undo, &may, id).await.unwrap();
    assert_eq!((ended.id, ended.points.as_slice()), (id, [point].as_slice()));
    assert!(s.wanted_blocks(&[], NOW).await.unwrap().is_empty());
    assert!(matches!(s.undo_block(&undo, &may, id).await, Err(StateError::Conflict(_))));
    let rule = bongsu_domain::Actor::rule("rule-1");
    let ask = async |at| {
        let by = Change::new(&rule, at, "");
        s.request_block(&by, &Scope::All, &by_rule("198.51.100.66/32", A, vec![point], at), &[], false).await.unwrap()
    };
    assert_eq!(refused(ask(NOW).await), SafetyRule::Grace);
    assert_eq!(refused(ask(later(3599)).await), SafetyRule::Grace);
    approved(ask(later(3601)).await);
    let kinds: Vec<_> = s.block(&may, id).await.unwrap().timeline.into_iter().map(|t| t.kind).collect();
    assert_eq!(kinds, ["block_approved", "block_undone"]);
}

#[tokio::test]
async fn two_requests_never_share_the_last_of_a_budget() {
    let town = Town::new().await;
    policy(&town, |p| p.budget_agency_hour = 3).await;
    let point = town.point(A).await;
    let may = town.may_block(&town.analyst_a).await;
    let town = Arc::new(town);
    let mut tasks = Vec::new();
    for n in 0..12 {
        let (town, may) = (Arc::clone(&town), may.clone());
        tasks.push(tokio::spawn(async move {
            let by = Change::new(&town.analyst_a, NOW, "");
            let ask = request(&format!("198.51.100.{n}/32"), A, vec![point]);
            town.state.request_block(&by, &may, &ask, &[], false).await.unwrap()
        }));
    }
    let (mut went, mut over) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Outcome::Approved(_) => went += 1,
            other => {
                assert_eq!(refused(other), SafetyRule::BudgetAgency);
                over += 1;
            }
        }
    }
    assert_eq!((went, over), (3, 9));
    let by = Change::new(&town.analyst_a, later(3601), "");
    approved(
        town.state.request_block(&by, &may, &request("198.51.100.200/32", A, vec![point]), &[], false).await.unwrap(),
    );
}

#[tokio::test]
async fn a_wide_prefix_needs_a_second_person_with_the_right() {
    let town = Town::new().await;
    let s = &town.state;
    let point = town.point(A).await;
    let may = town.may_block(&town.analyst_a).await;
    let by = Change::new(&town.analyst_a, NOW, "");
    let id = waiting(s.request_block(&by, &may, &request("198.51.0.0/20", A, vec![point]), &[], false).await.unwrap());
    let row = s.block(&Scope::All, id).await.unwrap();
    assert!(row.waiting && row.approvals_needed == 1 && row.state == BlockState::Proposed);
    assert!(s.wanted_blocks(&[], NOW).await.unwrap().is_empty());
    let agree = async |who: &bongsu_domain::Actor, at| {
        let (request, approve) = (town.may_block(who).await, town.may_approve(who).await);
        s.approve_block(&Change::new(who, at, ""), &request, &approve, id, &[]).await
    };
    assert!(matches!(agree(&town.analyst_a, NOW).await, Err(StateError::Forbidden(_))), "an analyst approves nothing");
    assert!(matches!(agree(&town.analyst_b, NOW).await, Err(StateError::Forbidden(_))));
    let same = s.approve_block(&by, &Scope::All, &Scope::All, id, &[]).await;
    assert!(matches!(same, Err(StateError::Conflict(_))), "nobody approves their own");
    assert!(s.approve_block(&town.center(), &Scope::All, &Scope::All, id, &[]).await.is_err(), "no machine agrees");
    assert_eq!(s.counts(&Scope::All, &Scope::All, town.lead.user, NOW).await.unwrap().approvals_waiting, 1);
    assert_eq!(s.counts(&Scope::All, &Scope::All, town.analyst_a.user, NOW).await.unwrap().approvals_waiting, 0);
    assert_eq!(approved(agree(&town.lead, later(600)).await.unwrap()), id);
    let row = s.block(&Scope::All, id).await.unwrap();
    assert_eq!(row.fields.expires_at, later(600 + 3600), "the time runs from the decision");
    assert_eq!((row.approvals.len(), row.fields.automatic), (1, false));
    assert!(matches!(agree(&town.lead2, later(601)).await, Err(StateError::Conflict(_))));
}

#[tokio::test]
async fn what_changed_since_the_request_counts_at_the_decision() {
    let town = Town::new().await;
    let s = &town.state;
    let point = town.point(A).await;
    let may = town.may_block(&town.analyst_a).await;
    let by = Change::new(&town.analyst_a, NOW, "");
    let id = waiting(s.request_block(&by, &may, &request("198.51.0.0/20", A, vec![point]), &[], false).await.unwrap());
    policy(&town, |p| {
        p.protected.push(ProtectedNet {
            net: "198.51.2.1/32".parse().unwrap(),
            list: ProtectedList::Partner,
            note: "partner".into(),
        });
    })
    .await;
    let lead = Change::new(&town.lead, later(1), "");
    let outcome = s.approve_block(&lead, &Scope::All, &Scope::All, id, &[]).await.unwrap();
    assert_eq!(refused(outcome), SafetyRule::Protected);
    assert_eq!(s.block(&Scope::All, id).await.unwrap().state, BlockState::Proposed, "it waits on");
    let why = Change::new(&town.lead, later(1), "covers a partner");
    s.refuse_block(&why, &Scope::All, &Scope::All, id).await.unwrap();
    assert_eq!(s.block(&Scope::All, id).await.unwrap().refused_by.as_deref(), Some("person"));
}

#[tokio::test]
async fn the_requester_must_still_hold_the_right_when_it_is_approved() {
    let town = Town::new().await;
    let s = &town.state;
    let point = town.point(A).await;
    let may = town.may_block(&town.analyst_a).await;
    let by = Change::new(&town.analyst_a, NOW, "");
    let id = waiting(s.request_block(&by, &may, &request("198.51.0.0/20", A, vec![point]), &[], false).await.unwrap());
    let roles = s.role_assignments(&Scope::All).await.unwrap();
    let role = roles.iter().find(|r| Some(r.assignment.user) == town.analyst_a.user).unwrap().assignment.id;
    s.end_role(&Change::new(&town.admin, NOW, "left"), &Scope::All, role).await.unwrap();
    let lead = Change::new(&town.lead, later(1), "");
    let outcome = s.approve_block(&lead, &Scope::All, &Scope::All, id, &[]).await.unwrap();
    assert_eq!(refused(outcome), SafetyRule::Scope);
}

#[tokio::test]
async fn a_rules_proposal_is_made_once_and_an_analyst_may_accept_it() {
    let town = Town::new().await;
    let s = &town.state;
    let point = town.point(A).await;
    let rule = bongsu_domain::Actor::rule("rule-1");
    let mut ids = Vec::new();
    for n in 0..3 {
        let by = Change::new(&rule, later(n), "");
        let ask = by_rule("198.51.100.66/32", A, vec![point], later(n));
        ids.push(waiting(s.request_block(&by, &Scope::All, &ask, &[], false).await.unwrap()));
    }
    assert!(ids.iter().all(|i| *i == ids[0]), "automatic blocking is off: one proposal");
    let row = s.block(&Scope::All, ids[0]).await.unwrap();
    assert!(!row.waiting && row.approvals_needed == 1);
    let page =
        s.blocks(&Scope::All, &BlockFilter { tab: BlockTab::Waiting, ..BlockFilter::default() }, NOW).await.unwrap();
    assert_eq!(page.total, 1);
    let (request, approve) = (town.may_block(&town.analyst_a).await, town.may_approve(&town.analyst_a).await);
    let by = Change::new(&town.analyst_a, later(1800), "");
    assert_eq!(approved(s.approve_block(&by, &request, &approve, ids[0], &[]).await.unwrap()), ids[0]);
    let day = later(1800 + 3600);
    let ended = s.expire_blocks(day).await.unwrap();
    assert_eq!((ended.len(), s.block(&Scope::All, ids[0]).await.unwrap().state), (1, BlockState::Expired));
}

#[tokio::test]
async fn proposals_nobody_decides_on_end_by_themselves() {
    let town = Town::new().await;
    let s = &town.state;
    let point = town.point(A).await;
    let rule = bongsu_domain::Actor::rule("rule-1");
    let by = Change::new(&rule, NOW, "");
    let id = waiting(
        s.request_block(&by, &Scope::All, &by_rule("198.51.100.66/32", A, vec![point], NOW), &[], false).await.unwrap(),
    );
    assert!(s.expire_blocks(later(23 * 3600)).await.unwrap().is_empty());
    assert!(s.expire_blocks(later(24 * 3600)).await.unwrap().is_empty(), "nothing to lift");
    assert_eq!(s.block(&Scope::All, id).await.unwrap().state, BlockState::Expired);
}

#[tokio::test]
async fn the_kill_switch_stops_new_blocks_and_withdraws_automatic_ones_only() {
    let town = Town::new().await;
    let s = &town.state;
    policy(&town, |p| p.automatic = true).await;
    let point = town.point(A).await;
    let rule = bongsu_domain::Actor::rule("rule-1");
    let by_rule_change = Change::new(&rule, NOW, "");
    let auto = approved(
        s.request_block(&by_rule_change, &Scope::All, &by_rule("198.51.100.66/32", A, vec![point], NOW), &[], false)
            .await
            .unwrap(),
    );
    let may = town.may_block(&town.analyst_a).await;
    let by = Change::new(&town.analyst_a, NOW, "");
    let manual =
        approved(s.request_block(&by, &may, &request("198.51.100.67/32", A, vec![point]), &[], false).await.unwrap());
    let lead = Change::new(&town.lead, later(1), "wrong feed");
    let ended = s.set_kill_switch(&lead, true).await.unwrap();
    assert_eq!(ended.iter().map(|e| e.id).collect::<Vec<_>>(), [auto]);
    assert_eq!(s.wanted_blocks(&[], later(2)).await.unwrap().iter().map(|w| w.id).collect::<Vec<_>>(), [manual]);
    assert_eq!(s.withdrawing(later(2)).await.unwrap(), 1);
    let found = PointFound {
        block: auto,
        state: PointOutcome::Removed,
        packets_dropped: None,
        effect: Effect::Unknown,
        error: None,
    };
    s.point_found(point, &[found], later(3)).await.unwrap();
    assert_eq!(s.withdrawing(later(3)).await.unwrap(), 0);
    let no = s.request_block(&by, &may, &request("198.51.100.68/32", A, vec![point]), &[], false).await.unwrap();
    assert_eq!(refused(no), SafetyRule::KillSwitch);
    let switch = s.kill_switch().await.unwrap();
    assert_eq!(
        (switch.on, switch.reason.as_deref(), switch.by.unwrap().name.as_str()),
        (true, Some("wrong feed"), "lead")
    );
    assert!(s.set_kill_switch(&lead, false).await.unwrap().is_empty());
    assert!(!s.kill_switch().await.unwrap().on);
    assert_eq!(
        s.block(&Scope::All, auto).await.unwrap().state,
        BlockState::Withdrawn,
        "released, it does not come back"
    );
}

#[tokio::test]
async fn a_never_block_list_reaches_blocks_made_before_it() {
    let town = Town::new().await;
    let s = &town.state;
    let point = town.point(A).await;
    let may = town.may_block(&town.analyst_a).await;
    let by = Change::new(&town.analyst_a, NOW, "");
    let id =
        approved(s.request_block(&by, &may, &request("198.51.100.0/24", A, vec![point]), &[], false).await.unwrap());
    let net = "198.51.100.7/32".parse().unwrap();
    policy(&town, |p| p.protected.push(ProtectedNet { net, list: ProtectedList::Core, note: "dns".into() })).await;
    assert!(s.wanted_blocks(&[], later(1)).await.unwrap().is_empty(), "not wanted even before it is withdrawn");
    let ended = s.recheck_blocks(&[], later(1)).await.unwrap();
    assert_eq!(ended.iter().map(|e| e.id).collect::<Vec<_>>(), [id]);
    assert_eq!(s.block(&Scope::All, id).await.unwrap().refused_by.as_deref(), Some("protected"));
    let own =
        approved(s.request_block(&by, &may, &request("203.0.113.9/32", A, vec![point]), &[], false).await.unwrap());
    assert_eq!(s.recheck_blocks(&["203.0.113.9/32".parse().unwrap()], later(1)).await.unwrap()[0].id, own);
}

#[tokio::test]
async fn a_block_stands_where_its_points_stand_and_survives_a_restart() {
    let town = Town::new().await;
    let (one, two) = (town.point(A).await, town.point(bongsu_state::ROOT).await);
    let s = &town.state;
    let by = Change::new(&town.lead, NOW, "");
    let id = approved(
        s.request_block(&by, &Scope::All, &request("198.51.100.66/32", A, vec![one, two]), &[], false).await.unwrap(),
    );
    let found = |state, packets| PointFound {
        block: id,
        state,
        packets_dropped: packets,
        effect: Effect::Effective,
        error: None,
    };
    assert_eq!(s.point_found(one, &[found(PointOutcome::Applied, Some(3))], later(1)).await.unwrap(), [id]);
    assert_eq!(s.block(&Scope::All, id).await.unwrap().state, BlockState::Applying);
    s.point_found(two, &[found(PointOutcome::Applied, None)], later(2)).await.unwrap();
    assert!(
        s.point_found(two, &[found(PointOutcome::Applied, None)], later(3)).await.unwrap().is_empty(),
        "nothing new"
    );
    let row = s.block(&Scope::All, id).await.unwrap();
    assert_eq!(
        (row.state, row.points[0].took_micros, row.points[0].packets_dropped),
        (BlockState::Applied, Some(1_000_000), Some(3))
    );
    let path = town.dir.path().join("state.sqlite");
    town.state.close().await;
    let again = bongsu_state::State::open(&path).await.unwrap();
    assert_eq!(again.wanted_blocks(&[], later(3599)).await.unwrap().len(), 1);
    assert!(again.wanted_blocks(&[], later(3600)).await.unwrap().is_empty(), "its expiry is not forgotten");
}

#[tokio::test]
async fn a_detection_and_its_automatic_block_are_one_step_and_a_replay_does_neither() {
    let town = Town::new().await;
    let s = &town.state;
    policy(&town, |p| p.automatic = true).await;
    let point = town.point(A).await;
    let mut d = detection(1, A, "198.51.100.66", NOW);
    d.block = Some(by_rule("198.51.100.66/32", A, vec![point], NOW));
    let made = s.record_detections(&[d.clone()], &position(1), &[], NOW).await.unwrap();
    let id = approved(made[0].block.clone().unwrap());
    let row = s.block(&Scope::All, id).await.unwrap();
    assert!(row.fields.automatic && row.fields.alert == made[0].alert);
    assert_eq!(s.alert(&Scope::All, made[0].alert.unwrap(), NOW).await.unwrap().block.unwrap().id, id);
    s.undo_block(&Change::new(&town.lead, later(1), ""), &Scope::All, id).await.unwrap();
    let again = s.record_detections(&[d], &position(1), &[], later(2)).await.unwrap();
    assert_eq!(again[0].block, None, "an undone block stays undone");
    let own = ["198.51.100.70/32".parse().unwrap()];
    let mut d = detection(2, A, "198.51.100.70", NOW);
    d.block = Some(by_rule("198.51.100.70/32", A, vec![point], NOW));
    let made = s.record_detections(&[d], &position(2), &own, NOW).await.unwrap();
    assert_eq!(refused(made[0].block.clone().unwrap()), SafetyRule::OwnPath);
}

#[tokio::test]
async fn another_agencys_equipment_needs_two_people_and_another_agency_is_refused() {
    let town = Town::new().await;
    let s = &town.state;
    let (mine, theirs) = (town.point(A).await, town.point(B).await);
    let may = town.may_block(&town.analyst_a).await;
    let by = Change::new(&town.analyst_a, NOW, "");
    waiting(s.request_block(&by, &may, &request("198.51.100.66/32", A, vec![mine, theirs]), &[], false).await.unwrap());
    let no = s.request_block(&by, &may, &request("198.51.100.67/32", B, vec![theirs]), &[], false).await.unwrap();
    assert_eq!(
        no,
        match no.clone() {
            Outcome::Refused { refusal, .. } => Outcome::Refused { id: None, refusal },
            other => other,
        }
    );
    assert_eq!(refused(no), SafetyRule::Scope);
    assert!(
        !may.holds(B)
            && s.rights(town.analyst_a.user.unwrap(), s.moment(NOW)).await.unwrap().may(Ability::See, A, &s.tree())
    );
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_not_stored() {
    let town = Town::new().await;
    let mut policy = town.state.safety_policy(NOW);
    policy.minutes_max = 0;
    let by = Change::new(&town.admin, NOW, "");
    assert!(matches!(town.state.set_safety_policy(&by, &policy).await, Err(StateError::Invalid(_))));
    policy.minutes_max = 120;
    policy.automatic_minutes = 60;
    policy.valid_from = later(3600);
    town.state.set_safety_policy(&by, &policy).await.unwrap();
    assert_ne!(town.state.safety_policy(NOW).minutes_max, 120);
    assert_eq!(town.state.safety_policy(later(3600)).minutes_max, 120);
}
