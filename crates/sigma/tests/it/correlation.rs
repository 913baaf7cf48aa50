//! Sliding windows: thresholds, bursts, order, duplicates, limits, checkpoints.

use std::sync::Arc;

use bongsu_event::{EventId, Micros};
use bongsu_sigma::{CorrelationHit, Correlator, Language, RuleSet, limits};
use serde_json::json;

use crate::support::set;

const BASES: &str = "title: fail\nname: fail\nid: fail\nlogsource: { category: any }\ndetection: { s: { a: fail }, condition: s }\n---\n\
                     title: ok\nname: ok\nid: ok\nlogsource: { category: any }\ndetection: { s: { a: ok }, condition: s }\n---\n";

struct Stage {
    set: Arc<RuleSet>,
    correlator: Correlator,
    next: u64,
}

impl Stage {
    fn new(correlation: &str) -> Self {
        let set = Arc::new(set(&format!("{BASES}title: c\nid: c\n{correlation}")));
        Self { correlator: Correlator::new(Arc::clone(&set)), set, next: 0 }
    }
    fn at(&mut self, seconds: i64, event: serde_json::Value) -> Vec<CorrelationHit> {
        self.next += 1;
        self.feed(self.next, seconds, event)
    }
    fn feed(&mut self, id: u64, seconds: i64, event: serde_json::Value) -> Vec<CorrelationHit> {
        let (at, id) = (Micros(seconds * Micros::SECOND), EventId { epoch: 1, sequence: id });
        let found = self.set.detect(&event, &mut self.set.scratch());
        found.iter().flat_map(|d| self.correlator.feed(d.rule, &event, id, at, at)).collect()
    }
    fn fail(&mut self, seconds: i64, ip: &str) -> Vec<CorrelationHit> {
        self.at(seconds, json!({ "a": "fail", "src_ip": ip, "user": format!("u{seconds}") }))
    }
}

fn count(gte: u32) -> String {
    format!(
        "correlation: {{ type: event_count, rules: [fail], group-by: [src_ip], timespan: 10s, condition: {{ gte: {gte} }} }}\n"
    )
}

#[test]
fn a_threshold_fires_once_and_then_goes_on() {
    let mut s = Stage::new(&count(3));
    assert!(s.fail(0, "192.0.2.1").is_empty());
    assert!(s.fail(1, "192.0.2.1").is_empty());
    assert!(s.fail(1, "192.0.2.2").is_empty(), "another group");
    let hit = s.fail(2, "192.0.2.1").remove(0);
    assert!(!hit.continued);
    assert_eq!((hit.count, hit.events.len()), (3.0, 3));
    assert_eq!(hit.group, [("src_ip".to_owned(), "192.0.2.1".to_owned())]);
    assert_eq!((hit.first, hit.last), (Micros(0), Micros(2_000_000)));
    assert!(s.fail(3, "192.0.2.1")[0].continued);
    // The window empties; the next burst is a new one.
    assert!(s.fail(60, "192.0.2.1").is_empty());
    assert!(s.fail(61, "192.0.2.1").is_empty());
    assert!(!s.fail(62, "192.0.2.1")[0].continued);
}

#[test]
fn the_window_slides_and_late_events_count_where_they_belong() {
    let mut s = Stage::new(&count(3));
    s.fail(0, "192.0.2.1");
    s.fail(9, "192.0.2.1");
    assert!(s.fail(11, "192.0.2.1").is_empty(), "the first is out of the window");
    assert_eq!(s.fail(5, "192.0.2.1").len(), 1, "out of order, inside the window");
    assert!(s.fail(-50, "192.0.2.1").is_empty());
    assert_eq!(s.correlator.counters().late, 1);
}

#[test]
fn the_same_event_counts_once() {
    let mut s = Stage::new(&count(2));
    for _ in 0..5 {
        assert!(s.feed(7, 1, json!({ "a": "fail", "src_ip": "192.0.2.1" })).is_empty());
    }
    assert!(s.feed(7, 2, json!({ "a": "fail", "src_ip": "192.0.2.1" })).is_empty(), "even with another time");
    assert_eq!(s.correlator.counters().duplicates, 5);
    assert!(s.at(1, json!({ "a": "fail" })).is_empty());
    assert_eq!(s.correlator.counters().ungrouped, 1);
}

