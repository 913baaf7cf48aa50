//! Recording detections, and the queue.

use bongsu_domain::{AlertState, Verdict};
use bongsu_event::{Micros, Scope, Severity};
use bongsu_state::{AlertFilter, AlertTab, Change, StateError};

use crate::town::{A, B, NOW, Town, detection, later, position};

fn all() -> AlertFilter {
    AlertFilter { tab: AlertTab::All, ..AlertFilter::default() }
}

#[tokio::test]
async fn a_replay_changes_nothing_and_the_position_goes_with_the_batch() {
    let town = Town::new().await;
    let s = &town.state;
    let batch: Vec<_> = (1..=3).map(|n| detection(n, A, "198.51.100.66", later(n as i64))).collect();
    let first = s.record_detections(&batch, &position(10), &[], NOW).await.unwrap();
    assert!(first[0].new_alert && !first[1].new_alert && first.iter().all(|r| r.alert == first[0].alert));
    for _ in 0..2 {
        let again = s.record_detections(&batch, &position(10), &[], later(60)).await.unwrap();
        assert!(again.iter().all(|r| r.alert.is_none()));
    }
    let page = s.alerts(&Scope::All, &all(), later(5)).await.unwrap();
    assert_eq!((page.total, page.detections, page.rows[0].count), (1, 3, 3));
    assert_eq!((page.rows[0].first_at, page.rows[0].last_at), (later(1), later(3)));
    assert_eq!(page.rows[0].sparkline.iter().sum::<u32>(), 3);
    let stored = s.position("alerts").await.unwrap().unwrap();
    assert_eq!(stored, position(10));
    s.record_detections(&[], &bongsu_state::Position { data: None, ..position(12) }, &[], NOW).await.unwrap();
    let stored = s.position("alerts").await.unwrap().unwrap();
    assert_eq!((stored.through.sequence, stored.data), (12, Some(vec![1, 2, 3])), "no data leaves what is there");
}

#[tokio::test]
async fn one_batch_may_hold_a_detection_twice() {
    let town = Town::new().await;
    let batch = [detection(1, A, "192.0.2.1", NOW), detection(1, A, "192.0.2.1", NOW)];
    town.state.record_detections(&batch, &position(1), &[], NOW).await.unwrap();
    assert_eq!(town.state.alerts(&Scope::All, &all(), NOW).await.unwrap().detections, 1);
}

#[tokio::test]
async fn a_detection_counts_for_the_matches_it_stands_for() {
    let town = Town::new().await;
    let mut folded = detection(2, A, "192.0.2.1", NOW);
    folded.count = 40;
    town.state.record_detections(&[detection(1, A, "192.0.2.1", NOW), folded], &position(1), &[], NOW).await.unwrap();
    let page = town.state.alerts(&Scope::All, &all(), NOW).await.unwrap();
    assert_eq!((page.total, page.detections, page.rows[0].count), (1, 41, 41));
    assert_eq!(page.rows[0].sparkline.iter().sum::<u32>(), 41);
}

#[tokio::test]
async fn groups_are_rule_entity_and_agency() {
    let town = Town::new().await;
    let mut other_rule = detection(4, A, "192.0.2.1", NOW);
    other_rule.rule = "rule-2".into();
    let batch = [
        detection(1, A, "192.0.2.1", NOW),
        detection(2, A, "192.0.2.2", NOW),
        detection(3, B, "192.0.2.1", NOW),
        other_rule,
    ];
    town.state.record_detections(&batch, &position(1), &[], NOW).await.unwrap();
    assert_eq!(town.state.alerts(&Scope::All, &all(), NOW).await.unwrap().total, 4);
}

