//! Samples of rules on their way into the store: one batch of one or several rules.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_go_compat::{FloatForm, format_float_as};
use firesteel_model::{FloatHistogram, Labels, SeriesRef, stale_nan};
use firesteel_storage::{
    AppendError, AppendOptions, Appender, HistogramSample, HistogramValue, Rejected, SampleBatch, SeriesMeta,
    StorageError,
};
use tracing::warn;

use crate::Group;
use crate::context::EvalContext;
use crate::output::{Entry, Output, OutputMemory};

const OF_RULES: AppendOptions = AppendOptions { refuse_out_of_order: true, stale_marker: false, durable: false };
const MARKERS: AppendOptions = AppendOptions { refuse_out_of_order: true, stale_marker: true, durable: false };
const NO_JOB: SeriesMeta<'static> = SeriesMeta { job: "" };

/// One batch.
pub(crate) struct Writing<'a> {
    group: &'a Group,
    cx: &'a EvalContext,
    at: TimestampMs,
    appender: Option<Box<dyn Appender + 'a>>,
    rows: SampleBatch,
    rejected: Vec<Rejected>,
    /// The rules whose samples are in the batch, and what each will have written.
    rules: Vec<usize>,
    written: Vec<Vec<Entry>>,
}

/// What one rule's samples met.
#[derive(Default)]
struct Refusals {
    out_of_order: usize,
    too_old: usize,
    duplicates: usize,
    last: Option<String>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(group: &'a Group, cx: &'a EvalContext, at: TimestampMs) -> Self {
        Self {
            group,
            cx,
            at,
            appender: None,
            rows: SampleBatch::default(),
            rejected: Vec::new(),
            rules: Vec::new(),
            written: Vec::new(),
        }
    }

    /// Returns the rules that have samples in the batch.
    pub(crate) fn rules(&self) -> &[usize] {
        &self.rules
    }

    /// Adds what rule `i` yields, and markers for what it no longer does.
    pub(crate) fn add(&mut self, i: usize, output: Output, memory: &OutputMemory) {
        if output.samples.is_empty() && memory.entries.is_empty() {
            return;
        }
        let cx = self.cx;
        let appender = self.appender.get_or_insert_with(|| cx.store.appender());
        let mut refusals = Refusals::default();
        let mut entries = Vec::with_capacity(output.samples.len());
        self.rows.clear();
        let mut histograms: Vec<(Entry, TimestampMs, Arc<FloatHistogram>)> = Vec::new();
        let mut floats: Vec<Entry> = Vec::with_capacity(output.samples.len());
        for ((sample, labels), place) in output.samples.into_iter().zip(output.labels).zip(output.places) {
            let known = place.and_then(|place| memory.entries.get(place as usize)).map(|entry| entry.series);
            let series = match known.map_or_else(|| appender.series(&labels, &NO_JOB), Ok) {
                Ok(series) => series,
                Err(e) => {
                    refusals.note(e, e.to_string());
                    self.group.warn(i, "Rule evaluation result discarded", &e.to_string());
                    continue;
                }
            };
            let entry = Entry { input: sample.labels, output: labels, series };
            match sample.histogram {
                Some(h) => histograms.push((entry, sample.t, h)),
                None => {
                    self.rows.push(series, sample.t, sample.v);
                    floats.push(entry);
                }
            }
        }
        append_floats(appender.as_mut(), &mut self.rows, &mut floats, &mut self.rejected);
        let mut refused = self.rejected.drain(..).peekable();
        for (row, entry) in floats.into_iter().enumerate() {
            match refused.next_if(|rejected| rejected.row as usize == row) {
                Some(rejected) => {
                    let text = float_refusal(appender.as_ref(), rejected.why, &self.rows, row);
                    refusals.note(rejected.why, text);
                }
                None => entries.push(entry),
            }
        }
        drop(refused);
        for (mut entry, t, h) in histograms {
            match append_histogram(appender.as_mut(), &mut entry, t, &h, &mut self.rejected) {
                None => entries.push(entry),
                Some(why) => refusals.note(why, why.to_string()),
            }
        }
        refusals.tell(self.group, i);
        let vanished = memory.vanished(&entries);
        if !vanished.is_empty() {
            self.rows.clear();
            for entry in vanished {
                self.rows.push(entry.series, self.at, stale_nan());
            }
            // A series that is gone from memory needs no marker, and one that another rule writes gets none.
            self.rejected.clear();
            appender.append(&self.rows, MARKERS, &mut self.rejected);
            self.rejected.clear();
        }
        self.rules.push(i);
        self.written.push(entries);
    }

    /// Commits the batch; the rules remember what they wrote only if that succeeds.
    pub(crate) fn commit(self) -> Result<(), StorageError> {
        if let Some(appender) = self.appender {
            appender.commit()?;
        }
        for (i, entries) in self.rules.iter().zip(self.written) {
            self.group.memory_of(*i).lock().entries = entries;
        }
        Ok(())
    }
}

