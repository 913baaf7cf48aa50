//! Windows event logs as both sides take them: each record, read by Bongsu's own reader, as one flat JSON object under
//! the names that Sigma gives its values.
//!
//! Invariant: both are given the same bytes; no record is left out silently.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use bongsu_event::ValueRef;
use bongsu_parse::blocks::{Blocks, Form};
use bongsu_parse::windows::{EvtxReader, WindowsEvent};
use bongsu_sigma::{EventView, Key};
use serde_json::{Map, Value};

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// File, below the folder that was named, and the record's own number.
    pub id: String,
    /// The JSON object.
    pub json: String,
}

/// A record as `bongsu hunt` asks rules of it, without JSON in between.
pub struct Direct<'r>(WindowsEvent<'r>);

impl EventView for Direct<'_> {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        for (number, value) in self.0.numbered() {
            let Some((short, path)) = self.0.name(number) else { continue };
            f(Key::Name(short), value);
            if path != short {
                f(Key::Name(path), value);
            }
        }
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        self.0.for_each(&mut |_, value| {
            if let ValueRef::Text(text) = value {
                f(text);
            }
        });
    }
}

/// Every record of every EVTX file below a folder, in the order of the names; how many could not be read.
pub fn read(folder: &Path, visit: &mut dyn FnMut(Record, &Direct<'_>)) -> Result<u64> {
    let mut files = Vec::new();
    find(folder, &mut files)?;
    ensure!(!files.is_empty(), "there is no EVTX file in {}", folder.display());
    let (mut reader, mut damaged) = (EvtxReader::new(), 0);
    for path in &files {
        let input = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let mut blocks = Blocks::open(input, Some(Form::Evtx));
        while let Some(block) = blocks.next_block() {
            let report = reader.read(&block.bytes, &mut |event| {
                let record = Record { id: format!("{name}#{}", event.record), json: json(event).to_string() };
                visit(record, &Direct(*event));
            });
            damaged += report.damaged;
        }
        ensure!(blocks.broken().is_none(), "{} breaks off", path.display());
    }
    Ok(damaged)
}

fn find(at: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    if at.is_dir() {
        let mut entries = std::fs::read_dir(at)?.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| find(entry, out));
    }
    if at.extension().is_some_and(|e| e == "evtx") {
        out.push(at.to_owned());
    }
    Ok(())
}

/// A name that comes several times holds a list.
fn json(event: &WindowsEvent<'_>) -> Value {
    let mut map = Map::new();
    event.for_each(&mut |name, value| {
        let value = match value {
            ValueRef::Null => Value::Null,
            ValueRef::Bool(b) => b.into(),
            ValueRef::Int(n) => n.into(),
            ValueRef::Float(n) => n.into(),
            ValueRef::Text(t) => t.into(),
            ValueRef::Ip(ip) => ip.to_string().into(),
        };
        match map.get_mut(name) {
            None => drop(map.insert(name.to_owned(), value)),
            Some(Value::Array(list)) => list.push(value),
            Some(first) => {
                let list = vec![first.take(), value];
                *first = Value::Array(list);
            }
        }
    });
    Value::Object(map)
}
