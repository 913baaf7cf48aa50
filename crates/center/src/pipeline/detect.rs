//! Detect and correlate: event → findings. Pure but for the plan it is given: same events, same order, same findings.
//!
//! Three correlators run side by side. One sees every detection and raises alerts. The second sees only detections whose
//! source address can't have been forged, the third those of them that also prove a handshake; only what the *third*
//! counts may lead to a block without a person, what the second counts to a proposal. So ten thousand forged lines
//! followed by one honest typing error never cut off the victim.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use bongsu_domain::{LineEvidence, Live};
use bongsu_event::{AgencyId, Event, EventId, Evidence, Field, Micros, SourceId, limits::LIVE_SKEW_SECONDS_MAX};
use bongsu_sigma::{Body, CorrelationHit, Correlator, Detection, Matched, Playbook, Rule, RuleIdx, RuleSet, Scratch};

use super::fold::{Draft, Folds};
use super::reason::{Facts, fill};
use crate::costs::{COUNT_EVERY, Tally};
use crate::directory::Picture;
use crate::exceptions::InForce;
use crate::rulebook::Book;

/// Recent detected events whose agency and marks are remembered for correlations.
const RECENT_MAX: usize = 65_536;

/// A detection that asks for an alert.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Same rule, same event, same id.
    pub id: String,
    /// What the alert is about: kind and value.
    pub entity: (String, String),
    /// Whose; of several agencies their lowest common ancestor.
    pub agency: AgencyId,
    /// Live time of the event that completed it.
    pub at: Micros,
    /// When that event was received.
    pub receive_time: Micros,
    /// Events behind it, oldest first.
    pub events: Vec<EventId>,
    /// Count of a correlation; 1 otherwise.
    pub count: f64,
    /// The burst had fired before: updates its alert.
    pub continued: bool,
    /// Others of its kind that it stands for.
    pub folded: u64,
    /// Sentence, Korean.
    pub reason_ko: String,
    /// Sentence, English.
    pub reason_en: String,
    /// What held.
    pub matched: Vec<Matched>,
    /// Source of the event.
    pub source: SourceId,
    /// Grade of the asset, 1 to 4, 0 unknown.
    pub grade: u8,
    /// Service the event was aimed at, as `203.0.113.10:22`.
    pub service: Option<String>,
    /// The address a playbook may act on, if the rule has one that names an address.
    pub target: Option<IpAddr>,
    /// What the lines prove about that address; of a correlation over every line it counted.
    pub evidence: LineEvidence,
    /// Made by the demo.
    pub example: bool,
}

/// Recent detected events.
#[derive(Default)]
struct Recent {
    events: HashMap<EventId, AgencyId>,
    order: VecDeque<EventId>,
}

impl Recent {
    fn note(&mut self, event: &Event) {
        if self.events.insert(event.id, event.agency).is_none() {
            self.order.push_back(event.id);
            if self.order.len() > RECENT_MAX
                && let Some(old) = self.order.pop_front()
            {
                self.events.remove(&old);
            }
        }
    }
}

/// Rules at work.
pub struct Detector {
    set: Arc<RuleSet>,
    since: Micros,
    scratch: Scratch,
    every: Correlator,
    unforgeable: Correlator,
    proven: Correlator,
    recent: Recent,
    folds: Folds,
    /// Nanoseconds since any fixed instant.
    clock: fn() -> u64,
    tally: Tally,
    turn: u32,
    exceptions: Arc<InForce>,
}

/// The correlators' states.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    every: Vec<u8>,
    unforgeable: Vec<u8>,
    #[serde(default)]
    proven: Vec<u8>,
}

