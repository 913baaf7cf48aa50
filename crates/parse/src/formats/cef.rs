//! ArcSight Common Event Format of any vendor: `CEF:0|Vendor|Product|Version|Class|Name|Severity|key=value …`.
//!
//! Invariant: a key starts at a space and its value runs to the next key, as the format says; values that break its
//! rule (an unescaped `=` inside free text) cannot overwrite what an earlier key said, and a second, different
//! source address makes the address forgeable.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use bongsu_event::{Activity, Class, Event, Evidence, Field, FieldKind, Severity, Status, TimeFrom, Unread};
use memchr::memchr_iter;

use super::{fortigate, panos};
use crate::names::Names;
use crate::net::{self, is_nothing};
use crate::seek::Needle;
use crate::{Format, Line, when};

/// ArcSight Common Event Format.
pub struct Cef;

impl Format for Cef {
    fn name(&self) -> &'static str {
        "cef"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        // vendors who have a parser of their own for their CEF go before
        if start_of(line.body).or_else(|| start_of(line.text)).is_some() { 80 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let text = start_of(line.body).or_else(|| start_of(line.text)).ok_or(Unread::because("no CEF header"))?;
        let header = Header::read(text).ok_or(Unread::because("the CEF header has fewer than seven fields"))?;
        let pairs = pairs(header.extension);
        event.set(Field::Vendor, header.vendor.as_ref());
        event.set(Field::Product, header.product.as_ref());
        event.forgeable = net::OUTSIDERS_TEXT;
        if header.vendor == "Fortinet" && header.product.to_ascii_lowercase().starts_with("fortigate") {
            return fortinet(event, line, &header, &pairs);
        }
        write(event, &pairs);
        set_time(event, line, &pairs, &header);
        finish(event, &header, &pairs);
        named_device(event, line, value_of(&pairs, "dvc"));
        Ok(())
    }
}

/// A name where the device's address should be, unless the line says its host better.
pub(crate) fn named_device(event: &mut Event, line: &Line<'_>, name: &str) {
    let told = line.header.as_ref().is_some_and(|h| h.host.is_some());
    if !told && !is_nothing(name) && Field::HostIp.read(name).is_none() {
        event.set(Field::Host, name);
    }
}

const MARK: Needle = Needle::new(b"CEF:");

/// `CEF:0|`, also with the space some senders put in; the text behind it.
fn start_of(text: &str) -> Option<&str> {
    let at = MARK.find(text.as_bytes())?;
    let rest = text.get(at + 4..)?.trim_start_matches(' ');
    let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    (digits > 0 && rest.as_bytes().get(digits) == Some(&b'|')).then(|| rest.get(digits + 1..)).flatten()
}

/// The seven fields before the extension, the version left out.
pub(crate) struct Header<'a> {
    pub(crate) vendor: Cow<'a, str>,
    pub(crate) product: Cow<'a, str>,
    version: Cow<'a, str>,
    /// Device event class, or the signature.
    class: Cow<'a, str>,
    name: Cow<'a, str>,
    severity: Cow<'a, str>,
    extension: &'a str,
}

impl<'a> Header<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut rest = text;
        let mut field = || {
            let bytes = rest.as_bytes();
            let mut from = 0;
            let end = loop {
                let i = memchr::memchr2(b'|', b'\\', bytes.get(from..)?)? + from;
                if bytes.get(i) == Some(&b'|') {
                    break i;
                }
                from = i + 2;
            };
            let value = rest.get(..end)?;
            rest = rest.get(end + 1..)?;
            Some(unescape(value.trim()))
        };
        let (vendor, product, version, class, name) = (field()?, field()?, field()?, field()?, field()?);
        // a header without an extension may leave the last bar out
        let (severity, extension) = match field() {
            Some(s) => (s, rest),
            None => (Cow::Borrowed(rest.trim()), ""),
        };
        Some(Self { vendor, product, version, class, name, severity, extension })
    }
}

