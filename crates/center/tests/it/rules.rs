//! The rules that ship: every one loads, does what its cases say, and can be read by the person on duty.

use bongsu_center::rulebook::{run_cases, shipped};
use bongsu_event::Severity;
use bongsu_sigma::{Fire, Playbook, Rule, RuleSet};

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
