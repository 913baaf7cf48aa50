//! Cases that stand in the rules.

use std::sync::Arc;

use bongsu_event::{Event, Field, Micros};
use bongsu_sigma::testing;

use crate::support::set;

/// A toy format: `word address` with the word as action.
fn read(raw: &str, _format: Option<&str>, at: Micros) -> Event {
    let mut e = Event::unread(raw.as_bytes().to_vec().into(), at);
    if let Some((word, ip)) = raw.split_once(' ') {
        e.set_text(Field::Action, word);
        e.set_text(Field::SrcIp, ip);
    }
    e
}

const RULES: &str = r"
title: fail
name: fail
logsource: { category: any }
detection: { s: { action: fail }, condition: s }
cases:
  - { raw: 'fail 192.0.2.1', fire: true }
  - { raw: 'fine 192.0.2.1', fire: false }
  - { event: { action: FAIL }, fire: 1 }
---
title: many
id: many
correlation: { type: event_count, rules: [fail], group-by: [src_ip], timespan: 1m, condition: { gte: 5 } }
cases:
  - { raw: 'fail 192.0.2.1', repeat: 5, every: 10s, fire: 1 }
  - { raw: 'fail 192.0.2.1', repeat: 5, every: 20s, fire: false }
  - { raw: 'fail 192.0.2.{n}', repeat: 9, fire: false }
  - lines:
      - { raw: 'fail 192.0.2.1', repeat: 4 }
      - { raw: ['fine 192.0.2.1', 'fail 192.0.2.1'], at: 55s }
    fire: true
";

#[test]
fn cases_run_as_live() {
    let set = Arc::new(set(RULES));
    let outcome = testing::run(&set, &mut read);
    assert_eq!((outcome.run, outcome.without.len()), (7, 0));
    assert!(outcome.failures.is_empty(), "{:#?}", outcome.failures);
}

#[test]
fn a_wrong_case_says_what_happened() {
    let wrong = RULES
        .replace("'fine 192.0.2.1', fire: false", "'fine 192.0.2.1', fire: true")
        .replace("repeat: 9, fire: false", "repeat: 9, fire: 2");
    let outcome = testing::run(&Arc::new(set(&wrong)), &mut read);
    let told: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2);
    assert!(
        told[0].contains("rule fail, case 2: it must fire and stayed silent")
            && told[0].contains("action=fine")
            && told[0].contains("s=false"),
        "{told:?}"
    );
    assert!(told[1].contains("rule many, case 3: it must fire 2 times and fired 0"), "{told:?}");
}
