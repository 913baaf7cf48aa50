//! A file cut into blocks of whole records, whatever its form: EVTX, JSON (lines, arrays, one behind the other), events
//! as XML, lines of text.
//!
//! Invariant: the same bytes give the same blocks, and no input makes a block or what waits for one grow beyond
//! `RECORD_BYTES_MAX`. What breaks off ends there: everything before it is given, and `Blocks::broken` says why.

mod scan;
mod utf16;

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memmem, memrchr};

use crate::windows::{CHUNK_BYTES, FILE_HEADER_BYTES, is_chunk, is_evtx};
use scan::Found;
use utf16::Utf16Reader;

/// Bytes of records gathered for one block.
const BLOCK_BYTES: usize = 256 * 1024;
/// Longest record, bytes; what follows in a longer one is left out, counted.
pub const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How much of a file is looked at to tell its form, bytes.
const HEAD_BYTES: usize = 64 * 1024;
/// Names under which services wrap the list of their records.
const WRAPPERS: [&str; 6] = ["Records", "records", "Events", "events", "value", "logs"];

/// The form of a file's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Windows event log; a block is one chunk.
    Evtx,
    /// JSON objects in a list, or one behind the other over several lines.
    Json,
    /// `<Event>` elements.
    Xml,
    /// One record a line: text, or JSON lines.
    Lines,
}

/// Whole records.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Number of its first record in the file, from 1. Of EVTX the records say their own.
    pub first: u64,
    /// The records' bytes.
    pub bytes: Vec<u8>,
    /// Where each begins and ends. Empty for EVTX.
    pub spans: Vec<(u32, u32)>,
}

impl Block {
    /// Each record with its number.
    pub fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let spans = self.spans.iter().map(|(from, to)| self.bytes.get(*from as usize..*to as usize).unwrap_or(&[]));
        (self.first..).zip(spans)
    }
}

/// A file being cut.
pub struct Blocks<R> {
    input: Input<R>,
    form: Form,
    buffer: Vec<u8>,
    ended: bool,
    broken: Option<io::Error>,
    next_record: u64,
    skipping_line: bool,
    /// Records cut at [`RECORD_BYTES_MAX`].
    pub too_long: u64,
    /// Bytes that belong to no record.
    pub stray_bytes: u64,
}

enum Input<R> {
    Plain(R),
    Utf16(Box<Utf16Reader<R>>),
    Gone,
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(input) => input.read(out),
            Self::Utf16(input) => input.read(out),
            Self::Gone => Ok(0),
        }
    }
}

impl<R: Read> Blocks<R> {
    /// Look at a file's head; `form` where the operator said what it is.
    pub fn open(input: R, form: Option<Form>) -> Self {
        let mut this = Self {
            input: Input::Plain(input),
            form: Form::Lines,
            buffer: Vec::new(),
            ended: false,
            broken: None,
            next_record: 1,
            skipping_line: false,
            too_long: 0,
            stray_bytes: 0,
        };
        this.fill(HEAD_BYTES);
        let evtx = is_evtx(&this.buffer) || is_chunk(&this.buffer) || this.chunk_behind_head();
        if !evtx && form != Some(Form::Evtx) {
            this.transcode();
        }
        this.form = form.unwrap_or_else(|| if evtx { Form::Evtx } else { form_of(&this.buffer) });
        match this.form {
            Form::Evtx if !is_chunk(&this.buffer) => this.drop_front(FILE_HEADER_BYTES),
            Form::Json => {
                let wrapper = wrapper(&this.buffer);
                this.drop_front(wrapper);
            }
            _ => {}
        }
        this
    }

