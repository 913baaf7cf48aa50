//! How often each rule matches, Bongsu beside rsigma, event by event: once where its log source is met, once asked of
//! every event.
//!
//! Invariant: a run is fine only if the rules that differ, with both their counts, are exactly those that
//! `differences.txt` lists for the recording; `docs/sigma.md` says of each why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail, ensure};
use bongsu_sigma::{LoadOptions, RuleIdx, RuleSet, Scratch};
use serde_json::Value;

use crate::evtx::{self, Record};
use crate::peer::{self, Routed};
use crate::{Arguments, events, rules};

/// What may differ: recording, how rules are asked, rule, Bongsu's count, rsigma's, cause.
const EXPECTED: &str = include_str!("../differences.txt");
/// Sigma's name, and that of Windows' own log.
const MAPPED: [(&str, &str); 4] = [
    ("Image", "NewProcessName"),
    ("ParentImage", "ParentProcessName"),
    ("Details", "NewValue"),
    ("LogonId", "SubjectLogonId"),
];
/// Events of one rule named in the output, at most.
const SHOWN_MAX: usize = 12;

/// When the lines of a recording are received, microseconds since 1970.
const NOW: bongsu_event::Micros = bongsu_event::Micros(1_780_000_000_000_000);

/// Of which events rules are asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asked {
    /// Of those that meet the rule's log source.
    Logsource,
    /// Of every one.
    Every,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Logsource => "logsource",
            Self::Every => "every",
        }
    }
}

/// Why counts differ, as far as it can be tried out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// Each of the events counts the same once its values stand under the names that Sigma gives them.
    Names,
    /// What the rule says is understood differently.
    Language,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Language => "language",
        }
    }
}

/// The counts that differ, by rule: Bongsu's, rsigma's, and why.
pub type Differences = BTreeMap<String, (u64, u64, Cause)>;

/// A recording's name in `differences.txt`.
pub fn corpus(events: &Path) -> String {
    let name = events.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('.').next().unwrap_or("").to_owned()
}

/// The differences listed for a recording.
pub fn expected(corpus: &str, asked: Asked) -> Result<Differences> {
    let mut known = Differences::new();
    for line in EXPECTED.lines().map(|l| l.split('#').next().unwrap_or("").trim()).filter(|l| !l.is_empty()) {
        let [of, how, rule, ours, theirs, cause] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            bail!("`{line}` of differences.txt is no recording, way of asking, rule, two counts and cause");
        };
        if of == corpus && how == asked.name() {
            let cause = if cause == Cause::Names.name() { Cause::Names } else { Cause::Language };
            let counts = (ours.parse()?, theirs.parse()?, cause);
            ensure!(known.insert(rule.to_owned(), counts).is_none(), "{rule} is listed twice");
        }
    }
    Ok(known)
}

/// Is what was found what is listed? Prints both ways in which it is not.
pub fn judge(corpus: &str, asked: Asked, found: &Differences) -> Result<bool> {
    let known = expected(corpus, asked)?;
    let say = |what: &str, rule: &str, (ours, theirs, cause): &(u64, u64, Cause)| {
        println!("{what}: {corpus} {} {rule} {ours} {theirs} {}", asked.name(), cause.name());
    };
    found.iter().filter(|(rule, d)| known.get(*rule) != Some(d)).for_each(|(rule, d)| say("NOT LISTED", rule, d));
    known
        .iter()
        .filter(|(rule, d)| found.get(*rule) != Some(d))
        .for_each(|(rule, d)| say("LISTED, NOT FOUND", rule, d));
    Ok(known == *found)
}

/// The same event under the names that Sigma gives its values: out of what Winlogbeat before version 7 put around them,
/// and by the specification's mapping for events of Windows' own log.
fn renamed(line: &str) -> Option<String> {
    let Ok(Value::Object(mut map)) = serde_json::from_str(line) else { return None };
    if let Some(Value::Object(data)) = map.remove("event_data") {
        map.extend(data);
    }
    for (sigma, own) in MAPPED {
        if let (None, Some(value)) = (map.get(sigma), map.get(own)) {
            map.insert(sigma.to_owned(), value.clone());
        }
    }
    for (old, new) in [
        ("log_name", "Channel"),
        ("event_id", "EventID"),
        ("source_name", "Provider_Name"),
        ("computer_name", "Computer"),
    ] {
        if let Some(value) = map.remove(old) {
            map.insert(new.to_owned(), value);
        }
    }
    Some(Value::Object(map).to_string())
}

