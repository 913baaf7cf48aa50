//! netfilter's LOG target and ulogd: iptables, nftables, ufw, shorewall, firewalld and appliances built on them.
//!
//! Invariant: the packet's own words are the kernel's; only the first of each counts, as an ICMP error repeats the
//! words of the packet it is about in brackets. Nobody outside writes the address into the line, but a logged packet has
//! not been answered, so it proves no handshake: such lines may propose a block and never make one.

use crate::net;
use crate::seek::Needle;
use crate::{Format, Line};
use bongsu_event::{Activity, Class, Event, Evidence, Field, FieldSet, Severity, Status, Unread};

/// netfilter.
pub struct Iptables;

const IN: Needle = Needle::new(b"IN=");
const OUT: Needle = Needle::new(b" OUT=");
const SRC: Needle = Needle::new(b"SRC=");
const DST: Needle = Needle::new(b" DST=");
const PROTO: Needle = Needle::new(b"PROTO=");
const SPT: Needle = Needle::new(b" SPT=");
const DPT: Needle = Needle::new(b" DPT=");

/// Where in the line the packet may begin, bytes.
const HEAD_BYTES: usize = 512;

impl Format for Iptables {
    fn name(&self) -> &'static str {
        "iptables"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        let head = line.body.as_bytes();
        let head = head.get(..HEAD_BYTES).unwrap_or(head);
        let Some(src) = SRC.find(head) else {
            // a relay cut the front of the line off
            let rest_of_one = PROTO.is_in(head) && SPT.is_in(head) && DPT.is_in(head);
            return if rest_of_one { 70 } else { 0 };
        };
        let rest = head.get(src..).unwrap_or(&[]);
        if !DST.is_in(rest) {
            return 0;
        }
        if IN.is_in(head) {
            92
        } else if PROTO.is_in(rest) {
            80
        } else {
            0
        }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        event.class = Class::Network;
        event.evidence = Evidence::None;
        event.forgeable = FieldSet::of(&[Field::SrcPort, Field::SrcMac]);
        let packet = start_of(line.body).unwrap_or(0);
        let (before, words) = (line.body.get(..packet).unwrap_or(""), line.body.get(packet..).unwrap_or(""));
        // without a host the administrator's prefix stands where the tag should be
        let tag = line.header.as_ref().and_then(|h| h.app).filter(|t| !matches!(*t, "kernel" | "ulogd" | "iptables"));
        prefix(event, if before.trim().is_empty() { tag.unwrap_or("") } else { before.trim() });
        packet_words(event, words);
        if event.get(Field::SrcIp).is_none()
            && event.get(Field::SrcMac).is_none()
            && event.get(Field::SrcPort).is_none()
        {
            return Err(Unread::because("a netfilter line without a source"));
        }
        if event.get(Field::InIface).is_some() || event.get(Field::OutIface).is_some() {
            let way = match (event.get(Field::InIface).is_some(), event.get(Field::OutIface).is_some()) {
                (true, false) => "inbound",
                (false, true) => "outbound",
                _ => "forward",
            };
            event.set(Field::Direction, way);
        }
        Ok(())
    }
}

/// `IN=` if it is there, else `SRC=`: the first word of the packet.
fn start_of(body: &str) -> Option<usize> {
    let bytes = body.as_bytes();
    let bytes = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    // a log prefix without a space at its end is glued to the first word
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|b| IN.find(b)).map(|i| i + from) {
        let glued = at > 0 && bytes.get(at - 1).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if !glued || OUT.is_in(bytes.get(at..)?) {
            return Some(at);
        }
        from = at + 3;
    }
    SRC.find(bytes)
}

