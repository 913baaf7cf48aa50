//! The query language: what is read, how it is told when it cannot be.

use bongsu_event::Field;
use bongsu_lake::{
    NoNames, Query,
    query::{Node, Pattern, Pipe, Target, Test},
};

use crate::sample::Town;

fn filter(text: &str) -> Option<Node> {
    Query::parse(text, &Town).unwrap_or_else(|e| panic!("{text}: {e}")).filter
}

fn within(t: &str) -> Node {
    Node::Text(Pattern::Within(t.into()))
}

fn whole(f: Field, t: &str) -> Node {
    Node::Is(Target::Field(f), Test::Text(Pattern::Whole(t.into())))
}

#[test]
fn queries_and_their_trees() {
    let table: Vec<(&str, Option<Node>)> = vec![
        ("", None),
        ("   ", None),
        ("*", None),
        ("fail", Some(within("fail"))),
        ("로그인 실패", Some(Node::And(vec![within("로그인"), within("실패")]))),
        ("\"로그인 실패\"", Some(within("로그인 실패"))),
        ("a AND b OR c", Some(Node::Or(vec![Node::And(vec![within("a"), within("b")]), within("c")]))),
        ("a AND (b OR c)", Some(Node::And(vec![within("a"), Node::Or(vec![within("b"), within("c")])]))),
        ("a -b", Some(Node::And(vec![within("a"), Node::Not(Box::new(within("b")))]))),
        ("NOT a b", Some(Node::And(vec![Node::Not(Box::new(within("a"))), within("b")]))),
        ("and or not", Some(Node::And(vec![within("and"), within("or"), within("not")]))),
        ("ANDROID", Some(within("ANDROID"))),
        ("user:root", Some(whole(Field::User, "root"))),
        ("user.name:root", Some(whole(Field::DstUser, "root"))),
        ("TargetUserName:root", Some(whole(Field::User, "root"))),
        ("USER:\"kim sy\"", Some(whole(Field::User, "kim sy"))),
        ("user:\"a \\\"b\\\" \\\\ c*\"", Some(whole(Field::User, "a \"b\" \\ c*"))),
        ("user:a\\*b", Some(whole(Field::User, "a*b"))),
        ("user:(kim OR \"lee dh\")", Some(Node::Or(vec![whole(Field::User, "kim"), whole(Field::User, "lee dh")]))),
        (
            "user:(kim -lee)",
            Some(Node::And(vec![whole(Field::User, "kim"), Node::Not(Box::new(whole(Field::User, "lee")))])),
        ),
        ("user:*", Some(Node::Is(Target::Field(Field::User), Test::Exists))),
        (
            "process:C:\\Windows\\\\*.exe",
            Some(Node::Is(
                Target::Field(Field::Process),
                Test::Text(Pattern::Wild {
                    pieces: vec!["C:\\Windows\\".into(), ".exe".into()],
                    start: true,
                    end: true,
                }),
            )),
        ),
        ("*cmd*", Some(Node::Text(Pattern::Wild { pieces: vec!["cmd".into()], start: false, end: false }))),
        ("192.0.2.1", Some(Node::Address([192, 0, 2, 1].into()))),
        ("[2001:db8::1]", Some(Node::Address("2001:db8::1".parse().unwrap()))),
        ("2001:db8::1", Some(Node::Address("2001:db8::1".parse().unwrap()))),
        ("dst_port:22", Some(Node::Is(Target::Field(Field::DstPort), Test::Between(Some(22), Some(22))))),
        ("dst_port:>=1024", Some(Node::Is(Target::Field(Field::DstPort), Test::Between(Some(1024), None)))),
        ("dst_port:<1024", Some(Node::Is(Target::Field(Field::DstPort), Test::Between(None, Some(1023))))),
        ("dst_port:[1 TO *]", Some(Node::Is(Target::Field(Field::DstPort), Test::Between(Some(1), None)))),
        ("dst_port:{1 TO 9}", Some(Node::Is(Target::Field(Field::DstPort), Test::Between(Some(2), Some(8))))),
        ("dst_port:-5", Some(Node::Is(Target::Field(Field::DstPort), Test::Between(Some(-5), Some(-5))))),
        ("agency:시청", Some(Node::Is(Target::Base("agency_id"), Test::Numbers(vec![1])))),
        ("agency:7", Some(Node::Is(Target::Base("agency_id"), Test::Numbers(vec![7])))),
        ("class:인증", Some(Node::Is(Target::Base("class"), Test::Text(Pattern::Whole("authentication".into()))))),
        ("class:3002", Some(Node::Is(Target::Base("class"), Test::Text(Pattern::Whole("authentication".into()))))),
        ("event_severity:높음", Some(Node::Is(Target::Base("event_severity"), Test::Between(Some(4), Some(4))))),
        (
            "extra.devName:fw1",
            Some(Node::Is(Target::Extra("devName".into()), Test::Text(Pattern::Whole("fw1".into())))),
        ),
        ("http://evil.example/x?a=b", Some(within("http://evil.example/x?a=b"))),
        ("09:14:36", Some(within("09:14:36"))),
        ("sshd[123]:", Some(within("sshd[123]:"))),
        ("C:\\Temp", Some(within("C:\\Temp"))),
        ("a--b", Some(within("a--b"))),
        ("--", Some(within("--"))),
        ("raw:\"x y\"", Some(within("x y"))),
    ];
    for (text, tree) in table {
        assert_eq!(filter(text), tree, "{text}");
    }
}

