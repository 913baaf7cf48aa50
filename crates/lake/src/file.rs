//! One data file: Parquet, sorted by time, with the token filters of its row groups between data and footer.
//!
//! Invariant: a file is complete and on disk before a manifest names it, and never changes afterwards.

use std::{
    fs::{self, File},
    io::BufWriter,
    net::IpAddr,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StringArray},
    datatypes::{Int64Type, SchemaRef, TimestampMicrosecondType},
};
use bongsu_event::{EventId, Field, FieldKind};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    file::{
        metadata::{KeyValue, SortingColumn},
        properties::{EnabledStatistics, WriterProperties, WriterVersion},
    },
    schema::types::ColumnPath,
};
use serde::{Deserialize, Serialize};

use crate::{
    LakeError, Result,
    error::At,
    options::{PAGE_ROWS, ROW_GROUP_ROWS},
    schema::{SCHEMA_KEY, SCHEMA_VERSION, at, file_name, file_schema},
    tokens::{self, Filter, FilterBuilder, GroupFilter, Tag},
};

/// Metadata key under which a file says where its filters are.
pub const FILTER_KEY: &str = "bongsu.filter";

/// One row group as the manifest knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Rows.
    pub rows: u32,
    /// Bytes of the Bloom filter.
    pub bloom: u32,
    /// Bytes of the trigram bitmap, which follows it.
    pub grams: u32,
    /// Earliest time, microseconds.
    pub time_min: i64,
    /// Latest time, microseconds.
    pub time_max: i64,
}

/// One file as the manifest knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path within the lake.
    pub path: String,
    /// The agency whose events it holds, all of them its.
    pub agency: u32,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Where the filters start, bytes.
    pub filter_at: u64,
    /// Row groups, in order.
    pub groups: Vec<Group>,
    /// Smallest id.
    pub id_min: EventId,
    /// Largest id.
    pub id_max: EventId,
    /// Version of the file schema.
    pub schema: u32,
    /// When it was written, seconds since 1970.
    pub written: i64,
}

impl Entry {
    /// Earliest and latest time of its rows.
    pub fn times(&self) -> (i64, i64) {
        self.groups.iter().fold((i64::MAX, i64::MIN), |(a, b), g| (a.min(g.time_min), b.max(g.time_max)))
    }
    /// The folder it lies in.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(f, _)| f)
    }
}

/// A file in use. When nobody uses a replaced file any more, it is deleted.
#[derive(Debug)]
pub struct DataFile {
    /// What the manifest says.
    pub entry: Entry,
    /// Where it is.
    pub path: PathBuf,
    doomed: AtomicBool,
}

impl DataFile {
    pub fn new(dir: &Path, entry: Entry) -> Self {
        Self { path: dir.join(&entry.path), entry, doomed: AtomicBool::new(false) }
    }
    /// Delete it once the last query that uses it is done. Only after a manifest without it is on disk.
    pub fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }
    /// Its filters, opened for reading.
    pub fn filters(&self) -> Option<FileFilter<'_>> {
        Some(FileFilter { file: File::open(&self.path).ok()?, entry: &self.entry, bloom_at: 0, group: None })
    }
}

impl Drop for DataFile {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Acquire) {
            // If this fails, the next start sweeps it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Reads the few bytes of a file's filters that a question needs.
pub struct FileFilter<'a> {
    file: File,
    entry: &'a Entry,
    bloom_at: u64,
    group: Option<&'a Group>,
}

impl FileFilter<'_> {
    /// Ask about this row group from now on.
    pub fn turn_to(&mut self, group: usize) {
        let sizes = |g: &Group| u64::from(g.bloom) + u64::from(g.grams);
        self.bloom_at = self.entry.filter_at + self.entry.groups.iter().take(group).map(sizes).sum::<u64>();
        self.group = self.entry.groups.get(group);
    }
}

impl Filter for FileFilter<'_> {
    fn token(&mut self, token: u64) -> bool {
        let Some(group) = self.group else { return true };
        let range = tokens::block_range(token, group.bloom as usize);
        let mut block = [0u8; tokens::BLOCK_BYTES];
        match self.file.read_exact_at(&mut block, self.bloom_at + range.start as u64) {
            Ok(()) => tokens::block_holds(token, &block),
            Err(_) => true,
        }
    }
    fn trigram(&mut self, trigram: u32) -> bool {
        let Some(group) = self.group else { return true };
        let bit = tokens::gram_bit(trigram, group.grams as usize * 8);
        let mut byte = [0u8];
        match self.file.read_exact_at(&mut byte, self.bloom_at + u64::from(group.bloom) + (bit / 8) as u64) {
            Ok(()) => byte.first().is_some_and(|b| b & (1 << (bit % 8)) != 0),
            Err(_) => true,
        }
    }
}

