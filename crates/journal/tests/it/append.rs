//! Appending, following, retiring.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bongsu_journal::{AppendError, Journal, OpenError, OpenOptions, Reader};
use proptest::prelude::*;

use crate::{Data, expected, read_all, record, records};

#[test]
fn many_submitters_get_sequences_of_their_own_lines() {
    let data = Data::new();
    let (journal, recovery) = data.open_small_segments();
    assert!(recovery.created);
    let given = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for t in 0..8u64 {
            let (journal, given) = (&journal, &given);
            scope.spawn(move || {
                for i in 0..40u64 {
                    let lines: Vec<_> = (0..=i % 5).map(|k| record(t * 10_000 + i * 10 + k)).collect();
                    let range = journal.append(lines.clone()).unwrap();
                    given.lock().unwrap().extend(range.zip(lines.into_iter().map(|r| r.raw)));
                }
            });
        }
    });
    let mut given = given.into_inner().unwrap();
    given.sort();
    assert_eq!(journal.last_sequence(), given.len() as u64);
    assert_eq!(journal.read_from(1).map(|r| r.unwrap()).map(|(s, r)| (s, r.raw)).collect::<Vec<_>>(), given);
    assert!(journal.verify().unwrap().is_clean());
    journal.close();
    assert_eq!(read_all(&data.journal()), given);
    let report = data.verify();
    assert!(report.is_clean() && report.segments > 3, "{report}");
    assert_eq!(journal.append(records(1..=1)), Err(AppendError::Closed));
}

#[test]
fn a_submission_larger_than_a_batch_stays_together() {
    let data = Data::new();
    let (journal, _) = data.open();
    let n = 3 * bongsu_event::limits::BATCH_RECORDS_MAX as u64 + 7;
    assert_eq!(journal.append(records(1..=n)), Ok(1..=n));
    assert_eq!(journal.append(Vec::new()).unwrap().count(), 0);
    assert_eq!(journal.stats().batches, 4);
    assert_eq!(journal.read_from(n).count(), 1);
}

#[test]
fn an_overlong_line_is_cut_and_marked() {
    let data = Data::new();
    let (journal, _) = data.open();
    let mut long = record(1);
    long.raw = vec![b'x'; bongsu_event::limits::LINE_BYTES_MAX + 1].into();
    journal.append(vec![long]).unwrap();
    let (_, kept) = journal.read_from(1).next().unwrap().unwrap();
    assert_eq!(kept.raw.len(), bongsu_event::limits::LINE_BYTES_MAX);
    assert!(kept.flags.truncated);
}

#[test]
fn a_second_process_is_told_to_go_elsewhere() {
    let data = Data::new();
    let (_journal, _) = data.open();
    assert!(matches!(Journal::open(&data.journal(), data.options()), Err(OpenError::Locked { .. })));
}

#[test]
fn a_new_epoch_begins_a_segment_and_an_old_one_is_refused() {
    let data = Data::new();
    let (journal, _) = data.open();
    journal.append(records(1..=3)).unwrap();
    drop(journal);
    let mut options = data.options();
    options.epoch = 2;
    let (journal, recovery) = Journal::open(&data.journal(), options.clone()).unwrap();
    assert_eq!((recovery.epoch, recovery.next_sequence), (2, 4));
    drop(journal);
    assert!(data.verify().is_clean(), "a segment without a batch");
    let (journal, recovery) = Journal::open(&data.journal(), options).unwrap();
    assert_eq!(recovery.next_sequence, 4);
    journal.append(records(4..=5)).unwrap();
    drop(journal);
    let mut reader = Reader::new(&data.journal(), 1);
    let epochs: Vec<_> =
        std::iter::from_fn(|| reader.next_batch().unwrap()).map(|b| (b.epoch, b.first_sequence)).collect();
    assert_eq!(epochs, [(1, 1), (2, 4)]);
    assert!(data.verify().is_clean());
    assert_eq!(Journal::epoch_of(&data.journal()).unwrap(), Some(2));
    let error = Journal::open(&data.journal(), data.options()).unwrap_err();
    assert!(matches!(error, OpenError::Epoch { found: 2, given: 1 }), "{error}");
}

#[test]
fn a_tail_sees_every_record_once_and_in_order() {
    let data = Data::new();
    let (journal, _) = data.open_small_segments();
    journal.append(records(1..=10)).unwrap();
    let mut early = journal.subscribe(4);
    let mut late = journal.subscribe(1);
    let follow = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while !early.is_over() {
            if let Some(batch) = early.next_batch(Duration::from_secs(10)).unwrap() {
                seen.extend(batch.iter().map(|(s, r)| (s, r.raw.clone())));
            }
        }
        seen
    });
    for n in (11..400).step_by(3) {
        journal.append(records(n..=n + 2)).unwrap();
    }
    let last = journal.last_sequence();
    journal.close();
    assert_eq!(follow.join().unwrap(), expected(4..=last));
    // One that slept all the time reads the disk.
    let mut seen = Vec::new();
    while let Some(batch) = late.next_batch(Duration::ZERO).unwrap() {
        seen.extend(batch.iter().map(|(s, r)| (s, r.raw.clone())));
    }
    assert!(late.is_over());
    assert_eq!(seen, expected(1..=last));
}