#[test]
fn inside_the_window_every_order_counts_each_event_once_even_over_a_restart() {
    // Five events in nine seconds: whatever order they come in, and though each comes twice, five are counted.
    let times = [0, 2, 4, 7, 9];
    let orders = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [3, 4, 0, 2, 1]];
    for order in orders {
        let mut s = Stage::new(&count(5));
        let event = |at: i64| json!({ "a": "fail", "src_ip": "192.0.2.1", "user": format!("u{at}") });
        let mut hits = Vec::new();
        for (n, at) in order.iter().enumerate() {
            hits.extend(s.feed(*at as u64 + 1, times[*at], event(times[*at])));
            if n == 2 {
                let bytes = s.correlator.snapshot();
                s.correlator = Correlator::new(Arc::clone(&s.set));
                s.correlator.restore(&bytes).unwrap();
            }
            hits.extend(s.feed(*at as u64 + 1, times[*at], event(times[*at])));
        }
        assert_eq!(hits.len(), 1, "{order:?}");
        assert_eq!(hits[0].count, 5.0, "{order:?}");
        // Older than the window of its group: not counted, and told of with its rule.
        assert!(s.feed(99, -2, event(-2)).is_empty());
        let held: Vec<_> = s.correlator.by_rule().map(|(_, held)| held).collect();
        assert_eq!((held.len(), held[0].groups, held[0].entries), (1, 1, 5));
        assert_eq!((held[0].counters.duplicates, held[0].counters.late), (5, 1), "{order:?}");
        assert_eq!(s.correlator.counters(), held[0].counters);
    }
}

#[test]
fn distinct_values_are_counted_once_each() {
    let mut s = Stage::new(
        "correlation: { type: value_count, rules: [fail], group-by: [src_ip], timespan: 10s, condition: { field: user, gte: 3 } }\n",
    );
    for user in ["root", "ROOT", "root", "admin", "root"] {
        assert!(s.at(1, json!({ "a": "fail", "src_ip": "192.0.2.1", "user": user })).is_empty());
    }
    let hit = s.at(2, json!({ "a": "fail", "src_ip": "192.0.2.1", "user": "guest" })).remove(0);
    assert_eq!(hit.count, 3.0);
    assert_eq!(hit.values, ["root", "admin", "guest"]);
    assert!(s.at(30, json!({ "a": "fail", "src_ip": "192.0.2.1", "user": "x" })).is_empty());
}

#[test]
fn rules_together_and_in_order() {
    let any = "correlation: { type: temporal, rules: [fail, ok], group-by: [src_ip], timespan: 10s }\n";
    let ordered = any.replace("temporal", "temporal_ordered");
    let ok = |s: &mut Stage, at| s.at(at, json!({ "a": "ok", "src_ip": "192.0.2.1" }));
    let mut s = Stage::new(any);
    assert!(ok(&mut s, 0).is_empty());
    assert_eq!(s.fail(3, "192.0.2.1").len(), 1);
    let mut s = Stage::new(&ordered);
    assert!(ok(&mut s, 0).is_empty());
    assert!(s.fail(3, "192.0.2.1").is_empty(), "the wrong way round");
    assert_eq!(ok(&mut s, 5).len(), 1);
    assert!(ok(&mut s, 60).is_empty(), "too late");
    let not = "correlation: { type: temporal, rules: [fail, ok], group-by: [src_ip], timespan: 10s, condition: fail and not ok }\n";
    let mut s = Stage::new(not);
    assert_eq!(s.fail(0, "192.0.2.1").len(), 1);
    assert!(ok(&mut s, 1).is_empty());
}

