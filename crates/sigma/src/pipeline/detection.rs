//! The `detection:` of a rule as pipelines see it: selections of items, which may become groups of items.
//!
//! Invariant: written back without any change it means what it meant.

use std::collections::BTreeSet;

use crate::Node;
use crate::limits::RULE_TERMS_MAX;

/// Key of a selection's part that stands for any of a list: pipelines alone write it.
pub(crate) const ANY_OF: &str = "\u{1}any";
/// The same for all of a list.
pub(crate) const ALL_OF: &str = "\u{1}all";
/// A selection of which nothing is left: it counts neither way in the condition.
pub(crate) const GONE: &str = "\u{1}gone";

/// Modifiers that say where in the field a value stands; to a pipeline they are wildcards of the value.
const AFFIXES: [&str; 3] = ["contains", "startswith", "endswith"];
/// With these modifiers a value is no pattern, or is encoded before it is one.
const NO_PATTERN: [&str; 16] = [
    "re",
    "cidr",
    "exists",
    "fieldref",
    "lt",
    "lte",
    "gt",
    "gte",
    "base64",
    "base64offset",
    "wide",
    "utf16",
    "utf16le",
    "utf16be",
    "windash",
    "expand",
];

/// One `Field|modifier: values`.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// `None`: keywords.
    pub field: Option<String>,
    pub modifiers: Vec<String>,
    pub values: Vec<Node>,
    /// Ids of the steps that changed it.
    pub applied: BTreeSet<String>,
}

/// A selection or a part of one.
#[derive(Clone, Debug)]
pub(super) enum Group {
    All(Vec<Group>),
    Any(Vec<Group>),
    Item(Item),
}

/// Selections by name, and the condition.
#[derive(Clone, Debug)]
pub(super) struct Detection {
    pub selections: Vec<(String, Group)>,
    pub others: Vec<(String, Node)>,
}

impl Item {
    /// May its values be read as patterns?
    pub fn is_pattern(&self) -> bool {
        !self.modifiers.iter().any(|m| NO_PATTERN.contains(&m.as_str()))
    }
    fn read(key: &str, node: &Node) -> Self {
        let mut words = key.split('|');
        let name = words.next().unwrap_or("").trim();
        let values = match node {
            Node::Null => vec![Node::Null],
            Node::List(l) if l.is_empty() => vec![Node::Null],
            other => other.as_list().to_vec(),
        };
        let mut this = Self {
            field: (!name.is_empty()).then(|| name.to_owned()),
            modifiers: words.map(str::to_owned).collect(),
            values,
            applied: BTreeSet::new(),
        };
        if this.is_pattern() && this.field.is_some() {
            this.unfold();
        }
        this
    }
    /// Write `contains` and its like as the wildcards that they stand for.
    fn unfold(&mut self) {
        let has = |m: &str| self.modifiers.iter().any(|x| x == m);
        let front = has("contains") || has("endswith");
        let behind = has("contains") || has("startswith");
        if !front && !behind {
            return;
        }
        for value in &mut self.values {
            if let Some(text) = value.scalar() {
                let (a, z) = (if front { "*" } else { "" }, if behind { "*" } else { "" });
                // A backslash at the end would make the wildcard plain.
                let odd = text.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1;
                let slash = if behind && odd { "\\" } else { "" };
                *value = Node::Text(format!("{a}{text}{slash}{z}"));
            }
        }
        self.modifiers.retain(|m| !AFFIXES.contains(&m.as_str()));
    }
    fn write(self) -> (String, Node) {
        let key = std::iter::once(self.field.unwrap_or_default()).chain(self.modifiers).collect::<Vec<_>>().join("|");
        let mut values = self.values;
        let value = if values.len() == 1 { values.pop().unwrap_or(Node::Null) } else { Node::List(values) };
        (key, value)
    }
}

