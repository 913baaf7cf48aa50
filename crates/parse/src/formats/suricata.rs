//! Suricata: EVE JSON and `fast.log`.
//!
//! Invariant: EVE's own top-level names count, whatever a decoded payload below holds; a handshake is evident only of a
//! TCP flow that carried bytes both ways. Without one the address may be invented, but not by writing into the line: such
//! an event may propose a block and never make one.

use std::sync::LazyLock;

use bongsu_event::{Activity, Class, Event, Evidence, Field, Severity, Status, Unread};
use compact_str::CompactString;

use crate::json::{Scalar, walk};
use crate::names::Names;
use crate::seek::Needle;
use crate::{Format, Line, net, when};

/// Suricata.
pub struct Suricata;

/// How much of a line of `fast.log` is looked at to recognise it, bytes; of EVE all, as the order of its names is free.
const HEAD_BYTES: usize = 1024;
const EVENT_TYPE: Needle = Needle::new(b"\"event_type\"");
const FLOW_ID: Needle = Needle::new(b"\"flow_id\"");
const DEST_IP: Needle = Needle::new(b"\"dest_ip\"");
const DEST_PORT: Needle = Needle::new(b"\"dest_port\"");
const SRC_IP: Needle = Needle::new(b"\"src_ip\"");
const STATS: Needle = Needle::new(b"\"stats\"");
const ENGINE: Needle = Needle::new(b"\"engine\"");
const STARS: Needle = Needle::new(b"[**] [");
const ARROW: Needle = Needle::new(b" -> ");

impl Format for Suricata {
    fn name(&self) -> &'static str {
        "suricata"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        let body = line.body.trim_start();
        let bytes = body.as_bytes();
        let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
        if bytes.first() == Some(&b'{') {
            if !EVENT_TYPE.is_in(bytes) {
                return 0;
            }
            if FLOW_ID.is_in(bytes) && (DEST_IP.is_in(bytes) || DEST_PORT.is_in(bytes)) {
                return 95;
            }
            if DEST_IP.is_in(bytes) && SRC_IP.is_in(bytes) {
                return 80;
            }
            return if STATS.is_in(bytes) || ENGINE.is_in(bytes) { 60 } else { 0 };
        }
        if STARS.is_in(head) && ARROW.is_in(head) {
            return 88;
        }
        let tagged = line.header.as_ref().and_then(|h| h.app).is_some_and(|a| matches!(a, "suricata" | "snort"));
        if tagged && ARROW.is_in(head) && fast_ids(body).is_some() { 88 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        event.set(Field::Product, "Suricata");
        if line.body.trim_start().starts_with('{') { eve(event, line) } else { fast(event, line) }
    }
}

#[derive(Clone, Copy)]
enum Meaning {
    Is(Field),
    Time,
    Kind,
    Title,
    Length,
    Action,
    Severity,
    State,
    Status,
}

