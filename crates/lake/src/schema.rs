//! The columns of the lake: what the files call them, and what queries and people call them.
//!
//! Files carry OCSF names with `.` written as `_` (`src_endpoint_ip`), so that any Parquet reader understands them;
//! queries, SQL and rows use the short names of `bongsu_event::Field` (`src_ip`). This file is the only place that
//! knows both. Addresses are canonical text (`192.0.2.1`, `2001:db8::1`): equal text is the same address, and
//! spans of addresses are compared by value (`predicate`).
//!
//! Invariant: within one `SCHEMA_VERSION` columns are only added, never renamed or retyped; a column that a
//! file lacks, because it is older or has no value for it, reads as null.

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, Field as Column, Fields, Schema, SchemaRef, TimeUnit};
use bongsu_event::{Field, FieldKind};

/// Version of the file schema, kept in each file's metadata and in the manifest.
pub const SCHEMA_VERSION: u32 = 1;
/// Metadata key of the version.
pub const SCHEMA_KEY: &str = "bongsu.schema";

/// What a base column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Microseconds, UTC.
    Time,
    /// A whole number.
    Int,
    /// A severity, 1 (info) to 5 (critical), shown by name.
    Severity,
    /// One of a few fixed words.
    Word,
    /// Free text.
    Text,
    /// Yes or no.
    Bool,
}

/// A column that is no hot column of the event.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// Name in files.
    pub file: &'static str,
    /// Short name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// For people: what may be written in a query.
    pub about: &'static str,
}

const fn base(file: &'static str, name: &'static str, kind: Kind, about: &'static str) -> Base {
    Base { file, name, kind, about }
}

/// Base columns before the hot ones, in order.
pub const BASE: [Base; 20] = [
    base("time", "time", Kind::Time, "when it happened"),
    base("epoch", "epoch", Kind::Int, "epoch of the journal"),
    base("sequence", "sequence", Kind::Int, "journal sequence"),
    base("receive_time", "receive_time", Kind::Time, "when the bytes came in"),
    base("agency_id", "agency_id", Kind::Int, "agency, by number"),
    base("source_id", "source_id", Kind::Int, "source, by number"),
    base("transport", "transport", Kind::Word, "udp, tcp, tls, mutual_tls, agent, load"),
    base("format", "format", Kind::Word, "name of the format that read it"),
    base("class_uid", "class_uid", Kind::Int, "OCSF class, by number"),
    base("class_name", "class", Kind::Word, "OCSF class, as authentication"),
    base("activity_name", "activity", Kind::Word, "what was tried: open, close, allow, deny …"),
    base("status", "status", Kind::Word, "success, failure, unknown"),
    base("severity_id", "event_severity", Kind::Severity, "info, low, medium, high, critical"),
    base("evidence", "evidence", Kind::Word, "what is proved about src_ip: none, handshake"),
    base("time_from", "time_from", Kind::Word, "line, line_local, header, receipt"),
    base("encoding", "encoding", Kind::Word, "utf-8, cp949, utf-16le, utf-16be, unknown"),
    base("truncated", "truncated", Kind::Bool, "cut at the length limit"),
    base("skewed", "skewed", Kind::Bool, "the line's clock was far from receipt"),
    base("unread_reason", "unread", Kind::Text, "why the line could not be read"),
    base("forgeable", "forgeable", Kind::Text, "columns an outsider can write"),
];

/// Places in [`BASE`].
pub mod at {
    pub const TIME: usize = 0;
    pub const EPOCH: usize = 1;
    pub const SEQUENCE: usize = 2;
    pub const RECEIVE_TIME: usize = 3;
    pub const AGENCY: usize = 4;
    pub const SOURCE: usize = 5;
    pub const CLASS_UID: usize = 8;
    pub const UNREAD: usize = 18;
    pub const FORGEABLE: usize = 19;
    /// First hot column.
    pub const FIELDS: usize = super::BASE.len();
    /// First of the four `any_*` lists.
    pub const ANY: usize = FIELDS + bongsu_event::Field::COUNT;
    pub const EXTRA: usize = ANY + 4;
    pub const RAW: usize = EXTRA + 1;
    pub const RAW_BYTES: usize = RAW + 1;
    pub const RAW_HASH: usize = RAW_BYTES + 1;
}

