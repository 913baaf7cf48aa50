//! The one writer: takes what waits, writes it as one batch, syncs once, tells everybody.
//!
//! Invariant: at most one batch is unsynced at any time. On a full or failing disk the file is brought back to the last
//! good batch and the same batch is tried again; who waits, waits.

use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bongsu_event::RawRecord;
use bongsu_event::limits::{BATCH_RECORDS_MAX, LINE_BYTES_MAX};

use crate::encode::encode;
use crate::error::AppendError;
use crate::files::free_bytes;
use crate::format::{BATCH_HEADER_BYTES, BatchHeader, Hash, SEGMENT_HEADER_BYTES, SegmentHeader, hash_of};
use crate::journal::Shared;
use crate::limits::{RETRY_MILLIS, ZSTD_LEVEL};
use crate::live::Durable;
use crate::queue::{Submission, Taken};
use crate::reader::Batch;
use crate::recover::{create_segment, info};

/// After this long without work the writer gives its buffers back.
const IDLE_PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Writer {
    shared: Arc<Shared>,
    file: File,
    header: SegmentHeader,
    length: u64,
    chain: Hash,
    next_sequence: u64,
    /// Bytes beyond `length` may stand in the file, from a try that failed.
    dirty: bool,
    plain: Vec<u8>,
    /// Batch header and compressed body, written in one call.
    packed: Vec<u8>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
}

impl Writer {
    pub fn new(shared: Arc<Shared>, file: File, header: SegmentHeader, length: u64, chain: Hash, next: u64) -> Self {
        Self {
            shared,
            file,
            header,
            length,
            chain,
            next_sequence: next,
            dirty: false,
            plain: Vec::new(),
            packed: Vec::new(),
            compressor: None,
        }
    }

    /// Until the queue is closed and empty.
    pub fn run(mut self) {
        loop {
            match self.shared.queue.take(IDLE_PATIENCE, self.shared.options.batch_bytes_max) {
                Taken::Group(group) => self.write_group(group),
                Taken::Idle => (self.plain, self.packed, self.compressor) = Default::default(),
                Taken::Closed => break,
            }
        }
        self.shared.live.close();
    }

    fn write_group(&mut self, group: Vec<Submission>) {
        let mut records = Vec::new();
        let mut waiting = Vec::with_capacity(group.len());
        let mut first = self.next_sequence;
        for mut submission in group {
            let last = first + submission.records.len() as u64;
            waiting.push((first..=last.saturating_sub(1), submission.done));
            first = last;
            if records.is_empty() {
                records = submission.records;
            } else {
                records.append(&mut submission.records);
            }
        }
        records.iter_mut().for_each(cut_line);
        let result = self.write_all(records);
        for (range, done) in waiting {
            done(result.clone().map(|()| range));
        }
    }

    /// Write as few batches as the limits allow: one, unless a single submission is larger.
    fn write_all(&mut self, mut records: Vec<RawRecord>) -> Result<(), AppendError> {
        let bytes_max = self.shared.options.batch_bytes_max;
        while !records.is_empty() {
            let mut bytes = 0;
            let fits = records.iter().take(BATCH_RECORDS_MAX).take_while(|r| {
                let first = bytes == 0;
                bytes += r.raw.len();
                first || bytes <= bytes_max
            });
            let fits = fits.count().max(1);
            let rest = if fits < records.len() { records.split_off(fits) } else { Vec::new() };
            self.write_batch(records)?;
            records = rest;
        }
        Ok(())
    }

    fn write_batch(&mut self, records: Vec<RawRecord>) -> Result<(), AppendError> {
        encode(&records, &mut self.plain);
        loop {
            match self.try_write(records.len() as u32) {
                Ok(()) => break,
                Err(error) => {
                    let why = self.explain(&error);
                    self.shared.alarm(Some(&why));
                    if self.shared.queue.pause(Duration::from_millis(RETRY_MILLIS)) {
                        return Err(AppendError::NotStored(why));
                    }
                }
            }
        }
        self.shared.alarm(None);
        let batch = Batch { epoch: self.header.epoch, first_sequence: self.next_sequence, records };
        self.next_sequence = batch.last_sequence() + 1;
        self.shared.count_batch(&batch, self.packed.len() as u64, self.header.index, self.length);
        self.shared.live.publish(self.durable(), batch);
        Ok(())
    }

