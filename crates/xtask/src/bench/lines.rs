//! Lines as a city's equipment writes them, made by seed: the same seed gives the same lines, no two alike.
//!
//! Times run on from the one given, so that a center takes them for live. A few addresses guess passwords; the rest is
//! an ordinary day, which no rule should mind.

use std::fmt::Write;

/// Addresses that guess SSH passwords.
pub const GUESSERS: u64 = 12;
/// One SSH line in so many is a guess.
const GUESS_EVERY: u64 = 200;
/// Senders: two of each kind of equipment and two relays.
pub const SENDERS: u64 = 12;

/// What a sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sshd,
    Nginx,
    Iptables,
    Fortigate,
    Pairs,
    /// Lines of all kinds through one sender.
    Relay,
    /// Firewall lines of 512 bytes with their end, for receiving alone.
    Wide,
}

impl Kind {
    /// The kind of a numbered sender.
    pub fn of(sender: u64) -> Self {
        match sender % 6 {
            0 => Self::Sshd,
            1 => Self::Nginx,
            2 => Self::Iptables,
            3 => Self::Fortigate,
            4 => Self::Pairs,
            _ => Self::Relay,
        }
    }
}

/// The address a guesser comes from.
pub fn guesser(n: u64) -> String {
    format!("203.0.113.{}", 10 + n % GUESSERS)
}

/// Numbers by seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = self.below(words.len() as u64) as usize;
        words.get(at).copied().unwrap_or("")
    }
    /// One of the city's own addresses.
    fn inside(&mut self) -> String {
        format!("10.{}.{}.{}", self.below(25), self.below(40), 1 + self.below(250))
    }
    /// Somebody on the internet: the range kept for benchmarks.
    fn outside(&mut self) -> String {
        format!("198.{}.{}.{}", 18 + self.below(2), self.below(250), 1 + self.below(250))
    }
}

/// Writes lines of one sender.
pub struct Lines {
    numbers: Numbers,
    kind: Kind,
    sender: u64,
    count: u64,
    /// Seconds since 1970 of the second whose texts are at hand.
    second: i64,
    /// `Nov 28 14:15:01`, `28/Nov/2026:14:15:01 +0000`, `date=… time=…`
    stamps: [String; 3],
}

impl Lines {
    pub fn new(seed: u64, sender: u64, kind: Kind) -> Self {
        let numbers = Numbers(seed.wrapping_mul(0x1000_0001).wrapping_add(sender));
        Self { numbers, kind, sender, count: 0, second: -1, stamps: Default::default() }
    }

    /// One line with its end, written at that second (since 1970, UTC).
    pub fn line(&mut self, second: i64, out: &mut String) {
        self.stamp(second);
        self.count += 1;
        let kind = match self.kind {
            Kind::Relay => Kind::of(self.numbers.below(5)),
            kind => kind,
        };
        let done = match kind {
            Kind::Sshd => self.sshd(out),
            Kind::Nginx => self.nginx(out),
            Kind::Iptables => self.iptables(out),
            Kind::Fortigate => self.fortigate(out),
            Kind::Pairs | Kind::Relay => self.pairs(out),
            Kind::Wide => self.wide(out),
        };
        // A String takes everything.
        let _ = done;
        out.push('\n');
    }

    fn stamp(&mut self, second: i64) {
        if second == self.second {
            return;
        }
        self.second = second;
        let at = jiff::Timestamp::from_second(second).unwrap_or_default();
        let texts = ["%b %e %H:%M:%S", "%d/%b/%Y:%H:%M:%S +0000", "date=%Y-%m-%d time=%H:%M:%S"];
        self.stamps = texts.map(|t| at.strftime(t).to_string());
    }

