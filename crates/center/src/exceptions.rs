//! Exceptions at work: each is a Sigma filter, asked only when its rule has matched an event of its agencies.
//!
//! Invariants: an exception past its end holds back nothing, whether or not anybody noticed; what is held back is
//! counted; one that can't be read holds back nothing and is told of.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bongsu_domain::{Actor, AgencyTree};
use bongsu_event::{AgencyId, Event, Micros};
use bongsu_sigma::{LoadOptions, RuleIdx, RuleSet, RuleSource};
use bongsu_state::{Change, ExceptionRow};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::app::App;

/// One exception.
#[derive(Debug)]
struct Exception {
    id: i64,
    filter: RuleIdx,
    agencies: BTreeSet<AgencyId>,
    until: Micros,
}

/// Those in force; an immutable picture, replaced whole.
#[derive(Debug)]
pub struct InForce {
    set: RuleSet,
    by_rule: HashMap<String, Vec<Exception>>,
}

impl Default for InForce {
    fn default() -> Self {
        Self { set: RuleSet::load(&[]).0, by_rule: HashMap::new() }
    }
}

impl InForce {
    /// From rows of the state.
    #[must_use]
    pub fn new(rows: &[ExceptionRow], tree: &AgencyTree, agencies: &[AgencyId]) -> Self {
        let name = |id: i64| format!("exception-{id}");
        let sources: Vec<RuleSource> =
            rows.iter().map(|r| RuleSource { name: name(r.id), text: r.text.clone() }).collect();
        let (set, errors) = RuleSet::load_with(&sources, &LoadOptions::default());
        for error in errors {
            tracing::error!("an exception can't be read and holds back nothing: {error}");
        }
        let place: HashMap<&str, RuleIdx> =
            set.rules().iter().zip(0u32..).map(|(r, n)| (r.source.as_str(), RuleIdx(n))).collect();
        let mut by_rule: HashMap<String, Vec<Exception>> = HashMap::new();
        for row in rows {
            let Some(filter) = place.get(name(row.id).as_str()).copied() else { continue };
            let below = agencies.iter().copied().filter(|a| tree.lineage(*a).contains(&row.agency)).collect();
            let exception = Exception { id: row.id, filter, agencies: below, until: row.expires_at };
            by_rule.entry(row.rule.clone()).or_default().push(exception);
        }
        Self { set, by_rule }
    }
    /// The exception that holds this match back, if one does.
    #[must_use]
    pub fn holds_back(&self, rule: &str, event: &Event) -> Option<i64> {
        let found = self.by_rule.get(rule)?.iter().find(|e| {
            e.until > event.receive_time && e.agencies.contains(&event.agency) && !self.set.passes(e.filter, event)
        })?;
        Some(found.id)
    }
}

/// The picture, and what was held back since it was written down last.
#[derive(Default)]
pub struct Exceptions {
    in_force: ArcSwap<InForce>,
    held: Mutex<HashMap<i64, (u64, Micros)>>,
}

impl Exceptions {
    /// Those in force now.
    #[must_use]
    pub fn now(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }
    /// What the pipeline's thread saw held back.
    pub fn note(&self, held: HashMap<i64, u64>, at: Micros) {
        if held.is_empty() {
            return;
        }
        let mut all = self.held.lock();
        for (id, count) in held {
            let entry = all.entry(id).or_default();
            *entry = (entry.0 + count, at);
        }
    }
}

impl App {
    /// Make the event path see the exceptions as they are in the state now.
    ///
    /// # Errors
    /// The state can't be read; the old picture stays.
    pub async fn refresh_exceptions(&self) -> anyhow::Result<()> {
        let rows = self.state.exceptions_in_force(self.now()).await?;
        let agencies: Vec<AgencyId> = self.directory.now().agencies().map(|a| a.id).collect();
        self.exceptions.in_force.store(Arc::new(InForce::new(&rows, &self.state.tree(), &agencies)));
        Ok(())
    }
}

/// A job: write down what was held back, end what is over, follow the tree of agencies.
pub async fn settle(app: &Arc<App>) {
    let held: Vec<(i64, u64, Micros)> =
        std::mem::take(&mut *app.exceptions.held.lock()).into_iter().map(|(id, (n, at))| (id, n, at)).collect();
    let center = Actor::center();
    let settled = app.state.settle_exceptions(&Change::new(&center, app.now(), ""), &held).await;
    match settled {
        Ok(0) => {}
        Ok(_) => app.stream.tell(None, bongsu_api::overview::StreamEvent::Rules),
        Err(e) => tracing::warn!("exceptions could not be settled: {e}"),
    }
    if let Err(e) = app.refresh_exceptions().await {
        tracing::warn!("exceptions could not be read: {e:#}");
    }
}

