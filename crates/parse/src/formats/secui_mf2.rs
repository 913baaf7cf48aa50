//! SECUI MF2 (syslog format V2.0): `[fw4_allow] [192.0.2.1] 2026-01-02 03:04:05,…` in CSV, TSV or WELF (`name=value`).
//!
//! Invariant: a comma with a space behind it is text, not a cut; of several known orders of a type the one is taken
//! whose addresses and numbers stand where the line has addresses and numbers.

mod orders;

use bongsu_event::{Activity, Class, Event, Evidence, Field, FieldKind, Severity, Status, Unread};
use memchr::memchr_iter;

use crate::net::{self, is_nothing};
use crate::{Format, Line, kv, when};

/// SECUI MF2.
pub struct SecuiMf2;

impl Format for SecuiMf2 {
    fn name(&self) -> &'static str {
        "secui_mf2"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        match frame(line.text) {
            // `audit` and `alert` are words of the sister product MFI too
            Some(f) if f.kind.contains('_') => 96,
            Some(_) => 80,
            None => 0,
        }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let frame = frame(line.text).ok_or(Unread::because("no [type] [address] of an MF2"))?;
        event.set(Field::Vendor, "SECUI");
        event.set(Field::Product, "MF2");
        event.set(Field::Category, frame.kind);
        event.set_text(Field::HostIp, frame.from);
        event.forgeable = net::OUTSIDERS_TEXT;
        let mut start = "";
        for (name, value) in frame.values() {
            if start.is_empty() && matches!(name, "time" | "start_time") {
                start = value;
            }
            take(event, frame.kind, name, value.trim());
        }
        if !start.is_empty() {
            when::set(event, start, line.context);
        }
        net::set_sums(event);
        judge(event, frame.kind);
        if !frame.exact() {
            // a name with a comma in it moves what follows
            event.forgeable.insert(Field::SrcIp);
            event.evidence = Evidence::None;
        }
        Ok(())
    }
}

/// The parts of a line.
struct Frame<'a> {
    kind: &'a str,
    from: &'a str,
    data: &'a str,
}

/// `[type] [address] data`, the type one of MF2's.
fn frame(text: &str) -> Option<Frame<'_>> {
    memchr_iter(b'[', text.as_bytes()).take(4).find_map(|i| {
        let (kind, rest) = text.get(i + 1..)?.split_once("] [")?;
        let (from, data) = rest.split_once(']')?;
        // `ips_ddos_domain_traffic` is one word for five orders in older versions
        let known = orders::ORDERS.binary_search_by(|(k, _)| k.cmp(&kind)).is_ok() || kind == "ips_ddos_domain_traffic";
        (known && Field::HostIp.read(from).is_some()).then(|| Frame { kind, from, data: data.trim_start() })
    })
}

impl<'a> Frame<'a> {
    fn is_welf(&self) -> bool {
        ["start_time=", "time=", "machine_name=", "end_time="].iter().any(|k| self.data.starts_with(k))
    }

    /// Do the columns stand as the order says, one each?
    fn exact(&self) -> bool {
        let cuts = self.cut();
        self.is_welf() || self.order(&cuts).is_some_and(|o| o.split(' ').count() == cuts.len())
    }

    fn values(&self) -> Vec<(&'a str, &'a str)> {
        if self.is_welf() {
            return kv::Pairs::greedy(self.data)
                .filter_map(|(k, v)| match v {
                    std::borrow::Cow::Borrowed(v) => Some((k, v)),
                    std::borrow::Cow::Owned(_) => None,
                })
                .collect();
        }
        let cuts = self.cut();
        let Some(order) = self.order(&cuts) else {
            return cuts.into_iter().map(|v| ("column", v)).collect();
        };
        let names = order.split(' ').count();
        let mut pairs: Vec<(&str, &str)> = order.split(' ').zip(cuts.iter().copied()).collect();
        // a message at the end may hold commas of its own
        let is_text = |name: &str| matches!(name, "msg" | "desc" | "reason" | "difference" | "uri");
        if let Some(last) = pairs.last_mut().filter(|l| cuts.len() > names && is_text(l.0)) {
            let at = cuts.iter().take(names - 1).map(|c| c.len() + 1).sum::<usize>();
            last.1 = self.data.get(at..).unwrap_or(last.1);
        }
        pairs
    }