impl Detector {
    /// Rules at work, nothing seen. The clock tells nanoseconds, for what rules cost alone.
    #[must_use]
    pub fn new(book: &Book, clock: fn() -> u64) -> Self {
        let set = Arc::clone(&book.set);
        Self {
            since: book.since,
            scratch: book.scratch(),
            every: Correlator::new(Arc::clone(&set)),
            unforgeable: Correlator::new(Arc::clone(&set)),
            proven: Correlator::new(Arc::clone(&set)),
            set,
            recent: Recent::default(),
            folds: Folds::default(),
            clock,
            tally: Tally::default(),
            turn: 0,
            exceptions: Arc::default(),
        }
    }

    /// Change the rules without stopping the stream.
    pub fn replace(&mut self, picture: &Picture, book: &Book, out: &mut Vec<Finding>) {
        if Arc::ptr_eq(&self.set, &book.set) {
            return;
        }
        self.settle(picture, out);
        self.set = Arc::clone(&book.set);
        self.since = book.since;
        self.scratch = book.scratch();
        self.every.replace(Arc::clone(&book.set));
        self.unforgeable.replace(Arc::clone(&book.set));
        self.proven.replace(Arc::clone(&book.set));
        self.tally = Tally::default();
    }

    /// What was folded since the last checkpoint; due before the next.
    pub fn settle(&mut self, picture: &Picture, out: &mut Vec<Finding>) {
        for (draft, event, others) in self.folds.take() {
            let folded = Finding { folded: others, ..finding(picture, draft, &event) };
            out.push(folded);
        }
    }

    /// Exceptions to follow from now on.
    pub fn except(&mut self, exceptions: Arc<InForce>) {
        self.exceptions = exceptions;
    }

    /// What the rules cost since this was asked last, and since when they are in force.
    pub fn take_tally(&mut self) -> (Micros, Tally) {
        let mut tally = std::mem::take(&mut self.tally);
        tally.costs = self.set.take_costs(&mut self.scratch);
        tally.held = self.every.by_rule().collect();
        (self.since, tally)
    }

    /// Was the last event one of those that are timed?
    #[must_use]
    pub fn counted(&self) -> bool {
        self.turn == 0
    }

