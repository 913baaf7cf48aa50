//! Records ⇄ the plain bytes of a batch: first all heads, then all lines in one run. Pure.
//!
//! Invariant: decoding hostile bytes never panics and never holds more than they say. A head repeats where a line came from
//! only when it differs from the record before, so that a burst of one sender costs about four bytes a line.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use bongsu_event::{AgentId, Micros, RawRecord, RecordFlags, SourceId, SpoolPosition, Transport};
use bytes::Bytes;

const TRUNCATED: u8 = 1;
const UNTERMINATED: u8 = 2;
const NEW_ORIGIN: u8 = 4;
const SPOOL_JUMP: u8 = 8;

/// Where a line came from: what rarely changes from one record to the next.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Origin {
    source: SourceId,
    transport: Transport,
    peer: Option<SocketAddr>,
    spool: Option<(AgentId, u64)>,
}

impl Origin {
    fn of(record: &RawRecord) -> Self {
        Self {
            source: record.source,
            transport: record.transport,
            peer: record.peer,
            spool: record.spool.map(|s| (s.agent, s.epoch)),
        }
    }
}

/// Write the plain bytes of a batch; `out` is cleared first.
pub(crate) fn encode(records: &[RawRecord], out: &mut Vec<u8>) {
    out.clear();
    let (mut time, mut origin, mut spool_next) = (0i64, None, 0u64);
    for record in records {
        let here = Origin::of(record);
        let mut flags = 0;
        if record.flags.truncated {
            flags |= TRUNCATED;
        }
        if record.flags.unterminated {
            flags |= UNTERMINATED;
        }
        if origin != Some(here) {
            flags |= NEW_ORIGIN;
        }
        if record.spool.is_some_and(|s| s.sequence != spool_next) {
            flags |= SPOOL_JUMP;
        }
        out.push(flags);
        put_signed(out, record.receive_time.0.wrapping_sub(time));
        time = record.receive_time.0;
        if flags & NEW_ORIGIN != 0 {
            put_origin(out, &here);
            origin = Some(here);
        }
        if let Some(spool) = record.spool {
            if flags & SPOOL_JUMP != 0 {
                put(out, spool.sequence);
            }
            spool_next = spool.sequence.wrapping_add(1);
        }
        put(out, record.raw.len() as u64);
    }
    for record in records {
        out.extend_from_slice(&record.raw);
    }
}

/// Read the plain bytes of a batch of `count` records; `None` if they are no such batch.
pub(crate) fn decode(plain: &Bytes, count: usize) -> Option<Vec<RawRecord>> {
    let mut at: &[u8] = plain;
    let (mut time, mut origin, mut spool_next) = (0i64, None, 0u64);
    let mut records = Vec::with_capacity(count.min(bongsu_event::limits::BATCH_RECORDS_MAX));
    let mut lengths = Vec::with_capacity(records.capacity());
    for _ in 0..count {
        let flags = get_byte(&mut at)?;
        if flags & !(TRUNCATED | UNTERMINATED | NEW_ORIGIN | SPOOL_JUMP) != 0 {
            return None;
        }
        time = time.wrapping_add(get_signed(&mut at)?);
        if flags & NEW_ORIGIN != 0 {
            origin = Some(get_origin(&mut at)?);
        }
        let here: Origin = origin?;
        let spool = match here.spool {
            Some((agent, epoch)) => {
                let sequence = if flags & SPOOL_JUMP != 0 { get(&mut at)? } else { spool_next };
                spool_next = sequence.wrapping_add(1);
                Some(SpoolPosition { agent, epoch, sequence })
            }
            None => None,
        };
        lengths.push(usize::try_from(get(&mut at)?).ok()?);
        records.push(RawRecord {
            receive_time: Micros(time),
            source: here.source,
            transport: here.transport,
            peer: here.peer,
            spool,
            flags: RecordFlags { truncated: flags & TRUNCATED != 0, unterminated: flags & UNTERMINATED != 0 },
            raw: Bytes::new(),
        });
    }
    let mut lines = plain.slice_ref(at);
    for (record, length) in records.iter_mut().zip(lengths) {
        if length > lines.len() {
            return None;
        }
        record.raw = lines.split_to(length);
    }
    lines.is_empty().then_some(records)
}

fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn put_signed(out: &mut Vec<u8>, n: i64) {
    put(out, ((n << 1) ^ (n >> 63)) as u64);
}

