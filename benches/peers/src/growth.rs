//! What an event costs with 300, 3,000 and 30,000 rules, made of the community's by varying their values.

use anyhow::Result;
use bongsu_sigma::{RuleSet, RuleSource};
use serde_yaml_ng::Value;

use crate::usage::timed;
use crate::{Arguments, compare, events, rules};

const SIZES: [usize; 3] = [300, 3_000, 30_000];

/// Measure.
pub fn run(given: &Arguments) -> Result<()> {
    let sources = rules::read(&given.rules)?;
    let lines = events::read(&given.events)?;
    let warm = events::repetition(&lines, 1, given.seed);
    let batch = events::repetition(&lines, 2, given.seed);
    let mut before: Option<f64> = None;
    for size in SIZES {
        let (loading, (set, _)) = timed(|| RuleSet::load(&made(&sources, size)));
        let mut counts = vec![0u64; set.rules().len()];
        let (first, ()) = timed(|| compare::bongsu(&set, &warm, &mut counts));
        let (again, ()) = timed(|| compare::bongsu(&set, &batch, &mut counts));
        let each = |seconds: f64| seconds * 1e6 / lines.len() as f64;
        println!(
            "{:>6} rules: {:.2} CPU µs an event ({:.2} with lanes compiled), {:.2}× the row before, loaded in {loading:.2} s, {} detections",
            set.rules().len(),
            each(again),
            each(first),
            before.map_or(1.0, |b| again / b),
            counts.iter().sum::<u64>(),
        );
        before = Some(again);
    }
    Ok(())
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