    /// The windows, for a checkpoint.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            every: self.every.snapshot(),
            unforgeable: self.unforgeable.snapshot(),
            proven: self.proven.snapshot(),
        }
    }

    /// Take over windows. A damaged snapshot costs the windows, nothing else.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        for (correlator, bytes) in [
            (&mut self.every, &snapshot.every),
            (&mut self.unforgeable, &snapshot.unforgeable),
            (&mut self.proven, &snapshot.proven),
        ] {
            if bytes.is_empty() {
                continue;
            }
            if let Err(e) = correlator.restore(bytes) {
                tracing::warn!("correlation windows could not be taken over, they begin anew: {e}");
            }
        }
    }

    /// One event.
    pub fn event(&mut self, picture: &Picture, event: &Event, out: &mut Vec<Finding>) {
        let detections = self.detect(event);
        if detections.is_empty() {
            return;
        }
        self.recent.note(event);
        let at = live_time(event);
        let honest = unforgeable(event);
        let handshake = event.evidence == Evidence::Handshake;
        let evidence = LineEvidence::of(event, Field::SrcIp, Live::Live);
        for detection in detections {
            if self.held_back(detection.rule, event) {
                continue;
            }
            if !detection.base_only
                && let Some(rule) = self.set.rule(detection.rule)
            {
                let draft = Draft {
                    index: detection.rule,
                    rule: Arc::clone(rule),
                    set: Arc::clone(&self.set),
                    base: detection.rule,
                    matched: Some(detection.matched.clone()),
                    entity: self.set.entity(detection.rule, event),
                    group: Vec::new(),
                    values: Vec::new(),
                    count: 1.0,
                    events: vec![event.id],
                    agency: event.agency,
                    at,
                    evidence,
                    continued: false,
                };
                self.tally.matches.entry(detection.rule).or_default().1 += 1;
                out.extend(self.folds.pass(draft, event).map(|draft| finding(picture, draft, event)));
            }
            let feed = |correlator: &mut Correlator, wanted: bool| match wanted {
                true => correlator.feed(detection.rule, event, event.id, at, event.receive_time),
                false => Vec::new(),
            };
            let trusted = feed(&mut self.unforgeable, honest);
            let proven = feed(&mut self.proven, honest && handshake);
            for hit in feed(&mut self.every, true) {
                if self.held_back(hit.rule, event) {
                    continue;
                }
                let among = |hits: &[CorrelationHit]| hits.iter().any(|h| h.rule == hit.rule && h.group == hit.group);
                let evidence = LineEvidence { forgeable: !among(&trusted), handshake: among(&proven), ..evidence };
                let (matches, findings) = self.tally.matches.entry(hit.rule).or_default();
                *matches += 1;
                *findings += u64::from(!hit.base_only);
                if let Some(draft) = self.correlated(picture, event, hit, detection.rule, at, evidence) {
                    out.extend(self.folds.pass(draft, event).map(|draft| finding(picture, draft, event)));
                }
            }
        }
    }

    /// An exception from the rule fits the event (of a correlation: the event that completes it). It is counted.
    fn held_back(&mut self, rule: RuleIdx, event: &Event) -> bool {
        let held = self.set.rule(rule).and_then(|r| self.exceptions.holds_back(&r.id, event));
        if let Some(id) = held {
            *self.tally.held_back.entry(id).or_default() += 1;
        }
        held.is_some()
    }

    /// The plan over one event, timed if it is its turn.
    fn detect(&mut self, event: &Event) -> Vec<Detection> {
        self.turn = (self.turn + 1) % COUNT_EVERY;
        self.tally.events += 1;
        let began = self.counted().then(|| {
            self.scratch.count_next(self.clock);
            (self.clock)()
        });
        let detections = self.set.detect(event, &mut self.scratch);
        if let Some(began) = began {
            self.tally.counted += 1;
            self.tally.nanos += (self.clock)().saturating_sub(began);
        }
        for detection in &detections {
            self.tally.matches.entry(detection.rule).or_default().0 += 1;
        }
        detections
    }

    /// What a hit says, unless the rule only feeds others.
    fn correlated(
        &self,
        picture: &Picture,
        event: &Event,
        hit: CorrelationHit,
        base: RuleIdx,
        at: Micros,
        evidence: LineEvidence,
    ) -> Option<Draft> {
        let rule = self.set.rule(hit.rule).filter(|_| !hit.base_only)?;
        let mut agencies: Vec<AgencyId> =
            hit.events.iter().filter_map(|e| self.recent.events.get(e).copied()).collect();
        agencies.push(event.agency);
        agencies.sort_unstable();
        agencies.dedup();
        let mut events = hit.events.clone();
        if !events.contains(&event.id) {
            events.push(event.id);
        }
        Some(Draft {
            index: hit.rule,
            rule: Arc::clone(rule),
            set: Arc::clone(&self.set),
            base,
            matched: None,
            entity: self.entity_of(hit.rule, rule, event, &hit),
            group: hit.group,
            values: hit.values,
            count: hit.count,
            events,
            agency: picture.common(&agencies),
            at,
            evidence,
            continued: hit.continued,
        })
    }

    fn entity_of(&self, index: RuleIdx, rule: &Rule, event: &Event, hit: &CorrelationHit) -> Vec<(String, String)> {
        if rule.entity.is_empty() && !hit.group.is_empty() {
            return hit.group.clone();
        }
        // A group is what the count is about: where the rule names the same field, the group's value stands.
        let mut entity = self.set.entity(index, event);
        for (name, value) in &mut entity {
            if let Some((_, grouped)) = hit.group.iter().find(|(n, _)| n == name) {
                value.clone_from(grouped);
            }
        }
        if entity.is_empty() { hit.group.clone() } else { entity }
    }

    /// Rules that correlate need these; used by the console's tester.
    #[must_use]
    pub fn is_correlation(rule: &Rule) -> bool {
        matches!(rule.body, Body::Correlation(_))
    }
}

