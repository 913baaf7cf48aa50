//! `bongsu hunt`: rules over files, folders or the lake, without a center's help.
//!
//! ```text
//! files ─> reader ─blocks─> workers ─findings─> collector, in the order of the input ─> output, summary
//!                                                  └─> base detections, sorted by time ─> correlations
//! ```
//!
//! Invariant: the same input gives the same output whatever the number of threads; what waits anywhere is bounded.

mod arguments;
mod correlate;
pub mod fixture;
mod html;
mod inputs;
mod lake;
mod progress;
mod rank;
mod run;
mod show;
mod tally;
mod view;
mod words;
mod work;

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use bongsu_sigma::RuleSet;

use super::{FAILED, WRONG_USE};
use crate::cli::Hunt;
use arguments::Plan;
use run::Outcome;

/// Names of inputs that were in trouble shown on the error output, at most.
const TROUBLES_SHOWN_MAX: usize = 40;

/// Run rules over inputs.
///
/// # Errors
/// The output can't be written, or the lake can't be asked.
pub fn run(data: Option<PathBuf>, arguments: Hunt) -> Result<u8> {
    let (plan, set) = match arguments::plan(arguments) {
        Ok(ready) => ready,
        Err(said) => {
            eprintln!("bongsu: {said:#}");
            return Ok(WRONG_USE);
        }
    };
    let set = Arc::new(set);
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let outcome = run::run(&plan, &set, data, &mut out)?;
    out.flush()?;
    report(&plan, &set, &outcome);
    Ok(if outcome.readable { 0 } else { FAILED })
}

/// What went wrong, and one line about the whole, for the person at the terminal.
fn report(plan: &Plan, set: &RuleSet, outcome: &Outcome) {
    let troubled: Vec<_> = outcome.inputs.iter().filter(|i| i.is_troubled()).collect();
    for input in troubled.iter().take(TROUBLES_SHOWN_MAX) {
        eprintln!("bongsu: {input}");
    }
    if troubled.len() > TROUBLES_SHOWN_MAX {
        eprintln!("bongsu: {} more inputs were not read whole", troubled.len() - TROUBLES_SHOWN_MAX);
    }
    let lost = outcome.counters;
    let given_up = lost.groups_evicted + lost.entries_dropped;
    if given_up > 0 {
        eprintln!("bongsu: correlations gave up {given_up} entries that went beyond their limits");
    }
    if !outcome.readable {
        eprintln!("bongsu: nothing could be read: give files or folders with logs, or say what they are with --format");
    }
    if plan.is_quiet {
        return;
    }
    let tally = &outcome.tally;
    eprintln!(
        "bongsu: {} of {} inputs read, {} records, {} rules; {} detections by {} rules",
        outcome.inputs.iter().filter(|i| i.records > 0).count(),
        outcome.inputs.len(),
        outcome.inputs.iter().map(|i| i.records).sum::<u64>(),
        set.rules().len(),
        tally.total(),
        tally.rules.len(),
    );
}
