//! Folding: a burst that goes on, or a rule that fires on every line, becomes a few findings a second; the rest is counted
//! in them, so that one broken clock can't hold up a city's lines.
//!
//! Invariants: every match is counted in some finding; the first of its kind passes at once, and so does one that proves
//! more than any that passed; nothing here reads a clock, and between two checkpoints the same events pass.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use bongsu_domain::LineEvidence;
use bongsu_event::{AgencyId, Event, EventId, Micros};
use bongsu_sigma::{Matched, Rule, RuleIdx, RuleSet};

/// Matches of one rule about one entity that pass between two checkpoints; of a burst that goes on, one does.
const PASS_MAX: u32 = 16;
/// Kinds remembered between two checkpoints; what is beyond passes.
const KINDS_MAX: usize = 65_536;

/// What a finding is made of, besides its event.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub index: RuleIdx,
    pub rule: Arc<Rule>,
    /// Explains the event.
    pub set: Arc<RuleSet>,
    /// The rule that the event itself matched: of a correlation one of its bases.
    pub base: RuleIdx,
    /// What held, where it is known already.
    pub matched: Option<Vec<Matched>>,
    pub entity: Vec<(String, String)>,
    pub group: Vec<(String, String)>,
    pub values: Vec<String>,
    pub count: f64,
    pub events: Vec<EventId>,
    pub agency: AgencyId,
    pub at: Micros,
    pub evidence: LineEvidence,
    pub continued: bool,
}

/// A finding to be made: its parts, its event, and how many others it stands for.
pub(super) type Due = (Draft, Event, u64);

#[derive(Debug, Default)]
struct Kind {
    passed: u32,
    proved: u8,
    /// The latest that did not pass, and how many before it.
    kept: Option<Box<Due>>,
}

/// What has passed since the last checkpoint.
#[derive(Debug, Default)]
pub(super) struct Folds(HashMap<(RuleIdx, AgencyId, Vec<String>), Kind>);

impl Folds {
    /// The draft, if it passes; else it is kept and counted.
    pub fn pass(&mut self, draft: Draft, event: &Event) -> Option<Draft> {
        let values = draft.entity.iter().map(|(_, value)| value.clone()).collect();
        let room = self.0.len() < KINDS_MAX;
        let kind = match self.0.entry((draft.index, draft.agency, values)) {
            Entry::Occupied(kind) => kind.into_mut(),
            Entry::Vacant(_) if !room => return Some(draft),
            Entry::Vacant(kind) => kind.insert(Kind::default()),
        };
        let proves = proves(&draft.evidence);
        let most = if draft.continued { 1 } else { PASS_MAX };
        if kind.passed < most || proves > kind.proved {
            kind.passed += 1;
            kind.proved = kind.proved.max(proves);
            return Some(draft);
        }
        let others = kind.kept.as_ref().map_or(0, |kept| kept.2 + 1);
        kind.kept = Some(Box::new((draft, event.clone(), others)));
        None
    }
    /// What was kept, each the latest of its kind, in the order of their events; all begins anew.
    pub fn take(&mut self) -> Vec<Due> {
        let mut due: Vec<Due> = std::mem::take(&mut self.0).into_values().filter_map(|k| k.kept).map(|k| *k).collect();
        due.sort_by(|a, b| (a.1.id, &a.0.rule.id).cmp(&(b.1.id, &b.0.rule.id)));
        due
    }
}

/// How much the lines prove, for a block: more is larger.
fn proves(evidence: &LineEvidence) -> u8 {
    u8::from(!evidence.forgeable) + u8::from(!evidence.forgeable && evidence.handshake)
}
