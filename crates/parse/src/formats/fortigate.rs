//! Fortinet FortiGate (FortiOS 4 to 7), `key=value` lines of every type: traffic, utm, event, and the older
//! app-ctrl, webfilter, virus … types of their own.
//!
//! Invariant: a quoted value is one value however many `key=` it holds, and the first `srcip` of a line is the one
//! that counts; a second, different one makes the address forgeable.

use std::borrow::Cow;
use std::sync::LazyLock;

use bongsu_event::{Activity, Class, Event, Evidence, Field, Severity, Status, Unread};

use crate::names::Names;
use crate::net::{self, is_nothing};
use crate::seek::Needle;
use crate::{Format, Line, kv, when};

/// Fortinet FortiGate.
pub struct Fortigate;

impl Format for Fortigate {
    fn name(&self) -> &'static str {
        "fortigate"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        if line.body.starts_with("CEF:") {
            return 0;
        }
        let head = line.body.as_bytes();
        let head = head.get(..HEAD_BYTES).unwrap_or(head);
        let has = |needle: Needle| needle.is_in(head);
        if has(LOG_COMPONENT) {
            // Sophos XG has a `device_id` and `log_subtype` too
            return 0;
        }
        // other Fortinet products write the same way: theirs goes before, ours is better than none
        let device = match device_id(head) {
            Some(d) if OURS.iter().any(|p| d.starts_with(p)) => 95,
            Some(d) if OTHERS.iter().any(|p| d.starts_with(p)) => 50,
            Some(_) => 70,
            None => 0,
        };
        match device {
            95 => 95,
            _ if !has(SUBTYPE) => {
                if has(DATE) && has(DESC) && has(MSG) {
                    40
                } else {
                    0
                }
            }
            50 => 50,
            _ if has(LOGID) || has(LOG_ID) => {
                if device > 0 {
                    85
                } else if has(VD) {
                    90
                } else {
                    70
                }
            }
            _ => device.min(60),
        }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let mut facts = Facts::default();
        let mut seen = 0;
        event.extra.reserve(EXTRA_ROOM);
        for (key, value) in kv::Pairs::new(line.body) {
            seen += 1;
            facts.take(event, key, value);
        }
        if seen < 3 {
            return Err(Unread::because("no key=value pairs of a FortiGate"));
        }
        facts.set_time(event, line);
        event.set(Field::Vendor, "Fortinet");
        event.set(Field::Product, "FortiGate");
        finish(event, &facts);
        Ok(())
    }
}

/// How the serial numbers of FortiGates begin, and those of other products.
const OURS: &[&[u8]] = &[b"FG", b"FW", b"FFW", b"FR", b"FOS"];
const OTHERS: &[&[u8]] = &[b"FV", b"FE", b"FPX", b"FAZ", b"FL", b"FMG", b"FSA", b"FAC", b"FCT", b"FAD", b"FDB"];
/// Vendor fields a line usually has.
const EXTRA_ROOM: usize = 24;
/// How much of a line is looked at to recognise it, bytes: `type=` stands behind the times and the device.
const HEAD_BYTES: usize = 420;

const DEVID: Needle = Needle::new(b"devid=");
const DEVICE_ID: Needle = Needle::new(b"device_id=");
const LOG_COMPONENT: Needle = Needle::new(b"log_component=");
const SUBTYPE: Needle = Needle::new(b"subtype=");
const DATE: Needle = Needle::new(b"date=");
const DESC: Needle = Needle::new(b" desc=");
const MSG: Needle = Needle::new(b" msg=");
const LOGID: Needle = Needle::new(b"logid=");
const LOG_ID: Needle = Needle::new(b"log_id=");
const VD: Needle = Needle::new(b"vd=");

fn device_id(head: &[u8]) -> Option<&[u8]> {
    let value = DEVID.find(head).map(|i| i + 6).or_else(|| DEVICE_ID.find(head).map(|i| i + 10))?;
    let value = head.get(value..)?;
    Some(value.strip_prefix(b"\"").unwrap_or(value))
}

