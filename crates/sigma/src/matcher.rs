//! The `detection:` part of a rule: named selections over tests, and a condition over the selections.
//!
//! Invariant: every test is positive (some value of the field satisfies it); whatever asks for absence is a `Not`.

use std::sync::{Arc, OnceLock};

use bongsu_event::{Field, FieldKind};
use hashbrown::HashMap;

use crate::Node;
use crate::atom::Test;
use crate::condition::{self, Condition};
use crate::limits::{FIELD_NAME_BYTES_MAX, RULE_TERMS_MAX};
use crate::modifier::{self, Placeholders};
use crate::pipeline::{ALL_OF, ANY_OF, GONE};
use crate::view::{Key, Meta};

/// A field as a rule names it, and what it stands for in an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FieldName {
    /// As written; empty: keywords, asked of the texts of the whole event.
    pub text: Arc<str>,
    /// The column it names.
    pub hot: Option<Field>,
    /// What the event says of itself under that name.
    pub meta: Option<Meta>,
    /// It is a column's own name: the column's aliases in foreign events feed it too.
    pub own: bool,
}

/// Sigma's name and that of Windows' own log: the mapping that the specification gives under "Field Usage", and the
/// channel as its examples call it. Its `ProcessCommandLine` is left out: no event of Windows has it.
const MAPPED: [(&str, &str); 5] = [
    ("Image", "NewProcessName"),
    ("ParentImage", "ParentProcessName"),
    ("Details", "NewValue"),
    ("LogonId", "SubjectLogonId"),
    ("EventLog", "Channel"),
];

impl FieldName {
    /// Resolve a name.
    pub fn new(name: &str) -> Result<Self, String> {
        if name.len() > FIELD_NAME_BYTES_MAX {
            return Err(format!("a field name is longer than {FIELD_NAME_BYTES_MAX} bytes"));
        }
        let (hot, meta) = if name.is_empty() { (None, None) } else { (column(name), Meta::from_name(name)) };
        Ok(Self { text: name.into(), hot, meta, own: hot.is_some_and(|f| f.name() == name) })
    }
    /// Is it the event's texts rather than a field?
    pub fn is_keyword(&self) -> bool {
        self.text.is_empty()
    }
    /// Does a value under this key belong to it?
    pub fn is_fed_by(&self, key: Key<'_>) -> bool {
        match key {
            Key::Hot(f) => self.hot == Some(f),
            Key::Meta(m) => self.meta == Some(m),
            Key::Name(n) | Key::Branch(n) => self.names().any(|name| name.eq_ignore_ascii_case(n)),
        }
    }
    /// The names under which foreign events carry it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let aliases = self.hot.filter(|_| self.own).into_iter();
        let aliases = aliases.flat_map(|f| f.aliases().map(|name| -> &str { name }));
        let mapped = MAPPED.iter().filter(|(sigma, _)| sigma.eq_ignore_ascii_case(&self.text)).map(|(_, own)| *own);
        std::iter::once(&*self.text).chain(aliases).chain(mapped)
    }
    /// Does the column hold addresses?
    pub fn is_address(&self) -> bool {
        self.hot.is_some_and(|f| f.kind() == FieldKind::Ip)
    }
}

/// `Field::from_name` from a table: rules name some forty thousand fields.
fn column(name: &str) -> Option<Field> {
    static TABLE: OnceLock<[HashMap<String, Field>; 2]> = OnceLock::new();
    let [exact, folded] = TABLE.get_or_init(|| {
        let (mut exact, mut folded) = (HashMap::new(), HashMap::new());
        let own = Field::ALL.iter().flat_map(|f| [(f.name(), *f), (f.ocsf(), *f)]);
        let aliases = Field::ALL.iter().flat_map(|f| f.aliases().map(|a| (a, *f)));
        for (name, field) in own.chain(aliases) {
            exact.entry(name.to_owned()).or_insert(field);
            folded.entry(name.to_ascii_lowercase()).or_insert(field);
        }
        [exact, folded]
    });
    exact.get(name).or_else(|| folded.get(name.to_ascii_lowercase().as_str())).copied()
}

/// Some value of the field satisfies one of the tests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Term {
    pub field: FieldName,
    pub tests: Vec<Test>,
}

/// A selection: terms joined.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Const(bool),
    Term(Arc<Term>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
}

impl Expr {
    /// All of these.
    pub fn and(mut all: Vec<Self>) -> Self {
        match all.len() {
            1 => all.pop().unwrap_or(Self::Const(true)),
            _ => Self::And(all),
        }
    }
    /// Any of these.
    pub fn or(mut any: Vec<Self>) -> Self {
        match any.len() {
            1 => any.pop().unwrap_or(Self::Const(false)),
            _ => Self::Or(any),
        }
    }
    /// Not this.
    pub fn negate(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            Self::Const(b) => Self::Const(!b),
            other => Self::Not(Box::new(other)),
        }
    }
    fn size(&self) -> usize {
        match self {
            Self::Const(_) => 1,
            Self::Term(t) => 1 + t.tests.len() / 64,
            Self::Not(e) => 1 + e.size(),
            Self::And(l) | Self::Or(l) => 1 + l.iter().map(Self::size).sum::<usize>(),
        }
    }
}

