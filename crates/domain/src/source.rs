//! Log sources: a device or host whose records reach us, with an expected rhythm. A silent source is itself an alert.

use bongsu_event::Micros;

/// A source that sent a line this recently is live, seconds.
pub const LIVE_SECONDS: i64 = 60;
/// Silent after this long without a line when nobody said otherwise, minutes.
pub const SILENT_AFTER_MINUTES: u32 = 60;

/// How a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceState {
    /// Beyond its rhythm.
    Silent,
    /// Has never sent a line.
    Never,
    /// Within its rhythm, nothing in the last minute.
    Quiet,
    /// Sends.
    Live,
    /// Not taken in.
    Disabled,
}

impl SourceState {
    /// The name shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Never => "never",
            Self::Quiet => "quiet",
            Self::Live => "live",
            Self::Disabled => "disabled",
        }
    }
}

/// How is a source at `now`? A last line from the future counts as one of now.
#[must_use]
pub fn source_state(enabled: bool, last_seen: Option<Micros>, silent_after_minutes: u32, now: Micros) -> SourceState {
    let Some(last) = last_seen else {
        return if enabled { SourceState::Never } else { SourceState::Disabled };
    };
    let away = now.0.saturating_sub(last.0);
    match () {
        () if !enabled => SourceState::Disabled,
        () if away <= LIVE_SECONDS * Micros::SECOND => SourceState::Live,
        () if away <= i64::from(silent_after_minutes) * 60 * Micros::SECOND => SourceState::Quiet,
        () => SourceState::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rhythm() {
        let now = Micros(0).plus_seconds(100_000);
        let ago = |s: i64| Some(now.plus_seconds(-s));
        assert_eq!(source_state(true, None, 10, now), SourceState::Never);
        assert_eq!(source_state(true, ago(59), 10, now), SourceState::Live);
        assert_eq!(source_state(true, ago(-500), 10, now), SourceState::Live);
        assert_eq!(source_state(true, ago(600), 10, now), SourceState::Quiet);
        assert_eq!(source_state(true, ago(601), 10, now), SourceState::Silent);
        assert_eq!(source_state(false, ago(1), 10, now), SourceState::Disabled);
    }
}
