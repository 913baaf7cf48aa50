//! A YAML document read into a `Rule`.
//!
//! Invariant: an unknown key is kept, never fatal; a known key of the wrong kind is an error that names it.

use std::sync::Arc;

use bongsu_event::Severity;

use crate::limits::{ENTRIES_PER_GROUP_MAX, TIMESPAN_SECONDS_MAX};
use crate::matcher::Matcher;
use crate::modifier::Placeholders;
use crate::rule::{Aliases, Body, Bound, Correlation, CorrelationKind, Filter, Logsource, Playbook, Rule};
use crate::{Node, cases};

/// Where a document stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub file: &'a str,
    pub line: usize,
    pub text: &'a str,
}

impl Place<'_> {
    /// The line on which a key stands, else that of the document.
    pub fn line_of(&self, reason: &str) -> usize {
        let quoted = reason.split('`').nth(1).unwrap_or("");
        if quoted.is_empty() {
            return self.line;
        }
        let at = self
            .text
            .lines()
            .position(|l| l.trim_start().trim_start_matches("- ").trim_start_matches(['\'', '"']).starts_with(quoted));
        self.line + at.or_else(|| self.text.lines().position(|l| l.contains(quoted))).unwrap_or(0)
    }
}

const KNOWN: &[&str] = &[
    "id",
    "name",
    "title",
    "title_ko",
    "description",
    "description_ko",
    "status",
    "author",
    "level",
    "tags",
    "references",
    "falsepositives",
    "next_steps",
    "next_steps_ko",
    "entity",
    "reason",
    "reason_ko",
    "playbook",
    "logsource",
    "fields",
    "cases",
    "detection",
    "correlation",
    "filter",
    "action",
];

/// Read a document that holds a rule.
pub(crate) fn rule(doc: &Node, place: Place<'_>, fill: &Placeholders) -> Result<Rule, String> {
    let map = doc.as_map().ok_or("a rule must be a mapping with `title`, `logsource` and `detection`")?;
    let text = |key: &str| -> Result<Option<String>, String> {
        match doc.get(key) {
            None | Some(Node::Null) => Ok(None),
            Some(n) => n.scalar().map(Some).ok_or_else(|| format!("`{key}` must be text, not {}", n.kind())),
        }
    };
    let list = |key: &str| -> Result<Vec<String>, String> {
        let nodes = doc.get(key).map(Node::as_list).unwrap_or_default();
        let texts = nodes
            .iter()
            .filter(|n| **n != Node::Null)
            .map(|n| n.scalar().ok_or_else(|| format!("`{key}` must be a list of texts, not of {}", n.kind())));
        texts.collect()
    };
    let title = text("title")?.ok_or("`title` is missing")?;
    let name = text("name")?;
    let body = body(doc, fill)?;
    let id = text("id")?.or_else(|| name.clone()).unwrap_or_else(|| format!("{}:{}", place.file, place.line));
    let idle = match &body {
        Body::Matcher(m) | Body::Filter(Filter { matcher: m, .. }) => idle(m),
        Body::Correlation(_) => None,
    };
    Ok(Rule {
        id,
        name,
        title,
        title_ko: text("title_ko")?,
        description: text("description")?.unwrap_or_default(),
        description_ko: text("description_ko")?,
        status: text("status")?,
        author: text("author")?,
        level: level(text("level")?)?,
        tags: list("tags")?,
        references: list("references")?,
        falsepositives: list("falsepositives")?,
        next_steps: list("next_steps")?,
        next_steps_ko: list("next_steps_ko")?,
        entity: list("entity")?,
        reason: text("reason")?,
        reason_ko: text("reason_ko")?,
        playbook: playbook(text("playbook")?)?,
        logsource: logsource(doc)?,
        fields: list("fields")?,
        cases: cases::read(doc.get("cases"))?,
        body,
        idle,
        source: place.file.to_owned(),
        line: place.line,
        text: Arc::from(place.text),
        more: map.iter().filter(|(k, _)| !KNOWN.contains(&k.as_str())).cloned().collect(),
    })
}

fn idle(matcher: &Matcher) -> Option<String> {
    (!matcher.unfilled.is_empty()).then(|| {
        let mut names: Vec<_> = matcher.unfilled.iter().map(|n| format!("%{n}%")).collect();
        names.sort();
        names.dedup();
        format!("needs values for {}", names.join(", "))
    })
}

