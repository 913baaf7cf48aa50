//! Columns become rows for people: flat JSON under short names, absent values left out.

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType},
};
use bongsu_event::{AgencyId, EventId, Micros, Severity, SourceId};
use serde_json::{Map, Number, Value};

use crate::{
    LakeError, Result, Row,
    file::event_id,
    schema::{at, short_name},
};

/// One cell as JSON; null where there is none.
pub fn cell(name: &str, column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Int64 => {
            let n = column.as_primitive::<Int64Type>().value(row);
            match name {
                "event_severity" => match u8::try_from(n).ok().and_then(Severity::from_number) {
                    Some(s) => Value::from(s.name()),
                    None => Value::from(n),
                },
                "raw_hash" => Value::from(format!("{n:016x}")),
                _ => Value::from(n),
            }
        }
        DataType::Utf8 => Value::from(column.as_string::<i32>().value(row)),
        DataType::Boolean => Value::from(column.as_boolean().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Value::from(Micros(column.as_primitive::<TimestampMicrosecondType>().value(row)).to_string())
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            (0..items.len()).map(|i| cell("", &items, i)).collect()
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let (Some(keys), Some(values)) = (entries.columns().first(), entries.columns().get(1)) else {
                return Value::Null;
            };
            let mut map = Map::new();
            for i in 0..entries.len() {
                if let Value::String(k) = cell("", keys, i) {
                    add(&mut map, k, cell("", values, i));
                }
            }
            Value::Object(map)
        }
        DataType::Binary => Value::from(base64(column.as_binary::<i32>().value(row))),
        _ => other(column, row),
    }
}

/// A vendor may say the same name twice; both are kept.
fn add(map: &mut Map<String, Value>, key: String, value: Value) {
    match map.get_mut(&key) {
        None => {
            map.insert(key, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
    }
}

/// Types that only SQL gives.
fn other(column: &ArrayRef, row: usize) -> Value {
    if column.data_type().is_numeric() {
        let text = arrow::util::display::array_value_to_string(column, row).unwrap_or_default();
        return text
            .parse::<i64>()
            .map(Number::from)
            .ok()
            .or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
            .map_or(Value::Null, Value::Number);
    }
    arrow::util::display::array_value_to_string(column, row).map_or(Value::Null, Value::from)
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = LETTERS.get((n >> (18 - 6 * i) & 63) as usize).copied().unwrap_or(b'=');
            out.push(if i <= chunk.len() { letter as char } else { '=' });
        }
    }
    out
}

fn number(batch: &RecordBatch, at: usize, row: usize) -> i64 {
    batch.columns().get(at).and_then(|c| c.as_primitive_opt::<Int64Type>()).map_or(0, |c| c.value(row))
}

/// The id and time of a row of a whole batch (all columns, in order).
pub fn key(batch: &RecordBatch, row: usize) -> (Micros, EventId) {
    let time = batch.columns().get(at::TIME).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let id = event_id(number(batch, at::EPOCH, row), number(batch, at::SEQUENCE, row));
    (Micros(time.map_or(0, |c| c.value(row))), id)
}

/// Rows of a whole batch (all columns, in order).
pub fn rows(batch: &RecordBatch) -> Result<Vec<Row>> {
    if batch.num_columns() != at::RAW_HASH + 1 {
        return Err(LakeError::Engine("a row lacks columns".to_owned()));
    }
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let (time, id) = key(batch, row);
        let mut fields = Map::new();
        fields.insert("id".to_owned(), Value::from(id.to_string()));
        for (at, column) in batch.columns().iter().enumerate() {
            // The id says these; the lists repeat other columns.
            if matches!(at, at::EPOCH | at::SEQUENCE | at::CLASS_UID) || (at::ANY..at::EXTRA).contains(&at) {
                continue;
            }
            let name = short_name(at);
            match cell(name, column, row) {
                Value::Null => {}
                v => {
                    let name = if at == at::RAW_BYTES { "raw_b64" } else { name };
                    fields.insert(name.to_owned(), v);
                }
            }
        }
        let id_of = |at| u32::try_from(number(batch, at, row)).unwrap_or(0);
        let (agency, source) = (AgencyId(id_of(at::AGENCY)), SourceId(id_of(at::SOURCE)));
        rows.push(Row { id, time, agency, source, fields });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_as_rfc_4648_says() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (text, coded) in pairs {
            assert_eq!(super::base64(text.as_bytes()), coded);
        }
        assert_eq!(super::base64(&[0xff, 0xfe]), "//4=");
    }
}