#[test]
fn addresses_are_spans() {
    let span = |text: &str| match filter(text) {
        Some(Node::Is(_, Test::Addresses(a, b))) => (a, b),
        other => panic!("{text}: {other:?}"),
    };
    let v4 = |a: [u8; 4]| (0xffff_u128 << 32) | u128::from(u32::from_be_bytes(a));
    assert_eq!(span("src_ip:192.0.2.0/24"), (v4([192, 0, 2, 0]), v4([192, 0, 2, 255])));
    assert_eq!(span("src_ip:192.0.2.77/24"), (v4([192, 0, 2, 0]), v4([192, 0, 2, 255])));
    assert_eq!(span("src_ip:192.0.2.*"), (v4([192, 0, 2, 0]), v4([192, 0, 2, 255])));
    assert_eq!(span("src_ip:10.*"), (v4([10, 0, 0, 0]), v4([10, 255, 255, 255])));
    assert_eq!(span("src_ip:[192.0.2.1 TO 192.0.2.9]"), (v4([192, 0, 2, 1]), v4([192, 0, 2, 9])));
    assert_eq!(span("src_ip:0.0.0.0/0"), (v4([0; 4]), v4([255; 4])));
    assert_eq!(span("src_ip:::ffff:192.0.2.1"), (v4([192, 0, 2, 1]), v4([192, 0, 2, 1])));
    assert_eq!(span("src_ip:2001:db8::/32").1 - span("src_ip:2001:db8::/32").0, (1 << 96) - 1);
    assert_eq!(span("src_ip:>=192.0.2.1").1, v4([255; 4]));
}

#[test]
fn pipes_are_read() {
    let pipe = |text: &str| Query::parse(text, &NoNames).unwrap_or_else(|e| panic!("{text}: {e}")).pipe;
    assert_eq!(pipe("a | count"), Pipe::CountBy(vec![]));
    assert_eq!(pipe("|count by agency, src_ip"), Pipe::CountBy(vec!["agency_id".into(), "src_ip".into()]));
    assert_eq!(pipe("a|top user"), Pipe::Top(10, vec!["user".into()]));
    assert_eq!(pipe("a | top 3 user,SourceIp"), Pipe::Top(3, vec!["user".into(), "src_ip".into()]));
    assert_eq!(pipe("| timechart"), Pipe::Timechart { span: None, by: None });
    assert_eq!(pipe("| timechart 5m by class"), Pipe::Timechart { span: Some(300), by: Some("class".into()) });
    assert_eq!(pipe("| timechart span=1h"), Pipe::Timechart { span: Some(3600), by: None });
}

#[test]
fn errors_say_where_and_what_was_meant() {
    let table = [
        ("한글 srcip2:1.2.3.4", 3, Some("srcip:")),
        ("src_ipp:1.2.3.4", 0, Some("src_ip:")),
        ("class:authentification", 6, Some("class:authentication")),
        ("status:sucess", 7, Some("status:success")),
        ("agency:시쳥", 7, Some("agency:\"시청\"")),
        ("dst_port:ssh", 9, None),
        ("src_ip:300.1.1.1", 7, None),
        ("src_ip:10.0.0.0/33", 7, None),
        ("(a", 0, None),
        ("a)", 1, None),
        ("\"a", 0, None),
        ("a AND", 5, None),
        ("OR a", 0, None),
        ("NOT", 3, None),
        ("user:", 5, None),
        ("dst_port:[1 2]", 9, None),
        ("user:>5", 5, None),
        ("time:yesterday", 5, None),
        ("| cuont", 2, Some("| count")),
        ("| top 0 user", 7, None),
        ("| count by nosuch", 11, None),
        ("| timechart 5x", 12, None),
        ("| count | count", 8, None),
        ("truncated:maybe", 10, None),
    ];
    for (text, position, suggestion) in table {
        let e = Query::parse(text, &Town).expect_err(text);
        assert_eq!((e.position, e.suggestion.as_deref()), (position, suggestion), "{text}: {e}");
    }
}

#[test]
fn every_listed_field_can_be_asked() {
    for f in bongsu_lake::query::fields() {
        let text = format!("{}:*", f.name);
        assert!(Query::parse(&text, &NoNames).is_ok(), "{text}");
    }
}

#[test]
fn length_terms_and_depth_are_bounded() {
    let parse = |t: String| Query::parse(&t, &NoNames);
    assert!(parse("a".repeat(bongsu_lake::QUERY_BYTES_MAX + 1)).is_err());
    assert!(parse("a ".repeat(513)).is_err());
    assert!(parse("a ".repeat(512)).is_ok());
    assert!(parse(format!("{}a{}", "(".repeat(33), ")".repeat(33))).is_err());
    assert!(parse(format!("{}a{}", "(".repeat(32), ")".repeat(32))).is_ok());
    assert!(parse(format!("{}a", "NOT ".repeat(33))).is_err());
    assert!(parse(format!("{}a", "-(".repeat(8_000))).is_err());
    assert!(parse(format!("{}a", "user:(".repeat(2_000))).is_err());
}
