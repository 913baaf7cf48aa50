//! WINS SNIPER IPS: `[SNIPER-2000] [Attack_Name=(0003)…], [Time=…], [Hacker=…], [Victim=…], …`.
//!
//! Invariant: `Information` is what the attacker sent; it ends only at the keys that follow it at the end of the line,
//! so brackets inside it make no field.

use bongsu_event::{Activity, Class, Event, Field, Unread};

use crate::net;
use crate::seek::Needle;
use crate::{Format, Line, when};

/// WINS SNIPER.
pub struct WinsSniper;

impl Format for WinsSniper {
    fn name(&self) -> &'static str {
        "wins_sniper"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        match parts(line.body).or_else(|| parts(line.text)) {
            Some((device, rest)) if rest.contains("[Hacker=") => {
                if device.starts_with("SNIPER") {
                    98
                } else {
                    85
                }
            }
            _ => 0,
        }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let (device, rest) = parts(line.body)
            .or_else(|| parts(line.text))
            .ok_or(Unread::because("no [device] [Attack_Name=…] of a SNIPER"))?;
        event.set(Field::Vendor, "WINS");
        event.set(Field::Product, "SNIPER");
        event.set(Field::Host, device);
        event.class = Class::Finding;
        event.activity = Activity::Detect;
        event.forgeable = net::OUTSIDERS_TEXT;
        for (key, value) in pairs(rest) {
            take(event, line, key, value);
        }
        Ok(())
    }
}

const ATTACK: Needle = Needle::new(b"[Attack_Name=");

/// The device and the text from the first key on.
fn parts(text: &str) -> Option<(&str, &str)> {
    let at = ATTACK.find(text.as_bytes())?;
    let device = text.get(..at)?.trim_end().strip_suffix(']')?.rsplit('[').next()?;
    Some((device, text.get(at..)?))
}

/// Keys that stand behind the attacker's text.
const AFTER_INFORMATION: &[&str] = &["], [SrcPort=", "], [HackType="];

fn pairs(text: &str) -> Vec<(&str, &str)> {
    let (front, behind) = match text.find("[Information=") {
        Some(i) => {
            let rest = text.get(i..).unwrap_or("");
            let end = AFTER_INFORMATION
                .iter()
                .filter_map(|k| rest.rfind(k))
                .min()
                .unwrap_or_else(|| rest.rfind(']').unwrap_or(rest.len()));
            let (information, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let mut pairs = bracketed(text.get(..i).unwrap_or(""));
            pairs.push(("Information", information.get("[Information=".len()..).unwrap_or("")));
            (pairs, behind)
        }
        None => (bracketed(text), ""),
    };
    let mut all = front;
    all.extend(bracketed(behind.trim_start_matches("], ")));
    all
}

fn bracketed(text: &str) -> Vec<(&str, &str)> {
    let inner = text.trim().trim_end_matches(',');
    let inner = inner.strip_suffix(']').unwrap_or(inner);
    inner
        .split("], [")
        .filter_map(|p| p.trim_start_matches('[').split_once('='))
        .map(|(k, v)| (k.trim(), v.trim()))
        .collect()
}

fn take(event: &mut Event, line: &Line<'_>, key: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    match key.to_ascii_lowercase().as_str() {
        "attack_name" => {
            event.set(Field::Rule, value);
            match value.strip_prefix('(').and_then(|v| v.split_once(')')) {
                Some((id, name)) if id.bytes().all(|b| b.is_ascii_digit()) => {
                    event.set(Field::SignatureId, id);
                    event.set(Field::Signature, name.trim());
                }
                _ => event.set(Field::Signature, value),
            }
        }
        "time" => {
            when::set(event, value, line.context);
        }
        "hacker" => {
            event.set_text(Field::SrcIp, value);
        }
        "victim" => {
            event.set_text(Field::DstIp, value);
        }
        "protocol" => match value.split_once('/') {
            Some((proto @ ("tcp" | "udp" | "TCP" | "UDP"), port)) => {
                net::set_proto(event, proto);
                event.set_text(Field::DstPort, port);
            }
            Some((proto @ ("icmp" | "ICMP"), _)) => net::set_proto(event, proto),
            // `etc/0`, as it stands
            _ => event.set(Field::Proto, value),
        },
        "srcport" => {
            if value != "0" {
                event.set_text(Field::SrcPort, value);
            }
        }
        "risk" => {
            event.set(Field::SourceSeverity, value);
            event.severity = net::severity_word(value).unwrap_or_default();
        }
        "handling" => {
            event.set(Field::Action, value);
            let low = value.to_ascii_lowercase();
            let stopped = ["block", "drop", "deny", "reset", "shun", "차단", "방어"].iter().any(|w| low.contains(w));
            if stopped {
                event.activity = Activity::Deny;
            }
        }
        "information" => event.set(Field::Message, value),
        _ => event.add_extra(key, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_the_attackers_text_make_no_field() {
        let p = pairs(
            "[Attack_Name=(1)a], [Hacker=192.0.2.1], [Information=x], [SrcPort=9], [Hacker=192.0.2.9], [SrcPort=7]",
        );
        assert_eq!(p.iter().filter(|(k, _)| *k == "Hacker").count(), 1);
        assert_eq!(p.last(), Some(&("SrcPort", "7")));
    }
}
