//! Windows events as files hold them: EVTX chunks and the XML that the event viewer exports, read straight into names
//! and values without a tree in between.
//!
//! Invariant: no bytes panic, and none cost more than the limits below; what can't be read of a chunk is counted.
//!
//! Names are those Sigma uses: `CommandLine` for `Event.EventData.CommandLine`, `EventID`, `Provider_Name` for
//! `Event.System.Provider`'s attribute; what Sigma has no name for keeps its whole path.

mod binxml;
mod chunk;
mod cursor;
mod event;
mod names;
pub mod sample;
mod value;
mod xml;

pub use chunk::{CHUNK_BYTES, ChunkReport, EvtxReader, FILE_HEADER_BYTES, is_chunk, is_evtx};
pub use event::WindowsEvent;
pub use xml::XmlReader;

/// Most names remembered before the table begins anew; real logs have a few thousand.
const NAMES_MAX: usize = 32 * 1024;
/// Longest path of a value, bytes; deeper names are cut.
const PATH_BYTES_MAX: usize = 512;
/// Most values of one event; the rest are left out and the event is marked as cut.
const EVENT_VALUES_MAX: usize = 4_096;
/// Most text of one event, bytes; a forged record may repeat one value many times.
const EVENT_TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Most steps of one template.
const TEMPLATE_STEPS_MAX: usize = 4_096;
/// Most steps that the templates of one chunk may hold together.
const CHUNK_STEPS_MAX: usize = 64 * 1024;
/// Deepest element in one template.
const ELEMENT_DEPTH_MAX: usize = 64;
/// Deepest template within a value of another.
const NESTING_MAX: usize = 8;
/// Most values that one template instance brings.
const INSTANCE_VALUES_MAX: u32 = 4_096;
/// Most steps run for one event, nested templates included.
const EVENT_STEPS_MAX: usize = 16 * 1024;
