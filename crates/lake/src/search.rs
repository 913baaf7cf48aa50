//! Searching: pages of rows, counts, histograms, facets, pipes, SQL.
//!
//! Rows come newest first in two steps: the keys of the newest matches from narrow columns, window by window back
//! in time; then the whole rows of just those. So a page touches little, and memory does not follow the matches.

use std::collections::HashMap;

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use bongsu_event::{AgencyId, EventId, Micros, Scope};
use datafusion::{
    functions_aggregate::expr_fn::{count, max, min},
    logical_expr::{Expr, LogicalPlanBuilder, cast, col, lit},
};

use crate::{
    Count, Cursor, Facet, FacetValue, Histogram, LakeError, Result, Row, Table, TimeRange, compile,
    engine::Session,
    file::event_id,
    memory::Snapshot,
    options::{BUCKETS_MAX, FACET_ROWS_MAX, FACET_VALUES_MAX, GROUPS_MAX, PAGE_ROWS_MAX, WINDOW_ROWS_FIRST},
    predicate::Asked,
    query::{Pipe, Query},
    row,
};

/// What is asked, apart from how it is shown.
#[derive(Clone)]
pub struct Ask {
    pub query: Query,
    pub range: TimeRange,
}

impl Ask {
    fn conditions(&self, range: TimeRange) -> Vec<Expr> {
        let filter = self.query.filter.as_ref().map(compile::node);
        compile::range(range).into_iter().chain(filter).collect()
    }
}

/// Rows and bounds of what a snapshot holds within a scope.
struct Pieces(Vec<(i64, i64, f64)>);

impl Pieces {
    fn of(s: &Snapshot, scope: &Scope) -> Self {
        let files = s.files.iter().filter(|f| scope.holds(AgencyId(f.entry.agency))).map(|f| {
            let (a, b) = f.entry.times();
            (a, b, f.entry.rows as f64)
        });
        let memory = s.batches().map(|b| (b.time_min, b.time_max, b.batch.num_rows() as f64));
        Self(files.chain(memory).collect())
    }
    /// About how many rows lie in [from, to).
    fn rows(&self, from: i64, to: i64) -> f64 {
        self.0
            .iter()
            .map(|(a, b, rows)| {
                let inside = to.min(b.saturating_add(1)).saturating_sub(from.max(*a)).max(0) as f64;
                let width = b.saturating_add(1).saturating_sub(*a).max(1) as f64;
                rows * (inside / width).min(1.0)
            })
            .sum()
    }
    /// The start of a window that ends at `to` and holds about so many rows; `first` where there are fewer.
    fn window(&self, first: i64, to: i64, rows: f64) -> i64 {
        if self.rows(first, to) <= rows {
            return first;
        }
        let (mut low, mut high) = (first, to.saturating_sub(1));
        while low < high {
            let middle = low + ((i128::from(high) - i128::from(low)) / 2) as i64;
            if self.rows(middle, to) <= rows { high = middle } else { low = middle + 1 }
        }
        low.min(to.saturating_sub(1))
    }
    fn bounds(&self) -> Option<(i64, i64)> {
        let first = self.0.iter().map(|p| p.0).min()?;
        Some((first, self.0.iter().map(|p| p.1).max()?))
    }
}

/// Keys of the newest matches, newest first, at most `rows`.
async fn keys(
    s: &Session,
    scope: &Scope,
    ask: &Ask,
    after: Option<Cursor>,
    rows: usize,
) -> Result<Vec<(Micros, EventId)>> {
    let pieces = Pieces::of(&s.snapshot, scope);
    let Some((first, last)) = pieces.bounds() else { return Ok(Vec::new()) };
    let first = ask.range.from.map_or(first, |t| t.0.max(first));
    let mut to = ask.range.to.map_or(i64::MAX, |t| t.0).min(last.saturating_add(1));
    if let Some(c) = after {
        to = to.min(c.time.0.saturating_add(1));
    }
    let mut found: Vec<(Micros, EventId)> = Vec::new();
    let mut window_rows = WINDOW_ROWS_FIRST;
    while first < to && found.len() < rows {
        let from = pieces.window(first, to, window_rows);
        let window = TimeRange::between(Micros(from), Micros(to));
        let conditions = ask.conditions(window).into_iter().chain(after.map(compile::below));
        let plan = s.filtered(conditions)?;
        let order = ["time", "epoch", "sequence"].map(|c| col(c).sort(false, false));
        let plan = Session::plan(|| {
            plan.project(["time", "epoch", "sequence"].map(col))?
                .sort_with_limit(order, Some(rows - found.len()))?
                .build()
        })?;
        for batch in s.collect(plan).await? {
            found.extend((0..batch.num_rows()).map(|i| small_key(&batch, i)));
        }
        to = from;
        window_rows *= 16.0;
    }
    Ok(found)
}

