//! `bongsu search`: received events only, over every agency.

use std::path::PathBuf;

use anyhow::Result;

use crate::cli::Search;
use crate::client::{Client, query};
use crate::output::{self, Output};

pub async fn run(data: PathBuf, arguments: Search) -> Result<u8> {
    let mut client = Client::open(&data).await?;
    let format = match arguments.output {
        Output::Table | Output::Jsonl => "jsonl",
        Output::Csv => "csv",
        Output::Parquet => "parquet",
    };
    let mut path = format!("/operator/search?format={format}&limit={}&q={}", arguments.limit, query(&arguments.query));
    for (name, value) in [("from", &arguments.from), ("to", &arguments.to)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", query(value)));
        }
    }
    if arguments.output != Output::Table {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        client.stream(&path, &mut out).await?;
        return Ok(0);
    }
    let mut bytes = Vec::new();
    client.stream(&path, &mut bytes).await?;
    let rows: Vec<serde_json::Value> =
        bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(serde_json::from_slice).collect::<Result<_, _>>()?;
    table(&rows)?;
    Ok(0)
}

fn table(rows: &[serde_json::Value]) -> Result<()> {
    let is_events = rows.first().is_none_or(|r| r.get("raw").is_some());
    if is_events {
        let columns = [
            ("TIME", "/time"),
            ("AGENCY", "/agency"),
            ("SOURCE", "/source"),
            ("CLASS", "/class"),
            ("SRC", "/src_ip"),
            ("DST", "/dst_ip"),
            ("USER", "/user"),
            ("RAW", "/raw"),
        ];
        output::rows(Output::Table, &columns, rows)?;
        return Ok(());
    }
    let names: Vec<String> =
        rows.first().and_then(|r| r.as_object()).map(|o| o.keys().cloned().collect()).unwrap_or_default();
    let pointers: Vec<String> = names.iter().map(|n| format!("/{}", n.replace('~', "~0").replace('/', "~1"))).collect();
    let columns: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(pointers.iter().map(String::as_str)).collect();
    output::rows(Output::Table, &columns, rows)?;
    Ok(())
}
