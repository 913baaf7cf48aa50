//! Events become columns. Cost follows the fields an event has, not the columns the schema has.

use std::{fmt::Write as _, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BinaryBuilder, BooleanBuilder, Int64Builder, ListBuilder, MapBuilder, MapFieldNames, RecordBatch,
        StringBuilder, TimestampMicrosecondBuilder, new_null_array,
    },
    error::ArrowError,
};
use bongsu_event::{Event, Evidence, Field, FieldKind, FieldSet, Micros, TimeFrom, Transport, Value};
use sha2::{Digest, Sha256};

use crate::{
    schema::{ANY, BASE, at, file_schema},
    text,
};

/// First 64 bits of the SHA-256 of the raw bytes, as stored.
pub fn raw_hash(raw: &[u8]) -> i64 {
    let digest = Sha256::digest(raw);
    let mut first = [0u8; 8];
    first.copy_from_slice(digest.get(..8).unwrap_or(&[0; 8]));
    i64::from_be_bytes(first)
}

/// A time that has a date: beyond the years -9999 to 9999 the nearest that has. So sums of times cannot overflow.
fn within_calendar(t: Micros) -> i64 {
    t.0.clamp(jiff::Timestamp::MIN.as_microsecond(), jiff::Timestamp::MAX.as_microsecond())
}

/// The word stored for a transport.
pub fn transport_name(t: Transport) -> &'static str {
    match t {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::MutualTls => "mutual_tls",
        Transport::Agent => "agent",
        Transport::Load => "load",
    }
}

fn time_from_name(t: TimeFrom) -> &'static str {
    match t {
        TimeFrom::Line => "line",
        TimeFrom::LineLocal => "line_local",
        TimeFrom::Header => "header",
        TimeFrom::Receipt => "receipt",
    }
}

enum HotColumn {
    Absent,
    Text(StringBuilder),
    Int(Int64Builder),
}

/// Builds one batch. Room for the fixed columns is made at once; hot columns appear when first used.
pub struct ColumnsBuilder {
    rows: usize,
    times: [TimestampMicrosecondBuilder; 2],
    numbers: [Int64Builder; 7],
    words: [StringBuilder; 10],
    flags: [BooleanBuilder; 2],
    hot: Vec<(HotColumn, usize)>,
    any: [ListBuilder<StringBuilder>; 4],
    extra: MapBuilder<StringBuilder, StringBuilder>,
    raw: StringBuilder,
    raw_bytes: BinaryBuilder,
    forgeable: (FieldSet, String),
}

