//! Fifty senders, half of them through agents, while the center and the agents are killed again and again and one agent is
//! cut off from the center: through agents each line is in the lake exactly once; over plain TCP nothing that was
//! searchable before a kill is lost or doubled, and what a kill loses is what stood in the socket buffers, counted here.
//! Then the journal: a flipped byte is named, and an end that was cut off is told from a torn one.
//!
//! `BONGSU_SIM_LINES=1000000` makes the long run: a million lines, kills for two minutes, the link cut for one.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bongsu_sim::link::Link;
use bongsu_sim::{Agent, Center, binary, eventually};

const AGENTS: usize = 5;
const FILES_PER_AGENT: usize = 5;
const TCP_SENDERS: usize = 25;
const SENDERS: usize = AGENTS * FILES_PER_AGENT + TCP_SENDERS;
const LINES: usize = 50_000;
/// From so many lines on it is the long run.
const LONG_LINES: usize = 1_000_000;
/// Between two kills.
const KILL_EVERY: Duration = Duration::from_millis(1_500);
/// How long senders are held before a kill, so that the socket buffers stand still while they are read.
const HOLD: Duration = Duration::from_millis(20);
/// The newest events looked at before each kill.
const SEEN_ROWS: usize = 3_000;

/// How long things take.
struct Pace {
    /// Lines of each sender.
    each: usize,
    /// Parts in which a sender writes them, 200 ms apart.
    parts: usize,
    /// How long the agent is cut off.
    cut: Duration,
    patience: Duration,
}

impl Pace {
    fn new() -> Self {
        let lines = std::env::var("BONGSU_SIM_LINES").ok().and_then(|n| n.parse().ok()).unwrap_or(LINES);
        let long = lines >= LONG_LINES;
        let (parts, cut) = if long { (600, 60) } else { (40, 3) };
        Self { each: lines / SENDERS, parts, cut: Duration::from_secs(cut), patience: Duration::from_secs(1_200) }
    }
    fn part(&self) -> usize {
        self.each.div_ceil(self.parts).max(1)
    }
}

fn line(sender: &str, number: usize) -> String {
    let now = jiff::Timestamp::now();
    format!("<13>1 {now:.3} {sender} app 1 - - line {sender} number {number} of many words to carry\n")
}

/// Sender and number of a row that holds a line.
fn numbered(row: &str) -> Option<(String, usize)> {
    let (_, rest) = row.split_once(" - - line ")?;
    let (sender, rest) = rest.split_once(" number ")?;
    Some((sender.to_owned(), rest.split(' ').next()?.parse().ok()?))
}

#[test]
fn lines_survive_kills_of_the_center_and_of_agents() {
    let folder = tempfile::tempdir().unwrap();
    let pace = Arc::new(Pace::new());
    let mut city = City::new(folder.path());
    let files = city.enrol(folder.path());
    let talkers: Vec<Talker> = (0..TCP_SENDERS).map(|s| Talker::start(s, city.port, &city.hold, &pace)).collect();
    let writers: Vec<JoinHandle<()>> = files
        .iter()
        .cloned()
        .map(|(sender, path)| {
            let pace = Arc::clone(&pace);
            thread::spawn(move || write_file(&sender, &path, &pace))
        })
        .collect();

    let begin = Instant::now();
    let (mut turn, mut cut) = (0, Cut::Before);
    let mut seen: HashSet<(String, usize)> = HashSet::new();
    let mut kills: Vec<Kill> = Vec::new();
    while cut != Cut::Over
        || turn < 6
        || !writers.iter().all(JoinHandle::is_finished)
        || !talkers.iter().all(Talker::done)
    {
        thread::sleep(KILL_EVERY);
        assert!(begin.elapsed() < pace.patience, "the scenario does not come to its end");
        cut = cut.step(&city.link, pace.cut);
        if turn % 2 == 0 {
            seen.extend(city.newest());
            kills.push(city.kill(&talkers));
        } else {
            let agent = &mut city.agents[turn / 2 % AGENTS];
            agent.kill();
            agent.start();
        }
        turn += 1;
    }
    writers.into_iter().for_each(|w| w.join().unwrap());
    let sent: Vec<Sent> = talkers.into_iter().map(Talker::join).collect();

    for (sender, _) in &files {
        eventually(&format!("all lines of {sender}"), || {
            city.center.count(&format!("source:{sender}")) >= pace.each as u64
        });
    }
    eventually("the last lines over TCP", || {
        sent.iter()
            .enumerate()
            .all(|(s, sent)| city.center.count(&format!("\"line tcp{s} number {} of\"", sent.handed - 1)) > 0)
    });
    let there = city.everything();
    for (sender, _) in &files {
        let counts = &there[sender];
        assert!(counts.len() == pace.each && counts.values().all(|n| *n == 1), "{sender}: exactly once");
    }
    let twice = there.values().flat_map(HashMap::values).filter(|n| **n > 1).count();
    assert_eq!(twice, 0, "nothing twice");
    let gone = seen.iter().find(|(sender, number)| !there[sender].contains_key(number));
    assert_eq!(gone, None, "what was searchable before a kill is there after it");
    let lost = lost_in_flight(&kills, &sent, &there);
    let (center, agents) = (kills.len(), turn - kills.len());
    println!(
        "{} lines, {center} kills of the center and {agents} of agents, one agent cut off for {:?}, {:.0} s: {lost}",
        pace.each * SENDERS,
        pace.cut,
        begin.elapsed().as_secs_f64()
    );
    altered_journals(&mut city);
}

