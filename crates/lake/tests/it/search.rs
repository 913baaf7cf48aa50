//! Searching gives the same in memory, in files, and in joined files; pages, counts, histograms, facets, pipes.

use bongsu_event::*;
use bongsu_lake::*;
use serde_json::json;

use crate::sample::*;

/// Run the same checks on events in memory, in files, in joined files, and spread over all three.
fn everywhere(check: impl Fn(&Lake)) {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    for start in (1..=900).step_by(100) {
        lake.append(logins(start..=start + 99)).unwrap();
    }
    check(&lake);
    lake.flush().unwrap();
    check(&lake);

    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    for start in (1..=800).step_by(100) {
        lake.append(logins(start..=start + 99)).unwrap();
        lake.flush().unwrap();
    }
    while lake.compact().unwrap().files_before > 0 {}
    assert_eq!(parquet_files(dir.path()).len(), 3, "one file an agency is left, replaced ones are deleted");
    lake.append(logins(801..=850)).unwrap();
    lake.flush().unwrap();
    lake.append(logins(851..=900)).unwrap();
    check(&lake);
}

#[test]
fn events_are_found_wherever_they_are() {
    everywhere(|lake| {
        let all: Vec<u64> = (1..=900).collect();
        let matching = |f: &dyn Fn(u64) -> bool| all.iter().rev().copied().filter(|s| f(*s)).collect::<Vec<_>>();
        assert_eq!(found(lake, ""), matching(&|_| true));
        assert_eq!(found(lake, "user:USER3"), matching(&|s| s % 10 == 3));
        assert_eq!(found(lake, "192.0.2.7"), matching(&|s| s % 50 == 7));
        assert_eq!(found(lake, "src_ip:192.0.2.40/29"), matching(&|s| (40..48).contains(&(s % 50))));
        assert_eq!(found(lake, "accepted password"), matching(&|s| s % 3 == 0));
        assert_eq!(found(lake, "\"FAILED password for user9 \""), matching(&|s| s % 3 != 0 && s % 10 == 9));
        assert_eq!(found(lake, "sshd[7*] user1"), matching(&|s| s.to_string().starts_with('7') && s % 10 == 1));
        assert_eq!(found(lake, "src_port:>=30890"), matching(&|s| s >= 890));
        assert_eq!(found(lake, "src_port:[30010 TO 30020}"), matching(&|s| (10..20).contains(&s)));
        assert_eq!(found(lake, "-dst_port:22 user:user1"), matching(&|s| s % 10 == 1));
        assert_eq!(found(lake, "NOT dst_port:* user:user2"), Vec::<u64>::new());
        assert_eq!(found(lake, "extra.policyid:p4"), matching(&|s| s % 10 == 4));
        assert_eq!(found(lake, "agency:남현구청 status:(성공 OR unknown)"), matching(&|s| s % 3 == 1 && s % 3 == 0));
        assert_eq!(found(lake, "agency:시청"), matching(&|s| s % 3 == 0));
        assert_eq!(found(lake, "source:minwon-was03"), matching(&|s| s % 5 == 2));
        assert_eq!(found(lake, "event_severity:>=medium"), matching(&|s| s % 3 != 0));
        assert_eq!(found(lake, "id:1-77"), [77]);
        assert_eq!(found(lake, "time:2026-03-12T00:01"), matching(&|s| (60..120).contains(&s)));
        assert_eq!(found(lake, "any_ip:192.0.2.3 OR any_user:user7"), matching(&|s| s % 50 == 3 || s % 10 == 7));
        assert_eq!(found(lake, "no such text"), Vec::<u64>::new());
    });
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    everywhere(|lake| {
        let (rt, q) = (runtime(), query("user:user1 OR user:user2"));
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let few = Limits { rows: 7, ..limits() };
            let page = rt.block_on(lake.search(&q, &Scope::All, TimeRange::ALL, after, &few)).unwrap();
            assert!(page.rows.len() <= 7);
            seen.extend(page.rows.iter().map(|r| r.id.sequence));
            let Some(next) = page.next else { break };
            after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(seen, (1..=900).rev().filter(|s| matches!(s % 10, 1 | 2)).collect::<Vec<_>>());
    });
}

