//! The table the engine sees: one snapshot of the lake, within one scope.
//!
//! Invariant: the scope is applied here, to files and to rows, whatever plan stands above; there is no table
//! without one. Pruning errs only towards reading.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, SchemaRef},
};
use async_trait::async_trait;
use bongsu_event::{EventId, Scope};
use datafusion::{
    catalog::{Session, TableProvider, memory::MemorySourceConfig},
    common::{DFSchema, Result, ScalarValue},
    datasource::{
        TableType,
        listing::PartitionedFile,
        physical_plan::{
            FileGroup, FileScanConfigBuilder, ParquetSource,
            parquet::{CachedParquetFileReaderFactory, ParquetAccessPlan},
        },
        source::DataSourceExec,
    },
    execution::object_store::ObjectStoreUrl,
    logical_expr::{
        BinaryExpr, Expr, Operator, TableProviderFilterPushDown, col, lit,
        utils::{conjunction, split_conjunction},
    },
    physical_plan::{ExecutionPlan, filter::FilterExecBuilder, union::UnionExec},
};
use parking_lot::Mutex;

use crate::{
    answer::Scanned,
    file::DataFile,
    memory::{MemoryBatch, Snapshot},
    options::QUERY_THREADS,
    predicate::{Predicate, pattern_need},
    query::Pattern,
    schema::{at, file_name, file_schema},
    tokens::Need,
};

/// What one query read, gathered over its scans.
#[derive(Debug, Default)]
pub struct Tally {
    read: Mutex<(HashSet<String>, Scanned)>,
}

impl Tally {
    /// The sums so far.
    pub fn scanned(&self) -> Scanned {
        self.read.lock().1
    }
    fn total(&self, snapshot: &Snapshot, scope: &Scope) {
        let mut read = self.read.lock();
        let files = snapshot.files.iter().filter(|f| scope.holds(bongsu_event::AgencyId(f.entry.agency)));
        let (mut n, mut groups) = (0, 0);
        let mut rows = snapshot.batches().map(|b| b.rows_in(scope)).sum();
        for f in files {
            n += 1;
            rows += f.entry.rows;
            groups += f.entry.groups.len() as u64;
        }
        read.1.files_total = n;
        read.1.rows_total = rows;
        read.1.groups_total = groups;
    }
    fn file(&self, f: &DataFile, groups: &[bool]) {
        let mut read = self.read.lock();
        let rows = f.entry.groups.iter().zip(groups).filter(|(_, r)| **r).map(|(g, _)| u64::from(g.rows)).sum::<u64>();
        if read.0.insert(f.entry.path.clone()) {
            read.1.files_read += 1;
        }
        read.1.groups_read += groups.iter().filter(|r| **r).count() as u64;
        read.1.rows_read += rows;
    }
    fn memory(&self, b: &MemoryBatch, scope: &Scope) {
        self.read.lock().1.rows_read += b.rows_in(scope);
    }
}

/// The lake as a table, with the files' column names.
#[derive(Debug)]
pub struct LakeTable {
    pub snapshot: Arc<Snapshot>,
    pub scope: Scope,
    pub tally: Arc<Tally>,
    /// Only this event is asked for.
    pub only: Option<EventId>,
}

/// What the filters say that helps to pass over files.
struct Bounds {
    time_min: i64,
    time_max: i64,
    agencies: Option<HashSet<i64>>,
    need: Need,
}

impl Bounds {
    fn of(filters: &[Expr]) -> Self {
        let mut b = Self { time_min: i64::MIN, time_max: i64::MAX, agencies: None, need: Need::Anything };
        let all: Vec<&Expr> = filters.iter().flat_map(split_conjunction).collect();
        for e in &all {
            b.narrow(e);
        }
        b.need = Need::all(all.into_iter().map(need_of));
        b
    }
    fn narrow(&mut self, e: &Expr) {
        match e {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let (column, op, value) = match (left.as_ref(), right.as_ref()) {
                    (Expr::Column(c), Expr::Literal(v, _)) => (&c.name, *op, v),
                    (Expr::Literal(v, _), Expr::Column(c)) => match op.swap() {
                        Some(op) => (&c.name, op, v),
                        None => return,
                    },
                    _ => return,
                };
                match (column.as_str(), op, number(value)) {
                    ("time", Operator::Gt | Operator::GtEq, Some(n)) => self.time_min = self.time_min.max(n),
                    ("time", Operator::Lt | Operator::LtEq, Some(n)) => self.time_max = self.time_max.min(n),
                    ("time", Operator::Eq, Some(n)) => {
                        self.time_min = self.time_min.max(n);
                        self.time_max = self.time_max.min(n);
                    }
                    ("agency_id", Operator::Eq, Some(n)) => self.only_agencies(HashSet::from([n])),
                    _ => {}
                }
            }
            Expr::InList(list) if !list.negated => {
                let Expr::Column(c) = list.expr.as_ref() else { return };
                let values: Option<HashSet<i64>> =
                    list.list.iter().map(|v| if let Expr::Literal(v, _) = v { number(v) } else { None }).collect();
                if let ("agency_id", Some(values)) = (c.name.as_str(), values) {
                    self.only_agencies(values);
                }
            }
            _ => {}
        }
    }
    fn only_agencies(&mut self, these: HashSet<i64>) {
        self.agencies = Some(match self.agencies.take() {
            Some(before) => before.intersection(&these).copied().collect(),
            None => these,
        });
    }
    fn overlaps(&self, time_min: i64, time_max: i64) -> bool {
        time_min <= self.time_max && time_max >= self.time_min
    }
}

