//! What of ATT&CK is covered here: by rules that are on *and* have the log sources they need; and which source would
//! bring the rest.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use bongsu_api::attack::{AttackCell, AttackMatrix, AttackSource, AttackSub, AttackTactic};
use bongsu_event::Micros;
use bongsu_sigma::{Body, Logsource, RuleIdx};

use super::Shared;
use super::caller::By;
use super::convert::{maybe_time, time};
use super::failure::Answer;
use crate::attack::{VERSION, bring, ids, known, told};
use crate::coverage::{SEEN_DAYS, needs, words};
use crate::rulebook::Book;

/// A rule that looks for a technique, as the matrix counts it.
struct Counted {
    techniques: BTreeSet<String>,
    on: bool,
    missing: BTreeSet<Logsource>,
}

/// Counts of one technique.
#[derive(Clone, Debug, Default)]
struct Tally {
    covered: u32,
    waiting: u32,
    off: u32,
    missing: BTreeMap<Logsource, u32>,
}

impl Tally {
    fn add(&mut self, rule: &Counted) {
        match (rule.on, rule.missing.is_empty()) {
            (false, _) => self.off += 1,
            (true, true) => self.covered += 1,
            (true, false) => {
                self.waiting += 1;
                rule.missing.iter().for_each(|l| *self.missing.entry(l.clone()).or_default() += 1);
            }
        }
    }
}

fn parent(id: &str) -> &str {
    id.split_once('.').map_or(id, |(p, _)| p)
}

fn counted(book: &Book, seen: &BTreeMap<Logsource, Micros>) -> Vec<Counted> {
    let set = &book.set;
    let indices = (0u32..).map(RuleIdx).zip(set.rules());
    let alerting = indices.filter(|(idx, r)| !set.is_base_only(*idx) && !matches!(r.body, Body::Filter(_)));
    alerting
        .filter_map(|(idx, r)| {
            let techniques: BTreeSet<String> = ids(&r.tags).collect();
            let missing = needs(set, idx).into_iter().filter(|l| !seen.contains_key(l)).collect();
            (!techniques.is_empty()).then(|| Counted { techniques, on: set.is_enabled(idx), missing })
        })
        .collect()
}

/// The matrix.
pub(crate) async fn matrix(State(web): Shared, By(by): By) -> Answer<Json<AttackMatrix>> {
    let book = web.app.rules.now();
    let edge = by.now().plus_seconds(-SEEN_DAYS * 86_400);
    let mut seen: BTreeMap<Logsource, Micros> = BTreeMap::new();
    let part = |p: String| (!p.is_empty()).then_some(p);
    for s in web.app.state.logsources(&by.sees()).await?.into_iter().filter(|s| s.last_at >= edge) {
        let l = Logsource { category: part(s.category), product: part(s.product), service: part(s.service) };
        let last = seen.entry(l).or_insert(s.last_at);
        *last = (*last).max(s.last_at);
    }
    let rules = counted(&book, &seen);
    let (mut whole, mut own): (BTreeMap<String, Tally>, BTreeMap<String, Tally>) = Default::default();
    for rule in &rules {
        let parents: BTreeSet<&str> = rule.techniques.iter().map(|t| parent(t)).collect();
        parents.into_iter().for_each(|id| whole.entry(id.to_owned()).or_default().add(rule));
        rule.techniques.iter().for_each(|id| own.entry(id.clone()).or_default().add(rule));
    }
    let tactics = told().map(|name| tactic(name, &whole, &own)).collect();
    let sources = sources(&rules, &whole, &seen);
    Ok(Json(AttackMatrix {
        as_of: time(by.now()),
        version: VERSION.to_owned(),
        days: u32::try_from(SEEN_DAYS).unwrap_or(0),
        tactics,
        sources,
    }))
}

fn tactic(name: &str, whole: &BTreeMap<String, Tally>, own: &BTreeMap<String, Tally>) -> AttackTactic {
    let of = |all: &BTreeMap<String, Tally>, id: &str| all.get(id).cloned().unwrap_or_default();
    let here = known().iter().filter(|(id, k)| !id.contains('.') && k.tactics.contains(&name));
    let cells = here.map(|(id, technique)| {
        let tally = of(whole, id);
        let prefix = format!("{id}.");
        let subs = known().range(prefix.as_str()..).take_while(|(sub, _)| sub.starts_with(&prefix));
        let subs = subs.map(|(sub, k)| {
            let tally = of(own, sub);
            AttackSub {
                id: (*sub).to_owned(),
                name: k.name.to_owned(),
                covered: tally.covered,
                waiting: tally.waiting,
                off: tally.off,
            }
        });
        let mut missing: Vec<(&Logsource, &u32)> = tally.missing.iter().collect();
        missing.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        AttackCell {
            id: (*id).to_owned(),
            name: technique.name.to_owned(),
            covered: tally.covered,
            waiting: tally.waiting,
            off: tally.off,
            missing: missing.iter().take(MISSING_SHOWN).map(|(l, _)| words(l)).collect(),
            subs: subs.collect(),
        }
    });
    AttackTactic { name: name.to_owned(), techniques: cells.collect() }
}

/// Missing log sources named with a technique.
const MISSING_SHOWN: usize = 3;

/// Every log source that a rule of the matrix asks for: seen or not, how many rules want it, what it alone would bring.
fn sources(
    rules: &[Counted],
    whole: &BTreeMap<String, Tally>,
    seen: &BTreeMap<Logsource, Micros>,
) -> Vec<AttackSource> {
    let mut all: BTreeMap<&Logsource, (u32, BTreeSet<&str>)> = BTreeMap::new();
    for rule in rules.iter().filter(|r| r.on) {
        for missing in &rule.missing {
            let (wanting, gains) = all.entry(missing).or_default();
            *wanting += 1;
            if rule.missing.len() == 1 {
                let bare = |id: &&str| whole.get(*id).is_none_or(|t| t.covered == 0);
                gains.extend(rule.techniques.iter().map(|t| parent(t)).filter(bare));
            }
        }
    }
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let row = |l: &Logsource, rules: u32, gains: u32, last_at: Option<Micros>| {
        let (bring, bring_en) = bring(l);
        AttackSource {
            logsource: words(l),
            seen: last_at.is_some(),
            last_at: maybe_time(last_at),
            rules,
            gains,
            bring,
            bring_en,
        }
    };
    let mut rows: Vec<AttackSource> =
        all.iter().map(|(l, (rules, gains))| row(l, *rules, number(gains.len()), None)).collect();
    rows.sort_by_key(|r| (std::cmp::Reverse(r.gains), std::cmp::Reverse(r.rules)));
    rows.extend(seen.iter().map(|(l, at)| row(l, 0, 0, Some(*at))));
    rows
}
