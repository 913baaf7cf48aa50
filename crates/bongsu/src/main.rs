//! `bongsu`: the center and the operator's commands. A table of contents.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod cli;
mod client;
mod commands;
mod demo;
mod output;

use std::process::ExitCode;

use clap::Parser;

/// Done.
const DONE: u8 = 0;

fn main() -> ExitCode {
    let arguments = cli::Cli::parse();
    match commands::run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) if commands::is_closed_pipe(&error) => ExitCode::from(DONE),
        Err(error) => {
            eprintln!("bongsu: {error:#}");
            ExitCode::from(commands::FAILED)
        }
    }
}