fn number(v: &ScalarValue) -> Option<i64> {
    match v {
        ScalarValue::TimestampMicrosecond(n, _) | ScalarValue::Int64(n) => *n,
        _ => None,
    }
}

/// What a row group must hold to satisfy an expression.
fn need_of(e: &Expr) -> Need {
    match e {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => Need::all([need_of(left), need_of(right)]),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => Need::any([need_of(left), need_of(right)]),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(c), Expr::Literal(v, _)) | (Expr::Literal(v, _), Expr::Column(c)) => value_need(&c.name, v),
            _ => Need::Anything,
        },
        Expr::InList(list) if !list.negated => match list.expr.as_ref() {
            Expr::Column(c) => Need::any(list.list.iter().map(|v| match v {
                Expr::Literal(v, _) => value_need(&c.name, v),
                _ => Need::Anything,
            })),
            _ => Need::Anything,
        },
        Expr::Like(like) if !like.negated && like.escape_char.is_none() => {
            match (like.expr.as_ref(), like.pattern.as_ref()) {
                (Expr::Column(c), Expr::Literal(ScalarValue::Utf8(Some(p)), _))
                    if kept(&c.name) && !p.contains('\\') =>
                {
                    Need::all(p.split(['%', '_']).map(Need::piece))
                }
                _ => Need::Anything,
            }
        }
        Expr::ScalarFunction(f) => (f.func.inner().as_ref() as &dyn std::any::Any)
            .downcast_ref::<Predicate>()
            .map_or(Need::Anything, |p| p.asked.need()),
        _ => Need::Anything,
    }
}

/// Are the trigrams of this column kept?
fn kept(column: &str) -> bool {
    static KEPT: OnceLock<HashSet<String>> = OnceLock::new();
    KEPT.get_or_init(|| {
        let schema = file_schema();
        let text = |at: &usize| schema.fields().get(*at).is_some_and(|f| *f.data_type() == DataType::Utf8);
        let places = (at::FIELDS..at::ANY).chain([at::UNREAD, at::RAW]);
        places.filter(text).map(file_name).collect()
    })
    .contains(column)
}

fn value_need(column: &str, v: &ScalarValue) -> Need {
    match v {
        ScalarValue::Utf8(Some(t)) if kept(column) => pattern_need(&Pattern::Whole(t.clone())),
        _ => Need::Anything,
    }
}

impl LakeTable {
    /// Files to read, and which row groups of each; newest first.
    fn choose(&self, bounds: &Bounds) -> Vec<(Arc<DataFile>, Vec<bool>)> {
        let mut chosen = Vec::new();
        for f in self.snapshot.files.iter() {
            let e = &f.entry;
            let wanted = self.scope.holds(bongsu_event::AgencyId(e.agency))
                && bounds.agencies.as_ref().is_none_or(|a| a.contains(&i64::from(e.agency)))
                && self.only.is_none_or(|id| e.id_min <= id && id <= e.id_max);
            if !wanted {
                continue;
            }
            let mut groups: Vec<bool> = e.groups.iter().map(|g| bounds.overlaps(g.time_min, g.time_max)).collect();
            if bounds.need != Need::Anything
                && groups.contains(&true)
                && let Some(mut filter) = f.filters()
            {
                for (i, read) in groups.iter_mut().enumerate().filter(|(_, r)| **r) {
                    filter.turn_to(i);
                    *read = bounds.need.may_hold(&mut filter);
                }
            }
            if groups.contains(&true) {
                self.tally.file(f, &groups);
                chosen.push((Arc::clone(f), groups));
            }
        }
        chosen.sort_by_key(|(f, _)| std::cmp::Reverse(f.entry.times().1));
        chosen
    }

