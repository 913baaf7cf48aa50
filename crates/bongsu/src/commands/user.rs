//! `bongsu user add|link|list`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use http::Method;
use serde_json::{Value, json};

use super::{agency, array, by_name, text};
use crate::cli::UserCommand;
use crate::client::Client;
use crate::output;

pub async fn run(data: PathBuf, command: UserCommand) -> Result<u8> {
    let mut client = Client::open(&data).await?;
    match command {
        UserCommand::Add { name, role, agency: named, display_name } => {
            let agency = agency(&mut client, named.as_deref()).await?;
            let body = json!({
                "name": name,
                "display_name": display_name.unwrap_or_else(|| name.clone()),
                "agency": agency,
                "role": role.replace('-', "_"),
            });
            let made = client.json(Method::POST, "/api/users", Some(&body)).await?;
            print_link(&mut client, &made).await
        }
        UserCommand::Link { name } => {
            let users = client.json(Method::GET, "/api/users", None).await?;
            let user = by_name(&array(&users, "rows"), &name).with_context(|| format!("there is no user `{name}`"))?;
            let path = format!("/api/users/{}/link", user.get("id").unwrap_or(&Value::Null));
            let made = client.json(Method::POST, &path, None).await?;
            print_link(&mut client, &made).await
        }
        UserCommand::List { output } => {
            let users = client.json(Method::GET, "/api/users", None).await?;
            let columns = [
                ("NAME", "/name"),
                ("DISPLAY NAME", "/display_name"),
                ("AGENCY", "/agency/name"),
                ("ROLE", "/roles/0/role"),
                ("LAST LOG-IN", "/last_login_at"),
            ];
            output::rows(output, &columns, &array(&users, "rows"))?;
            Ok(0)
        }
    }
}

/// The link, whole where the center says where its web interface is.
async fn print_link(client: &mut Client, made: &Value) -> Result<u8> {
    let status = client.json(Method::GET, "/operator/status", None).await.unwrap_or(Value::Null);
    println!("{}{}", text(&status, "web"), text(made, "link"));
    eprintln!("single use, until {}", text(made, "expires_at"));
    Ok(0)
}
