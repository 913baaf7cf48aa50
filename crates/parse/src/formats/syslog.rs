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
        listed(event, line.body, &mut gather);
        flow(event, line.body);
        words(event, line.body);
        process_id(event, line);
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

/// Most parts of a list looked at.
const LIST_PARTS_MAX: usize = 128;
/// Fewer named parts than this are a sentence with colons in it.
const LIST_NAMED_MIN: usize = 4;
/// Longest name of a part, bytes.
const LIST_NAME_BYTES_MAX: usize = 40;

/// `Local Host IP: 192.0.2.7,Remote Port: 443,TCP,…`: names and values behind colons, separated by commas.
fn listed(event: &mut Event, text: &str, gather: &mut Gather<'_>) {
    let named = |part: &'_ str| {
        let (name, _) = part.split_once(": ")?;
        let fits = name.len() <= LIST_NAME_BYTES_MAX
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'_'));
        fits.then_some(name.len())
    };
    let parts = || text.split([',', ';']).take(LIST_PARTS_MAX).map(str::trim);
    if parts().filter(|p| named(p).is_some()).count() < LIST_NAMED_MIN {
        return;
    }
    let timed = event.time_from == TimeFrom::Header;
    for part in parts() {
        match named(part) {
            // what the header says of time is the line's, the list's may be of anything
            Some(end) if timed && part.get(..end).is_some_and(|n| n.to_ascii_lowercase().contains("time")) => {}
            Some(end) => {
                gather.take(event, part.get(..end).unwrap_or(""), part.get(end + 2..).unwrap_or("").trim_matches('"'));
            }
            None if matches!(part, "TCP" | "UDP" | "ICMP") => net::set_proto(event, part),
            None => {}
        }
    }
}

/// How many words of a text may stand before its program's tag.
const TAG_WORDS_MAX: usize = 6;

/// `2026-01-02 03:04:05 UTC [4711] …`: the number right behind the time; or `firewall[10]: …` behind what a device puts first.
fn process_id(event: &mut Event, line: &Line<'_>) {
    let behind_time = when::prefix(line.body, line.context).and_then(|(_, r)| r.trim_start().strip_prefix('['));
    let pid = match behind_time.and_then(|r| r.split_once(']')) {
        Some((pid, _)) => Some(pid),
        None => {
            line.body.split(' ').take(TAG_WORDS_MAX).find_map(|w| w.strip_suffix("]:")?.split_once('[').map(|(_, p)| p))
        }
    };
    if let Some(pid) = pid.filter(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit())) {
        event.set_text(Field::Pid, pid);
    }
}

/// Most words looked at for a flow.
const FLOW_WORDS_MAX: usize = 24;

/// `tcp 192.0.2.7 203.0.113.9 50122 443`: a protocol, two addresses and their ports in a row.
pub(crate) fn flow(event: &mut Event, text: &str) {
    let mut words = text.split(' ').filter(|w| !w.is_empty()).take(FLOW_WORDS_MAX);
    while let Some(word) = words.next() {
        let proto = word.split('/').next_back().unwrap_or(word);
        if !["tcp", "udp", "icmp"].iter().any(|p| proto.eq_ignore_ascii_case(p)) {
            continue;
        }
        let mut ahead = words.clone();
        let ends = ahead.next().and_then(|a| Some((Field::SrcIp.read(a)?, Field::DstIp.read(ahead.next()?)?)));
        let Some((src, dst)) = ends else { continue };
        net::set_proto(event, proto);
        event.set(Field::SrcIp, src);
        event.set(Field::DstIp, dst);
        if let (Some(from), Some(to)) = (ahead.next(), ahead.next())
            && let (Some(from), Some(to)) = (Field::SrcPort.read(from), Field::DstPort.read(to))
        {
            event.set(Field::SrcPort, from);
            event.set(Field::DstPort, to);
        }
        return;
    }
}

/// Addresses behind the words that introduce them: `from 192.0.2.1 port 22`, `to 192.0.2.2:443`, `user kim`.
fn words(event: &mut Event, text: &str) {
    let text = text.get(..1024).unwrap_or(text);
    let mut before = "";
    // the three words before this one
    let mut trail = [""; 3];
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
            "TCP" | "UDP" | "ICMP" | "tcp" | "udp" | "icmp" if event.get(Field::Proto).is_none() => {
                net::set_proto(event, lead);
            }
            "from" | "From" | "FROM" | "src" | "source" | "client" | "Client" | "rhost" | "peer" | "Source"
            | "host" | "by" | "address" | "IP" | "ip" | "for" => {
                address(event, Field::SrcIp, Field::SrcPort, bare);
                // `for 'root' from 192.0.2.7`
                if let ["for", name, "from"] = trail
                    && event.get(Field::SrcIp).is_some()
                    && is_name(name)
                {
                    event.set(Field::User, name);
                }
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
        let [_, second, third] = trail;
        trail = [second, third, bare];
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
