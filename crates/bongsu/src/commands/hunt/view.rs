//! What rules see of a record, and what a finding says of it besides: time and host.

use bongsu_event::{Event, Field, Micros, ValueRef};
use bongsu_parse::windows::WindowsEvent;
use bongsu_sigma::{EventView, Key};

/// A Windows event under the names that Sigma gives its values, and under their whole paths.
pub struct Windows<'r>(pub WindowsEvent<'r>);

impl EventView for Windows<'_> {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        for (number, value) in self.0.numbered() {
            let Some((short, path)) = self.0.name(number) else { continue };
            f(Key::Name(short), value);
            if path != short {
                f(Key::Name(path), value);
            }
        }
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        self.0.for_each(&mut |_, value| {
            if let ValueRef::Text(text) = value {
                f(text);
            }
        });
    }
}

/// When and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub time: Option<Micros>,
    pub host: Option<String>,
}

/// Names of times in events of JSON, the best first.
const TIME_NAMES: [&str; 14] = [
    "Event.System.TimeCreated.#attributes.SystemTime",
    "TimeCreated_SystemTime",
    "@timestamp",
    "TimeCreated",
    "EventTime",
    "eventTime",
    "UtcTime",
    "TimeGenerated",
    "timestamp",
    "datetime",
    "event_time",
    "time",
    "ts",
    "date",
];

/// Names of hosts, the best first.
const HOST_NAMES: [&str; 10] = [
    "Computer",
    "winlog.computer_name",
    "Hostname",
    "host.name",
    "host.hostname",
    "ComputerName",
    "hostname",
    "host",
    "agent.hostname",
    "device.hostname",
];

/// Of a Windows event.
pub fn windows(event: &WindowsEvent<'_>) -> Facts {
    let host = match event.get("Computer") {
        Some(ValueRef::Text(text)) if !text.is_empty() => Some(text.to_owned()),
        _ => None,
    };
    Facts { time: event.time, host }
}

/// Of a line that a format of ours read.
pub fn line(event: &Event) -> Facts {
    let host = event.text(Field::Host).map(str::to_owned);
    Facts { time: Some(event.time), host }
}

/// Of an event in JSON.
pub fn json(event: &dyn EventView, context: &bongsu_parse::Context) -> Facts {
    let (mut time, mut host) = (None, None);
    event.for_each(&mut |key, value| {
        let Key::Name(name) = key else { return };
        better(&TIME_NAMES, name, &mut time, || match value {
            ValueRef::Text(text) => bongsu_parse::time_of(text, context),
            ValueRef::Int(n) => bongsu_parse::time_of(&n.to_string(), context),
            ValueRef::Float(n) => bongsu_parse::time_of(&n.to_string(), context),
            _ => None,
        });
        better(&HOST_NAMES, name, &mut host, || match value {
            ValueRef::Text(text) if !text.is_empty() => Some(text.to_owned()),
            _ => None,
        });
    });
    Facts { time: time.map(|(_, t)| t), host: host.map(|(_, h)| h) }
}

fn better<T>(names: &[&str], name: &str, best: &mut Option<(usize, T)>, read: impl FnOnce() -> Option<T>) {
    let Some(rank) = names.iter().position(|n| *n == name) else { return };
    if best.as_ref().is_none_or(|(known, _)| rank < *known)
        && let Some(value) = read()
    {
        *best = Some((rank, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_name_says_when_and_where() {
        let context = bongsu_parse::Context { receive_time: Micros(0), timezone: jiff::tz::TimeZone::UTC };
        let event = serde_json::json!({"UtcTime": "2020-10-17 06:38:37.100", "@timestamp": "2020-10-17T06:38:38.5Z",
            "Hostname": "WS5", "hostname": "other", "EventTime": ""});
        let facts = json(&event, &context);
        assert_eq!(facts.time.unwrap().to_string(), "2020-10-17T06:38:38.500000Z");
        assert_eq!(facts.host.as_deref(), Some("WS5"));
        assert_eq!(json(&serde_json::json!({"a": 1}), &context), Facts::default());
    }
}
