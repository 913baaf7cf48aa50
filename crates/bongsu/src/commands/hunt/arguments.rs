//! What was asked: rules told from inputs, bounds read, everything checked before the first byte is read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bongsu_center::rulebook::{read_path, shipped};
use bongsu_event::{Micros, Severity};
use bongsu_parse::Format;
use bongsu_parse::blocks::Form;
use bongsu_sigma::RuleSet;

use super::fixture;
use crate::cli::{Hunt, HuntOutput, Lang};

/// Deepest folder below a path in which rules are looked for.
const FOLDER_DEPTH_MAX: usize = 16;
/// Files opened to see whether a folder holds rules, at most.
const LOOKED_AT_MAX: usize = 1_000;
/// How much of a file is looked at, bytes.
const LOOK_BYTES: u64 = 64 * 1024;
/// Most threads.
const THREADS_MAX: usize = 256;

/// How records are read.
#[derive(Clone, Copy)]
pub enum Reading {
    /// Each file is looked at.
    Auto,
    /// Files of this form.
    Form(Form),
    /// Lines of this format.
    Format(&'static dyn Format),
}

/// What to do.
pub struct Plan {
    pub inputs: Vec<PathBuf>,
    pub lake: bool,
    pub reading: Reading,
    pub output: HuntOutput,
    pub lang: Lang,
    /// Below this no rule is reported.
    pub level: Severity,
    pub from: Option<Micros>,
    pub to: Option<Micros>,
    pub timezone: jiff::tz::TimeZone,
    pub threads: usize,
    /// Nothing on the error output but trouble.
    pub is_quiet: bool,
}

impl Plan {
    /// Every rule over everything, as tests of rules are run.
    pub fn everything() -> Self {
        Self {
            inputs: Vec::new(),
            lake: false,
            reading: Reading::Auto,
            output: HuntOutput::Html,
            lang: Lang::default(),
            level: Severity::Info,
            from: None,
            to: None,
            timezone: jiff::tz::TimeZone::UTC,
            threads: 1,
            is_quiet: true,
        }
    }
    /// Is an event of that time asked for?
    pub fn covers(&self, time: Micros) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

/// Check everything and load the rules.
///
/// # Errors
/// What is wrong with the command line, in one sentence.
pub fn plan(asked: Hunt) -> Result<(Plan, RuleSet)> {
    let mut inputs = asked.inputs;
    let mut rules = Vec::new();
    let mut strays = Vec::new();
    for path in asked.rules {
        if holds_rules(&path) { rules.push(path) } else { strays.push(path) }
    }
    if rules.is_empty() && !strays.is_empty() {
        bail!("no rule was found in {}: name rule files (.yml) or folders with --rules", shown(&strays));
    }
    if let Some(missing) = strays.iter().find(|p| !p.exists()) {
        bail!("there is no {}", missing.display());
    }
    if inputs.is_empty() {
        inputs = strays;
    } else {
        for stray in &strays {
            eprintln!("bongsu: no rule was found in {}", stray.display());
        }
    }
    if inputs.is_empty() && !asked.lake {
        bail!("name files or folders to look into, as `bongsu hunt --rules rules/ -- evtx/`, or --lake");
    }
    if !inputs.is_empty() && asked.lake {
        bail!("--lake hunts in stored events: leave the files out, or --lake");
    }
    let timezone = jiff::tz::TimeZone::get(&asked.timezone)
        .with_context(|| format!("`{}` is no time zone; write it as Asia/Seoul", asked.timezone))?;
    let context = bongsu_parse::Context { receive_time: now(), timezone: timezone.clone() };
    let bound = |name: &str, text: Option<&str>| {
        text.map(|t| {
            bongsu_parse::time_of(t, &context)
                .with_context(|| format!("--{name} `{t}` is no time; write it as 2026-03-02T09:00:00+09:00"))
        })
        .transpose()
    };
    let (from, to) = (bound("from", asked.from.as_deref())?, bound("to", asked.to.as_deref())?);
    let level = Severity::from_name(&asked.level).with_context(|| {
        format!("there is no level `{}`; write informational, low, medium, high or critical", asked.level)
    })?;
    let reading = reading(&asked.format)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = asked.threads.unwrap_or(cores).clamp(1, THREADS_MAX);
    let set = load(&rules)?;
    let plan = Plan {
        inputs,
        lake: asked.lake,
        reading,
        output: asked.output,
        lang: asked.lang,
        level,
        from,
        to,
        timezone,
        threads,
        is_quiet: asked.quiet,
    };
    Ok((plan, set))
}

/// The time of receipt of what says no time of its own.
pub fn now() -> Micros {
    Micros::from_timestamp(jiff::Timestamp::now())
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn reading(format: &str) -> Result<Reading> {
    Ok(match format {
        "auto" => Reading::Auto,
        "evtx" => Reading::Form(Form::Evtx),
        "jsonl" | "text" => Reading::Form(Form::Lines),
        "json" => Reading::Form(Form::Json),
        "xml" => Reading::Form(Form::Xml),
        name => Reading::Format(bongsu_parse::format_by_name(name).with_context(|| {
            let names: Vec<&str> = bongsu_parse::formats::FORMATS.iter().map(|f| f.name()).collect();
            format!("there is no format `{name}`; there are auto, evtx, jsonl, json, xml, text, {}", names.join(", "))
        })?),
    })
}

/// Rules that can't be loaded are told, and the others run.
fn load(paths: &[PathBuf]) -> Result<RuleSet> {
    let mut errors = Vec::new();
    let mut sources = if paths.is_empty() { shipped() } else { Vec::new() };
    for path in paths {
        read_path(path, &mut sources, &mut errors);
    }
    sources.retain(|s| !fixture::is_info(s));
    let (set, refused) = RuleSet::load(&sources);
    errors.extend(refused);
    if set.rules().is_empty() {
        match errors.first() {
            Some(error) => bail!("no rule could be loaded: {error}"),
            None => bail!("no rule was found in {}", shown(paths)),
        }
    }
    if let Some(first) = errors.first() {
        eprintln!("bongsu: {} rules can't be loaded, as {first}; `bongsu rules check` lists them", errors.len());
    }
    Ok(set)
}

/// Is it a rule file, or a folder in which there is one? Looked at: files of YAML that have a `detection`, a
/// `correlation` or a `filter`.
fn holds_rules(path: &Path) -> bool {
    let mut stack = vec![(path.to_path_buf(), 0)];
    let mut looked_at = 0;
    while let Some((at, depth)) = stack.pop() {
        if at.is_dir() {
            let Ok(entries) = std::fs::read_dir(&at) else { continue };
            if depth < FOLDER_DEPTH_MAX {
                stack.extend(entries.filter_map(|e| e.ok().map(|e| (e.path(), depth + 1))));
            }
        } else if at.extension().is_some_and(|e| e == "yml" || e == "yaml") {
            looked_at += 1;
            if is_rule(&at) {
                return true;
            }
            if looked_at >= LOOKED_AT_MAX {
                return false;
            }
        }
    }
    false
}

fn is_rule(path: &Path) -> bool {
    use std::io::Read;
    let Ok(file) = std::fs::File::open(path) else { return false };
    let mut text = Vec::new();
    let read = file.take(LOOK_BYTES).read_to_end(&mut text);
    read.is_ok()
        && text
            .split(|b| *b == b'\n')
            .any(|line| [&b"detection:"[..], b"correlation:", b"filter:"].iter().any(|key| line.starts_with(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_from_inputs() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("rules/deep")).unwrap();
        std::fs::create_dir_all(at("logs")).unwrap();
        std::fs::write(at("rules/deep/a.yml"), "title: x\ndetection:\n  a: 1\n").unwrap();
        std::fs::write(at("logs/info.yml"), "regression_tests_info: []\n").unwrap();
        std::fs::write(at("logs/a.jsonl"), "{}\n").unwrap();
        assert!(holds_rules(&at("rules")));
        assert!(holds_rules(&at("rules/deep/a.yml")));
        assert!(!holds_rules(&at("logs")));
        assert!(!holds_rules(&at("nowhere")));
    }
}
