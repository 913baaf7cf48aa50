//! The load: senders in a process of their own. Every line is made before the first is sent, so that making them costs the
//! measured program nothing.
//!
//! It prints `ready BYTES`, waits for a line on its input, sends, and prints `sent SECONDS`.

use std::io::{BufRead, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::lines::{Kind, Lines};
use super::{Options, process::Running};

/// Bytes handed to the kernel at a time at full speed.
const PIECE_BYTES: usize = 256 * 1024;
/// At a steady rate: how often lines are handed over.
const TICK: Duration = Duration::from_millis(5);
/// Over UDP the bursts are shorter.
const UDP_TICK: Duration = Duration::from_millis(1);
/// Seconds over which the times written in the lines are spread.
const SPREAD_SECONDS: u64 = 10;

/// What is to be sent.
pub struct Plan {
    pub to: SocketAddr,
    /// In all.
    pub lines: u64,
    pub senders: u64,
    /// A second, in all; 0 is as fast as they are taken.
    pub rate: u64,
    /// 512-byte lines instead of a city's mixture.
    pub wide: bool,
    pub udp: bool,
    pub seed: u64,
}

/// Senders that have made their lines and wait.
pub struct Load {
    running: Running,
    output: std::io::BufReader<std::process::ChildStdout>,
    /// Of all lines with their ends.
    pub bytes: u64,
}

/// The address of a numbered sender: a center tells senders apart by it.
pub fn address_of(sender: u64) -> String {
    format!("127.40.0.{}", sender + 1)
}

impl Load {
    /// Have everything made.
    pub fn prepare(plan: &Plan) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "send", "--to", &plan.to.to_string()]);
        for (name, value) in
            [("lines", plan.lines), ("senders", plan.senders), ("rate", plan.rate), ("seed", plan.seed)]
        {
            command.args([format!("--{name}"), value.to_string()]);
        }
        if plan.wide {
            command.arg("--wide");
        }
        if plan.udp {
            command.arg("--udp");
        }
        let mut child: Child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the senders have no output")?;
        let mut load = Self { running: Running(child), output: std::io::BufReader::new(output), bytes: 0 };
        load.bytes = load.said("ready")? as u64;
        Ok(load)
    }
    /// Begin; the senders run on by themselves.
    pub fn go(&mut self) -> Result<()> {
        let input = self.running.0.stdin.as_mut().context("the senders have no input")?;
        Ok(input.write_all(b"go\n").and_then(|()| input.flush())?)
    }
    /// Wait for the last line: the seconds it took to hand all over.
    pub fn wait(&mut self) -> Result<f64> {
        let seconds = self.said("sent")?;
        self.running.0.wait()?;
        Ok(seconds)
    }
    fn said(&mut self, word: &str) -> Result<f64> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let value = line.trim().strip_prefix(word).with_context(|| format!("the senders ended without `{word}`"))?;
        Ok(value.trim().parse()?)
    }
}

/// The other side: this process is the senders.
pub fn run(options: &Options) -> Result<()> {
    let to: SocketAddr = options.text("to").unwrap_or("").parse().context("--to takes an address")?;
    let (lines, senders) = (options.number("lines", 1_000)?, options.number("senders", 1)?.max(1));
    let (rate, seed) = (options.number("rate", 0)?, options.number("seed", 1)?);
    let wide = options.text("wide").is_some();
    let udp = options.text("udp").is_some();
    let now = jiff::Timestamp::now().as_second();
    let mut made = Vec::new();
    for sender in 0..senders {
        let kind = if wide { Kind::Wide } else { Kind::of(sender) };
        let count = lines / senders + u64::from(sender < lines % senders);
        made.push(make(&mut Lines::new(seed, sender, kind), count, now));
    }
    println!("ready {}", made.iter().map(|m| m.len()).sum::<usize>());
    std::io::stdin().lock().read_line(&mut String::new())?;
    let begin = Instant::now();
    let each = rate as f64 / senders as f64;
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..senders)
            .zip(&made)
            .map(|(sender, text)| {
                scope.spawn(move || if udp { datagrams(to, text, each) } else { stream(sender, to, text, each) })
            })
            .collect();
        let joined = threads.into_iter().map(|t| t.join());
        joined.map(|r| r.unwrap_or_else(|_| bail!("a sender panicked"))).collect()
    });
    results.into_iter().collect::<Result<()>>()?;
    println!("sent {}", begin.elapsed().as_secs_f64());
    Ok(())
}

fn make(lines: &mut Lines, count: u64, now: i64) -> String {
    let mut out = String::new();
    for n in 0..count {
        let ahead = n * SPREAD_SECONDS / count.max(1);
        lines.line(now + i64::try_from(ahead).unwrap_or(0), &mut out);
    }
    out
}

fn stream(sender: u64, to: SocketAddr, text: &str, rate: f64) -> Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    let own: SocketAddr = format!("{}:0", address_of(sender)).parse()?;
    socket.bind(&own.into())?;
    socket.connect(&to.into())?;
    let mut stream = TcpStream::from(socket);
    if rate <= 0.0 {
        for piece in text.as_bytes().chunks(PIECE_BYTES) {
            stream.write_all(piece)?;
        }
        return Ok(());
    }
    paced(text, rate, TICK, |piece| Ok(stream.write_all(piece)?))
}

fn datagrams(to: SocketAddr, text: &str, rate: f64) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(to)?;
    paced(text, rate, UDP_TICK, |piece| {
        for line in piece.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            socket.send(line)?;
        }
        Ok(())
    })
}

/// Hand lines over at a steady rate, some each tick.
fn paced(text: &str, rate: f64, tick: Duration, mut give: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let bytes = text.as_bytes();
    let begin = Instant::now();
    let (mut at, mut given) = (0usize, 0u64);
    while at < bytes.len() {
        let due = (begin.elapsed().as_secs_f64() * rate) as u64 + 1;
        let start = at;
        while given < due && at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or(&[]);
            at += rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |i| i + 1);
            given += 1;
        }
        give(bytes.get(start..at).unwrap_or(&[]))?;
        std::thread::sleep(tick);
    }
    Ok(())
}
