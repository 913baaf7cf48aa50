//! One transformation of a pipeline.
//!
//! Invariant: a kind that is not known is an error when the pipeline is read; what makes queries alone is refused.

use std::collections::BTreeMap;

use regex::Regex;

use super::condition::{Conditions, Facts, Of};
use super::detection::{Group, Item};
use super::{Draft, expression, flag, text, texts, value};
use crate::Node;
use crate::limits::{RULE_TERMS_MAX, VALUE_VARIANTS_MAX};

/// What is done.
#[derive(Clone, Debug)]
enum Kind {
    Fields(Names),
    Drop,
    Hashes { algorithms: Vec<String>, prefix: String, drop_algorithm: bool },
    WildcardPlaceholders(Chosen),
    ValuePlaceholders(Chosen),
    AddCondition { group: Box<Node>, name: Option<String>, negated: bool, template: bool },
    ChangeLogsource(Vec<(String, Node)>),
    AddFields(Vec<String>),
    RemoveFields(Vec<String>),
    SetFields(Vec<String>),
    ReplaceString { regex: Regex, with: String, skip_special: bool, interpret: bool },
    MapString(BTreeMap<String, Vec<String>>),
    Case(Case),
    SetState { key: String, value: String },
    SetValue(Node),
    ConvertType { to_number: bool },
    Regex { brackets: bool, flag: bool },
    RuleFailure(String),
    ItemFailure(String),
    SetAttribute { attribute: String, value: Node },
    Nest(Vec<Step>),
}

/// How names of fields change.
#[derive(Clone, Debug)]
enum Names {
    Map(BTreeMap<String, Vec<String>>),
    PrefixMap(Vec<(String, Vec<String>)>),
    Function(Case, BTreeMap<String, Vec<String>>),
    Prefix(String),
    Suffix(String),
}

#[derive(Clone, Copy, Debug)]
enum Case {
    Lower,
    Upper,
    Title,
    Snake,
}

/// Which placeholders.
#[derive(Clone, Debug)]
struct Chosen {
    include: Option<Vec<String>>,
    exclude: Vec<String>,
}

/// A step: what is done, and when.
#[derive(Clone, Debug)]
pub(super) struct Step {
    id: Option<String>,
    kind: Kind,
    of_rule: Conditions,
    of_item: Conditions,
    of_field: Conditions,
}

type Nested<'n> = &'n mut dyn FnMut(Option<&Node>) -> Result<Vec<Step>, String>;