/// `[12345.678901] DROP-INPUT: `: the time since boot, then the words the administrator chose.
fn prefix(event: &mut Event, before: &str) {
    let mut text = before;
    if let Some(rest) = text.strip_prefix('[')
        && let Some((uptime, behind)) = rest.split_once(']')
        && uptime.trim().bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        text = behind.trim();
    }
    let text = text.trim_start_matches("kernel: ").trim_end_matches([':', ' ', ',', '-']).trim();
    if text.is_empty() {
        return;
    }
    let name = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if !ubiquiti(event, name) {
        event.set(Field::Rule, name);
    }
    let lower = name.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    // Ubiquiti ends its rules in -A, -D and -R
    if says(&["drop", "deny", "denied", "block", "reject", "invalid", "banned", "blacklist"])
        || lower.ends_with("-d")
        || lower.ends_with("-r")
    {
        event.activity = Activity::Deny;
        event.status = Status::Failure;
        event.severity = Severity::Low;
        event.set(
            Field::Action,
            if says(&["reject"]) || lower.ends_with("-r") {
                "reject"
            } else if says(&["deny", "denied"]) {
                "deny"
            } else {
                "drop"
            },
        );
    } else if says(&["accept", "allow", "permit", "pass", "forward"]) || lower.ends_with("-a") {
        event.activity = Activity::Allow;
        event.status = Status::Success;
        event.set(Field::Action, "accept");
    } else {
        event.activity = Activity::Detect;
    }
}

/// `WAN_OUT-2000-A`, `wan-lan-default-D`: set of rules, its number, verdict. True if it is one.
fn ubiquiti(event: &mut Event, name: &str) -> bool {
    let Some((rest, "A" | "D" | "R")) = name.rsplit_once('-') else { return false };
    let Some((set, id)) = rest.rsplit_once('-') else { return false };
    if id != "default" && !id.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    event.set(Field::Rule, set);
    event.set(Field::RuleId, id);
    if let Some((from, to)) = set.split_once('-').filter(|(_, to)| !to.contains('-')) {
        event.set(Field::InZone, from);
        event.set(Field::OutZone, to);
    }
    true
}

fn packet_words(event: &mut Event, words: &str) {
    let mut flags = String::new();
    let mut lengths = 0;
    for word in words.split_ascii_whitespace() {
        if word.starts_with('[') {
            // the packet an ICMP error is about
            break;
        }
        let Some((key, value)) = word.split_once('=') else {
            if is_flag(word) {
                if !flags.is_empty() {
                    flags.push(' ');
                }
                flags.push_str(word);
            }
            continue;
        };
        let field = match key {
            "IN" => Field::InIface,
            "OUT" => Field::OutIface,
            "SRC" => Field::SrcIp,
            "DST" => Field::DstIp,
            "SPT" => Field::SrcPort,
            "DPT" => Field::DstPort,
            "PROTO" => {
                net::set_proto(event, value);
                continue;
            }
            "MAC" => {
                macs(event, value);
                continue;
            }
            "MACSRC" => Field::SrcMac,
            "MACDST" => Field::DstMac,
            "LEN" => {
                // the second is the UDP header's own
                lengths += 1;
                if lengths > 1 {
                    continue;
                }
                Field::Bytes
            }
            _ => {
                if !value.is_empty() {
                    event.add_extra(key, value);
                }
                continue;
            }
        };
        if !value.is_empty() && event.get(field).is_none() {
            event.set_text(field, value);
        }
    }
    if !flags.is_empty() {
        event.add_extra("flags", &flags);
    }
}

fn is_flag(word: &str) -> bool {
    matches!(word, "SYN" | "ACK" | "FIN" | "RST" | "PSH" | "URG" | "ECE" | "CWR" | "DF" | "MF" | "CE")
}

/// Destination, source and type of the Ethernet header in a row: `dd:…:dd:ss:…:ss:08:00`
fn macs(event: &mut Event, value: &str) {
    let at = |from: usize| value.get(from..from + 17).filter(|m| m.bytes().filter(|b| *b == b':').count() == 5);
    if value.len() == 17 {
        event.set(Field::SrcMac, value);
    } else if let (Some(dst), Some(src)) = (at(0), at(18)) {
        event.set(Field::DstMac, dst);
        event.set(Field::SrcMac, src);
    }
}
