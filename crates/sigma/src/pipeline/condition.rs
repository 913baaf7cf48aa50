//! Conditions of a step: on the rule, on an item, on the name of a field.
//!
//! Invariant: a condition of a kind that is not known is an error when the pipeline is read.

use bongsu_event::Severity;
use regex::Regex;

use super::detection::Item;
use super::{Draft, expression, flag, text, texts, value};
use crate::Node;
use crate::condition::{self, Condition};

/// What is asked.
#[derive(Clone, Debug)]
enum Ask {
    Logsource { category: Option<String>, product: Option<String>, service: Option<String> },
    ContainsField(String),
    ContainsItem(String, String),
    Applied(String),
    State { key: String, value: String, op: String },
    IsRule,
    IsCorrelation,
    Attribute { attribute: String, value: String, op: String },
    Tag(String),
    Taxonomy(String),
    MatchString { pattern: Regex, all: bool, negate: bool },
    MatchValue { value: String, all: bool },
    Wildcard { all: bool },
    IsNull { all: bool },
    Field { names: Vec<String>, patterns: Vec<Regex>, exclude: bool },
}

/// A list of conditions and how they are joined.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    asks: Vec<Ask>,
    any: bool,
    not: bool,
    expression: Option<Condition>,
}

/// Which of the three lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Rule,
    Item,
    Field,
}

impl Of {
    fn prefix(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Item => "detection_item",
            Self::Field => "field_name",
        }
    }
}

impl Conditions {
    /// Read one of the lists of a step.
    pub fn read(step: &Node, of: Of) -> Result<Self, String> {
        let prefix = of.prefix();
        let Some(node) = step.get(&format!("{prefix}_conditions")) else { return Ok(Self::default()) };
        let (mut asks, mut names) = (Vec::new(), Vec::new());
        let named = node.as_map().filter(|m| m.iter().all(|(_, n)| n.as_map().is_some()));
        match named {
            Some(map) => {
                for (name, condition) in map {
                    names.push(name.as_str());
                    asks.push(Ask::read(condition, of)?);
                }
            }
            None => asks = node.as_list().iter().map(|c| Ask::read(c, of)).collect::<Result<_, _>>()?,
        }
        let expression = step.get(&format!("{prefix}_cond_expr")).and_then(Node::scalar);
        Ok(Self {
            any: step.get(&format!("{prefix}_cond_op")).and_then(Node::as_text) == Some("or"),
            not: flag(step, &format!("{prefix}_cond_not")),
            expression: expression.map(|e| condition::parse(&e, &names)).transpose()?,
            asks,
        })
    }
    fn hold(&self, ask: &dyn Fn(&Ask) -> bool) -> bool {
        let held = match &self.expression {
            Some(e) => evaluated(e, &|at| self.asks.get(at).is_some_and(ask)),
            None if self.asks.is_empty() => return true,
            None if self.any => self.asks.iter().any(ask),
            None => self.asks.iter().all(ask),
        };
        held != self.not
    }
    /// Of the rule as it stands.
    pub fn hold_of_rule(&self, draft: &Draft) -> bool {
        self.hold(&|ask| ask.of_rule(draft))
    }
    /// Of an item.
    pub fn hold_of_item(&self, item: &Item, draft: &Facts<'_>) -> bool {
        self.hold(&|ask| ask.of_item(item, draft))
    }
    /// Of the name of a field outside the detection.
    pub fn hold_of_name(&self, name: &str) -> bool {
        self.hold(&|ask| ask.of_name(Some(name)))
    }
}

/// What conditions of items may ask of the rule.
pub(super) struct Facts<'d> {
    pub state: &'d std::collections::BTreeMap<String, String>,
}

fn evaluated(e: &Condition, of: &dyn Fn(usize) -> bool) -> bool {
    match e {
        Condition::Const(b) => *b,
        Condition::Selection(at) => of(*at),
        Condition::Not(e) => !evaluated(e, of),
        Condition::And(l) => l.iter().all(|e| evaluated(e, of)),
        Condition::Or(l) => l.iter().any(|e| evaluated(e, of)),
    }
}

