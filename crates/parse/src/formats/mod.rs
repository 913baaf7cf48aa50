//! Every format, one file each.

mod ahnlab_trusguard;
mod apache;
mod cef;
mod cisco_asa;
mod cisco_ftd;
mod cisco_ios;
mod fortigate;
mod iptables;
mod json;
mod kv;
mod leef;
mod linux_auth;
mod nginx;
mod pam;
mod panos;
mod secui_mf2;
mod sshd;
mod sudo;
mod suricata;
mod syslog;
pub(crate) mod web;
mod wins_sniper;
mod xml;

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
    &sudo::Sudo,
    &linux_auth::LinuxAuth,
    &nginx::Nginx,
    &apache::Apache,
    &iptables::Iptables,
    &suricata::Suricata,
    &xml::Xml,
    &cisco_ios::CiscoIos,
    &json::Json,
    &kv::KeyValue,
    &syslog::Syslog,
];
