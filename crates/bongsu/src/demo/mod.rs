//! The demo city (예시): agencies, people, equipment and a safety policy of its own; traffic and attacks through the real
//! intake; an enforcement point that is real nftables in a network namespace of its own when run as root, and a trial
//! elsewhere.
//!
//! Invariant: nothing leaves loopback and the namespaces made here; everything it writes is marked as an example.

mod attacks;
mod city;
mod lines;
mod namespaces;
mod point;
mod traffic;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use bongsu_center::app::App;
use bongsu_domain::{Actor, AgencyKind, Role, SafetyPolicy};
use bongsu_event::{AgencyId, Micros, Scope, Severity};
use bongsu_state::{Change, NewAgency, NewAssignment, NewSource, NewUser};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use city::{Kind, OFFICES, OFFICIALS};
use lines::Device;
use traffic::Sender;

/// Hours a demo link works.
const LINK_HOURS: i64 = 12;
/// Seed of the city's chance: the same city each time.
const SEED: u64 = 0x626f_6e67_7375;
/// Whose equipment falls silent, by office code, so that a silent source is seen.
const SILENT_OFFICE: &str = "museum";

/// A demo that runs.
pub struct Demo {
    /// Label and single-use token of each role.
    pub links: Vec<(String, String)>,
    stop: CancellationToken,
    point: Option<point::Point>,
}

impl Demo {
    /// Stop traffic, take the namespaces away.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Some(point) = self.point {
            point.stop().await;
        }
    }
}

/// Fill the city where it is empty, and set it going.
///
/// # Errors
/// The state can't be written.
pub async fn begin(app: &Arc<App>) -> Result<Demo> {
    let by = Actor::center();
    let now = app.now();
    let change = Change::new(&by, now, "예시 도시");
    let offices = agencies(app, &change).await?;
    let devices = sources(app, &change, &offices).await?;
    people(app, &change, &offices).await?;
    let links = links(app, &change).await?;
    policy(app, &change).await?;
    app.refresh_directory().await?;

    let stop = app.stop.child_token();
    let (attackers, seen) = watch::channel(Vec::new());
    let point = point::start(app, seen, &stop).await?;
    let senders = speak(app, devices, &stop);
    let stage = attacks::Stage { senders, attackers };
    tokio::spawn(attacks::play(stage, SEED ^ now.0.unsigned_abs(), stop.clone()));
    Ok(Demo { links, stop, point })
}

async fn agencies(app: &App, change: &Change<'_>) -> Result<HashMap<&'static str, AgencyId>> {
    let mut by_code: HashMap<String, AgencyId> =
        app.state.agencies(&Scope::All).await?.into_iter().map(|a| (a.agency.code, a.agency.id)).collect();
    let root = app.directory.now().root();
    let mut offices = HashMap::from([("", root)]);
    for office in OFFICES {
        let id = match by_code.remove(office.code) {
            Some(id) => id,
            None => {
                let new = NewAgency {
                    parent: root,
                    code: office.code.to_owned(),
                    name: office.name.to_owned(),
                    name_en: office.name_en.to_owned(),
                    kind: AgencyKind::from_name(office.kind).context("a kind of agency that does not exist")?,
                };
                app.state.create_agency(change, &Scope::All, &new).await?
            }
        };
        offices.insert(office.code, id);
    }
    Ok(offices)
}

/// A device with its address, and the name and agency of its source.
struct Post {
    device: Device,
    address: IpAddr,
    name: String,
    office: &'static str,
}

/// Equipment and the servers of the information systems, office by office.
fn posts() -> Vec<Post> {
    let mut posts = Vec::new();
    for (number, office) in OFFICES.iter().enumerate() {
        let office_number = u8::try_from(number + 1).unwrap_or(99);
        let mut labels: HashMap<&str, u32> = HashMap::new();
        for (i, kind) in office.equipment.iter().enumerate() {
            let count = labels.entry(kind.label()).or_insert(0);
            *count += 1;
            let suffix = if *count > 1 { format!(" {count}") } else { String::new() };
            let host = format!("{}-{}{}", office.code, short(*kind), i + 1);
            posts.push(Post {
                device: Device { kind: *kind, host, office: office_number, share: 1.0 },
                address: IpAddr::V4(city::sender(number, i)),
                name: format!("{} {}{suffix}", office.name, kind.label()),
                office: office.code,
            });
        }
        for (i, system) in office.systems().iter().enumerate() {
            let host = format!("{}-{}", office.code, system.host);
            posts.push(Post {
                device: Device { kind: system.kind, host, office: office_number, share: city::SYSTEM_SHARE },
                address: IpAddr::V4(city::sender(number, city::SYSTEM_FIRST + i)),
                name: format!("{} {}", office.name, system.name),
                office: office.code,
            });
        }
    }
    posts
}

/// Every device with its address, registered as a source, and whether it falls silent.
async fn sources(
    app: &App,
    change: &Change<'_>,
    offices: &HashMap<&'static str, AgencyId>,
) -> Result<Vec<(Device, IpAddr, bool)>> {
    let known: HashSet<String> = app.state.sources(&Scope::All).await?.into_iter().map(|s| s.from).collect();
    let mut devices = Vec::new();
    for post in posts() {
        let silent = post.office == SILENT_OFFICE && post.device.share >= 1.0;
        if !known.contains(&post.address.to_string()) {
            let new = NewSource {
                name: post.name,
                from: post.address.to_string(),
                agency: offices.get(post.office).copied().unwrap_or_default(),
                format: Some(post.device.kind.format().to_owned()),
                timezone: Some("Asia/Seoul".to_owned()),
                silent_after_minutes: Some(if silent { 1 } else { 30 }),
                example: true,
            };
            app.state.create_source(change, &Scope::All, &new).await?;
        }
        devices.push((post.device, post.address, silent));
    }
    Ok(devices)
}

fn short(kind: Kind) -> &'static str {
    match kind {
        Kind::FortiGate => "fgt",
        Kind::Mf2 => "mf2",
        Kind::TrusGuard => "tg",
        Kind::PanOs => "pa",
        Kind::Asa => "asa",
        Kind::Sniper => "ips",
        Kind::Suricata => "sensor",
        Kind::Sshd => "srv",
        Kind::Nginx => "web",
        Kind::Iptables => "gw",
    }
}

