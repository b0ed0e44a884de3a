//! `histogram_quantile`, `histogram_quantiles` and `histogram_fraction` over native histograms and over the bucket series of
//! classic ones.

use std::sync::Arc;

use firesteel_go_compat::{format_float, parse_float};
use firesteel_model::{BUCKET_LABEL, Labels, LabelsBuilder};
use firesteel_promql_syntax::Span;

use super::classic_histogram::{Bucket, Raised, fraction, quantile};
use crate::QueryError;
use crate::annotations::{Monotonicity, Note};
use crate::budget::Charge;
use crate::context::Context;
use crate::grid::Grid;
use crate::histograms;
use crate::operators::{Emitter, Flow, Input, Operator};
use crate::series::{OutputSeries, without_metadata};
use crate::tile::Tile;

/// What is asked of each histogram.
pub(crate) enum Question {
    /// One output series a quantile; with a label they are told apart.
    Quantiles {
        quantiles: Vec<(Input, Span)>,
        label: Option<String>,
    },
    Fraction {
        lower: Input,
        upper: Input,
    },
}

/// The same with the scalars evaluated.
enum Asked {
    Quantiles(Vec<(Vec<f64>, Span)>),
    Fraction(Vec<f64>, Vec<f64>),
}

pub(crate) struct ClassicHistogram {
    question: Question,
    asked: Option<Asked>,
    grid: Grid,
    input: Input,
    arg: Span,
    series: Arc<[OutputSeries]>,
    histograms: Vec<Histogram>,
    /// Rows whose `le` is no number, with its text.
    malformed: Vec<usize>,
    /// Rows that hold native histograms, each with the number of the classic one of the same labels.
    natives: Vec<(usize, Option<usize>)>,
    rows: Tile,
    emitter: Option<Emitter>,
    charge: Charge,
}

/// The bucket series of one histogram.
struct Histogram {
    metric: String,
    /// Upper bound and input row, ascending by bound.
    buckets: Vec<(f64, usize)>,
}

impl ClassicHistogram {
    pub(crate) fn new(question: Question, grid: Grid, input: Box<dyn Operator>, arg: Span) -> Self {
        Self {
            question,
            asked: None,
            grid,
            input: Input::new(input),
            arg,
            series: Arc::default(),
            histograms: Vec::new(),
            malformed: Vec::new(),
            natives: Vec::new(),
            rows: Tile::default(),
            emitter: None,
            charge: Charge::default(),
        }
    }

    /// Sorts the input series into histograms: all labels but `le` tell them apart, the metric's name included.
    fn group(&mut self, cx: &Context<'_>) -> Vec<OutputSeries> {
        let mut numbers: firesteel_base::FastHashMap<Labels, usize> = firesteel_base::FastHashMap::default();
        let mut outputs = Vec::new();
        let mut builder = LabelsBuilder::new();
        for (row, one) in self.series.iter().enumerate() {
            let Ok(bound) = parse_float(one.labels.value(BUCKET_LABEL)) else {
                self.malformed.push(row);
                continue;
            };
            builder.reset(&one.labels);
            builder.del(BUCKET_LABEL);
            let labels = builder.build();
            let number = *numbers.entry(labels.clone()).or_insert_with(|| {
                let metric = one.labels.metric_name().to_owned();
                self.histograms.push(Histogram { metric, buckets: Vec::new() });
                let labels = if cx.delayed_names() { labels } else { without_metadata(&labels) };
                outputs.push(OutputSeries { labels, drop_name: true, apart: false });
                self.histograms.len() - 1
            });
            self.histograms[number].buckets.push((bound, row));
        }
        for row in (0..self.series.len()).filter(|row| self.rows.row(*row).has_histograms()) {
            let one = &self.series[row];
            self.natives.push((row, numbers.get(&one.labels).copied()));
            outputs.push(one.renamed(cx.delayed_names()));
        }
        for histogram in &mut self.histograms {
            histogram.buckets.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
        }
        outputs
    }

    fn compute(&self, cx: &Context<'_>, rows: &Tile) -> Tile {
        for &row in &self.malformed {
            if !rows.row(row).has_no_floats() {
                let labels = &self.series[row].labels;
                let metric = if cx.delayed_names() { labels.metric_name().to_owned() } else { String::new() };
                cx.note(Note::BadBucketLabel { le: labels.value(BUCKET_LABEL).to_owned(), metric }, self.arg);
            }
        }
        let n_answers = match &self.asked {
            Some(Asked::Quantiles(quantiles)) => quantiles.len(),
            _ => 1,
        };
        let mut out = Tile::default();
        let n_outputs = self.histograms.len() + self.natives.len();
        out.reset(0, n_answers * n_outputs, self.grid.n);
        let clashes = self.compute_natives(cx, rows, n_outputs, &mut out);
        let mut present = Vec::new();
        let mut scratch = Vec::new();
        for (number, histogram) in self.histograms.iter().enumerate() {
            let buckets: Vec<_> = histogram.buckets.iter().map(|&(bound, row)| (bound, rows.row(row))).collect();
            for step in 0..self.grid.n {
                present.clear();
                present.extend(buckets.iter().filter_map(|(upper_bound, row)| {
                    row.get(step).map(|count| Bucket { upper_bound: *upper_bound, count })
                }));
                if present.is_empty() || clashes.contains(&(number, step)) {
                    continue;
                }
                match &self.asked {
                    Some(Asked::Quantiles(quantiles)) => {
                        for (i, (phi, _)) in quantiles.iter().enumerate() {
                            scratch.clone_from(&present);
                            let (v, raised) = quantile(phi[step], &mut scratch);
                            if let Some(raised) = raised {
                                self.note_raised(cx, histogram, raised, step);
                            }
                            out.row_mut(i * n_outputs + number).set(step, v);
                        }
                    }
                    Some(Asked::Fraction(lower, upper)) => {
                        out.row_mut(number).set(step, fraction(lower[step], upper[step], &mut present));
                    }
                    None => {}
                }
            }
        }
        out
    }

