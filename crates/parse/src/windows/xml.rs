//! One `<Event>` of an exported log: the XML that the event viewer, `wevtutil` and collectors write.
//!
//! Invariant: one pass, no entity is ever fetched or expanded beyond the characters XML itself names.

use bongsu_event::Micros;
use memchr::{memchr, memmem};

use super::event::{Held, Values, WindowsEvent};
use super::names::{Names, push_step};
use super::{ELEMENT_DEPTH_MAX, NAMES_MAX, value};

/// Reads events in their XML form; its memory is used again for the next. One a thread.
#[derive(Debug, Default)]
pub struct XmlReader {
    names: Names,
    values: Values,
    path: String,
    open: Vec<Open>,
    content: String,
}

#[derive(Debug)]
struct Open {
    path: usize,
    content: usize,
    tag: String,
    has_children: bool,
    has_attributes: bool,
    is_data: bool,
}

impl XmlReader {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The event that this text is; `record` is its number in the file. None if it is no well-formed event.
    pub fn read(&mut self, text: &str, record: u64) -> Option<WindowsEvent<'_>> {
        if self.names.len() > NAMES_MAX {
            self.names.clear();
        }
        self.values.clear();
        self.path.clear();
        self.open.clear();
        self.content.clear();
        let mut rest = text;
        while let Some(at) = memchr(b'<', rest.as_bytes()) {
            let (before, tag) = rest.split_at_checked(at)?;
            if !self.open.is_empty() {
                unescape(before, &mut self.content);
            }
            rest = self.markup(tag)?;
        }
        if !self.open.is_empty() || self.values.is_empty() {
            return None;
        }
        let time = self.values.time.filter(value::is_set);
        Some(WindowsEvent { names: &self.names, values: &self.values, record, time })
    }

    /// One piece of markup; gives what is behind it.
    fn markup<'t>(&mut self, tag: &'t str) -> Option<&'t str> {
        if let Some(body) = tag.strip_prefix("<![CDATA[") {
            let (text, after) = split(body, "]]>")?;
            self.content.push_str(text);
            return Some(after);
        }
        if let Some(body) = tag.strip_prefix("<!--") {
            return split(body, "-->").map(|(_, after)| after);
        }
        if let Some(body) = tag.strip_prefix("<?") {
            return split(body, "?>").map(|(_, after)| after);
        }
        if let Some(body) = tag.strip_prefix("</") {
            let (name, after) = split(body, ">")?;
            self.close(name.trim_end())?;
            return Some(after);
        }
        self.open(tag.get(1..)?)
    }

    fn open<'t>(&mut self, tag: &'t str) -> Option<&'t str> {
        let end = tag.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/')?;
        let (full, mut rest) = tag.split_at_checked(end)?;
        if full.is_empty() || full.starts_with('!') || self.open.len() >= ELEMENT_DEPTH_MAX {
            return None;
        }
        if let Some(parent) = self.open.last_mut() {
            parent.has_children = true;
        }
        let name = local(full);
        self.open.push(Open {
            path: self.path.len(),
            content: self.content.len(),
            tag: full.to_owned(),
            has_children: false,
            has_attributes: false,
            is_data: name == "Data",
        });
        push_step(&mut self.path, name);
        loop {
            rest = rest.trim_ascii_start();
            if let Some(after) = rest.strip_prefix('>') {
                return Some(after);
            }
            if let Some(after) = rest.strip_prefix("/>") {
                self.close(full)?;
                return Some(after);
            }
            let (attribute, after) = rest.split_once('=')?;
            let after = after.trim_ascii_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (value, after) = after.get(1..)?.split_once(quote)?;
            self.attribute(attribute.trim_ascii_end(), value);
            rest = after;
        }
    }

    fn attribute(&mut self, attribute: &str, raw: &str) {
        if attribute.starts_with("xmlns") || raw.is_empty() {
            return;
        }
        let Some(open) = self.open.last_mut() else { return };
        let mut value = String::new();
        unescape(raw, &mut value);
        if open.is_data && attribute == "Name" {
            self.path.truncate(open.path);
            push_step(&mut self.path, &value);
            return;
        }
        open.has_attributes = true;
        let element = self.path.len();
        push_step(&mut self.path, "#attributes");
        push_step(&mut self.path, local(attribute));
        if self.path.ends_with("TimeCreated.#attributes.SystemTime")
            && let Ok(time) = value.parse::<jiff::Timestamp>()
        {
            self.values.time = Some(Micros::from_timestamp(time));
        }
        let name = self.names.id(&self.path);
        self.path.truncate(element);
        self.values.push_text(name, |out| out.push_str(&value));
    }

    fn close(&mut self, tag: &str) -> Option<()> {
        let open = self.open.pop().filter(|o| o.tag == tag)?;
        let content = self.content.get(open.content..)?;
        let is_layout = open.has_children && content.trim().is_empty();
        if !is_layout && !(content.is_empty() && (open.has_children || open.has_attributes)) {
            let name = self.names.id(&self.path);
            if content.is_empty() && !open.is_data {
                self.values.push(name, Held::Null);
            } else {
                self.values.push_text(name, |out| out.push_str(content));
            }
        }
        self.content.truncate(open.content);
        self.path.truncate(open.path);
        Some(())
    }
}