/// How one rule's matches differ.
#[derive(Default)]
struct Tally {
    ours: u64,
    theirs: u64,
    only_ours: Vec<String>,
    only_theirs: Vec<String>,
    /// How many of the events in which they differ count the same under Sigma's names.
    by_names: usize,
}

impl Tally {
    fn differ(&self) -> usize {
        self.only_ours.len() + self.only_theirs.len()
    }
}

fn ids<'s>(set: &'s RuleSet, fired: impl Iterator<Item = RuleIdx>) -> BTreeSet<&'s str> {
    fired.filter_map(|r| set.rule(r)).map(|r| r.id.as_str()).collect()
}

fn tally(
    set: &RuleSet,
    records: &[Record],
    matched: &dyn Fn(usize, &str) -> Vec<String>,
) -> Result<BTreeMap<String, Tally>> {
    let mut scratch = set.scratch();
    let mut all: BTreeMap<String, Tally> = BTreeMap::new();
    for (n, record) in records.iter().enumerate() {
        let ours = ids(set, set.matching_json(record.json.as_bytes(), &mut scratch)?);
        let theirs = matched(n, &record.json);
        let theirs: BTreeSet<&str> = theirs.iter().map(String::as_str).collect();
        let again = if ours == theirs { None } else { renamed(&record.json).map(|line| matched(n, &line)) };
        for id in ours.union(&theirs) {
            let tally = all.entry((*id).to_owned()).or_default();
            let (a, b) = (ours.contains(id), theirs.contains(id));
            tally.ours += u64::from(a);
            tally.theirs += u64::from(b);
            match (a, b) {
                (true, false) => tally.only_ours.push(record.id.clone()),
                (false, true) => tally.only_theirs.push(record.id.clone()),
                _ => continue,
            }
            let same = again.as_ref().is_some_and(|ids| ids.iter().any(|i| i == id) == a);
            tally.by_names += usize::from(same);
        }
    }
    Ok(all)
}

fn report(set: &RuleSet, asked: Asked, all: &BTreeMap<String, Tally>) -> Differences {
    let sum = |of: fn(&Tally) -> u64| all.values().map(of).sum::<u64>();
    // Equal sums of unequal events are a difference as well.
    let differ = |t: &&Tally| t.differ() > 0;
    println!(
        "{}: bongsu {} detections by {} rules, rsigma {} by {}; {} rules differ",
        asked.name(),
        sum(|t| t.ours),
        all.values().filter(|t| t.ours > 0).count(),
        sum(|t| t.theirs),
        all.values().filter(|t| t.theirs > 0).count(),
        all.values().filter(differ).count(),
    );
    let mut found = Differences::new();
    for (id, tally) in all.iter().filter(|(_, t)| differ(t)) {
        let rule = set.find(id).and_then(|r| set.rule(r));
        let cause = if tally.by_names == tally.differ() { Cause::Names } else { Cause::Language };
        println!("  {id} {} {} {}: {}", tally.ours, tally.theirs, cause.name(), rule.map_or("", |r| &r.title));
        for (who, events) in [("bongsu", &tally.only_ours), ("rsigma", &tally.only_theirs)] {
            for event in events.iter().take(SHOWN_MAX) {
                println!("    {who} alone: {event}");
            }
            if events.len() > SHOWN_MAX {
                println!("    {who} alone: {} more", events.len() - SHOWN_MAX);
            }
        }
        found.insert(id.clone(), (tally.ours, tally.theirs, cause));
    }
    found
}

/// Records of a folder of EVTX, or of a file of JSON lines, named by their line.
fn records(set: &RuleSet, path: &Path) -> Result<Vec<Record>> {
    if !path.is_dir() {
        let lines = events::read(path)?.into_iter().enumerate();
        return Ok(lines.map(|(n, json)| Record { id: format!("line {}", n + 1), json }).collect());
    }
    let (mut records, mut astray) = (Vec::new(), 0u64);
    let (mut scratch, mut again) = (Scratch::default(), Scratch::default());
    let damaged = evtx::read(path, &mut |record, direct| {
        let read = set.matching_json(record.json.as_bytes(), &mut scratch).map(|fired| ids(set, fired));
        if read.ok() != Some(ids(set, set.matching(direct, &mut again))) {
            println!("as JSON and as read from the log, rules differ: {}", record.id);
            astray += 1;
        }
        records.push(record);
    })?;
    println!(
        "{} records of EVTX, {damaged} could not be read; as JSON {astray} of them match other rules",
        records.len()
    );
    ensure!(astray == 0, "the JSON form changes what rules match");
    Ok(records)
}

