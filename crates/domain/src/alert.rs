//! Alerts: detections grouped by rule + entity + agency, asking for a person.
//!
//! Invariant: grouping, score and detection ids depend on what was seen alone, so that a replay groups the same.

use bongsu_event::{AgencyId, Micros, Severity};

use crate::Dated;

/// An alert, shown as `A-24817`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub i64);

impl std::fmt::Display for AlertId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "A-{}", self.0)
    }
}

/// Width of a count bucket, microseconds (5 minutes).
pub const BUCKET_MICROS: i64 = 300 * Micros::SECOND;
/// Buckets in a row's sparkline (one hour).
pub const SPARKLINE_BUCKETS: usize = 12;
/// Longest note, characters.
pub const NOTE_CHARS_MAX: usize = 4_000;

/// The thing an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity {
    /// `src_ip`, `user`, `host`, `source` …
    pub kind: String,
    /// Its value.
    pub value: String,
}

/// What makes two detections one alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// Rule id.
    pub rule: String,
    /// What it is about.
    pub entity: Entity,
    /// Whose.
    pub agency: AgencyId,
}

/// The identity of a detection: same rule, same event (of a correlation: the first event of its burst and its
/// group), same id, however often it is replayed.
#[must_use]
pub fn detection_id(rule: &str, event: bongsu_event::EventId, group: &[(String, String)]) -> String {
    let mut id = format!("{rule}/{event}");
    for (name, value) in group {
        id.push('/');
        id.push_str(name);
        id.push('=');
        id.push_str(value);
    }
    id
}

/// Grade of the asset an alert is about (정보시스템 등급), 1 the highest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssetGrade {
    /// 1등급.
    First,
    /// 2등급.
    Second,
    /// 3등급.
    Third,
    /// 4등급.
    Fourth,
    /// Not registered.
    #[default]
    Unknown,
}

/// How sure a rule is, from its maturity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// `experimental`.
    Low,
    /// `test`, or nothing said.
    #[default]
    Medium,
    /// `stable`.
    High,
}

impl Confidence {
    /// From a Sigma rule's `status`.
    #[must_use]
    pub fn from_status(status: Option<&str>) -> Self {
        match status {
            Some("stable") => Self::High,
            Some("experimental" | "unsupported" | "deprecated") => Self::Low,
            _ => Self::Medium,
        }
    }
}

/// Severity × asset grade × confidence, 0 to 100. Factors in percent, so that the product stays whole.
#[must_use]
pub fn score(severity: Severity, grade: AssetGrade, confidence: Confidence) -> u32 {
    let severity = match severity {
        Severity::Info => 10,
        Severity::Low => 30,
        Severity::Medium => 55,
        Severity::High => 80,
        Severity::Critical => 100,
    };
    let grade = match grade {
        AssetGrade::First => 100,
        AssetGrade::Second => 95,
        AssetGrade::Third => 90,
        AssetGrade::Fourth => 80,
        AssetGrade::Unknown => 85,
    };
    let confidence = match confidence {
        Confidence::High => 100,
        Confidence::Medium => 90,
        Confidence::Low => 70,
    };
    severity * grade * confidence / 10_000
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertState {
    /// Nobody has taken it.
    Open,
    /// Somebody works on it (확인 중).
    Acknowledged,
    /// Ended, with a verdict.
    Closed,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// 실제 침해.
    TruePositive,
    /// 정상 업무.
    Benign,
    /// 오탐.
    FalsePositive,
    /// 중복.
    Duplicate,
}

impl AlertState {
    /// Every state.
    pub const ALL: &'static [Self] = &[Self::Open, Self::Acknowledged, Self::Closed];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }
    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.name() == name)
    }
    /// Where a step leads.
    ///
    /// # Errors
    /// When the step makes no sense from here.
    pub fn after(self, step: Step) -> Result<Self, StepError> {
        match (self, step) {
            (Self::Open | Self::Acknowledged, Step::Acknowledge) => Ok(Self::Acknowledged),
            (Self::Open | Self::Acknowledged, Step::Close) => Ok(Self::Closed),
            (Self::Acknowledged | Self::Closed, Step::Reopen) => Ok(Self::Open),
            (Self::Closed, Step::Acknowledge | Step::Close) => Err(StepError::Closed),
            (Self::Open, Step::Reopen) => Err(StepError::Open),
        }
    }
}

impl Verdict {
    /// Every verdict.
    pub const ALL: &'static [Self] = &[Self::TruePositive, Self::Benign, Self::FalsePositive, Self::Duplicate];
    /// The name stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TruePositive => "true_positive",
            Self::Benign => "benign",
            Self::FalsePositive => "false_positive",
            Self::Duplicate => "duplicate",
        }
    }
    /// The verdict of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| v.name() == name)
    }
}

/// What a person does with an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Acknowledge and take.
    Acknowledge,
    /// Close with a verdict.
    Close,
    /// Undo either.
    Reopen,
}

/// A step that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// It is closed.
    #[error("the alert is closed; reopen it first")]
    Closed,
    /// It is open.
    #[error("the alert is open already")]
    Open,
}