/// What one FortiOS key is to us.
#[derive(Clone, Copy)]
enum Key {
    /// A column; placeholders like `N/A` leave it empty.
    Is(Field),
    /// A column, and the key kept under its own name too: its meaning is in the key.
    Also(Field),
    User,
    Url,
    Proto,
    Hash,
    Seconds,
    Date,
    Time,
    Tz,
    EventTime,
    Type,
    Subtype,
    EventType,
    Action,
    Status,
    Level,
    Severity,
    Reputation,
    LogId,
    LogDesc,
    RemoteIp,
    RemotePort,
    LocalIp,
    LocalPort,
    Ui,
    Method,
    TunnelType,
    Role,
    PolicyName,
    Service,
    CfgPath,
    DstHost,
    AnyIp,
}

static KEYS: LazyLock<Names<Key>> = LazyLock::new(|| {
    use Field as F;
    use Key::{Also, Is};
    #[rustfmt::skip]
    const LIST: &[(&str, Key)] = &[
        ("srcip", Is(F::SrcIp)), ("src", Is(F::SrcIp)), ("srcport", Is(F::SrcPort)), ("src_port", Is(F::SrcPort)),
        ("srcintf", Is(F::InIface)), ("src_int", Is(F::InIface)), ("srcname", Is(F::SrcHost)),
        ("src_name", Is(F::SrcHost)), ("srcmac", Is(F::SrcMac)), ("mac", Is(F::SrcMac)), ("stamac", Is(F::SrcMac)),
        ("srccountry", Is(F::SrcCountry)), ("src_country", Is(F::SrcCountry)), ("transip", Is(F::SrcNatIp)),
        ("tran_sip", Is(F::SrcNatIp)), ("transport", Is(F::SrcNatPort)), ("tran_sport", Is(F::SrcNatPort)),
        ("dstip", Is(F::DstIp)), ("dst", Is(F::DstIp)), ("dstport", Is(F::DstPort)), ("dst_port", Is(F::DstPort)),
        ("dstintf", Is(F::OutIface)), ("dst_int", Is(F::OutIface)), ("outintf", Is(F::OutIface)),
        ("dstname", Is(F::DstHost)), ("dst_name", Is(F::DstHost)), ("dst_host", Key::DstHost),
        ("dstmac", Is(F::DstMac)), ("dstcountry", Is(F::DstCountry)), ("dst_country", Is(F::DstCountry)),
        ("tranip", Is(F::DstNatIp)), ("tranport", Is(F::DstNatPort)), ("tran_dip", Is(F::DstNatIp)),
        ("tran_dport", Is(F::DstNatPort)), ("proto", Key::Proto), ("sessionid", Is(F::Session)),
        ("session_id", Is(F::Session)), ("SN", Is(F::Session)), ("serial", Is(F::Session)), ("duration", Key::Seconds),
        ("sentbyte", Is(F::BytesOut)), ("sent", Is(F::BytesOut)), ("rcvdbyte", Is(F::BytesIn)),
        ("rcvd", Is(F::BytesIn)), ("sentpkt", Is(F::PacketsOut)), ("sent_pkt", Is(F::PacketsOut)),
        ("rcvdpkt", Is(F::PacketsIn)), ("rcvd_pkt", Is(F::PacketsIn)), ("app", Is(F::App)), ("service", Key::Service),
        ("direction", Is(F::Direction)), ("dir", Is(F::Direction)), ("devname", Is(F::Host)), ("policyid", Is(F::RuleId)),
        ("policy_id", Is(F::RuleId)), ("policyname", Key::PolicyName), ("user", Key::User), ("xauthuser", Key::User),
        ("login", Key::User), ("unauthuser", Also(F::User)), ("dstuser", Is(F::DstUser)), ("group", Is(F::Group)),
        ("hostname", Is(F::Domain)), ("url", Key::Url), ("agent", Is(F::UserAgent)), ("useragent", Is(F::UserAgent)),
        ("referralurl", Is(F::Referer)), ("httpmethod", Is(F::HttpMethod)), ("filename", Is(F::File)),
        ("file", Is(F::File)), ("analyticscksum", Key::Hash), ("filehash", Key::Hash), ("checksum", Key::Hash),
        ("attack", Is(F::Signature)), ("attack_name", Is(F::Signature)), ("virus", Is(F::Signature)),
        ("attackid", Is(F::SignatureId)), ("attack_id", Is(F::SignatureId)), ("virusid", Is(F::SignatureId)),
        ("qname", Is(F::Domain)), ("qtype", Is(F::DnsType)), ("ipaddr", Is(F::DnsAnswer)), ("rcode", Is(F::DnsRcode)),
        ("from", Is(F::EmailFrom)), ("sender", Is(F::EmailFrom)), ("to", Is(F::EmailTo)),
        ("recipient", Is(F::EmailTo)), ("subject", Is(F::EmailSubject)), ("msg", Is(F::Message)),
        ("reason", Is(F::Reason)), ("date", Key::Date), ("time", Key::Time), ("tz", Key::Tz),
        ("eventtime", Key::EventTime), ("type", Key::Type), ("subtype", Key::Subtype), ("eventtype", Key::EventType),
        ("action", Key::Action), ("status", Key::Status), ("level", Key::Level), ("pri", Key::Level),
        ("severity", Key::Severity), ("crlevel", Key::Reputation), ("logid", Key::LogId), ("log_id", Key::LogId),
        ("logdesc", Key::LogDesc), ("desc", Key::LogDesc), ("remip", Key::RemoteIp), ("remote_ip", Key::RemoteIp),
        ("rem_ip", Key::RemoteIp), ("remport", Key::RemotePort), ("remote_port", Key::RemotePort),
        ("rem_port", Key::RemotePort), ("locip", Key::LocalIp), ("loc_ip", Key::LocalIp), ("locport", Key::LocalPort),
        ("loc_port", Key::LocalPort), ("ui", Key::Ui), ("userfrom", Key::Ui), ("interface", Is(F::InIface)), ("eventsubtype", Also(F::Reason)), ("method", Key::Method), ("tunneltype", Key::TunnelType),
        ("tunnel_type", Key::TunnelType), ("role", Key::Role), ("cfgpath", Key::CfgPath), ("cfgtid", Key::CfgPath),
        ("ip", Key::AnyIp), ("authproto", Key::Ui),
    ];
    Names::new(LIST)
});

