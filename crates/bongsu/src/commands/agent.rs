//! `bongsu agent enrol|list|set|revoke`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};

use super::{agency, array, by_name, text};
use crate::cli::AgentCommand;
use crate::client::Client;
use crate::output;

pub async fn run(data: PathBuf, command: AgentCommand) -> Result<u8> {
    let mut client = Client::open(&data).await?;
    match command {
        AgentCommand::Enrol { name, agency: named, hours } => {
            let agency = agency(&mut client, named.as_deref()).await?;
            let body = json!({"name": name, "agency": agency, "hours": hours});
            let made = client.json(Method::POST, "/api/agents/tokens", Some(&body)).await?;
            println!("{}", text(&made, "token"));
            eprintln!("single use, until {}; at the office: {}", text(&made, "expires_at"), text(&made, "command"));
        }
        AgentCommand::List { output } => {
            let agents = client.json(Method::GET, "/api/agents", None).await?;
            let columns = [
                ("ID", "/id"),
                ("NAME", "/name"),
                ("AGENCY", "/agency/name"),
                ("STATE", "/state"),
                ("ENFORCE", "/enforce"),
                ("SPOOL", "/spool_lines"),
                ("ADDRESS", "/address"),
                ("LAST SEEN", "/last_seen_at"),
                ("TROUBLE", "/trouble"),
            ];
            output::rows(output, &columns, &array(&agents, "rows"))?;
        }
        AgentCommand::Set { agent, tail, journald, syslog_udp, syslog_tcp, format, timezone, enforce } => {
            let id = find(&mut client, &agent).await?;
            let inputs =
                inputs(&tail, journald.as_deref(), &syslog_udp, &syslog_tcp, format.as_deref(), timezone.as_deref())?;
            let body = json!({"inputs": if inputs.is_empty() { Value::Null } else { Value::Array(inputs) }, "enforce": enforce});
            client.json(Method::PATCH, &format!("/api/agents/{id}"), Some(&body)).await?;
            println!("the agent gets it at once if it is connected, else when it connects");
        }
        AgentCommand::Revoke { agent } => {
            let id = find(&mut client, &agent).await?;
            client.json(Method::DELETE, &format!("/api/agents/{id}"), None).await?;
            println!("revoked; its connection is closed");
        }
    }
    Ok(0)
}

async fn find(client: &mut Client, named: &str) -> Result<u64> {
    let agents = client.json(Method::GET, "/api/agents", None).await?;
    let found = by_name(&array(&agents, "rows"), named).with_context(|| format!("there is no agent `{named}`"))?;
    super::number(Some(&found), "id").context("the agent has no number")
}

fn inputs(
    tail: &[String],
    journald: Option<&str>,
    udp: &[String],
    tcp: &[String],
    format: Option<&str>,
    timezone: Option<&str>,
) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut add = |kind: &str, what: &str, source: &str| {
        all.push(json!({
            "kind": kind, "what": what, "source": source,
            "format": format.unwrap_or("auto"), "timezone": timezone.unwrap_or("Asia/Seoul"),
        }));
    };
    for (kind, list) in [("tail", tail), ("syslog_udp", udp), ("syslog_tcp", tcp)] {
        for pair in list {
            let (what, source) = pair.rsplit_once('=').with_context(|| format!("write `{pair}` as WHAT=SOURCE"))?;
            add(kind, what, source);
        }
    }
    if let Some(source) = journald {
        add("journald", "", source);
    }
    Ok(all)
}