    /// What its records are.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Its first bytes.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.buffer
    }

    /// Why reading ended before the file did.
    #[must_use]
    pub fn broken(&self) -> Option<&io::Error> {
        self.broken.as_ref()
    }

    /// The next block; none at the end.
    pub fn next_block(&mut self) -> Option<Block> {
        match self.form {
            Form::Evtx => self.chunk(),
            Form::Lines => self.lines(),
            Form::Json => self.scanned(scan::json),
            Form::Xml => self.scanned(scan::xml),
        }
    }

    fn chunk_behind_head(&self) -> bool {
        self.buffer.get(FILE_HEADER_BYTES..).is_some_and(is_chunk)
    }

    fn drop_front(&mut self, bytes: usize) {
        self.buffer.drain(..bytes.min(self.buffer.len()));
    }

    /// Wide text becomes UTF-8 before it is cut: its line ends have two bytes.
    fn transcode(&mut self) {
        let Some(encoding) = crate::decode::wide(&self.buffer) else { return };
        if let Input::Plain(input) = std::mem::replace(&mut self.input, Input::Gone) {
            let head = std::mem::take(&mut self.buffer);
            self.input = Input::Utf16(Box::new(Utf16Reader::new(head, input, encoding)));
            self.ended = false;
            self.fill(HEAD_BYTES);
        }
    }

    /// Read until so many bytes are there, or the file ends.
    fn fill(&mut self, want: usize) {
        while self.buffer.len() < want && !self.ended {
            let missing = (want - self.buffer.len()) as u64;
            match (&mut self.input).take(missing).read_to_end(&mut self.buffer) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.broken = Some(e);
                    self.ended = true;
                }
            }
        }
    }

    /// The first bytes of the buffer, with their records.
    fn cut(&mut self, bytes: usize, spans: Vec<(u32, u32)>) -> Block {
        let rest = self.buffer.split_off(bytes.min(self.buffer.len()));
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let first = self.next_record;
        self.next_record += spans.len() as u64;
        Block { first, bytes, spans }
    }

    fn chunk(&mut self) -> Option<Block> {
        loop {
            self.fill(CHUNK_BYTES);
            if self.buffer.is_empty() {
                return None;
            }
            // Space that was set aside and never used is no damage.
            if self.buffer.iter().all(|b| *b == 0) {
                self.buffer.clear();
                continue;
            }
            // Where bytes were lost, the next chunk begins too early.
            let next = self.buffer.get(1..).and_then(|rest| memmem::find(rest, b"ElfChnk\0"));
            let length = next.map_or(self.buffer.len(), |n| n + 1);
            return Some(self.cut(length, Vec::new()));
        }
    }

    fn lines(&mut self) -> Option<Block> {
        let mut want = BLOCK_BYTES;
        loop {
            self.fill(want);
            if self.buffer.is_empty() {
                return None;
            }
            if self.skipping_line {
                self.skip_line();
                continue;
            }
            let end = match memrchr(b'\n', &self.buffer) {
                Some(at) => at + 1,
                None if self.ended => self.buffer.len(),
                None if want < RECORD_BYTES_MAX => {
                    want = RECORD_BYTES_MAX;
                    continue;
                }
                None => {
                    self.too_long += 1;
                    self.skipping_line = true;
                    self.buffer.len()
                }
            };
            // The rest of a file that ends without a line end.
            let end = if self.ended && !self.skipping_line { self.buffer.len() } else { end };
            let spans = line_spans(self.buffer.get(..end).unwrap_or(&[]));
            return Some(self.cut(end, spans));
        }
    }

    fn skip_line(&mut self) {
        match memchr(b'\n', &self.buffer) {
            Some(at) => {
                self.drop_front(at + 1);
                self.skipping_line = false;
            }
            None => self.buffer.clear(),
        }
    }

    fn scanned(&mut self, scan: fn(&[u8]) -> Found) -> Option<Block> {
        let mut want = BLOCK_BYTES;
        loop {
            self.fill(want);
            if self.buffer.is_empty() {
                return None;
            }
            let (spans, used) = self.scan_all(scan);
            if !spans.is_empty() {
                return Some(self.cut(used, spans));
            }
            self.drop_front(used);
            if self.ended {
                self.stray_bytes += self.buffer.len() as u64;
                self.buffer.clear();
            } else if self.buffer.len() < RECORD_BYTES_MAX {
                want = (self.buffer.len() * 2).clamp(BLOCK_BYTES, RECORD_BYTES_MAX);
            } else {
                // A record without end: begin again behind its first line.
                self.too_long += 1;
                let line =
                    self.buffer.get(1..).and_then(|rest| memchr(b'\n', rest)).map_or(self.buffer.len(), |n| n + 1);
                self.drop_front(line);
            }
        }
    }

    /// Every whole record of the buffer, and how many bytes are done with.
    fn scan_all(&mut self, scan: fn(&[u8]) -> Found) -> (Vec<(u32, u32)>, usize) {
        let (mut spans, mut at) = (Vec::new(), 0);
        let span = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        while let Some(rest) = self.buffer.get(at..).filter(|r| !r.is_empty()) {
            match scan(rest) {
                Found::Record { from, to, stray } => {
                    spans.push((span(at + from), span(at + to)));
                    self.stray_bytes += stray as u64;
                    at += to;
                }
                Found::Begun { from, stray } => {
                    self.stray_bytes += stray as u64;
                    at += from;
                    break;
                }
            }
        }
        (spans, at)
    }
}

