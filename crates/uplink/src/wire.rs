//! Kind numbers and bodies of the messages. The numbers are frozen: a new message takes a new one.
//!
//! `Records` and the block messages are compressed. In `Records` the lines stand in one run after their heads, so that a
//! receiver slices them out of one buffer instead of copying each.

use std::net::SocketAddr;

use bongsu_event::{Micros, RecordFlags, Transport};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::{pack, unpack};
use crate::limits::{RECORD_RAW_BYTES_MAX, RECORDS_MAX};
use crate::{AgentMessage, AgentRecord, CenterMessage, CodecError, InputId, Message, Records};

#[derive(Serialize, Deserialize)]
struct RecordsHead {
    epoch: u64,
    first_sequence: u64,
    records: Vec<RecordHead>,
}

#[derive(Serialize, Deserialize)]
struct RecordHead {
    time: Micros,
    input: InputId,
    peer: Option<SocketAddr>,
    via: Transport,
    flags: RecordFlags,
    length: u32,
}

fn write<T: Serialize>(kind: u8, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let body = postcard::to_stdvec(value).map_err(|e| CodecError::Body { kind, what: e.to_string() })?;
    out.extend_from_slice(&body);
    Ok(())
}

fn write_packed<T: Serialize>(kind: u8, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut plain = Vec::new();
    write(kind, value, &mut plain)?;
    pack(&plain, kind, out)
}

fn read<T: DeserializeOwned>(kind: u8, body: &[u8]) -> Result<T, CodecError> {
    postcard::from_bytes(body).map_err(|e| CodecError::Body { kind, what: e.to_string() })
}

fn read_packed<T: DeserializeOwned>(kind: u8, body: &[u8]) -> Result<T, CodecError> {
    read(kind, &unpack(body, kind)?)
}

fn write_records(kind: u8, records: &Records, out: &mut Vec<u8>) -> Result<(), CodecError> {
    if records.records.len() > RECORDS_MAX {
        return Err(CodecError::TooLong { bytes: records.records.len(), limit: RECORDS_MAX });
    }
    let mut lines = 0;
    let mut heads = Vec::with_capacity(records.records.len());
    for r in &records.records {
        let length = u32::try_from(r.raw.len()).ok().filter(|_| r.raw.len() <= RECORD_RAW_BYTES_MAX);
        let length = length.ok_or(CodecError::TooLong { bytes: r.raw.len(), limit: RECORD_RAW_BYTES_MAX })?;
        lines += r.raw.len();
        heads.push(RecordHead { time: r.time, input: r.input, peer: r.peer, via: r.via, flags: r.flags, length });
    }
    let head = RecordsHead { epoch: records.epoch, first_sequence: records.first_sequence, records: heads };
    let mut plain = Vec::with_capacity(lines + records.records.len() * 24 + 32);
    write(kind, &head, &mut plain)?;
    for r in &records.records {
        plain.extend_from_slice(&r.raw);
    }
    pack(&plain, kind, out)
}

fn read_records(kind: u8, body: &[u8]) -> Result<Records, CodecError> {
    let bad = |what: &str| CodecError::Body { kind, what: what.to_owned() };
    let plain = unpack(body, kind)?;
    let (head, lines) = postcard::take_from_bytes::<RecordsHead>(&plain).map_err(|e| bad(&e.to_string()))?;
    if head.records.len() > RECORDS_MAX {
        return Err(bad("too many records"));
    }
    let mut lines: Bytes = plain.slice_ref(lines);
    let mut records = Vec::with_capacity(head.records.len());
    for h in head.records {
        let length = h.length as usize;
        if length > lines.len() || length > RECORD_RAW_BYTES_MAX {
            return Err(bad("a line is longer than the message"));
        }
        let raw = lines.split_to(length);
        records.push(AgentRecord { time: h.time, input: h.input, peer: h.peer, via: h.via, flags: h.flags, raw });
    }
    if !lines.is_empty() {
        return Err(bad("bytes after the last line"));
    }
    if head.first_sequence == 0 || head.first_sequence.checked_add(records.len() as u64).is_none() {
        return Err(bad("sequences begin at 1"));
    }
    Ok(Records { epoch: head.epoch, first_sequence: head.first_sequence, records })
}

