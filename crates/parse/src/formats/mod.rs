//! Every format, one file each.

mod ahnlab_trusguard;
mod cef;
mod cisco_asa;
mod cisco_ftd;
mod fortigate;
mod leef;
mod pam;
mod panos;
mod secui_mf2;
mod sshd;
mod wins_sniper;

use crate::Format;

/// Every format there is. Order matters only between formats of equal confidence: first come, first asked.
pub const FORMATS: &[&dyn Format] = &[
    &ahnlab_trusguard::AhnlabTrusguard,
    &cef::Cef,
    &cisco_asa::CiscoAsa,
    &cisco_ftd::CiscoFtd,
    &fortigate::Fortigate,
    &leef::Leef,
    &panos::Panos,
    &secui_mf2::SecuiMf2,
    &wins_sniper::WinsSniper,
    &sshd::Sshd,
    &pam::Pam,
];