#[test]
fn sums_means_and_percentiles() {
    let of = |kind: &str, condition: &str| {
        let text = format!(
            "correlation: {{ type: {kind}, rules: [ok], group-by: [src_ip], timespan: 10s, condition: {{ field: bytes, {condition} }} }}\n"
        );
        let mut s = Stage::new(&text);
        let mut fired = Vec::new();
        for (n, bytes) in [100, 200, 300, 1_000].into_iter().enumerate() {
            let hits = s.at(n as i64, json!({ "a": "ok", "src_ip": "192.0.2.1", "bytes": bytes }));
            fired.push(hits.first().map(|h| h.count));
        }
        fired
    };
    assert_eq!(of("value_sum", "gt: 500"), [None, None, Some(600.0), Some(1600.0)]);
    assert_eq!(of("value_avg", "gte: 400"), [None, None, None, Some(400.0)]);
    assert_eq!(of("value_percentile", "percentile: 50, gte: 200"), [None, None, Some(200.0), Some(200.0)]);
    assert_eq!(of("value_median", "gte: 150"), [None, Some(150.0), Some(200.0), Some(250.0)]);
}

#[test]
fn correlations_stand_on_each_other_with_aliases() {
    let text = "name: guessing\ncorrelation: { type: event_count, rules: [fail], group-by: [src_ip], timespan: 60s, condition: { gte: 2 } }\n---\n\
                title: broke in\nid: d\ncorrelation:\n  type: temporal_ordered\n  rules: [guessing, ok]\n  group-by: [who]\n  timespan: 60s\n  \
                aliases: { who: { guessing: src_ip, ok: peer } }\n";
    let mut s = Stage::new(text);
    s.fail(0, "192.0.2.1");
    let first = s.fail(1, "192.0.2.1");
    assert!(first[0].base_only && first.len() == 1);
    let hit = s.at(5, json!({ "a": "ok", "peer": "192.0.2.1" })).remove(0);
    assert_eq!(s.set.rule(hit.rule).unwrap().id, "d");
    assert_eq!(hit.group, [("who".to_owned(), "192.0.2.1".to_owned())]);
    assert!(s.at(6, json!({ "a": "ok", "peer": "192.0.2.9" })).is_empty());
}

#[test]
fn bases_raise_no_alert_unless_asked_to() {
    let silent = Stage::new(&count(2)).set;
    assert!(silent.is_base_only(silent.find("fail").unwrap()) && !silent.is_base_only(silent.find("ok").unwrap()));
    let loud = Stage::new(&count(2).replace("type:", "generate: true, type:")).set;
    assert!(!loud.is_base_only(loud.find("fail").unwrap()));
}

#[test]
fn a_checkpoint_carries_the_windows() {
    let mut s = Stage::new(&count(4));
    for n in 0..3 {
        s.fail(n, "192.0.2.1");
    }
    let bytes = s.correlator.snapshot();
    let mut again = Correlator::new(Arc::clone(&s.set));
    assert_eq!(again.restore(&bytes), Ok(1));
    assert_eq!(again.snapshot(), bytes);
    s.correlator = again;
    assert_eq!(s.fail(3, "192.0.2.1").len(), 1);
    assert!(s.correlator.restore(b"nonsense").is_err());
    assert!(s.correlator.restore(&[]).is_err());
    // Another set with the same correlation keeps it, a changed one begins anew.
    let same = Arc::new(set(&format!("{BASES}title: c2\nid: c\n{}", count(5))));
    s.correlator.replace(Arc::clone(&same));
    s.set = same;
    assert!(!s.fail(4, "192.0.2.1").is_empty());
    let changed = Arc::new(set(&format!("{BASES}title: c\nid: c\n{}", count(2).replace("10s", "20s"))));
    s.correlator.replace(Arc::clone(&changed));
    s.set = changed;
    assert!(s.fail(5, "192.0.2.1").is_empty());
}

#[test]
fn a_flood_of_groups_is_bounded_and_counted() {
    let mut s = Stage::new(&count(2));
    let rule = s.set.find("c").unwrap();
    let over = 500;
    for n in 0..limits::GROUPS_PER_RULE_MAX + over {
        s.fail(0, &format!("2001:db8::{:x}:{:x}", n >> 16, n & 0xffff));
    }
    assert_eq!(s.correlator.kept(rule).0, limits::GROUPS_PER_RULE_MAX);
    assert_eq!(s.correlator.counters().groups_evicted, over as u64);
    // Long afterwards nothing of it is kept, and nothing of that counts as lost.
    s.fail(100_000, "192.0.2.1");
    assert_eq!(s.correlator.kept(rule), (1, 1));
    assert_eq!(s.correlator.counters().groups_evicted, over as u64);
}

