//! `rate`, `increase`, `delta`, `irate`, `idelta` of histograms and of floats with start timestamps
//! (`promql/functions.go`, extrapolatedRate, histogramRate, instantValue; 3.14).

use std::sync::Arc;

use firesteel_model::{CounterReset, FloatHistogram};

use super::Answer;
use super::range::Window;
use crate::annotations::Note;
use crate::columns::HistogramPoint;
use crate::kernels::extrapolate::Extrapolation;

/// Returns whether a start timestamp tells of a reset between two samples.
pub(crate) fn is_start_reset(before_start: i64, before_t: i64, start: i64, t: i64) -> bool {
    if start == 0 || start >= t || start < before_t {
        return false;
    }
    if start > before_t {
        return true;
    }
    // It points at the sample before: a delta, or a counter whose start is not known. Only the former is a reset.
    before_start <= before_t && before_start != 0 && before_start != before_t
}

/// Returns whether a start lies before the previous sample without being the same start.
fn overlaps(before_start: i64, before_t: i64, start: i64) -> bool {
    start != 0 && start < before_t && start != before_start
}

/// The samples' times, starts and what the function makes of their values.
struct Sampled {
    first_t: i64,
    last_t: i64,
    /// Number of samples less one.
    intervals: usize,
    /// Of the first sample; 0 = none.
    first_start: i64,
}

pub(super) fn extrapolated(kind: Extrapolation, window: &Window<'_>) -> Option<Answer> {
    let samples = window.samples;
    let is_counter = kind != Extrapolation::Delta;
    if let (Some(first), Some(last)) = (samples.h.first(), samples.h.last()) {
        let use_starts = samples.use_starts;
        let sampled = Sampled {
            first_t: first.t.0,
            last_t: last.t.0,
            intervals: samples.h.len() - 1,
            first_start: if use_starts { first.start } else { 0 },
        };
        let mut result =
            if samples.h.len() > 1 { Some(histogram_rate(is_counter, samples.h, use_starts, window)?) } else { None };
        let starts_inside = sampled.starts_inside(is_counter, window);
        if starts_inside {
            match &mut result {
                None => result = Some(FloatHistogram::clone(&first.h)),
                Some(result) => add(result, &first.h, window)?,
            }
        }
        let mut result = result?;
        let to_zero = (result.count > 0.0 && first.h.count >= 0.0).then(|| first.h.count / result.count);
        result.mul(sampled.factor(kind, starts_inside, to_zero, window)?);
        return Some(Answer::Histogram(Arc::new(result)));
    }
    let (t, v, starts) = (samples.t, samples.v, samples.starts);
    let start = |i: usize| if samples.use_starts { starts.get(i).copied().unwrap_or(0) } else { 0 };
    let sampled = Sampled { first_t: t.first()?.0, last_t: t.last()?.0, intervals: t.len() - 1, first_start: start(0) };
    let (first, last) = (*v.first()?, *v.last()?);
    let mut result = last - first;
    if is_counter {
        let mut overlap_noted = false;
        for i in 1..t.len() {
            let (before, now) = (start(i - 1), start(i));
            if !overlap_noted && overlaps(before, t[i - 1].0, now) {
                window.note(Note::StartOverlap { metric: window.metric(), count: 1 });
                overlap_noted = true;
            }
            if v[i] < v[i - 1] || is_start_reset(before, t[i - 1].0, now, t[i].0) {
                result += v[i - 1];
            }
        }
    }
    let starts_inside = sampled.starts_inside(is_counter, window);
    if starts_inside {
        result += first;
    }
    let to_zero = (is_counter && result > 0.0 && first >= 0.0).then(|| first / result);
    Some(Answer::Float(result * sampled.factor(kind, starts_inside, to_zero, window)?))
}

impl Sampled {
    /// Returns whether the first sample began to count within the window: then it was zero there.
    fn starts_inside(&self, is_counter: bool, window: &Window<'_>) -> bool {
        let start = self.first_start;
        is_counter && start != 0 && start > window.start && start < self.first_t
    }

    /// Returns what the difference is to be multiplied with. `to_zero`: the part of the sampled interval that lies between
    /// the counter's zero and the first sample.
    fn factor(
        &self,
        kind: Extrapolation,
        starts_inside: bool,
        to_zero: Option<f64>,
        window: &Window<'_>,
    ) -> Option<f64> {
        let mut to_start = (self.first_t - window.start) as f64 / 1000.0;
        let mut to_end = (window.end - self.last_t) as f64 / 1000.0;
        let mut sampled = (self.last_t - self.first_t) as f64 / 1000.0;
        let average = if self.intervals > 0 { sampled / self.intervals as f64 } else { 0.0 };
        let threshold = average * 1.1;
        if starts_inside {
            to_start = 0.0;
            sampled = (self.last_t - self.first_start) as f64 / 1000.0;
        } else if self.intervals == 0 {
            return None;
        } else {
            if to_start >= threshold {
                to_start = average / 2.0;
            }
            if kind != Extrapolation::Delta
                && let Some(part) = to_zero
                && sampled * part < to_start
            {
                to_start = sampled * part;
            }
        }
        if to_end >= threshold {
            to_end = average / 2.0;
        }
        let mut factor = 1.0;
        if sampled != 0.0 {
            factor = (sampled + to_start + to_end) / sampled;
        }
        if kind == Extrapolation::Rate {
            factor /= window.range_seconds;
        }
        Some(factor)
    }
}

