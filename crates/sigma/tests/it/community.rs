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
