//! The whole path: a real center takes a city's mixed lines over TCP until each is searchable, with every rule on; beside
//! rsyslogd writing the same lines to a file. Then a steady rate: is it held, how far behind is the newest event, are the
//! alerts the right ones?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::center::Center;
use super::lines::{GUESSERS, SENDERS, guesser};
use super::load::{Load, Plan};
use super::table::{Series, print};
use super::{Options, cargo, process, rsyslog};

const LINES: u64 = 500_000;
const PAIRS: u64 = 3;
/// Events a second that are offered, a tenth above the 40,000 that must be held; and for how long.
const RATE: u64 = 44_000;
const SECONDS: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(300);
/// How often the newest searchable event is looked at while the steady load runs.
const LOOK: Duration = Duration::from_millis(50);
/// How long alerts may come after their events are searchable.
const ALERTS_PATIENCE: Duration = Duration::from_secs(5);
/// The rule that the guessers in the lines must raise, each once: SSH password guessing from one address.
const GUESSING: &str = "2a2b6dc0-6fbc-4f18-9c1e-99861befd9c4";

/// What one run took.
struct Taken {
    seconds: f64,
    /// Until everything was searchable, and until everything was written out and the center had ended.
    cpu: f64,
    cpu_whole: f64,
    peak_mib: f64,
    raw: u64,
    lake: u64,
    journal: u64,
    /// Seconds from offered to searchable, the largest seen.
    lag: f64,
    /// Entities of the alerts for guessing.
    guessers: BTreeSet<String>,
    /// Rule and entity of the gravest alerts.
    alerts: Vec<(String, String)>,
}

/// Pairs at full speed, then the steady rate.
pub fn run(options: &Options) -> Result<()> {
    let program = binary(options)?;
    let rules: Vec<PathBuf> =
        options.all("rules").map(PathBuf::from).map(std::path::absolute).collect::<Result<_, _>>()?;
    let (lines, pairs) = (options.number("lines", LINES)?, options.number("pairs", PAIRS)?);
    let peer = rsyslog::program();
    let mut figures: BTreeMap<&str, Series> = BTreeMap::new();
    let mut note = |name, value| figures.entry(name).or_default().push(value);
    for seed in 1..=pairs {
        let plan = |to| Plan { to, lines, senders: SENDERS, rate: 0, wide: false, udp: false, seed };
        let taken = through(&program, &rules, plan(rsyslog::free_port()?))?;
        let million = 1e6 / lines as f64;
        note("rate", lines as f64 / taken.seconds);
        note("cpu", taken.cpu * million);
        note("cpu_whole", taken.cpu_whole * million);
        note("peak", taken.peak_mib);
        note("lake", taken.raw as f64 / taken.lake as f64);
        note("journal", taken.raw as f64 / taken.journal as f64);
        if let Some(peer) = &peer {
            let taken = rsyslog::run(peer, &plan(rsyslog::free_port()?))?;
            note("peer_rate", lines as f64 / taken.seconds);
            note("peer_cpu", taken.cpu_seconds * million);
        }
    }
    shown(lines, pairs, &figures);
    steady(options, &program, &rules)
}

fn shown(lines: u64, pairs: u64, figures: &BTreeMap<&str, Series>) {
    let nothing = Series::default();
    let of = |name| figures.get(name).unwrap_or(&nothing);
    let row = |what: &str, own, peer, decimals| {
        vec![what.to_owned(), of(own).shown(decimals), of(peer).shown(decimals), of(own).over(of(peer)).shown(2)]
    };
    println!("{lines} mixed lines from {SENDERS} senders, {pairs} pairs; middle (lowest to highest)");
    print(
        &["full speed", "bongsu, searchable", "rsyslog, file", "ratio"],
        &[
            row("events a second", "rate", "peer_rate", 0),
            row("CPU s per million, searchable", "cpu", "peer_cpu", 2),
            row("CPU s per million, written out", "cpu_whole", "peer_cpu", 2),
            row("peak resident, MiB", "peak", "", 0),
            row("raw bytes over lake bytes", "lake", "", 1),
            row("raw bytes over journal bytes", "journal", "", 1),
        ],
    );
}

