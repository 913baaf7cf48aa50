//! Events in memory: batches that are searchable and not yet in files, and the picture a query works on.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use arrow::{
    array::{AsArray, RecordBatch},
    compute::concat_batches,
    datatypes::{Int64Type, TimestampMicrosecondType},
    error::ArrowError,
};
use bongsu_event::{AgencyId, EventId, Scope};

use crate::{
    file::DataFile,
    options::ROW_GROUP_ROWS,
    schema::{at, file_schema},
};

/// A batch in memory.
#[derive(Clone, Debug)]
pub struct MemoryBatch {
    pub batch: RecordBatch,
    pub time_min: i64,
    pub time_max: i64,
    /// Last journal event in it.
    pub last: EventId,
    pub bytes: usize,
    /// Rows of each agency.
    pub agencies: BTreeMap<u32, u64>,
}

impl MemoryBatch {
    pub fn new(batch: RecordBatch, last: EventId) -> Self {
        let times = batch.columns().get(at::TIME).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let (mut time_min, mut time_max) = (i64::MAX, i64::MIN);
        for t in times.map(|t| t.values().iter()).into_iter().flatten() {
            time_min = time_min.min(*t);
            time_max = time_max.max(*t);
        }
        let bytes = batch.get_array_memory_size();
        let mut agencies = BTreeMap::new();
        let ids = batch.columns().get(at::AGENCY).and_then(|c| c.as_primitive_opt::<Int64Type>());
        for id in ids.map(|i| i.values().iter()).into_iter().flatten() {
            *agencies.entry(u32::try_from(*id).unwrap_or(0)).or_default() += 1;
        }
        Self { batch, time_min, time_max, last, bytes, agencies }
    }
    /// Rows that a scope holds.
    pub fn rows_in(&self, scope: &Scope) -> u64 {
        self.agencies.iter().filter(|(a, _)| scope.holds(AgencyId(**a))).map(|(_, rows)| rows).sum()
    }
}

/// What the lake holds at one moment. Immutable; a query keeps the one it began with.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Version of the manifest.
    pub version: u64,
    /// Files.
    pub files: Arc<Vec<Arc<DataFile>>>,
    /// Batches being written to files.
    pub frozen: Vec<Arc<MemoryBatch>>,
    /// Younger batches.
    pub memory: Vec<Arc<MemoryBatch>>,
    /// When the oldest of `memory` came.
    pub since: Option<Instant>,
    /// Last event in files.
    pub durable: EventId,
}

impl Snapshot {
    /// Every batch in memory.
    pub fn batches(&self) -> impl Iterator<Item = &Arc<MemoryBatch>> {
        self.frozen.iter().chain(&self.memory)
    }
    /// Rows and bytes in memory.
    pub fn memory_size(&self) -> (usize, usize) {
        self.batches().fold((0, 0), |(rows, bytes), b| (rows + b.batch.num_rows(), bytes + b.bytes))
    }
    /// Add a batch. Neighbours of like size are joined, so that a trickle of single events costs little to hold
    /// and to search: each row is copied a logarithmic number of times.
    pub fn push(&mut self, batch: MemoryBatch, now: Instant) -> Result<(), ArrowError> {
        self.since.get_or_insert(now);
        self.memory.push(Arc::new(batch));
        while let [.., a, b] = self.memory.as_slice() {
            let (rows_a, rows_b) = (a.batch.num_rows(), b.batch.num_rows());
            if rows_a > rows_b * 2 || rows_a + rows_b > ROW_GROUP_ROWS {
                break;
            }
            let joined = concat_batches(&file_schema(), [&a.batch, &b.batch])?;
            let joined = MemoryBatch::new(joined, b.last);
            self.memory.truncate(self.memory.len() - 2);
            self.memory.push(Arc::new(joined));
        }
        Ok(())
    }
}
