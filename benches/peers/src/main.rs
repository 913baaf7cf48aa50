//! Bongsu beside its peers: same rules, same events, same process, CPU seconds of the thread.
//!
//! Invariant: what is measured is said, what differs is listed; a run whose detections differ beyond
//! `differences.txt` fails.

mod alone;
mod compare;
mod counts;
mod events;
mod evtx;
mod growth;
mod peer;
mod rules;
mod usage;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// What a run is given.
#[derive(Debug)]
pub struct Arguments {
    /// Events, JSON lines, perhaps compressed by zstd; for `counts` also a folder of EVTX.
    pub events: PathBuf,
    /// Folders of rules.
    pub rules: Vec<PathBuf>,
    /// How many events are to be made of them.
    pub count: usize,
    /// Where the variation begins.
    pub seed: u64,
    /// How many repetitions the peer's default configuration takes part in: it is slow.
    pub default_repetitions: usize,
}

fn arguments() -> Result<(String, Arguments)> {
    let mut all = std::env::args().skip(1);
    let what = all.next().context(
        "usage: bongsu-peers alone|compare|counts|growth|intake|lines|open --events FILE|FOLDER [--count N] [--seed N] RULES...",
    )?;
    let mut given =
        Arguments { events: PathBuf::new(), rules: Vec::new(), count: 1_000_000, seed: 1, default_repetitions: 5 };
    while let Some(word) = all.next() {
        let mut value = || all.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--events" => given.events = value()?.into(),
            "--count" => given.count = value()?.parse()?,
            "--seed" => given.seed = value()?.parse()?,
            "--default-repetitions" => given.default_repetitions = value()?.parse()?,
            other if other.starts_with("--") => bail!("`{other}` is not known"),
            folder => given.rules.push(folder.into()),
        }
    }
    Ok((what, given))
}

fn main() -> Result<()> {
    let (what, given) = arguments()?;
    match what.as_str() {
        "compare" => compare::run(&given),
        "counts" => counts::run(&given),
        "intake" => counts::intake(&given),
        "lines" => counts::lines(&given.events),
        "open" => compare::open(&given),
        "growth" => growth::run(&given),
        "alone" => alone::run(&given),
        other => bail!("`{other}` is not known: alone, compare, counts, intake, lines, open or growth"),
    }
}
