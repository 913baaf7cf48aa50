//! `bongsu verify`: the journal's chain, byte by byte.

use std::path::Path;

use anyhow::{Context, Result};
use bongsu_center::start;

use super::FOUND;
use crate::output::Output;

pub fn run(data: &Path, output: Output) -> Result<u8> {
    let report = start::verify(data).with_context(|| format!("cannot check the journal in {}", data.display()))?;
    if output == Output::Jsonl {
        println!("{}", report.json);
    } else {
        for line in &report.lines {
            println!("{line}");
        }
    }
    Ok(if report.clean { 0 } else { FOUND })
}
