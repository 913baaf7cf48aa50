//! Fifty senders, half of them through agents, while the center and the agents are killed again and again: through agents
//! each line is in the lake exactly once; over plain TCP nothing that was searchable before a kill is lost or doubled, and
//! what a kill loses in flight is counted.
//!
//! `BONGSU_SIM_LINES` sets the number of lines (a million for the long run).

use std::collections::HashSet;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bongsu_sim::{Agent, Center, eventually};

const AGENTS: usize = 5;
const FILES_PER_AGENT: usize = 5;
const TCP_SENDERS: usize = 25;

fn lines_in_all() -> usize {
    std::env::var("BONGSU_SIM_LINES").ok().and_then(|n| n.parse().ok()).unwrap_or(50_000)
}

fn line(sender: &str, number: usize) -> String {
    format!("<13>Nov 22 03:04:05 {sender} app[1]: line {sender} number {number} of many words to carry\n")
}

#[test]
fn lines_survive_kills_of_the_center_and_of_agents() {
    let folder = tempfile::tempdir().unwrap();
    let each = lines_in_all() / (AGENTS * FILES_PER_AGENT + TCP_SENDERS);
    let port = free_port();
    let uplink = free_port();
    let settings = [
        "web.listen=off".to_owned(),
        "intake.syslog_udp=off".to_owned(),
        format!("intake.syslog_tcp=127.0.0.1:{port}"),
        "intake.syslog_tls=off".to_owned(),
        format!("uplink.listen=127.0.0.1:{uplink}"),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let mut center = Center::new(&folder.path().join("data"), &settings);
    center.start();
    for s in 0..TCP_SENDERS {
        center.must(&["source", "add", &format!("tcp{s}"), "--from", &format!("127.30.0.{}", s + 1)]);
    }
    let mut agents = Vec::new();
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for a in 0..AGENTS {
        let name = format!("agent{a}");
        let agent = Agent::enrol(&center, &folder.path().join(&name), &name, None);
        let mut arguments = vec!["agent".to_owned(), "set".to_owned(), name.clone()];
        for f in 0..FILES_PER_AGENT {
            let sender = format!("a{a}f{f}");
            let path = folder.path().join(format!("{sender}.txt"));
            std::fs::write(&path, b"").unwrap();
            arguments.extend(["--tail".to_owned(), format!("{}={sender}", path.display())]);
            files.push((sender, path));
        }
        center.must(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        agents.push(agent);
    }
    agents.iter_mut().for_each(Agent::start);

    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = files
        .iter()
        .cloned()
        .map(|(sender, path)| std::thread::spawn(move || write_file(&sender, &path, each)))
        .collect();
    let talkers: Vec<_> = (0..TCP_SENDERS).map(|s| std::thread::spawn(move || talk(s, port, each))).collect();

    // Kills, while they write: the center every few seconds, an agent between; one agent stands still for a while.
    let begin = Instant::now();
    let mut turn = 0;
    let mut seen_before: HashSet<String> = HashSet::new();
    while !(writers.iter().all(|w| w.is_finished()) && talkers.iter().all(|t| t.is_finished())) || turn < 3 {
        std::thread::sleep(Duration::from_millis(1500));
        seen_before.extend(numbers_of(&center, "tcp0"));
        match turn % 3 {
            0 => {
                center.kill();
                center.start();
            }
            1 => {
                let which = turn % AGENTS;
                agents[which].kill();
                agents[which].start();
            }
            _ => {
                agents[0].signal("STOP");
                std::thread::sleep(Duration::from_millis(800));
                agents[0].signal("CONT");
            }
        }
        turn += 1;
        assert!(begin.elapsed() < Duration::from_secs(1_200), "the scenario does not come to its end");
    }
    done.store(true, Ordering::Release);
    writers.into_iter().for_each(|w| w.join().unwrap());
    let sent: Vec<usize> = talkers.into_iter().map(|t| t.join().unwrap()).collect();

    for (sender, _) in &files {
        eventually(&format!("all lines of {sender}"), || center.count(&format!("source:{sender}")) >= each as u64);
        assert_eq!(center.count(&format!("source:{sender}")), each as u64, "{sender}: exactly once");
    }
    let mut lost = 0;
    for (s, sent) in sent.iter().enumerate() {
        let there = numbers_of(&center, &format!("tcp{s}"));
        let different: HashSet<&String> = there.iter().collect();
        assert_eq!(different.len(), there.len(), "tcp{s}: nothing twice");
        lost += sent - there.len();
    }
    let after: HashSet<String> = numbers_of(&center, "tcp0").into_iter().collect();
    assert!(seen_before.is_subset(&after), "what was searchable before a kill is there after it");
    println!("{} lines, {turn} kills, {lost} lost in flight over plain TCP", lines_in_all());
    let verified = center.run(&["verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    center.stop();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn write_file(sender: &str, path: &std::path::Path, each: usize) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    for part in (0..each).collect::<Vec<_>>().chunks(each.div_ceil(40).max(1)) {
        let text: String = part.iter().map(|n| line(sender, *n)).collect();
        file.write_all(text.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Send over TCP from the sender's own address; on a cut connection go on with the next line, as a plain sender does. Says how
/// many lines were handed to the kernel.
fn talk(sender: usize, port: u16, each: usize) -> usize {
    let name = format!("tcp{sender}");
    let mut stream: Option<TcpStream> = None;
    let mut handed = 0;
    for n in 0..each {
        let text = line(&name, n);
        let begin = Instant::now();
        loop {
            if stream.is_none() {
                stream = connect(sender, port);
            }
            match stream.as_mut().map(|s| s.write_all(text.as_bytes())) {
                Some(Ok(())) => break,
                _ => {
                    stream = None;
                    std::thread::sleep(Duration::from_millis(100));
                    assert!(begin.elapsed() < Duration::from_secs(60), "{name} can't connect");
                }
            }
        }
        handed += 1;
        if n % (each / 40).max(1) == 0 {
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    handed
}

fn connect(sender: usize, port: u16) -> Option<TcpStream> {
    // The center tells senders apart by address: each has one of its own.
    let address = std::net::SocketAddr::from(([127, 30, 0, u8::try_from(sender + 1).unwrap()], 0));
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).ok()?;
    socket.bind(&address.into()).ok()?;
    let center = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    socket.connect_timeout(&center.into(), Duration::from_secs(2)).ok()?;
    Some(socket.into())
}

fn numbers_of(center: &Center, source: &str) -> Vec<String> {
    center
        .rows(&["search", &format!("source:{source}")])
        .iter()
        .map(|r| r["raw"].as_str().unwrap().to_owned())
        .collect()
}
