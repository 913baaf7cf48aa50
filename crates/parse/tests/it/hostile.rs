//! Hostile bytes: always one event, never a panic, the raw bytes kept.

use std::sync::OnceLock;

use bongsu_event::Class;
use bongsu_parse::{flat, parse_record};
use bytes::Bytes;
use proptest::prelude::*;

use crate::samples::{all, context};

fn survives(raw: Vec<u8>) {
    let raw = Bytes::from(raw);
    let (event, format) = parse_record(raw.clone(), &context(), None);
    assert_eq!(event.raw, raw);
    assert_eq!(format.is_none(), event.class == Class::Unparsed);
    assert_eq!(event.unread.is_some(), event.class == Class::Unparsed);
    let _ = flat(&event);
}

fn samples() -> &'static [Vec<u8>] {
    static LINES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    LINES.get_or_init(|| all().into_iter().map(|s| s.raw.to_vec()).collect())
}

/// Cut, overwrite, insert, double.
fn mutate(mut line: Vec<u8>, edits: &[(usize, u8, u8)]) -> Vec<u8> {
    for (place, kind, byte) in edits {
        let at = place % (line.len() + 1);
        match kind % 6 {
            0 => line.truncate(at),
            1 if at < line.len() => line[at] = *byte,
            2 => line.insert(at, *byte),
            3 => drop(line.drain(..at)),
            4 => line.extend_from_within(at..),
            _ => {
                let end = (at + usize::from(*byte)).min(line.len());
                drop(line.drain(at..end));
            }
        }
    }
    line
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_give_one_event(raw in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(raw);
    }

    #[test]
    fn any_text_with_log_words_gives_one_event(
        words in prop::collection::vec(prop_oneof![
            Just("<134>"), Just("1 "), Just("Jan  2 03:04:05 "), Just("2026-01-02T03:04:05Z "), Just("sshd[1]: "),
            Just("sudo: "), Just("pam_unix(sshd:auth): "), Just(" from "), Just(" port "), Just("="), Just("\""), Just("\\"),
            Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just("|"), Just("CEF:0|"), Just("LEEF:2.0|"), Just("%ASA-6-302013: "),
            Just("SRC="), Just("DST="), Just("PROTO=TCP "), Just("가"), Just("192.0.2.1"), Just(" - - ["), Just("GET / HTTP/1.1"),
            Just("kernel: "), Just("\t"), Just("`"), Just("date="), Just("type="), Just("subtype="), Just(" for "), Just("user "),
            Just("(root) CMD ("), Just(" ; "), Just("COMMAND="), Just("[**] "), Just(":"), Just(" -> "), Just("\"event_type\":\"alert\""),
        ], 0..40)
    ) {
        survives(words.concat().into_bytes());
    }

    #[test]
    fn mutated_samples_give_one_event(
        pick in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..6),
    ) {
        let lines = samples();
        survives(mutate(lines[pick.index(lines.len())].clone(), &edits));
    }
}

#[test]
fn long_and_empty_lines() {
    survives(Vec::new());
    survives(vec![0; 100_000]);
    survives(vec![b'='; 100_000]);
    survives(vec![b'"'; 100_000]);
    survives(vec![b'{'; 100_000]);
    survives(vec![b'['; 100_000]);
    survives("a=\"".repeat(30_000).into_bytes());
    survives("{\"a\":".repeat(30_000).into_bytes());
    for line in samples() {
        survives([line.as_slice(), &[b' '; 70_000]].concat());
    }
}