/// One condition of an exception: field, how to compare, values.
pub struct Part<'a> {
    /// Field, as rules name it.
    pub field: &'a str,
    /// A Sigma modifier, or nothing for equality.
    pub modifier: Option<&'a str>,
    /// Any of these.
    pub values: &'a [String],
}

/// The Sigma filter of an exception: the rule, but not where all of these parts hold. JSON is YAML, so that no value can
/// break out of its place.
#[must_use]
pub fn filter_text(rule: &bongsu_sigma::Rule, parts: &[Part<'_>]) -> String {
    let mut selection = Map::new();
    for part in parts {
        let key = part.modifier.map_or_else(|| part.field.to_owned(), |m| format!("{}|{m}", part.field));
        let values: Vec<Value> = part.values.iter().map(|v| Value::String(v.clone())).collect();
        selection.insert(key, Value::Array(values));
    }
    let mut logsource = Map::new();
    let source = &rule.logsource;
    for (name, value) in [("category", &source.category), ("product", &source.product), ("service", &source.service)] {
        logsource.extend(value.as_ref().map(|v| (name.to_owned(), json!(v))));
    }
    let line = |key: &str, value: &Value| format!("{key}: {value}\n");
    let filter = json!({ "rules": [rule.id], "exception": selection, "condition": "not exception" });
    line("title", &json!(format!("Exception: {}", rule.title)))
        + &line("logsource", &Value::Object(logsource))
        + &line("filter", &filter)
}

/// Why a filter's text can't be used.
///
/// # Errors
/// The reason the engine gives.
pub fn check(text: &str) -> Result<(), String> {
    let (set, errors) = RuleSet::load(&[RuleSource { name: "exception".to_owned(), text: text.to_owned() }]);
    match errors.into_iter().next() {
        Some(error) => Err(error.reason),
        None if set.rules().len() == 1 => Ok(()),
        None => Err("an exception is one Sigma filter".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rulebook::read_line;
    use bongsu_domain::ActorKind;

    const RULE: &str = "title: t\nid: r\nlogsource: { category: any }\ndetection: { s: { a: b }, condition: s }\n";

    fn row(id: i64, text: String, agency: u32, until: i64) -> ExceptionRow {
        ExceptionRow {
            id,
            rule: "r".into(),
            agency: AgencyId(agency),
            text,
            reason: "known scanner".into(),
            created_at: Micros(0),
            expires_at: Micros(until),
            ended_at: None,
            held_back: 0,
            last_held_at: None,
            actor: Actor { kind: ActorKind::Center, name: String::new(), user: None, address: None },
        }
    }

    #[test]
    fn it_holds_back_its_values_at_its_agencies_until_its_end() {
        let (set, _) = RuleSet::load(&[RuleSource { name: "r".into(), text: RULE.into() }]);
        let rule = set.rule(RuleIdx(0)).unwrap();
        let values = ["203.0.113.0/24".to_owned()];
        let nasty = ["x\" }, condition: y\n".to_owned()];
        let text = filter_text(rule, &[Part { field: "src_ip", modifier: Some("cidr"), values: &values }]);
        assert_eq!(check(&text), Ok(()));
        assert_eq!(check(&filter_text(rule, &[Part { field: "user", modifier: None, values: &nasty }])), Ok(()));
        assert!(check("title: x\n").is_err());
        let agency = |id: u32, parent: Option<u32>| bongsu_domain::Agency {
            id: AgencyId(id),
            parent: parent.map(AgencyId),
            code: format!("a{id}"),
            name: format!("a{id}"),
            name_en: String::new(),
            kind: bongsu_domain::AgencyKind::Gu,
        };
        let tree = AgencyTree::new([agency(1, None), agency(2, Some(1)), agency(3, Some(1))]).unwrap();
        let ids = [AgencyId(1), AgencyId(2), AgencyId(3)];
        let in_force = InForce::new(&[row(7, text, 2, 2_000)], &tree, &ids);
        let line = |from: &str, agency: u32, at: i64| {
            let raw = format!("Mar 12 09:14:31 h sshd[8]: Failed password for root from {from} port 40022 ssh2");
            let mut event = read_line(&raw, None, Micros(at));
            event.agency = AgencyId(agency);
            event
        };
        assert_eq!(in_force.holds_back("r", &line("203.0.113.9", 2, 1_000)), Some(7));
        assert_eq!(in_force.holds_back("r", &line("198.51.100.9", 2, 1_000)), None);
        assert_eq!(in_force.holds_back("r", &line("203.0.113.9", 3, 1_000)), None, "another agency");
        assert_eq!(in_force.holds_back("r", &line("203.0.113.9", 2, 2_000)), None, "over");
        assert_eq!(in_force.holds_back("other", &line("203.0.113.9", 2, 1_000)), None);
    }
}
