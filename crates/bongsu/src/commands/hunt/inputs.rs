//! The inputs: files found below what was named, opened whatever their compression, cut into blocks.
//!
//! Invariant: a file that can't be read whole costs itself only, and is told with its reason.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bongsu_parse::Format;
use bongsu_parse::blocks::{Block, Blocks, Form};

use super::arguments::Reading;

/// Most files of one hunt.
const FILES_MAX: usize = 200_000;
/// Deepest folder below a named one.
const FOLDER_DEPTH_MAX: usize = 64;
/// Bytes read from a file at once.
const READ_BYTES: usize = 64 * 1024;
/// How much of a file is looked at to tell text from other bytes.
const LOOK_BYTES: usize = 4096;
/// Largest window of a zstd stream, as a power of two: 128 MiB, what `zstd --ultra` makes.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// Standard input, as an input.
const STDIN: &str = "-";
/// Files in folders that are never logs.
const NO_LOGS: [&str; 3] = ["yml", "yaml", "md"];

/// One input and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Input {
    pub path: PathBuf,
    /// As named, with what lies below it.
    pub shown: String,
    /// On disk.
    pub bytes: u64,
    pub records: u64,
    /// Records that could not be read.
    pub damaged: u64,
    /// Records cut because they were too long.
    pub too_long: u64,
    /// Bytes that belong to no record.
    pub stray_bytes: u64,
    /// Why it was not read, or not to its end.
    pub trouble: Option<String>,
    /// It was opened and looked into.
    pub opened: bool,
}

impl Input {
    /// Was anything of it not read?
    pub fn is_troubled(&self) -> bool {
        self.trouble.is_some() || self.damaged > 0 || self.too_long > 0 || self.stray_bytes > 0
    }
    /// Could it be read, be it in part?
    pub fn is_readable(&self) -> bool {
        self.records > 0 || (self.opened && !self.is_troubled())
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} records read", crate::output::shown(&self.shown), self.records)?;
        if self.damaged > 0 {
            write!(f, ", {} could not be read", self.damaged)?;
        }
        if self.too_long > 0 {
            write!(f, ", {} were too long and cut", self.too_long)?;
        }
        if self.stray_bytes > 0 {
            write!(f, ", {} bytes belong to no whole record", self.stray_bytes)?;
        }
        match &self.trouble {
            Some(why) => write!(f, "; {why}"),
            None => Ok(()),
        }
    }
}

/// Every file to read, in order: what was named, and the files of folders by name.
pub fn find(named: &[PathBuf]) -> Vec<Input> {
    let mut found = Vec::new();
    for path in named {
        let mut stack = vec![(path.clone(), 0)];
        while let Some((at, depth)) = stack.pop() {
            if found.len() >= FILES_MAX {
                let trouble = Some(format!("more than {FILES_MAX} files: the rest was left out"));
                found.push(Input { shown: at.display().to_string(), path: at, trouble, ..Input::default() });
                return found;
            }
            look(&at, depth, &mut stack, &mut found);
        }
    }
    found
}

fn look(at: &Path, depth: usize, stack: &mut Vec<(PathBuf, usize)>, found: &mut Vec<Input>) {
    let mut input = Input { path: at.to_owned(), shown: at.display().to_string(), ..Input::default() };
    if at.as_os_str() == STDIN {
        found.push(input);
        return;
    }
    match std::fs::metadata(at) {
        Ok(meta) if meta.is_dir() => match std::fs::read_dir(at) {
            Ok(_) if depth >= FOLDER_DEPTH_MAX => {
                input.trouble = Some(format!("deeper than {FOLDER_DEPTH_MAX} folders: left out"));
                found.push(input);
            }
            Ok(entries) => {
                let mut inner: Vec<PathBuf> =
                    entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| is_wanted(p)).collect();
                inner.sort();
                stack.extend(inner.into_iter().rev().map(|p| (p, depth + 1)));
            }
            Err(e) => {
                input.trouble = Some(format!("cannot be read: {e}"));
                found.push(input);
            }
        },
        Ok(meta) => {
            // In a folder, only what lies there: no pipes, no devices.
            if depth == 0 || meta.is_file() {
                input.bytes = meta.len();
                found.push(input);
            }
        }
        Err(e) => {
            input.trouble = Some(format!("cannot be read: {e}"));
            found.push(input);
        }
    }
}

/// In a folder: neither hidden, nor a rule or its description, nor a link to another folder.
fn is_wanted(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|n| n.as_encoded_bytes().first() == Some(&b'.'));
    let no_log = path.extension().is_some_and(|e| NO_LOGS.iter().any(|n| e.eq_ignore_ascii_case(n)));
    let link_to_folder = path.is_symlink() && path.is_dir();
    !hidden && !no_log && !link_to_folder
}

/// How the records of a block are read.
#[derive(Clone, Copy)]
pub enum Kind {
    Evtx,
    Xml,
    /// Lines or objects: JSON as it is, unless a vendor's format reads it; anything else by the formats.
    Text {
        vendor: Option<&'static dyn Format>,
    },
    /// Rows of the lake.
    Lake,
}

/// Counts the bytes read of a file, for the progress bar.
struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(out)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

type Bytes = Box<dyn Read + Send>;

fn open(path: &Path, read: Arc<AtomicU64>) -> io::Result<Bytes> {
    if path.as_os_str() == STDIN {
        return unpacked(Box::new(Counted { input: io::stdin(), read }));
    }
    unpacked(Box::new(Counted { input: File::open(path)?, read }))
}

