//! Runs every `samples/<format>.md`; see `samples/README.md` for the convention.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use bongsu_event::Micros;
use bongsu_parse::{Context, flat, format_by_name, parse_record};
use bytes::Bytes;
use serde_json::{Map, Value};

/// One sample: where it stands, the record, what must come of it.
pub struct Sample {
    pub place: String,
    pub format: String,
    pub raw: Bytes,
    pub expected: Map<String, Value>,
    pub forgeable: Vec<String>,
}

pub fn context() -> Context {
    let received: jiff::Timestamp = "2026-06-01T12:00:00+09:00".parse().unwrap();
    Context { receive_time: Micros::from_timestamp(received), timezone: jiff::tz::TimeZone::get("Asia/Seoul").unwrap() }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "md") && p.file_stem().is_some_and(|s| s != "README"))
        .collect();
    files.sort();
    files
}

pub fn all() -> Vec<Sample> {
    files().iter().flat_map(|f| read(f)).collect()
}

fn read(file: &Path) -> Vec<Sample> {
    let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let text = fs::read_to_string(file).unwrap();
    let mut samples: Vec<Sample> = Vec::new();
    let mut block: Option<(String, Vec<&str>)> = None;
    for (number, line) in text.lines().enumerate() {
        let place = format!("samples/{name}.md:{}", number + 1);
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(kind)) => block = Some((kind.trim().to_owned(), Vec::new())),
            (Some((kind, lines)), Some("")) => {
                let body = lines.join("\n");
                add(&mut samples, &name, &place, kind, &body);
                block = None;
            }
            (Some((_, lines)), _) => lines.push(line),
            (None, None) => {}
        }
    }
    assert!(block.is_none(), "samples/{name}.md: a block is not closed");
    samples
}

fn add(samples: &mut Vec<Sample>, name: &str, place: &str, kind: &str, body: &str) {
    let raw = match kind {
        "log" => Some(Bytes::from(body.to_owned())),
        "log base64" => Some(base64::engine::general_purpose::STANDARD.decode(body.replace('\n', "")).unwrap().into()),
        "log hex" => Some(hex(body)),
        _ => None,
    };
    if let Some(raw) = raw {
        let expected = Map::from_iter([("".to_owned(), Value::Null)]);
        samples.push(Sample { place: place.to_owned(), format: name.to_owned(), raw, expected, forgeable: Vec::new() });
        return;
    }
    let last = samples.last_mut().unwrap_or_else(|| panic!("{place}: no log block before this one"));
    match kind {
        "json" => last.expected = serde_json::from_str(body).unwrap_or_else(|e| panic!("{place}: {e}")),
        "forgeable" => last.forgeable = body.split_whitespace().map(str::to_owned).collect(),
        other => panic!("{place}: a block is log, json or forgeable, not {other:?}"),
    }
}

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

fn same(name: &str, want: &Value, got: Option<&Value>) -> bool {
    match (want, got) {
        (Value::Null, got) => got.is_none(),
        (Value::Object(want), Some(Value::Object(got))) => want.iter().all(|(n, w)| same(n, w, got.get(n))),
        (Value::Object(want), None) => want.values().all(Value::is_null),
        (Value::String(want), Some(Value::String(got))) if name == "time" => {
            want.parse::<jiff::Timestamp>().unwrap() == got.parse::<jiff::Timestamp>().unwrap()
        }
        (want, Some(got)) => want == got,
        (_, None) => false,
    }
}

#[test]
fn every_sample_reads_as_written() {
    let mut wrong = Vec::new();
    for sample in all() {
        let place = &sample.place;
        assert!(!sample.expected.contains_key(""), "{place}: a log block without a json block");
        let (event, format) = parse_record(sample.raw.clone(), &context(), None);
        let out = flat(&event);
        let default = Value::from(sample.format.as_str());
        let unparsed = sample.expected.get("class").is_some_and(|c| c == "unparsed");
        if !unparsed && !same("format", sample.expected.get("format").unwrap_or(&default), out.get("format")) {
            wrong.push(format!("{place}: read as {:?}", out.get("format")));
        }
        for (name, want) in &sample.expected {
            if !same(name, want, out.get(name)) {
                wrong.push(format!("{place}: {name} should be {want}, is {:?}", out.get(name)));
            }
        }
        let marked: Vec<&str> =
            out.get("forgeable").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for field in &sample.forgeable {
            let (bare, must) = field.strip_prefix('!').map_or((field.as_str(), true), |f| (f, false));
            if marked.contains(&bare) != must {
                wrong.push(format!("{place}: forgeable should be {field}, is {marked:?}"));
            }
        }
        // asking the format that read it first gives the same answer
        let (again, _) = parse_record(sample.raw.clone(), &context(), format);
        if flat(&again) != out {
            wrong.push(format!("{place}: reads otherwise with its format as the hint"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_sample_file_names_a_format() {
    for file in files() {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(format_by_name(&name).is_some(), "samples/{name}.md belongs to no format");
    }
}
