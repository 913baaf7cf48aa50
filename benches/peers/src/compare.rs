//! One run, Bongsu beside rsigma, repetition by repetition.

use anyhow::Result;
use bongsu_sigma::{LoadOptions, RuleSet, RuleSource};

use crate::counts::{self, Asked, Cause, Differences};
use crate::peer::{self, Counts, Reader, Routed};
use crate::usage::{spread, timed};
use crate::{Arguments, events, rules};

/// A ratio rests on so many pairs at least.
const PAIRS_MIN: usize = 5;

/// Bongsu over lines: detections with everything that held, as an alert needs them.
pub fn bongsu(set: &RuleSet, lines: &[String], counts: &mut [u64]) {
    let mut scratch = set.scratch();
    for line in lines {
        for detection in set.detect_json(line.as_bytes(), &mut scratch).unwrap_or_default() {
            if let Some(count) = counts.get_mut(detection.rule.0 as usize) {
                *count += 1;
            }
        }
    }
}

struct Loaded {
    set: RuleSet,
    peer: peer::Rules,
}

fn load(sources: &[RuleSource], options: &LoadOptions) -> Loaded {
    let (seconds, (set, errors)) = timed(|| RuleSet::load_with(sources, options));
    println!("bongsu: {} rules, {} refused, loaded in {seconds:.2} CPU s", set.rules().len(), errors.len());
    let (seconds, (peer, refused)) = timed(|| peer::Rules::read(sources));
    println!("rsigma: {refused} files refused, read in {seconds:.2} CPU s");
    Loaded { set, peer }
}

/// Counts that differ, said and held against the list, whose causes `counts` finds.
fn judge(corpus: &str, asked: Asked, set: &RuleSet, ours: &[u64], peer: &Counts) -> Result<()> {
    let known = counts::expected(corpus, asked)?;
    let each = set.rules().iter().zip(ours).map(|(rule, ours)| (rule, *ours, peer.get(&rule.id).copied().unwrap_or(0)));
    let cause = |id: &str| known.get(id).map_or(Cause::Language, |(_, _, cause)| *cause);
    let found: Differences =
        each.filter(|(_, a, b)| a != b).map(|(rule, a, b)| (rule.id.clone(), (a, b, cause(&rule.id)))).collect();
    let (sum, theirs) = (ours.iter().sum::<u64>(), peer.values().sum::<u64>());
    println!("{corpus}: {sum} detections, rsigma {theirs}; {} rules differ", found.len());
    anyhow::ensure!(counts::judge(corpus, asked, &found)?, "the counts are not those listed");
    Ok(())
}

fn ratio(what: &str, ratios: impl Iterator<Item = f64>) {
    let all: Vec<f64> = ratios.collect();
    let (median, least, most) = spread(all.iter().copied());
    println!("{what}: {median:.1} times fewer CPU seconds ({least:.1} to {most:.1}, {} pairs)", all.len());
}

/// CPU seconds of one and of the other, who take turns in going first.
fn in_turn(n: usize, one: impl FnOnce(), other: impl FnOnce()) -> (f64, f64) {
    if n.is_multiple_of(2) {
        let (a, ()) = timed(one);
        (a, timed(other).0)
    } else {
        let (b, ()) = timed(other);
        (timed(one).0, b)
    }
}