/// The kind of token kept for a column's values, if any.
pub fn tag_of(field: Field) -> Option<Tag> {
    Some(match field {
        Field::User | Field::DstUser | Field::SessionUser => Tag::User,
        Field::Sha256 | Field::Sha1 | Field::Md5 => Tag::Hash,
        Field::SrcHost | Field::DstHost | Field::Host | Field::SrcDomain | Field::Domain => Tag::Host,
        Field::EventCode | Field::RuleId | Field::Rule | Field::SignatureId | Field::Signature => Tag::Code,
        f if f.kind() == FieldKind::Ip => Tag::Ip,
        _ => return None,
    })
}

/// Put what these rows hold into a filter.
fn feed(filter: &mut FilterBuilder, layout: &Layout, batch: &RecordBatch) {
    let text = |at: usize| layout.of(batch, at).and_then(|c| c.as_string_opt::<i32>());
    let changes = |column: &StringArray, each: &mut dyn FnMut(&str)| {
        if column.null_count() == column.len() {
            return;
        }
        let mut last = None;
        for value in column.iter().flatten() {
            if last != Some(value) {
                each(value);
                last = Some(value);
            }
        }
    };
    for field in Field::ALL {
        let Some(column) = text(at::FIELDS + field.index()) else { continue };
        let tag = tag_of(*field);
        changes(column, &mut |value| match tag {
            Some(Tag::Ip) => {
                if let Ok(a) = value.parse::<IpAddr>() {
                    filter.column_address(a);
                }
                filter.text(value.as_bytes());
            }
            Some(tag) => {
                filter.value(tag, value);
                filter.text(value.as_bytes());
            }
            None => filter.text(value.as_bytes()),
        });
    }
    if let Some(extra) = layout.of(batch, at::EXTRA).and_then(|c| c.as_map_opt()) {
        for column in [extra.keys(), extra.values()] {
            if let Some(column) = column.as_string_opt::<i32>() {
                changes(column, &mut |value| filter.text(value.as_bytes()));
            }
        }
    }
    if let Some(column) = text(at::UNREAD) {
        changes(column, &mut |value| filter.text(value.as_bytes()));
    }
    if let Some(raw) = text(at::RAW) {
        for line in raw.iter().flatten() {
            filter.text(line.as_bytes());
            filter.raw_addresses(line.as_bytes());
        }
    }
}

fn properties(zstd_level: i32) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(zstd_level).map_err(|e| LakeError::Engine(e.to_string()))?;
    let column = |at: usize| ColumnPath::from(file_name(at));
    // Version 1 pages: every reader knows them, and version 2 keeps a megabyte ready for each text column.
    let mut p = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(format!("bongsu {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(32))
        .set_sorting_columns(Some(vec![SortingColumn { column_idx: 0, descending: false, nulls_first: false }]))
        .set_key_value_metadata(Some(vec![KeyValue::new(SCHEMA_KEY.to_owned(), SCHEMA_VERSION.to_string())]));
    // Rising numbers are stored as differences, and their pages have bounds of their own.
    for at in [at::TIME, at::SEQUENCE, at::RECEIVE_TIME] {
        p = p
            .set_column_dictionary_enabled(column(at), false)
            .set_column_encoding(column(at), Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(column(at), EnabledStatistics::Page);
    }
    // Lines and hashes differ in every row: a dictionary would only cost.
    for at in [at::RAW, at::RAW_BYTES, at::RAW_HASH] {
        p = p
            .set_column_dictionary_enabled(column(at), false)
            .set_column_statistics_enabled(column(at), EnabledStatistics::None);
    }
    Ok(p.build())
}

/// Which columns a file has. A column without any value in it is left out: it would cost every reader a look, and
/// make up most of a small file. Columns that are never null are always there, in their places at the front.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The file's columns, by their place in the whole schema.
    pub columns: Vec<usize>,
    /// Where each column of the whole schema is in the file.
    places: Vec<Option<usize>>,
}

impl Layout {
    /// Of the columns for which `used` says yes, and those that are never null.
    pub fn new(used: impl Fn(usize) -> bool) -> Self {
        let mut places = Vec::new();
        let mut columns = Vec::new();
        for (at, field) in file_schema().fields().iter().enumerate() {
            let here = !field.is_nullable() || used(at);
            places.push(here.then_some(columns.len()));
            if here {
                columns.push(at);
            }
        }
        Self { columns, places }
    }
    /// A column of a batch of this layout.
    fn of<'a>(&self, batch: &'a RecordBatch, at: usize) -> Option<&'a ArrayRef> {
        batch.columns().get(self.places.get(at).copied().flatten()?)
    }
    /// The schema of a file of this layout.
    pub fn schema(&self) -> Result<SchemaRef> {
        Ok(Arc::new(file_schema().project(&self.columns)?))
    }
}

