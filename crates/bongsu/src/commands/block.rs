//! `bongsu block add|list|undo`, `bongsu kill-switch`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::{Value, json};

use super::{agency, array, text};
use crate::cli::BlockCommand;
use crate::client::Client;
use crate::output::{self, Output};

/// Blocks asked for at once.
const PAGE_BLOCKS: usize = 200;
/// Most blocks listed.
const BLOCKS_MAX: usize = 100_000;

pub async fn run(data: PathBuf, command: BlockCommand) -> Result<u8> {
    let mut client = Client::open(&data).await?;
    match command {
        BlockCommand::Add { target, duration, reason, agency: named, dry_run } => {
            let minutes = minutes(&duration)?;
            let agency = agency(&mut client, named.as_deref()).await?;
            let body =
                json!({"target": target, "agency": agency, "minutes": minutes, "reason": reason, "dry_run": dry_run});
            let block = client.json(Method::POST, "/api/blocks", Some(&body)).await?;
            say(&block);
            if text(&block, "state") == "refused" {
                bail!("refused: {}", text(&block, "refused_because"));
            }
        }
        BlockCommand::List { all, output } => {
            let tab = if all { "all" } else { "in_force" };
            let mut rows = every(&mut client, tab).await?;
            if !all {
                rows.extend(every(&mut client, "waiting").await?);
            }
            let columns = [
                ("ID", "/id"),
                ("TARGET", "/target"),
                ("STATE", "/state"),
                ("EFFECT", "/effect"),
                ("DROPPED", "/packets_dropped"),
                ("UNTIL", "/expires_at"),
                ("BY", "/requested_by/name"),
                ("AGENCY", "/agency/name"),
                ("REASON", "/reason"),
            ];
            output::rows(output, &columns, &rows)?;
        }
        BlockCommand::Undo { block, reason } => {
            let id = find(&mut client, &block).await?;
            let undone =
                client.json(Method::POST, &format!("/api/blocks/{id}/undo"), Some(&json!({"reason": reason}))).await?;
            say(&undone);
        }
    }
    Ok(0)
}

/// `bongsu kill-switch on|off`.
pub async fn kill_switch(data: PathBuf, on: bool, reason: String) -> Result<u8> {
    let mut client = Client::open(&data).await?;
    let state = client.json(Method::PUT, "/api/kill-switch", Some(&json!({"on": on, "reason": reason}))).await?;
    let unreached = array(&state, "unreached");
    println!("kill switch {}", if on { "on: no new blocks, automatic ones are withdrawn" } else { "off" });
    if !unreached.is_empty() {
        println!("not reached yet:");
        output::rows(Output::Table, &[("ID", "/id"), ("POINT", "/name")], &unreached)?;
    }
    Ok(0)
}

fn say(block: &Value) {
    println!(
        "B-{} {} {}, until {}",
        block.get("id").unwrap_or(&Value::Null),
        text(block, "target"),
        text(block, "state"),
        text(block, "expires_at")
    );
}

/// Every block of a tab, page by page.
async fn every(client: &mut Client, tab: &str) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    while rows.len() < BLOCKS_MAX {
        let path = format!("/api/blocks?limit={PAGE_BLOCKS}&tab={tab}{cursor}");
        let page = client.json(Method::GET, &path, None).await?;
        rows.extend(array(&page, "rows"));
        match page.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    Ok(rows)
}

async fn find(client: &mut Client, named: &str) -> Result<String> {
    let number = named.trim_start_matches("B-");
    if number.parse::<u64>().is_ok() {
        return Ok(number.to_owned());
    }
    for tab in ["in_force", "waiting"] {
        let rows = every(client, tab).await?;
        let same = |r: &&Value| text(r, "target") == named || text(r, "target").split('/').next() == Some(named);
        if let Some(found) = rows.iter().find(same) {
            return Ok(found.get("id").unwrap_or(&Value::Null).to_string());
        }
    }
    bail!("no block of `{named}` is in force; `bongsu block list --all` shows ended ones")
}

/// `30m`, `1h`, `2d` or minutes.
fn minutes(text: &str) -> Result<u64> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let count: u64 =
        digits.parse().ok().filter(|n| *n > 0).with_context(|| format!("`{text}` is no time: write 30m, 1h or 2d"))?;
    let factor = match unit {
        "" | "m" | "min" => 1,
        "h" => 60,
        "d" => 1_440,
        _ => bail!("`{text}` is no time: write 30m, 1h or 2d"),
    };
    count.checked_mul(factor).context("that is too long")
}

#[cfg(test)]
mod tests {
    use super::minutes;

    #[test]
    fn times_are_read_and_nonsense_is_refused() {
        assert_eq!(
            [minutes("30m").unwrap(), minutes("1h").unwrap(), minutes("2d").unwrap(), minutes("15").unwrap()],
            [30, 60, 2880, 15]
        );
        for bad in ["", "0m", "1w", "h", "-1h", "99999999999999999999h", "18446744073709551615d"] {
            assert!(minutes(bad).is_err(), "{bad}");
        }
    }
}
