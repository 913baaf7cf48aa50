//! Apache httpd: access lines (common, combined, vhost_combined, `ssl_request_log`) and the error logs of 2.2 and 2.4;
//! also Guacamole's log-in lines, which stand in Tomcat's.
//!
//! Invariant: the bracketed words in front of an error line are httpd's own, up to the first that is not bracketed; an
//! address behind them is a stranger's text.

use std::net::IpAddr;

use bongsu_event::{Activity, Class, Event, Evidence, Field, FieldSet, Severity, Status, Unread};

use crate::formats::web;
use crate::seek::Needle;
use crate::{Format, Line, when};

/// Apache httpd.
pub struct Apache;

impl Format for Apache {
    fn name(&self) -> &'static str {
        "apache"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        let tagged =
            line.header.as_ref().and_then(|h| h.app).is_some_and(|a| a.starts_with("apache") || a.starts_with("httpd"));
        if is_error(line.body) || (tagged && is_untimed_error(line.body)) {
            return 90;
        }
        if web::looks_like_access(line.body) {
            // without referer and user agent, or with the time or a host and port in front: not nginx's habit
            let quotes = line.body.bytes().filter(|b| *b == b'"').count();
            let host_first = line
                .body
                .split(' ')
                .next()
                .is_some_and(|w| w.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok()));
            return if tagged {
                95
            } else if quotes <= 2 || host_first || line.body.starts_with('[') {
                61
            } else {
                59
            };
        }
        if guacamole_text(line.body).is_some() { 80 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        if let Some(text) = guacamole_text(line.body) {
            return guacamole(event, line, text);
        }
        event.set(Field::App, "apache");
        if is_error(line.body) || is_untimed_error(line.body) {
            error(event, line)
        } else {
            web::access(event, line.body, line.context)
        }
    }
}

/// `[Mon Dec 26 16:22:10.123456 2016] [`
fn is_error(body: &str) -> bool {
    let bytes = body.as_bytes();
    bytes.first() == Some(&b'[')
        && bytes.get(4) == Some(&b' ')
        && bytes.get(8) == Some(&b' ')
        && bytes.get(14) == Some(&b':')
        && bytes.get(..48).unwrap_or(bytes).windows(3).any(|w| w == b"] [")
}

/// `[error] [client …]`, `[core:error] [pid …]`: through syslog httpd leaves its own time out.
fn is_untimed_error(body: &str) -> bool {
    let word = body.strip_prefix('[').and_then(|b| b.split_once("] ")).map_or("", |(w, _)| w);
    is_level(word.split_once(':').map_or(word, |(_, level)| level))
}

fn error(event: &mut Event, line: &Line<'_>) -> Result<(), Unread> {
    const NOT: Unread = Unread::because("no error line of Apache");
    event.class = Class::Application;
    event.forgeable =
        FieldSet::of(&[Field::Message, Field::File, Field::Referer, Field::User, Field::Url, Field::Reason]);
    let mut rest = line.body.lines().next().unwrap_or(line.body);
    let mut seen = usize::from(!is_error(rest));
    while let Some((word, behind)) = rest.strip_prefix('[').and_then(bracket) {
        let is_time = seen == 0;
        if is_time && !when::set(event, word, line.context) && when::read(word, line.context).is_none() {
            return Err(NOT);
        }
        if !is_time && !bracketed(event, word) {
            break;
        }
        seen += 1;
        rest = behind.trim_start();
    }
    // the place in the code and the system's error stand before the client: `mod_x.c(12): (70014)End of file: [client …]`
    let is_own = |t: &str| {
        t.starts_with('(')
            || (!t.contains(' ') && t.ends_with(')'))
            || t.split_once(": (").is_some_and(|(s, _)| !s.contains(' '))
    };
    if let Some((source, behind)) = rest.split_once(": [client ").filter(|(s, _)| is_own(s)) {
        event.add_extra("source", source);
        if let Some((client, behind)) = behind.split_once(']') {
            set_client(event, client);
            rest = behind.trim_start();
        }
    }
    message(event, rest);
    Ok(())
}

/// What a bracket holds and what follows it; `client [2001:db8::1]:50122` has a bracket of its own.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let client = text.strip_prefix("client [").or_else(|| text.strip_prefix("remote [")).is_some();
    match text.match_indices(']').nth(usize::from(client)) {
        Some((end, _)) => Some((text.get(..end)?, text.get(end + 1..)?)),
        None => text.split_once(']'),
    }
}

/// One bracketed word; false if it is the message's own.
fn bracketed(event: &mut Event, word: &str) -> bool {
    if let Some(client) = word.strip_prefix("client ").or_else(|| word.strip_prefix("remote ")) {
        if event.get(Field::SrcIp).is_none() {
            set_client(event, client);
        }
        return true;
    }
    if let Some(process) = word.strip_prefix("pid ") {
        let (pid, thread) = process.split_once(":tid ").unwrap_or((process, ""));
        event.set_text(Field::Pid, pid);
        if !thread.is_empty() {
            event.add_extra("tid", thread);
        }
        return true;
    }
    let (module, level) = word.split_once(':').unwrap_or(("", word));
    if event.get(Field::SourceSeverity).is_none() && is_level(level) {
        event.set(Field::SourceSeverity, level);
        event.severity = match level {
            "emerg" | "alert" => Severity::High,
            "crit" => Severity::Medium,
            "error" => Severity::Low,
            _ => Severity::Info,
        };
        if !module.is_empty() {
            event.add_extra("module", module);
        }
        return true;
    }
    false
}

