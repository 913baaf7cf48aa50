//! Event logs: what was written is read back; damage costs the damaged record; forged bytes cost nothing more.

use bongsu_event::ValueRef;
use bongsu_parse::blocks::{Blocks, Form};
use bongsu_parse::windows::sample::{SampleEvent, SampleValue, evtx};
use bongsu_parse::windows::{EvtxReader, XmlReader};

fn event(n: u64) -> SampleEvent {
    SampleEvent {
        channel: "Microsoft-Windows-Sysmon/Operational".to_owned(),
        event_id: 1,
        seconds: 1_772_413_200 + n,
        computer: "ws-07.suan.example".to_owned(),
        data: vec![
            ("CommandLine".to_owned(), SampleValue::Text(format!("whoami /all {n} 수안구청"))),
            ("Process Id".to_owned(), SampleValue::Number(4_000 + n as u32)),
            ("Hashes".to_owned(), SampleValue::Texts(vec!["MD5=1".to_owned(), "SHA1=2".to_owned()])),
            ("User".to_owned(), SampleValue::Null),
        ],
    }
}

fn events(n: u64) -> Vec<SampleEvent> {
    (1..=n).map(event).collect()
}

/// Record numbers, and how many records were damaged.
fn read(bytes: &[u8]) -> (Vec<u64>, u64) {
    let mut blocks = Blocks::open(bytes, None);
    let (mut records, mut damaged) = (Vec::new(), 0);
    let mut reader = EvtxReader::new();
    while let Some(block) = blocks.next_block() {
        if blocks.form() == Form::Evtx {
            let report = reader.read(&block.bytes, &mut |e| {
                e.for_each(&mut |_, _| {});
                records.push(e.record);
            });
            damaged += report.damaged;
        }
    }
    (records, damaged)
}

#[test]
fn what_was_written_is_read_back() {
    let file = evtx(&events(3));
    let mut seen = Vec::new();
    let mut reader = EvtxReader::new();
    let report = reader.read(&file[4096..], &mut |e| {
        assert_eq!(e.time.unwrap().0, (1_772_413_200 + e.record as i64) * 1_000_000);
        assert_eq!(e.get("CommandLine"), Some(ValueRef::Text(&format!("whoami /all {} 수안구청", e.record))));
        assert_eq!(e.get("ProcessId"), Some(ValueRef::Int(4_000 + e.record as i64)));
        assert_eq!(e.get("EventID"), Some(ValueRef::Int(1)));
        assert_eq!(e.get("Provider_Name"), Some(ValueRef::Text("Sample-Provider")));
        assert_eq!(e.get("User"), Some(ValueRef::Text("")));
        assert_eq!(e.get("EventRecordID"), Some(ValueRef::Int(e.record as i64)));
        let mut hashes = Vec::new();
        e.for_each_path(&mut |path, value| {
            if path == "Event.EventData.Hashes" {
                hashes.push(value);
            }
        });
        assert_eq!(hashes, [ValueRef::Text("MD5=1"), ValueRef::Text("SHA1=2")]);
        seen.push(e.record);
    });
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!((report.records, report.damaged, report.head_damaged), (3, 0, false));
}

#[test]
fn a_long_log_has_several_chunks() {
    let file = evtx(&events(1_000));
    assert!(file.len() > 3 * 65_536);
    assert_eq!(read(&file), ((1..=1_000).collect(), 0));
}

#[test]
fn what_is_left_of_a_cut_file_is_read() {
    let file = evtx(&events(1_000));
    for end in [4_096 + 65_536 + 40_000, file.len() - 30_000, 4_096 + 3_000] {
        let (records, _) = read(&file[..end]);
        assert!(records.windows(2).all(|w| w[0] + 1 == w[1]), "in order, none twice");
        assert!(records.len() as u64 >= (end as u64 - 4_096) * 1_000 / file.len() as u64 / 2, "{end}");
    }
    assert!(read(&file[..4_096]).0.is_empty());
}

#[test]
fn a_damaged_record_costs_itself() {
    let mut file = evtx(&events(20));
    let second = memchr::memmem::find_iter(&file, b"**\0\0").nth(4).unwrap();
    file[second] = 0;
    let (records, damaged) = read(&file);
    assert_eq!((records.len(), damaged), (19, 1));
    assert!(!records.contains(&5));
}

#[test]
fn a_file_whose_heads_are_lost_is_read_from_its_records() {
    let mut file = evtx(&events(300));
    file[..4_096].fill(0xaa);
    assert_eq!(read(&file).0.len(), 300, "the head of the file");
    for chunk in (4_096..file.len()).step_by(65_536) {
        file[chunk + 8..chunk + 128].fill(0xaa);
    }
    assert_eq!(read(&file).0.len(), 300, "the heads of the chunks");
    let shifted: Vec<u8> = file[..4_096 + 65_536].iter().chain(&file[4_096 + 65_536 + 1_000..]).copied().collect();
    assert!(read(&shifted).0.len() > 100, "bytes were lost");
}

/// A deterministic storm of single changes: every place of two records, many values, and then many at once.
#[test]
fn no_change_of_bytes_panics_or_costs_much() {
    let file = evtx(&events(2));
    let chunk = &file[4_096..];
    let used = chunk.iter().rposition(|b| *b != 0).unwrap() + 1;
    let mut reader = EvtxReader::new();
    let mut bytes = chunk.to_vec();
    let mut run = |bytes: &[u8]| {
        let mut values = 0u64;
        reader.read(bytes, &mut |e| e.for_each(&mut |_, _| values += 1));
        assert!(values < 20_000);
    };
    for at in 40..used {
        for value in [0x00, 0x01, 0x0c, 0x0d, 0x21, 0x41, 0x81, 0xff, bytes[at].wrapping_add(1)] {
            let before = std::mem::replace(&mut bytes[at], value);
            run(&bytes);
            bytes[at] = before;
        }
    }
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..20_000 {
        let mut forged = chunk[..used + 64].to_vec();
        for _ in 0..random() % 12 {
            let at = 512 + random() as usize % (used - 512);
            match random() % 3 {
                0 => forged[at] = random() as u8,
                1 => forged[at..].rotate_left(1),
                _ => {
                    let from = 512 + random() as usize % (used - 512);
                    let length = (random() as usize % 40).min(forged.len() - at.max(from));
                    forged.copy_within(from..from + length, at);
                }
            }
        }
        run(&forged);
    }
}

#[test]
fn no_xml_panics() {
    let text = "<Event xmlns='x'><System><EventID Qualifiers='1'>7</EventID></System><EventData><Data Name='A'>&lt;b&#65;\
        </Data><!-- c --><![CDATA[d]]></EventData></Event>";
    let mut reader = XmlReader::new();
    for at in 0..text.len() {
        for c in ['<', '>', '&', ';', '"', '\'', '/', ' ', '!', '가'] {
            let mut forged = text.to_owned();
            forged.replace_range(at..=at, &c.to_string());
            reader.read(&forged, 1);
        }
    }
}

/// What the fuzzer keeps is read here too, each file whole and cut anywhere.
#[test]
fn the_kept_corpus_is_read() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");
    let mut files = 0;
    for folder in ["evtx", "blocks"] {
        for file in std::fs::read_dir(format!("{corpus}/{folder}")).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            files += 1;
            for end in (0..=bytes.len()).rev().step_by(bytes.len() / 64 + 1) {
                read(&bytes[..end]);
                EvtxReader::new().read(&bytes[..end], &mut |e| e.for_each(&mut |_, _| {}));
            }
        }
    }
    assert!(files >= 9, "{files}");
}
