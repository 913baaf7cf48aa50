//! A rule as it was written: one Sigma document and what Bongsu adds to it.
//!
//! Invariant: a `Rule` has been checked as far as one document can be; whether its references resolve is known to
//! the set alone.

use std::sync::Arc;

use bongsu_event::Severity;

use crate::Node;
use crate::condition::Condition;
pub use crate::matcher::Matcher;

/// What an automatic playbook may do with an alert of this rule. A hint: the safety policy has the last word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Playbook {
    /// Block the source by itself where the policy lets it.
    Block,
    /// Propose a block to a person.
    Propose,
    /// Nothing.
    #[default]
    None,
}

/// Which logs a rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Logsource {
    /// As `process_creation`, `authentication`.
    pub category: Option<String>,
    /// As `windows`, `fortigate`.
    pub product: Option<String>,
    /// As `sshd`, `security`.
    pub service: Option<String>,
}

/// One Sigma document.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The document's `id`; without one its `name`, else file and line.
    pub id: String,
    /// The name by which correlations refer to it.
    pub name: Option<String>,
    /// English title.
    pub title: String,
    /// Korean title.
    pub title_ko: Option<String>,
    /// What it finds.
    pub description: String,
    /// The same in Korean.
    pub description_ko: Option<String>,
    /// `stable`, `test`, `experimental`, …
    pub status: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// How grave a match is.
    pub level: Severity,
    /// As `attack.t1110.003`.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub references: Vec<String>,
    /// What else looks like this.
    pub falsepositives: Vec<String>,
    /// What to do next, English.
    pub next_steps: Vec<String>,
    /// What to do next, Korean.
    pub next_steps_ko: Vec<String>,
    /// Fields by which alerts are grouped; empty: `src_ip`, else `user`, else `host`.
    pub entity: Vec<String>,
    /// Reason sentence with `{field}` and `{count}`, English.
    pub reason: Option<String>,
    /// Reason sentence, Korean.
    pub reason_ko: Option<String>,
    /// Hint to the playbooks.
    pub playbook: Playbook,
    /// Which logs it is about.
    pub logsource: Logsource,
    /// Fields worth showing.
    pub fields: Vec<String>,
    /// Lines that must and must not fire.
    pub cases: Vec<Case>,
    /// What it tests.
    pub body: Body,
    /// Why it is loaded and yet can't fire (a placeholder without values), if so.
    pub idle: Option<String>,
    /// The file it came from, as given.
    pub source: String,
    /// Line in that file where its document begins, from 1.
    pub line: usize,
    /// The document's own text.
    pub text: Arc<str>,
    /// Keys that neither Sigma nor Bongsu knows.
    pub more: Vec<(String, Node)>,
}

/// What a rule tests.
#[derive(Clone, Debug)]
pub enum Body {
    /// Single events.
    Matcher(Arc<Matcher>),
    /// Detections of other rules.
    Correlation(Correlation),
    /// Narrows other rules.
    Filter(Filter),
}

/// How a correlation counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CorrelationKind {
    /// Events.
    EventCount,
    /// Distinct values of a field.
    ValueCount,
    /// Rules that all matched, in any order.
    Temporal,
    /// Rules that all matched, in the order written.
    TemporalOrdered,
    /// Sum of a field.
    ValueSum,
    /// Mean of a field.
    ValueAvg,
    /// Median of a field; of an even number of values the mean of the two in the middle.
    ValueMedian,
    /// Percentile of a field, the rank from 0 to 100.
    ValuePercentile(f64),
}

/// alias → (rule → field).
pub type Aliases = Vec<(String, Vec<(String, String)>)>;

/// A correlation rule.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// How it counts.
    pub kind: CorrelationKind,
    /// Ids or names of the rules it refers to, in order.
    pub rules: Vec<String>,
    /// Fields or aliases that must be the same.
    pub group_by: Vec<String>,
    /// Width of the window, microseconds.
    pub timespan: i64,
    /// Fields whose values are counted, together.
    pub field: Vec<String>,
    /// All must hold of the count.
    pub bounds: Vec<(Bound, f64)>,
    /// For temporal kinds: which rules must have matched; `None`: all.
    pub(crate) expression: Option<Condition>,
    /// alias → (rule → field).
    pub aliases: Aliases,
    /// Do the rules it refers to raise alerts of their own as well?
    pub generate: bool,
}

/// A comparison with a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Equal.
    Eq,
    /// Different.
    Neq,
}

/// A Sigma filter: its condition is joined to other rules by `and`.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Ids or names of the rules it narrows; empty: every rule of its logsource.
    pub rules: Vec<String>,
    /// What is joined to their conditions.
    pub matcher: Arc<Matcher>,
}

/// What must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fire {
    /// Nothing fires.
    Never,
    /// It fires at least once.
    Some,
    /// It fires exactly so often (continued hits not counted).
    Times(usize),
}

/// One case that stands in a rule.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is fed, in order.
    pub lines: Vec<CaseLine>,
    /// What must happen.
    pub fire: Fire,
    /// Format to read the raw lines with; `None`: recognise it.
    pub format: Option<String>,
    /// What the case is about, for the report.
    pub note: Option<String>,
}

/// One line of a case.
#[derive(Clone, Debug)]
pub struct CaseLine {
    /// What is fed.
    pub input: CaseInput,
    /// Seconds after the start of the case.
    pub at: f64,
}

/// A raw line or an event.
#[derive(Clone, Debug)]
pub enum CaseInput {
    /// A raw line.
    Raw(String),
    /// An event in JSON.
    Event(serde_json::Value),
}
