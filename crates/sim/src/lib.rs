//! Whole-city scenarios, tests only: real binaries, real sockets, real kills. Nothing here is part of the product.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "test support")]

pub mod link;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a center or an agent may take to come up before a scenario gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the binaries under test: that of this test's own target.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let path = here.ancestors().nth(2).unwrap().join(name);
    assert!(path.exists(), "{} is not there: build it with `cargo build --workspace`", path.display());
    path
}

/// Run as root?
#[must_use]
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0"))
}

/// Are these programs there? The names of those that are not, if any.
#[must_use]
pub fn missing(programs: &[&str]) -> Vec<String> {
    let there = |p: &&&str| Command::new("which").arg(p).output().is_ok_and(|o| o.status.success());
    programs.iter().filter(|p| !there(p)).map(|p| (*p).to_owned()).collect()
}

/// Do something in a network namespace, in a thread made for it. Sockets opened there stay there.
pub fn within<T: Send>(namespace: &str, work: impl FnOnce() -> T + Send) -> T {
    let entered = || {
        let door = std::fs::File::open(format!("/run/netns/{namespace}")).unwrap();
        let kind = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&door), kind).unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(entered).join().unwrap())
}

/// Run `ip` with these words; it must succeed.
pub fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Wait until something holds.
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    patiently(PATIENCE, what, holds);
}

/// Wait until something holds that takes its time.
pub fn patiently(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < patience, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A center under test.
pub struct Center {
    /// Its data folder.
    pub data: PathBuf,
    child: Option<Child>,
    arguments: Vec<String>,
    netns: Option<String>,
    path: Option<String>,
}

impl Center {
    /// Prepare one; `settings` are `--set` pairs.
    #[must_use]
    pub fn new(data: &Path, settings: &[&str]) -> Self {
        let mut arguments = Vec::new();
        for pair in settings {
            arguments.extend(["--set".to_owned(), (*pair).to_owned()]);
        }
        Self { data: data.to_owned(), child: None, arguments, netns: None, path: None }
    }
    /// Make it the demo city's.
    #[must_use]
    pub fn demo(mut self) -> Self {
        self.arguments.push("--demo".to_owned());
        self
    }
    /// Give it another search path for programs.
    #[must_use]
    pub fn with_path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }
    /// Its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }
    /// Run it in a network namespace.
    #[must_use]
    pub fn in_namespace(mut self, name: &str) -> Self {
        self.netns = Some(name.to_owned());
        self
    }
    fn program(&self) -> Command {
        match &self.netns {
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(binary("bongsu"));
                command
            }
            None => Command::new(binary("bongsu")),
        }
    }
    /// Start it and wait until it is ready.
    pub fn start(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.data.with_extension("log")).unwrap();
        let mut program = self.program();
        if let Some(path) = &self.path {
            program.env("PATH", path);
        }
        program.args(["center", "--data"]).arg(&self.data).args(&self.arguments);
        self.child = Some(program.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let begin = Instant::now();
        while !self.run(&["status"]).status.success() {
            assert!(begin.elapsed() < PATIENCE, "the center is not ready within {PATIENCE:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    /// `kill -9`, at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
    /// Freeze it, or let it go on.
    pub fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            let _ = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
        }
    }
    /// SIGTERM, and wait for the end.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
    /// An operator's command.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(binary("bongsu")).args(arguments).arg("--data").arg(&self.data).output().unwrap()
    }
    /// An operator's command that must succeed: its standard output.
    pub fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "bongsu {arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
    /// The same, as JSON lines.
    pub fn rows(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let mut all = arguments.to_vec();
        all.extend(["--output", "jsonl"]);
        self.must(&all).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
    /// Ask the interface over the operator's socket; a body makes it a PUT.
    pub fn ask(&self, path: &str, body: Option<&serde_json::Value>) -> serde_json::Value {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail-with-body", "--unix-socket"]).arg(self.data.join("control.sock"));
        if let Some(body) = body {
            curl.args(["-X", "PUT", "-H", "content-type: application/json", "-d", &body.to_string()]);
        }
        let output = curl.arg(format!("http://center{path}")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{path}: {text}{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap()
    }
    /// Change the safety policy.
    pub fn policy(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let mut policy = self.ask("/api/block-policy", None);
        change(&mut policy);
        self.ask("/api/block-policy", Some(&policy));
    }
    /// Every block of exactly this address.
    pub fn blocks_of(&self, address: &str) -> Vec<serde_json::Value> {
        let page = self.ask(&format!("/api/blocks?tab=all&q={address}&limit=200"), None);
        page["rows"].as_array().unwrap().iter().filter(|b| b["target"] == address).cloned().collect()
    }
    /// Is there an alert of a rule with this English title about this address?
    #[must_use]
    pub fn alerted(&self, title: &str, address: &str) -> bool {
        let page = self.ask(&format!("/api/alerts?entity={address}&limit=200"), None);
        page["rows"].as_array().unwrap().iter().any(|a| a["rule_title_en"] == title)
    }
    /// The one number of `QUERY | count`.
    pub fn count(&self, query: &str) -> u64 {
        let rows = self.rows(&["search", &format!("{query} | count")]);
        rows[0]["count"].as_u64().unwrap()
    }
    /// What it wrote to its terminal.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.with_extension("log")).unwrap_or_default()
    }
    /// The address of a listener, from its own words.
    #[must_use]
    pub fn listener(&self, prefix: &str) -> String {
        let status = self.rows(&["status"]).remove(0);
        let listeners = status["listeners"].as_array().unwrap();
        let found = listeners.iter().filter_map(|l| l.as_str()).find_map(|l| l.strip_prefix(prefix));
        found.unwrap_or_else(|| panic!("no listener {prefix}: {listeners:?}")).to_owned()
    }
}

impl Drop for Center {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An agent under test.
pub struct Agent {
    /// Its data folder.
    pub data: PathBuf,
    child: Option<Child>,
    netns: Option<String>,
}

impl Agent {
    /// Enrol one with the center under this name.
    #[must_use]
    pub fn enrol(center: &Center, data: &Path, name: &str, netns: Option<&str>) -> Self {
        let token = center.must(&["agent", "enrol", name]);
        let agent = Self { data: data.to_owned(), child: None, netns: netns.map(str::to_owned) };
        let output = agent.program().args(["enrol", token.trim(), "--data"]).arg(data).output().unwrap();
        assert!(output.status.success(), "enrol: {}", String::from_utf8_lossy(&output.stderr));
        agent
    }
    fn program(&self) -> Command {
        match &self.netns {
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(binary("bongsu-agent"));
                command
            }
            None => Command::new(binary("bongsu-agent")),
        }
    }
    /// Start it.
    pub fn start(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.data.with_extension("log")).unwrap();
        let child = self
            .program()
            .args(["run", "--data"])
            .arg(&self.data)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }
    /// `kill -9`, at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
    /// Stop it from running, as a cut link would, and let it go on.
    pub fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            let _ = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}
