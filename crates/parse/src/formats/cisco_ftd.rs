//! Cisco Firepower (FTD, NGIPS) security events: `%FTD-1-430003: AccessControlRuleAction: Allow, SrcIP: …`.
//!
//! Invariant: a key stands behind `, ` and before `: `, and the first `SrcIP` is the one that counts; a URL or user agent
//! with commas in it may lose its tail to an unknown key, it cannot change an address.

use std::sync::LazyLock;

use bongsu_event::{Activity, Class, Event, Evidence, Field, Severity, Status, Unread};

use super::cisco_asa;
use crate::names::Names;
use crate::net::{self, is_nothing};
use crate::seek::Needle;
use crate::{Format, Line, when};

/// Cisco Firepower Threat Defense.
pub struct CiscoFtd;

impl Format for CiscoFtd {
    fn name(&self) -> &'static str {
        "cisco_ftd"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        match mark(line.text) {
            Some(_) => 96,
            None if list_start(line.text).is_some() => 85,
            None if line.header.as_ref().is_some_and(|h| h.app.is_some()) && Audit::of(line.body).is_some() => 60,
            None => 0,
        }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        event.set(Field::Vendor, "Cisco");
        event.set(Field::Product, "Firepower");
        event.forgeable = net::OUTSIDERS_TEXT;
        if let Some(audit) =
            Audit::of(line.body).filter(|_| mark(line.text).is_none() && list_start(line.text).is_none())
        {
            audit.write(event);
            return Ok(());
        }
        let list = match mark(line.text) {
            Some((level, number, list)) => {
                event.set(Field::EventCode, number);
                event.set(Field::SourceSeverity, level);
                list
            }
            None => list_start(line.text).ok_or(Unread::because("no Key: value list of a Firepower"))?,
        };
        cisco_asa::own_header(event, line);
        let (mut first_packet, mut protocol, mut host) = ("", "", "");
        for (key, value) in pairs(list) {
            match key {
                "FirstPacketSecond" => first_packet = value,
                "ApplicationProtocol" => protocol = value,
                "ReferencedHost" => host = value,
                _ => {}
            }
            take(event, key, value);
        }
        if !first_packet.is_empty() {
            when::set(event, first_packet, line.context);
        }
        // the client program says more than its protocol, the URL than the host it refers to
        event.set(Field::App, protocol);
        event.set(Field::Domain, host);
        net::set_sums(event);
        judge(event);
        Ok(())
    }
}

const MARK: Needle = Needle::new(b"-43000");
const SRC: Needle = Needle::new(b"SrcIP: ");
const COLON: Needle = Needle::new(b": ");
const DST: Needle = Needle::new(b"DstIP: ");

/// The level, the number and the list behind `%FTD-1-430003: `.
fn mark(text: &str) -> Option<(&str, &str, &str)> {
    let at = MARK.find(text.as_bytes())?;
    let (number, list) = text.get(at + 1..)?.split_once(':')?;
    let before = text.get(..at)?;
    let head = before.get(before.rfind('%')?..)?;
    let level = head.rsplit('-').next()?;
    (number.len() == 6 && level.len() == 1 && head.len() < 16).then_some((level, number, list.trim_start()))
}

/// A list without the mark, as older defense centers send it.
fn list_start(text: &str) -> Option<&str> {
    SRC.find(text.as_bytes())?;
    DST.find(text.as_bytes())?;
    // the list begins with its first key, behind the tag's own colon
    ["Protocol: ", "DeviceUUID: ", "EventPriority: ", "AccessControlRule", "ApplicationProtocol: ", "SrcIP: "]
        .iter()
        .filter_map(|k| text.find(k))
        .min()
        .and_then(|i| text.get(i..))
}

fn pairs(list: &str) -> Vec<(&str, &str)> {
    let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(48);
    let mut rest = list;
    while let Some((key, after)) = rest.split_once(": ") {
        // the value ends at the next `, Key: `
        let mut end = after.len();
        let mut from = 0;
        while let Some(i) = after.get(from..).and_then(|t| t.find(", ")).map(|i| i + from) {
            let next = after.get(i + 2..).unwrap_or("");
            if key_length(next).is_some() {
                end = i;
                break;
            }
            from = i + 2;
        }
        pairs.push((key.trim(), after.get(..end).unwrap_or("").trim()));
        rest = after.get(end + 2..).unwrap_or("");
    }
    pairs
}

/// Longest key, bytes.
const KEY_BYTES_MAX: usize = 40;

/// Is this `Key: …`? Keys begin with a capital and hold letters, digits, `_` and at most two spaces.
fn key_length(text: &str) -> Option<usize> {
    let head = text.as_bytes();
    let end = COLON.find(head.get(..KEY_BYTES_MAX + 2).unwrap_or(head))?;
    let key = text.get(..end)?;
    let fits = key.as_bytes().first().is_some_and(u8::is_ascii_uppercase)
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b' '))
        && key.matches(' ').count() <= 2;
    fits.then_some(end)
}