/// The key of a row of (time, epoch, sequence).
fn small_key(batch: &RecordBatch, row: usize) -> (Micros, EventId) {
    let time = batch.columns().first().and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    let number =
        |at: usize| batch.columns().get(at).and_then(|c| c.as_primitive_opt::<Int64Type>()).map_or(0, |c| c.value(row));
    (Micros(time.map_or(0, |c| c.value(row))), event_id(number(1), number(2)))
}

/// The whole rows of these keys, as columns under short names, in no order.
async fn whole(s: &Session, keys: &[(Micros, EventId)]) -> Result<Vec<RecordBatch>> {
    let (Some(newest), Some(oldest)) = (keys.iter().map(|k| k.0).max(), keys.iter().map(|k| k.0).min()) else {
        return Ok(Vec::new());
    };
    let mut ids: Vec<_> =
        keys.iter().map(|(_, id)| (i64::from(id.epoch), i64::try_from(id.sequence).unwrap_or(i64::MAX))).collect();
    ids.sort_unstable();
    let conditions = [
        col("time").gt_eq(compile::time(oldest.0)),
        col("time").lt_eq(compile::time(newest.0)),
        Asked::Ids(ids).on(vec![col("epoch"), col("sequence")]),
    ];
    let plan = s.filtered(conditions)?;
    s.collect(Session::plan(|| plan.build())?).await
}

/// A page as columns, for export, and where the next one starts.
pub async fn page_columns(
    s: &Session,
    scope: &Scope,
    ask: &Ask,
    after: Option<Cursor>,
    rows: usize,
) -> Result<(Vec<RecordBatch>, Option<Cursor>)> {
    let rows = rows.clamp(1, PAGE_ROWS_MAX);
    let mut keys = keys(s, scope, ask, after, rows + 1).await?;
    let more = keys.len() > rows;
    keys.truncate(rows);
    let next = keys.last().filter(|_| more).map(|(time, id)| Cursor { time: *time, id: *id });
    Ok((whole(s, &keys).await?, next))
}

/// A page as rows, newest first.
pub async fn page(
    s: &Session,
    scope: &Scope,
    ask: &Ask,
    after: Option<Cursor>,
    rows: usize,
) -> Result<(Vec<Row>, Option<Cursor>)> {
    let (batches, next) = page_columns(s, scope, ask, after, rows).await?;
    let mut rows = Vec::new();
    for b in &batches {
        rows.extend(row::rows(b)?);
    }
    rows.sort_by_key(|r| std::cmp::Reverse((r.time, r.id)));
    Ok((rows, next))
}

/// What came right after a key and before `to`, oldest first.
pub async fn after(s: &Session, ask: &Ask, key: (Micros, EventId), to: Micros, rows: usize) -> Result<Vec<Row>> {
    let conditions = ask.conditions(TimeRange::between(key.0, to));
    let plan = s.filtered(conditions.into_iter().chain([compile::above(Cursor { time: key.0, id: key.1 })]))?;
    let order = ["time", "epoch", "sequence"].map(|c| col(c).sort(true, false));
    let plan = Session::plan(|| {
        plan.project(["time", "epoch", "sequence"].map(col))?.sort_with_limit(order, Some(rows))?.build()
    })?;
    let mut found = Vec::new();
    for batch in s.collect(plan).await? {
        found.extend((0..batch.num_rows()).map(|i| small_key(&batch, i)));
    }
    let mut rows = Vec::new();
    for b in whole(s, &found).await? {
        rows.extend(row::rows(&b)?);
    }
    rows.sort_by_key(|r| (r.time, r.id));
    Ok(rows)
}

