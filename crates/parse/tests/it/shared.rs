//! The lines of `../shared/data/logs`, where they are: one answer each, no panic.

use std::path::PathBuf;

use bongsu_parse::{flat, parse_record, record_of};

use crate::samples::context;

#[test]
fn every_shared_record_gets_one_answer() {
    let shared = std::env::var_os("BONGSU_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let Ok(folder) = std::fs::read_dir(shared.join("data/logs")) else {
        println!("skipped: every_shared_record_gets_one_answer needs ../shared");
        return;
    };
    let mut read = 0;
    for file in folder.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "jsonl")) {
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let Ok(raw) = record_of(line) else { continue };
            let (event, _) = parse_record(raw.clone(), &context(), None);
            assert_eq!(event.raw, raw);
            assert!(flat(&event).contains_key("time"));
            read += 1;
        }
    }
    assert!(read > 1000, "only {read} records read");
}
