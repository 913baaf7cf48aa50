//! The syslog header of a line taken off: RFC 3164, RFC 5424, and the bends that senders gave them.
//!
//! Invariant: what is not surely header stays in the body; a line never loses a byte it needs to be read.

use memchr::memchr;

use crate::line::{Context, SyslogHeader};
use crate::when;

/// Longest host name, bytes.
const HOST_BYTES_MAX: usize = 255;
/// Longest tag, bytes: more than RFC 3164's 32, as senders write paths.
const TAG_BYTES_MAX: usize = 96;
/// The highest PRI: facility 23, severity 7.
const PRI_MAX: u16 = 191;

/// The header and what follows it.
pub(crate) fn split<'a>(text: &'a str, context: &Context) -> (Option<SyslogHeader<'a>>, &'a str) {
    let text = text.trim_start_matches([' ', '\t']);
    let (pri, after_pri) = take_pri(text);
    let mut header = SyslogHeader { pri, ..SyslogHeader::default() };
    if let Some(body) = rfc5424(after_pri, &mut header, context) {
        // a relay without an application of its own put its header before the sender's
        if header.app.is_none()
            && let Some((mut inner, inner_body)) = relayed(body, false, context)
        {
            inner.pri = inner.pri.or(header.pri);
            return (Some(inner), inner_body);
        }
        return (Some(header), body);
    }
    let body = rfc3164(after_pri, &mut header, context);
    if header.pri.is_none() && header.time.is_none() && header.pid.is_none() {
        return (None, text);
    }
    match relayed(body, header.app.is_some(), context) {
        Some((mut inner, inner_body)) => {
            inner.pri = inner.pri.or(header.pri);
            if inner.time.is_none() {
                (inner.time, inner.time_has_zone) = (header.time, header.time_has_zone);
            }
            inner.host = inner.host.or(header.host);
            (Some(inner), inner_body)
        }
        None => (Some(header), body),
    }
}

/// A relay put its own header before the sender's. Behind a tag an ISO time is the program's own.
fn relayed<'a>(body: &'a str, tagged: bool, context: &Context) -> Option<(SyslogHeader<'a>, &'a str)> {
    let (pri, rest) = take_pri(body);
    let mut header = SyslogHeader { pri, ..SyslogHeader::default() };
    if pri.is_some() {
        if let Some(body) = rfc5424(rest, &mut header, context) {
            return Some((header, body));
        }
    } else if rest.len() <= 15 || !(starts_with_month(rest) || (!tagged && starts_with_iso_date(rest))) {
        return None;
    }
    let inner = rfc3164(rest, &mut header, context);
    let named = header.host.is_some() || inner.starts_with('%');
    (header.time.is_some() && named).then_some((header, inner))
}

/// `2026-01-02T`
fn starts_with_iso_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_digit) && bytes.get(4) == Some(&b'-') && bytes.get(10) == Some(&b'T')
}

fn starts_with_weekday(text: &str) -> bool {
    text.get(..4).is_some_and(|d| matches!(d, "Mon " | "Tue " | "Wed " | "Thu " | "Fri " | "Sat " | "Sun "))
}

fn starts_with_month(text: &str) -> bool {
    text.get(..3).is_some_and(|m| {
        matches!(m, "Jan" | "Feb" | "Mar" | "Apr" | "May" | "Jun" | "Jul" | "Aug" | "Sep" | "Oct" | "Nov" | "Dec")
    })
}

/// `<134>`, maybe behind an octet count that framing left.
fn take_pri(text: &str) -> (Option<u8>, &str) {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take(6).take_while(|b| b.is_ascii_digit()).count();
    let start = if digits > 0 && bytes.get(digits) == Some(&b' ') && bytes.get(digits + 1) == Some(&b'<') {
        digits + 1
    } else {
        0
    };
    let Some(b'<') = bytes.get(start) else { return (None, text) };
    let n = bytes.get(start + 1..).unwrap_or(&[]).iter().take(4).take_while(|b| b.is_ascii_digit()).count();
    let end = start + 1 + n;
    if !(1..=3).contains(&n) || bytes.get(end) != Some(&b'>') {
        return (None, text);
    }
    let pri = text.get(start + 1..end).and_then(|d| d.parse::<u16>().ok()).filter(|p| *p <= PRI_MAX);
    match (pri.and_then(|p| u8::try_from(p).ok()), text.get(end + 1..)) {
        (Some(pri), Some(rest)) => (Some(pri), rest),
        _ => (None, text),
    }
}

