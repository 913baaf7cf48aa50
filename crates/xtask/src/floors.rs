//! Every crate stands on a floor and depends downward only.

use std::collections::BTreeMap;

use anyhow::Result;

/// Floor of each crate. `event` carries `uplink`, which is why there is a step between them.
const FLOORS: &[(&str, u32)] = &[
    ("bongsu-event", 0),
    ("bongsu-uplink", 1),
    ("bongsu-parse", 10),
    ("bongsu-sigma", 10),
    ("bongsu-domain", 10),
    ("bongsu-api", 20),
    ("bongsu-lake", 20),
    ("bongsu-state", 20),
    ("bongsu-journal", 20),
    ("bongsu-respond", 20),
    ("bongsu-intake", 20),
    ("bongsu-center", 30),
    ("bongsu-agent", 30),
    ("bongsu", 40),
    ("bongsu-sim", 50),
    ("xtask", 50),
];

/// Dependencies that one crate alone may name.
const WALLS: &[(&str, &str)] =
    &[("datafusion", "bongsu-lake"), ("arrow", "bongsu-lake"), ("parquet", "bongsu-lake"), ("sqlx", "bongsu-state")];

/// Crates out of place.
pub fn check() -> Result<Vec<String>> {
    let floors: BTreeMap<&str, u32> = FLOORS.iter().copied().collect();
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(floor) = floors.get(name) else {
            findings.push(format!("{name} has no floor: add it to crates/xtask/src/floors.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            let below = dependency.name.as_str();
            if let Some((_, owner)) = WALLS.iter().find(|(d, owner)| *d == below && *owner != name) {
                findings.push(format!("{name} names {below}, which only {owner} may"));
            }
            let Some(other) = floors.get(below) else { continue };
            let tests = dependency.kind == cargo_metadata::DependencyKind::Development;
            if other >= floor && !(tests && other == floor) {
                findings.push(format!("{name} depends on {below}, which is not below it"));
            }
        }
    }
    Ok(findings)
}