/// One event.
pub async fn get(s: &Session, id: EventId) -> Result<Option<Row>> {
    let events = s.events(Some(id))?;
    let ids = vec![(i64::from(id.epoch), i64::try_from(id.sequence).unwrap_or(i64::MAX))];
    // The plain comparison lets row groups and pages be passed over; the set is exact.
    let sequence = col("sequence").eq(lit(i64::try_from(id.sequence).unwrap_or(i64::MAX)));
    let plan = Session::plan(|| {
        events
            .filter(sequence)?
            .filter(Asked::Ids(ids).on(vec![col("epoch"), col("sequence")]))?
            .limit(0, Some(1))?
            .build()
    })?;
    let mut found = None;
    for b in s.collect(plan).await? {
        found = found.or(row::rows(&b)?.into_iter().next());
    }
    Ok(found)
}

/// A plan's only number.
async fn number(s: &Session, plan: LogicalPlanBuilder) -> Result<u64> {
    let batches = s.collect(Session::plan(|| plan.build())?).await?;
    let n =
        batches.iter().find(|b| b.num_rows() > 0).and_then(|b| b.columns().first()?.as_primitive_opt::<Int64Type>());
    Ok(n.map_or(0, |c| u64::try_from(c.value(0)).unwrap_or(0)))
}

fn engine(e: datafusion::common::DataFusionError) -> LakeError {
    LakeError::Engine(e.strip_backtrace())
}

pub async fn count_rows(s: &Session, ask: &Ask) -> Result<Count> {
    let plan = s.filtered(ask.conditions(ask.range))?;
    let plan = plan.aggregate(Vec::<Expr>::new(), vec![count(lit(1_i64))]).map_err(engine)?;
    Ok(Count { rows: number(s, plan).await?, scanned: s.tally.scanned() })
}

/// Earliest and latest time of the matches; only asked when the range is open.
async fn match_bounds(s: &Session, ask: &Ask) -> Result<Option<(i64, i64)>> {
    if let TimeRange { from: Some(a), to: Some(b) } = ask.range {
        return Ok((a < b).then_some((a.0, b.0)));
    }
    let plan = s.filtered(ask.conditions(ask.range))?;
    let plan = Session::plan(|| plan.aggregate(Vec::<Expr>::new(), vec![min(col("time")), max(col("time"))])?.build())?;
    for batch in s.collect(plan).await? {
        let time = |at: usize| {
            let c = batch.columns().get(at)?.as_primitive_opt::<TimestampMicrosecondType>()?;
            (c.len() == 1 && c.is_valid(0)).then(|| c.value(0))
        };
        if let (Some(a), Some(b)) = (time(0), time(1)) {
            let from = ask.range.from.map_or(a, |t| t.0);
            let to = ask.range.to.map_or(b.saturating_add(1), |t| t.0);
            return Ok((from < to).then_some((from, to)));
        }
    }
    Ok(None)
}

/// Round widths of buckets, seconds.
const WIDTHS: [i64; 20] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800,
    2_592_000,
];

/// The smallest round width, microseconds, that makes at most so many buckets.
fn width(from: i64, to: i64, buckets: usize) -> i64 {
    let span = i128::from(to) - i128::from(from);
    let most = i128::try_from(buckets.clamp(1, BUCKETS_MAX)).unwrap_or(1);
    let fits = |w: i64| i128::from(w) * Micros::SECOND as i128 * most >= span;
    match WIDTHS.iter().find(|w| fits(**w)) {
        Some(w) => w * Micros::SECOND,
        None => i64::try_from(span / most + 1).unwrap_or(i64::MAX),
    }
}

/// The start of the bucket that holds an instant.
fn floor(t: i64, width: i64) -> i64 {
    t.saturating_sub(t.rem_euclid(width))
}

/// Number of the bucket of a row, from 0 at `from`; only for rows not before it.
fn bucket(from: i64, width: i64) -> Expr {
    (cast(col("time"), arrow::datatypes::DataType::Int64) - lit(from)) / lit(width)
}

