//! `bongsu rules check|test`: without a center.

use std::path::PathBuf;

use anyhow::Result;
use bongsu_center::rulebook::{read_path, shipped};
use bongsu_sigma::RuleSet;
use serde_json::json;

use super::FOUND;
use crate::cli::RulesCommand;
use crate::output::Output;

pub fn run(command: RulesCommand) -> Result<u8> {
    match command {
        RulesCommand::Check { paths, output } => Ok(check(&paths, output)),
        RulesCommand::Test { paths, output } => Ok(test(&paths, output)),
    }
}

fn load(paths: &[PathBuf]) -> (RuleSet, Vec<bongsu_sigma::LoadError>, usize) {
    let mut errors = Vec::new();
    let mut sources = if paths.is_empty() { shipped() } else { Vec::new() };
    for path in paths {
        read_path(path, &mut sources, &mut errors);
    }
    let (set, refused) = RuleSet::load(&sources);
    errors.extend(refused);
    (set, errors, sources.len())
}

fn check(paths: &[PathBuf], output: Output) -> u8 {
    let (set, errors, files) = load(paths);
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

fn test(paths: &[PathBuf], output: Output) -> u8 {
    let (set, errors, _) = load(paths);
    for e in &errors {
        println!("{e}");
    }
    let outcome = bongsu_center::rulebook::run_cases(&set);
    for failure in &outcome.failures {
        match output {
            Output::Jsonl => {
                println!("{}", json!({"rule": failure.id, "case": failure.case, "reason": failure.reason}))
            }
            _ => println!("{} case {}: {}", failure.id, failure.case, failure.reason),
        }
    }
    if output != Output::Jsonl {
        println!("{} cases, {} failed", outcome.run, outcome.failures.len());
    }
    if errors.is_empty() && outcome.failures.is_empty() { 0 } else { FOUND }
}
