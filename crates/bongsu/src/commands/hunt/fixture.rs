//! Recorded attacks as tests of rules: SigmaHQ's `info.yml`, which names the rules and the recordings that must make them
//! fire, as EVTX, JSON or raw lines.
//!
//! Invariant: a fixture is read by the very readers of a hunt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_parse::blocks::Form;
use bongsu_sigma::{RuleIdx, RuleSet, RuleSource};
use serde::Deserialize;

use super::arguments::{self, Plan, Reading};
use super::inputs::{self, Kind};
use super::work::{Job, Rules, Worker};

/// Which recordings must fire which rules, as the file says it.
#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    rule_metadata: Vec<Metadata>,
    #[serde(default)]
    regression_tests_info: Vec<Test>,
}

#[derive(Deserialize)]
struct Metadata {
    id: String,
}

#[derive(Deserialize)]
struct Test {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "type")]
    form: String,
    path: String,
    match_count: Option<u64>,
}

/// Something that does not do what its file says.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub rule: String,
    pub file: String,
    pub case: String,
    pub reason: String,
}

/// How many recordings were run, and which failed.
#[derive(Debug, Default)]
pub struct Outcome {
    pub run: usize,
    pub failures: Vec<Failure>,
}

/// Is it no rule, but the description of recordings?
pub fn is_info(source: &RuleSource) -> bool {
    let named = Path::new(&source.name).file_name().is_some_and(|n| n == "info.yml");
    named && source.text.lines().any(|l| l.starts_with("rule_metadata:") || l.starts_with("regression_tests_info:"))
}

/// Run every recording of these descriptions.
pub fn run(set: &Arc<RuleSet>, infos: &[RuleSource]) -> Outcome {
    let plan = Plan::everything();
    let rules = Rules::new(Arc::clone(set), &plan);
    let mut worker = Worker::new(&rules, &plan);
    let mut outcome = Outcome::default();
    for source in infos {
        let mut fail = |rule: &str, case: &str, reason: String| {
            let (rule, file, case) = (rule.to_owned(), source.name.clone(), case.to_owned());
            outcome.failures.push(Failure { rule, file, case, reason });
        };
        let info: Info = match serde_yaml_ng::from_str(&source.text) {
            Ok(info) => info,
            Err(e) => {
                fail("", "", format!("it can't be read: {e}"));
                continue;
            }
        };
        for test in &info.regression_tests_info {
            for path in recordings(Path::new(&source.name), test) {
                let fired = match firings(&mut worker, &path, &test.form) {
                    Ok(fired) => fired,
                    Err(why) => {
                        fail("", &test.name, format!("{}: {why}", path.display()));
                        continue;
                    }
                };
                for rule in &info.rule_metadata {
                    outcome.run += 1;
                    let Some(idx) = set.find(&rule.id) else {
                        fail(&rule.id, &test.name, "the rule is not loaded".to_owned());
                        continue;
                    };
                    let seen = fired.get(&idx).copied().unwrap_or(0);
                    if let Err(reason) = holds(seen, test.match_count) {
                        fail(&rule.id, &test.name, format!("{}: {reason}", path.display()));
                    }
                }
            }
        }
    }
    outcome
}

fn holds(seen: u64, wanted: Option<u64>) -> Result<(), String> {
    match wanted {
        Some(n) if seen != n => Err(format!("it must fire {n} times and fired {seen} times")),
        None if seen == 0 => Err("it must fire and stayed silent".to_owned()),
        _ => Ok(()),
    }
}

/// The recording, beside its description or below a folder above it, and its other form where there is one.
fn recordings(info: &Path, test: &Test) -> Vec<PathBuf> {
    let named = Path::new(&test.path);
    let beside = named.file_name().and_then(|name| Some(info.parent()?.join(name)));
    let above = || info.ancestors().map(|dir| dir.join(named)).find(|p| p.exists());
    let Some(path) = beside.clone().filter(|p| p.exists()).or_else(above).or(beside) else { return Vec::new() };
    let json = path.with_extension("json");
    let other = (test.form == "evtx" && json.exists()).then_some(json);
    std::iter::once(path).chain(other).collect()
}

/// How often each rule fires on a file.
fn firings(worker: &mut Worker<'_>, path: &Path, form: &str) -> Result<BTreeMap<RuleIdx, u64>, String> {
    let mut input = inputs::find(&[path.to_owned()]).into_iter().next().ok_or("there is no such file")?;
    let is_json = path.extension().is_some_and(|e| e == "json");
    let reading = match form {
        "evtx" if !is_json => Reading::Form(Form::Evtx),
        _ => Reading::Auto,
    };
    let context = bongsu_parse::Context { receive_time: arguments::now(), timezone: jiff::tz::TimeZone::UTC };
    let mut fired = BTreeMap::new();
    let (mut records, mut damaged) = (0, 0);
    inputs::cut(&mut input, reading, &context, Arc::default(), &mut |kind: Kind, block| {
        let done = worker.work(&Job { sequence: 0, input: 0, kind, block });
        (records, damaged) = (records + done.records, damaged + done.damaged);
        for finding in done.findings {
            *fired.entry(finding.rule).or_default() += 1;
        }
        true
    });
    (input.records, input.damaged) = (records, damaged);
    match input.trouble {
        Some(why) => Err(why),
        None if records == 0 => Err("no record could be read".to_owned()),
        None => Ok(fired),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_parse::windows::sample::{SampleEvent, SampleValue, evtx};

    const RULE: &str = "title: Who am I\nid: a-1\nlogsource: { product: windows, category: process_creation }\n\
        detection: { selection: { CommandLine|contains: whoami }, condition: selection }\nlevel: high\n";

    fn event(command: &str) -> SampleEvent {
        SampleEvent {
            channel: "Microsoft-Windows-Sysmon/Operational".to_owned(),
            event_id: 1,
            seconds: 1_772_413_200,
            computer: "ws".to_owned(),
            data: vec![("CommandLine".to_owned(), SampleValue::Text(command.to_owned()))],
        }
    }

    #[test]
    fn recordings_say_how_often_rules_fire() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.evtx"), evtx(&[event("whoami"), event("dir"), event("whoami /all")]))
            .unwrap();
        std::fs::write(
            dir.path().join("a.json"),
            "{\n\"Event\": {\"System\": {\"EventID\": 1, \"Channel\": \
            \"Microsoft-Windows-Sysmon/Operational\"}, \"EventData\": {\"CommandLine\": \"whoami\"}}\n}",
        )
        .unwrap();
        let info = |tail: &str| RuleSource {
            name: dir.path().join("info.yml").display().to_string(),
            text: format!(
                "rule_metadata:\n  - id: a-1\nregression_tests_info:\n  - name: x\n    type: evtx\n    path: far/a.evtx\n{tail}"
            ),
        };
        let (set, errors) = RuleSet::load(&[RuleSource { name: "a.yml".to_owned(), text: RULE.to_owned() }]);
        assert_eq!(errors, []);
        let set = Arc::new(set);
        assert!(is_info(&info("")));
        let once = run(&set, &[info("")]);
        assert_eq!((once.run, once.failures), (2, Vec::new()));
        let twice = run(&set, &[info("    match_count: 2\n")]);
        assert_eq!(twice.failures.len(), 1, "{twice:?}");
        assert!(twice.failures[0].reason.ends_with("a.json: it must fire 2 times and fired 1 times"));
        std::fs::remove_file(dir.path().join("a.evtx")).unwrap();
        assert_eq!(run(&set, &[info("")]).failures.len(), 1);
    }
}
