//! Correlations of a hunt: base detections of all inputs, brought into the order of event time, then fed.
//!
//! Invariant: memory stays below `MEMORY_BYTES_MAX` whatever the input; what is more goes sorted into a nameless
//! temporary file. The order is that of time, and of the input where times are equal.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use anyhow::{Context, Result};
use bongsu_event::{EventId, Field, Micros, ValueRef};
use bongsu_sigma::{Correlator, Counters, EventView, Key, Matched, Meta, RuleIdx};
use serde::{Deserialize, Serialize};

use super::work::{Finding, Rules};

/// Base detections kept in memory, bytes.
const MEMORY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest value kept for a correlation, bytes; windows compare no more.
const VALUE_BYTES_MAX: usize = 256;
/// Bytes of a run read back at once.
const RUN_READ_BYTES: usize = 64 * 1024;
/// Memory that a waiting detection takes besides its bytes.
const WAITING_BYTES: usize = 48;

/// A detection of a rule that feeds a correlation, with the event's values.
pub struct Base {
    time: Option<Micros>,
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    rule: u32,
    input: usize,
    record: u64,
    host: Option<Arc<str>>,
    values: Vec<(Kind, String, KeptValue)>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Kind {
    Name,
    Hot,
    Meta,
}

#[derive(Serialize, Deserialize)]
enum KeptValue {
    Null,
    Ip(IpAddr),
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
}

impl Base {
    pub fn new(
        rule: RuleIdx,
        input: usize,
        record: u64,
        time: Option<Micros>,
        host: Option<Arc<str>>,
        event: &dyn EventView,
    ) -> Self {
        let mut values = Vec::new();
        event.for_each(&mut |key, value| {
            let (kind, name) = match key {
                Key::Name(name) => (Kind::Name, name),
                Key::Hot(field) => (Kind::Hot, field.name()),
                // The line itself is no value that anybody groups by.
                Key::Meta(Meta::Raw) | Key::Branch(_) => return,
                Key::Meta(meta) => (Kind::Meta, meta.name()),
            };
            values.push((kind, name.to_owned(), KeptValue::of(value)));
        });
        let kept = Kept { rule: rule.0, input, record, host, values };
        Self { time, bytes: postcard::to_stdvec(&kept).unwrap_or_default() }
    }
}

impl KeptValue {
    fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Ip(a) => Self::Ip(a),
            ValueRef::Int(n) => Self::Int(n),
            ValueRef::Float(n) => Self::Float(n),
            ValueRef::Bool(b) => Self::Bool(b),
            ValueRef::Text(t) => {
                let mut end = t.len().min(VALUE_BYTES_MAX);
                while !t.is_char_boundary(end) {
                    end -= 1;
                }
                Self::Text(t.get(..end).unwrap_or("").to_owned())
            }
        }
    }
    fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Ip(a) => ValueRef::Ip(*a),
            Self::Int(n) => ValueRef::Int(*n),
            Self::Float(n) => ValueRef::Float(*n),
            Self::Bool(b) => ValueRef::Bool(*b),
            Self::Text(t) => ValueRef::Text(t),
        }
    }
}

impl EventView for Kept {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        for (kind, name, value) in &self.values {
            let key = match kind {
                Kind::Name => Some(Key::Name(name)),
                Kind::Hot => Field::from_name(name).map(Key::Hot),
                Kind::Meta => Meta::from_name(name).map(Key::Meta),
            };
            if let Some(key) = key {
                f(key, value.as_ref());
            }
        }
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        for (_, _, value) in &self.values {
            if let KeptValue::Text(text) = value {
                f(text);
            }
        }
    }
}

/// Time, then the order of the input.
type Order = (i64, u64);

/// Base detections on their way into order.
pub struct Bases {
    waiting: Vec<(Order, Vec<u8>)>,
    waiting_bytes: usize,
    memory_bytes_max: usize,
    next: u64,
    spilled: Option<File>,
    /// Where each run begins and ends in the file.
    runs: Vec<(u64, u64)>,
    /// Detections whose event says no time.
    pub untimed: u64,
}

impl Default for Bases {
    fn default() -> Self {
        Self::within(MEMORY_BYTES_MAX)
    }
}

impl Bases {
    fn within(memory_bytes_max: usize) -> Self {
        let (waiting, runs) = (Vec::new(), Vec::new());
        Self { waiting, waiting_bytes: 0, memory_bytes_max, next: 0, spilled: None, runs, untimed: 0 }
    }

