//! Bytes of a file to lines, each with the byte behind it. Pure.
//!
//! Invariant: holds no more than one line's limit, whatever a file holds; a line without its end waits.

use bongsu_event::limits::LINE_BYTES_MAX;
use bytes::Bytes;

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Without its end.
    pub raw: Bytes,
    /// The first byte behind it and its end.
    pub end: u64,
    /// Cut at the line limit.
    pub truncated: bool,
}

#[derive(Debug, Default)]
pub(super) struct Cutter {
    partial: Vec<u8>,
    truncated: bool,
}

impl Cutter {
    /// Cuts `chunk`, which begins at byte `at` of the file. Empty lines say nothing and are passed over.
    pub fn push(&mut self, chunk: Bytes, at: u64, out: &mut Vec<Line>) {
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', &chunk) {
            let piece = chunk.slice(from..end);
            from = end + 1;
            let line = self.finish_line(piece, at + from as u64);
            out.extend(line);
        }
        self.hold(chunk.get(from..).unwrap_or_default());
    }

    /// The line that has no end yet, given up as it is at byte `end`: nothing more will come of its file.
    pub fn give_up(&mut self, end: u64) -> Option<Line> {
        let raw = std::mem::take(&mut self.partial);
        let truncated = std::mem::take(&mut self.truncated);
        (!raw.is_empty()).then(|| Line { raw: raw.into(), end, truncated })
    }

    fn finish_line(&mut self, piece: Bytes, end: u64) -> Option<Line> {
        if self.partial.is_empty() && !self.truncated && piece.len() <= LINE_BYTES_MAX {
            let raw = strip(piece);
            return (!raw.is_empty()).then_some(Line { raw, end, truncated: false });
        }
        self.hold(&piece);
        let raw = strip(Bytes::from(std::mem::take(&mut self.partial)));
        let truncated = std::mem::take(&mut self.truncated);
        (!raw.is_empty()).then_some(Line { raw, end, truncated })
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX - self.partial.len().min(LINE_BYTES_MAX);
        self.truncated |= bytes.len() > room;
        self.partial.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
    }
}

fn strip(raw: Bytes) -> Bytes {
    if raw.last() == Some(&b'\r') { raw.slice(..raw.len() - 1) } else { raw }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(cutter: &mut Cutter, chunks: &[&[u8]]) -> Vec<(String, u64, bool)> {
        let (mut out, mut at) = (Vec::new(), 0);
        for chunk in chunks {
            cutter.push(Bytes::copy_from_slice(chunk), at, &mut out);
            at += chunk.len() as u64;
        }
        out.into_iter().map(|l| (String::from_utf8_lossy(&l.raw).into_owned(), l.end, l.truncated)).collect()
    }

    #[test]
    fn pieces_become_lines_and_the_last_waits() {
        let mut cutter = Cutter::default();
        let lines = cut(&mut cutter, &[b"one\r\ntw", b"o\n\n\nth", b"ree"]);
        assert_eq!(lines, [("one".into(), 5, false), ("two".into(), 9, false)]);
        let rest = cutter.give_up(16).unwrap();
        assert_eq!((&rest.raw[..], rest.end), (&b"three"[..], 16));
        assert_eq!(cutter.give_up(16), None);
    }

    #[test]
    fn a_giant_line_is_cut_marked_and_the_next_one_whole() {
        let mut cutter = Cutter::default();
        let giant = vec![b'x'; LINE_BYTES_MAX];
        let lines = cut(&mut cutter, &[&giant, &giant, b"\nnext\n"]);
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].0.len(), lines[0].2), (LINE_BYTES_MAX, true));
        assert_eq!((lines[1].0.as_str(), lines[1].2), ("next", false));
        let mut whole = giant.clone();
        whole.extend(b"yy\nnext\n");
        let lines = cut(&mut Cutter::default(), &[&whole]);
        assert_eq!((lines[0].0.len(), lines[0].2, lines.len()), (LINE_BYTES_MAX, true, 2));
    }
}