/// The four lists: file name (and short name), and the columns they gather.
pub const ANY: [(&str, &[Field]); 4] = [
    ("any_ip", &[Field::SrcIp, Field::DstIp, Field::SrcNatIp, Field::DstNatIp]),
    ("any_user", &[Field::User, Field::DstUser]),
    ("any_hash", &[Field::Sha256, Field::Sha1, Field::Md5]),
    ("any_domain", &[Field::Domain, Field::SrcDomain, Field::DstHost]),
];

fn arrow_type(kind: Kind) -> DataType {
    match kind {
        Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Int | Kind::Severity => DataType::Int64,
        Kind::Word | Kind::Text => DataType::Utf8,
        Kind::Bool => DataType::Boolean,
    }
}

fn nullable(at: usize) -> bool {
    matches!(at, at::UNREAD | at::FORGEABLE)
}

/// The type of the `extra` map.
pub fn extra_type() -> DataType {
    let entries =
        Fields::from(vec![Column::new("key", DataType::Utf8, false), Column::new("value", DataType::Utf8, true)]);
    DataType::Map(Arc::new(Column::new("key_value", DataType::Struct(entries), false)), false)
}

fn columns(name_of: impl Fn(usize) -> String) -> Schema {
    let mut columns = Vec::with_capacity(at::RAW_HASH + 1);
    for (i, b) in BASE.iter().enumerate() {
        columns.push(Column::new(name_of(i), arrow_type(b.kind), nullable(i)));
    }
    for f in Field::ALL {
        let kind = if f.kind() == FieldKind::Int { DataType::Int64 } else { DataType::Utf8 };
        columns.push(Column::new(name_of(at::FIELDS + f.index()), kind, true));
    }
    for i in 0..ANY.len() {
        let item = Arc::new(Column::new("item", DataType::Utf8, true));
        columns.push(Column::new(name_of(at::ANY + i), DataType::List(item), true));
    }
    columns.push(Column::new(name_of(at::EXTRA), extra_type(), true));
    columns.push(Column::new(name_of(at::RAW), DataType::Utf8, false));
    columns.push(Column::new(name_of(at::RAW_BYTES), DataType::Binary, true));
    columns.push(Column::new(name_of(at::RAW_HASH), DataType::Int64, false));
    Schema::new(columns)
}

/// Name of a column in files.
pub fn file_name(at: usize) -> String {
    if let Some(b) = BASE.get(at) {
        return b.file.to_owned();
    }
    if let Some(f) = Field::ALL.get(at - at::FIELDS) {
        return f.ocsf().replace('.', "_");
    }
    if let Some((name, _)) = ANY.get(at - at::ANY) {
        return (*name).to_owned();
    }
    match at {
        at::EXTRA => "unmapped",
        at::RAW => "raw_data",
        at::RAW_BYTES => "raw_bytes",
        _ => "raw_data_hash",
    }
    .to_owned()
}

/// Short name of a column: what queries, SQL and rows call it.
pub fn short_name(at: usize) -> &'static str {
    if let Some(b) = BASE.get(at) {
        return b.name;
    }
    if let Some(f) = Field::ALL.get(at - at::FIELDS) {
        return f.name();
    }
    if let Some((name, _)) = ANY.get(at - at::ANY) {
        return name;
    }
    match at {
        at::EXTRA => "extra",
        at::RAW => "raw",
        at::RAW_BYTES => "raw_bytes",
        _ => "raw_hash",
    }
}

/// The schema of files and of memory.
pub fn file_schema() -> SchemaRef {
    static SCHEMA: OnceLock<SchemaRef> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(columns(file_name))).clone()
}

/// A base column by short name, with its place.
pub fn base_named(name: &str) -> Option<(usize, &'static Base)> {
    BASE.iter().enumerate().find(|(_, b)| b.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn both_kinds_of_names_are_unique() {
        let schema = file_schema();
        let files: HashSet<_> = (0..schema.fields().len()).map(file_name).collect();
        let shorts: HashSet<_> = (0..schema.fields().len()).map(short_name).collect();
        assert_eq!(files.len(), schema.fields().len());
        assert_eq!(shorts.len(), schema.fields().len());
        assert_eq!(schema.fields().len(), at::RAW_HASH + 1);
        assert_eq!(short_name(at::RAW), "raw");
        assert_eq!(file_name(at::FIELDS), "src_endpoint_ip");
        assert_eq!(BASE[at::FORGEABLE].name, "forgeable");
    }
}
