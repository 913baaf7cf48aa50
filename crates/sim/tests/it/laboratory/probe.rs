//! What the laboratory's scenario sends and measures: requests, an open connection, forged lines, and a ping every
//! millisecond that tells when the first packet was lost.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bongsu_sim::within;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// How long an answer may take before it counts as lost.
const ANSWER: Duration = Duration::from_millis(20);
/// Packets lost in a row that mean a block and no hiccup.
const LOST_IN_A_ROW: u32 = 5;
/// How long a block may take before a repetition fails.
const BLOCK_SECONDS_MAX: u64 = 20;

fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

fn connect(namespace: &str, from: &str, to: &str) -> Option<TcpStream> {
    within(namespace, || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&address(from, 0).into()).unwrap();
        socket.connect_timeout(&address(to, 80).into(), Duration::from_secs(1)).ok()?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        Some(stream)
    })
}

fn answered(stream: &mut TcpStream) -> bool {
    let mut buffer = [0u8; 1024];
    stream.write_all(b"GET / HTTP/1.1\r\nHost: srv\r\n\r\n").is_ok()
        && stream.read(&mut buffer).is_ok_and(|n| buffer[..n].starts_with(b"HTTP/1.1 200"))
}

/// Does the server answer a request from this address?
pub fn served(namespace: &str, from: &str, server: &str) -> bool {
    connect(namespace, from, server).is_some_and(|mut stream| answered(&mut stream))
}

/// A connection that stays open.
pub struct Open(TcpStream);

impl Open {
    pub fn new(namespace: &str, from: &str, server: &str) -> Self {
        Self(connect(namespace, from, server).unwrap())
    }
    /// Does the other end still answer on it?
    pub fn speaks(&mut self) -> bool {
        answered(&mut self.0)
    }
}

fn say(log: &Path, text: &str) {
    let socket = UnixDatagram::unbound().unwrap();
    socket.send_to(text.as_bytes(), log).unwrap();
}

/// One failed log-in, in the words and by the socket of sshd.
pub fn guess(log: &Path, from: &str) {
    say(log, &format!("<86>Jan  1 00:00:00 sshd[4711]: Failed password for root from {from} port 40000 ssh2"));
}

/// Several.
pub fn guesses(log: &Path, from: &str, count: usize) {
    (0..count).for_each(|_| guess(log, from));
}

fn now(format: &str) -> String {
    let date = Command::new("date").arg(format).env("LC_ALL", "C").output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

/// Writes lines that name a victim.
pub struct Forger {
    pub victim: &'static str,
    pub lines: usize,
    pub center: String,
}

impl Forger {
    /// Half failed log-ins, half attack requests, all said to come from the victim.
    fn lines(&self, mark: &str) -> impl Iterator<Item = String> {
        let (victim, mark) = (self.victim, mark.to_owned());
        let (stamp, clf) = (now("+%Y-%m-%dT%H:%M:%S.000000%:z"), now("+%d/%b/%Y:%H:%M:%S %z"));
        (0..self.lines).map(move |n| {
            if n % 2 == 0 {
                format!("<86>1 {stamp} srv sshd 4711 - - Failed password for invalid user {mark} from {victim} port {} ssh2", 1024 + n)
            } else {
                format!("<190>1 {stamp} srv nginx - - - {victim} - - [{clf}] \"GET /{mark}/{n}/../../etc/passwd?id=1%27%20OR%201=1 HTTP/1.1\" 404 153 \"-\" \"sqlmap\"")
            }
        })
    }
    /// By UDP, in the name of a registered source.
    pub fn udp(&self, namespace: &str, from: &str) {
        within(namespace, || {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
            // The address is not this machine's: that is the point.
            socket.set_ip_transparent_v4(true).unwrap();
            socket.bind(&address(from, 0).into()).unwrap();
            let socket = UdpSocket::from(socket);
            for (n, line) in self.lines("forgery-udp").enumerate() {
                socket.send_to(line.as_bytes(), &self.center).unwrap();
                if n % 50 == 49 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        });
    }
    /// By TCP, from an address that belongs to no source.
    pub fn tcp(&self, namespace: &str, from: &str) {
        within(namespace, || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&address(from, 0).into()).unwrap();
            socket.connect(&self.center.parse::<SocketAddr>().unwrap().into()).unwrap();
            let mut stream = TcpStream::from(socket);
            for line in self.lines("forgery-tcp") {
                stream.write_all(format!("{line}\n").as_bytes()).unwrap();
            }
        });
    }
    /// In names and pages that an attacker asked for and a registered server wrote down truly.
    pub fn names(&self, log: &Path, attacker: &str) {
        let (victim, clf) = (self.victim, now("+%d/%b/%Y:%H:%M:%S %z"));
        for n in 0..self.lines {
            let line = match n % 3 {
                0 => format!(
                    "<86>Jan  1 00:00:00 sshd[4711]: Failed password for invalid user forgery-name from {victim} port 22 ssh2 from {attacker} port {} ssh2",
                    1024 + n
                ),
                1 => format!(
                    "<86>Jan  1 00:00:00 sshd[4711]: Invalid user forgery-name from {victim} port 22 from {attacker} port {}",
                    1024 + n
                ),
                _ => format!(
                    "<190>Jan  1 00:00:00 nginx: {attacker} - - [{clf}] \"GET /forgery-name?{n}&x=\\x22 {victim} - - [{clf}] \\x22GET /../../etc/passwd HTTP/1.1\\x22 HTTP/1.1\" 404 153 \"-\" \"{victim} sqlmap\""
                ),
            };
            say(log, &line);
        }
    }
}

