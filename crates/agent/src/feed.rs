//! Reads the spool for the connection: durable lines only, packed into frames, on a thread of its own.
//!
//! Invariant: a frame holds a run without gaps; a gap stands between two frames.

use std::{sync::Arc, sync::mpsc, thread::JoinHandle, time::Duration};

use bongsu_journal::Tail;
use bongsu_uplink::{
    AgentMessage, AgentRecord, Records, encode,
    limits::{RECORDS_MAX, RECORDS_RAW_BYTES_SOFT},
};
use bytes::Bytes;

use crate::shared::Shared;

/// How long the thread waits for a line before it looks whether anybody still wants it, milliseconds.
const PATIENCE_MILLIS: u64 = 200;
/// Frames packed ahead of the connection.
const FRAMES_AHEAD: usize = 1;

/// Lines ready to be sent.
pub(crate) struct Packed {
    pub frame: Bytes,
    /// Sequence of the last of them.
    pub last: u64,
}

/// The thread, from outside.
pub(crate) struct Feed {
    wishes: Option<mpsc::Sender<Wish>>,
    thread: Option<JoinHandle<()>>,
}

struct Wish {
    from: u64,
    to: tokio::sync::mpsc::Sender<Packed>,
}

impl Feed {
    pub fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let (wishes, wished) = mpsc::channel::<Wish>();
        let work = move || {
            while let Ok(wish) = wished.recv() {
                feed(&shared, wish.from, &wish.to);
            }
        };
        let thread = std::thread::Builder::new().name("feed".to_owned()).spawn(work)?;
        Ok(Self { wishes: Some(wishes), thread: Some(thread) })
    }

    /// Frames from `sequence` on, until the receiver is dropped.
    pub fn from(&self, sequence: u64) -> tokio::sync::mpsc::Receiver<Packed> {
        let (to, frames) = tokio::sync::mpsc::channel(FRAMES_AHEAD);
        if let Some(wishes) = &self.wishes {
            let _ = wishes.send(Wish { from: sequence, to });
        }
        frames
    }

    pub async fn stop(mut self) {
        self.wishes = None;
        let Some(thread) = self.thread.take() else { return };
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

fn feed(shared: &Shared, from: u64, to: &tokio::sync::mpsc::Sender<Packed>) {
    let mut tail = shared.spool.subscribe(from);
    let mut packer = Packer { epoch: shared.spool.epoch(), next: 0, records: Vec::new(), bytes: 0 };
    while !to.is_closed() && !tail.is_over() {
        fill(&mut tail, &mut packer, to);
    }
}

/// Waits for one batch, takes along what is there already, sends.
fn fill(tail: &mut Tail, packer: &mut Packer, to: &tokio::sync::mpsc::Sender<Packed>) {
    let mut patience = Duration::from_millis(PATIENCE_MILLIS);
    while !packer.is_full() {
        match tail.next_batch(patience) {
            Ok(Some(batch)) => {
                for (sequence, record) in batch.iter() {
                    if packer.breaks(sequence) {
                        packer.send(to);
                    }
                    packer.add(sequence, AgentRecord::from_spool(record));
                }
            }
            Ok(None) => break,
            Err(e) => tracing::warn!(error = %e, "a part of the spool cannot be read: its lines are lost"),
        }
        patience = Duration::ZERO;
    }
    packer.send(to);
}

struct Packer {
    epoch: u64,
    next: u64,
    records: Vec<AgentRecord>,
    bytes: usize,
}

impl Packer {
    fn is_full(&self) -> bool {
        self.records.len() >= RECORDS_MAX || self.bytes >= RECORDS_RAW_BYTES_SOFT
    }

    fn breaks(&self, sequence: u64) -> bool {
        self.is_full() || (!self.records.is_empty() && sequence != self.next)
    }

    fn add(&mut self, sequence: u64, record: AgentRecord) {
        self.bytes += record.raw.len();
        self.next = sequence + 1;
        self.records.push(record);
    }

    fn send(&mut self, to: &tokio::sync::mpsc::Sender<Packed>) {
        let records = std::mem::take(&mut self.records);
        self.bytes = 0;
        if records.is_empty() {
            return;
        }
        let first_sequence = self.next - records.len() as u64;
        let message = AgentMessage::Records(Records { epoch: self.epoch, first_sequence, records });
        match encode(&message) {
            Ok(frame) => {
                // Nobody there any more: the next connection asks again from what the center has.
                let _ = to.blocking_send(Packed { frame, last: self.next - 1 });
            }
            Err(e) => tracing::error!(error = %e, first_sequence, "lines cannot be packed"),
        }
    }
}