    fn cut(&self) -> Vec<&'a str> {
        let bytes = self.data.as_bytes();
        let delimiter = if bytes.contains(&b'\t') { b'\t' } else { b',' };
        let mut cuts = Vec::with_capacity(32);
        let mut from = 0;
        for i in memchr_iter(delimiter, bytes) {
            if bytes.get(i + 1) == Some(&b' ') {
                continue;
            }
            cuts.push(self.data.get(from..i).unwrap_or(""));
            from = i + 1;
        }
        cuts.push(self.data.get(from..).unwrap_or(""));
        cuts
    }

    /// The known order that fits the values best.
    fn order(&self, cuts: &[&str]) -> Option<&'static str> {
        let kind = self.kind;
        orders::ORDERS
            .iter()
            .filter(|(k, _)| {
                *k == kind || (kind == "ips_ddos_domain_traffic" && k.starts_with("ips_ddos_domain_traffic_"))
            })
            .map(|(_, order)| *order)
            // the first of equals: newer versions stand first
            .max_by_key(|order| (fit(order, cuts), std::cmp::Reverse(order.len())))
    }
}

/// How well an order fits: addresses, numbers and times in their places, and the count.
fn fit(order: &str, cuts: &[&str]) -> i32 {
    let mut score = 0;
    let mut names = 0;
    for (i, name) in order.split(' ').enumerate() {
        names += 1;
        let Some(value) = cuts.get(i).map(|v| v.trim()).filter(|v| !v.is_empty() && *v != "-") else { continue };
        let is_time =
            value.len() >= 19 && value.as_bytes().get(4) == Some(&b'-') && value.as_bytes().get(13) == Some(&b':');
        let right = match name {
            "time" | "start_time" | "end_time" => is_time,
            _ if is_time => false,
            _ => match column(name).map(Field::kind) {
                Some(FieldKind::Ip) => Field::SrcIp.read(value).is_some(),
                Some(FieldKind::Int) => value.bytes().all(|b| b.is_ascii_digit()),
                // a bare address is no name
                Some(FieldKind::Text) if matches!(name, "machine_name" | "attack_name" | "protocol" | "action") => {
                    Field::SrcIp.read(value).is_none()
                }
                _ => continue,
            },
        };
        score += if right { 2 } else { -4 };
    }
    if names == cuts.len() { score + 6 } else { score - (names.abs_diff(cuts.len()).min(20) as i32) }
}

