//! `bongsu rules check|test`: without a center; `cost|reload`: of the center that runs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use bongsu_center::rulebook::{read_path, shipped};
use bongsu_sigma::{LoadError, RuleSet, RuleSource};
use http::Method;
use serde_json::{Value, json};

use super::hunt::fixture;
use super::{FOUND, array, folder, text, wait};
use crate::cli::RulesCommand;
use crate::client::Client;
use crate::output::{self, Output};

pub fn run(data: Option<PathBuf>, command: RulesCommand) -> Result<u8> {
    match command {
        RulesCommand::Cost { limit, output } => wait(cost(folder(data)?, limit, output)),
        RulesCommand::Reload { output } => wait(reload(folder(data)?, output)),
        RulesCommand::Check { paths, output } => Ok(check(&paths, output)),
        RulesCommand::Test { paths, output } => Ok(test(&paths, output)),
    }
}

fn read(paths: &[PathBuf], errors: &mut Vec<LoadError>) -> Vec<RuleSource> {
    let mut sources = if paths.is_empty() { shipped() } else { Vec::new() };
    for path in paths {
        read_path(path, &mut sources, errors);
    }
    sources
}

fn check(paths: &[PathBuf], output: Output) -> u8 {
    let mut errors = Vec::new();
    let mut sources = read(paths, &mut errors);
    sources.retain(|s| !fixture::is_info(s));
    let files = sources.len();
    let (set, refused) = RuleSet::load(&sources);
    errors.extend(refused);
    for e in &errors {
        match output {
            Output::Jsonl => {
                println!("{}", json!({"file": e.file, "line": e.line, "rule": e.rule, "reason": e.reason}))
            }
            _ => println!("{e}"),
        }
    }
    if output != Output::Jsonl {
        println!("{files} files, {} rules loaded, {} refused", set.rules().len(), errors.len());
        println!("text of a value is compared up to {} bytes", bongsu_sigma::limits::MATCH_BYTES_MAX);
        for idle in set.rules().iter().filter_map(|r| r.idle.as_ref().map(|why| (r, why))) {
            println!("idle: {}: {}", idle.0.source, idle.1);
        }
    }
    // The process ends here: a set of thousands of rules is not taken apart piece by piece.
    let _ = std::mem::ManuallyDrop::new((set, sources));
    if errors.is_empty() { 0 } else { FOUND }
}

/// The cases that stand in the rules, and the recordings that `info.yml` files describe.
fn test(paths: &[PathBuf], output: Output) -> u8 {
    let mut errors = Vec::new();
    let (infos, sources): (Vec<_>, Vec<_>) = read(paths, &mut errors).into_iter().partition(fixture::is_info);
    let (set, refused) = RuleSet::load(&sources);
    let set = Arc::new(set);
    errors.extend(refused);
    for e in &errors {
        println!("{e}");
    }
    let cases = bongsu_center::rulebook::run_cases(&set);
    for failure in &cases.failures {
        match output {
            Output::Jsonl => {
                println!("{}", json!({"rule": failure.id, "case": failure.case, "reason": failure.reason}))
            }
            _ => println!("{} case {}: {}", failure.id, failure.case, failure.reason),
        }
    }
    let recordings = fixture::run(&set, &infos);
    for failure in &recordings.failures {
        let fixture::Failure { rule, file, case, reason } = failure;
        match output {
            Output::Jsonl => println!("{}", json!({"rule": rule, "file": file, "case": case, "reason": reason})),
            _ => println!("{file}: {rule}: {reason}"),
        }
    }
    if output != Output::Jsonl {
        println!("{} cases, {} failed", cases.run, cases.failures.len());
        if !infos.is_empty() {
            println!("{} recordings, {} failed", recordings.run, recordings.failures.len());
        }
    }
    let good = errors.is_empty() && cases.failures.is_empty() && recordings.failures.is_empty();
    if good { 0 } else { FOUND }
}

/// One row a rule that cost anything, the dearest first.
async fn cost(data: PathBuf, limit: usize, output: Output) -> Result<u8> {
    let mut client = Client::connect(&data).await?;
    let answer = client.json(Method::GET, "/api/rules", None).await?;
    let mut rows: Vec<Value> = array(&answer, "rows").iter().filter_map(cost_row).collect();
    let share = |row: &Value| row.get("share").and_then(Value::as_f64).unwrap_or(0.0);
    rows.sort_by(|a, b| share(b).total_cmp(&share(a)));
    rows.truncate(if limit == 0 { usize::MAX } else { limit });
    let columns = [
        ("share %", "/share_percent"),
        ("core %", "/core_percent"),
        ("atoms", "/atoms"),
        ("evaluated", "/evaluated"),
        ("matches", "/matches"),
        ("a minute", "/per_minute"),
        ("lost", "/lost"),
        ("late", "/late"),
        ("notice", "/notice"),
        ("rule", "/title"),
        ("id", "/id"),
    ];
    output::rows(output, &columns, &rows)?;
    if output == Output::Table {
        let of = |key: &str| answer.pointer(&format!("/cost/{key}")).cloned().unwrap_or(Value::Null);
        println!(
            "since {}: {} events, {} timed; {:.1} µs an event by all rules, {:.0} % of it shared",
            of("since").as_str().unwrap_or(""),
            of("events"),
            of("counted"),
            of("event_micros").as_f64().unwrap_or(0.0),
            of("shared").as_f64().unwrap_or(0.0) * 100.0
        );
    }
    Ok(0)
}

/// A rule's row, if it cost anything.
fn cost_row(rule: &Value) -> Option<Value> {
    let cost = rule.get("cost").filter(|c| !c.is_null())?;
    let number = |pointer: &str| cost.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let percent = |key: &str, times: f64| {
        let value = cost.get(key).and_then(Value::as_f64).unwrap_or(0.0) * times;
        format!("{value:.2}").parse::<f64>().unwrap_or(0.0)
    };
    let is = |key: &str| cost.get(key).and_then(Value::as_bool).unwrap_or(false);
    let notices = [("too_dear", "costs too much"), ("too_often", "fires too often")];
    let notices: Vec<&str> = notices.into_iter().filter(|(key, _)| is(key)).map(|(_, word)| word).collect();
    let windows = cost.get("windows").filter(|w| !w.is_null());
    Some(json!({
        "id": text(rule, "id"), "title": text(rule, "title_en"), "share": cost.get("share"),
        "share_percent": percent("share", 100.0), "core_percent": percent("core_percent", 1.0),
        "atoms": number("/atoms"), "evaluated": number("/evaluated"), "matches": number("/matches"),
        "per_minute": number("/per_minute"), "notice": notices,
        "lost": windows.map(|_| number("/windows/groups_evicted") + number("/windows/entries_dropped")),
        "late": windows.map(|_| number("/windows/late")), "windows": windows,
    }))
}

async fn reload(data: PathBuf, output: Output) -> Result<u8> {
    let mut client = Client::connect(&data).await?;
    let answer = client.json(Method::POST, "/api/rules/reload", None).await?;
    if output == Output::Jsonl {
        println!("{answer}");
        return Ok(0);
    }
    for file in array(&answer, "files") {
        println!("{:<8} {}", text(&file, "fate"), output::shown(text(&file, "file")));
    }
    let count = |key: &str| answer.get(key).and_then(Value::as_u64).unwrap_or(0);
    println!(
        "{} rules new, {} changed, {} removed; {} files can't be loaded",
        count("new"),
        count("changed"),
        count("removed"),
        count("broken")
    );
    Ok(0)
}
