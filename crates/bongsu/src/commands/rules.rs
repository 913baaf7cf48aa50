//! `bongsu rules check|test`: without a center.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use bongsu_center::rulebook::{read_path, shipped};
use bongsu_sigma::{LoadError, RuleSet, RuleSource};
use serde_json::json;

use super::FOUND;
use super::hunt::fixture;
use crate::cli::RulesCommand;
use crate::output::Output;

pub fn run(command: RulesCommand) -> Result<u8> {
    match command {
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
        for idle in set.rules().iter().filter_map(|r| r.idle.as_ref().map(|why| (r, why))) {
            println!("idle: {}: {}", idle.0.source, idle.1);
        }
    }
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
