//! Processing pipelines: rules changed to fit other names.

use bongsu_sigma::{LoadError, LoadOptions, Pipeline, RuleSet, RuleSource};

const RULE: &str = "title: t\nid: t\ntags: [attack.t1059]\nlevel: high\nlogsource: { category: process_creation, product: windows }\n\
    detection:\n  s: { Image|endswith: '\\cmd.exe', CommandLine|contains: [whoami, net] }\n  f: { User: SYSTEM }\n  condition: s and not f\n";

fn loaded(rule: &str, pipeline: &str) -> (RuleSet, Vec<LoadError>) {
    let pipelines = vec![Pipeline::read("p.yml", pipeline).unwrap()];
    let options = LoadOptions { ignore_logsource: true, pipelines, ..LoadOptions::default() };
    RuleSet::load_with(&[RuleSource { name: "r.yml".into(), text: rule.into() }], &options)
}

fn steps(steps: &str) -> String {
    format!("name: test\nvars:\n  admins: [root, 'adm*']\ntransformations:\n{steps}")
}

#[track_caller]
fn check(rule: &str, transformations: &str, yes: &[&str], no: &[&str]) {
    let (set, errors) = loaded(rule, &steps(transformations));
    assert!(errors.is_empty(), "{errors:#?}");
    for (events, wanted) in [(yes, true), (no, false)] {
        for event in events {
            let found = set.matching_json(event.as_bytes(), &mut set.scratch()).unwrap().count() > 0;
            assert_eq!(found, wanted, "{transformations}\n{event}");
        }
    }
}

fn rule(detection: &str) -> String {
    format!("title: t\nid: t\nlogsource: {{ category: any }}\ndetection:\n  {detection}\n  condition: s\n")
}