fn get_byte(at: &mut &[u8]) -> Option<u8> {
    let (first, rest) = at.split_first()?;
    *at = rest;
    Some(*first)
}

fn get(at: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = get_byte(at)?;
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}

fn get_signed(at: &mut &[u8]) -> Option<i64> {
    let n = get(at)?;
    Some(((n >> 1) as i64) ^ -((n & 1) as i64))
}

fn get_array<const N: usize>(at: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = at.split_first_chunk::<N>()?;
    *at = rest;
    Some(*head)
}

/// Frozen: these numbers stand on disk.
const TRANSPORTS: [Transport; 6] =
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::MutualTls, Transport::Agent, Transport::Load];

fn put_origin(out: &mut Vec<u8>, origin: &Origin) {
    out.push(TRANSPORTS.iter().position(|t| *t == origin.transport).unwrap_or(0) as u8);
    put(out, u64::from(origin.source.0));
    match origin.peer {
        None => out.push(0),
        Some(SocketAddr::V4(a)) => {
            out.push(4);
            out.extend_from_slice(&a.ip().octets());
            put(out, u64::from(a.port()));
        }
        Some(SocketAddr::V6(a)) => {
            out.push(6);
            out.extend_from_slice(&a.ip().octets());
            put(out, u64::from(a.port()));
            put(out, u64::from(a.flowinfo()));
            put(out, u64::from(a.scope_id()));
        }
    }
    match origin.spool {
        None => out.push(0),
        Some((agent, epoch)) => {
            out.push(1);
            put(out, u64::from(agent.0));
            out.extend_from_slice(&epoch.to_le_bytes());
        }
    }
}

fn get_origin(at: &mut &[u8]) -> Option<Origin> {
    let transport = *TRANSPORTS.get(usize::from(get_byte(at)?))?;
    let source = SourceId(u32::try_from(get(at)?).ok()?);
    let peer = match get_byte(at)? {
        0 => None,
        4 => {
            let ip = Ipv4Addr::from(get_array::<4>(at)?);
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::try_from(get(at)?).ok()?)))
        }
        6 => {
            let ip = Ipv6Addr::from(get_array::<16>(at)?);
            let port = u16::try_from(get(at)?).ok()?;
            let (flow, scope) = (u32::try_from(get(at)?).ok()?, u32::try_from(get(at)?).ok()?);
            Some(SocketAddr::V6(SocketAddrV6::new(ip, port, flow, scope)))
        }
        _ => return None,
    };
    let spool = match get_byte(at)? {
        0 => None,
        1 => Some((AgentId(u32::try_from(get(at)?).ok()?), u64::from_le_bytes(get_array(at)?))),
        _ => return None,
    };
    Some(Origin { source, transport, peer, spool })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn record() -> impl Strategy<Value = RawRecord> {
        let peer = prop_oneof![
            Just(None),
            Just(Some("192.0.2.7:514".parse().unwrap())),
            any::<([u8; 16], u16, u32, u32)>().prop_map(|(ip, p, f, s)| Some(SocketAddr::V6(SocketAddrV6::new(
                ip.into(),
                p,
                f,
                s
            )))),
        ];
        let spool = prop_oneof![
            Just(None),
            any::<(u32, u64, u64)>().prop_map(|(a, epoch, sequence)| Some(SpoolPosition {
                agent: AgentId(a),
                epoch,
                sequence
            })),
            (1u64..9).prop_map(|sequence| Some(SpoolPosition { agent: AgentId(3), epoch: 5, sequence })),
        ];
        let raw = proptest::collection::vec(any::<u8>(), 0..80);
        (any::<i64>(), any::<u32>(), 0usize..6, peer, spool, any::<(bool, bool)>(), raw).prop_map(
            |(time, source, transport, peer, spool, (truncated, unterminated), raw)| RawRecord {
                receive_time: Micros(time),
                source: SourceId(source),
                transport: TRANSPORTS[transport],
                peer,
                spool,
                flags: RecordFlags { truncated, unterminated },
                raw: raw.into(),
            },
        )
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(records in proptest::collection::vec(record(), 1..20)) {
            let mut plain = Vec::new();
            encode(&records, &mut plain);
            prop_assert!(plain.len() <= records.iter().map(|r| r.raw.len() + crate::limits::RECORD_HEAD_BYTES_MAX).sum());
            prop_assert_eq!(decode(&Bytes::from(plain), records.len()), Some(records));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), count in 0usize..5_000) {
            let _ = decode(&Bytes::from(bytes), count);
        }
    }
}