/// Minutes within which an alert of each severity is to be acknowledged; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// 치명.
    pub critical: Option<u32>,
    /// 높음.
    pub high: Option<u32>,
    /// 중간.
    pub medium: Option<u32>,
    /// 낮음.
    pub low: Option<u32>,
    /// 정보.
    pub info: Option<u32>,
}

/// How alerts are treated: dated data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertPolicy {
    /// In force since.
    pub valid_from: Micros,
    /// The shipped example set, not yet edited (예시).
    pub example: bool,
    /// Acknowledge within.
    pub due: Due,
    /// Alerts that nobody is asked about for a while.
    pub suppressions: Vec<Suppression>,
}

impl Dated for AlertPolicy {
    fn valid_from(&self) -> Micros {
        self.valid_from
    }
}

impl AlertPolicy {
    /// The example set (예시): 5 minutes for critical ones as in the 2022 drill order, the rest chosen by us.
    #[must_use]
    pub fn example() -> Self {
        let due = Due { critical: Some(5), high: Some(15), medium: Some(60), low: Some(240), info: None };
        Self { valid_from: Micros(0), example: true, due, suppressions: Vec::new() }
    }
    /// Acknowledge an alert opened at `opened` by then; `None`: no limit.
    #[must_use]
    pub fn due_at(&self, severity: Severity, opened: Micros) -> Option<Micros> {
        let minutes = match severity {
            Severity::Critical => self.due.critical,
            Severity::High => self.due.high,
            Severity::Medium => self.due.medium,
            Severity::Low => self.due.low,
            Severity::Info => self.due.info,
        };
        minutes.map(|m| opened.plus_seconds(i64::from(m) * 60))
    }
    /// Is a group suppressed at that time? Its detections are kept and counted; nobody is asked.
    #[must_use]
    pub fn suppressed(&self, key: &GroupKey, at: Micros) -> Option<&Suppression> {
        self.suppressions.iter().find(|s| s.holds(key, at))
    }
}

/// A suppression always ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Only this rule.
    pub rule: Option<String>,
    /// Only this entity value.
    pub entity: Option<String>,
    /// Only this agency.
    pub agency: Option<AgencyId>,
    /// Until.
    pub until: Micros,
    /// Why.
    pub reason: String,
}

impl Suppression {
    /// Does it hold for that group at that time? One that names neither rule nor entity holds for none: that would
    /// silence an agency.
    #[must_use]
    pub fn holds(&self, key: &GroupKey, at: Micros) -> bool {
        at < self.until
            && (self.rule.is_some() || self.entity.is_some())
            && self.rule.as_ref().is_none_or(|r| *r == key.rule)
            && self.entity.as_ref().is_none_or(|e| *e == key.entity.value)
            && self.agency.is_none_or(|a| a == key.agency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_grows_with_each_factor_and_stays_in_bounds() {
        let top = score(Severity::Critical, AssetGrade::First, Confidence::High);
        assert_eq!(top, 100);
        assert!(score(Severity::High, AssetGrade::First, Confidence::High) < top);
        assert!(score(Severity::Critical, AssetGrade::Fourth, Confidence::High) < top);
        assert!(score(Severity::Critical, AssetGrade::First, Confidence::Low) < top);
        assert!(score(Severity::Info, AssetGrade::Fourth, Confidence::Low) > 0);
    }

    #[test]
    fn steps() {
        use AlertState::{Acknowledged, Closed, Open};
        assert_eq!(Open.after(Step::Acknowledge), Ok(Acknowledged));
        assert_eq!(Acknowledged.after(Step::Close), Ok(Closed));
        assert_eq!(Closed.after(Step::Reopen), Ok(Open));
        assert_eq!(Closed.after(Step::Acknowledge), Err(StepError::Closed));
        assert_eq!(Open.after(Step::Reopen), Err(StepError::Open));
    }

    #[test]
    fn a_suppression_ends_and_never_silences_a_whole_agency() {
        let key = GroupKey {
            rule: "r1".into(),
            entity: Entity { kind: "src_ip".into(), value: "192.0.2.1".into() },
            agency: AgencyId(3),
        };
        let mut s = Suppression {
            rule: Some("r1".into()),
            entity: None,
            agency: Some(AgencyId(3)),
            until: Micros(100),
            reason: "scanner of the auditors".into(),
        };
        assert!(s.holds(&key, Micros(99)) && !s.holds(&key, Micros(100)));
        s.rule = None;
        assert!(!s.holds(&key, Micros(1)));
    }

    #[test]
    fn a_detection_has_the_same_id_each_time_and_another_for_another_group() {
        let event = bongsu_event::EventId { epoch: 1, sequence: 7 };
        let group = [("src_ip".to_owned(), "192.0.2.1".to_owned())];
        assert_eq!(detection_id("r", event, &[]), "r/1-7");
        assert_eq!(detection_id("r", event, &group), "r/1-7/src_ip=192.0.2.1");
    }
}
