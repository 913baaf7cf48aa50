//! Events made by repeating a recording, each repetition varied by a seed: hosts, users, command lines, hashes and
//! identifiers differ, in the fields and in the message that quotes them, as another day of the same network would.
//!
//! Invariant: repetition 0 is the recording as it is; the same seed gives the same events.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// Lines of a recording.
pub fn read(path: &Path) -> Result<Vec<String>> {
    let bytes = std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
    let mut text = String::new();
    if path.extension().is_some_and(|e| e == "zst") {
        zstd::Decoder::new(bytes.as_slice())?.read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(bytes)?;
    }
    Ok(text.lines().filter(|l| !l.trim().is_empty()).map(str::to_owned).collect())
}

/// One repetition of the recording.
pub fn repetition(lines: &[String], number: usize, seed: u64) -> Vec<String> {
    if number == 0 {
        return lines.to_vec();
    }
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (number as u64) << 20);
    lines.iter().map(|line| varied(line, &mut dice)).collect()
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn varied(line: &str, dice: &mut Dice) -> String {
    let Ok(mut event) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let mut changes = Vec::new();
    change(&mut event, "", dice, &mut changes);
    // The message quotes the fields: it changes with them.
    for key in ["Message", "message"] {
        if let Some(Value::String(message)) = event.get_mut(key) {
            for (old, new) in &changes {
                *message = message.replace(old.as_str(), new);
            }
        }
    }
    event.to_string()
}

fn change(value: &mut Value, key: &str, dice: &mut Dice, changes: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| change(value, key, dice, changes)),
        Value::Array(list) => list.iter_mut().for_each(|value| change(value, key, dice, changes)),
        Value::String(text) => {
            if let Some(new) = new_text(key, text, dice) {
                changes.push((std::mem::replace(text, new.clone()), new));
            }
        }
        _ => {}
    }
}

fn new_text(key: &str, text: &str, dice: &mut Dice) -> Option<String> {
    if text.len() < 3 || text == "N/A" {
        return None;
    }
    let key = key.to_ascii_lowercase();
    if key.contains("hash") || key == "md5" || key == "imphash" || key.ends_with("guid") || key.ends_with("logonid") {
        return Some(hexed(text, dice));
    }
    if ["hostname", "computer", "computername", "host", "workstation", "workstationname", "destinationhostname"]
        .contains(&key.as_str())
    {
        let (name, domain) = text.split_once('.').map_or((text, ""), |(n, d)| (n, d));
        let dot = if domain.is_empty() { "" } else { "." };
        return Some(format!("{name}-{:04}{dot}{domain}", dice.roll() % 5_000));
    }
    if key.ends_with("commandline") || key == "scriptblocktext" || key == "payload" || key == "contextinfo" {
        return Some(format!("{text} {:08x}-{}", dice.roll() as u32, dice.roll() % 100_000));
    }
    let well_known = text.to_ascii_uppercase().starts_with("NT AUTHORITY") || text.ends_with('$') || text == "SYSTEM";
    if (key.ends_with("user") || key.ends_with("username") || key == "accountname") && !well_known {
        return Some(format!("{text}{}", dice.roll() % 20_000));
    }
    None
}

/// Every hexadecimal digit of a run of eight and more drawn anew.
fn hexed(text: &str, dice: &mut Dice) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (head, tail) = rest.split_at(run);
        if run >= 4 {
            for c in head.chars() {
                let digit = b"0123456789ABCDEF"[(dice.roll() % 16) as usize] as char;
                out.push(if c.is_ascii_lowercase() { digit.to_ascii_lowercase() } else { digit });
            }
        } else {
            out.push_str(head);
        }
        let other = tail.chars().next();
        out.extend(other);
        rest = tail.get(other.map_or(0, char::len_utf8)..).unwrap_or("");
    }
    out
}
