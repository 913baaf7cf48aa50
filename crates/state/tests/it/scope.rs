//! Another agency sees nothing and changes nothing: each read and each change, negatively.

use bongsu_domain::{Actor, RoleAssignmentId, Verdict};
use bongsu_event::{Scope, SourceId};
use bongsu_state::{
    AlertFilter, AlertTab, AuditFilter, BlockFilter, BlockTab, Change, ChangeAgency, ChangeSource, ChangeUser,
    NewSource, StateError,
};

use crate::town::{A, A1, B, NOW, Town, detection, later, only, position, request};

fn nowhere<T: std::fmt::Debug>(found: Result<T, StateError>) {
    assert!(matches!(found, Err(StateError::NotFound(_) | StateError::Forbidden(_))), "{found:?}");
}

#[tokio::test]
async fn every_read_and_every_change_stops_at_the_agency() {
    let town = Town::new().await;
    let (s, by) = (&town.state, town.center());
    let user = town.user("kim", A).await;
    let new = NewSource {
        name: "fw-a".into(),
        from: "192.0.2.7".into(),
        agency: A,
        format: None,
        timezone: None,
        silent_after_minutes: None,
        example: false,
    };
    let source = s.create_source(&by, &Scope::All, &new).await.unwrap().id;
    s.create_token(&by, &Scope::All, "agent-a", A, &[1; 32], later(600)).await.unwrap();
    let agent = s.use_token(&[1; 32], "host", NOW).await.unwrap().agent;
    s.create_token(&by, &Scope::All, "agent-a2", A, &[2; 32], later(600)).await.unwrap();
    let point = town.point(A).await;
    let made = s.record_detections(&[detection(1, A, "198.51.100.66", NOW)], &position(1), &[], NOW).await.unwrap();
    let alert = made[0].alert.unwrap();
    let row = s.alert(&Scope::All, alert, NOW).await.unwrap();
    let lead = Change::new(&town.lead, NOW, "why");
    let outcome =
        s.request_block(&lead, &Scope::All, &request("198.51.100.66/32", A, vec![point]), &[], false).await.unwrap();
    let bongsu_state::Outcome::Approved(wanted) = outcome else { panic!("{outcome:?}") };
    let role = s.role_assignments(&only(A)).await.unwrap()[0].assignment.id;

    for other in [only(B), only(A1), Scope::nothing()] {
        let other = &other;
        // Lists hold nothing of A.
        assert!(s.sources(other).await.unwrap().is_empty() && s.sources_ever(other).await.unwrap().is_empty());
        assert!(s.agents(other).await.unwrap().is_empty() && s.open_tokens(other, NOW).await.unwrap().is_empty());
        assert!(s.points(other).await.unwrap().is_empty());
        assert!(s.users(other).await.unwrap().iter().all(|u| u.agency == B));
        assert!(s.role_assignments(other).await.unwrap().iter().all(|r| r.assignment.agency == B));
        assert!(s.agencies(other).await.unwrap().iter().all(|a| a.agency.id != A));
        let all = AlertFilter { tab: AlertTab::All, ..AlertFilter::default() };
        let page = s.alerts(other, &all, NOW).await.unwrap();
        assert_eq!((page.total, page.detections, page.rows.len(), page.agencies.len()), (0, 0, 0, 0));
        let wider = AlertFilter { agencies: Some(Scope::All), ..all };
        assert_eq!(s.alerts(other, &wider, NOW).await.unwrap().total, 0, "a filter never widens");
        let tab = BlockFilter { tab: BlockTab::All, ..BlockFilter::default() };
        assert_eq!(s.blocks(other, &tab, NOW).await.unwrap().total, 0);
        let counts = s.counts(other, other, None, NOW).await.unwrap();
        assert_eq!(
            (counts.blocks_in_force, counts.queue_open, counts.approvals_waiting, counts.quarantined),
            (0, 0, 0, 0)
        );
        assert!(s.alerts_of_entity(other, &row.entity, bongsu_domain::AlertId(0), NOW).await.unwrap().is_empty());
        let (days, seen) = s.entity_history(other, &row.entity, NOW).await.unwrap();
        assert!(days.iter().all(|d| *d == 0) && seen.is_empty());
        assert!(s.similar_alerts(other, &row).await.unwrap().is_empty());
        assert!(s.rule_stats(other, NOW).await.unwrap().is_empty());
        let audit = s.audit(other, &AuditFilter { limit: 500, ..AuditFilter::default() }).await.unwrap();
        assert!(audit.rows.iter().all(|e| e.agency.is_some_and(|a| other.holds(a))));
        nowhere(s.quarantine(other).await);
        // One by one there is no such thing.
        nowhere(s.source(other, source).await);
        nowhere(s.agent(other, agent).await);
        nowhere(s.user(other, user).await);
        nowhere(s.alert(other, alert, NOW).await);
        nowhere(s.alert_timeline(other, alert).await);
        nowhere(s.detections(other, alert, 10).await);
        nowhere(s.block(other, wanted.id).await);
        nowhere(s.responsible_for(other, A, s.moment(NOW)).await);
        nowhere(s.role_assignment(other, role).await);
        // And nothing of it can be changed.
        nowhere(s.create_source(&by, other, &NewSource { from: "192.0.2.8".into(), ..new.clone() }).await);
        nowhere(s.change_source(&by, other, source, &ChangeSource::default()).await);
        nowhere(s.remove_source(&by, other, source).await);
        nowhere(s.change_agent(&by, other, agent, None, None).await);
        nowhere(s.revoke_agent(&by, other, agent).await);
        nowhere(s.create_token(&by, other, "x", A, &[5; 32], later(60)).await);
        nowhere(s.change_user(&by, other, user, &ChangeUser::default()).await);
        nowhere(s.new_link(&by, other, user, &[6; 32], later(60), false).await);
        nowhere(s.change_agency(&by, other, A, &ChangeAgency::default()).await);
        nowhere(s.end_role(&by, other, role).await);
        nowhere(s.acknowledge_alert(&lead, other, alert).await);
        nowhere(s.close_alert(&lead, other, alert, Verdict::Benign).await);
        nowhere(s.reopen_alert(&lead, other, alert).await);
        nowhere(s.note_alert(&lead, other, alert, "x").await);
        nowhere(s.undo_block(&lead, other, wanted.id).await);
        let lead2 = Change::new(&town.lead2, NOW, "");
        nowhere(s.approve_block(&lead2, other, other, wanted.id, &[]).await);
        nowhere(s.refuse_block(&lead2, other, other, wanted.id).await);
    }
    // What is not there looks the same as what is out of scope.
    nowhere(s.source(&Scope::All, SourceId(999)).await);
    nowhere(s.role_assignment(&Scope::All, RoleAssignmentId(999)).await);
    // The agency itself sees all of it.
    let mine = Scope::Agencies([A, A1].into());
    assert_eq!(s.alert(&mine, alert, NOW).await.unwrap().count, 1);
    assert_eq!(s.block(&mine, wanted.id).await.unwrap().fields.agency, A);
    assert_eq!(s.sources(&mine).await.unwrap().len(), 1);
    assert_eq!(s.agents(&mine).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_sees_every_agency_sees_what_belongs_to_none() {
    let town = Town::new().await;
    let all: Scope = Scope::Agencies(town.state.tree().subtree(town.state.tree().root()));
    assert!(town.state.sees_all(&all) && town.state.sees_all(&Scope::All) && !town.state.sees_all(&only(A)));
    town.state.quarantine(&all).await.unwrap();
    let actor = Actor::operator("root");
    town.state.set_kill_switch(&Change::new(&actor, NOW, "drill"), true).await.unwrap();
    let filter = AuditFilter { action: Some("kill_switch".into()), ..AuditFilter::default() };
    assert_eq!(town.state.audit(&all, &filter).await.unwrap().total, 1);
    assert_eq!(town.state.audit(&only(A), &filter).await.unwrap().total, 0);
}