async fn people(app: &App, change: &Change<'_>, offices: &HashMap<&'static str, AgencyId>) -> Result<()> {
    let known: Vec<String> = app.state.users(&Scope::All).await?.into_iter().map(|u| u.name).collect();
    let today = app.state.moment(change.now).today;
    for official in OFFICIALS {
        if known.iter().any(|n| n == official.account) {
            continue;
        }
        let agency = offices.get(official.office).copied().unwrap_or_default();
        let new = NewUser {
            name: official.account.to_owned(),
            display_name: official.name.to_owned(),
            agency,
            phone: Some(official.phone.to_owned()),
            example: true,
        };
        let user = app.state.create_user(change, &Scope::All, &new).await?;
        let role = Role::from_name(official.role).context("a role that does not exist")?;
        let assignment =
            NewAssignment { user, agency, role, starts_on: today, ends_on: None, substitute: None, away: None };
        app.state.assign_role(change, &Scope::All, &assignment).await?;
    }
    Ok(())
}

async fn links(app: &App, change: &Change<'_>) -> Result<Vec<(String, String)>> {
    let users = app.state.users(&Scope::All).await?;
    let until = change.now.plus_seconds(LINK_HOURS * 3600);
    let mut links = Vec::new();
    for official in OFFICIALS {
        let Some(label) = official.link else { continue };
        let Some(user) = users.iter().find(|u| u.name == official.account) else { continue };
        let token = bongsu_center::auth::new_token()?;
        let hash = bongsu_center::auth::token_hash(&token);
        app.state.new_link(change, &Scope::All, user.id, &hash, until, true).await?;
        links.push((label.to_owned(), token));
    }
    Ok(links)
}

/// The demo's safety policy: automatic playbooks on; its own networks never blocked.
async fn policy(app: &App, change: &Change<'_>) -> Result<()> {
    let now = app.state.safety_policy(change.now);
    if now.automatic {
        return Ok(());
    }
    let wanted = SafetyPolicy {
        valid_from: Micros(change.now.0),
        example: true,
        automatic: true,
        automatic_severity: Severity::High,
        automatic_minutes: 60,
        budget_agency_hour: 60,
        budget_total_hour: 300,
        budget_service_hour: 60,
        ..SafetyPolicy::example()
    };
    app.state.set_safety_policy(change, &wanted).await?;
    Ok(())
}

/// Every device begins to talk.
fn speak(app: &Arc<App>, devices: Vec<(Device, IpAddr, bool)>, stop: &CancellationToken) -> Vec<Sender> {
    let tcp = listener(app, "syslog TCP ");
    let udp = listener(app, "syslog UDP ");
    let mut senders = Vec::new();
    for (i, (device, address, silent)) in devices.into_iter().enumerate() {
        let wants_udp = device.kind.udp();
        let (center, over_udp) = match (tcp, udp) {
            (Some(tcp), Some(udp)) => {
                if wants_udp {
                    (udp, true)
                } else {
                    (tcp, false)
                }
            }
            (Some(tcp), None) => (tcp, false),
            (None, Some(udp)) => (udp, true),
            (None, None) => continue,
        };
        let sender = Sender::start(device, address, center, over_udp, stop.clone());
        // The silent one says its first words and no more.
        let seed = SEED ^ i as u64;
        let talk_until = if silent { stop_after(stop, 20) } else { stop.clone() };
        tokio::spawn(traffic::talk(sender.clone(), seed, talk_until));
        if !silent {
            senders.push(sender);
        }
    }
    senders
}

fn stop_after(stop: &CancellationToken, seconds: u64) -> CancellationToken {
    let inner = stop.child_token();
    let timer = inner.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
        timer.cancel();
    });
    inner
}

/// The address of an open listener, from its own words.
fn listener(app: &App, prefix: &str) -> Option<SocketAddr> {
    app.listeners.lock().iter().find_map(|l| l.strip_prefix(prefix)?.parse().ok())
}
