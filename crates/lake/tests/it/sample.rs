//! Events to test with, and short ways to ask.

use std::{path::Path, sync::Arc, time::Duration};

use bongsu_event::*;
use bongsu_lake::*;
use bytes::Bytes;
use compact_str::CompactString;

/// 2026-03-12T00:00:00Z.
pub const MORNING: i64 = 1_773_273_600_000_000;

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Nothing happens by itself.
pub fn quiet() -> LakeOptions {
    LakeOptions {
        flush_rows: 1_000_000,
        flush_bytes: 1 << 30,
        flush_age: Duration::from_secs(86_400),
        compact_every: None,
        ..LakeOptions::default()
    }
}

pub fn open(dir: &Path) -> Lake {
    Lake::open(dir, quiet()).unwrap().0
}

pub fn limits() -> Limits {
    Limits { rows: 1_000, deadline: Duration::from_secs(120), ..Limits::default() }
}

/// A log-in of one of ten users from one of 50 addresses to agency 1, 2 or 3.
pub fn login(sequence: u64) -> Event {
    let (user, host) = (sequence % 10, sequence % 50);
    let failed = !sequence.is_multiple_of(3);
    let word = if failed { "Failed" } else { "Accepted" };
    let line = format!(
        "sshd[{sequence}]: {word} password for user{user} from 192.0.2.{host} port {} ssh2",
        30_000 + sequence % 1000
    );
    let mut e = Event::unread(Bytes::from(line), Micros(MORNING + sequence as i64 * 1_000_000 + 500));
    e.id = EventId { epoch: 1, sequence };
    e.time = Micros(MORNING + sequence as i64 * 1_000_000);
    e.time_from = TimeFrom::Header;
    e.agency = AgencyId((sequence % 3 + 1) as u32);
    e.source = SourceId((sequence % 5 + 1) as u32);
    e.transport = Transport::Tcp;
    e.format = "sshd";
    e.class = Class::Authentication;
    e.activity = Activity::Open;
    e.status = if failed { Status::Failure } else { Status::Success };
    e.severity = if failed { Severity::Medium } else { Severity::Info };
    e.set(Field::User, format!("user{user}").as_str());
    e.set(Field::SrcIp, std::net::IpAddr::from([192, 0, 2, host as u8]));
    e.set(Field::SrcPort, 30_000 + (sequence % 1000) as i64);
    if sequence.is_multiple_of(2) {
        e.set(Field::DstPort, 22_i64);
    }
    e.extra.push((CompactString::from("policyid"), CompactString::from(format!("P{user}"))));
    e
}

pub fn logins(sequences: std::ops::RangeInclusive<u64>) -> Arc<Vec<Event>> {
    Arc::new(sequences.map(login).collect())
}

/// An event with a raw line of its own, at the sequence's second.
pub fn line(sequence: u64, raw: &[u8]) -> Event {
    let mut e = Event::unread(Bytes::copy_from_slice(raw), Micros(MORNING + sequence as i64 * 1_000_000));
    e.id = EventId { epoch: 1, sequence };
    e.agency = AgencyId(1);
    e
}

pub fn query(text: &str) -> Query {
    Query::parse(text, &Town).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Two agencies and a source with names.
pub struct Town;

impl Names for Town {
    fn agencies(&self, name: &str) -> Vec<AgencyId> {
        match name {
            "시청" | "cityhall" => vec![AgencyId(1)],
            "남현구청" => vec![AgencyId(2)],
            _ => Vec::new(),
        }
    }
    fn sources(&self, name: &str) -> Vec<SourceId> {
        if name == "minwon-was03" { vec![SourceId(3)] } else { Vec::new() }
    }
    fn agency_names(&self) -> Vec<String> {
        vec!["시청".into(), "남현구청".into(), "cityhall".into()]
    }
}

pub fn count(lake: &Lake, text: &str) -> u64 {
    runtime().block_on(lake.count(&query(text), &Scope::All, TimeRange::ALL, &limits())).unwrap().rows
}

/// Sequences of the rows a query finds, newest first.
pub fn found(lake: &Lake, text: &str) -> Vec<u64> {
    let page = runtime().block_on(lake.search(&query(text), &Scope::All, TimeRange::ALL, None, &limits())).unwrap();
    page.rows.iter().map(|r| r.id.sequence).collect()
}

pub fn only(agencies: &[u32]) -> Scope {
    Scope::Agencies(agencies.iter().map(|a| AgencyId(*a)).collect())
}

/// Copy a folder as a crash would leave it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every data file below a folder.
pub fn parquet_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(parquet_files(&path));
        } else if path.extension().is_some_and(|e| e == "parquet") {
            all.push(path);
        }
    }
    all
}
