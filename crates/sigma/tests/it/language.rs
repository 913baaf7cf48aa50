//! What Sigma's words mean.

use crate::support::{detection, fires, set, set_with};
use bongsu_sigma::{LoadOptions, RuleSet, RuleSource};

#[track_caller]
fn check(rule: &str, yes: &[&str], no: &[&str]) {
    let set = detection(rule);
    for event in yes {
        assert!(fires(&set, event), "must fire: {rule}\n{event}");
    }
    for event in no {
        assert!(!fires(&set, event), "must stay silent: {rule}\n{event}");
    }
}

#[test]
fn values_compare_without_case_and_with_wildcards() {
    check(
        "s: { Image|endswith: '\\CMD.exe', CommandLine|contains: [whoami, 'net ?ser'] }\ncondition: s",
        &[
            r#"{"Image":"C:\\Windows\\cmd.EXE","CommandLine":"/c WHOAMI"}"#,
            r#"{"image":"c:\\cmd.exe","CommandLine":"net user x"}"#,
        ],
        &[r#"{"Image":"C:\\Windows\\cmd.exe"}"#, r#"{"Image":"cmd.exe","CommandLine":"whoami"}"#],
    );
}

#[test]
fn a_beginning_is_no_middle() {
    let starts = "s: { a|startswith: ['1', '2001:x'] }\ncondition: s";
    check(starts, &[r#"{"a":"1"}"#, r#"{"a":"2001:xy"}"#], &[r#"{"a":"2001:y"}"#]);
    check("s: { a|endswith: ['1', 'x1002'] }\ncondition: s", &[r#"{"a":"xx1002"}"#], &[r#"{"a":"y1002"}"#]);
}

#[test]
fn numbers_and_text_meet() {
    check(
        "s: { EventID: 4625 }\ncondition: s",
        &[r#"{"EventID":4625}"#, r#"{"EventID":"4625"}"#],
        &[r#"{"EventID":46250}"#],
    );
    check(
        "s: { bytes|gte: 1000, bytes|lt: 2000 }\ncondition: s",
        &[r#"{"bytes":1000}"#, r#"{"bytes":"1999.5"}"#],
        &[r#"{"bytes":2000}"#, r#"{"bytes":"many"}"#, "{}"],
    );
    check(
        "s: { Initiated: 'true' }\ncondition: s",
        &[r#"{"Initiated":true}"#, r#"{"Initiated":"True"}"#],
        &[r#"{"Initiated":1}"#],
    );
}

#[test]
fn absence() {
    check(
        "s: { a: null }\ncondition: s",
        &["{}", r#"{"a":null}"#, r#"{"a":[]}"#],
        &[r#"{"a":""}"#, r#"{"a":{"b":1}}"#],
    );
    check("s: { a: '' }\ncondition: s", &[r#"{"a":""}"#], &["{}", r#"{"a":"x"}"#]);
    check("s: { a|exists: true }\ncondition: s", &[r#"{"a":null}"#, r#"{"a":0}"#, r#"{"a":{"b":1}}"#], &["{}"]);
    check("s: { a|exists: false }\ncondition: s", &["{}"], &[r#"{"a":null}"#]);
    check("s: { a: '*' }\ncondition: s", &[r#"{"a":""}"#, r#"{"a":5}"#], &["{}", r#"{"a":null}"#]);
    check("s: { a|neq: x }\ncondition: s", &["{}", r#"{"a":"y"}"#], &[r#"{"a":"X"}"#]);
    check("s: { a: x }\nf: { b: null }\ncondition: s and not f", &[r#"{"a":"x","b":"y"}"#], &[r#"{"a":"x"}"#]);
}

#[test]
fn lists_keywords_and_all() {
    check("s:\n  - { a: 1 }\n  - { b: 2, c: 3 }\ncondition: s", &[r#"{"a":1}"#, r#"{"b":2,"c":3}"#], &[r#"{"b":2}"#]);
    check(
        "k: [mimikatz, 'a*c']\ncondition: k",
        &[r#"{"x":"run MimiKatz now"}"#, r#"{"x":{"y":["-abbbc-"]}}"#],
        &[r#"{"mimikatz":"x"}"#],
    );
    check("k: { '|all': [one, two] }\ncondition: k", &[r#"{"x":"one","y":"two"}"#], &[r#"{"x":"one"}"#]);
    check("s: { a|contains|all: [x, y] }\ncondition: s", &[r#"{"a":"y x"}"#, r#"{"a":["x","y"]}"#], &[r#"{"a":"x"}"#]);
    check("s: { a: 1 }\nt: { b: 1 }\ncondition:\n  - s\n  - t", &[r#"{"a":1}"#, r#"{"b":1}"#], &["{}"]);
}

#[test]
fn fields_of_one_event_compare() {
    check("s: { a|fieldref: b }\ncondition: s", &[r#"{"a":"X","b":"x"}"#], &[r#"{"a":"x"}"#, r#"{"a":"x","b":"y"}"#]);
    check("s: { a|fieldref|endswith: b }\ncondition: s", &[r#"{"a":"abc","b":"bc"}"#], &[r#"{"a":"abc","b":"ab"}"#]);
    check(
        "s: { a|exists: true, a|fieldref|neq: b }\ncondition: s",
        &[r#"{"a":"x","b":"y"}"#],
        &[r#"{"a":"x","b":"x"}"#],
    );
}

#[test]
fn dates_and_case() {
    check(
        "s: { at|hour|gte: 22 }\ncondition: s",
        &[r#"{"at":"2026-03-01T23:00:00Z"}"#],
        &[r#"{"at":"2026-03-01T08:00:00Z"}"#],
    );
    check("s: { a|contains|cased: Ab }\ncondition: s", &[r#"{"a":"xAbx"}"#], &[r#"{"a":"xabx"}"#]);
    check("s: { a|re|i: '^ab+c$' }\ncondition: s", &[r#"{"a":"ABBC"}"#], &[r#"{"a":"ac"}"#]);
    check(
        "s: { ip|cidr: [10.0.0.0/8, 'fd00::/8'] }\ncondition: s",
        &[r#"{"ip":"10.9.8.7"}"#, r#"{"ip":"fd00::1"}"#],
        &[r#"{"ip":"11.0.0.1"}"#],
    );
}

#[test]
fn logsources_gate() {
    let rules = "title: a\nid: a\nlogsource: { category: authentication }\ndetection: { s: { user: root }, condition: s }\n---\n\
                 title: b\nid: b\nlogsource: { product: windows, category: process_creation }\ndetection: { s: { User: root }, condition: s }\n";
    let set = set(rules);
    let ids = |event: &str| -> Vec<String> {
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        set.detect(&event, &mut set.scratch()).iter().map(|d| set.rule(d.rule).unwrap().id.clone()).collect()
    };
    assert_eq!(ids(r#"{"class":"authentication","user":"root"}"#), ["a"]);
    assert_eq!(ids(r#"{"Channel":"Security","EventID":4688,"User":"root"}"#), ["b"]);
    assert_eq!(ids(r#"{"Channel":"Security","EventID":4624,"User":"root"}"#), Vec::<String>::new());
    let open = set_with(rules, &LoadOptions { ignore_logsource: true, ..LoadOptions::default() });
    let event = serde_json::json!({ "User": "root" });
    assert_eq!(open.detect(&event, &mut open.scratch()).len(), 2);
}

#[test]
fn a_detection_says_what_held() {
    let set = detection(
        "s: { Image|endswith: cmd.exe }\nt:\n  - { a: 1 }\n  - { b|contains: 'x' }\nf: { c: 1 }\ncondition: s and t and not f",
    );
    let event = serde_json::json!({ "Image": "C:\\CMD.exe", "b": "axb" });
    let found = set.detect(&event, &mut set.scratch());
    let held: Vec<_> =
        found[0].matched.iter().map(|m| format!("{} {} {} {}", m.selection, m.field, m.value, m.test)).collect();
    assert_eq!(held, ["s Image C:\\CMD.exe endswith 'cmd.exe'", "t b axb contains 'x'"]);
    assert_eq!(
        set.selections(found[0].rule, &event),
        [("s".to_owned(), true), ("t".to_owned(), true), ("f".to_owned(), false)]
    );
}

#[test]
fn placeholders_filters_and_collections() {
    let rule =
        "title: t\nid: t\nlogsource: { category: any }\ndetection: { s: { user|expand: '%admins%' }, condition: s }\n";
    let idle = set(rule);
    assert_eq!(idle.rules()[0].idle.as_deref(), Some("needs values for %admins%"));
    let mut options = LoadOptions::default();
    options.placeholders.insert("admins".into(), vec!["root".into()]);
    let filter = format!(
        "{rule}---\ntitle: f\nid: f\nlogsource: {{ category: any }}\nfilter: {{ rules: [t], s: {{ host: lab }}, condition: not s }}\n"
    );
    let filled = set_with(&filter, &options);
    assert!(fires(&filled, r#"{"user":"root"}"#));
    assert!(!fires(&filled, r#"{"user":"root","host":"lab"}"#));
    let collection = "action: global\ntitle: g\nlogsource: { category: any }\ndetection: { condition: s }\n---\nid: one\ndetection: { s: { a: 1 } }\n---\nid: two\ndetection: { s: { a: 2 } }\n";
    let collected = set(collection);
    assert_eq!(collected.rules().len(), 2);
    assert!(fires(&collected, r#"{"a":1}"#));
}

#[test]
fn a_disabled_rule_is_listed_and_silent() {
    let rule = "title: t\nid: t\nlogsource: { category: any }\ndetection: { s: { a: 1 }, condition: s }\n";
    let options = LoadOptions { disabled: ["t".to_owned()].into(), ..LoadOptions::default() };
    let off = set_with(rule, &options);
    assert!(!fires(&off, r#"{"a":1}"#));
    assert!(!off.is_enabled(off.find("t").unwrap()));
}

#[test]
fn broken_rules_are_named_and_the_rest_runs() {
    let good = "title: good\nid: good\nlogsource: { category: any }\ndetection: { s: { a: 1 }, condition: s }\n";
    let broken = [
        (
            "title: x\nlogsource: { category: any }\ndetection:\n  s: { a|contians: 1 }\n  condition: s\n",
            4,
            "`contians` is not known",
        ),
        (
            "title: x\nlogsource: { category: any }\ndetection:\n  s: { a: 1 }\n  condition: s and selektion\n",
            5,
            "no selection `selektion`",
        ),
        (
            "title: x\nlogsource: { category: any }\ndetection:\n  s: { a|re: '(' }\n  condition: s\n",
            4,
            "regular expression",
        ),
        ("title: x\ndetection: { s: { a: 1 }, condition: s }\n", 1, "`logsource` is missing"),
        (
            "title: x\nlevel: huge\nlogsource: { category: any }\ndetection: { s: { a: 1 }, condition: s }\n",
            2,
            "`level`",
        ),
        ("title: x\n  bad indent: [\n", 2, ""),
        (
            "title: x\nid: good\nlogsource: { category: any }\ndetection: { s: { a: 1 }, condition: s }\n",
            1,
            "already taken",
        ),
        (
            "title: x\nid: c\ncorrelation: { type: event_count, rules: [nobody], group-by: [a], timespan: 1m, condition: { gte: 2 } }\n",
            1,
            "not loaded",
        ),
        (
            "title: x\nid: c\nname: me\ncorrelation: { type: event_count, rules: [me], group-by: [a], timespan: 1m, condition: { gte: 2 } }\n",
            1,
            "refers to itself",
        ),
    ];
    for (text, line, reason) in broken {
        let sources = [
            RuleSource { name: "good.yml".into(), text: good.into() },
            RuleSource { name: "bad.yml".into(), text: text.into() },
        ];
        let (set, errors) = RuleSet::load(&sources);
        assert_eq!(errors.len(), 1, "{text}\n{errors:?}");
        assert_eq!((errors[0].file.as_str(), errors[0].line), ("bad.yml", line), "{text}\n{}", errors[0]);
        assert!(errors[0].reason.contains(reason), "{text}\n{}", errors[0]);
        assert!(fires(&set, r#"{"a":1}"#));
    }
}

#[test]
fn hostile_rules_end_within_bounds() {
    let head = "title: x\nid: x\nlogsource: { category: any }\ndetection:\n";
    let many: Vec<String> = (0..10_000).map(|n| format!("value{n}")).collect();
    let values = set(&format!("{head}  s: {{ a|contains: [{}] }}\n  condition: s\n", many.join(", ")));
    assert!(fires(&values, r#"{"a":"x value9999"}"#));
    for condition in [format!("{}s", "not ".repeat(2_000)), format!("{}s{}", "(".repeat(1_000), ")".repeat(1_000))] {
        let text = format!("{head}  s: {{ a: 1 }}\n  condition: {condition}\n");
        let (_, errors) = RuleSet::load(&[RuleSource { name: "x".into(), text }]);
        assert_eq!(errors.len(), 1);
    }
    let blown = format!("{head}  s: {{ a: [{}] }}\n  condition: {}s\n", many.join(", "), "s and ".repeat(1_000));
    let (set, errors) = RuleSet::load(&[RuleSource { name: "x".into(), text: blown }]);
    assert!(set.rules().is_empty() && errors[0].reason.contains("terms"), "{errors:?}");
    let slow = detection("s: { a|re: '(x+x+)+y' }\ncondition: s");
    assert!(!fires(&slow, &format!("{{\"a\":\"{}\"}}", "x".repeat(50_000))));
}

#[test]
fn more_kinds_of_events_than_lanes() {
    // Nine services give 512 sets of open gates, more than are compiled one by one.
    let rules: Vec<String> = (0..9)
        .map(|n| {
            format!(
                "title: r{n}\nid: r{n}\nlogsource: {{ service: n{n} }}\ndetection: {{ s: {{ a: 1 }}, condition: s }}\n"
            )
        })
        .collect();
    let set = set(&rules.join("---\n"));
    let mut scratch = set.scratch();
    for mask in 0u32..512 {
        let apps: Vec<String> = (0..9).filter(|n| mask & (1 << n) != 0).map(|n| format!("n{n}")).collect();
        let event = serde_json::json!({ "class": "x", "app": apps, "a": 1 });
        let found: Vec<u32> = set.matching(&event, &mut scratch).map(|r| r.0).collect();
        let wanted: Vec<u32> = (0..9).filter(|n| mask & (1 << n) != 0).collect();
        assert_eq!(found, wanted);
    }
    assert!(set.plan_sizes().1 <= bongsu_sigma::limits::LANES_MAX);
}

#[test]
fn one_scratch_serves_one_set_after_another() {
    let one = detection("s: { a: 1 }\ncondition: s");
    let two = detection("s: { b: 1 }\ncondition: s");
    let mut scratch = one.scratch();
    let event = serde_json::json!({ "a": 1 });
    for _ in 0..2 {
        assert_eq!(one.matching(&event, &mut scratch).count(), 1);
        assert_eq!(two.matching(&event, &mut scratch).count(), 0);
    }
}
