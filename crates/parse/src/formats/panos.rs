//! Palo Alto Networks PAN-OS: the comma-separated logs of every type, over the versions' ever longer field orders.
//!
//! Invariant: columns are named by the published field order of their type; a version that knows fewer columns ends
//! earlier, one that knows more keeps the unknown tail out of the hot columns.

mod columns;

use bongsu_event::{Activity, Class, Event, Evidence, Field, Severity, Status, Unread};
use memchr::memchr_iter;

use self::columns::{Column, columns_of};
use crate::net::{self, is_nothing};
use crate::{Format, Line, csv, when};

/// Palo Alto Networks PAN-OS.
pub struct Panos;

impl Format for Panos {
    fn name(&self) -> &'static str {
        "panos"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        if start_of(line.body).or_else(|| start_of(line.text)).is_some() {
            return 95;
        }
        if audit(line.body).is_some() { 90 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        event.set(Field::Vendor, "Palo Alto Networks");
        event.set(Field::Product, "PAN-OS");
        event.forgeable = net::OUTSIDERS_TEXT;
        if let Some(text) = start_of(line.body).or_else(|| start_of(line.text)) {
            let values = csv::split(text, b',');
            let kind = values.get(3).copied().unwrap_or("");
            let columns = columns_of(kind, &values).ok_or(Unread::because("a PAN-OS log type we do not know"))?;
            let log = Log { kind, columns, values };
            log.read(event, line);
            return Ok(());
        }
        let values = audit(line.body).ok_or(Unread::because("no PAN-OS log line"))?;
        read_audit(event, line, &values);
        Ok(())
    }
}

/// Vendor fields a line usually has.
const EXTRA_ROOM: usize = 48;
/// Columns before the type: version, receive time, serial number.
const TYPE_COLUMN: usize = 3;

/// Columns that only make up the event's time or its type.
const TIMES: &[&str] = &["receive_time", "time_generated", "time_logged", "high_res_timestamp", "type"];

/// The start of `1,2026/01/02 03:04:05,0123,TRAFFIC,…`, behind whatever header the sender put before it.
fn start_of(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    memchr_iter(b',', bytes).take(4).find_map(|comma| {
        let before = text.get(..comma)?;
        let start = before.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |i| i + 1);
        // `1`, or the number of the log in the cloud's form
        if start == comma || comma - start > 20 {
            return None;
        }
        let rest = text.get(start..)?;
        let kind = rest.split(',').nth(TYPE_COLUMN)?;
        let time = rest.split(',').nth(1)?;
        let time_like =
            time.is_empty() || (time.len() >= 10 && time.as_bytes().first().is_some_and(u8::is_ascii_digit));
        (columns::is_type(kind) && time_like).then_some(rest)
    })
}

/// `013101009361,2024/08/06 15:45:10,audit,2561,gui-op,admin,"…",success`: the audit trail has an order of its own.
fn audit(text: &str) -> Option<Vec<&str>> {
    let mut parts = text.splitn(4, ',');
    let serial = parts.next()?.rsplit(' ').next()?;
    let (_, kind) = (parts.next()?, parts.next()?);
    let ours = kind == "audit" && serial.len() >= 6 && serial.bytes().all(|b| b.is_ascii_digit());
    ours.then(|| csv::split(text, b','))
}

fn read_audit(event: &mut Event, line: &Line<'_>, values: &[&str]) {
    let value = |i: usize| values.get(i).copied().unwrap_or("");
    when::set(event, value(1), line.context);
    event.add_extra("serial", value(0).rsplit(' ').next().unwrap_or(""));
    event.set_text(Field::Category, value(2));
    event.set_text(Field::Subtype, value(4));
    if !is_nothing(value(5)) {
        net::set_user(event, value(5));
    }
    event.set_text(Field::Cmdline, &csv::unquote(value(6)));
    event.set_text(Field::Outcome, value(7));
    event.class = Class::Config;
    event.activity = Activity::Run;
    event.status = outcome(value(7));
}

/// One comma-separated log with its columns named.
struct Log<'a> {
    kind: &'a str,
    columns: &'static [Column],
    values: Vec<&'a str>,
}

