//! A chunk of an event log: no bytes panic, and none give more values than an event may have.
#![no_main]

use bongsu_parse::windows::EvtxReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = EvtxReader::new();
    for _ in 0..2 {
        reader.read(bytes, &mut |event| {
            let mut values = 0;
            event.for_each(&mut |_, _| values += 1);
            assert!(values <= 4_096);
        });
    }
});
