//! `cargo xtask bench sigma`: every community rule over a recorded day beside rsigma, and what an event costs as rules
//! grow. The peer lives in `benches/peers`, a package outside the workspace: what only this bench needs is built only here.
//!
//! Options: `--only compare|counts|evtx|open|growth`, `--count N`, `--seed N`, `--events FILE`, `--rules DIR` (more than
//! once). `counts` and `evtx` measure nothing: they hold the counts of each rule against `benches/peers/differences.txt`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The recording, below the folder of shared test data.
const EVENTS: &str = "data/windows/otrf-30k.jsonl.zst";
/// Recorded attacks, a folder of EVTX, below the same.
const EVTX: &str = "data/windows/evtx";
/// Folders of rules, below the same.
const RULES: [&str; 6] = [
    "data/sigma/rules",
    "data/sigma/rules-compliance",
    "data/sigma/rules-dfir",
    "data/sigma/rules-emerging-threats",
    "data/sigma/rules-placeholder",
    "data/sigma/rules-threat-hunting",
];

/// What the command line says.
struct Given {
    only: Option<String>,
    count: String,
    seed: String,
    events: PathBuf,
    evtx: PathBuf,
    rules: Vec<PathBuf>,
}

impl Given {
    fn read(arguments: &[String]) -> Result<Self> {
        let shared = std::env::var_os("BONGSU_SHARED").map_or_else(|| crate::root().join("../shared"), PathBuf::from);
        let mut given = Self {
            only: None,
            count: "1000000".to_owned(),
            seed: "1".to_owned(),
            events: shared.join(EVENTS),
            evtx: shared.join(EVTX),
            rules: Vec::new(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let value = words.next().with_context(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--only" => given.only = Some(value.clone()),
                "--count" => given.count.clone_from(value),
                "--seed" => given.seed.clone_from(value),
                "--events" => given.events = value.into(),
                "--rules" => given.rules.push(value.into()),
                other => bail!("`{other}` is not known: --only, --count, --seed, --events, --rules"),
            }
        }
        if given.rules.is_empty() {
            given.rules = RULES.iter().map(|r| shared.join(r)).collect();
        }
        for path in given.rules.iter().chain([&given.events, &given.evtx]) {
            if !path.exists() {
                bail!("{} is missing: set BONGSU_SHARED, or name it with --events and --rules", path.display());
            }
        }
        Ok(given)
    }
}

/// Run the comparison, the counts, the language alone, and the growth.
pub fn run(arguments: &[String]) -> Result<()> {
    let given = Given::read(arguments)?;
    for what in ["compare", "counts", "evtx", "open", "growth"] {
        if given.only.as_deref().is_some_and(|only| only != what) {
            continue;
        }
        println!("-- {what}");
        let (mode, events) = if what == "evtx" { ("counts", &given.evtx) } else { (what, &given.events) };
        let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let status = Command::new(program)
            .args(["run", "--quiet", "--release", "--manifest-path"])
            .arg(crate::root().join("benches/peers/Cargo.toml"))
            .args(["--", mode, "--count", &given.count, "--seed", &given.seed, "--events"])
            .arg(events)
            .args(&given.rules)
            .status()?;
        if !status.success() {
            bail!("the bench `{what}` did not come to its end");
        }
    }
    Ok(())
}
