//! The system's journal, through a `journalctl -f` child: no library of systemd is linked.
//!
//! journald keeps fields, not lines; each entry is written as the RFC 5424 line that a syslog daemon would have made of
//! it, so that the center reads it as what it is. Its place (which journal, and the entry's number in it) goes with it.

use std::{collections::BTreeMap, process::Stdio, sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use bongsu_event::{RawRecord, RecordFlags, SourceId, Transport, limits::LINE_BYTES_MAX};
use bongsu_uplink::InputId;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

use crate::{
    limits::{JOURNALD_BATCH_LINES, JOURNALD_LINE_BYTES_MAX, PLACES_SECONDS, RETRY_SECONDS},
    places::{self, Reader, replay},
    shared::{Shared, now},
};

/// Bytes read from the child at once.
const BUFFER_BYTES: usize = 32 * 1024;
/// Longest complaint of the child passed on, bytes.
const COMPLAINT_BYTES_MAX: u64 = 400;
/// Pause while the spool is full, milliseconds.
const FULL_MILLIS: u64 = 200;
/// RFC 5424's bounds on the host name, program and process, characters.
const NAME_CHARS_MAX: usize = 48;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Places {
    epoch: u64,
    through: u64,
    /// Numbers given to journals (their `s=` ids).
    journals: BTreeMap<u64, String>,
    /// The journal last read from and the number of its last entry.
    last: Option<(u64, u64)>,
    #[serde(skip)]
    changed: bool,
}

pub(super) async fn run(shared: Arc<Shared>, input: InputId, units: Vec<String>, stop: CancellationToken) {
    let name = format!("places-journald-{}.json", input.0);
    let mut places = Places::load(&shared, &name);
    while !stop.is_cancelled() {
        let followed = follow(&shared, input, &units, &name, &mut places, &stop).await;
        places.store(&shared, &name);
        match followed {
            Ok(()) => return,
            Err(e) => shared.tally(input).set_error(e),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(RETRY_SECONDS)) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn child(units: &[String], cursor: Option<String>) -> Result<Child, String> {
    let mut command = Command::new("journalctl");
    command.args(["--follow", "--output=json", "--all", "--quiet", "--no-pager"]);
    match cursor {
        Some(cursor) => command.args(["--no-tail".to_owned(), format!("--after-cursor={cursor}")]),
        None => command.arg("--lines=0"),
    };
    for unit in units {
        command.arg(format!("--unit={unit}"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            "journalctl is not installed here: this machine has no systemd journal".to_owned()
        }
        _ => format!("journalctl cannot be started: {e}"),
    })
}

/// Until `stop` (`Ok`) or until the child ends.
async fn follow(
    shared: &Arc<Shared>,
    input: InputId,
    units: &[String],
    name: &str,
    places: &mut Places,
    stop: &CancellationToken,
) -> Result<(), String> {
    let mut child = child(units, places.cursor())?;
    let out = child.stdout.take().ok_or("journalctl has no output")?;
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, out);
    let tally = shared.tally(input);
    tally.set_error("");
    *tally.open.lock() = vec!["journalctl".to_owned()];
    let mut store = tokio::time::interval(Duration::from_secs(PLACES_SECONDS));
    let mut batch = Vec::new();
    let mut line = Vec::new();
    loop {
        tokio::select! {
            read = next_line(&mut lines, &mut line) => match read {
                Ok(true) => {
                    if let Some(record) = record(shared, input, &line, name, places) {
                        batch.push(record);
                    }
                    line.clear();
                }
                Ok(false) => return Err(complaint(&mut child).await),
                Err(e) => return Err(format!("journalctl cannot be read: {e}")),
            },
            _ = store.tick() => places.store(shared, name),
            () = stop.cancelled() => return Ok(()),
        }
        // More whole lines at hand go along in the same step.
        if batch.len() < JOURNALD_BATCH_LINES && lines.buffer().contains(&b'\n') {
            continue;
        }
        hand_over(shared, std::mem::take(&mut batch), places).await?;
    }
}

async fn hand_over(shared: &Shared, batch: Vec<RawRecord>, places: &mut Places) -> Result<(), String> {
    let Some(last) = batch.last().and_then(|r| r.spool) else { return Ok(()) };
    while shared.full.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(FULL_MILLIS)).await;
    }
    for record in &batch {
        shared.tally(InputId(record.source.0)).count(record.raw.len(), record.flags.truncated, record.receive_time);
    }
    let range = shared.spool.append_async(batch).await.map_err(|e| e.to_string())?;
    places.through = places.through.max(*range.end());
    (places.last, places.changed) = (Some((last.epoch, last.sequence)), true);
    Ok(())
}

