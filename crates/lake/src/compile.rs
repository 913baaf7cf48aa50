//! A query becomes an expression of the engine over the short names.

use bongsu_event::{Field, FieldKind};
use datafusion::{
    common::ScalarValue,
    logical_expr::{Expr, col, lit},
};

use crate::{
    answer::{Cursor, TimeRange},
    file::tag_of,
    predicate::{Asked, ExtraValue, Kept},
    query::{Node, Pattern, Target, Test},
    schema::{self, ANY, Kind},
    text::address_number,
};

/// An instant as a literal.
pub fn time(micros: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
}

/// A column by short name, or a vendor field as `extra.NAME`.
pub fn column(name: &str) -> Expr {
    match name.strip_prefix("extra.") {
        Some(extra) => ExtraValue::of(extra, named("extra")),
        None => named(name),
    }
}

/// `col` would fold the case and split at dots.
pub fn named(name: &str) -> Expr {
    Expr::Column(datafusion::common::Column::from_name(name))
}

/// Balanced, so that a long list does not become a deep tree.
fn join(mut parts: Vec<Expr>, with: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    while parts.len() > 1 {
        let mut next = Vec::with_capacity(parts.len().div_ceil(2));
        let mut pairs = parts.into_iter();
        while let Some(a) = pairs.next() {
            next.push(match pairs.next() {
                Some(b) => with(a, b),
                None => a,
            });
        }
        parts = next;
    }
    parts.pop()
}

/// The condition of a query. Every part of it is true or false, never null.
pub fn node(n: &Node) -> Expr {
    match n {
        Node::And(all) => join(all.iter().map(node).collect(), Expr::and).unwrap_or_else(|| lit(true)),
        Node::Or(any) => join(any.iter().map(node).collect(), Expr::or).unwrap_or_else(|| lit(false)),
        Node::Not(n) => !never_null(n),
        Node::Text(p) => Asked::Text(p.clone(), Kept::Trigrams).on(vec![col("raw")]),
        Node::Address(a) => {
            let number = address_number(*a);
            let ips = Field::ALL.iter().filter(|f| f.kind() == FieldKind::Ip);
            let mut any: Vec<_> = ips.map(|f| Asked::Addresses(number, number).on(vec![named(f.name())])).collect();
            any.push(Asked::InText(number).on(vec![col("raw")]));
            join(any, Expr::or).unwrap_or_else(|| lit(false))
        }
        Node::Is(target, test) => is(target, test),
    }
}

/// Under NOT, a comparison with an absent number must be false, not null. Elsewhere plain comparisons are kept, for
/// the bounds of row groups and pages to be used.
fn never_null(n: &Node) -> Expr {
    match n {
        Node::And(all) => join(all.iter().map(never_null).collect(), Expr::and).unwrap_or_else(|| lit(true)),
        Node::Or(any) => join(any.iter().map(never_null).collect(), Expr::or).unwrap_or_else(|| lit(false)),
        Node::Is(_, Test::Between(..) | Test::Numbers(_)) => node(n).is_true(),
        n => node(n),
    }
}

fn is(target: &Target, test: &Test) -> Expr {
    match target {
        Target::Field(f) => {
            let kept = tag_of(*f).map_or(Kept::Trigrams, Kept::Values);
            on_column(f.name(), kept, test)
        }
        Target::AnyOf(fields) => {
            let any = fields.iter().map(|f| is(&Target::Field(*f), test)).collect();
            join(any, Expr::or).unwrap_or_else(|| lit(false))
        }
        Target::Base(name) => on_base(name, test),
        Target::Extra(name) => {
            let pattern = match test {
                Test::Text(p) => Some(p.clone()),
                Test::Exists => None,
                _ => return lit(false),
            };
            Asked::Extra(name.clone(), pattern).on(vec![col("extra")])
        }
    }
}

fn on_base(name: &str, test: &Test) -> Expr {
    let kind = schema::base_named(name).map_or(Kind::Text, |(_, b)| b.kind);
    match (kind, test) {
        (Kind::Text, Test::Exists) => named(name).is_not_null(),
        (_, Test::Exists) => lit(true),
        (Kind::Time, Test::Between(from, to)) => {
            let from = from.map(|n| named(name).gt_eq(time(n)));
            let to = to.map(|n| named(name).lt_eq(time(n)));
            join(from.into_iter().chain(to).collect(), Expr::and).unwrap_or_else(|| lit(true))
        }
        // Stored words are lower case and never absent: plain equality, which the engine prunes by.
        (Kind::Word, Test::Text(Pattern::Whole(w))) => named(name).eq(lit(w.as_str())),
        (Kind::Text, test) if name == "unread" => on_column(name, Kept::Trigrams, test),
        (_, test) => on_column(name, Kept::Nothing, test),
    }
}

fn on_column(name: &str, kept: Kept, test: &Test) -> Expr {
    match test {
        Test::Exists => named(name).is_not_null(),
        Test::Text(p) => Asked::Text(p.clone(), kept).on(vec![named(name)]),
        Test::Between(from, to) => {
            let from = from.map(|n| named(name).gt_eq(lit(n)));
            let to = to.map(|n| named(name).lt_eq(lit(n)));
            join(from.into_iter().chain(to).collect(), Expr::and).unwrap_or_else(|| named(name).is_not_null())
        }
        Test::Numbers(ns) => named(name).in_list(ns.iter().map(|n| lit(*n)).collect(), false),
        Test::Addresses(low, high) => Asked::Addresses(*low, *high).on(vec![named(name)]),
        Test::True => named(name).eq(lit(true)),
        Test::False => named(name).eq(lit(false)),
        Test::Never => lit(false),
    }
}

/// The condition of a span of time.
pub fn range(r: TimeRange) -> Option<Expr> {
    let from = r.from.map(|t| col("time").gt_eq(time(t.0)));
    let to = r.to.map(|t| col("time").lt(time(t.0)));
    join(from.into_iter().chain(to).collect(), Expr::and)
}

/// Older than a cursor, by time and then id.
pub fn below(c: Cursor) -> Expr {
    let at = time(c.time.0);
    let (epoch, sequence) = (i64::from(c.id.epoch), i64::try_from(c.id.sequence).unwrap_or(i64::MAX));
    let same_epoch = col("epoch").eq(lit(epoch)).and(col("sequence").lt(lit(sequence)));
    let before = col("epoch").lt(lit(epoch)).or(same_epoch);
    // The first part lets row groups be passed over.
    col("time").lt_eq(at.clone()).and(col("time").lt(at).or(before))
}

/// Younger than a cursor, by time and then id.
pub fn above(c: Cursor) -> Expr {
    let (epoch, sequence) = (i64::from(c.id.epoch), i64::try_from(c.id.sequence).unwrap_or(i64::MAX));
    let same_epoch = col("epoch").eq(lit(epoch)).and(col("sequence").gt(lit(sequence)));
    let behind = col("epoch").gt(lit(epoch)).or(same_epoch);
    col("time").gt_eq(time(c.time.0)).and(col("time").gt(time(c.time.0)).or(behind))
}

/// May events be counted by this column (short name, or `extra.NAME`)?
pub fn groupable(name: &str) -> bool {
    name.strip_prefix("extra.").is_some_and(|n| !n.is_empty())
        || schema::base_named(name).is_some()
        || Field::ALL.iter().any(|f| f.name() == name) && !ANY.iter().any(|(n, _)| *n == name)
}