impl<'a> Log<'a> {
    /// The value of a named column.
    fn value(&self, name: &str) -> &'a str {
        self.columns.iter().position(|c| c.0 == name).and_then(|i| self.values.get(i)).copied().unwrap_or("")
    }

    fn read(&self, event: &mut Event, line: &Line<'_>) {
        event.extra.reserve(EXTRA_ROOM);
        for ((name, field), value) in self.columns.iter().zip(&self.values) {
            if value.is_empty() || name.is_empty() {
                continue;
            }
            match field {
                Some(f) if f.kind() == bongsu_event::FieldKind::Text => {
                    if !is_nothing(value) {
                        event.set(*f, csv::unquote(value).as_ref());
                    }
                }
                // not translated
                Some(Field::SrcNatIp | Field::DstNatIp) if matches!(*value, "0.0.0.0" | "::") => {}
                Some(Field::SrcNatPort | Field::DstNatPort) if *value == "0" => {}
                Some(f) => {
                    event.set_text(*f, value);
                }
                None if TIMES.contains(name) => {}
                None => event.add_extra(name, &csv::unquote(value)),
            }
        }
        self.set_time(event, line);
        event.set(Field::Category, self.kind);
        if let Some(user) = event.text(Field::DstUser).map(|u| net::user_parts(u).0.to_owned()) {
            event.replace(Field::DstUser, user.as_str());
        }
        let user = event.text(Field::User).map(str::to_owned);
        if let Some(user) = user.filter(|u| u.contains(['\\', '@'])) {
            let (name, domain) = net::user_parts(&user);
            event.replace(Field::User, name);
            event.set(Field::UserDomain, domain.unwrap_or(""));
        }
        if let Some(s) = net::severity_word(self.value("severity")) {
            event.severity = s;
        }
        net::set_seconds(event, self.value("elapsed"));
        judge(event, &|name| self.value(name), self.kind, self.value("subtype"));
    }

    /// With milliseconds and zone where the version writes it, else the time the management plane had it.
    fn set_time(&self, event: &mut Event, line: &Line<'_>) {
        let exact = self.value("high_res_timestamp");
        // a version newer than the table ends with columns it does not name
        let tail = self.values.get(self.columns.len()..).unwrap_or(&[]);
        let exact = if is_rfc3339(exact) { exact } else { tail.iter().copied().find(|v| is_rfc3339(v)).unwrap_or("") };
        // an unset clock writes 1970
        if !exact.is_empty() && !exact.starts_with("19") && when::set(event, exact, line.context) {
            return;
        }
        let _ = when::set(event, self.value("receive_time"), line.context)
            || when::set(event, self.value("time_generated"), line.context);
    }
}

/// `2026-01-02T03:04:05.678+09:00`
fn is_rfc3339(text: &str) -> bool {
    let b = text.as_bytes();
    (19..=35).contains(&b.len()) && b.get(4) == Some(&b'-') && b.get(10) == Some(&b'T') && b.get(13) == Some(&b':')
}

fn outcome(word: &str) -> Status {
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "success" | "succeeded" | "submitted" | "authenticated" | "login" => Status::Success,
        "failure" | "failed" | "fail" | "unauthorized" | "error" => Status::Failure,
        _ => Status::Unknown,
    }
}

fn verdict(action: &str) -> Activity {
    match action {
        "allow" | "alert" | "continue" | "allow-hotspot" | "forward" | "wildfire-upload-success" | "override" => {
            Activity::Allow
        }
        "deny" | "sinkhole" | "random-drop" | "syncookie-sent" | "override-lockout" => Activity::Deny,
        a if ["drop", "reset", "block"].iter().any(|w| a.starts_with(w)) => Activity::Deny,
        _ => Activity::Unknown,
    }
}

