//! Changing a rule in a running center: from the file's change to the first alert of the new text, with every rule on
//! and lines coming in all the while.

use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::center::Center;
use super::lines::SENDERS;
use super::load::{Load, Plan};
use super::table::{Series, print};
use super::{Folder, Options, path, rsyslog};

const CHANGES: u64 = 20;
/// Events a second that come in meanwhile.
const RATE: u64 = 5_000;
/// Between two lines that the changed rule asks for, and between two askings for its alert.
const STEP: Duration = Duration::from_millis(5);
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(20);
const ID: &str = "7b1f6a52-9d0e-4c7a-8a55-2f3c1d9e0b64";

/// Changes, one after the other.
pub fn run(options: &Options) -> Result<()> {
    let program = path::binary(options)?;
    let mut rules: Vec<PathBuf> =
        options.all("rules").map(PathBuf::from).map(std::path::absolute).collect::<Result<_, _>>()?;
    let (changes, rate) = (options.number("changes", CHANGES)?, options.number("rate", RATE)?.max(1));
    let own = Folder::new("rules")?;
    rules.push(own.0.clone());
    let file = own.0.join("changed.yml");
    std::fs::write(&file, rule(0))?;
    let to = rsyslog::free_port()?;
    let center = Center::start(&program, to, SENDERS, &rules)?;
    let seconds = changes * 3 + 5;
    let mut load =
        Load::prepare(&Plan { to, lines: rate * seconds, senders: SENDERS, rate, wide: false, udp: false, seed: 3 })?;
    let mut lines = TcpStream::connect(to)?;
    load.go()?;
    let mut took = Series::default();
    for change in 1..=changes {
        std::thread::sleep(PAUSE);
        std::fs::write(&file, rule(change))?;
        let begin = Instant::now();
        loop {
            lines.write_all(format!("<13>1 - mark{change} app - - - mark{change} seen\n").as_bytes())?;
            if center.alerts(ID)?.iter().any(|(_, entity)| *entity == format!("mark{change}")) {
                break;
            }
            ensure!(begin.elapsed() < PATIENCE, "the change was without effect for {PATIENCE:?}");
            std::thread::sleep(STEP);
        }
        took.push(begin.elapsed().as_secs_f64());
    }
    print(
        &["rules", "changes", "changed to first alert, s; middle (lowest to highest)"],
        &[vec![center.rules()?.to_string(), changes.to_string(), took.shown(2)]],
    );
    drop(load);
    center.stop().map(drop)
}

fn rule(change: u64) -> String {
    format!(
        "title: Mark\nid: {ID}\nlogsource: {{}}\ndetection: {{ s: [ mark{change} seen ], condition: s }}\nlevel: low\nentity: [host]\n"
    )
}
