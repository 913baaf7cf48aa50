//! Small event logs made from nothing, for tests and for the fuzz corpus: one provider, one template a chunk.
//!
//! Invariant: what is written here is read back by [`super::EvtxReader`] value by value.

use super::chunk::{CHUNK_BYTES, FILE_HEADER_BYTES, HEAD_BYTES, crc32};
use super::value::kind;

/// A value of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// Text.
    Text(String),
    /// Texts of one element that is repeated.
    Texts(Vec<String>),
    /// A 32-bit number.
    Number(u32),
    /// No value.
    Null,
}

/// An event of a sample. All events of one file have the same data names.
#[derive(Clone, Debug)]
pub struct SampleEvent {
    /// As `Microsoft-Windows-Sysmon/Operational`.
    pub channel: String,
    /// As 4624.
    pub event_id: u16,
    /// Seconds since 1970.
    pub seconds: u64,
    /// The machine.
    pub computer: String,
    /// Names and values under `EventData`.
    pub data: Vec<(String, SampleValue)>,
}

/// An event log file that holds these events, numbered from 1.
#[must_use]
pub fn evtx(events: &[SampleEvent]) -> Vec<u8> {
    let mut chunks = Vec::new();
    let mut number = 1;
    let mut rest = events;
    while !rest.is_empty() {
        let mut chunk = Chunk::new();
        let first = number;
        while let Some((event, after)) = rest.split_first() {
            if !chunk.add(number, event) {
                break;
            }
            number += 1;
            rest = after;
        }
        if first == number {
            break;
        }
        chunks.push(chunk.finish(first, number - 1));
    }
    let mut file = vec![0; FILE_HEADER_BYTES];
    put(&mut file, 0, b"ElfFile\0");
    put(&mut file, 16, &(chunks.len() as u64).saturating_sub(1).to_le_bytes());
    put(&mut file, 24, &number.to_le_bytes());
    put(&mut file, 32, &[128, 0, 0, 0, 1, 0, 3, 0, 0, 16]);
    put(&mut file, 42, &(chunks.len() as u16).to_le_bytes());
    let sum = crc32(&[file.get(..120).unwrap_or(&[])]);
    put(&mut file, 124, &sum.to_le_bytes());
    chunks.into_iter().fold(file, |mut file, chunk| {
        file.extend(chunk);
        file
    })
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

struct Chunk {
    bytes: Vec<u8>,
    template: Option<u32>,
}

impl Chunk {
    fn new() -> Self {
        Self { bytes: vec![0; HEAD_BYTES], template: None }
    }

    /// One record more; false if it does not fit.
    fn add(&mut self, number: u64, event: &SampleEvent) -> bool {
        let begin = self.bytes.len();
        let time = (event.seconds + 11_644_473_600) * 10_000_000;
        self.bytes.extend(b"**\0\0");
        self.u32(0);
        self.bytes.extend(number.to_le_bytes());
        self.bytes.extend(time.to_le_bytes());
        self.bytes.extend([0x0f, 1, 1, 0, 0x0c, 1]);
        self.u32(7);
        let known = self.template;
        let template = known.unwrap_or(self.bytes.len() as u32 + 4);
        self.u32(template);
        if known.is_none() {
            self.template(event);
        }
        self.values(number, time, event);
        let size = (self.bytes.len() + 4 - begin) as u32;
        self.u32(size);
        put(&mut self.bytes, begin + 4, &size.to_le_bytes());
        if self.bytes.len() > CHUNK_BYTES {
            self.bytes.truncate(begin);
            return false;
        }
        self.template = Some(template);
        true
    }

    fn u32(&mut self, n: u32) {
        self.bytes.extend(n.to_le_bytes());
    }

    fn template(&mut self, event: &SampleEvent) {
        self.u32(0);
        self.bytes.extend([7; 16]);
        let size = self.bytes.len();
        self.u32(0);
        let begin = self.bytes.len();
        self.bytes.extend([0x0f, 1, 1, 0]);
        self.open("Event", None);
        self.open("System", None);
        self.open("Provider", Some(("Name", None)));
        self.bytes.push(0x03);
        self.leaf("EventID", 0);
        self.open("TimeCreated", Some(("SystemTime", Some(1))));
        self.bytes.push(0x03);
        self.leaf("EventRecordID", 2);
        self.leaf("Channel", 3);
        self.leaf("Computer", 4);
        self.bytes.push(0x04);
        self.open("EventData", None);
        for (at, (name, _)) in event.data.iter().enumerate() {
            self.open_named("Data", name);
            self.slot(at as u16 + 5);
            self.bytes.push(0x04);
        }
        self.bytes.extend([0x04, 0x04, 0x00]);
        let length = (self.bytes.len() - begin) as u32;
        put(&mut self.bytes, size, &length.to_le_bytes());
    }

    fn name(&mut self, name: &str) {
        let at = self.bytes.len() as u32 + 4;
        self.u32(at);
        self.u32(0);
        self.bytes.extend([0, 0]);
        let text = wide(name);
        self.bytes.extend((text.len() as u16 / 2).to_le_bytes());
        self.bytes.extend(text);
        self.bytes.extend([0, 0]);
    }

    /// An element; an attribute's value is a slot or the provider's name.
    fn open(&mut self, name: &str, attribute: Option<(&str, Option<u16>)>) {
        self.bytes.push(if attribute.is_some() { 0x41 } else { 0x01 });
        self.bytes.extend([0xff, 0xff, 0, 0, 0, 0]);
        self.name(name);
        let Some((attribute, slot)) = attribute else {
            self.bytes.push(0x02);
            return;
        };
        self.u32(0);
        self.bytes.push(0x06);
        self.name(attribute);
        match slot {
            Some(slot) => self.slot(slot),
            None => self.text("Sample-Provider"),
        }
    }

    fn open_named(&mut self, name: &str, value: &str) {
        self.bytes.push(0x41);
        self.bytes.extend([0xff, 0xff, 0, 0, 0, 0]);
        self.name(name);
        self.u32(0);
        self.bytes.push(0x06);
        self.name("Name");
        self.text(value);
        self.bytes.push(0x02);
    }

    fn leaf(&mut self, name: &str, slot: u16) {
        self.open(name, None);
        self.slot(slot);
        self.bytes.push(0x04);
    }

    fn slot(&mut self, slot: u16) {
        self.bytes.push(0x0d);
        self.bytes.extend(slot.to_le_bytes());
        self.bytes.push(kind::TEXT);
    }

    fn text(&mut self, text: &str) {
        let text = wide(text);
        self.bytes.extend([0x05, kind::TEXT]);
        self.bytes.extend((text.len() as u16 / 2).to_le_bytes());
        self.bytes.extend(text);
    }

    fn values(&mut self, number: u64, time: u64, event: &SampleEvent) {
        let mut values = vec![
            (kind::U16, event.event_id.to_le_bytes().to_vec()),
            (kind::FILETIME, time.to_le_bytes().to_vec()),
            (kind::U64, number.to_le_bytes().to_vec()),
            (kind::TEXT, wide(&event.channel)),
            (kind::TEXT, wide(&event.computer)),
        ];
        values.extend(event.data.iter().map(|(_, value)| match value {
            SampleValue::Text(text) => (kind::TEXT, wide(text)),
            SampleValue::Texts(list) => {
                (kind::TEXT | kind::ARRAY, list.iter().flat_map(|t| wide(t).into_iter().chain([0, 0])).collect())
            }
            SampleValue::Number(n) => (kind::U32, n.to_le_bytes().to_vec()),
            SampleValue::Null => (kind::NULL, Vec::new()),
        }));
        self.u32(values.len() as u32);
        for (kind, value) in &values {
            self.bytes.extend((value.len() as u16).to_le_bytes());
            self.bytes.extend([*kind, 0]);
        }
        self.bytes.extend(values.into_iter().flat_map(|(_, value)| value));
    }

    fn finish(mut self, first: u64, last: u64) -> Vec<u8> {
        let end = self.bytes.len() as u32;
        self.bytes.resize(CHUNK_BYTES, 0);
        put(&mut self.bytes, 0, b"ElfChnk\0");
        for (at, number) in [(8, first), (16, last), (24, first), (32, last)] {
            put(&mut self.bytes, at, &number.to_le_bytes());
        }
        put(&mut self.bytes, 40, &[128, 0, 0, 0]);
        put(&mut self.bytes, 48, &end.to_le_bytes());
        let sum = crc32(&[self.bytes.get(HEAD_BYTES..end as usize).unwrap_or(&[])]);
        put(&mut self.bytes, 52, &sum.to_le_bytes());
        let tables = self.bytes.get(128..HEAD_BYTES).unwrap_or(&[]);
        let sum = crc32(&[self.bytes.get(..120).unwrap_or(&[]), tables]);
        put(&mut self.bytes, 124, &sum.to_le_bytes());
        self.bytes
    }
}
