//! Bad input gets a reason within bounded time, and never harms another rule.

use bongsu_sigma::{JsonLine, LoadError, RuleIdx, RuleSet, RuleSource, limits};

const GOOD: &str = "title: good\nid: good\nlogsource: { category: any }\ndetection: { s: { a: x }, condition: s }\n";

/// Loads a good rule, this one, and another good one; the good ones must work.
#[track_caller]
fn beside_good_ones(bad: &str) -> (RuleSet, Vec<LoadError>) {
    let source = |name: &str, text: &str| RuleSource { name: name.into(), text: text.into() };
    let sources = [source("a.yml", GOOD), source("bad.yml", bad), source("z.yml", &GOOD.replace("good", "last"))];
    let (set, errors) = RuleSet::load(&sources);
    let fired: Vec<RuleIdx> = set.matching_json(br#"{"a":"x"}"#, &mut set.scratch()).unwrap().collect();
    for id in ["good", "last"] {
        assert!(fired.contains(&set.find(id).unwrap()), "{id} is harmed");
    }
    (set, errors)
}

#[track_caller]
fn refused(bad: &str, word: &str) {
    let (_, errors) = beside_good_ones(bad);
    assert!(!errors.is_empty(), "not refused: {}", bad.chars().take(200).collect::<String>());
    assert!(errors.iter().all(|e| e.file == "bad.yml" && e.line >= 1), "{errors:?}");
    assert!(errors.iter().any(|e| e.reason.contains(word)), "{word}: {errors:?}");
}

fn rule(detection: &str) -> String {
    format!("title: bad\nid: bad\nlogsource: {{ category: any }}\ndetection:\n{detection}\n")
}

#[test]
fn broken_documents() {
    refused("title: [", "");
    refused("- just\n- a list\n", "mapping");
    refused(&rule("  s: { a: x }"), "condition");
    refused(&rule("  s: { a|bogus: x }\n  condition: s"), "bogus");
    refused(&rule("  s: { a: { b: { c: d } } }\n  condition: s"), "mapping");
    refused("\u{0}\u{1}\u{2}", "");
    refused(&"a".repeat(limits::FILE_BYTES_MAX + 1), "larger");
    refused(&format!("{GOOD}---\n").repeat(limits::FILE_DOCUMENTS_MAX + 1).replace("id: good\n", ""), "documents");
}

#[test]
fn aliases_a_billion_deep() {
    let mut bomb = String::from("title: bad\nid: bad\nx0: &x0 [y,y,y,y,y,y,y,y,y,y]\n");
    for n in 1..12 {
        let one = format!("*x{}", n - 1);
        bomb.push_str(&format!("x{n}: &x{n} [{}]\n", vec![one; 10].join(",")));
    }
    refused(&bomb, "");
    refused("a: &a [*a]\n", "");
}

#[test]
fn expressions_of_ten_kilobytes_and_catastrophic_ones() {
    let long = "a".repeat(limits::REGEX_BYTES_MAX + 1);
    refused(&rule(&format!("  s: {{ a|re: '{long}' }}\n  condition: s")), "longer");
    refused(&rule("  s: { a|re: '(((x{900}){900}){900})' }\n  condition: s"), "can't be used");
    refused(&rule("  s: { a|re: '(?=x)y' }\n  condition: s"), "look");
    refused(&rule("  s: { a|re: '(a' }\n  condition: s"), "can't be used");
    // Ten kilobytes of alternatives load, and match in time linear in the text.
    let words: Vec<String> = (0..1_400).map(|n| format!("w{n:04}")).collect();
    let alternatives = words.join("|");
    assert!(alternatives.len() > 8_000 && alternatives.len() < limits::REGEX_BYTES_MAX);
    let (set, errors) = beside_good_ones(&rule(&format!("  s: {{ b|re: '^({alternatives})+$' }}\n  condition: s")));
    assert!(errors.is_empty(), "{errors:?}");
    let event = format!(r#"{{"b":"{}"}}"#, "w0001w1399".repeat(5_000));
    let bad = set.find("bad").unwrap();
    assert!(set.matching_json(event.as_bytes(), &mut set.scratch()).unwrap().any(|r| r == bad));
    // What takes a backtracking engine for ever.
    let (set, errors) = beside_good_ones(&rule("  s: { b|re: '^(a|a|aa)+$' }\n  condition: s"));
    assert!(errors.is_empty(), "{errors:?}");
    let event = format!(r#"{{"b":"{}!"}}"#, "a".repeat(60_000));
    assert_eq!(set.matching_json(event.as_bytes(), &mut set.scratch()).unwrap().count(), 0);
}

#[test]
fn ten_thousand_values() {
    for how in ["", "|contains", "|endswith", "|startswith", "|contains|all"] {
        let values: Vec<String> = (0..10_000).map(|n| format!("'v{n:05}'")).collect();
        let (set, errors) =
            beside_good_ones(&rule(&format!("  s: {{ b{how}: [{}] }}\n  condition: s", values.join(","))));
        assert!(errors.is_empty(), "{errors:?}");
        let fires = |event: &str| set.matching_json(event.as_bytes(), &mut set.scratch()).unwrap().count() == 1;
        assert_eq!(fires(r#"{"b":"v09999"}"#), how != "|contains|all", "{how}");
        assert!(!fires(r#"{"b":"v10000"}"#), "{how}");
    }
}

#[test]
fn conditions_a_thousand_deep() {
    let deep = format!("{}s{}", "(".repeat(1_000), ")".repeat(1_000));
    refused(&rule(&format!("  s: {{ a: x }}\n  condition: '{deep}'")), "nested");
    refused(&rule(&format!("  s: {{ a: x }}\n  condition: '{}s'", "not ".repeat(1_000))), "nested");
    refused(&rule(&format!("  s: {{ a: x }}\n  condition: '{}s'", "s or ".repeat(10_000))), "longer");
    let lists = format!("  s: {}{{ a: x }}{}\n  condition: s", "[".repeat(1_000), "]".repeat(1_000));
    refused(&rule(&lists), "");
    // Growth by repetition: each level names the one before many times.
    let values: Vec<String> = (0..1_000).map(|n| format!("  s{n}: {{ a: x{n}, b: y }}")).collect();
    let of = vec!["1 of s*"; 600].join(" and ");
    refused(&rule(&format!("{}\n  condition: {of}", values.join("\n"))), "terms");
}

#[test]
fn a_value_that_becomes_too_many() {
    refused(
        &rule(
            "  s: { 'a|base64offset|base64offset|base64offset|base64offset|base64offset|base64offset|base64offset': x }\n  condition: s",
        ),
        "more than",
    );
}

#[test]
fn fields_of_a_megabyte_are_compared_up_to_the_limit() {
    let (set, errors) = beside_good_ones(&rule(
        "  s: { b|contains: needle }\n  t: { b|endswith: tail }\n  u: { b|re: 'n[e]{2}dle' }\n  condition: 1 of them",
    ));
    assert!(errors.is_empty(), "{errors:?}");
    let bad = set.find("bad").unwrap();
    let megabyte = 1024 * 1024;
    for (fill, width) in [("x", 1), ("\\\\", 1), ("가", 3), ("\\u00e9", 2)] {
        for (before, wanted) in [(0, true), (limits::MATCH_BYTES_MAX - 6, true), (limits::MATCH_BYTES_MAX, false)] {
            let (front, back) = (fill.repeat(before / width), fill.repeat((megabyte - before) / width));
            let event = format!(r#"{{"b":"{front}needle{back}tail"}}"#);
            let found = set.matching_json(event.as_bytes(), &mut set.scratch()).unwrap().any(|r| r == bad);
            let line = JsonLine::read(event.as_bytes()).unwrap();
            assert_eq!(found, set.matches_alone(bad, &line), "{fill} {before}");
            // Where characters take several bytes the limit falls a little earlier.
            if width == 1 {
                assert_eq!(found, wanted, "{fill} {before}");
            }
        }
    }
}
