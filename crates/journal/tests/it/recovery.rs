//! Torn tails are repaired, cuts are told from them.

use std::fs;
use std::path::Path;

use bongsu_journal::{CheckpointState, CutOff, DamageKind, Journal};

use crate::{Data, expected, read_all, records};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn cut(path: &Path, length: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// Records 1 to 6 under a checkpoint, 7 to 9 in a batch beyond it. Gives the length before and behind that batch.
fn journal_with_a_tail() -> (Data, u64, u64) {
    let data = Data::new();
    let (journal, _) = data.open();
    journal.append(records(1..=3)).unwrap();
    journal.append(records(4..=6)).unwrap();
    drop(journal);
    let vouched = fs::read(data.checkpoint()).unwrap();
    let before = fs::metadata(data.segment(1)).unwrap().len();
    let (journal, _) = data.open();
    journal.append(records(7..=9)).unwrap();
    drop(journal);
    fs::write(data.checkpoint(), vouched).unwrap();
    let behind = fs::metadata(data.segment(1)).unwrap().len();
    (data, before, behind)
}

#[test]
fn whole_batches_beyond_the_checkpoint_are_kept() {
    let (data, _, _) = journal_with_a_tail();
    assert!(data.verify().is_clean());
    let (journal, recovery) = data.open();
    assert_eq!(recovery.next_sequence, 10);
    assert!(recovery.torn.is_none() && recovery.cut_off.is_none() && recovery.damage.is_empty());
    drop(journal);
}

#[test]
fn a_tail_torn_at_any_byte_is_repaired_and_the_journal_goes_on() {
    let (data, before, behind) = journal_with_a_tail();
    for length in before..behind {
        let again = Data::new();
        copy(&data.journal(), &again.journal());
        fs::copy(data.checkpoint(), again.checkpoint()).unwrap();
        fs::copy(data.dir.path().join("journal.key"), again.dir.path().join("journal.key")).unwrap();
        cut(&again.segment(1), length);
        let report = again.verify();
        assert!(report.is_clean(), "{length}: {report}");
        assert_eq!(report.torn.is_some(), length > before, "{length}");
        let (journal, recovery) = again.open();
        assert_eq!(recovery.next_sequence, 7, "{length}");
        assert_eq!(recovery.torn.as_ref().map(|t| t.bytes).unwrap_or(0), length - before);
        if let Some(torn) = recovery.torn {
            assert_eq!(fs::metadata(torn.kept_at.unwrap()).unwrap().len(), length - before, "set aside, not lost");
        }
        assert_eq!(journal.append(records(7..=8)), Ok(7..=8));
        drop(journal);
        assert_eq!(read_all(&again.journal()), expected(1..=8));
        assert!(again.verify().is_clean());
    }
}

#[test]
fn a_journal_cut_at_any_byte_before_its_checkpoint_is_told_so() {
    let (data, before, _) = journal_with_a_tail();
    for length in 0..before {
        let again = Data::new();
        copy(&data.journal(), &again.journal());
        fs::copy(data.checkpoint(), again.checkpoint()).unwrap();
        fs::copy(data.dir.path().join("journal.key"), again.dir.path().join("journal.key")).unwrap();
        cut(&again.segment(1), length);
        let report = again.verify();
        let last = report.last_sequence;
        assert!(last <= 3 && !report.is_clean(), "{length}: {report}");
        assert_eq!(report.cut_off, Some(CutOff { last_sequence: last, checkpoint_sequence: 6 }), "{length}: {report}");
        let (journal, recovery) = again.open();
        assert_eq!(recovery.cut_off, report.cut_off, "{length}");
        // No sequence is given twice, and the hole stays visible for ever.
        assert_eq!(journal.append(records(7..=7)), Ok(7..=7));
        drop(journal);
        let report = again.verify();
        assert!(!report.is_clean(), "{length}");
        let hole = report.damage.iter().find(|d| d.records.is_some() || d.kind == DamageKind::MissingSegment);
        assert!(hole.is_some(), "{length}: {report}");
    }
}

#[test]
fn a_removed_last_segment_or_folder_is_a_cut() {
    let data = Data::new();
    let (journal, _) = data.open_small_segments();
    for n in 1..=30 {
        journal.append(records(n..=n)).unwrap();
    }
    let last = journal.stats().segments as u32;
    drop(journal);
    fs::remove_file(data.segment(last)).unwrap();
    let report = data.verify();
    assert_eq!(report.cut_off.unwrap().checkpoint_sequence, 30, "{report}");
    fs::remove_dir_all(data.journal()).unwrap();
    let (journal, recovery) = data.open_small_segments();
    assert_eq!(recovery.cut_off, Some(CutOff { last_sequence: 0, checkpoint_sequence: 30 }));
    assert_eq!(journal.append(records(31..=31)), Ok(31..=31));
}

#[test]
fn a_segment_that_was_being_made_goes() {
    let data = Data::new();
    let (journal, _) = data.open();
    journal.append(records(1..=3)).unwrap();
    drop(journal);
    for length in [0usize, 1, 40, 71] {
        fs::write(data.segment(2), vec![0u8; length]).unwrap();
        assert!(data.verify().is_clean(), "{length}");
        let (journal, recovery) = data.open();
        assert_eq!(recovery.next_sequence, 4);
        assert!(recovery.torn.is_some() && recovery.damage.is_empty());
        drop(journal);
        assert!(!data.segment(2).exists());
        assert!(data.verify().is_clean());
    }
}

#[test]
fn a_lost_or_altered_checkpoint_is_said_and_does_not_stop_the_journal() {
    let (data, _, _) = journal_with_a_tail();
    let text = fs::read_to_string(data.checkpoint()).unwrap();
    fs::write(data.checkpoint(), text.replace("\"sequence\":6", "\"sequence\":3")).unwrap();
    assert!(matches!(data.verify().checkpoint, CheckpointState::Bad(_)));
    let (journal, recovery) = data.open();
    assert!(recovery.checkpoint_error.unwrap().contains("signature"));
    assert_eq!(recovery.next_sequence, 10);
    drop(journal);
    assert!(data.verify().is_clean(), "a new one was written");
    fs::remove_file(data.checkpoint()).unwrap();
    assert_eq!(data.verify().checkpoint, CheckpointState::Missing);
}

#[test]
fn damage_in_the_last_segment_is_named_and_the_journal_goes_on() {
    let data = Data::new();
    let (journal, _) = data.open();
    for n in 1..=5 {
        journal.append(records(n..=n)).unwrap();
    }
    drop(journal);
    let mut bytes = fs::read(data.segment(1)).unwrap();
    for at in [bytes.len() / 2, bytes.len() - 1] {
        bytes[at] ^= 1;
    }
    fs::write(data.segment(1), &bytes).unwrap();
    let (journal, recovery) = data.open();
    assert_eq!(recovery.damage.len(), 2, "{:?}", recovery.damage);
    assert!(recovery.torn.is_none(), "vouched for by the checkpoint: altered, not torn");
    assert_eq!(journal.append(records(6..=7)), Ok(6..=7));
    drop(journal);
    assert_eq!(fs::read(data.segment(1)).unwrap(), bytes, "evidence stays as it is");
    let kept: Vec<u64> = read_all(&data.journal()).into_iter().map(|(s, _)| s).collect();
    assert_eq!(kept, [1, 2, 4, 6, 7]);
    assert_eq!(data.verify().damage.len(), 2, "{}", data.verify());
}

#[test]
fn a_key_file_that_is_no_key_is_refused() {
    let data = Data::new();
    let path = data.dir.path().join("journal.key");
    fs::write(&path, "hello").unwrap();
    let error = bongsu_journal::SigningKey::load_or_create(&path).unwrap_err().to_string();
    assert!(error.contains("backup"), "{error}");
    let _ = Journal::epoch_of(&path.join("absent")).unwrap();
}