impl Message for AgentMessage {
    fn kind(&self) -> u8 {
        match self {
            Self::Hello(_) => 1,
            Self::Records(_) => 2,
            Self::Status(_) => 3,
            Self::BlocksState(_) => 4,
            Self::BlockResult(_) => 5,
            Self::Enrol(_) => 6,
            Self::Renew(_) => 7,
            Self::Ping(_) => 8,
            Self::Pong(_) => 9,
            Self::Error(_) => 10,
        }
    }

    fn write_body(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let kind = self.kind();
        match self {
            Self::Hello(m) => write(kind, m, out),
            Self::Records(m) => write_records(kind, m, out),
            Self::Status(m) => write(kind, m, out),
            Self::BlocksState(m) => write_packed(kind, m, out),
            Self::BlockResult(m) => write(kind, m, out),
            Self::Enrol(m) => write(kind, m, out),
            Self::Renew(m) => write(kind, m, out),
            Self::Ping(m) | Self::Pong(m) => write(kind, m, out),
            Self::Error(m) => write(kind, m, out),
        }
    }

    fn read_body(kind: u8, body: Bytes) -> Result<Option<Self>, CodecError> {
        Ok(Some(match kind {
            1 => Self::Hello(read(kind, &body)?),
            2 => Self::Records(read_records(kind, &body)?),
            3 => Self::Status(read(kind, &body)?),
            4 => Self::BlocksState(read_packed(kind, &body)?),
            5 => Self::BlockResult(read(kind, &body)?),
            6 => Self::Enrol(read(kind, &body)?),
            7 => Self::Renew(read(kind, &body)?),
            8 => Self::Ping(read(kind, &body)?),
            9 => Self::Pong(read(kind, &body)?),
            10 => Self::Error(read(kind, &body)?),
            _ => return Ok(None),
        }))
    }
}

impl Message for CenterMessage {
    fn kind(&self) -> u8 {
        match self {
            Self::Welcome(_) => 1,
            Self::Ack { .. } => 2,
            Self::Config(_) => 3,
            Self::Blocks(_) => 4,
            Self::BlocksDelta(_) => 5,
            Self::Enrolled(_) => 6,
            Self::Ping(_) => 8,
            Self::Pong(_) => 9,
            Self::Error(_) => 10,
        }
    }

    fn write_body(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let kind = self.kind();
        match self {
            Self::Welcome(m) => write(kind, m, out),
            Self::Ack { epoch, through } => write(kind, &(*epoch, *through), out),
            Self::Config(m) => write(kind, m, out),
            Self::Blocks(m) => write_packed(kind, m, out),
            Self::BlocksDelta(m) => write(kind, m, out),
            Self::Enrolled(m) => write(kind, m, out),
            Self::Ping(m) | Self::Pong(m) => write(kind, m, out),
            Self::Error(m) => write(kind, m, out),
        }
    }

    fn read_body(kind: u8, body: Bytes) -> Result<Option<Self>, CodecError> {
        Ok(Some(match kind {
            1 => Self::Welcome(read(kind, &body)?),
            2 => {
                let (epoch, through) = read(kind, &body)?;
                Self::Ack { epoch, through }
            }
            3 => Self::Config(read(kind, &body)?),
            4 => Self::Blocks(read_packed(kind, &body)?),
            5 => Self::BlocksDelta(read(kind, &body)?),
            6 => Self::Enrolled(read(kind, &body)?),
            8 => Self::Ping(read(kind, &body)?),
            9 => Self::Pong(read(kind, &body)?),
            10 => Self::Error(read(kind, &body)?),
            _ => return Ok(None),
        }))
    }
}