    fn files(
        &self,
        state: &dyn Session,
        chosen: Vec<(Arc<DataFile>, Vec<bool>)>,
        columns: &[usize],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut partitions: Vec<Vec<PartitionedFile>> = vec![Vec::new(); QUERY_THREADS.min(chosen.len()).max(1)];
        let places = partitions.len();
        for (i, (file, groups)) in chosen.into_iter().enumerate() {
            let mut plan = ParquetAccessPlan::new_all(groups.len());
            for (group, _) in groups.iter().enumerate().filter(|(_, read)| !**read) {
                plan.skip(group);
            }
            let path = file.path.to_string_lossy().into_owned();
            // The file itself rides along, so that it is not deleted under the query.
            let part = PartitionedFile::new(path, file.entry.bytes).with_extension(plan).with_extension(Held(file));
            if let Some(p) = partitions.get_mut(i % places) {
                p.push(part);
            }
        }
        let runtime = state.runtime_env();
        let url = ObjectStoreUrl::local_filesystem();
        let store = runtime.object_store(&url)?;
        let footers = CachedParquetFileReaderFactory::new(store, runtime.cache_manager.get_file_metadata_cache());
        let source = ParquetSource::new(file_schema())
            .with_pushdown_filters(true)
            .with_enable_page_index(true)
            .with_metadata_size_hint(FOOTER_HINT_BYTES)
            .with_parquet_file_reader_factory(Arc::new(footers));
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(partitions.into_iter().map(FileGroup::new).collect())
            .with_projection_indices(Some(columns.to_vec()))?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn memory(&self, bounds: &Bounds, columns: &[usize]) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let batches: Vec<RecordBatch> = self
            .snapshot
            .batches()
            .filter(|b| bounds.overlaps(b.time_min, b.time_max) && b.rows_in(&self.scope) > 0)
            .map(|b| {
                self.tally.memory(b, &self.scope);
                b.batch.clone()
            })
            .collect();
        if batches.is_empty() {
            return Ok(None);
        }
        Ok(Some(MemorySourceConfig::try_new_exec(&[batches], file_schema(), Some(columns.to_vec()))?))
    }

    fn scope_filter(&self) -> Option<Expr> {
        match &self.scope {
            Scope::All => None,
            Scope::Agencies(set) if set.is_empty() => Some(lit(false)),
            Scope::Agencies(set) => {
                let ids = set.iter().map(|a| lit(i64::from(a.0))).collect();
                Some(col("agency_id").in_list(ids, false))
            }
        }
    }
}

/// First read from the end of a file, bytes: enough for most footers.
const FOOTER_HINT_BYTES: usize = 128 * 1024;

/// Keeps a file while a plan may read it.
#[derive(Debug, Clone)]
struct Held(#[expect(dead_code, reason = "held, not read")] Arc<DataFile>);

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        file_schema()
    }
    fn table_type(&self) -> TableType {
        TableType::Base
    }
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // `scan` filters every row itself.
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
    }
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.tally.total(&self.snapshot, &self.scope);
        let schema = file_schema();
        let mut filters = filters.to_vec();
        filters.extend(self.scope_filter());
        let bounds = Bounds::of(&filters);
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let filter = conjunction(filters);
        // Columns that are only filtered on are read too, and left out again.
        let mut columns = wanted.clone();
        for c in filter.iter().flat_map(Expr::column_refs) {
            let at = schema.index_of(&c.name)?;
            if !columns.contains(&at) {
                columns.push(at);
            }
        }
        let mut inputs = Vec::new();
        let chosen = self.choose(&bounds);
        if !chosen.is_empty() {
            inputs.push(self.files(state, chosen, &columns)?);
        }
        inputs.extend(self.memory(&bounds, &columns)?);
        if inputs.is_empty() {
            inputs.push(MemorySourceConfig::try_new_exec(&[vec![]], Arc::clone(&schema), Some(columns.clone()))?);
        }
        if let Some(filter) = filter {
            let projected = schema.project(&columns)?;
            let predicate = state.create_physical_expr(filter, &DFSchema::try_from(projected)?)?;
            let keep: Vec<usize> = (0..wanted.len()).collect();
            inputs = inputs
                .into_iter()
                .map(|input| {
                    let filter = FilterExecBuilder::new(Arc::clone(&predicate), input)
                        .apply_projection(Some(keep.clone()))?
                        .with_batch_size(crate::options::BATCH_ROWS)
                        .build()?;
                    Ok(Arc::new(filter) as Arc<dyn ExecutionPlan>)
                })
                .collect::<Result<_>>()?;
        }
        UnionExec::try_new(inputs)
    }
}
