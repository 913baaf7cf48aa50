//! The hunt itself: a reader, workers, and this thread, which takes what they found in the order of the input.
//!
//! Invariant: never more than `BLOCKS_IN_FLIGHT_PER_THREAD` blocks for each thread are held anywhere at once.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use bongsu_parse::blocks::Block;
use bongsu_sigma::{Counters, RuleSet};

use super::arguments::{self, Plan};
use super::correlate::{self, Bases};
use super::inputs::{self, Input, Kind};
use super::lake;
use super::progress::Progress;
use super::rank::Rank;
use super::show::Show;
use super::tally::Tally;
use super::work::{Done, Finding, Job, Rules, Worker};
use crate::cli::HuntOutput;

/// Blocks between the reader and the output, for each thread.
const BLOCKS_IN_FLIGHT_PER_THREAD: usize = 3;

/// What came of it.
#[derive(Default)]
pub struct Outcome {
    pub inputs: Vec<Input>,
    pub tally: Tally,
    pub counters: Counters,
    /// Something could be read.
    pub readable: bool,
}

/// Hunt, and write what is found.
pub fn run(plan: &Plan, set: &Arc<RuleSet>, data: Option<PathBuf>, out: &mut dyn Write) -> Result<Outcome> {
    let rules = Rules::new(Arc::clone(set), plan);
    let inputs = if plan.lake { vec![lake::input()] } else { inputs::find(&plan.inputs) };
    let names: Vec<String> = inputs.iter().map(|i| i.shown.clone()).collect();
    let show = Show::new(plan, set, &names);
    let mut taken = Taken {
        out,
        tally: Tally::default(),
        rank: (plan.output == HuntOutput::Html).then(Rank::default),
        bases: Bases::default(),
        rules: &rules,
        read: vec![(0, 0); inputs.len()],
        progress: Progress::new(inputs.iter().map(|i| i.bytes).sum()),
    };
    show.head(taken.out)?;
    let stop = AtomicBool::new(false);
    let mut inputs = flow(plan, &rules, inputs, data, &show, &mut taken, &stop)?;
    for (input, (records, damaged)) in inputs.iter_mut().zip(&taken.read) {
        (input.records, input.damaged) = (*records, *damaged);
    }
    let bases = std::mem::take(&mut taken.bases);
    let untimed = bases.untimed;
    let mut hits = Vec::new();
    let counters = correlate::correlate(&rules, bases, &mut |finding| hits.push(finding))?;
    for finding in hits {
        let mut line = Vec::new();
        show.finding(&finding, &mut line)?;
        taken.finding(&finding, &line)?;
    }
    taken.progress.finish();
    if untimed > 0 {
        eprintln!("bongsu: {untimed} detections that feed correlations say no time and were not counted there");
    }
    let readable = inputs.iter().any(Input::is_readable) || plan.lake;
    let Taken { out, tally, rank, .. } = taken;
    let outcome = Outcome { inputs, tally, counters, readable };
    match rank {
        Some(rank) => super::html::write(plan, set, &outcome, &rank, out)?,
        None => show.tail(&outcome, out)?,
    }
    Ok(outcome)
}

/// This thread's side.
struct Taken<'a> {
    out: &'a mut dyn Write,
    tally: Tally,
    rank: Option<Rank>,
    bases: Bases,
    rules: &'a Rules,
    /// Records read and damaged, for each input.
    read: Vec<(u64, u64)>,
    progress: Progress,
}

impl Taken<'_> {
    /// The next block in the order of the input.
    fn take(&mut self, done: Done) -> Result<()> {
        if let Some((records, damaged)) = self.read.get_mut(done.input) {
            *records += done.records;
            *damaged += done.damaged;
        }
        if !done.lines.is_empty() {
            let out = &mut *self.out;
            self.progress.aside(|| out.write_all(&done.lines))?;
        }
        for finding in done.findings {
            self.tally.add(&self.rules.set, &finding);
            if let Some(rank) = &mut self.rank {
                rank.add(finding);
            }
        }
        for base in done.bases {
            self.bases.push(base)?;
        }
        self.progress.at(self.tally.total());
        Ok(())
    }
    fn finding(&mut self, finding: &Finding, line: &[u8]) -> Result<()> {
        self.tally.add(&self.rules.set, finding);
        if let Some(rank) = &mut self.rank {
            rank.add(finding.clone());
        }
        let out = &mut *self.out;
        Ok(self.progress.aside(|| out.write_all(line))?)
    }
}

