//! Range functions over windows that may hold histograms beside floats, or floats with start timestamps.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_model::{CounterReset, FloatHistogram, HistogramError};
use firesteel_promql_syntax::{RangeMode, Span};

use super::Answer;
use super::rate::{self, is_start_reset};
use crate::annotations::Note;
use crate::columns::{Columns, HistogramPoint};
use crate::context::Context;
use crate::kernels::extended::{ExtendedRange, floats_of_extended};
use crate::kernels::extrapolate::Extrapolation;
use crate::kernels::sums;
use crate::kernels::window::{WindowCounts, Windows};
use crate::tile::{RowMut, SharedHistogram, weight};

/// A series as its columns, with what notes call it.
pub(crate) struct Series<'a> {
    pub(crate) columns: &'a Columns,
    pub(crate) metric: &'a str,
    pub(crate) span: Span,
}

/// The functions that look at both kinds of samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RangeOf {
    Difference(Extrapolation),
    Irate,
    Idelta,
    Sum,
    Avg,
    Count,
    Present,
    First,
    Last,
    TsOfFirst,
    TsOfLast,
    Changes,
    Resets,
}

/// What a window holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples<'a> {
    pub(crate) t: &'a [TimestampMs],
    pub(crate) v: &'a [f64],
    /// Start timestamps in step with the floats, or none.
    pub(crate) starts: &'a [i64],
    pub(crate) h: &'a [HistogramPoint],
    /// Whether start timestamps count.
    pub(crate) use_starts: bool,
}

/// One sample of either kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point<'a> {
    pub(crate) t: i64,
    pub(crate) start: i64,
    pub(crate) v: f64,
    pub(crate) h: Option<&'a SharedHistogram>,
}

impl<'a> Samples<'a> {
    fn float(&self, i: usize) -> Point<'a> {
        let start = if self.use_starts { self.starts.get(i).copied().unwrap_or(0) } else { 0 };
        Point { t: self.t[i].0, start, v: self.v[i], h: None }
    }

    fn histogram(&self, i: usize) -> Point<'a> {
        let point = &self.h[i];
        Point { t: point.t.0, start: if self.use_starts { point.start } else { 0 }, v: 0.0, h: Some(&point.h) }
    }

    /// Walks all samples by time.
    pub(crate) fn all_points(self) -> impl Iterator<Item = Point<'a>> {
        self.points(0, 0)
    }

    /// Walks all samples by time from float `f` and histogram `h` on.
    fn points(self, mut f: usize, mut h: usize) -> impl Iterator<Item = Point<'a>> {
        std::iter::from_fn(move || {
            let float_first = match (self.t.get(f), self.h.get(h)) {
                (Some(t), Some(point)) => *t < point.t,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => return None,
            };
            if float_first {
                f += 1;
                Some(self.float(f - 1))
            } else {
                h += 1;
                Some(self.histogram(h - 1))
            }
        })
    }

    fn is_empty(&self) -> bool {
        self.t.is_empty() && self.h.is_empty()
    }

    fn is_mixed(&self) -> bool {
        !self.t.is_empty() && !self.h.is_empty()
    }

    fn weight(&self) -> u64 {
        self.t.len() as u64 + self.h.iter().map(|point| weight(&point.h)).sum::<u64>()
    }
}

/// One window with its surroundings.
pub(crate) struct Window<'a> {
    pub(crate) samples: Samples<'a>,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) range_seconds: f64,
    pub(crate) extended: Option<ExtendedRange>,
    pub(crate) metric: &'a str,
    cx: &'a Context<'a>,
    span: Span,
}

impl Window<'_> {
    pub(crate) fn note(&self, note: Note) {
        self.cx.note(note, self.span);
    }

    pub(crate) fn metric(&self) -> String {
        self.metric.to_owned()
    }
}

