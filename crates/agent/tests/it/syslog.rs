//! A site's devices speak syslog to the agent.

use std::{
    io::Write,
    net::{TcpListener, TcpStream, UdpSocket},
};

use bongsu_event::Transport;
use bongsu_uplink::{AgentMessage, InputKind};

use super::{center::Center, host::Host};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn datagrams_and_streams_reach_the_center_with_their_sender() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    let (udp, tcp) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    center.configure(
        vec![InputKind::SyslogUdp { listen: udp.clone() }, InputKind::SyslogTcp { listen: tcp.clone() }],
        None,
    );
    host.start();
    center.until("two open listeners", |s| {
        let both = |m: &AgentMessage| matches!(m, AgentMessage::Status(s) if s.inputs.iter().filter(|i| !i.open.is_empty()).count() == 2);
        s.messages.iter().any(both).then_some(())
    });
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"<13>over udp", &udp).unwrap();
    let mut stream = TcpStream::connect(&tcp).unwrap();
    stream.write_all(b"<13>over tcp\n13 <13>counted 1").unwrap();
    center.until_lines(3);
    let state = center.state.lock().unwrap();
    let by = |text: &str| state.records.values().find(|r| r.raw.ends_with(text.as_bytes())).unwrap();
    assert_eq!((by("over udp").via, by("over udp").input.0), (Transport::Udp, 1));
    assert_eq!((by("over tcp").via, by("over tcp").input.0), (Transport::Tcp, 2));
    assert_eq!(by("over tcp").peer.unwrap(), stream.local_addr().unwrap());
    assert!(state.records.values().any(|r| &r.raw[..] == b"<13>counted 1"));
}

#[test]
fn a_port_in_use_is_said_and_the_rest_goes_on() {
    let center = Center::start();
    let mut host = Host::enrolled(&center);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = format!("127.0.0.1:{}", free_port());
    center.configure(
        vec![
            InputKind::SyslogTcp { listen: taken.local_addr().unwrap().to_string() },
            InputKind::SyslogTcp { listen: free.clone() },
        ],
        None,
    );
    host.start();
    let error = center.until("the trouble", |s| {
        s.messages.iter().find_map(|m| match m {
            AgentMessage::Status(s) => s.inputs.iter().find(|i| !i.error.is_empty()).map(|i| i.error.clone()),
            _ => None,
        })
    });
    assert!(error.contains("in use"), "{error}");
    TcpStream::connect(&free).unwrap().write_all(b"<13>still heard\n").unwrap();
    center.until_lines(1);
}
