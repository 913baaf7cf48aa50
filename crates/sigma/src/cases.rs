//! The `cases:` of a rule: what must fire and what must stay silent, next to the rule itself.
//!
//! ```yaml
//! cases:
//!   - raw: 'sshd[7]: Failed password for root from 203.0.113.5 port 4711 ssh2'
//!     fire: true
//!   - raw: 'sshd[7]: Failed password for u{n} from 203.0.113.5 port 4711 ssh2'
//!     repeat: 10        # ten lines, {n} counts from 1
//!     every: 2s         # apart, default 1s
//!     fire: true
//!   - lines:            # several, each with its own time after the start
//!       - { raw: 'first', at: 0s }
//!       - { raw: 'second', at: 90s, repeat: 3 }
//!     fire: false
//!   - event: { class: authentication, src_ip: 203.0.113.5 }
//!     fire: 1           # exactly once
//! ```
//!
//! Invariant: a case feeds at most `CASE_LINES_MAX` lines.

use crate::limits::CASE_LINES_MAX;
use crate::rule::{Case, CaseInput, CaseLine, Fire};
use crate::{Node, read};

/// Read the list of cases.
pub(crate) fn read(node: Option<&Node>) -> Result<Vec<Case>, String> {
    let list = node.map(Node::as_list).unwrap_or_default();
    let each = list.iter().enumerate().map(|(n, c)| one(c).map_err(|e| format!("`cases`, number {}: {e}", n + 1)));
    each.collect()
}

fn one(node: &Node) -> Result<Case, String> {
    node.as_map().ok_or("a case must be a mapping with `raw` or `event`, and `fire`")?;
    let fire = match (node.get("fire"), node.get("count")) {
        (Some(Node::Bool(false)), _) => Fire::Never,
        (Some(Node::Bool(true)), Some(Node::Int(n))) | (Some(Node::Int(n)), None) => {
            Fire::Times(usize::try_from(*n).map_err(|_| "a count can't be negative")?)
        }
        (Some(Node::Bool(true)), None) => Fire::Some,
        _ => return Err("`fire` is true, false or a number of times".to_owned()),
    };
    let mut lines = Vec::new();
    let mut at = 0.0;
    match node.get("lines") {
        Some(list) => list.as_list().iter().try_for_each(|n| feed(n, &mut at, &mut lines))?,
        None => feed(node, &mut at, &mut lines)?,
    }
    if lines.is_empty() {
        return Err("it feeds nothing: give `raw`, `event` or `lines`".to_owned());
    }
    let text = |key: &str| node.get(key).and_then(Node::scalar);
    Ok(Case { lines, fire, format: text("format"), note: text("note") })
}

/// The lines of one step: `raw` or `event`, one or several, repeated, apart.
fn feed(node: &Node, at: &mut f64, out: &mut Vec<CaseLine>) -> Result<(), String> {
    let seconds = |key: &str| node.get(key).map(duration).transpose();
    if let Some(start) = seconds("at")? {
        *at = start;
    }
    let every = seconds("every")?.unwrap_or(1.0);
    let repeat = match node.get("repeat") {
        None => 1,
        Some(Node::Int(n)) => usize::try_from(*n).unwrap_or(0).min(CASE_LINES_MAX + 1),
        Some(_) => return Err("`repeat` must be a number".to_owned()),
    };
    let plain = Node::Map(vec![("raw".to_owned(), node.clone())]);
    let node = if node.as_text().is_some() { &plain } else { node };
    for n in 1..=repeat {
        let raws = node.get("raw").map(Node::as_list).unwrap_or_default();
        let events = node.get("event").map(Node::as_list).unwrap_or_default();
        let count = |t: &str| t.replace("{n}", &n.to_string());
        let raws = raws.iter().map(|r| r.scalar().map(|t| CaseInput::Raw(count(&t))).ok_or("`raw` must be text"));
        let events = events.iter().map(|e| Ok(CaseInput::Event(numbered(e, n).to_json())));
        for input in raws.chain(events) {
            if out.len() == CASE_LINES_MAX {
                return Err(format!("a case feeds more than {CASE_LINES_MAX} lines"));
            }
            out.push(CaseLine { input: input?, at: *at });
            *at += every;
        }
    }
    Ok(())
}

fn numbered(node: &Node, n: usize) -> Node {
    match node {
        Node::Text(t) => Node::Text(t.replace("{n}", &n.to_string())),
        Node::List(l) => Node::List(l.iter().map(|v| numbered(v, n)).collect()),
        Node::Map(m) => Node::Map(m.iter().map(|(k, v)| (k.clone(), numbered(v, n))).collect()),
        other => other.clone(),
    }
}

/// Seconds: a number, `0s`, or a timespan such as `5m`.
fn duration(node: &Node) -> Result<f64, String> {
    match node {
        Node::Int(n) => Ok(*n as f64),
        Node::Float(f) => Ok(*f),
        Node::Text(t) if t.trim_start().starts_with('0') && t.trim_end_matches(char::is_alphabetic) == "0" => Ok(0.0),
        other => read::timespan(other).map(|micros| micros as f64 / 1e6),
    }
}
