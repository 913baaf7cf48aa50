//! Records as `parse --records` reads them: one JSON object a line, `{"raw": "text"}` or `{"raw_b64": "bytes"}`.
//!
//! Invariant: a line that is no record is an error for that line alone.

use bytes::Bytes;
use serde::Deserialize;

/// A line that is no record; the text tells the operator what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError(pub String);

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RecordError {}

#[derive(Deserialize)]
struct Record {
    raw: Option<String>,
    raw_b64: Option<String>,
}

/// The bytes that a record's line carries.
///
/// # Errors
/// The line is not a JSON object with `raw` or `raw_b64`, or the base64 is broken.
pub fn record_of(line: &str) -> Result<Bytes, RecordError> {
    let record: Record = serde_json::from_str(line)
        .map_err(|e| RecordError(format!("a record is a JSON object with raw or raw_b64: {e}")))?;
    match (record.raw, record.raw_b64) {
        (Some(text), _) => Ok(Bytes::from(text.into_bytes())),
        (None, Some(text)) => {
            base64(text.as_bytes()).map(Bytes::from).ok_or_else(|| RecordError("raw_b64 is not base64".to_owned()))
        }
        (None, None) => Err(RecordError("a record needs raw (text) or raw_b64 (bytes in base64)".to_owned())),
    }
}

/// Standard or URL-safe base64, padded or not.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for b in text.iter().filter(|b| !matches!(b, b'=' | b'\n' | b'\r' | b' ')) {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(((bits >> held) & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes() {
        assert_eq!(record_of(r#"{"raw":"a\nb"}"#).unwrap(), "a\nb");
        assert_eq!(record_of(r#"{"raw_b64":"/+79","x":1}"#).unwrap(), &[0xff, 0xee, 0xfd][..]);
        assert_eq!(record_of(r#"{"raw_b64":"YQ=="}"#).unwrap(), "a");
        assert!(record_of(r#"{"raw_b64":"?"}"#).is_err());
        assert!(record_of("{}").is_err());
        assert!(record_of("nonsense").is_err());
    }
}
