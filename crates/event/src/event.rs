//! The event itself.

use std::borrow::Cow;

use bytes::Bytes;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::{AgencyId, EventId, Field, FieldSet, Micros, SourceId, Transport, Value, limits};

/// OCSF 1.8 class. The number is OCSF's `class_uid`; 0 is our own `unparsed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u16)]
pub enum Class {
    /// No format could read the line.
    #[default]
    Unparsed = 0,
    /// File System Activity.
    File = 1001,
    /// Process Activity.
    Process = 1007,
    /// Scheduled job, service, kernel and other system activity without a class of its own.
    System = 1000,
    /// Detection Finding: a device's own verdict (IPS, antivirus, WAF).
    Finding = 2004,
    /// Account Change.
    Account = 3001,
    /// Authentication.
    Authentication = 3002,
    /// Authorize Session (sudo, privilege use).
    Authorization = 3003,
    /// Group Management.
    Group = 3006,
    /// Network Activity (traffic).
    Network = 4001,
    /// HTTP Activity.
    Http = 4002,
    /// DNS Activity.
    Dns = 4003,
    /// DHCP Activity.
    Dhcp = 4004,
    /// SSH Activity.
    Ssh = 4007,
    /// Email Activity.
    Email = 4009,
    /// Tunnel Activity (VPN).
    Tunnel = 4014,
    /// Device Config State Change (policy, configuration).
    Config = 5019,
    /// Application Lifecycle (start, stop, crash).
    Application = 6002,
    /// API Activity.
    Api = 6003,
}

impl Class {
    /// Every class.
    pub const ALL: &'static [Self] = &[
        Self::Unparsed,
        Self::System,
        Self::File,
        Self::Process,
        Self::Finding,
        Self::Account,
        Self::Authentication,
        Self::Authorization,
        Self::Group,
        Self::Network,
        Self::Http,
        Self::Dns,
        Self::Dhcp,
        Self::Ssh,
        Self::Email,
        Self::Tunnel,
        Self::Config,
        Self::Application,
        Self::Api,
    ];
    /// OCSF `class_uid` (0 for unparsed, 1000 for plain system lines).
    #[must_use]
    pub fn uid(self) -> u16 {
        self as u16
    }
    /// The name used in queries and rules, as `authentication`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unparsed => "unparsed",
            Self::System => "system",
            Self::File => "file",
            Self::Process => "process",
            Self::Finding => "finding",
            Self::Account => "account",
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::Group => "group",
            Self::Network => "network",
            Self::Http => "http",
            Self::Dns => "dns",
            Self::Dhcp => "dhcp",
            Self::Ssh => "ssh",
            Self::Email => "email",
            Self::Tunnel => "tunnel",
            Self::Config => "config",
            Self::Application => "application",
            Self::Api => "api",
        }
    }
    /// The class of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.name() == name)
    }
}

/// What was tried. One list over all classes; a class uses the few that make sense for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Not said.
    #[default]
    Unknown,
    /// Log on, connect, open.
    Open,
    /// Log off, disconnect, close.
    Close,
    /// Let through.
    Allow,
    /// Stopped by the device.
    Deny,
    /// Create, add, enable.
    Create,
    /// Read, request.
    Read,
    /// Change, modify.
    Update,
    /// Delete, remove, disable.
    Delete,
    /// Run, launch.
    Run,
    /// Seen, reported (a verdict without an action).
    Detect,
}

impl Activity {
    /// The name used in queries and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Open => "open",
            Self::Close => "close",
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Run => "run",
            Self::Detect => "detect",
        }
    }
}

/// How it ended (OCSF `status_id`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not said.
    #[default]
    Unknown,
    /// It worked.
    Success,
    /// It did not.
    Failure,
}

impl Status {
    /// The name used in queries and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// What a machine thinks: severity of events, rules and alerts. Never a priority, stage or level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 정보.
    #[default]
    Info = 1,
    /// 낮음.
    Low = 2,
    /// 중간.
    Medium = 3,
    /// 높음.
    High = 4,
    /// 치명.
    Critical = 5,
}

impl Severity {
    /// The name used in queries, rules and the interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
    /// By name; Sigma's `informational` is `info`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "info" | "informational" => Self::Info,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "critical" => Self::Critical,
            _ => return None,
        })
    }
    /// From 1 (info) to 5 (critical).
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
    /// The reverse of [`Severity::number`].
    #[must_use]
    pub fn from_number(n: u8) -> Option<Self> {
        [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical].into_iter().find(|s| s.number() == n)
    }
}

/// Where the event's time was taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFrom {
    /// The line says it, with a zone or an offset.
    Line,
    /// The line says it without a zone; the source's zone was used.
    LineLocal,
    /// The syslog header says it.
    Header,
    /// The line says nothing readable, or something absurd: the time of receipt.
    #[default]
    Receipt,
}

/// How the text of the line was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// ASCII or UTF-8.
    #[default]
    Utf8,
    /// CP949 (Unified Hangul Code), which holds EUC-KR.
    Cp949,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
    /// Neither: bytes that make no text are shown as U+FFFD.
    Unknown,
}

impl Encoding {
    /// The name stored in the lake.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Cp949 => "cp949",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Unknown => "unknown",
        }
    }
}

/// What the line proves about its source address (`SrcIp`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing: the address may be forged (UDP, a SYN, free text).
    #[default]
    None,
    /// The address completed a handshake (an application answered it, bytes came back).
    Handshake,
}

/// Why a line could not be read; the text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread(pub Cow<'static, str>);