/// `1 2026-01-02T03:04:05Z host app 123 ID [data] message`
fn rfc5424<'a>(text: &'a str, header: &mut SyslogHeader<'a>, context: &Context) -> Option<&'a str> {
    let rest = text.strip_prefix("1 ")?;
    let (time, rest) = word(rest)?;
    if time != "-" {
        let Some(stamp) = when::read(time, context) else {
            // no time at its place: only a PRI before it makes this version 1
            return None;
        };
        (header.time, header.time_has_zone) = (Some(stamp.time), stamp.zoned);
    } else {
        header.pri?;
    }
    let (host, rest) = word(rest)?;
    header.host = value(host);
    let Some((app, after_app)) = word(rest).filter(|(w, _)| is_name(w)) else { return Some(rest) };
    let Some((pid, after_pid)) = word(after_app).filter(|(w, _)| is_name(w)) else { return Some(rest) };
    let Some((msgid, after_msgid)) = word(after_pid).filter(|(w, _)| is_name(w)) else { return Some(rest) };
    // some senders stop being RFC 5424 behind the host, or leave the structured data out
    let data = after_msgid.trim_start();
    let (structured, body) = if let Some(end) = structured_end(data) {
        (data.get(..end), data.get(end..).unwrap_or(""))
    } else if data == "-" || data.starts_with("- ") {
        (None, data.get(1..).unwrap_or(""))
    } else if header.time.is_some() && (app.ends_with(':') || app.contains('=') || app.contains('[')) {
        return Some(rest);
    } else {
        (None, after_msgid)
    };
    (header.app, header.pid, header.msgid, header.structured) = (value(app), value(pid), value(msgid), structured);
    let body = body.strip_prefix(' ').unwrap_or(body);
    Some(body.strip_prefix('\u{feff}').unwrap_or(body))
}

fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= HOST_BYTES_MAX
        && !word.bytes().any(|b| matches!(b, b'=' | b'"' | b'{' | b'|' | b'<'))
}

fn value(word: &str) -> Option<&str> {
    (word != "-" && !word.is_empty()).then_some(word)
}

/// One space-separated word; senders put more spaces than one.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    if text.is_empty() {
        return None;
    }
    Some(text.split_once(' ').unwrap_or((text, "")))
}

