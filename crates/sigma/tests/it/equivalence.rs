//! What the plan says of an event is what each rule says of it alone.

use bongsu_event::{Class, Event, Field, Micros, Severity, Status};
use bongsu_sigma::{EventView, JsonLine, Key, LoadOptions, RuleIdx, RuleSet, RuleSource};
use proptest::prelude::*;
use serde_json::json;

/// Choices read from a string of bytes, so that what fails can be shrunk.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % n
    }
    fn text(&mut self) -> &'static str {
        TEXTS[self.below(TEXTS.len())]
    }
    fn of<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[self.below(list.len())]
    }
}

const FIELDS: &[&str] = &[
    "CommandLine",
    "cmdline",
    "Image",
    "process",
    "src_ip",
    "SourceIp",
    "User",
    "EventID",
    "nested.x",
    "own",
    "status",
    "class",
    "bytes",
    "event_severity",
    "Channel",
];
const TEXTS: &[&str] = &[
    "a",
    "ab",
    "abc",
    "ABC",
    "bca",
    "c:\\\\a",
    "",
    "가나",
    "ſk",
    "4688",
    "1",
    "7",
    "192.0.2.7",
    "2001:db8::1",
    "-ab",
    "a -b",
    "success",
    "authentication",
    "true",
    "Security",
    "YWJj",
    "a\\tb",
    "2026-03-01T05:06:07Z",
    "YQBiAA==",
];
const PATTERNS: &[&str] = &[
    "a",
    "ab",
    "b",
    "abc",
    "a*",
    "*c",
    "*b*",
    "a?c",
    "?",
    "*",
    "",
    "a*c*",
    "가",
    "K",
    "4688",
    "1",
    "192.0.2.7",
    "\\\\*",
    "c:\\\\",
    "-ab",
    "2001:DB8:0::1",
    "success",
    "authentication",
    "true",
    "Security",
];
const PLAIN: &[&str] = &["a", "ab", "abc", "-ab", "a -b"];
const EXPRESSIONS: &[&str] = &["ab", "^a", "c$", "[ab]c", "a.*c", "(?i)AB", "^$", "\\\\w+", "a|b", "(?:ab|bc)a", "가."];
const NETS: &[&str] = &["192.0.2.0/24", "192.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "192.0.2.7"];
const NUMBERS: &[&str] = &["1", "5", "7", "4688", "1.5", "-3"];

/// `(modifiers, values they go with)`.
const HOW: &[(&str, &[&str])] = &[
    ("", PATTERNS),
    ("", PATTERNS),
    ("|contains", PATTERNS),
    ("|startswith", PATTERNS),
    ("|endswith", PATTERNS),
    ("|contains|all", PATTERNS),
    ("|cased", PATTERNS),
    ("|contains|cased", PATTERNS),
    ("|endswith|cased", PATTERNS),
    ("|re", EXPRESSIONS),
    ("|re|i", EXPRESSIONS),
    ("|cidr", NETS),
    ("|gt", NUMBERS),
    ("|gte", NUMBERS),
    ("|lt", NUMBERS),
    ("|lte", NUMBERS),
    ("|neq", PATTERNS),
    ("|exists", &["true", "false"]),
    ("|base64offset|contains", PLAIN),
    ("|base64", PLAIN),
    ("|wide|contains", PLAIN),
    ("|windash|contains", PLAIN),
    ("|fieldref", FIELDS),
    ("|fieldref|contains", FIELDS),
    ("|neq|contains", PATTERNS),
    ("|startswith|cased", PATTERNS),
    ("|contains|all|cased", PATTERNS),
    ("|utf16|base64offset|contains", PLAIN),
    ("|utf16be|base64offset|contains", PLAIN),
    ("|base64offset", PLAIN),
    ("|re|i|m|s", EXPRESSIONS),
    ("|fieldref|startswith", FIELDS),
    ("|fieldref|endswith|cased", FIELDS),
    ("|neq|fieldref", FIELDS),
    ("|gt|neq", NUMBERS),
    ("|hour|gte", &["1", "5"]),
    ("|year", &["1970", "2026"]),
    ("|windash|endswith", PLAIN),
    ("|all", PATTERNS),
];

fn values(c: &mut Choices<'_>, pool: &[&str]) -> String {
    if c.below(12) == 0 {
        return "null".to_owned();
    }
    let list: Vec<String> = (0..=c.below(3)).map(|_| format!("\"{}\"", c.of(pool))).collect();
    if list.len() == 1 { list[0].clone() } else { format!("[{}]", list.join(", ")) }
}

fn mapping(c: &mut Choices<'_>) -> String {
    let mut items: Vec<(String, String)> = Vec::new();
    for _ in 0..=c.below(3) {
        let (how, pool) = c.of(HOW);
        let key = format!("{}{how}", c.of(FIELDS));
        if !items.iter().any(|(k, _)| *k == key) {
            let v = if *how == "|exists" { (*c.of(pool)).to_owned() } else { values(c, pool) };
            items.push((key, v));
        }
    }
    let items: Vec<String> = items.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
    format!("{{ {} }}", items.join(", "))
}

fn selection(c: &mut Choices<'_>) -> String {
    match c.below(8) {
        0 => format!("[\"{}\", \"{}\"]", c.of(PATTERNS), c.of(PATTERNS)),
        1 => format!("{{ \"|all\": [\"{}\", \"{}\"] }}", c.of(PATTERNS), c.of(PATTERNS)),
        2 => format!("[{}, {}]", mapping(c), mapping(c)),
        _ => mapping(c),
    }
}

const CONDITIONS: &[&str] = &[
    "s0",
    "s0 and s1",
    "s0 or s1",
    "s0 and not s1",
    "not s0",
    "1 of s*",
    "all of s*",
    "not 1 of s*",
    "s0 and (s1 or not s2)",
    "not (s0 and s1) and s2",
    "(s0 or s1) and (s1 or s2)",
    "not s0 or s1",
    "not (not s0)",
    "1 of them and not all of them",
];
const LOGSOURCES: &[&str] = &[
    "{ category: any }",
    "{ category: any }",
    "{ category: authentication }",
    "{ product: windows, service: security }",
    "{ product: windows, category: process_creation }",
    "{ product: linux }",
    "{ service: nothing-known }",
];

fn rules(c: &mut Choices<'_>, most: usize) -> String {
    let mut out = String::new();
    for n in 0..=c.below(most) {
        let (logs, condition) = (c.of(LOGSOURCES), c.of(CONDITIONS));
        out.push_str(&format!("---\ntitle: r{n}\nid: r{n}\nlogsource: {logs}\ndetection:\n"));
        for s in 0..3 {
            out.push_str(&format!("  s{s}: {}\n", selection(c)));
        }
        out.push_str(&format!("  condition: {condition}\n"));
    }
    out
}

fn foreign(c: &mut Choices<'_>) -> serde_json::Value {
    let mut map = serde_json::Map::new();
    let value = |c: &mut Choices<'_>| match c.below(8) {
        0 => json!(4688),
        1 => json!(1.5),
        2 => json!(null),
        3 => json!(true),
        4 => json!([*c.of(TEXTS), *c.of(TEXTS)]),
        5 => json!(long(c)),
        _ => json!(unescaped(c.text())),
    };
    for _ in 0..c.below(8) {
        let field = *c.of(FIELDS);
        match c.below(8) {
            0 => map.insert("nested".into(), json!({ "x": value(c) })),
            1 => map.insert(field.to_lowercase(), value(c)),
            2 => map.insert(
                "Event".into(),
                json!({ "EventData": { field: value(c) }, "System": { "Channel": "Security" } }),
            ),
            _ => map.insert(field.into(), value(c)),
        };
    }
    serde_json::Value::Object(map)
}