/// Appends rows; those whose series went out of memory meanwhile are tried again with the series made anew.
fn append_floats(
    appender: &mut dyn Appender,
    rows: &mut SampleBatch,
    entries: &mut [Entry],
    rejected: &mut Vec<Rejected>,
) {
    rejected.clear();
    if rows.is_empty() {
        return;
    }
    appender.append(rows, OF_RULES, rejected);
    let gone: Vec<u32> =
        rejected.iter().filter(|one| one.why == AppendError::UnknownSeries).map(|one| one.row).collect();
    if gone.is_empty() {
        rejected.sort_unstable_by_key(|one| one.row);
        return;
    }
    rejected.retain(|one| one.why != AppendError::UnknownSeries);
    let mut again = SampleBatch::default();
    let mut rows_again = Vec::new();
    for row in gone {
        let Some(entry) = entries.get_mut(row as usize) else { continue };
        match appender.series(&entry.output, &NO_JOB) {
            Ok(series) => {
                entry.series = series;
                rows.refs[row as usize] = series;
                again.push(series, rows.t[row as usize], rows.v[row as usize]);
                rows_again.push(row);
            }
            Err(why) => rejected.push(Rejected { row, why }),
        }
    }
    let mut refused = Vec::new();
    appender.append(&again, OF_RULES, &mut refused);
    for one in refused {
        rejected.extend(rows_again.get(one.row as usize).map(|row| Rejected { row: *row, why: one.why }));
    }
    rejected.sort_unstable_by_key(|one| one.row);
}

fn append_histogram(
    appender: &mut dyn Appender,
    entry: &mut Entry,
    t: TimestampMs,
    h: &FloatHistogram,
    rejected: &mut Vec<Rejected>,
) -> Option<AppendError> {
    let sample = |series: SeriesRef| HistogramSample {
        series,
        t,
        start_t: TimestampMs(0),
        value: HistogramValue::Float(Box::new(h.clone())),
    };
    for _ in 0..2 {
        rejected.clear();
        appender.append_histograms(&[sample(entry.series)], OF_RULES, rejected);
        match rejected.drain(..).next().map(|one| one.why) {
            Some(AppendError::UnknownSeries) => match appender.series(&entry.output, &NO_JOB) {
                Ok(series) => entry.series = series,
                Err(why) => return Some(why),
            },
            outcome => return outcome,
        }
    }
    Some(AppendError::UnknownSeries)
}

/// Returns upstream's words for a float that is refused.
fn float_refusal(appender: &dyn Appender, why: AppendError, rows: &SampleBatch, row: usize) -> String {
    let general = |v: f64| format_float_as(v, FloatForm::General).to_string();
    if why != AppendError::Duplicate {
        return why.to_string();
    }
    let existing = appender.last_float(rows.refs[row]).map_or_else(|| "is a histogram".to_owned(), general);
    format!("{why} {}; overrides not allowed: existing {existing}, new value {}", rows.t[row].0, general(rows.v[row]))
}

impl Refusals {
    fn note(&mut self, why: AppendError, text: String) {
        match why {
            AppendError::OutOfOrder => self.out_of_order += 1,
            AppendError::TooOld => self.too_old += 1,
            AppendError::Duplicate => self.duplicates += 1,
            _ => {}
        }
        self.last = Some(text);
    }

    /// Notes the refusals at the rule and in the log (`rules/group.go`, `Eval`).
    fn tell(&self, group: &Group, i: usize) {
        let Some(last) = &self.last else { return };
        let core = group.rules()[i].core();
        core.failed(last);
        let (file, group, name) = (group.file(), group.name(), core.name());
        let say = |num_dropped: usize, message: &str| {
            if num_dropped > 0 {
                warn!(component = "rule manager", file, group, name, index = i, num_dropped, "{message}");
            }
        };
        say(self.out_of_order, "Error on ingesting out-of-order result from rule evaluation");
        say(self.too_old, "Error on ingesting too old result from rule evaluation");
        say(self.duplicates, "Error on ingesting results from rule evaluation with different value but same timestamp");
    }
}

/// Marks series as gone that no rule writes any more.
pub(crate) fn mark_stale(cx: &EvalContext, series: &[Labels], at: TimestampMs) -> Result<(), StorageError> {
    let mut appender = cx.store.appender();
    let mut rows = SampleBatch::default();
    for labels in series {
        if let Some(series) = appender.known(labels) {
            rows.push(series, at, stale_nan());
        }
    }
    // Refusals are expected where another rule writes the series now.
    appender.append(&rows, MARKERS, &mut Vec::new());
    appender.commit().map(|_| ())
}