/// Each line that is not empty.
fn line_spans(bytes: &[u8]) -> Vec<(u32, u32)> {
    let mut spans = Vec::new();
    let mut from = 0;
    for end in memchr_iter(b'\n', bytes).chain(std::iter::once(bytes.len())) {
        let line = bytes.get(from..end).unwrap_or(&[]);
        let length = line.strip_suffix(b"\r").unwrap_or(line).len();
        if !line.trim_ascii().is_empty()
            && let (Ok(from), Ok(to)) = (u32::try_from(from), u32::try_from(from + length))
        {
            spans.push((from, to));
        }
        from = end + 1;
    }
    spans
}

fn trimmed(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

fn form_of(head: &[u8]) -> Form {
    let text = trimmed(head);
    match text.first() {
        Some(b'<') if memmem::find(text, b"<Event").is_some() => Form::Xml,
        Some(b'[') if matches!(text.get(1..).map(<[u8]>::trim_ascii_start), Some([b'{' | b']', ..])) => Form::Json,
        Some(b'{') if wrapper(head) > 0 || !is_whole_line(text) => Form::Json,
        _ => Form::Lines,
    }
}

/// Does the first line hold a whole object?
fn is_whole_line(text: &[u8]) -> bool {
    let line = memchr(b'\n', text).map_or(text, |end| text.get(..end).unwrap_or(text));
    match scan::json(line) {
        Found::Record { to, .. } => line.get(to..).is_none_or(|rest| rest.trim_ascii().is_empty()),
        // A line longer than the head is one line until shown otherwise.
        Found::Begun { .. } => line.len() == text.len() && text.len() >= HEAD_BYTES / 2,
    }
}

/// Bytes before the list in `{"Records": [ …`; 0 if there is none.
fn wrapper(head: &[u8]) -> usize {
    let list = || {
        let rest = trimmed(head).strip_prefix(b"{")?.trim_ascii_start();
        let rest = rest.strip_prefix(b"\"")?;
        let rest = WRAPPERS.iter().find_map(|name| rest.strip_prefix(name.as_bytes()))?;
        let rest = rest.strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        rest.strip_prefix(b"[").filter(|inner| inner.trim_ascii_start().starts_with(b"{"))
    };
    list().map_or(0, |rest| head.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Form, Vec<(u64, String)>) {
        let mut blocks = Blocks::open(bytes, None);
        let mut out = Vec::new();
        while let Some(block) = blocks.next_block() {
            out.extend(block.records().map(|(n, r)| (n, String::from_utf8_lossy(r).into_owned())));
        }
        (blocks.form(), out)
    }

    fn records(bytes: &[u8]) -> Vec<String> {
        read(bytes).1.into_iter().map(|(_, r)| r).collect()
    }

    #[test]
    fn each_form_is_told_and_cut() {
        let one = r#"{"a":"}\"{","b":[{}]}"#;
        let pretty = "{\n  \"a\": 1\n}\n\n{\n  \"b\": 2\n}";
        assert_eq!(read(format!("{one}\n\n{one}\r\n{one}").as_bytes()).0, Form::Lines);
        assert_eq!(records(format!("{one}\n\n{one}\r\n{one}").as_bytes()), [one, one, one]);
        assert_eq!(read(pretty.as_bytes()).0, Form::Json);
        assert_eq!(records(pretty.as_bytes()), ["{\n  \"a\": 1\n}", "{\n  \"b\": 2\n}"]);
        assert_eq!(records(format!("\u{feff} [{one}, {one}]").as_bytes()), [one, one]);
        assert_eq!(records(format!("{{\"Records\": [{one},{one}]}}").as_bytes()), [one, one]);
        let xml = "<?xml version='1.0'?><Events><Event xmlns='x'><EventData/></Event>\n<Event>2</Event></Events>";
        assert_eq!(read(xml.as_bytes()).0, Form::Xml);
        assert_eq!(records(xml.as_bytes()), ["<Event xmlns='x'><EventData/></Event>", "<Event>2</Event>"]);
        assert_eq!(read(b"Mar  2 sshd[1]: x\n<13>y").1, [(1, "Mar  2 sshd[1]: x".to_owned()), (2, "<13>y".to_owned())]);
        assert_eq!(read(b""), (Form::Lines, Vec::new()));
    }

    #[test]
    fn wide_text_is_cut_as_well() {
        let text = "\u{feff}{\"a\":\"수안\"}\n{\"a\":2}\n";
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(records(&wide), ["{\"a\":\"수안\"}", "{\"a\":2}"]);
    }

    #[test]
    fn blocks_do_not_depend_on_how_the_bytes_come() {
        struct Drops<'a>(&'a [u8]);
        impl Read for Drops<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let n = self.0.len().min(7).min(out.len());
                let (now, rest) = self.0.split_at(n);
                out[..n].copy_from_slice(now);
                self.0 = rest;
                Ok(n)
            }
        }
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1000));
        let text = line.repeat(700);
        let sizes = |mut blocks: Blocks<Box<dyn Read>>| {
            let mut out = Vec::new();
            while let Some(b) = blocks.next_block() {
                out.push((b.first, b.spans.len(), b.bytes.len()));
            }
            out
        };
        let whole = sizes(Blocks::open(Box::new(std::io::Cursor::new(text.clone().into_bytes())), None));
        let drops: &'static str = text.leak();
        assert_eq!(sizes(Blocks::open(Box::new(Drops(drops.as_bytes())), None)), whole);
        assert!(whole.len() > 2);
        assert_eq!(whole.iter().map(|w| w.1).sum::<usize>(), 700);
    }

    #[test]
    fn a_record_without_end_costs_itself() {
        let mut text = b"{\n \"a\": \"".to_vec();
        text.resize(RECORD_BYTES_MAX + 10, b'x');
        text.extend_from_slice(b"\n{\"b\":1}\n{\"c\":\n2}");
        let mut blocks = Blocks::open(text.as_slice(), Some(Form::Json));
        let mut seen = Vec::new();
        while let Some(block) = blocks.next_block() {
            assert!(block.bytes.len() <= 2 * RECORD_BYTES_MAX);
            seen.extend(block.records().map(|(_, r)| r.to_vec()));
        }
        assert_eq!(seen, [b"{\"b\":1}".to_vec(), b"{\"c\":\n2}".to_vec()]);
        assert!(blocks.too_long > 0);

        let mut line = vec![b'y'; RECORD_BYTES_MAX + 100];
        line.extend_from_slice(b"\nshort\n");
        let mut blocks = Blocks::open(line.as_slice(), None);
        let mut lengths = Vec::new();
        while let Some(block) = blocks.next_block() {
            lengths.extend(block.records().map(|(_, r)| r.len()));
        }
        assert_eq!(lengths, [RECORD_BYTES_MAX, 5]);
        assert_eq!(blocks.too_long, 1);
    }

    #[test]
    fn a_stream_that_breaks_gives_what_came_before() {
        struct Breaks(usize);
        impl Read for Breaks {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 > 1 {
                    return Err(io::Error::other("bad checksum"));
                }
                let text = b"{\"a\":1}\n{\"b\":2}\n{\"c\"";
                out[..text.len()].copy_from_slice(text);
                Ok(text.len())
            }
        }
        let mut blocks = Blocks::open(Breaks(0), None);
        assert_eq!(blocks.next_block().unwrap().spans.len(), 3);
        assert!(blocks.next_block().is_none());
        assert_eq!(blocks.broken().unwrap().to_string(), "bad checksum");
    }
}
