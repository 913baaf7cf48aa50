//! Times as logs write them, into [`Micros`].
//!
//! Invariant: reads no clock. A missing year comes from the time of receipt, a missing zone from the source's zone;
//! an absurd time (1969, 2106) is never believed, only marked.

use bongsu_event::{Event, Micros, TimeFrom, limits};

use crate::Context;

/// Before this year a clock is unset: it counts from 1970, or wraps to 1969.
const YEAR_MIN: i64 = 1971;
/// How far ahead of receipt a clock may be and still be believed, years.
const YEARS_AHEAD_MAX: i64 = 10;
/// How far ahead of receipt a line without year may be before it counts as last year's, seconds.
const AHEAD_WITHOUT_YEAR_SECONDS: i64 = 2 * 86_400;
const DAY_SECONDS: i64 = 86_400;
const YEAR_SECONDS: i64 = 31_556_952;

/// A time read from a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) time: Micros,
    /// Was a zone, an offset or a count since 1970 written?
    pub(crate) zoned: bool,
}

/// Read a text that is a time and nothing else; quotes, brackets and spaces around it are let pass.
pub(crate) fn read(text: &str, context: &Context) -> Option<Stamp> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '[' | ']' | '(' | ')'));
    let (stamp, rest) = prefix(text, context)?;
    let next = rest.bytes().next();
    (!next.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'/'))).then_some(stamp)
}

/// The time that a text is, for values that a name has told to be one.
#[must_use]
pub fn time_of(text: &str, context: &Context) -> Option<Micros> {
    read(text, context).map(|stamp| stamp.time)
}

/// Read the time a text begins with, and what follows it.
pub(crate) fn prefix<'a>(text: &'a str, context: &Context) -> Option<(Stamp, &'a str)> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    let stamp = match scan.peek()? {
        b'0'..=b'9' => scan.digits_first(context)?,
        b if b.is_ascii_alphabetic() => scan.letters_first()?.stamp(context)?,
        _ => return None,
    };
    Some((stamp, text.get(scan.at..)?))
}

/// Set the event's time from the text. False if it is none, or an absurd one (then the event is marked skewed).
pub(crate) fn set(event: &mut Event, text: &str, context: &Context) -> bool {
    match read(text, context) {
        Some(stamp) => apply(event, stamp, if stamp.zoned { TimeFrom::Line } else { TimeFrom::LineLocal }),
        None => false,
    }
}

/// Give the event this time, unless it is absurd; mark it skewed if it is far from receipt.
pub(crate) fn apply(event: &mut Event, stamp: Stamp, from: TimeFrom) -> bool {
    let ahead = stamp.time.0.saturating_sub(event.receive_time.0) / Micros::SECOND;
    let year_min = days_of(YEAR_MIN, 1, 1) * DAY_SECONDS;
    if stamp.time.0 / Micros::SECOND < year_min || ahead > YEARS_AHEAD_MAX * YEAR_SECONDS {
        event.skewed = true;
        return false;
    }
    event.time = stamp.time;
    event.time_from = from;
    event.skewed = ahead.abs() > limits::LIVE_SKEW_SECONDS_MAX;
    true
}

/// A calendar date and clock as written.
#[derive(Clone, Copy, Debug, Default)]
struct Civil {
    year: Option<i64>,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Seconds east of Greenwich.
    offset: Option<i64>,
}

impl Civil {
    fn stamp(&self, context: &Context) -> Option<Stamp> {
        let time = match self.year {
            Some(y) => self.micros(y, context)?,
            None => self.nearest_year(context)?,
        };
        Some(Stamp { time: Micros(time), zoned: self.offset.is_some() })
    }

    fn micros(&self, year: i64, context: &Context) -> Option<i64> {
        if !(1..=12).contains(&self.month) || self.day < 1 || self.day > days_in(year, self.month) {
            return None;
        }
        let seconds = match self.offset {
            Some(offset) => self.seconds(year) - offset,
            None => self.local_seconds(year, context)?,
        };
        Some(seconds * Micros::SECOND + self.micros)
    }

    /// Seconds since 1970 as if the clock were Greenwich's.
    fn seconds(&self, year: i64) -> i64 {
        days_of(year, self.month, self.day) * DAY_SECONDS + self.hour * 3600 + self.minute * 60 + self.second
    }