#[derive(Clone, Copy)]
enum Key {
    Is(Field),
    User,
    Url,
    Proto,
    Seconds,
    Severity,
    Skip,
}

static KEYS: LazyLock<Names<Key>> = LazyLock::new(|| {
    use Field as F;
    use Key::Is;
    #[rustfmt::skip]
    const LIST: &[(&str, Key)] = &[
        ("SrcIP", Is(F::SrcIp)), ("DstIP", Is(F::DstIp)), ("InitiatorIP", Is(F::SrcIp)), ("ResponderIP", Is(F::DstIp)),
        ("SrcPort", Is(F::SrcPort)), ("DstPort", Is(F::DstPort)), ("InitiatorPort", Is(F::SrcPort)), ("ResponderPort", Is(F::DstPort)),
        ("Protocol", Key::Proto), ("IngressInterface", Is(F::InIface)), ("EgressInterface", Is(F::OutIface)),
        ("IngressZone", Is(F::InZone)), ("EgressZone", Is(F::OutZone)), ("AccessControlRuleName", Is(F::Rule)),
        ("AccessControlRuleAction", Is(F::Action)), ("FileAction", Is(F::Action)), ("InlineResult", Is(F::Action)),
        ("AccessControlRuleReason", Is(F::Reason)), ("User", Key::User), ("UserName", Key::User), ("Client", Is(F::App)),
        ("ApplicationProtocol", Key::Skip), ("ConnectionDuration", Key::Seconds), ("InitiatorPackets", Is(F::PacketsOut)),
        ("ResponderPackets", Is(F::PacketsIn)), ("InitiatorBytes", Is(F::BytesOut)), ("ResponderBytes", Is(F::BytesIn)),
        ("NAT_InitiatorIP", Is(F::SrcNatIp)), ("NAT_InitiatorPort", Is(F::SrcNatPort)), ("NAT_ResponderIP", Is(F::DstNatIp)),
        ("NAT_ResponderPort", Is(F::DstNatPort)), ("DNSQuery", Is(F::Domain)), ("DNSRecordType", Key::Skip),
        ("DNSResponseType", Key::Skip), ("URL", Key::Url), ("URI", Key::Url), ("HTTP_URI", Key::Url), ("HTTPResponse", Is(F::HttpStatus)),
        ("ReferencedHost", Key::Skip), ("HTTP_Hostname", Is(F::Domain)), ("HTTPReferer", Is(F::Referer)), ("UserAgent", Is(F::UserAgent)),
        ("FileName", Is(F::File)), ("FileSHA256", Is(F::Sha256)), ("FilePolicy", Is(F::Rule)), ("ThreatName", Is(F::Signature)),
        ("Message", Is(F::Signature)), ("SID", Is(F::SignatureId)), ("Classification", Is(F::Category)), ("Priority", Key::Severity),
        ("EventPriority", Key::Severity), ("ConnectionID", Is(F::Session)), ("Hostname", Is(F::Host)), ("FirstPacketSecond", Key::Skip),
    ];
    Names::new(LIST)
});

fn take(event: &mut Event, key: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    match KEYS.get(key) {
        None => event.add_extra(key, value),
        Some(Key::Is(_) | Key::User) if is_nothing(value) => {}
        Some(Key::Is(f)) => {
            let before = event.ip(Field::SrcIp).filter(|_| f == Field::SrcIp);
            event.set_text(f, value);
            if before.is_some() && before != f.read(value).and_then(|v| v.as_ip()) {
                event.forgeable.insert(Field::SrcIp);
            }
        }
        // said where nobody logged in
        Some(Key::User) if matches!(value, "No Authentication Required" | "Unknown" | "Not Found") => {
            event.add_extra(key, value)
        }
        Some(Key::User) => net::set_user(event, value),
        Some(Key::Url) => net::set_url(event, value),
        Some(Key::Proto) => net::set_proto(event, value),
        Some(Key::Seconds) => net::set_seconds(event, value),
        Some(Key::Severity) => {
            event.add_extra(key, value);
            event.severity = match value {
                "1" => Severity::High,
                "2" => Severity::Medium,
                "3" => Severity::Low,
                word => net::severity_word(word).unwrap_or_default(),
            };
        }
        Some(Key::Skip) => {
            event.add_extra(key, value);
            match key {
                // `a host address`, or the type's own letters
                "DNSRecordType" => event.set(Field::DnsType, dns_type(value)),
                "DNSResponseType" => event.set(Field::DnsRcode, dns_rcode(value)),
                _ => {}
            }
        }
    }
}