/// How often each rule matches the lines as they are, and the events that our formats make of them: what a center sees
/// of a shipper's JSON. Rules whose counts differ are listed; none is expected to lose a match.
pub fn intake(given: &Arguments) -> Result<()> {
    let (set, _) = RuleSet::load(&rules::read(&given.rules)?);
    let context = bongsu_parse::Context { receive_time: NOW, timezone: jiff::tz::TimeZone::UTC };
    let (mut scratch, mut again) = (Scratch::default(), Scratch::default());
    let mut all: BTreeMap<&str, Tally> = BTreeMap::new();
    for record in records(&set, &given.events)? {
        let lines = ids(&set, set.matching_json(record.json.as_bytes(), &mut scratch)?);
        let (event, _) = bongsu_parse::parse_record(record.json.clone().into(), &context, None);
        let events = ids(&set, set.matching(&event, &mut again));
        for id in lines.union(&events) {
            let tally = all.entry(*id).or_default();
            let (a, b) = (events.contains(id), lines.contains(id));
            tally.ours += u64::from(a);
            tally.theirs += u64::from(b);
            match (a, b) {
                (true, false) => tally.only_ours.push(record.id.clone()),
                // What is told of an object that may be anything is not told of an event that is known.
                (false, true) if set.find(id).is_some_and(|rule| set.logsource_fits(rule, &event)) => {
                    tally.only_theirs.push(record.id.clone());
                }
                _ => {}
            }
        }
    }
    println!(
        "detections in events {}, in lines {}",
        all.values().map(|t| t.ours).sum::<u64>(),
        all.values().map(|t| t.theirs).sum::<u64>()
    );
    let mut lost = 0;
    for (id, tally) in all.iter().filter(|(_, t)| t.differ() > 0) {
        lost += tally.only_theirs.len();
        let title = set.find(id).and_then(|r| set.rule(r)).map_or("", |r| &r.title);
        let first = |list: &[String]| list.first().cloned().unwrap_or_default();
        println!(
            "  {id} events {} ({}) lines {} ({}) {title}",
            tally.ours,
            first(&tally.only_ours),
            tally.theirs,
            first(&tally.only_theirs)
        );
    }
    ensure!(lost == 0, "{lost} matches are lost on the way through the formats");
    Ok(())
}

/// Each event as both sides are given it, behind its name.
pub fn lines(path: &Path) -> Result<()> {
    let (none, _) = RuleSet::load(&[]);
    for record in records(&none, path)? {
        println!("{}\t{}", record.id, record.json);
    }
    Ok(())
}

/// Both ways of asking.
pub fn run(given: &Arguments) -> Result<()> {
    let sources = rules::read(&given.rules)?;
    let corpus = corpus(&given.events);
    let (peer, _) = peer::Rules::read(&sources);
    let (set, _) = RuleSet::load(&sources);
    let records = records(&set, &given.events)?;
    let lines: Vec<String> = records.iter().map(|r| r.json.clone()).collect();
    println!("{corpus}: {} events, {} rules", records.len(), set.rules().len());

    let mut routed = Routed::new(&peer, false);
    let routes = routed.routes(&set, &lines)?;
    let matched = |n: usize, line: &str| routes.get(n).map(|r| routed.matched(*r, line)).unwrap_or_default();
    let gated = report(&set, Asked::Logsource, &tally(&set, &records, &matched)?);

    let options = LoadOptions { ignore_logsource: true, ..LoadOptions::default() };
    let (open, _) = RuleSet::load_with(&sources, &options);
    let (whole, _) = peer.whole();
    let every = report(&open, Asked::Every, &tally(&open, &records, &|_, line| peer::matched(&whole, line))?);

    let fine = judge(&corpus, Asked::Logsource, &gated)?;
    if judge(&corpus, Asked::Every, &every)? && fine { Ok(()) } else { bail!("the counts are not those listed") }
}
