//! AhnLab TrusGuard (UTM, firewall, DPX, IPX): values between backticks, their order by version, type and module.
//!
//! Invariant: a backtick always cuts, so no value can hold one; columns behind a layout's end stay in the raw line. The
//! orders retell the facts of the public araqne-krsyslog-parser (Apache-2.0).

use bongsu_event::{Activity, Class, Event, Evidence, Field, Severity, Status, Unread};

use crate::net;
use crate::{Format, Line, when};

/// AhnLab TrusGuard.
pub struct AhnlabTrusguard;

impl Format for AhnlabTrusguard {
    fn name(&self) -> &'static str {
        "ahnlab_trusguard"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        if start_of(line.body).or_else(|| start_of(line.text)).is_some() { 97 } else { 0 }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let text = start_of(line.body)
            .or_else(|| start_of(line.text))
            .ok_or(Unread::because("no backticked TrusGuard line"))?;
        let values: Vec<&str> = text.split('`').take(COLUMNS_MAX).collect();
        let value = |i: usize| values.get(i).copied().unwrap_or("").trim();
        event.set(Field::Vendor, "AhnLab");
        event.set(Field::Product, if value(0).starts_with("DPX") { "TrusGuard DPX" } else { "TrusGuard" });
        event.forgeable = net::OUTSIDERS_TEXT;
        for (name, i) in [("version", 0), ("encrypt", 1), ("type", 2), ("count", 3), ("utm_id", 4)] {
            event.add_extra(name, value(i));
        }
        // version 1 firewall lines have no module
        let firewall = value(2) == "1";
        let old_firewall = firewall && value(0) == "1";
        let (module, at) = if old_firewall { ("", 5) } else { (value(5), 6) };
        event.set_text(Field::EventCode, module);
        when::set(event, &stamp(value(at), value(at + 1)), line.context);
        let layout = layout(value(0), module, firewall);
        let mut row = Row { module, firewall, kind: "", action: "" };
        for (name, column) in layout.iter().flat_map(|l| l.split(' ')).zip(values.get(at + 2..).unwrap_or(&[])) {
            row.take(event, name, column.trim());
        }
        row.judge(event);
        Ok(())
    }
}

/// Most columns of a line; the longest known layout has 79.
const COLUMNS_MAX: usize = 160;

/// ``3`0`2`1`…``: version, encrypted, type, count.
fn start_of(text: &str) -> Option<&str> {
    let tick = text.find('`')?;
    let start = text.get(..tick)?.rfind([' ', ':', '>']).map_or(0, |i| i + 1);
    let rest = text.get(start..)?;
    let mut parts = rest.split('`');
    let version = parts.next()?;
    let version = version.strip_prefix("DPX").or_else(|| version.strip_prefix("IPX")).unwrap_or(version);
    let digits = |t: &str| !t.is_empty() && t.len() <= 4 && t.bytes().all(|b| b.is_ascii_digit());
    (digits(version) && digits(parts.next()?) && digits(parts.next()?) && digits(parts.next()?) && parts.count() > 4)
        .then_some(rest)
}

/// `20090911` and `18:45:52` as one time.
fn stamp(date: &str, time: &str) -> String {
    match (date.get(..4), date.get(4..6), date.get(6..8)) {
        (Some(y), Some(m), Some(d)) if date.len() == 8 => format!("{y}-{m}-{d} {time}"),
        _ => format!("{date} {time}"),
    }
}

/// Severity, protocol and the two ends, as nearly every application log begins.
const FLOW: &str = "severity protocol src_ip src_port dst_ip dst_port";
const SPOOF: &str = "duration protocol src_ip dst_ip dst_port";
const DROPS: &str = "duration drop_tcp_pps drop_tcp_bps drop_udp_pps drop_udp_bps drop_icmp_pps drop_icmp_bps drop_etc_pps drop_etc_bps";
const ALLOWS: &str =
    "allow_tcp_pps allow_tcp_bps allow_udp_pps allow_udp_bps allow_icmp_pps allow_icmp_bps allow_etc_pps allow_etc_bps";
const FILTER: &str = "zone_name attack_id filter_status";
const LOAD: &str = "module_name cpu mem hdd session in_data out_data in_pkt out_pkt ha";

