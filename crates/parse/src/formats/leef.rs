//! IBM Log Event Extended Format 1.0 and 2.0: `LEEF:2.0|Vendor|Product|Version|EventID|^|key=value^…`.
//!
//! Invariant: only the delimiter the header names (tab where it names none) ends a value; text inside a value cannot
//! start a key where the delimiter is not in it.

use std::sync::LazyLock;

use bongsu_event::{Activity, Class, Event, Evidence, Field, Severity, Status, Unread};

use super::{cef, panos};
use crate::names::Names;
use crate::net::{self, is_nothing};
use crate::seek::Needle;
use crate::{Format, Line, when};

/// IBM Log Event Extended Format.
pub struct Leef;

impl Format for Leef {
    fn name(&self) -> &'static str {
        "leef"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        if start_of(line.body).or_else(|| start_of(line.text)).is_some() { 80 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let (version, text) =
            start_of(line.body).or_else(|| start_of(line.text)).ok_or(Unread::because("no LEEF header"))?;
        let header =
            Header::read(version, text).ok_or(Unread::because("the LEEF header has fewer than four fields"))?;
        let mut time = Time::default();
        event.set(Field::Vendor, header.vendor);
        event.set(Field::Product, header.product);
        event.set(Field::EventCode, header.event_id);
        event.forgeable = net::OUTSIDERS_TEXT;
        if !header.version.is_empty() {
            event.add_extra("deviceVersion", header.version);
        }
        for (key, value) in attributes(&header) {
            take(event, &mut time, key, value.trim());
        }
        time.set(event, line);
        finish(event, &header);
        let device = attributes(&header).into_iter().find(|(k, _)| *k == "dvc").map_or("", |(_, v)| v.trim());
        cef::named_device(event, line, device);
        Ok(())
    }
}

const MARK: Needle = Needle::new(b"LEEF:");

fn start_of(text: &str) -> Option<(&str, &str)> {
    let at = MARK.find(text.as_bytes())?;
    let (version, rest) = text.get(at + 5..)?.split_once('|')?;
    let version = version.trim();
    (!version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.')).then_some((version, rest))
}

struct Header<'a> {
    vendor: &'a str,
    product: &'a str,
    version: &'a str,
    event_id: &'a str,
    delimiter: Delimiter<'a>,
    attributes: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Delimiter<'a> {
    Is(&'a str),
    Char(char),
    /// Senders whose tabs were turned into spaces on the way: keys start at spaces.
    Spaces,
}

impl<'a> Header<'a> {
    fn read(version: &str, text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(5, '|');
        let (vendor, product, product_version, event_id) =
            (parts.next()?.trim(), parts.next()?.trim(), parts.next()?.trim(), parts.next()?.trim());
        let rest = parts.next().unwrap_or("");
        let (named, attributes) = if version.starts_with('2') {
            match rest.split_once('|') {
                // the delimiter may be left out; a pair is no delimiter
                Some((d, a)) if !d.contains('=') => (delimiter(d), a),
                _ => (None, rest),
            }
        } else {
            (None, rest)
        };
        let delimiter = named.unwrap_or_else(|| guess_delimiter(attributes));
        Some(Self { vendor, product, version: product_version, event_id, delimiter, attributes })
    }
}

/// One character, or its number as `x5E` or `0x5E`.
fn delimiter(text: &str) -> Option<Delimiter<'_>> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix('x').filter(|h| !h.is_empty()));
    if let Some(c) = hex.and_then(|h| u32::from_str_radix(h, 16).ok()).and_then(char::from_u32) {
        return Some(Delimiter::Char(c));
    }
    match text {
        "" => None,
        "\\t" => Some(Delimiter::Char('\t')),
        // a space between pairs whose values hold spaces
        " " => Some(Delimiter::Spaces),
        t => Some(Delimiter::Is(t)),
    }
}

/// The character that most often stands before a key.
fn guess_delimiter(attributes: &str) -> Delimiter<'_> {
    let keys = |d: char| {
        attributes.split(d).skip(1).filter(|p| p.split('=').next().is_some_and(is_key) && p.contains('=')).count()
    };
    let best = ['\t', '^', '|'].into_iter().map(|d| (keys(d), d)).max_by_key(|(n, _)| *n);
    match best {
        Some((n, d)) if n > 0 && n * 2 >= keys(' ') => Delimiter::Char(d),
        _ => Delimiter::Spaces,
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

fn attributes<'a>(header: &Header<'a>) -> Vec<(&'a str, &'a str)> {
    let pair = |p: &'a str| p.split_once('=').map(|(k, v)| (k.trim(), v)).filter(|(k, _)| !k.is_empty());
    match header.delimiter {
        Delimiter::Spaces => cef::pairs(header.attributes),
        Delimiter::Char(c) => header.attributes.split(c).filter_map(pair).collect(),
        Delimiter::Is(d) => header.attributes.split(d).filter_map(pair).collect(),
    }
}