/// What decides class, verdict and time, and is known only when the whole line is read.
#[derive(Default)]
pub(crate) struct Facts<'a> {
    kind: Cow<'a, str>,
    subtype: Cow<'a, str>,
    event_type: Cow<'a, str>,
    action: Cow<'a, str>,
    status: Cow<'a, str>,
    level: Cow<'a, str>,
    severity: Cow<'a, str>,
    /// How bad the client is thought to be; on every line it had a part in.
    reputation: Cow<'a, str>,
    log_id: Cow<'a, str>,
    log_desc: Cow<'a, str>,
    tunnel_type: Cow<'a, str>,
    role: Cow<'a, str>,
    remote: (Cow<'a, str>, Cow<'a, str>),
    local: (Cow<'a, str>, Cow<'a, str>),
    ui: Cow<'a, str>,
    method: Cow<'a, str>,
    date: Cow<'a, str>,
    time: Cow<'a, str>,
    zone: Cow<'a, str>,
    event_time: Cow<'a, str>,
    service: Cow<'a, str>,
    any_ip: Cow<'a, str>,
    config: bool,
    /// A second `srcip` said something else.
    second_source: bool,
}

impl<'a> Facts<'a> {
    /// Put one pair where it belongs.
    pub(crate) fn take(&mut self, event: &mut Event, key: &'a str, value: Cow<'a, str>) {
        let Some(known) = KEYS.get(key) else {
            if !value.is_empty() {
                event.add_extra(key, &value);
            }
            return;
        };
        let hold = match known {
            Key::Is(Field::SrcIp) => {
                let before = event.ip(Field::SrcIp);
                event.set_text(Field::SrcIp, &value);
                self.second_source |= before.is_some() && Field::SrcIp.read(&value).and_then(|v| v.as_ip()) != before;
                return;
            }
            Key::Is(f) => return set_some(event, f, &value),
            Key::Also(f) => {
                event.add_extra(key, &value);
                return set_some(event, f, &value);
            }
            Key::User if !is_nothing(&value) => return net::set_user(event, &value),
            Key::User => return,
            Key::Url => return net::set_url(event, &value),
            Key::Proto => return net::set_proto(event, &value),
            Key::Hash => {
                event.add_extra(key, &value);
                return net::set_hash(event, &value);
            }
            Key::Seconds => return net::set_seconds(event, &value),
            Key::PolicyName => return set_some(event, Field::Rule, &value),
            Key::CfgPath => {
                self.config = true;
                return event.add_extra(key, &value);
            }
            Key::DstHost => return set_some(event, Field::DstHost, &value),
            Key::Date => &mut self.date,
            Key::Time => &mut self.time,
            Key::Tz => &mut self.zone,
            // two meanings: nanoseconds, or (health checks) the kind of event
            Key::EventTime => &mut self.event_time,
            Key::Type => &mut self.kind,
            Key::Subtype => &mut self.subtype,
            Key::EventType => &mut self.event_type,
            Key::Action => &mut self.action,
            Key::Status => &mut self.status,
            Key::Level => &mut self.level,
            Key::Severity => &mut self.severity,
            Key::Reputation => &mut self.reputation,
            Key::LogId => &mut self.log_id,
            Key::LogDesc => &mut self.log_desc,
            Key::RemoteIp => &mut self.remote.0,
            Key::RemotePort => &mut self.remote.1,
            Key::LocalIp => &mut self.local.0,
            Key::LocalPort => &mut self.local.1,
            Key::Ui => &mut self.ui,
            Key::Method => &mut self.method,
            Key::TunnelType => &mut self.tunnel_type,
            Key::Role => &mut self.role,
            Key::Service => &mut self.service,
            Key::AnyIp => &mut self.any_ip,
        };
        if hold.is_empty() {
            *hold = value;
        } else {
            event.add_extra(key, &value);
        }
    }

