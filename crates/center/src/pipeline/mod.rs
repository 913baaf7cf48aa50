//! The pipeline: journal → prepare → detect → alerts and lake. One thread reads the journal in order; findings go on to
//! the alerter through a bounded channel, events to the lake's own bounded queue. Full means waiting, never dropping.
//!
//! Invariant: a checkpoint (windows + position) is recorded only after every finding at or below its position.

pub mod alerter;
pub mod detect;
mod fold;
pub mod prepare;
pub mod reason;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_event::{Event, Micros, limits::BATCH_RECORDS_MAX};
use bongsu_journal::{Batch, Tail};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::agents::{Watermarks, note_watermark};
use crate::app::App;
use crate::directory::Picture;
use detect::{Detector, Finding};
use prepare::Prepare;

/// Messages the alerter may be behind.
pub const FINDINGS_QUEUE: usize = 256;
/// How long the thread waits for records before it looks at its other duties, milliseconds.
const PATIENCE_MILLIS: u64 = 200;
/// How often windows and position are recorded, microseconds …
const CHECKPOINT_MICROS: i64 = Micros::SECOND;
/// … unless that takes more than one part in so many of the time; never less often than every …
const CHECKPOINT_SHARE: i64 = 20;
/// … so many microseconds.
const CHECKPOINT_MICROS_MAX: i64 = 10 * Micros::SECOND;
/// How often what rules cost is handed over, microseconds.
const TALLY_MICROS: i64 = Micros::SECOND;
/// How long to wait when the lake or the disk can't take more, milliseconds.
const RETRY_MILLIS: u64 = 20;
/// Most events of the center's own making that wait.
const INTERNAL_MAX: usize = 1_024;

/// To the alerter.
pub enum Message {
    /// Findings of the events through this journal sequence.
    Findings {
        /// Through.
        through: u64,
        /// In order of the events.
        findings: Vec<Finding>,
    },
    /// Windows as they stand after this sequence.
    Checkpoint {
        /// After.
        through: u64,
        /// Windows.
        snapshot: Vec<u8>,
        /// Newest line of each agent's spool.
        watermarks: Watermarks,
    },
}

/// Events of the center's own making (a silent source): they are matched, and never stored as received.
#[derive(Default)]
pub struct Internal(Mutex<Vec<Event>>);

impl Internal {
    /// Have it matched. False when too many wait.
    pub fn push(&self, event: Event) -> bool {
        let mut waiting = self.0.lock();
        let room = waiting.len() < INTERNAL_MAX;
        if room {
            waiting.push(event);
        }
        room
    }
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// The pipeline's thread.
pub struct Pipeline {
    /// The center.
    pub app: Arc<App>,
    /// The journal from the first record that somebody still needs.
    pub tail: Tail,
    /// Rules at work.
    pub detector: Detector,
    /// Records through here have been detected in an earlier life; they are replayed for the lake only.
    pub detected_through: u64,
    /// Newest line of each agent's spool, through the records read so far.
    pub watermarks: Watermarks,
    /// Where findings go.
    pub out: mpsc::Sender<Message>,
}

impl Pipeline {
    /// Run until the journal is closed or the center stops.
    pub fn run(mut self) {
        let epoch = self.app.epoch;
        let mut prepare = Prepare::new(epoch);
        let mut through = self.detected_through;
        let (mut recorded, mut record_next, mut tallied) = (through, Micros(0), Micros(0));
        loop {
            self.internal(through);
            match self.tail.next_batch(Duration::from_millis(PATIENCE_MILLIS)) {
                Ok(Some(batch)) => {
                    self.app.troubles.clear("journal_read");
                    if !self.batch(&mut prepare, &batch) {
                        break;
                    }
                    through = through.max(batch.last_sequence());
                }
                Ok(None) if self.tail.is_over() || self.app.stop.is_cancelled() => break,
                Ok(None) => {}
                Err(e) => {
                    let now = self.app.now();
                    let text = format!("the journal can't be read: {e}; run `bongsu verify`");
                    self.app.troubles.raise("journal_read", text, now);
                    std::thread::sleep(Duration::from_secs(1));
                    if self.app.stop.is_cancelled() {
                        break;
                    }
                }
            }
            let now = self.app.now();
            if now.0 - tallied.0 >= TALLY_MICROS {
                tallied = now;
                let (since, mut tally) = self.detector.take_tally();
                self.app.exceptions.note(std::mem::take(&mut tally.held_back), now);
                self.app.costs.take(since, tally, now);
            }
            if through > recorded && now >= record_next {
                recorded = through;
                let begin = Instant::now();
                if !self.checkpoint(through) {
                    break;
                }
                let took = i64::try_from(begin.elapsed().as_micros()).unwrap_or(i64::MAX);
                let pause = took.saturating_mul(CHECKPOINT_SHARE).clamp(CHECKPOINT_MICROS, CHECKPOINT_MICROS_MAX);
                record_next = Micros(now.0 + pause);
            }
        }
        if through > recorded {
            self.checkpoint(through);
        }
    }

