//! Any JSON object, flat or nested: names that many senders share become columns, the rest is kept as it is.
//!
//! Invariant: knows no sender, so everything it reads is marked forgeable. A line cut in the middle keeps what came
//! before the cut.

use bongsu_event::{Event, Unread};

use crate::generic::Gather;
use crate::json::{Scalar, walk};
use crate::seek::Needle;
use crate::{Format, Line};

/// Any JSON object.
pub struct Json;

const OBJECT: Needle = Needle::new(b"{\"");
/// How far into the body the object may begin, bytes.
const HEAD_BYTES: usize = 256;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }
    fn confidence(&self, line: &Line<'_>) -> u8 {
        match start_of(line.body) {
            Some(0) => 25,
            Some(_) => 22,
            None => 0,
        }
    }
    fn parse(&self, line: &Line<'_>, event: &mut Event) -> Result<(), Unread> {
        let start = start_of(line.body).ok_or(Unread::because("no JSON object"))?;
        let mut gather = Gather::exact(line.context);
        let object = line.body.get(start..).unwrap_or("");
        let (seen, whole) = walk(object, &mut |path, value| take(&mut gather, event, path, value));
        if seen == 0 || (!whole && seen < 3) {
            return Err(Unread::because("broken JSON"));
        }
        gather.finish(event);
        Ok(())
    }
}

/// One value as text under its path.
pub(crate) fn take(gather: &mut Gather<'_>, event: &mut Event, path: &str, value: Scalar<'_>) {
    match value {
        Scalar::Text(text) => gather.take(event, path, text),
        Scalar::Int(number) => gather.take(event, path, itoa(number).as_str()),
        Scalar::Float(number) => gather.take(event, path, &number.to_string()),
        Scalar::Bool(truth) => gather.take(event, path, if truth { "true" } else { "false" }),
    }
}

fn itoa(number: i64) -> compact_str::CompactString {
    compact_str::format_compact!("{number}")
}

/// `{` at the start, or `{"` behind a few words of text.
fn start_of(body: &str) -> Option<usize> {
    let bytes = body.as_bytes();
    let first = bytes.iter().position(|b| !b.is_ascii_whitespace())?;
    if bytes.get(first) == Some(&b'{') {
        return bytes
            .get(first + 1..)?
            .iter()
            .find(|b| !b.is_ascii_whitespace())
            .filter(|b| **b == b'"')
            .map(|_| first);
    }
    if bytes.get(first) == Some(&b'[') && bytes.get(first + 1) == Some(&b'{') {
        return Some(first);
    }
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    OBJECT.find(head)
}
