//! One block through the rules.
//!
//! Invariant: depends on the block alone, never on the blocks before it or on the thread.

use std::sync::Arc;

use bongsu_event::{AgencyId, Event, Micros, SourceId, Transport};
use bongsu_parse::Format;
use bongsu_parse::blocks::Block;
use bongsu_parse::windows::{EvtxReader, WindowsEvent, XmlReader};
use bongsu_sigma::{Body, EventView, JsonLine, Matched, RuleIdx, RuleSet, Scratch, Slot};

use super::arguments::Plan;
use super::correlate::Base;
use super::inputs::Kind;
use super::view::{self, Facts, Windows};
use super::{arguments, lake};

/// A block to be read.
pub struct Job {
    pub sequence: u64,
    pub input: usize,
    pub kind: Kind,
    pub block: Block,
}

/// One match of one rule.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: RuleIdx,
    pub input: usize,
    pub record: u64,
    pub time: Option<Micros>,
    pub host: Option<Arc<str>>,
    pub matched: Vec<Matched>,
}

/// What came of a block.
#[derive(Default)]
pub struct Done {
    pub sequence: u64,
    pub input: usize,
    pub records: u64,
    pub damaged: u64,
    pub findings: Vec<Finding>,
    /// Findings written out, where the output is one line each.
    pub lines: Vec<u8>,
    /// What correlations are fed, in order.
    pub bases: Vec<Base>,
}

/// What is worked out once of a set.
pub struct Rules {
    pub set: Arc<RuleSet>,
    /// Which rules are reported: those of the level that raise an alert of their own.
    reported: Vec<bool>,
    /// Which rules feed a correlation.
    feeds: Vec<bool>,
}

impl Rules {
    pub fn new(set: Arc<RuleSet>, plan: &Plan) -> Self {
        let rules = set.rules();
        let mut feeds = vec![false; rules.len()];
        for rule in rules {
            let Body::Correlation(correlation) = &rule.body else { continue };
            for base in correlation.rules.iter().filter_map(|name| set.find(name)) {
                if let Some(feed) = feeds.get_mut(base.0 as usize) {
                    *feed = true;
                }
            }
        }
        let reported = (0u32..)
            .zip(rules)
            .map(|(idx, rule)| rule.level >= plan.level && !set.is_base_only(RuleIdx(idx)))
            .collect();
        Self { set, reported, feeds }
    }
    /// Is a match of this rule reported?
    pub fn is_reported(&self, rule: RuleIdx) -> bool {
        self.reported.get(rule.0 as usize).copied().unwrap_or(false)
    }
    fn feeds(&self, rule: RuleIdx) -> bool {
        self.feeds.get(rule.0 as usize).copied().unwrap_or(false)
    }
}

/// Reads blocks; its memory is used again for the next. One a thread.
pub struct Worker<'p> {
    rules: &'p Rules,
    plan: &'p Plan,
    context: bongsu_parse::Context,
    scratch: Scratch,
    fired: Vec<RuleIdx>,
    evtx: EvtxReader,
    evtx_slots: Slots,
    xml: XmlReader,
    xml_slots: Slots,
}

/// What the rules call the names of a reader's table: looked up once each.
#[derive(Default)]
struct Slots {
    table: u64,
    /// Of Sigma's name and of the whole path; `None`: not looked up yet.
    known: Vec<Option<[Option<Slot>; 2]>>,
}

impl Slots {
    /// Make sure that every name of the event has been looked up.
    fn look_up(&mut self, event: &WindowsEvent<'_>, set: &RuleSet) {
        if self.table != event.table() {
            self.known.clear();
            self.table = event.table();
        }
        for (number, _) in event.numbered() {
            if self.known.len() <= number {
                self.known.resize(number + 1, None);
            }
            let Some(known) = self.known.get_mut(number) else { continue };
            if known.is_none() {
                let (short, path) = event.name(number).unwrap_or_default();
                *known = Some([set.slot(short), if path == short { None } else { set.slot(path) }]);
            }
        }
    }
    fn of(&self, number: usize) -> impl Iterator<Item = Slot> + use<> {
        self.known.get(number).copied().flatten().unwrap_or_default().into_iter().flatten()
    }
}

impl<'p> Worker<'p> {
    pub fn new(rules: &'p Rules, plan: &'p Plan) -> Self {
        let context = bongsu_parse::Context { receive_time: arguments::now(), timezone: plan.timezone.clone() };
        Self {
            rules,
            plan,
            context,
            scratch: rules.set.scratch(),
            fired: Vec::new(),
            evtx: EvtxReader::new(),
            evtx_slots: Slots::default(),
            xml: XmlReader::new(),
            xml_slots: Slots::default(),
        }
    }

