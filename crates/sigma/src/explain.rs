//! Why a rule matched: which values held for which selection, and the reason sentence.
//!
//! Invariant: worked out only after a match, bounded by `MATCHED_MAX`; it says of a selection what `naive` says.

use std::sync::Arc;

use bongsu_event::ValueRef;

use crate::atom::{Test, alike, cut, text_of};
use crate::condition::Condition;
use crate::limits::{MATCHED_MAX, MATCHED_VALUE_BYTES_MAX};
use crate::matcher::{Expr, FieldName, Matcher, Term};
use crate::pattern::fold;
use crate::view::Key;
use crate::{Asked, AskedAtom, CorrelationHit, EventView, Matched, view};

/// Alternatives of one atom that are told, of many.
const TESTS_TOLD_MAX: usize = 4;

/// A value as the tests look at it.
struct Value<'e> {
    branch: bool,
    value: ValueRef<'e>,
    text: String,
    folded: String,
}

/// The values of the fields that a rule asks for, told once by the event.
struct Values<'e> {
    fields: Vec<(FieldName, Vec<Value<'e>>)>,
}

/// The selections that hold and are asked for, with the values that made them hold.
pub(crate) fn matched(m: &Matcher, event: &dyn EventView) -> Vec<Matched> {
    let mut out = Vec::new();
    Values::of_all(m, event).condition(&m.condition, m, &mut out);
    out
}

/// Every selection with its atoms: which held, and what stood there instead.
pub(crate) fn why(m: &Matcher, event: &dyn EventView) -> Vec<Asked> {
    let values = Values::of_all(m, event);
    let ask = |(name, e): &(Arc<str>, Expr)| {
        let mut atoms = Vec::new();
        values.ask(e, false, &mut atoms);
        Asked { selection: Arc::clone(name), holds: values.holds(e), atoms }
    };
    m.selections.iter().map(ask).collect()
}