/// Where `[id a="b"][id2 …]` ends.
fn structured_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'[') || !bytes.get(1).is_some_and(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let (mut quoted, mut open) = (false, false);
    let mut at = 0;
    while let Some(b) = bytes.get(at) {
        match b {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'[' if !quoted && !open => open = true,
            b']' if !quoted && open => {
                open = false;
                if bytes.get(at + 1) != Some(&b'[') {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// `Jan  2 03:04:05 host app[123]: message`, with whatever of it is missing.
fn rfc3164<'a>(text: &'a str, header: &mut SyslogHeader<'a>, context: &Context) -> &'a str {
    let text = text.trim_start_matches(' ');
    let start = before_time(text, header);
    let Some((stamp, rest)) = header_time(start, header, context) else {
        return untimed(text, header);
    };
    (header.time, header.time_has_zone) = (Some(stamp.time), stamp.zoned);
    // Cisco ends its time with a colon
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let hostless = rest.starts_with("  ");
    let rest = rest.trim_start_matches([' ', '\t']);
    if let Some(body) = take_tag(rest, header) {
        // `host: %ASA-6-…`: Cisco names the device, not a program
        if header.pid.is_none() && body.starts_with('%') {
            header.host = header.host.or(header.app.take());
        }
        return body;
    }
    if hostless && header.pri.is_none() && !rest.contains("[") {
        return rest;
    }
    let Some(after_host) = take_host(rest, header) else { return rest };
    let after_host = after_host.trim_start_matches([' ', '\t']);
    let after_host = after_host.strip_prefix(": ").unwrap_or(after_host);
    let after_host = without_priority_word(after_host);
    take_tag(after_host, header)
        .or_else(|| take_spaced_tag(after_host, header))
        .or_else(|| take_unversioned(after_host, header))
        .unwrap_or(after_host)
}

/// `sshd 4711 - - message`: RFC 5424 by a sender that leaves the version out.
fn take_unversioned<'a>(text: &'a str, header: &mut SyslogHeader<'a>) -> Option<&'a str> {
    header.pri?;
    let (app, rest) = word(text).filter(|(w, _)| is_name(w))?;
    let (pid, rest) = word(rest).filter(|(w, _)| *w == "-" || w.bytes().all(|b| b.is_ascii_digit()))?;
    let (msgid, rest) = word(rest).filter(|(w, _)| is_name(w))?;
    let (structured, body) = match structured_end(rest) {
        Some(end) => (rest.get(..end), rest.get(end..)?),
        None => (None, rest.strip_prefix('-').filter(|r| r.is_empty() || r.starts_with(' '))?),
    };
    (header.app, header.pid, header.msgid, header.structured) = (value(app), value(pid), value(msgid), structured);
    let body = body.strip_prefix(' ').unwrap_or(body);
    Some(body.strip_prefix('\u{feff}').unwrap_or(body))
}

/// `user.info kernel: …`: some senders write facility and severity as words.
fn without_priority_word(text: &str) -> &str {
    let Some((word, rest)) = text.split_once(' ') else { return text };
    let Some((facility, severity)) = word.split_once('.') else { return text };
    let is_severity = matches!(
        severity,
        "emerg" | "alert" | "crit" | "err" | "error" | "warn" | "warning" | "notice" | "info" | "debug"
    );
    if is_severity && facility.len() <= 9 { rest.trim_start_matches(' ') } else { text }
}

/// `Google Chrome[123]: `: macOS names programs as people do.
fn take_spaced_tag<'a>(text: &'a str, header: &mut SyslogHeader<'a>) -> Option<&'a str> {
    let open = text.bytes().take(TAG_BYTES_MAX).position(|b| b == b'[')?;
    let name = text.get(..open)?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'.' | b'-' | b'_'));
    if !plain || !name.contains(' ') || name.split(' ').count() > 3 || name.ends_with(' ') {
        return None;
    }
    let (pid, rest) = text.get(open + 1..)?.split_once("]: ")?;
    if pid.is_empty() || !pid.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    (header.app, header.pid) = (Some(name), Some(pid));
    Some(rest)
}

/// Cisco counts its messages (`<189>123: host: *Jan …`) and marks an unsure clock with `*` or `.`.
fn before_time<'a>(text: &'a str, header: &mut SyslogHeader<'a>) -> &'a str {
    let mut rest = text;
    if header.pri.is_some() {
        rest = rest.strip_prefix(':').unwrap_or(rest).trim_start_matches(' ');
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(counted) = rest.get(digits..).filter(|_| digits > 0).and_then(|r| r.strip_prefix(": ")) {
            rest = counted;
            let named =
                rest.split_once(": ").filter(|(name, r)| is_host(name) && r.trim_start_matches(['*', '.']).len() > 15);
            if let Some((name, behind)) = named.filter(|(_, r)| starts_with_month(r.trim_start_matches(['*', '.']))) {
                header.host = Some(name);
                rest = behind;
            }
        }
    }
    if starts_with_month(rest.get(1..).unwrap_or("")) { rest.trim_start_matches(['*', '.']) } else { rest }
}

/// Without PRI only times that syslog itself writes count, and ISO times only with a host and a tag behind them.
fn header_time<'a>(text: &'a str, header: &SyslogHeader<'_>, context: &Context) -> Option<(when::Stamp, &'a str)> {
    let first = text.bytes().next()?;
    if header.pri.is_none() && !starts_with_month(text) {
        let dated = first.is_ascii_digit() && matches!(text.as_bytes().get(4), Some(b'-'));
        if !dated && !starts_with_weekday(text) {
            return None;
        }
        let (stamp, rest) = when::prefix(text, context)?;
        let mut probe = SyslogHeader::default();
        let body = rest.strip_prefix(' ')?;
        let behind = take_host(body, &mut probe)?.trim_start_matches(' ');
        let is_message = ["CEF:", "LEEF:", "%"].iter().any(|m| behind.starts_with(m));
        let is_header = is_message || take_tag(behind, &mut probe).is_some();
        let host = probe.host.unwrap_or("");
        return (is_header && !is_level(host)).then_some((stamp, rest));
    }
    let (stamp, rest) = when::prefix(text, context)?;
    matches!(rest.bytes().next(), None | Some(b' ' | b':' | b'\t')).then_some((stamp, rest))
}

fn is_level(word: &str) -> bool {
    ["INFO", "WARN", "WARNING", "ERROR", "DEBUG", "NOTICE", "FATAL", "CRITICAL", "TRACE"]
        .iter()
        .any(|l| word.eq_ignore_ascii_case(l))
}

/// No time: a tag, or a host and a tag, right behind PRI; without PRI only `name[123]:`.
fn untimed<'a>(text: &'a str, header: &mut SyslogHeader<'a>) -> &'a str {
    if header.pri.is_some() {
        if let Some(body) = take_tag(text, header) {
            return body;
        }
        let mut probe = SyslogHeader::default();
        if let Some(after) = take_host(text, &mut probe).map(|r| r.trim_start_matches(' '))
            && let Some(body) = take_tag(after, &mut probe).filter(|_| probe.pid.is_some())
        {
            (header.host, header.app, header.pid) = (probe.host, probe.app, probe.pid);
            return body;
        }
        // `<166>fw1 %ASA-6-…`
        let mut probe = SyslogHeader::default();
        if let Some(after) = take_host(text, &mut probe).map(|r| r.trim_start_matches([' ', ':']))
            && after.starts_with('%')
        {
            header.host = probe.host;
            return after;
        }
        return text;
    }
    let mut probe = SyslogHeader::default();
    match take_tag(text, &mut probe) {
        Some(body) if probe.pid.is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit())) => {
            (header.app, header.pid) = (probe.app, probe.pid);
            body
        }
        _ => text,
    }
}

