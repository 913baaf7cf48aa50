//! Reads the query language by recursive descent, bounded in length, terms and depth.

use super::{
    Names, Node, Pattern, Pipe, Query, QueryError, Target, Test,
    target::{self, Named},
    value::{self, Letter, Order, Written},
};
use crate::options::{GROUPS_MAX, QUERY_BYTES_MAX, QUERY_DEPTH_MAX, QUERY_TERMS_MAX};

/// Values that `top` shows when no number is given.
const TOP_DEFAULT: usize = 10;
/// Columns to count by, at most.
const COLUMNS_MAX: usize = 8;

pub(super) fn query(text: &str, names: &dyn Names) -> Result<Query, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        let message = format!("the query is longer than {} KiB", QUERY_BYTES_MAX / 1024);
        return Err(QueryError { position: 0, message, suggestion: None });
    }
    let mut p = Parser { text: text.chars().collect(), at: 0, depth: 0, terms: 0, names };
    p.blank();
    let filter = if p.peek().is_none() || p.peek() == Some('|') { None } else { p.or(None)? };
    p.blank();
    let pipe = p.pipe()?;
    p.blank();
    match p.peek() {
        None => Ok(Query { filter, pipe }),
        Some(')') => Err(p.error("this parenthesis closes nothing")),
        Some(c) => Err(p.error(format!("{c} was not expected here"))),
    }
}

struct Parser<'a> {
    text: Vec<char>,
    at: usize,
    depth: usize,
    terms: usize,
    names: &'a dyn Names,
}

