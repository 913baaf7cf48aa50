//! Limits of the journal, each named with its unit. Those of a batch stand in `bongsu_event::limits`.

use bongsu_event::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, LINE_BYTES_MAX};

/// A segment is closed and the next begun at this size, bytes on disk.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most bytes a record's head (time, source, address …) takes in a batch.
pub const RECORD_HEAD_BYTES_MAX: usize = 128;
/// Most bytes of a batch before compression.
pub const BATCH_PLAIN_BYTES_MAX: usize = BATCH_BYTES_MAX + LINE_BYTES_MAX + BATCH_RECORDS_MAX * RECORD_HEAD_BYTES_MAX;
/// Most bytes of a batch on disk, its header aside: zstd adds less than this to bytes it cannot compress.
pub const BATCH_BODY_BYTES_MAX: usize = BATCH_PLAIN_BYTES_MAX + BATCH_PLAIN_BYTES_MAX / 128 + 1_024;
/// Most records waiting to be written; then submitters wait.
pub const QUEUE_RECORDS_MAX: usize = 8 * BATCH_RECORDS_MAX;
/// Most raw bytes waiting to be written; then submitters wait.
pub const QUEUE_BYTES_MAX: usize = 4 * BATCH_BYTES_MAX;
/// Most raw bytes of durable batches kept in memory for tails that are nearly up to date.
pub const LIVE_BYTES_MAX: usize = 4 * BATCH_BYTES_MAX;
/// Most durable batches kept in memory for tails that are nearly up to date.
pub const LIVE_BATCHES_MAX: usize = 256;
/// A new checkpoint is written at most this long after a batch became durable, milliseconds.
pub const CHECKPOINT_MILLIS: u64 = 500;
/// Pause between two tries on a full or failing disk, milliseconds.
pub const RETRY_MILLIS: u64 = 500;
/// Below this much free space the disk counts as full, bytes: the databases beside the journal need some.
pub const FREE_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// Most findings `verify` and `open` list; more are counted.
pub const DAMAGE_MAX: usize = 1_000;
/// Most torn tails kept aside; older ones go.
pub const TORN_FILES_MAX: usize = 16;
/// Zstandard level of batches.
pub const ZSTD_LEVEL: i32 = 1;
