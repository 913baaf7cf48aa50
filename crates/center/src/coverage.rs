//! Which log sources the rules ask for, and which of them are seen here.
//!
//! Invariant: a log source counts as seen because an event of a registered source satisfied its condition, not because
//! somebody said so.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use bongsu_event::{AgencyId, Micros, SourceId};
use bongsu_sigma::{Body, LoadOptions, Logsource, RuleIdx, RuleSet, RuleSource};
use bongsu_state::LogsourceSeen;
use parking_lot::Mutex;
use serde_json::json;

use crate::app::App;

/// Days after which a log source that fell silent no longer counts as seen.
pub const SEEN_DAYS: i64 = 30;
/// A time is kept anew only when it is later by this, microseconds.
const KEEP_MICROS: i64 = 600 * Micros::SECOND;

/// One rule for each log source that any rule asks for; it matches whatever is of that log source.
struct Probe {
    of: Weak<RuleSet>,
    set: RuleSet,
    logsources: Vec<Logsource>,
}

/// What was seen.
#[derive(Default)]
pub struct Coverage {
    probe: Mutex<Option<Arc<Probe>>>,
    seen: Mutex<HashMap<(Logsource, AgencyId), Micros>>,
}

/// The log sources a rule needs, all of them: its own, or those of the rules it counts. One that names nothing fits
/// every event and is left out.
#[must_use]
pub fn needs(set: &RuleSet, rule: RuleIdx) -> BTreeSet<Logsource> {
    fn add(set: &RuleSet, rule: RuleIdx, depth: usize, out: &mut BTreeSet<Logsource>) {
        let Some(r) = set.rule(rule) else { return };
        match &r.body {
            Body::Correlation(c) if depth < bongsu_sigma::limits::CHAIN_DEPTH_MAX => {
                c.rules.iter().filter_map(|n| set.find(n)).for_each(|base| add(set, base, depth + 1, out));
            }
            Body::Matcher(_) if r.logsource != Logsource::default() => {
                out.insert(r.logsource.clone());
            }
            _ => {}
        }
    }
    let mut out = BTreeSet::new();
    add(set, rule, 0, &mut out);
    out
}

/// A log source in words.
#[must_use]
pub fn words(l: &Logsource) -> String {
    let parts = [&l.product, &l.service, &l.category];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" · ")
}

fn probe(of: &Arc<RuleSet>) -> Probe {
    let wanted: BTreeSet<&Logsource> =
        of.rules().iter().filter(|r| matches!(r.body, Body::Matcher(_))).map(|r| &r.logsource).collect();
    let logsources: Vec<Logsource> = wanted.into_iter().filter(|l| **l != Logsource::default()).cloned().collect();
    let text = |(n, l): (usize, &Logsource)| {
        let mut parts = serde_json::Map::new();
        for (name, value) in [("category", &l.category), ("product", &l.product), ("service", &l.service)] {
            parts.extend(value.as_ref().map(|v| (name.to_owned(), json!(v))));
        }
        // JSON is YAML: no name can break out of its place.
        let rule = json!({
            "title": "probe", "id": format!("probe-{n}"), "logsource": parts,
            "detection": { "any": { "time|exists": true }, "condition": "any" },
        });
        RuleSource { name: format!("probe-{n}"), text: rule.to_string() }
    };
    let sources: Vec<RuleSource> = logsources.iter().enumerate().map(text).collect();
    let (set, errors) = RuleSet::load_with(&sources, &LoadOptions::default());
    debug_assert!(errors.is_empty(), "{errors:?}");
    Probe { of: Arc::downgrade(of), set, logsources }
}

impl Coverage {
    fn probe(&self, of: &Arc<RuleSet>) -> Arc<Probe> {
        let mut known = self.probe.lock();
        if let Some(probe) = known.as_ref().filter(|p| p.of.upgrade().is_some_and(|s| Arc::ptr_eq(&s, of))) {
            return Arc::clone(probe);
        }
        let fresh = Arc::new(probe(of));
        *known = Some(Arc::clone(&fresh));
        fresh
    }
    /// Look at events that came lately; what is new, or newer by a while, is to be kept.
    fn look(&self, rules: &Arc<RuleSet>, events: &[bongsu_event::Event]) -> Vec<LogsourceSeen> {
        let probe = self.probe(rules);
        let mut scratch = probe.set.scratch();
        let mut keep = HashMap::new();
        let mut seen = self.seen.lock();
        for event in events.iter().filter(|e| e.source != SourceId::QUARANTINE) {
            for idx in probe.set.matching(event, &mut scratch) {
                let id = probe.set.rule(idx).and_then(|r| r.id.strip_prefix("probe-")?.parse::<usize>().ok());
                let Some(logsource) = id.and_then(|n| probe.logsources.get(n)) else { continue };
                let last = seen.entry((logsource.clone(), event.agency)).or_insert(Micros(i64::MIN / 2));
                if event.receive_time.0 - last.0 > KEEP_MICROS {
                    *last = event.receive_time;
                    keep.insert((logsource.clone(), event.agency), event.receive_time);
                }
            }
        }
        keep.into_iter()
            .map(|((l, agency), last_at)| LogsourceSeen {
                product: l.product.unwrap_or_default(),
                service: l.service.unwrap_or_default(),
                category: l.category.unwrap_or_default(),
                agency,
                last_at,
            })
            .collect()
    }
}

/// A job: look at what came since the last turn.
pub async fn look(app: &Arc<App>) {
    let asking = Arc::clone(app);
    let seen = tokio::task::spawn_blocking(move || {
        let events = asking.rules.take_fresh();
        asking.coverage.look(&asking.rules.now().set, &events)
    })
    .await
    .unwrap_or_default();
    if seen.is_empty() {
        return;
    }
    if let Err(e) = app.state.keep_logsources(&seen).await {
        tracing::warn!("the log sources seen could not be kept: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rulebook::{read_line, shipped};

    #[test]
    fn a_line_shows_the_log_sources_it_belongs_to() {
        let (set, _) = RuleSet::load(&shipped());
        let set = Arc::new(set);
        let coverage = Coverage::default();
        let line = "Mar 12 09:14:31 jump01 sshd[811]: Failed password for root from 203.0.113.201 port 40022 ssh2";
        let event = read_line(line, None, Micros(1_800_000_000_000_000));
        let seen = coverage.look(&set, std::slice::from_ref(&event));
        let has = |category: &str| seen.iter().any(|s| s.category == category);
        assert!(has("authentication") && !has("webserver"), "{seen:?}");
        assert!(coverage.look(&set, &[event]).is_empty(), "known already");
    }

    #[test]
    fn a_correlation_needs_what_its_bases_need() {
        let (set, _) = RuleSet::load(&shipped());
        let counting = set.rules().iter().position(|r| matches!(r.body, Body::Correlation(_))).unwrap();
        assert!(!needs(&set, RuleIdx(u32::try_from(counting).unwrap())).is_empty());
    }
}