#[test]
fn events_of_one_instant_are_paged_by_id() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    let same = |s| {
        let mut e = login(s);
        e.time = Micros(MORNING);
        e
    };
    lake.append(std::sync::Arc::new((1..=40).map(same).collect())).unwrap();
    lake.flush().unwrap();
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let few = Limits { rows: 9, ..limits() };
        let page = runtime().block_on(lake.search(&Query::all(), &Scope::All, TimeRange::ALL, after, &few)).unwrap();
        seen.extend(page.rows.iter().map(|r| r.id.sequence));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=40).rev().collect::<Vec<_>>());
}

#[test]
fn a_row_tells_everything() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    let mut e = login(42);
    e.forgeable = FieldSet::of(&[Field::User]);
    e.evidence = Evidence::Handshake;
    lake.append(std::sync::Arc::new(vec![e])).unwrap();
    for flushed in [false, true] {
        if flushed {
            lake.flush().unwrap();
        }
        let row =
            runtime().block_on(lake.get(EventId { epoch: 1, sequence: 42 }, &Scope::All, &limits())).unwrap().unwrap();
        assert_eq!((row.agency, row.source, row.time), (AgencyId(1), SourceId(3), Micros(MORNING + 42_000_000)));
        let mut fields = row.fields.clone();
        let hash = fields.remove("raw_hash").unwrap();
        assert_eq!(hash.as_str().unwrap().len(), 16);
        assert_eq!(
            serde_json::Value::Object(fields),
            json!({
                "id": "1-42", "time": "2026-03-12T00:00:42.000000Z", "receive_time": "2026-03-12T00:00:42.000500Z",
                "agency_id": 1, "source_id": 3, "transport": "tcp", "format": "sshd", "class": "authentication",
                "activity": "open", "status": "success", "event_severity": "info", "evidence": "handshake",
                "time_from": "header", "encoding": "utf-8", "truncated": false, "skewed": false, "forgeable": "user",
                "src_ip": "192.0.2.42", "src_port": 30042, "dst_port": 22, "user": "user2",
                "extra": { "policyid": "P2" },
                "raw": "sshd[42]: Accepted password for user2 from 192.0.2.42 port 30042 ssh2",
            })
        );
    }
    assert_eq!(runtime().block_on(lake.get(EventId { epoch: 1, sequence: 43 }, &Scope::All, &limits())).unwrap(), None);
}

#[test]
fn korean_lines_in_any_encoding_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    // "로그인 실패 홍길동" in CP949.
    let cp949 = b"\xb7\xce\xb1\xd7\xc0\xce \xbd\xc7\xc6\xd0 \xc8\xab\xb1\xe6\xb5\xbf";
    let mut old = line(1, cp949);
    old.encoding = Encoding::Cp949;
    let new = line(2, "로그인 실패 홍길동".as_bytes());
    let broken = line(3, b"\xff\xfe half \xb7");
    lake.append(std::sync::Arc::new(vec![old, new, broken])).unwrap();
    for flushed in [false, true] {
        if flushed {
            lake.flush().unwrap();
        }
        assert_eq!(found(&lake, "실패"), [2, 1]);
        assert_eq!(found(&lake, "\"로그인 실패\" 길동"), [2, 1]);
        assert_eq!(found(&lake, "패*길"), [2, 1]);
        assert_eq!(found(&lake, "성공"), Vec::<u64>::new());
        assert_eq!(found(&lake, "encoding:cp949"), [1]);
        let row =
            runtime().block_on(lake.get(EventId { epoch: 1, sequence: 1 }, &Scope::All, &limits())).unwrap().unwrap();
        assert_eq!(row.fields["raw"], "로그인 실패 홍길동");
        assert_eq!(row.fields["raw_b64"], "t86x18DOIL3HxtAgyKux5rW/");
        assert_eq!(found(&lake, "half"), [3]);
    }
}

