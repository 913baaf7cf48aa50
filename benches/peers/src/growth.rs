//! What an event costs with 300, 3,000 and 30,000 rules, made of the community's by varying their values. All three take
//! turns over the same events, which differ from turn to turn.

use anyhow::Result;
use bongsu_sigma::{RuleSet, RuleSource};
use serde_yaml_ng::Value;

use crate::usage::{spread, timed};
use crate::{Arguments, compare, events, rules};

const SIZES: [usize; 3] = [300, 3_000, 30_000];
/// How often each size takes its turn once its lanes are compiled.
const TURNS: usize = 7;

/// Measure.
pub fn run(given: &Arguments) -> Result<()> {
    let sources = rules::read(&given.rules)?;
    let lines = events::read(&given.events)?;
    let each = 1e6 / lines.len() as f64;
    let sets: Vec<RuleSet> = SIZES.into_iter().map(|size| loaded(&sources, size)).collect();
    let mut counts: Vec<Vec<u64>> = sets.iter().map(|set| vec![0; set.rules().len()]).collect();
    let mut costs: Vec<Vec<f64>> = vec![Vec::new(); sets.len()];
    for turn in 0..=TURNS {
        let batch = events::repetition(&lines, turn + 1, given.seed);
        for ((set, counts), costs) in sets.iter().zip(&mut counts).zip(&mut costs) {
            costs.push(timed(|| compare::bongsu(set, &batch, counts)).0 * each);
        }
    }
    for (n, set) in sets.iter().enumerate() {
        let (first, later) = costs[n].split_first().unwrap_or((&0.0, &[]));
        let (median, least, most) = spread(later.iter().copied());
        let sum: u64 = counts[n].iter().sum();
        let rules = set.rules().len();
        println!(
            "{rules:>6} rules: {median:.2} CPU µs an event ({least:.2} to {most:.2}), the first turn {first:.2}; {sum} detections"
        );
    }
    for n in 1..sets.len() {
        let ratios = costs[n].iter().zip(&costs[n - 1]).skip(1).map(|(a, b)| a / b);
        let (median, least, most) = spread(ratios);
        println!("from {} to {}: {median:.2}× ({least:.2} to {most:.2}, {TURNS} turns)", SIZES[n - 1], SIZES[n]);
    }
    Ok(())
}

fn loaded(sources: &[RuleSource], size: usize) -> RuleSet {
    let made = made(sources, size);
    let (seconds, (set, _)) = timed(|| RuleSet::load(&made));
    println!("{size} rules loaded in {seconds:.2} CPU s");
    set
}

/// So many rules: an even choice of those there are, and further ones whose values are varied.
fn made(sources: &[RuleSource], size: usize) -> Vec<RuleSource> {
    let step = (sources.len() as f64 / size as f64).max(1.0);
    let base: Vec<&RuleSource> =
        (0..size.min(sources.len())).filter_map(|n| sources.get((n as f64 * step) as usize)).collect();
    let mut out: Vec<RuleSource> = Vec::with_capacity(size);
    for round in 0.. {
        for source in &base {
            if out.len() == size {
                return out;
            }
            if round == 0 {
                out.push((*source).clone());
            } else if let Some(text) = varied(&source.text, round) {
                out.push(RuleSource { name: format!("{}#{round}", source.name), text });
            }
        }
        if base.is_empty() {
            break;
        }
    }
    out
}

fn varied(text: &str, round: usize) -> Option<String> {
    let mut doc: Value = serde_yaml_ng::from_str(text).ok()?;
    let map = doc.as_mapping_mut()?;
    let id = map.get("id").and_then(Value::as_str).unwrap_or("").to_owned();
    map.insert("id".into(), format!("{id}-{round}").into());
    map.remove("name");
    let mut serial = round;
    for (key, value) in map.get_mut("detection")?.as_mapping_mut()? {
        if key.as_str() != Some("condition") {
            vary(value, &mut serial, round);
        }
    }
    serde_yaml_ng::to_string(&doc).ok()
}

/// Text values get a few characters of their own; what chooses the kind of event stays.
fn vary(value: &mut Value, serial: &mut usize, round: usize) {
    match value {
        Value::String(t) => {
            *serial = serial.wrapping_mul(31).wrapping_add(t.len() + 7);
            let middle = t.char_indices().nth(t.chars().count() / 2).map_or(0, |(at, _)| at);
            // Never between a backslash and what it escapes.
            if t.len() > 3 && !t.get(..middle).is_some_and(|h| h.ends_with('\\')) {
                t.insert_str(middle, &format!("{:x}", (*serial ^ round) % 0xfff));
            }
        }
        Value::Sequence(list) => list.iter_mut().for_each(|v| vary(v, serial, round)),
        Value::Mapping(map) => {
            for (key, value) in map {
                let key = key.as_str().unwrap_or("");
                let plain = !["|re", "|cidr", "|fieldref", "|exists", "|base64", "|gt", "|lt", "|expand"]
                    .iter()
                    .any(|m| key.contains(m));
                if plain && !key.starts_with("Provider_Name") && !key.starts_with("Channel") {
                    vary(value, serial, round);
                }
            }
        }
        _ => {}
    }
}