static NAMES: LazyLock<Names<Meaning>> = LazyLock::new(|| {
    use Field as F;
    use Meaning::{Action, Is, Kind, Length, Severity, State, Time, Title};
    Names::new(&[
        ("timestamp", Time),
        ("event_type", Kind),
        ("src_ip", Is(F::SrcIp)),
        ("src_port", Is(F::SrcPort)),
        ("dest_ip", Is(F::DstIp)),
        ("dest_port", Is(F::DstPort)),
        ("proto", Is(F::Proto)),
        ("app_proto", Is(F::App)),
        ("in_iface", Is(F::InIface)),
        ("flow_id", Is(F::Session)),
        ("host", Is(F::Host)),
        ("ether.src_mac", Is(F::SrcMac)),
        ("ether.dest_mac", Is(F::DstMac)),
        ("alert.signature", Title),
        ("alert.signature_id", Is(F::RuleId)),
        ("alert.category", Is(F::Category)),
        ("alert.action", Action),
        ("alert.severity", Severity),
        ("drop.reason", Is(F::Reason)),
        ("verdict.action", Action),
        ("http.hostname", Is(F::Domain)),
        ("http.url", Is(F::Url)),
        ("http.http_user_agent", Is(F::UserAgent)),
        ("http.http_refer", Is(F::Referer)),
        ("http.http_method", Is(F::HttpMethod)),
        ("http.protocol", Is(F::HttpVersion)),
        ("http.status", Meaning::Status),
        ("http.length", Length),
        ("http.http_content_type", Is(F::Subtype)),
        ("dns.rrname", Is(F::Domain)),
        ("dns.query.rrname", Is(F::Domain)),
        ("dns.queries.rrname", Is(F::Domain)),
        ("dns.rrtype", Is(F::DnsType)),
        ("dns.query.rrtype", Is(F::DnsType)),
        ("dns.queries.rrtype", Is(F::DnsType)),
        ("dns.rcode", Is(F::DnsRcode)),
        ("dns.rdata", Is(F::DnsAnswer)),
        ("dns.answers.rdata", Is(F::DnsAnswer)),
        ("tls.sni", Is(F::Domain)),
        ("ssh.client.software_version", Is(F::UserAgent)),
        ("fileinfo.filename", Is(F::File)),
        ("fileinfo.sha256", Is(F::Sha256)),
        ("fileinfo.sha1", Is(F::Sha1)),
        ("fileinfo.md5", Is(F::Md5)),
        ("files.filename", Is(F::File)),
        ("files.sha256", Is(F::Sha256)),
        ("smtp.mail_from", Is(F::EmailFrom)),
        ("smtp.rcpt_to", Is(F::EmailTo)),
        ("email.from", Is(F::EmailFrom)),
        ("email.to", Is(F::EmailTo)),
        ("email.subject", Is(F::EmailSubject)),
        ("flow.bytes_toserver", Is(F::BytesOut)),
        ("flow.bytes_toclient", Is(F::BytesIn)),
        ("flow.pkts_toserver", Is(F::PacketsOut)),
        ("flow.pkts_toclient", Is(F::PacketsIn)),
        ("netflow.bytes", Is(F::Bytes)),
        ("netflow.pkts", Is(F::Packets)),
        ("flow.state", State),
        ("flow.reason", Is(F::Reason)),
        ("flow.age", Is(F::Duration)),
        ("krb5.cname", Is(F::User)),
        ("rdp.cookie", Is(F::User)),
        ("smb.ntlmssp.user", Is(F::User)),
        ("smb.ntlmssp.domain", Is(F::UserDomain)),
        ("smb.filename", Is(F::File)),
        ("dhcp.assigned_ip", Is(F::SrcNatIp)),
        ("dhcp.client_mac", Is(F::SrcMac)),
        ("dhcp.hostname", Is(F::SrcHost)),
        ("anomaly.event", Is(F::Signature)),
        ("ftp.command", Is(F::Cmdline)),
        ("direction", Is(F::Direction)),
    ])
});

/// What must be known of the whole line before class and verdict can be told.
#[derive(Default)]
struct Facts {
    kind: CompactString,
    state: CompactString,
    action: CompactString,
    /// Bytes of the HTTP answer, where the flow's own are not told.
    length: Option<i64>,
}

