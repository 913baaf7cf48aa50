//! Exactly once: across reopening, repeats, crashes at every step, and loads.

use std::{fs, sync::Arc};

use bongsu_event::*;
use bongsu_lake::*;

use crate::sample::*;

#[test]
fn a_repeated_batch_is_taken_once() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=10)).unwrap();
    lake.append(logins(1..=10)).unwrap();
    lake.append(logins(5..=15)).unwrap();
    assert_eq!(count(&lake, ""), 15);
    assert_eq!(lake.position(), EventId { epoch: 1, sequence: 15 });
    assert_eq!(lake.durable_position(), EventId::default());
    assert_eq!(lake.flush().unwrap(), EventId { epoch: 1, sequence: 15 });
    lake.append(logins(12..=16)).unwrap();
    assert_eq!(count(&lake, ""), 16);
}

#[test]
fn a_new_epoch_starts_anew() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=10)).unwrap();
    let restored: Vec<_> = (1..=4)
        .map(|s| {
            let mut e = login(s);
            e.id.epoch = 2;
            e
        })
        .collect();
    lake.append(Arc::new(restored)).unwrap();
    lake.flush().unwrap();
    assert_eq!(count(&lake, ""), 14);
    assert_eq!(count(&lake, "id:2-3"), 1);
}

/// After a crash at any moment, replaying from the durable position gives each event once.
#[test]
fn a_crash_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let crashes = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    let mut moments = 0;
    let mut crash = || {
        moments += 1;
        copy(dir.path(), &crashes.path().join(moments.to_string()));
    };
    crash();
    lake.append(logins(1..=100)).unwrap();
    crash();
    lake.flush().unwrap();
    crash();
    lake.append(logins(101..=150)).unwrap();
    assert_eq!(count(&lake, ""), 150);
    crash();
    lake.flush().unwrap();
    for round in 0..8 {
        lake.append(logins(151 + round * 10..=160 + round * 10)).unwrap();
        lake.flush().unwrap();
    }
    crash();
    assert!(lake.compact().unwrap().files_before > 0);
    crash();
    for moment in 1..=moments {
        let copy = crashes.path().join(moment.to_string());
        let (again, position) = Lake::open(&copy, quiet()).unwrap();
        assert_eq!(again.durable_position(), position);
        again.append(logins(position.sequence + 1..=230)).unwrap();
        assert_eq!(count(&again, ""), 230, "moment {moment}");
        assert_eq!(found(&again, ""), (1..=230).rev().collect::<Vec<_>>(), "moment {moment}");
    }
}

/// The steps of one commit: files written, manifest written under its temporary name, manifest in place.
#[test]
fn a_crash_inside_a_commit_leaves_the_old_or_the_new() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=50)).unwrap();
    lake.flush().unwrap();
    let before = tempfile::tempdir().unwrap();
    copy(dir.path(), before.path());
    lake.append(logins(51..=90)).unwrap();
    lake.flush().unwrap();
    drop(lake);
    let manifests = |d: &std::path::Path| {
        let mut all: Vec<_> = fs::read_dir(d.join("manifest")).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all
    };
    let newest = manifests(dir.path()).pop().unwrap();

    // Files of the second flush are there, the manifest is not, or is half written.
    let torn = tempfile::tempdir().unwrap();
    copy(dir.path(), torn.path());
    fs::remove_file(torn.path().join("manifest").join(newest.file_name().unwrap())).unwrap();
    fs::write(torn.path().join("manifest/000000000009.tmp"), b"half").unwrap();
    let (lake, position) = Lake::open(torn.path(), quiet()).unwrap();
    assert_eq!(position.sequence, 50);
    assert_eq!(parquet_files(torn.path()).len(), parquet_files(before.path()).len(), "leftovers are swept");
    assert!(!torn.path().join("manifest/000000000009.tmp").exists());
    lake.append(logins(51..=90)).unwrap();
    assert_eq!(count(&lake, ""), 90);

    let (lake, position) = Lake::open(dir.path(), quiet()).unwrap();
    assert_eq!((position.sequence, count(&lake, "")), (90, 90));
}