/// `\=`, `\|`, `\\`, `\n`, `\r`.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(n @ ('=' | '|' | '\\'))) => {
                plain.push(n);
                chars.next();
            }
            ('\\', Some('n' | 'r')) => {
                plain.push('\n');
                chars.next();
            }
            _ => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// Vendor fields a line usually has.
const EXTRA_ROOM: usize = 24;
/// Most pairs read of one line; the rest stay in the raw bytes.
const PAIRS_MAX: usize = 512;

/// The pairs of an extension, values as written.
pub(crate) fn pairs(text: &str) -> Vec<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(48);
    let mut open: Option<(&str, usize)> = None;
    let mut quoted_to = 0;
    for equals in memchr_iter(b'=', bytes) {
        if equals < quoted_to || pairs.len() >= PAIRS_MAX {
            continue;
        }
        let key_bytes = bytes.get(..equals).map_or(0, |b| b.iter().rev().take_while(|b| is_key_byte(**b)).count());
        let start = equals - key_bytes;
        let fresh = start == 0 || bytes.get(start - 1).is_some_and(|b| matches!(b, b' ' | b'\t' | b'|'));
        if key_bytes == 0 || !fresh {
            continue;
        }
        if let Some((key, from)) = open {
            pairs.push((key, text.get(from..start).unwrap_or("").trim_end()));
        }
        open = text.get(start..equals).map(|key| (key, equals + 1));
        quoted_to = quote_end(text, equals + 1);
    }
    if let Some((key, from)) = open {
        pairs.push((key, text.get(from..).unwrap_or("").trim_end()));
    }
    pairs
}

fn is_key_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'[' | b']')
}

/// A value in quotes holds no keys; where it ends, or 0.
fn quote_end(text: &str, from: usize) -> usize {
    let Some(rest) = text.get(from..).filter(|r| r.starts_with('"')) else { return 0 };
    let bytes = rest.as_bytes();
    let mut at = 1;
    while let Some(i) = bytes.get(at..).and_then(|b| memchr::memchr(b'"', b)).map(|i| i + at) {
        let escaped = bytes.get(i - 1) == Some(&b'\\');
        if !escaped && bytes.get(i + 1).is_none_or(|b| *b == b' ') {
            return from + i;
        }
        at = i + 1;
    }
    0
}

/// What a CEF key is to us.
#[derive(Clone, Copy)]
enum Key {
    Is(Field),
    Also(Field),
    User,
    TargetUser,
    Url,
    Proto,
    Hash,
    Direction,
    Seconds,
    /// Read elsewhere.
    Skip,
}