#[test]
fn histograms_count_every_match_once() {
    everywhere(|lake| {
        let rt = runtime();
        let range = TimeRange::between(Micros(MORNING), Micros(MORNING + 900_000_000));
        let h = rt.block_on(lake.histogram(&query("user:user1"), &Scope::All, range, 15, &limits())).unwrap();
        assert_eq!((h.width, h.from, h.total), (60_000_000, Micros(MORNING), 90));
        assert_eq!(h.counts, vec![6; 15]);
        let open =
            rt.block_on(lake.histogram(&query("user:user1"), &Scope::All, TimeRange::ALL, 50, &limits())).unwrap();
        assert_eq!((open.total, open.counts.iter().sum::<u64>()), (90, 90));
        let none = rt.block_on(lake.histogram(&query("nothing"), &Scope::All, TimeRange::ALL, 50, &limits())).unwrap();
        assert_eq!(none, Histogram::default());
    });
}

#[test]
fn facets_give_shares() {
    everywhere(|lake| {
        let fields = ["agency_id", "status", "user", "dst_port", "event_severity", "extra.policyid"];
        let found = runtime()
            .block_on(lake.facets(&query("192.0.2.5"), &Scope::All, TimeRange::ALL, &fields, 3, &limits()))
            .unwrap();
        let by = |f: &str| found.iter().find(|x| x.field == f).unwrap();
        assert_eq!(by("user").distinct, 1);
        assert_eq!((by("user").values[0].value.as_str(), by("user").values[0].share), ("user5", 1.0));
        assert_eq!(by("agency_id").values.iter().map(|v| v.count).sum::<u64>(), 18);
        assert_eq!(by("status").values[0].value, "failure");
        assert_eq!(by("dst_port").distinct, 0);
        assert_eq!(by("event_severity").values[0].value, "medium");
        assert_eq!(by("extra.policyid").values[0].value, "P5");
        let wrong =
            runtime().block_on(lake.facets(&Query::all(), &Scope::All, TimeRange::ALL, &["nope"], 3, &limits()));
        assert!(wrong.is_err());
    });
}

fn table(lake: &Lake, text: &str) -> Table {
    match runtime().block_on(lake.answer(&query(text), &Scope::All, TimeRange::ALL, &limits())).unwrap() {
        Answer::Table(t) => t,
        Answer::Rows(_) => panic!("{text} gave rows"),
    }
}

#[test]
fn pipes_give_tables() {
    everywhere(|lake| {
        let t = table(lake, "user:nobody | count");
        assert_eq!((t.columns, t.rows), (vec!["count".to_owned()], vec![vec![json!(0)]]));
        assert_eq!(table(lake, "| count").rows, [[json!(900)]]);
        let t = table(lake, "user:user1 | count by status, event_severity");
        assert_eq!(t.columns, ["status", "event_severity", "count"]);
        assert_eq!(
            t.rows,
            [vec![json!("failure"), json!("medium"), json!(60)], vec![json!("success"), json!("info"), json!(30)]]
        );
        let t = table(lake, "| top 2 src_ip");
        assert_eq!(t.rows, [[json!("192.0.2.0"), json!(18)], [json!("192.0.2.1"), json!(18)]]);
        assert_eq!(table(lake, "| count by dst_port").rows, [[json!(22), json!(450)], [json!(null), json!(450)]]);
        let t = table(lake, "user:user1 | timechart 5m by status");
        assert_eq!(t.columns, ["time", "status", "count"]);
        assert_eq!(t.rows[0], [json!("2026-03-12T00:00:00.000000Z"), json!("failure"), json!(20)]);
        assert_eq!(t.rows.iter().map(|r| r[2].as_u64().unwrap()).sum::<u64>(), 90);
        assert_eq!(table(lake, "| count by extra.policyid").rows.len(), 10);
    });
}

#[test]
fn the_neighbourhood_of_an_event() {
    everywhere(|lake| {
        let id = EventId { epoch: 1, sequence: 402 };
        let near = runtime().block_on(lake.context(id, 30, &Scope::All, &limits())).unwrap();
        let near: Vec<_> = near.iter().map(|r| r.id.sequence).collect();
        assert_eq!(near, (372..=432).step_by(5).collect::<Vec<_>>());
        let few = Limits { rows: 5, ..limits() };
        let near = runtime().block_on(lake.context(id, 300, &Scope::All, &few)).unwrap();
        assert_eq!(near.iter().map(|r| r.id.sequence).collect::<Vec<_>>(), [392, 397, 402, 407, 412]);
    });
}

