//! Search over the lake: one box, histogram, facets, one event whole, and matches written out.
//!
//! Invariant: the scope goes into the lake with the query; nothing is filtered afterwards.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bongsu_api::search::{
    EventDetail, EventPath, EventRow, Facet, FacetValue, Facets, FieldInfo, Fields, Histogram, Pair, SearchPage,
    SearchQuery, Table,
};
use bongsu_event::{EventId, Field, Micros, Scope, SourceId};
use bongsu_lake::query::Pipe;
use bongsu_lake::{Answer as Found_, Cursor, ExportFormat, LakeError, Limits, Query, Row, TimeRange};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;

use super::caller::{Ask, At, By};
use super::convert::{agency, parse_time, time};
use super::failure::{Answer, Failure};
use super::{Shared, Web};
use crate::authority::hex;
use crate::directory::PictureNames;

/// Most rows on a page.
const ROWS_MAX: u32 = 500;
/// Rows on a page by default.
const ROWS: u32 = 100;
/// Most rows of a download.
const EXPORT_ROWS_MAX: u64 = 1_000_000;
/// Values of a facet.
const FACET_VALUES: usize = 10;
/// Most facets at once.
const FACETS_MAX: usize = 12;
/// Longest content of a row, characters.
const TEXT_CHARS_MAX: usize = 400;
/// Facets when nobody chose.
const FACETS: &str = "agency,source,class,src_ip,dst_ip,user";
/// Pieces of a download waiting for a slow reader.
const PIECES_WAITING: usize = 16;
/// Bytes of one piece.
const PIECE_BYTES: usize = 64 * 1024;

impl Web {
    /// A source by name; one that was never registered is the quarantine.
    pub(super) fn source_name(&self, id: SourceId) -> String {
        if id == SourceId::QUARANTINE {
            return "미등록".to_owned();
        }
        self.app.directory.now().source(id).map_or_else(|| format!("#{id}"), |s| s.name.clone())
    }

