//! What is happening now: per source, per quarantined sender, in whole. Kept in memory, bounded, never on the
//! event path's critical section for longer than a few additions.

use std::collections::HashMap;
use std::net::IpAddr;

use bongsu_event::{AgencyId, Class, Event, Micros, SourceId, TimeFrom, Transport};
use parking_lot::Mutex;

/// Minutes of history kept per source.
pub const MINUTES: usize = 60;
/// Most different reasons of unread lines kept per source.
const REASONS_MAX: usize = 16;
/// Most quarantined senders kept in memory; the busiest stay.
const QUARANTINE_MAX: usize = 4_096;
/// Characters of a quarantined sender's newest line that are shown.
const SAMPLE_CHARS_MAX: usize = 300;

/// One minute of one source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Minute {
    /// Minute since the epoch.
    pub minute: i64,
    /// Lines.
    pub lines: u32,
    /// Lines no format could read.
    pub unparsed: u32,
    /// Cut lines.
    pub truncated: u32,
    /// Lines with a clock far off.
    pub skewed: u32,
}

/// One source.
#[derive(Clone, Debug)]
pub struct SourceLive {
    /// Whose.
    pub agency: AgencyId,
    /// Last line received.
    pub last_seen: Micros,
    /// Format recognised last.
    pub recognised: &'static str,
    /// Receipt minus event time of recent lines, seconds, smoothed.
    pub lag_seconds: Option<f64>,
    /// Ring by minute.
    minutes: [Minute; MINUTES],
    /// Lines in the current ten-second slot and the one before: for the rate.
    slot: i64,
    slot_lines: u32,
    last_slot_lines: u32,
    /// Why lines were not read, with counts.
    pub reasons: Vec<(String, u64)>,
}

/// Figures of one source over the last hour.
#[derive(Clone, Debug, Default)]
pub struct Hour {
    /// Lines.
    pub lines: u64,
    /// Unparsed.
    pub unparsed: u64,
    /// Cut.
    pub truncated: u64,
    /// Clock far off.
    pub skewed: u64,
    /// Lines a minute, oldest first.
    pub sparkline: Vec<u32>,
}

/// An unknown sender.
#[derive(Clone, Debug)]
pub struct Sender {
    /// How it came.
    pub transport: Transport,
    /// First line.
    pub first_seen: Micros,
    /// Last line.
    pub last_seen: Micros,
    /// Lines.
    pub lines: u64,
    /// Format recognised.
    pub recognised: &'static str,
    /// Newest line.
    pub sample: String,
    /// Lines not yet written to the state.
    unkept: u64,
}

/// Everything live.
#[derive(Default)]
pub struct Live {
    sources: Mutex<HashMap<SourceId, SourceLive>>,
    quarantine: Mutex<HashMap<IpAddr, Sender>>,
    flow: Mutex<Flow>,
}

/// The center's own pulse.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Newest event detected.
    pub last_event: Micros,
    /// Receipt to detection of the newest batch, seconds.
    pub lag_seconds: f64,
    /// Events since start.
    pub events: u64,
    /// Detections since start.
    pub detections: u64,
}

impl SourceLive {
    fn new(agency: AgencyId) -> Self {
        Self {
            agency,
            last_seen: Micros(0),
            recognised: "",
            lag_seconds: None,
            minutes: [Minute::default(); MINUTES],
            slot: 0,
            slot_lines: 0,
            last_slot_lines: 0,
            reasons: Vec::new(),
        }
    }

    fn note(&mut self, event: &Event) {
        let minute = event.receive_time.0.div_euclid(60 * Micros::SECOND);
        let index = minute.rem_euclid(MINUTES as i64) as usize;
        if let Some(m) = self.minutes.get_mut(index) {
            if m.minute != minute {
                *m = Minute { minute, ..Minute::default() };
            }
            m.lines += 1;
            m.truncated += u32::from(event.truncated);
            m.skewed += u32::from(event.skewed);
            if event.class == Class::Unparsed {
                m.unparsed += 1;
            }
        }
        if event.class == Class::Unparsed {
            self.reason(event.unread.as_ref().map_or("no format reads it", |u| &u.0));
        } else {
            self.recognised = event.format;
        }
        let slot = event.receive_time.0.div_euclid(10 * Micros::SECOND);
        if slot != self.slot {
            self.last_slot_lines = if slot == self.slot + 1 { self.slot_lines } else { 0 };
            self.slot = slot;
            self.slot_lines = 0;
        }
        self.slot_lines += 1;
        self.last_seen = self.last_seen.max(event.receive_time);
        if event.time_from != TimeFrom::Receipt {
            let lag = event.receive_time.seconds_since(event.time);
            self.lag_seconds = Some(self.lag_seconds.map_or(lag, |l| l * 0.9 + lag * 0.1));
        }
    }

    fn reason(&mut self, reason: &str) {
        if let Some(known) = self.reasons.iter_mut().find(|(r, _)| r == reason) {
            known.1 += 1;
        } else if self.reasons.len() < REASONS_MAX {
            self.reasons.push((reason.to_owned(), 1));
        } else if let Some(last) = self.reasons.last_mut() {
            "other reasons".clone_into(&mut last.0);
            last.1 += 1;
        }
    }