fn body(doc: &Node, fill: &Placeholders) -> Result<Body, String> {
    match (doc.get("detection"), doc.get("correlation"), doc.get("filter")) {
        (Some(node), None, None) => Ok(Body::Matcher(Arc::new(Matcher::read(node, fill)?))),
        (None, Some(node), None) => correlation(doc, node).map(Body::Correlation),
        (None, None, Some(node)) => filter(node, fill).map(Body::Filter),
        (None, None, None) => Err("there is no `detection`, `correlation` or `filter`".to_owned()),
        _ => Err("`detection`, `correlation` and `filter` exclude each other: make them documents of their own".into()),
    }
}

fn level(text: Option<String>) -> Result<Severity, String> {
    let Some(text) = text else { return Ok(Severity::Medium) };
    Severity::from_name(&text.to_lowercase())
        .ok_or_else(|| format!("`level` is informational, low, medium, high or critical, not `{text}`"))
}

fn playbook(text: Option<String>) -> Result<Playbook, String> {
    match text.as_deref() {
        None | Some("none") => Ok(Playbook::None),
        Some("block") => Ok(Playbook::Block),
        Some("propose") => Ok(Playbook::Propose),
        Some(other) => Err(format!("`playbook` is block, propose or none, not `{other}`")),
    }
}

fn logsource(doc: &Node) -> Result<Logsource, String> {
    let Some(node) = doc.get("logsource") else {
        // A correlation takes its logs from the rules it refers to.
        return if doc.get("detection").is_some() {
            Err("`logsource` is missing".into())
        } else {
            Ok(Logsource::default())
        };
    };
    node.as_map().ok_or("`logsource` must be a mapping of category, product, service")?;
    let part = |key: &str| node.get(key).and_then(Node::scalar).map(|t| t.to_lowercase());
    Ok(Logsource { category: part("category"), product: part("product"), service: part("service") })
}

fn filter(node: &Node, fill: &Placeholders) -> Result<Filter, String> {
    let map = node.as_map().ok_or("`filter` must be a mapping")?;
    let rules = match node.get("rules") {
        None => return Err("`filter` has no `rules`: name the rules it narrows, or say `any`".to_owned()),
        Some(Node::Text(t)) if t == "any" => Vec::new(),
        Some(n) => names(n, "rules")?,
    };
    let detection = Node::Map(map.iter().filter(|(k, _)| k != "rules").cloned().collect());
    Ok(Filter { rules, matcher: Arc::new(Matcher::read(&detection, fill)?) })
}

fn names(node: &Node, key: &str) -> Result<Vec<String>, String> {
    let names = node.as_list().iter().map(|n| n.scalar().ok_or_else(|| format!("`{key}` must be a list of names")));
    names.collect()
}

fn correlation(doc: &Node, node: &Node) -> Result<Correlation, String> {
    node.as_map().ok_or("`correlation` must be a mapping")?;
    let need = |key: &str| node.get(key).ok_or_else(|| format!("`correlation` has no `{key}`"));
    let rules = names(need("rules")?, "rules")?;
    if rules.is_empty() {
        return Err("`rules` of a correlation is empty".to_owned());
    }
    let condition = node.get("condition");
    let kind = kind(need("type")?, condition)?;
    let temporal = matches!(kind, CorrelationKind::Temporal | CorrelationKind::TemporalOrdered);
    let (mut bounds, mut field, mut expression) = (Vec::new(), Vec::new(), None);
    match condition {
        None if temporal => {}
        None => return Err("`correlation` has no `condition`".to_owned()),
        Some(Node::Text(t)) if temporal => {
            let known: Vec<&str> = rules.iter().map(String::as_str).collect();
            expression = Some(crate::condition::parse(t, &known)?);
        }
        Some(map) => (bounds, field) = self::bounds(map)?,
    }
    let needs_field = !temporal && kind != CorrelationKind::EventCount;
    if needs_field && field.is_empty() {
        return Err("`condition` of this correlation needs a `field`".to_owned());
    }
    if !temporal && bounds.is_empty() {
        return Err("`condition` needs one of gt, gte, lt, lte, eq, neq".to_owned());
    }
    let counts = matches!(kind, CorrelationKind::EventCount | CorrelationKind::ValueCount);
    if counts && bounds.iter().any(|(_, limit)| *limit > ENTRIES_PER_GROUP_MAX as f64) {
        return Err(format!(
            "`condition` counts further than {ENTRIES_PER_GROUP_MAX}, which is all that is kept of a group"
        ));
    }
    let generate = node.get("generate").or_else(|| doc.get("generate"));
    Ok(Correlation {
        kind,
        rules,
        group_by: node.get("group-by").map_or(Ok(Vec::new()), |n| names(n, "group-by"))?,
        timespan: timespan(need("timespan")?)?,
        field,
        bounds,
        expression,
        aliases: aliases(node.get("aliases"))?,
        generate: generate == Some(&Node::Bool(true)),
    })
}