    fn local_seconds(&self, year: i64, context: &Context) -> Option<i64> {
        let date =
            jiff::civil::Date::new(year.try_into().ok()?, self.month.try_into().ok()?, self.day.try_into().ok()?);
        let time = jiff::civil::Time::new(
            self.hour.try_into().ok()?,
            self.minute.try_into().ok()?,
            self.second.min(59).try_into().ok()?,
            0,
        );
        let local = date.ok()?.to_datetime(time.ok()?);
        Some(context.timezone.to_ambiguous_timestamp(local).compatible().ok()?.as_second())
    }

    /// The latest such date that is not ahead of receipt by more than a clock may be.
    fn nearest_year(&self, context: &Context) -> Option<i64> {
        let receipt = context.receive_time.0 / Micros::SECOND;
        let latest = context.receive_time.0.saturating_add(AHEAD_WITHOUT_YEAR_SECONDS * Micros::SECOND);
        let year = 1970 + receipt.div_euclid(YEAR_SECONDS);
        let this = self.micros(year, context);
        // a year's time is far longer than the margin, so only one of the neighbours can come into question
        if let Some(time) =
            this.filter(|t| *t <= latest && latest - *t < (YEAR_SECONDS - 2 * DAY_SECONDS) * Micros::SECOND)
        {
            return Some(time);
        }
        // 29 February may need to go back eight years (1904 to 1896)
        (year - 8..=year + 1).rev().find_map(|y| self.micros(y, context).filter(|t| *t <= latest))
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// `jan`, `January`, `Sept`: by the first three letters.
fn month_of(word: &[u8]) -> Option<i64> {
    let &[a, b, c, ..] = word else { return None };
    let at = match [a.to_ascii_lowercase(), b.to_ascii_lowercase(), c.to_ascii_lowercase()].as_slice() {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    };
    let long = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = long.get(usize::try_from(at - 1).ok()?)?.as_bytes();
    let whole = word.len() == 3 || name.get(..word.len()).is_some_and(|n| n.eq_ignore_ascii_case(word));
    whole.then_some(at)
}

fn is_weekday(word: &[u8]) -> bool {
    const DAYS: [&[u8]; 7] = [b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday"];
    word.len() >= 3 && DAYS.iter().any(|d| d.get(..word.len()).is_some_and(|n| n.eq_ignore_ascii_case(word)))
}

/// Hours east of Greenwich of the zones that devices write by name, in half hours.
fn zone_of(word: &[u8]) -> Option<i64> {
    let half_hours = match word {
        b"Z" | b"z" | b"ZZ" | b"UTC" | b"GMT" | b"UCT" | b"WET" => 0,
        b"KST" | b"JST" => 18,
        b"HKT" | b"SGT" | b"AWST" => 16,
        b"ICT" | b"WIB" => 14,
        b"IST" => 11,
        b"MSK" | b"EEST" | b"IDT" => 6,
        b"CEST" | b"EET" | b"SAST" => 4,
        b"CET" | b"BST" | b"WEST" => 2,
        b"BRT" | b"ADT" => -6,
        b"EDT" | b"AST" => -8,
        b"EST" | b"CDT" => -10,
        b"CST" | b"MDT" => -12,
        b"MST" | b"PDT" => -14,
        b"PST" | b"AKDT" => -16,
        b"AEST" => 20,
        b"AEDT" => 22,
        b"NZST" => 24,
        b"NZDT" => 26,
        _ => return None,
    };
    Some(half_hours * 1800)
}

/// A cursor over the bytes of a text.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    fn ahead(&self, n: usize) -> Option<u8> {
        self.bytes.get(self.at + n).copied()
    }
    fn skip(&mut self, b: u8) -> Option<()> {
        (self.peek()? == b).then(|| self.at += 1)
    }
    fn skip_any(&mut self, set: &[u8]) -> bool {
        let found = self.peek().is_some_and(|b| set.contains(&b));
        self.at += usize::from(found);
        found
    }
    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }
    /// Digits from here on, at most `most` counted.
    fn digits_here(&self, most: usize) -> usize {
        self.rest().iter().take(most).take_while(|b| b.is_ascii_digit()).count()
    }
    /// A number of at least one and at most `most` digits.
    fn number(&mut self, most: usize) -> Option<i64> {
        let n = self.digits_here(most);
        if n == 0 {
            return None;
        }
        let value = self.rest().iter().take(n).fold(0i64, |v, b| v * 10 + i64::from(b - b'0'));
        self.at += n;
        Some(value)
    }
    fn word(&self) -> &'a [u8] {
        let rest = self.rest();
        let n = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        rest.get(..n).unwrap_or(&[])
    }

    fn digits_first(&mut self, context: &Context) -> Option<Stamp> {
        let n = self.digits_here(20);
        match n {
            10 | 13 | 16 | 19 => return self.since_1970(n),
            _ => {}
        }
        let civil = match n {
            4 => self.year_first(),
            6 if self.ahead(6) == Some(b' ') => self.short_date(),
            8 => self.compact_date(),
            12 | 14 | 17 => self.compact(n),
            1 | 2 => self.day_first(),
            _ => None,
        }?;
        civil.stamp(context)
    }

    /// Seconds (with a fraction), milli-, micro- or nanoseconds since 1970.
    fn since_1970(&mut self, digits: usize) -> Option<Stamp> {
        let value = self.number(19)?;
        let micros = match digits {
            10 => value.checked_mul(Micros::SECOND)? + self.fraction(),
            13 => value.checked_mul(1000)?,
            16 => value,
            _ => value / 1000,
        };
        Some(Stamp { time: Micros(micros), zoned: true })
    }

    /// `2026-01-02T03:04:05.678+09:00`, `2026/01/02 03:04:05`, `2026 Jan  2 03:04:05`, `2026-Jan-02 …`
    fn year_first(&mut self) -> Option<Civil> {
        let year = Some(self.number(4)?);
        if !self.skip_any(b"-/. ") {
            return None;
        }
        self.spaces();
        let word = self.word();
        let month = if word.is_empty() {
            self.number(2)?
        } else {
            self.at += word.len();
            month_of(word)?
        };
        self.skip_any(b"-/. ");
        self.spaces();
        let day = self.number(2)?;
        let mut civil = Civil { year, month, day, ..Civil::default() };
        // `2026. 1. 2. 오후 3:04:05`
        self.skip_any(b".");
        self.clock(&mut civil)?;
        Some(civil)
    }

    /// `260102  3:04:05`
    fn short_date(&mut self) -> Option<Civil> {
        let (year, month, day) = (self.number(2)?, self.number(2)?, self.number(2)?);
        let mut civil = Civil { year: Some(2000 + year), month, day, ..Civil::default() };
        self.clock(&mut civil)?;
        Some(civil)
    }

    /// `20260102 030405`, `20260102T03:04:05`
    fn compact_date(&mut self) -> Option<Civil> {
        let (year, month, day) = (self.number(4), self.number(2)?, self.number(2)?);
        let mut civil = Civil { year, month, day, ..Civil::default() };
        let separator = self.skip_any(b"T -_");
        if separator && self.digits_here(7) == 6 {
            (civil.hour, civil.minute, civil.second) = (self.number(2)?, self.number(2)?, self.number(2)?);
            civil.micros = self.fraction();
            self.zone(&mut civil);
            return civil.clock_fits().then_some(civil);
        }
        self.at -= usize::from(separator);
        self.clock(&mut civil)?;
        Some(civil)
    }

    /// `20260102030405`, with milliseconds, or without seconds.
    fn compact(&mut self, digits: usize) -> Option<Civil> {
        let (year, month, day) = (self.number(4), self.number(2)?, self.number(2)?);
        let mut civil = Civil { year, month, day, ..Civil::default() };
        (civil.hour, civil.minute) = (self.number(2)?, self.number(2)?);
        civil.second = if digits > 12 { self.number(2)? } else { 0 };
        civil.micros = if digits == 17 { self.number(3)? * 1000 } else { self.fraction() };
        self.zone(&mut civil);
        civil.clock_fits().then_some(civil)
    }

    /// `02/Jan/2026:03:04:05 +0900`, `2 Jan 2026 03:04:05`, `01/02/2026-03:04:05.678901`, `02.01.2026 03:04:05`
    fn day_first(&mut self) -> Option<Civil> {
        let first = self.number(2)?;
        let separator = self.peek()?;
        if !self.skip_any(b"/-. ") {
            return None;
        }
        self.spaces();
        let word = self.word();
        let mut civil = Civil::default();
        if word.is_empty() {
            let second = self.number(2)?;
            if separator == b'/' && self.peek() == Some(b'-') {
                // `05/31-23:59:58.123456`: Snort leaves the year out
                (civil.month, civil.day) = (first, second);
                self.clock(&mut civil)?;
                return Some(civil);
            }
            self.skip(separator)?;
            let digits = self.digits_here(5);
            let third = self.number(4)?;
            if digits == 2 {
                // `26/01/02`
                (civil.year, civil.month, civil.day) = (Some(2000 + first), second, third);
            } else if separator == b'.' || first > 12 {
                (civil.year, civil.month, civil.day) = (Some(third), second, first);
            } else {
                (civil.year, civil.month, civil.day) = (Some(third), first, second);
            }
        } else {
            self.at += word.len();
            civil.day = first;
            civil.month = month_of(word)?;
            self.skip_any(b"/-. ");
            self.spaces();
            if self.digits_here(5) == 4 {
                civil.year = self.number(4);
            }
        }
        self.clock(&mut civil)?;
        if civil.year.is_none() {
            self.year_after(&mut civil);
        }
        Some(civil)
    }

    /// `Jan  2 03:04:05`, `Jan 02 2026 03:04:05`, `Mon, 02 Jan 2026 …`, `Mon Jan  2 03:04:05 KST 2026`
    fn letters_first(&mut self) -> Option<Civil> {
        let word = self.word();
        self.at += word.len();
        if is_weekday(word) && month_of(word).is_none() {
            self.skip_any(b",");
            self.spaces();
            return if self.peek()?.is_ascii_digit() { self.day_first() } else { self.month_first() };
        }
        self.at -= word.len();
        self.month_first()
    }

    fn month_first(&mut self) -> Option<Civil> {
        let word = self.word();
        self.at += word.len();
        let month = month_of(word)?;
        self.skip_any(b"-./");
        self.spaces();
        let day = self.number(2)?;
        let mut civil = Civil { month, day, ..Civil::default() };
        self.skip_any(b",-/");
        self.spaces();
        if self.digits_here(5) == 4 {
            civil.year = self.number(4);
        }
        self.clock(&mut civil)?;
        if civil.year.is_none() {
            self.year_after(&mut civil);
        }
        Some(civil)
    }

    /// ` 2026` behind the clock, as some senders write.
    fn year_after(&mut self, civil: &mut Civil) {
        let start = self.at;
        self.spaces();
        if self.at > start
            && self.digits_here(5) == 4
            && !self.ahead(4).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
            && let Some(year) = self.number(4).filter(|y| (1970..2200).contains(y))
        {
            civil.year = Some(year);
            if civil.offset.is_none() {
                self.zone(civil);
            }
            return;
        }
        self.at = start;
    }

    /// ` 03:04:05.678 PM KST` and its bends, from the separator behind the date on.
    fn clock(&mut self, civil: &mut Civil) -> Option<()> {
        let start = self.at;
        if !self.skip_any(b"T :-,_.") {
            // after a year whose separator was taken already
            self.at = start;
        }
        self.spaces();
        let mut afternoon = self.half_day();
        civil.hour = self.number(2)?;
        self.skip(b':')?;
        civil.minute = self.number(2)?;
        if self.peek() == Some(b':') && self.ahead(1).is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
            civil.second = self.number(2)?;
            civil.micros = self.fraction();
        }
        if afternoon.is_none() {
            let here = self.at;
            self.spaces();
            afternoon = self.half_day();
            if afternoon.is_none() {
                self.at = here;
            }
        }
        match afternoon {
            Some(true) if civil.hour < 12 => civil.hour += 12,
            Some(false) if civil.hour == 12 => civil.hour = 0,
            _ => {}
        }
        self.zone(civil);
        civil.clock_fits().then_some(())
    }

    /// `AM`, `PM`, `오전`, `오후`: is it the afternoon?
    fn half_day(&mut self) -> Option<bool> {
        let rest = self.rest();
        let words: [(&[u8], bool); 6] = [
            (b"AM", false),
            (b"PM", true),
            (b"am", false),
            (b"pm", true),
            ("오전".as_bytes(), false),
            ("오후".as_bytes(), true),
        ];
        let (word, afternoon) = words.into_iter().find(|(w, _)| rest.starts_with(w))?;
        if rest.get(word.len()).is_some_and(u8::is_ascii_alphanumeric) {
            return None;
        }
        self.at += word.len();
        self.spaces();
        // a space may be what separates the zone
        Some(afternoon)
    }

    /// `.678901`, `,678`: microseconds; finer digits are dropped.
    fn fraction(&mut self) -> i64 {
        let dot = self.peek().is_some_and(|b| matches!(b, b'.' | b',' | b':'));
        if !dot || !self.ahead(1).is_some_and(|b| b.is_ascii_digit()) {
            return 0;
        }
        if self.peek() == Some(b',') {
            // `03:04:05,678` is a fraction, `03:04:05,12345,…` the next column
            let digits = self.bytes.get(self.at + 1..).unwrap_or(&[]).iter().take_while(|b| b.is_ascii_digit()).count();
            if !matches!(digits, 3 | 6 | 9) || self.ahead(1 + digits).is_some_and(|b| matches!(b, b',' | b'.')) {
                return 0;
            }
        }
        self.at += 1;
        let digits = self.digits_here(9);
        let mut value = self.number(6).unwrap_or(0);
        for _ in digits..6 {
            value *= 10;
        }
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        value
    }

    /// A zone, if one is written here; else nothing is consumed.
    fn zone(&mut self, civil: &mut Civil) {
        let start = self.at;
        self.spaces();
        let spaced = self.at > start;
        match self.peek() {
            Some(b'+' | b'-') => civil.offset = self.offset(spaced),
            Some(b) if b.is_ascii_alphabetic() => {
                let word = self.word();
                let after = self.ahead(word.len());
                if !after.is_some_and(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-')) || word == b"Z" {
                    civil.offset = zone_of(word);
                    if civil.offset.is_some() {
                        self.at += word.len();
                    }
                }
                // `GMT+09:00`
                if matches!(word, b"GMT" | b"UTC") && matches!(after, Some(b'+' | b'-')) {
                    self.at = start + usize::from(spaced) + word.len();
                    civil.offset = self.offset(false);
                }
            }
            _ => {}
        }
        if civil.offset.is_none() {
            self.at = start;
        }
    }

    /// `+09:00`, `+0900`, `+09`, `-500`: seconds.
    fn offset(&mut self, spaced: bool) -> Option<i64> {
        let sign = if self.peek()? == b'-' { -1 } else { 1 };
        self.at += 1;
        let (hours, minutes) = match self.digits_here(5) {
            4 => (self.number(2)?, self.number(2)?),
            3 => (self.number(1)?, self.number(2)?),
            n @ (1 | 2) => {
                let hours = self.number(2)?;
                match (self.peek(), n) {
                    (Some(b':'), _) if self.ahead(1).is_some_and(|b| b.is_ascii_digit()) => {
                        self.at += 1;
                        (hours, self.number(2)?)
                    }
                    _ if spaced && n == 1 => return None,
                    _ => (hours, 0),
                }
            }
            _ => return None,
        };
        let next_is_word = self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'-');
        (hours <= 18 && minutes < 60 && !next_is_word).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