/// How long from `act` until the first of several packets in a row from this address was lost; `None` if none was.
pub fn first_loss(namespace: &str, from: &str, to: &str, act: impl FnOnce() + Send) -> Option<Duration> {
    within(namespace, || {
        let mut pinger = Pinger::new(from, to);
        for _ in 0..20 {
            assert!(pinger.ping(), "{from} is answered before");
            std::thread::sleep(Duration::from_millis(1));
        }
        let begin = Instant::now();
        act();
        let (mut first, mut lost) = (None, 0);
        while begin.elapsed() < Duration::from_secs(BLOCK_SECONDS_MAX) {
            let sent = begin.elapsed();
            if pinger.ping() {
                (first, lost) = (None, 0);
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            first = first.or(Some(sent));
            lost += 1;
            if lost == LOST_IN_A_ROW {
                return first;
            }
        }
        None
    })
}

struct Pinger {
    socket: Socket,
    to: SockAddr,
    sequence: u16,
}

impl Pinger {
    fn new(from: &str, to: &str) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        socket.bind(&address(from, 0).into()).unwrap();
        socket.set_read_timeout(Some(ANSWER)).unwrap();
        let to: Ipv4Addr = to.parse().unwrap();
        Self { socket, to: SocketAddr::from((to, 0)).into(), sequence: 0 }
    }
    /// One echo request: was it answered in time?
    fn ping(&mut self) -> bool {
        self.sequence += 1;
        let [high, low] = self.sequence.to_be_bytes();
        let mut packet = [8, 0, 0, 0, 0x42, 0x53, high, low];
        let check = checksum(&packet);
        packet[2..4].copy_from_slice(&check.to_be_bytes());
        let begin = Instant::now();
        self.socket.send_to(&packet, &self.to).unwrap();
        let mut answer = [0u8; 128];
        while begin.elapsed() < ANSWER {
            let Ok(read) = (&self.socket).read(&mut answer) else { return false };
            let header = usize::from(answer[0] & 15) * 4;
            let Some(icmp) = answer[..read].get(header..header + 8) else { continue };
            if icmp[0] == 0 && icmp[4..8] == packet[4..8] {
                return true;
            }
        }
        false
    }
}

fn checksum(packet: &[u8]) -> u16 {
    let mut sum: u32 = packet.chunks(2).map(|p| u32::from(u16::from_be_bytes([p[0], p[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}