fn steady(options: &Options, program: &std::path::Path, rules: &[PathBuf]) -> Result<()> {
    let (rate, seconds) = (options.number("rate", RATE)?, options.number("seconds", SECONDS)?);
    if rate == 0 || seconds == 0 {
        return Ok(());
    }
    let lines = rate * seconds;
    let to = rsyslog::free_port()?;
    let plan = Plan { to, lines, senders: SENDERS, rate, wide: false, udp: false, seed: 7 };
    let taken = through(program, rules, plan)?;
    let guessed = taken.guessers;
    let wanted: BTreeSet<String> = (0..GUESSERS).map(guesser).collect();
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for (rule, entity) in &taken.alerts {
        if !wanted.contains(entity) {
            *others.entry(rule.as_str()).or_default() += 1;
        }
    }
    println!();
    print(
        &["steady", "events", "held a second", "CPU s per million", "largest lag, s", "peak MiB", "guessers found"],
        &[vec![
            format!("{rate} a second for {seconds} s"),
            lines.to_string(),
            format!("{:.0}", lines as f64 / taken.seconds),
            format!("{:.2}", taken.cpu * 1e6 / lines as f64),
            format!("{:.2}", taken.lag),
            format!("{:.0}", taken.peak_mib),
            format!("{} of {}", guessed.intersection(&wanted).count(), wanted.len()),
        ]],
    );
    for (rule, count) in others {
        println!("alerts about others: {count} of `{rule}`");
    }
    if guessed != wanted {
        bail!("the alerts are not the ones the lines must raise: {guessed:?}");
    }
    Ok(())
}

/// One run through a fresh center.
fn through(program: &std::path::Path, rules: &[PathBuf], plan: Plan) -> Result<Taken> {
    let center = Center::start(program, plan.to, plan.senders, rules)?;
    let mut load = Load::prepare(&plan)?;
    let before = process::cpu_seconds(center.pid())?;
    let begin = Instant::now();
    load.go()?;
    let mut lag = 0f64;
    loop {
        let offered_before = begin.elapsed().as_secs_f64();
        let reached = center.reached()?;
        if plan.rate > 0 {
            let offered = plan.lines.min((offered_before * plan.rate as f64) as u64);
            if reached < offered {
                lag = lag.max((offered - reached) as f64 / plan.rate as f64);
            }
        }
        if reached >= plan.lines {
            break;
        }
        anyhow::ensure!(begin.elapsed() < PATIENCE, "only {reached} of {} events after {PATIENCE:?}", plan.lines);
        std::thread::sleep(LOOK);
    }
    let found = center.searchable()?;
    let seconds = begin.elapsed().as_secs_f64();
    anyhow::ensure!(found == plan.lines, "{found} events are searchable and {} were sent", plan.lines);
    let cpu = process::cpu_seconds(center.pid())? - before;
    let peak_mib = process::peak_mib(center.pid())?;
    load.wait()?;
    let guessers = guessers(&center)?;
    let alerts = center.alerts("")?;
    let (folder, life) = center.stop()?;
    Ok(Taken {
        seconds,
        cpu,
        cpu_whole: life - before,
        peak_mib,
        raw: load.bytes,
        lake: folder.bytes("data/lake"),
        journal: folder.bytes("data/journal"),
        lag,
        guessers,
        alerts,
    })
}

/// Who has an alert for guessing, once every guesser has one or should have.
fn guessers(center: &Center) -> Result<BTreeSet<String>> {
    let begin = Instant::now();
    loop {
        let found: BTreeSet<String> = center.alerts(GUESSING)?.into_iter().map(|(_, entity)| entity).collect();
        if found.len() as u64 >= GUESSERS || begin.elapsed() > ALERTS_PATIENCE {
            return Ok(found);
        }
        std::thread::sleep(LOOK);
    }
}

/// The center's program: built here, unless `--binaries` names a folder.
pub fn binary(options: &Options) -> Result<PathBuf> {
    if let Some(folder) = options.text("binaries") {
        return Ok(std::path::absolute(folder)?.join("bongsu"));
    }
    let built = cargo(&["build", "--quiet", "--release", "--package", "bongsu"]).status()?;
    anyhow::ensure!(built.success(), "the center could not be built");
    let own = std::env::current_exe()?;
    Ok(own.with_file_name("bongsu"))
}