fn eve(event: &mut Event, line: &Line<'_>) -> Result<(), Unread> {
    let mut facts = Facts::default();
    let (_, whole) = walk(line.body.trim_start(), &mut |path, value| take(event, line, &mut facts, path, value));
    if facts.kind.is_empty() || (!whole && event.get(Field::SrcIp).is_none()) {
        return Err(Unread::because("no whole EVE record"));
    }
    event.forgeable = net::OUTSIDERS_TEXT;
    event.forgeable.insert(Field::Reason);
    event.set(Field::EventCode, facts.kind.as_str());
    classify(event, &facts);
    if !matches!(facts.kind.as_str(), "alert" | "flow" | "netflow" | "drop" | "stats" | "fileinfo" | "anomaly") {
        event.set(Field::App, facts.kind.as_str());
    }
    net::set_sums(event);
    if let Some(length) = facts.length {
        event.set(Field::BytesIn, length);
    }
    if let Some(url) = event.text(Field::Url).map(CompactString::from) {
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        event.set(Field::UrlPath, path);
        event.set(Field::UrlQuery, query);
    }
    // flow events say the seconds of a flow
    if let Some(seconds) = event.int(Field::Duration) {
        event.replace(Field::Duration, seconds.saturating_mul(1000));
    }
    let answered = net::both_ways(event)
        || matches!(facts.state.as_str(), "established" | "closed")
        || event.get(Field::HttpStatus).is_some();
    if net::is_tcp(event) && answered {
        event.evidence = Evidence::Handshake;
    }
    Ok(())
}

fn take(event: &mut Event, line: &Line<'_>, facts: &mut Facts, path: &str, value: Scalar<'_>) {
    let Some(meaning) = NAMES.get(path) else {
        extra(event, path, value);
        return;
    };
    let number;
    let text = match value {
        Scalar::Text(text) => text,
        Scalar::Int(n) => {
            number = compact_str::format_compact!("{n}");
            number.as_str()
        }
        Scalar::Float(_) | Scalar::Bool(_) => return,
    };
    match meaning {
        Meaning::Time => {
            when::set(event, text, line.context);
        }
        Meaning::Kind => facts.kind = text.into(),
        Meaning::Title => {
            event.set(Field::Signature, text);
            event.set(Field::Rule, text);
        }
        Meaning::Length => facts.length = text.parse().ok(),
        Meaning::State => facts.state = text.into(),
        Meaning::Action => {
            facts.action = text.into();
            event.set(Field::Action, text);
        }
        Meaning::Severity => {
            event.set(Field::SourceSeverity, text);
            event.severity = match text {
                "1" => Severity::High,
                "2" => Severity::Medium,
                "3" => Severity::Low,
                _ => Severity::Info,
            };
        }
        Meaning::Status => {
            event.set_text(Field::HttpStatus, text);
        }
        Meaning::Is(Field::Proto) => net::set_proto(event, text),
        Meaning::Is(Field::Domain) => event.set(Field::Domain, text.trim_end_matches('.')),
        Meaning::Is(Field::HttpVersion) => event.set(Field::HttpVersion, text.trim_start_matches("HTTP/")),
        Meaning::Is(field @ (Field::EmailFrom | Field::EmailTo)) => {
            event.set(field, text.trim_start_matches('<').trim_end_matches('>'));
        }
        Meaning::Is(field) => {
            if event.get(field).is_none() {
                event.set_text(field, text);
            }
        }
    }
}

fn extra(event: &mut Event, path: &str, value: Scalar<'_>) {
    match value {
        // a dump of the payload is in the raw bytes already
        Scalar::Text(text) if text.len() <= 512 => event.add_extra(path, text),
        Scalar::Int(number) if !path.starts_with("stats.") => {
            event.add_extra(path, &compact_str::format_compact!("{number}"))
        }
        _ => {}
    }
}

fn classify(event: &mut Event, facts: &Facts) {
    (event.class, event.activity) = match facts.kind.as_str() {
        "alert" => (Class::Finding, Activity::Detect),
        "anomaly" => (Class::Finding, Activity::Detect),
        "drop" => (Class::Network, Activity::Deny),
        "http" | "http2" => (Class::Http, Activity::Read),
        "dns" | "mdns" => (Class::Dns, Activity::Read),
        "dhcp" => (Class::Dhcp, Activity::Open),
        "ssh" => (Class::Ssh, Activity::Open),
        "smtp" => (Class::Email, Activity::Open),
        "fileinfo" => (Class::File, Activity::Read),
        "flow" | "netflow" => (Class::Network, Activity::Close),
        "stats" | "engine" => (Class::Application, Activity::Unknown),
        _ => (Class::Network, Activity::Open),
    };
    if matches!(facts.action.as_str(), "blocked" | "drop" | "reject") {
        event.activity = Activity::Deny;
        event.status = Status::Failure;
    } else if facts.action == "allowed" {
        event.status = Status::Success;
    }
}