/// True for a whole line in `line`; a line over the limit is passed over but for its head.
async fn next_line(from: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>) -> std::io::Result<bool> {
    loop {
        let chunk = from.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(false);
        }
        let end = memchr::memchr(b'\n', chunk);
        let piece = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        let room = JOURNALD_LINE_BYTES_MAX.saturating_sub(line.len()).min(piece.len());
        line.extend_from_slice(piece.get(..room).unwrap_or_default());
        let used = end.map_or(chunk.len(), |e| e + 1);
        from.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

async fn complaint(child: &mut Child) -> String {
    let mut text = String::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = read_some(stderr, &mut text).await;
    }
    let _ = child.kill().await;
    format!("journalctl ended: {}", if text.trim().is_empty() { "no reason given" } else { text.trim() })
}

async fn read_some(from: impl AsyncRead + Unpin, text: &mut String) -> std::io::Result<usize> {
    from.take(COMPLAINT_BYTES_MAX).read_to_string(text).await
}

/// One entry as a spool record.
fn record(shared: &Shared, input: InputId, line: &[u8], name: &str, places: &mut Places) -> Option<RawRecord> {
    let entry: Value = serde_json::from_slice(line).ok()?;
    let (journal, number) = cursor_parts(entry.get("__CURSOR")?.as_str()?)?;
    let journal = places.number_of(shared, journal, name);
    let (raw, truncated) = syslog_line(&entry)?;
    Some(RawRecord {
        receive_time: now(),
        source: SourceId(input.0),
        transport: Transport::Agent,
        peer: None,
        spool: Some(places::place(Reader::Journald, journal, number)),
        flags: RecordFlags { truncated, unterminated: false },
        raw,
    })
}

/// `s=ID;i=HEX;…` to the journal's id and the entry's number.
fn cursor_parts(cursor: &str) -> Option<(&str, u64)> {
    let part = |key: &str| cursor.split(';').find_map(|p| p.strip_prefix(key));
    let id = part("s=").filter(|s| s.len() == 32 && s.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((id, u64::from_str_radix(part("i=")?, 16).ok()?))
}

/// The RFC 5424 line of an entry, and whether it had to be cut. Entries without a message say nothing.
fn syslog_line(entry: &Value) -> Option<(Bytes, bool)> {
    let message = text(entry.get("MESSAGE")?)?;
    let field = |key: &str| entry.get(key).and_then(text).unwrap_or_default();
    let number = |key: &str, most: u64| field_number(entry, key).filter(|n| *n <= most);
    let priority = number("SYSLOG_FACILITY", 23).unwrap_or(1) * 8 + number("PRIORITY", 7).unwrap_or(6);
    let micros = field_number(entry, "__REALTIME_TIMESTAMP").and_then(|m| i64::try_from(m).ok()).unwrap_or_default();
    let program = [field("SYSLOG_IDENTIFIER"), field("_COMM")].into_iter().find(|f| !f.is_empty()).unwrap_or_default();
    let process = [field("SYSLOG_PID"), field("_PID")].into_iter().find(|f| !f.is_empty()).unwrap_or_default();
    let head = format!(
        "<{priority}>1 {} {} {} {} - - ",
        bongsu_event::Micros(micros),
        word(&field("_HOSTNAME")),
        word(&program),
        word(&process)
    );
    let mut raw = head.into_bytes();
    raw.extend_from_slice(&message);
    let truncated = raw.len() > LINE_BYTES_MAX;
    raw.truncate(LINE_BYTES_MAX);
    Some((raw.into(), truncated))
}

/// A field's bytes: text, or an array of numbers where it was no UTF-8; of several, the first.
fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(s) => Some(s.clone().into_bytes()),
        Value::Number(n) => Some(n.to_string().into_bytes()),
        Value::Array(items) if items.iter().all(Value::is_number) => {
            Some(items.iter().filter_map(|n| u8::try_from(n.as_u64()?).ok()).collect())
        }
        Value::Array(items) => items.first().and_then(text),
        _ => None,
    }
}

