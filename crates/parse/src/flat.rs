//! The flat view: one JSON object an event, with the short field names of the columns.
//!
//! Invariant: every name in it is a column's, or one of the handful listed in [`flat`]; a vendor's own fields stay
//! together under `extra` so that they never shadow a column.

use bongsu_event::{Class, Event, Evidence, Field, Severity, Status, Value};
use serde_json::{Map, Value as Json};

/// The flat view of an event: `time` and `time_from`, `class`, `activity`, `status`, `format`, the columns,
/// `event_severity`, `evidence`, `forgeable`, `skewed`, `unread`, `encoding` where they say something, `extra`, `raw`.
#[must_use]
pub fn flat(event: &Event) -> Map<String, Json> {
    let mut out = Map::new();
    let mut put = |name: &str, value: Json| {
        out.insert(name.to_owned(), value);
    };
    put("time", event.time.to_string().into());
    put("time_from", serde_json::to_value(event.time_from).unwrap_or_default());
    put("class", event.class.name().into());
    if event.class != Class::Unparsed {
        put("activity", event.activity.name().into());
        put("status", event.status.name().into());
        put("format", event.format.into());
    }
    if event.severity != Severity::Info {
        put("event_severity", event.severity.name().into());
    }
    for (field, value) in &event.fields {
        put(field.name(), json_of(value));
    }
    if event.evidence == Evidence::Handshake {
        put("evidence", "handshake".into());
    }
    let forgeable: Vec<Json> = Field::ALL
        .iter()
        .filter(|f| event.forgeable.has(**f) && event.get(**f).is_some())
        .map(|f| Json::from(f.name()))
        .collect();
    if !forgeable.is_empty() {
        put("forgeable", Json::Array(forgeable));
    }
    if event.skewed {
        put("skewed", true.into());
    }
    if event.truncated {
        put("truncated", true.into());
    }
    put("encoding", event.encoding.name().into());
    if let Some(unread) = &event.unread {
        put("unread", unread.0.as_ref().into());
    }
    if !event.extra.is_empty() {
        let extra = event.extra.iter().map(|(n, v)| (n.to_string(), Json::from(v.as_str()))).collect();
        put("extra", Json::Object(extra));
    }
    put("raw", crate::decode::decode(&event.raw).0.into_owned().into());
    out
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Ip(a) => a.to_string().into(),
        Value::Int(n) => (*n).into(),
        Value::Text(t) => t.as_str().into(),
    }
}

/// The word a log-in's outcome is told by in the `outcome` column.
pub(crate) fn outcome_word(status: Status) -> &'static str {
    match status {
        Status::Success => "success",
        Status::Failure => "failure",
        Status::Unknown => "unknown",
    }
}