/// Writes one file from batches that are already in order of time and id.
pub struct FileWriter {
    layout: Layout,
    writer: ArrowWriter<BufWriter<File>>,
    path: PathBuf,
    relative: String,
    agency: u32,
    filter: FilterBuilder,
    filters: Vec<GroupFilter>,
    groups: Vec<Group>,
    group_rows: usize,
    group_times: (i64, i64),
    rows: u64,
    ids: (EventId, EventId),
}

impl FileWriter {
    /// Start the file `relative` within the lake's folder; its folder is made.
    pub fn create(dir: &Path, relative: String, agency: u32, zstd_level: i32, layout: Layout) -> Result<Self> {
        let schema = layout.schema()?;
        let path = dir.join(&relative);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).at(folder)?;
        }
        let file = File::create(&path).at(&path)?;
        let writer =
            ArrowWriter::try_new(BufWriter::with_capacity(1 << 16, file), schema, Some(properties(zstd_level)?))
                .at(&path)?;
        let last = EventId { epoch: u32::MAX, sequence: u64::MAX };
        Ok(Self {
            layout,
            writer,
            path,
            relative,
            agency,
            filter: FilterBuilder::new(),
            filters: Vec::new(),
            groups: Vec::new(),
            group_rows: 0,
            group_times: (i64::MAX, i64::MIN),
            rows: 0,
            ids: (last, EventId::default()),
        })
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = (batch.num_rows() - start).min(ROW_GROUP_ROWS - self.group_rows);
            let piece = batch.slice(start, rows);
            feed(&mut self.filter, &self.layout, &piece);
            self.note(&piece);
            self.writer.write(&piece).at(&self.path)?;
            self.group_rows += rows;
            self.rows += rows as u64;
            start += rows;
            if self.group_rows == ROW_GROUP_ROWS {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn note(&mut self, batch: &RecordBatch) {
        let times = self.layout.of(batch, at::TIME).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        for t in times.map(|t| t.values().iter()).into_iter().flatten() {
            self.group_times = (self.group_times.0.min(*t), self.group_times.1.max(*t));
        }
        let number = |at: usize| self.layout.of(batch, at).and_then(|c| c.as_primitive_opt::<Int64Type>());
        if let (Some(epochs), Some(sequences)) = (number(at::EPOCH), number(at::SEQUENCE)) {
            for (e, s) in epochs.values().iter().zip(sequences.values()) {
                let id = event_id(*e, *s);
                self.ids = (self.ids.0.min(id), self.ids.1.max(id));
            }
        }
    }

    fn end_group(&mut self) -> Result<()> {
        if self.group_rows == 0 {
            return Ok(());
        }
        self.writer.flush().at(&self.path)?;
        let filter = self.filter.finish();
        self.groups.push(Group {
            rows: u32::try_from(self.group_rows).unwrap_or(u32::MAX),
            bloom: u32::try_from(filter.bloom.len()).unwrap_or(0),
            grams: u32::try_from(filter.grams.len()).unwrap_or(0),
            time_min: self.group_times.0,
            time_max: self.group_times.1,
        });
        self.filters.push(filter);
        self.group_rows = 0;
        self.group_times = (i64::MAX, i64::MIN);
        Ok(())
    }

    /// Close the file and wait until it is on disk (its folder's entry is the caller's to sync).
    pub fn finish(mut self, now_seconds: i64) -> Result<Entry> {
        self.end_group()?;
        let filter_at = self.writer.bytes_written() as u64;
        for f in &self.filters {
            self.writer.write_all(&f.bloom).at(&self.path)?;
            self.writer.write_all(&f.grams).at(&self.path)?;
        }
        let map = serde_json::json!({ "at": filter_at, "groups": self.groups });
        self.writer.append_key_value_metadata(KeyValue::new(FILTER_KEY.to_owned(), map.to_string()));
        let buffer = self.writer.into_inner().at(&self.path)?;
        let file = buffer.into_inner().map_err(std::io::IntoInnerError::into_error).at(&self.path)?;
        file.sync_all().at(&self.path)?;
        let bytes = file.metadata().at(&self.path)?.len();
        Ok(Entry {
            path: self.relative,
            agency: self.agency,
            rows: self.rows,
            bytes,
            filter_at,
            groups: self.groups,
            id_min: self.ids.0,
            id_max: self.ids.1,
            schema: SCHEMA_VERSION,
            written: now_seconds,
        })
    }
}

/// An id from its two columns.
pub fn event_id(epoch: i64, sequence: i64) -> EventId {
    EventId { epoch: u32::try_from(epoch).unwrap_or(0), sequence: u64::try_from(sequence).unwrap_or(0) }
}
