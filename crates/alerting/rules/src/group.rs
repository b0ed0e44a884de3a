//! Groups: rules that are evaluated one after the other at the same times (`rules/group.go`, 3.14).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use firesteel_base::{TimestampMs, TimestampNs};
use firesteel_model::Labels;
use firesteel_promql::CancelFlag;
use parking_lot::Mutex;
use tracing::{error, warn};

use crate::Rule;
use crate::context::EvalContext;
use crate::dependency::Dependencies;
use crate::metrics::GroupInstruments;
use crate::nothing::NothingWatch;
use crate::output::{Output, OutputMemory};
use crate::view::View;
use crate::write::{Writing, mark_stale};

/// A group of rules with all that it remembers from one evaluation to the next.
///
/// [`Group::eval`] is the same for servers, tests of rules and trials over the past: what is read and written, and what
/// time it is, comes from outside.
#[derive(Debug)]
pub struct Group {
    name: String,
    file: String,
    key: String,
    interval: Duration,
    query_offset: Option<Duration>,
    limit: i64,
    rules: Vec<Rule>,
    dependencies: Dependencies,
    /// In step with `rules`; each held while its rule is evaluated.
    memory: Vec<Mutex<OutputMemory>>,
    /// Series of rules that are no more.
    stale: Mutex<Vec<Labels>>,
    times: Mutex<GroupTimes>,
    pub(crate) nothing: NothingWatch,
    stopping: AtomicBool,
    /// Raised when a query must not be waited for any longer.
    pub(crate) cancel: CancelFlag,
}

/// What a group is made of.
#[derive(Debug)]
pub(crate) struct GroupParts {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) interval: Duration,
    pub(crate) query_offset: Option<Duration>,
    pub(crate) limit: i64,
    pub(crate) rules: Vec<Rule>,
    pub(crate) cancel: CancelFlag,
}

/// When a group was evaluated.
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupTimes {
    /// When the last evaluation began, by the clock; `None` before the first.
    pub last_evaluation: Option<TimestampNs>,
    /// What time it was for.
    pub last_slot: Option<TimestampNs>,
    pub took: Duration,
}

/// What an evaluation of a group did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EvalSummary {
    /// Samples that the rules yielded.
    pub samples: usize,
    /// Rules that failed; their [`crate::RuleStatus`] says why.
    pub failures: usize,
}

/// What the rules of one evaluation count together.
#[derive(Debug, Default)]
struct Tally {
    samples: AtomicUsize,
    failures: AtomicUsize,
}

impl Group {
    pub(crate) fn new(parts: GroupParts) -> Self {
        Self {
            key: format!("{};{}", parts.file, parts.name),
            name: parts.name,
            file: parts.file,
            interval: parts.interval,
            query_offset: parts.query_offset,
            limit: parts.limit,
            dependencies: Dependencies::of(&parts.rules),
            memory: parts.rules.iter().map(|_| Mutex::default()).collect(),
            nothing: NothingWatch::new(parts.rules.len()),
            rules: parts.rules,
            stale: Mutex::default(),
            times: Mutex::default(),
            stopping: AtomicBool::new(false),
            cancel: parts.cancel,
        }
    }

    /// Returns the group's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the file it is from.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns `file;name`, which tells it apart from others.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns how often it is evaluated.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns how many series or alerts one rule may yield; 0 is no limit.
    pub fn limit(&self) -> i64 {
        self.limit
    }

