//! Small files of one day and agency become one. Work per step is bounded by rows.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashSet},
    fs::File,
    path::Path,
    sync::Arc,
};

use arrow::{
    array::{Array, AsArray, RecordBatch, RecordBatchReader, new_null_array},
    compute::interleave_record_batch,
    datatypes::{Int64Type, SchemaRef, TimestampMicrosecondType},
};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::{
    LakeError, Result,
    error::At,
    file::{DataFile, Entry, FileWriter, Layout},
    options::{
        BATCH_ROWS, COMPACT_COLD_SECONDS, COMPACT_FILES_MAX, COMPACT_FILES_MIN, COMPACT_READ_ROWS, FILE_ROWS_TARGET,
    },
    partition::{Writing, file_path, sync_folders},
    schema::{at, file_name},
};

/// Choose the files of one step: the folder with most to gain. Files of like size are joined, so that a row is
/// rewritten a logarithmic number of times; a folder that nothing was added to for a while is joined whole.
pub fn choose(files: &[Arc<DataFile>], now_seconds: i64) -> Vec<Arc<DataFile>> {
    let mut folders: BTreeMap<(&str, bool), Vec<&Arc<DataFile>>> = BTreeMap::new();
    for f in files.iter().filter(|f| f.entry.rows < FILE_ROWS_TARGET as u64 / 2) {
        folders.entry((f.entry.folder(), f.entry.path.contains("-stray"))).or_default().push(f);
    }
    let mut best: Vec<&Arc<DataFile>> = Vec::new();
    for files in folders.into_values() {
        let youngest = files.iter().map(|f| f.entry.written).max().unwrap_or(0);
        if youngest.saturating_add(COMPACT_COLD_SECONDS) < now_seconds {
            if files.len() > best.len() && files.len() > 1 {
                best = files;
            }
            continue;
        }
        let mut sizes: BTreeMap<u32, Vec<&Arc<DataFile>>> = BTreeMap::new();
        for f in files {
            sizes.entry(f.entry.rows.max(1).ilog2() / 3).or_default().push(f);
        }
        for files in sizes.into_values() {
            if files.len() >= COMPACT_FILES_MIN && files.len() > best.len() {
                best = files;
            }
        }
    }
    best.sort_by_key(|f| (f.entry.times().0, f.entry.id_min));
    let mut rows = 0;
    let mut chosen: Vec<_> = best
        .into_iter()
        .take(COMPACT_FILES_MAX)
        .take_while(|f| {
            rows += f.entry.rows;
            rows <= FILE_ROWS_TARGET as u64
        })
        .cloned()
        .collect();
    if chosen.len() < 2 {
        chosen.clear();
    }
    chosen
}

/// Columns as the new file has them: by name, null where this file lacks one.
fn adapt(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = schema.fields().iter().map(|f| match batch.column_by_name(f.name()) {
        Some(c) if c.data_type() == f.data_type() => Ok(Arc::clone(c)),
        Some(c) => arrow::compute::cast(c, f.data_type()),
        None => Ok(new_null_array(f.data_type(), batch.num_rows())),
    });
    Ok(RecordBatch::try_new(Arc::clone(schema), columns.collect::<Result<_, _>>()?)?)
}

struct Source<'a> {
    reader: ParquetRecordBatchReader,
    path: &'a Path,
    /// Its current batch's place among the live ones.
    live: usize,
    row: usize,
}

type Key = (i64, i64, i64);

fn key(batch: &RecordBatch, row: usize) -> Option<Key> {
    let number = |at: usize| batch.columns().get(at)?.as_primitive_opt::<Int64Type>()?.values().get(row).copied();
    let time =
        batch.columns().get(at::TIME)?.as_primitive_opt::<TimestampMicrosecondType>()?.values().get(row).copied();
    Some((time?, number(at::EPOCH)?, number(at::SEQUENCE)?))
}

