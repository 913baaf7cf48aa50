//! The commands, one file per noun.

mod agent;
mod block;
mod center;
mod hunt;
mod parse;
mod rules;
mod search;
mod source;
mod status;
mod user;
mod verify;

use std::future::Future;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::Value;

use crate::cli::{Cli, Command};
use crate::client::Client;

/// Found something to report (check, verify, test).
pub const FOUND: u8 = 1;

/// The command line asks for something that can't be.
pub const WRONG_USE: u8 = 2;
/// Nothing could be done.
pub const FAILED: u8 = 3;

/// Run a command; the exit code.
///
/// # Errors
/// One sentence for the operator.
pub fn run(cli: Cli) -> Result<u8> {
    let data = cli.data;
    match cli.command {
        Command::Center(arguments) => center::run(data, arguments),
        Command::Parse(arguments) => parse::run(&arguments),
        Command::Hunt(arguments) => hunt::run(data, arguments),
        Command::Rules { command } => rules::run(data, command),
        Command::Verify { output } => verify::run(&folder(data)?, output),
        Command::Status { output } => wait(status::run(folder(data)?, output)),
        Command::User { command } => wait(user::run(folder(data)?, command)),
        Command::Source { command } => wait(source::run(folder(data)?, command)),
        Command::Agent { command } => wait(agent::run(folder(data)?, command)),
        Command::Block { command } => wait(block::run(folder(data)?, command)),
        Command::KillSwitch { state, reason } => wait(block::kill_switch(folder(data)?, state == "on", reason)),
        Command::Search(arguments) => wait(search::run(folder(data)?, arguments)),
    }
}

/// Was it only that the reader of our output went away?
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|e| e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe))
}

fn wait(future: impl Future<Output = Result<u8>>) -> Result<u8> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(future)
}

/// The data folder: told, or the machine's, or the user's.
pub fn folder(data: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(data) = data {
        return Ok(data);
    }
    if rustix::process::getuid().is_root() {
        return Ok(PathBuf::from("/var/lib/bongsu"));
    }
    let base = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".local/share")));
    Ok(base.context("there is no home folder; name the data folder with --data")?.join("bongsu"))
}

/// An agency by name, code, English name or number; the root when none is named.
pub async fn agency(client: &mut Client, named: Option<&str>) -> Result<u64> {
    let answer = client.json(Method::GET, "/api/agencies", None).await?;
    let rows = array(&answer, "rows");
    let Some(named) = named else {
        let root = rows.iter().find(|a| a.get("parent").is_none_or(Value::is_null));
        return number(root, "id").context("the center has no root agency");
    };
    let same = |a: &Value| {
        ["name", "name_en", "code"]
            .iter()
            .any(|k| a.get(k).and_then(Value::as_str).is_some_and(|v| v.eq_ignore_ascii_case(named)))
            || has_number(a, named)
    };
    match rows.iter().find(|a| same(a)) {
        Some(found) => number(Some(found), "id").context("the agency has no number"),
        None => {
            let names: Vec<&str> = rows.iter().filter_map(|a| a.get("name").and_then(Value::as_str)).collect();
            let near = names.iter().max_by(|a, b| strsim(a, named).total_cmp(&strsim(b, named)));
            bail!("there is no agency `{named}`{}", near.map_or(String::new(), |n| format!("; did you mean `{n}`?")))
        }
    }
}

fn strsim(a: &str, b: &str) -> f64 {
    let common = a.chars().filter(|c| b.contains(*c)).count();
    common as f64 / a.chars().count().max(1) as f64
}

/// The rows under a key.
pub fn array(answer: &Value, key: &str) -> Vec<Value> {
    answer.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// A number under a key.
pub fn number(row: Option<&Value>, key: &str) -> Option<u64> {
    row?.get(key)?.as_u64()
}

/// Text under a key, or nothing.
pub fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or("")
}

/// Find a row by name or number.
pub fn by_name(rows: &[Value], named: &str) -> Option<Value> {
    rows.iter().find(|r| text(r, "name") == named || has_number(r, named)).cloned()
}

fn has_number(row: &Value, named: &str) -> bool {
    row.get("id").and_then(Value::as_u64).is_some_and(|id| named.parse() == Ok(id))
}
