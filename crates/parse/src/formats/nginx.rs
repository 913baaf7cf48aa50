//! nginx: access lines (combined, `main`, ingress) and the error log.
//!
//! Invariant: in the error log `client:` is nginx's own word; where the text holds a second one, the address is marked
//! forgeable, as requests are written as they came.

use bongsu_event::{Activity, Class, Event, Evidence, Field, FieldSet, Severity, Status, Unread};

use crate::flat::outcome_word;
use crate::formats::web;
use crate::seek::Needle;
use crate::{Format, Line, when};

/// nginx.
pub struct Nginx;

impl Format for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        let tagged = line.header.as_ref().and_then(|h| h.app).is_some_and(|a| a.starts_with("nginx"));
        if is_error(line.body) {
            return 92;
        }
        match (web::looks_like_access(line.body), tagged) {
            (true, true) => 95,
            // the time in front is nginx's habit, unless httpd's ssl_request_log names the cipher
            (true, false) if line.body.starts_with('[') && !CIPHER.is_in(line.body.as_bytes()) => 62,
            (true, false) => 60,
            (false, _) => 0,
        }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        event.set(Field::App, "nginx");
        if is_error(line.body) { error(event, line) } else { web::access(event, line.body, line.context) }
    }
}

const CIPHER: Needle = Needle::new(b" TLSv");
const CLIENT: Needle = Needle::new(b", client: ");

/// `2026/01/02 03:04:05 [error] 123#124: `
fn is_error(body: &str) -> bool {
    let bytes = body.as_bytes();
    bytes.get(4) == Some(&b'/') && bytes.get(7) == Some(&b'/') && bytes.get(19..21) == Some(b" [")
}

fn error(event: &mut Event, line: &Line<'_>) -> Result<(), Unread> {
    const NOT: Unread = Unread::because("no error line of nginx");
    let body = line.body;
    when::set(event, body.get(..19).ok_or(NOT)?, line.context);
    let (level, rest) = body.get(21..).and_then(|r| r.split_once("] ")).ok_or(NOT)?;
    event.set(Field::SourceSeverity, level);
    event.severity = severity_of(level);
    event.class = Class::Application;
    event.forgeable = FieldSet::of(&[
        Field::Message,
        Field::Url,
        Field::UrlPath,
        Field::UrlQuery,
        Field::HttpMethod,
        Field::HttpVersion,
        Field::Domain,
        Field::Referer,
        Field::User,
        Field::File,
        Field::Reason,
    ]);
    let (process, mut text) = rest.split_once(": ").unwrap_or(("", rest));
    if let Some((pid, thread)) = process.split_once('#') {
        event.set_text(Field::Pid, pid);
        event.add_extra("tid", thread);
    } else {
        text = rest;
    }
    if let Some((connection, behind)) = text.strip_prefix('*').and_then(|t| t.split_once(' ')) {
        event.set(Field::Session, connection);
        text = behind;
    }
    request_of(event, text);
    Ok(())
}

fn severity_of(level: &str) -> Severity {
    match level {
        "emerg" | "alert" => Severity::High,
        "crit" => Severity::Medium,
        "error" => Severity::Low,
        _ => Severity::Info,
    }
}

/// `message, client: ADDRESS, server: NAME, request: "…", upstream: "…", host: "…", referrer: "…"`
fn request_of(event: &mut Event, text: &str) {
    let Some(at) = CLIENT.find(text.as_bytes()) else {
        event.set(Field::Message, text);
        // `client 192.0.2.7 closed keepalive connection`
        if let Some((peer, _)) = text.strip_prefix("client ").and_then(|t| t.split_once(" closed keepalive"))
            && event.set_text(Field::SrcIp, peer)
        {
            event.evidence = Evidence::Handshake;
        }
        return;
    };
    let message = text.get(..at).unwrap_or(text);
    event.set(Field::Message, message);
    web::modsecurity(event, message);
    let mut rest = text.get(at + 2..).unwrap_or("");
    let twice = CLIENT.is_in(rest.get(8..).unwrap_or("").as_bytes());
    while let Some((name, value)) = rest.split_once(": ") {
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => match quoted.find("\", ").or_else(|| quoted.rfind('"')) {
                Some(end) => (quoted.get(..end).unwrap_or(quoted), quoted.get(end + 1..).unwrap_or("")),
                None => (quoted, ""),
            },
            None => value.split_once(", ").unwrap_or((value, "")),
        };
        rest = behind.trim_start_matches([',', ' ']);
        match name {
            "client" => {
                event.set_text(Field::SrcIp, value);
            }
            "server" if !value.is_empty() && value != "_" => event.add_extra("server", value),
            "request" => {
                if event.class != Class::Finding {
                    (event.class, event.status) = (Class::Http, Status::Failure);
                }
                web::set_request(event, value);
            }
            // the mail proxy
            "login" => event.set(Field::User, value),
            "host" => event.set(Field::Domain, value.rsplit_once(':').map_or(value, |(h, _)| h)),
            "referrer" => event.set(Field::Referer, value),
            "upstream" => event.add_extra("upstream", value),
            _ => {}
        }
    }
    if is_login_failure(event.text(Field::Message).unwrap_or("")) {
        (event.class, event.activity, event.status) = (Class::Authentication, Activity::Open, Status::Failure);
        let user = text
            .get(6..)
            .and_then(|t| t.find("\": password").or_else(|| t.find("\" was not")).and_then(|end| t.get(..end)));
        event.set(Field::User, user.unwrap_or(""));
        event.set(Field::Outcome, "failure");
    }
    if let Some(status) = mail_login(message) {
        (event.class, event.activity, event.status) = (Class::Authentication, Activity::Open, status);
        event.set(Field::Outcome, outcome_word(status));
    }
    if twice {
        event.forgeable.insert(Field::SrcIp);
    } else if event.ip(Field::SrcIp).is_some() {
        event.evidence = Evidence::Handshake;
    }
}

/// `client login failed: "…" while in http auth state`, `client logged in`: the mail proxy.
fn mail_login(message: &str) -> Option<Status> {
    if message.starts_with("client login failed") {
        return Some(Status::Failure);
    }
    message.starts_with("client logged in").then_some(Status::Success)
}

/// `user "kim": password mismatch`, `user "kim" was not found in "/etc/nginx/htpasswd"`
fn is_login_failure(message: &str) -> bool {
    message.starts_with("user \"")
        && (message.contains("\": password mismatch") || message.contains("\" was not found in"))
}
