//! Findings as lines: JSON lines, CSV, or a table with a summary below it.
//!
//! Invariant: what a log says reaches a terminal without control characters and a spreadsheet without formulas.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use anyhow::Result;
use bongsu_center::attack::TACTICS;
use bongsu_event::{Micros, Severity};
use bongsu_sigma::{Matched, Rule, RuleSet};
use serde::Serialize;

use super::arguments::Plan;
use super::run::Outcome;
use super::tally::{LEVELS, Tally, place};
use super::work::Finding;
use crate::cli::HuntOutput;
use crate::output::{shown, width};

/// Rows of each list of the summary.
const SUMMARY_ROWS: usize = 15;
/// Bars of the summary's line of time.
const TIME_BARS: usize = 60;
/// Columns of the table's host and rule.
const HOST_COLUMNS: usize = 24;
const RULE_COLUMNS: usize = 64;
const CSV_HEAD: &str = "rule_id,rule,level,time,source,record,matched\n";

/// How findings are written.
pub struct Show<'a> {
    output: HuntOutput,
    set: &'a RuleSet,
    names: &'a [String],
    /// The beginning of a JSON line, for each rule that has been found.
    heads: Vec<OnceLock<String>>,
    colour: bool,
}

/// A matched value, as JSON shows it.
#[derive(Serialize)]
struct Match<'a> {
    selection: &'a str,
    field: &'a str,
    value: &'a str,
    test: &'a str,
}

/// Sigma's own word for a level.
pub fn level_name(level: Severity) -> &'static str {
    if level == Severity::Info { "informational" } else { level.name() }
}

impl<'a> Show<'a> {
    pub fn new(plan: &Plan, set: &'a RuleSet, names: &'a [String]) -> Self {
        let heads = set.rules().iter().map(|_| OnceLock::new()).collect();
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { output: plan.output, set, names, heads, colour }
    }

    /// Before the first finding.
    pub fn head(&self, out: &mut dyn Write) -> Result<()> {
        match self.output {
            HuntOutput::Csv => out.write_all(CSV_HEAD.as_bytes())?,
            HuntOutput::Table => {
                let line = self.columns("TIME", "LEVEL", None, "HOST", "RULE", "SOURCE");
                out.write_all(line.as_bytes())?;
            }
            HuntOutput::Jsonl | HuntOutput::Html => {}
        }
        Ok(())
    }

    /// One finding.
    pub fn finding(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<()> {
        let Some(rule) = self.set.rule(finding.rule) else { return Ok(()) };
        match self.output {
            HuntOutput::Jsonl => self.json(rule, finding, out)?,
            HuntOutput::Csv => self.csv(rule, finding, out),
            HuntOutput::Table => {
                let time = finding.time.map_or_else(String::new, seconds);
                let host = finding.host.as_deref().unwrap_or("");
                let source = format!("{} #{}", self.name(finding), finding.record);
                let level = level_name(rule.level);
                let line = self.columns(&time, level, Some(rule.level), host, &rule.title, &source);
                out.extend_from_slice(line.as_bytes());
            }
            HuntOutput::Html => {}
        }
        Ok(())
    }

    fn name(&self, finding: &Finding) -> &str {
        self.names.get(finding.input).map_or("", String::as_str)
    }

    fn json(&self, rule: &Rule, finding: &Finding, out: &mut Vec<u8>) -> Result<()> {
        let write = || {
            let text = |t: &str| serde_json::Value::from(t).to_string();
            let level = level_name(rule.level);
            format!("{{\"rule_id\":{},\"rule\":{},\"level\":\"{level}\",\"time\":", text(&rule.id), text(&rule.title))
        };
        match self.heads.get(finding.rule.0 as usize) {
            Some(head) => out.extend_from_slice(head.get_or_init(write).as_bytes()),
            None => out.extend_from_slice(write().as_bytes()),
        }
        match finding.time {
            Some(time) => write!(out, "\"{time}\"")?,
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"source\":");
        serde_json::to_writer(&mut *out, self.name(finding))?;
        write!(out, ",\"record\":{},\"matched\":[", finding.record)?;
        for (n, m) in finding.matched.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            let Matched { selection, field, value, test } = m;
            serde_json::to_writer(&mut *out, &Match { selection, field, value, test })?;
        }
        out.extend_from_slice(b"]}\n");
        Ok(())
    }