#[test]
fn names_of_fields_change() {
    check(
        RULE,
        "- { type: field_name_mapping, mapping: { Image: process.path, CommandLine: [cmd, args] } }\n",
        &[r#"{"process":{"path":"C:\\cmd.exe"},"cmd":"whoami"}"#, r#"{"process.path":"C:\\cmd.exe","args":"net use"}"#],
        &[
            r#"{"Image":"C:\\cmd.exe","CommandLine":"whoami"}"#,
            r#"{"process.path":"C:\\cmd.exe","args":"net use","User":"system"}"#,
        ],
    );
    check(
        &rule("s: { proc.name: a, other: b }"),
        "- { type: field_name_prefix_mapping, mapping: { proc.: process. } }\n- { type: field_name_suffix, suffix: .keyword, field_name_conditions: [ { type: include_fields, fields: [other] } ] }\n",
        &[r#"{"process.name":"a","other.keyword":"b"}"#],
        &[r#"{"proc.name":"a","other":"b"}"#],
    );
    check(
        &rule("s: { CommandLine: a }"),
        "- { type: field_name_transform, transform_func: snake_case }\n- { type: field_name_prefix, prefix: win. }\n",
        &[r#"{"win.command_line":"a"}"#],
        &[r#"{"CommandLine":"a"}"#],
    );
}

#[test]
fn conditions_decide() {
    let on = |conditions: &str| format!("- {{ type: field_name_mapping, mapping: {{ a: b }}, {conditions} }}\n");
    let r = "title: t\nid: t\ntags: [attack.t1]\nlevel: high\nstatus: test\nlogsource: { category: c, product: p }\ndetection: { s: { a: x*, k: null }, condition: s }\n";
    for holds in [
        "rule_conditions: [ { type: logsource, category: c } ]",
        "rule_conditions: [ { type: logsource, category: no }, { type: tag, tag: attack.t1 } ], rule_cond_op: or",
        "rule_conditions: [ { type: logsource, product: no } ], rule_cond_not: true",
        "rule_conditions: { one: { type: logsource, category: c }, two: { type: tag, tag: no } }, rule_cond_expr: one and not two",
        "rule_conditions: [ { type: contains_field, field: k } ]",
        "rule_conditions: [ { type: contains_detection_item, field: a, value: 'x*' } ]",
        "rule_conditions: [ { type: rule_attribute, attribute: level, op: gte, value: medium } ]",
        "rule_conditions: [ { type: rule_attribute, attribute: status, op: lt, value: stable } ]",
        "rule_conditions: [ { type: is_sigma_rule } ]",
        "detection_item_conditions: [ { type: contains_wildcard } ]",
        "detection_item_conditions: [ { type: match_string, pattern: 'x' } ]",
        "detection_item_conditions: [ { type: is_null } ], detection_item_cond_not: true",
        "field_name_conditions: [ { type: exclude_fields, fields: [k] } ]",
        "field_name_conditions: [ { type: include_fields, fields: ['[ab]$'], mode: re } ]",
    ] {
        check(r, &on(holds), &[r#"{"b":"xy"}"#], &[r#"{"a":"xy"}"#]);
    }
    for fails in [
        "rule_conditions: [ { type: logsource, category: no } ]",
        "rule_conditions: [ { type: is_sigma_correlation_rule } ]",
        "rule_conditions: [ { type: processing_item_applied, processing_item_id: gone } ]",
        "detection_item_conditions: [ { type: match_value, value: y } ]",
        "field_name_conditions: [ { type: include_fields, fields: [k] } ]",
    ] {
        check(r, &on(fails), &[r#"{"a":"xy"}"#], &[r#"{"b":"xy"}"#]);
    }
    check(
        r,
        "- { id: first, type: set_state, key: k, val: v }\n- { type: field_name_mapping, mapping: { a: b }, rule_conditions: [ { type: processing_state, key: k, val: v }, { type: processing_item_applied, processing_item_id: first } ] }\n",
        &[r#"{"b":"x"}"#],
        &[r#"{"a":"x"}"#],
    );
}

#[test]
fn values_change() {
    let r = rule(r"s: { a|endswith: '\cmd.exe' }");
    check(
        &r,
        "- { type: replace_string, regex: 'cmd', replacement: 'c\\g<0>' }\n",
        &[r#"{"a":"x\\ccmd.exe"}"#],
        &[r#"{"a":"x\\cmd.exe"}"#],
    );
    check(
        &r,
        "- { type: replace_string, regex: '^\\*\\\\', replacement: '*/' }\n",
        &[r#"{"a":"x/cmd.exe"}"#],
        &[r#"{"a":"x\\cmd.exe"}"#],
    );
    check(
        &rule("s: { a: one, b: 5 }"),
        "- { type: map_string, mapping: { one: [two, three], '5': six } }\n",
        &[r#"{"a":"three","b":"six"}"#],
        &[r#"{"a":"one","b":5}"#],
    );
    check(
        &rule("s: { a|cased: One* }"),
        "- { type: case, method: upper }\n",
        &[r#"{"a":"ONEx"}"#],
        &[r#"{"a":"Onex"}"#],
    );
    check(&rule("s: { a: One* }"), "- { type: regex, method: plain }\n", &[r#"{"a":"Onex"}"#], &[r#"{"a":"onex"}"#]);
    check(&rule("s: { a: One* }"), "- { type: regex }\n", &[r#"{"a":"oNEx"}"#], &[r#"{"a":"xOne"}"#]);
    check(&rule("s: { a: x }"), "- { type: set_value, value: 7 }\n", &[r#"{"a":7}"#], &[r#"{"a":"x"}"#]);
    check(&rule("s: { a|gt: '7' }"), "- { type: convert_type, target_type: num }\n", &[r#"{"a":8}"#], &[r#"{"a":7}"#]);
    let hash = "d41d8cd98f00b204e9800998ecf8427e";
    check(
        &rule(&format!("s: {{ Hashes|contains: 'MD5={hash}' }}")),
        "- { type: hashes_fields, valid_hash_algos: [MD5, SHA1], field_prefix: File }\n",
        &[&format!(r#"{{"FileMD5":"{hash}"}}"#)],
        &[&format!(r#"{{"Hashes":"MD5={hash}"}}"#)],
    );
}

#[test]
fn placeholders_take_variables_or_wildcards() {
    let r = rule("s: { a|expand: 'x%admins%', b|expand: '%other%y' }");
    check(
        &r,
        "- { type: value_placeholders, include: [admins] }\n- { type: wildcard_placeholders, exclude: [admins] }\n",
        &[r#"{"a":"xroot","b":"anyy"}"#, r#"{"a":"xadm7","b":"y"}"#],
        &[r#"{"a":"root","b":"y"}"#],
    );
    let (_, errors) = loaded(&r, &steps("- { type: value_placeholders }\n"));
    assert!(errors[0].reason.contains("other"), "{errors:?}");
}

#[test]
fn conditions_and_items_come_and_go() {
    let r = rule("s: { a: x }");
    check(&r, "- { type: add_condition, conditions: { k: [v, w] } }\n", &[r#"{"a":"x","k":"w"}"#], &[r#"{"a":"x"}"#]);
    check(
        &r,
        "- { type: add_condition, conditions: { k: v }, negated: true }\n",
        &[r#"{"a":"x"}"#],
        &[r#"{"a":"x","k":"v"}"#],
    );
    check(
        &r,
        "- { type: add_condition, conditions: { k: '$category' }, template: true }\n",
        &[r#"{"a":"x","k":"any"}"#],
        &[r#"{"a":"x"}"#],
    );
    check(
        RULE,
        "- { type: drop_detection_item, field_name_conditions: [ { type: include_fields, fields: [User, Image] } ] }\n",
        &[r#"{"CommandLine":"whoami","User":"SYSTEM"}"#],
        &[r#"{"CommandLine":"x"}"#],
    );
    let (_, errors) = loaded(&r, &steps("- { type: drop_detection_item }\n"));
    assert!(errors[0].reason.contains("nothing is left"), "{errors:?}");
    let (set, errors) = loaded(
        &r,
        &steps(
            "- { type: change_logsource, product: linux }\n- { type: set_field, fields: [q] }\n- { type: add_field, field: w }\n- { type: set_custom_attribute, attribute: title, value: u }\n",
        ),
    );
    assert!(errors.is_empty(), "{errors:?}");
    let rule = &set.rules()[0];
    assert_eq!((rule.logsource.product.as_deref(), rule.logsource.category.as_deref()), (Some("linux"), None));
    assert_eq!((rule.fields.as_slice(), rule.title.as_str()), (["q".to_owned(), "w".to_owned()].as_slice(), "u"));
}

#[test]
fn failures_name_the_rule_and_leave_others() {
    let two = format!(
        "{RULE}---\ntitle: u\nid: u\nlogsource: {{ category: x }}\ndetection: {{ s: {{ a: b }}, condition: s }}\n"
    );
    let only = "rule_conditions: [ { type: logsource, product: windows } ]";
    let (set, errors) =
        loaded(&two, &steps(&format!("- {{ type: rule_failure, message: no such log here, {only} }}\n")));
    assert_eq!((set.rules().len(), errors.len()), (1, 1));
    assert!(errors[0].reason.contains("no such log here") && errors[0].rule.as_deref() == Some("t"), "{errors:?}");
    let (_, errors) = loaded(
        &two,
        &steps(
            "- { type: detection_item_failure, message: not that, detection_item_conditions: [ { type: match_string, pattern: '.*whoami' } ] }\n",
        ),
    );
    assert!(errors.len() == 1 && errors[0].reason.contains("not that"), "{errors:?}");
}

#[test]
fn nests_run_inside_and_correlations_follow() {
    let text = "title: b\nname: b\nlogsource: { category: x }\ndetection: { s: { a: b }, condition: s }\n---\n\
        title: c\nid: c\ncorrelation: { type: event_count, rules: [b], group-by: [user], timespan: 5m, condition: { gte: 2 } }\n";
    let (set, errors) = loaded(
        text,
        &steps(
            "- { type: nest, items: [ { type: field_name_mapping, mapping: { a: A, user: account } }, { type: field_name_prefix, prefix: w. } ] }\n",
        ),
    );
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(set.matching_json(br#"{"w.A":"b"}"#, &mut set.scratch()).unwrap().count(), 1);
    let bongsu_sigma::Body::Correlation(c) = &set.rules()[1].body else { panic!() };
    assert_eq!(c.group_by, ["w.account"]);
}

#[test]
fn broken_pipelines_are_refused_with_a_reason() {
    for (text, word) in [
        (steps("- { type: no_such_thing }\n"), "no_such_thing"),
        (steps("- { type: query_expression_placeholders, expression: x }\n"), "writes queries"),
        (steps("- { type: field_name_mapping }\n"), "mapping"),
        (steps("- { type: replace_string, regex: '(', replacement: x }\n"), "can't be used"),
        (steps("- { type: set_state, key: a, val: b, rule_conditions: [ { type: zzz } ] }\n"), "zzz"),
        ("a: [".to_owned(), ""),
        (String::new(), "empty"),
        ("x: &a { items: [*a] }\n".to_owned(), ""),
        (steps(&format!("{}{}", "- { type: set_state, key: a, val: b }\n".repeat(1_001), "")), "more than"),
    ] {
        let e = Pipeline::read("p.yml", &text).unwrap_err();
        assert!(e.reason.contains(word), "{e}");
    }
    let deep =
        format!("transformations: {}{}", "[ { type: nest, items: ".repeat(12), "[] ".to_owned() + &"} ]".repeat(12));
    assert!(Pipeline::read("p.yml", &deep).is_err());
}

#[test]
fn what_a_pipeline_makes_of_a_rule_is_bounded() {
    let names: Vec<String> = (0..40).map(|n| format!("a{n}")).collect();
    let step = format!("- {{ type: field_name_mapping, mapping: {{ {} }} }}\n", {
        let all: Vec<String> = std::iter::once("a")
            .chain(names.iter().map(String::as_str))
            .map(|n| format!("{n}: [{}]", names.join(", ")))
            .collect();
        all.join(", ")
    });
    let (set, errors) = loaded(&rule("s: { a: x }"), &steps(&step.repeat(30)));
    assert_eq!(set.rules().len(), 0);
    assert!(errors[0].reason.contains("grows"), "{errors:?}");
}
