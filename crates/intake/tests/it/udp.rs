//! Syslog over UDP.

use std::net::UdpSocket;
use std::sync::Arc;

use bongsu_event::{SourceId, Transport};
use bongsu_intake::{BindError, Limits, UdpListener};
use tokio_util::sync::CancellationToken;

use crate::{Running, context, texts, until};

fn udp(limits: Limits, rcvbuf: usize) -> Running {
    let (store, context) = context(limits);
    let listener = UdpListener::bind("127.0.0.1:0".parse().unwrap(), rcvbuf).unwrap();
    let (address, counters, stop) = (listener.local_addr().unwrap(), listener.counters(), CancellationToken::new());
    let done = tokio::spawn(listener.run(Arc::clone(&context), stop.clone()));
    Running { address, store, context, counters, stop, done }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datagram_is_a_line() {
    let r = udp(Limits::default(), 1 << 20);
    let c = UdpSocket::bind("127.0.0.1:0").unwrap();
    for text in ["<13>one", "<13>two\n", "<13>a\nb", "\n", "<13>nul\0in", "<13>last\0"] {
        c.send_to(text.as_bytes(), r.address).unwrap();
    }
    c.send_to(&[b'x'; 65_507], r.address).unwrap();
    let records = r.store.wait_for(6).await;
    assert_eq!(texts(&records[..5]), ["<13>one", "<13>two", "<13>a\nb", "<13>nul\0in", "<13>last"]);
    assert_eq!(records[5].raw.len(), 65_507);
    assert_eq!((records[0].source, records[0].transport), (SourceId(7), Transport::Udp));
    assert_eq!(records[0].peer, Some(c.local_addr().unwrap()));
    until(|| r.counters.snapshot().lines == 6).await;
    r.stop.cancel();
    r.done.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_kernel_drops_is_counted() {
    let r = udp(Limits::default(), 16 * 1024);
    let c = UdpSocket::bind("127.0.0.1:0").unwrap();
    *r.store.blocked.lock() = true;
    let sent = 400_000u64;
    let line = [b'x'; 64];
    for _ in 0..sent {
        c.send_to(&line, r.address).unwrap();
    }
    r.store.release();
    // The kernel tells of its drops with the datagrams that follow.
    until(|| {
        c.send_to(b"<13>end", r.address).unwrap();
        r.store.records.lock().last().is_some_and(|l| l.raw.ends_with(b"end"))
    })
    .await;
    r.stop.cancel();
    r.done.await.unwrap();
    let got = r.store.records.lock().iter().filter(|l| l.raw.len() == 64).count() as u64;
    let dropped = r.counters.snapshot().udp_dropped;
    assert!(got + dropped >= sent, "{got} came, {dropped} dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_its_rate_an_address_is_dropped_and_counted() {
    let r = udp(Limits { lines_per_second: Some(10), ..Limits::default() }, 1 << 20);
    let c = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..200 {
        c.send_to(b"<13>x", r.address).unwrap();
    }
    until(|| r.counters.snapshot().lines + r.counters.snapshot().rate_dropped == 200).await;
    assert!(r.counters.snapshot().rate_dropped > 0);
    r.stop.cancel();
    r.done.await.unwrap();
}

#[tokio::test]
async fn a_busy_port_says_what_to_do() {
    let r = udp(Limits::default(), 1 << 16);
    let error = UdpListener::bind(r.address, 1 << 16).unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
    r.stop.cancel();
    r.done.await.unwrap();
}