fn column(name: &str) -> Option<Field> {
    use Field as F;
    Some(match name {
        "machine_name" => F::Host,
        "src_ip" | "attacker_ip" | "attacker_addr" | "client_ip" | "user_ip" | "admin_ip" => F::SrcIp,
        "src_port" | "attacker_port" => F::SrcPort,
        "dst_ip" | "victim_ip" | "server_ip" => F::DstIp,
        "dst_port" | "victim_port" | "server_port" => F::DstPort,
        "src_ip_nat" => F::SrcNatIp,
        "src_port_nat" => F::SrcNatPort,
        "dst_ip_nat" => F::DstNatIp,
        "dst_port_nat" => F::DstNatPort,
        "protocol" => F::Proto,
        "ingres_if" | "interface" | "applied_if" => F::InIface,
        "tx_packets" => F::PacketsOut,
        "rx_packets" => F::PacketsIn,
        "tx_bytes" | "bytes_forward" => F::BytesOut,
        "rx_bytes" | "bytes_backward" => F::BytesIn,
        "packets" => F::Packets,
        "bytes" => F::Bytes,
        "fw_rule_id" => F::RuleId,
        "user_id" | "admin_id" | "user_name" => F::User,
        "session_id" => F::Session,
        "action" => F::Action,
        "result" | "status" => F::Outcome,
        "reason" | "fail_reason" | "terminate_reason" => F::Reason,
        "msg" | "desc" => F::Message,
        "attack_name" | "attack_description" | "virus_name" => F::Signature,
        "attack_id" => F::SignatureId,
        "priority" | "alert_level" => F::SourceSeverity,
        "src_mac" => F::SrcMac,
        "uri" | "request_uri" | "dst_url" | "url" => F::Url,
        "dst_name" | "access_host" | "host" => F::Domain,
        "http_command" => F::HttpMethod,
        "http_version" => F::HttpVersion,
        "file_name" => F::File,
        "sender_addr" | "sender" => F::EmailFrom,
        "receiver_addr" => F::EmailTo,
        "direction" => F::Direction,
        "command" => F::Cmdline,
        "auth_server" => F::AuthMethod,
        "category" | "type" => F::Subtype,
        _ => return None,
    })
}

fn take(event: &mut Event, kind: &str, name: &str, value: &str) {
    if is_nothing(value) || matches!(name, "time" | "start_time" | "reserved") {
        return;
    }
    match name {
        "protocol" => return net::set_proto(event, value),
        "user_id" | "admin_id" => return net::set_user(event, value),
        "uri" | "request_uri" | "dst_url" | "url" => return net::set_url(event, value),
        "fw_rule_id" => {
            event.set(Field::RuleId, value);
            return event.set(Field::Rule, value);
        }
        "attack_name" | "attack_description" => return attack(event, value),
        "priority" | "alert_level" => {
            event.set(Field::SourceSeverity, value);
            event.severity = net::severity_word(value).unwrap_or_default();
            return;
        }
        "duration" => {
            event.add_extra(name, value);
            return net::set_seconds(event, value);
        }
        _ => {}
    }
    match column(name) {
        // counters of the whole device are no bytes of a connection
        Some(f) if f.kind() != FieldKind::Int || !is_count(kind) => {
            event.set_text(f, value);
        }
        _ => event.add_extra(name, value),
    }
}

/// `#14715(HTTP Login Attempt)`: number and name.
fn attack(event: &mut Event, value: &str) {
    match value.strip_prefix('#').and_then(|v| v.split_once('(')) {
        Some((id, name)) if id.bytes().all(|b| b.is_ascii_digit()) => {
            event.set(Field::SignatureId, id);
            event.set(Field::Signature, name.strip_suffix(')').unwrap_or(name));
        }
        _ => event.set(Field::Signature, value),
    }
    event.add_extra("attack_name", value);
}

/// Statistics, as opposed to things that happened.
fn is_count(kind: &str) -> bool {
    kind.contains("_cnt_")
        || kind.ends_with("_traffic")
        || kind.starts_with("ips_ddos_domain")
        || (kind.starts_with("mng_") && !kind.starts_with("mng_blacklist") && kind != "mng_iap_interworking")
}