fn dns_type(text: &str) -> &str {
    match text {
        "a host address" => "A",
        "IP6 Address" => "AAAA",
        "text strings" => "TXT",
        "mail exchange" => "MX",
        "an authoritative name server" => "NS",
        "the canonical name for an alias" => "CNAME",
        "a domain name pointer" => "PTR",
        "marks the start of a zone of authority" => "SOA",
        t => t,
    }
}

fn dns_rcode(text: &str) -> &str {
    match text {
        "No Error" => "NOERROR",
        "Format Error" => "FORMERR",
        "Server Failure" => "SERVFAIL",
        "Non-Existent Domain" => "NXDOMAIN",
        "Not Implemented" => "NOTIMP",
        "Query Refused" => "REFUSED",
        t => t,
    }
}

/// `center: admin@192.0.2.7, System > Configuration, Page View`: what people did on the defense center.
struct Audit<'a> {
    center: &'a str,
    user: &'a str,
    from: &'a str,
    what: &'a str,
}

impl<'a> Audit<'a> {
    fn of(body: &'a str) -> Option<Self> {
        let (center, rest) = body.split_once(": ")?;
        let (who, what) = rest.split_once(", ")?;
        let (user, from) = who.rsplit_once('@')?;
        let name = |t: &str| !t.is_empty() && t.len() <= 255 && !t.contains([' ', '=', '"']);
        let place = Field::SrcIp.read(from).is_some() || matches!(from, "localhost" | "Default User IP");
        (name(center) && name(user) && place && what.contains(", ")).then_some(Self { center, user, from, what })
    }

    fn write(&self, event: &mut Event) {
        event.set(Field::Host, self.center);
        net::set_user(event, self.user);
        if let Some(address) = Field::SrcIp.read(self.from) {
            event.set(Field::SrcIp, address);
        }
        event.set(Field::Message, self.what);
        let what = self.what.to_ascii_lowercase();
        (event.class, event.activity) = if what.starts_with("login") {
            (Class::Authentication, Activity::Open)
        } else if what.starts_with("logout") {
            (Class::Authentication, Activity::Close)
        } else if what.contains("page view") || what.contains(", view") {
            (Class::Config, Activity::Read)
        } else {
            (Class::Config, Activity::Update)
        };
        event.status = if what.contains("fail") || what.contains("denied") { Status::Failure } else { Status::Success };
    }
}

fn judge(event: &mut Event) {
    let action = event.text(Field::Action).unwrap_or("").to_ascii_lowercase();
    let blocked =
        action.contains("block") || action.contains("drop") || action.contains("deny") || action.contains("reset");
    let number = event.text(Field::EventCode).unwrap_or("").to_owned();
    let finding = matches!(number.as_str(), "430001" | "430005")
        || event.get(Field::SignatureId).is_some()
        || event.get(Field::Signature).is_some();
    event.class = if finding {
        Class::Finding
    } else if event.get(Field::DnsType).is_some() {
        Class::Dns
    } else if event.get(Field::Url).is_some() {
        Class::Http
    } else {
        Class::Network
    };
    event.activity = match (blocked, finding) {
        (true, _) => Activity::Deny,
        (false, true) => Activity::Detect,
        (false, false) if number == "430003" && action.is_empty() => Activity::Close,
        (false, false) => Activity::Allow,
    };
    event.status = match event.activity {
        Activity::Deny if !finding => Status::Failure,
        Activity::Allow | Activity::Close => Status::Success,
        _ => Status::Unknown,
    };
    if let Some(id) = event.text(Field::SignatureId).map(str::to_owned) {
        event.set(Field::Rule, id.as_str());
        event.set(Field::RuleId, id.as_str());
    }
    if finding && event.severity < Severity::Medium {
        event.severity = Severity::Medium;
    }
    // an answered connection that carried a request or a file; packets alone may be SYNs and their answers
    let content =
        event.get(Field::Url).is_some() || event.get(Field::File).is_some() || event.get(Field::HttpStatus).is_some();
    if net::is_tcp(event) && content && !event.forgeable.has(Field::SrcIp) && event.get(Field::SrcIp).is_some() {
        event.evidence = Evidence::Handshake;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_values_are_kept() {
        let p = pairs(
            "SrcIP: 192.0.2.1, UserAgent: A (KHTML, like Gecko) B, Endpoint Profile: Invalid ID, URL: http://x/a,b",
        );
        assert_eq!(
            p,
            [
                ("SrcIP", "192.0.2.1"),
                ("UserAgent", "A (KHTML, like Gecko) B"),
                ("Endpoint Profile", "Invalid ID"),
                ("URL", "http://x/a,b")
            ]
        );
    }
}
