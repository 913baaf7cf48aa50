//! Bongsu alone, for a profiler and for measuring one change against another: what one pass costs a set that has seen
//! nothing, and what later passes of varied events cost it.

use anyhow::Result;
use bongsu_sigma::RuleSet;

use crate::usage::{spread, timed};
use crate::{Arguments, compare, events, rules};

/// How often a set is loaded.
const LOADS: usize = 7;

/// Measure.
pub fn run(given: &Arguments) -> Result<()> {
    let sources = rules::read(&given.rules)?;
    let lines = events::read(&given.events)?;
    let varied = events::repetition(&lines, 1, given.seed);
    let each = 1e6 / lines.len() as f64;
    let (mut loads, mut firsts, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..LOADS {
        let (loading, (set, _)) = timed(|| RuleSet::load(&sources));
        let mut counts = vec![0u64; set.rules().len()];
        loads.push(loading);
        firsts.push(timed(|| compare::bongsu(&set, &lines, &mut counts)).0 * each);
        for _ in 0..given.count / lines.len() / LOADS {
            others.push(timed(|| compare::bongsu(&set, &varied, &mut counts)).0 * each);
        }
    }
    for (what, values) in [("load, s", loads), ("first pass, µs", firsts), ("varied, µs", others)] {
        let (median, least, most) = spread(values.into_iter());
        println!("{what}: {median:.3} ({least:.3} to {most:.3})");
    }
    Ok(())
}