fn names(e: &Expr, out: &mut Vec<(FieldName, Vec<Value<'_>>)>) {
    let mut add = |field: &FieldName| {
        if !out.iter().any(|(f, _)| f == field) {
            out.push((field.clone(), Vec::new()));
        }
    };
    match e {
        Expr::Const(_) => {}
        Expr::Not(e) => names(e, out),
        Expr::And(l) | Expr::Or(l) => l.iter().for_each(|e| names(e, out)),
        Expr::Term(t) => {
            add(&t.field);
            for test in &t.tests {
                if let Test::Field { other, .. } = test {
                    add(other);
                }
            }
        }
    }
}

impl<'e> Value<'e> {
    fn of(branch: bool, value: ValueRef<'e>) -> Self {
        let mut room = String::new();
        let text = text_of(value, &mut room).to_owned();
        Self { branch, value, folded: fold(&text), text }
    }
    fn holds(&self, test: &Test) -> bool {
        if self.branch {
            return matches!(test, Test::Exists | Test::Valued);
        }
        test.holds_as(self.value, &self.text, &self.folded)
    }
}

impl<'e> Values<'e> {
    fn of_all(m: &Matcher, event: &'e dyn EventView) -> Self {
        let mut fields: Vec<(FieldName, Vec<Value<'_>>)> = Vec::new();
        for (_, e) in &m.selections {
            names(e, &mut fields);
        }
        let mut values = Self { fields };
        values.read(event);
        values
    }
    fn read(&mut self, event: &'e dyn EventView) {
        event.for_each(&mut |key, value| {
            for (field, values) in &mut self.fields {
                if !field.is_keyword() && field.is_fed_by(key) {
                    values.push(Value::of(matches!(key, Key::Branch(_)), value));
                }
            }
        });
        for (field, values) in &mut self.fields {
            if field.is_keyword() {
                event.for_each_text(&mut |text| values.push(Value::of(false, ValueRef::Text(text))));
            }
        }
    }
    fn of(&self, field: &FieldName) -> &[Value<'e>] {
        self.fields.iter().find(|(f, _)| f == field).map(|(_, v)| v.as_slice()).unwrap_or_default()
    }
    fn condition(&self, c: &Condition, m: &Matcher, out: &mut Vec<Matched>) {
        match c {
            Condition::Const(_) | Condition::Not(_) => {}
            Condition::And(l) | Condition::Or(l) => l.iter().for_each(|c| self.condition(c, m, out)),
            Condition::Selection(at) => {
                if let Some((name, e)) = m.selections.get(*at)
                    && !out.iter().any(|seen| seen.selection == *name)
                {
                    self.selection(name, e, out);
                }
            }
        }
    }
    fn selection(&self, name: &Arc<str>, e: &Expr, out: &mut Vec<Matched>) {
        if out.len() >= MATCHED_MAX || !self.holds(e) {
            return;
        }
        let mut add = |field: &FieldName, value: &str, test: String| {
            let value = cut(value, MATCHED_VALUE_BYTES_MAX).to_owned();
            let test = cut(&test, MATCHED_VALUE_BYTES_MAX).to_owned();
            out.push(Matched { selection: Arc::clone(name), field: Arc::clone(&field.text), value, test });
        };
        match e {
            Expr::Const(_) => {}
            Expr::And(l) | Expr::Or(l) => l.iter().for_each(|e| self.selection(name, e, out)),
            Expr::Term(t) => {
                if let Some((value, test)) = self.witness(t) {
                    add(&t.field, &value.text, test.to_string());
                }
            }
            // What asks for absence: the value that is there instead, if any.
            Expr::Not(inner) => {
                if let Expr::Term(t) = &**inner {
                    let value = self.of(&t.field).iter().find(|v| !v.branch && !matches!(v.value, ValueRef::Null));
                    add(&t.field, value.map_or("", |v| &v.text), absence(t));
                }
            }
        }
    }
    fn holds(&self, e: &Expr) -> bool {
        match e {
            Expr::Const(b) => *b,
            Expr::Term(t) => self.witness(t).is_some(),
            Expr::Not(e) => !self.holds(e),
            Expr::And(l) => l.iter().all(|e| self.holds(e)),
            Expr::Or(l) => l.iter().any(|e| self.holds(e)),
        }
    }
    fn ask(&self, e: &Expr, negated: bool, out: &mut Vec<AskedAtom>) {
        match e {
            Expr::Const(_) => {}
            Expr::Not(e) => self.ask(e, !negated, out),
            Expr::And(l) | Expr::Or(l) => l.iter().for_each(|e| self.ask(e, negated, out)),
            Expr::Term(_) if out.len() >= MATCHED_MAX => {}
            Expr::Term(t) => {
                let witness = self.witness(t);
                let there = || self.of(&t.field).iter().find(|v| !v.branch);
                let value = witness.map(|(value, _)| value).or_else(there);
                let test = witness.map_or_else(|| alternatives(t), |(_, test)| test.to_string());
                out.push(AskedAtom {
                    field: Arc::clone(&t.field.text),
                    test: cut(&test, MATCHED_VALUE_BYTES_MAX).to_owned(),
                    value: value.map(|v| cut(&v.text, MATCHED_VALUE_BYTES_MAX).to_owned()),
                    held: witness.is_some(),
                    negated,
                });
            }
        }
    }
    /// The first value, in the event's order, that makes one of a term's tests hold, and the test.
    fn witness<'s>(&'s self, t: &'s Term) -> Option<(&'s Value<'e>, &'s Test)> {
        self.of(&t.field).iter().find_map(|value| {
            let holds = |test: &&Test| match test {
                Test::Field { other, like, cased } => {
                    !value.branch
                        && self.of(other).iter().any(|o| !o.branch && alike(value.value, o.value, *like, *cased))
                }
                test => value.holds(test),
            };
            t.tests.iter().find(holds).map(|test| (value, test))
        })
    }
}

/// What a term asks, the first of its alternatives.
fn alternatives(t: &Term) -> String {
    let tests: Vec<String> = t.tests.iter().take(TESTS_TOLD_MAX).map(ToString::to_string).collect();
    let more = if t.tests.len() > TESTS_TOLD_MAX { " | …" } else { "" };
    format!("{}{more}", tests.join(" | "))
}

/// What a negated term says.
fn absence(t: &Term) -> String {
    match t.tests.as_slice() {
        [Test::Valued] => "has no value".to_owned(),
        [Test::Exists] => "does not exist".to_owned(),
        [only] => format!("not {only}"),
        [first, more @ ..] => format!("not {first}, nor {} more", more.len()),
        [] => String::new(),
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
