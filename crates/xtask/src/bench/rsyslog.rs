//! The peer for receiving: Debian's rsyslogd, TCP to a file, as it does by default: no sync, no index, nothing read.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Folder;
use super::load::{Load, Plan};
use super::process::{self, Running};

const PROGRAMS: &[&str] = &["/usr/sbin/rsyslogd", "/sbin/rsyslogd"];
const PATIENCE: Duration = Duration::from_secs(120);

/// What one run took.
pub struct Taken {
    pub seconds: f64,
    pub cpu_seconds: f64,
}

/// Is it installed?
pub fn program() -> Option<PathBuf> {
    PROGRAMS.iter().map(PathBuf::from).find(|p| p.exists())
}

/// Send the plan's lines to an rsyslogd of our own, until every byte is in its file.
pub fn run(program: &std::path::Path, plan: &Plan) -> Result<Taken> {
    let folder = Folder::new("rsyslog")?;
    let (conf, out, pid) = (folder.0.join("rsyslog.conf"), folder.0.join("all.log"), folder.0.join("pid"));
    let text = format!(
        "global(workDirectory=\"{}\" maxMessageSize=\"64k\" parser.escapeControlCharactersOnReceive=\"off\")\n\
         module(load=\"imtcp\" MaxSessions=\"200\")\n\
         template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
         ruleset(name=\"all\") {{ action(type=\"omfile\" file=\"{}\" template=\"raw\") }}\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\" ruleset=\"all\")\n",
        folder.0.display(),
        out.display(),
        plan.to.port()
    );
    std::fs::write(&conf, text)?;
    let child = Command::new(program)
        .args(["-n", "-f"])
        .arg(&conf)
        .arg("-i")
        .arg(&pid)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .context("rsyslogd does not start")?;
    let mut running = Running(child);
    process::eventually("rsyslogd listens", PATIENCE, || {
        anyhow::ensure!(!running.ended(), "rsyslogd ended by itself");
        Ok(TcpStream::connect(plan.to).ok())
    })?;
    let mut load = Load::prepare(plan)?;
    let (begin, before) = (Instant::now(), process::cpu_seconds(running.pid())?);
    load.go()?;
    process::eventually("every line in the file", PATIENCE, || {
        Ok((std::fs::metadata(&out).map_or(0, |m| m.len()) >= load.bytes).then_some(()))
    })?;
    let taken =
        Taken { seconds: begin.elapsed().as_secs_f64(), cpu_seconds: process::cpu_seconds(running.pid())? - before };
    load.wait()?;
    Ok(taken)
}

/// A port nobody has.
pub fn free_port() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