/// The one place that puts a finding together.
fn finding(picture: &Picture, draft: Draft, event: &Event) -> Finding {
    let Draft { rule, entity, group, values, count, agency, at, evidence, .. } = draft;
    let source = picture.source(event.source);
    let agency_name = picture.agency(agency);
    let id = bongsu_domain::detection_id(&rule.id, event.id, &group);
    let target = entity.iter().find(|(n, _)| n == "src_ip").and_then(|(_, v)| v.parse::<IpAddr>().ok());
    let entity = join(entity, source.map(|s| s.name.as_str()));
    let facts = |korean: bool| Facts {
        count,
        entity: &entity.1,
        values: &values,
        agency: agency_name.map_or("", |a| if korean { a.name.as_str() } else { a.name_en.as_str() }),
        source: source.map_or("", |s| s.name.as_str()),
        group: &group,
    };
    let title_ko = rule.title_ko.as_deref().unwrap_or(&rule.title);
    let reason_ko = fill(rule.reason_ko.as_deref().unwrap_or(title_ko), event, &facts(true));
    let reason_en = fill(rule.reason.as_deref().unwrap_or(&rule.title), event, &facts(false));
    let matched = draft.matched.unwrap_or_else(|| draft.set.explain(draft.base, event));
    Finding {
        id,
        entity,
        agency,
        at,
        receive_time: event.receive_time,
        events: draft.events,
        count,
        continued: draft.continued,
        folded: 0,
        reason_ko,
        reason_en,
        matched,
        source: event.source,
        grade: source.map_or(0, |s| s.grade),
        service: service(
            event.ip(Field::DstIp).map(|ip| ip.to_string()),
            event.int(Field::DstPort),
            event.text(Field::Host),
        ),
        // The evidence is about the event's own source address: an entity from elsewhere has none.
        target: target.filter(|t| rule.playbook != Playbook::None && Some(*t) == event.ip(Field::SrcIp)),
        evidence,
        example: source.is_some_and(|s| s.example),
        rule,
    }
}

/// The service an event was aimed at, by which blocks are counted: address and port, else the host that wrote the line.
#[must_use]
pub fn service(address: Option<String>, port: Option<i64>, host: Option<&str>) -> Option<String> {
    match (address, port) {
        (Some(address), Some(port)) => Some(format!("{address}:{port}")),
        (Some(address), None) => Some(address),
        (None, _) => host.map(str::to_owned),
    }
}

fn join(entity: Vec<(String, String)>, source: Option<&str>) -> (String, String) {
    match entity.len() {
        0 => ("source".to_owned(), source.unwrap_or("-").to_owned()),
        _ => (
            entity.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join("+"),
            entity.iter().map(|(_, v)| v.as_str()).collect::<Vec<_>>().join(" · "),
        ),
    }
}

/// Event time within five minutes of receipt, else receipt: one device a day ahead must not move everybody's window.
#[must_use]
pub fn live_time(event: &Event) -> Micros {
    let apart = event.time.0.saturating_sub(event.receive_time.0).saturating_abs();
    if apart <= LIVE_SKEW_SECONDS_MAX * Micros::SECOND { event.time } else { event.receive_time }
}