#[test]
fn a_flood_of_one_group_is_bounded_and_counted() {
    let mut s = Stage::new(&count(3));
    let n = limits::ENTRIES_PER_GROUP_MAX + 10;
    let hits = (0..n).flat_map(|_| s.fail(0, "192.0.2.1")).collect::<Vec<_>>();
    assert_eq!(hits.iter().filter(|h| !h.continued).count(), 1);
    assert_eq!(hits.last().unwrap().events.len(), limits::EVIDENCE_EVENTS_MAX);
    assert_eq!(s.correlator.counters().entries_dropped, 10);
}

#[test]
fn the_reason_is_a_sentence() {
    let text = format!(
        "{}reason: '{{src_ip}} failed {{count}} times ({{nothing}})'\nreason_ko: '{{src_ip}}에서 {{count}}회 실패'\n",
        count(2)
    );
    let mut s = Stage::new(&text);
    s.fail(0, "192.0.2.1");
    let hit = s.fail(1, "192.0.2.1").remove(0);
    let say = |language| s.set.reason(hit.rule, language, None, Some(&hit));
    assert_eq!(say(Language::English), "192.0.2.1 failed 2 times (?)");
    assert_eq!(say(Language::Korean), "192.0.2.1에서 2회 실패");
    let base = s.set.find("fail").unwrap();
    assert_eq!(s.set.reason(base, Language::Korean, None, None), "fail");
    let event = json!({ "src_ip": "192.0.2.1", "user": "u" });
    assert_eq!(s.set.entity(base, &event), [("src_ip".to_owned(), "192.0.2.1".to_owned())]);
    assert_eq!(s.set.entity(base, &json!({ "user": "u" })), [("user".to_owned(), "u".to_owned())]);
}

/// What counting means, in the plainest way: everything ever taken in, looked through each time.
#[derive(Default)]
struct Plain {
    taken: Vec<(i64, u64, String)>,
}

impl Plain {
    /// The count, if the event counts at all.
    fn feed(&mut self, at: i64, id: u64, user: &str, span: i64, distinct: bool) -> Option<usize> {
        let newest = self.taken.iter().map(|t| t.0).max();
        if newest.is_some_and(|n| at < n - span) {
            return None;
        }
        let edge = newest.unwrap_or(at).max(at) - span;
        let before = newest.map_or(i64::MIN, |n| n - span);
        let there = |t: &&(i64, u64, String)| t.0 >= before && t.1 == id;
        let again = self.taken.iter().any(|t| there(&t));
        if again && (!distinct || self.taken.iter().any(|t| there(&t) && t.0 == at && t.2 == user)) {
            return None;
        }
        self.taken.push((at, id, user.to_owned()));
        let inside = self.taken.iter().filter(|t| t.0 >= edge);
        Some(if distinct {
            inside.map(|t| &t.2).collect::<std::collections::BTreeSet<_>>().len()
        } else {
            inside.count()
        })
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn counting_is_what_it_seems_and_survives_a_restart(
        steps in proptest::collection::vec((0i64..40, 0u64..30, 0u8..5), 1..60),
        restart in 0usize..60,
        distinct: bool,
    ) {
        let (kind, field) = if distinct { ("value_count", "field: user, ") } else { ("event_count", "") };
        let mut s = Stage::new(&format!(
            "correlation: {{ type: {kind}, rules: [fail], group-by: [src_ip], timespan: 10s, condition: {{ {field}gte: 3 }} }}\n"
        ));
        let mut plain = Plain::default();
        for (n, (at, id, user)) in steps.into_iter().enumerate() {
            if n == restart {
                let bytes = s.correlator.snapshot();
                s.correlator = Correlator::new(Arc::clone(&s.set));
                s.correlator.restore(&bytes).unwrap();
            }
            // An event is one thing: its id says what it holds.
            let user = format!("u{}", if distinct { u64::from(user) } else { 0 });
            let id = if distinct { n as u64 } else { id };
            let hits = s.feed(id, at, json!({ "a": "fail", "src_ip": "192.0.2.1", "user": user }));
            let wanted = plain.feed(at, id, &user, 10, distinct).filter(|c| *c >= 3);
            proptest::prop_assert_eq!(hits.first().map(|h| h.count as usize), wanted);
        }
    }
}
