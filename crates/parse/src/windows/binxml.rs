//! Binary XML: templates become short programs, compiled once a chunk, that put an instance's values under their names.
//!
//! Invariant: offsets are followed inside the chunk only; nesting, steps and values are bounded, so a forged template
//! that holds itself ends.

use super::cursor::Cursor;
use super::event::{Held, Values};
use super::names::{NameId, Names, push_step};
use super::value::{self, kind};
use super::{ELEMENT_DEPTH_MAX, INSTANCE_VALUES_MAX, TEMPLATE_STEPS_MAX};

/// Tokens; bit 0x40 says that more follows.
mod token {
    pub const END: u8 = 0x00;
    pub const OPEN: u8 = 0x01;
    pub const OPEN_DONE: u8 = 0x02;
    pub const OPEN_EMPTY: u8 = 0x03;
    pub const CLOSE: u8 = 0x04;
    pub const VALUE: u8 = 0x05;
    pub const ATTRIBUTE: u8 = 0x06;
    pub const CDATA: u8 = 0x07;
    pub const CHARACTER: u8 = 0x08;
    pub const ENTITY: u8 = 0x09;
    pub const TARGET: u8 = 0x0a;
    pub const TARGET_DATA: u8 = 0x0b;
    pub const INSTANCE: u8 = 0x0c;
    pub const SLOT: u8 = 0x0d;
    pub const SLOT_OPTIONAL: u8 = 0x0e;
    pub const FRAGMENT: u8 = 0x0f;
    pub const MORE: u8 = 0x40;
}

/// Bytes of a template's head: next template, identifier, size.
const TEMPLATE_HEAD_BYTES: usize = 24;
/// An element whose presence depends on no value.
const NO_DEPENDENCY: u16 = 0xffff;
/// Where an event says when it happened.
const TIME_PATH: &str = "Event.System.TimeCreated.#attributes.SystemTime";

/// What a value without content becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Empty {
    /// Empty text: `<Data>`.
    Text,
    /// There, without a value: other elements.
    Null,
    /// Not there: attributes.
    Nothing,
}

impl Empty {
    fn held(self) -> Option<Held> {
        match self {
            Self::Text => Some(Held::Text(0, 0)),
            Self::Null => Some(Held::Null),
            Self::Nothing => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Part {
    /// A piece of the program's text.
    Text(u32, u32),
    Slot(u16),
}

/// One step of a program.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Fixed text.
    Text { name: NameId, from: u32, to: u32 },
    /// Nothing.
    Empty { name: NameId, empty: Empty },
    /// One value; `inner`: it may be binary XML itself.
    Slot { name: NameId, slot: u16, empty: Empty, inner: bool },
    /// The event's time.
    Time { name: NameId, slot: u16 },
    /// Text and values joined.
    Parts { name: NameId, from: u32, to: u32, empty: Empty },
    /// A template instance in the place of an element.
    Instance { name: NameId, at: u32 },
    /// The next steps are left out where this value is missing.
    Guard { slot: u16, skip: u32 },
}

/// A compiled template, or a piece of plain binary XML.
#[derive(Debug, Default)]
pub(super) struct Program {
    steps: Vec<Step>,
    parts: Vec<Part>,
    text: String,
}

impl Program {
    pub fn len(&self) -> usize {
        self.steps.len()
    }
}

/// A value that an instance brings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    kind: u8,
    bytes: &'a [u8],
    /// Where the bytes lie in the chunk.
    at: usize,
}

/// The place of an instance's template, and its values at the end of `slots`.
pub(super) fn instance<'a>(cursor: &mut Cursor<'a>, slots: &mut Vec<Slot<'a>>) -> Option<usize> {
    cursor.take(5)?;
    let template = cursor.place()?;
    if cursor.at() == template {
        let mut head = *cursor;
        head.take(TEMPLATE_HEAD_BYTES - 4)?;
        let size = head.place()?;
        cursor.take(TEMPLATE_HEAD_BYTES)?;
        cursor.take(size)?;
    }
    let count = cursor.u32()?;
    if count > INSTANCE_VALUES_MAX {
        return None;
    }
    for descriptor in cursor.take(count as usize * 4)?.chunks_exact(4) {
        let &[low, high, kind, _] = descriptor else { return None };
        let at = cursor.at();
        let bytes = cursor.take(u16::from_le_bytes([low, high]).into())?;
        slots.push(Slot { kind, bytes, at });
    }
    Some(template)
}

/// What to do with a piece of binary XML that stands by itself.
pub(super) enum Piece {
    /// A template instance begins here.
    Instance(usize),
    /// Plain elements begin here.
    Elements(usize),
    /// Nothing more.
    End,
}