#[test]
fn damage_stops_the_start_and_deletes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=50)).unwrap();
    lake.flush().unwrap();
    drop(lake);
    let files = parquet_files(dir.path());
    let mut manifests: Vec<_> = fs::read_dir(dir.path().join("manifest")).unwrap().map(|e| e.unwrap().path()).collect();
    manifests.sort();
    let newest = manifests.pop().unwrap();
    let good = fs::read(&newest).unwrap();

    let mut bad = good.clone();
    let at = bad.len() - 10;
    bad[at] ^= 1;
    fs::write(&newest, &bad).unwrap();
    let Err(e) = Lake::open(dir.path(), quiet()) else { panic!("a damaged manifest was read") };
    assert!(e.to_string().contains("checksum"), "{e}");

    let newer = String::from_utf8(good.clone()).unwrap().replacen("bongsu-lake 1 ", "bongsu-lake 99 ", 1);
    fs::write(&newest, newer).unwrap();
    assert!(matches!(Lake::open(dir.path(), quiet()), Err(LakeError::Newer { found: 99, .. })));

    for m in manifests.iter().chain([&newest]) {
        fs::remove_file(m).unwrap();
    }
    assert!(matches!(Lake::open(dir.path(), quiet()), Err(LakeError::Damaged { .. })));
    assert_eq!(parquet_files(dir.path()), files, "nothing was swept");

    fs::write(&newest, &good).unwrap();
    fs::write(&files[0], b"cut").unwrap();
    assert!(matches!(Lake::open(dir.path(), quiet()), Err(LakeError::Damaged { .. })));
}

#[test]
fn two_cannot_open_one_lake() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    assert!(matches!(Lake::open(dir.path(), quiet()), Err(LakeError::Locked(_))));
    drop(lake);
    open(dir.path());
}

#[test]
fn closing_writes_what_is_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path());
    lake.append(logins(1..=20)).unwrap();
    lake.close().unwrap();
    assert!(matches!(lake.append(logins(21..=22)), Err(LakeError::Closed)));
    assert_eq!(count(&lake, ""), 20);
    drop(lake);
    let (_, position) = Lake::open(dir.path(), quiet()).unwrap();
    assert_eq!(position.sequence, 20);
}

#[test]
fn a_load_is_all_or_nothing_and_leaves_the_position() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), LakeOptions { flush_rows: 30, ..quiet() }).unwrap().0;
    lake.append(logins(1..=10)).unwrap();
    lake.flush().unwrap();
    let mut given_up = lake.loader().unwrap();
    given_up.append((1..=100).map(login).collect()).unwrap();
    assert!(parquet_files(dir.path()).len() > 3, "a large load does not wait in memory");
    assert_eq!(count(&lake, ""), 10, "nothing is searchable before the end");
    drop(given_up);
    assert_eq!(count(&lake, ""), 10);

    let mut loader = lake.loader().unwrap();
    loader.append((1..=100).map(login).collect()).unwrap();
    loader.append((101..=120).map(login).collect()).unwrap();
    assert_eq!(loader.finish().unwrap(), 120);
    assert_eq!(count(&lake, ""), 130);
    assert_eq!(lake.durable_position().sequence, 10);
    drop(lake);
    let (lake, position) = Lake::open(dir.path(), quiet()).unwrap();
    assert_eq!((position, count(&lake, "")), (EventId { epoch: 1, sequence: 10 }, 130));
    let mut second = lake.loader().unwrap();
    second.append(vec![login(1)]).unwrap();
    second.finish().unwrap();
    let rows = runtime()
        .block_on(lake.search(&query("user:user1"), &Scope::All, TimeRange::ALL, None, &limits()))
        .unwrap()
        .rows;
    let ids: std::collections::HashSet<_> = rows.iter().map(|r| r.id).collect();
    assert_eq!(ids.len(), rows.len(), "loads share no ids with each other or the journal");
    assert!(ids.iter().any(|i| i.epoch >= LOAD_EPOCH_FIRST));
}

#[test]
fn a_full_queue_is_told_and_can_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path(), LakeOptions { flush_rows: 1_000, ..quiet() }).unwrap().0;
    let mut next = 1;
    for _ in 0..30 {
        lake.append(logins(next..=next + 999)).unwrap();
        next += 1_000;
    }
    assert_eq!(count(&lake, ""), 30_000);
    assert_eq!(lake.flush().unwrap().sequence, 30_000);
}
