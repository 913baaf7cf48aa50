//! The page an investigator hands over: one file, no script, nothing from elsewhere, in Korean or English.
//!
//! Invariant: every word of a log or a rule is escaped; marks that turn the direction of text round are made visible.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;
use bongsu_event::{Micros, Severity};
use bongsu_sigma::{Rule, RuleSet};

use super::arguments::{self, Plan};
use super::inputs::Input;
use super::rank::Rank;
use super::run::Outcome;
use super::tally::{Count, LEVELS, Tally, place, tactics};
use super::words::{Words, number};
use super::work::Finding;
use crate::cli::Lang;

/// Bars of the chart of time.
const BARS: usize = 72;
/// Hosts listed.
const HOSTS_SHOWN: usize = 20;
/// Files listed; those in trouble come first.
const FILES_SHOWN: usize = 500;
/// Rules whose findings are unfolded at first: the first one, so that one sees what is folded.
const OPEN_RULES: usize = 1;
const STYLE: &str = include_str!("report.css");
const LOGO: &str = "<svg class=\"logo\" width=\"28\" height=\"28\" viewBox=\"0 0 32 32\" aria-hidden=\"true\"><path \
    d=\"M4 27h24l-3-3.5H7zM9 22h14l-1.5-6h-11z\" fill=\"currentColor\"/><path class=\"flame\" d=\"M16 3c3 3.5 4 5.5 4 \
    7.500a4 4 0 0 1-8 0C12 9 13.500 8 14 6c1 .5 1.500 1.200 1.700 2C16.200 6.500 16.300 5 16 3z\"/></svg>";

/// A sentence about a number.
type Say = fn(u64) -> String;

/// Write the page.
///
/// # Errors
/// The output can't be written.
pub fn write(plan: &Plan, set: &RuleSet, outcome: &Outcome, rank: &Rank, out: &mut dyn Write) -> Result<()> {
    let page = Page { words: Words::of(plan.lang), plan, set, outcome, rank };
    let w = page.words;
    write!(
        out,
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\"><meta name=\"robots\" content=\"noindex\">\
         <title>{} · {}</title><style>{STYLE}</style></head><body>\n",
        w.lang,
        w.title,
        page.headline(),
    )?;
    writeln!(
        out,
        "<header class=\"top\">{LOGO}<strong>{}</strong><p>{} {}</p></header><main>",
        w.title,
        w.made,
        page.time(arguments::now())
    )?;
    out.write_all(page.lead().as_bytes())?;
    if outcome.tally.total() > 0 {
        out.write_all(page.times().as_bytes())?;
        write!(out, "<div class=\"two\">{}{}</div>", page.tactics(), page.hosts())?;
        page.rules(out)?;
    }
    out.write_all(page.inputs().as_bytes())?;
    writeln!(
        out,
        "</main><footer><p>{} · bongsu {}</p></footer></body></html>",
        w.forwarding,
        env!("CARGO_PKG_VERSION")
    )?;
    Ok(())
}

struct Page<'a> {
    words: &'static Words,
    plan: &'a Plan,
    set: &'a RuleSet,
    outcome: &'a Outcome,
    rank: &'a Rank,
}