/// The whole comparison.
pub fn run(given: &Arguments) -> Result<()> {
    let sources = rules::read(&given.rules)?;
    let Loaded { set, peer } = load(&sources, &LoadOptions::default());
    let lines = events::read(&given.events)?;
    let mut routed = Routed::new(&peer, false);
    let routes = routed.routes(&set, &lines)?;
    let mut bloomed = Routed::new(&peer, true);
    let bloom_routes = bloomed.routes(&set, &lines)?;
    let (whole, refused) = peer.whole();
    println!("rsigma: {refused} rules refused, {} engines for routing", routed.len());

    // Which of its configurations is the fastest is found on the recording itself.
    let mut fastest = (f64::MAX, Reader::Serde, false);
    for reader in [Reader::Serde, Reader::Sonic] {
        for bloom in [false, true] {
            let (engines, routes) = if bloom { (&bloomed, &bloom_routes) } else { (&routed, &routes) };
            let (seconds, ()) = timed(|| engines.run(&lines, routes, reader, &mut Counts::new()));
            println!("rsigma routed, {reader:?}, bloom {bloom}: {:.1} µs an event", seconds * 1e6 / lines.len() as f64);
            if seconds < fastest.0 {
                fastest = (seconds, reader, bloom);
            }
        }
    }
    let (_, reader, bloom) = fastest;
    let (engines, routes) = if bloom { (&bloomed, &bloom_routes) } else { (&routed, &routes) };

    let corpus = counts::corpus(&given.events);
    // The recording alone, by a set that has seen nothing: what it compiles on the way is part of the time.
    let mut single = Vec::new();
    for n in 0..PAIRS_MIN + 2 {
        let (fresh, _) = RuleSet::load_with(&sources, &LoadOptions::default());
        let (mut ours, mut theirs) = (vec![0u64; set.rules().len()], Counts::new());
        single.push(in_turn(
            n,
            || bongsu(&fresh, &lines, &mut ours),
            || engines.run(&lines, routes, reader, &mut theirs),
        ));
        if n == 0 {
            judge(&corpus, Asked::Logsource, &set, &ours, &theirs)?;
        }
    }
    let each = 1e6 / lines.len() as f64;
    let (mine, theirs) = (spread(single.iter().map(|p| p.0)), spread(single.iter().map(|p| p.1)));
    println!("once, unrepeated: bongsu {:.2} µs an event, rsigma's fastest {:.2}", mine.0 * each, theirs.0 * each);
    ratio("once, against rsigma's fastest", single.iter().map(|(a, b)| b / a));

    let repetitions = given.count.div_ceil(lines.len()).max(PAIRS_MIN);
    let (mut ours, mut theirs) = (vec![0u64; set.rules().len()], Counts::new());
    let (mut done, mut pairs, mut defaults) = (0usize, Vec::new(), Vec::new());
    println!("repetition  events  bongsu µs  rsigma routed µs  ratio  rsigma default µs  ratio");
    for n in 0..repetitions {
        let mut batch = events::repetition(&lines, n, given.seed);
        batch.truncate(given.count.max(lines.len() * PAIRS_MIN) - done);
        let each = 1e6 / batch.len() as f64;
        let (a, b) =
            in_turn(n, || bongsu(&set, &batch, &mut ours), || engines.run(&batch, routes, reader, &mut theirs));
        let c =
            (n < given.default_repetitions).then(|| timed(|| peer::run(&whole, &batch, reader, &mut Counts::new())).0);
        done += batch.len();
        pairs.push((a, b));
        defaults.extend(c.map(|c| c / a));
        let default = c.map_or(String::new(), |c| format!("{:>17.1}  {:>5.1}", c * each, c / a));
        println!("{n:>10}  {:>6}  {:>9.2}  {:>16.2}  {:>5.1}  {default}", batch.len(), a * each, b * each, b / a);
    }
    let sum: f64 = pairs.iter().map(|p| p.0).sum();
    println!("bongsu: {done} events, {:.2} CPU µs an event, JSON reading included", sum * 1e6 / done as f64);
    println!("rsigma's fastest: {:.2} CPU µs an event", pairs.iter().map(|p| p.1).sum::<f64>() * 1e6 / done as f64);
    ratio("against rsigma's fastest", pairs.iter().map(|(a, b)| b / a));
    if defaults.len() < pairs.len() {
        println!("rsigma's default took part in the first {} repetitions alone: it is slow", defaults.len());
    }
    ratio("against rsigma's default", defaults.into_iter());
    varied(&corpus, &set, &ours, &theirs)
}

/// Of the repetitions too only the rules listed may differ, whatever their counts are there.
fn varied(corpus: &str, set: &RuleSet, ours: &[u64], peer: &Counts) -> Result<()> {
    let known = counts::expected(corpus, Asked::Logsource)?;
    let (sum, theirs) = (ours.iter().sum::<u64>(), peer.values().sum::<u64>());
    println!("repeated: {sum} detections, rsigma {theirs}");
    for (rule, ours) in set.rules().iter().zip(ours) {
        let theirs = peer.get(&rule.id).copied().unwrap_or(0);
        anyhow::ensure!(
            *ours == theirs || known.contains_key(&rule.id),
            "{} matches {ours} times, {theirs} times in rsigma, and is not listed",
            rule.id
        );
    }
    Ok(())
}

/// The language alone: every rule against every event whatever its log source, counts beside rsigma's.
pub fn open(given: &Arguments) -> Result<()> {
    let sources = rules::read(&given.rules)?;
    let options = LoadOptions { ignore_logsource: true, ..LoadOptions::default() };
    let Loaded { set, peer } = load(&sources, &options);
    let lines = events::read(&given.events)?;
    let (whole, _) = peer.whole();
    let (mut ours, mut theirs) = (vec![0u64; set.rules().len()], Counts::new());
    let (a, ()) = timed(|| bongsu(&set, &lines, &mut ours));
    let (b, ()) = timed(|| peer::run(&whole, &lines, Reader::Serde, &mut theirs));
    let each = 1e6 / lines.len() as f64;
    println!("every rule on every event: bongsu {:.1} µs, rsigma {:.1} µs an event", a * each, b * each);
    judge(&counts::corpus(&given.events), Asked::Every, &set, &ours, &theirs)
}
