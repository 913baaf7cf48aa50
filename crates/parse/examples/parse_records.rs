//! Reads records (`{"raw": …}` or `{"raw_b64": …}`, one a line) on standard input, writes flat events on standard
//! output, one a line, in order.

use std::io::{BufRead, BufReader, BufWriter, Write, stdin, stdout};

use bongsu_event::Micros;
use bongsu_parse::{Context, flat, parse_record, record_of};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let receive_time = Micros::from_timestamp(jiff::Timestamp::now());
    let context = Context { receive_time, timezone: jiff::tz::TimeZone::UTC };
    let mut out = BufWriter::new(stdout().lock());
    for line in BufReader::new(stdin().lock()).lines() {
        // a broken record still gets its one answer
        let raw = record_of(&line?).unwrap_or_default();
        let (event, _) = parse_record(raw, &context, None);
        serde_json::to_writer(&mut out, &flat(&event))?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}
