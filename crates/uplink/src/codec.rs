//! Frames: `u32` big-endian length, `u8` kind, body. The length counts kind and body.
//!
//! Invariant: the decoder never holds more than one frame beyond what was fed, and refuses a frame over its limit
//! when it has seen the length, before it waits for the rest.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::limits::{FRAME_BYTES_MAX, PLAIN_BYTES_MAX};

/// Bytes of length and kind.
const HEAD_BYTES: usize = 5;

/// A message of one direction.
pub trait Message: Sized {
    /// Its frozen kind number.
    fn kind(&self) -> u8;
    /// Write the body.
    ///
    /// # Errors
    /// Too large for one frame.
    fn write_body(&self, out: &mut Vec<u8>) -> Result<(), CodecError>;
    /// Read a body; `None` for a kind this side does not know.
    ///
    /// # Errors
    /// The body is no message of that kind.
    fn read_body(kind: u8, body: Bytes) -> Result<Option<Self>, CodecError>;
}

/// Why bytes are no message. The connection cannot go on after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The frame says it is longer than the limit.
    #[error("a frame of {bytes} bytes is over the limit of {limit}; close the connection")]
    TooLong {
        /// Bytes announced or needed.
        bytes: usize,
        /// The limit in force.
        limit: usize,
    },
    /// A frame without a kind.
    #[error("an empty frame; close the connection")]
    Empty,
    /// The body is not what its kind says.
    #[error("message kind {kind} cannot be read: {what}; close the connection")]
    Body {
        /// The kind.
        kind: u8,
        /// What is wrong.
        what: String,
    },
}

/// A message as one frame, ready to be written.
///
/// # Errors
/// The message is too large: send fewer records or blocks in it.
pub fn encode<M: Message>(message: &M) -> Result<Bytes, CodecError> {
    let mut body = Vec::with_capacity(256);
    message.write_body(&mut body)?;
    let length = body.len() + 1;
    let limit = FRAME_BYTES_MAX;
    let Some(prefix) = u32::try_from(length).ok().filter(|_| length <= limit) else {
        return Err(CodecError::TooLong { bytes: length, limit });
    };
    let mut frame = BytesMut::with_capacity(length + 4);
    frame.put_u32(prefix);
    frame.put_u8(message.kind());
    frame.put_slice(&body);
    Ok(frame.freeze())
}

/// Bytes in, messages out.
#[derive(Debug)]
pub struct Decoder<M> {
    buffer: BytesMut,
    limit: usize,
    unknown: u64,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Default for Decoder<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Message> Decoder<M> {
    /// For a peer that has shown its certificate.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(FRAME_BYTES_MAX)
    }

    /// With a lower limit, as [`crate::limits::ENROL_FRAME_BYTES_MAX`] for a stranger.
    #[must_use]
    pub fn with_limit(limit_bytes: usize) -> Self {
        Self { buffer: BytesMut::new(), limit: limit_bytes.min(FRAME_BYTES_MAX), unknown: 0, message: PhantomData }
    }

    /// Take bytes as they come, in pieces of any size. Drain [`Decoder::next`] after each feed: what was fed is held
    /// until then.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer itself, for readers that append in place (`read_buf`).
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole message, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// The peer does not speak our language; close the connection.
    #[expect(clippy::should_implement_trait, reason = "a decoder is no iterator: None means not yet")]
    pub fn next(&mut self) -> Result<Option<M>, CodecError> {
        loop {
            let Some(length) = self.buffer.first_chunk::<4>().map(|b| u32::from_be_bytes(*b) as usize) else {
                return Ok(None);
            };
            if length == 0 {
                return Err(CodecError::Empty);
            }
            if length > self.limit {
                return Err(CodecError::TooLong { bytes: length, limit: self.limit });
            }
            if self.buffer.len() < length + 4 {
                self.buffer.reserve((length + 4).saturating_sub(self.buffer.len()).min(64 * 1024));
                return Ok(None);
            }
            let mut frame = self.buffer.split_to(length + 4).freeze();
            let kind = frame.get(4).copied().unwrap_or(0);
            frame.advance(HEAD_BYTES);
            match M::read_body(kind, frame)? {
                Some(message) => return Ok(Some(message)),
                None => self.unknown += 1,
            }
        }
    }

    /// Frames skipped because their kind is not known here.
    #[must_use]
    pub fn unknown_frames(&self) -> u64 {
        self.unknown
    }

    /// Bytes held that make no whole frame yet.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }
}

/// Compress a body.
pub(crate) fn pack(plain: &[u8], kind: u8, out: &mut Vec<u8>) -> Result<(), CodecError> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(CodecError::TooLong { bytes: plain.len(), limit: PLAIN_BYTES_MAX });
    }
    let packed =
        zstd::bulk::compress(plain, 1).map_err(|e| CodecError::Body { kind, what: format!("compressing: {e}") })?;
    out.extend_from_slice(&packed);
    Ok(())
}

/// Unfold a body, never to more than [`PLAIN_BYTES_MAX`] nor to more than it says itself.
pub(crate) fn unpack(packed: &[u8], kind: u8) -> Result<Bytes, CodecError> {
    let bad = |what: &str| CodecError::Body { kind, what: what.to_owned() };
    let size = zstd::zstd_safe::get_frame_content_size(packed)
        .ok()
        .flatten()
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(|| bad("the compressed part does not say its size"))?;
    if size > PLAIN_BYTES_MAX {
        return Err(CodecError::TooLong { bytes: size, limit: PLAIN_BYTES_MAX });
    }
    let plain = zstd::bulk::decompress(packed, size).map_err(|_| bad("the compressed part is damaged"))?;
    Ok(Bytes::from(plain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{AgentMessage, CenterMessage};

    #[test]
    fn a_length_over_the_limit_is_refused_before_the_body_comes() {
        let mut decoder = Decoder::<AgentMessage>::with_limit(100);
        decoder.feed(&101u32.to_be_bytes());
        assert!(matches!(decoder.next(), Err(CodecError::TooLong { bytes: 101, limit: 100 })));
    }

    #[test]
    fn unknown_kinds_are_skipped_and_counted() {
        let mut decoder = Decoder::<CenterMessage>::new();
        decoder.feed(&[0, 0, 0, 3, 250, 1, 2]);
        decoder.feed(&encode(&CenterMessage::Ping(7)).unwrap());
        assert_eq!(decoder.next().unwrap(), Some(CenterMessage::Ping(7)));
        assert_eq!(decoder.unknown_frames(), 1);
    }

    #[test]
    fn a_bomb_does_not_unfold() {
        let bomb = zstd::bulk::compress(&vec![0u8; PLAIN_BYTES_MAX + 1], 1).unwrap();
        assert!(matches!(unpack(&bomb, 2), Err(CodecError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4_096), kind in 0u8..20) {
            let mut decoder = Decoder::<AgentMessage>::new();
            decoder.feed(&bytes);
            while let Ok(Some(_)) = decoder.next() {}
            let _ = AgentMessage::read_body(kind, Bytes::from(bytes.clone()));
            let _ = CenterMessage::read_body(kind, Bytes::from(bytes));
        }
    }
}
