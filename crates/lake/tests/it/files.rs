//! The files on disk: where they lie, and that others can read them.

use bongsu_event::*;
use bongsu_lake::*;

use crate::sample::*;

#[test]
fn files_lie_by_day_and_agency() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    let mut next_day = login(4);
    next_day.time = Micros(MORNING + 86_400_000_000);
    let events: Vec<_> = (1..=3).map(login).chain([next_day]).collect();
    lake.append(std::sync::Arc::new(events)).unwrap();
    lake.flush().unwrap();
    let mut folders: Vec<_> = parquet_files(dir.path())
        .iter()
        .map(|p| p.parent().unwrap().strip_prefix(dir.path()).unwrap().display().to_string())
        .collect();
    folders.sort();
    assert_eq!(
        folders,
        ["day=2026-03-12/agency=1", "day=2026-03-12/agency=2", "day=2026-03-12/agency=3", "day=2026-03-13/agency=2"]
    );
    assert_eq!(lake.status().files, 4);
}

#[test]
fn status_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=30)).unwrap();
    assert_eq!(count(&lake, ""), 30);
    let before = lake.status();
    assert_eq!(
        (before.memory_rows, before.file_rows, before.position.sequence, before.durable.sequence),
        (30, 0, 30, 0)
    );
    lake.flush().unwrap();
    let after = lake.status();
    assert_eq!((after.memory_rows, after.file_rows, after.durable.sequence, after.trouble), (0, 30, 30, None));
    let on_disk: u64 = parquet_files(dir.path()).iter().map(|p| p.metadata().unwrap().len()).sum();
    assert_eq!(after.file_bytes, on_disk);
}

/// The lake flushes and joins files by itself.
#[test]
fn it_keeps_itself() {
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions {
        flush_age: std::time::Duration::from_millis(1),
        compact_every: Some(std::time::Duration::from_millis(1)),
        ..quiet()
    };
    let lake = Lake::open(dir.path(), options).unwrap().0;
    for s in 1..=60 {
        lake.append(logins(s..=s)).unwrap();
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while s % 5 == 0 && lake.durable_position().sequence < s {
            assert!(std::time::Instant::now() < patience, "it never flushed");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
    assert_eq!(found(&lake, ""), (1..=60).rev().collect::<Vec<_>>());
}

/// A disk that refuses: the events stay searchable, the trouble is told, and it heals.
#[test]
fn a_failing_disk_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=9)).unwrap();
    // A file where the day's folder must be made.
    let in_the_way = dir.path().join("day=2026-03-12");
    std::fs::write(&in_the_way, b"").unwrap();
    assert!(lake.flush().is_err());
    assert!(lake.status().trouble.is_some());
    assert_eq!((count(&lake, ""), lake.durable_position().sequence), (9, 0));
    lake.append(logins(10..=12)).unwrap();
    assert_eq!(count(&lake, ""), 12);
    std::fs::remove_file(&in_the_way).unwrap();
    assert_eq!(lake.flush().unwrap().sequence, 12);
    assert_eq!((count(&lake, ""), lake.status().trouble), (12, None));
}

#[test]
fn a_copy_is_a_lake() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=30)).unwrap();
    lake.flush().unwrap();
    lake.append(logins(31..=40)).unwrap();
    let to = tempfile::tempdir().unwrap();
    assert_eq!(lake.copy_to(to.path()).unwrap().sequence, 30);
    let (copy, position) = Lake::open(to.path(), quiet()).unwrap();
    copy.append(logins(position.sequence + 1..=50)).unwrap();
    assert_eq!(found(&copy, ""), (1..=50).rev().collect::<Vec<_>>());
    assert_eq!(count(&lake, ""), 40);
}

#[test]
fn old_files_are_let_go_by_agency() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=30)).unwrap();
    lake.flush().unwrap();
    lake.append(logins(31..=60)).unwrap();
    lake.flush().unwrap();
    let before = Micros(MORNING + 31_000_000);
    assert_eq!(lake.retire(&|a| (a == AgencyId(2)).then_some(before)).unwrap(), 1);
    assert_eq!((count(&lake, "agency:1"), count(&lake, "agency:2"), count(&lake, "agency:3")), (20, 10, 20));
    assert_eq!(lake.durable_position().sequence, 60);
    drop(lake);
    assert_eq!(parquet_files(dir.path()).len(), 5);
    assert_eq!(count(&open(dir.path()), ""), 50);
}

/// A lake as the first released version wrote it. Never rewrite it: it shows that old files stay readable.
#[test]
fn files_of_schema_1_are_read() {
    let frozen = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen/schema-1");
    let dir = tempfile::tempdir().unwrap();
    copy(&frozen, dir.path());
    let (lake, position) = Lake::open(dir.path(), quiet()).unwrap();
    assert_eq!(position, EventId { epoch: 1, sequence: 12 });
    assert_eq!(found(&lake, "user:user3"), [3]);
    assert_eq!(found(&lake, "192.0.2.7"), [7]);
    assert_eq!(found(&lake, "extra.policyid:P4 password"), [4]);
    lake.append(logins(13..=20)).unwrap();
    lake.flush().unwrap();
    assert_eq!(count(&lake, "status:*"), 20);
}

/// Writes the frozen lake of a new schema version: `cargo test -p bongsu-lake freeze -- --ignored`.
#[test]
#[ignore = "writes into the checkout; only for a new schema version"]
fn freeze() {
    let frozen = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen/schema-1");
    assert!(!frozen.exists(), "a frozen lake is never rewritten");
    let lake = open(&frozen);
    lake.append(logins(1..=12)).unwrap();
    lake.flush().unwrap();
    drop(lake);
    std::fs::remove_file(frozen.join("lock")).unwrap();
}
