//! A whole file of any form: cut into blocks, read as what it seems to be.
#![no_main]

use bongsu_parse::blocks::{Blocks, Form};
use bongsu_parse::windows::{EvtxReader, XmlReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut blocks = Blocks::open(bytes, None);
    let (mut evtx, mut xml) = (EvtxReader::new(), XmlReader::new());
    while let Some(block) = blocks.next_block() {
        match blocks.form() {
            Form::Evtx => {
                evtx.read(&block.bytes, &mut |event| event.for_each(&mut |_, _| {}));
            }
            Form::Xml => {
                for (number, record) in block.records() {
                    xml.read(&String::from_utf8_lossy(record), number);
                }
            }
            Form::Json | Form::Lines => {}
        }
    }
});