impl Page<'_> {
    fn tally(&self) -> &Tally {
        &self.outcome.tally
    }

    /// The two gravest levels that were found, in one sentence.
    fn headline(&self) -> String {
        let levels = self.words.levels.iter().zip(self.tally().levels).filter(|(_, n)| *n > 0);
        let first: Vec<(&str, String)> = levels.take(2).map(|(name, n)| (*name, number(n))).collect();
        if first.is_empty() { self.words.nothing.to_owned() } else { (self.words.found)(&first) }
    }

    fn time(&self, time: Micros) -> String {
        let zoned = time.timestamp().to_zoned(self.plan.timezone.clone());
        zoned.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    fn short_time(&self, time: Option<Micros>) -> String {
        let Some(time) = time else { return format!("<span class=\"vh\">{}</span>", self.words.none) };
        let zoned = time.timestamp().to_zoned(self.plan.timezone.clone());
        zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn lead(&self) -> String {
        let w = self.words;
        let records = self.outcome.inputs.iter().map(|i| i.records).sum();
        let looked = (w.looked)(records, self.outcome.inputs.len(), self.set.rules().len());
        let mut out = format!("<section class=\"lead\"><h1>{}</h1><p>{looked}", self.headline());
        if let (Some(first), Some(last)) = (self.tally().all.first, self.tally().all.last) {
            let _ = write!(out, "<br>{} {} {}", self.short_time(Some(first)), w.to, self.time(last));
        }
        out.push_str("</p><ul class=\"levels\">");
        for ((level, name), n) in LEVELS.into_iter().zip(w.levels).zip(self.tally().levels) {
            let zero = if n == 0 { " class=\"zero\"" } else { "" };
            let _ = write!(out, "<li{zero}>{}<b>{}</b></li>", mark(level, name), number(n));
        }
        out.push_str("</ul></section>\n");
        out
    }

    /// Bars over time; the dark part is critical and high. The table below says the same.
    fn times(&self) -> String {
        let w = self.words;
        let (width, steps) = self.tally().times(BARS);
        let most = steps.iter().map(|(_, n)| n.iter().sum::<u64>()).max().unwrap_or(0);
        if most == 0 {
            return String::new();
        }
        let mut bars = String::new();
        let mut rows = String::new();
        let step = 1000.0 / steps.len() as f64;
        for (at, (time, counts)) in steps.iter().enumerate() {
            let all: u64 = counts.iter().sum();
            let grave: u64 = counts.iter().take(2).sum();
            for (class, n) in [("all", all), ("grave", grave)] {
                let height = if n == 0 { 0.0 } else { (n as f64 / most as f64 * 116.0).max(2.0) };
                let (x, y) = (at as f64 * step, 130.0 - height);
                let wide = (step - 2.0).max(1.0);
                if n > 0 {
                    let _ = write!(
                        bars,
                        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{height:.1}\"/>"
                    );
                }
            }
            if all > 0 {
                let time = self.short_time(Some(*time));
                let _ = write!(
                    rows,
                    "<tr><td class=\"nowrap\">{time}</td><td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
                    number(all),
                    number(grave)
                );
            }
        }
        let span = (w.span)(width);
        let (first, last) = (self.short_time(self.tally().all.first), self.short_time(self.tally().all.last));
        format!(
            "<section aria-labelledby=\"time\"><h2 id=\"time\">{}<small>{} {span}</small></h2>\
             <svg class=\"chart\" viewBox=\"0 0 1000 132\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}: {}, {first} {} {last}\">\
             <line x1=\"0\" x2=\"1000\" y1=\"131\" y2=\"131\"/>{bars}</svg>\
             <div class=\"axis\"><span>{first}</span><span class=\"key\"><i></i>{} <i class=\"all\"></i>{}</span><span>{last}</span></div>\
             <details class=\"more\"><summary>{}</summary><table><thead><tr><th scope=\"col\">{}</th>\
             <th scope=\"col\" class=\"num\">{}</th><th scope=\"col\" class=\"num\">{}</th></tr></thead><tbody>{rows}</tbody></table></details></section>\n",
            w.by_time,
            w.each_bar,
            w.by_time,
            (w.times)(self.tally().total()),
            w.to,
            w.grave,
            w.detections,
            w.as_table,
            w.time,
            w.detections,
            w.grave
        )
    }

    fn tactics(&self) -> String {
        let w = self.words;
        let rows =
            self.tally().tactics.iter().map(|(at, n)| (w.tactics.get(*at).copied().unwrap_or("").to_owned(), *n));
        self.bars("tactics", w.by_tactic, w.tactic, rows.collect(), w.no_tactic, "")
    }

    fn hosts(&self) -> String {
        let w = self.words;
        let mut hosts: Vec<_> = self.tally().hosts.iter().collect();
        hosts.sort_by_key(|(host, n)| (Reverse((n.level, n.findings)), *host));
        let more = hosts.len().saturating_sub(HOSTS_SHOWN);
        let mut rows: Vec<(String, Count)> =
            hosts.iter().take(HOSTS_SHOWN).map(|(host, n)| (escaped(host), **n)).collect();
        if self.tally().other_hosts > 0 {
            let count = Count { findings: self.tally().other_hosts, ..Count::default() };
            rows.push((w.others.to_owned(), count));
        }
        let more = if more > 0 { (w.more_hosts)(more) } else { String::new() };
        self.bars("hosts", w.by_host, w.host, rows, w.no_host, &more)
    }

    /// A list with a bar for each of its numbers.
    fn bars(
        &self,
        id: &str,
        head: &str,
        column: &str,
        rows: Vec<(String, Count)>,
        nothing: &str,
        more: &str,
    ) -> String {
        let w = self.words;
        let mut out = format!("<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{head}</h2>");
        if rows.is_empty() {
            let _ = write!(out, "<p class=\"t3\">{nothing}</p></section>");
            return out;
        }
        let most = rows.iter().map(|(_, n)| n.findings).max().unwrap_or(1).max(1);
        let _ = write!(
            out,
            "<table><thead><tr><th scope=\"col\">{column}</th><th scope=\"col\">{}</th><th scope=\"col\" class=\"num\">{}</th>\
             <th scope=\"col\"><span class=\"vh\">{}</span></th></tr></thead><tbody>",
            w.level, w.detections, w.detections
        );
        for (name, n) in rows {
            let level = w.levels.get(place(n.level)).copied().unwrap_or("");
            let share = n.findings as f64 / most as f64 * 100.0;
            let _ = write!(
                out,
                "<tr><td>{name}</td><td>{}</td><td class=\"num\">{}</td><td class=\"bar\"><span style=\"width:{share:.0}%\"></span></td></tr>",
                mark(n.level, level),
                number(n.findings)
            );
        }
        let _ = write!(out, "</tbody></table>");
        if !more.is_empty() {
            let _ = write!(out, "<p class=\"t3 sm\">{more}</p>");
        }
        out.push_str("</section>");
        out
    }

    fn rules(&self, out: &mut dyn Write) -> Result<()> {
        let w = self.words;
        let mut rules: Vec<_> = self.tally().rules.iter().collect();
        rules.sort_by_key(|(rule, n)| (Reverse((n.level, n.findings)), **rule));
        write!(
            out,
            "<section class=\"rules\" aria-labelledby=\"rules\"><h2 id=\"rules\">{}<small>{}</small></h2>",
            w.by_rule,
            (w.rules_fired)(rules.len())
        )?;
        for (at, (idx, n)) in rules.into_iter().enumerate() {
            let Some(rule) = self.set.rule(*idx) else { continue };
            let open = if at < OPEN_RULES { " open" } else { "" };
            let level = w.levels.get(place(rule.level)).copied().unwrap_or("");
            write!(
                out,
                "<details class=\"rule\"{open}><summary>{}<b>{}</b><span class=\"n\">{}</span>\
                 <svg class=\"fold\" width=\"12\" height=\"12\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><path d=\"m4 2 4 4-4 4\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.6\"/></svg>\
                 <span class=\"when\">{} {} {}</span></summary><div class=\"body\">",
                mark(rule.level, level),
                escaped(self.title(rule)),
                (w.times)(n.findings),
                self.short_time(n.first),
                w.to,
                self.short_time(n.last),
            )?;
            out.write_all(self.about(rule).as_bytes())?;
            let shown = self.rank.of(*idx);
            out.write_all(self.findings(shown).as_bytes())?;
            let more = n.findings.saturating_sub(shown.len() as u64);
            if more > 0 {
                write!(out, "<p class=\"t3 sm\">{}</p>", (w.more)(more))?;
            }
            writeln!(out, "</div></details>")?;
        }
        writeln!(out, "</section>")?;
        Ok(())
    }

    fn title<'r>(&self, rule: &'r Rule) -> &'r str {
        rule.title_ko.as_deref().filter(|_| self.plan.lang == Lang::Ko).unwrap_or(&rule.title)
    }

    fn about(&self, rule: &Rule) -> String {
        let w = self.words;
        let korean = self.plan.lang == Lang::Ko;
        let description = rule.description_ko.as_deref().filter(|_| korean).unwrap_or(&rule.description);
        let steps = if korean && !rule.next_steps_ko.is_empty() { &rule.next_steps_ko } else { &rule.next_steps };
        let mut out = String::new();
        if !description.trim().is_empty() {
            let _ = write!(out, "<p>{}</p>", escaped(description.trim()));
        }
        out.push_str("<dl class=\"facts\">");
        let tactics: Vec<&str> = tactics(rule).filter_map(|at| w.tactics.get(at).copied()).collect();
        let techniques =
            rule.tags.iter().filter_map(|t| t.strip_prefix("attack.t")).map(|t| format!("T{}", escaped(t)));
        let attack: Vec<String> = tactics.into_iter().map(str::to_owned).chain(techniques).collect();
        let lists = [
            (w.attack, vec![attack.join(", ")]),
            (w.next_steps, all(steps)),
            (w.false_positives, all(&rule.falsepositives)),
            (w.references, all(&rule.references)),
        ];
        for (name, list) in lists {
            if list.iter().any(|line| !line.is_empty()) {
                let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", list.join("<br>"));
            }
        }
        let _ = write!(out, "<dt>{}</dt><dd class=\"mono\">{}</dd></dl>", w.rule_id, escaped(&rule.id));
        out
    }

    fn findings(&self, shown: &[Finding]) -> String {
        let w = self.words;
        let mut shown: Vec<&Finding> = shown.iter().collect();
        shown.sort_by_key(|f| (f.time, f.input, f.record));
        let mut out = format!(
            "<table class=\"hits\"><thead><tr><th scope=\"col\" class=\"c-time\">{}</th><th scope=\"col\" class=\"c-host\">{}</th>\
             <th scope=\"col\" class=\"c-record\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
            w.time, w.host, w.record, w.held
        );
        for f in shown {
            let source = self.outcome.inputs.get(f.input).map_or("", |i| &i.shown);
            let name = source.rsplit('/').next().unwrap_or(source);
            let none = format!("<span class=\"vh\">{}</span>", w.none);
            let host = f.host.as_deref().map_or(none, escaped);
            let _ = write!(
                out,
                "<tr><td class=\"nowrap\">{}</td><td>{host}</td><td><span title=\"{}\">{}</span> <span class=\"t3 nowrap\">#{}</span></td><td><ul class=\"held\">",
                self.short_time(f.time),
                escaped(source),
                escaped(name),
                f.record
            );
            for m in &f.matched {
                let field = if m.field.is_empty() { &m.selection } else { &m.field };
                let _ = write!(out, "<li><b>{}</b><code>{}</code></li>", escaped(field), escaped(&m.value));
            }
            out.push_str("</ul></td></tr>");
        }
        out.push_str("</tbody></table>");
        out
    }

    fn inputs(&self) -> String {
        let w = self.words;
        let mut inputs: Vec<&Input> = self.outcome.inputs.iter().collect();
        inputs.sort_by_key(|i| !i.is_troubled());
        let mut out = format!(
            "<section aria-labelledby=\"files\"><h2 id=\"files\">{}</h2><table><thead><tr><th scope=\"col\">{}</th>\
             <th scope=\"col\" class=\"num\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
            w.inputs, w.file, w.records, w.not_read
        );
        for input in inputs.iter().take(FILES_SHOWN) {
            let _ = write!(
                out,
                "<tr><td>{}</td><td class=\"num\">{}</td>{}</tr>",
                escaped(&input.shown),
                number(input.records),
                self.trouble(input)
            );
        }
        out.push_str("</tbody></table>");
        if inputs.len() > FILES_SHOWN {
            let _ = write!(out, "<p class=\"t3 sm\">+ {}</p>", number((inputs.len() - FILES_SHOWN) as u64));
        }
        out.push_str("</section>");
        out
    }

    fn trouble(&self, input: &Input) -> String {
        let w = self.words;
        let mut said = Vec::new();
        let counts: [(u64, Say); 3] =
            [(input.damaged, w.damaged), (input.too_long, w.too_long), (input.stray_bytes, w.stray)];
        said.extend(counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, say)| say(n)));
        said.extend(input.trouble.as_deref().map(escaped));
        if said.is_empty() {
            return format!("<td class=\"t3\">{}</td>", w.whole);
        }
        format!("<td class=\"trouble\">{}</td>", said.join("; "))
    }
}