#[tokio::test]
async fn a_closed_alert_stays_closed_through_a_replay_and_a_new_detection_opens_another() {
    let town = Town::new().await;
    let s = &town.state;
    let by = Change::new(&town.lead, NOW, "audit scanner");
    let batch = [detection(1, A, "192.0.2.1", NOW)];
    let id = s.record_detections(&batch, &position(1), &[], NOW).await.unwrap()[0].alert.unwrap();
    s.close_alert(&by, &Scope::All, id, Verdict::Benign).await.unwrap();
    s.record_detections(&batch, &position(1), &[], NOW).await.unwrap();
    assert_eq!(s.alert(&Scope::All, id, NOW).await.unwrap().state, AlertState::Closed);
    assert_eq!(s.alerts(&Scope::All, &all(), NOW).await.unwrap().total, 0);
    let next = s.record_detections(&[detection(2, A, "192.0.2.1", later(9))], &position(2), &[], NOW).await.unwrap();
    assert!(next[0].new_alert && next[0].alert != Some(id));
    let row = s.alert(&Scope::All, next[0].alert.unwrap(), NOW).await.unwrap();
    let similar = s.similar_alerts(&Scope::All, &row).await.unwrap();
    assert_eq!((similar.len(), similar[0].id, similar[0].reason.as_str()), (1, id, "audit scanner"));
    assert!(similar[0].same_rule && similar[0].same_entity);
    let reopened = s.reopen_alert(&by, &Scope::All, id).await;
    assert!(matches!(reopened, Err(StateError::Conflict(_))), "one group, one open alert");
}

#[tokio::test]
async fn taking_closing_reopening_and_notes_leave_a_timeline() {
    let town = Town::new().await;
    let s = &town.state;
    let by = |why| Change::new(&town.lead, NOW, why);
    let id = s.record_detections(&[detection(1, A, "192.0.2.1", NOW)], &position(1), &[], NOW).await.unwrap()[0]
        .alert
        .unwrap();
    assert!(s.alert(&Scope::All, id, NOW).await.unwrap().due_at.is_some());
    s.acknowledge_alert(&by(""), &Scope::All, id).await.unwrap();
    assert_eq!(s.alert(&Scope::All, id, NOW).await.unwrap().owner, town.lead.user);
    s.note_alert(&by(""), &Scope::All, id, "called the office").await.unwrap();
    assert!(s.note_alert(&by(""), &Scope::All, id, &"가".repeat(4001)).await.is_err());
    assert!(s.close_alert(&by("  "), &Scope::All, id, Verdict::Benign).await.is_err(), "a reason is needed");
    s.close_alert(&by("it was us"), &Scope::All, id, Verdict::FalsePositive).await.unwrap();
    assert!(matches!(s.acknowledge_alert(&by(""), &Scope::All, id).await, Err(StateError::Conflict(_))));
    assert_eq!(s.rule_stats(&Scope::All, NOW).await.unwrap()["rule-1"].false_positives, 1);
    s.reopen_alert(&by(""), &Scope::All, id).await.unwrap();
    let kinds: Vec<String> = s.alert_timeline(&Scope::All, id).await.unwrap().into_iter().map(|t| t.kind).collect();
    assert_eq!(kinds, ["detected", "acknowledged", "note", "closed", "reopened"]);
    assert!(s.acknowledge_alert(&town.center(), &Scope::All, id).await.is_err(), "only a person takes an alert");
}

#[tokio::test]
async fn the_queue_is_mine_first_then_by_score_and_pages_without_gaps() {
    let town = Town::new().await;
    let s = &town.state;
    let mut batch = Vec::new();
    for n in 1..=7_u32 {
        let mut d = detection(u64::from(n), A, &format!("192.0.2.{n}"), later(i64::from(n)));
        d.score = n * 10;
        d.severity = if n > 5 { Severity::Critical } else { Severity::Low };
        batch.push(d);
    }
    let made = s.record_detections(&batch, &position(7), &[], NOW).await.unwrap();
    let by = Change::new(&town.lead, NOW, "");
    s.acknowledge_alert(&by, &Scope::All, made[1].alert.unwrap()).await.unwrap();
    s.acknowledge_alert(&Change::new(&town.lead2, NOW, ""), &Scope::All, made[6].alert.unwrap()).await.unwrap();
    let mut filter = AlertFilter { me: town.lead.user, limit: 2, ..AlertFilter::default() };
    let mut scores = Vec::new();
    loop {
        let page = s.alerts(&Scope::All, &filter, NOW).await.unwrap();
        assert_eq!(page.total, 6, "what somebody else has is not mine");
        scores.extend(page.rows.iter().map(|r| r.score));
        filter.cursor = page.next;
        if filter.cursor.is_none() {
            break;
        }
    }
    assert_eq!(scores, [20, 60, 50, 40, 30, 10]);
    let count = async |f: AlertFilter| s.alerts(&Scope::All, &f, NOW).await.unwrap().total;
    assert_eq!(count(AlertFilter { severity: Some(Severity::Critical), ..all() }).await, 2);
    assert_eq!(count(AlertFilter { state: Some(AlertState::Acknowledged), ..all() }).await, 2);
    assert_eq!(count(AlertFilter { text: Some("192.0.2.3".into()), ..all() }).await, 1);
    assert_eq!(count(AlertFilter { text: Some("%".into()), ..all() }).await, 0, "wildcards are letters");
    assert_eq!(count(AlertFilter { since: Some(later(6)), ..all() }).await, 2);
    assert_eq!(count(AlertFilter { entity: Some("192.0.2.3".into()), rule: Some("rule-1".into()), ..all() }).await, 1);
}