/// Class, verdict, proof and whatever is said between the columns. Also for PAN-OS logs in CEF and LEEF.
pub(crate) fn judge<'a>(event: &mut Event, value: &dyn Fn(&str) -> &'a str, kind: &str, subtype: &str) {
    match kind {
        "TRAFFIC" | "START" | "END" | "SCTP" | "GTP" => traffic(event, value, subtype),
        "THREAT" => threat(event, value, subtype),
        "DECRYPTION" => {
            event.class = Class::Network;
            event.activity = verdict(event.text(Field::Action).unwrap_or(""));
            event.status = if value("error").is_empty() { Status::Success } else { Status::Failure };
        }
        "CONFIG" => {
            event.class = Class::Config;
            event.activity = match event.text(Field::Action).unwrap_or("") {
                "add" | "clone" => Activity::Create,
                "delete" => Activity::Delete,
                _ => Activity::Update,
            };
            event.status = outcome(value("result"));
        }
        "USERID" => {
            event.class = Class::Authentication;
            event.activity = if subtype == "logout" { Activity::Close } else { Activity::Open };
            event.status = Status::Success;
        }
        "AUTHENTICATION" | "AUTH" => authentication(event, value),
        "GLOBALPROTECT" => globalprotect(event, value),
        "CORRELATION" => {
            event.class = Class::Finding;
            event.activity = Activity::Detect;
            event.severity = event.severity.max(Severity::Medium);
        }
        "SYSTEM" => system(event, value, subtype),
        _ => event.class = Class::System,
    }
    if event.get(Field::Proto).is_some() {
        let proto = event.text(Field::Proto).map(|p| net::proto_name(p).into_owned()).unwrap_or_default();
        event.replace(Field::Proto, proto.as_str());
    }
}

fn traffic<'a>(event: &mut Event, value: &dyn Fn(&str) -> &'a str, subtype: &str) {
    event.class = Class::Network;
    let action = event.text(Field::Action).unwrap_or("").to_owned();
    event.activity = match subtype {
        "drop" | "deny" => Activity::Deny,
        _ => verdict(&action),
    };
    event.status = match event.activity {
        Activity::Allow => Status::Success,
        Activity::Deny => Status::Failure,
        _ => Status::Unknown,
    };
    // ended by FIN: both ends were there. A time-out or reset may be a forged SYN and its answers.
    let ended = value("session_end_reason") == "tcp-fin" || event.text(Field::Reason) == Some("tcp-fin");
    if ended && net::both_ways(event) && event.text(Field::Proto).is_some_and(|p| p.eq_ignore_ascii_case("tcp")) {
        event.evidence = Evidence::Handshake;
    }
}

fn threat<'a>(event: &mut Event, value: &dyn Fn(&str) -> &'a str, subtype: &str) {
    let action = event.text(Field::Action).unwrap_or("").to_owned();
    let misc = value("misc").trim_matches('"');
    let tcp = event.text(Field::Proto).is_some_and(|p| p.eq_ignore_ascii_case("tcp"));
    event.activity = verdict(&action);
    event.class = if subtype == "url" { Class::Http } else { Class::Finding };
    match subtype {
        "url" => {
            set_request(event, misc);
            event.status = if event.activity == Activity::Deny { Status::Failure } else { Status::Success };
        }
        "file" | "virus" | "wildfire" | "wildfire-virus" | "ml-virus" => {
            event.set(Field::File, misc);
        }
        "vulnerability" | "spyware" if misc.contains('/') => set_request(event, misc),
        "spyware" if misc.contains('.') && !misc.contains(' ') => event.set(Field::Domain, misc),
        _ => {}
    }
    if event.class == Class::Finding && event.activity != Activity::Deny {
        event.activity = Activity::Detect;
    }
    // `Windows Executable (EXE)(52020)`: the last parentheses hold the number
    let threat = value("threatid");
    match threat.strip_suffix(')').and_then(|t| t.rsplit_once('(')) {
        Some((name, id)) if id.bytes().all(|b| b.is_ascii_digit()) => {
            event.set(Field::Signature, name.trim());
            event.set(Field::SignatureId, id);
        }
        _ => event.set(Field::Signature, threat),
    }
    set_digest(event, value("filedigest"));
    // content was read off the stream; a packet or scan signature needs no connection
    let read_content =
        matches!(subtype, "url" | "file" | "virus" | "data" | "wildfire" | "wildfire-virus" | "ml-virus" | "dlp");
    // what a server sends back stands as the source, and it was asked for it
    if tcp && (read_content || (threat_of_stream(subtype) && event.text(Field::Direction) == Some("server-to-client")))
    {
        event.evidence = Evidence::Handshake;
    }
}

fn threat_of_stream(subtype: &str) -> bool {
    matches!(subtype, "vulnerability" | "spyware")
}

fn set_digest(event: &mut Event, digest: &str) {
    net::set_hash(event, digest);
}

/// PAN-OS leaves the scheme out: `www.city.example/path?x`.
fn set_request(event: &mut Event, text: &str) {
    if text.is_empty() {
        return;
    }
    event.set(Field::Url, csv::unquote(text).as_ref());
    let host = net::url_host(text).or_else(|| net::authority_host(text)).map(str::to_owned);
    if let Some(h) = host {
        event.set(Field::Domain, h.as_str());
    }
}