    /// The next detection in the order of the input.
    pub fn push(&mut self, base: Base) -> Result<()> {
        let Some(time) = base.time else {
            self.untimed += 1;
            return Ok(());
        };
        self.waiting_bytes += base.bytes.len() + WAITING_BYTES;
        self.waiting.push(((time.0, self.next), base.bytes));
        self.next += 1;
        if self.waiting_bytes > self.memory_bytes_max { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<()> {
        self.waiting.sort_unstable_by_key(|(order, _)| *order);
        let file = match &mut self.spilled {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().context("no temporary file can be made for correlations")?),
        };
        let from = self.runs.last().map_or(0, |(_, end)| *end);
        let mut end = from;
        let mut out = std::io::BufWriter::with_capacity(RUN_READ_BYTES, file);
        for ((time, sequence), bytes) in self.waiting.drain(..) {
            out.write_all(&time.to_le_bytes())?;
            out.write_all(&sequence.to_le_bytes())?;
            out.write_all(&(bytes.len() as u64).to_le_bytes())?;
            out.write_all(&bytes)?;
            end += 24 + bytes.len() as u64;
        }
        out.flush().context("the temporary file for correlations can't be written")?;
        self.runs.push((from, end));
        self.waiting_bytes = 0;
        Ok(())
    }

    /// Every detection in order.
    fn in_order(mut self, take: &mut dyn FnMut(Order, &[u8])) -> Result<()> {
        self.waiting.sort_unstable_by_key(|(order, _)| *order);
        let mut waiting = std::mem::take(&mut self.waiting).into_iter().peekable();
        let mut runs: Vec<Run> = match &self.spilled {
            Some(file) => {
                let each = self.runs.iter().map(|(from, end)| {
                    Ok(Run { file: file.try_clone()?, at: *from, end: *end, room: Vec::new(), used: 0 })
                });
                each.collect::<Result<_>>()?
            }
            None => Vec::new(),
        };
        let mut heads = BinaryHeap::new();
        for (n, run) in runs.iter_mut().enumerate() {
            if let Some((order, bytes)) = run.next()? {
                heads.push(Reverse((order, n, bytes)));
            }
        }
        loop {
            let spilled_first = match (waiting.peek(), heads.peek()) {
                (None, None) => return Ok(()),
                (Some((order, _)), Some(Reverse((head, ..)))) => head < order,
                (None, Some(_)) => true,
                (Some(_), None) => false,
            };
            if !spilled_first {
                if let Some((order, bytes)) = waiting.next() {
                    take(order, &bytes);
                }
                continue;
            }
            if let Some(Reverse((order, n, bytes))) = heads.pop() {
                take(order, &bytes);
                if let Some(run) = runs.get_mut(n)
                    && let Some((order, bytes)) = run.next()?
                {
                    heads.push(Reverse((order, n, bytes)));
                }
            }
        }
    }
}

/// A sorted piece of the temporary file being read back.
struct Run {
    file: File,
    at: u64,
    end: u64,
    room: Vec<u8>,
    used: usize,
}

impl Run {
    fn next(&mut self) -> Result<Option<(Order, Vec<u8>)>> {
        if self.used >= self.room.len() && self.at >= self.end {
            return Ok(None);
        }
        let time = i64::from_le_bytes(self.array()?);
        let sequence = u64::from_le_bytes(self.array()?);
        let length = u64::from_le_bytes(self.array()?);
        let bytes = self.take(usize::try_from(length)?)?;
        Ok(Some(((time, sequence), bytes)))
    }
    fn array(&mut self) -> Result<[u8; 8]> {
        self.take(8)?.try_into().ok().context("the temporary file for correlations is cut off")
    }
    fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.room.len() - self.used < length {
            self.room.drain(..self.used);
            self.used = 0;
            let want = usize::try_from((self.end - self.at).min(RUN_READ_BYTES.max(length) as u64))?;
            anyhow::ensure!(want > 0, "the temporary file for correlations is cut off");
            let before = self.room.len();
            self.room.resize(before + want, 0);
            self.file.read_exact_at(self.room.get_mut(before..).unwrap_or(&mut []), self.at)?;
            self.at += want as u64;
        }
        let taken = self.room.get(self.used..self.used + length).unwrap_or(&[]).to_vec();
        self.used += length;
        Ok(taken)
    }
}

/// Feed everything in order; a finding for each burst that begins.
pub fn correlate(rules: &Rules, bases: Bases, take: &mut dyn FnMut(Finding)) -> Result<Counters> {
    let mut correlator = Correlator::new(Arc::clone(&rules.set));
    bases.in_order(&mut |(time, sequence), bytes| {
        let Ok(kept) = postcard::from_bytes::<Kept>(bytes) else { return };
        let at = Micros(time);
        for hit in correlator.feed(RuleIdx(kept.rule), &kept, EventId { epoch: 0, sequence }, at, at) {
            if hit.continued || hit.base_only || !rules.is_reported(hit.rule) {
                continue;
            }
            let test = format!("{} in {:.0} s", hit.count, hit.last.seconds_since(hit.first));
            let part = |field: &str, value: &str| Matched {
                selection: "correlation".into(),
                field: field.into(),
                value: value.to_owned(),
                test: test.clone(),
            };
            let mut matched: Vec<Matched> = hit.group.iter().map(|(field, value)| part(field, value)).collect();
            matched.extend(hit.values.iter().map(|value| part("", value)));
            if matched.is_empty() {
                matched.push(part("", ""));
            }
            let (input, record, host) = (kept.input, kept.record, kept.host.clone());
            take(Finding { rule: hit.rule, input, record, time: Some(hit.last), host, matched });
        }
    })?;
    Ok(correlator.counters())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(memory_bytes_max: usize) -> Vec<(i64, u64)> {
        let mut bases = Bases::within(memory_bytes_max);
        for n in 0..2_000i64 {
            let event = serde_json::json!({"n": n, "text": "x".repeat(usize::try_from(n % 300).unwrap())});
            bases.push(Base::new(RuleIdx(0), 0, 0, Some(Micros(n * 7919 % 500)), None, &event)).unwrap();
        }
        bases.push(Base::new(RuleIdx(0), 0, 0, None, None, &serde_json::json!({}))).unwrap();
        assert_eq!(bases.untimed, 1);
        let mut seen = Vec::new();
        bases
            .in_order(&mut |order, bytes| {
                let kept: Kept = postcard::from_bytes(bytes).unwrap();
                assert_eq!(kept.values.len(), 2);
                seen.push(order);
            })
            .unwrap();
        seen
    }

    #[test]
    fn the_order_is_that_of_time_whether_or_not_it_was_written_out() {
        let in_memory = order(usize::MAX);
        assert!(in_memory.is_sorted());
        assert_eq!(in_memory.len(), 2_000);
        assert_eq!(order(10_000), in_memory);
    }
}
