//! `kill -9` at any moment loses nothing acknowledged.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::{Data, record, records};

const CHILD: &str = "BONGSU_JOURNAL_TEST_CHILD";

/// Not a test by itself: appends until it is killed, saying after each append how far it is acknowledged.
#[test]
fn child_that_appends() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let mut options = bongsu_journal::OpenOptions::new(1);
    options.segment_bytes_max = 20_000;
    options.free_bytes_min = 0;
    let path = std::path::Path::new(&dir);
    let key = std::sync::Arc::new(bongsu_journal::SigningKey::load_or_create(&path.join("journal.key")).unwrap());
    options.checkpoint = Some(bongsu_journal::CheckpointOptions { path: path.join("journal.checkpoint"), key });
    let (journal, recovery) = bongsu_journal::Journal::open(&path.join("journal"), options).unwrap();
    let mut next = recovery.next_sequence;
    loop {
        let last = next + next % 50;
        journal.append(records(next..=last)).unwrap();
        println!("acked {last}");
        next = last + 1;
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let data = Data::new();
    let mut acked = 0;
    for round in 0..6u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child_that_appends", "--nocapture"])
            .env(CHILD, data.dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        while seen < 20 + round * 13 {
            let line = lines.next().unwrap().unwrap();
            if let Some(n) = line.rsplit_once("acked ").and_then(|(_, n)| n.parse::<u64>().ok()) {
                (acked, seen) = (n, seen + 1);
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(n) = line.rsplit_once("acked ").and_then(|(_, n)| n.parse::<u64>().ok()) {
                acked = n;
            }
        }
        let report = data.verify();
        assert!(report.is_clean(), "{report}");
        assert!(report.last_sequence >= acked);
    }
    let (journal, _) = data.open();
    let mut count = 0;
    for (n, item) in (1..).zip(journal.read_from(1)) {
        let (sequence, found) = item.unwrap();
        assert_eq!((sequence, found.raw), (n, record(n).raw));
        count = n;
    }
    assert!(count >= acked);
}