    /// Of which events do the journal's bytes still have the hash that the lake noted? Those whose segment has
    /// retired are left out.
    pub(super) async fn hashes_hold(&self, wanted: Vec<(EventId, String)>) -> BTreeMap<EventId, bool> {
        let (journal, epoch) = (self.app.journal.clone(), self.app.epoch);
        let look = move || {
            let first = journal.first_sequence();
            let ours = wanted.into_iter().filter(|(id, _)| id.epoch == epoch && id.sequence >= first);
            ours.filter_map(|(id, noted)| {
                let (sequence, record) = journal.read_from(id.sequence).next()?.ok()?;
                if sequence != id.sequence {
                    return None;
                }
                let digest = Sha256::digest(&record.raw);
                Some((id, digest.get(..8).map(hex) == Some(noted)))
            })
            .collect()
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

fn text(row: &Row, name: &str) -> String {
    match row.fields.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(s)) => s.clone(),
        Some(v) => v.to_string(),
    }
}

fn maybe(row: &Row, name: &str) -> Option<String> {
    Some(text(row, name)).filter(|t| !t.is_empty())
}

/// A value that can be searched for as it stands: the port is a field of its own, shown with the whole event.
fn endpoint(row: &Row, ip: &str, host: &str) -> Option<String> {
    maybe(row, ip).or_else(|| maybe(row, host))
}

fn result(row: &Row) -> String {
    let (status, activity) = (text(row, "status"), text(row, "activity"));
    match (status.as_str(), activity.as_str()) {
        (_, "allow" | "deny") => activity,
        ("success" | "failure", _) => status,
        _ => String::new(),
    }
}

fn shown(web: &Web, tree: &bongsu_domain::AgencyTree, row: &Row) -> EventRow {
    let content = maybe(row, "message").or_else(|| maybe(row, "raw")).unwrap_or_default();
    EventRow {
        id: row.id.to_string(),
        time: time(row.time),
        agency: agency(tree, row.agency).name,
        source: web.source_name(row.source),
        class: text(row, "class"),
        result: result(row),
        src: endpoint(row, "src_ip", "src_host"),
        dst: endpoint(row, "dst_ip", "dst_host"),
        text: content.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect(),
    }
}

fn query(web: &Web, text: &str) -> Answer<Query> {
    let names = PictureNames(web.app.directory.now());
    Query::parse(text, &names).map_err(|e| bongsu_lake::LakeError::Query(e).into())
}

/// The last 24 hours when nobody said otherwise.
fn range(asked: &SearchQuery, now: Micros) -> Answer<TimeRange> {
    let bound =
        |at: &str, t: &Option<String>| t.as_deref().filter(|t| !t.is_empty()).map(|t| parse_time(at, t)).transpose();
    // The newest events are included: their time may lie a little ahead of our clock.
    let to = bound("to", &asked.to)?.unwrap_or_else(|| now.plus_seconds(60));
    let from = bound("from", &asked.from)?.unwrap_or_else(|| to.plus_seconds(-86_400));
    Ok(TimeRange::between(from, to))
}

fn files(scanned: &bongsu_lake::Scanned) -> (u32, u32) {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    (number(scanned.files_total), number(scanned.files_read))
}

/// Search.
pub(crate) async fn search(State(web): Shared, By(by): By, Ask(asked): Ask<SearchQuery>) -> Answer<Json<SearchPage>> {
    let begun = Instant::now();
    let query = query(&web, &asked.q)?;
    let range = range(&asked, by.now())?;
    let scope = by.sees();
    let rows = asked.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX) as usize;
    let limits = Limits { rows, ..Limits::default() };
    let mut page = SearchPage {
        as_of: time(by.now()),
        total: 0,
        exact: true,
        scanned: 0,
        files_total: 0,
        files_read: 0,
        took_ms: 0.0,
        rows: Vec::new(),
        next: None,
        table: None,
    };
    if query.pipe == Pipe::Rows {
        let cursor = |c: &str| c.parse::<Cursor>().map_err(|e| Failure::bad_request(Some("cursor"), e));
        let after = asked.cursor.as_deref().map(cursor).transpose()?;
        let (found, count) = tokio::join!(
            web.app.lake.search(&query, &scope, range, after, &limits),
            web.app.lake.count(&query, &scope, range, &limits)
        );
        let found = found?;
        // Too many to count in time: what is shown is still right.
        match count {
            Ok(count) => page.total = count.rows,
            Err(_) => (page.total, page.exact) = (found.rows.len() as u64, false),
        }
        page.scanned = found.scanned.rows_read;
        (page.files_total, page.files_read) = files(&found.scanned);
        page.rows = found.rows.iter().map(|r| shown(&web, &by.tree, r)).collect();
        page.next = found.next.map(|c| c.to_string());
    } else {
        let Found_::Table(table) = web.app.lake.answer(&query, &scope, range, &limits).await? else {
            return Err(Failure::internal(&anyhow::anyhow!("a piped query answers with a table")));
        };
        page.total = table.rows.len() as u64;
        page.exact = !table.truncated;
        page.scanned = table.scanned.rows_read;
        (page.files_total, page.files_read) = files(&table.scanned);
        page.table = Some(Table { columns: table.columns, rows: table.rows });
    }
    page.took_ms = begun.elapsed().as_secs_f64() * 1000.0;
    Ok(Json(page))
}

/// Its histogram.
pub(crate) async fn histogram(State(web): Shared, By(by): By, Ask(asked): Ask<SearchQuery>) -> Answer<Json<Histogram>> {
    let query = query(&web, &asked.q)?.events();
    let range = range(&asked, by.now())?;
    let buckets = asked.buckets.unwrap_or(48).clamp(12, 200) as usize;
    let found = web.app.lake.histogram(&query, &by.sees(), range, buckets, &Limits::default()).await?;
    let (from, to) = (range.from.unwrap_or(found.from), range.to.unwrap_or(found.from));
    let end = Micros(found.from.0.saturating_add(found.width.saturating_mul(found.counts.len() as i64)));
    let empty = found.counts.is_empty();
    Ok(Json(Histogram {
        as_of: time(by.now()),
        from: time(if empty { from } else { found.from }),
        to: time(if empty { to } else { end }),
        bucket_seconds: found.width as f64 / Micros::SECOND as f64,
        counts: found.counts,
    }))
}

/// Its facets.
pub(crate) async fn facets(State(web): Shared, By(by): By, Ask(asked): Ask<SearchQuery>) -> Answer<Json<Facets>> {
    let query = query(&web, &asked.q)?.events();
    let range = range(&asked, by.now())?;
    let names = asked.fields.as_deref().filter(|f| !f.is_empty()).unwrap_or(FACETS);
    let names: Vec<&str> = names.split(',').map(str::trim).filter(|n| !n.is_empty()).take(FACETS_MAX).collect();
    let column = |name: &'_ str| match name {
        "agency" => "agency_id".to_owned(),
        "source" => "source_id".to_owned(),
        other => other.to_owned(),
    };
    let columns: Vec<String> = names.iter().map(|n| column(n)).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let found = web.app.lake.facets(&query, &by.sees(), range, &columns, FACET_VALUES, &Limits::default()).await?;
    let facets = names.iter().zip(found).map(|(name, f)| {
        let values = f.values.into_iter().map(|v| {
            let id = v.value.parse::<u32>().ok();
            let value = match (*name, id) {
                ("agency", Some(id)) => agency(&by.tree, bongsu_event::AgencyId(id)).name,
                ("source", Some(id)) => web.source_name(SourceId(id)),
                _ => v.value,
            };
            FacetValue { value, count: v.count, share: v.share }
        });
        Facet { field: (*name).to_owned(), distinct: f.distinct, values: values.collect() }
    });
    Ok(Json(Facets { as_of: time(by.now()), facets: facets.collect() }))
}

