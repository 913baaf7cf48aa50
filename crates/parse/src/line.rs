//! A decoded line with its syslog header taken off, and what a parser may know besides the bytes.

use bongsu_event::{Encoding, Micros};

/// What a parser may know besides the bytes: nothing here comes from a clock of our own.
#[derive(Clone, Debug)]
pub struct Context {
    /// When we had the bytes; fills in a missing year, and the time of lines that say none.
    pub receive_time: Micros,
    /// Zone of the source, for times written without one.
    pub timezone: jiff::tz::TimeZone,
}

/// The header of RFC 3164 or RFC 5424 (and vendors' bends of them).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyslogHeader<'a> {
    /// `<PRI>`: facility × 8 + severity, 0 to 191.
    pub pri: Option<u8>,
    /// The time it says, if readable.
    pub time: Option<Micros>,
    /// Was a zone or offset written with it?
    pub time_has_zone: bool,
    /// HOSTNAME.
    pub host: Option<&'a str>,
    /// TAG or APP-NAME, without the pid.
    pub app: Option<&'a str>,
    /// The pid of the tag, or PROCID.
    pub pid: Option<&'a str>,
    /// MSGID.
    pub msgid: Option<&'a str>,
    /// RFC 5424 STRUCTURED-DATA, brackets included, undecoded.
    pub structured: Option<&'a str>,
}

/// One line as a format sees it.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The bytes as received.
    pub raw: &'a [u8],
    /// The whole line as text.
    pub text: &'a str,
    /// How the text was written.
    pub encoding: Encoding,
    /// The syslog header, if there is one.
    pub header: Option<SyslogHeader<'a>>,
    /// What follows the header; the whole text without one.
    pub body: &'a str,
    /// What else a parser may know.
    pub context: &'a Context,
}