static KEYS: LazyLock<Names<Key>> = LazyLock::new(|| {
    use Field as F;
    use Key::{Also, Is};
    #[rustfmt::skip]
    const LIST: &[(&str, Key)] = &[
        ("src", Is(F::SrcIp)), ("sourceAddress", Is(F::SrcIp)), ("dst", Is(F::DstIp)), ("destinationAddress", Is(F::DstIp)),
        ("spt", Is(F::SrcPort)), ("sourcePort", Is(F::SrcPort)), ("dpt", Is(F::DstPort)), ("destinationPort", Is(F::DstPort)),
        ("shost", Is(F::SrcHost)), ("sourceHostName", Is(F::SrcHost)), ("dhost", Is(F::DstHost)),
        ("destinationHostName", Is(F::DstHost)), ("smac", Is(F::SrcMac)), ("dmac", Is(F::DstMac)),
        ("sourceMacAddress", Is(F::SrcMac)), ("destinationMacAddress", Is(F::DstMac)),
        ("sourceTranslatedAddress", Is(F::SrcNatIp)), ("sourceTranslatedPort", Is(F::SrcNatPort)),
        ("destinationTranslatedAddress", Is(F::DstNatIp)), ("destinationTranslatedPort", Is(F::DstNatPort)),
        ("suser", Key::User), ("sourceUserName", Key::User), ("duser", Key::TargetUser), ("destinationUserName", Key::TargetUser),
        ("user", Key::User), ("usrName", Key::User), ("sntdom", Is(F::UserDomain)), ("sourceNtDomain", Is(F::UserDomain)), ("proto", Key::Proto),
        ("transportProtocol", Key::Proto), ("app", Is(F::App)), ("applicationProtocol", Is(F::App)), ("act", Is(F::Action)),
        ("deviceAction", Is(F::Action)), ("in", Is(F::BytesIn)), ("bytesIn", Is(F::BytesIn)), ("out", Is(F::BytesOut)),
        ("bytesOut", Is(F::BytesOut)), ("request", Key::Url), ("requestURL", Key::Url), ("requestUrl", Key::Url),
        ("requestMethod", Is(F::HttpMethod)), ("method", Is(F::HttpMethod)), ("requestClientApplication", Is(F::UserAgent)),
        ("requestContext", Is(F::Referer)), ("fname", Is(F::File)), ("fileName", Is(F::File)), ("filePath", Is(F::File)),
        ("fileHash", Key::Hash), ("oldFileHash", Key::Hash), ("fileHashSha256", Key::Hash), ("dvc", Is(F::HostIp)),
        ("deviceAddress", Is(F::HostIp)), ("dvchost", Is(F::Host)), ("deviceHostName", Is(F::Host)),
        ("deviceInboundInterface", Is(F::InIface)), ("deviceOutboundInterface", Is(F::OutIface)),
        ("cat", Is(F::Category)), ("deviceEventCategory", Is(F::Category)), ("CAT", Is(F::Category)), ("outcome", Is(F::Outcome)),
        ("eventOutcome", Is(F::Outcome)), ("reason", Is(F::Reason)), ("msg", Is(F::Message)), ("message", Is(F::Message)),
        ("deviceDirection", Key::Direction), ("sproc", Is(F::Process)), ("sourceProcessName", Is(F::Process)),
        ("deviceProcessName", Is(F::Process)), ("dproc", Is(F::Process)), ("destinationProcessName", Is(F::Process)),
        ("spid", Is(F::Pid)), ("dvcpid", Is(F::Pid)), ("deviceProcessId", Is(F::Pid)), ("dpid", Is(F::Pid)),
        ("destinationDnsDomain", Is(F::Domain)), ("sourceDnsDomain", Is(F::SrcDomain)), ("qtype", Is(F::DnsType)),
        ("fqdn", Is(F::Domain)), ("deviceFacility", Is(F::SyslogFacility)), ("sourceZone", Is(F::InZone)),
        ("destinationZone", Is(F::OutZone)), ("sessionid", Is(F::Session)), ("externalId", Also(F::Session)),
        ("PanOSSourceUserName", Key::User), ("PanOSAuthenticatedUserName", Key::User), ("PanOSAuthenticatedUserDomain", Is(F::UserDomain)),
        ("PanOSRuleMatched", Is(F::Rule)), ("PanOSThreatID", Is(F::Signature)), ("PanOSFromZone", Is(F::InZone)), ("PanOSToZone", Is(F::OutZone)),
        ("PanOSPublicIPv4", Is(F::SrcIp)), ("PanOSEventStatus", Is(F::Outcome)), ("PanOSEventResult", Is(F::Outcome)),
        ("PanOSPacketsReceived", Is(F::PacketsIn)), ("PanOSPacketsSent", Is(F::PacketsOut)), ("PanOSBytes", Is(F::Bytes)),
        ("PanOSReferer", Is(F::Referer)), ("PanOSUserAgent", Is(F::UserAgent)), ("PanOSSessionEndReason", Is(F::Reason)),
        ("PanOSSessionDuration", Key::Seconds), ("PanOSDirectionOfAttack", Is(F::Direction)), ("PanOSRuleUUID", Is(F::RuleId)),
        ("PanOSSourceLocation", Is(F::SrcCountry)), ("PanOSDestinationLocation", Is(F::DstCountry)), ("PanOSSourceDeviceMac", Is(F::SrcMac)),
        ("PanOSDestinationDeviceMac", Is(F::DstMac)), ("PanOSFileHash", Key::Hash), ("PanOSAuthMethod", Is(F::AuthMethod)),
        ("rt", Key::Skip), ("start", Key::Skip), ("end", Key::Skip), ("deviceReceiptTime", Key::Skip),
    ];
    Names::new(LIST)
});