pub async fn histogram(s: &Session, ask: &Ask, buckets: usize) -> Result<Histogram> {
    let Some((from, to)) = match_bounds(s, ask).await? else { return Ok(Histogram::default()) };
    let width = width(from, to, buckets);
    let start = floor(from, width);
    let range = TimeRange::between(Micros(from), Micros(to));
    let plan = s.filtered(ask.conditions(range))?;
    let plan = Session::plan(|| {
        plan.aggregate(vec![bucket(start, width).alias("bucket")], vec![count(lit(1_i64)).alias("count")])?.build()
    })?;
    let places =
        usize::try_from((i128::from(to) - i128::from(start) + i128::from(width) - 1) / i128::from(width)).unwrap_or(0);
    let mut h = Histogram { from: Micros(start), width, counts: vec![0; places.min(BUCKETS_MAX + 2)], total: 0 };
    for batch in s.collect(plan).await? {
        let column = |at: usize| batch.columns().get(at).and_then(|c| c.as_primitive_opt::<Int64Type>());
        let (Some(places), Some(counts)) = (column(0), column(1)) else { continue };
        for (place, n) in places.values().iter().zip(counts.values()) {
            let n = u64::try_from(*n).unwrap_or(0);
            h.total += n;
            if let Some(c) = usize::try_from(*place).ok().and_then(|p| h.counts.get_mut(p)) {
                *c += n;
            }
        }
    }
    Ok(h)
}

/// Counts the values of one column.
#[derive(Default)]
struct Values {
    counts: HashMap<String, u64>,
    /// Not every value had room.
    full: bool,
}

impl Values {
    fn add(&mut self, value: &str, n: u64) {
        if let Some(c) = self.counts.get_mut(value) {
            *c += n;
        } else if self.counts.len() < FACET_VALUES_MAX {
            self.counts.insert(value.to_owned(), n);
        } else {
            self.full = true;
        }
    }
    fn column(&mut self, name: &str, column: &ArrayRef) {
        if let Some(text) = column.as_string_opt::<i32>() {
            // Neighbours are often alike: look a run up once.
            let mut run: (Option<&str>, u64) = (None, 0);
            for v in text {
                if v == run.0 {
                    run.1 += 1;
                    continue;
                }
                if let (Some(v), n) = run {
                    self.add(v, n);
                }
                run = (v, 1);
            }
            if let (Some(v), n) = run {
                self.add(v, n);
            }
            return;
        }
        for row in 0..column.len() {
            match row::cell(name, column, row) {
                serde_json::Value::Null => {}
                serde_json::Value::String(v) => self.add(&v, 1),
                v => self.add(&v.to_string(), 1),
            }
        }
    }
}

pub async fn facets(s: &Session, ask: &Ask, fields: &[String], top: usize) -> Result<Vec<Facet>> {
    if let Some(bad) = fields.iter().find(|f| !compile::groupable(f)) {
        return Err(LakeError::Sql(format!("there is no field {bad} to group by")));
    }
    let plan = s.filtered(ask.conditions(ask.range))?;
    let columns = fields.iter().map(|f| compile::column(f).alias(f));
    let plan = Session::plan(|| plan.project(columns)?.build())?;
    let mut values: Vec<Values> = fields.iter().map(|_| Values::default()).collect();
    let mut rows = 0u64;
    s.each(plan, |batch| {
        rows += batch.num_rows() as u64;
        for ((v, c), f) in values.iter_mut().zip(batch.columns()).zip(fields) {
            v.column(f, c);
        }
        rows < FACET_ROWS_MAX
    })
    .await?;
    let sampled = rows >= FACET_ROWS_MAX;
    Ok(fields.iter().zip(values).map(|(f, v)| facet(f, v, top, rows, sampled)).collect())
}

fn facet(field: &str, values: Values, top: usize, rows: u64, sampled: bool) -> Facet {
    let sampled = sampled || values.full;
    let distinct = values.counts.len() as u64;
    let mut all: Vec<_> = values.counts.into_iter().collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all.truncate(top);
    let share = |n: u64| if rows == 0 { 0.0 } else { n as f64 / rows as f64 };
    let values = all.into_iter().map(|(value, count)| FacetValue { value, count, share: share(count) }).collect();
    Facet { field: field.to_owned(), distinct, values, sampled }
}

/// Batches as a table of at most so many rows.
fn table(s: &Session, columns: Vec<String>, batches: &[RecordBatch], rows: usize) -> Table {
    let mut t = Table { columns, scanned: s.tally.scanned(), ..Table::default() };
    for batch in batches {
        for row in 0..batch.num_rows() {
            if t.rows.len() == rows {
                t.truncated = true;
                return t;
            }
            t.rows.push(t.columns.iter().zip(batch.columns()).map(|(n, c)| row::cell(n, c, row)).collect());
        }
    }
    t
}