    /// The type and subtype said elsewhere than in `type=`, as in the CEF form's `cat`.
    pub(crate) fn default_kind(&mut self, kind: &'a str, subtype: &'a str) {
        if self.kind.is_empty() {
            self.kind = Cow::Borrowed(kind);
        }
        if self.subtype.is_empty() {
            self.subtype = Cow::Borrowed(subtype);
        }
    }

    /// `date`, `time` and `tz` are the device's own clock; `eventtime` (s to ns since 1970) where they are missing.
    pub(crate) fn set_time(&self, event: &mut Event, line: &Line<'_>) {
        let clock = self.time.rsplit(' ').next().unwrap_or("");
        if !self.date.is_empty() && !clock.is_empty() {
            let mut text = String::with_capacity(32);
            for part in [&*self.date, " ", clock, &*self.zone] {
                text.push_str(part);
            }
            if when::set(event, &text, line.context) {
                return;
            }
        }
        when::set(event, &self.event_time, line.context);
    }
}

fn set_some(event: &mut Event, field: Field, value: &str) {
    if !is_nothing(value) {
        event.set_text(field, value);
    }
}

/// Class, verdict and what else follows from the whole line.
pub(crate) fn finish(event: &mut Event, facts: &Facts<'_>) {
    event.set_text(Field::EventCode, &facts.log_id);
    event.set_text(Field::Category, &facts.kind);
    event.set_text(Field::Subtype, &facts.subtype);
    event.set_text(Field::SourceSeverity, if facts.level.is_empty() { &facts.severity } else { &facts.level });
    event.set_text(Field::Signature, &facts.log_desc);
    let action =
        if facts.action.is_empty() && !facts.event_type.is_empty() { &facts.event_type } else { &facts.action };
    let action = if action.is_empty() && facts.kind == "traffic" { &facts.status } else { action };
    event.set_text(Field::Action, action);
    if !is_nothing(&facts.service) {
        event.set(Field::App, &*facts.service);
        event.add_extra("service", &facts.service);
    }
    for (name, value) in [
        ("eventtype", &facts.event_type),
        ("severity", &facts.severity),
        ("crlevel", &facts.reputation),
        ("ui", &facts.ui),
        ("method", &facts.method),
        ("tunneltype", &facts.tunnel_type),
        ("role", &facts.role),
        ("ip", &facts.any_ip),
    ] {
        if !value.is_empty() {
            event.add_extra(name, value);
        }
    }
    set_peers(event, facts);
    net::set_sums(event);
    if let Some(id) = event.text(Field::RuleId).map(str::to_owned) {
        event.set(Field::Rule, id.as_str());
    }
    event.severity = severity(facts);
    event.forgeable = event.forgeable.union(net::OUTSIDERS_TEXT);
    match &*facts.kind {
        "traffic" => traffic(event, facts),
        "event" => happening(event, facts),
        "utm" | "ips" | "virus" | "webfilter" | "app-ctrl" | "dlp" | "emailfilter" | "anomaly" | "voip" | "dns"
        | "ssh" | "ssl" | "waf" | "attack" | "content" | "cifs" | "icap" | "file-filter" | "sctp-filter"
        | "forti-switch" | "virtual-patch" | "ztna" | "gtp" => inspected(event, facts),
        _ => {
            event.class = if event.get(Field::SrcIp).is_some() && event.get(Field::DstIp).is_some() {
                Class::Network
            } else {
                Class::System
            };
            event.activity = activity(action);
        }
    }
    if facts.second_source {
        event.forgeable.insert(Field::SrcIp);
    }
    if event.forgeable.has(Field::SrcIp) {
        event.evidence = Evidence::None;
    }
}