/// The `detection:` part of a rule, read and checked.
#[derive(Clone, Debug)]
pub struct Matcher {
    pub(crate) selections: Vec<(Arc<str>, Expr)>,
    pub(crate) condition: Condition,
    /// Placeholders used that have no values.
    pub(crate) unfilled: Vec<String>,
}

impl Matcher {
    /// Read a `detection:` mapping.
    pub(crate) fn read(node: &Node, placeholders: &Placeholders) -> Result<Self, String> {
        let map = node.as_map().ok_or("`detection` must be a mapping of selections and a condition")?;
        let mut condition = None;
        let mut selections: Vec<(Arc<str>, Expr)> = Vec::new();
        let (mut unfilled, mut gone) = (Vec::new(), Vec::new());
        for (name, value) in map {
            match name.as_str() {
                "condition" => condition = Some(value),
                // Left over from the first version of the language; has no meaning without an aggregation.
                "timeframe" => {}
                _ => {
                    let expr = selection(value, placeholders, &mut unfilled)
                        .map_err(|e| format!("selection `{name}`: {e}"))?;
                    if value.get(GONE).is_some() {
                        gone.push(selections.len());
                    }
                    selections.push((name.as_str().into(), expr));
                }
            }
        }
        let names: Vec<&str> = selections.iter().map(|(n, _)| &**n).collect();
        let condition = condition.ok_or("`detection` has no `condition`: say how the selections are joined")?;
        let mut condition = condition::read(condition, &names)?;
        if !gone.is_empty() {
            condition = condition.without(&gone).ok_or("nothing is left of the rule after its pipelines")?;
        }
        let this = Self { selections, condition, unfilled };
        let size = this.size(&this.condition);
        if size > RULE_TERMS_MAX {
            return Err(format!("the condition comes to {size} terms, more than {RULE_TERMS_MAX}: split the rule"));
        }
        Ok(this)
    }
    /// The selection at a place.
    pub(crate) fn selection(&self, at: usize) -> Option<&Expr> {
        self.selections.get(at).map(|(_, e)| e)
    }
    fn size(&self, condition: &Condition) -> usize {
        match condition {
            Condition::Const(_) => 1,
            Condition::Selection(at) => self.selection(*at).map_or(1, Expr::size),
            Condition::Not(c) => 1 + self.size(c),
            Condition::And(l) | Condition::Or(l) => l.iter().fold(1usize, |n, c| n.saturating_add(self.size(c))),
        }
    }
    /// The whole of it as one expression.
    pub(crate) fn expression(&self) -> Expr {
        self.write_out(&self.condition)
    }
    fn write_out(&self, condition: &Condition) -> Expr {
        match condition {
            Condition::Const(b) => Expr::Const(*b),
            Condition::Selection(at) => self.selection(*at).cloned().unwrap_or(Expr::Const(false)),
            Condition::Not(c) => self.write_out(c).negate(),
            Condition::And(l) => Expr::and(l.iter().map(|c| self.write_out(c)).collect()),
            Condition::Or(l) => Expr::or(l.iter().map(|c| self.write_out(c)).collect()),
        }
    }
}

/// Read one selection: a mapping (all of it), a list (any of it), or a keyword.
pub(crate) fn selection(node: &Node, fill: &Placeholders, unfilled: &mut Vec<String>) -> Result<Expr, String> {
    match node {
        Node::Map(map) => {
            let mut all = Vec::with_capacity(map.len());
            for (key, value) in map {
                match key.as_str() {
                    // Groups that pipelines make.
                    ANY_OF => all.push(selection(value, fill, unfilled)?),
                    ALL_OF => {
                        for part in value.as_list() {
                            all.push(selection(part, fill, unfilled)?);
                        }
                    }
                    GONE => {}
                    key => all.push(modifier::read(key, value, fill, unfilled)?),
                }
            }
            Ok(Expr::and(all))
        }
        Node::List(list) if list.iter().all(|n| !matches!(n, Node::Map(_) | Node::List(_))) => {
            modifier::read("", node, fill, unfilled)
        }
        Node::List(list) => {
            let any: Result<Vec<_>, String> = list.iter().map(|n| selection(n, fill, unfilled)).collect();
            Ok(Expr::or(any?))
        }
        Node::Null => Err("it is empty: give it a field and a value".to_owned()),
        _ => modifier::read("", node, fill, unfilled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_columns_say() {
        let names = Field::ALL.iter().flat_map(|f| [f.name(), f.ocsf()].into_iter().chain(f.aliases()));
        for name in names.chain(["no such field", ""]) {
            for name in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(column(&name), Field::from_name(&name), "{name}");
            }
        }
    }
}