fn is_level(word: &str) -> bool {
    matches!(word, "emerg" | "alert" | "crit" | "error" | "warn" | "notice" | "info" | "debug")
        || word.starts_with("trace")
}

/// `192.0.2.1`, `192.0.2.1:50122`, `2001:db8::1`. Where the line names its process, as those of 2.4 do, the port is always
/// there, and `2001:db8::1:50122` is no address of its own.
fn set_client(event: &mut Event, client: &str) {
    let bare = |a: &str| a.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let ported = event.get(Field::Pid).is_some();
    let with_port = client.rsplit_once(':').filter(|(a, p)| bare(a) && p.parse::<u16>().is_ok());
    let (address, port) = match with_port {
        Some((a, p)) if ported || !bare(client) => (a, p),
        _ => (client, ""),
    };
    if let Ok(ip) = address.trim_matches(['[', ']']).parse::<IpAddr>() {
        event.set(Field::SrcIp, ip.to_canonical());
        event.evidence = Evidence::Handshake;
        if !port.is_empty() {
            event.set_text(Field::SrcPort, port);
        }
    } else if !client.is_empty() && client != "-" {
        event.set(Field::SrcHost, client);
    }
}

/// The file, user and referer that the common messages name.
fn message(event: &mut Event, text: &str) {
    let (text, referer) = text.rsplit_once(", referer: ").unwrap_or((text, ""));
    event.set(Field::Referer, referer);
    event.set(Field::Message, text);
    if web::modsecurity(event, text) {
        return;
    }
    let (code, text) = match text.split_once(": ") {
        Some((code, rest)) if code.starts_with("AH") && code.len() == 7 => (code, rest),
        _ => ("", text),
    };
    event.set(Field::EventCode, code);
    let file_of = [
        "File does not exist: ",
        "client denied by server configuration: ",
        "script not found or unable to stat: ",
        "file permissions deny server access: ",
        "Cannot serve directory ",
        "Directory index forbidden by Options directive: ",
        "Symbolic link not allowed or link target not accessible: ",
    ];
    let named = file_of.iter().find_map(|f| text.strip_prefix(f)).map(|t| t.split_once(": ").map_or(t, |(f, _)| f));
    let script = text.strip_prefix("script '").and_then(|t| t.split_once("' not found")).map(|(f, _)| f);
    if let Some(file) = named.or(script) {
        event.status = Status::Failure;
        event.set(Field::File, file);
    }
    if let Some(user) = text.strip_prefix("user ").and_then(|t| t.split([':', ' ']).next()) {
        let url = text.rsplit_once(": ").map(|(_, u)| u).filter(|u| u.starts_with('/'));
        event.set(Field::Url, url.or_else(|| Some(text.split_once("for \"")?.1.split_once('"')?.0)).unwrap_or(""));
        (event.class, event.activity, event.status) = (Class::Authentication, Activity::Open, Status::Failure);
        event.set(Field::User, user.trim_matches(['`', '\'']));
        event.set(Field::Outcome, "failure");
    }
}

const GUACAMOLE: &[u8] = b"AuthenticationService - ";
const GUACAMOLE_MARK: Needle = Needle::new(GUACAMOLE);

fn guacamole_text(body: &str) -> Option<&str> {
    let head = body.get(..200).unwrap_or(body);
    let at = GUACAMOLE_MARK.find(head.as_bytes())?;
    body.get(at + GUACAMOLE.len()..)
}

/// `Authentication attempt from [ADDRESS, PROXY] for user "NAME" failed.`, `User "NAME" successfully authenticated from …`
fn guacamole(event: &mut Event, line: &Line<'_>, text: &str) -> Result<(), Unread> {
    const NOT: Unread = Unread::because("no log-in line of Guacamole");
    // docker compose puts `name | ` in front
    let start = line.body.split_once(" | ").map_or(line.body, |(_, r)| r);
    if let Some((stamp, _)) = when::prefix(start, line.context) {
        let from = if stamp.zoned { bongsu_event::TimeFrom::Line } else { bongsu_event::TimeFrom::LineLocal };
        when::apply(event, stamp, from);
    }
    (event.class, event.activity) = (Class::Authentication, Activity::Open);
    event.forgeable = FieldSet::of(&[Field::User]);
    let failed = text.starts_with("Authentication attempt from ");
    event.status = if failed { Status::Failure } else { Status::Success };
    event.set(Field::App, "guacamole");
    event.set(Field::Outcome, if failed { "failure" } else { "success" });
    let (user, from) = if failed {
        let rest = text.get(28..).ok_or(NOT)?;
        let (from, rest) = rest.split_once(" for user \"").ok_or(NOT)?;
        (rest.rsplit_once('"').ok_or(NOT)?.0, from)
    } else {
        let rest = text.strip_prefix("User \"").ok_or(NOT)?;
        let (user, from) = rest.rsplit_once("\" successfully authenticated from ").ok_or(NOT)?;
        (user, from.trim_end_matches('.'))
    };
    event.set(Field::User, user);
    // with a proxy in between the first is what the client says of itself
    let mut clients = from.trim_matches(['[', ']']).split(", ");
    event.set_text(Field::SrcIp, clients.next().unwrap_or(""));
    if clients.next().is_some() {
        event.forgeable.insert(Field::SrcIp);
    } else if event.ip(Field::SrcIp).is_some() {
        event.evidence = Evidence::Handshake;
    }
    Ok(())
}