impl Civil {
    fn clock_fits(&self) -> bool {
        self.hour < 24 && self.minute < 60 && self.second <= 60
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(zone: &str) -> Context {
        let receive: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        Context { receive_time: receive.into(), timezone: jiff::tz::TimeZone::get(zone).unwrap() }
    }

    fn at(text: &str) -> String {
        read(text, &context("UTC"))
            .map_or("none".into(), |s| format!("{}{}", s.time, if s.zoned { " zoned" } else { "" }))
    }

    #[test]
    fn the_forms_of_the_trade() {
        for (text, want) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z zoned"),
            ("2026-01-02T03:04:05.6789+09:00", "2026-01-01T18:04:05.678900Z zoned"),
            ("2026-01-02 03:04:05,678", "2026-01-02T03:04:05.678000Z"),
            ("2026/01/02 03:04:05", "2026-01-02T03:04:05.000000Z"),
            ("2026. 1. 2. 오후 3:04:05", "2026-01-02T15:04:05.000000Z"),
            ("2026-01-02 03:04:05-0500", "2026-01-02T08:04:05.000000Z zoned"),
            ("20260102030405", "2026-01-02T03:04:05.000000Z"),
            ("20260102 030405", "2026-01-02T03:04:05.000000Z"),
            ("260102  3:04:05", "2026-01-02T03:04:05.000000Z"),
            ("Jan  2 03:04:05", "2026-01-02T03:04:05.000000Z"),
            ("Dec 31 23:59:59", "2025-12-31T23:59:59.000000Z"),
            ("Jan 02 2025 03:04:05", "2025-01-02T03:04:05.000000Z"),
            ("Jan 02 2025 03:04:05 KST", "2025-01-01T18:04:05.000000Z zoned"),
            ("Jan  2 03:04:05 2025", "2025-01-02T03:04:05.000000Z"),
            ("Thu Jan  2 03:04:05 KST 2025", "2025-01-01T18:04:05.000000Z zoned"),
            ("Thu Jan 02 03:04:05.123456 2025", "2025-01-02T03:04:05.123456Z"),
            ("Thu, 02 Jan 2025 03:04:05 GMT", "2025-01-02T03:04:05.000000Z zoned"),
            ("02/Jan/2025:03:04:05 +0900", "2025-01-01T18:04:05.000000Z zoned"),
            ("01/02/2025-03:04:05.123456", "2025-01-02T03:04:05.123456Z"),
            ("01/02-03:04:05.123456", "2026-01-02T03:04:05.123456Z"),
            ("1/2/2025 3:04:05 PM", "2025-01-02T15:04:05.000000Z"),
            ("02.01.2025 03:04:05", "2025-01-02T03:04:05.000000Z"),
            ("1735787045", "2025-01-02T03:04:05.000000Z zoned"),
            ("1735787045.25", "2025-01-02T03:04:05.250000Z zoned"),
            ("1735787045123", "2025-01-02T03:04:05.123000Z zoned"),
            ("1735787045123456789", "2025-01-02T03:04:05.123456Z zoned"),
            ("[2 Jan 2025 03:04]", "2025-01-02T03:04:00.000000Z"),
            ("2026-13-02 03:04:05", "none"),
            ("2026-02-30 03:04:05", "none"),
            ("Jan 2", "none"),
            ("192.0.2.1", "none"),
            ("May I come in", "none"),
            ("", "none"),
        ] {
            assert_eq!(at(text), want, "{text}");
        }
    }