/// Writes the function's answer for each window.
pub(crate) fn over_windows(
    of: RangeOf,
    cx: &Context<'_>,
    series: &Series<'_>,
    windows: &Windows,
    extended: Option<ExtendedRange>,
    out: &mut RowMut<'_>,
) -> WindowCounts {
    let columns = series.columns;
    let (t, v, starts, h) = (columns.t(), columns.v(), columns.starts(), columns.histograms());
    let wants_starts = matches!(
        of,
        RangeOf::Difference(Extrapolation::Rate | Extrapolation::Increase) | RangeOf::Irate | RangeOf::Resets
    );
    let use_starts = wants_starts && cx.features.use_start_timestamps;
    let (back, ahead) = extended.map_or((0, 0), |range| (range.back_ms(), range.ahead_ms()));
    let mut counts = WindowCounts::default();
    let mut seen = i64::MIN;
    for step in 0..windows.n {
        let (start, end) = (windows.start(step), windows.end(step));
        let (from, to) = (start.saturating_sub(back), end.saturating_add(ahead));
        let floats = t.partition_point(|t| t.0 <= from)..t.partition_point(|t| t.0 <= to);
        let histograms = h.partition_point(|point| point.t.0 <= from)..h.partition_point(|point| point.t.0 <= to);
        let samples = Samples {
            t: t.get(floats.clone()).unwrap_or(&[]),
            v: v.get(floats.clone()).unwrap_or(&[]),
            starts: starts.get(floats).unwrap_or(&[]),
            h: h.get(histograms).unwrap_or(&[]),
            use_starts,
        };
        if samples.is_empty() {
            continue;
        }
        counts.total += samples.weight();
        counts.read += Samples {
            t: &samples.t[samples.t.partition_point(|t| t.0 <= seen)..],
            h: &samples.h[samples.h.partition_point(|point| point.t.0 <= seen)..],
            ..samples
        }
        .weight();
        seen = seen.max(to);
        let window = Window {
            samples,
            start,
            end,
            range_seconds: windows.range_seconds(),
            extended,
            metric: series.metric,
            cx,
            span: series.span,
        };
        match answer(of, &window) {
            Some(Answer::Float(v)) => out.set(step, v),
            Some(Answer::Histogram(h)) => out.set_histogram(step, h),
            None => {}
        }
    }
    counts
}

fn answer(of: RangeOf, window: &Window<'_>) -> Option<Answer> {
    let samples = window.samples;
    let float = |v: f64| Some(Answer::Float(v));
    match of {
        RangeOf::Difference(kind) => difference(kind, window),
        RangeOf::Irate => rate::last_two(true, window),
        RangeOf::Idelta => rate::last_two(false, window),
        RangeOf::Sum | RangeOf::Avg if samples.is_mixed() => {
            window.note(Note::MixedFloatsHistograms { metric: window.metric() });
            None
        }
        RangeOf::Sum | RangeOf::Avg if samples.t.is_empty() => gathered(of == RangeOf::Avg, window),
        RangeOf::Sum => float(sums::sum(samples.v)),
        RangeOf::Avg => float(sums::average(samples.v)),
        RangeOf::Count => float((samples.t.len() + samples.h.len()) as f64),
        RangeOf::Present => float(1.0),
        RangeOf::First => samples.points(0, 0).next().map(picked),
        RangeOf::Last => {
            let (f, h) = (samples.t.len().saturating_sub(1), samples.h.len().saturating_sub(1));
            samples.points(f, h).last().map(picked)
        }
        RangeOf::TsOfFirst => samples.points(0, 0).next().and_then(|point| float(point.t as f64 / 1000.0)),
        RangeOf::TsOfLast => {
            let last = samples.t.last().copied().max(samples.h.last().map(|point| point.t));
            last.and_then(|t| float(t.0 as f64 / 1000.0))
        }
        RangeOf::Changes => counted(window, |before, now| match (before.h, now.h) {
            (None, None) => now.v != before.v && !(now.v.is_nan() && before.v.is_nan()),
            (Some(before), Some(now)) => now != before,
            _ => true,
        }),
        RangeOf::Resets => counted(window, |before, now| {
            let by_start = is_start_reset(before.start, before.t, now.start, now.t);
            match (before.h, now.h) {
                (None, None) => now.v < before.v || by_start,
                (Some(before), Some(now)) => by_start || now.detect_reset(before),
                _ => true,
            }
        }),
    }
}

fn picked(point: Point<'_>) -> Answer {
    point.h.map_or(Answer::Float(point.v), |h| Answer::Histogram(Arc::clone(h)))
}

fn difference(kind: Extrapolation, window: &Window<'_>) -> Option<Answer> {
    let samples = window.samples;
    if samples.is_mixed() {
        window.note(Note::MixedFloatsHistograms { metric: window.metric() });
        return None;
    }
    match window.extended {
        Some(_) if !samples.h.is_empty() => super::extended::difference(kind, window),
        Some(range) => {
            let smoothed = range.mode == RangeMode::Smoothed;
            floats_of_extended(kind, smoothed, samples.t, samples.v, (window.start, window.end), window.range_seconds)
                .map(Answer::Float)
        }
        None => rate::extrapolated(kind, window),
    }
}