fn all(list: &[String]) -> Vec<String> {
    list.iter().map(|text| escaped(text)).collect()
}

/// A level's shape and word: it gains corners as it grows graver.
fn mark(level: Severity, name: &str) -> String {
    let (class, shape) = match level {
        Severity::Critical => (
            "s5",
            "<path d=\"M4.2.8h5.600L13.200 4.200v5.600L9.800 13.200H4.200L.8 9.800V4.200z\" fill=\"var(--g)\"/><path d=\"M7 3.600v4.200M7 10.200v.3\" stroke=\"var(--on-sev)\" stroke-width=\"1.900\" stroke-linecap=\"round\"/>",
        ),
        Severity::High => (
            "s4",
            "<path d=\"M7 1.200 13.400 12.500H.6z\" fill=\"var(--g)\" stroke=\"var(--g)\" stroke-linejoin=\"round\"/>",
        ),
        Severity::Medium => ("s3", "<path d=\"M7 .9 13.100 7 7 13.100.9 7z\" fill=\"var(--g)\"/>"),
        Severity::Low => ("s2", "<circle cx=\"7\" cy=\"7\" r=\"4.500\" fill=\"var(--g)\"/>"),
        Severity::Info => {
            ("s1", "<circle cx=\"7\" cy=\"7\" r=\"4\" fill=\"none\" stroke=\"var(--g)\" stroke-width=\"1.700\"/>")
        }
    };
    format!(
        "<span class=\"sev {class}\"><svg width=\"14\" height=\"14\" viewBox=\"0 0 14 14\" aria-hidden=\"true\">{shape}</svg>{name}</span>"
    )
}

/// Text as text: no markup, no control characters, nothing that turns its direction round.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            '\r' => {}
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        assert_eq!(
            escaped("<img onerror='x'>&\"\u{1b}[2J\u{202e}gpj.exe"),
            "&lt;img onerror=&#39;x&#39;&gt;&amp;&quot;\u{fffd}[2J\u{fffd}gpj.exe"
        );
    }

    #[test]
    fn the_page_loads_nothing() {
        for outside in ["url(", "@import", "http:", "https:"] {
            assert!(!STYLE.contains(outside), "{outside}");
        }
    }
}