/// `None` stands for "every event", as `*` gives.
type Found = Result<Option<Node>, QueryError>;

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }
    fn ahead(&self, n: usize) -> Option<char> {
        self.text.get(self.at + n).copied()
    }
    fn eat(&mut self, c: char) -> bool {
        let hit = self.peek() == Some(c);
        self.at += usize::from(hit);
        hit
    }
    fn blank(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }
    fn error(&self, message: impl Into<String>) -> QueryError {
        QueryError { position: self.at, message: message.into(), suggestion: None }
    }
    fn error_at(&self, position: usize, (message, suggestion): value::Wrong) -> QueryError {
        QueryError { position, message, suggestion }
    }
    /// The keyword stands here as a word of its own.
    fn keyword(&self, word: &str) -> bool {
        let n = word.chars().count();
        self.text.get(self.at..self.at + n).is_some_and(|t| t.iter().copied().eq(word.chars()))
            && self.ahead(n).is_none_or(|c| c.is_whitespace() || c == '(' || c == ')' || c == '"')
    }
    fn deeper(&mut self) -> Result<(), QueryError> {
        self.depth += 1;
        if self.depth > QUERY_DEPTH_MAX {
            return Err(self.error(format!("more than {QUERY_DEPTH_MAX} levels of parentheses and NOT")));
        }
        Ok(())
    }
    fn term(&mut self) -> Result<(), QueryError> {
        self.terms += 1;
        if self.terms > QUERY_TERMS_MAX {
            return Err(self.error(format!("more than {QUERY_TERMS_MAX} conditions")));
        }
        Ok(())
    }

    /// Does a unit end here?
    fn at_end(&self) -> bool {
        matches!(self.peek(), None | Some('|' | ')'))
    }

    fn or(&mut self, field: Option<&Named>) -> Found {
        let mut any = vec![self.and(field)?];
        loop {
            self.blank();
            if !self.keyword("OR") {
                break;
            }
            self.at += 2;
            any.push(self.and(field)?);
        }
        // One side that every event satisfies makes the whole so.
        let mut nodes = any.into_iter().collect::<Option<Vec<_>>>();
        Ok(nodes.take().and_then(|mut n| if n.len() > 1 { Some(Node::Or(n)) } else { n.pop() }))
    }

    fn and(&mut self, field: Option<&Named>) -> Found {
        let mut all = Vec::new();
        let mut some = false;
        loop {
            self.blank();
            if some && self.keyword("AND") {
                self.at += 3;
                self.blank();
            } else if some && (self.at_end() || self.keyword("OR")) {
                break;
            }
            if self.at_end() || self.keyword("OR") || self.keyword("AND") {
                return Err(self.error("a condition is missing here"));
            }
            all.extend(self.not(field)?);
            some = true;
        }
        Ok(if all.len() > 1 { Some(Node::And(all)) } else { all.pop() })
    }

    fn not(&mut self, field: Option<&Named>) -> Found {
        let minus = self.peek() == Some('-') && self.ahead(1).is_some_and(|c| !c.is_whitespace() && c != '-');
        if !minus && !self.keyword("NOT") {
            return self.unit(field);
        }
        self.at += if minus { 1 } else { 3 };
        self.deeper()?;
        self.blank();
        if self.at_end() {
            return Err(self.error("a condition is missing here"));
        }
        let inner = self.not(field)?;
        self.depth -= 1;
        let never = Node::Is(Target::Base("sequence"), Test::Never);
        Ok(Some(inner.map_or(never, |n| Node::Not(Box::new(n)))))
    }

    fn unit(&mut self, field: Option<&Named>) -> Found {
        if self.peek() == Some('(') {
            let open = self.at;
            self.at += 1;
            self.deeper()?;
            let inner = self.or(field)?;
            self.depth -= 1;
            self.blank();
            if !self.eat(')') {
                return Err(self.error_at(open, ("this parenthesis is never closed".into(), None)));
            }
            return Ok(inner);
        }
        self.term()?;
        if let Some(named) = field {
            return self.value(named).map(Some);
        }
        if let Some((named, length)) = self.field_name()? {
            self.at += length;
            if self.peek() == Some('(') {
                return self.unit(Some(&named));
            }
            return self.value(&named).map(Some);
        }
        if self.peek() == Some('"') {
            let phrase = self.phrase()?;
            return Ok((!phrase.is_empty()).then_some(Node::Text(Pattern::Within(phrase))));
        }
        let letters = self.word();
        if letters.is_empty() {
            return Err(self.error("a condition is missing here"));
        }
        Ok(value::free_text(&letters))
    }

    /// A field name with its colon, if one stands here; its length with the colon.
    fn field_name(&self) -> Result<Option<(Named, usize)>, QueryError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|c| !(c.is_alphanumeric() || "_.-@".contains(*c))).unwrap_or(rest.len());
        if length == 0 || rest.get(length) != Some(&':') {
            return Ok(None);
        }
        let name: String = rest.iter().take(length).collect();
        if let Some(named) = target::find(&name) {
            return Ok(Some((named, length + 1)));
        }
        // Text that merely has a colon in it: a URL, a drive, a time, an IPv6 address, `sshd: text`.
        let after = rest.get(length + 1);
        let plain = after.is_none_or(|c| c.is_whitespace() || matches!(c, '/' | '\\' | ':' | '|'))
            || name.chars().next().is_some_and(|c| c.is_ascii_digit())
            || name.bytes().all(|b| b.is_ascii_hexdigit()) && name.len() <= 4;
        if plain {
            return Ok(None);
        }
        Err(QueryError {
            position: self.at,
            message: format!("no field is called {name}; to search for the text, put it in quotes"),
            suggestion: target::nearest_field(&name).map(|n| format!("{n}:")),
        })
    }

    fn phrase(&mut self) -> Result<String, QueryError> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match (c, self.peek()) {
                ('"', _) => return Ok(text),
                ('\\', Some(e @ ('"' | '\\'))) => {
                    text.push(e);
                    self.at += 1;
                }
                _ => text.push(c),
            }
        }
        Err(self.error_at(open, ("this quote is never closed".into(), None)))
    }

    fn word(&mut self) -> Vec<Letter> {
        let mut letters = Vec::new();
        while let Some(c) = self.peek() {
            match (c, self.ahead(1)) {
                ('\\', Some(e @ ('*' | '"' | '(' | ')' | '|' | ' '))) => {
                    letters.push(Letter::Plain(e));
                    self.at += 1;
                }
                // As in Sigma: a backslash before a wild star is written twice.
                ('\\', Some('\\')) if self.ahead(2) == Some('*') => {
                    letters.push(Letter::Plain('\\'));
                    self.at += 1;
                }
                ('*', _) => letters.push(Letter::Star),
                ('(' | ')' | '"' | '|', _) => break,
                (c, _) if c.is_whitespace() => break,
                (c, _) => letters.push(Letter::Plain(c)),
            }
            self.at += 1;
        }
        letters
    }

    fn value(&mut self, named: &Named) -> Result<Node, QueryError> {
        let start = self.at;
        let written = match self.peek() {
            Some('"') => Written::Phrase(self.phrase()?),
            Some('>' | '<') => self.compare()?,
            Some('[' | '{') if self.is_range() => self.range()?,
            _ => {
                let letters = self.word();
                if letters.is_empty() {
                    return Err(self.error("a value is missing after the colon"));
                }
                Written::Word(letters)
            }
        };
        value::test(named, &written, self.names).map_err(|w| self.error_at(start, w))
    }

    fn compare(&mut self) -> Result<Written, QueryError> {
        let above = self.peek() == Some('>');
        self.at += 1;
        let order = match (above, self.eat('=')) {
            (true, false) => Order::Above,
            (true, true) => Order::AtLeast,
            (false, false) => Order::Below,
            (false, true) => Order::AtMost,
        };
        let text = if self.peek() == Some('"') { self.phrase()? } else { value::plain(&self.word()) };
        if text.is_empty() {
            return Err(self.error("a value is missing after the comparison"));
        }
        Ok(Written::Compare(order, text))
    }

    /// `[2001:db8::1]` is an address, not a range.
    fn is_range(&self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|c| matches!(c, ']' | '}')).unwrap_or(rest.len());
        rest.iter().take(end).any(|c| c.is_whitespace())
    }

    fn range(&mut self) -> Result<Written, QueryError> {
        let open = self.at;
        let with_from = self.eat('[');
        self.at += usize::from(!with_from);
        let bad = "a range is written [a TO b]";
        let from = self.range_end()?;
        self.blank();
        if !self.keyword("TO") {
            return Err(self.error_at(open, (bad.into(), None)));
        }
        self.at += 2;
        let to = self.range_end()?;
        self.blank();
        let with_to = match self.peek() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err(self.error_at(open, (bad.into(), None))),
        };
        self.at += 1;
        let open_end = |t: String| (t != "*").then_some(t);
        Ok(Written::Range { from: open_end(from), to: open_end(to), with_from, with_to })
    }

    fn range_end(&mut self) -> Result<String, QueryError> {
        self.blank();
        if self.peek() == Some('"') {
            return self.phrase();
        }
        let start = self.at;
        while self.peek().is_some_and(|c| !c.is_whitespace() && !matches!(c, ']' | '}' | '|')) {
            self.at += 1;
        }
        let text: String = self.text.get(start..self.at).unwrap_or_default().iter().collect();
        if text.is_empty() { Err(self.error("a range is written [a TO b]")) } else { Ok(text) }
    }

    fn pipe(&mut self) -> Result<Pipe, QueryError> {
        if !self.eat('|') {
            return Ok(Pipe::Rows);
        }
        self.blank();
        let start = self.at;
        let command = self.bare();
        self.blank();
        match command.to_ascii_lowercase().as_str() {
            "count" | "stats" => {
                if self.eat_by() {
                    Ok(Pipe::CountBy(self.columns()?))
                } else {
                    Ok(Pipe::CountBy(Vec::new()))
                }
            }
            "top" => {
                let before = self.at;
                let n = match self.bare().parse::<usize>() {
                    Ok(0) => return Err(self.error("top needs a number from 1")),
                    Ok(n) => n.min(GROUPS_MAX),
                    Err(_) => {
                        self.at = before;
                        TOP_DEFAULT
                    }
                };
                Ok(Pipe::Top(n, self.columns()?))
            }
            "timechart" => {
                let span = self.span()?;
                let by = if self.eat_by() { self.columns()?.into_iter().next() } else { None };
                Ok(Pipe::Timechart { span, by })
            }
            other => Err(QueryError {
                position: start,
                message: format!("after | comes count, top or timechart, not {other}"),
                suggestion: target::nearest(other, ["count", "top", "timechart"]).map(|s| format!("| {s}")),
            }),
        }
    }

    fn bare(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| !c.is_whitespace() && !matches!(c, ',' | '|')) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default().iter().collect()
    }

    fn eat_by(&mut self) -> bool {
        self.blank();
        let by = self.keyword("by") || self.keyword("BY");
        self.at += if by { 2 } else { 0 };
        by
    }

    fn columns(&mut self) -> Result<Vec<String>, QueryError> {
        let mut columns = Vec::new();
        loop {
            self.blank();
            let start = self.at;
            let name = self.bare();
            if name.is_empty() {
                return Err(self.error("a field name is missing here"));
            }
            let column = target::column_to_group(&name).ok_or_else(|| QueryError {
                position: start,
                message: format!("there is no field {name} to count by"),
                suggestion: target::nearest_field(&name),
            })?;
            if !columns.contains(&column) {
                columns.push(column);
            }
            self.blank();
            if !self.eat(',') {
                break;
            }
        }
        if columns.len() > COLUMNS_MAX {
            return Err(self.error(format!("at most {COLUMNS_MAX} fields to count by")));
        }
        Ok(columns)
    }

    /// `30s`, `5m`, `1h`, `1d`, with `span=` before it or not.
    fn span(&mut self) -> Result<Option<i64>, QueryError> {
        self.blank();
        if self.peek().is_none() || self.keyword("by") || self.keyword("BY") {
            return Ok(None);
        }
        let start = self.at;
        let text = self.bare();
        let text = text.strip_prefix("span=").unwrap_or(&text);
        let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
        let unit = match text.get(digits.len()..) {
            Some("s") => 1,
            Some("m") => 60,
            Some("h") => 3_600,
            Some("d") => 86_400,
            _ => 0,
        };
        match digits.parse::<i64>() {
            Ok(n @ 1..=100_000) if unit > 0 => Ok(Some(n * unit)),
            _ => Err(self.error_at(start, ("a span is written 30s, 5m, 1h or 1d".into(), None))),
        }
    }
}
