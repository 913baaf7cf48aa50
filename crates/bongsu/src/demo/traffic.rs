//! Ordinary traffic: every device of the city sends its lines through the real intake, in the rhythm of an office day.
//!
//! Invariant: to loopback only, from loopback only; a slow center slows the city, nothing piles up here.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Zoned;
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::lines::Device;

/// Lines waiting for a device's connection.
const QUEUE_LINES: usize = 256;
/// How often a device looks whether it has something to say, milliseconds.
const TICK_MILLIS: u64 = 250;

/// A device with its way to the center.
#[derive(Clone)]
pub struct Sender {
    /// The device.
    pub device: Device,
    lines: mpsc::Sender<String>,
}

impl Sender {
    /// Start a device's connection.
    pub fn start(device: Device, address: IpAddr, center: SocketAddr, udp: bool, stop: CancellationToken) -> Self {
        let (lines, inbox) = mpsc::channel(QUEUE_LINES);
        if udp {
            tokio::spawn(send_udp(address, center, inbox, stop));
        } else {
            tokio::spawn(send_tcp(address, center, inbox, stop));
        }
        Self { device, lines }
    }
    /// Say a line.
    pub async fn say(&self, line: String) {
        let _ = self.lines.send(line).await;
    }
}

async fn send_udp(from: IpAddr, center: SocketAddr, mut inbox: mpsc::Receiver<String>, stop: CancellationToken) {
    let Ok(socket) = UdpSocket::bind(SocketAddr::new(from, 0)).await else { return };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            line = inbox.recv() => match line {
                Some(line) => { let _ = socket.send_to(line.as_bytes(), center).await; }
                None => return,
            },
        }
    }
}

async fn connect(from: IpAddr, center: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(center).await
}

async fn send_tcp(from: IpAddr, center: SocketAddr, mut inbox: mpsc::Receiver<String>, stop: CancellationToken) {
    let mut stream: Option<TcpStream> = None;
    loop {
        let line = tokio::select! {
            () = stop.cancelled() => return,
            line = inbox.recv() => match line { Some(line) => line, None => return },
        };
        for _ in 0..2 {
            if stream.is_none() {
                stream = connect(from, center).await.ok();
            }
            let Some(open) = stream.as_mut() else {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            if open.write_all(format!("{line}\n").as_bytes()).await.is_ok() {
                break;
            }
            stream = None;
        }
    }
}

/// How busy the hour is, 0 to 1: an office day from nine to six with a dip at lunch; nights are quiet, never silent.
#[must_use]
pub fn rhythm(now: &Zoned) -> f64 {
    let hour = f64::from(now.hour()) + f64::from(now.minute()) / 60.0;
    let office = match hour {
        h if (9.0..12.0).contains(&h) || (13.0..18.0).contains(&h) => 1.0,
        h if (12.0..13.0).contains(&h) => 0.6,
        h if (7.0..9.0).contains(&h) => 0.3 + (h - 7.0) * 0.35,
        h if (18.0..22.0).contains(&h) => 1.0 - (h - 18.0) * 0.17,
        _ => 0.3,
    };
    let weekend = matches!(now.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
    if weekend { office * 0.5 } else { office }
}

/// Now, in Korea.
#[must_use]
pub fn now() -> Zoned {
    let zone = TimeZone::get("Asia/Seoul").unwrap_or_else(|_| TimeZone::fixed(jiff::tz::Offset::constant(9)));
    jiff::Timestamp::now().to_zoned(zone)
}

/// Keep a device talking.
pub async fn talk(sender: Sender, seed: u64, stop: CancellationToken) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut tick = tokio::time::interval(Duration::from_millis(TICK_MILLIS));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let now = now();
        let expected = sender.device.kind.rate() * sender.device.share * rhythm(&now) * TICK_MILLIS as f64 / 1000.0;
        let count = expected.floor() as u32 + u32::from(rng.random_bool(expected.fract()));
        for _ in 0..count {
            let line = sender.device.ordinary(&now, &mut rng);
            sender.say(line).await;
        }
    }
}