#[test]
fn retired_segments_leave_their_line_and_the_chain_holds() {
    let data = Data::new();
    let (journal, _) = data.open_small_segments();
    for n in 1..=40 {
        journal.append(records(n..=n)).unwrap();
    }
    let segments = journal.stats().segments;
    let gone = journal.retire_through(20).unwrap();
    assert!(!gone.is_empty() && gone.last().unwrap().last_sequence <= 20);
    let first = journal.first_sequence();
    assert_eq!(first, gone.last().unwrap().last_sequence + 1);
    assert_eq!(journal.stats().segments, segments - gone.len());
    assert_eq!(journal.read_from(1).next().unwrap().unwrap().0, first);
    assert!(journal.verify().unwrap().is_clean());
    drop(journal);
    let (journal, recovery) = data.open_small_segments();
    assert_eq!((recovery.first_sequence, recovery.next_sequence), (first, 41));
    assert!(recovery.damage.is_empty());
    // Everything but the newest segment may go, and numbering goes on.
    journal.retire_through(u64::MAX).unwrap();
    assert_eq!(journal.append(records(41..=41)), Ok(41..=41));
    drop(journal);
    let report = data.verify();
    assert!(report.is_clean(), "{report}");
    assert!(report.retired > gone.len() as u64);
}

struct Unpark(std::thread::Thread);
impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn the_future_needs_no_runtime() {
    let data = Data::new();
    let (journal, _) = data.open();
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut futures: Vec<_> = (0..50).map(|n| Box::pin(journal.append_async(records(n..=n)))).collect();
    let mut ranges = Vec::new();
    while !futures.is_empty() {
        futures.retain_mut(|f| match f.as_mut().poll(&mut context) {
            Poll::Ready(range) => {
                ranges.push(range.unwrap());
                false
            }
            Poll::Pending => true,
        });
        if !futures.is_empty() {
            std::thread::park_timeout(Duration::from_secs(5));
        }
    }
    ranges.sort_by_key(|r| *r.start());
    assert_eq!(ranges, (1..=50).map(|n| n..=n).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_alarms_waits_and_keeps_what_is_there() {
    let data = Data::new();
    let (full, tries, alarms) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(vec![])));
    let mut options = data.options();
    {
        let (full, tries, alarms) = (Arc::clone(&full), Arc::clone(&tries), Arc::clone(&alarms));
        options.fault = Some(Arc::new(move |length| {
            tries.fetch_add(1, Ordering::SeqCst);
            full.load(Ordering::SeqCst).then(|| (length / 2, std::io::ErrorKind::StorageFull.into()))
        }));
        options.on_alarm = Some(Arc::new(move |text| alarms.lock().unwrap().push(text.map(str::to_owned))));
    }
    let (journal, _) = Journal::open(&data.journal(), options).unwrap();
    journal.append(records(1..=5)).unwrap();
    let good = std::fs::metadata(data.segment(1)).unwrap().len();
    full.store(true, Ordering::SeqCst);
    let before = tries.load(Ordering::SeqCst);
    let waiting = {
        let journal = journal.clone();
        std::thread::spawn(move || journal.append(records(6..=9)))
    };
    while tries.load(Ordering::SeqCst) < before + 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!waiting.is_finished(), "not acknowledged while it is not stored");
    assert!(journal.stats().alarm.unwrap().contains("full"));
    assert_eq!(read_all(&data.journal()), expected(1..=5));
    assert!(journal.verify().unwrap().is_clean());
    full.store(false, Ordering::SeqCst);
    assert_eq!(waiting.join().unwrap(), Ok(6..=9));
    assert!(std::fs::metadata(data.segment(1)).unwrap().len() > good);
    let heard = alarms.lock().unwrap().clone();
    assert!(heard.first().unwrap().as_ref().unwrap().contains("free some space"), "{heard:?}");
    assert_eq!(heard.last(), Some(&None));
    // Closing a journal that cannot write tells the waiting ones so instead of hanging.
    full.store(true, Ordering::SeqCst);
    let lost = {
        let journal = journal.clone();
        std::thread::spawn(move || journal.append(records(10..=10)))
    };
    while journal.stats().alarm.is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    journal.close();
    assert!(matches!(lost.join().unwrap(), Err(AppendError::NotStored(_))));
    drop(journal);
    assert_eq!(read_all(&data.journal()), expected(1..=9));
    assert!(data.verify().is_clean());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_appended_is_read_after_any_number_of_restarts(
        runs in proptest::collection::vec(proptest::collection::vec(1usize..30, 1..8), 1..4),
        segment_bytes in 100u64..3_000,
    ) {
        let data = Data::new();
        let mut next = 1u64;
        for run in runs {
            let mut options = data.options();
            options.segment_bytes_max = segment_bytes;
            let (journal, recovery) = Journal::open(&data.journal(), options).unwrap();
            prop_assert_eq!(recovery.next_sequence, next);
            prop_assert!(recovery.damage.is_empty() && recovery.torn.is_none() && recovery.cut_off.is_none());
            for n in run {
                let range = next..=next + n as u64 - 1;
                prop_assert_eq!(journal.append(records(range.clone())).unwrap(), range);
                next += n as u64;
            }
        }
        prop_assert_eq!(read_all(&data.journal()), expected(1..=next - 1));
        prop_assert!(data.verify().is_clean());
    }
}

#[test]
fn a_journal_without_checkpoint_works_too() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), OpenOptions::new(9)).unwrap();
    journal.append(records(1..=2)).unwrap();
    assert!(journal.verify().unwrap().is_clean());
}
