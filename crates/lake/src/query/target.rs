//! What may stand before a colon, and the words that may stand after it.

use bongsu_event::{Activity, Class, Field, FieldKind, Severity, Status};

use super::Target;
use crate::schema::{self, ANY, BASE, Kind};

/// A name that may stand before a colon, for completion and help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// Short name.
    pub name: &'static str,
    /// `ip`, `int`, `text`, `time`, `bool`, `word`, `name`.
    pub kind: &'static str,
    /// OCSF path, or a sentence.
    pub about: &'static str,
}

/// Every name that may stand before a colon.
#[must_use]
pub fn fields() -> Vec<FieldInfo> {
    let named = [
        FieldInfo { name: "agency", kind: "name", about: "the agency, by name or number" },
        FieldInfo { name: "source", kind: "name", about: "the source, by name or number" },
        FieldInfo { name: "id", kind: "text", about: "the event's id, as 1-48113902" },
        FieldInfo { name: "raw", kind: "text", about: "the raw line" },
    ];
    let base = BASE.iter().map(|b| FieldInfo { name: b.name, kind: kind_name(b.kind), about: b.about });
    let any = ANY.iter().map(|(name, _)| FieldInfo { name, kind: "text", about: "any of several columns" });
    let hot = Field::ALL.iter().map(|f| FieldInfo {
        name: f.name(),
        kind: match f.kind() {
            FieldKind::Ip => "ip",
            FieldKind::Int => "int",
            FieldKind::Text => "text",
        },
        about: f.ocsf(),
    });
    named.into_iter().chain(base).chain(any).chain(hot).collect()
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Time => "time",
        Kind::Int => "int",
        Kind::Severity | Kind::Word => "word",
        Kind::Text => "text",
        Kind::Bool => "bool",
    }
}

/// What a name before a colon stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A column.
    Column(Target),
    /// An agency, by name.
    Agency,
    /// A source, by name.
    Source,
    /// The raw line.
    Raw,
    /// The id.
    Id,
}

/// Look a name up.
pub(super) fn find(name: &str) -> Option<Named> {
    let lower = name.to_ascii_lowercase();
    Some(match lower.as_str() {
        "agency" | "기관" => Named::Agency,
        "source" | "출처" => Named::Source,
        "raw" | "원본" => Named::Raw,
        "id" => Named::Id,
        _ => Named::Column(column(name, &lower)?),
    })
}

fn column(name: &str, lower: &str) -> Option<Target> {
    if let Some(at) = lower.find('.').filter(|at| matches!(lower.get(..*at), Some("extra" | "unmapped"))) {
        return name.get(at + 1..).filter(|n| !n.is_empty()).map(|n| Target::Extra(n.to_owned()));
    }
    let lower = match lower {
        "시각" => "time",
        "분류" => "class",
        "결과" => "status",
        "행위" => "activity",
        l => l,
    };
    if let Some((_, b)) = schema::base_named(lower) {
        return Some(Target::Base(b.name));
    }
    if let Some((_, fields)) = ANY.iter().find(|(n, _)| *n == lower) {
        return Some(Target::AnyOf(fields));
    }
    Field::from_name(name).map(Target::Field)
}

/// The nearest right name.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&name, &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance <= 1 + k.chars().count().min(name.chars().count()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k.to_owned())
}

/// The nearest right field.
pub(super) fn nearest_field(name: &str) -> Option<String> {
    let known = fields();
    let aliases = Field::ALL.iter().flat_map(|f| f.aliases());
    nearest(name, known.iter().map(|f| f.name).chain(aliases))
}

/// The stored word for what a person wrote, where a column holds one of a few words.
pub(super) fn word(column: &str, written: &str) -> Result<String, Option<String>> {
    let lower = written.to_lowercase();
    let known: Vec<&'static str> = match column {
        "class" => Class::ALL.iter().map(|c| c.name()).collect(),
        "status" => [Status::Unknown, Status::Success, Status::Failure].map(Status::name).to_vec(),
        "activity" => ACTIVITIES.map(Activity::name).to_vec(),
        "transport" => vec!["udp", "tcp", "tls", "mutual_tls", "agent", "load"],
        "evidence" => vec!["none", "handshake"],
        "time_from" => vec!["line", "line_local", "header", "receipt"],
        "encoding" => vec!["utf-8", "cp949", "utf-16le", "utf-16be", "unknown"],
        // Formats are not known here.
        _ => return Ok(lower),
    };
    if known.contains(&lower.as_str()) {
        return Ok(lower);
    }
    if let Some((_, _, stored)) = KOREAN.iter().find(|(c, k, _)| *c == column && *k == written) {
        return Ok((*stored).to_owned());
    }
    if column == "class"
        && let Some(c) = lower.parse().ok().and_then(|uid: u16| Class::ALL.iter().find(|c| c.uid() == uid))
    {
        return Ok(c.name().to_owned());
    }
    Err(nearest(&lower, known))
}

const ACTIVITIES: [Activity; 11] = [
    Activity::Unknown,
    Activity::Open,
    Activity::Close,
    Activity::Allow,
    Activity::Deny,
    Activity::Create,
    Activity::Read,
    Activity::Update,
    Activity::Delete,
    Activity::Run,
    Activity::Detect,
];

/// The console's Korean words.
const KOREAN: [(&str, &str, &str); 25] = [
    ("class", "인증", "authentication"),
    ("class", "트래픽", "network"),
    ("class", "웹", "http"),
    ("class", "탐지", "finding"),
    ("class", "계정", "account"),
    ("class", "설정", "config"),
    ("class", "터널", "tunnel"),
    ("class", "메일", "email"),
    ("class", "파일", "file"),
    ("class", "프로세스", "process"),
    ("class", "시스템", "system"),
    ("class", "미해석", "unparsed"),
    ("status", "성공", "success"),
    ("status", "실패", "failure"),
    ("status", "모름", "unknown"),
    ("activity", "허용", "allow"),
    ("activity", "차단", "deny"),
    ("activity", "막음", "deny"),
    ("activity", "연결", "open"),
    ("activity", "종료", "close"),
    ("activity", "생성", "create"),
    ("activity", "변경", "update"),
    ("activity", "삭제", "delete"),
    ("activity", "실행", "run"),
    ("activity", "탐지", "detect"),
];

/// A severity by name, in either language, or by number.
pub(super) fn severity(written: &str) -> Option<i64> {
    let s = match written {
        "정보" => Severity::Info,
        "낮음" => Severity::Low,
        "중간" => Severity::Medium,
        "높음" => Severity::High,
        "치명" => Severity::Critical,
        w => match w.parse().ok().and_then(Severity::from_number) {
            Some(s) => s,
            None => Severity::from_name(&w.to_lowercase())?,
        },
    };
    Some(i64::from(s.number()))
}

/// The short name of a column that events can be counted by.
pub(super) fn column_to_group(name: &str) -> Option<String> {
    match find(name)? {
        Named::Agency => Some("agency_id".to_owned()),
        Named::Source => Some("source_id".to_owned()),
        Named::Column(Target::Field(f)) => Some(f.name().to_owned()),
        Named::Column(Target::Base(b)) => Some(b.to_owned()),
        Named::Column(Target::Extra(n)) => Some(format!("extra.{n}")),
        Named::Column(Target::AnyOf(_)) | Named::Raw | Named::Id => None,
    }
}
