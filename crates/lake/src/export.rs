//! Exports: rows as CSV, JSON lines or Parquet, page by page.

use std::io::Write;

use arrow::{
    array::{RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use serde_json::Value;

use crate::{
    ExportFormat, LakeError, Result, Row, row,
    schema::{at, file_schema, short_name},
};

/// Columns of a CSV export: what a row has, in the order of the schema.
fn csv_columns() -> Vec<&'static str> {
    let skipped =
        |at: &usize| !matches!(*at, at::EPOCH | at::SEQUENCE | at::CLASS_UID) && !(at::ANY..at::EXTRA).contains(at);
    let names =
        (0..=at::RAW_HASH).filter(skipped).map(|at| if at == at::RAW_BYTES { "raw_b64" } else { short_name(at) });
    ["id"].into_iter().chain(names).collect()
}

fn out(e: std::io::Error) -> LakeError {
    LakeError::Io { path: "output".into(), error: e }
}

/// One CSV cell: quoted where it must be, and never a formula for a spreadsheet.
fn csv_cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(s)) => s.clone(),
        Some(v) => v.to_string(),
    };
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err() {
        format!("'{text}")
    } else {
        text
    };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// An export under way.
pub enum Export<'a> {
    Csv(&'a mut (dyn Write + Send), Vec<&'static str>),
    Jsonl(&'a mut (dyn Write + Send)),
    Parquet(Box<ArrowWriter<&'a mut (dyn Write + Send)>>),
}

impl<'a> Export<'a> {
    pub fn start(format: ExportFormat, to: &'a mut (dyn Write + Send)) -> Result<Self> {
        Ok(match format {
            ExportFormat::Jsonl => Self::Jsonl(to),
            ExportFormat::Csv => {
                let columns = csv_columns();
                to.write_all(columns.join(",").as_bytes()).and_then(|()| to.write_all(b"\r\n")).map_err(out)?;
                Self::Csv(to, columns)
            }
            ExportFormat::Parquet => {
                let level = ZstdLevel::try_new(3).map_err(|e| LakeError::Engine(e.to_string()))?;
                let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
                let writer = ArrowWriter::try_new(to, file_schema(), Some(properties));
                Self::Parquet(Box::new(writer.map_err(|e| LakeError::Engine(e.to_string()))?))
            }
        })
    }

    /// One page, whose batches are in no order.
    pub fn page(&mut self, batches: &[RecordBatch]) -> Result<u64> {
        if let Self::Parquet(writer) = self {
            let Some(sorted) = newest_first(batches)? else { return Ok(0) };
            writer.write(&sorted).map_err(|e| LakeError::Engine(e.to_string()))?;
            return Ok(sorted.num_rows() as u64);
        }
        let mut rows: Vec<Row> = Vec::new();
        for b in batches {
            rows.extend(row::rows(b)?);
        }
        rows.sort_by_key(|r| std::cmp::Reverse((r.time, r.id)));
        for r in &rows {
            match self {
                Self::Jsonl(to) => {
                    let mut line = serde_json::to_vec(&r.fields).map_err(|e| LakeError::Engine(e.to_string()))?;
                    line.push(b'\n');
                    to.write_all(&line).map_err(out)?;
                }
                Self::Csv(to, columns) => {
                    let cells: Vec<_> = columns.iter().map(|c| csv_cell(r.fields.get(*c))).collect();
                    to.write_all(cells.join(",").as_bytes()).and_then(|()| to.write_all(b"\r\n")).map_err(out)?;
                }
                Self::Parquet(_) => {}
            }
        }
        Ok(rows.len() as u64)
    }

    pub fn finish(self) -> Result<()> {
        match self {
            Self::Csv(to, _) | Self::Jsonl(to) => to.flush().map_err(out),
            Self::Parquet(writer) => writer.close().map(|_| ()).map_err(|e| LakeError::Engine(e.to_string())),
        }
    }
}

/// Batches under short names as one under the files' names, newest first.
fn newest_first(batches: &[RecordBatch]) -> Result<Option<RecordBatch>> {
    let Some(first) = batches.first() else { return Ok(None) };
    let all = concat_batches(first.schema_ref(), batches)?;
    let mut order: Vec<u32> = (0..u32::try_from(all.num_rows()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|i| std::cmp::Reverse(row::key(&all, *i as usize)));
    let sorted = take_record_batch(&all, &UInt32Array::from(order))?;
    Ok(Some(RecordBatch::try_new(file_schema(), sorted.columns().to_vec())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_cells_are_safe() {
        let cell = |s: &str| csv_cell(Some(&Value::from(s)));
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(cell("-5"), "-5");
    }
}
