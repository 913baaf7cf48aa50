//! Confirmed commit: a change that cuts its own point from the center is undone, only that change.
//!
//! A pure state machine; the clock is passed in. Each change must be proved by the center answering a probe sent
//! well after it. Without proof in time it is rolled back. If the center then comes back, the change was guilty
//! and stays away; if it does not, the center is away for another reason and the change is put in force again,
//! because a point must keep enforcing alone. Confirmed changes stay until they expire, connected or not.

use std::time::{Duration, Instant};

use crate::limits::{ACQUIT_SECONDS, CONFIRM_SECONDS, PROOF_SECONDS, SETTLED_SECONDS};

const CONFIRM: Duration = Duration::from_secs(CONFIRM_SECONDS);
const PROOF: Duration = Duration::from_secs(PROOF_SECONDS);
const SETTLED: Duration = Duration::from_secs(SETTLED_SECONDS);
const ACQUIT: Duration = Duration::from_secs(ACQUIT_SECONDS);

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did not cut us off; it stays until its expiry.
    Confirmed(Vec<String>),
    /// No proof in time: take it out now.
    RollBack(Vec<String>),
    /// The center came back after the roll-back: it stays out.
    Guilty(Vec<String>),
    /// The center did not come back: put it in again.
    Acquitted(Vec<String>),
}

#[derive(Clone, Debug)]
struct Change {
    ids: Vec<String>,
    at: Instant,
    rolled_back: Option<Instant>,
}

/// Changes that wait for proof.
#[derive(Clone, Debug, Default)]
pub struct Confirm {
    changes: Vec<Change>,
    proved: Option<Instant>,
}

impl Confirm {
    /// These blocks were just inserted on the center's word.
    pub fn changed(&mut self, ids: Vec<String>, now: Instant) {
        if !ids.is_empty() {
            self.changes.push(Change { ids, at: now, rolled_back: None });
        }
    }

    /// These blocks are wanted no more.
    pub fn forget(&mut self, gone: impl Fn(&str) -> bool) {
        for change in &mut self.changes {
            change.ids.retain(|id| !gone(id));
        }
        self.changes.retain(|c| !c.ids.is_empty());
    }

    /// The center answered a probe that was sent at `sent`.
    pub fn proved(&mut self, sent: Instant) {
        self.proved = self.proved.max(Some(sent));
    }

    /// Should the center be probed now? True while anything waits.
    #[must_use]
    pub fn wants_probe(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Blocks in force that wait for proof.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().filter(|c| c.rolled_back.is_none()).flat_map(|c| c.ids.iter().map(String::as_str))
    }

    /// Blocks taken out until the verdict.
    pub fn rolled_back(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().filter(|c| c.rolled_back.is_some()).flat_map(|c| c.ids.iter().map(String::as_str))
    }

    /// Verdicts due at `now`, oldest change first.
    pub fn tick(&mut self, now: Instant) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let proved = self.proved;
        let later: Vec<Instant> = self.changes.iter().filter(|c| c.rolled_back.is_none()).map(|c| c.at).collect();
        self.changes.retain_mut(|change| match change.rolled_back {
            None if now.duration_since(change.at) < CONFIRM => true,
            None if proved.is_some_and(|p| held(change.at, p, &later)) => {
                verdicts.push(Verdict::Confirmed(std::mem::take(&mut change.ids)));
                false
            }
            None => {
                change.rolled_back = Some(now);
                verdicts.push(Verdict::RollBack(change.ids.clone()));
                true
            }
            Some(at) if proved.is_some_and(|p| p >= at) => {
                verdicts.push(Verdict::Guilty(std::mem::take(&mut change.ids)));
                false
            }
            Some(at) if now.duration_since(at) >= ACQUIT => {
                verdicts.push(Verdict::Acquitted(std::mem::take(&mut change.ids)));
                false
            }
            Some(_) => true,
        });
        verdicts
    }
}

/// Did a change made at `at` let the center through? Yes if a late probe was answered, or if it had settled and
/// the answers stopped only around a later change.
fn held(at: Instant, proved: Instant, changes: &[Instant]) -> bool {
    proved >= at + PROOF || (proved >= at + SETTLED && changes.iter().any(|c| *c > at && *c + SETTLED > proved))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(id: &str) -> Vec<String> {
        vec![id.to_owned()]
    }
    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_change_with_proof_is_confirmed_and_then_left_alone() {
        let (mut c, t) = (Confirm::default(), Instant::now());
        c.changed(ids("a"), t);
        assert!(c.wants_probe());
        for i in 0..9 {
            c.proved(t + s(i));
            assert_eq!(c.tick(t + s(i)), []);
        }
        assert_eq!(c.tick(t + s(10)), [Verdict::Confirmed(ids("a"))]);
        assert_eq!(c.tick(t + s(1000)), [], "cut off later, it stays");
        assert!(!c.wants_probe());
    }

    #[test]
    fn a_change_that_cuts_us_off_is_rolled_back_and_stays_away() {
        let (mut c, t) = (Confirm::default(), Instant::now());
        c.changed(ids("a"), t);
        c.proved(t);
        assert_eq!(c.tick(t + s(9)), []);
        assert_eq!(c.tick(t + s(10)), [Verdict::RollBack(ids("a"))]);
        assert_eq!(c.rolled_back().collect::<Vec<_>>(), ["a"]);
        c.proved(t + s(12));
        assert_eq!(c.tick(t + s(12)), [Verdict::Guilty(ids("a"))]);
        assert_eq!(c.tick(t + s(99)), []);
    }

    #[test]
    fn a_center_that_is_away_for_another_reason_frees_nobody_for_long() {
        let (mut c, t) = (Confirm::default(), Instant::now());
        c.changed(ids("a"), t);
        assert_eq!(c.tick(t + s(10)), [Verdict::RollBack(ids("a"))]);
        assert_eq!(c.tick(t + s(39)), []);
        assert_eq!(c.tick(t + s(40)), [Verdict::Acquitted(ids("a"))]);
    }

    #[test]
    fn only_the_guilty_change_goes() {
        let (mut c, t) = (Confirm::default(), Instant::now());
        c.changed(ids("good"), t);
        c.proved(t + s(2));
        c.changed(ids("bad"), t + s(3));
        assert_eq!(c.tick(t + s(10)), [Verdict::Confirmed(ids("good"))]);
        assert_eq!(c.tick(t + s(13)), [Verdict::RollBack(ids("bad"))]);
    }

    #[test]
    fn a_block_undone_meanwhile_is_forgotten() {
        let (mut c, t) = (Confirm::default(), Instant::now());
        c.changed(ids("a"), t);
        c.forget(|id| id == "a");
        assert_eq!(c.tick(t + s(60)), []);
    }
}