impl ColumnsBuilder {
    pub fn new(rows: usize) -> Self {
        let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
        Self {
            rows: 0,
            times: std::array::from_fn(|_| TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC")),
            numbers: std::array::from_fn(|_| Int64Builder::with_capacity(rows)),
            words: std::array::from_fn(|_| StringBuilder::with_capacity(rows, rows * 8)),
            flags: std::array::from_fn(|_| BooleanBuilder::with_capacity(rows)),
            hot: (0..Field::COUNT).map(|_| (HotColumn::Absent, 0)).collect(),
            any: std::array::from_fn(|_| ListBuilder::with_capacity(StringBuilder::new(), rows)),
            extra: MapBuilder::with_capacity(Some(names), StringBuilder::new(), StringBuilder::new(), rows),
            raw: StringBuilder::with_capacity(rows, rows * 256),
            raw_bytes: BinaryBuilder::new(),
            forgeable: (FieldSet::EMPTY, String::new()),
        }
    }

    pub fn push(&mut self, e: &Event) -> Result<(), ArrowError> {
        let [time, receive] = &mut self.times;
        time.append_value(within_calendar(e.time));
        receive.append_value(within_calendar(e.receive_time));
        let [epoch, sequence, agency, source, class_uid, severity, hash] = &mut self.numbers;
        epoch.append_value(i64::from(e.id.epoch));
        sequence.append_value(i64::try_from(e.id.sequence).unwrap_or(i64::MAX));
        agency.append_value(i64::from(e.agency.0));
        source.append_value(i64::from(e.source.0));
        class_uid.append_value(i64::from(e.class.uid()));
        severity.append_value(i64::from(e.severity.number()));
        hash.append_value(raw_hash(&e.raw));
        if e.forgeable != self.forgeable.0 {
            let names: Vec<_> = Field::ALL.iter().filter(|f| e.forgeable.has(**f)).map(|f| f.name()).collect();
            self.forgeable = (e.forgeable, names.join(","));
        }
        let [transport, format, class, activity, status, evidence, time_from, encoding, unread, forgeable] =
            &mut self.words;
        transport.append_value(transport_name(e.transport));
        format.append_value(e.format);
        class.append_value(e.class.name());
        activity.append_value(e.activity.name());
        status.append_value(e.status.name());
        evidence.append_value(if e.evidence == Evidence::Handshake { "handshake" } else { "none" });
        time_from.append_value(time_from_name(e.time_from));
        encoding.append_value(e.encoding.name());
        unread.append_option(e.unread.as_ref().map(|u| u.0.as_ref()));
        forgeable.append_option((!self.forgeable.1.is_empty()).then_some(self.forgeable.1.as_str()));
        let [truncated, skewed] = &mut self.flags;
        truncated.append_value(e.truncated);
        skewed.append_value(e.skewed);
        for (field, value) in &e.fields {
            self.set(*field, value);
        }
        self.gather(e);
        for (name, value) in &e.extra {
            let (keys, values) = self.extra.entries();
            keys.append_value(name);
            values.append_value(value);
        }
        self.extra.append(!e.extra.is_empty())?;
        let (line, exact) = text::decode(&e.raw, e.encoding);
        self.raw.append_value(line);
        self.raw_bytes.append_option((!exact).then_some(&e.raw));
        self.rows += 1;
        Ok(())
    }

    fn set(&mut self, field: Field, value: &Value) {
        let row = self.rows;
        let Some((column, filled)) = self.hot.get_mut(field.index()) else { return };
        if *filled > row {
            return;
        }
        let gap = row - *filled;
        if matches!(column, HotColumn::Absent) {
            *column = if field.kind() == FieldKind::Int {
                HotColumn::Int(Int64Builder::new())
            } else {
                HotColumn::Text(StringBuilder::new())
            };
        }
        match column {
            HotColumn::Text(b) => {
                b.append_nulls(gap);
                match value {
                    Value::Text(t) => b.append_value(t),
                    // Writing to a string builder cannot fail.
                    Value::Ip(a) => {
                        let _ = write!(b, "{a}");
                        b.append_value("");
                    }
                    Value::Int(n) => {
                        let _ = write!(b, "{n}");
                        b.append_value("");
                    }
                }
            }
            HotColumn::Int(b) => {
                b.append_nulls(gap);
                b.append_option(value.as_int());
            }
            HotColumn::Absent => {}
        }
        *filled = row + 1;
    }

    /// The four lists; the same values as `Event::observables`, without its allocations.
    fn gather(&mut self, e: &Event) {
        for ((name, fields), list) in ANY.iter().zip(&mut self.any) {
            let mut seen: [Option<&Value>; 4] = [None; 4];
            let mut some = false;
            for (slot, field) in fields.iter().enumerate() {
                let Some(value) = e.get(*field) else { continue };
                if seen.contains(&Some(value)) {
                    continue;
                }
                if let Some(place) = seen.get_mut(slot) {
                    *place = Some(value);
                }
                some = true;
                match (value, *name) {
                    (Value::Text(t), "any_hash" | "any_domain") => list.values().append_value(t.to_lowercase()),
                    (Value::Text(t), _) => list.values().append_value(t),
                    (v, _) => list.values().append_value(v.to_string()),
                }
            }
            list.append(some);
        }
    }

    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let schema = file_schema();
        let rows = self.rows;
        let [time, receive] = &mut self.times;
        let [epoch, sequence, agency, source, class_uid, severity, hash] = &mut self.numbers;
        let [transport, format, class, activity, status, evidence, time_from, encoding, unread, forgeable] =
            &mut self.words;
        let [truncated, skewed] = &mut self.flags;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(time.finish()),
            Arc::new(epoch.finish()),
            Arc::new(sequence.finish()),
            Arc::new(receive.finish()),
            Arc::new(agency.finish()),
            Arc::new(source.finish()),
            Arc::new(transport.finish()),
            Arc::new(format.finish()),
            Arc::new(class_uid.finish()),
            Arc::new(class.finish()),
            Arc::new(activity.finish()),
            Arc::new(status.finish()),
            Arc::new(severity.finish()),
            Arc::new(evidence.finish()),
            Arc::new(time_from.finish()),
            Arc::new(encoding.finish()),
            Arc::new(truncated.finish()),
            Arc::new(skewed.finish()),
            Arc::new(unread.finish()),
            Arc::new(forgeable.finish()),
        ];
        debug_assert_eq!(columns.len(), BASE.len());
        for (i, (column, filled)) in self.hot.iter_mut().enumerate() {
            let gap = rows - *filled;
            columns.push(match column {
                HotColumn::Absent => new_null_array(schema.field(at::FIELDS + i).data_type(), rows),
                HotColumn::Text(b) => {
                    b.append_nulls(gap);
                    Arc::new(b.finish())
                }
                HotColumn::Int(b) => {
                    b.append_nulls(gap);
                    Arc::new(b.finish())
                }
            });
        }
        for list in &mut self.any {
            columns.push(Arc::new(list.finish()));
        }
        columns.push(Arc::new(self.extra.finish()));
        columns.push(Arc::new(self.raw.finish()));
        columns.push({
            let filled = self.raw_bytes.finish();
            Arc::new(filled)
        });
        columns.push(Arc::new(hash.finish()));
        RecordBatch::try_new(schema, columns)
    }
}

/// Columns of these events.
pub fn build(events: &[Event]) -> Result<RecordBatch, ArrowError> {
    let mut b = ColumnsBuilder::new(events.len());
    for e in events {
        b.push(e)?;
    }
    b.finish()
}
