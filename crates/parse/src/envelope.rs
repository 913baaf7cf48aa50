//! What collectors wrap around a line: Docker's json-file, the containers' CRI form, journald as JSON.
//!
//! Invariant: only these exact shapes are opened, and only one layer; a line inside that no vendor's format reads is read
//! with its wrapping instead, so that nothing of it is lost.

use std::borrow::Cow;

use bongsu_event::Micros;
use serde::Deserialize;

use crate::line::{Context, SyslogHeader};
use crate::seek::Needle;
use crate::when::{self, Stamp};

const REALTIME: Needle = Needle::new(b"\"__REALTIME_TIMESTAMP\"");

/// A line taken out of its wrapping.
pub(crate) struct Opened<'a> {
    pub(crate) text: Cow<'a, str>,
    /// When the collector had it.
    pub(crate) time: Option<Stamp>,
    journal: Option<Journal<'a>>,
}

/// The fields of `journalctl -o json` that a syslog header would have; those with an underscore are the system's own.
#[derive(Deserialize)]
struct Journal<'a> {
    #[serde(borrow, rename = "MESSAGE")]
    message: Cow<'a, str>,
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    micros: Cow<'a, str>,
    #[serde(borrow, default, rename = "_HOSTNAME")]
    host: Cow<'a, str>,
    #[serde(borrow, default, rename = "SYSLOG_IDENTIFIER")]
    app: Cow<'a, str>,
    #[serde(borrow, default, rename = "_PID")]
    pid: Cow<'a, str>,
    #[serde(borrow, default, rename = "PRIORITY")]
    priority: Cow<'a, str>,
    #[serde(borrow, default, rename = "SYSLOG_FACILITY")]
    facility: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Docker<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

/// The line inside, if this is one of the wrappings.
pub(crate) fn open<'a>(text: &'a str, context: &Context) -> Option<Opened<'a>> {
    match text.as_bytes().first()? {
        b'{' if text.starts_with("{\"log\":") => {
            let docker: Docker<'a> = serde_json::from_str(text).ok()?;
            let known = matches!(&*docker.stream, "stdout" | "stderr");
            known.then(|| Opened {
                time: when::read(&docker.time, context),
                text: without_end(docker.log),
                journal: None,
            })
        }
        b'{' if REALTIME.is_in(text.as_bytes()) => {
            let journal: Journal<'a> = serde_json::from_str(text).ok()?;
            let micros = journal.micros.parse::<i64>().ok()?;
            let time = Some(Stamp { time: Micros(micros), zoned: true });
            Some(Opened { text: journal.message.clone(), time, journal: Some(journal) })
        }
        b'0'..=b'9' => cri(text, context),
        _ => None,
    }
}

/// `2026-01-02T03:04:05.123456789Z stdout F message`
fn cri<'a>(text: &'a str, context: &Context) -> Option<Opened<'a>> {
    let (time, rest) = text.split_once(' ').filter(|(t, _)| t.len() >= 20 && t.as_bytes().get(10) == Some(&b'T'))?;
    let rest = rest.strip_prefix("stdout ").or_else(|| rest.strip_prefix("stderr "))?;
    // a line that was cut says P
    let body = rest.strip_prefix("F ").or_else(|| rest.strip_prefix("P "))?;
    Some(Opened { text: Cow::Borrowed(body), time: when::read(time, context), journal: None })
}

fn without_end(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(t) => Cow::Borrowed(t.trim_end_matches(['\n', '\r'])),
        Cow::Owned(t) => Cow::Owned(t.trim_end_matches(['\n', '\r']).to_owned()),
    }
}

impl Opened<'_> {
    /// The header that journald's fields make; none of the other wrappings has one.
    pub(crate) fn header(&self) -> Option<SyslogHeader<'_>> {
        let journal = self.journal.as_ref()?;
        let number = |text: &str| text.parse::<u8>().ok();
        let pri = number(&journal.priority)
            .filter(|p| *p < 8)
            .and_then(|p| number(&journal.facility).filter(|f| *f < 24).map(|f| f * 8 + p));
        Some(SyslogHeader {
            pri,
            time: self.time.map(|s| s.time),
            time_has_zone: true,
            host: Some(&*journal.host).filter(|t| !t.is_empty()),
            app: Some(&*journal.app).filter(|t| !t.is_empty()),
            pid: Some(&*journal.pid).filter(|t| !t.is_empty()),
            ..SyslogHeader::default()
        })
    }
}
