//! One pass of rules over JSON lines, with the time of each step: a measure while working on the engine.
//!
//! `cargo run --release -p bongsu-sigma --example pass -- RULES_FOLDER... < events.jsonl`

use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use bongsu_sigma::{LoadOptions, RuleSet, RuleSource};

/// Longest folder nesting looked into.
const DEPTH_MAX: usize = 32;

fn collect(path: &Path, depth: usize, out: &mut Vec<RuleSource>) -> std::io::Result<()> {
    if path.is_dir() && depth < DEPTH_MAX {
        for entry in std::fs::read_dir(path)? {
            collect(&entry?.path(), depth + 1, out)?;
        }
    } else if path.extension().is_some_and(|e| e == "yml") {
        out.push(RuleSource { name: path.display().to_string(), text: std::fs::read_to_string(path)? });
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut sources = Vec::new();
    let mut options = LoadOptions::default();
    for arg in std::env::args().skip(1) {
        if arg == "--open" {
            options.ignore_logsource = true;
        } else {
            collect(Path::new(&arg), 0, &mut sources)?;
        }
    }
    let start = Instant::now();
    let (set, errors) = RuleSet::load_with(&sources, &options);
    let mut out = std::io::stdout().lock();
    writeln!(out, "load: {} rules, {} errors, {:?}", set.rules().len(), errors.len(), start.elapsed())?;
    let events: Vec<serde_json::Value> =
        std::io::stdin().lock().lines().filter_map(|l| serde_json::from_str(&l.ok()?).ok()).collect();
    let mut scratch = set.scratch();
    for pass in ["first", "second", "third"] {
        let start = Instant::now();
        let mut matches = 0usize;
        let mut slowest = Duration::ZERO;
        for event in &events {
            let begin = Instant::now();
            matches += set.matching(event, &mut scratch).count();
            slowest = slowest.max(begin.elapsed());
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / events.len().max(1) as f64;
        let (terms, lanes) = set.plan_sizes();
        writeln!(
            out,
            "{pass} pass: {} events, {matches} matches, {each:.2} µs an event, slowest {slowest:?}, {terms} terms, {lanes} lanes",
            events.len()
        )?;
    }
    Ok(())
}