impl Step {
    /// Read a step; `nested` reads the steps inside it.
    pub fn read(node: &Node, nested: Nested<'_>) -> Result<Self, String> {
        node.as_map().ok_or("it must be a mapping with `type`")?;
        Ok(Self {
            id: node.get("id").and_then(Node::scalar),
            kind: Kind::read(node, nested)?,
            of_rule: Conditions::read(node, Of::Rule)?,
            of_item: Conditions::read(node, Of::Item)?,
            of_field: Conditions::read(node, Of::Field)?,
        })
    }
    /// Change the rule, if the conditions hold.
    pub fn run(&self, draft: &mut Draft) -> Result<(), String> {
        if !self.of_rule.hold_of_rule(draft) {
            return Ok(());
        }
        let done = match &self.kind {
            Kind::Nest(steps) => {
                steps.iter().try_for_each(|s| s.run(draft))?;
                true
            }
            kind if kind.is_of_rule() => {
                kind.change_rule(draft)?;
                true
            }
            _ => self.change_items(draft)?,
        };
        if let Some(id) = self.id.as_ref().filter(|_| done) {
            draft.applied.insert(id.clone());
        }
        Ok(())
    }
    /// Says whether any item was changed.
    fn change_items(&self, draft: &mut Draft) -> Result<bool, String> {
        let (mut done, mut size) = (false, 0usize);
        if let Some(mut detection) = draft.detection.take() {
            let facts = Facts { state: &draft.state };
            detection.change(&mut |mut item| {
                if !self.of_item.hold_of_item(&item, &facts) || !self.of_field.hold_of_item(&item, &facts) {
                    return Ok(Some(Group::Item(item)));
                }
                done = true;
                item.applied.extend(self.id.clone());
                let made = self.kind.change_item(item, &draft.vars)?;
                size = size.saturating_add(made.as_ref().map_or(0, Group::size));
                if size > RULE_TERMS_MAX {
                    return Err(format!("the rule grows to more than {RULE_TERMS_MAX} values"));
                }
                Ok(made)
            })?;
            draft.detection = Some(detection);
        }
        if let Kind::Fields(names) = &self.kind {
            done |= self.change_names(names, draft);
        }
        Ok(done)
    }
    /// The fields that the rule lists, and those that a correlation groups by or counts.
    fn change_names(&self, names: &Names, draft: &mut Draft) -> bool {
        let mut done = false;
        let mut change = |node: &mut Node| {
            let mut new: Vec<Node> = Vec::new();
            for name in node.as_list().iter().filter_map(Node::scalar) {
                match names.of(&name).filter(|_| self.of_field.hold_of_name(&name)) {
                    Some(changed) => {
                        done = true;
                        new.extend(changed.into_iter().map(Node::Text));
                    }
                    None => new.push(Node::Text(name)),
                }
            }
            *node = if new.len() == 1 && !matches!(node, Node::List(_)) {
                new.into_iter().next().unwrap_or(Node::Null)
            } else {
                Node::List(new)
            };
        };
        for (key, node) in &mut draft.doc {
            match (key.as_str(), node) {
                ("fields", node) => change(node),
                ("correlation", Node::Map(map)) => {
                    for (key, node) in map {
                        match (key.as_str(), node) {
                            ("group-by", node) => change(node),
                            ("condition", Node::Map(condition)) => {
                                condition.iter_mut().filter(|(k, _)| k == "field").for_each(|(_, n)| change(n));
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        done
    }
}

/// A mapping to one text or several.
fn mapping(node: &Node) -> Result<Vec<(String, Vec<String>)>, String> {
    let map = node.get("mapping").and_then(Node::as_map).ok_or("`mapping` is missing")?;
    Ok(map.iter().map(|(k, v)| (k.clone(), v.as_list().iter().filter_map(Node::scalar).collect())).collect())
}

impl Kind {
    fn read(node: &Node, nested: Nested<'_>) -> Result<Self, String> {
        let kind = text(node, "type")?;
        let chosen =
            || Chosen { include: node.get("include").map(|_| texts(node, "include")), exclude: texts(node, "exclude") };
        let optional = |key: &str| node.get(key).and_then(Node::scalar);
        Ok(match kind.as_str() {
            "field_name_mapping" => Self::Fields(Names::Map(mapping(node)?.into_iter().collect())),
            "field_name_prefix_mapping" => Self::Fields(Names::PrefixMap(mapping(node)?)),
            "field_name_transform" => {
                let own = if node.get("mapping").is_some() { mapping(node)? } else { Vec::new() };
                Self::Fields(Names::Function(Case::read(&text(node, "transform_func")?)?, own.into_iter().collect()))
            }
            "field_name_prefix" => Self::Fields(Names::Prefix(text(node, "prefix")?)),
            "field_name_suffix" => Self::Fields(Names::Suffix(text(node, "suffix")?)),
            "drop_detection_item" => Self::Drop,
            "hashes_fields" => Self::Hashes {
                algorithms: texts(node, "valid_hash_algos"),
                prefix: optional("field_prefix").unwrap_or_default(),
                drop_algorithm: flag(node, "drop_algo_prefix"),
            },
            "wildcard_placeholders" => Self::WildcardPlaceholders(chosen()),
            "value_placeholders" => Self::ValuePlaceholders(chosen()),
            "add_condition" => Self::AddCondition {
                group: Box::new(node.get("conditions").cloned().ok_or("`conditions` is missing")?),
                name: optional("name"),
                negated: flag(node, "negated"),
                template: flag(node, "template"),
            },
            "change_logsource" => Self::ChangeLogsource(
                ["category", "product", "service"]
                    .into_iter()
                    .filter_map(|k| Some((k.to_owned(), node.get(k)?.clone())))
                    .collect(),
            ),
            "add_field" => Self::AddFields(texts(node, "field")),
            "remove_field" => Self::RemoveFields(texts(node, "field")),
            "set_field" => Self::SetFields(texts(node, "fields")),
            "replace_string" => Self::ReplaceString {
                regex: expression(&text(node, "regex")?)?,
                with: value::replacement(&text(node, "replacement")?),
                skip_special: flag(node, "skip_special"),
                interpret: flag(node, "interpret_special"),
            },
            "map_string" => Self::MapString(mapping(node)?.into_iter().collect()),
            "case" => Self::Case(Case::read(&optional("method").unwrap_or_else(|| "lower".to_owned()))?),
            "set_state" => Self::SetState { key: text(node, "key")?, value: text(node, "val")? },
            "set_value" => {
                let value = node.get("value").cloned().unwrap_or(Node::Null);
                match optional("force_type").as_deref() {
                    None => Self::SetValue(value),
                    Some(kind) => Self::SetValue(value::converted(&value, kind == "num")?),
                }
            }
            "convert_type" => Self::ConvertType { to_number: text(node, "target_type")? == "num" },
            "regex" => {
                let method = optional("method").unwrap_or_else(|| "ignore_case_brackets".to_owned());
                Self::Regex { brackets: method == "ignore_case_brackets", flag: method == "ignore_case_flag" }
            }
            "rule_failure" => Self::RuleFailure(text(node, "message")?),
            "detection_item_failure" => Self::ItemFailure(text(node, "message")?),
            "set_custom_attribute" => Self::SetAttribute {
                attribute: text(node, "attribute")?,
                value: node.get("value").cloned().ok_or("`value` is missing")?,
            },
            "nest" => Self::Nest(nested(node.get("items"))?),
            "query_expression_placeholders" => {
                return Err("`query_expression_placeholders` writes queries; give the placeholder values".to_owned());
            }
            other => return Err(format!("the transformation `{other}` is not known")),
        })
    }
    fn is_of_rule(&self) -> bool {
        matches!(
            self,
            Self::AddCondition { .. }
                | Self::ChangeLogsource(_)
                | Self::AddFields(_)
                | Self::RemoveFields(_)
                | Self::SetFields(_)
                | Self::SetState { .. }
                | Self::RuleFailure(_)
                | Self::SetAttribute { .. }
        )
    }
    fn change_rule(&self, draft: &mut Draft) -> Result<(), String> {
        let list = |texts: Vec<String>| Node::List(texts.into_iter().map(Node::Text).collect());
        match self {
            Self::AddCondition { group, name, negated, template } => {
                let filled = if *template { filled(group, draft) } else { (**group).clone() };
                let group = Group::read(&filled)?;
                draft.added += 1;
                let name = name.clone().unwrap_or_else(|| format!("_added_{}", draft.added));
                if let Some(detection) = &mut draft.detection {
                    detection.join(&name, group, *negated);
                    detection.check_size()?;
                }
            }
            Self::ChangeLogsource(parts) => draft.set("logsource", Node::Map(parts.clone())),
            Self::AddFields(more) => {
                let all = draft.texts("fields").into_iter().chain(more.iter().cloned()).collect();
                draft.set("fields", list(all));
            }
            Self::RemoveFields(less) => {
                let rest = draft.texts("fields").into_iter().filter(|f| !less.contains(f)).collect();
                draft.set("fields", list(rest));
            }
            Self::SetFields(all) => draft.set("fields", list(all.clone())),
            Self::SetState { key, value } => {
                draft.state.insert(key.clone(), value.clone());
            }
            Self::SetAttribute { attribute, value } => draft.set(attribute, value.clone()),
            Self::RuleFailure(message) => return Err(message.clone()),
            _ => {}
        }
        Ok(())
    }
    fn change_item(&self, mut item: Item, vars: &BTreeMap<String, Vec<String>>) -> Result<Option<Group>, String> {
        match self {
            Self::Fields(names) => {
                let new = item.field.as_deref().and_then(|f| names.of(f));
                return Ok(Some(match new {
                    Some(new) => several(item, new),
                    None => Group::Item(item),
                }));
            }
            Self::Drop => return Ok(None),
            Self::ItemFailure(message) => return Err(message.clone()),
            Self::Hashes { algorithms, prefix, drop_algorithm } => {
                return hashes(&item, algorithms, prefix, *drop_algorithm).map(Some);
            }
            Self::WildcardPlaceholders(chosen) => chosen.fill(&mut item, &|_| Some(vec!["*".to_owned()]))?,
            Self::ValuePlaceholders(chosen) => {
                chosen.fill(&mut item, &|name| vars.get(name).cloned())?;
            }
            Self::SetValue(value) => item.values = vec![value.clone()],
            Self::ConvertType { to_number } => {
                let all: Result<_, String> = item.values.iter().map(|v| value::converted(v, *to_number)).collect();
                item.values = all?;
            }
            Self::ReplaceString { regex, with, skip_special, interpret } => {
                item.each_text(&|t| vec![value::replaced(t, regex, with, *skip_special, *interpret)]);
            }
            Self::MapString(map) => item.each_text(&|t| map.get(t).cloned().unwrap_or_else(|| vec![t.to_owned()])),
            Self::Case(case) if item.is_pattern() => {
                item.each_text(&|t| vec![value::map_plain(t, false, &|t| case.of(t))]);
            }
            Self::Regex { brackets, flag } if item.is_pattern() && item.field.is_some() => {
                item.each_text(&|t| vec![format!("^(?:{})$", value::as_expression(t, *brackets))]);
                item.modifiers.insert(0, "re".to_owned());
                item.modifiers.retain(|m| m != "cased");
                if *flag {
                    item.modifiers.insert(1, "i".to_owned());
                }
                item.modifiers.insert(1, "s".to_owned());
            }
            _ => {}
        }
        Ok(Some(Group::Item(item)))
    }
}

impl Item {
    /// Put in place of each text what `f` makes of it.
    fn each_text(&mut self, f: &dyn Fn(&str) -> Vec<String>) {
        let old = std::mem::take(&mut self.values);
        for value in old {
            match value.scalar().filter(|_| !matches!(value, Node::Bool(_))) {
                Some(text) => {
                    let new = f(&text);
                    // A number that nothing changed stays a number.
                    if matches!(new.as_slice(), [one] if *one == text) {
                        self.values.push(value);
                    } else {
                        self.values.extend(new.into_iter().map(Node::Text));
                    }
                }
                None => self.values.push(value),
            }
        }
    }
}

/// The item under each of these names, any of which may match.
fn several(item: Item, mut names: Vec<String>) -> Group {
    let under = |name: String| Group::Item(Item { field: Some(name), ..item.clone() });
    match names.len() {
        1 => under(names.pop().unwrap_or_default()),
        _ => Group::Any(names.into_iter().map(under).collect()),
    }
}

/// `Hashes: 'MD5=…'` as fields of their own, any of which may match.
fn hashes(item: &Item, algorithms: &[String], prefix: &str, drop_algorithm: bool) -> Result<Group, String> {
    let mut fields: Vec<(String, Vec<Node>)> = Vec::new();
    for text in item.values.iter().filter_map(Node::scalar) {
        let text = text.trim_matches('*').to_owned();
        let (algorithm, hash) = match text.split_once(['|', '=']) {
            Some((algorithm, hash)) => (algorithm.to_uppercase(), hash.to_owned()),
            None => {
                let of_length = match text.len() {
                    32 => "MD5",
                    40 => "SHA1",
                    64 => "SHA256",
                    128 => "SHA512",
                    _ => "",
                };
                (of_length.to_owned(), text)
            }
        };
        if !algorithms.contains(&algorithm) {
            continue;
        }
        let name = if drop_algorithm { prefix.to_owned() } else { format!("{prefix}{algorithm}") };
        match fields.iter_mut().find(|(n, _)| *n == name) {
            Some((_, list)) => list.push(Node::Text(hash)),
            None => fields.push((name, vec![Node::Text(hash)])),
        }
    }
    if fields.is_empty() {
        return Err(format!("no hash of one of {} is in the item", algorithms.join(", ")));
    }
    let one = |(field, values)| {
        Group::Item(Item { field: Some(field), modifiers: Vec::new(), values, applied: item.applied.clone() })
    };
    Ok(Group::Any(fields.into_iter().map(one).collect()))
}

/// The parts of the logsource written into a template, as `$category`.
fn filled(node: &Node, draft: &Draft) -> Node {
    match node {
        Node::Text(t) => {
            let part = |key: &str| draft.get("logsource").and_then(|l| l.get(key)).and_then(Node::scalar);
            let mut text = t.clone();
            for key in ["category", "product", "service"] {
                let with = part(key).unwrap_or_default();
                text = text.replace(&format!("${{{key}}}"), &with).replace(&format!("${key}"), &with);
            }
            Node::Text(text)
        }
        Node::List(l) => Node::List(l.iter().map(|n| filled(n, draft)).collect()),
        Node::Map(m) => Node::Map(m.iter().map(|(k, v)| (k.clone(), filled(v, draft))).collect()),
        other => other.clone(),
    }
}

impl Names {
    /// What a name becomes; `None`: it stays.
    fn of(&self, name: &str) -> Option<Vec<String>> {
        match self {
            Self::Map(map) => map.get(name).cloned(),
            Self::PrefixMap(list) => list.iter().find_map(|(prefix, new)| {
                let rest = name.strip_prefix(prefix.as_str())?;
                Some(new.iter().map(|n| format!("{n}{rest}")).collect())
            }),
            Self::Function(case, own) => Some(own.get(name).cloned().unwrap_or_else(|| vec![case.of(name)])),
            Self::Prefix(prefix) => Some(vec![format!("{prefix}{name}")]),
            Self::Suffix(suffix) => Some(vec![format!("{name}{suffix}")]),
        }
    }
}

impl Case {
    fn read(name: &str) -> Result<Self, String> {
        Ok(match name {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "title" => Self::Title,
            "snake_case" => Self::Snake,
            other => return Err(format!("the case `{other}` is not known: lower, upper, title or snake_case")),
        })
    }
    fn of(self, text: &str) -> String {
        match self {
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
            Self::Snake => value::snake(text),
            Self::Title => {
                let mut inside = false;
                let each = text.chars().map(|c| {
                    let first = c.is_alphabetic() && !inside;
                    inside = c.is_alphabetic();
                    if first { c.to_uppercase().to_string() } else { c.to_lowercase().to_string() }
                });
                each.collect()
            }
        }
    }
}

impl Chosen {
    fn has(&self, name: &str) -> bool {
        match &self.include {
            Some(list) => list.iter().any(|n| n == name),
            None => !self.exclude.iter().any(|n| n == name),
        }
    }
    /// Fill the chosen placeholders of an item; others are left for later.
    fn fill(&self, item: &mut Item, values: &dyn Fn(&str) -> Option<Vec<String>>) -> Result<(), String> {
        if !item.modifiers.iter().any(|m| m == "expand") {
            return Ok(());
        }
        let mut missing = None;
        let mut out = Vec::new();
        for value in std::mem::take(&mut item.values) {
            let Some(text) = value.scalar() else {
                out.push(value);
                continue;
            };
            let mut done = vec![String::new()];
            let mut rest = text.as_str();
            while let Some((before, name, after)) = placeholder(rest) {
                let choices = if self.has(name) { values(name) } else { Some(vec![format!("%{name}%")]) };
                let Some(choices) = choices else {
                    missing = Some(name.to_owned());
                    break;
                };
                if done.len().saturating_mul(choices.len()) > VALUE_VARIANTS_MAX {
                    return Err(format!("the placeholders of `{text}` make more than {VALUE_VARIANTS_MAX} values"));
                }
                let join = |d: &String| choices.iter().map(|c| format!("{d}{before}{c}")).collect::<Vec<_>>();
                done = done.iter().flat_map(join).collect();
                rest = after;
            }
            out.extend(done.into_iter().map(|d| Node::Text(d + rest)));
        }
        item.values = out;
        missing.map_or(Ok(()), |name| Err(format!("there is no variable `{name}` for the placeholder")))
    }
}

/// The first `%name%` of a text, with what stands before and behind it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find('%')?;
        let rest = text.get(start + 1..)?;
        let escaped = text.get(..start).is_some_and(|t| t.ends_with('\\'));
        if let Some((name, after)) = rest.split_once('%')
            && !escaped
            && !name.is_empty()
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        {
            return Some((text.get(..start)?, name, after));
        }
        from = start + 1;
    }
}
