use anyhow::Result;
use bongsu_sigma::RuleSet;
use crate::usage::timed;
use crate::{Arguments, compare, events, rules};
pub fn run(given: &Arguments) -> Result<()> {
    let sources = rules::read(&given.rules)?;
    let lines = events::read(&given.events)?;
    let varied = events::repetition(&lines, 1, given.seed);
    let (set, _) = RuleSet::load(&sources);
    let mut counts = vec![0u64; set.rules().len()];
    compare::bongsu(&set, &lines, &mut counts);
    let mut groups: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    for l in varied {
        let v: serde_json::Value = serde_json::from_str(&l)?;
        groups.entry(format!("{} {}", v["EventID"], v["Channel"])).or_default().push(l);
    }
    let mut rows = Vec::new();
    for (k, g) in groups {
        let mut best = f64::MAX;
        if let Ok(only) = std::env::var("ONLY") {
            if !k.starts_with(&only) { continue; }
            for _ in 0..100 { compare::bongsu(&set, &g, &mut counts); }
        }
        for _ in 0..5 { best = best.min(timed(|| compare::bongsu(&set, &g, &mut counts)).0); }
        let mut hits = vec![0u64; set.rules().len()];
        compare::bongsu(&set, &g, &mut hits);
        let bytes: usize = g.iter().map(String::len).sum();
        rows.push((best, k, g.len(), bytes / g.len(), hits.iter().sum::<u64>()));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let all: f64 = rows.iter().map(|r| r.0).sum();
    println!("{:.2} µs", all * 1e6 / lines.len() as f64);
    for (t, k, n, b, h) in rows.iter().take(25) {
        println!("{:5.1}% {:7.2} µs {n:6} × {b:6} B, {h} hits {k}", t / all * 100.0, t * 1e6 / *n as f64);
    }
    Ok(())
}