/// Who is on the other side of a VPN or an administrator's session.
fn set_peers(event: &mut Event, facts: &Facts<'_>) {
    let ours = facts.role.eq_ignore_ascii_case("initiator");
    let (src, dst) = if ours { (&facts.local, &facts.remote) } else { (&facts.remote, &facts.local) };
    for (field, value) in
        [(Field::SrcIp, &src.0), (Field::SrcPort, &src.1), (Field::DstIp, &dst.0), (Field::DstPort, &dst.1)]
    {
        set_some(event, field, value);
    }
    if facts.subtype == "endpoint" {
        set_some(event, Field::SrcIp, &facts.any_ip);
    }
    // `ui="https(192.0.2.7)"`
    if let Some((way, rest)) = facts.ui.split_once('(') {
        if let Some(address) = rest.split_once(')').and_then(|(a, _)| Field::SrcIp.read(a)) {
            event.set(Field::SrcIp, address);
        }
        event.set(Field::AuthMethod, way);
    }
}

/// The attack's own severity goes before the level, which says how loud the line is.
fn severity(facts: &Facts<'_>) -> Severity {
    let said = if facts.severity.is_empty() && facts.kind != "traffic" { &facts.reputation } else { &facts.severity };
    if let Some(s) = net::severity_word(said) {
        return s;
    }
    match &*facts.level {
        "emergency" => Severity::Critical,
        "alert" | "critical" => Severity::High,
        "error" => Severity::Medium,
        "warning" => Severity::Low,
        _ => Severity::Info,
    }
}