    fn durable(&self) -> Durable {
        Durable {
            epoch: self.header.epoch,
            sequence: self.next_sequence - 1,
            hash: self.chain,
            segment: self.header.index,
            offset: self.length,
        }
    }

    fn try_write(&mut self, count: u32) -> io::Result<()> {
        let free = free_bytes(&self.file)?;
        if free < self.shared.options.free_bytes_min.saturating_add(self.plain.len() as u64) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.dirty {
            self.file.set_len(self.length)?;
            self.dirty = false;
        }
        self.roll_if_due()?;
        self.pack(count)?;
        self.dirty = true;
        self.put()?;
        self.file.sync_data()?;
        self.dirty = false;
        self.chain = hash_of(&[&self.packed]);
        self.length += self.packed.len() as u64;
        Ok(())
    }

    /// Write at the end of the last good batch; if that fails, take back what was written.
    fn put(&mut self) -> io::Result<()> {
        let mut bytes: &[u8] = &self.packed;
        let fault = self.shared.options.fault.as_ref().and_then(|fault| fault(bytes.len()));
        if let Some((written, _)) = &fault {
            bytes = bytes.get(..*written).unwrap_or(bytes);
        }
        let written = self.file.write_all_at(bytes, self.length);
        match fault.map_or(written, |(_, error)| Err(error)) {
            Ok(()) => Ok(()),
            Err(e) => {
                self.dirty = self.file.set_len(self.length).is_err();
                Err(e)
            }
        }
    }

    /// Compress `plain` behind a header that names the chain so far.
    fn pack(&mut self, count: u32) -> io::Result<()> {
        let compressor = match &mut self.compressor {
            Some(c) => c,
            none => none.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL)?),
        };
        let room = BATCH_HEADER_BYTES + zstd::zstd_safe::compress_bound(self.plain.len());
        if self.packed.len() < room {
            self.packed.resize(room, 0);
        }
        let Some(body) = self.packed.get_mut(BATCH_HEADER_BYTES..) else { return Err(io::ErrorKind::Other.into()) };
        let body_bytes = compressor.compress_to_buffer(&self.plain, body)?;
        self.packed.truncate(BATCH_HEADER_BYTES + body_bytes);
        let body = self.packed.get(BATCH_HEADER_BYTES..).unwrap_or_default();
        let header = BatchHeader {
            first_sequence: self.next_sequence,
            count,
            plain_bytes: self.plain.len() as u32,
            body_bytes: body_bytes as u32,
            body_crc: crc32c::crc32c(body),
            previous: self.chain,
        };
        for (to, from) in self.packed.iter_mut().zip(header.to_bytes()) {
            *to = from;
        }
        Ok(())
    }

    fn roll_if_due(&mut self) -> io::Result<()> {
        let options = &self.shared.options;
        let empty = self.length <= SEGMENT_HEADER_BYTES as u64;
        let now = (options.clock)();
        let old = options.segment_seconds_max.is_some_and(|s| now >= self.header.created.plus_seconds(s));
        if empty || (self.length < options.segment_bytes_max && !old) {
            return Ok(());
        }
        let header = SegmentHeader {
            index: self.header.index + 1,
            epoch: self.header.epoch,
            first_sequence: self.next_sequence,
            created: now,
            previous: self.chain,
        };
        let (file, chain) = create_segment(&self.shared.dir, &header)?;
        (self.file, self.header, self.length, self.chain) = (file, header, SEGMENT_HEADER_BYTES as u64, chain);
        self.shared.segments.lock().push(info(&header, self.length));
        Ok(())
    }

    fn explain(&self, error: &io::Error) -> String {
        let dir = self.shared.dir.display();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!(
                "the disk of {dir} is full: free some space or add a disk; what is stored stays, senders wait until then"
            ),
            _ => format!("cannot write to {dir}: {error}; senders wait, it is tried again"),
        }
    }
}

/// Intake cuts lines already; whoever else appends gets the same.
fn cut_line(record: &mut RawRecord) {
    if record.raw.len() > LINE_BYTES_MAX {
        record.raw.truncate(LINE_BYTES_MAX);
        record.flags.truncated = true;
    }
}

/// The range of a submission without records.
pub(crate) const NOTHING: RangeInclusive<u64> = RangeInclusive::new(1, 0);