/// What begins at the cursor.
pub(super) fn piece(cursor: &mut Cursor<'_>, end: usize) -> Option<Piece> {
    loop {
        if cursor.at() >= end {
            return Some(Piece::End);
        }
        let at = cursor.at();
        match cursor.u8()? {
            token::FRAGMENT => drop(cursor.take(3)?),
            token::INSTANCE => return Some(Piece::Instance(cursor.at())),
            t if t & !token::MORE == token::OPEN => return Some(Piece::Elements(at)),
            token::END => return Some(Piece::End),
            _ => return None,
        }
    }
}

/// The bytes of a template's own binary XML.
pub(super) fn template_span(chunk: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut cursor = Cursor::new(chunk, at);
    cursor.take(TEMPLATE_HEAD_BYTES - 4)?;
    let size = cursor.place()?;
    let from = cursor.at();
    let to = from.checked_add(size)?;
    (to <= chunk.len()).then_some((from, to))
}

/// An element that is open.
#[derive(Debug)]
struct Open {
    /// Length of the path before it.
    path: usize,
    /// Where its own parts begin.
    parts: usize,
    guard: Option<usize>,
    is_data: bool,
    has_children: bool,
    has_attributes: bool,
}

/// Binary XML into a program.
pub(super) struct Compiler<'a, 'n> {
    cursor: Cursor<'a>,
    chunk: &'a [u8],
    names: &'n mut Names,
    program: Program,
    open: Vec<Open>,
    parts: Vec<Part>,
    path: String,
    attribute: Option<String>,
    /// Elements say on which value they depend: in templates only.
    is_template: bool,
}

impl<'a, 'n> Compiler<'a, 'n> {
    /// Compile what lies between two places, below an element's path.
    pub fn compile(
        chunk: &'a [u8],
        (from, end): (usize, usize),
        below: NameId,
        is_template: bool,
        names: &'n mut Names,
    ) -> Option<Program> {
        let path = names.get(below).map_or_else(String::new, |n| n.path.to_string());
        let cursor = Cursor::new(chunk, from);
        let program = Program::default();
        let (open, parts) = (Vec::new(), Vec::new());
        let mut this = Self { cursor, chunk, names, program, open, parts, path, attribute: None, is_template };
        while this.cursor.at() < end && this.step()? {}
        this.open.is_empty().then_some(this.program)
    }

