//! Stored events as input: asked of the center that runs on the folder, or of the folder itself, with the operator's
//! scope; each row becomes the event it was.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Result;
use base64::Engine;
use bongsu_event::{
    Activity, AgencyId, Class, Event, EventId, Evidence, Field, Micros, Severity, SourceId, Status, Transport,
};
use bongsu_parse::blocks::{Block, Blocks, Form};
use serde_json::{Map, Value};

use super::arguments::{self, Plan};
use super::inputs::{Input, Kind};
use crate::client::{Client, query};

/// The input's name.
const NAME: &str = "lake";
/// Pieces of the answer that wait to be read.
const PIECES_WAITING: usize = 16;

/// The lake as an input.
pub fn input() -> Input {
    Input { path: NAME.into(), shown: NAME.to_owned(), ..Input::default() }
}

/// Every event in the range, in blocks.
pub fn cut(
    input: &mut Input,
    plan: &Plan,
    data: Option<PathBuf>,
    take: &mut dyn FnMut(Kind, Block) -> bool,
) -> Result<()> {
    let data = crate::commands::folder(data)?;
    let mut path = "/operator/search?format=jsonl&q=".to_owned();
    for (name, bound) in [("from", plan.from), ("to", plan.to)] {
        if let Some(time) = bound {
            path.push_str(&format!("&{name}={}", query(&time.to_string())));
        }
    }
    let (pieces, answer) = sync_channel(PIECES_WAITING);
    std::thread::scope(|scope| {
        let asked = scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            runtime.block_on(async {
                let mut client = Client::open(&data).await?;
                client.stream(&path, &mut Pieces(pieces)).await
            })
        });
        let mut blocks = Blocks::open(Answer { pieces: answer, rest: Vec::new(), used: 0 }, Some(Form::Lines));
        input.opened = true;
        let mut stopped = false;
        while let Some(block) = blocks.next_block() {
            if !take(Kind::Lake, block) {
                stopped = true;
                break;
            }
        }
        drop(blocks);
        match asked.join() {
            Ok(result) if !stopped => result,
            Ok(_) => Ok(()),
            Err(_) => anyhow::bail!("asking the lake stopped unexpectedly"),
        }
    })
}

/// The answer's pieces, written by who asks.
struct Pieces(SyncSender<Vec<u8>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| std::io::Error::from(std::io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The answer, read by who hunts.
struct Answer {
    pieces: Receiver<Vec<u8>>,
    rest: Vec<u8>,
    used: usize,
}

impl Read for Answer {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.used >= self.rest.len() {
            match self.pieces.recv() {
                Ok(piece) => (self.rest, self.used) = (piece, 0),
                Err(_) => return Ok(0),
            }
        }
        let n = self.rest.get(self.used..).unwrap_or(&[]).read(out)?;
        self.used += n;
        Ok(n)
    }
}

/// A row of the lake as the event it was, and its sequence.
pub fn event(row: &[u8]) -> Option<(u64, Event)> {
    let row: Map<String, Value> = serde_json::from_slice(row).ok()?;
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let time = |name: &str| text(name)?.parse::<jiff::Timestamp>().ok().map(Micros::from_timestamp);
    let number = |name: &str| row.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let raw = match text("raw_b64").and_then(|b| base64::engine::general_purpose::STANDARD.decode(b).ok()) {
        Some(bytes) => bytes,
        None => text("raw").unwrap_or("").as_bytes().to_vec(),
    };
    let receive_time = time("receive_time").unwrap_or_else(arguments::now);
    let mut event = Event::unread(raw.into(), receive_time);
    event.id = text("id").and_then(|id| id.parse::<EventId>().ok()).unwrap_or_default();
    event.time = time("time").unwrap_or(receive_time);
    event.agency = AgencyId(number("agency").unwrap_or_default());
    event.source = SourceId(number("source").unwrap_or_default());
    event.class = text("class").and_then(Class::from_name).unwrap_or_default();
    event.activity = text("activity").and_then(named).unwrap_or(Activity::Unknown);
    event.status = text("status").and_then(named).unwrap_or(Status::Unknown);
    event.severity = text("event_severity").and_then(Severity::from_name).unwrap_or_default();
    event.evidence = text("evidence").and_then(named).unwrap_or(Evidence::None);
    event.transport = text("transport").and_then(named).unwrap_or(Transport::Load);
    event.format = text("format").and_then(bongsu_parse::format_by_name).map_or("", |f| f.name());
    for (name, value) in &row {
        let Some(field) = Field::from_name(name).filter(|f| f.name() == name) else { continue };
        match value {
            Value::String(t) => drop(event.set_text(field, t)),
            Value::Number(n) => drop(event.set_text(field, &n.to_string())),
            _ => {}
        }
    }
    if let Some(extra) = row.get("extra").and_then(Value::as_object) {
        for (name, value) in extra {
            match value {
                Value::Array(list) => list.iter().filter_map(Value::as_str).for_each(|v| event.add_extra(name, v)),
                Value::String(t) => event.add_extra(name, t),
                _ => {}
            }
        }
    }
    Some((event.id.sequence, event))
}

/// A value of an enumeration by the name that the event's own form gives it.
fn named<T: serde::de::DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(Value::from(name)).ok()
}