/// A text longer than those that are looked at whole, what matters at one end, at both or in the middle.
fn long(c: &mut Choices<'_>) -> String {
    let fill = *c.of(&["_", "x\\\\", "\\n", "ü", "\u{1}y"]);
    let fill = unescaped(fill).repeat(120);
    let (front, middle, back) = (c.text(), c.text(), c.text());
    unescaped(&format!("{front}{fill}{middle}{fill}{back}"))
}

fn unescaped(t: &str) -> String {
    t.replace("\\\\", "\\").replace("\\t", "\t").replace("\\n", "\n")
}

fn ours(c: &mut Choices<'_>) -> Event {
    let raw = format!("{} {}", c.of(TEXTS), c.of(TEXTS));
    let mut e = Event::unread(raw.into_bytes().into(), Micros(i64::try_from(c.below(200)).unwrap() * 3_600_000_000));
    e.class = *c.of(Class::ALL);
    e.status = *c.of(&[Status::Success, Status::Failure]);
    e.severity = *c.of(&[Severity::Info, Severity::Critical]);
    for _ in 0..c.below(6) {
        let field = *c.of(&[Field::Cmdline, Field::Process, Field::SrcIp, Field::User, Field::EventCode, Field::Bytes]);
        let text = if c.below(6) == 0 { long(c) } else { unescaped(c.text()) };
        e.set_text(field, &text);
    }
    for _ in 0..c.below(3) {
        let name = *c.of(FIELDS);
        e.add_extra(name, &unescaped(c.text()));
    }
    e
}