/// The answer of a pipe; `None` when there is none.
pub async fn pipe(s: &Session, ask: &Ask) -> Result<Option<Table>> {
    let (columns, rows) = match &ask.query.pipe {
        Pipe::Rows => return Ok(None),
        Pipe::CountBy(c) => (c.clone(), GROUPS_MAX),
        Pipe::Top(n, c) => (c.clone(), (*n).min(GROUPS_MAX)),
        Pipe::Timechart { span, by } => return timechart(s, ask, *span, by.as_deref()).await.map(Some),
    };
    let plan = s.filtered(ask.conditions(ask.range))?;
    let groups: Vec<_> = columns.iter().map(|c| compile::column(c).alias(c)).collect();
    let mut order = vec![col("count").sort(false, false)];
    order.extend(columns.iter().map(|c| compile::named(c).sort(true, false)));
    let shown: Vec<_> = columns.iter().map(|c| compile::named(c)).chain([col("count")]).collect();
    let plan = Session::plan(|| {
        plan.aggregate(groups, vec![count(lit(1_i64)).alias("count")])?
            .project(shown)?
            .sort_with_limit(order, Some(rows + 1))?
            .build()
    })?;
    let batches = s.collect(plan).await?;
    let names = columns.into_iter().chain(["count".to_owned()]).collect();
    let mut t = table(s, names, &batches, rows);
    // `top 5` means five.
    t.truncated &= matches!(ask.query.pipe, Pipe::CountBy(_));
    Ok(Some(t))
}

/// Buckets of a timechart when no span is given.
const TIMECHART_BUCKETS: usize = 50;

async fn timechart(s: &Session, ask: &Ask, span: Option<i64>, by: Option<&str>) -> Result<Table> {
    let columns: Vec<String> = ["time"].into_iter().chain(by).chain(["count"]).map(str::to_owned).collect();
    let Some((from, to)) = match_bounds(s, ask).await? else { return Ok(table(s, columns, &[], 0)) };
    let width = span.map_or_else(|| width(from, to, TIMECHART_BUCKETS), |s| s.saturating_mul(Micros::SECOND)).max(1);
    let start = floor(from, width);
    let plan = s.filtered(ask.conditions(TimeRange::between(Micros(from), Micros(to))))?;
    let mut groups = vec![bucket(start, width).alias("bucket")];
    groups.extend(by.map(|b| compile::column(b).alias("group")));
    let mut order = vec![col("bucket").sort(true, false), col("count").sort(false, false)];
    order.extend(by.map(|_| col("group").sort(true, false)));
    let shown: Vec<_> = ["bucket"].into_iter().chain(by.map(|_| "group")).chain(["count"]).map(col).collect();
    let plan = Session::plan(|| {
        plan.aggregate(groups, vec![count(lit(1_i64)).alias("count")])?
            .project(shown)?
            .sort_with_limit(order, Some(GROUPS_MAX + 1))?
            .build()
    })?;
    let mut t = table(s, columns, &s.collect(plan).await?, GROUPS_MAX);
    for row in &mut t.rows {
        if let Some(cell) = row.first_mut() {
            let place = cell.as_i64().unwrap_or(0);
            *cell = Micros(start.saturating_add(place.saturating_mul(width))).to_string().into();
        }
    }
    Ok(t)
}

/// One SQL query.
pub async fn sql(s: &Session, text: &str) -> Result<Table> {
    let plan = s.sql(text, s.limits.rows).await?;
    let columns = plan.schema().fields().iter().map(|f| f.name().clone()).collect();
    let batches = s.collect(plan).await?;
    Ok(table(s, columns, &batches, s.limits.rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_about_what_was_asked() {
        let p = Pieces(vec![(0, 999, 1000.0), (1000, 1999, 1000.0), (i64::MIN / 4, i64::MAX / 4, 10.0)]);
        assert_eq!(p.window(0, 2000, 1e9), 0);
        let from = p.window(i64::MIN / 4, 2000, 500.0);
        assert!((1400..1600).contains(&from), "{from}");
        assert!(p.window(0, 1, 0.0) < 1, "a window is never empty");
        assert!(p.window(i64::MIN, i64::MAX, 1.0) < i64::MAX);
    }

    #[test]
    fn widths_are_round_and_bounded() {
        let hour = 3_600_000_000;
        assert_eq!(width(0, 24 * hour, 48), hour / 2);
        assert_eq!(width(0, 24 * hour, 50), hour / 2);
        assert!(width(i64::MIN, i64::MAX, 60) > 0);
        assert_eq!(floor(-1, 10), -10);
    }
}
