//! A real center in a folder of its own, asked over its operator's socket.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Folder;
use super::load::address_of;
use super::process::{self, Running};

const PATIENCE: Duration = Duration::from_secs(60);
/// Rows of one page of alerts.
const PAGE_ROWS: usize = 200;

/// A center that runs.
pub struct Center {
    pub folder: Folder,
    running: Running,
}

impl Center {
    /// Start one that knows the senders, listens for syslog over TCP and has these rules besides its own.
    pub fn start(program: &Path, syslog: SocketAddr, senders: u64, rules: &[PathBuf]) -> Result<Self> {
        let folder = Folder::new("path")?;
        let data = folder.0.join("data");
        let log = std::fs::File::create(folder.0.join("center.log"))?;
        let paths: Vec<String> = rules.iter().map(|p| p.display().to_string()).collect();
        let mut command = Command::new(program);
        command.arg("center").arg("--data").arg(&data);
        let tcp = format!("intake.syslog_tcp={syslog}");
        let further = format!("rules.paths={}", paths.join(","));
        for setting in
            ["web.listen=off", "intake.syslog_udp=off", "intake.syslog_tls=off", "uplink.listen=off", &tcp, &further]
        {
            command.args(["--set", setting]);
        }
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let mut center =
            Self { running: Running(child.with_context(|| format!("{} does not start", program.display()))?), folder };
        process::eventually("the center is ready", PATIENCE, || {
            if center.running.ended() {
                bail!("the center ended by itself:\n{}", center.log());
            }
            Ok(center.ask("/operator/status").ok().filter(|s| s.get("ready") == Some(&Value::Bool(true))))
        })?;
        for sender in 0..senders {
            let done = Command::new(program)
                .args(["source", "add", &format!("sender{sender}"), "--from", &address_of(sender)])
                .args(["--timezone", "UTC", "--data"])
                .arg(&data)
                .output()?;
            anyhow::ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        Ok(center)
    }
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }
    /// What it wrote to its terminal.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.0.join("center.log")).unwrap_or_default()
    }
    /// Let it write everything out and end: CPU seconds of its whole life.
    pub fn stop(self) -> Result<(Folder, f64)> {
        let before = process::cpu_seconds_of_ended()?;
        self.running.stop()?;
        Ok((self.folder, process::cpu_seconds_of_ended()? - before))
    }

    /// One JSON answer.
    pub fn ask(&self, path: &str) -> Result<Value> {
        let mut stream = UnixStream::connect(self.folder.0.join("data/control.sock"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // HTTP/1.0: the answer comes in one piece and ends with the connection.
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: operator\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("the center's answer has no end")?;
        if !head.lines().next().is_some_and(|l| l.contains(" 200 ")) {
            bail!("{path}: {head}\n{body}");
        }
        serde_json::from_str(body.trim()).with_context(|| format!("{path}: {body}"))
    }
    /// Events that a search finds.
    pub fn searchable(&self) -> Result<u64> {
        let answer = self.ask("/operator/search?format=jsonl&q=%7C%20count")?;
        answer.get("count").and_then(Value::as_u64).context("the search has no count")
    }
    /// Journal sequence through which events are searchable.
    pub fn reached(&self) -> Result<u64> {
        Ok(self.ask("/operator/status")?.get("lake_sequence").and_then(Value::as_u64).unwrap_or(0))
    }
    /// Rules in force.
    pub fn rules(&self) -> Result<usize> {
        let list = self.ask("/api/rules")?;
        list.get("rows").and_then(Value::as_array).map(Vec::len).context("the answer has no rows")
    }
    /// Rule and entity of the open alerts, the gravest first, of one rule or (an empty one) all.
    pub fn alerts(&self, rule: &str) -> Result<Vec<(String, String)>> {
        let rule = if rule.is_empty() { String::new() } else { format!("&rule={rule}") };
        let page = self.ask(&format!("/api/alerts?tab=all&limit={PAGE_ROWS}{rule}"))?;
        let rows = page.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |row: &Value, at: &str| row.pointer(at).and_then(Value::as_str).unwrap_or("").to_owned();
        Ok(rows.iter().map(|r| (text(r, "/rule_title_en"), text(r, "/entity/value"))).collect())
    }
}
