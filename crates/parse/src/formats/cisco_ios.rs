//! Cisco IOS, IOS XE and NX-OS: `%FACILITY-SEVERITY-MNEMONIC: text`, whatever the device puts in front.
//!
//! Invariant: the text itself is read as bare syslog or pairs are, and is as forgeable; only the words of the marker are
//! the device's own. Firewalls (`%ASA-`, `%FTD-`, `%PIX-`, `%FWSM-`) have a format of their own.

use bongsu_event::{Class, Event, Field, Status, TimeFrom, Unread};

use super::kv::KeyValue;
use super::syslog::Syslog;
use crate::{Format, Line, net, when};

/// Switches and routers.
pub struct CiscoIos;

/// How far into the line the marker may begin, bytes.
const HEAD_BYTES: usize = 256;
/// Most signs of a percent looked at.
const PERCENTS_MAX: usize = 8;
/// Most pairs in brackets looked at.
const BRACKETS_MAX: usize = 16;
/// Facilities whose messages another format reads.
const FIREWALLS: [&str; 4] = ["ASA", "FTD", "PIX", "FWSM"];

/// The device's own words.
struct Marker<'a> {
    /// What stands before the `%`.
    before: &'a str,
    severity: u8,
    mnemonic: &'a str,
    text: &'a str,
}

impl<'a> Marker<'a> {
    fn find(text: &'a str) -> Option<Self> {
        let head = text.as_bytes().get(..HEAD_BYTES).unwrap_or(text.as_bytes());
        memchr::memchr_iter(b'%', head).take(PERCENTS_MAX).find_map(|at| Self::at(text, at))
    }
    fn at(text: &'a str, at: usize) -> Option<Self> {
        let (marker, rest) = text.get(at + 1..)?.split_once(':')?;
        let (front, mnemonic) = marker.rsplit_once('-')?;
        let (facility, severity) = front.rsplit_once('-')?;
        let word = |t: &str| {
            t.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
                && t.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
        };
        let &[digit @ b'0'..=b'7'] = severity.as_bytes() else { return None };
        let ours = word(facility) && word(mnemonic) && !FIREWALLS.iter().any(|f| facility.split('-').next() == Some(f));
        ours.then_some(Self { before: text.get(..at)?, severity: digit - b'0', mnemonic, text: rest.trim() })
    }
}

impl Format for CiscoIos {
    fn name(&self) -> &'static str {
        "cisco_ios"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        // Nothing is lost beside the generic forms, which read the text: this goes just before them.
        if Marker::find(line.text).is_some() { 21 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let marker =
            Marker::find(line.text).ok_or(Unread::because("no %FACILITY-SEVERITY-MNEMONIC: of a Cisco device"))?;
        let pairs = KeyValue.confidence(line) > 0 && KeyValue.parse(line, event).is_ok();
        if !pairs && Syslog.parse(line, event).is_err() {
            event.class = Class::System;
            event.set(Field::Message, line.body.trim());
        }
        event.set(Field::Vendor, "Cisco");
        event.set(Field::EventCode, marker.mnemonic);
        event.severity = event.severity.max(net::syslog_severity(marker.severity));
        if event.time_from == TimeFrom::Receipt {
            // `6705: *Feb 17 13:40:03.673: `, behind the number that the device counts by
            let stamp = marker.before.split(": ").find_map(|part| {
                when::prefix(part.trim_start_matches(['*', '.', ' ']), line.context).map(|(stamp, _)| stamp)
            });
            if let Some(stamp) = stamp {
                when::apply(event, stamp, if stamp.zoned { TimeFrom::Line } else { TimeFrom::LineLocal });
            }
        }
        logged_command(event, marker.text);
        bracketed(event, marker.text);
        let login = match marker.mnemonic {
            "LOGIN_FAILED" => Some(Status::Failure),
            "LOGIN_SUCCESS" => Some(Status::Success),
            _ => None,
        };
        if let Some(status) = login {
            (event.class, event.status) = (Class::Authentication, status);
        }
        Ok(())
    }
}

/// `User:admin  logged command:no access-session port-control`.
fn logged_command(event: &mut Event, text: &str) {
    let Some((user, command)) = text.strip_prefix("User:").and_then(|t| t.split_once("logged command:")) else {
        return;
    };
    net::set_user(event, user.trim());
    event.set(Field::Cmdline, command.trim());
}

/// `[user: kim] [Source: 203.0.113.7] [localport: 22] [Reason: Login Authentication Failed]`.
fn bracketed(event: &mut Event, text: &str) {
    for part in text.split('[').skip(1).take(BRACKETS_MAX) {
        let Some((name, value)) = part.split_once(']').and_then(|(inner, _)| inner.split_once(": ")) else { continue };
        match name {
            "user" => net::set_user(event, value),
            "Source" => drop(event.set_text(Field::SrcIp, value)),
            "localport" => drop(event.set_text(Field::DstPort, value)),
            "Reason" => event.set(Field::Reason, value),
            _ => {}
        }
    }
}