impl Ask {
    fn read(node: &Node, of: Of) -> Result<Self, String> {
        let kind = text(node, "type")?;
        let optional = |key: &str| node.get(key).and_then(Node::scalar);
        let lower = |key: &str| optional(key).map(|t| t.to_lowercase());
        let op = || optional("op").unwrap_or_else(|| "eq".to_owned());
        let all = optional("cond").as_deref() == Some("all");
        Ok(match (kind.as_str(), of) {
            ("logsource", Of::Rule) => {
                Self::Logsource { category: lower("category"), product: lower("product"), service: lower("service") }
            }
            ("contains_field", Of::Rule) => Self::ContainsField(text(node, "field")?),
            ("contains_detection_item", Of::Rule) => Self::ContainsItem(text(node, "field")?, text(node, "value")?),
            ("is_sigma_rule", Of::Rule) => Self::IsRule,
            ("is_sigma_correlation_rule", Of::Rule) => Self::IsCorrelation,
            ("rule_attribute", Of::Rule) => {
                Self::Attribute { attribute: text(node, "attribute")?, value: text(node, "value")?, op: op() }
            }
            ("tag", Of::Rule) => Self::Tag(text(node, "tag")?),
            ("taxonomy", Of::Rule) => Self::Taxonomy(text(node, "taxonomy")?),
            ("processing_item_applied", _) => Self::Applied(text(node, "processing_item_id")?),
            ("processing_state", _) => Self::State { key: text(node, "key")?, value: text(node, "val")?, op: op() },
            ("match_string", Of::Item) => Self::MatchString {
                pattern: expression(&format!("^(?:{})", text(node, "pattern")?))?,
                all,
                negate: flag(node, "negate"),
            },
            ("match_value", Of::Item) => Self::MatchValue { value: text(node, "value")?, all },
            ("contains_wildcard", Of::Item) => Self::Wildcard { all },
            ("is_null", Of::Item) => Self::IsNull { all },
            ("include_fields" | "exclude_fields", Of::Field | Of::Item) => {
                let names = texts(node, "fields");
                let is_pattern = matches!(
                    optional("type_match").or_else(|| optional("match_type")).as_deref(),
                    Some("re" | "regex")
                ) || optional("mode").as_deref() == Some("re");
                let patterns = if is_pattern {
                    names.iter().map(|n| expression(&format!("^(?:{n})"))).collect::<Result<_, _>>()?
                } else {
                    Vec::new()
                };
                let names = if is_pattern { Vec::new() } else { names };
                Self::Field { names, patterns, exclude: kind == "exclude_fields" }
            }
            (other, _) => return Err(format!("the condition `{other}` is not known for {}s", of.prefix())),
        })
    }
    fn of_rule(&self, draft: &Draft) -> bool {
        let items = |f: &mut dyn FnMut(&Item) -> bool| draft.detection.as_ref().is_some_and(|d| d.any(f));
        match self {
            Self::Logsource { category, product, service } => {
                let own = |key: &str| draft.get("logsource")?.get(key)?.scalar().map(|t| t.to_lowercase());
                let fits = |asked: &Option<String>, key: &str| asked.is_none() || *asked == own(key);
                fits(category, "category") && fits(product, "product") && fits(service, "service")
            }
            Self::ContainsField(name) => items(&mut |i| i.field.as_ref() == Some(name)),
            Self::ContainsItem(name, value) => items(&mut |i| {
                i.field.as_ref() == Some(name) && i.values.iter().any(|v| v.scalar().as_ref() == Some(value))
            }),
            Self::Applied(id) => draft.applied.contains(id),
            Self::State { key, value, op } => compared(draft.state.get(key).map(String::as_str), op, value),
            Self::IsRule => draft.detection.is_some(),
            Self::IsCorrelation => draft.get("correlation").is_some(),
            Self::Attribute { attribute, value, op } => attribute_holds(draft, attribute, op, value),
            Self::Tag(tag) => draft.texts("tags").contains(tag),
            Self::Taxonomy(name) => {
                draft.get("taxonomy").and_then(Node::scalar).unwrap_or_else(|| "sigma".to_owned()) == *name
            }
            _ => false,
        }
    }
    fn of_item(&self, item: &Item, facts: &Facts<'_>) -> bool {
        let each = |all: bool, f: &dyn Fn(&Node) -> bool| {
            if all { item.values.iter().all(f) } else { item.values.iter().any(f) }
        };
        match self {
            Self::Applied(id) => item.applied.contains(id),
            Self::State { key, value, op } => compared(facts.state.get(key).map(String::as_str), op, value),
            Self::MatchString { pattern, all, negate } => {
                each(*all, &|v| v.as_text().is_some_and(|t| pattern.is_match(t)) != *negate)
            }
            Self::MatchValue { value, all } => each(*all, &|v| v.scalar().as_ref() == Some(value)),
            Self::Wildcard { all } => each(*all, &|v| v.as_text().is_some_and(value::has_wildcard)),
            Self::IsNull { all } => each(*all, &|v| *v == Node::Null),
            Self::Field { .. } => self.of_name(item.field.as_deref()),
            _ => false,
        }
    }
    fn of_name(&self, name: Option<&str>) -> bool {
        match self {
            Self::Field { names, patterns, exclude } => {
                let listed =
                    name.is_some_and(|n| names.iter().any(|x| x == n) || patterns.iter().any(|p| p.is_match(n)));
                listed != *exclude
            }
            _ => false,
        }
    }
}

fn compared(own: Option<&str>, op: &str, value: &str) -> bool {
    let Some(own) = own else { return op == "ne" };
    let order = match (own.parse::<f64>(), value.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => own.cmp(value),
    };
    admits(order, op)
}

fn admits(order: std::cmp::Ordering, op: &str) -> bool {
    match op {
        "ne" => order.is_ne(),
        "gt" => order.is_gt(),
        "gte" => order.is_ge(),
        "lt" => order.is_lt(),
        "lte" => order.is_le(),
        _ => order.is_eq(),
    }
}

const STATUSES: [&str; 5] = ["unsupported", "deprecated", "experimental", "test", "stable"];

fn attribute_holds(draft: &Draft, attribute: &str, op: &str, value: &str) -> bool {
    let Some(own) = draft.get(attribute) else { return false };
    if let Node::List(list) = own {
        let member = list.iter().any(|n| n.scalar().as_deref() == Some(value));
        return match op {
            "in" => member,
            "not_in" => !member,
            "ne" => true,
            _ => false,
        };
    }
    let own = own.scalar().unwrap_or_default();
    let rank = |text: &str| match attribute {
        "level" => Severity::from_name(&text.to_lowercase()).map(|s| usize::from(s.number())),
        "status" => STATUSES.iter().position(|s| *s == text),
        _ => None,
    };
    match (rank(&own), rank(value)) {
        (Some(a), Some(b)) => admits(a.cmp(&b), op),
        _ => compared(Some(&own), op, value),
    }
}