fn authentication<'a>(event: &mut Event, value: &dyn Fn(&str) -> &'a str) {
    event.class = Class::Authentication;
    event.activity = Activity::Open;
    let said = format!("{} {}", value("desc"), value("event")).to_ascii_lowercase();
    event.status = if said.contains("success") || said.contains("authenticated for user") {
        Status::Success
    } else if ["fail", "invalid", "timeout", "denied", "reject", "no user activity"].iter().any(|w| said.contains(w)) {
        Status::Failure
    } else {
        Status::Unknown
    };
}

fn globalprotect<'a>(event: &mut Event, value: &dyn Fn(&str) -> &'a str) {
    let stage = value("stage");
    // the address the gateway sees; the private one is what it gave the client
    for name in ["public_ip", "public_ipv6"] {
        if let Some(address) = Field::SrcIp.read(value(name)).filter(|a| a.as_ip().is_some_and(|a| !a.is_unspecified()))
        {
            event.set(Field::SrcNatIp, address.clone());
            event.set(Field::SrcIp, address);
        }
    }
    if event.get(Field::Host).is_none() {
        event.set(Field::Host, value("machinename"));
    }
    let id = event.text(Field::EventCode).unwrap_or("").to_owned();
    event.class = if matches!(stage, "login" | "before-login" | "logout") || id.contains("auth") || id.contains("login")
    {
        Class::Authentication
    } else {
        Class::Tunnel
    };
    event.activity = if stage == "logout" || id.contains("logout") { Activity::Close } else { Activity::Open };
    event.status = outcome(value("status"));
    // the portal or gateway answered it over TLS
    if event.get(Field::SrcIp).is_some() && event.class == Class::Authentication && matches!(stage, "login" | "logout")
    {
        event.evidence = Evidence::Handshake;
    }
}

/// `failed authentication for user 'kim'. Reason: … From: 192.0.2.7.` and its like.
fn system<'a>(event: &mut Event, value: &dyn Fn(&str) -> &'a str, subtype: &str) {
    event.class = Class::System;
    let id = value("eventid").to_ascii_lowercase();
    let text = value("opaque");
    let lower = text.to_ascii_lowercase();
    let failed = id.contains("fail") || lower.contains("fail") || lower.contains("invalid") || lower.contains("denied");
    let login = subtype == "auth"
        || id.contains("auth-")
        || lower.contains(" logged in")
        || lower.contains("failed authentication")
        || lower.contains("authenticated for user");
    let logout = lower.contains(" logged out");
    if !(login || logout)
        || (subtype != "auth"
            && subtype != "general"
            && subtype != "globalprotect"
            && subtype != "global-protect"
            && subtype != "sslvpn")
    {
        if matches!(subtype, "vpn" | "ras" | "sslvpn") {
            event.class = Class::Tunnel;
            event.status = if failed { Status::Failure } else { Status::Unknown };
        } else if id.contains("commit") {
            event.class = Class::Config;
        }
        return;
    }
    event.class = Class::Authentication;
    event.activity = if logout { Activity::Close } else { Activity::Open };
    event.status = if failed { Status::Failure } else { Status::Success };
    let quoted = text.split_once("user '").and_then(|(_, r)| r.split_once('\'')).map(|(u, _)| u);
    let labelled = text.split_once("User name: ").and_then(|(_, r)| r.split(',').next());
    let named = text.split_once("User ").and_then(|(_, r)| r.split(' ').next()).map(|u| u.trim_end_matches([',', '.']));
    if let Some(user) = quoted.or(labelled).or(named).filter(|u| !u.is_empty()) {
        net::set_user(event, user);
    }
    // the address is said last, behind every quoted name
    let tail = text.rsplit('\'').next().unwrap_or("");
    let from = tail.rfind("rom: ").map(|i| i + 5).or_else(|| tail.rfind(" from ").map(|i| i + 6));
    let word = from.and_then(|i| tail.get(i..)).and_then(|r| r.split([' ', ',']).next()).unwrap_or("");
    if let Some(address) = Field::SrcIp.read(word.trim_end_matches('.')) {
        event.set(Field::SrcIp, address);
        event.evidence = Evidence::Handshake;
    }
}
