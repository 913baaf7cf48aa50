//! `bongsu status`: exit 0 once every listener is open, off or skipped, and the opening state is loaded.

use std::path::PathBuf;

use anyhow::{Result, bail};
use http::Method;
use serde_json::Value;

use super::{array, text};
use crate::client::Client;
use crate::output::Output;

pub async fn run(data: PathBuf, output: Output) -> Result<u8> {
    let mut client = Client::connect(&data).await?;
    if !client.running() {
        bail!("no center runs on {}", data.display());
    }
    let status = client.json(Method::GET, "/operator/status", None).await?;
    let ready = status.get("ready").and_then(Value::as_bool).unwrap_or(false);
    if output == Output::Jsonl {
        println!("{status}");
    } else {
        println!("{} {}", text(&status, "version"), if ready { "ready" } else { "starting" });
        println!("web        {}", text(&status, "web"));
        for listener in array(&status, "listeners") {
            println!("listener   {}", listener.as_str().unwrap_or(""));
        }
        for (label, key) in [
            ("events/s", "events_per_second"),
            ("events", "events"),
            ("journal", "journal_sequence"),
            ("lake", "lake_sequence"),
            ("lag s", "lag_seconds"),
            ("queue", "open_alerts"),
            ("blocks", "blocks_in_force"),
            ("agents", "agents_connected"),
            ("udp lost", "udp_dropped"),
        ] {
            println!("{label:<10} {}", status.get(key).unwrap_or(&Value::Null));
        }
        for trouble in array(&status, "troubles") {
            println!("trouble    {}", text(&trouble, "message"));
        }
    }
    Ok(if ready { 0 } else { 3 })
}
