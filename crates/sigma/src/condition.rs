//! The condition of a rule: names of selections joined by `and`, `or`, `not`, `1 of`, `all of`.
//!
//! Invariant: a read condition refers to selections by place, and every place exists.

use crate::Node;
use crate::limits::{CONDITION_BYTES_MAX, CONDITION_DEPTH_MAX};
use crate::pattern::Pattern;

/// Names resolved, `of` written out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    Const(bool),
    Selection(usize),
    Not(Box<Condition>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
}

impl Condition {
    /// Without these selections, which count neither way; `None`: nothing is left.
    pub fn without(self, gone: &[usize]) -> Option<Self> {
        let rest = |list: Vec<Self>| -> Vec<Self> { list.into_iter().filter_map(|c| c.without(gone)).collect() };
        match self {
            Self::Const(_) => Some(self),
            Self::Selection(at) => (!gone.contains(&at)).then_some(self),
            Self::Not(c) => c.without(gone).map(|c| Self::Not(Box::new(c))),
            Self::And(list) => Some(rest(list)).filter(|l| !l.is_empty()).map(|l| join(l, Self::And)),
            Self::Or(list) => Some(rest(list)).filter(|l| !l.is_empty()).map(|l| join(l, Self::Or)),
        }
    }
}

/// Read a condition or a list of conditions, any of which may hold.
pub(crate) fn read(node: &Node, names: &[&str]) -> Result<Condition, String> {
    let list = node.as_list();
    if list.is_empty() {
        return Err("the condition is empty".to_owned());
    }
    let any: Result<Vec<_>, String> = list
        .iter()
        .map(|n| n.as_text().ok_or_else(|| format!("a condition must be text, not {}", n.kind())))
        .map(|text| parse(text?, names))
        .collect();
    Ok(join(any?, Condition::Or))
}

/// Read one condition.
pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Condition, String> {
    if text.len() > CONDITION_BYTES_MAX {
        return Err(format!("the condition is longer than {CONDITION_BYTES_MAX} bytes: split the rule"));
    }
    let words = words(text)?;
    let mut parser = Parser { words: &words, at: 0, names };
    let condition = parser.any(0)?;
    match parser.peek() {
        None => Ok(condition),
        Some(word) => Err(format!("condition: `{word}` is not expected after `{}`", parser.before())),
    }
}

fn join(mut list: Vec<Condition>, how: fn(Vec<Condition>) -> Condition) -> Condition {
    if list.len() == 1 { list.pop().unwrap_or(Condition::Const(false)) } else { how(list) }
}