    fn sshd(&mut self, out: &mut String) -> std::fmt::Result {
        let [stamp, ..] = &self.stamps;
        let n = &mut self.numbers;
        let (pid, port) = (n.below(60_000), 1024 + n.below(60_000));
        write!(out, "<86>{stamp} srv-{:02} sshd[{pid}]: ", n.below(40))?;
        if self.kind == Kind::Sshd && self.count.is_multiple_of(GUESS_EVERY) {
            let from = guesser(self.count / GUESS_EVERY + self.sender);
            return write!(out, "Failed password for invalid user u{} from {from} port {port} ssh2", n.below(900));
        }
        let (user, from) = (n.of(&["kim", "lee", "park", "choi", "jung", "backup", "deploy"]), n.inside());
        match n.below(5) {
            0 => write!(
                out,
                "Accepted publickey for {user} from {from} port {port} ssh2: ED25519 SHA256:{:016x}{:016x}",
                n.next(),
                n.next()
            ),
            1 => {
                write!(out, "pam_unix(sshd:session): session opened for user {user}(uid={}) by (uid=0)", n.below(2000))
            }
            2 => write!(out, "pam_unix(sshd:session): session closed for user {user}"),
            3 => write!(out, "Received disconnect from {from} port {port}:11: disconnected by user"),
            _ => write!(out, "Disconnected from user {user} {from} port {port}"),
        }
    }

