//! The rules that the Sigma community writes.

use std::path::Path;

use bongsu_event::{Micros, Transport, ValueRef};
use bongsu_parse::blocks::{Blocks, Form};
use bongsu_parse::windows::{EvtxReader, WindowsEvent};
use bongsu_sigma::{EventView, Key, RuleIdx, RuleSet, RuleSource};

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

/// A record of EVTX as `bongsu hunt` asks rules of it.
struct Windows<'r>(WindowsEvent<'r>);

impl EventView for Windows<'_> {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        self.0.for_each(&mut |name, value| f(Key::Name(name), value));
        self.0.for_each_path(&mut |path, value| f(Key::Name(path), value));
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        self.0.for_each(&mut |_, value| {
            if let ValueRef::Text(text) = value {
                f(text);
            }
        });
    }
}

/// How often a rule matches the events of a recording, read by what its name ends in.
fn firings(set: &RuleSet, rule: RuleIdx, path: &Path) -> usize {
    let mut scratch = set.scratch();
    let mut fires = |event: &dyn EventView| set.matching(event, &mut scratch).any(|r| r == rule);
    let mut fired = 0;
    match path.extension().and_then(|e| e.to_str()) {
        Some("evtx") => {
            let mut blocks = Blocks::open(std::fs::File::open(path).unwrap(), Some(Form::Evtx));
            let mut reader = EvtxReader::new();
            while let Some(block) = blocks.next_block() {
                let report = reader.read(&block.bytes, &mut |e| fired += usize::from(fires(&Windows(*e))));
                assert_eq!(report.damaged, 0, "{}", path.display());
            }
        }
        Some("json") => {
            let text = std::fs::read_to_string(path).unwrap();
            let stream = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
            for event in stream.map(Result::unwrap) {
                let list = if let serde_json::Value::Array(list) = event { list } else { vec![event] };
                fired += list.iter().filter(|e| fires(*e)).count();
            }
        }
        _ => {
            let context = bongsu_parse::Context { receive_time: Micros(0), timezone: jiff::tz::TimeZone::UTC };
            for line in std::fs::read_to_string(path).unwrap().lines() {
                let raw = bytes::Bytes::copy_from_slice(line.as_bytes());
                let (mut event, _) = bongsu_parse::parse_record(raw, &context, None);
                event.transport = Transport::Load;
                fired += usize::from(fires(&event));
            }
        }
    }
    fired
}

/// Of three events with `user.conf` in their names, as the rule asks, its description counts one.
const MISCOUNTED: &str = "0b9ad457-2554-44c1-82c2-d56a99c42377";

#[test]
fn every_recording_fires_its_rule_as_often_as_it_says() {
    let (Some(sources), Some(base)) = (all_rules(), shared("data/sigma/regression_data")) else {
        println!("skipped: every_recording_fires_its_rule_as_often_as_it_says needs ../shared");
        return;
    };
    let (set, _) = RuleSet::load(&sources);
    let mut infos = Vec::new();
    rule_files(&base, &mut infos);
    let mut run = std::collections::BTreeMap::<String, usize>::new();
    let mut wrong = Vec::new();
    for info in &infos {
        // What a description comments out, it says all the same.
        let lines = || info.text.lines().map(|l| l.trim_start_matches(['#', ' ', '-']).trim());
        let id = lines().skip_while(|l| !l.starts_with("rule_metadata")).find_map(|l| l.strip_prefix("id: ")).unwrap();
        let rule = set.find(id).unwrap_or_else(|| panic!("{id} is not loaded"));
        let said: Option<usize> = lines().find_map(|l| l.strip_prefix("match_count: ")?.parse().ok());
        let folder = Path::new(&info.name).parent().unwrap();
        for path in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            let form = path.extension().unwrap().to_str().unwrap();
            if !["evtx", "json", "raw"].contains(&form) {
                continue;
            }
            *run.entry(form.to_owned()).or_default() += 1;
            let wanted = if id == MISCOUNTED { Some(3) } else { said };
            let fired = firings(&set, rule, &path);
            if wanted.map_or(fired == 0, |n| n != fired) {
                wrong.push(format!("{} fired {fired} times, not {wanted:?}", path.display()));
            }
        }
    }
    println!("{run:?}");
    assert_eq!(wrong, Vec::<String>::new());
    assert!(run["evtx"] >= 97 && run["json"] >= 97 && run["raw"] >= 1, "{run:?}");
}