fn activity(action: &str) -> Activity {
    match action {
        "accept" | "close" | "timeout" | "client-rst" | "server-rst" | "ip-conn" | "start" | "pass" | "passthrough"
        | "permit" | "allow" | "allowed" | "monitored" | "monitor" | "exempt" | "bypass" | "log-only"
        | "redirected" | "passed" | "dns" => Activity::Allow,
        "deny"
        | "denied"
        | "block"
        | "blocked"
        | "drop"
        | "dropped"
        | "reset"
        | "reset_client"
        | "reset_server"
        | "drop_session"
        | "clear_session"
        | "reject"
        | "rejected"
        | "quarantine"
        | "blocked_and_quarantined"
        | "violation" => Activity::Deny,
        "detected" | "detect" | "log" | "logged" => Activity::Detect,
        _ => Activity::Unknown,
    }
}

fn traffic(event: &mut Event, facts: &Facts<'_>) {
    let verdict = if facts.action.is_empty() { &*facts.status } else { &*facts.action };
    event.class = Class::Network;
    event.activity = activity(verdict);
    event.status = match event.activity {
        Activity::Allow => Status::Success,
        Activity::Deny => Status::Failure,
        _ => Status::Unknown,
    };
    // `close` is a session both ends finished; a reset or time-out may be a forged SYN and its answers
    if verdict == "close" && net::is_tcp(event) && net::both_ways(event) && packets_prove(event) {
        event.evidence = Evidence::Handshake;
    }
}

/// A handshake takes two packets from the source and one back, when packets are counted at all.
fn packets_prove(event: &Event) -> bool {
    event.int(Field::PacketsOut).is_none_or(|n| n >= 2) && event.int(Field::PacketsIn).is_none_or(|n| n >= 1)
}

fn inspected(event: &mut Event, facts: &Facts<'_>) {
    let what = if facts.kind == "utm" { &*facts.subtype } else { &*facts.kind };
    event.activity = activity(&facts.action);
    event.class = match what {
        "webfilter" | "web-content" => Class::Http,
        "dns" => Class::Dns,
        "emailfilter" | "spamfilter" => Class::Email,
        "ssh" => Class::Ssh,
        "app-ctrl" | "app-ctrl-all" | "voip" | "ssl" | "gtp" | "content" | "icap" | "cifs" | "ztna" => Class::Network,
        _ => Class::Finding,
    };
    event.status = match event.activity {
        Activity::Deny if event.class != Class::Finding => Status::Failure,
        Activity::Allow if event.class != Class::Finding => Status::Success,
        _ => Status::Unknown,
    };
    if event.class == Class::Dns && event.activity == Activity::Unknown {
        event.activity = Activity::Read;
    }
    if event.class == Class::Finding {
        if event.activity != Activity::Deny {
            event.activity = Activity::Detect;
        }
        if event.severity < Severity::Medium && facts.severity.is_empty() {
            event.severity = Severity::Medium;
        }
    }
    // these read a request, a mail or a file, which takes a connection; a packet signature alone does not
    let read_content = matches!(
        what,
        "webfilter" | "virus" | "dlp" | "emailfilter" | "ssh" | "ssl" | "waf" | "file-filter" | "icap" | "cifs"
    ) || (matches!(what, "ips" | "app-ctrl") && event.get(Field::Url).is_some());
    if read_content && net::is_tcp(event) {
        event.evidence = Evidence::Handshake;
    }
}

