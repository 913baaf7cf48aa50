//! What a rule may ask of an event, whatever the event is made of.

use bongsu_event::{Encoding, Event, Evidence, Field, Micros, Transport, ValueRef};
use serde_json::Value as Json;

use crate::atom::text_of;
use crate::limits::JSON_DEPTH_MAX;
use crate::matcher::FieldName;
use crate::names;

macro_rules! metas {
    ($($variant:ident $name:literal $doc:literal)*) => {
        /// What the event says of itself beside its columns.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Meta { $(#[doc = concat!("`", $name, "`: ", $doc)] $variant),* }
        impl Meta {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The name used in rules.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $(Self::$variant => $name),* } }
        }
    };
}

metas! {
    Class "class" "OCSF class by name, as `authentication`."
    ClassUid "class_uid" "OCSF class by number."
    Activity "activity" "As `open`, `deny`."
    Status "status" "`success`, `failure`, `unknown`."
    EventSeverity "event_severity" "The event's own severity, by name and by number from 1 to 5."
    Format "format" "The name of the format that read the line."
    Transport "transport" "How the line came: `udp`, `tcp`, `tls`, `mutual_tls`, `agent`, `load`."
    Evidence "evidence" "`handshake` where the source address completed one, else `none`."
    Agency "agency" "Number of the agency."
    Source "source" "Number of the source; 0 is the quarantine."
    Time "time" "Event time, microseconds since 1970."
    Hour "hour" "Hour of the event's day in the view's zone, 0 to 23."
    Weekday "weekday" "Day of the week in the view's zone, 1 (Monday) to 7."
    Unread "unread" "Why the line could not be read."
    Truncated "truncated" "`true` if the line was cut."
    Skewed "skewed" "`true` if the line's clock was far from receipt."
    Raw "raw" "The raw line, if it is UTF-8."
}

impl Meta {
    /// By name, exactly as written.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.name() == name)
    }
}

/// Which field a value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// A column of our event.
    Hot(Field),
    /// Something the event says of itself.
    Meta(Meta),
    /// A name as the source wrote it; nested names are joined by dots.
    Name(&'a str),
    /// A name that holds a mapping: the field is there, and it has no value of its own.
    Branch(&'a str),
}

/// Anything rules can be matched against.
pub trait EventView {
    /// Every value of the event, once. A name may come several times (lists); any of its values may match.
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>));
    /// The texts in which keywords (values without a field) are looked for.
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str));
}

/// Korea has one zone and no summer time.
pub const KOREA_OFFSET_SECONDS: i32 = 9 * 3600;

/// An [`Event`] whose `hour` and `weekday` are told in a zone of its own; a bare [`Event`] tells them in Korea's.
#[derive(Clone, Copy, Debug)]
pub struct Zoned<'a> {
    /// The event.
    pub event: &'a Event,
    /// Seconds east of UTC.
    pub offset_seconds: i32,
}

impl EventView for Event {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        Zoned { event: self, offset_seconds: KOREA_OFFSET_SECONDS }.tell(f);
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        // Bytes that make no UTF-8 are skipped here; a line in another encoding is found by its decoded fields.
        for chunk in self.raw.utf8_chunks() {
            f(chunk.valid());
        }
        if self.encoding != Encoding::Utf8 {
            for text in self.fields.iter().filter_map(|(_, v)| v.as_str()) {
                f(text);
            }
            for (_, text) in &self.extra {
                f(text);
            }
        }
    }
}

impl EventView for Zoned<'_> {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        self.tell(f);
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        self.event.for_each_text(f);
    }
}

