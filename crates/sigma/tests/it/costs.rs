//! What a rule costs, why it stays silent, and files read one by one.

use std::sync::atomic::{AtomicU64, Ordering};

use bongsu_sigma::{LoadOptions, ReadFile, RuleSet, RuleSource};
use serde_json::json;

use crate::support::set;

const RULES: &str = "
title: cheap
id: cheap
logsource: { category: any }
detection:
  s: { user: root, action: login }
  condition: s
---
title: dear
id: dear
logsource: { category: any }
detection:
  s: { command|re: '[a-f]+[0-9]+z' }
  condition: s
---
title: asleep
id: asleep
logsource: { category: any }
detection:
  s: { nowhere: x }
  condition: s
";

/// A clock that goes on by one at each look.
fn clock() -> u64 {
    static NOW: AtomicU64 = AtomicU64::new(0);
    NOW.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn a_counted_event_says_what_each_rule_cost_and_matches_the_same() {
    let source = RuleSource { name: "t".into(), text: RULES.into() };
    let options = LoadOptions { ignore_logsource: true, ..LoadOptions::default() };
    let (set, errors) = RuleSet::load_with(&[source], &options);
    assert!(errors.is_empty(), "{errors:?}");
    let mut scratch = set.scratch();
    let event = json!({"user": "root", "action": "login", "command": "abc"});
    let plain = set.detect(&event, &mut scratch);
    assert!(set.take_costs(&mut scratch).is_empty(), "an event that nobody counts costs nothing");
    scratch.count_next(clock);
    assert_eq!(set.detect(&event, &mut scratch), plain);
    let costs = set.take_costs(&mut scratch);
    let of = |id: &str| costs.iter().find(|(r, _)| Some(*r) == set.find(id)).map(|(_, c)| *c);
    let cheap = of("cheap").unwrap();
    assert_eq!((cheap.atoms, cheap.evaluated, cheap.matched), (2, 1, 1));
    // Never woken, and yet its expression was tried.
    let dear = of("dear").unwrap();
    assert_eq!((dear.atoms, dear.evaluated, dear.matched), (0, 0, 0));
    assert!(dear.nanos > 0);
    assert_eq!(of("asleep"), None);
    assert_eq!(set.detect(&event, &mut scratch), plain);
    assert!(set.take_costs(&mut scratch).is_empty(), "only the next event is counted");
}

#[test]
fn a_silent_rule_says_which_atom_did_not_hold_and_what_stood_there() {
    let set = set("
title: t
id: t
logsource: { category: any }
detection:
  login: { user: root, action|startswith: [log, sign] }
  known: { src_ip: 10.0.0.1 }
  condition: login and not known
");
    let why = set.why(bongsu_sigma::RuleIdx(0), &json!({"user": "kim", "action": "login"}));
    let told: Vec<_> = why
        .iter()
        .flat_map(|a| a.atoms.iter().map(|t| (&*a.selection, a.holds, &*t.field, t.held, t.value.as_deref())))
        .collect();
    assert_eq!(
        told,
        [
            ("login", false, "user", false, Some("kim")),
            ("login", false, "action", true, Some("login")),
            ("known", false, "src_ip", false, None),
        ]
    );
    assert!(why[0].atoms[0].test.contains("root"), "{}", why[0].atoms[0].test);
}

#[test]
fn files_read_one_by_one_make_the_same_set() {
    let texts = [
        RULES.to_owned(),
        "title: c\nid: c\ncorrelation: { type: event_count, rules: [cheap], timespan: 1m, condition: { gte: 2 } }\n"
            .into(),
        "title: [\n".into(),
        "title: twice\nid: dear\nlogsource: { category: any }\ndetection: { s: { a: b }, condition: s }\n".into(),
    ];
    let sources: Vec<_> = (0..).zip(texts).map(|(n, text)| RuleSource { name: format!("{n}.yml"), text }).collect();
    let options = LoadOptions::default();
    let (whole, errors) = RuleSet::load_with(&sources, &options);
    let files: Vec<ReadFile> = sources.iter().map(|s| ReadFile::read(s, &options)).collect();
    let (joined, same_errors) = RuleSet::assemble(files.iter(), &options);
    let ids = |s: &RuleSet| s.rules().iter().map(|r| r.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&whole), ids(&joined));
    assert_eq!((errors.len(), &errors), (2, &same_errors));
}