    fn nginx(&mut self, out: &mut String) -> std::fmt::Result {
        let [stamp, clock, _] = &self.stamps;
        let n = &mut self.numbers;
        write!(out, "<190>{stamp} web-{:02} nginx: {} - - [{clock}] ", n.below(20), n.outside())?;
        let page = n.of(&["/", "/minwon/list", "/notice/view", "/api/v1/parking", "/static/app.js", "/images/map.png"]);
        write!(out, "\"{} {page}?id={} HTTP/1.1\" ", n.of(&["GET", "GET", "GET", "POST"]), n.below(1_000_000))?;
        let agent = n.of(&[
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Linux; Android 14; SM-S921N) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148",
        ]);
        write!(
            out,
            "{} {} \"https://www.city.example/\" \"{agent}\"",
            n.of(&["200", "200", "200", "304"]),
            n.below(90_000)
        )
    }

    fn iptables(&mut self, out: &mut String) -> std::fmt::Result {
        let [stamp, ..] = &self.stamps;
        let n = &mut self.numbers;
        write!(
            out,
            "<4>{stamp} fw-{:02} kernel: [{}.{:06}] ",
            n.below(25),
            10_000 + self.count / 50,
            n.below(1_000_000)
        )?;
        write!(
            out,
            "FW-ACCEPT: IN=eth0 OUT=eth1 MAC=02:00:5e:10:00:{:02x}:02:00:5e:10:01:{:02x}:08:00 ",
            n.below(256),
            n.below(256)
        )?;
        write!(
            out,
            "SRC={} DST=192.0.2.{} LEN={} TOS=0x00 PREC=0x00 ",
            n.outside(),
            10 + n.below(20),
            40 + n.below(1460)
        )?;
        write!(out, "TTL={} ID={} DF PROTO=TCP SPT={} ", 40 + n.below(24), n.below(65_536), 1024 + n.below(64_000))?;
        write!(out, "DPT={} WINDOW={} RES=0x00 ACK PSH URGP=0", n.of(&["443", "443", "80", "25"]), n.below(65_536))
    }

    fn fortigate(&mut self, out: &mut String) -> std::fmt::Result {
        let [_, _, clock] = &self.stamps;
        let n = &mut self.numbers;
        let office = n.below(25);
        write!(
            out,
            "<189>{clock} devname=\"FW-{office:02}\" devid=\"FGT60E00000000{office:02}\" logid=\"0000000013\" "
        )?;
        write!(
            out,
            "type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" eventtime={}{:09} ",
            self.second,
            n.below(1_000_000_000)
        )?;
        write!(
            out,
            "tz=\"+0000\" srcip={} srcport={} srcintf=\"lan\" srcintfrole=\"lan\" ",
            n.inside(),
            1024 + n.below(64_000)
        )?;
        write!(
            out,
            "dstip={} dstport={} dstintf=\"wan1\" dstintfrole=\"wan\" ",
            n.outside(),
            n.of(&["443", "443", "80", "53"])
        )?;
        write!(
            out,
            "srccountry=\"Reserved\" dstcountry=\"Korea, Republic of\" sessionid={} proto=6 action=\"close\" ",
            n.below(1 << 31)
        )?;
        write!(
            out,
            "policyid={} policytype=\"policy\" service=\"HTTPS\" trandisp=\"snat\" transip=192.0.2.{} ",
            n.below(60),
            1 + n.below(9)
        )?;
        write!(
            out,
            "transport={} duration={} sentbyte={} rcvdbyte={} ",
            1024 + n.below(64_000),
            n.below(300),
            n.below(90_000),
            n.below(900_000)
        )?;
        write!(out, "sentpkt={} rcvdpkt={} appcat=\"unscanned\"", 4 + n.below(90), 3 + n.below(900))
    }

    fn pairs(&mut self, out: &mut String) -> std::fmt::Result {
        let [stamp, ..] = &self.stamps;
        let n = &mut self.numbers;
        write!(
            out,
            "<134>{stamp} gw-{:02} app: action=allow src={} spt={} ",
            n.below(30),
            n.inside(),
            1024 + n.below(64_000)
        )?;
        write!(
            out,
            "dst=192.0.2.{} dpt=443 proto=tcp user=\"{}\" ",
            10 + n.below(90),
            n.of(&["kim", "lee", "park", "choi"])
        )?;
        write!(
            out,
            "msg=\"session {} of the duty room\" rule=office-{} bytes_out={} bytes_in={}",
            n.below(1 << 40),
            n.below(40),
            n.below(90_000),
            n.below(900_000)
        )
    }

    fn wide(&mut self, out: &mut String) -> std::fmt::Result {
        const LINE_BYTES: usize = 511;
        let start = out.len();
        self.iptables(out)?;
        let n = &mut self.numbers;
        write!(
            out,
            " session={:016x} policy=\"office to internet {}\" out={} in={} note=",
            n.next(),
            n.below(40),
            n.below(100_000),
            n.below(1_000_000)
        )?;
        while out.len() < start + LINE_BYTES {
            write!(out, "{:x}.", n.below(1 << 20))?;
        }
        out.truncate(start + LINE_BYTES);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(seed: u64, kind: Kind) -> String {
        let mut lines = Lines::new(seed, 0, kind);
        let mut out = String::new();
        (0..1_000).for_each(|_| lines.line(1_795_875_301, &mut out));
        out
    }

    #[test]
    fn the_seed_makes_the_lines() {
        assert_eq!(made(1, Kind::Relay), made(1, Kind::Relay));
        assert_ne!(made(1, Kind::Relay), made(2, Kind::Relay));
        assert!(made(1, Kind::Wide).lines().all(|l| l.len() == 511));
    }

    #[test]
    fn every_line_is_read_by_its_format() {
        for (kind, format) in [
            (Kind::Sshd, &["sshd", "pam"][..]),
            (Kind::Nginx, &["nginx"]),
            (Kind::Iptables, &["iptables"]),
            (Kind::Fortigate, &["fortigate"]),
            (Kind::Pairs, &["kv"]),
        ] {
            for line in made(3, kind).lines() {
                let context = bongsu_parse::Context {
                    receive_time: bongsu_event::Micros(1_795_875_301_000_000),
                    timezone: jiff::tz::TimeZone::UTC,
                };
                let (event, _) = bongsu_parse::parse_record(line.to_owned().into(), &context, None);
                assert!(format.contains(&event.format), "{}: {line}", event.format);
                assert!(!event.skewed, "{line}");
            }
        }
    }
}