/// What a custom field is, by the label the sender gave it (compared without case, spaces and underscores).
fn by_label(label: &str) -> Option<Field> {
    let plain: String = label.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect();
    Some(match plain.as_str() {
        "rule" | "rulename" | "policy" | "policyname" | "securityrule" => Field::Rule,
        "ruleid" | "policyid" => Field::RuleId,
        "sourcezone" | "fromzone" => Field::InZone,
        "destinationzone" | "tozone" => Field::OutZone,
        "sourceipv6address" | "deviceipv6source" => Field::SrcIp,
        "destinationipv6address" => Field::DstIp,
        "sessionid" => Field::Session,
        "threatname" | "virusname" | "malwarename" | "attackname" | "signaturename" => Field::Signature,
        "signatureid" | "attackid" | "threatid" => Field::SignatureId,
        "sha256" | "filehashsha256" => Field::Sha256,
        "sha1" => Field::Sha1,
        "md5" => Field::Md5,
        "urlcategory" | "threatcategory" => Field::Subtype,
        "useragent" => Field::UserAgent,
        "httpheaderrequesturlmethod" => Field::HttpMethod,
        "authmethod" => Field::AuthMethod,
        "protocolversion" => Field::HttpVersion,
        _ => return None,
    })
}

/// `cs1`, `cn2`, `c6a3`, `flexString1`, `deviceCustomDate1`, `cfp1`: fields that carry a label of their own.
fn is_custom(key: &str) -> bool {
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    stem.len() < key.len()
        && matches!(
            stem,
            "cs" | "cn"
                | "cfp"
                | "c6a"
                | "flexString"
                | "flexNumber"
                | "flexDate"
                | "deviceCustomDate"
                | "deviceCustomString"
                | "deviceCustomNumber"
        )
}

fn plain(value: &str) -> Cow<'_, str> {
    let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    unescape(bare)
}

fn write(event: &mut Event, pairs: &[(&str, &str)]) {
    event.extra.reserve(EXTRA_ROOM);
    for (i, (key, value)) in pairs.iter().enumerate() {
        let value = plain(value);
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        let Some(known) = KEYS.get(key) else {
            write_own(event, pairs, i, value);
            continue;
        };
        if is_nothing(value) {
            continue;
        }
        match known {
            Key::Is(Field::SrcIp) => source(event, value),
            Key::Is(f) => put(event, f, value),
            Key::Also(f) => {
                put(event, f, value);
                event.add_extra(key, value);
            }
            Key::User => net::set_user(event, value),
            Key::TargetUser => put(event, Field::DstUser, value),
            Key::Url => net::set_url(event, value),
            Key::Proto => net::set_proto(event, value),
            Key::Hash => {
                event.add_extra(key, value);
                net::set_hash(event, value);
            }
            Key::Seconds => net::set_seconds(event, value),
            Key::Direction => put(
                event,
                Field::Direction,
                match value {
                    "0" => "inbound",
                    "1" => "outbound",
                    v => v,
                },
            ),
            Key::Skip => event.add_extra(key, value),
        }
    }
}

/// A number or address column takes nothing else; text that does not fit stays under the sender's name.
fn put(event: &mut Event, field: Field, value: &str) {
    match field.kind() {
        FieldKind::Int => {
            // `1234.0`
            event.set_text(field, value.strip_suffix(".0").unwrap_or(value));
        }
        _ => {
            event.set_text(field, value);
        }
    }
}

fn source(event: &mut Event, value: &str) {
    let before = event.ip(Field::SrcIp);
    event.set_text(Field::SrcIp, value);
    let now = Field::SrcIp.read(value).and_then(|v| v.as_ip());
    if before.is_some() && now.is_some() && before != now {
        event.forgeable.insert(Field::SrcIp);
    }
}