    /// Returns the rules as the file has them.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn rules_mut(&mut self) -> &mut [Rule] {
        &mut self.rules
    }

    /// Returns when it was evaluated.
    pub fn times(&self) -> GroupTimes {
        *self.times.lock()
    }

    /// Returns the group's last slot that is not after `now`: slots are `interval` apart, shifted by a hash of the group.
    pub fn slot(&self, now: TimestampNs) -> TimestampNs {
        let interval = i64::try_from(self.interval.as_nanos()).unwrap_or(i64::MAX).max(1);
        let hash = Labels::from_pairs([("name", self.name.as_str()), ("file", self.file.as_str())]).hash64();
        let offset = (hash % interval as u64) as i64;
        let since = now.0.saturating_sub(offset);
        TimestampNs(since - since % interval + offset)
    }

    /// Returns how far in the past the group is evaluated.
    pub(crate) fn query_offset(&self, cx: &EvalContext) -> Duration {
        self.query_offset.unwrap_or_else(|| cx.query_offset())
    }

    /// Evaluates all rules at `at`, commits their samples and tells the sink of alerts.
    ///
    /// What one rule writes, later ones see. A rule that fails does not stop the others.
    pub fn eval(&self, cx: &EvalContext, at: TimestampNs) -> EvalSummary {
        let instruments = cx.metrics.of_group(&self.key, self.rules.len(), self.interval);
        self.eval_counted(cx, at, &instruments)
    }

    pub(crate) fn eval_counted(
        &self,
        cx: &EvalContext,
        at: TimestampNs,
        instruments: &GroupInstruments,
    ) -> EvalSummary {
        let tally = Tally::default();
        let offset = self.query_offset(cx);
        if cx.settings.concurrent_evals.is_some() {
            for batch in self.dependencies.batches(self.rules.len()) {
                self.eval_batch(cx, at, offset, &batch, instruments, &tally);
            }
        } else {
            self.eval_in_order(cx, at, offset, instruments, &tally);
        }
        let summary = EvalSummary {
            samples: tally.samples.load(Ordering::Relaxed),
            failures: tally.failures.load(Ordering::Relaxed),
        };
        if !self.is_stopping() {
            instruments.samples.set(summary.samples as f64);
            self.clean_up(cx, at.before(offset).to_ms());
        }
        summary
    }

    /// One rule after the other. Samples are committed before a rule that may read them, or that may write the same
    /// series: a commit costs more than many a rule. Up to there all read one view of storage.
    fn eval_in_order(
        &self,
        cx: &EvalContext,
        at: TimestampNs,
        offset: Duration,
        instruments: &GroupInstruments,
        tally: &Tally,
    ) {
        let mut writing = Writing::new(self, cx, at.before(offset).to_ms());
        let mut view = cx.view();
        for (i, rule) in self.rules.iter().enumerate() {
            if self.is_stopping() {
                break;
            }
            if self.must_see_commits(i, writing.rules()) {
                self.commit(writing, instruments, tally);
                writing = Writing::new(self, cx, at.before(offset).to_ms());
                view = cx.view();
            } else if view.is_old(cx.clock.now_ns()) {
                view = cx.view();
            }
            let began = (cx.clock.now_ns(), Instant::now());
            let memory = self.memory[i].lock();
            if let Some(output) = self.outcome((cx, &view), at, offset, i, &memory, instruments, tally) {
                writing.add(i, output, &memory);
            }
            drop(memory);
            note_times(cx, rule, began);
        }
        self.commit(writing, instruments, tally);
    }

    /// Returns whether rule `i` may read or write again what these rules wrote.
    fn must_see_commits(&self, i: usize, written: &[usize]) -> bool {
        let rule = &self.rules[i];
        let same_name = |other: &usize| self.rules[*other].core().name() == rule.core().name();
        let in_templates = rule.alerting().is_some_and(crate::AlertingRule::queries_in_templates);
        !written.is_empty() && (in_templates || self.dependencies.may_read(i, written) || written.iter().any(same_name))
    }

    /// Rules that know nothing of each other, as many of them at once as there are places.
    fn eval_batch(
        &self,
        cx: &EvalContext,
        at: TimestampNs,
        offset: Duration,
        batch: &[usize],
        instruments: &GroupInstruments,
        tally: &Tally,
    ) {
        let eval = |i: usize| {
            let view = cx.view();
            let began = (cx.clock.now_ns(), Instant::now());
            let mut writing = Writing::new(self, cx, at.before(offset).to_ms());
            let memory = self.memory[i].lock();
            if let Some(output) = self.outcome((cx, &view), at, offset, i, &memory, instruments, tally) {
                writing.add(i, output, &memory);
            }
            drop(memory);
            self.commit(writing, instruments, tally);
            note_times(cx, &self.rules[i], began);
        };
        std::thread::scope(|scope| {
            for &i in batch {
                if self.is_stopping() {
                    break;
                }
                match cx.place_beside().filter(|_| batch.len() > 1) {
                    Some(place) => {
                        scope.spawn(move || {
                            eval(i);
                            drop(place);
                        });
                    }
                    None => eval(i),
                }
            }
        });
    }

    /// Evaluates one rule; `None` when it failed, which is noted.
    fn outcome(
        &self,
        (cx, view): (&EvalContext, &View<'_>),
        at: TimestampNs,
        offset: Duration,
        i: usize,
        memory: &OutputMemory,
        instruments: &GroupInstruments,
        tally: &Tally,
    ) -> Option<Output> {
        let rule = &self.rules[i];
        instruments.evaluations.inc();
        let limit = usize::try_from(self.limit).unwrap_or(0);
        let outcome = match rule {
            Rule::Recording(rule) => rule.eval(cx, view, at.before(offset).to_ms(), limit, memory),
            Rule::Alerting(alerting) => {
                alerting.eval(cx, view, at, offset, limit).map(|samples| memory.matched_as_they_are(samples))
            }
        };
        match outcome {
            Ok(output) => {
                rule.core().succeeded();
                tally.samples.fetch_add(output.len(), Ordering::Relaxed);
                if let Rule::Alerting(alerting) = rule {
                    alerting.send(cx, at, self.interval);
                }
                self.nothing.note_result(i, output.len());
                Some(output)
            }
            Err(failure) => {
                let text = failure.to_string();
                rule.core().failed(&text);
                instruments.failures.inc();
                tally.failures.fetch_add(1, Ordering::Relaxed);
                if !failure.is_cancelled() {
                    self.warn(i, "Evaluating rule failed", &text);
                }
                None
            }
        }
    }

    fn commit(&self, writing: Writing<'_>, instruments: &GroupInstruments, tally: &Tally) {
        let rules = writing.rules().to_vec();
        let Err(e) = writing.commit() else { return };
        let text = e.to_string();
        for i in rules {
            self.rules[i].core().failed(&text);
            instruments.failures.inc();
            tally.failures.fetch_add(1, Ordering::Relaxed);
            self.warn(i, "Rule sample appending failed", &text);
        }
    }

    pub(crate) fn warn(&self, i: usize, message: &str, err: &str) {
        let (file, group, name) = (self.file(), self.name(), self.rules[i].core().name());
        warn!(component = "rule manager", file, group, name, index = i, err, "{message}");
    }

    /// Returns what a rule wrote the last time.
    pub(crate) fn memory_of(&self, i: usize) -> &Mutex<OutputMemory> {
        &self.memory[i]
    }

    /// Runs one evaluation and notes how long it took.
    pub(crate) fn iterate(&self, cx: &EvalContext, at: TimestampNs, instruments: &GroupInstruments) {
        instruments.iterations.inc();
        let (began, timer) = (cx.clock.now_ns(), Instant::now());
        self.eval_counted(cx, at, instruments);
        let took = timer.elapsed();
        cx.metrics.iteration.observe(took);
        let sum: Duration = self.rules.iter().map(|rule| rule.core().took()).sum();
        instruments.rule_duration_sum.set(sum.as_secs_f64());
        instruments.last_duration.set(took.as_secs_f64());
        instruments.last_evaluation.set(began.0 as f64 / 1e9);
        *self.times.lock() = GroupTimes { last_evaluation: Some(began), last_slot: Some(at), took };
    }

    /// Ends the group: an evaluation under way goes on to the end of its rule.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Returns whether another group is configured the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.key == other.key
            && self.interval == other.interval
            && self.limit == other.limit
            && self.query_offset == other.query_offset
            && self.rules.len() == other.rules.len()
            && self.rules.iter().zip(&other.rules).all(|(a, b)| a.is_same(b))
    }

    /// Takes over what another group remembers. Rules are paired by name and labels, the first with the first and so on.
    pub fn take_over(&self, from: &Self) {
        let (evaluated, times) = (from.times(), &mut *self.times.lock());
        (times.took, times.last_evaluation) = (evaluated.took, evaluated.last_evaluation);
        let mut free: Vec<usize> = (0..from.rules.len()).collect();
        let same = |a: &Rule, b: &Rule| (a.core().name(), a.core().labels()) == (b.core().name(), b.core().labels());
        for (rule, memory) in self.rules.iter().zip(&self.memory) {
            let Some(at) = free.iter().position(|old| same(&from.rules[*old], rule)) else { continue };
            let old = free.remove(at);
            *memory.lock() = std::mem::take(&mut *from.memory[old].lock());
            if let (Rule::Alerting(new), Rule::Alerting(old)) = (rule, &from.rules[old]) {
                // Labels of the series are made anew: those of the rule are the same, but that is cheap.
                new.active.lock().clone_from(&old.active.lock());
            }
        }
        let mut stale = self.stale.lock();
        stale.append(&mut from.stale.lock());
        for old in free {
            stale.extend(from.memory[old].lock().entries.drain(..).map(|entry| entry.output));
        }
    }

    /// Makes all series of the group ready to be marked stale: it is configured no more.
    pub(crate) fn retire(&self) {
        let mut stale = self.stale.lock();
        for memory in &self.memory {
            stale.extend(memory.lock().entries.drain(..).map(|entry| entry.output));
        }
    }

    /// Marks series of rules that are no more as stale.
    pub(crate) fn clean_up(&self, cx: &EvalContext, at: TimestampMs) {
        let mut stale = self.stale.lock();
        if stale.is_empty() {
            return;
        }
        match mark_stale(cx, &stale, at) {
            Ok(()) => stale.clear(),
            Err(err) => warn!(
                component = "rule manager",
                file = self.file,
                group = self.name,
                %err,
                "Stale sample appending for previous configuration failed"
            ),
        }
    }

    /// Restores the states of alerts from what storage has of them; `at`: the first evaluation to come.
    pub fn restore(&self, cx: &EvalContext, at: TimestampNs) {
        let began = Instant::now();
        for (i, rule) in self.rules.iter().enumerate().filter_map(|(i, rule)| Some((i, rule.alerting()?))) {
            if let Err(err) = crate::restore::restore(self, i, rule, cx, at) {
                error!(
                    component = "rule manager",
                    file = self.file,
                    group = self.name,
                    alertname = rule.core.name(),
                    %err,
                    "Failed to restore 'for' state"
                );
            }
        }
        cx.metrics.restored(&self.key, began.elapsed());
    }
}

fn note_times(cx: &EvalContext, rule: &Rule, (at, timer): (TimestampNs, Instant)) {
    let took = timer.elapsed();
    cx.metrics.evaluation.observe(took);
    rule.core().evaluated(at, took);
}

/// Groups are shared between the evaluation and those who look.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Arc<Group>>();
};
