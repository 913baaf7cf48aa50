//! Any XML record, Windows' own `<Event>` above all: elements, attributes and `<Data Name='x'>` by the names that many senders
//! share.
//!
//! Invariant: knows no sender, so everything it reads is marked forgeable. Only text outside tags is a value; a `<` that was
//! written by a user stands there as `&lt;`.

use std::borrow::Cow;

use bongsu_event::{Event, Field, Unread};
use memchr::{memchr, memmem};

use crate::generic::Gather;
use crate::{Format, Line, net};

/// Any XML record.
pub struct Xml;

/// Most tags looked at in one record; the rest stay in the raw bytes.
const TAGS_MAX: usize = 1024;
/// Names whose value is kept as it stands, beside the column that holds what is gathered from it.
const WHOLE: [&str; 8] = [
    "SubjectUserName",
    "TargetUserName",
    "User",
    "Image",
    "NewProcessName",
    "ProcessName",
    "NewProcessId",
    "ProcessId",
];
/// How far into the body the record may begin, bytes.
const HEAD_BYTES: usize = 64;

impl Format for Xml {
    fn name(&self) -> &'static str {
        "xml"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        let Some(start) = start_of(line.body) else { return 0 };
        let closes = memmem::find(line.body.as_bytes().get(start..).unwrap_or(&[]), b"</").is_some();
        if closes { 24 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let start = start_of(line.body).ok_or(Unread::because("no XML element"))?;
        let mut reader = Reader {
            gather: Gather::exact(line.context),
            event: &mut *event,
            account: None,
            subject: None,
            target: None,
        };
        reader.read(line.body.get(start..).unwrap_or(""));
        let Reader { gather, account, subject, target, .. } = reader;
        if event.fields.is_empty() && event.extra.is_empty() {
            return Err(Unread::because("XML without a value"));
        }
        // who logged on, where that is what happened; else who did it, else whose process wrote it
        let logon =
            matches!(event.text(Field::EventCode), Some("4624" | "4625" | "4634" | "4768" | "4769" | "4771" | "4776"));
        let users = if logon { [target, subject, account] } else { [subject, account, target] };
        if let Some(user) = users.into_iter().flatten().find(|u| !net::is_nothing(u)) {
            net::set_user(event, &user);
        }
        gather.finish(event);
        Ok(())
    }
}

fn start_of(body: &str) -> Option<usize> {
    let head = body.as_bytes();
    let at = memchr(b'<', head.get(..HEAD_BYTES).unwrap_or(head))?;
    head.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'?').then_some(at)
}

struct Reader<'e, 'c> {
    gather: Gather<'c>,
    event: &'e mut Event,
    /// Whose rights the writing process had.
    account: Option<String>,
    subject: Option<String>,
    target: Option<String>,
}

impl Reader<'_, '_> {
    fn read(&mut self, text: &str) {
        let mut rest = text;
        for _ in 0..TAGS_MAX {
            let Some((_, tag)) = rest.split_once('<') else { return };
            let Some((tag, behind)) = cut_tag(tag) else { return };
            rest = behind;
            if tag.starts_with(['/', '?', '!']) {
                continue;
            }
            let (name, attributes) = tag
                .trim_end_matches('/')
                .split_once([' ', '\n', '\t', '\r'])
                .unwrap_or((tag.trim_end_matches('/'), ""));
            let mut label = name;
            for (key, value) in Attributes(attributes) {
                match (name, key) {
                    ("Data", "Name") => label = value,
                    (_, "xmlns" | "Guid" | "EventSourceName") | ("Execution" | "Correlation", _) => {}
                    ("Security", "UserID") => self.account = Some(value.to_owned()),
                    ("Provider", "Name") => self.take("Provider_Name", value),
                    _ => self.take(key, value),
                }
            }
            let inner = rest.split('<').next().unwrap_or("");
            let is_data = name == "Data" && label != name;
            if tag.ends_with('/') || (inner.trim().is_empty() && !is_data) {
                if is_data {
                    self.take(label, "");
                }
                continue;
            }
            self.take(label, &plain(if is_data { inner } else { inner.trim() }));
        }
    }

    fn take(&mut self, name: &str, value: &str) {
        // A rule asks for what stands in the log: the columns hold a person's or a program's bare name.
        if WHOLE.contains(&name) {
            self.event.add_extra(name, value);
            if net::is_nothing(value) {
                return;
            }
        }
        match name {
            "SubjectUserName" => self.subject = Some(value.to_owned()),
            "TargetUserName" => self.target = Some(value.to_owned()),
            "User" => self.subject = Some(value.to_owned()),
            "Image" | "NewProcessName" | "ProcessName" => {
                self.event.set(Field::Process, value.rsplit('\\').next().unwrap_or(value));
            }
            // Sysmon says the zone in the name
            "UtcTime" => self.gather.take(self.event, name, &format!("{value}Z")),
            "NewProcessId" | "ProcessId" if value.starts_with("0x") => {
                if let Ok(pid) = i64::from_str_radix(value.trim_start_matches("0x"), 16) {
                    self.event.set(Field::Pid, pid);
                }
            }
            _ => self.gather.take(self.event, name, value),
        }
    }
}

/// The tag up to its `>`, which may stand in an attribute's quotes too, and what follows.
fn cut_tag(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, b) in text.bytes().enumerate() {
        match (quote, b) {
            (None, b'>') => return Some((text.get(..at)?, text.get(at + 1..)?)),
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(q), b) if q == b => quote = None,
            _ => {}
        }
    }
    None
}

/// `Name='x' Guid="{…}"`
struct Attributes<'a>(&'a str);

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);
    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_once('=')?;
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, behind) = rest.get(1..)?.split_once(quote)?;
        self.0 = behind;
        Some((name.trim(), value))
    }
}

fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = text.to_owned();
    for (entity, plain) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] {
        out = out.replace(entity, plain);
    }
    Cow::Owned(out)
}
