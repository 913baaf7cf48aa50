//! Syslog over TCP, with senders of every kind.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use bongsu_event::limits::LINE_BYTES_MAX;
use bongsu_event::{SourceId, Transport};
use bongsu_intake::{BindError, Limits, StreamListener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{stream, texts, until};

#[tokio::test]
async fn a_single_line_goes_through_at_once_with_all_that_is_known_of_it() {
    let r = stream(Limits::default(), None);
    let mut c = TcpStream::connect(r.address).await.unwrap();
    c.write_all(b"<13>hello\n").await.unwrap();
    let records = r.store.wait_for(1).await;
    assert_eq!(texts(&records), ["<13>hello"]);
    assert_eq!((records[0].source, records[0].transport), (SourceId(7), Transport::Tcp));
    assert_eq!(records[0].peer, Some(c.local_addr().unwrap()));
    until(|| r.counters.snapshot().lines == 1).await;
    assert_eq!(r.context.sources()[0].1.lines, 1);
    assert_eq!(r.context.sources()[0].1.bytes, 9);
}

#[tokio::test]
async fn hostile_bytes_are_kept_and_the_connection_stays_open() {
    let r = stream(Limits::default(), None);
    let mut c = TcpStream::connect(r.address).await.unwrap();
    let long = vec![b'a'; 10 * 1024 * 1024];
    c.write_all(b"<13>first\n<13>nul \0 inside\n<13>\xff\xfe\xc0 bytes\n").await.unwrap();
    c.write_all(&[b"<13>", &long[..], b"\n"].concat()).await.unwrap();
    c.write_all(b"12 <13>counted\n<13>last\n").await.unwrap();
    let records = r.store.wait_for(6).await;
    assert_eq!(&records[1].raw[..], b"<13>nul \0 inside");
    assert_eq!(&records[2].raw[..], b"<13>\xff\xfe\xc0 bytes");
    assert!(records[3].flags.truncated && records[3].raw.len() == LINE_BYTES_MAX);
    assert_eq!(texts(&records[4..]), ["<13>counted", "<13>last"]);
    until(|| r.counters.snapshot().truncated == 1).await;
    assert_eq!(r.counters.snapshot().swallowed_bytes, (long.len() + 4 - LINE_BYTES_MAX) as u64);
}

#[tokio::test]
async fn a_line_without_end_is_kept_after_a_pause_and_at_the_close() {
    let limits = Limits { partial: Duration::from_millis(50), ..Limits::default() };
    let r = stream(limits, None);
    let mut c = TcpStream::connect(r.address).await.unwrap();
    c.write_all(b"<13>no newline").await.unwrap();
    let records = r.store.wait_for(1).await;
    assert!(records[0].flags.unterminated);
    c.write_all(b"\n<13>and on\n<13>end").await.unwrap();
    drop(c);
    let records = r.store.wait_for(3).await;
    assert_eq!(texts(&records), ["<13>no newline", "<13>and on", "<13>end"]);
    assert!(!records[1].flags.unterminated && records[2].flags.unterminated);
}

#[tokio::test]
async fn a_slow_sender_is_waited_for() {
    let r = stream(Limits::default(), None);
    let mut c = TcpStream::connect(r.address).await.unwrap();
    c.set_nodelay(true).unwrap();
    for byte in b"<13>slowly\n14 <13>and slower" {
        c.write_all(&[*byte]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(texts(&r.store.wait_for(2).await), ["<13>slowly", "<13>and slower"]);
}

#[tokio::test]
async fn a_store_that_waits_makes_the_sender_wait_and_loses_nothing() {
    let r = stream(Limits::default(), None);
    *r.store.blocked.lock() = true;
    let mut c = TcpStream::connect(r.address).await.unwrap();
    let line = format!("<13>{}\n", "x".repeat(507));
    // More than all buffers on the way can hold.
    let total = 100_000usize;
    let sender = tokio::spawn(async move {
        for _ in 0..total / 100 {
            c.write_all(line.repeat(100).as_bytes()).await.unwrap();
        }
    });
    until(|| r.store.asked.load(SeqCst) > 0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!sender.is_finished(), "the sender is held back");
    // One read of the smallest buffer and nothing more was taken from the socket.
    assert!(r.store.asked.load(SeqCst) <= bongsu_intake::limits::READ_BYTES_MIN / 512 + 1);
    assert_eq!(r.store.records.lock().len(), 0);
    r.store.release();
    sender.await.unwrap();
    assert_eq!(r.store.wait_for(total).await.len(), total);
}

/// Bytes in the kernel's receive buffer of the connection from `from`.
fn received(from: u16, at: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |end: &str| u16::from_str_radix(end.split(':').nth(1).unwrap(), 16).unwrap();
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let mut rows = rows.filter(|row| (port(row[1]), port(row[2])) == (at, from));
    rows.next().map_or(0, |row| usize::from_str_radix(row[4].split(':').nth(1).unwrap(), 16).unwrap())
}

#[tokio::test]
async fn what_is_not_stored_yet_stands_in_the_kernels_buffer() {
    let r = stream(Limits::default(), None);
    *r.store.blocked.lock() = true;
    let mut c = TcpStream::connect(r.address).await.unwrap();
    let (from, at) = (c.local_addr().unwrap().port(), r.address.port());
    let (whole, begun) = (b"<13>one\n<13>two\n", b"<13>beg");
    c.write_all(&[&whole[..], &begun[..]].concat()).await.unwrap();
    until(|| r.store.asked.load(SeqCst) == 2).await;
    assert_eq!(received(from, at), whole.len() + begun.len(), "a kill now loses what stands here and nothing besides");
    r.store.release();
    r.store.wait_for(2).await;
    until(|| received(from, at) == begun.len()).await;
    // Nothing new: it is not looked at again and again.
    let cpu = || std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let before: u64 = cpu().split(' ').next().unwrap().parse().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let spent = cpu().split(' ').next().unwrap().parse::<u64>().unwrap() - before;
    assert!(spent < 100_000_000, "{spent} ns while nothing came");
    c.write_all(b"un\n").await.unwrap();
    assert_eq!(texts(&r.store.wait_for(3).await), ["<13>one", "<13>two", "<13>begun"]);
    c.write_all(b"<13>last").await.unwrap();
    drop(c);
    assert_eq!(texts(&r.store.wait_for(4).await)[3], "<13>last");
}

#[tokio::test]
async fn a_line_that_the_window_cuts_in_two_is_one_line() {
    const LINES: usize = 4_000;
    let r = stream(Limits { partial: Duration::from_millis(500), ..Limits::default() }, None);
    for round in 1..=8 {
        // While the store waits the receive buffer fills, and the window closes within a line.
        *r.store.blocked.lock() = true;
        let mut c = TcpStream::connect(r.address).await.unwrap();
        let sender = tokio::spawn(async move {
            for n in 0..LINES {
                c.write_all(format!("<13>{n} {}\n", "x".repeat(200 + n % 97)).as_bytes()).await.unwrap();
            }
        });
        until(|| r.store.asked.load(SeqCst) > r.store.records.lock().len()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        r.store.release();
        sender.await.unwrap();
        let records = r.store.wait_for(round * LINES).await;
        let cut: Vec<_> = texts(&records).into_iter().filter(|t| !t.starts_with("<13>")).collect();
        assert!(cut.is_empty(), "{cut:?}");
        assert_eq!(records.len(), round * LINES);
    }
}

#[tokio::test]
async fn a_closed_store_closes_the_connection() {
    let r = stream(Limits::default(), None);
    *r.store.closed.lock() = true;
    let mut c = TcpStream::connect(r.address).await.unwrap();
    c.write_all(b"<13>x\n").await.unwrap();
    assert_eq!(c.read(&mut [0; 8]).await.unwrap_or(0), 0);
    until(|| r.counters.snapshot().undelivered == 1).await;
}

#[tokio::test]
async fn connections_are_bounded_and_the_refused_counted() {
    let r = stream(Limits { connections: 3, connections_per_address: 2, ..Limits::default() }, None);
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut c = TcpStream::connect(r.address).await.unwrap();
        c.write_all(b"<13>x\n").await.unwrap();
        open.push(c);
    }
    r.store.wait_for(2).await;
    let mut third = TcpStream::connect(r.address).await.unwrap();
    assert_eq!(third.read(&mut [0; 8]).await.unwrap_or(0), 0);
    assert_eq!(r.counters.refused.load(Relaxed), 1);
    drop(open);
    until(|| r.counters.open.load(Relaxed) == 0).await;
    let mut fourth = TcpStream::connect(r.address).await.unwrap();
    fourth.write_all(b"<13>y\n").await.unwrap();
    r.store.wait_for(3).await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let r = stream(Limits { idle: Duration::from_millis(30), ..Limits::default() }, None);
    let mut c = TcpStream::connect(r.address).await.unwrap();
    assert_eq!(c.read(&mut [0; 8]).await.unwrap_or(0), 0);
    until(|| r.counters.idle_closed.load(Relaxed) == 1).await;
}

#[tokio::test]
async fn stopping_delivers_what_was_read() {
    let r = stream(Limits::default(), None);
    let mut c = TcpStream::connect(r.address).await.unwrap();
    c.write_all(b"<13>whole\n<13>half").await.unwrap();
    r.store.wait_for(1).await;
    r.stop.cancel();
    r.done.await.unwrap();
    assert_eq!(texts(&r.store.wait_for(2).await), ["<13>whole", "<13>half"]);
    assert_eq!(r.counters.open.load(Relaxed), 0);
}

#[tokio::test]
async fn a_rate_slows_the_sender_and_drops_nothing() {
    let r = stream(Limits { lines_per_second: Some(50), ..Limits::default() }, None);
    let mut c = TcpStream::connect(r.address).await.unwrap();
    for _ in 0..70 {
        c.write_all(b"<13>x\n").await.unwrap();
    }
    drop(c);
    assert_eq!(r.store.wait_for(70).await.len(), 70);
}

#[tokio::test]
async fn a_busy_port_says_what_to_do() {
    let r = stream(Limits::default(), None);
    let error = StreamListener::bind(r.address, None).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }));
    assert!(error.to_string().contains("choose another port"), "{error}");
}

#[tokio::test]
async fn many_senders_at_once_lose_nothing() {
    let r = stream(Limits::default(), None);
    let senders: Vec<_> = (0..50)
        .map(|s| {
            let address = r.address;
            tokio::spawn(async move {
                let mut c = TcpStream::connect(address).await.unwrap();
                for n in 0..200 {
                    c.write_all(format!("<13>{s} {n}\n").as_bytes()).await.unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let mut got = texts(&r.store.wait_for(10_000).await);
    got.sort();
    got.dedup();
    assert_eq!(got.len(), 10_000);
    let _ = Arc::clone(&r.context);
}
