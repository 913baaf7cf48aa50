//! PAM modules' messages, whichever program they speak through.
//!
//! Invariant: the first `rhost=` counts, as the name behind it is a stranger's text. What the program is (sshd, sudo,
//! su …) comes from `pam_unix(SERVICE:TYPE)`, which no user can write.

use std::net::IpAddr;

use bongsu_event::{Activity, Class, Event, Evidence, Field, FieldSet, Severity, Status, Unread};

use crate::flat::outcome_word;
use crate::{Format, Line};

/// PAM messages of programs that have no format of their own.
pub struct Pam;

impl Format for Pam {
    fn name(&self) -> &'static str {
        "pam"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        let tag = line.header.as_ref().and_then(|h| h.app).unwrap_or("");
        if is_pam(line.body) || tag.contains("(pam_") || tag == "pam" { 90 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let tag = line.header.as_ref().and_then(|h| h.app).unwrap_or("");
        let program = tag.split('(').next().unwrap_or("");
        event.forgeable = FieldSet::of(&[Field::User, Field::Reason, Field::Message]);
        read(event, line.body, program);
        Ok(())
    }
}

/// Does a PAM module speak?
pub(crate) fn is_pam(body: &str) -> bool {
    body.starts_with("pam_") || body.starts_with("PAM ") || body.starts_with("gkr-pam: ")
}

/// Read `pam_unix(sshd:auth): …`; `program` names the service where the message does not.
pub(crate) fn read(event: &mut Event, body: &str, program: &str) {
    event.class = Class::Authentication;
    let (module, text) = match body.split_once(": ") {
        Some((module, text)) if module.starts_with("pam_") => (module, text),
        _ => ("", body),
    };
    let (service, kind) = module
        .split_once('(')
        .and_then(|(_, inner)| inner.trim_end_matches(')').split_once(':'))
        .unwrap_or((program, ""));
    event.set(Field::App, service);
    event.set(Field::AuthMethod, module.split('(').next().unwrap_or(""));
    if session(event, text).is_none() && failure(event, text).is_none() && other(event, text, kind).is_none() {
        event.set(Field::Message, text);
    }
    if event.status != Status::Unknown {
        event.set(Field::Outcome, outcome_word(event.status));
    }
    if event.status == Status::Failure {
        event.severity = event.severity.max(Severity::Low);
    }
}

/// `session opened for user NAME[(uid=0)] by [NAME](uid=0)`, `session closed for user NAME`
fn session(event: &mut Event, text: &str) -> Option<()> {
    let rest = text.strip_prefix("session ")?;
    let (opened, who) = match rest.strip_prefix("opened for user ") {
        Some(who) => (true, who),
        None => (false, rest.strip_prefix("closed for user ")?),
    };
    event.activity = if opened { Activity::Open } else { Activity::Close };
    event.status = Status::Success;
    event.set(Field::Action, if opened { "session_open" } else { "session_close" });
    let (target, by) = who.split_once(" by ").unwrap_or((who, ""));
    let target = without_uid(target);
    let by = without_uid(by);
    if by.is_empty() || by.eq_ignore_ascii_case("LOGIN") {
        event.set(Field::User, target);
    } else {
        event.set(Field::User, by);
        event.set(Field::DstUser, target);
    }
    Some(())
}

fn without_uid(name: &str) -> &str {
    name.split("(uid=").next().unwrap_or("").trim()
}

/// `authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root`
fn failure(event: &mut Event, text: &str) -> Option<()> {
    let (reason, pairs) = text.split_once("; logname=")?;
    // SSSD tells of success in the same words
    let granted = reason.ends_with("success");
    (event.activity, event.status) = (Activity::Open, if granted { Status::Success } else { Status::Failure });
    event.set(Field::Action, if granted { "accepted" } else { "failed" });
    event.set(Field::Reason, reason);
    let (before_host, host) = pairs.split_once(" rhost=")?;
    let (host, user) = host.split_once(" user=").unwrap_or((host, ""));
    // what stands before the host and is not the server's own: the remote user of rsh and ftp
    let remote_user = before_host.split_once(" ruser=").map_or("", |(_, r)| r.trim());
    set_host(event, host.trim(), remote_user.contains(' '));
    let local = pairs.split(' ').next().unwrap_or("");
    if !user.trim().is_empty() {
        event.set(Field::User, user.trim());
        if !remote_user.is_empty() && remote_user != user.trim() {
            event.set(Field::SessionUser, remote_user);
        }
    } else if !local.is_empty() {
        event.set(Field::SessionUser, local);
    }
    Some(())
}

fn set_host(event: &mut Event, host: &str, doubtful: bool) {
    match host.parse::<IpAddr>() {
        Ok(address) => {
            event.set(Field::SrcIp, address.to_canonical());
            if doubtful {
                event.forgeable.insert(Field::SrcIp);
            } else {
                event.evidence = Evidence::Handshake;
            }
        }
        Err(_) => event.set(Field::SrcHost, host),
    }
}

/// The one-line messages of the common modules.
fn other(event: &mut Event, text: &str, kind: &str) -> Option<()> {
    if let Some(user) = text.strip_prefix("password changed for ") {
        event.class = Class::Account;
        (event.activity, event.status) = (Activity::Update, Status::Success);
        event.set(Field::Action, "password_changed");
        event.set(Field::User, user.trim());
        return Some(());
    }
    if let Some(user) = text.strip_prefix("user ").and_then(|t| t.strip_suffix(" logged out.")) {
        (event.activity, event.status) = (Activity::Close, Status::Success);
        event.set(Field::User, user);
        return Some(());
    }
    if let Some(rest) = text.strip_prefix("requirement \"") {
        let (requirement, who) = rest.split_once("\" ")?;
        let met = who.starts_with("was met");
        event.activity = Activity::Open;
        event.status = if met { Status::Success } else { Status::Failure };
        event.set(Field::Reason, requirement);
        event.set(Field::User, between(who, "user \"", "\"")?);
        return Some(());
    }
    let user = between(text, "identify password for [", "]")
        .or_else(|| between(text, "user [", "]"))
        .or_else(|| between(text, "(user ", ")"))
        .or_else(|| between(text, "for user ", "'").filter(|u| !u.contains(' ')))
        .or_else(|| text.strip_prefix("Consecutive login failures for user ").and_then(|t| t.split(' ').next()))
        .or_else(|| text.strip_prefix("user ").and_then(|t| t.split(' ').next()))
        .or_else(|| text.split_once("for user ").and_then(|(_, t)| t.split([' ', ',', '.', ':']).next()))
        .map(|u| u.trim_matches(['\'', '"', '[', ']', '`']));
    let lower = text.to_ascii_lowercase();
    let failed = [
        "fail",
        "denied",
        "locked",
        "unknown",
        "could not",
        "not met",
        "expired",
        "max retries",
        "reject",
        "refused",
        "no such",
    ]
    .iter()
    .any(|w| lower.contains(w));
    if let Some(user) = user {
        event.set(Field::User, user);
    }
    event.activity = Activity::Open;
    if failed {
        event.status = Status::Failure;
    } else if lower.contains("success") || lower.contains("granted") || lower.contains("accepted") {
        event.status = Status::Success;
    } else if kind == "account" || kind == "session" {
        event.activity = Activity::Unknown;
    }
    event.set(Field::Reason, text);
    Some(())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}