/// A host name or address, with a space behind it.
fn take_host<'a>(text: &'a str, header: &mut SyslogHeader<'a>) -> Option<&'a str> {
    let end = text.bytes().position(|b| matches!(b, b' ' | b'\t'))?;
    let host = text.get(..end)?;
    let host =
        host.strip_suffix(':').filter(|_| text.get(end + 1..).is_some_and(|r| r.starts_with('%'))).unwrap_or(host);
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if !is_host(bare) {
        return None;
    }
    header.host = header.host.or(Some(bare));
    text.get(end..)
}

fn is_host(word: &str) -> bool {
    let fits =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'/' | b'@' | b'~') || b >= 0x80;
    !word.is_empty() && word.len() <= HOST_BYTES_MAX && word.bytes().all(fits) && !word.ends_with(':') && word != "-"
}

/// `name: `, `name[123]: `, `name(module)[123]: `, `name[123] `
fn take_tag<'a>(text: &'a str, header: &mut SyslogHeader<'a>) -> Option<&'a str> {
    let bytes = text.as_bytes();
    let fits = |b: &u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'.' | b'-' | b'_' | b'/' | b'(' | b')' | b'+' | b'@' | b'#' | b'~')
            || *b >= 0x80
    };
    let end = bytes.iter().take(TAG_BYTES_MAX).take_while(|b| fits(b)).count();
    if end == 0 || matches!(bytes.first(), Some(b'(' | b'-')) {
        return None;
    }
    let name = text.get(..end)?;
    // `gdm-password]: `, `gdm-password][123]: `: its own slip
    let end = end + usize::from(bytes.get(end) == Some(&b']') && matches!(bytes.get(end + 1), Some(b':' | b'[')));
    match bytes.get(end) {
        Some(b':') if matches!(bytes.get(end + 1), None | Some(b' ' | b'\t')) => {
            if is_format_word(name) {
                return None;
            }
            header.app = Some(name);
            text.get(end + 1..).map(trim_one)
        }
        Some(b'[') => {
            let close = end + memchr(b']', bytes.get(end..)?.get(..TAG_BYTES_MAX.min(bytes.len() - end))?)?;
            let pid = text.get(end + 1..close)?;
            let after = text.get(close + 1..)?;
            let rest =
                after.strip_prefix(':').or_else(|| after.strip_prefix(' ')).or(after.is_empty().then_some(""))?;
            let pid_like =
                pid.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'#'));
            if !pid_like {
                return None;
            }
            (header.app, header.pid) = (Some(name), Some(pid).filter(|p| !p.is_empty()));
            Some(trim_one(rest))
        }
        _ => None,
    }
}

/// Words before a colon that belong to the message itself.
fn is_format_word(name: &str) -> bool {
    matches!(name, "CEF" | "LEEF") || name.bytes().all(|b| b.is_ascii_digit())
}