#[derive(Clone, Copy)]
enum Key {
    Is(Field),
    User,
    Url,
    Proto,
    Hash,
    DevTime,
    Severity,
    Skip,
}

static KEYS: LazyLock<Names<Key>> = LazyLock::new(|| {
    use Field as F;
    use Key::Is;
    #[rustfmt::skip]
    const LIST: &[(&str, Key)] = &[
        ("src", Is(F::SrcIp)), ("dst", Is(F::DstIp)), ("srcPort", Is(F::SrcPort)), ("dstPort", Is(F::DstPort)),
        ("proto", Key::Proto), ("usrName", Key::User), ("accountName", Is(F::DstUser)), ("srcMAC", Is(F::SrcMac)),
        ("dstMAC", Is(F::DstMac)), ("srcPostNAT", Is(F::SrcNatIp)), ("dstPostNAT", Is(F::DstNatIp)),
        ("srcPostNATPort", Is(F::SrcNatPort)), ("dstPostNATPort", Is(F::DstNatPort)), ("srcBytes", Is(F::BytesOut)),
        ("dstBytes", Is(F::BytesIn)), ("totalBytes", Is(F::Bytes)), ("srcPackets", Is(F::PacketsOut)),
        ("dstPackets", Is(F::PacketsIn)), ("totalPackets", Is(F::Packets)), ("identSrc", Is(F::SrcIp)), ("dvchost", Is(F::Host)), ("dvc", Is(F::HostIp)), ("sname", Is(F::Signature)), ("sid", Is(F::SignatureId)),
        ("shost", Is(F::SrcHost)), ("dhost", Is(F::DstHost)),
        ("identHostName", Is(F::SrcHost)), ("identMAC", Is(F::SrcMac)), ("devTime", Key::DevTime), ("eventTime", Key::DevTime),
        ("devTimeFormat", Key::Skip), ("sev", Key::Severity), ("cat", Is(F::Category)), ("url", Key::Url), ("URL", Key::Url),
        ("request", Key::Url), ("domain", Is(F::UserDomain)), ("policy", Is(F::Rule)), ("role", Is(F::Group)), ("action", Is(F::Action)),
        ("Action", Is(F::Action)), ("act", Is(F::Action)), ("msg", Is(F::Message)), ("Message", Is(F::Message)), ("reason", Is(F::Reason)),
        ("devname", Is(F::Host)), ("deviceName", Is(F::Host)), ("DeviceName", Is(F::Host)), ("hostName", Is(F::Host)), ("resource", Is(F::File)),
        ("fileName", Is(F::File)), ("filename", Is(F::File)), ("fileHash", Key::Hash), ("userAgent", Is(F::UserAgent)),
        ("requestClientApplication", Is(F::UserAgent)), ("method", Is(F::HttpMethod)), ("requestMethod", Is(F::HttpMethod)),
        ("RuleName", Is(F::Rule)), ("Rule", Is(F::Rule)), ("SourceZone", Is(F::InZone)), ("DestinationZone", Is(F::OutZone)),
        ("FromZone", Is(F::InZone)), ("ToZone", Is(F::OutZone)), ("IngressInterface", Is(F::InIface)), ("EgressInterface", Is(F::OutIface)),
        ("InboundInterface", Is(F::InIface)), ("OutboundInterface", Is(F::OutIface)), ("Application", Is(F::App)), ("app", Is(F::App)),
        ("SessionID", Is(F::Session)), ("DestinationUser", Is(F::DstUser)), ("ThreatID", Is(F::Signature)), ("Subtype", Is(F::Subtype)),
        ("SubType", Is(F::Subtype)), ("SourceLocation", Is(F::SrcCountry)), ("DestinationLocation", Is(F::DstCountry)),
        ("SessionEndReason", Is(F::Reason)), ("Direction", Is(F::Direction)), ("Miscellaneous", Key::Url), ("UserAgent", Is(F::UserAgent)),
        ("Referer", Is(F::Referer)), ("HTTPMethod", Is(F::HttpMethod)), ("PublicIPv4", Is(F::SrcIp)), ("EventStatus", Is(F::Outcome)),
        ("AuthMethod", Is(F::AuthMethod)), ("suser", Key::User), ("duser", Is(F::DstUser)), ("spt", Is(F::SrcPort)), ("dpt", Is(F::DstPort)),
        ("smac", Is(F::SrcMac)), ("dmac", Is(F::DstMac)), ("fname", Is(F::File)), ("desc", Is(F::Message)), ("userName", Key::User), ("username", Key::User),
        ("sourceAddress", Is(F::SrcIp)), ("destinationAddress", Is(F::DstIp)), ("protocol", Key::Proto), ("sourcePort", Is(F::SrcPort)), ("destinationPort", Is(F::DstPort)),
    ];
    Names::new(LIST)
});