#[test]
fn a_needle_touches_few_row_groups() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    for start in (1..=2_000).step_by(100) {
        lake.append(logins(start..=start + 99)).unwrap();
        if start == 701 {
            let mut e = line(800, b"placeholder");
            e.id.sequence = start + 100;
        }
        lake.flush().unwrap();
    }
    let mut needle = login(2_001);
    needle.fields.clear();
    needle.raw = bytes::Bytes::from_static(b"connect from 203.0.113.77 by Zebra agent");
    needle.set(Field::SrcIp, std::net::IpAddr::from([203, 0, 113, 77]));
    needle.set(Field::User, "zebra");
    lake.append(std::sync::Arc::new(vec![needle])).unwrap();
    lake.flush().unwrap();
    for text in [
        "203.0.113.77",
        "src_ip:203.0.113.77",
        "src_ip:203.0.113.0/24",
        "user:ZEBRA",
        "zebra",
        "user:zeb*",
        "\"by zebra\"",
    ] {
        let c = runtime().block_on(lake.count(&query(text), &Scope::All, TimeRange::ALL, &limits())).unwrap();
        assert_eq!(c.rows, 1, "{text}");
        assert_eq!((c.scanned.files_read, c.scanned.groups_read), (1, 1), "{text}: {:?}", c.scanned);
        assert_eq!((c.scanned.files_total, c.scanned.rows_total), (61, 2_001));
    }
    let recent = TimeRange { from: Some(Micros(MORNING + 1_950_000_000)), to: None };
    let c = runtime().block_on(lake.count(&Query::all(), &Scope::All, recent, &limits())).unwrap();
    assert_eq!((c.rows, c.scanned.files_read), (52, 4));
}

#[test]
fn limits_bite_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=20_000)).unwrap();
    lake.flush().unwrap();
    let rt = runtime();
    let small = Limits { memory: 100_000, ..limits() };
    let e = rt.block_on(lake.sql("select raw, count(*) from events group by raw", &Scope::All, &small)).unwrap_err();
    assert!(matches!(e, LakeError::Memory(_)), "{e}");
    let short = Limits { deadline: std::time::Duration::from_millis(1), ..limits() };
    let slow =
        "select count(*) from events a cross join events b cross join events c where a.raw < b.raw and b.raw < c.raw";
    let e = rt.block_on(lake.sql(slow, &Scope::All, &short)).unwrap_err();
    assert!(matches!(e, LakeError::Deadline(_)), "{e}");
    assert_eq!(count(&lake, "user:user1"), 2_000, "the next query runs");
}

#[test]
fn exports_hold_every_match() {
    everywhere(|lake| {
        let rt = runtime();
        let some = |format, most| {
            let mut out = Vec::new();
            let n = rt.block_on(lake.export(
                &query("user:user1"),
                &only(&[1, 2]),
                TimeRange::ALL,
                format,
                &mut out,
                most,
                &limits(),
            ));
            (n.unwrap(), out)
        };
        let export = |format| {
            let (n, out) = some(format, None);
            assert_eq!(n, 60);
            out
        };
        let jsonl = String::from_utf8(export(ExportFormat::Jsonl)).unwrap();
        let rows: Vec<serde_json::Value> = jsonl.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(rows.len(), 60);
        assert!(rows.windows(2).all(|w| w[0]["time"].as_str() > w[1]["time"].as_str()));
        let csv = String::from_utf8(export(ExportFormat::Csv)).unwrap();
        assert_eq!(csv.lines().count(), 61);
        assert!(csv.starts_with("id,time,receive_time,"));
        let parquet = export(ExportFormat::Parquet);
        assert_eq!(&parquet[..4], b"PAR1");
        let (n, newest) = some(ExportFormat::Csv, Some(7));
        assert_eq!(
            (n, String::from_utf8(newest).unwrap()),
            (7, csv.lines().take(8).map(|l| format!("{l}\r\n")).collect())
        );
        assert_eq!(some(ExportFormat::Jsonl, Some(0)), (0, Vec::new()));
        assert_eq!(some(ExportFormat::Parquet, Some(7)).0, 7);
    });
}