#[tokio::test]
async fn suppressed_groups_are_kept_and_not_shown() {
    let town = Town::new().await;
    let s = &town.state;
    let mut policy = s.alert_policy(NOW);
    policy.suppressions.push(bongsu_domain::Suppression {
        rule: Some("rule-1".into()),
        entity: Some("192.0.2.1".into()),
        agency: None,
        until: later(3600),
        reason: "auditors scan".into(),
    });
    s.set_alert_policy(&Change::new(&town.admin, NOW, "audit week"), &policy).await.unwrap();
    let batch = [detection(1, A, "192.0.2.1", NOW), detection(2, A, "192.0.2.2", NOW)];
    let made = s.record_detections(&batch, &position(1), &[], NOW).await.unwrap();
    assert_eq!(s.alerts(&Scope::All, &all(), NOW).await.unwrap().total, 1);
    assert!(s.alert(&Scope::All, made[0].alert.unwrap(), NOW).await.unwrap().suppressed);
    let shown = AlertFilter { suppressed: true, ..all() };
    assert_eq!(s.alerts(&Scope::All, &shown, NOW).await.unwrap().total, 2);
}

#[tokio::test]
async fn hostile_times_and_values_do_no_harm() {
    let town = Town::new().await;
    let s = &town.state;
    let batch = [
        detection(1, A, "", Micros(i64::MIN)),
        detection(2, A, &"가".repeat(5000), Micros(i64::MAX)),
        detection(3, A, "'; DROP TABLE alerts; --\0", NOW),
    ];
    s.record_detections(&batch, &position(1), &[], NOW).await.unwrap();
    let page = s.alerts(&Scope::All, &all(), NOW).await.unwrap();
    assert_eq!(page.total, 3);
    for row in &page.rows {
        s.entity_history(&Scope::All, &row.entity, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn detections_keep_their_newest_events() {
    let town = Town::new().await;
    let s = &town.state;
    let mut d = detection(1, A, "192.0.2.1", NOW);
    d.events = (1..=80).map(|sequence| bongsu_event::EventId { epoch: 1, sequence }).collect();
    let id = s.record_detections(&[d], &position(1), &[], NOW).await.unwrap()[0].alert.unwrap();
    let page = s.detections(&Scope::All, id, 10).await.unwrap();
    assert_eq!((page.rows[0].events.len(), page.rows[0].events[49].sequence), (50, 80));
}

#[tokio::test]
async fn old_detections_are_forgotten_and_their_alerts_are_not() {
    let town = Town::new().await;
    let s = &town.state;
    let batch: Vec<_> = (1..=700).map(|n| detection(n, A, "192.0.2.1", NOW)).collect();
    let made = s.record_detections(&batch, &position(1), &[], NOW).await.unwrap();
    let id = made[0].alert.unwrap();
    assert_eq!(s.prune_detections(30, later(30 * 86_400)).await.unwrap(), 0);
    assert_eq!(s.prune_detections(30, later(30 * 86_400 + 1)).await.unwrap(), 700);
    assert_eq!(
        (
            s.alert(&Scope::All, id, NOW).await.unwrap().count,
            s.detections(&Scope::All, id, 9).await.unwrap().rows.len()
        ),
        (700, 0)
    );
}
