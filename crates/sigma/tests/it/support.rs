//! What the tests share.

use std::path::{Path, PathBuf};

use bongsu_sigma::{LoadOptions, RuleSet, RuleSource};

/// The folder of shared test data, if there is one.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let base = std::env::var_os("BONGSU_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = base.join(folder);
    path.exists().then_some(path)
}

/// Every rule file below a folder.
pub fn rule_files(folder: &Path, out: &mut Vec<RuleSource>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rule_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "yml") {
            let text = std::fs::read_to_string(&path).unwrap();
            out.push(RuleSource { name: path.display().to_string(), text });
        }
    }
}

/// A set from one text; every document must load.
pub fn set(text: &str) -> RuleSet {
    set_with(text, &LoadOptions::default())
}

/// The same with options.
pub fn set_with(text: &str, options: &LoadOptions) -> RuleSet {
    let source = RuleSource { name: "test.yml".into(), text: text.into() };
    let (set, errors) = RuleSet::load_with(&[source], options);
    assert!(errors.is_empty(), "{errors:#?}");
    set
}

/// A set with one rule of this `detection`, whatever its logsource.
pub fn detection(detection: &str) -> RuleSet {
    let indented: String = detection.lines().map(|l| format!("  {l}\n")).collect();
    let text = format!("title: t\nid: t\nlogsource: {{ category: any }}\ndetection:\n{indented}");
    set(&text)
}

/// Does the first rule match this JSON event? The plan and the direct evaluation must agree.
pub fn fires(set: &RuleSet, event: &str) -> bool {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    let found = set.detect(&event, &mut set.scratch());
    let alone = set.matches_alone(bongsu_sigma::RuleIdx(0), &event);
    assert_eq!(!found.is_empty(), alone, "the plan and the direct evaluation differ on {event}");
    alone
}