    /// Every record of a block.
    pub fn work(&mut self, job: &Job) -> Done {
        let mut done = Done { sequence: job.sequence, input: job.input, ..Done::default() };
        match job.kind {
            Kind::Evtx => self.evtx(job, &mut done),
            Kind::Xml => self.xml(job, &mut done),
            Kind::Text { vendor } => {
                let mut hint = vendor;
                for (number, record) in job.block.records() {
                    self.text(number, record, vendor, &mut hint, &mut done);
                }
            }
            Kind::Lake => {
                for (_, record) in job.block.records() {
                    match lake::event(record) {
                        Some((number, event)) => {
                            done.records += 1;
                            self.event(&event, number, &mut done);
                        }
                        None => done.damaged += 1,
                    }
                }
            }
        }
        done
    }

    fn evtx(&mut self, job: &Job, done: &mut Done) {
        let (mut reader, mut slots) = (std::mem::take(&mut self.evtx), std::mem::take(&mut self.evtx_slots));
        let report = reader.read(&job.block.bytes, &mut |event| self.windows(event, &mut slots, done));
        (self.evtx, self.evtx_slots) = (reader, slots);
        done.records += report.records;
        done.damaged += report.damaged;
    }

    fn xml(&mut self, job: &Job, done: &mut Done) {
        let (mut reader, mut slots) = (std::mem::take(&mut self.xml), std::mem::take(&mut self.xml_slots));
        for (number, record) in job.block.records() {
            let text = String::from_utf8_lossy(record);
            match reader.read(&text, number) {
                Some(event) => {
                    done.records += 1;
                    self.windows(&event, &mut slots, done);
                }
                None => done.damaged += 1,
            }
        }
        (self.xml, self.xml_slots) = (reader, slots);
    }

    fn windows(&mut self, event: &WindowsEvent<'_>, slots: &mut Slots, done: &mut Done) {
        let set = &self.rules.set;
        slots.look_up(event, set);
        let view = Windows(*event);
        let values = event.numbered().flat_map(|(number, value)| slots.of(number).map(move |slot| (slot, value)));
        self.fired.clear();
        self.fired.extend(set.matching_slots(values, &view, &mut self.scratch));
        if !self.fired.is_empty() {
            self.found(&view, event.record, view::windows(event), done);
        }
    }

    /// A record of text: JSON as it is, anything else by the formats.
    fn text(
        &mut self,
        number: u64,
        record: &[u8],
        vendor: Option<&'static dyn Format>,
        hint: &mut Option<&'static dyn Format>,
        done: &mut Done,
    ) {
        let trimmed = record.trim_ascii();
        if vendor.is_none() && trimmed.starts_with(b"{") {
            return self.json(number, trimmed, done);
        }
        let raw = record.get(..bongsu_event::limits::LINE_BYTES_MAX).unwrap_or(record);
        let (mut event, format) = bongsu_parse::parse_record(raw.to_vec().into(), &self.context, *hint);
        event.truncated = raw.len() < record.len();
        *hint = vendor.or(format);
        // A file is as good as a registered source that was told by its own hand.
        event.transport = Transport::Load;
        (event.source, event.agency) = (SourceId(1), AgencyId(1));
        done.records += 1;
        self.event(&event, number, done);
    }

    fn json(&mut self, number: u64, line: &[u8], done: &mut Done) {
        self.fired.clear();
        match self.rules.set.matching_json(line, &mut self.scratch) {
            Ok(fired) => self.fired.extend(fired),
            Err(_) => {
                done.damaged += 1;
                return;
            }
        }
        done.records += 1;
        if self.fired.is_empty() {
            return;
        }
        if let Ok(event) = JsonLine::read(line) {
            let facts = view::json(&event, &self.context);
            self.found(&event, number, facts, done);
        }
    }

    fn event(&mut self, event: &Event, number: u64, done: &mut Done) {
        self.detect(event, number, || view::line(event), done);
    }

    fn detect(&mut self, event: &dyn EventView, record: u64, facts: impl FnOnce() -> Facts, done: &mut Done) {
        self.fired.clear();
        self.fired.extend(self.rules.set.matching(event, &mut self.scratch));
        if !self.fired.is_empty() {
            self.found(event, record, facts(), done);
        }
    }

    /// The rules in `fired` match this event.
    fn found(&mut self, event: &dyn EventView, record: u64, Facts { time, host }: Facts, done: &mut Done) {
        if !time.map_or(self.plan.from.is_none() && self.plan.to.is_none(), |t| self.plan.covers(t)) {
            return;
        }
        let host: Option<Arc<str>> = host.map(Into::into);
        for rule in self.fired.drain(..) {
            if self.rules.feeds(rule) {
                done.bases.push(Base::new(rule, done.input, record, time, host.clone(), event));
            }
            if self.rules.is_reported(rule) {
                let matched = self.rules.set.explain(rule, event);
                let host = host.clone();
                done.findings.push(Finding { rule, input: done.input, record, time, host, matched });
            }
        }
    }
}
