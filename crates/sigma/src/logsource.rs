//! What events a logsource is about: the dated table `logsources.yml`, read into conditions.
//!
//! Invariant: every logsource has a condition; one that the table does not know is never silently "every event".

use std::sync::OnceLock;

use crate::matcher::{self, Expr};
use crate::modifier::Placeholders;
use crate::rule::Logsource;
use crate::{Node, node};

struct Entry {
    parts: Vec<(&'static str, String)>,
    when: Expr,
}

const PARTS: [&str; 3] = ["category", "product", "service"];

fn table() -> &'static [Entry] {
    static TABLE: OnceLock<Vec<Entry>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let entries = node::documents(include_str!("logsources.yml"));
        let list = entries.first().and_then(|d| d.node.as_ref().ok()).map(Node::as_list).unwrap_or_default();
        let mut table: Vec<Entry> = list.iter().filter_map(entry).collect();
        debug_assert_eq!(table.len(), list.len(), "every entry of logsources.yml can be read");
        // The most precise first.
        table.sort_by_key(|e| std::cmp::Reverse(e.parts.len()));
        table
    })
}

fn entry(node: &Node) -> Option<Entry> {
    let part = |key: &'static str| node.get(key).and_then(Node::scalar).map(|v| (key, v));
    let parts = PARTS.into_iter().filter_map(part).collect();
    let when = match node.get("when")? {
        Node::Text(t) if t == "any" => Expr::Const(true),
        other => matcher::selection(other, &Placeholders::new(), &mut Vec::new()).ok()?,
    };
    Some(Entry { parts, when })
}

fn value<'a>(logsource: &'a Logsource, part: &str) -> Option<&'a str> {
    match part {
        "category" => logsource.category.as_deref(),
        "product" => logsource.product.as_deref(),
        _ => logsource.service.as_deref(),
    }
}

/// The condition that an event of this logsource satisfies.
pub(crate) fn condition(logsource: &Logsource) -> Expr {
    let mut open: Vec<&str> = PARTS.into_iter().filter(|p| value(logsource, p).is_some()).collect();
    let mut all = Vec::new();
    for entry in table() {
        let fits = entry.parts.iter().all(|(p, v)| value(logsource, p) == Some(v));
        if fits && entry.parts.iter().any(|(p, _)| open.contains(p)) {
            open.retain(|p| !entry.parts.iter().any(|(known, _)| known == p));
            all.push(entry.when.clone());
        }
    }
    for part in open {
        if let Some(name) = value(logsource, part) {
            all.push(by_name(part, name));
        }
    }
    if all.is_empty() { Expr::Const(true) } else { Expr::and(all) }
}

/// What a part means that the table does not know.
fn by_name(part: &str, name: &str) -> Expr {
    let columns: &[&str] = match part {
        "category" => &["class", "category", "format"],
        "product" => &["format", "product", "vendor", "app"],
        _ => &["format", "app", "process", "product"],
    };
    let text = |t: &str| Node::Text(t.to_owned());
    let mut any: Vec<Node> = columns.iter().map(|c| Node::Map(vec![((*c).to_owned(), text(name))])).collect();
    // A foreign event says nothing of its source: the rule's own fields decide.
    any.push(Node::Map(vec![
        ("class|exists".to_owned(), Node::Bool(false)),
        ("Channel|exists".to_owned(), Node::Bool(false)),
    ]));
    matcher::selection(&Node::List(any), &Placeholders::new(), &mut Vec::new()).unwrap_or(Expr::Const(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read_whole() {
        let docs = node::documents(include_str!("logsources.yml"));
        let list = docs[0].node.as_ref().unwrap().as_list();
        assert!(list.len() > 100);
        for e in list {
            let read = entry(e).unwrap_or_else(|| panic!("{e:?}"));
            assert!(!read.parts.is_empty(), "{e:?}");
        }
    }
}
