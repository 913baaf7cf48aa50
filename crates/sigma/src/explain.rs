//! Why a rule matched: which values held for which selection, and the reason sentence.
//!
//! Invariant: worked out only after a match, bounded by `MATCHED_MAX`.

use std::sync::Arc;

use bongsu_event::ValueRef;

use crate::atom::cut;
use crate::condition::Condition;
use crate::limits::{MATCHED_MAX, MATCHED_VALUE_BYTES_MAX};
use crate::matcher::{Expr, FieldName, Matcher};
use crate::{CorrelationHit, EventView, Matched, naive, plan, view};

/// The selections that hold and are asked for, with the values that made them hold.
pub(crate) fn condition(c: &Condition, m: &Matcher, event: &dyn EventView, out: &mut Vec<Matched>) {
    match c {
        Condition::Const(_) | Condition::Not(_) => {}
        Condition::And(l) | Condition::Or(l) => l.iter().for_each(|c| condition(c, m, event, out)),
        Condition::Selection(at) => {
            if let Some((name, e)) = m.selections.get(*at)
                && !out.iter().any(|seen| seen.selection == *name)
            {
                selection(name, e, event, out);
            }
        }
    }
}

fn selection(name: &Arc<str>, e: &Expr, event: &dyn EventView, out: &mut Vec<Matched>) {
    if out.len() >= MATCHED_MAX || !naive::expr(e, event) {
        return;
    }
    match e {
        Expr::Const(_) | Expr::Not(_) => {}
        Expr::And(l) | Expr::Or(l) => l.iter().for_each(|e| selection(name, e, event, out)),
        Expr::Term(t) => {
            if let Some((value, test)) = plan::witness(t, event) {
                let value = cut(&value, MATCHED_VALUE_BYTES_MAX).to_owned();
                let test = cut(&test, MATCHED_VALUE_BYTES_MAX).to_owned();
                out.push(Matched { selection: Arc::clone(name), field: Arc::clone(&t.field.text), value, test });
            }
        }
    }
}

/// A sentence with its `{placeholders}` filled; one that nothing fills becomes `?`.
pub(crate) fn fill(template: &str, event: Option<&dyn EventView>, hit: Option<&CorrelationHit>) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((plain, after)) = rest.split_once('{') {
        out.push_str(plain);
        let Some((name, next)) = after.split_once('}') else {
            out.push('{');
            out.push_str(after);
            return out;
        };
        let value = hit.and_then(|h| of_hit(name, h)).or_else(|| {
            let field = FieldName::new(name).ok()?;
            view::first_text(event?, &field)
        });
        out.push_str(value.as_deref().map_or("?", |v| cut(v, MATCHED_VALUE_BYTES_MAX)));
        rest = next;
    }
    out.push_str(rest);
    out
}

fn of_hit(name: &str, hit: &CorrelationHit) -> Option<String> {
    match name {
        "count" => {
            let mut room = String::new();
            let whole = hit.count.fract() == 0.0 && hit.count.abs() < 1e15;
            let value = if whole { ValueRef::Int(hit.count as i64) } else { ValueRef::Float(hit.count) };
            Some(crate::atom::text_of(value, &mut room).to_owned())
        }
        "values" => Some(hit.values.join(", ")),
        "seconds" => Some(format!("{:.0}", hit.last.seconds_since(hit.first))),
        _ => hit.group.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()),
    }
}
