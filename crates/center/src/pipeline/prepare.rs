//! Prepare: raw record → event. Recognises the format per sender (remembered, tried again when it fails), reads the
//! line in the source's zone, and says whose it is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bongsu_event::{Event, EventId, Field, Micros, RawRecord, SourceId, limits::LIVE_SKEW_SECONDS_MAX};
use bongsu_parse::{Context, Format};

use crate::directory::Picture;

/// Senders whose format is remembered; beyond it the memory begins anew.
const SENDERS_REMEMBERED_MAX: usize = 100_000;

/// What is remembered between lines.
pub struct Prepare {
    epoch: u32,
    remembered: HashMap<(SourceId, Option<IpAddr>), &'static dyn Format>,
    utc: jiff::tz::TimeZone,
}

impl Prepare {
    /// Nothing remembered; events get ids of this epoch.
    #[must_use]
    pub fn new(epoch: u32) -> Self {
        Self { epoch, remembered: HashMap::new(), utc: jiff::tz::TimeZone::UTC }
    }

    /// The event of a record.
    #[must_use]
    pub fn event(&mut self, picture: &Picture, sequence: u64, record: &RawRecord) -> Event {
        let source = picture.source(record.source);
        let peer = record.peer.map(|p| p.ip());
        let key = (record.source, peer);
        let hint = source.and_then(|s| s.format).or_else(|| self.remembered.get(&key).copied());
        let context = Context {
            receive_time: record.receive_time,
            timezone: source.map_or_else(|| self.utc.clone(), |s| s.timezone.clone()),
        };
        let (mut event, found) = bongsu_parse::parse_record(record.raw.clone(), &context, hint);
        if let Some(found) = found
            && source.is_none_or(|s| s.format.is_none())
        {
            if self.remembered.len() >= SENDERS_REMEMBERED_MAX {
                self.remembered.clear();
            }
            self.remembered.insert(key, found);
        }
        event.id = EventId { epoch: self.epoch, sequence };
        event.source = record.source;
        event.agency = source.map_or_else(|| picture.root(), |s| s.agency);
        event.transport = record.transport;
        event.truncated |= record.flags.truncated;
        event.skewed |=
            event.time.0.saturating_sub(event.receive_time.0).saturating_abs() > LIVE_SKEW_SECONDS_MAX * Micros::SECOND;
        if event.get(Field::HostIp).is_none()
            && let Some(peer) = peer
        {
            event.set(Field::HostIp, peer);
        }
        event
    }
}

/// Sources seen in a batch, for tests and counters.
#[must_use]
pub fn peers(records: &Arc<Vec<RawRecord>>) -> Vec<Option<IpAddr>> {
    records.iter().map(|r| r.peer.map(|p| p.ip())).collect()
}
