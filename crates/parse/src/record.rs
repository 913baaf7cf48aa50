//! One raw record into one event: decode, take the header off, find the format, read.
//!
//! Invariant: always exactly one event, whatever the bytes. What a format set before it gave up is thrown away; what
//! the syslog header says is kept even of a line nobody can read.

use bongsu_event::{Class, Encoding, Event, Evidence, Field, FieldSet, TimeFrom, Unread};
use bytes::Bytes;

use crate::formats::FORMATS;
use crate::line::{Context, Line, SyslogHeader};
use crate::{Format, decode, envelope, header, when};

/// Below this confidence a format is a generic one; remembering it for a source must not keep vendors from a look.
const GENERIC_BELOW: u8 = 30;
/// Columns an event has room for before its list grows.
const FIELDS_ROOM: usize = 32;
/// Most formats asked to read one line.
const CANDIDATES_MAX: usize = 8;
const UNREAD: Unread = Unread::because("no format reads this line");

/// The format of that name, for `--format` and a source's setting.
#[must_use]
pub fn format_by_name(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|f| f.name() == name)
}

/// Read one record. `hint` is the format that read this source's last line, or the one the operator set; it is asked
/// first. Gives the event, and the format that read it for the next call.
///
/// Never fails: a line that no format reads becomes an event of class `unparsed` that says why in `unread`.
#[must_use]
pub fn parse_record(
    raw: Bytes,
    context: &Context,
    hint: Option<&'static dyn Format>,
) -> (Event, Option<&'static dyn Format>) {
    let bytes = raw.clone();
    let (text, encoding) = decode::decode(&bytes);
    if let Some(opened) = envelope::open(&text, context)
        && let Some(found) = read_opened(&opened, encoding, &raw, context)
    {
        return found;
    }
    let (header, body) = header::split(&text, context);
    let line = Line { raw: &bytes, text: &text, encoding, header, body, context };
    let mut reason = UNREAD;
    if let Some(format) = hint
        && format.confidence(&line) >= GENERIC_BELOW
    {
        match read_with(format, &line, &raw) {
            Ok(event) => return (event, Some(format)),
            Err(why) => reason = why,
        }
    }
    for (confidence, format) in candidates(&line).into_iter().flatten() {
        match read_with(format, &line, &raw) {
            Ok(mut event) => {
                if confidence < GENERIC_BELOW {
                    distrust(&mut event);
                }
                return (event, Some(format));
            }
            Err(why) if reason == UNREAD => reason = why,
            Err(_) => {}
        }
    }
    let mut event = fresh(&line, raw);
    event.class = Class::Unparsed;
    event.unread = Some(reason);
    finish(&mut event, &line);
    (event, None)
}

/// The vendor's format that a line is surely of; none for lines that only a generic form reads.
#[must_use]
pub fn recognise(raw: &[u8], context: &Context) -> Option<&'static dyn Format> {
    let (text, encoding) = decode::decode(raw);
    let (header, body) = header::split(&text, context);
    let line = Line { raw, text: &text, encoding, header, body, context };
    candidates(&line).into_iter().flatten().find(|(sure, _)| *sure >= GENERIC_BELOW).map(|(_, format)| format)
}

/// Read a line out of its wrapping, if a vendor's format knows it.
fn read_opened(
    opened: &envelope::Opened<'_>,
    encoding: Encoding,
    raw: &Bytes,
    context: &Context,
) -> Option<(Event, Option<&'static dyn Format>)> {
    let (header, body) = match opened.header() {
        Some(header) => (Some(header), &*opened.text),
        None => header::split(&opened.text, context),
    };
    let line = Line { raw, text: &opened.text, encoding, header, body, context };
    let vendors = candidates(&line).into_iter().flatten().filter(|(c, _)| *c >= GENERIC_BELOW);
    for (_, format) in vendors {
        let Ok(mut event) = read_with(format, &line, raw) else { continue };
        if let Some(stamp) = opened.time.filter(|_| event.time_from == TimeFrom::Receipt) {
            when::apply(&mut event, stamp, TimeFrom::Header);
        }
        // the next line is asked from outside again
        return Some((event, Some(format)));
    }
    None
}

type Candidate = (u8, &'static dyn Format);

/// The formats that could read the line, surest first; the table's order decides between equals.
fn candidates(line: &Line<'_>) -> [Option<Candidate>; CANDIDATES_MAX] {
    let mut found: [Option<Candidate>; CANDIDATES_MAX] = [None; CANDIDATES_MAX];
    for format in FORMATS {
        let confidence = format.confidence(line);
        if confidence == 0 {
            continue;
        }
        let Some(place) = found.iter().position(|f| f.is_none_or(|(c, _)| c < confidence)) else { continue };
        if let Some(tail) = found.get_mut(place..) {
            tail.rotate_right(1);
            if let Some(first) = tail.first_mut() {
                *first = Some((confidence, *format));
            }
        }
    }
    found
}

/// A generic form knows no position an outsider could not write to.
fn distrust(event: &mut Event) {
    event.forgeable = FieldSet::of(Field::ALL);
    event.evidence = Evidence::None;
}

/// An event with what the header says of time, and nothing else.
fn fresh(line: &Line<'_>, raw: Bytes) -> Event {
    let mut event = Event::unread(raw, line.context.receive_time);
    event.fields.reserve(FIELDS_ROOM);
    event.encoding = line.encoding;
    if let Some(SyslogHeader { time: Some(time), time_has_zone, .. }) = line.header {
        when::apply(&mut event, when::Stamp { time, zoned: time_has_zone }, TimeFrom::Header);
    }
    event
}

fn read_with(format: &'static dyn Format, line: &Line<'_>, raw: &Bytes) -> Result<Event, Unread> {
    let mut event = fresh(line, raw.clone());
    format.parse(line, &mut event)?;
    if event.format.is_empty() {
        event.format = format.name();
    }
    finish(&mut event, line);
    Ok(event)
}

/// What the header says goes into the columns the format left empty.
fn finish(event: &mut Event, line: &Line<'_>) {
    if event.encoding == Encoding::Unknown {
        // bytes that make no text prove nothing
        event.evidence = Evidence::None;
    }
    let Some(header) = &line.header else { return };
    if let Some(host) = header.host {
        event.set(Field::Host, host);
    }
    if let Some(app) = header.app {
        event.set(Field::Process, app);
    }
    if let Some(pid) = header.pid.and_then(|p| p.parse::<i64>().ok()) {
        event.set(Field::Pid, pid);
    }
    if let Some(pri) = header.pri {
        event.set(Field::SyslogPri, i64::from(pri));
        event.set(Field::SyslogFacility, facility_name(pri >> 3));
    }
}

fn facility_name(facility: u8) -> &'static str {
    const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
        "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ];
    NAMES.get(usize::from(facility)).copied().unwrap_or("")
}