/// Everything from the inputs to `taken`; gives the inputs back with what went wrong.
fn flow(
    plan: &Plan,
    rules: &Rules,
    inputs: Vec<Input>,
    data: Option<PathBuf>,
    show: &Show<'_>,
    taken: &mut Taken<'_>,
    stop: &AtomicBool,
) -> Result<Vec<Input>> {
    let most = BLOCKS_IN_FLIGHT_PER_THREAD * plan.threads;
    let (job_in, job_out) = sync_channel::<Job>(most);
    let (done_in, done_out) = sync_channel::<Result<Done>>(most);
    let (permit_in, permit_out) = sync_channel::<()>(most);
    for _ in 0..most {
        permit_in.send(())?;
    }
    let jobs = Mutex::new(job_out);
    let read = taken.progress.read();
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_all(plan, inputs, data, read, job_in, permit_out, stop));
        for _ in 0..plan.threads {
            let (jobs, done_in) = (&jobs, done_in.clone());
            scope.spawn(move || work_all(rules, plan, show, jobs, &done_in));
        }
        drop(done_in);
        let collected = collect(taken, &done_out, &permit_in);
        // Whoever still waits for this thread is let go.
        stop.store(true, Ordering::Relaxed);
        drop((done_out, permit_in));
        let inputs = reader.join().map_err(|_| anyhow::anyhow!("reading stopped unexpectedly"))?;
        collected?;
        inputs
    })
}

/// The reader: one input after the other.
fn read_all(
    plan: &Plan,
    mut inputs: Vec<Input>,
    data: Option<PathBuf>,
    read: Arc<AtomicU64>,
    jobs: SyncSender<Job>,
    permits: Receiver<()>,
    stop: &AtomicBool,
) -> Result<Vec<Input>> {
    let context = bongsu_parse::Context { receive_time: arguments::now(), timezone: plan.timezone.clone() };
    let mut sequence = 0;
    for (n, input) in inputs.iter_mut().enumerate() {
        let mut take = |kind: Kind, block: Block| {
            if stop.load(Ordering::Relaxed) || permits.recv().is_err() {
                return false;
            }
            let job = Job { sequence, input: n, kind, block };
            sequence += 1;
            jobs.send(job).is_ok()
        };
        if plan.lake {
            lake::cut(input, plan, data.clone(), &mut take)?;
        } else {
            inputs::cut(input, plan.reading, &context, Arc::clone(&read), &mut take);
        }
    }
    Ok(inputs)
}

/// A worker, until there is nothing more to do or nobody who takes it.
fn work_all(rules: &Rules, plan: &Plan, show: &Show<'_>, jobs: &Mutex<Receiver<Job>>, done: &SyncSender<Result<Done>>) {
    let mut worker = Worker::new(rules, plan);
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let mut result = worker.work(&job);
        let written = result.findings.iter().try_for_each(|f| show.finding(f, &mut result.lines));
        if plan.output != HuntOutput::Html {
            // Written out already; only the page shows them again.
            result.findings.iter_mut().for_each(|f| f.matched = Vec::new());
        }
        if done.send(written.map(|()| result)).is_err() {
            return;
        }
    }
}

/// Take blocks in the order of the input, whatever the order in which they are done.
fn collect(taken: &mut Taken<'_>, done: &Receiver<Result<Done>>, permits: &SyncSender<()>) -> Result<()> {
    let mut early: BTreeMap<u64, Done> = BTreeMap::new();
    let mut next = 0;
    for result in done {
        let result = result?;
        early.insert(result.sequence, result);
        while let Some(result) = early.remove(&next) {
            next += 1;
            taken.take(result)?;
            // The reader may be done already.
            let _ = permits.try_send(());
        }
    }
    Ok(())
}