    fn checkpoint(&mut self, through: u64) -> bool {
        let mut findings = Vec::new();
        self.detector.settle(&self.app.directory.now(), &mut findings);
        if !self.tell(through, findings) {
            return false;
        }
        let snapshot = postcard::to_stdvec(&self.detector.snapshot()).unwrap_or_default();
        let watermarks = self.watermarks.clone();
        self.out.blocking_send(Message::Checkpoint { through, snapshot, watermarks }).is_ok()
    }

    /// Findings go to the alerter, which may be waited for; false when it has ended.
    fn tell(&self, through: u64, findings: Vec<Finding>) -> bool {
        self.app.live.detected(findings.iter().map(|f| 1 + f.folded).sum());
        findings.is_empty() || self.out.blocking_send(Message::Findings { through, findings }).is_ok()
    }

    /// Rules and exceptions as they are now. Asked right before events are matched: what was waited for comes after a
    /// change that was answered.
    fn follow(&mut self, picture: &Picture, findings: &mut Vec<Finding>) {
        self.detector.replace(picture, &self.app.rules.now(), findings);
        self.detector.except(self.app.exceptions.now());
    }

    fn batch(&mut self, prepare: &mut Prepare, batch: &Batch) -> bool {
        let picture = self.app.directory.now();
        let mut findings = Vec::new();
        self.follow(&picture, &mut findings);
        let skip = self.tail_skip(batch);
        let records: Vec<(u64, &bongsu_event::RawRecord)> = batch.iter().skip(skip).collect();
        for part in records.chunks(BATCH_RECORDS_MAX) {
            let mut events = Vec::with_capacity(part.len());
            let mut peers = Vec::with_capacity(part.len());
            let mut fresh = 0u64;
            for (sequence, record) in part {
                let event = prepare.event(&picture, *sequence, record);
                if let Some(position) = &record.spool {
                    note_watermark(&mut self.watermarks, position);
                }
                if *sequence > self.detected_through {
                    self.detector.event(&picture, &event, &mut findings);
                    if self.detector.counted() {
                        self.app.rules.sample(&event);
                    }
                    fresh += 1;
                }
                peers.push(record.peer.map(|p| p.ip()));
                events.push(event);
            }
            let Some(last) = events.last() else { continue };
            // A source of few lines comes in batches of its own: its last line stands for it.
            self.app.rules.sample(last);
            let (sequence, received) = (last.id.sequence, last.receive_time);
            if !self.tell(sequence, std::mem::take(&mut findings)) {
                return false;
            }
            self.app.live.note(&events, &peers);
            let lag = self.app.now().seconds_since(received);
            self.app.live.pulse(received, lag.max(0.0), fresh);
            if !self.store(events) {
                return false;
            }
        }
        // What was folded under the rules of before, where no record was left to go with it.
        findings.is_empty() || self.tell(batch.last_sequence(), findings)
    }

    /// A batch of the tail may begin before what was asked for.
    fn tail_skip(&self, batch: &Batch) -> usize {
        let from = self.app.replay_from;
        usize::try_from(from.saturating_sub(batch.first_sequence)).unwrap_or(0)
    }

    fn store(&self, events: Vec<Event>) -> bool {
        let events = Arc::new(events);
        let mut told = false;
        loop {
            match self.app.lake.append(Arc::clone(&events)) {
                Ok(()) => {
                    if told {
                        self.app.troubles.clear("lake");
                    }
                    return true;
                }
                Err(e) if self.app.stop.is_cancelled() => {
                    tracing::warn!("the lake took no more while stopping; the journal has it: {e}");
                    return false;
                }
                Err(e) => {
                    if !told && !matches!(e, bongsu_lake::LakeError::Backlog(_)) {
                        told = true;
                        let text = format!("events can't be written to the lake: {e}; free space in the data folder");
                        self.app.troubles.raise("lake", text, self.app.now());
                    }
                    std::thread::sleep(Duration::from_millis(RETRY_MILLIS));
                }
            }
        }
    }

    fn internal(&mut self, through: u64) {
        let events = self.app.internal.take();
        if events.is_empty() {
            return;
        }
        let picture = self.app.directory.now();
        let mut findings = Vec::new();
        self.follow(&picture, &mut findings);
        for event in &events {
            self.detector.event(&picture, event, &mut findings);
        }
        // No checkpoint follows while no line comes.
        self.detector.settle(&picture, &mut findings);
        self.tell(through, findings);
    }
}
