//! Nothing a line or a person can write stops the lake.

use std::sync::Arc;

use bongsu_event::{Event, Field, Micros, Scope, Unread, Value};
use bongsu_lake::*;
use proptest::prelude::*;

use crate::sample::*;

#[test]
fn absurd_events_are_kept_and_found() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    let times = [i64::MIN, -1, 0, 4_300_000_000_000_000, i64::MAX, MORNING];
    let mut events: Vec<Event> = times
        .iter()
        .enumerate()
        .map(|(i, t)| {
            let mut e = line(i as u64 + 1, b"nul \0 and \xff bytes");
            e.time = Micros(*t);
            e.unread = Some(Unread::because("no format reads it"));
            e
        })
        .collect();
    for day in 0..200 {
        let mut e = line(100 + day, b"stray");
        e.time = Micros(day as i64 * 86_400_000_000);
        events.push(e);
    }
    let mut big = line(400, &vec![b'x'; bongsu_event::limits::LINE_BYTES_MAX]);
    big.truncated = true;
    big.set(Field::SrcIp, "not an address");
    big.set(Field::DstPort, "not a number");
    big.fields.push((Field::SrcIp, Value::Int(5)));
    for i in 0..bongsu_event::limits::EXTRA_FIELDS_MAX {
        big.add_extra(&format!("k{}", i % 7), "v");
    }
    events.push(big);
    let n = events.len() as u64;
    lake.append(Arc::new(events)).unwrap();
    for flushed in [false, true] {
        if flushed {
            lake.flush().unwrap();
        }
        assert_eq!(count(&lake, ""), n);
        assert_eq!(count(&lake, "bytes unread:*"), 6);
        assert_eq!(found(&lake, "truncated:true"), [400]);
        let page =
            runtime().block_on(lake.search(&Query::all(), &Scope::All, TimeRange::ALL, None, &limits())).unwrap();
        assert_eq!(page.rows.len() as u64, n);
        assert_eq!(page.rows[0].time, Micros::from(Micros(i64::MAX).timestamp()));
        assert_eq!(page.rows.last().unwrap().time, Micros::from(Micros(i64::MIN).timestamp()));
        let h = runtime().block_on(lake.histogram(&Query::all(), &Scope::All, TimeRange::ALL, 50, &limits())).unwrap();
        assert!(h.counts.len() <= BUCKETS_MAX + 2);
    }
    assert!(parquet_files(dir.path()).len() <= 40, "absurd dates do not make a file each");
}

/// Pieces that mean something to the language, in any order.
fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("AND".to_owned()),
        Just("OR".to_owned()),
        Just("NOT".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("\"".to_owned()),
        Just("|".to_owned()),
        Just("-".to_owned()),
        Just("*".to_owned()),
        Just("user:".to_owned()),
        Just("src_ip:".to_owned()),
        Just("dst_port:".to_owned()),
        Just("time:".to_owned()),
        Just("class:".to_owned()),
        Just("extra.a:".to_owned()),
        Just("agency:".to_owned()),
        Just("any_ip:".to_owned()),
        Just("[".to_owned()),
        Just("TO".to_owned()),
        Just("]".to_owned()),
        Just(">=".to_owned()),
        Just("\\".to_owned()),
        Just("192.0.2.0/24".to_owned()),
        Just("22".to_owned()),
        Just("2026-03-12".to_owned()),
        Just("실패".to_owned()),
        Just("count by".to_owned()),
        Just("top".to_owned()),
        Just("timechart".to_owned()),
        Just("user".to_owned()),
        "\\PC{0,6}",
        "[a-z]{1,5}",
    ];
    prop::collection::vec((piece, prop_oneof![Just(""), Just(" ")]), 0..12)
        .prop_map(|p| p.into_iter().map(|(w, s)| w + s).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn parsing_never_panics(text in words()) {
        if let Err(e) = Query::parse(&text, &Town) {
            prop_assert!(e.position <= text.chars().count());
        }
    }
}

#[test]
fn whatever_parses_runs() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=60)).unwrap();
    lake.flush().unwrap();
    lake.append(logins(61..=90)).unwrap();
    let rt = runtime();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        max_global_rejects: 100_000,
        ..ProptestConfig::default()
    });
    runner
        .run(&words(), |text| {
            let Ok(q) = Query::parse(&text, &Town) else { return Err(TestCaseError::reject("not a query")) };
            let answer = rt.block_on(lake.answer(&q, &only(&[1, 2]), TimeRange::ALL, &limits()));
            prop_assert!(answer.is_ok(), "{text}: {answer:?}");
            let events = q.events();
            let n = rt.block_on(lake.count(&events, &only(&[1, 2]), TimeRange::ALL, &limits())).unwrap().rows;
            let page = rt.block_on(lake.search(&events, &only(&[1, 2]), TimeRange::ALL, None, &limits())).unwrap();
            prop_assert_eq!(page.rows.len() as u64, n, "{}", text);
            // A condition and its opposite share the events between them.
            if let Some(f) = events.filter {
                let not = Query {
                    filter: Some(bongsu_lake::query::Node::Not(Box::new(f))),
                    pipe: bongsu_lake::query::Pipe::Rows,
                };
                let rest = rt.block_on(lake.count(&not, &only(&[1, 2]), TimeRange::ALL, &limits())).unwrap().rows;
                prop_assert_eq!(n + rest, 60, "{}", text);
            }
            Ok(())
        })
        .unwrap();
}
