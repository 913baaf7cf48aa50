//! `bongsu source add|adopt|list|remove`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};

use super::{agency, array, by_name, text};
use crate::cli::SourceCommand;
use crate::client::Client;
use crate::output::{self, Output};

pub async fn run(data: PathBuf, command: SourceCommand) -> Result<u8> {
    let mut client = Client::open(&data).await?;
    match command {
        SourceCommand::Add { name, from, agency: named, format, timezone } => {
            let agency = agency(&mut client, named.as_deref()).await?;
            let body = json!({"name": name, "from": from, "agency": agency, "format": format, "timezone": timezone});
            let made = client.json(Method::POST, "/api/sources", Some(&body)).await?;
            println!(
                "source {} `{}` takes lines from {}",
                made.get("id").unwrap_or(&Value::Null),
                text(&made, "name"),
                text(&made, "from")
            );
        }
        SourceCommand::Adopt { address, name, agency: named, format, timezone } => {
            let agency = agency(&mut client, named.as_deref()).await?;
            let body = json!({"name": name, "from": address, "agency": agency, "format": format, "timezone": timezone});
            let made = client.json(Method::POST, "/api/quarantine/adopt", Some(&body)).await?;
            println!(
                "source {} `{}` takes lines from {}",
                made.get("id").unwrap_or(&Value::Null),
                text(&made, "name"),
                text(&made, "from")
            );
        }
        SourceCommand::List { output } => list(&mut client, output).await?,
        SourceCommand::Remove { source } => {
            let sources = client.json(Method::GET, "/api/sources", None).await?;
            let found =
                by_name(&array(&sources, "rows"), &source).with_context(|| format!("there is no source `{source}`"))?;
            client
                .json(Method::DELETE, &format!("/api/sources/{}", found.get("id").unwrap_or(&Value::Null)), None)
                .await?;
            println!("removed; its events stay");
        }
    }
    Ok(0)
}

async fn list(client: &mut Client, output: Output) -> Result<()> {
    let sources = client.json(Method::GET, "/api/sources", None).await?;
    let columns = [
        ("ID", "/id"),
        ("NAME", "/name"),
        ("AGENCY", "/agency/name"),
        ("FROM", "/from"),
        ("FORMAT", "/format"),
        ("STATE", "/state"),
        ("LINES/H", "/lines"),
        ("UNPARSED", "/unparsed"),
        ("LAST SEEN", "/last_seen_at"),
    ];
    output::rows(output, &columns, &array(&sources, "rows"))?;
    let quarantine = client.json(Method::GET, "/api/quarantine", None).await?;
    let unknown = array(&quarantine, "rows");
    if !unknown.is_empty() && output == Output::Table {
        println!("\nin quarantine (bongsu source adopt ADDRESS --name NAME):");
        let columns = [
            ("ADDRESS", "/address"),
            ("BY", "/transport"),
            ("LINES", "/lines"),
            ("LAST SEEN", "/last_seen_at"),
            ("SAMPLE", "/sample"),
        ];
        output::rows(output, &columns, &unknown)?;
    }
    Ok(())
}
