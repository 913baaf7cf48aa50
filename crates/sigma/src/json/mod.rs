//! A JSON event read where it lies: no tree is built, and text is copied only when a rule asks for it.
//!
//! Invariant: what is told of a line is what [`crate::EventView`] of its `serde_json::Value` tells, but for a name given
//! twice in one object: here both values count, there the last.

mod bits;
mod line;
mod text;

pub(crate) use self::bits::Bits;
pub use self::line::JsonLine;
pub(crate) use self::text::unescape;
use crate::limits::JSON_DEPTH_MAX;
use bongsu_event::ValueRef;

/// Why a line is no JSON event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the line is no JSON object: {reason} at byte {at}")]
pub struct JsonError {
    /// Where, in bytes from 0.
    pub at: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// A value as the line has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Raw<'a> {
    /// Ready to be compared.
    Value(ValueRef<'a>),
    /// Text with escapes, as written.
    Escaped(&'a str),
    /// A whole number whose text is the one written.
    Digits(&'a str),
}

impl Raw<'_> {
    /// How long its text is as the line has it, bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::Escaped(t) | Self::Digits(t) | Self::Value(ValueRef::Text(t)) => t.len(),
            Self::Value(_) => 8,
        }
    }
}

/// Who is told what a line holds.
pub(crate) trait Sink<'a> {
    /// A place in the tree of names.
    type Name: Copy;
    /// The name that probably comes next, and so many bytes of `text` that hold its key and the colon: looked for before
    /// the key is read.
    fn guess(&mut self, parent: Self::Name, text: &[u8]) -> Option<(Self::Name, usize)> {
        let _ = (parent, text);
        None
    }
    /// The name under which a value stands.
    fn name(&mut self, parent: Self::Name, key: &'a str, escaped: bool) -> Self::Name;
    /// A mapping that has values.
    fn branch(&mut self, name: Self::Name);
    /// A value.
    fn leaf(&mut self, name: Self::Name, value: Raw<'a>);
}

/// Tell `sink` everything that `line` holds; gives the line as text.
pub(crate) fn read<'a, S: Sink<'a>>(
    line: &'a [u8],
    bits: &mut Bits,
    root: S::Name,
    sink: &mut S,
) -> Result<&'a str, JsonError> {
    let text = utf8(line)?;
    bits.read(line);
    read_again(text, bits, root, sink)?;
    Ok(text)
}

fn utf8(line: &[u8]) -> Result<&str, JsonError> {
    simdutf8::basic::from_utf8(line)
        .or_else(|_| std::str::from_utf8(line))
        .map_err(|e| JsonError { at: e.valid_up_to(), reason: "it is not UTF-8 from there on" })
}

/// The same of a line whose bits are known.
fn read_again<'a, S: Sink<'a>>(text: &'a str, bits: &Bits, root: S::Name, sink: &mut S) -> Result<(), JsonError> {
    let line = text.as_bytes();
    let mut reader = Reader { text, bytes: line, bits, at: 0, sink };
    reader.space();
    if reader.peek() != b'{' {
        return reader.fail("an object is expected");
    }
    if !reader.is_empty() {
        reader.object(root, JSON_DEPTH_MAX)?;
    }
    reader.space();
    if reader.at < line.len() { reader.fail("something follows the object") } else { Ok(()) }
}

/// Tell `f` every text of a line that was read.
pub(crate) fn each_text<'a>(text: &'a str, bits: &Bits, f: &mut dyn FnMut(Raw<'a>)) {
    struct Texts<'f, 'a>(&'f mut dyn FnMut(Raw<'a>));
    impl<'a> Sink<'a> for Texts<'_, 'a> {
        type Name = ();
        fn name(&mut self, (): (), _: &'a str, _: bool) {}
        fn branch(&mut self, (): ()) {}
        fn leaf(&mut self, (): (), value: Raw<'a>) {
            if matches!(value, Raw::Escaped(_) | Raw::Value(ValueRef::Text(_))) {
                (self.0)(value);
            }
        }
    }
    let read = read_again(text, bits, (), &mut Texts(f));
    debug_assert!(read.is_ok(), "the line was read before");
}

struct Reader<'a, 's, S> {
    text: &'a str,
    bytes: &'a [u8],
    bits: &'s Bits,
    at: usize,
    sink: &'s mut S,
}

