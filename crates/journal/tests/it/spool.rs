//! The agent's spool: bounds, acknowledgement, epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bongsu_event::Micros;
use bongsu_journal::{Spool, SpoolOptions};
use bytes::Bytes;

use crate::{record, records};

const HOUR: i64 = 3_600 * Micros::SECOND;

struct Bench {
    dir: tempfile::TempDir,
    clock: Arc<AtomicI64>,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: Arc::new(AtomicI64::new(1_700_000_000_000_000)) }
    }
    fn open(&self, bytes_max: u64, new_epoch: u64) -> Spool {
        let clock = Arc::clone(&self.clock);
        let options = SpoolOptions {
            bytes_max,
            hours_max: 48,
            keep_acked_hours: 24,
            free_bytes_min: 0,
            clock: Arc::new(move || Micros(clock.load(Ordering::Relaxed))),
            on_alarm: None,
        };
        Spool::open(&self.dir.path().join("spool"), options, new_epoch).unwrap().0
    }
    fn later(&self, hours: i64) {
        self.clock.fetch_add(hours * HOUR, Ordering::Relaxed);
    }
}

fn sequences(spool: &Spool, from: u64) -> Vec<u64> {
    spool.read_from(from).map(|r| r.unwrap().0).collect()
}

/// Lines that do not compress, to fill segments.
fn noise(n: u64) -> Vec<bongsu_event::RawRecord> {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x as u8
    })
    .take(60_000)
    .collect();
    let mut r = record(n);
    r.raw = Bytes::from(bytes);
    vec![r]
}

#[test]
fn epoch_and_acknowledgement_survive() {
    let bench = Bench::new();
    let spool = bench.open(1 << 20, 77);
    assert_eq!(spool.append(records(1..=10)), Ok(1..=10));
    spool.ack(6).unwrap();
    drop(spool);
    let spool = bench.open(1 << 20, 99);
    assert_eq!((spool.epoch(), spool.acked(), spool.last_sequence()), (77, 6, 10));
    assert_eq!(sequences(&spool, spool.acked() + 1), [7, 8, 9, 10]);
    assert_eq!(spool.append(records(11..=11)), Ok(11..=11));
    spool.ack(u64::MAX).unwrap();
    assert_eq!(spool.acked(), 11, "never beyond what is there");
    spool.ack(3).unwrap();
    assert_eq!(sequences(&spool, spool.acked() + 1).len(), 8, "a restored center asks again");
}

#[test]
fn acknowledged_lines_stay_a_day_and_then_go() {
    let bench = Bench::new();
    let spool = bench.open(1 << 24, 1);
    for n in 1..=6 {
        spool.append(records(n..=n)).unwrap();
        bench.later(2);
    }
    spool.ack(6).unwrap();
    assert_eq!(spool.tidy().unwrap(), 0);
    assert_eq!(sequences(&spool, 1).len(), 6, "kept for a center restored from a backup");
    bench.later(20);
    assert_eq!(spool.tidy().unwrap(), 0);
    assert!(sequences(&spool, 1)[0] > 1, "the oldest are over their day");
    bench.later(24);
    spool.append(records(7..=7)).unwrap();
    spool.tidy().unwrap();
    assert!(sequences(&spool, 1).ends_with(&[7]));
    assert_eq!(spool.stats().dropped_records, 0);
}

#[test]
fn over_its_bytes_the_oldest_go_and_are_counted() {
    let bench = Bench::new();
    let spool = bench.open(4 << 20, 1);
    let mut tail = spool.subscribe(1);
    for n in 1..=200 {
        spool.append(noise(n)).unwrap();
        spool.tidy().unwrap();
        assert!(spool.stats().bytes <= (4 << 20) + (256 << 10) + 70_000, "{:?}", spool.stats());
    }
    let stats = spool.stats();
    let kept = sequences(&spool, 1);
    assert!(stats.dropped_records > 0);
    assert_eq!(kept.len() as u64 + stats.dropped_records, 200);
    assert_eq!(kept, (stats.dropped_records + 1..=200).collect::<Vec<_>>());
    // Who follows passes over the hole.
    let mut seen = Vec::new();
    while let Some(batch) = tail.next_batch(Duration::ZERO).unwrap() {
        seen.extend(batch.iter().map(|(s, _)| s));
    }
    assert!(seen.is_sorted() && seen.ends_with(&kept));
    drop(spool);
    assert_eq!(bench.open(4 << 20, 2).stats().dropped_records, stats.dropped_records, "the count survives");
}

#[test]
fn acknowledged_lines_go_first_when_it_is_full() {
    let bench = Bench::new();
    let spool = bench.open(4 << 20, 1);
    for n in 1..=200 {
        spool.append(noise(n)).unwrap();
        spool.ack(n).unwrap();
        spool.tidy().unwrap();
    }
    assert_eq!(spool.stats().dropped_records, 0);
    assert!(sequences(&spool, 1).len() < 200);
}

#[test]
fn over_its_hours_the_oldest_go_and_are_counted() {
    let bench = Bench::new();
    let spool = bench.open(1 << 24, 1);
    spool.append(records(1..=5)).unwrap();
    bench.later(2);
    spool.append(records(6..=7)).unwrap();
    bench.later(47);
    assert_eq!(spool.tidy().unwrap(), 0);
    bench.later(1);
    assert_eq!(spool.tidy().unwrap(), 5);
    assert_eq!(spool.stats().last_dropped, Some(1..=5));
    assert_eq!(sequences(&spool, 1), [6, 7]);
    assert!(spool.lag_seconds() >= 48 * 3_600);
}