    #[test]
    fn a_zone_of_the_source_is_used() {
        let stamp = read("2026-01-02 03:04:05", &context("Asia/Seoul")).unwrap();
        assert_eq!(stamp.time.to_string(), "2026-01-01T18:04:05.000000Z");
    }

    #[test]
    fn the_29th_of_february_finds_its_year() {
        assert_eq!(at("Feb 29 03:04:05"), "2024-02-29T03:04:05.000000Z");
    }

    #[test]
    fn what_follows_is_left() {
        let c = context("UTC");
        assert_eq!(prefix("Jan  2 03:04:05 gate sshd", &c).unwrap().1, " gate sshd");
        assert_eq!(prefix("Jan  2 2026 03:04:05: %ASA", &c).unwrap().1, ": %ASA");
        assert_eq!(prefix("2026/01/02 03:04:05,0123,TRAFFIC", &c).unwrap().1, ",0123,TRAFFIC");
    }

    #[test]
    fn absurd_times_are_marked_and_not_believed() {
        let c = context("UTC");
        for text in ["1969-12-31T23:59:59Z", "2106-02-07T06:28:15Z", "0000000000"] {
            let mut event = Event::unread(bytes::Bytes::new(), c.receive_time);
            assert!(!set(&mut event, text, &c), "{text}");
            assert!(event.skewed);
            assert_eq!(event.time, c.receive_time);
        }
        let mut event = Event::unread(bytes::Bytes::new(), c.receive_time);
        assert!(set(&mut event, "2026-01-03 03:04:05", &c));
        assert!(event.skewed);
    }
}