/// The names of the columns behind date and time, in pieces.
fn layout(version: &str, module: &str, firewall: bool) -> Vec<&'static str> {
    if firewall && module != "6041" {
        return vec![
            "logtype protocol policy_id src_ip src_port dst_ip dst_port in_nic out_nic nat_type nat_ip nat_port",
            "sent_data sent_pkt rcvd_data rcvd_pkt duration state reason code tcp_flag",
            "in_zone out_zone rule_id nat_id ip_ver dnat_type dnat_ip dnat_port",
        ];
    }
    let tail: &'static str = match (version, module) {
        ("1" | "DPX1", "1" | "100") => return vec!["severity protocol src dst action user module_name description"],
        ("1", "6") => return vec!["severity protocol src dst action user module_name ap_protocol description"],
        ("1", "2") => "action user module_name virus_filter virus_name virus_fname sender_addr recipients_addr subject",
        ("1", "3") => "action user module_name spam_filter send_spam_log sender_addr recipients_addr subject",
        ("1", "4") => "action user module_name wf_type reason url",
        ("1", "8") => "action user module_name event epsec",
        ("1", "9") => "action user module_name reason nif eth_protocol src_mac rule_id vlan_id msg",
        ("1", "11") => "action user module_name reason description",
        ("1", "12") => "action user module_name mac",
        (_, "1010" | "1160" | "3010") => "action user module_name description code",
        (_, "1050") => "action user module_name wf_type reason url code",
        (_, "1070") => "action user module_name ap_protocol description code",
        (_, "1100") => "action user module_name reason nif eth_protocol src_mac rule_id vlan_id msg code",
        (_, "1110") => "action user module_name reason description code",
        (_, "1120") => "action user module_name mac code",
        (_, "1121") => "action user module_name group_name code",
        (_, "1140" | "6040") => "action user module_name qos_name eth_name bps pps code",
        (_, "1141" | "1150" | "1151") => "action user module_name description code",
        (_, "3020") => {
            "pkt_len action user module_name reason nif eth_protocol src_mac rule_id vlan_id status duration msg slice_seconds threshold_packets threshold_bytes attack_rate zone_name attack_id"
        }
        (_, "6010" | "6041") => {
            "action user module_name description inst_code user_type alert_id log_type log_sub_type user_addr"
        }
        (_, "6030") => {
            "action user module_name reason rx_nif eth_protocol src_mac rule_id vlan_id message inst_code tx_nif network_direction network_id log_id profile_name group_name"
        }
        (_, "6031") => {
            "action user module_name profile_name group_name app_name alarm_type description rule_id log_id inst_code"
        }
        (_, "6050") => "action user module_name description inst_code",
        (_, "6060") => {
            "module_name profile_name risk_score_db risk_score_user risk_action_user diffusion_score_db diffusion_score_user diffusion_action_user accuracy_score_db accuracy_score_user accuracy_action_user botnet_name diag_name inst_code"
        }
        (_, "1011") => return vec![LOAD, "code"],
        (_, "3011") => return vec![LOAD],
        (_, "6011") => return vec![LOAD, "inst_code allow_pps deny_pps allow_bps deny_bps"],
        (_, "3012") => return vec!["zone_name nif_type nif_name"],
        (_, "3030" | "3080" | "3120" | "3150") => return vec![DROPS, FILTER],
        (_, "3040" | "3090" | "3100" | "3110" | "3130" | "3140") => return vec![DROPS, ALLOWS, FILTER],
        (_, "3181" | "3210") => return vec![SPOOF, "allow_packets allow_bytes zone_name"],
        (_, "3031" | "3041" | "3051" | "3061" | "3071" | "3121" | "3131" | "3141" | "3151" | "3191" | "3211") => {
            return vec![SPOOF, "drop_packets drop_bytes zone_name"];
        }
        (_, "3050" | "3060") => return vec!["duration block_session allow_session", FILTER],
        (_, "3052" | "3212") => return vec![SPOOF, "connection_count expire_date expire_time zone_name"],
        (_, "3062") => return vec![SPOOF, "request_count expire_date expire_time zone_name"],
        (_, "3070") => return vec!["duration drop_tcp_pps allow_tcp_pps", FILTER],
        (_, "3160") => return vec!["duration ip mask rate_limit zone_name"],
        (_, "3170" | "3171") => return vec!["duration zone_name attack_id"],
        _ => "action user module_name description",
    };
    vec![FLOW, tail]
}

/// What the row is about, known as its columns are read.
struct Row<'a> {
    module: &'a str,
    firewall: bool,
    kind: &'a str,
    action: &'a str,
}