fn words(text: &str) -> Result<Vec<&str>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '(' | ')' => 1,
            '|' => {
                return Err("condition: aggregations after `|` are no longer part of Sigma: write a correlation".into());
            }
            _ => rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '|')).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(len);
        out.push(word);
        rest = after.trim_start();
    }
    Ok(out)
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
    names: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }
    fn before(&self) -> &'a str {
        self.at.checked_sub(1).and_then(|i| self.words.get(i)).copied().unwrap_or("")
    }
    fn take(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|w| w.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }
    fn any(&mut self, depth: usize) -> Result<Condition, String> {
        let mut list = vec![self.all(depth)?];
        while self.take("or") {
            list.push(self.all(depth)?);
        }
        Ok(join(list, Condition::Or))
    }
    fn all(&mut self, depth: usize) -> Result<Condition, String> {
        let mut list = vec![self.one(depth)?];
        while self.take("and") {
            list.push(self.one(depth)?);
        }
        Ok(join(list, Condition::And))
    }
    fn one(&mut self, depth: usize) -> Result<Condition, String> {
        if depth > CONDITION_DEPTH_MAX {
            return Err(format!("the condition is nested deeper than {CONDITION_DEPTH_MAX}: split the rule"));
        }
        if self.take("not") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            return if self.take(")") { Ok(inner) } else { Err("condition: a `)` is missing".to_owned()) };
        }
        let Some(word) = self.peek() else {
            return Err(format!("the condition ends after `{}`: a selection is missing", self.before()));
        };
        self.at += 1;
        let quantifier = self.peek().is_some_and(|w| w.eq_ignore_ascii_case("of"));
        if quantifier && !self.names.contains(&word) {
            self.at += 1;
            return self.of(word);
        }
        if word == ")" || ["and", "or", "of"].iter().any(|k| word.eq_ignore_ascii_case(k)) {
            return Err(format!("condition: `{word}` is not expected here"));
        }
        self.place(word).map(Condition::Selection)
    }
    fn place(&self, name: &str) -> Result<usize, String> {
        self.names.iter().position(|n| *n == name).ok_or_else(|| {
            let known = self.names.join(", ");
            format!("condition: there is no selection `{name}`; there are: {known}")
        })
    }
    fn of(&mut self, quantity: &str) -> Result<Condition, String> {
        let Some(target) = self.peek() else {
            return Err(format!("the condition ends after `{quantity} of`: name selections, or say `them`"));
        };
        self.at += 1;
        let chosen = self.chosen(target)?;
        if quantity == "1" || quantity.eq_ignore_ascii_case("any") {
            Ok(join(chosen, Condition::Or))
        } else if quantity.eq_ignore_ascii_case("all") {
            Ok(join(chosen, Condition::And))
        } else {
            Err(format!("condition: `{quantity} of` is not known: use `1 of`, `any of` or `all of`"))
        }
    }
    fn chosen(&self, target: &str) -> Result<Vec<Condition>, String> {
        let pattern = Pattern::parse(target);
        let them = target.eq_ignore_ascii_case("them");
        let fits = |name: &str| if them { !name.starts_with('_') } else { pattern.matches(name) };
        let chosen: Vec<_> =
            self.names.iter().enumerate().filter(|(_, n)| fits(n)).map(|(i, _)| Condition::Selection(i)).collect();
        if chosen.is_empty() {
            return Err(format!("condition: no selection is called `{target}`; there are: {}", self.names.join(", ")));
        }
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Condition::{And, Not, Or, Selection};

    const NAMES: &[&str] = &["a", "sel1", "sel2", "_hidden", "filter-x"];

    fn ok(text: &str) -> Condition {
        parse(text, NAMES).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn precedence_and_quantifiers() {
        assert_eq!(
            ok("a or sel1 and not sel2"),
            Or(vec![Selection(0), And(vec![Selection(1), Not(Box::new(Selection(2)))])])
        );
        assert_eq!(ok("1 of sel*"), Or(vec![Selection(1), Selection(2)]));
        assert_eq!(ok("ALL OF sel* AND NOT 1 of filter*"), And(vec![ok("all of sel*"), Not(Box::new(Selection(4)))]));
        assert_eq!(ok("1 of them"), Or(vec![Selection(0), Selection(1), Selection(2), Selection(4)]));
        assert_eq!(ok("(a or sel1) and not(sel2)"), And(vec![ok("a or sel1"), Not(Box::new(Selection(2)))]));
        assert_eq!(ok("1 of _hidden"), Selection(3));
    }

    #[test]
    fn mistakes_say_what_is_wrong() {
        for (text, word) in [
            ("", "ends after"),
            ("a and", "ends after"),
            ("a b", "not expected after"),
            ("(a", "missing"),
            ("a)", "not expected"),
            ("b", "no selection `b`"),
            ("2 of sel*", "not known"),
            ("1 of zz*", "no selection is called"),
            ("a | count() > 3", "write a correlation"),
        ] {
            let e = parse(text, NAMES).unwrap_err();
            assert!(e.contains(word), "{text}: {e}");
        }
        assert!(parse(&"(".repeat(1_000), NAMES).unwrap_err().contains("nested"));
        assert!(parse(&"not ".repeat(1_000), NAMES).unwrap_err().contains("nested"));
    }
}
