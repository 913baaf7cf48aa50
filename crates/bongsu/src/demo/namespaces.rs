//! The demo's own network namespaces: a gateway, and the outside that attackers come from. Nothing else is linked to them.
//!
//! Invariant: the host's namespace is left alone: the link is made inside, and a thread that enters a namespace is
//! started for that and ends there; it is never one of the runtime's. The names carry the process id, so that what a
//! killed demo left behind is known and swept by the next one.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where `ip netns` keeps names.
const FOLDER: &str = "/run/netns";
/// What every name begins with; the process id follows.
const PREFIX: &str = "bongsu-demo-";
/// The gateway's address towards the outside. These two stand in no log line of the city.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The outside's address towards the gateway.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// Where attackers come from: every address of it speaks from the outside.
const ATTACKERS: &str = "198.51.100.0/24";
/// The city's service behind the gateway that attackers aim at.
pub const SERVICE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 101);
/// Seconds for the processes of a killed demo to be gone.
const SWEEP_SECONDS_MAX: u64 = 3;

/// The two namespaces. They go when this does.
pub struct Namespaces {
    /// Name of the gateway's.
    pub gateway: String,
    /// Name of the outside.
    pub outside: String,
}

impl Namespaces {
    /// Sweep what killed demos left, and make them.
    ///
    /// # Errors
    /// `ip` or `nft` is missing, or this process may not make a namespace.
    pub fn make() -> Result<Self> {
        sweep();
        run("nft", &["--version"]).context("install the package nftables")?;
        let name = |end: &str| format!("{PREFIX}{}-{end}", std::process::id());
        let both = Self { gateway: name("fw"), outside: name("atk") };
        both.build()?;
        Ok(both)
    }

    fn build(&self) -> Result<()> {
        let (fw, atk) = (&self.gateway, &self.outside);
        for step in [
            format!("netns add {fw}"),
            format!("netns add {atk}"),
            format!("-n {fw} link set lo up"),
            format!("-n {atk} link set lo up"),
            format!("-n {fw} link add outside type veth peer name eth0 netns {atk}"),
            format!("-n {fw} addr add {GATEWAY}/30 dev outside"),
            format!("-n {fw} addr add {SERVICE}/32 dev lo"),
            format!("-n {fw} link set outside up"),
            format!("-n {fw} route add {ATTACKERS} via {OUTSIDE}"),
            format!("-n {atk} addr add {OUTSIDE}/30 dev eth0"),
            format!("-n {atk} link set eth0 up"),
            format!("-n {atk} route add local {ATTACKERS} dev lo"),
            format!("-n {atk} route add {SERVICE}/32 via {GATEWAY}"),
        ] {
            run("ip", &step.split(' ').collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        remove(&self.gateway);
        remove(&self.outside);
    }
}

/// Do something in a namespace, in a thread made for it. Sockets opened there stay there.
///
/// # Errors
/// The namespace can't be entered, or the work fails.
pub fn within<T: Send>(name: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let entered = || {
        enter(name)?;
        work()
    };
    std::thread::scope(|scope| scope.spawn(entered).join()).map_err(|_| anyhow!("the work in {name} broke off"))?
}

/// Move the calling thread into a namespace: only for a thread that will do nothing else.
///
/// # Errors
/// There is none of that name, or this process may not.
pub fn enter(name: &str) -> Result<()> {
    let door = std::fs::File::open(Path::new(FOLDER).join(name)).with_context(|| format!("no namespace {name}"))?;
    move_into_link_name_space(std::os::fd::AsFd::as_fd(&door), Some(LinkNameSpaceType::Network))
        .with_context(|| format!("cannot enter the namespace {name}"))
}

/// Take away what demos left that run no more.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(FOLDER) else { return };
    for name in entries.filter_map(|e| e.ok()?.file_name().into_string().ok()) {
        if owner(&name).is_some_and(|pid| pid == std::process::id() || !runs(pid)) {
            tracing::info!("what a killed demo left is taken away: namespace {name}");
            remove(&name);
        }
    }
}

/// The process whose namespace this is, if it is a demo's.
fn owner(name: &str) -> Option<u32> {
    let (pid, end) = name.strip_prefix(PREFIX)?.split_once('-')?;
    if matches!(end, "fw" | "atk") { pid.parse().ok() } else { None }
}

/// Does a process of this number run, and is it one of ours?
fn runs(pid: u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    program.file_name().is_some_and(|n| n.to_string_lossy().starts_with("bongsu"))
}

/// End what runs in a namespace, and remove it.
fn remove(name: &str) {
    let begin = Instant::now();
    loop {
        let left = processes(name);
        if left.is_empty() || begin.elapsed() > Duration::from_secs(SWEEP_SECONDS_MAX) {
            break;
        }
        for pid in left {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    if Path::new(FOLDER).join(name).exists()
        && let Err(e) = run("ip", &["netns", "del", name])
    {
        tracing::warn!("the namespace {name} stays: {e:#}");
    }
}

/// Processes in a namespace, this one left out.
fn processes(name: &str) -> Vec<Pid> {
    let own = std::process::id();
    let text = run("ip", &["netns", "pids", name]).unwrap_or_default();
    let pids = text.lines().filter_map(|l| l.trim().parse::<u32>().ok()).filter(|p| *p != own);
    pids.filter_map(|p| Pid::from_raw(i32::try_from(p).ok()?)).collect()
}

fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {program}; is its package installed?"))?;
    if !output.status.success() {
        bail!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_demos_namespaces_have_an_owner() {
        assert_eq!(owner("bongsu-demo-4711-fw"), Some(4711));
        assert_eq!(owner("bongsu-demo-4711-atk"), Some(4711));
        for other in ["bongsu-demo-4711", "bongsu-demo-4711-db", "bongsu-demo-x-fw", "lab1a2b-fw", ""] {
            assert_eq!(owner(other), None, "{other}");
        }
    }

    #[test]
    fn a_process_of_another_program_is_no_demo() {
        assert!(!runs(1) && !runs(u32::MAX));
    }
}
