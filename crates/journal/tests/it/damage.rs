//! Whatever is altered in the folder is found and named.

use std::fs;

use bongsu_journal::{DamageKind, Report};

use crate::{Data, records};

/// Several segments, some retired, all under the checkpoint.
fn journal() -> Data {
    let data = Data::new();
    let (journal, _) = data.open_small_segments();
    for n in (1..=60).step_by(3) {
        journal.append(records(n..=n + 2)).unwrap();
    }
    assert!(!journal.retire_through(30).unwrap().is_empty());
    drop(journal);
    let report = data.verify();
    assert!(report.is_clean() && report.segments >= 3 && report.retired >= 2, "{report}");
    data
}

/// The report says something about this file.
fn names(report: &Report, file: &str) -> bool {
    report.damage.iter().any(|d| d.file == file)
}

#[test]
fn a_flip_of_any_byte_is_found_and_its_place_named() {
    let data = journal();
    let mut flips = 0;
    for entry in fs::read_dir(data.journal()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            let report = data.verify();
            assert!(!report.is_clean(), "{file} byte {at}: not found");
            assert!(names(&report, &file), "{file} byte {at}: not named: {report}");
            if file != "retired" {
                let first = report.damage.iter().find(|d| d.file == file).unwrap();
                let holds = first.offset <= at as u64 && (at as u64) < first.offset + first.length;
                assert!(holds, "{file} byte {at}: {report}");
                assert!(first.batch == 0 || first.records.is_some(), "{file} byte {at}: records unnamed: {report}");
            }
            flips += 1;
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(flips > 1_500, "{flips}");
    assert!(data.verify().is_clean());
}

#[test]
fn removed_swapped_and_strange_files_are_found() {
    let data = journal();
    let (journal, _) = data.open_small_segments();
    let (first, last) = (journal.first_sequence(), journal.stats().segments as u32);
    drop(journal);
    let retired = fs::read_to_string(data.journal().join("retired")).unwrap().lines().count() as u32;
    for index in [retired + 1, retired + 2] {
        let bytes = fs::read(data.segment(index)).unwrap();
        fs::remove_file(data.segment(index)).unwrap();
        let report = data.verify();
        let missing = report.damage.iter().find(|d| d.kind == DamageKind::MissingSegment).unwrap();
        assert_eq!(missing.segment, index, "{report}");
        assert!(*missing.records.as_ref().unwrap().start() >= first);
        fs::write(data.segment(index), bytes).unwrap();
    }
    assert!(last >= 3);
    fs::write(data.journal().join("notes.txt"), "x").unwrap();
    assert_eq!(data.verify().damage[0].kind, DamageKind::Stranger);
    fs::remove_file(data.journal().join("notes.txt")).unwrap();
    let index = fs::read_to_string(data.journal().join("retired")).unwrap();
    for gone in 0..index.lines().count() {
        let kept: String =
            index.lines().enumerate().filter(|(i, _)| *i != gone).map(|(_, l)| format!("{l}\n")).collect();
        fs::write(data.journal().join("retired"), kept).unwrap();
        assert!(!data.verify().is_clean(), "line {gone} of the index of retired segments");
    }
}

/// Somebody who can recompute every checksum and the whole chain, but has not the key.
#[test]
fn a_forged_chain_does_not_pass_the_checkpoint() {
    let data = journal();
    let forged = Data::new();
    let (journal, _) = forged.open_small_segments();
    for n in (1..=60).step_by(3) {
        let mut lines = records(n..=n + 2);
        if n == 31 {
            lines[0].raw = "nothing happened here".into();
        }
        journal.append(lines).unwrap();
    }
    drop(journal);
    fs::remove_dir_all(data.journal()).unwrap();
    fs::rename(forged.journal(), data.journal()).unwrap();
    let report = data.verify();
    assert!(report.damage.iter().any(|d| d.kind == DamageKind::Checkpoint), "{report}");
    let (_, recovery) = data.open_small_segments();
    assert!(recovery.damage.iter().any(|d| d.kind == DamageKind::Checkpoint), "{:?}", recovery.damage);
}
