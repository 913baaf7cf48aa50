//! Where a reader stands, kept so that each line is read once.
//!
//! How: each line in the spool carries its place (which file, and the byte behind it; which journal, and its number).
//! A small file says the places as of one spool sequence; after a crash the spool's lines behind that sequence tell
//! the rest. Place and line become durable in one step, because they are one record.

use bongsu_event::{AgentId, SpoolPosition};
use bongsu_journal::Spool;

/// Which reader a place belongs to, in the otherwise unused agent number of a spool record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Tail = 1,
    Journald = 2,
}

/// The place of a line: `what` (a file's or a journal's number) and how far it was read with this line.
pub(crate) fn place(reader: Reader, what: u64, through: u64) -> SpoolPosition {
    SpoolPosition { agent: AgentId(reader as u32), epoch: what, sequence: through }
}

/// Hands each place behind `sequence` to `each`, in order; gives the sequence that was reached.
pub(crate) fn replay(spool: &Spool, reader: Reader, sequence: u64, mut each: impl FnMut(u64, u64)) -> u64 {
    for record in spool.read_from(sequence.saturating_add(1)) {
        match record {
            Ok((_, record)) => {
                if let Some(p) = record.spool.filter(|p| p.agent.0 == reader as u32) {
                    each(p.epoch, p.sequence);
                }
            }
            Err(e) => tracing::warn!(error = %e, "a part of the spool cannot be read: some lines may be sent twice"),
        }
    }
    spool.last_sequence()
}

/// A random number.
pub(crate) fn random() -> u64 {
    let mut bytes = [0u8; 8];
    if ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).is_err() {
        // Without a random source the clock tells two runs apart well enough.
        return crate::shared::now().0.unsigned_abs();
    }
    u64::from_ne_bytes(bytes).max(1)
}
