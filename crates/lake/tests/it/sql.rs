//! SQL sees the scope's events and nothing else, and changes nothing.

use bongsu_event::*;
use bongsu_lake::*;
use serde_json::json;

use crate::sample::*;

fn lake() -> (tempfile::TempDir, Lake) {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=60)).unwrap();
    lake.flush().unwrap();
    lake.append(logins(61..=90)).unwrap();
    (dir, lake)
}

fn run(lake: &Lake, text: &str, scope: &Scope) -> Result<Table> {
    runtime().block_on(lake.sql(text, scope, &limits()))
}

#[test]
fn sql_answers_over_the_scope() {
    let (_dir, lake) = lake();
    let t =
        run(&lake, "select agency_id, count(*) as n from events group by agency_id order by agency_id", &only(&[1, 3]))
            .unwrap();
    assert_eq!(
        (t.columns, t.rows),
        (vec!["agency_id".into(), "n".into()], vec![vec![json!(1), json!(30)], vec![json!(3), json!(30)]])
    );
    let t = run(&lake, "select \"user\", src_ip, raw from events where src_ip = '192.0.2.7' and raw ilike '%FAILED%' order by time desc limit 1", &Scope::All).unwrap();
    assert_eq!(t.rows[0][1], "192.0.2.7");
    let t = run(&lake, "select count(*) from events where in_network(src_ip, '192.0.2.0/30')", &Scope::All).unwrap();
    assert_eq!(t.rows, [[json!(7)]]);
    let t = run(
        &lake,
        "select extra['policyid'] as p, time from events where time >= '2026-03-12T00:01:00Z' order by time limit 1",
        &Scope::All,
    )
    .unwrap();
    assert_eq!(t.rows[0], [json!("P0"), json!("2026-03-12T00:01:00.000000Z")]);
    let t = run(&lake, "with a as (select distinct \"user\" from events) select count(*) from a", &Scope::All).unwrap();
    assert_eq!(t.rows, [[json!(10)]]);
}

#[test]
fn more_rows_than_allowed_are_told() {
    let (_dir, lake) = lake();
    let few = Limits { rows: 5, ..limits() };
    let t = runtime().block_on(lake.sql("select * from events", &Scope::All, &few)).unwrap();
    assert_eq!((t.rows.len(), t.truncated), (5, true));
}

/// Ways out that were thought of; each must fail, or show only agency 2.
#[test]
fn there_is_no_way_out() {
    let (dir, lake) = lake();
    let secret = dir.path().join("secret.csv");
    std::fs::write(&secret, "a\n1\n").unwrap();
    let file = secret.display();
    let parquet = parquet_files(dir.path()).pop().unwrap();
    let parquet = parquet.display();
    let forbidden = [
        format!("select * from '{file}'"),
        format!("select * from \"{parquet}\""),
        format!("select * from events union all select * from '{parquet}'"),
        format!("select * from read_parquet('{parquet}')"),
        format!("select * from read_csv('{file}')"),
        format!("create external table t stored as csv location '{file}'"),
        format!("create external table t stored as parquet location '{parquet}'"),
        format!("copy events to '{}/out.csv'", dir.path().display()),
        format!("copy (select * from events) to '{}/out.csv' stored as csv", dir.path().display()),
        "create table t as select * from events".into(),
        "create view v as select 1".into(),
        "drop table events".into(),
        "drop view events".into(),
        "insert into events select * from events".into(),
        "delete from events".into(),
        "update events set agency_id = 2".into(),
        "set datafusion.catalog.information_schema = true".into(),
        "set datafusion.execution.target_partitions = 64".into(),
        "reset datafusion.catalog.information_schema".into(),
        "show tables".into(),
        "show all".into(),
        "show columns from events".into(),
        "describe events".into(),
        "select * from information_schema.tables".into(),
        "select * from information_schema.df_settings".into(),
        "select * from lake".into(),
        "select * from lake.public.lake".into(),
        "select * from \"lake\".\"public\".\"?table?\"".into(),
        "explain select * from events".into(),
        "explain analyze select * from events".into(),
        "explain verbose select * from events".into(),
        "prepare p as select 1".into(),
        "execute p".into(),
        "begin".into(),
        "load 'x'".into(),
        "create function f() returns int return 1".into(),
        "with recursive r as (select 1 as n union all select n + 1 from r) select * from r".into(),
        "select * from generate_series(1, 1000000000)".into(),
        "select * from range(1, 1000000000)".into(),
        "select repeat('x', 1000000000)".into(),
        "select generate_series(1, 1000000000)".into(),
        "select 1; select 2".into(),
        "".into(),
        "select".into(),
    ];
    for text in forbidden {
        let outcome = run(&lake, &text, &only(&[2]));
        assert!(outcome.is_err(), "{text} gave {outcome:?}");
    }
    assert!(!dir.path().join("out.csv").exists());
    let scoped = [
        "select agency_id from events where agency_id = 1 or agency_id = 2 or true",
        "select agency_id from events union all select agency_id from events",
        "select agency_id from (select * from events) where agency_id in (select agency_id from events)",
        "select a.agency_id from events a left join events b on a.agency_id <> b.agency_id",
        "select agency_id from lake.public.events",
        "select max(agency_id) over () from events",
        "select (select max(agency_id) from events) from events",
        "select agency_id from events where not (agency_id = 2 and false)",
    ];
    for text in scoped {
        let t = run(&lake, text, &only(&[2])).unwrap();
        assert!(!t.rows.is_empty() && t.rows.iter().all(|r| r[0] == 2), "{text}: {:?}", t.rows.first());
    }
}

#[test]
fn deep_sql_is_refused_not_fatal() {
    let (_dir, lake) = lake();
    let deep = |n: usize| {
        [
            format!("select {}1{}", "(".repeat(n), ")".repeat(n)),
            format!("select {} true", "not ".repeat(n)),
            format!("select {}1", "- ".repeat(n)),
            format!("select {}", vec!["1"; n].join("+")),
            format!("select 1 where {}", vec!["true"; n].join(" and ")),
            format!("select {}1{}", "abs(".repeat(n), ")".repeat(n)),
            format!("select {}1{}", "case when true then ".repeat(n), " end".repeat(n)),
            vec!["select agency_id from events"; n].join(" union all "),
            format!("select 1 from {}events{}", "(select * from ".repeat(n), ") x".repeat(n)),
            format!("select 1{}", "::int".repeat(n)),
            format!("select {}1{}", "[".repeat(n), "]".repeat(n)),
        ]
    };
    for text in deep(5_000) {
        assert!(run(&lake, &text, &Scope::All).is_err(), "{}", &text[..60]);
    }
    // Below the limit it runs or is refused, and the process lives.
    for text in deep(60).into_iter().chain(deep(390)) {
        let _ = run(&lake, &text, &Scope::All);
    }
    let long = format!("select '{}'", "x".repeat(SQL_BYTES_MAX));
    assert!(run(&lake, &long, &Scope::All).is_err());
    assert_eq!(count(&lake, ""), 90);
}