    /// One token; false at the end.
    fn step(&mut self) -> Option<bool> {
        let token = self.cursor.u8()?;
        match token & !token::MORE {
            token::END => return Some(false),
            token::FRAGMENT => drop(self.cursor.take(3)?),
            token::OPEN => self.open(token & token::MORE != 0)?,
            token::OPEN_DONE => self.end_attribute()?,
            token::OPEN_EMPTY => {
                self.end_attribute()?;
                self.close()?;
            }
            token::CLOSE => self.close()?,
            token::VALUE => self.value()?,
            token::ATTRIBUTE => {
                self.end_attribute()?;
                self.attribute = Some(self.name()?);
            }
            token::CDATA => {
                let bytes = self.counted()?;
                self.literal(|out| value::utf16(bytes, out));
            }
            token::CHARACTER => {
                let unit = self.cursor.u16()?;
                self.literal(|out| out.push(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
            token::ENTITY => {
                let name = self.name()?;
                self.literal(|out| out.push_str(entity(&name)));
            }
            token::TARGET => drop(self.name()?),
            token::TARGET_DATA => drop(self.counted()?),
            token::SLOT | token::SLOT_OPTIONAL => {
                let slot = self.cursor.u16()?;
                self.cursor.u8()?;
                self.parts.push(Part::Slot(slot));
            }
            token::INSTANCE if !self.is_template => {
                let at = u32::try_from(self.cursor.at()).ok()?;
                instance(&mut self.cursor, &mut Vec::new())?;
                let name = self.names.id(&self.path);
                self.add(Step::Instance { name, at })?;
                if let Some(open) = self.open.last_mut() {
                    open.has_children = true;
                }
            }
            _ => return None,
        }
        Some(true)
    }

    fn add(&mut self, step: Step) -> Option<()> {
        (self.program.steps.len() < TEMPLATE_STEPS_MAX).then(|| self.program.steps.push(step))
    }

    /// A piece of fixed text.
    fn literal(&mut self, write: impl FnOnce(&mut String)) {
        let from = self.program.text.len();
        write(&mut self.program.text);
        let span = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.parts.push(Part::Text(span(from), span(self.program.text.len())));
    }

    /// Bytes of UTF-16 behind their count.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let count = self.cursor.u16()?;
        self.cursor.take(usize::from(count) * 2)
    }

    /// A name, which lies here or anywhere else in the chunk.
    fn name(&mut self) -> Option<String> {
        let at = self.cursor.place()?;
        let is_here = at == self.cursor.at();
        let mut there = Cursor::new(self.chunk, at);
        there.take(6)?;
        let count = usize::from(there.u16()?);
        let mut name = String::new();
        value::utf16(there.take(count * 2)?, &mut name);
        if is_here {
            self.cursor.seek(there.at() + 2);
        }
        Some(name)
    }

    fn open(&mut self, has_attributes: bool) -> Option<()> {
        if self.open.len() >= ELEMENT_DEPTH_MAX {
            return None;
        }
        self.end_attribute()?;
        let depends = if self.is_template { self.cursor.u16()? } else { NO_DEPENDENCY };
        self.cursor.u32()?;
        let name = self.name()?;
        if has_attributes {
            self.cursor.u32()?;
        }
        let mut guard = None;
        if depends != NO_DEPENDENCY {
            guard = Some(self.program.steps.len());
            self.add(Step::Guard { slot: depends, skip: 0 })?;
        }
        if let Some(parent) = self.open.last_mut() {
            parent.has_children = true;
        }
        let open = Open {
            path: self.path.len(),
            parts: self.parts.len(),
            guard,
            is_data: name == "Data",
            has_children: false,
            has_attributes: false,
        };
        push_step(&mut self.path, &name);
        self.open.push(open);
        Some(())
    }

    fn end_attribute(&mut self) -> Option<()> {
        let Some(attribute) = self.attribute.take() else { return Some(()) };
        let (path, from, is_data) = self.open.last().map(|o| (o.path, o.parts, o.is_data))?;
        if is_data && attribute == "Name" {
            if let Some(name) = self.fixed(from).filter(|n| !n.is_empty()) {
                self.path.truncate(path);
                push_step(&mut self.path, &name);
            }
        } else if attribute != "xmlns" {
            let element = self.path.len();
            push_step(&mut self.path, "#attributes");
            push_step(&mut self.path, &attribute);
            let name = self.names.id(&self.path);
            let is_time = self.path == TIME_PATH;
            self.path.truncate(element);
            match self.parts.get(from..) {
                Some([Part::Slot(slot)]) if is_time => self.add(Step::Time { name, slot: *slot })?,
                _ => self.content(name, from, Empty::Nothing, false)?,
            }
            if let Some(open) = self.open.last_mut() {
                open.has_attributes = true;
            }
        }
        self.parts.truncate(from);
        Some(())
    }

    /// The parts from a place on, if they are all fixed text.
    fn fixed(&self, from: usize) -> Option<String> {
        let mut out = String::new();
        for part in self.parts.get(from..)? {
            let Part::Text(from, to) = *part else { return None };
            out.push_str(self.program.text.get(from as usize..to as usize)?);
        }
        Some(out)
    }

    /// A step for the parts from a place on.
    fn content(&mut self, name: NameId, from: usize, empty: Empty, inner: bool) -> Option<()> {
        match *self.parts.get(from..)? {
            [] => self.add(Step::Empty { name, empty }),
            [Part::Slot(slot)] => self.add(Step::Slot { name, slot, empty, inner }),
            [Part::Text(from, to)] if from < to => self.add(Step::Text { name, from, to }),
            ref parts => {
                let begin = u32::try_from(self.program.parts.len()).ok()?;
                self.program.parts.extend_from_slice(parts);
                let end = u32::try_from(self.program.parts.len()).ok()?;
                self.add(Step::Parts { name, from: begin, to: end, empty })
            }
        }
    }

    fn close(&mut self) -> Option<()> {
        self.end_attribute()?;
        let open = self.open.pop()?;
        let bare = self.parts.len() == open.parts;
        if !(bare && (open.has_children || open.has_attributes)) && !self.is_layout(&open) {
            let name = self.names.id(&self.path);
            let empty = if open.is_data { Empty::Text } else { Empty::Null };
            self.content(name, open.parts, empty, true)?;
        }
        self.parts.truncate(open.parts);
        self.path.truncate(open.path);
        let after = self.program.steps.len();
        if let Some(at) = open.guard
            && let Some(Step::Guard { skip, .. }) = self.program.steps.get_mut(at)
        {
            *skip = u32::try_from(after - at - 1).ok()?;
        }
        Some(())
    }

    /// Only white space between elements?
    fn is_layout(&self, open: &Open) -> bool {
        open.has_children && self.fixed(open.parts).is_some_and(|t| t.trim().is_empty())
    }

    /// A value written out in place.
    fn value(&mut self) -> Option<()> {
        let kind = self.cursor.u8()?;
        let bytes = match kind {
            kind::TEXT => self.counted()?,
            kind::NULL => &[],
            kind::I8 | kind::U8 => self.cursor.take(1)?,
            kind::I16 | kind::U16 => self.cursor.take(2)?,
            kind::I32 | kind::U32 | kind::F32 | kind::BOOL | kind::HEX32 => self.cursor.take(4)?,
            kind::I64 | kind::U64 | kind::F64 | kind::FILETIME | kind::HEX64 => self.cursor.take(8)?,
            kind::GUID | kind::SYSTEMTIME => self.cursor.take(16)?,
            kind::SID => {
                let mut head = self.cursor;
                let &[_, count] = head.take(2)? else { return None };
                self.cursor.take(8 + 4 * usize::from(count))?
            }
            kind::BINXML => {
                let length = self.cursor.u16()?;
                self.cursor.take(length.into())?;
                return Some(());
            }
            _ => return None,
        };
        self.literal(|out| value::text(kind, bytes, out));
        Some(())
    }
}

fn entity(name: &str) -> &str {
    match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        other => other,
    }
}

/// What a step asks for that only the reader of the chunk can give.
pub(super) enum Inner {
    /// Binary XML between two places, below an element.
    Fragment { below: NameId, from: usize, end: usize },
    /// A template instance at a place, below an element.
    Instance { below: NameId, at: usize },
}

/// Put an instance's values under their names; what holds binary XML itself comes back to be read after it.
pub(super) fn run(
    program: &Program,
    slots: &[Slot<'_>],
    values: &mut Values,
    inner: &mut Vec<Inner>,
    steps_left: &mut usize,
) {
    let mut steps = program.steps.iter();
    while let Some(step) = steps.next() {
        let Some(left) = steps_left.checked_sub(1) else {
            values.cut = true;
            return;
        };
        *steps_left = left;
        match *step {
            Step::Slot { name, slot, empty, inner: may_nest } => match slots.get(usize::from(slot)) {
                Some(s) if s.kind == kind::BINXML && !s.bytes.is_empty() => {
                    if may_nest {
                        inner.push(Inner::Fragment { below: name, from: s.at, end: s.at + s.bytes.len() });
                    }
                }
                Some(s) => value::put(values, name, s.kind, s.bytes, empty.held()),
                None => absent(values, name, empty),
            },
            Step::Text { name, from, to } => {
                let text = program.text.get(from as usize..to as usize).unwrap_or("");
                values.push_text(name, |out| out.push_str(text));
            }
            Step::Empty { name, empty } => absent(values, name, empty),
            Step::Guard { slot, skip } => {
                if slots.get(usize::from(slot)).is_none_or(|s| s.kind == kind::NULL) {
                    steps = steps.as_slice().get(skip as usize..).unwrap_or(&[]).iter();
                }
            }
            Step::Time { name, slot } => {
                if let Some(s) = slots.get(usize::from(slot)) {
                    time(values, name, *s);
                }
            }
            Step::Parts { name, from, to, empty } => {
                let parts = program.parts.get(from as usize..to as usize).unwrap_or(&[]);
                join(program, parts, slots, values, (name, empty));
            }
            Step::Instance { name, at } => inner.push(Inner::Instance { below: name, at: at as usize }),
        }
    }
}

fn absent(values: &mut Values, name: NameId, empty: Empty) {
    if let Some(held) = empty.held() {
        values.push(name, held);
    }
}

fn time(values: &mut Values, name: NameId, slot: Slot<'_>) {
    if slot.kind == kind::FILETIME
        && let Ok(ticks) = slot.bytes.try_into().map(u64::from_le_bytes)
    {
        values.time = Some(value::filetime(ticks)).filter(value::is_set);
    }
    value::put(values, name, slot.kind, slot.bytes, None);
}

/// Text and values joined into one value.
fn join(program: &Program, parts: &[Part], slots: &[Slot<'_>], values: &mut Values, (name, empty): (NameId, Empty)) {
    let is_nothing = |part: &Part| match *part {
        Part::Text(from, to) => from >= to,
        Part::Slot(slot) => slots.get(usize::from(slot)).is_none_or(|s| s.kind == kind::NULL || s.bytes.is_empty()),
    };
    if parts.iter().all(is_nothing) {
        return absent(values, name, empty);
    }
    values.push_text(name, |out| {
        for part in parts {
            match *part {
                Part::Text(from, to) => out.push_str(program.text.get(from as usize..to as usize).unwrap_or("")),
                Part::Slot(slot) => {
                    if let Some(s) = slots.get(usize::from(slot)) {
                        value::text(s.kind, s.bytes, out);
                    }
                }
            }
        }
    });
}