/// A name without its namespace.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn split<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    let at = memmem::find(text.as_bytes(), mark.as_bytes())?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

/// Longest character reference, bytes.
const REFERENCE_BYTES_MAX: usize = 10;

/// Text with its character references resolved; what is none stays as it is.
fn unescape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let reference = after.split_once(';').filter(|(name, _)| name.len() <= REFERENCE_BYTES_MAX);
        match reference.and_then(|(name, after)| Some((character(name)?, after))) {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_event::ValueRef;

    const EVENT: &str = r#"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>
        <Provider Name='Microsoft-Windows-Sysmon' Guid='{5770385F}'/><EventID Qualifiers="">1</EventID><Correlation/>
        <TimeCreated SystemTime='2026-03-02T01:02:03.1234567Z'/><Channel>Security</Channel></System>
        <EventData><Data Name='Command Line'>cmd /c "a &amp; b" &#x41;&nbsp;</Data><Data Name="Empty"></Data>
        <Data>plain</Data><Data><![CDATA[<raw>]]></Data></EventData></Event>"#;

    #[test]
    fn values_under_sigma_names() {
        let mut reader = XmlReader::new();
        let event = reader.read(EVENT, 7).unwrap();
        assert_eq!(event.record, 7);
        assert_eq!(event.time.unwrap().to_string(), "2026-03-02T01:02:03.123456Z");
        for (name, value) in [
            ("Provider_Name", ValueRef::Text("Microsoft-Windows-Sysmon")),
            ("EventID", ValueRef::Text("1")),
            ("Correlation", ValueRef::Null),
            ("CommandLine", ValueRef::Text("cmd /c \"a & b\" A&nbsp;")),
            ("Empty", ValueRef::Text("")),
            ("Data", ValueRef::Text("plain")),
        ] {
            assert_eq!(event.get(name), Some(value), "{name}");
        }
        let mut data = Vec::new();
        event.for_each(&mut |name, value| {
            if name == "Data" {
                data.push(value);
            }
        });
        assert_eq!(data, [ValueRef::Text("plain"), ValueRef::Text("<raw>")]);
    }

    #[test]
    fn what_is_no_event() {
        let mut reader = XmlReader::new();
        for text in
            ["", "<Event>", "<Event></Even>", "<a b>", "<a b=c></a>", "</Event>", "<!DOCTYPE x [<!ENTITY a 'b'>]>"]
        {
            assert!(reader.read(text, 1).is_none(), "{text}");
        }
        assert!(reader.read(&"<a>".repeat(100_000), 1).is_none());
        for end in 0..EVENT.len() {
            assert!(EVENT.get(..end).is_none_or(|cut| reader.read(cut, 1).is_none()));
        }
    }
}
