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
    let events: Vec<String> = std::io::stdin().lock().lines().map_while(Result::ok).collect();
    let mut scratch = set.scratch();
    for pass in ["first", "second", "third"] {
        let start = Instant::now();
        let (mut matches, mut unread) = (0usize, 0usize);
        let mut slowest = Duration::ZERO;
        for event in &events {
            let begin = Instant::now();
            match set.matching_json(event.as_bytes(), &mut scratch) {
                Ok(fired) => matches += fired.count(),
                Err(_) => unread += 1,
            }
            slowest = slowest.max(begin.elapsed());
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / events.len().max(1) as f64;
        let (terms, lanes) = set.plan_sizes();
        writeln!(
            out,
            "{pass} pass: {} events, {unread} unread, {matches} matches, {each:.2} µs an event, slowest {slowest:?}, {terms} terms, {lanes} lanes",
            events.len()
        )?;
    }
    let start = Instant::now();
    let found: usize = events.iter().map(|e| set.detect_json(e.as_bytes(), &mut scratch).map_or(0, |d| d.len())).sum();
    let each = start.elapsed().as_secs_f64() * 1e6 / events.len().max(1) as f64;
    writeln!(out, "explained: {found} detections, {each:.2} µs an event")?;
    Ok(())
}