/// `01/02/2026-03:04:05.678901  [**] [1:2034567:1] TITLE [**] [Classification: …] [Priority: 2] {TCP} A:P -> B:Q`
fn fast(event: &mut Event, line: &Line<'_>) -> Result<(), Unread> {
    const NOT: Unread = Unread::because("no line of fast.log");
    let (ids, rest) = match line.body.split_once("[**] [") {
        Some((time, rest)) => {
            let time = time.trim().trim_end_matches("[Drop]").trim_end_matches("[wDrop]").trim();
            when::set(event, time, line.context);
            rest.split_once("] ").ok_or(NOT)?
        }
        // through syslog, without time and stars
        None => fast_ids(line.body.trim_start()).ok_or(NOT)?,
    };
    let mut ids = ids.split(':');
    let (generator, id, revision) = (ids.next().unwrap_or(""), ids.next().ok_or(NOT)?, ids.next().unwrap_or(""));
    event.set(Field::RuleId, id);
    event.add_extra("gid", generator);
    event.add_extra("rev", revision);
    let (title, rest) = rest
        .split_once(" [**]")
        .or_else(|| rest.find(" [Classification: ").or_else(|| rest.find(" [Priority: ")).map(|i| rest.split_at(i)))
        .or_else(|| rest.rfind(" {").map(|i| rest.split_at(i)))
        .ok_or(NOT)?;
    event.set(Field::Signature, title);
    event.set(Field::Rule, title);
    // from the end: everything behind the title is Suricata's own
    let (peers_before, dst) = rest.rsplit_once(" -> ").ok_or(NOT)?;
    let (labels, peer) = peers_before.rsplit_once("} ").ok_or(NOT)?;
    let (labels, proto) = labels.rsplit_once('{').ok_or(NOT)?;
    net::set_proto(event, proto);
    endpoint(event, Field::SrcIp, Field::SrcPort, peer);
    endpoint(event, Field::DstIp, Field::DstPort, dst.trim());
    if let Some((_, class)) = labels.split_once("[Classification: ") {
        event.set(Field::Category, class.split(']').next().unwrap_or(""));
    }
    if let Some((_, priority)) = labels.split_once("[Priority: ") {
        let priority = priority.split(']').next().unwrap_or("");
        event.set(Field::SourceSeverity, priority);
        event.severity = match priority {
            "1" => Severity::High,
            "2" => Severity::Medium,
            "3" => Severity::Low,
            _ => Severity::Info,
        };
    }
    let dropped = line.body.contains("[Drop]");
    event.class = Class::Finding;
    event.activity = if dropped { Activity::Deny } else { Activity::Detect };
    Ok(())
}

/// `[1:2034567:1] `: generator, signature and revision, and what follows.
fn fast_ids(body: &str) -> Option<(&str, &str)> {
    let (ids, rest) = body.strip_prefix("[Drop] ").unwrap_or(body).strip_prefix('[')?.split_once("] ")?;
    let fits = ids.split(':').count() == 3 && ids.bytes().all(|b| b.is_ascii_digit() || b == b':');
    fits.then_some((ids, rest))
}

fn endpoint(event: &mut Event, ip: Field, port: Field, text: &str) {
    if let Some(address) = ip.read(text) {
        event.set(ip, address);
    } else if let Some((address, number)) = text.rsplit_once(':') {
        event.set_text(ip, address);
        event.set_text(port, number);
    }
}
