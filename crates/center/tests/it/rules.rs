//! The rules that ship: every one loads, does what its cases say, and can be read by the person on duty.

use axum::http::{Method, StatusCode};
use bongsu_center::rulebook::{run_cases, shipped};
use bongsu_event::Severity;
use bongsu_sigma::{Fire, Playbook, Rule, RuleSet};
use serde_json::json;

use crate::city::City;

/// Fewest rules that raise alerts.
const ALERTING_MIN: usize = 40;

fn set() -> RuleSet {
    let (set, errors) = RuleSet::load(&shipped());
    assert!(errors.is_empty(), "{errors:#?}");
    set
}

#[test]
fn every_case_of_the_shipped_rules_does_what_it_says() {
    let outcome = run_cases(&set());
    let failures: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(outcome.run >= 2 * ALERTING_MIN, "{} cases", outcome.run);
}

#[test]
fn every_alerting_rule_says_in_both_languages_what_to_do() {
    let set = set();
    let alerting: Vec<_> = set.rules().iter().filter(|r| !set.is_base_only(set.find(&r.id).unwrap())).collect();
    let wanting: Vec<String> =
        alerting.iter().flat_map(|r| wants(r).into_iter().map(|w| format!("{}: {w}", r.source))).collect();
    assert!(wanting.is_empty(), "{}", wanting.join("\n"));
    assert!(alerting.len() >= ALERTING_MIN, "{} rules raise alerts", alerting.len());
}

/// What the rule lacks.
fn wants(rule: &Rule) -> Vec<&'static str> {
    let silent = rule.cases.iter().filter(|c| c.fire == Fire::Never).count();
    let checks = [
        (uuid::Uuid::parse_str(&rule.id).is_ok(), "its id is no UUID"),
        (rule.idle.is_none(), "it can never fire"),
        (rule.more.is_empty(), "it has a key that neither Sigma nor Bongsu knows"),
        (rule.title_ko.is_some() && rule.description_ko.is_some(), "no Korean title or description"),
        (!rule.tags.is_empty() && !rule.falsepositives.is_empty(), "no tags or false positives"),
        (!rule.next_steps.is_empty(), "no next steps"),
        (rule.next_steps.len() == rule.next_steps_ko.len(), "the next steps differ in number between the languages"),
        (rule.reason.is_some() && rule.reason_ko.is_some(), "no reason sentence"),
        (silent > 0 && silent < rule.cases.len(), "it needs a case that fires and one that stays silent"),
        (
            rule.playbook != Playbook::Block || (rule.level >= Severity::High && rule.entity == ["src_ip"]),
            "a rule that blocks is high or critical and about src_ip alone",
        ),
    ];
    checks.into_iter().filter(|(fine, _)| !fine).map(|(_, want)| want).collect()
}

fn marked(word: &str) -> String {
    format!(
        "title: Marked\nid: 7d2f0b0e-3d57-4be0-9a0e-5d0f3a1b2c3d\nlogsource: {{ category: any }}\n\
         detection:\n  word: {{ raw|contains: {word} }}\n  condition: word\n"
    )
}

#[tokio::test]
async fn changed_files_are_in_force_after_a_reload_and_the_log_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("marked.yml");
    std::fs::write(&file, marked("before")).unwrap();
    let city = City::with_rules(vec![folder.path().to_owned()]).await;
    let admin = city.log_in("admin").await;
    let matched = async |word: &str| {
        let at = "/api/rules/7d2f0b0e-3d57-4be0-9a0e-5d0f3a1b2c3d/test";
        let said = city.say(Some(&admin), Method::POST, at, Some(&json!({"lines": [format!("a {word} b")]}))).await;
        (said.status == StatusCode::OK).then(|| said.json()["lines"][0]["matched"].as_bool().unwrap())
    };
    assert_eq!((matched("before").await, matched("after").await), (Some(true), Some(false)));

    std::fs::write(&file, marked("after")).unwrap();
    std::fs::write(folder.path().join("broken.yml"), "title: [").unwrap();
    let said = city.say(Some(&admin), Method::POST, "/api/rules/reload", None).await.json();
    assert_eq!((said["new"].as_u64(), said["changed"].as_u64(), said["broken"].as_u64()), (Some(0), Some(1), Some(1)));
    let fates: Vec<_> = said["files"].as_array().unwrap().iter().map(|f| f["fate"].as_str().unwrap()).collect();
    assert_eq!(fates, ["new", "changed"]);
    assert_eq!((matched("before").await, matched("after").await), (Some(false), Some(true)));
    let log = city.say(Some(&admin), Method::GET, "/api/audit?action=rule.reload", None).await.json();
    assert!(log["rows"][0]["text"].as_str().unwrap().contains("changed 1"), "{log}");
    assert!(log["rows"][0]["text"].as_str().unwrap().contains("marked.yml"), "{log}");

    std::fs::remove_file(&file).unwrap();
    city.say(Some(&admin), Method::POST, "/api/rules/reload", None).await;
    assert_eq!(matched("after").await, None);
}

#[tokio::test]
async fn an_import_is_shown_before_it_is_applied_and_replaces_the_one_before() {
    let city = City::new().await;
    let admin = city.log_in("admin").await;
    let other = city.log_in("admin-a").await;
    let rule = json!({
        "title": "Imported", "id": "5f5b8c8e-2c7b-4a55-8f39-5a2f52f3c1d1", "logsource": {"category": "any"},
        "detection": {"word": {"raw|contains": "tulip"}, "condition": "word"},
    });
    let said = city.say(Some(&admin), Method::POST, "/api/rules/import?name=one.yml", Some(&rule)).await.json();
    assert_eq!((said["new"].as_u64(), said["changed"].as_u64(), said["removed"].as_u64()), (Some(1), Some(0), Some(0)));
    let at = "/api/rules/5f5b8c8e-2c7b-4a55-8f39-5a2f52f3c1d1";
    assert_eq!(city.say(Some(&admin), Method::GET, at, None).await.status, StatusCode::NOT_FOUND, "nothing yet");
    let apply = format!("/api/rules/import/{}", said["id"]);
    let why = json!({"reason": "from the working group"});
    assert_eq!(city.say(Some(&other), Method::POST, &apply, Some(&why)).await.status, StatusCode::FORBIDDEN);
    let done = city.say(Some(&admin), Method::POST, &apply, Some(&why)).await.json();
    assert_eq!((done["new"].as_u64(), done["broken"].as_u64()), (Some(1), Some(0)), "{done}");
    let detail = city.say(Some(&admin), Method::GET, at, None).await.json();
    assert_eq!(detail["versions"][0]["reason"], "from the working group");
    assert_eq!(detail["versions"][0]["actor"]["name"], "admin");
    assert_eq!(city.say(Some(&admin), Method::POST, &apply, Some(&why)).await.status, StatusCode::NOT_FOUND, "once");

    // The next one lacks it, and is broken besides.
    let broken = json!({"title": "no detection", "id": "b0", "logsource": {"category": "any"}});
    let said = city.say(Some(&admin), Method::POST, "/api/rules/import?name=two.yml", Some(&broken)).await.json();
    assert_eq!((said["new"].as_u64(), said["removed"].as_u64()), (Some(0), Some(1)), "{said}");
    assert_eq!(said["broken"].as_array().unwrap().len(), 1);
    let bad = city.say(Some(&admin), Method::POST, "/api/rules/import?name=x.exe", Some(&broken)).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}
