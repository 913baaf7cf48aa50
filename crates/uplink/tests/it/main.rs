//! Every message survives the wire, in pieces of any size.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;

use bongsu_event::{AgentId, Micros, RecordFlags, SourceId, SpoolPosition, Transport};
use bongsu_uplink::{
    AgentConfig, AgentMessage, AgentRecord, BlockOutcome, BlockReport, BlockResult, Blocks, BlocksDelta, BlocksState,
    CenterMessage, CodecError, Config, Decoder, Direction, EnforceConfig, Enforcement, EnforcementState, Enrol,
    Enrolled, Hello, InputConfig, InputId, InputKind, InputStatus, KillSwitch, Message, Records, Renew, SpoolConfig,
    SpoolStatus, Status, WantedBlock, Welcome, encode,
};
use proptest::prelude::*;

fn record() -> impl Strategy<Value = AgentRecord> {
    let peer = prop_oneof![
        Just(None),
        Just(Some("192.0.2.1:514".parse::<SocketAddr>().unwrap())),
        Just(Some("[2001:db8::1]:9".parse().unwrap()))
    ];
    let via = prop_oneof![Just(Transport::Agent), Just(Transport::Udp), Just(Transport::Tcp)];
    let raw = proptest::collection::vec(any::<u8>(), 0..100);
    (any::<i64>(), any::<u32>(), peer, via, any::<(bool, bool)>(), raw).prop_map(
        |(time, input, peer, via, flags, raw)| AgentRecord {
            time: Micros(time),
            input: InputId(input),
            peer,
            via,
            flags: RecordFlags { truncated: flags.0, unterminated: flags.1 },
            raw: raw.into(),
        },
    )
}

fn agent_message() -> impl Strategy<Value = AgentMessage> {
    let records = (any::<u64>(), 1u64..1 << 60, proptest::collection::vec(record(), 0..50))
        .prop_map(|(epoch, first_sequence, records)| AgentMessage::Records(Records { epoch, first_sequence, records }));
    let report =
        ("[a-z]{0,9}", any::<Option<u64>>(), any::<Option<i64>>(), ".{0,20}").prop_map(|(id, n, t, detail)| {
            BlockReport {
                id,
                target: "203.0.113.0/24".into(),
                outcome: BlockOutcome::NotEffective,
                dropped_packets: n,
                dropped_bytes: n,
                open_connections: n.map(|n| n as u32),
                expires_at: t.map(Micros),
                detail,
            }
        });
    let text = ".{0,40}";
    prop_oneof![
        records,
        (text, any::<u64>(), proptest::collection::vec("[a-z]{1,8}", 0..4)).prop_map(|(hostname, n, capabilities)| {
            AgentMessage::Hello(Hello {
                protocol: 1,
                agent_version: "0.1.0".into(),
                hostname,
                os: "Debian GNU/Linux 13".into(),
                spool_epoch: n,
                spool_first_sequence: n / 2,
                spool_last_sequence: n,
                config_version: 3,
                blocks_version: 4,
                capabilities,
            })
        }),
        (any::<u64>(), text).prop_map(|(n, error)| {
            AgentMessage::Status(Status {
                time: Micros(5),
                rss_bytes: n,
                cpu_micros: n,
                uptime_seconds: n,
                spool: SpoolStatus { epoch: n, alarm: error.clone(), ..SpoolStatus::default() },
                inputs: vec![InputStatus { lines: n, last_line: Some(Micros(7)), error, ..InputStatus::default() }],
                enforcement: Enforcement { state: EnforcementState::On, held: 3, ..Enforcement::default() },
            })
        }),
        proptest::collection::vec(report.clone(), 0..20).prop_map(|blocks| {
            AgentMessage::BlocksState(BlocksState { blocks, repaired: 2, kill_switch: true, ..BlocksState::default() })
        }),
        report.prop_map(|report| AgentMessage::BlockResult(BlockResult { time: Micros(1), took_micros: 2, report })),
        (any::<[u8; 32]>(), text).prop_map(|(secret, hostname)| {
            AgentMessage::Enrol(Enrol { protocol: 1, secret, csr_pem: "-----".into(), hostname })
        }),
        text.prop_map(|csr_pem| AgentMessage::Renew(Renew { csr_pem })),
        any::<u64>().prop_map(AgentMessage::Ping),
        any::<u64>().prop_map(AgentMessage::Pong),
        text.prop_map(AgentMessage::Error),
    ]
}