fn check(set: &RuleSet, event: &dyn EventView, text: &str) -> Result<(), TestCaseError> {
    let mut scratch = set.scratch();
    for _ in 0..2 {
        let planned: Vec<u32> = set.detect(event, &mut scratch).iter().map(|d| d.rule.0).collect();
        let alone: Vec<u32> =
            (0..u32::try_from(set.rules().len()).unwrap()).filter(|r| set.matches_alone(RuleIdx(*r), event)).collect();
        prop_assert_eq!(planned, alone, "{}", text);
    }
    Ok(())
}

/// A JSON event in all the ways in which it can be given; a name is never given twice in one object here.
fn check_json(set: &RuleSet, event: &serde_json::Value, text: &str) -> Result<(), TestCaseError> {
    check(set, event, text)?;
    let mut scratch = set.scratch();
    let planned: Vec<RuleIdx> = set.matching(event, &mut scratch).collect();
    for line in [event.to_string(), serde_json::to_string_pretty(event).unwrap(), ascii(event)] {
        let read: Vec<RuleIdx> = set.matching_json(line.as_bytes(), &mut scratch).unwrap().collect();
        prop_assert_eq!(&planned, &read, "{}\n{}", line, text);
        let told = JsonLine::read(line.as_bytes()).unwrap();
        let alone: Vec<RuleIdx> = set.matching(&told, &mut scratch).collect();
        prop_assert_eq!(&planned, &alone, "{}\n{}", line, text);
    }
    let mut values = Vec::new();
    event.for_each(&mut |key, value| {
        if let Key::Name(name) = key
            && let Some(slot) = set.slot(name)
        {
            values.push((slot, value));
        }
    });
    let mut branches = false;
    event.for_each(&mut |key, _| branches |= matches!(key, Key::Branch(_)));
    if !branches {
        let given: Vec<RuleIdx> = set.matching_slots(values.into_iter(), event, &mut scratch).collect();
        prop_assert_eq!(&planned, &given, "{}", text);
    }
    for detection in set.detect(event, &mut scratch) {
        prop_assert!(detection.matched.iter().all(|m| m.value.len() <= 512 && !m.test.is_empty()));
    }
    Ok(())
}

