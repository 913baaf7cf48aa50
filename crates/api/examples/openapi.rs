//! Prints the contract of the HTTP interface; `console/openapi` checks compare it with the committed `openapi.json`.

use utoipa::OpenApi;

fn main() -> Result<(), serde_json::Error> {
    println!("{}", bongsu_api::Contract::openapi().to_pretty_json()?);
    Ok(())
}
