//! Chores: `cargo xtask floors | tidy | schema | bench`. Each exits 1 with a list when something is out of place.

mod bench;
#[path = "bench/sigma.rs"]
mod bench_sigma;
mod floors;
mod schema;
mod tidy;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let chore = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    if chore == "bench" && rest.first().is_some_and(|name| name == "sigma") {
        return bench_sigma::run(rest.get(1..).unwrap_or_default());
    }
    let findings = match chore.as_str() {
        "floors" => floors::check()?,
        "tidy" => tidy::check()?,
        "schema" => schema::write(rest.first().is_some_and(|a| a == "--check"))?,
        "bench" => bench::run(&rest)?,
        _ => bail!("usage: cargo xtask floors | tidy | schema [--check] | bench NAME"),
    };
    for finding in &findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() { Ok(()) } else { bail!("{} finding(s) in {chore}", findings.len()) }
}

/// The checkout's root.
pub fn root() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
