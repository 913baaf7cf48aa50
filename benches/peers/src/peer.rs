//! rsigma: all rules in one engine, as its documentation begins; and its fastest, an engine for each kind of event
//! that holds the very rules whose log source is met. Which engine an event goes to is given to it for nothing.

use std::collections::HashMap;

use anyhow::Result;
use bongsu_sigma::{JsonLine, RuleIdx, RuleSet, RuleSource};
use rsigma_eval::{Engine, JsonEvent};
use rsigma_parser::{SigmaRule, parse_sigma_yaml};
use serde_json::Value;

/// How JSON becomes the tree that rsigma takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reader {
    /// `serde_json`, which its documentation uses.
    Serde,
    /// `sonic-rs`, the faster of the two.
    Sonic,
}

/// Matches of each rule, by id.
pub type Counts = HashMap<String, u64>;

/// All rules that rsigma reads, by id.
pub struct Rules(Vec<SigmaRule>);

impl Rules {
    /// Read what can be read; the number of files that can't.
    pub fn read(sources: &[RuleSource]) -> (Self, usize) {
        let (mut rules, mut refused) = (Vec::new(), 0);
        for source in sources {
            match parse_sigma_yaml(&source.text) {
                Ok(collection) => {
                    refused += usize::from(collection.rules.is_empty());
                    rules.extend(collection.rules);
                }
                Err(_) => refused += 1,
            }
        }
        (Self(rules), refused)
    }
    fn engine(&self, wanted: impl Fn(&SigmaRule) -> bool, bloom: bool) -> (Engine, usize) {
        let mut engine = Engine::new();
        let refused = engine.add_rules(self.0.iter().filter(|r| wanted(r))).len();
        engine.set_bloom_prefilter(bloom);
        (engine, refused)
    }
    /// One engine of all rules; how many it refused.
    pub fn whole(&self) -> (Engine, usize) {
        self.engine(|_| true, false)
    }
}

/// An engine for each set of rules that can meet an event.
pub struct Routed<'r> {
    rules: &'r Rules,
    bloom: bool,
    engines: Vec<Engine>,
    known: HashMap<Vec<RuleIdx>, usize>,
}

impl<'r> Routed<'r> {
    /// None yet.
    pub fn new(rules: &'r Rules, bloom: bool) -> Self {
        Self { rules, bloom, engines: Vec::new(), known: HashMap::new() }
    }
    /// The engine of each line; made here, not timed.
    pub fn routes(&mut self, set: &RuleSet, lines: &[String]) -> Result<Vec<usize>> {
        lines.iter().map(|line| self.route(set, line)).collect()
    }
    fn route(&mut self, set: &RuleSet, line: &str) -> Result<usize> {
        let event = JsonLine::read(line.as_bytes())?;
        let fits = set.applicable(&event);
        if let Some(at) = self.known.get(&fits) {
            return Ok(*at);
        }
        let ids: std::collections::HashSet<&str> =
            fits.iter().filter_map(|r| set.rule(*r)).map(|r| r.id.as_str()).collect();
        let (engine, _) = self.rules.engine(|r| r.id.as_deref().is_some_and(|id| ids.contains(id)), self.bloom);
        self.engines.push(engine);
        self.known.insert(fits, self.engines.len() - 1);
        Ok(self.engines.len() - 1)
    }
    /// How many engines there are.
    pub fn len(&self) -> usize {
        self.engines.len()
    }
    /// Ids of the rules that match a line in one of the engines.
    pub fn matched(&self, route: usize, line: &str) -> Vec<String> {
        self.engines.get(route).map(|engine| matched(engine, line)).unwrap_or_default()
    }
    /// Evaluate every line in its engine.
    pub fn run(&self, lines: &[String], routes: &[usize], reader: Reader, counts: &mut Counts) {
        for (line, route) in lines.iter().zip(routes) {
            if let (Some(engine), Some(event)) = (self.engines.get(*route), read(line, reader)) {
                one(engine, &event, counts);
            }
        }
    }
}

/// Evaluate every line in one engine.
pub fn run<L: AsRef<str>>(engine: &Engine, lines: &[L], reader: Reader, counts: &mut Counts) {
    for line in lines {
        if let Some(event) = read(line.as_ref(), reader) {
            one(engine, &event, counts);
        }
    }
}

/// Ids of the rules that match a line.
pub fn matched(engine: &Engine, line: &str) -> Vec<String> {
    let mut counts = Counts::new();
    run(engine, std::slice::from_ref(&line), Reader::Serde, &mut counts);
    counts.into_keys().collect()
}

fn read(line: &str, reader: Reader) -> Option<Value> {
    match reader {
        Reader::Serde => serde_json::from_str(line).ok(),
        Reader::Sonic => sonic_rs::from_str(line).ok(),
    }
}

fn one(engine: &Engine, event: &Value, counts: &mut Counts) {
    for result in engine.evaluate(&JsonEvent::borrow(event)) {
        if let Some(id) = &result.header.rule_id {
            match counts.get_mut(id.as_str()) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(id.to_string(), 1);
                }
            }
        }
    }
}