impl<'a> Row<'a> {
    fn take(&mut self, event: &mut Event, name: &str, value: &'a str) {
        use Field as F;
        if value.is_empty() {
            return;
        }
        let field = match name {
            "src_ip" => F::SrcIp,
            "src_port" => F::SrcPort,
            "dst_ip" => F::DstIp,
            "dst_port" => F::DstPort,
            "in_nic" | "nif" | "rx_nif" => F::InIface,
            "out_nic" | "tx_nif" => F::OutIface,
            "in_zone" | "zone_name" => F::InZone,
            "out_zone" => F::OutZone,
            "sent_data" => F::BytesOut,
            "rcvd_data" => F::BytesIn,
            "sent_pkt" => F::PacketsOut,
            "rcvd_pkt" => F::PacketsIn,
            "drop_packets" | "allow_packets" => F::Packets,
            "drop_bytes" | "allow_bytes" | "pkt_len" => F::Bytes,
            // which side was translated is in the type, which older versions leave out
            "nat_ip" => F::SrcNatIp,
            "nat_port" => F::SrcNatPort,
            "dnat_ip" => F::DstNatIp,
            "dnat_port" => F::DstNatPort,
            "policy_id" => return self.rule(event, value),
            "rule_id" => {
                event.set(F::SignatureId, value);
                return self.rule(event, value);
            }
            "src_mac" | "mac" => F::SrcMac,
            "virus_name" | "botnet_name" | "diag_name" => F::Signature,
            "virus_fname" => return file_or_url(event, value),
            "sender_addr" => F::EmailFrom,
            "recipients_addr" => F::EmailTo,
            "subject" => F::EmailSubject,
            "app_name" | "ap_protocol" => F::App,
            "group_name" => F::Group,
            "reason" => F::Reason,
            "description" | "msg" | "message" | "event" => F::Message,
            "module_name" => F::Category,
            "user" => return net::set_user(event, value),
            "url" => return net::set_url(event, value.trim_start_matches('[').trim_end_matches(']')),
            "protocol" => return net::set_proto(event, value),
            "user_addr" => F::SrcIp,
            "duration" => {
                event.add_extra(name, value);
                return net::set_seconds(event, value);
            }
            "src" | "dst" => return end(event, name == "src", value),
            "severity" => {
                event.severity = net::severity_word(value).unwrap_or(Severity::Info);
                F::SourceSeverity
            }
            "logtype" => {
                self.kind = value;
                return event.add_extra(name, value);
            }
            "action" => {
                self.action = value;
                event.add_extra("action_code", value);
                return event.set(F::Action, action_word(self.module, value));
            }
            _ => return event.add_extra(name, value),
        };
        event.set_text(field, value);
    }

    fn rule(&self, event: &mut Event, value: &str) {
        event.set(Field::RuleId, value);
        event.set(Field::Rule, value);
    }

    fn judge(&self, event: &mut Event) {
        net::set_sums(event);
        if self.firewall && self.module != "6041" {
            return self.traffic(event);
        }
        let stopped = matches!(self.action, "3001" | "3002" | "3006" | "3010")
            || (self.module == "3020" && self.action == "3009");
        event.class = match self.module {
            "2" | "9" | "1100" | "3020" | "6030" | "6050" | "6060" | "1160" | "3170" | "3171" => Class::Finding,
            "3" => Class::Email,
            "4" | "1050" | "1150" | "1151" => Class::Http,
            "11" | "1110" => Class::Dns,
            "8" => Class::Tunnel,
            "6" | "12" | "1070" | "1120" | "1121" | "1141" | "6031" => Class::Network,
            "3031" | "3041" | "3051" | "3061" | "3071" | "3121" | "3131" | "3141" | "3151" | "3191" | "3211"
            | "3181" | "3210" | "3052" | "3062" | "3212" => Class::Network,
            "1" | "1010" | "3010" | "6010" | "6041" => return self.operation(event),
            _ => Class::System,
        };
        event.activity = match (event.class, self.action) {
            (Class::System, _) => Activity::Unknown,
            _ if stopped
                || matches!(
                    self.module,
                    "3031" | "3041" | "3051" | "3061" | "3071" | "3121" | "3131" | "3141" | "3151" | "3191" | "3211"
                ) =>
            {
                Activity::Deny
            }
            (Class::Finding, _) => Activity::Detect,
            (_, "3003") => Activity::Allow,
            _ => Activity::Unknown,
        };
        event.status = match event.activity {
            Activity::Deny if event.class != Class::Finding => Status::Failure,
            Activity::Allow => Status::Success,
            _ => Status::Unknown,
        };
        if event.class == Class::Finding {
            if let Some(text) = event.text(Field::Message).map(str::to_owned) {
                event.set(Field::Signature, text.trim());
            }
            event.severity = event.severity.max(Severity::Medium);
        }
        // a virus, a mail and a request are read off a connection that stands
        if matches!(self.module, "2" | "3" | "4" | "8" | "1050") && net::is_tcp(event) {
            event.evidence = Evidence::Handshake;
        }
    }