/// The content of a compressed stream, or the stream itself.
fn unpacked(input: Bytes) -> io::Result<Bytes> {
    let mut input = BufReader::with_capacity(READ_BYTES, input);
    let head = io::BufRead::fill_buf(&mut input)?;
    if head.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(flate2::bufread::MultiGzDecoder::new(input)));
    }
    if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        return Ok(Box::new(decoder));
    }
    Ok(Box::new(input))
}

/// Cut one input into blocks; `take` says whether to go on. What went wrong is noted in the input.
pub fn cut(
    input: &mut Input,
    reading: Reading,
    context: &bongsu_parse::Context,
    read: Arc<AtomicU64>,
    take: &mut dyn FnMut(Kind, Block) -> bool,
) {
    if input.trouble.is_some() {
        return;
    }
    let bytes = match open(&input.path, read) {
        Ok(bytes) => bytes,
        Err(e) => {
            input.trouble = Some(format!("cannot be read: {e}"));
            return;
        }
    };
    let form = match reading {
        Reading::Auto => None,
        Reading::Form(form) => Some(form),
        Reading::Format(_) => Some(Form::Lines),
    };
    let mut blocks = Blocks::open(bytes, form);
    if form.is_none() && blocks.form() == Form::Lines && !is_text(blocks.head()) {
        input.trouble = Some("it holds neither text nor an event log: left out".to_owned());
        return;
    }
    input.opened = true;
    let kind = kind(&blocks, reading, context);
    while let Some(block) = blocks.next_block() {
        if !take(kind, block) {
            return;
        }
    }
    input.too_long = blocks.too_long;
    input.stray_bytes = blocks.stray_bytes;
    if let Some(why) = blocks.broken() {
        input.trouble = Some(format!("it breaks off: {why}"));
    }
}

/// No zero bytes, and hardly any that text has no use for.
fn is_text(head: &[u8]) -> bool {
    let head = head.get(..LOOK_BYTES).unwrap_or(head);
    let odd = head.iter().filter(|b| **b < b' ' && !b"\t\n\r\x1b".contains(b)).count();
    !head.contains(&0) && odd * 10 <= head.len()
}

fn kind(blocks: &Blocks<Bytes>, reading: Reading, context: &bongsu_parse::Context) -> Kind {
    match (blocks.form(), reading) {
        (Form::Evtx, _) => Kind::Evtx,
        (Form::Xml, _) => Kind::Xml,
        (_, Reading::Format(format)) => Kind::Text { vendor: Some(format) },
        (Form::Lines, Reading::Auto) => {
            let head = blocks.head();
            let first = head.split(|b| *b == b'\n').find(|l| !l.trim_ascii().is_empty()).unwrap_or(&[]);
            let is_json = first.trim_ascii_start().starts_with(b"{");
            Kind::Text { vendor: is_json.then(|| bongsu_parse::recognise(first, context)).flatten() }
        }
        _ => Kind::Text { vendor: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn records(path: &Path) -> (Input, Vec<String>) {
        let context =
            bongsu_parse::Context { receive_time: bongsu_event::Micros(0), timezone: jiff::tz::TimeZone::UTC };
        let mut input = find(&[path.to_owned()]).remove(0);
        let mut out = Vec::new();
        cut(&mut input, Reading::Auto, &context, Arc::default(), &mut |_, block| {
            out.extend(block.records().map(|(_, r)| String::from_utf8_lossy(r).into_owned()));
            true
        });
        (input, out)
    }

    #[test]
    fn compressed_and_plain() {
        let dir = tempfile::tempdir().unwrap();
        let text = b"{\"a\":1}\n{\"b\":2}\n";
        let plain = dir.path().join("plain");
        std::fs::write(&plain, text).unwrap();
        let gz = dir.path().join("a.gz");
        for part in [&text[..8], &text[8..]] {
            // Two members, as rotation with appending makes.
            let file = File::options().append(true).create(true).open(&gz).unwrap();
            let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap();
        }
        let zst = dir.path().join("a.zst");
        std::fs::write(&zst, zstd::encode_all(&text[..], 3).unwrap()).unwrap();
        for path in [&plain, &gz, &zst] {
            assert_eq!(records(path).1, ["{\"a\":1}", "{\"b\":2}"], "{path:?}");
        }
        let whole = std::fs::read(&gz).unwrap();
        std::fs::write(&gz, &whole[..whole.len() - 4]).unwrap();
        let (input, seen) = records(&gz);
        assert_eq!(seen.len(), 2);
        assert!(input.trouble.unwrap().contains("breaks off"));
    }

    #[test]
    fn folders_give_files_by_name_and_leave_out_what_is_no_log() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("b/.git")).unwrap();
        for name in ["b/2.log", "b/1.log", "a.jsonl", "rule.yml", ".hidden", "b/.git/x"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        let names: Vec<String> = find(&[dir.path().to_owned()])
            .iter()
            .map(|i| i.path.strip_prefix(dir.path()).unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["a.jsonl", "b/1.log", "b/2.log"]);
        std::fs::write(dir.path().join("picture"), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").unwrap();
        assert!(records(&dir.path().join("picture")).0.trouble.is_some());
        assert!(find(&[dir.path().join("nowhere")]).remove(0).trouble.is_some());
    }
}