impl Unread {
    /// With a fixed reason, counted per source and reason.
    #[must_use]
    pub const fn because(reason: &'static str) -> Self {
        Self(Cow::Borrowed(reason))
    }
}

/// Vendor fields a list has room for when the first is added; most lines have one to a dozen.
const EXTRA_ROOM: usize = 12;

/// A normalised occurrence, immutable, always traceable to its raw bytes.
#[derive(Clone, Debug)]
pub struct Event {
    /// Center epoch and journal sequence.
    pub id: EventId,
    /// When it happened, as well as we know.
    pub time: Micros,
    /// Where `time` was taken from.
    pub time_from: TimeFrom,
    /// When we had the bytes.
    pub receive_time: Micros,
    /// Whose it is.
    pub agency: AgencyId,
    /// The source that sent it.
    pub source: SourceId,
    /// How it came.
    pub transport: Transport,
    /// The name of the format that read it; `""` when unparsed.
    pub format: &'static str,
    /// OCSF class.
    pub class: Class,
    /// What was tried.
    pub activity: Activity,
    /// How it ended.
    pub status: Status,
    /// How grave the *source* says it is, brought to our five steps.
    pub severity: Severity,
    /// What the line proves about `SrcIp`.
    pub evidence: Evidence,
    /// Fields whose value an outsider can write (inside a user name, URL or free text).
    pub forgeable: FieldSet,
    /// Cut at `LINE_BYTES_MAX`.
    pub truncated: bool,
    /// The line's clock was further than `LIVE_SKEW_SECONDS_MAX` from receipt.
    pub skewed: bool,
    /// How the text was written.
    pub encoding: Encoding,
    /// Why the line could not be read, if it could not.
    pub unread: Option<Unread>,
    /// Hot columns, each at most once, in the order they were set: by [`Event::set`] and its like.
    pub fields: Vec<(Field, Value)>,
    /// Columns that were set: most questions are about others, and are answered without a walk over `fields`.
    present: FieldSet,
    /// The vendor's own fields, under the vendor's names, in order.
    pub extra: Vec<(CompactString, CompactString)>,
    /// The bytes as received.
    pub raw: Bytes,
}

impl Event {
    /// An event that nobody has read yet: class `unparsed`, time of receipt.
    #[must_use]
    pub fn unread(raw: Bytes, receive_time: Micros) -> Self {
        Self {
            id: EventId::default(),
            time: receive_time,
            time_from: TimeFrom::Receipt,
            receive_time,
            agency: AgencyId::default(),
            source: SourceId::QUARANTINE,
            transport: Transport::Load,
            format: "",
            class: Class::Unparsed,
            activity: Activity::Unknown,
            status: Status::Unknown,
            severity: Severity::Info,
            evidence: Evidence::None,
            forgeable: FieldSet::EMPTY,
            truncated: false,
            skewed: false,
            encoding: Encoding::Utf8,
            unread: None,
            fields: Vec::new(),
            present: FieldSet::EMPTY,
            extra: Vec::new(),
            raw,
        }
    }
    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&Value> {
        if !self.present.has(field) {
            return None;
        }
        self.fields.iter().find(|(f, _)| *f == field).map(|(_, v)| v)
    }
    /// The text of a field, if it is text.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }
    /// The address in a field, if it is one.
    #[must_use]
    pub fn ip(&self, field: Field) -> Option<std::net::IpAddr> {
        self.get(field).and_then(Value::as_ip)
    }
    /// The number in a field, if it is one.
    #[must_use]
    pub fn int(&self, field: Field) -> Option<i64> {
        self.get(field).and_then(Value::as_int)
    }
    /// Set a field if it is not set yet; the first reading wins.
    pub fn set(&mut self, field: Field, value: impl Into<Value>) {
        if self.get(field).is_none() {
            self.put(field, value.into());
        }
    }
    /// Set a field, replacing what was there.
    pub fn replace(&mut self, field: Field, value: impl Into<Value>) {
        self.fields.retain(|(f, _)| *f != field);
        self.put(field, value.into());
    }
    fn put(&mut self, field: Field, value: Value) {
        let value = match value {
            Value::Text(t) if t.is_empty() => return,
            Value::Text(t) if t.len() > limits::VALUE_BYTES_MAX => {
                let mut end = limits::VALUE_BYTES_MAX;
                while !t.is_char_boundary(end) {
                    end -= 1;
                }
                Value::Text(CompactString::from(t.get(..end).unwrap_or("")))
            }
            v => v,
        };
        self.present.insert(field);
        self.fields.push((field, value));
    }
    /// Set a field from text, read by the field's kind: addresses as addresses, numbers as numbers. Text that
    /// does not fit an address or number column is kept under `extra` instead. Says whether the column was set.
    pub fn set_text(&mut self, field: Field, text: &str) -> bool {
        match field.read(text) {
            Some(v) => {
                self.set(field, v);
                true
            }
            None => {
                if !text.is_empty() {
                    self.add_extra(field.name(), text);
                }
                false
            }
        }
    }
    /// Add a vendor field under the vendor's own name.
    pub fn add_extra(&mut self, name: &str, value: &str) {
        if self.extra.len() < limits::EXTRA_FIELDS_MAX {
            if self.extra.capacity() == 0 {
                self.extra.reserve(EXTRA_ROOM);
            }
            self.extra.push((CompactString::from(name), CompactString::from(value)));
        }
    }
    /// A vendor field by its own name, without regard to case.
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.extra.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    /// The raw line as text, bytes that make none shown as U+FFFD. For display and free-text search of UTF-8 lines.
    #[must_use]
    pub fn raw_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.raw)
    }
}