#[derive(Default)]
struct Time {
    text: String,
}

impl Time {
    fn set(&self, event: &mut Event, line: &Line<'_>) {
        if !self.text.is_empty() {
            when::set(event, &self.text, line.context);
        }
    }
}

fn take(event: &mut Event, time: &mut Time, key: &str, value: &str) {
    let bare = value.trim_matches('"');
    if bare.is_empty() {
        return;
    }
    match KEYS.get(key) {
        None | Some(Key::Skip) => event.add_extra(key, bare),
        Some(_) if is_nothing(bare) => {}
        Some(Key::Is(Field::SrcIp)) => {
            let before = event.ip(Field::SrcIp);
            event.set_text(Field::SrcIp, bare);
            let now = Field::SrcIp.read(bare).and_then(|v| v.as_ip());
            if before.is_some() && now.is_some() && now != before && key == "src" {
                event.forgeable.insert(Field::SrcIp);
            }
        }
        Some(Key::Is(f)) => {
            event.set_text(f, bare);
        }
        Some(Key::User) => net::set_user(event, bare),
        Some(Key::Url) => net::set_url(event, bare),
        Some(Key::Proto) => net::set_proto(event, bare),
        Some(Key::Hash) => {
            event.add_extra(key, bare);
            net::set_hash(event, bare);
        }
        Some(Key::DevTime) => {
            event.add_extra(key, bare);
            if time.text.is_empty() {
                time.text.push_str(bare);
            }
        }
        Some(Key::Severity) => {
            event.set(Field::SourceSeverity, bare);
            event.severity = severity(bare);
        }
    }
}

/// 1 to 10.
fn severity(text: &str) -> Severity {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.get(..digits).and_then(|t| t.parse::<u8>().ok()) {
        Some(9..) => Severity::Critical,
        Some(7 | 8) => Severity::High,
        Some(4..=6) => Severity::Medium,
        Some(2 | 3) => Severity::Low,
        Some(_) => Severity::Info,
        None => net::severity_word(text).unwrap_or_default(),
    }
}

fn finish(event: &mut Event, header: &Header<'_>) {
    net::set_sums(event);
    if header.vendor == "Palo Alto Networks" {
        let kind = event.text(Field::Category).unwrap_or("").to_ascii_uppercase();
        let subtype = event.text(Field::Subtype).unwrap_or("").to_owned();
        if event.get(Field::Action).is_none() {
            event.set(Field::Action, header.event_id);
        }
        panos::judge(event, &|_| "", &kind, &subtype);
        if event.forgeable.has(Field::SrcIp) {
            event.evidence = Evidence::None;
        }
        return;
    }
    let said = format!("{} {} {}", header.event_id, event.text(Field::Category).unwrap_or(""), header.product);
    cef::guess(event, &said);
    if event.extra("isLoginEvent").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        event.class = Class::Authentication;
        event.activity = Activity::Open;
    } else if event.extra("isLogoutEvent").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        (event.class, event.activity, event.status) = (Class::Authentication, Activity::Close, Status::Success);
    }
    if event.forgeable.has(Field::SrcIp) {
        event.evidence = Evidence::None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_in_every_way() {
        let d = |v: &str, t: &'static str| Header::read(v, t).unwrap().delimiter;
        assert_eq!(d("2.0", "V|P|1|E|^|a=b^c=d"), Delimiter::Is("^"));
        assert_eq!(d("2.0", "V|P|1|E|x5E|a=b^c=d"), Delimiter::Char('^'));
        assert_eq!(d("2.0", "V|P|1|E|a=b\tc=d"), Delimiter::Char('\t'));
        assert_eq!(d("1.0", "V|P|1|E|a=b\tc=d"), Delimiter::Char('\t'));
        assert_eq!(d("1.0", "V|P|1|E|a=b|c=d|e=f"), Delimiter::Char('|'));
        assert_eq!(d("1.0", "V|P|1|E|a=b c^c=d e=f"), Delimiter::Char('^'));
        assert_eq!(d("1.0", "V|P|1|E|a=b c=d"), Delimiter::Spaces);
    }
}