    /// Answers for native histograms, whose rows stand behind those of the classic ones. Returns the classic ones and steps
    /// at which both are there: neither is then answered for.
    fn compute_natives(&self, cx: &Context<'_>, rows: &Tile, n_outputs: usize, out: &mut Tile) -> Vec<(usize, usize)> {
        let mut clashes = Vec::new();
        for (at, &(row, classic)) in self.natives.iter().enumerate() {
            let metric = if cx.delayed_names() { self.series[row].labels.metric_name() } else { "" };
            let note = |note| cx.note(note, self.arg);
            for (step, h) in rows.row(row).histogram_points() {
                if let Some(classic) = classic
                    && self.histograms[classic].buckets.iter().any(|&(_, row)| rows.row(row).get(step).is_some())
                {
                    note(Note::MixedClassicNative { metric: metric.to_owned() });
                    clashes.push((classic, step));
                    continue;
                }
                let at = self.histograms.len() + at;
                match &self.asked {
                    Some(Asked::Quantiles(quantiles)) => {
                        for (i, (phi, _)) in quantiles.iter().enumerate() {
                            let v = histograms::quantile(phi[step], h, metric, note);
                            out.row_mut(i * n_outputs + at).set(step, v);
                        }
                    }
                    Some(Asked::Fraction(lower, upper)) => {
                        let v = histograms::fraction(lower[step], upper[step], h, metric, note);
                        out.row_mut(at).set(step, v);
                    }
                    None => {}
                }
            }
        }
        clashes
    }

    fn note_raised(&self, cx: &Context<'_>, histogram: &Histogram, raised: Raised, step: usize) {
        let t = self.grid.at(step);
        let metric = if cx.delayed_names() { histogram.metric.clone() } else { String::new() };
        let fixed = Monotonicity {
            min_t: t,
            max_t: t,
            min_bucket: raised.min_bucket,
            max_bucket: raised.max_bucket,
            max_diff: raised.max_diff,
            samples: 1,
        };
        cx.note(Note::ForcedMonotonicity { metric, fixed }, self.arg);
    }
}

/// Evaluates the scalars; a quantile out of range is noted at whatever step.
fn evaluate(question: &mut Question, cx: &Context<'_>, grid: Grid) -> Result<Asked, QueryError> {
    Ok(match question {
        Question::Fraction { lower, upper } => Asked::Fraction(lower.scalar(cx, grid)?, upper.scalar(cx, grid)?),
        Question::Quantiles { quantiles, .. } => {
            let mut asked = Vec::with_capacity(quantiles.len());
            for (input, span) in quantiles {
                let phi = input.scalar(cx, grid)?;
                let mut noted: Option<f64> = None;
                for &q in phi.iter().filter(|q| q.is_nan() || !(0.0..=1.0).contains(*q)) {
                    if noted.replace(q).is_none_or(|before| before.to_bits() != q.to_bits()) {
                        cx.note(Note::InvalidQuantile(q), *span);
                    }
                }
                asked.push((phi, *span));
            }
            Asked::Quantiles(asked)
        }
    })
}

/// Returns a quantile as a label value: OpenMetrics writes whole numbers with `.0`.
fn quantile_text(q: f64) -> String {
    let text = format_float(q).to_string();
    let whole = text.bytes().all(|c| c.is_ascii_digit() || c == b'-');
    if whole { format!("{text}.0") } else { text }
}

impl Operator for ClassicHistogram {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let asked = evaluate(&mut self.question, cx, self.grid)?;
        self.series = self.input.prepare(cx)?;
        // Which series hold native histograms is known by their values only.
        self.rows = self.input.gather(cx, self.series.len(), self.grid)?;
        let outputs = self.group(cx);
        let outputs = match (&self.question, &asked) {
            (Question::Quantiles { label: Some(label), .. }, Asked::Quantiles(quantiles)) => quantiles
                .iter()
                .flat_map(|(phi, _)| {
                    let text = quantile_text(phi.first().copied().unwrap_or(f64::NAN));
                    outputs.iter().map(move |one| {
                        let mut builder = LabelsBuilder::from_labels(&one.labels);
                        builder.set(label, &text);
                        OutputSeries { labels: builder.build(), drop_name: true, apart: false }
                    })
                })
                .collect(),
            _ => outputs,
        };
        self.asked = Some(asked);
        Ok(outputs.into())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if self.emitter.is_none() {
            let rows = std::mem::take(&mut self.rows);
            let n_answers = match &self.asked {
                Some(Asked::Quantiles(quantiles)) => quantiles.len(),
                _ => 1,
            };
            let n_rows = n_answers.saturating_mul(self.histograms.len() + self.natives.len());
            self.charge = cx.charge_rows(n_rows, self.grid.n)?;
            self.emitter = Some(Emitter::new(self.compute(cx, &rows)));
        }
        Ok(self.emitter.as_mut().map_or(Flow::End, |rows| rows.next(self.grid, out)))
    }
}
