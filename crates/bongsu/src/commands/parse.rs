//! `bongsu parse`: raw lines to events, one a line, in the order of the input.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write, stdin, stdout};

use anyhow::{Context as _, Result, bail};
use base64::Engine;
use bongsu_event::{Micros, limits::LINE_BYTES_MAX};
use bongsu_parse::{Context, Format};
use bytes::Bytes;
use serde_json::Value;

use crate::cli::Parse;

/// Longest input line: a record of a longest line, in base64 or JSON escapes.
const INPUT_LINE_BYTES_MAX: u64 = 16 * LINE_BYTES_MAX as u64;

pub fn run(arguments: &Parse) -> Result<u8> {
    let timezone = jiff::tz::TimeZone::get(&arguments.timezone)
        .with_context(|| format!("`{}` is no time zone; write it as Asia/Seoul", arguments.timezone))?;
    let hint = match arguments.format.as_str() {
        "auto" => None,
        name => Some(bongsu_parse::format_by_name(name).with_context(|| {
            let names: Vec<&str> = bongsu_parse::formats::FORMATS.iter().map(|f| f.name()).collect();
            format!("there is no format `{name}`; the formats are {}", names.join(", "))
        })?),
    };
    let mut input: Box<dyn BufRead> = if arguments.file == "-" {
        Box::new(BufReader::new(stdin().lock()))
    } else {
        let file = File::open(&arguments.file).with_context(|| format!("cannot read {}", arguments.file))?;
        Box::new(BufReader::with_capacity(1 << 20, file))
    };
    let mut out = BufWriter::with_capacity(1 << 20, stdout().lock());
    let reader = Reader { timezone, hint, records: arguments.records };
    let mut line = Vec::new();
    while read_line(&mut input, &mut line)? {
        let event = reader.event(&line)?;
        let flat = bongsu_parse::flat(&event);
        let shown = if arguments.output == "flat" { Value::Object(flat) } else { whole(flat, &event) };
        serde_json::to_writer(&mut out, &shown)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(0)
}

struct Reader {
    timezone: jiff::tz::TimeZone,
    hint: Option<&'static dyn Format>,
    records: bool,
}

impl Reader {
    fn event(&self, line: &[u8]) -> Result<bongsu_event::Event> {
        let raw = if self.records { record(line)? } else { Bytes::copy_from_slice(line) };
        let context =
            Context { receive_time: Micros::from_timestamp(jiff::Timestamp::now()), timezone: self.timezone.clone() };
        Ok(bongsu_parse::parse_record(raw, &context, self.hint).0)
    }
}

/// The raw bytes of `{"raw": …}` or `{"raw_b64": …}`. What is neither is read as a raw line, so that nothing is lost.
fn record(line: &[u8]) -> Result<Bytes> {
    let Ok(value) = serde_json::from_slice::<Value>(line) else { return Ok(Bytes::copy_from_slice(line)) };
    if let Some(text) = value.get("raw").and_then(Value::as_str) {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    }
    if let Some(text) = value.get("raw_b64").and_then(Value::as_str) {
        return match base64::engine::general_purpose::STANDARD.decode(text) {
            Ok(bytes) => Ok(bytes.into()),
            Err(e) => bail!("a record's raw_b64 is no base64: {e}"),
        };
    }
    Ok(Bytes::copy_from_slice(line))
}

fn whole(mut flat: serde_json::Map<String, Value>, event: &bongsu_event::Event) -> Value {
    let mut put = |name: &str, value: Value| {
        flat.insert(name.to_owned(), value);
    };
    put("receive_time", event.receive_time.to_string().into());
    put("event_severity", event.severity.name().into());
    put("encoding", event.encoding.name().into());
    put("evidence", serde_json::to_value(event.evidence).unwrap_or(Value::Null));
    put("time_from", serde_json::to_value(event.time_from).unwrap_or(Value::Null));
    let forgeable: Vec<Value> = bongsu_event::Field::ALL
        .iter()
        .filter(|f| event.forgeable.has(**f) && event.get(**f).is_some())
        .map(|f| f.name().into())
        .collect();
    put("forgeable", forgeable.into());
    put("raw", event.raw_text().into_owned().into());
    Value::Object(flat)
}

/// The next line without its end; an overlong one is cut and the rest of it skipped. False at the end.
fn read_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<bool> {
    line.clear();
    let read = input.take(INPUT_LINE_BYTES_MAX).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if read as u64 == INPUT_LINE_BYTES_MAX {
        skip_line(input)?;
    }
    Ok(true)
}

fn skip_line(input: &mut dyn BufRead) -> Result<()> {
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            return Ok(());
        }
        match available.iter().position(|b| *b == b'\n') {
            Some(at) => {
                input.consume(at + 1);
                return Ok(());
            }
            None => {
                let all = available.len();
                input.consume(all);
            }
        }
    }
}
