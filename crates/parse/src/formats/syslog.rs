//! Whatever has a syslog header or at least a time in front, when nothing better reads it: RFC 3164, RFC 5424 with its
//! structured data, programs' own logs.
//!
//! Invariant: knows no sender, so everything it reads is marked forgeable. The text is kept whole as `message`.

use bongsu_event::{Class, Event, Field, TimeFrom, Unread};

use crate::generic::Gather;
use crate::kv::{Pairs, colon_pairs};
use crate::{Format, Line, net, when};

/// Bare syslog.
pub struct Syslog;

impl Format for Syslog {
    fn name(&self) -> &'static str {
        "syslog"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        if line.header.is_some() {
            return 10;
        }
        let first = line.body.bytes().find(|b| !matches!(b, b'[' | b'(' | b'"')).unwrap_or(b' ');
        if first.is_ascii_digit() || first.is_ascii_uppercase() { 5 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let timed = leading_time(event, line);
        let mut gather = Gather::new(line.context);
        structured(event, line, &mut gather);
        for (key, value) in Pairs::new(line.body) {
            gather.take(event, key, &value);
        }
        words(event, line.body);
        if line.header.is_none() && !timed && event.fields.is_empty() {
            return Err(Unread::because("no syslog header, no time, nothing known in the text"));
        }
        event.set(Field::Message, line.body.trim());
        gather.finish(event);
        if (event.class == Class::System || event.severity == bongsu_event::Severity::Info)
            && let Some(pri) = line.header.as_ref().and_then(|h| h.pri)
        {
            event.severity = event.severity.max(net::syslog_severity(pri & 7));
        }
        Ok(())
    }
}

/// The parameters of RFC 5424 structured data.
pub(crate) fn structured(event: &mut Event, line: &Line<'_>, gather: &mut Gather<'_>) {
    if let Some(data) = line.header.as_ref().and_then(|h| h.structured) {
        let colons = data.split_once(':').is_some_and(|(key, rest)| rest.starts_with('"') && !key.contains(['=', ' ']));
        if colons {
            colon_pairs(data).for_each(|(key, value)| gather.take(event, key, &value));
        } else {
            Pairs::new(data).for_each(|(key, value)| gather.take(event, key, &value));
        }
    }
}

/// A time in front of the text, of lines whose header says none. True if there is one.
pub(crate) fn leading_time(event: &mut Event, line: &Line<'_>) -> bool {
    if event.time_from != TimeFrom::Receipt {
        return true;
    }
    let text = line.body.trim_start_matches(['[', '(', '"', '*', ' ']);
    // docker compose puts `name | ` in front
    let behind_bar = line.body.split_once(" | ").map(|(_, t)| t);
    let found = when::prefix(text, line.context).or_else(|| behind_bar.and_then(|t| when::prefix(t, line.context)));
    match found {
        Some((stamp, _)) => when::apply(event, stamp, if stamp.zoned { TimeFrom::Line } else { TimeFrom::LineLocal }),
        None => false,
    }
}

/// Addresses behind the words that introduce them: `from 192.0.2.1 port 22`, `to 192.0.2.2:443`, `user kim`.
fn words(event: &mut Event, text: &str) {
    let text = text.get(..1024).unwrap_or(text);
    let mut before = "";
    let mut count = 0;
    for word in text.split([' ', '\t', '\n']).filter(|w| !w.is_empty()) {
        let bare = word.trim_matches(|c: char| {
            matches!(c, ',' | ';' | '(' | ')' | '[' | ']' | '"' | '\'' | '<' | '>' | '.' | '|')
        });
        if count < LEVEL_WORDS_MAX {
            count += 1;
            level(event, bare);
        }
        let lead = before.trim_end_matches([':', '=', '(', '[']);
        match lead {
            "from" | "From" | "FROM" | "src" | "source" | "client" | "Client" | "rhost" | "peer" | "Source"
            | "host" | "by" | "address" | "IP" | "ip" | "for" => {
                address(event, Field::SrcIp, Field::SrcPort, bare);
            }
            "to" | "To" | "dst" | "destination" | "->" | "server" | "Destination" => {
                address(event, Field::DstIp, Field::DstPort, bare);
            }
            "user" | "User" | "username" | "USER" if is_name(bare) => event.set(Field::User, bare),
            "port" if event.get(Field::SrcIp).is_some() && event.get(Field::DstIp).is_none() => {
                if let Some(port) = Field::SrcPort.read(bare) {
                    event.set(Field::SrcPort, port);
                }
            }
            _ => {}
        }
        // `unknown[192.0.2.1]`, as mail servers write a peer
        if let Some((_, inner)) = word.split_once('[') {
            address(event, Field::SrcIp, Field::SrcPort, inner.split(']').next().unwrap_or(""));
        }
        before = word;
    }
}

/// How many words of a text are looked at for its level.
const LEVEL_WORDS_MAX: usize = 8;

/// `ERROR`, `[warn]`: as programs write their level.
fn level(event: &mut Event, word: &str) {
    let is_level = matches!(
        word,
        "ERROR"
            | "error"
            | "WARN"
            | "warn"
            | "WARNING"
            | "warning"
            | "INFO"
            | "info"
            | "FATAL"
            | "fatal"
            | "CRITICAL"
            | "DEBUG"
            | "debug"
            | "NOTICE"
            | "notice"
            | "crit"
            | "alert"
            | "emerg"
            | "SEVERE"
            | "TRACE"
    );
    if is_level {
        event.set(Field::SourceSeverity, word);
    }
}

fn is_name(word: &str) -> bool {
    (2..=64).contains(&word.len())
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@' | b'\\' | b'$') || b >= 0x80)
        && !matches!(
            word,
            "name"
                | "login"
                | "logged"
                | "account"
                | "agent"
                | "session"
                | "not"
                | "has"
                | "was"
                | "is"
                | "from"
                | "unknown"
                | "with"
                | "id"
                | "in"
        )
}

fn address(event: &mut Event, ip_field: Field, port_field: Field, word: &str) {
    if word.len() < 3 || !word.bytes().next().is_some_and(|b| b.is_ascii_hexdigit() || b == b':') {
        return;
    }
    if let Some(ip) = ip_field.read(word) {
        event.set(ip_field, ip);
        return;
    }
    let parts = word.rsplit_once([':', '/', '(']).and_then(|(a, p)| Some((ip_field.read(a.trim_end_matches('('))?, p)));
    if let Some((ip, port)) = parts {
        event.set(ip_field, ip);
        if let Some(port) = port_field.read(port) {
            event.set(port_field, port);
        }
    }
}
