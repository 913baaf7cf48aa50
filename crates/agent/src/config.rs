//! The configuration as the center last gave it, kept so that collecting and enforcing begin without the center.

use bongsu_uplink::Config;

use crate::Folder;

const FILE: &str = "config.json";

pub(crate) fn load(folder: &Folder) -> Config {
    folder.read_json(FILE).unwrap_or_default()
}

pub(crate) fn store(folder: &Folder, config: &Config) {
    if let Err(e) = folder.write_json(FILE, config) {
        tracing::warn!(error = format!("{e:#}"), "the configuration cannot be kept");
    }
}
