//! Benches: speed as a ratio against a named peer or limit, in one run.

use anyhow::{Result, bail};

/// Run the bench of that name.
pub fn run(arguments: &[String]) -> Result<Vec<String>> {
    match arguments.first().map(String::as_str) {
        Some(other) => bail!("there is no bench `{other}` yet"),
        None => bail!("usage: cargo xtask bench NAME"),
    }
}
