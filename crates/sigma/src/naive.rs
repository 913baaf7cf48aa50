//! Each rule evaluated alone, directly from its text: what the plan must agree with. For tests and for `why not`.
//!
//! Invariant: nothing here uses the plan's tables or automata.

use bongsu_event::ValueRef;

use crate::atom::{Test, alike};
use crate::condition::Condition;
use crate::logsource;
use crate::matcher::{Expr, FieldName, Matcher, Term};
use crate::rule::Logsource;
use crate::view::{EventView, Key};

/// Does the event satisfy the rule's logsource and its condition?
pub(crate) fn fires(logsource: Option<&Logsource>, matcher: &Matcher, event: &dyn EventView) -> bool {
    logsource.is_none_or(|l| expr(&logsource::condition(l), event)) && condition(&matcher.condition, matcher, event)
}

/// Does the condition hold?
pub(crate) fn condition(c: &Condition, matcher: &Matcher, event: &dyn EventView) -> bool {
    match c {
        Condition::Const(b) => *b,
        Condition::Selection(at) => matcher.selection(*at).is_some_and(|e| expr(e, event)),
        Condition::Not(c) => !condition(c, matcher, event),
        Condition::And(l) => l.iter().all(|c| condition(c, matcher, event)),
        Condition::Or(l) => l.iter().any(|c| condition(c, matcher, event)),
    }
}

/// Does the selection hold?
pub(crate) fn expr(e: &Expr, event: &dyn EventView) -> bool {
    match e {
        Expr::Const(b) => *b,
        Expr::Term(t) => term(t, event),
        Expr::Not(e) => !expr(e, event),
        Expr::And(l) => l.iter().all(|e| expr(e, event)),
        Expr::Or(l) => l.iter().any(|e| expr(e, event)),
    }
}

fn term(t: &Term, event: &dyn EventView) -> bool {
    t.tests.iter().any(|test| {
        let mut held = false;
        match test {
            Test::Field { other, like, cased } => {
                each(event, &t.field, &mut |_, a| {
                    each(event, other, &mut |_, b| held |= alike(a, b, *like, *cased));
                });
            }
            _ if t.field.is_keyword() => event.for_each_text(&mut |text| held |= test.holds(ValueRef::Text(text))),
            _ => each(event, &t.field, &mut |branch, value| {
                held |= if branch { matches!(test, Test::Exists | Test::Valued) } else { test.holds(value) };
            }),
        }
        held
    })
}

/// Every value of a field, and whether it is a mapping rather than a value.
fn each<'e>(event: &'e dyn EventView, field: &FieldName, f: &mut dyn FnMut(bool, ValueRef<'e>)) {
    event.for_each(&mut |key, value| {
        if field.is_fed_by(key) {
            f(matches!(key, Key::Branch(_)), value);
        }
    });
}