    fn csv(&self, rule: &Rule, finding: &Finding, out: &mut Vec<u8>) {
        let time = finding.time.map_or_else(String::new, |t| t.to_string());
        let record = finding.record.to_string();
        let matched = matched(&finding.matched);
        let cells: [&str; 7] =
            [&rule.id, &rule.title, level_name(rule.level), &time, self.name(finding), &record, &matched];
        for (n, cell) in cells.into_iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            out.extend_from_slice(csv_cell(cell).as_bytes());
        }
        out.push(b'\n');
    }

    fn columns(&self, time: &str, level: &str, is: Option<Severity>, host: &str, rule: &str, source: &str) -> String {
        let level = padded(level, 13);
        let level = match is {
            Some(is) if self.colour => format!("{}{level}\x1b[0m", colour(is)),
            _ => level,
        };
        let (host, rule) = (padded(&shown(host), HOST_COLUMNS), padded(&shown(rule), RULE_COLUMNS));
        format!("{}  {level}  {host}  {rule}  {}\n", padded(time, 20), shown(source))
    }

    /// After the last finding.
    pub fn tail(&self, outcome: &Outcome, out: &mut dyn Write) -> Result<()> {
        if self.output != HuntOutput::Table {
            return Ok(());
        }
        let tally = &outcome.tally;
        writeln!(out, "\n{} detections", tally.total())?;
        for (level, n) in LEVELS.into_iter().zip(tally.levels).filter(|(_, n)| *n > 0) {
            let name = padded(level_name(level), 13);
            let name = if self.colour { format!("{}{name}\x1b[0m", colour(level)) } else { name };
            writeln!(out, "  {name} {n}")?;
        }
        self.lists(tally, out)?;
        times(tally, out)
    }

    fn lists(&self, tally: &Tally, out: &mut dyn Write) -> Result<()> {
        let mut rules: Vec<_> = tally.rules.iter().collect();
        rules.sort_by_key(|(rule, n)| (std::cmp::Reverse((n.level, n.findings)), **rule));
        let rules = rules.iter().filter_map(|(rule, n)| {
            let rule = self.set.rule(**rule)?;
            Some((format!("{}  {}", padded(level_name(rule.level), 13), shown(&rule.title)), n.findings))
        });
        list(out, "By rule", rules, tally.rules.len())?;
        let mut hosts: Vec<_> = tally.hosts.iter().collect();
        hosts.sort_by_key(|(host, n)| (std::cmp::Reverse(n.findings), *host));
        list(out, "By host", hosts.iter().map(|(host, n)| (shown(host), n.findings)), tally.hosts.len())?;
        let tactics =
            tally.tactics.iter().map(|(at, n)| (TACTICS.get(*at).copied().unwrap_or("").to_owned(), n.findings));
        list(out, "By ATT&CK tactic", tactics, tally.tactics.len())
    }
}

fn list(out: &mut dyn Write, head: &str, rows: impl Iterator<Item = (String, u64)>, all: usize) -> Result<()> {
    if all == 0 {
        return Ok(());
    }
    writeln!(out, "\n{head}")?;
    for (name, n) in rows.take(SUMMARY_ROWS) {
        writeln!(out, "  {n:>8}  {name}")?;
    }
    if all > SUMMARY_ROWS {
        writeln!(out, "            and {} more", all - SUMMARY_ROWS)?;
    }
    Ok(())
}

/// A line of bars.
fn times(tally: &Tally, out: &mut dyn Write) -> Result<()> {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (width, steps) = tally.times(TIME_BARS);
    let sums: Vec<u64> = steps.iter().map(|(_, n)| n.iter().sum()).collect();
    let (Some(most), Some(first), Some(last)) = (sums.iter().max(), tally.all.first, tally.all.last) else {
        return Ok(());
    };
    let bar = |n: &u64| match n {
        0 => ' ',
        n => BARS.get(((n * 8).div_ceil(*most) as usize).saturating_sub(1)).copied().unwrap_or('█'),
    };
    writeln!(out, "\nBy time, {} a bar", span(width))?;
    writeln!(out, "  {}", sums.iter().map(bar).collect::<String>())?;
    writeln!(out, "  {} to {}", seconds(first), seconds(last))?;
    Ok(())
}

/// A width in its largest whole unit.
pub fn span(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (size, name) = units.into_iter().find(|(size, _)| seconds % size == 0).unwrap_or((1, "second"));
    let n = seconds / size;
    format!("{n} {name}{}", if n == 1 { "" } else { "s" })
}

fn seconds(time: Micros) -> String {
    format!("{:.0}", time.timestamp())
}

fn colour(level: Severity) -> &'static str {
    match LEVELS.get(place(level)) {
        Some(Severity::Critical) => "\x1b[1;31m",
        Some(Severity::High) => "\x1b[33m",
        Some(Severity::Medium) => "\x1b[34m",
        _ => "\x1b[2m",
    }
}

/// Cut or filled to so many columns of a terminal.
fn padded(text: &str, columns: usize) -> String {
    let wide = width(text);
    if wide <= columns {
        return format!("{text}{}", " ".repeat(columns - wide));
    }
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        let next = width(c.encode_utf8(&mut [0; 4]));
        if used + next > columns - 1 {
            break;
        }
        used += next;
        out.push(c);
    }
    out.push('…');
    out.extend(std::iter::repeat_n(' ', columns - used - 1));
    out
}

/// What held, in one line.
pub fn matched(list: &[Matched]) -> String {
    let part = |m: &Matched| {
        let field = if m.field.is_empty() { &m.selection } else { &m.field };
        format!("{field}={}", m.value)
    };
    list.iter().map(part).collect::<Vec<_>>().join("; ")
}

/// Quoted where it must be, and never a formula for a spreadsheet.
fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_columns() {
        assert_eq!(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_cell("=1+1"), "'=1+1");
        assert_eq!(csv_cell("-5"), "-5");
        assert_eq!(padded("수안", 6), "수안  ");
        assert_eq!(padded("수안구청", 6), "수안… ");
        assert_eq!(padded("abcdef", 4), "abc…");
        assert_eq!(span(3_600), "1 hour");
        assert_eq!(span(21_600), "6 hours");
        assert_eq!(span(90), "90 seconds");
    }
}