/// Adds in place; what is to be said is noted. `None`: they do not go together.
pub(super) fn add(base: &mut FloatHistogram, other: &FloatHistogram, window: &Window<'_>) -> Option<()> {
    match base.add(other) {
        Ok(added) if added.bounds_reconciled => window.note(Note::MismatchedBounds { during: "addition" }),
        Ok(_) => {}
        Err(_) => {
            window.note(Note::MixedExponentialCustom { metric: window.metric() });
            return None;
        }
    }
    Some(())
}

/// Subtracts in place, as [`add`] adds.
pub(super) fn sub(base: &mut FloatHistogram, other: &FloatHistogram, window: &Window<'_>) -> Option<()> {
    match base.sub(other) {
        Ok(added) if added.bounds_reconciled => window.note(Note::MismatchedBounds { during: "subtraction" }),
        Ok(_) => {}
        Err(_) => {
            window.note(Note::MixedExponentialCustom { metric: window.metric() });
            return None;
        }
    }
    Some(())
}

/// Returns the increase over two histograms or more.
fn histogram_rate(
    is_counter: bool,
    points: &[HistogramPoint],
    use_starts: bool,
    window: &Window<'_>,
) -> Option<FloatHistogram> {
    let (first, second, last) = (points.first()?, points.get(1)?, points.last()?);
    let is_gauge = |h: &FloatHistogram| h.counter_reset == CounterReset::Gauge;
    if is_counter && (is_gauge(&first.h) || is_gauge(&last.h)) {
        window.note(Note::NotCounterHistogram { metric: window.metric() });
    }
    let by_start = |before: &HistogramPoint, now: &HistogramPoint| {
        use_starts && is_start_reset(before.start, before.t.0, now.start, now.t.0)
    };
    let mut before = Arc::clone(&first.h);
    if is_counter && (by_start(first, second) || second.h.detect_reset(&first.h)) {
        // Then the first one's layout does not matter.
        before = Arc::new(FloatHistogram {
            schema: second.h.schema,
            custom_values: second.h.custom_values.clone(),
            ..FloatHistogram::default()
        });
    }
    let custom = before.uses_custom_buckets();
    let mixed = || {
        window.note(Note::MixedExponentialCustom { metric: window.metric() });
        None
    };
    if last.h.uses_custom_buckets() != custom {
        return mixed();
    }
    let mut min_schema = last.h.schema.min(before.schema);
    for point in points.get(1..points.len() - 1).into_iter().flatten().filter(|_| is_counter) {
        if is_gauge(&point.h) {
            window.note(Note::NotCounterHistogram { metric: window.metric() });
        }
        min_schema = min_schema.min(point.h.schema);
        if point.h.uses_custom_buckets() != custom {
            return mixed();
        }
    }
    let Ok(mut h) = last.h.copy_to_schema(min_schema) else { return mixed() };
    sub(&mut h, &before, window)?;
    if is_counter {
        let mut overlap_noted = false;
        for pair in points.windows(2) {
            let (earlier, point) = (&pair[0], &pair[1]);
            if use_starts && !overlap_noted && overlaps(earlier.start, earlier.t.0, point.start) {
                window.note(Note::StartOverlap { metric: window.metric(), count: 1 });
                overlap_noted = true;
            }
            if by_start(earlier, point) || point.h.detect_reset(&before) {
                add(&mut h, &before, window)?;
            }
            before = Arc::clone(&point.h);
        }
    } else if !is_gauge(&first.h) || !is_gauge(&last.h) {
        window.note(Note::NotGaugeHistogram { metric: window.metric() });
    }
    h.counter_reset = CounterReset::Gauge;
    h.compact(0);
    Some(h)
}

/// `irate` and `idelta`: the last two samples.
pub(super) fn last_two(is_rate: bool, window: &Window<'_>) -> Option<Answer> {
    let samples = window.samples;
    if samples.t.len() + samples.h.len() < 2 {
        return None;
    }
    let mut last = [None, None];
    for point in samples.all_points() {
        last = [last[1], Some(point)];
    }
    let [Some(before), Some(now)] = last else { return None };
    let seconds = (now.t - before.t) as f64 / 1000.0;
    if now.t == before.t {
        return None;
    }
    let by_start = is_start_reset(before.start, before.t, now.start, now.t);
    let (before_h, now_h) = match (before.h, now.h) {
        (None, None) => {
            let reset = is_rate && (now.v < before.v || by_start);
            let v = if reset { now.v } else { now.v - before.v };
            return Some(Answer::Float(if is_rate { v / seconds } else { v }));
        }
        (Some(before), Some(now)) => (before, now),
        _ => {
            window.note(Note::MixedFloatsHistograms { metric: window.metric() });
            return None;
        }
    };
    let gauges = [before_h, now_h].map(|h| h.counter_reset == CounterReset::Gauge);
    if is_rate && (gauges[0] || gauges[1]) {
        window.note(Note::NotCounterHistogram { metric: window.metric() });
    }
    if !(is_rate || gauges[0] && gauges[1]) {
        window.note(Note::NotGaugeHistogram { metric: window.metric() });
    }
    let mut h = FloatHistogram::clone(now_h);
    if !is_rate || (!by_start && !now_h.detect_reset(before_h)) {
        sub(&mut h, before_h, window)?;
    }
    h.counter_reset = CounterReset::Gauge;
    h.compact(0);
    if is_rate {
        h.div(seconds);
    }
    Some(Answer::Histogram(Arc::new(h)))
}