fn field_number(entry: &Value, key: &str) -> Option<u64> {
    String::from_utf8(text(entry.get(key)?)?).ok()?.parse().ok()
}

/// One word of RFC 5424's head.
fn word(bytes: &[u8]) -> String {
    let word: String =
        String::from_utf8_lossy(bytes).chars().filter(char::is_ascii_graphic).take(NAME_CHARS_MAX).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

impl Places {
    fn load(shared: &Shared, name: &str) -> Self {
        let mut places: Self = shared.folder.read_json(name).unwrap_or_default();
        if places.epoch != shared.spool.epoch() {
            (places.epoch, places.through) = (shared.spool.epoch(), 0);
        }
        let (known, last) = (&places.journals, &mut places.last);
        places.through = replay(&shared.spool, Reader::Journald, places.through, |journal, number| {
            if known.contains_key(&journal) {
                *last = Some((journal, number));
            }
        });
        places
    }

    /// Where to go on: journalctl needs no more of a cursor than these two.
    fn cursor(&self) -> Option<String> {
        let (journal, number) = self.last?;
        Some(format!("s={};i={number:x}", self.journals.get(&journal)?))
    }

    /// The number of a journal; a new one is stored before its first line is handed over.
    fn number_of(&mut self, shared: &Shared, id: &str, name: &str) -> u64 {
        if let Some(number) = self.journals.iter().find(|(_, known)| *known == id).map(|(n, _)| *n) {
            return number;
        }
        let number = places::random();
        self.journals.insert(number, id.to_owned());
        self.changed = true;
        self.store(shared, name);
        number
    }

    fn store(&mut self, shared: &Shared, name: &str) {
        if !self.changed {
            return;
        }
        match shared.folder.write_json(name, self) {
            Ok(()) => self.changed = false,
            Err(e) => tracing::warn!(error = format!("{e:#}"), "where we stand in the journal cannot be kept"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> Option<String> {
        let (raw, _) = syslog_line(&serde_json::from_str(json).unwrap())?;
        Some(String::from_utf8_lossy(&raw).into_owned())
    }

    #[test]
    fn entries_become_the_lines_a_syslog_daemon_would_write() {
        let json = r#"{"__REALTIME_TIMESTAMP":"1800000000123456","PRIORITY":"5","SYSLOG_FACILITY":"10","_HOSTNAME":"gw-1",
            "SYSLOG_IDENTIFIER":"sshd","_PID":"812","MESSAGE":"Failed password for root from 198.51.100.66 port 4242 ssh2"}"#;
        assert_eq!(
            line(json).unwrap(),
            "<85>1 2027-01-15T08:00:00.123456Z gw-1 sshd 812 - - Failed password for root from 198.51.100.66 port 4242 ssh2"
        );
        assert_eq!(
            line(r#"{"MESSAGE":[104,105,255]}"#).unwrap(),
            "<14>1 1970-01-01T00:00:00.000000Z - - - - - hi\u{fffd}"
        );
        assert_eq!(line(r#"{"MESSAGE":null}"#), None);
        assert!(line(r#"{"MESSAGE":"x","_HOSTNAME":"a b\nc","PRIORITY":"99"}"#).unwrap().contains(" abc - - - - x"));
        let long = format!(r#"{{"MESSAGE":"{}"}}"#, "x".repeat(LINE_BYTES_MAX));
        let (raw, truncated) = syslog_line(&serde_json::from_str(&long).unwrap()).unwrap();
        assert_eq!((raw.len(), truncated), (LINE_BYTES_MAX, true));
    }

    #[test]
    fn only_a_whole_cursor_is_taken() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(cursor_parts(&format!("s={id};i=2a;b=x;m=1;t=2;x=3")), Some((id, 42)));
        for bad in ["", "i=2a", "s=zz;i=2a", &format!("s={id};i=zz"), &format!("s={id}")] {
            assert_eq!(cursor_parts(bad), None, "{bad}");
        }
    }
}