impl Group {
    /// Read a selection.
    pub fn read(node: &Node) -> Result<Self, String> {
        match node {
            Node::Map(map) => {
                let item = |(key, value): &(String, Node)| Self::Item(Item::read(key, value));
                Ok(Self::All(map.iter().map(item).collect()))
            }
            Node::List(list) if list.iter().any(|n| matches!(n, Node::Map(_) | Node::List(_))) => {
                list.iter().map(Self::read).collect::<Result<_, _>>().map(Self::Any)
            }
            Node::Null => Err("a selection is empty".to_owned()),
            other => Ok(Self::Item(Item::read("", other))),
        }
    }
    fn write(self) -> Option<Node> {
        match self {
            Self::Item(item) if item.values.is_empty() => None,
            Self::Item(item) => Some(Node::Map(vec![item.write()])),
            Self::Any(list) => {
                let all: Vec<Node> = list.into_iter().filter_map(Self::write).collect();
                (!all.is_empty()).then_some(Node::List(all))
            }
            Self::All(list) => {
                let mut map = Vec::new();
                for part in list {
                    match part {
                        Self::Item(item) if item.values.is_empty() => {}
                        Self::Item(item) => map.push(item.write()),
                        Self::Any(_) => map.extend(part.write().map(|n| (ANY_OF.to_owned(), n))),
                        Self::All(_) => map.extend(part.write().map(|n| (ALL_OF.to_owned(), Node::List(vec![n])))),
                    }
                }
                (!map.is_empty()).then_some(Node::Map(map))
            }
        }
    }
    /// Every item.
    pub fn each(&self, f: &mut dyn FnMut(&Item)) {
        match self {
            Self::Item(item) => f(item),
            Self::All(l) | Self::Any(l) => l.iter().for_each(|g| g.each(f)),
        }
    }
    /// Put in place of each item what `f` makes of it; `None` drops it.
    pub fn change(self, f: &mut dyn FnMut(Item) -> Result<Option<Self>, String>) -> Result<Option<Self>, String> {
        let mut of = |list: Vec<Self>| -> Result<Vec<Self>, String> {
            let mut out = Vec::with_capacity(list.len());
            for group in list {
                out.extend(group.change(f)?);
            }
            Ok(out)
        };
        match self {
            Self::Item(item) => f(item),
            Self::All(list) => {
                let list = of(list)?;
                Ok((!list.is_empty()).then_some(Self::All(list)))
            }
            Self::Any(list) => {
                let list = of(list)?;
                Ok((!list.is_empty()).then_some(Self::Any(list)))
            }
        }
    }
    /// How many items and values it holds.
    pub fn size(&self) -> usize {
        match self {
            Self::Item(item) => 1 + item.values.len(),
            Self::All(l) | Self::Any(l) => l.iter().fold(1usize, |n, g| n.saturating_add(g.size())),
        }
    }
}

impl Detection {
    /// Read a `detection:` mapping.
    pub fn read(node: &Node) -> Result<Self, String> {
        let map = node.as_map().ok_or("`detection` must be a mapping of selections and a condition")?;
        let mut this = Self { selections: Vec::new(), others: Vec::new() };
        for (name, value) in map {
            if matches!(name.as_str(), "condition" | "timeframe") {
                this.others.push((name.clone(), value.clone()));
            } else {
                let group = Group::read(value).map_err(|e| format!("selection `{name}`: {e}"))?;
                this.selections.push((name.clone(), group));
            }
        }
        Ok(this)
    }
    /// As a document again.
    pub fn write(self) -> Node {
        let gone = || Node::Map(vec![(GONE.to_owned(), Node::Null)]);
        let selections = self.selections.into_iter().map(|(name, g)| (name, g.write().unwrap_or_else(gone)));
        Node::Map(selections.chain(self.others).collect())
    }
    /// Change each item.
    pub fn change(&mut self, f: &mut dyn FnMut(Item) -> Result<Option<Group>, String>) -> Result<(), String> {
        for (_, group) in &mut self.selections {
            let old = std::mem::replace(group, Group::All(Vec::new()));
            *group = old.change(f)?.unwrap_or(Group::All(Vec::new()));
        }
        self.check_size()
    }
    /// Does any item satisfy `f`?
    pub fn any(&self, f: &mut dyn FnMut(&Item) -> bool) -> bool {
        let mut found = false;
        for (_, group) in &self.selections {
            group.each(&mut |item| found = found || f(item));
        }
        found
    }
    /// Join a selection to every condition.
    pub fn join(&mut self, name: &str, group: Group, negated: bool) {
        self.selections.push((name.to_owned(), group));
        let not = if negated { "not " } else { "" };
        for (key, value) in &mut self.others {
            if key == "condition" {
                let joined = |n: &Node| Node::Text(format!("{not}{name} and ({})", n.scalar().unwrap_or_default()));
                *value = Node::List(value.as_list().iter().map(joined).collect());
            }
        }
    }
    /// Is it still of a size that a rule may have?
    pub fn check_size(&self) -> Result<(), String> {
        let size = self.selections.iter().fold(0usize, |n, (_, g)| n.saturating_add(g.size()));
        if size > RULE_TERMS_MAX {
            return Err(format!("the rule grows to {size} values, more than {RULE_TERMS_MAX}"));
        }
        Ok(())
    }
}