fn write_own(event: &mut Event, pairs: &[(&str, &str)], at: usize, value: &str) {
    let Some((key, _)) = pairs.get(at) else { return };
    if key.strip_suffix("Label").is_some_and(is_custom) {
        return;
    }
    if !is_custom(key) {
        return event.add_extra(key, value);
    }
    // the label stands next to its field, as a rule
    let near = [at.wrapping_sub(1), at + 1].into_iter().filter_map(|i| pairs.get(i));
    let label = near
        .chain(pairs)
        .find(|(k, _)| k.len() == key.len() + 5 && k.starts_with(key) && k.ends_with("Label"))
        .map(|(_, l)| plain(l))
        .filter(|l| !l.trim().is_empty());
    match label {
        Some(label) => {
            event.add_extra(label.trim(), value);
            if let Some(f) = by_label(&label).filter(|_| !is_nothing(value)) {
                event.set_text(f, value);
            }
        }
        None => event.add_extra(key, value),
    }
}

fn value_of<'a>(pairs: &[(&'a str, &'a str)], key: &str) -> &'a str {
    pairs.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| *v)
}

/// When the device had it; else what the header says, else when it ended. Palo Alto's cloud writes there when the cloud had it, and `start` when it was.
fn set_time(event: &mut Event, line: &Line<'_>, pairs: &[(&str, &str)], header: &Header<'_>) {
    let order: &[&str] = if header.vendor == "Palo Alto Networks" {
        &["start", "rt", "end"]
    } else {
        &["rt", "deviceReceiptTime", "UNIFIutcTime", "CtdTimeGenerated"]
    };
    let spans: &[&str] =
        if event.time_from == TimeFrom::Header { &[] } else { &["end", "start", "endTime", "startTime"] };
    for key in order.iter().chain(spans) {
        let value = plain(value_of(pairs, key));
        let value = value.trim();
        // templates that were never filled in
        if value.len() >= 8 && value.bytes().any(|b| b.is_ascii_digit()) && when::set(event, value, line.context) {
            return;
        }
    }
}

fn finish(event: &mut Event, header: &Header<'_>, pairs: &[(&str, &str)]) {
    event.set(Field::EventCode, header.class.as_ref());
    event.set(Field::Rule, header.name.as_ref());
    event.set(Field::SourceSeverity, header.severity.as_ref());
    if !header.version.is_empty() {
        event.add_extra("deviceVersion", &header.version);
    }
    event.severity = severity(&header.severity);
    // a login's only name stands as the target
    if let Some(user) = event.text(Field::DstUser).map(str::to_owned).filter(|_| event.get(Field::User).is_none()) {
        net::set_user(event, &user);
        event.set(Field::UserDomain, value_of(pairs, "dntdom"));
    }
    net::set_sums(event);
    if header.vendor == "Palo Alto Networks" {
        // PAN-OS puts the type in the name; the cloud's forwarder in the class
        let (kind, subtype) =
            if header.name.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') && !header.name.is_empty() {
                (&header.name, &header.class)
            } else {
                (&header.class, &header.name)
            };
        event.set(Field::Subtype, subtype.as_ref());
        panos::judge(event, &|name| if name == "misc" { value_of(pairs, "request") } else { "" }, kind, subtype);
        if event.forgeable.has(Field::SrcIp) {
            event.evidence = Evidence::None;
        }
        return;
    }
    judge(event, header);
    if value_of(pairs, "ESAMID").is_empty() {
        return;
    }
    // Cisco's mail gateway writes senders as users and the subject as message
    event.class = Class::Email;
    for (field, key) in [
        (Field::EmailFrom, "suser"),
        (Field::EmailTo, "duser"),
        (Field::EmailSubject, "msg"),
        (Field::SrcDomain, "shost"),
        (Field::SrcDomain, "sourceHostName"),
        (Field::SrcDomain, "ESAHeloDomain"),
        (Field::SrcIp, "ESAHeloIP"),
    ] {
        event.set_text(field, plain(value_of(pairs, key)).trim_matches('\''));
    }
}