/// Counts the neighbours that `counts` says to; an anchored range begins with the newest sample at or before its start.
fn counted(window: &Window<'_>, counts: impl Fn(Point<'_>, Point<'_>) -> bool) -> Option<Answer> {
    let samples = window.samples;
    let (mut f, mut h) = (0, 0);
    if window.extended.is_some() {
        let floats = samples.t.partition_point(|t| t.0 <= window.start);
        let histograms = samples.h.partition_point(|point| point.t.0 <= window.start);
        if floats == samples.t.len() && histograms == samples.h.len() {
            return None;
        }
        let float_t = floats.checked_sub(1).map(|i| samples.t[i]);
        let histogram_t = histograms.checked_sub(1).map(|i| samples.h[i].t);
        (f, h) = match (float_t, histogram_t) {
            (None, None) => (0, 0),
            (Some(float_t), histogram_t) if histogram_t.is_none_or(|t| float_t >= t) => (floats - 1, histograms),
            _ => (floats, histograms - 1),
        };
    }
    let mut n = 0u64;
    let mut before: Option<Point<'_>> = None;
    for now in samples.points(f, h) {
        n += u64::from(before.is_some_and(|before| counts(before, now)));
        before = Some(now);
    }
    Some(Answer::Float(n as f64))
}

/// `sum_over_time` and `avg_over_time` of histograms.
fn gathered(average: bool, window: &Window<'_>) -> Option<Answer> {
    let (first, rest) = window.samples.h.split_first()?;
    let mut seen = Seen { reset: false, not_reset: false, reconciled: false };
    seen.hint(&first.h);
    let done = if average { mean_of(&first.h, rest, &mut seen) } else { sum_of(&first.h, rest, &mut seen) };
    match done {
        Ok(h) => {
            if seen.reset && seen.not_reset {
                window.note(Note::ResetCollision { during: "aggregation" });
            }
            if seen.reconciled {
                window.note(Note::MismatchedBounds { during: "aggregation" });
            }
            Some(Answer::Histogram(Arc::from(h)))
        }
        Err(_) => {
            window.note(Note::MixedExponentialCustom { metric: window.metric() });
            None
        }
    }
}

struct Seen {
    reset: bool,
    not_reset: bool,
    reconciled: bool,
}

impl Seen {
    fn hint(&mut self, h: &FloatHistogram) {
        self.reset |= h.counter_reset == CounterReset::Reset;
        self.not_reset |= h.counter_reset == CounterReset::NotReset;
    }
}

fn sum_of(
    first: &FloatHistogram,
    rest: &[HistogramPoint],
    seen: &mut Seen,
) -> Result<Box<FloatHistogram>, HistogramError> {
    let mut sum = Box::new(first.clone());
    let mut compensation = None;
    for point in rest {
        seen.hint(&point.h);
        seen.reconciled |= sum.kahan_add(&point.h, &mut compensation)?.bounds_reconciled;
    }
    if let Some(compensation) = compensation {
        seen.reconciled |= sum.add(&compensation)?.bounds_reconciled;
    }
    Ok(sum)
}

fn mean_of(
    first: &FloatHistogram,
    rest: &[HistogramPoint],
    seen: &mut Seen,
) -> Result<Box<FloatHistogram>, HistogramError> {
    let mut value = Box::new(first.clone());
    let mut compensation: Option<Box<FloatHistogram>> = None;
    let mut incremental = false;
    let mut count = 1.0;
    for point in rest {
        seen.hint(&point.h);
        count += 1.0;
        if !incremental {
            let (mut sum, mut next) = (value.clone(), compensation.clone());
            seen.reconciled |= sum.kahan_add(&point.h, &mut next)?.bounds_reconciled;
            if !sum.has_overflow() {
                (value, compensation) = (sum, next);
                continue;
            }
            incremental = true;
            value.div(count - 1.0);
            if let Some(compensation) = &mut compensation {
                compensation.div(count - 1.0);
            }
        }
        let q = (count - 1.0) / count;
        if let Some(compensation) = &mut compensation {
            compensation.mul(q);
        }
        let mut part = FloatHistogram::clone(&point.h);
        part.div(count);
        value.mul(q);
        seen.reconciled |= value.kahan_add(&part, &mut compensation)?.bounds_reconciled;
    }
    if !incremental {
        value.div(count);
    }
    if let Some(mut compensation) = compensation {
        if !incremental {
            compensation.div(count);
        }
        value.add(&compensation)?;
    }
    Ok(value)
}