impl<'a, S: Sink<'a>> Reader<'a, '_, S> {
    fn fail<T>(&self, reason: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, reason })
    }
    /// The byte at hand; 0 at the end, which JSON never holds.
    #[inline]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }
    #[inline]
    fn space(&mut self) {
        if self.peek() > b' ' {
            return;
        }
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }
    /// The text of the string at hand, and whether it has escapes.
    #[inline]
    fn string(&mut self) -> Result<(&'a str, bool), JsonError> {
        let Some((end, escaped)) = self.bits.close(self.at) else { return self.fail("a string has no end") };
        match self.text.get(self.at + 1..end) {
            Some(text) => {
                self.at = end + 1;
                Ok((text, escaped))
            }
            None => self.fail("a string has no end"),
        }
    }
    /// The object at hand; `parent` is its name.
    fn object(&mut self, parent: S::Name, depth: usize) -> Result<(), JsonError> {
        self.at += 1;
        self.space();
        loop {
            let guess = self.sink.guess(parent, self.bytes.get(self.at..).unwrap_or_default());
            let name = match guess {
                Some((name, length)) => {
                    self.at += length;
                    name
                }
                None => self.name(parent)?,
            };
            self.space();
            self.value(name, depth)?;
            self.space();
            match self.peek() {
                b',' => {
                    self.at += 1;
                    self.space();
                }
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.fail("`,` or `}` is expected"),
            }
        }
    }
    /// The name at hand, and its colon.
    fn name(&mut self, parent: S::Name) -> Result<S::Name, JsonError> {
        if self.peek() != b'"' {
            return self.fail("a name in quotes is expected");
        }
        let (key, escaped) = self.string()?;
        self.space();
        if self.peek() != b':' {
            return self.fail("`:` is expected");
        }
        self.at += 1;
        Ok(self.sink.name(parent, key, escaped))
    }
    #[inline]
    fn value(&mut self, name: S::Name, depth: usize) -> Result<(), JsonError> {
        let value = match self.peek() {
            b'"' => match self.string()? {
                (text, true) => Raw::Escaped(text),
                (text, false) => Raw::Value(ValueRef::Text(text)),
            },
            b'{' | b'[' => return self.nested(name, depth),
            b't' => self.word("true", ValueRef::Bool(true))?,
            b'f' => self.word("false", ValueRef::Bool(false))?,
            b'n' => self.word("null", ValueRef::Null)?,
            _ => self.number()?,
        };
        self.sink.leaf(name, value);
        Ok(())
    }
    fn nested(&mut self, name: S::Name, depth: usize) -> Result<(), JsonError> {
        if self.is_empty() {
            self.sink.leaf(name, Raw::Value(ValueRef::Null));
            return Ok(());
        }
        if depth == 0 {
            self.skip()?;
            self.sink.leaf(name, Raw::Value(ValueRef::Null));
            return Ok(());
        }
        if self.peek() == b'{' {
            self.sink.branch(name);
            return self.object(name, depth - 1);
        }
        self.at += 1;
        loop {
            self.space();
            self.value(name, depth - 1)?;
            self.space();
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.fail("`,` or `]` is expected"),
            }
        }
    }
    /// Is the object or list at hand empty? Then it is read.
    fn is_empty(&mut self) -> bool {
        let (start, close) = (self.at, if self.peek() == b'{' { b'}' } else { b']' });
        self.at += 1;
        self.space();
        let empty = self.peek() == close;
        self.at = if empty { self.at + 1 } else { start };
        empty
    }
    /// Pass over what is nested too deep to be looked into.
    fn skip(&mut self) -> Result<(), JsonError> {
        let mut open = 0usize;
        loop {
            match self.peek() {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                0 => return self.fail("an object or a list has no end"),
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
    }
    fn word(&mut self, word: &str, value: ValueRef<'a>) -> Result<Raw<'a>, JsonError> {
        let end = self.at + word.len();
        if self.text.get(self.at..end) != Some(word) {
            return self.fail("a value is expected");
        }
        self.at = end;
        Ok(Raw::Value(value))
    }
    fn number(&mut self) -> Result<Raw<'a>, JsonError> {
        let start = self.at;
        self.at += usize::from(self.peek() == b'-');
        let first = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        let digits = self.at - first;
        let zero = self.bytes.get(first) == Some(&b'0');
        if digits == 0 || (zero && digits > 1) {
            self.at = start;
            return self.fail("a value is expected");
        }
        let whole = !matches!(self.peek(), b'.' | b'e' | b'E');
        while matches!(self.peek(), b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') {
            self.at += 1;
        }
        let text = self.text.get(start..self.at).unwrap_or("");
        // Eighteen digits always fit; `-0` is a fraction to JSON.
        if whole && self.at == first + digits && digits <= 18 && text != "-0" {
            return Ok(Raw::Digits(text));
        }
        if let (true, Ok(n)) = (text != "-0", text.parse::<i64>()) {
            return Ok(Raw::Value(ValueRef::Int(n)));
        }
        match text.parse::<f64>() {
            Ok(f) if f.is_finite() => Ok(Raw::Value(ValueRef::Float(f))),
            _ => {
                self.at = start;
                self.fail("a number can't be read")
            }
        }
    }
}