    /// 1 allowed, 2 denied, 3 ended, 4 still there.
    fn traffic(&self, event: &mut Event) {
        event.class = Class::Network;
        (event.activity, event.status) = match self.kind {
            "2" | "Deny" => (Activity::Deny, Status::Failure),
            _ => (Activity::Allow, Status::Success),
        };
        let word = match self.kind {
            "1" => "Allow",
            "2" => "Deny",
            "3" => "Expire",
            "4" => "Alive",
            k => k,
        };
        event.set(Field::Action, word);
        // an ended session with an answer acknowledged: the flags tell of both sides, `S sa A / FA fa A`
        let acknowledged = event.extra("tcp_flag").is_some_and(|f| f.starts_with("S sa A"));
        let enough = event.int(Field::PacketsOut).is_some_and(|n| n >= 2) && net::both_ways(event);
        if net::is_tcp(event) && acknowledged && enough {
            event.evidence = Evidence::Handshake;
        }
    }

    /// Administrators' doings are told in a sentence.
    fn operation(&self, event: &mut Event) {
        let text = event.text(Field::Message).unwrap_or("").to_owned();
        event.class = Class::System;
        let (login, logout) = (text.contains("로그인"), text.contains("로그아웃"));
        if login || logout {
            event.class = Class::Authentication;
            event.activity = if logout { Activity::Close } else { Activity::Open };
            event.status = if text.contains("실패") { Status::Failure } else { Status::Success };
            for (word, field) in [("아이디:", Field::User), ("IP 주소:", Field::SrcIp)] {
                if let Some((_, rest)) = text.rsplit_once(word) {
                    event.set_text(field, rest.split([',', ')']).next().unwrap_or("").trim());
                }
            }
            if let Some((_, user)) = text.rsplit_once(" : ") {
                event.set(Field::User, user.trim());
            }
            if event.get(Field::SrcIp).is_some() && login {
                event.evidence = Evidence::Handshake;
            }
        } else if ["정책", "설정", "변경", "적용", "추가", "삭제"].iter().any(|w| text.contains(w)) {
            event.class = Class::Config;
            event.activity = Activity::Update;
            event.status = Status::Success;
        }
    }
}

/// `192.0.2.1:8080` or an address alone.
fn end(event: &mut Event, source: bool, value: &str) {
    let (ip, port) = if source { (Field::SrcIp, Field::SrcPort) } else { (Field::DstIp, Field::DstPort) };
    match value.rsplit_once(':') {
        Some((a, p)) if ip.read(a).is_some() => {
            event.set_text(ip, a);
            event.set_text(port, p);
        }
        _ => {
            event.set_text(ip, value);
        }
    }
}

/// A file name, or a URL in brackets.
fn file_or_url(event: &mut Event, value: &str) {
    match value.strip_prefix('[').and_then(|v| v.strip_suffix(']')) {
        Some(url) => net::set_url(event, url),
        None => event.set(Field::File, value),
    }
}

/// What a module's action code means, in the product's own words.
fn action_word<'a>(module: &str, code: &'a str) -> &'a str {
    match (module, code) {
        ("1160" | "3010" | "6010" | "6041" | "6050", "0") => "격리",
        ("1160" | "3010" | "6010" | "6041" | "6050", "1") => "웹리디렉션",
        ("1160" | "3010" | "6010" | "6041" | "6050", "2") => "세션차단",
        ("1100" | "3020" | "6030" | "6031", "3001") => "차단",
        ("1100" | "3020" | "6030", "3002") => "시스템 격리",
        ("1100" | "3020" | "6030" | "6031", "3003") => "허용",
        ("1100" | "3020" | "6030" | "6031", "3006") => "세션 끊기",
        ("1100", "3007") => "사용량 제한",
        ("1100", "3008") => "DDos차단",
        ("3020" | "6030", "3007") => "출발지 IP기준 사용량 제한",
        ("3020" | "6030", "3008") => "목적지 IP기준 사용량 제한",
        ("3020" | "6030", "3009") => "DDos 공격 차단",
        ("3020" | "6030", "3010") => "일괄차단",
        ("1150" | "1151", "3001") => "ACT_DROP",
        ("1150" | "1151", "3003") => "ACT_PASS",
        ("1120" | "1121", "0") => "허용",
        ("1120" | "1121", "1") => "차단",
        ("1120" | "1121", "2") => "설치유도",
        ("1120" | "1121", "3") => "삭제",
        ("1120" | "1121", "4") => "차단(미설치)",
        (_, code) => code,
    }
}