/// Did this line come from who we think, and is its source address where an outsider can't write?
#[must_use]
pub fn unforgeable(event: &Event) -> bool {
    event.transport.authenticates()
        && event.source != SourceId::QUARANTINE
        && !event.forgeable.has(Field::SrcIp)
        && live_time(event) == event.time
        && event.ip(Field::SrcIp).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_event::{Status, Transport};
    use bongsu_sigma::RuleSource;
    use bytes::Bytes;

    const RULES: &str = "
title: failed
name: failed
id: 00000000-0000-4000-8000-000000000001
logsource: {}
detection: { s: { status: failure }, condition: s }
---
title: many failed
id: 00000000-0000-4000-8000-000000000002
level: high
playbook: block
correlation: { type: event_count, rules: [failed], group-by: [src_ip], timespan: 10m, condition: { gte: 80 } }
";

    fn line(n: u64, evidence: Evidence) -> Event {
        let now = Micros(1_700_000_000 * Micros::SECOND);
        let mut e = Event::unread(Bytes::from_static(b"x"), now);
        e.id = EventId { epoch: 1, sequence: n };
        (e.source, e.transport, e.status, e.evidence) = (SourceId(1), Transport::Agent, Status::Failure, evidence);
        e.set(Field::SrcIp, "198.51.100.7".parse::<IpAddr>().unwrap());
        e
    }

    fn evidence_of_the_last(handshakes: u64, bare: u64) -> LineEvidence {
        let (set, errors) = RuleSet::load(&[RuleSource { name: "r".into(), text: RULES.into() }]);
        assert!(errors.is_empty(), "{errors:?}");
        let mut detector = Detector::new(&Book::of(set), || 0);
        let mut found = Vec::new();
        for n in 1..=bare {
            detector.event(&Picture::default(), &line(n, Evidence::None), &mut found);
        }
        for n in 1..=handshakes {
            detector.event(&Picture::default(), &line(bare + n, Evidence::Handshake), &mut found);
        }
        detector.settle(&Picture::default(), &mut found);
        found.pop().unwrap().evidence
    }

    #[test]
    fn a_burst_that_goes_on_is_few_findings_and_every_match_is_counted() {
        let (set, _) = RuleSet::load(&[RuleSource { name: "r".into(), text: RULES.into() }]);
        let (mut detector, picture) = (Detector::new(&Book::of(set), || 0), Picture::default());
        let mut found = Vec::new();
        (1..=1_000).for_each(|n| detector.event(&picture, &line(n, Evidence::None), &mut found));
        assert_eq!(found.len(), 1, "the burst");
        (1_001..=1_079).for_each(|n| detector.event(&picture, &line(n, Evidence::Handshake), &mut found));
        assert_eq!(found.len(), 1, "80 handshakes are wanted before they prove anything");
        detector.event(&picture, &line(1_080, Evidence::Handshake), &mut found);
        assert!(
            found.len() == 2 && found[1].evidence.handshake,
            "what proves more passes at once: it may lead to a block"
        );
        detector.settle(&picture, &mut found);
        assert_eq!(found.iter().map(|f| 1 + f.folded).sum::<u64>(), 1_001, "80th to 1,080th");
        assert_eq!((found[2].count, found[2].events.last().unwrap().sequence), (1_079.0, 1_079));
        detector.settle(&picture, &mut found);
        assert_eq!(found.len(), 3);
        detector.event(&picture, &line(1_081, Evidence::None), &mut found);
        assert_eq!(found.len(), 4, "after a checkpoint the next passes at once");
    }

    #[test]
    fn a_rule_that_fires_on_every_line_is_few_findings_too() {
        let text = RULES.split("---").next().unwrap().to_owned();
        let (set, _) = RuleSet::load(&[RuleSource { name: "r".into(), text }]);
        let (mut detector, picture) = (Detector::new(&Book::of(set), || 0), Picture::default());
        let mut found = Vec::new();
        (1..=1_000).for_each(|n| detector.event(&picture, &line(n, Evidence::None), &mut found));
        let at_once = found.len();
        detector.settle(&picture, &mut found);
        assert_eq!((at_once, found.len()), (16, 17));
        assert_eq!(found.iter().map(|f| 1 + f.folded).sum::<u64>(), 1_000);
    }

    #[test]
    fn only_lines_that_prove_a_handshake_count_towards_a_block_however_many_others_there_are() {
        let all = evidence_of_the_last(80, 0);
        assert!(all.handshake && !all.forgeable);
        let mixed = evidence_of_the_last(79, 500);
        assert!(!mixed.handshake, "more lines than a hit names must not cover up those without a handshake");
        assert!(!mixed.forgeable, "it may still be proposed");
    }
}
