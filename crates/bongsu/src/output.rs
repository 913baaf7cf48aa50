//! Output for people (a table) and for programs (jsonl, stable).

use std::io::Write;

use serde_json::Value;

/// Form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Columns for people.
    #[default]
    Table,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a head.
    Csv,
    /// A Parquet file (search only).
    Parquet,
}

/// Print rows. `columns` are (head, JSON pointer) pairs for the table and for CSV; jsonl prints the rows whole.
///
/// # Errors
/// Standard output is closed.
pub fn rows(output: Output, columns: &[(&str, &str)], rows: &[Value]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let cell = |row: &Value, pointer: &str| match row.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(s)) => s.clone(),
        Some(Value::Array(a)) => {
            a.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect::<Vec<_>>().join(", ")
        }
        Some(v) => v.to_string(),
    };
    match output {
        Output::Jsonl => rows.iter().try_for_each(|r| writeln!(out, "{r}")),
        Output::Csv => {
            let quote = |s: &str| {
                if s.contains([',', '"', '\n', '\r']) {
                    format!("\"{}\"", s.replace('"', "\"\""))
                } else {
                    s.to_owned()
                }
            };
            writeln!(out, "{}", columns.iter().map(|(h, _)| quote(h)).collect::<Vec<_>>().join(","))?;
            rows.iter().try_for_each(|r| {
                writeln!(out, "{}", columns.iter().map(|(_, p)| quote(&cell(r, p))).collect::<Vec<_>>().join(","))
            })
        }
        Output::Table | Output::Parquet => {
            let cells: Vec<Vec<String>> =
                rows.iter().map(|r| columns.iter().map(|(_, p)| shown(&cell(r, p))).collect()).collect();
            let widths: Vec<usize> = columns
                .iter()
                .enumerate()
                .map(|(i, (head, _))| {
                    cells.iter().filter_map(|c| c.get(i)).map(|c| width(c)).chain([width(head)]).max().unwrap_or(0)
                })
                .collect();
            let line = |out: &mut dyn Write, parts: &mut dyn Iterator<Item = &str>| -> std::io::Result<()> {
                let mut text = String::new();
                for (part, wide) in parts.zip(&widths) {
                    text.push_str(part);
                    text.extend(std::iter::repeat_n(' ', wide.saturating_sub(width(part)) + 2));
                }
                writeln!(out, "{}", text.trim_end())
            };
            line(&mut out, &mut columns.iter().map(|(h, _)| *h))?;
            cells.iter().try_for_each(|c| line(&mut out, &mut c.iter().map(String::as_str)))
        }
    }
}

/// Control characters of foreign text never reach the terminal.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Columns a text takes on a terminal: Hangul and other wide letters take two.
pub fn width(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f
            | 0xff00..=0xff60 => 2,
            _ => 1,
        })
        .sum()
}