/// Merge files that are each in order into one. On failure nothing of it is left.
pub fn merge(files: &[Arc<DataFile>], how: &Writing<'_>) -> Result<Option<Entry>> {
    let Some(first) = files.first() else { return Ok(None) };
    let stray = first.entry.path.contains("-stray");
    let path = file_path(first.entry.folder(), (how.next_file)(), stray);
    let merged = merge_into(files, path.clone(), first.entry.agency, how);
    if merged.is_err() {
        let _ = std::fs::remove_file(how.dir.join(&path));
    }
    merged.map(Some)
}

fn merge_into(files: &[Arc<DataFile>], path: String, agency: u32, how: &Writing<'_>) -> Result<Entry> {
    let mut live: Vec<RecordBatch> = Vec::new();
    let mut sources: Vec<Source<'_>> = Vec::new();
    let mut heap: BinaryHeap<Reverse<(Key, usize)>> = BinaryHeap::new();
    for f in files {
        let file = File::open(&f.path).at(&f.path)?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|b| b.with_batch_size(COMPACT_READ_ROWS).build())
            .at(&f.path)?;
        sources.push(Source { reader, path: &f.path, live: 0, row: 0 });
    }
    let names: HashSet<String> = sources
        .iter()
        .flat_map(|s| s.reader.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>())
        .collect();
    let layout = Layout::new(|at| names.contains(&file_name(at)));
    let schema = layout.schema()?;
    for (at, source) in sources.iter_mut().enumerate() {
        if let Some(k) = next_batch(source, &mut live, &schema)? {
            heap.push(Reverse((k, at)));
        }
    }
    let mut out = FileWriter::create(how.dir, path, agency, how.zstd_level, layout)?;
    let mut picks: Vec<(usize, usize)> = Vec::with_capacity(BATCH_ROWS);
    while let Some(Reverse((_, at))) = heap.pop() {
        let Some(source) = sources.get_mut(at) else { continue };
        picks.push((source.live, source.row));
        source.row += 1;
        let here = live.get(source.live).and_then(|b| key(b, source.row));
        let next = if here.is_some() { here } else { next_batch(source, &mut live, &schema)? };
        if let Some(k) = next {
            heap.push(Reverse((k, at)));
        }
        if picks.len() == BATCH_ROWS {
            emit(&mut out, &mut live, &mut picks, &mut sources)?;
        }
    }
    emit(&mut out, &mut live, &mut picks, &mut sources)?;
    let expected: u64 = files.iter().map(|f| f.entry.rows).sum();
    if out.rows() != expected {
        let what = format!("merging gave {} rows where {expected} were expected", out.rows());
        return Err(LakeError::Damaged { path: how.dir.to_owned(), what });
    }
    let entry = out.finish(how.now_seconds)?;
    sync_folders(how.dir, std::slice::from_ref(&entry))?;
    Ok(entry)
}

/// The key of the first row of the source's next batch, which is live from now on.
fn next_batch(source: &mut Source<'_>, live: &mut Vec<RecordBatch>, schema: &SchemaRef) -> Result<Option<Key>> {
    for batch in source.reader.by_ref() {
        let batch = batch.map_err(|e| LakeError::Damaged { path: source.path.to_owned(), what: e.to_string() })?;
        let batch = adapt(&batch, schema)?;
        if let Some(k) = key(&batch, 0) {
            source.live = live.len();
            source.row = 0;
            live.push(batch);
            return Ok(Some(k));
        }
    }
    source.live = usize::MAX;
    Ok(None)
}

/// Write what was picked, and let go of batches that nobody stands in any more.
fn emit(
    out: &mut FileWriter,
    live: &mut Vec<RecordBatch>,
    picks: &mut Vec<(usize, usize)>,
    sources: &mut [Source<'_>],
) -> Result<()> {
    if picks.is_empty() {
        return Ok(());
    }
    let refs: Vec<&RecordBatch> = live.iter().collect();
    out.write(&interleave_record_batch(&refs, picks)?)?;
    picks.clear();
    let mut kept = Vec::with_capacity(sources.len());
    for s in sources.iter_mut() {
        if let Some(batch) = live.get(s.live) {
            s.live = kept.len();
            kept.push(batch.clone());
        }
    }
    *live = kept;
    Ok(())
}
