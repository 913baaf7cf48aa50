//! Bytes in, lines out: RFC 6587 octet counting and LF or NUL delimited, told apart for each message. Pure.
//!
//! Invariants: the lines do not depend on how the bytes were cut into reads; never more than one line is held; a line is
//! never glued to another one's text, and text *inside* a line can never swallow the lines that follow it:
//! * a count is believed only at the start of a message, before `<` or `{` (or behind a counted message), and on a
//!   delimited connection only up to the line limit, so that what it covers is kept whole;
//! * NUL ends a line only on a connection whose first NUL stood before `<` or `{` and came before any LF; elsewhere it
//!   is a byte of the line.

use bongsu_event::limits::LINE_BYTES_MAX;
use bongsu_event::{Framing, RecordFlags};
use bytes::{Buf, Bytes, BytesMut};

use crate::limits::COUNTED_BYTES_MAX;

/// Most digits of a count.
const COUNT_DIGITS_MAX: usize = 8;
/// Bytes that decide about a count: digits, the space, one more.
const PROBE_BYTES: usize = COUNT_DIGITS_MAX + 2;

/// A line without its framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its bytes, at most `LINE_BYTES_MAX`.
    pub raw: Bytes,
    /// Cut, or without end.
    pub flags: RecordFlags,
    /// How it was told apart.
    pub framing: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Between two messages; `held` may have the first digits of a count.
    Start,
    /// In a delimited line.
    Delimited,
    /// In a counted message with so many bytes to come.
    Counted(usize),
    /// In the rest of a cut line.
    Swallow,
    /// In the rest of a cut counted message.
    SwallowCounted(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nul {
    Unknown,
    /// The last byte seen was the connection's first NUL; what follows decides.
    Pending,
    Delimiter,
    Data,
}

enum Count {
    /// Message length and the length of the count with its space.
    Counted(usize, usize),
    No,
    NeedMore,
}

/// Tells the lines of one connection apart.
#[derive(Debug)]
pub struct Framer {
    mode: Mode,
    nul: Nul,
    held: BytesMut,
    after_counted: bool,
    first: bool,
    swallowed: u64,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer {
    /// For a new connection.
    #[must_use]
    pub fn new() -> Self {
        let held = BytesMut::new();
        Self { mode: Mode::Start, nul: Nul::Unknown, held, after_counted: false, first: true, swallowed: 0 }
    }

    /// Take bytes as they were read; whole lines go to `out`.
    pub fn push(&mut self, mut chunk: Bytes, out: &mut Vec<Line>) {
        while !chunk.is_empty() {
            match self.mode {
                Mode::Start => self.start(&mut chunk),
                Mode::Delimited => self.delimited(&mut chunk, out),
                Mode::Counted(left) => self.counted(&mut chunk, left, out),
                Mode::Swallow => self.swallow(&mut chunk),
                Mode::SwallowCounted(left) => {
                    let n = left.min(chunk.len());
                    self.skip(&mut chunk, n);
                    self.mode = if n == left { Mode::Start } else { Mode::SwallowCounted(left - n) };
                }
            }
        }
    }

    /// Bytes of a delimited line are held and its end has not come: the caller calls [`Framer::idle`] if it stays so.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        match self.mode {
            Mode::Start | Mode::Delimited => !self.held.is_empty(),
            Mode::Counted(_) | Mode::Swallow | Mode::SwallowCounted(_) => false,
        }
    }

    /// Bytes held of a message whose end has not come.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The sender has paused in the middle of a delimited line: keep what is there. What follows is a line of its own.
    pub fn idle(&mut self, out: &mut Vec<Line>) {
        if !self.is_partial() {
            return;
        }
        let ended = self.nul == Nul::Pending;
        if ended {
            self.nul = Nul::Delimiter;
        }
        self.emit_held(Framing::Delimited, RecordFlags { truncated: false, unterminated: !ended }, out);
        self.mode = if ended { Mode::Start } else { Mode::Delimited };
    }

    /// The connection is over: what is held becomes the last line.
    pub fn finish(&mut self, out: &mut Vec<Line>) {
        let framing = if matches!(self.mode, Mode::Counted(_)) { Framing::OctetCounted } else { Framing::Delimited };
        let unterminated = self.nul != Nul::Pending || framing == Framing::OctetCounted;
        self.emit_held(framing, RecordFlags { truncated: false, unterminated }, out);
        self.mode = Mode::Start;
    }

    /// Bytes of cut lines that were not kept, since last asked.
    pub fn take_swallowed(&mut self) -> u64 {
        std::mem::take(&mut self.swallowed)
    }

    fn skip(&mut self, chunk: &mut Bytes, n: usize) {
        chunk.advance(n);
        self.swallowed += n as u64;
    }

    fn start(&mut self, chunk: &mut Bytes) {
        if self.held.is_empty() {
            match chunk.first() {
                Some(b'\n') => return self.skip_empty(chunk),
                Some(0) if self.nul == Nul::Delimiter => return chunk.advance(1),
                Some(b'1'..=b'9') => {}
                _ => {
                    self.mode = Mode::Delimited;
                    return;
                }
            }
        }
        let mut probe = [0u8; 2 * PROBE_BYTES];
        let mut length = 0;
        for (to, from) in probe.iter_mut().zip(self.held.iter().chain(chunk.iter().take(PROBE_BYTES))) {
            *to = *from;
            length += 1;
        }
        match self.read_count(probe.get(..length).unwrap_or_default()) {
            Count::Counted(message, head) => {
                chunk.advance(head.saturating_sub(self.held.len()).min(chunk.len()));
                self.held.clear();
                self.mode = if message == 0 { Mode::Start } else { Mode::Counted(message) };
            }
            Count::No => self.mode = Mode::Delimited,
            Count::NeedMore => {
                self.held.extend_from_slice(chunk);
                chunk.clear();
            }
        }
    }

    fn skip_empty(&mut self, chunk: &mut Bytes) {
        chunk.advance(1);
        self.ended_by_lf();
    }

    fn ended_by_lf(&mut self) {
        if self.nul == Nul::Unknown {
            self.nul = Nul::Data;
        }
    }

    fn read_count(&self, probe: &[u8]) -> Count {
        let digits = probe.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > COUNT_DIGITS_MAX {
            return Count::No;
        }
        let Some(after) = probe.get(digits) else { return Count::NeedMore };
        let text = probe.get(..digits).and_then(|d| std::str::from_utf8(d).ok());
        let Some(count) = text.and_then(|t| t.parse::<usize>().ok()).filter(|_| *after == b' ') else {
            return Count::No;
        };
        let limit = if self.first || self.after_counted { COUNTED_BYTES_MAX } else { LINE_BYTES_MAX };
        if count > limit {
            return Count::No;
        }
        match probe.get(digits + 1) {
            _ if self.after_counted => Count::Counted(count, digits + 1),
            Some(b'<' | b'{') => Count::Counted(count, digits + 1),
            Some(_) => Count::No,
            None => Count::NeedMore,
        }
    }

    fn delimited(&mut self, chunk: &mut Bytes, out: &mut Vec<Line>) {
        if self.nul == Nul::Pending {
            return self.after_first_nul(chunk, out);
        }
        let end = match self.nul {
            Nul::Unknown | Nul::Delimiter => memchr::memchr2(b'\n', 0, chunk),
            Nul::Pending | Nul::Data => memchr::memchr(b'\n', chunk),
        };
        let room = LINE_BYTES_MAX - self.held.len().min(LINE_BYTES_MAX);
        let take = end.unwrap_or(chunk.len());
        if take > room {
            let piece = chunk.split_to(room);
            self.emit(piece, Framing::Delimited, RecordFlags { truncated: true, unterminated: false }, out);
            self.mode = Mode::Swallow;
            return;
        }
        let piece = chunk.split_to(take);
        let Some(end) = chunk.first().copied() else {
            self.held.extend_from_slice(&piece);
            return;
        };
        chunk.advance(1);
        if end == 0 && self.nul == Nul::Unknown {
            self.held.extend_from_slice(&piece);
            // A NUL before any text is no end of a message.
            self.nul = if self.held.is_empty() { Nul::Data } else { Nul::Pending };
            if self.nul == Nul::Data {
                self.hold_nul(out);
            }
            return;
        }
        if end == b'\n' {
            self.ended_by_lf();
        }
        self.emit(piece, Framing::Delimited, RecordFlags::default(), out);
        self.mode = Mode::Start;
    }

    fn after_first_nul(&mut self, chunk: &Bytes, out: &mut Vec<Line>) {
        if matches!(chunk.first(), Some(b'<' | b'{')) {
            self.nul = Nul::Delimiter;
            self.emit_held(Framing::Delimited, RecordFlags::default(), out);
            self.mode = Mode::Start;
        } else {
            self.nul = Nul::Data;
            self.hold_nul(out);
        }
    }

    /// The NUL was a byte of the line after all.
    fn hold_nul(&mut self, out: &mut Vec<Line>) {
        if self.held.len() < LINE_BYTES_MAX {
            self.held.extend_from_slice(&[0]);
        } else {
            self.emit_held(Framing::Delimited, RecordFlags { truncated: true, unterminated: false }, out);
            self.swallowed += 1;
            self.mode = Mode::Swallow;
        }
    }

    fn counted(&mut self, chunk: &mut Bytes, left: usize, out: &mut Vec<Line>) {
        let room = LINE_BYTES_MAX - self.held.len().min(LINE_BYTES_MAX);
        let n = left.min(chunk.len()).min(room);
        let piece = chunk.split_to(n);
        let left = left - n;
        if left == 0 {
            self.emit(piece, Framing::OctetCounted, RecordFlags::default(), out);
            self.after_counted = true;
            self.mode = Mode::Start;
        } else if n == room {
            self.emit(piece, Framing::OctetCounted, RecordFlags { truncated: true, unterminated: false }, out);
            self.after_counted = true;
            self.mode = Mode::SwallowCounted(left);
        } else {
            self.held.extend_from_slice(&piece);
            self.mode = Mode::Counted(left);
        }
    }

    fn swallow(&mut self, chunk: &mut Bytes) {
        let end = match self.nul {
            Nul::Delimiter => memchr::memchr2(b'\n', 0, chunk),
            _ => memchr::memchr(b'\n', chunk),
        };
        self.skip(chunk, end.unwrap_or(chunk.len()));
        if let Some(end) = chunk.first().copied() {
            if end == b'\n' {
                self.ended_by_lf();
            }
            chunk.advance(1);
            self.mode = Mode::Start;
        }
    }

    /// `held` and `piece` are a line.
    fn emit(&mut self, piece: Bytes, framing: Framing, flags: RecordFlags, out: &mut Vec<Line>) {
        let raw = if self.held.is_empty() {
            piece
        } else {
            self.held.extend_from_slice(&piece);
            std::mem::take(&mut self.held).freeze()
        };
        self.first = false;
        self.after_counted = framing == Framing::OctetCounted;
        let raw = strip_end(raw, framing);
        if !raw.is_empty() {
            out.push(Line { raw, flags, framing });
        }
    }

    fn emit_held(&mut self, framing: Framing, flags: RecordFlags, out: &mut Vec<Line>) {
        if !self.held.is_empty() {
            self.emit(Bytes::new(), framing, flags, out);
        }
    }
}

/// Many senders end a line with CR LF, and put an LF or NUL inside the count.
fn strip_end(mut raw: Bytes, framing: Framing) -> Bytes {
    if framing == Framing::OctetCounted && matches!(raw.last(), Some(b'\n' | 0)) {
        raw.truncate(raw.len() - 1);
    }
    if raw.last() == Some(&b'\r') {
        raw.truncate(raw.len() - 1);
    }
    raw
}
