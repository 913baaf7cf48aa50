//! Enforcement devices, one file each; a new one is its file and one line here.

mod dry_run;
mod nftables;

pub use dry_run::DryRun;
pub use nftables::Nftables;

use crate::Device;

/// A device by its stable name.
#[must_use]
pub fn by_name(name: &str) -> Option<Box<dyn Device>> {
    match name {
        "nftables" => Some(Box::new(Nftables::new())),
        "dry_run" => Some(Box::<DryRun>::default()),
        _ => None,
    }
}
