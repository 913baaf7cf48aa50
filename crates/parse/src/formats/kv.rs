//! Any line of `key=value` pairs: names that many senders share become columns, the rest is kept as it is.
//!
//! Invariant: knows no sender, so everything it reads is marked forgeable; a `key=` between quotes is text.

use bongsu_event::{Event, Field, Unread};

use crate::formats::syslog;
use crate::generic::Gather;
use crate::kv::Pairs;
use crate::{Format, Line};

/// Any line of pairs.
pub struct KeyValue;

/// Fewer pairs than this are a sentence with an equals sign in it.
const PAIRS_MIN: usize = 3;
/// ASCII's group separator.
const GROUP: char = '\u{1d}';
/// How much of a line is looked at to recognise it, bytes.
const HEAD_BYTES: usize = 400;

/// The name itself: what stands before a colon is none of it, and a path, as in `http://x/?a=b`, is no name at all.
fn name_of(key: &str) -> Option<&str> {
    // most keys hold neither sign, and a search for text costs more than this look
    if !key.bytes().any(|b| matches!(b, b'/' | b':')) {
        return Some(key);
    }
    (!key.contains("//")).then(|| key.rsplit_once(':').map_or(key, |(_, k)| k))
}

impl Format for KeyValue {
    fn name(&self) -> &'static str {
        "kv"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        let bytes = line.body.as_bytes();
        let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
        let mut pairs = 0;
        for at in memchr::memchr_iter(b'=', head) {
            if at > 0 && head.get(at - 1).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'"' | b')'))
            {
                pairs += 1;
                if pairs >= PAIRS_MIN {
                    return 20;
                }
            }
        }
        0
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let mut gather = Gather::new(line.context);
        let mut seen = 0;
        // Linux audit puts this before what it adds for readers, right behind a quote.
        for (key, value) in line.body.split(GROUP).flat_map(Pairs::greedy) {
            seen += 1;
            if key == "msg" && audit(event, &mut gather, &value) {
                continue;
            }
            if let Some(key) = name_of(key) {
                gather.take(event, key, &value);
            }
        }
        if seen < PAIRS_MIN {
            return Err(Unread::because("fewer than three key=value pairs"));
        }
        if gather.found == 0 {
            event.set(Field::Message, line.body);
        }
        syslog::structured(event, line, &mut gather);
        syslog::leading_time(event, line);
        syslog::flow(event, line.body);
        gather.finish(event);
        Ok(())
    }
}

/// Linux audit: `msg=audit(1780239598.123:4711):`, and `msg='op=login acct="kim" …'` with pairs of its own.
fn audit(event: &mut Event, gather: &mut Gather<'_>, value: &str) -> bool {
    if let Some((stamp, _)) = value.strip_prefix("audit(").and_then(|v| v.split_once(':')) {
        gather.take(event, "timestamp", stamp);
        event.set(Field::App, "auditd");
        return true;
    }
    if !value.starts_with("op=") && !value.starts_with("unit=") {
        return false;
    }
    for (key, inner) in Pairs::new(value).filter(|(_, v)| v != "?") {
        let key = match key {
            "acct" => "user",
            "addr" => "rhost",
            "res" => "result",
            k => k,
        };
        gather.take(event, key, &inner);
    }
    true
}