/// One event.
pub(crate) async fn event(State(web): Shared, By(by): By, At(path): At<EventPath>) -> Answer<Json<EventDetail>> {
    let id: EventId = path.id.parse().map_err(|_| Failure::not_found("event"))?;
    let row = web.app.lake.get(id, &by.sees(), &Limits::default()).await?.ok_or_else(|| Failure::not_found("event"))?;
    let hashes = web.hashes_hold(vec![(id, text(&row, "raw_hash"))]).await;
    let fields =
        Field::ALL.iter().filter_map(|f| maybe(&row, f.name()).map(|value| Pair { name: f.name().to_owned(), value }));
    let extra = row.fields.get("extra").and_then(Value::as_object).into_iter().flatten().map(|(name, value)| Pair {
        name: name.clone(),
        value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    });
    let flags = ["truncated", "skewed"].into_iter().filter(|f| row.fields.get(*f) == Some(&Value::Bool(true)));
    Ok(Json(EventDetail {
        raw: text(&row, "raw"),
        encoding: text(&row, "encoding"),
        format: text(&row, "format"),
        receive_time: text(&row, "receive_time"),
        transport: text(&row, "transport"),
        sequence: id.sequence,
        hash_ok: hashes.get(&id).copied(),
        unread: maybe(&row, "unread"),
        fields: fields.collect(),
        extra: extra.collect(),
        flags: flags.map(str::to_owned).collect(),
        row: shown(&web, &by.tree, &row),
    }))
}

/// Fields that can be asked for.
pub(crate) async fn fields() -> Json<Fields> {
    let fields = bongsu_lake::query::fields().into_iter().map(|f| {
        let column = Field::ALL.iter().find(|c| c.name() == f.name);
        FieldInfo {
            name: f.name.to_owned(),
            kind: f.kind.to_owned(),
            ocsf: column.map_or(f.about, |c| c.ocsf()).to_owned(),
            aliases: column.map(|c| c.aliases().map(str::to_owned).collect()).unwrap_or_default(),
        }
    });
    Json(Fields { fields: fields.collect() })
}

/// Download all matches. Many rows leave the house: that is noted before the first one does.
pub(crate) async fn export(State(web): Shared, By(by): By, Ask(asked): Ask<SearchQuery>) -> Answer<Response> {
    let query = query(&web, &asked.q)?;
    let range = range(&asked, by.now())?;
    let scope = by.sees();
    let format = asked.format.as_deref().unwrap_or("csv");
    let count = web.app.lake.count(&query, &scope, range, &Limits::default()).await?.rows;
    if count > EXPORT_ROWS_MAX {
        return Err(Failure::bad_request(
            Some("q"),
            format!(
                "{count} events match and a download holds at most {EXPORT_ROWS_MAX}; narrow the time range or add a condition"
            ),
        ));
    }
    let what = format!("{count} events as {format}: {}", asked.q);
    web.app.state.note_look(&by.change(""), "search.export", "events", None, &what).await?;
    written(&web, query, range, format, None, scope).await
}

/// A search written out whole, for the operator.
pub(crate) struct Found<'a> {
    pub text: &'a str,
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
    pub format: &'a str,
    pub limit: Option<u64>,
    pub scope: Scope,
}

/// Every match, over all time unless said otherwise.
pub(crate) async fn found(web: &Web, asked: Found<'_>) -> Answer<Response> {
    let query = query(web, asked.text)?;
    let from = asked.from.map(|t| parse_time("from", t)).transpose()?;
    let to = asked.to.map(|t| parse_time("to", t)).transpose()?;
    written(web, query, TimeRange { from, to }, asked.format, asked.limit, asked.scope).await
}