fn kind(node: &Node, condition: Option<&Node>) -> Result<CorrelationKind, String> {
    let text = node.as_text().ok_or("`type` of a correlation must be text")?;
    Ok(match text {
        "event_count" => CorrelationKind::EventCount,
        "value_count" => CorrelationKind::ValueCount,
        "temporal" => CorrelationKind::Temporal,
        "temporal_ordered" | "ordered_temporal" => CorrelationKind::TemporalOrdered,
        "value_sum" => CorrelationKind::ValueSum,
        "value_avg" => CorrelationKind::ValueAvg,
        "value_median" => CorrelationKind::ValueMedian,
        "value_percentile" => {
            let rank = condition.and_then(|c| c.get("percentile")).and_then(number).unwrap_or(50.0);
            if !(0.0..=100.0).contains(&rank) {
                return Err("`percentile` lies between 0 and 100".to_owned());
            }
            CorrelationKind::ValuePercentile(rank)
        }
        other => return Err(format!("the correlation `type` `{other}` is not known")),
    })
}

fn number(node: &Node) -> Option<f64> {
    match node {
        Node::Int(n) => Some(*n as f64),
        Node::Float(f) if f.is_finite() => Some(*f),
        Node::Text(t) => t.trim().parse().ok().filter(|f: &f64| f.is_finite()),
        _ => None,
    }
}

/// Bounds, and the fields whose values are counted.
type Counted = (Vec<(Bound, f64)>, Vec<String>);

fn bounds(node: &Node) -> Result<Counted, String> {
    let map = node.as_map().ok_or("`condition` of a correlation must be a mapping, as `gte: 10`")?;
    let (mut bounds, mut field) = (Vec::new(), Vec::new());
    for (key, value) in map {
        let bound = match key.as_str() {
            "gt" => Bound::Gt,
            "gte" => Bound::Gte,
            "lt" => Bound::Lt,
            "lte" => Bound::Lte,
            "eq" => Bound::Eq,
            "neq" => Bound::Neq,
            "field" => {
                field = names(value, "field")?;
                continue;
            }
            "percentile" => continue,
            other => return Err(format!("`{other}` is not known in the condition of a correlation")),
        };
        bounds.push((bound, number(value).ok_or_else(|| format!("`{key}` must be a number"))?));
    }
    Ok((bounds, field))
}

/// `30s`, `5m`, `1h`, `7d`, `2w` in microseconds.
pub(crate) fn timespan(node: &Node) -> Result<i64, String> {
    let text = node.scalar().unwrap_or_default();
    let wrong = || format!("`timespan` `{text}` is not understood: write a number and s, m, h or d, as 5m");
    let text = text.trim();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let amount: i64 = text.strip_suffix(unit).unwrap_or("").trim().parse().map_err(|_| wrong())?;
    match amount.checked_mul(seconds) {
        Some(s) if (1..=TIMESPAN_SECONDS_MAX).contains(&s) => Ok(s * bongsu_event::Micros::SECOND),
        _ => Err(format!("`timespan` `{text}` must lie between 1s and {}d", TIMESPAN_SECONDS_MAX / 86_400)),
    }
}

fn aliases(node: Option<&Node>) -> Result<Aliases, String> {
    let wrong = || "`aliases` must map each alias to a mapping of rule to field".to_owned();
    let Some(node) = node else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for (alias, rules) in node.as_map().ok_or_else(wrong)? {
        let fields: Result<Vec<_>, String> = rules
            .as_map()
            .ok_or_else(wrong)?
            .iter()
            .map(|(rule, field)| Ok((rule.clone(), field.scalar().ok_or_else(wrong)?)))
            .collect();
        out.push((alias.clone(), fields?));
    }
    Ok(out)
}