    /// Lines a second, from the last full ten seconds and the ones running.
    #[must_use]
    pub fn rate(&self, now: Micros) -> f64 {
        let slot = now.0.div_euclid(10 * Micros::SECOND);
        let into = (now.0.rem_euclid(10 * Micros::SECOND)) as f64 / Micros::SECOND as f64;
        match slot - self.slot {
            0 => f64::from(self.slot_lines + self.last_slot_lines) / (10.0 + into),
            1 => f64::from(self.slot_lines) / (10.0 + into),
            _ => 0.0,
        }
    }

    /// The last hour.
    #[must_use]
    pub fn hour(&self, now: Micros) -> Hour {
        let minute = now.0.div_euclid(60 * Micros::SECOND);
        let mut hour = Hour::default();
        for back in (0..MINUTES as i64).rev() {
            let at = minute - back;
            let m = self.minutes.get(at.rem_euclid(MINUTES as i64) as usize).filter(|m| m.minute == at);
            hour.sparkline.push(m.map_or(0, |m| m.lines));
            if let Some(m) = m {
                hour.lines += u64::from(m.lines);
                hour.unparsed += u64::from(m.unparsed);
                hour.truncated += u64::from(m.truncated);
                hour.skewed += u64::from(m.skewed);
            }
        }
        hour
    }
}

impl Live {
    /// Count a batch of events.
    pub fn note(&self, events: &[Event], peers: &[Option<IpAddr>]) {
        let mut sources = self.sources.lock();
        for (event, peer) in events.iter().zip(peers) {
            if event.source == SourceId::QUARANTINE {
                if let Some(peer) = peer {
                    self.note_unknown(*peer, event);
                }
                continue;
            }
            sources.entry(event.source).or_insert_with(|| SourceLive::new(event.agency)).note(event);
        }
    }

    fn note_unknown(&self, peer: IpAddr, event: &Event) {
        let mut quarantine = self.quarantine.lock();
        if quarantine.len() >= QUARANTINE_MAX && !quarantine.contains_key(&peer) {
            let least = quarantine.iter().min_by_key(|(_, s)| (s.lines, s.last_seen)).map(|(a, _)| *a);
            if let Some(least) = least {
                quarantine.remove(&least);
            }
        }
        let sender = quarantine.entry(peer).or_insert_with(|| Sender {
            transport: event.transport,
            first_seen: event.receive_time,
            last_seen: event.receive_time,
            lines: 0,
            recognised: "",
            sample: String::new(),
            unkept: 0,
        });
        sender.lines += 1;
        sender.unkept += 1;
        sender.last_seen = event.receive_time;
        sender.transport = event.transport;
        sender.recognised = event.format;
        if sender.lines.is_power_of_two() || sender.lines.is_multiple_of(1024) || sender.lines < 64 {
            sender.sample = event.raw_text().chars().take(SAMPLE_CHARS_MAX).collect();
        }
    }

    /// The center's pulse after a batch.
    pub fn pulse(&self, last_event: Micros, lag_seconds: f64, events: u64) {
        let mut flow = self.flow.lock();
        flow.last_event = flow.last_event.max(last_event);
        flow.lag_seconds = lag_seconds;
        flow.events += events;
    }

    /// Detections that were told.
    pub fn detected(&self, detections: u64) {
        self.flow.lock().detections += detections;
    }

    /// The center's pulse.
    #[must_use]
    pub fn flow(&self) -> Flow {
        *self.flow.lock()
    }

    /// One source.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<SourceLive> {
        self.sources.lock().get(&id).cloned()
    }

    /// Last line of each source.
    #[must_use]
    pub fn last_seen(&self) -> Vec<(SourceId, Micros)> {
        self.sources.lock().iter().map(|(id, s)| (*id, s.last_seen)).collect()
    }

    /// Lines a second over the sources `wanted` accepts.
    pub fn rate(&self, now: Micros, wanted: impl Fn(AgencyId) -> bool) -> f64 {
        self.sources.lock().values().filter(|s| wanted(s.agency)).map(|s| s.rate(now)).sum()
    }

    /// Newest line over the sources `wanted` accepts.
    pub fn newest(&self, wanted: impl Fn(AgencyId) -> bool) -> Option<Micros> {
        self.sources.lock().values().filter(|s| wanted(s.agency)).map(|s| s.last_seen).max()
    }

    /// Unknown senders, most lines first.
    #[must_use]
    pub fn quarantine(&self) -> Vec<(IpAddr, Sender)> {
        let mut all: Vec<_> = self.quarantine.lock().iter().map(|(a, s)| (*a, s.clone())).collect();
        all.sort_by(|a, b| b.1.lines.cmp(&a.1.lines).then(a.0.cmp(&b.0)));
        all
    }

    /// Lines of an unknown sender since this was asked last.
    pub fn take_unkept(&self, address: &IpAddr) -> u64 {
        self.quarantine.lock().get_mut(address).map_or(0, |s| std::mem::take(&mut s.unkept))
    }

    /// A sender was adopted or is known now.
    pub fn adopted(&self, wanted: impl Fn(&IpAddr) -> bool) {
        self.quarantine.lock().retain(|a, _| !wanted(a));
    }

    /// A source was removed.
    pub fn forget(&self, id: SourceId) {
        self.sources.lock().remove(&id);
    }
}