/// 0 to 10, or a word.
fn severity(text: &str) -> Severity {
    match text.trim().parse::<f32>() {
        Ok(n) if n >= 9.0 => Severity::Critical,
        Ok(n) if n >= 7.0 => Severity::High,
        Ok(n) if n >= 4.0 => Severity::Medium,
        Ok(n) if n >= 2.0 => Severity::Low,
        Ok(_) => Severity::Info,
        Err(_) => net::severity_word(text.trim()).unwrap_or_default(),
    }
}

/// What a sender we have no table for most likely means, by its own words.
pub(crate) fn judge(event: &mut Event, header: &Header<'_>) {
    let said = format!(
        "{} {} {} {}",
        header.class,
        header.name,
        event.text(Field::Category).unwrap_or(""),
        event.text(Field::Subtype).unwrap_or("")
    );
    guess(event, &said);
}

/// Words that tell what a sender means, and what they tell.
#[rustfmt::skip]
const WORDS: &[(u8, &[&str])] = &[
    (LOGIN, &["login", "logon", "log on", "signed in", "sign in", "authentication", "logged in"]),
    (LOGOUT, &["logout", "logoff", "logged out", "signed out", "log off"]),
    (THREAT, &[
        "threat", "attack", "intrusion", "malware", "virus", "exploit", "trojan", "ransom", "phish", "spyware", "botnet",
        "injection", "appfw", "waf", "detected", "signature", "violation", "vulnerab", "blacklist", "ids", "ips", "rpz",
        "scan", "flood", "ddos", "suspicious", "anomal", "dlp", "blocked host",
    ]),
    (CONFIG, &["config"]),
    (CHANGE, &["chang", "modif"]),
    (FAIL, &["fail", "denied", "invalid"]),
];
const LOGIN: u8 = 1;
const LOGOUT: u8 = 2;
const THREAT: u8 = 4;
const CONFIG: u8 = 8;
const CHANGE: u8 = 16;
const FAIL: u8 = 32;

/// All words in one pass, and the meaning of each.
static SAYS: LazyLock<(Option<AhoCorasick>, Vec<u8>)> = LazyLock::new(|| {
    let words = || WORDS.iter().flat_map(|(_, w)| w.iter());
    let meanings = WORDS.iter().flat_map(|(m, w)| w.iter().map(|_| *m)).collect();
    (AhoCorasick::builder().ascii_case_insensitive(true).build(words()).ok(), meanings)
});

fn meanings(said: &str) -> u8 {
    let (words, meanings) = &*SAYS;
    words
        .iter()
        .flat_map(|w| w.find_overlapping_iter(said))
        .fold(0, |all, hit| all | meanings.get(hit.pattern().as_usize()).copied().unwrap_or(0))
}

