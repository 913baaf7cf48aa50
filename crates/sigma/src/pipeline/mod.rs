//! Processing pipelines in pySigma's form: rules changed before they are compiled, so that they fit other names.
//!
//! A pipeline is a list of steps, each with conditions on the rule, on the item and on the field name. Steps run once,
//! in order; there is no jump, so a pipeline ends. What it may make of one rule is bounded.
//!
//! Invariant: a rule goes in as a document and comes out as a document; a rule without any pipeline is read as it is.

mod condition;
mod detection;
mod step;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use self::detection::Detection;
pub(crate) use self::detection::{ALL_OF, ANY_OF, GONE};
use self::step::Step;
use crate::limits::{FILE_BYTES_MAX, PIPELINE_DEPTH_MAX, PIPELINE_STEPS_MAX};
use crate::{LoadError, Node, node};

/// A processing pipeline.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name, for messages.
    pub name: String,
    /// Pipelines run in the order of their priority, the least first.
    pub priority: i64,
    vars: BTreeMap<String, Vec<String>>,
    steps: Vec<Step>,
}

/// A rule on its way through pipelines.
#[derive(Debug)]
struct Draft {
    doc: Vec<(String, Node)>,
    detection: Option<Detection>,
    state: BTreeMap<String, String>,
    /// Ids of the steps that were applied.
    applied: BTreeSet<String>,
    vars: BTreeMap<String, Vec<String>>,
    /// Selections added so far.
    added: usize,
}

impl Pipeline {
    /// Read a pipeline; `file` names it in errors.
    ///
    /// # Errors
    /// When the text is no pipeline, or asks for what only a query language has.
    pub fn read(file: &str, text: &str) -> Result<Self, LoadError> {
        let fail = |line: usize, reason: String| LoadError { file: file.to_owned(), line, rule: None, reason };
        if text.len() > FILE_BYTES_MAX {
            return Err(fail(1, format!("the file is larger than {FILE_BYTES_MAX} bytes: split it")));
        }
        let docs = node::documents(text);
        let doc = docs.first().ok_or_else(|| fail(1, "the pipeline is empty".to_owned()))?;
        let node = doc.node.as_ref().map_err(|(line, reason)| fail(*line, reason.clone()))?;
        Self::of(file, node).map_err(|reason| {
            let quoted = reason.split('`').nth(1).unwrap_or("");
            let at = text.lines().position(|l| !quoted.is_empty() && l.contains(quoted)).unwrap_or(0);
            fail(doc.line + at, reason)
        })
    }
    fn of(file: &str, node: &Node) -> Result<Self, String> {
        node.as_map().ok_or("a pipeline must be a mapping with `transformations`")?;
        let mut budget = PIPELINE_STEPS_MAX;
        let steps = steps(node.get("transformations"), 0, &mut budget)?;
        let mut vars = BTreeMap::new();
        for (name, values) in node.get("vars").and_then(Node::as_map).unwrap_or_default() {
            vars.insert(name.clone(), values.as_list().iter().filter_map(Node::scalar).collect());
        }
        let name = node.get("name").and_then(Node::scalar).unwrap_or_else(|| file.to_owned());
        let priority = if let Some(Node::Int(n)) = node.get("priority") { *n } else { 0 };
        Ok(Self { name, priority, vars, steps })
    }
}

/// Steps, also those nested in one of them.
fn steps(node: Option<&Node>, depth: usize, budget: &mut usize) -> Result<Vec<Step>, String> {
    if depth > PIPELINE_DEPTH_MAX {
        return Err(format!("`nest` is nested deeper than {PIPELINE_DEPTH_MAX}"));
    }
    let mut out = Vec::new();
    for (number, item) in node.map(Node::as_list).unwrap_or_default().iter().enumerate() {
        *budget = budget.checked_sub(1).ok_or_else(|| format!("more than {PIPELINE_STEPS_MAX} transformations"))?;
        let id = item.get("id").and_then(Node::scalar).unwrap_or_else(|| format!("number {}", number + 1));
        let step = Step::read(item, &mut |inner| steps(inner, depth + 1, budget));
        out.push(step.map_err(|e| format!("transformation {id}: {e}"))?);
    }
    Ok(out)
}

/// A rule's document after these pipelines, which are sorted by priority.
pub(crate) fn applied(doc: Node, pipelines: &[Pipeline]) -> Result<Node, String> {
    let Node::Map(map) = doc else { return Ok(doc) };
    let detection = map.iter().find(|(k, _)| k == "detection").map(|(_, n)| Detection::read(n)).transpose()?;
    let mut draft = Draft {
        doc: map,
        detection,
        state: BTreeMap::new(),
        applied: BTreeSet::new(),
        vars: BTreeMap::new(),
        added: 0,
    };
    for pipeline in pipelines {
        draft.vars.clone_from(&pipeline.vars);
        for step in &pipeline.steps {
            step.run(&mut draft).map_err(|e| format!("pipeline {}: {e}", pipeline.name))?;
        }
    }
    if let Some(detection) = draft.detection.take() {
        detection.check_size()?;
        draft.set("detection", detection.write());
    }
    Ok(Node::Map(draft.doc))
}

impl Draft {
    fn get(&self, key: &str) -> Option<&Node> {
        self.doc.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }
    fn set(&mut self, key: &str, value: Node) {
        match self.doc.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.doc.push((key.to_owned(), value)),
        }
    }
    fn texts(&self, key: &str) -> Vec<String> {
        self.get(key).map(Node::as_list).unwrap_or_default().iter().filter_map(Node::scalar).collect()
    }
}

/// A text that a step or a condition must have.
fn text(node: &Node, key: &str) -> Result<String, String> {
    node.get(key).and_then(Node::scalar).ok_or_else(|| format!("`{key}` is missing"))
}

fn flag(node: &Node, key: &str) -> bool {
    matches!(node.get(key), Some(Node::Bool(true)))
}

fn texts(node: &Node, key: &str) -> Vec<String> {
    node.get(key).map(Node::as_list).unwrap_or_default().iter().filter_map(Node::scalar).collect()
}

/// An expression as Python writes it.
fn expression(written: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(written)
        .size_limit(crate::limits::REGEX_COMPILED_BYTES_MAX)
        .build()
        .map_err(|_| format!("the regular expression `{written}` can't be used"))
}