/// Where the cut of one agent's link stands.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    Before,
    Since(Instant),
    Over,
}

impl Cut {
    fn step(self, link: &Link, long: Duration) -> Self {
        match self {
            Self::Before => {
                link.cut();
                Self::Since(Instant::now())
            }
            Self::Since(begin) if begin.elapsed() >= long => {
                link.mend();
                Self::Over
            }
            other => other,
        }
    }
}

/// What stood where when the center was killed.
struct Kill {
    /// Lines each TCP sender had handed to the kernel.
    handed: Vec<usize>,
    /// Bytes in the socket buffers of its connection, both ends.
    buffered: Vec<usize>,
}

/// A center, its agents, and the link of the first of them.
struct City {
    center: Center,
    agents: Vec<Agent>,
    link: Link,
    port: u16,
    hold: Arc<AtomicBool>,
}

impl City {
    fn new(folder: &Path) -> Self {
        let (port, uplink) = (free_port(), free_port());
        let link = Link::to(SocketAddr::from(([127, 0, 0, 1], uplink)));
        let settings = [
            "web.listen=off".to_owned(),
            "intake.syslog_udp=off".to_owned(),
            format!("intake.syslog_tcp=127.0.0.1:{port}"),
            "intake.syslog_tls=off".to_owned(),
            format!("uplink.listen=127.0.0.1:{uplink}"),
            format!("uplink.public=127.0.0.1:{}", link.port),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let data = folder.join("data");
        // The first agent's token names the link; the others come straight.
        let mut center = Center::new(&data, &settings);
        center.start();
        let first = Agent::enrol(&center, &folder.join("agent0"), "agent0", None);
        center.stop();
        let mut center = Center::new(&data, &settings[..settings.len() - 1]);
        center.start();
        for s in 0..TCP_SENDERS {
            center.must(&["source", "add", &format!("tcp{s}"), "--from", &address_of(s).ip().to_string()]);
        }
        Self { center, agents: vec![first], link, port, hold: Arc::default() }
    }

    /// The other agents, what each of them follows, and their start.
    fn enrol(&mut self, folder: &Path) -> Vec<(String, PathBuf)> {
        let mut files = Vec::new();
        for a in 0..AGENTS {
            let name = format!("agent{a}");
            if a > 0 {
                self.agents.push(Agent::enrol(&self.center, &folder.join(&name), &name, None));
            }
            let mut arguments = vec!["agent".to_owned(), "set".to_owned(), name];
            for f in 0..FILES_PER_AGENT {
                let sender = format!("a{a}f{f}");
                let path = folder.join(format!("{sender}.txt"));
                std::fs::write(&path, b"").unwrap();
                arguments.extend(["--tail".to_owned(), format!("{}={sender}", path.display())]);
                files.push((sender, path));
            }
            self.center.must(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        }
        self.agents.iter_mut().for_each(Agent::start);
        files
    }

    /// Freeze the center in the middle of its work, read the socket buffers, kill it, and start it again.
    fn kill(&mut self, talkers: &[Talker]) -> Kill {
        self.center.signal("STOP");
        self.hold.store(true, Ordering::Release);
        thread::sleep(HOLD);
        let kill = Kill {
            buffered: socket_buffers(self.port),
            handed: talkers.iter().map(|t| t.handed.load(Ordering::Acquire)).collect(),
        };
        self.center.kill();
        self.hold.store(false, Ordering::Release);
        self.center.start();
        kill
    }

    /// Lines among the newest events.
    fn newest(&self) -> Vec<(String, usize)> {
        self.center
            .must(&["search", "", "--output", "jsonl", "--limit", &SEEN_ROWS.to_string()])
            .lines()
            .filter_map(numbered)
            .collect()
    }

    /// How often each line of each sender is in the lake.
    fn everything(&self) -> HashMap<String, HashMap<usize, usize>> {
        let mut child = Command::new(binary("bongsu"))
            .args(["search", "", "--output", "jsonl", "--limit", "100000000", "--data"])
            .arg(&self.center.data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut there: HashMap<String, HashMap<usize, usize>> = HashMap::new();
        for row in BufReader::new(child.stdout.take().unwrap()).lines() {
            let (sender, number) = numbered(&row.unwrap()).unwrap();
            *there.entry(sender).or_default().entry(number).or_default() += 1;
        }
        assert!(child.wait().unwrap().success());
        there
    }
}

/// What kills lost over plain TCP, held against what stood in the socket buffers at each.
fn lost_in_flight(kills: &[Kill], sent: &[Sent], there: &HashMap<String, HashMap<usize, usize>>) -> String {
    let (mut lines, mut bytes, mut buffered, mut worst) = (0, 0, 0, (0, 0));
    for (s, sent) in sent.iter().enumerate() {
        let sender = format!("tcp{s}");
        let there = &there[&sender];
        let mut from = 0;
        for kill in kills {
            // The kernel still takes a line for a connection whose other end is dead, and tells so with the next one.
            let killed = kill.handed[s];
            let end = sent.broken.iter().copied().find(|b| *b >= killed).unwrap_or(killed);
            let size = |lines: &[usize]| lines.iter().map(|n| line(&sender, *n).len()).sum::<usize>();
            let gone: Vec<usize> = (from..end).filter(|n| !there.contains_key(n)).collect();
            let stood = kill.buffered[s] + size(&(killed..end).collect::<Vec<_>>());
            // Where much came at once, the beginning of one line may stand in the process alone.
            let begun = size(gone.get(..1).unwrap_or_default());
            let size = size(&gone);
            assert!(size <= stood + begun, "{sender}: a kill lost {size} bytes, and {stood} stood in socket buffers");
            let tail = gone.first().is_none_or(|first| (*first..end).eq(gone.iter().copied()));
            assert!(tail, "{sender}: only the newest lines of a connection may be lost: {gone:?} before {end}");
            (lines, bytes, buffered) = (lines + gone.len(), bytes + size, buffered + stood);
            worst = worst.max((size, stood));
            from = end;
        }
        assert!((from..sent.handed).all(|n| there.contains_key(&n)), "{sender}: nothing is lost after the last kill");
    }
    format!(
        "{lines} lines ({bytes} bytes) lost in flight over plain TCP, {buffered} bytes stood in socket buffers; \
         the most by one kill on one connection {} bytes, with {} in its buffers",
        worst.0, worst.1
    )
}

/// One flipped byte, a cut-off end and a torn one, as `bongsu verify` tells them.
fn altered_journals(city: &mut City) {
    let verify = |city: &City| {
        let output = city.center.run(&["verify"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    city.agents.clear();
    city.center.stop();
    let (code, said) = verify(city);
    assert_eq!(code, Some(0), "{said}");
    let (segment, whole) = last_segment(&city.center.data);
    let mut flipped = whole.clone();
    let at = flipped.len() / 2;
    flipped[at] ^= 1;
    std::fs::write(&segment, &flipped).unwrap();
    let (code, said) = verify(city);
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    let damage = said.lines().find(|l| l.starts_with(&format!("damaged: {name}"))).unwrap_or_else(|| panic!("{said}"));
    assert_eq!(code, Some(1));
    let numbers: Vec<usize> = damage.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let [.., from, to, first, last] = numbers[..] else { panic!("no place in: {damage}") };
    assert!((from..to).contains(&at) && first <= last, "{damage}");
    std::fs::write(&segment, &whole).unwrap();
    assert_eq!(verify(city).0, Some(0));

    // The same missing bytes: behind the signed checkpoint a torn end, before it a cut.
    let checkpoint = city.center.data.join("journal.checkpoint");
    let older = std::fs::read(&checkpoint).unwrap();
    city.center.start();
    let before = city.center.count("\"line tcp0 number\"");
    let mut stream = connect(0, city.port).unwrap();
    stream.write_all(line("tcp0", usize::MAX).as_bytes()).unwrap();
    eventually("one more line", || city.center.count("\"line tcp0 number\"") > before);
    city.center.stop();
    let newer = std::fs::read(&checkpoint).unwrap();
    let (segment, whole) = last_segment(&city.center.data);
    std::fs::write(&segment, &whole[..whole.len() - 10]).unwrap();
    let (code, said) = verify(city);
    assert!(code == Some(1) && said.contains("cut off"), "{said}");
    std::fs::write(&checkpoint, older).unwrap();
    let (code, said) = verify(city);
    assert!(code == Some(0) && said.contains("torn end") && !said.contains("cut off"), "{said}");
    std::fs::write(&checkpoint, newer).unwrap();
    std::fs::write(&segment, whole).unwrap();
    assert_eq!(verify(city).0, Some(0));
}

/// The journal's newest segment and its bytes.
fn last_segment(data: &Path) -> (PathBuf, Vec<u8>) {
    let folder = std::fs::read_dir(data.join("journal")).unwrap().map(|e| e.unwrap().path());
    let path = folder.filter(|p| p.extension().is_some_and(|e| e == "seg")).max().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

/// Bytes in the kernel's buffers of each TCP sender's connection to the center: not yet sent or acknowledged at its end,
/// not yet read at the center's.
fn socket_buffers(port: u16) -> Vec<usize> {
    let mut all = vec![0; TCP_SENDERS];
    for row in std::fs::read_to_string("/proc/net/tcp").unwrap().lines().skip(1) {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let ends = [fields[1], fields[2]].map(socket);
        let sender = ends.iter().find_map(|e| (0..TCP_SENDERS).find(|s| address_of(*s).ip() == e.ip()));
        if let Some(sender) = sender.filter(|_| ends.iter().any(|e| e.port() == port)) {
            let queues = fields[4].split(':').map(|q| usize::from_str_radix(q, 16).unwrap());
            all[sender] += queues.sum::<usize>();
        }
    }
    all
}

/// `0100007F:1F90`, as the kernel writes an end.
fn socket(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').unwrap();
    let ip = u32::from_str_radix(ip, 16).unwrap().to_le_bytes();
    SocketAddr::from((ip, u16::from_str_radix(port, 16).unwrap()))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn write_file(sender: &str, path: &Path, pace: &Pace) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    for part in (0..pace.each).collect::<Vec<_>>().chunks(pace.part()) {
        let text: String = part.iter().map(|n| line(sender, *n)).collect();
        file.write_all(text.as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(200));
    }
}

/// A plain TCP sender: on a cut connection it goes on with the next line.
struct Talker {
    /// Lines handed to the kernel.
    handed: Arc<AtomicUsize>,
    /// Their number at each broken connection.
    broken: Arc<Mutex<Vec<usize>>>,
    thread: JoinHandle<()>,
}

/// What a sender did in all.
struct Sent {
    handed: usize,
    broken: Vec<usize>,
}

impl Talker {
    fn start(sender: usize, port: u16, hold: &Arc<AtomicBool>, pace: &Arc<Pace>) -> Self {
        let handed = Arc::new(AtomicUsize::new(0));
        let broken = Arc::new(Mutex::default());
        let (counter, breaks, hold, pace) =
            (Arc::clone(&handed), Arc::clone(&broken), Arc::clone(hold), Arc::clone(pace));
        Self { handed, broken, thread: thread::spawn(move || talk(sender, port, &hold, &pace, &counter, &breaks)) }
    }
    fn done(&self) -> bool {
        self.thread.is_finished()
    }
    fn join(self) -> Sent {
        self.thread.join().unwrap();
        Sent { handed: self.handed.load(Ordering::Acquire), broken: self.broken.lock().unwrap().clone() }
    }
}

fn talk(sender: usize, port: u16, hold: &AtomicBool, pace: &Pace, handed: &AtomicUsize, broken: &Mutex<Vec<usize>>) {
    let name = format!("tcp{sender}");
    let mut stream: Option<TcpStream> = None;
    for n in 0..pace.each {
        let text = line(&name, n);
        let begin = Instant::now();
        loop {
            while hold.load(Ordering::Acquire) {
                thread::sleep(Duration::from_millis(1));
            }
            if stream.is_none() {
                stream = connect(sender, port);
            }
            match stream.as_mut().map(|s| s.write_all(text.as_bytes())) {
                Some(Ok(())) => break,
                _ => {
                    if stream.take().is_some() {
                        broken.lock().unwrap().push(n);
                    }
                    thread::sleep(Duration::from_millis(100));
                    assert!(begin.elapsed() < Duration::from_secs(60), "{name} can't connect");
                }
            }
        }
        handed.fetch_add(1, Ordering::AcqRel);
        if n % pace.part() == 0 {
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The center tells senders apart by address: each has one of its own.
fn address_of(sender: usize) -> SocketAddr {
    SocketAddr::from(([127, 30, 0, u8::try_from(sender + 1).unwrap()], 0))
}

fn connect(sender: usize, port: u16) -> Option<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).ok()?;
    socket.bind(&address_of(sender).into()).ok()?;
    let center = SocketAddr::from(([127, 0, 0, 1], port));
    socket.connect_timeout(&center.into(), Duration::from_secs(2)).ok()?;
    Some(socket.into())
}
