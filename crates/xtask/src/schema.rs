//! `openapi.json`: written from the types of `crates/api`, committed, and compared.

use anyhow::Result;
use utoipa::OpenApi;

/// Write the contract, or only compare it.
pub fn write(only_compare: bool) -> Result<Vec<String>> {
    let path = crate::root().join("openapi.json");
    let wanted = format!("{}\n", bongsu_api::Contract::openapi().to_pretty_json()?);
    if only_compare {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let drift = found.trim_end() != wanted.trim_end();
        return Ok(if drift {
            vec!["openapi.json is behind crates/api: run cargo xtask schema".to_owned()]
        } else {
            vec![]
        });
    }
    std::fs::write(&path, wanted)?;
    Ok(Vec::new())
}
