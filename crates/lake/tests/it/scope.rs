//! Nobody sees past their scope, by any door.

use bongsu_event::*;
use bongsu_lake::*;

use crate::sample::*;

fn lakes(check: impl Fn(&Lake)) {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=90)).unwrap();
    check(&lake);
    lake.flush().unwrap();
    check(&lake);
}

#[test]
fn every_door_keeps_to_the_scope() {
    lakes(|lake| {
        let rt = runtime();
        let scope = only(&[2]);
        let all = TimeRange::ALL;
        for text in [
            "",
            "agency:1 OR agency:2",
            "NOT agency:2 OR user:*",
            "agency_id:>=1",
            "192.0.2.3 OR *",
            "-status:nothing*",
        ] {
            let q = query(text);
            let page = rt.block_on(lake.search(&q, &scope, all, None, &limits())).unwrap();
            assert!(!page.rows.is_empty() && page.rows.iter().all(|r| r.agency == AgencyId(2)), "{text}");
            let n = page.rows.len() as u64;
            assert!(n <= 30);
            assert_eq!(rt.block_on(lake.count(&q, &scope, all, &limits())).unwrap().rows, n, "{text}");
            assert_eq!(rt.block_on(lake.histogram(&q, &scope, all, 20, &limits())).unwrap().total, n, "{text}");
            let facets = rt.block_on(lake.facets(&q, &scope, all, &["agency_id"], 10, &limits())).unwrap();
            assert_eq!(facets[0].values.iter().map(|v| v.value.as_str()).collect::<Vec<_>>(), ["2"], "{text}");
            let mut out = Vec::new();
            let exported =
                rt.block_on(lake.export(&q, &scope, all, ExportFormat::Jsonl, &mut out, None, &limits())).unwrap();
            assert_eq!(exported, n);
        }
        for pipe in ["| count by agency", "| top 5 agency", "| timechart by agency"] {
            let Answer::Table(t) = rt.block_on(lake.answer(&query(pipe), &scope, all, &limits())).unwrap() else {
                panic!("{pipe} gave rows")
            };
            let at = t.columns.iter().position(|c| c == "agency_id").unwrap();
            assert!(t.rows.iter().all(|r| r[at] == 2), "{pipe}");
        }
        let total = rt.block_on(lake.count(&Query::all(), &scope, all, &limits())).unwrap().scanned;
        assert_eq!((total.rows_total, total.rows_read), (30, 30), "figures do not tell of others");
    });
}

#[test]
fn one_event_outside_the_scope_does_not_exist() {
    lakes(|lake| {
        let rt = runtime();
        let (mine, other) = (EventId { epoch: 1, sequence: 1 }, EventId { epoch: 1, sequence: 2 });
        assert!(rt.block_on(lake.get(mine, &only(&[2]), &limits())).unwrap().is_some());
        assert!(rt.block_on(lake.get(other, &only(&[2]), &limits())).unwrap().is_none());
        assert!(rt.block_on(lake.context(other, 60, &only(&[2]), &limits())).unwrap().is_empty());
        let near = rt.block_on(lake.context(mine, 60, &only(&[2]), &limits())).unwrap();
        assert!(!near.is_empty() && near.iter().all(|r| r.agency == AgencyId(2)));
    });
}

#[test]
fn an_empty_scope_sees_nothing() {
    lakes(|lake| {
        let rt = runtime();
        let none = Scope::nothing();
        let all = TimeRange::ALL;
        assert!(rt.block_on(lake.search(&query("*"), &none, all, None, &limits())).unwrap().rows.is_empty());
        let count = rt.block_on(lake.count(&query("NOT user:x"), &none, all, &limits())).unwrap();
        assert_eq!((count.rows, count.scanned.rows_total), (0, 0));
        assert_eq!(rt.block_on(lake.sql("select count(*) as n from events", &none, &limits())).unwrap().rows, [[0]]);
    });
}