impl<'a> Zoned<'a> {
    /// What the taxonomy asks of an address besides, where the line gave it whole.
    fn tell_url(self, f: &mut dyn FnMut(Key<'_>, ValueRef<'a>)) {
        let mut path = self.event.text(Field::UrlPath);
        if let Some(url) = self.event.text(Field::Url) {
            // The community's rules write the whole target of a request there, path and query.
            f(Key::Name("cs-uri-query"), ValueRef::Text(url));
            let (own, query) = parts_of_url(url);
            if let (None, Some(own)) = (path, own) {
                f(Key::Hot(Field::UrlPath), ValueRef::Text(own));
                path = Some(own);
            }
            if let (None, Some(query)) = (self.event.text(Field::UrlQuery), query) {
                f(Key::Hot(Field::UrlQuery), ValueRef::Text(query));
            }
        }
        if let Some(extension) = path.and_then(extension) {
            f(Key::Name("c-uri-extension"), ValueRef::Text(extension));
        }
    }
    fn tell(self, f: &mut dyn FnMut(Key<'_>, ValueRef<'a>)) {
        let e = self.event;
        for (field, value) in &e.fields {
            f(Key::Hot(*field), value.as_ref());
        }
        let is_json = e.format == "json";
        for (name, value) in &e.extra {
            f(Key::Name(name), ValueRef::Text(value));
            if is_json {
                names::others(name, &mut |other| f(Key::Name(other), ValueRef::Text(value)));
            }
        }
        self.tell_url(f);
        for (meta, text) in [
            (Meta::Class, e.class.name()),
            (Meta::Activity, e.activity.name()),
            (Meta::Status, e.status.name()),
            (Meta::EventSeverity, e.severity.name()),
            (Meta::Format, e.format),
            (Meta::Transport, transport_name(e.transport)),
            (Meta::Evidence, if e.evidence == Evidence::Handshake { "handshake" } else { "none" }),
        ] {
            f(Key::Meta(meta), ValueRef::Text(text));
        }
        let hours = e.time.0.div_euclid(Micros::SECOND).saturating_add(self.offset_seconds.into()).div_euclid(3600);
        for (meta, number) in [
            (Meta::ClassUid, e.class.uid().into()),
            (Meta::EventSeverity, e.severity.number().into()),
            (Meta::Agency, e.agency.0.into()),
            (Meta::Source, e.source.0.into()),
            (Meta::Time, e.time.0),
            (Meta::Hour, hours.rem_euclid(24)),
            // 1970-01-01 was a Thursday, day 4.
            (Meta::Weekday, (hours.div_euclid(24) + 3).rem_euclid(7) + 1),
        ] {
            f(Key::Meta(meta), ValueRef::Int(number));
        }
        f(Key::Meta(Meta::Truncated), ValueRef::Bool(e.truncated));
        f(Key::Meta(Meta::Skewed), ValueRef::Bool(e.skewed));
        if let Some(unread) = &e.unread {
            f(Key::Meta(Meta::Unread), ValueRef::Text(&unread.0));
        }
        if let Ok(raw) = std::str::from_utf8(&e.raw) {
            f(Key::Meta(Meta::Raw), ValueRef::Text(raw));
        }
    }
}

/// `exe` of `/a/b.exe`.
fn extension(path: &str) -> Option<&str> {
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
    Some(extension).filter(|e| !e.is_empty())
}

/// Path and query of an address, absolute or not.
fn parts_of_url(url: &str) -> (Option<&str>, Option<&str>) {
    let (front, query) = url.split_once('?').map_or((url, None), |(front, query)| (front, Some(query)));
    let path = match front.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)),
        None => Some(front).filter(|p| p.starts_with('/')),
    };
    (path, query)
}

fn transport_name(t: Transport) -> &'static str {
    match t {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::MutualTls => "mutual_tls",
        Transport::Agent => "agent",
        Transport::Load => "load",
    }
}

impl EventView for Json {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        if let Json::Object(map) = self {
            let mut path = String::new();
            for (name, value) in map {
                path.clear();
                path.push_str(name);
                walk(value, &mut path, JSON_DEPTH_MAX, f);
            }
        }
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        texts(self, JSON_DEPTH_MAX, f);
    }
}

fn texts<'e>(value: &'e Json, depth: usize, f: &mut dyn FnMut(&'e str)) {
    match value {
        Json::String(t) => f(t),
        Json::Array(list) if depth > 0 => list.iter().for_each(|v| texts(v, depth - 1, f)),
        Json::Object(map) if depth > 0 => map.values().for_each(|v| texts(v, depth - 1, f)),
        _ => {}
    }
}