fn happening(event: &mut Event, facts: &Facts<'_>) {
    let action = facts.action.to_ascii_lowercase();
    let desc = facts.log_desc.to_ascii_lowercase();
    let login = Login::of(&action, &desc, &facts.subtype);
    match (&*facts.subtype, login) {
        ("rest-api", _) => {
            event.class = Class::Api;
            event.activity = Activity::Run;
            event.set_text(Field::HttpMethod, &facts.method);
            event.set_text(Field::HttpStatus, &facts.status);
            event.status = if facts.status.starts_with('2') { Status::Success } else { Status::Failure };
            return;
        }
        (_, Some(login)) => authentication(event, facts, login, &action, &desc),
        ("vpn", None) => tunnel(event, &action),
        _ if facts.config => {
            event.class = Class::Config;
            event.activity = match action.as_str() {
                "add" => Activity::Create,
                "delete" | "del" => Activity::Delete,
                _ => Activity::Update,
            };
            event.status = Status::Success;
        }
        _ if desc.contains("dhcp") => event.class = Class::Dhcp,
        _ => {
            event.class = if desc.contains("config") && (desc.contains("chang") || desc.contains("attribute")) {
                Class::Config
            } else {
                Class::System
            };
            event.activity = if event.class == Class::Config { Activity::Update } else { Activity::Unknown };
        }
    }
    if event.status == Status::Unknown {
        event.status = outcome(&facts.status).unwrap_or_default();
    }
    set_some(event, Field::Outcome, &facts.status);
}

fn outcome(status: &str) -> Option<Status> {
    Some(match status {
        "success" | "succeeded" | "logon" | "up" | "connected" | "authenticated" => Status::Success,
        "failed" | "failure" | "fail" | "error" | "deny" | "denied" | "timed_out" | "negotiate_error" => {
            Status::Failure
        }
        _ => return None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    In,
    Out,
}

impl Login {
    fn of(action: &str, desc: &str, subtype: &str) -> Option<Self> {
        Some(match action {
            "login" | "ssl-login-fail" | "auth-logon" | "fsso-logon" | "authentication" | "rsso-logon"
            | "ntlm-auth" | "ssl-web-pass" => Self::In,
            "tunnel-up" if desc.contains("ssl") => Self::In,
            "logout" | "auth-logout" | "fsso-logoff" | "rsso-logoff" | "auth-timeout" => Self::Out,
            _ if desc.contains("login") || desc.contains("admin authentication") => Self::In,
            _ if desc.contains("logout") || desc.contains("logged out") => Self::Out,
            _ if subtype == "user" && desc.contains("authentication") => {
                if desc.contains("log off") || desc.contains("logout") { Self::Out } else { Self::In }
            }
            _ => return None,
        })
    }
}

fn authentication(event: &mut Event, facts: &Facts<'_>, login: Login, action: &str, desc: &str) {
    event.class = Class::Authentication;
    event.activity = if login == Login::In { Activity::Open } else { Activity::Close };
    let failed =
        action.contains("fail") || desc.contains("fail") || desc.contains("disabled") || desc.contains("lockout");
    event.status = match outcome(&facts.status) {
        Some(s) => s,
        None if failed => Status::Failure,
        None => Status::Success,
    };
    set_some(event, Field::AuthMethod, if facts.method.is_empty() { &facts.tunnel_type } else { &facts.method });
    // the device spoke with this address itself: a console over TCP, or the VPN portal; a directory's word is none
    let way = facts.ui.split('(').next().unwrap_or("").to_ascii_lowercase();
    let console = matches!(way.as_str(), "https" | "http" | "ssh" | "gui" | "jsconsole" | "telnet");
    let portal = action.starts_with("ssl-") || (action == "tunnel-up" && facts.tunnel_type.starts_with("ssl"));
    let remote_console = desc.contains("ssh") || desc.contains("https") || matches!(&*facts.method, "https" | "ssh");
    if login == Login::In && (console || portal || remote_console) && event.get(Field::SrcIp).is_some() {
        event.evidence = Evidence::Handshake;
    }
}

fn tunnel(event: &mut Event, action: &str) {
    event.class = Class::Tunnel;
    event.activity = match action {
        "tunnel-up" | "ssl-new-con" | "phase2-up" | "install_sa" | "negotiate" => Activity::Open,
        "tunnel-down" | "phase2-down" | "delete_phase1_sa" | "delete_ipsec_sa" | "ssl-exit-error" => Activity::Close,
        "dpd" | "tunnel-stats" => Activity::Read,
        _ => Activity::Unknown,
    };
    if action.contains("fail") || action.contains("error") {
        event.status = Status::Failure;
    }
}