/// With every character outside ASCII escaped.
fn ascii(event: &serde_json::Value) -> String {
    let mut out = String::new();
    for c in event.to_string().chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_500), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plan_and_direct_evaluation_agree(
        rule_bytes in proptest::collection::vec(any::<u8>(), 0..600),
        events in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..6),
        open: bool,
    ) {
        let text = rules(&mut Choices(rule_bytes.iter()), 10);
        let options = LoadOptions { ignore_logsource: open, ..LoadOptions::default() };
        let (set, errors) = RuleSet::load_with(&[RuleSource { name: "t".into(), text: text.clone() }], &options);
        prop_assert!(errors.is_empty(), "{:?}\n{}", errors, text);
        for bytes in &events {
            let mut c = Choices(bytes.iter());
            if c.below(2) == 0 {
                check_json(&set, &foreign(&mut c), &text)?;
            } else {
                check(&set, &ours(&mut c), &text)?;
            }
        }
    }
}

/// How many cases of many rules and many events are tried; a long run asks for more.
fn long_cases() -> u32 {
    std::env::var("BONGSU_EQUIVALENCE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(40)
}

static PAIRS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

proptest! {
    #![proptest_config(ProptestConfig { cases: long_cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// The same with sixty rules in one plan and sixty events, so that rules meet in columns. Ten million pairs of rule
    /// and event: `BONGSU_EQUIVALENCE_CASES=5000 cargo test --release -p bongsu-sigma many_rules -- --nocapture`.
    #[test]
    fn many_rules_agree_on_many_events(
        rule_bytes in proptest::collection::vec(any::<u8>(), 2_000..4_000),
        event_bytes in proptest::collection::vec(any::<u8>(), 2_000..4_000),
        open: bool,
    ) {
        let text = rules(&mut Choices(rule_bytes.iter()), 120);
        let options = LoadOptions { ignore_logsource: open, ..LoadOptions::default() };
        let (set, errors) = RuleSet::load_with(&[RuleSource { name: "t".into(), text: text.clone() }], &options);
        prop_assert!(errors.is_empty(), "{:?}\n{}", errors, text);
        let mut scratch = set.scratch();
        let mut c = Choices(event_bytes.iter());
        let mut seen = Vec::new();
        for _ in 0..60 {
            let event = foreign(&mut c);
            let all = (0..u32::try_from(set.rules().len()).unwrap()).map(RuleIdx);
            let alone: Vec<RuleIdx> = all.filter(|r| set.matches_alone(*r, &event)).collect();
            let line = event.to_string();
            let planned: Vec<RuleIdx> = set.matching_json(line.as_bytes(), &mut scratch).unwrap().collect();
            prop_assert_eq!(&planned, &alone, "{}\n{}", line, text);
            PAIRS.fetch_add(set.rules().len() as u64, std::sync::atomic::Ordering::Relaxed);
            seen.push((line, alone));
        }
        // Lanes learn from events which terms wake which rules: what matches stays the same.
        for (line, alone) in std::iter::repeat_n(&seen, 40).flatten() {
            let planned: Vec<RuleIdx> = set.matching_json(line.as_bytes(), &mut scratch).unwrap().collect();
            prop_assert_eq!(&planned, alone, "{}\n{}", line, text);
        }
        println!("{} pairs of rule and event so far", PAIRS.load(std::sync::atomic::Ordering::Relaxed));
    }
}

const SEED: &str = "title: t\nid: t\nlogsource: { category: any }\ndetection:\n  s:\n    a|re|i: 'x[0-9]+(y|z)'\n    b|contains|windash: ' -a '\n    \
    c|cidr: 192.0.2.0/24\n  k: ['*w?rd*', two]\n  condition: 1 of s* and not (k or s)\ncases:\n  - { raw: 'x', fire: false, repeat: 3 }\n---\n\
    title: c\ncorrelation: { type: value_count, rules: [t], group-by: [a], timespan: 5m, condition: { field: b, gte: 3 } }\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_rules_never_panic(edits in proptest::collection::vec((0..SEED.len(), any::<u8>(), 0u8..3), 1..12), event in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut text = SEED.as_bytes().to_vec();
        for (at, byte, how) in edits {
            let at = at.min(text.len() - 1);
            match how {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => { text.remove(at); }
            }
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let (set, _) = RuleSet::load(&[RuleSource { name: "t".into(), text: text.clone() }]);
        check(&set, &foreign(&mut Choices(event.iter())), &text)?;
    }
}