fn judge(event: &mut Event, kind: &str) {
    let action = event.text(Field::Action).unwrap_or("").to_ascii_lowercase();
    let stopped = ["block", "deny", "drop", "reject", "reset", "차단", "거부"].iter().any(|w| action.contains(w));
    let outcome = event.text(Field::Outcome).unwrap_or("").to_ascii_lowercase();
    let status = if ["fail", "deny", "reject", "error", "실패", "거부"].iter().any(|w| outcome.contains(w)) {
        Status::Failure
    } else if ["succ", "ok", "allow", "permit", "성공", "허용"].iter().any(|w| outcome.contains(w)) || outcome == "200"
    {
        Status::Success
    } else {
        Status::Unknown
    };
    let verdict = if stopped { Activity::Deny } else { Activity::Detect };
    (event.class, event.activity, event.status) = match kind {
        "fw4_allow" | "fw6_allow" | "nat_session" => (Class::Network, Activity::Allow, Status::Success),
        "fw4_deny" | "fw6_deny" | "mng_blacklist" | "mng_blacklist_ipv6" => {
            (Class::Network, Activity::Deny, Status::Failure)
        }
        "app_act_ssl4_session" | "app_act_ssl6_session" => (Class::Network, Activity::Close, status),
        "ips_ddos_detect"
        | "ips_ddos_incident"
        | "mng_iap_interworking"
        | "mng_zombie_pc_solution"
        | "app_act_antivirus"
        | "app_act_webserver_protect"
        | "app_act_apt_malware"
        | "app_act_dlp_detect"
        | "app_act_control_detect" => {
            event.severity = event.severity.max(Severity::Medium);
            (Class::Finding, verdict, Status::Unknown)
        }
        "app_act_antispam" => (Class::Email, verdict, Status::Unknown),
        "app_act_urlblock" | "app_act_cloud_url_block" => (Class::Http, Activity::Deny, Status::Failure),
        "app_act_webclient_all" | "app_act_webclient_limit" | "sslvpn_act_access" => {
            (Class::Http, Activity::Allow, status)
        }
        "app_act_ftp" => (Class::Network, verdict, Status::Unknown),
        "fw_act_userauth" | "sslvpn_act_auth" | "sslvpn3_act_auth" => {
            (Class::Authentication, login(&action), login_status(event, status, &action))
        }
        "sslvpn_act_session" => (Class::Tunnel, Activity::Close, Status::Unknown),
        "audit" => (Class::Config, Activity::Update, status),
        k if k.starts_with("vpn_act_") || k.starts_with("sslvpn3_act_") => (Class::Tunnel, Activity::Unknown, status),
        _ => (Class::System, Activity::Unknown, status),
    };
    if kind == "audit" {
        // what was run, or the login itself
        let menu = event.extra("menu_path").unwrap_or("").to_ascii_lowercase();
        if menu.contains("login") || menu.contains("logout") || menu.contains("로그인") || menu.contains("로그아웃")
        {
            event.class = Class::Authentication;
            event.activity =
                if menu.contains("logout") || menu.contains("로그아웃") { Activity::Close } else { Activity::Open };
        }
    }
    if proves(event, kind) {
        event.evidence = Evidence::Handshake;
    }
}

fn login(action: &str) -> Activity {
    if action.contains("logout") || action.contains("로그아웃") { Activity::Close } else { Activity::Open }
}

fn login_status(event: &Event, status: Status, action: &str) -> Status {
    let said = event.text(Field::Message).unwrap_or("").to_ascii_lowercase();
    if status != Status::Unknown {
        status
    } else if action.contains("fail") || said.contains("fail") || said.contains("실패") {
        Status::Failure
    } else if action.contains("login") || action.contains("로그인") {
        Status::Success
    } else {
        Status::Unknown
    }
}

/// The gateway spoke with the address, or a TCP session ended in order with bytes both ways.
fn proves(event: &Event, kind: &str) -> bool {
    if event.get(Field::SrcIp).is_none() {
        return false;
    }
    match kind {
        "sslvpn_act_auth"
        | "sslvpn3_act_auth"
        | "sslvpn_act_access"
        | "sslvpn3_act_access"
        | "app_act_webclient_all"
        | "app_act_antivirus" => true,
        "fw4_allow" | "fw6_allow" => {
            let reason = event.text(Field::Reason).unwrap_or("").to_ascii_lowercase();
            let orderly = reason.contains("fin") || reason.contains("normal") || reason.contains("close");
            orderly
                && net::is_tcp(event)
                && net::both_ways(event)
                && event.int(Field::PacketsOut).is_none_or(|n| n >= 2)
        }
        _ => false,
    }
}