fn center_message() -> impl Strategy<Value = CenterMessage> {
    let block = ("[a-z]{1,9}", any::<[u8; 16]>(), any::<i64>()).prop_map(|(id, ip, t)| WantedBlock {
        id,
        address: ip.into(),
        prefix: 128,
        direction: Direction::From,
        expires_at: Micros(t),
    });
    let kind = prop_oneof![
        (proptest::collection::vec(".{0,20}", 0..3), any::<bool>())
            .prop_map(|(globs, from_start)| InputKind::Tail { globs, from_start }),
        proptest::collection::vec("[a-z]{1,9}", 0..3).prop_map(|units| InputKind::Journald { units }),
        Just(InputKind::SyslogUdp { listen: "127.0.0.1:514".into() }),
        Just(InputKind::SyslogTcp { listen: "127.0.0.1:514".into() }),
    ];
    let config = (any::<u64>(), proptest::collection::vec(kind, 0..5)).prop_map(|(version, kinds)| Config {
        version,
        agent: AgentConfig {
            inputs: (1..).zip(kinds).map(|(n, kind)| InputConfig { id: InputId(n), kind }).collect(),
            spool: SpoolConfig::default(),
            enforce: Some(EnforceConfig { dry_run: true, reconcile_seconds: 5 }),
        },
    });
    let blocks = proptest::collection::vec(block, 0..20);
    prop_oneof![
        (config.clone(), any::<u64>()).prop_map(|(config, n)| {
            CenterMessage::Welcome(Welcome {
                protocol: 1,
                agent_id: AgentId(n as u32),
                time: Micros(3),
                center_epoch: n,
                acked_sequence: n,
                config,
            })
        }),
        any::<(u64, u64)>().prop_map(|(epoch, through)| CenterMessage::Ack { epoch, through }),
        config.prop_map(CenterMessage::Config),
        (blocks.clone(), any::<u64>()).prop_map(|(wanted, version)| {
            let never_block = vec!["192.0.2.0/24".to_owned()];
            CenterMessage::Blocks(Blocks { version, wanted, never_block, kill_switch: KillSwitch::On })
        }),
        (blocks, any::<u64>()).prop_map(|(add, version)| {
            let remove = vec!["b1".to_owned()];
            CenterMessage::BlocksDelta(BlocksDelta { version, add, remove, kill_switch: Some(KillSwitch::Off) })
        }),
        ".{0,40}".prop_map(|chain_pem| {
            CenterMessage::Enrolled(Enrolled { chain_pem, agent_id: AgentId(4), ..Enrolled::default() })
        }),
        any::<u64>().prop_map(CenterMessage::Ping),
        any::<u64>().prop_map(CenterMessage::Pong),
        ".{0,40}".prop_map(CenterMessage::Error),
    ]
}

fn through_the_wire<M: Message + PartialEq + std::fmt::Debug>(messages: &[M], cut: usize) {
    let bytes: Vec<u8> = messages.iter().flat_map(|m| encode(m).unwrap()).collect();
    let mut decoder = Decoder::<M>::new();
    let mut out = Vec::new();
    for piece in bytes.chunks(cut) {
        decoder.feed(piece);
        while let Some(message) = decoder.next().unwrap() {
            out.push(message);
        }
    }
    assert_eq!(out, messages);
    assert_eq!((decoder.pending_bytes(), decoder.unknown_frames()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn agent_messages(messages in proptest::collection::vec(agent_message(), 1..5), cut in 1usize..2_000) {
        through_the_wire(&messages, cut);
    }

    #[test]
    fn center_messages(messages in proptest::collection::vec(center_message(), 1..5), cut in 1usize..2_000) {
        through_the_wire(&messages, cut);
    }

    /// A flipped byte gives an error or another message, never a panic or a huge allocation.
    #[test]
    fn altered_frames_never_panic(message in agent_message(), at in any::<prop::sample::Index>(), with in 1u8..) {
        let mut bytes = encode(&message).unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let mut decoder = Decoder::<AgentMessage>::new();
        decoder.feed(&bytes);
        while let Ok(Some(_)) = decoder.next() {}
    }
}

#[test]
fn a_line_over_the_limit_is_refused_by_both_sides() {
    let line = AgentRecord {
        time: Micros(1),
        input: InputId(1),
        peer: None,
        via: Transport::Agent,
        flags: RecordFlags::default(),
        raw: vec![b'x'; bongsu_uplink::limits::RECORD_RAW_BYTES_MAX + 1].into(),
    };
    let records = Records { epoch: 1, first_sequence: 1, records: vec![line] };
    assert!(matches!(encode(&AgentMessage::Records(records)), Err(CodecError::TooLong { .. })));
    let none = Records { epoch: 1, first_sequence: 0, records: Vec::new() };
    let mut decoder = Decoder::<AgentMessage>::new();
    decoder.feed(&encode(&AgentMessage::Records(none)).unwrap());
    assert!(matches!(decoder.next(), Err(CodecError::Body { .. })), "sequences begin at 1");
}

#[test]
fn the_center_says_whose_a_line_is_and_udp_stays_udp() {
    let mut line = AgentRecord {
        time: Micros(1),
        input: InputId(5),
        peer: Some("192.0.2.1:514".parse().unwrap()),
        via: Transport::Udp,
        flags: RecordFlags::default(),
        raw: "x".into(),
    };
    assert_eq!(AgentRecord::from_spool(&line.clone().into_spool()), line);
    let position = SpoolPosition { agent: AgentId(2), epoch: 9, sequence: 4 };
    let raw = line.clone().into_raw(SourceId(7), position, Some("198.51.100.1:1".parse().unwrap()));
    assert_eq!((raw.source, raw.transport, raw.spool), (SourceId(7), Transport::Udp, Some(position)));
    assert_eq!(raw.peer, line.peer);
    (line.via, line.peer) = (Transport::Agent, None);
    let raw = line.into_raw(SourceId(7), position, Some("198.51.100.1:1".parse().unwrap()));
    assert_eq!(raw.transport, Transport::Agent);
    assert_eq!(raw.peer, Some("198.51.100.1:1".parse().unwrap()));
}