fn trim_one(text: &str) -> &str {
    text.strip_prefix(' ').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        let receive: jiff::Timestamp = "2026-06-02T03:04:05Z".parse().unwrap();
        let context = Context { receive_time: receive.into(), timezone: jiff::tz::TimeZone::UTC };
        let (header, body) = split(text, &context);
        let Some(h) = header else { return format!("none|{body}") };
        let o = |v: Option<&str>| v.unwrap_or("-").to_owned();
        format!(
            "{}|{}|{}|{}|{}|{body}",
            h.pri.map_or("-".into(), |p| p.to_string()),
            h.time.map_or("-".into(), |t| t.to_string()[..19].to_owned()),
            o(h.host),
            o(h.app),
            o(h.pid)
        )
    }

    #[test]
    fn headers_as_senders_write_them() {
        for (text, want) in [
            ("<34>Jan  2 03:04:05 gate su[7]: hello", "34|2026-01-02T03:04:05|gate|su|7|hello"),
            ("<34> Jan  2 03:04:05 gate su: hello", "34|2026-01-02T03:04:05|gate|su|-|hello"),
            ("Jan  2 03:04:05 gate su: hello", "-|2026-01-02T03:04:05|gate|su|-|hello"),
            ("Jan  2 03:04:05 su[7]: hello", "-|2026-01-02T03:04:05|-|su|7|hello"),
            ("<34>Jan  2 03:04:05 2025 gate su: hello", "34|2025-01-02T03:04:05|gate|su|-|hello"),
            ("<34>Jan 02 2025 03:04:05: %ASA-6-1: x", "34|2025-01-02T03:04:05|-|-|-|%ASA-6-1: x"),
            ("<34>Jan 02 2025 03:04:05 fw1 : %ASA-6-1: x", "34|2025-01-02T03:04:05|fw1|-|-|%ASA-6-1: x"),
            ("<34>Jan 02 2025 03:04:05 fw1: %ASA-6-1: x", "34|2025-01-02T03:04:05|fw1|-|-|%ASA-6-1: x"),
            ("<189>12: sw1: *Jan  2 03:04:05.123 UTC: %SYS-5-X: y", "189|2026-01-02T03:04:05|sw1|-|-|%SYS-5-X: y"),
            ("<34>1 2025-01-02T03:04:05.6Z gate app 7 ID - hello", "34|2025-01-02T03:04:05|gate|app|7|hello"),
            (
                "<34>1 2025-01-02T03:04:05Z gate app - - [a b=\"c\\\"]\"][d] hello",
                "34|2025-01-02T03:04:05|gate|app|-|hello",
            ),
            ("<34>1 - - - - - -", "34|-|-|-|-|"),
            (
                "<134>1 1735787045.123456789 ap1 flows allow src=192.0.2.1",
                "134|2025-01-02T03:04:05|ap1|-|-|flows allow src=192.0.2.1",
            ),
            ("<34>2025-01-02T03:04:05+09:00 gate su[7]: hi", "34|2025-01-01T18:04:05|gate|su|7|hi"),
            ("2025-01-02T03:04:05.123456+09:00 gate su[7]: hi", "-|2025-01-01T18:04:05|gate|su|7|hi"),
            ("2025-01-02T03:04:05Z gate CEF:0|a|b", "-|2025-01-02T03:04:05|gate|-|-|CEF:0|a|b"),
            ("<189>date=2025-01-02 time=03:04:05", "189|-|-|-|-|date=2025-01-02 time=03:04:05"),
            ("<30>su[7]: hi", "30|-|-|su|7|hi"),
            ("su[7]: hi", "-|-|-|su|7|hi"),
            ("<13>Jan  2 03:04:05 gate CEF:0|a|b", "13|2026-01-02T03:04:05|gate|-|-|CEF:0|a|b"),
            ("<13>Jan  2 03:04:05 relay <14>Jan  2 03:04:06 gate su: x", "14|2026-01-02T03:04:06|gate|su|-|x"),
            ("87 <34>Jan  2 03:04:05 gate su: hello", "34|2026-01-02T03:04:05|gate|su|-|hello"),
            ("2025/01/02 03:04:05 [error] 7#7: *1 open()", "none|2025/01/02 03:04:05 [error] 7#7: *1 open()"),
            ("2025-01-02 03:04:05 INFO main: started", "none|2025-01-02 03:04:05 INFO main: started"),
            ("192.0.2.1 - - [02/Jan/2025:03:04:05 +0900]", "none|192.0.2.1 - - [02/Jan/2025:03:04:05 +0900]"),
            ("<999>x", "none|<999>x"),
            ("<", "none|<"),
            ("", "none|"),
        ] {
            assert_eq!(show(text), want, "{text}");
        }
    }
}
