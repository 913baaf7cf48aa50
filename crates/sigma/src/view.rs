//! What a rule may ask of an event, whatever the event is made of.

use bongsu_event::{Event, Field, ValueRef};

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

/// An event whose `hour` and `weekday` are told in a zone of its own; a bare [`Event`] tells them in Korea's.
#[derive(Clone, Copy, Debug)]
pub struct Zoned<'a> {
    /// The event.
    pub event: &'a Event,
    /// Seconds east of UTC.
    pub offset_seconds: i32,
}

impl EventView for Event {
    fn for_each<'e>(&'e self, _f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {}
    fn for_each_text<'e>(&'e self, _f: &mut dyn FnMut(&'e str)) {}
}

impl EventView for Zoned<'_> {
    fn for_each<'e>(&'e self, f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {
        self.event.for_each(f);
    }
    fn for_each_text<'e>(&'e self, f: &mut dyn FnMut(&'e str)) {
        self.event.for_each_text(f);
    }
}

impl EventView for serde_json::Value {
    fn for_each<'e>(&'e self, _f: &mut dyn FnMut(Key<'_>, ValueRef<'e>)) {}
    fn for_each_text<'e>(&'e self, _f: &mut dyn FnMut(&'e str)) {}
}