fn walk<'e>(value: &'e Json, path: &mut String, depth: usize, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
    let leaf = match value {
        Json::Object(map) if !map.is_empty() && depth > 0 => {
            f(Key::Branch(path), ValueRef::Null);
            let end = path.len();
            for (name, inner) in map {
                path.push('.');
                path.push_str(name);
                walk(inner, path, depth - 1, f);
                path.truncate(end);
            }
            return;
        }
        Json::Array(list) if !list.is_empty() && depth > 0 => {
            list.iter().for_each(|v| walk(v, path, depth - 1, f));
            return;
        }
        Json::Object(_) | Json::Array(_) | Json::Null => ValueRef::Null,
        Json::Bool(b) => ValueRef::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| ValueRef::Float(n.as_f64().unwrap_or(0.0)), ValueRef::Int),
        Json::String(t) => ValueRef::Text(t),
    };
    f(Key::Name(path), leaf);
    names::others(path, &mut |name| f(Key::Name(name), leaf));
}

/// The first value of a field as text, and how a group-by or a sentence shows it.
#[must_use]
pub(crate) fn first_text(event: &dyn EventView, field: &FieldName) -> Option<String> {
    let mut found = None;
    event.for_each(&mut |key, value| {
        if found.is_none() && field.is_fed_by(key) && !matches!(value, ValueRef::Null) {
            let mut room = String::new();
            found = Some(text_of(value, &mut room).to_owned());
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_event::{Class, Field};
    use bytes::Bytes;

    fn field(event: &dyn EventView, name: &str) -> Option<String> {
        first_text(event, &FieldName::new(name).unwrap())
    }

    #[test]
    fn one_name_finds_the_value_in_each_shape() {
        let mut ours = Event::unread(Bytes::from_static(b"x"), Micros(0));
        ours.class = Class::Process;
        ours.set(Field::Cmdline, "whoami /all");
        ours.add_extra("LogonGuid", "{1}");
        let evtx: Json = serde_json::from_str(
            r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"Sysmon"}},"EventID":{"#text":1},"Channel":"S"},
                "EventData":{"CommandLine":"whoami /all","LogonGuid":"{1}"}}}"##,
        )
        .unwrap();
        let beat: Json = serde_json::from_str(
            r#"{"winlog":{"event_id":1,"provider_name":"Sysmon","event_data":{"CommandLine":"whoami /all","LogonGuid":"{1}"}}}"#,
        )
        .unwrap();
        for e in [&ours as &dyn EventView, &evtx, &beat] {
            assert_eq!(field(e, "CommandLine").as_deref(), Some("whoami /all"));
            assert_eq!(field(e, "cmdline").as_deref(), Some("whoami /all"));
            assert_eq!(field(e, "logonguid").as_deref(), Some("{1}"));
        }
        for e in [&evtx, &beat] {
            assert_eq!(field(e, "EventID").as_deref(), Some("1"));
            assert_eq!(field(e, "Provider_Name").as_deref(), Some("Sysmon"));
        }
        assert_eq!(field(&ours, "class").as_deref(), Some("process"));
    }

    #[test]
    fn hours_and_weekdays_are_korean_unless_told_otherwise() {
        let mut e = Event::unread(Bytes::new(), Micros(0));
        // 2026-03-01 (a Sunday) 15:30 UTC is Monday 00:30 in Korea.
        e.time = Micros("2026-03-01T15:30:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond());
        assert_eq!(field(&e, "hour").as_deref(), Some("0"));
        assert_eq!(field(&e, "weekday").as_deref(), Some("1"));
        let utc = Zoned { event: &e, offset_seconds: 0 };
        assert_eq!(field(&utc, "hour").as_deref(), Some("15"));
        assert_eq!(field(&utc, "weekday").as_deref(), Some("7"));
        e.time = Micros(i64::MIN);
        assert!(field(&e, "hour").is_some());
    }

    #[test]
    fn an_alias_does_not_stand_in_for_another_alias() {
        let event: Json = serde_json::from_str(r#"{"TargetUserName":"a","n":{"deep":[{"x":1},{"x":2}]}}"#).unwrap();
        assert_eq!(field(&event, "user").as_deref(), Some("a"));
        assert_eq!(field(&event, "User"), None);
        assert_eq!(field(&event, "n.deep.x").as_deref(), Some("1"));
    }
}
