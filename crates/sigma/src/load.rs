//! Sources read into rules: documents, collections, duplicates, references.
//!
//! Invariant: a document that can't be loaded never takes another with it, except a correlation that refers to it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::{CHAIN_DEPTH_MAX, FILE_BYTES_MAX};
use crate::modifier::Placeholders;
use crate::node::{self, Node};
use crate::read::{self, Place};
use crate::rule::{Body, Rule};
use crate::{LoadError, LoadOptions, Pipeline, RuleSource, pipeline};

/// The rules of one file and what could not be read of it.
#[derive(Debug)]
pub(crate) struct FileRules {
    rules: Vec<Arc<Rule>>,
    errors: Vec<LoadError>,
}

/// Every rule of these files that can be used, in order, and every error.
pub(crate) fn join<'f>(files: impl Iterator<Item = &'f FileRules>) -> (Vec<Arc<Rule>>, Vec<LoadError>) {
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        rules.extend(file.rules.iter().cloned());
        errors.extend(file.errors.iter().cloned());
    }
    refuse_doubles(&mut rules, &mut errors);
    while refuse_unresolved(&mut rules, &mut errors) {}
    refuse_loops(&mut rules, &mut errors);
    while refuse_unresolved(&mut rules, &mut errors) {}
    (rules, errors)
}

/// What rules are read with.
#[derive(Clone, Copy)]
struct With<'w> {
    fill: &'w Placeholders,
    pipelines: &'w [Pipeline],
}

impl With<'_> {
    fn rule(self, node: &Node, place: Place<'_>) -> Result<Rule, String> {
        if self.pipelines.is_empty() {
            return read::rule(node, place, self.fill);
        }
        read::rule(&pipeline::applied(node.clone(), self.pipelines)?, place, self.fill)
    }
}

/// Read files.
pub(crate) fn files(sources: &[RuleSource], options: &LoadOptions) -> Vec<FileRules> {
    let mut pipelines = options.pipelines.clone();
    pipelines.sort_by_key(|p| p.priority);
    let with = With { fill: &options.placeholders, pipelines: &pipelines };
    let file = |source: &RuleSource| {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        documents(source, with, &mut rules, &mut errors);
        FileRules { rules: rules.into_iter().map(Arc::new).collect(), errors }
    };
    sources.iter().map(file).collect()
}

fn documents(source: &RuleSource, with: With<'_>, rules: &mut Vec<Rule>, errors: &mut Vec<LoadError>) {
    let mut fail = |line: usize, rule: Option<String>, reason: String| {
        errors.push(LoadError { file: source.name.clone(), line, rule, reason });
    };
    if source.text.len() > FILE_BYTES_MAX {
        return fail(1, None, format!("the file is larger than {FILE_BYTES_MAX} bytes: split it"));
    }
    let (mut global, mut previous) = (None, None);
    for doc in node::documents(&source.text) {
        let node = match doc.node {
            Ok(node) => node,
            Err((line, reason)) => {
                fail(line, None, reason);
                continue;
            }
        };
        let action = node.get("action").and_then(Node::as_text).map(str::to_owned);
        let node = match action.as_deref() {
            Some("global") => {
                global = Some(node);
                continue;
            }
            Some("reset") => {
                global = None;
                continue;
            }
            Some("repeat") => merged(previous.as_ref(), node),
            _ => merged(global.as_ref(), node),
        };
        let place = Place { file: &source.name, line: doc.line, text: doc.text };
        match with.rule(&node, place) {
            Ok(rule) => rules.push(rule),
            Err(reason) => fail(place.line_of(&reason), node.get("id").and_then(Node::scalar), reason),
        }
        previous = Some(node);
    }
}

/// `over` laid over `base`: mappings are joined, anything else is replaced.
fn merged(base: Option<&Node>, over: Node) -> Node {
    match (base, over) {
        (Some(Node::Map(base)), Node::Map(over)) => {
            let mut out: Vec<(String, Node)> = base.iter().filter(|(k, _)| k != "action").cloned().collect();
            for (key, value) in over {
                match out.iter_mut().find(|(k, _)| *k == key) {
                    Some((_, known)) => *known = merged(Some(known), value),
                    None => out.push((key, value)),
                }
            }
            Node::Map(out)
        }
        (_, over) => over,
    }
}

fn error_of(rule: &Rule, reason: String) -> LoadError {
    LoadError { file: rule.source.clone(), line: rule.line, rule: Some(rule.id.clone()), reason }
}

fn refuse_doubles(rules: &mut Vec<Arc<Rule>>, errors: &mut Vec<LoadError>) {
    let mut known: HashMap<String, String> = HashMap::new();
    rules.retain(|rule| match known.get(&rule.id) {
        Some(first) => {
            errors.push(error_of(
                rule,
                format!("the id {} is already taken by {first}: give it one of its own", rule.id),
            ));
            false
        }
        None => {
            known.insert(rule.id.clone(), format!("{}:{}", rule.source, rule.line));
            true
        }
    });
}

/// Correlations and filters that refer to nothing; says whether any was refused.
fn refuse_unresolved(rules: &mut Vec<Arc<Rule>>, errors: &mut Vec<LoadError>) -> bool {
    let known: std::collections::HashSet<String> =
        rules.iter().flat_map(|r| std::iter::once(r.id.clone()).chain(r.name.clone())).collect();
    let before = rules.len();
    rules.retain(|rule| {
        let wanted = match &rule.body {
            Body::Correlation(c) => &c.rules,
            // A filter may name rules that this set does not have.
            Body::Matcher(_) | Body::Filter(_) => return true,
        };
        match wanted.iter().find(|n| !known.contains(*n)) {
            Some(missing) => {
                errors.push(error_of(rule, format!("it refers to the rule `{missing}`, which is not loaded")));
                false
            }
            None => true,
        }
    });
    rules.len() != before
}

/// Correlations that refer to themselves, or stand on too long a chain.
fn refuse_loops(rules: &mut Vec<Arc<Rule>>, errors: &mut Vec<LoadError>) {
    let mut at: HashMap<&str, usize> = HashMap::new();
    for (i, rule) in rules.iter().enumerate() {
        at.entry(&rule.id).or_insert(i);
    }
    for (i, rule) in rules.iter().enumerate() {
        if let Some(name) = &rule.name {
            at.entry(name).or_insert(i);
        }
    }
    let bases: Vec<Vec<usize>> = rules
        .iter()
        .map(|r| match &r.body {
            Body::Correlation(c) => c.rules.iter().filter_map(|n| at.get(n.as_str()).copied()).collect(),
            Body::Matcher(_) | Body::Filter(_) => Vec::new(),
        })
        .collect();
    // Height above the base rules, raised until nothing changes; in a loop it rises for ever.
    let mut height = vec![0usize; rules.len()];
    for _ in 0..=CHAIN_DEPTH_MAX {
        for (i, list) in bases.iter().enumerate() {
            let over = list.iter().filter_map(|b| height.get(*b)).max().map_or(0, |h| h + 1);
            if let Some(h) = height.get_mut(i) {
                *h = over.min(CHAIN_DEPTH_MAX + 1);
            }
        }
    }
    let mut heights = height.into_iter();
    rules.retain(|rule| {
        let fine = heights.next().is_none_or(|h| h <= CHAIN_DEPTH_MAX);
        if !fine {
            let reason = format!("it refers to itself, or stands on more than {CHAIN_DEPTH_MAX} correlations");
            errors.push(error_of(rule, reason));
        }
        fine
    });
}
