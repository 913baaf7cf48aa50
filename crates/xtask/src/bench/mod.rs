//! Benches: speed as a ratio against a named peer or limit, in one run on one machine.
//!
//! `cargo xtask bench NAME [OPTIONS]`, always in the release profile. What is measured runs in a process of its own, so
//! that its CPU time is not mixed with the load's. Peers are Debian's packages; without one, its column stays empty.

mod center;
mod intake;
mod lines;
mod load;
mod parse;
mod path;
mod process;
mod rsyslog;
mod rules;
mod table;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Names, and what each measures.
const BENCHES: &[(&str, &str)] = &[
    ("intake", "syslog TCP, 512-byte lines, to durable; beside rsyslog to a file  [--lines N] [--pairs N]"),
    ("udp", "datagrams at a steady rate: how many are lost  [--lines N] [--rate N]"),
    ("parse", "lines a second on one core, by kind of line  [--only KIND] [--lines N]"),
    (
        "path",
        "TCP to searchable through a real center, beside rsyslog to a file; then a steady rate, its lag and its alerts  \
         [--lines N] [--pairs N] [--rate N] [--seconds N] [--rules DIR]... [--binaries DIR]",
    ),
    (
        "rules",
        "a rule's file changed in a running center, to its first alert  \
         [--changes N] [--rate N] [--rules DIR]... [--binaries DIR]",
    ),
];

/// Run the bench of that name.
pub fn run(arguments: &[String]) -> Result<Vec<String>> {
    let Some(name) = arguments.first() else { bail!("{}", usage()) };
    if cfg!(debug_assertions) {
        return in_release(arguments);
    }
    let options = Options::read(arguments.get(1..).unwrap_or(&[]))?;
    if name == "all" {
        for (name, _) in BENCHES {
            println!("== {name}");
            one(name, &options)?;
        }
        return Ok(Vec::new());
    }
    one(name, &options)?;
    Ok(Vec::new())
}

fn one(name: &str, options: &Options) -> Result<()> {
    match name {
        "send" => load::run(options),
        "intake" => intake::tcp(options),
        "udp" => intake::udp(options),
        "parse" => parse::run(options),
        "path" => path::run(options),
        "rules" => rules::run(options),
        other => bail!("there is no bench `{other}`\n{}", usage()),
    }
}

fn usage() -> String {
    let list: Vec<String> = BENCHES.iter().map(|(name, what)| format!("  {name:8} {what}")).collect();
    format!("usage: cargo xtask bench NAME|all [OPTIONS]\n{}", list.join("\n"))
}

/// The same bench by this program built in the release profile.
fn in_release(arguments: &[String]) -> Result<Vec<String>> {
    let status =
        cargo(&["run", "--quiet", "--release", "--package", "xtask", "--", "bench"]).args(arguments).status()?;
    if status.success() { Ok(Vec::new()) } else { bail!("the bench did not come to its end") }
}

/// Cargo in the checkout.
fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(program);
    command.current_dir(crate::root()).args(arguments);
    command
}

/// `--name value` pairs; a name may come more than once.
pub struct Options(Vec<(String, String)>);

impl Options {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for argument in arguments {
            match argument.strip_prefix("--") {
                Some(name) => pairs.push((name.to_owned(), String::new())),
                // `--rules A B` is `--rules A --rules B`
                None => match pairs.last_mut() {
                    Some((_, value)) if value.is_empty() => value.clone_from(argument),
                    Some((name, _)) => {
                        let name = name.clone();
                        pairs.push((name, argument.clone()));
                    }
                    None => bail!("`{argument}`: options are written --name value\n{}", usage()),
                },
            }
        }
        Ok(Self(pairs))
    }
    /// Every value of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    /// The last value of that name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    /// A number, or what stands for it.
    pub fn number(&self, name: &str, otherwise: u64) -> Result<u64> {
        self.text(name).map_or(Ok(otherwise), |text| {
            text.replace('_', "").parse().with_context(|| format!("--{name} takes a number, not `{text}`"))
        })
    }
}

/// A folder for one run, on the disk that holds temporary files; gone with the value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("bongsu-bench-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
    /// Bytes of the files in it, or in a folder of it.
    pub fn bytes(&self, inner: &str) -> u64 {
        let mut sum = 0;
        let mut folders = vec![self.0.join(inner)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                    Ok(meta) => sum += meta.len(),
                    Err(_) => {}
                }
            }
        }
        sum
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