/// Class, verdict and proof from words, for CEF and LEEF of unknown senders.
pub(crate) fn guess(event: &mut Event, said: &str) {
    let meaning = meanings(said);
    let has = |what: u8| meaning & what != 0;
    let action = event.text(Field::Action).unwrap_or("").to_ascii_lowercase();
    let outcome = event.text(Field::Outcome).unwrap_or("").to_ascii_lowercase();
    let denied = !action.contains("not blocked")
        && ["block", "deny", "denied", "drop", "reject", "reset", "prevent", "quarantin"]
            .iter()
            .any(|w| action.contains(w));
    let allowed = ["allow", "accept", "pass", "permit", "not blocked"].iter().any(|w| action.contains(w));
    event.class = if has(LOGOUT) || (has(LOGIN) && event.get(Field::User).is_some()) {
        Class::Authentication
    } else if has(THREAT) {
        Class::Finding
    } else if has(CONFIG) && has(CHANGE) {
        Class::Config
    } else if event.get(Field::Url).is_some() || event.get(Field::HttpMethod).is_some() {
        Class::Http
    } else if event.get(Field::DnsType).is_some() {
        Class::Dns
    } else if event.get(Field::EmailFrom).is_some() || event.get(Field::EmailTo).is_some() {
        Class::Email
    } else if event.get(Field::SrcIp).is_some() && event.get(Field::DstIp).is_some() {
        Class::Network
    } else {
        Class::System
    };
    event.activity = match event.class {
        Class::Authentication if has(LOGOUT) => Activity::Close,
        Class::Authentication => Activity::Open,
        Class::Config => Activity::Update,
        _ if denied => Activity::Deny,
        Class::Finding => Activity::Detect,
        _ if allowed => Activity::Allow,
        _ => Activity::Unknown,
    };
    let failed = has(FAIL) || outcome.contains("fail") || outcome == "false";
    event.status = match event.class {
        Class::Authentication if failed => Status::Failure,
        Class::Authentication => Status::Success,
        Class::Finding => Status::Unknown,
        _ if denied || outcome.contains("fail") => Status::Failure,
        _ if allowed || outcome.contains("success") => Status::Success,
        _ => Status::Unknown,
    };
    if let Some(name) = event.text(Field::Rule).map(str::to_owned).filter(|_| event.class == Class::Finding) {
        event.set(Field::Signature, name.as_str());
        let id = event.text(Field::EventCode).unwrap_or("").to_owned();
        event.set(Field::SignatureId, id.as_str());
    }
    // a status code means the server answered a request; a login took a conversation
    if event.class == Class::Http && outcome.len() == 3 && outcome.bytes().all(|b| b.is_ascii_digit()) {
        event.set_text(Field::HttpStatus, &outcome);
        event.evidence = Evidence::Handshake;
    }
    if event.forgeable.has(Field::SrcIp) {
        event.evidence = Evidence::None;
    }
}

/// FortiGate in CEF: its own keys, most with `FTNTFGT` before them, `cat=traffic:forward`.
fn fortinet(event: &mut Event, line: &Line<'_>, header: &Header<'_>, pairs: &[(&str, &str)]) -> Result<(), Unread> {
    let mut facts = fortigate::Facts::default();
    let mut common = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        match key.strip_prefix("FTNTFGT") {
            Some(own) => facts.take(event, own, plain(value)),
            None => common.push((*key, *value)),
        }
    }
    write(event, &common);
    let cat = value_of(pairs, "cat");
    let (kind, subtype) = cat.split_once(':').unwrap_or((cat, ""));
    facts.default_kind(kind, subtype.split(' ').next().unwrap_or(""));
    facts.take(event, "action", Cow::Borrowed(value_of(pairs, "act")));
    facts.take(event, "logid", Cow::Owned(header.class.to_string()));
    facts.set_time(event, line);
    if event.time_from == TimeFrom::Receipt {
        set_time(event, line, pairs, header);
    }
    if event.text(Field::DstUser).is_some() && event.get(Field::User).is_none() {
        net::set_user(event, &plain(value_of(pairs, "duser")));
    }
    fortigate::finish(event, &facts);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_start_at_spaces_only() {
        let p = pairs("request=http://x.example/?a=b&c=d src=192.0.2.1 msg=one two\\=three act=");
        assert_eq!(
            p,
            [("request", "http://x.example/?a=b&c=d"), ("src", "192.0.2.1"), ("msg", "one two\\=three"), ("act", "")]
        );
    }

    #[test]
    fn a_quoted_value_holds_no_keys() {
        let p = pairs("msg=\"a src=192.0.2.66 b\" src=192.0.2.1");
        assert_eq!(p, [("msg", "\"a src=192.0.2.66 b\""), ("src", "192.0.2.1")]);
    }

    #[test]
    fn headers_with_escapes() {
        let h = Header::read("A\\|B|C|1|2|n \\\\ m|5|k=v").unwrap();
        assert_eq!((h.vendor.as_ref(), h.name.as_ref(), h.extension), ("A|B", "n \\ m", "k=v"));
    }
}
