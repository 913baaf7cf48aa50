//! A machine with an agent on it: the real binary, started, stopped and killed.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use super::center::Center;

pub struct Host {
    pub dir: tempfile::TempDir,
    ns: Option<String>,
    env: Vec<(String, String)>,
    child: Option<Child>,
}

impl Host {
    /// Enrolled at the center, not yet running.
    pub fn enrolled(center: &Center) -> Self {
        Self::enrolled_in(center, None)
    }

    pub fn enrolled_in(center: &Center, ns: Option<String>) -> Self {
        let host = Self { dir: tempfile::tempdir().unwrap(), ns, env: Vec::new(), child: None };
        let out = host.command(&["enrol", &center.token().to_string()]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        host
    }

    pub fn bare() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), ns: None, env: Vec::new(), child: None }
    }

    pub fn env(&mut self, key: &str, value: String) {
        self.env.push((key.to_owned(), value));
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn logs(&self) -> PathBuf {
        let logs = self.dir.path().join("logs");
        fs::create_dir_all(&logs).unwrap();
        logs
    }

    fn command(&self, args: &[&str]) -> Command {
        let built = env!("CARGO_BIN_EXE_bongsu-agent");
        let agent = &std::env::var("BONGSU_AGENT_BIN").unwrap_or_else(|_| built.to_owned());
        let mut command = match &self.ns {
            Some(ns) => {
                let mut c = Command::new("ip");
                c.args(["netns", "exec", ns, agent]);
                c
            }
            None => Command::new(agent),
        };
        command.args(args).arg("--data").arg(self.data()).args(["--config", "/nonexistent/agent.toml"]);
        command.envs(self.env.iter().cloned()).env_remove("BONGSU_AGENT_DATA");
        command
    }

    pub fn ask(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn start(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("agent.log")).unwrap();
        let child = self.command(&["run"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.child = Some(child);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and waits for its end.
    pub fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > end {
                child.kill().unwrap();
                panic!("the agent does not stop: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("agent.log")).unwrap_or_default()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the agent said:\n{}", self.log());
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Appends lines as a program would: one write each.
pub fn append(path: &std::path::Path, lines: &[String]) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    for line in lines {
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

pub fn numbered(name: &str, from: usize, n: usize) -> Vec<String> {
    (from..from + n)
        .map(|i| format!("<13>Nov 22 05:00:00 gw-{name} app[1]: {name} line {i} from 198.51.100.7"))
        .collect()
}