async fn written(
    web: &Web,
    query: Query,
    range: TimeRange,
    format: &str,
    limit: Option<u64>,
    scope: Scope,
) -> Answer<Response> {
    let (as_format, kind) = match format {
        "csv" => (ExportFormat::Csv, "text/csv; charset=utf-8"),
        "jsonl" => (ExportFormat::Jsonl, "application/x-ndjson"),
        "parquet" => (ExportFormat::Parquet, "application/vnd.apache.parquet"),
        other => return Err(Failure::bad_request(Some("format"), format!("`{other}` is none of csv, jsonl, parquet"))),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"bongsu-events.{format}\"")),
    ];
    if query.pipe != Pipe::Rows {
        let limits = Limits { rows: bongsu_lake::GROUPS_MAX, deadline: Duration::from_secs(300), ..Limits::default() };
        let Found_::Table(table) = web.app.lake.answer(&query, &scope, range, &limits).await? else {
            return Err(Failure::internal(&anyhow::anyhow!("a piped query answers with a table")));
        };
        return Ok((headers, table_text(&table, as_format)?).into_response());
    }
    Ok((headers, piped(web, query, scope, range, as_format, limit).await?).into_response())
}

/// Rows of a table: one JSON object a line, or CSV.
fn table_text(table: &bongsu_lake::Table, format: ExportFormat) -> Answer<String> {
    let mut out = String::new();
    match format {
        ExportFormat::Jsonl => {
            for row in &table.rows {
                let object: serde_json::Map<String, Value> =
                    table.columns.iter().cloned().zip(row.iter().cloned()).collect();
                out.push_str(&Value::Object(object).to_string());
                out.push('\n');
            }
        }
        ExportFormat::Csv => {
            let line = |cells: Vec<String>| format!("{}\r\n", cells.join(","));
            out.push_str(&line(table.columns.iter().map(|c| csv(c)).collect()));
            for row in &table.rows {
                out.push_str(&line(
                    row.iter().map(|v| csv(&v.as_str().map_or_else(|| v.to_string(), str::to_owned))).collect(),
                ));
            }
        }
        ExportFormat::Parquet => {
            return Err(Failure::bad_request(
                Some("format"),
                "a table is written as csv or jsonl; parquet holds events",
            ));
        }
    }
    Ok(out)
}

/// A CSV cell; what a spreadsheet would take for a formula is made text.
fn csv(text: &str) -> String {
    let formula =
        text.starts_with(['=', '+', '@', '\t', '\r']) || (text.starts_with('-') && text.parse::<f64>().is_err());
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Hands pieces to a body; a reader that stops ends the export.
struct ToBody {
    pieces: mpsc::Sender<std::io::Result<Bytes>>,
}

impl Write for ToBody {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut piece = Ok(Bytes::copy_from_slice(bytes));
        loop {
            match self.pieces.try_send(piece) {
                Ok(()) => return Ok(bytes.len()),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(std::io::ErrorKind::BrokenPipe.into()),
                Err(mpsc::error::TrySendError::Full(back)) => {
                    piece = back;
                    // This thread does nothing else.
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The newest rows up to the limit, as they are found; never whole in memory. A search that fails before its first piece
/// answers with its own sentence.
async fn piped(
    web: &Web,
    query: Query,
    scope: Scope,
    range: TimeRange,
    format: ExportFormat,
    limit: Option<u64>,
) -> Answer<Body> {
    let (pieces, mut receiver) = mpsc::channel(PIECES_WAITING);
    let lake = web.app.lake.clone();
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let mut out = std::io::BufWriter::with_capacity(PIECE_BYTES, ToBody { pieces: pieces.clone() });
        let limits = Limits { deadline: Duration::from_secs(300), ..Limits::default() };
        let done = runtime.block_on(lake.export(&query, &scope, range, format, &mut out, limit, &limits));
        let done = done.map_err(std::io::Error::other).and_then(|_| out.flush());
        if let Err(e) = done {
            // The body ends in an error, so that a cut file is not taken for a whole one. This waits for a slow reader.
            let _ = pieces.blocking_send(Err(e));
        }
    });
    let first = match receiver.recv().await {
        Some(Err(e)) => return Err(failed(e)),
        Some(Ok(piece)) => piece,
        None => Bytes::new(),
    };
    let rest = tokio_stream::wrappers::ReceiverStream::new(receiver);
    Ok(Body::from_stream(tokio_stream::once(Ok(first)).chain(rest)))
}

/// A lake's failure that came through a writer.
fn failed(e: std::io::Error) -> Failure {
    match e.into_inner().map(|inner| inner.downcast::<LakeError>()) {
        Some(Ok(e)) => (*e).into(),
        Some(Err(e)) => Failure::internal(&anyhow::anyhow!("{e}")),
        None => Failure::internal(&anyhow::anyhow!("the answer could not be written")),
    }
}
