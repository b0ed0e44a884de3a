//! `anchored` and `smoothed` over histograms: the value at a window's edges is that of the sample before it, or interpolated
//! (`promql/functions.go`, extendedHistogramRate; 3.14).

use std::sync::Arc;

use firesteel_model::{CounterReset, FloatHistogram};
use firesteel_promql_syntax::RangeMode;

use super::Answer;
use super::range::{Series, Window};
use super::rate::{add, sub};
use crate::QueryError;
use crate::annotations::Note;
use crate::columns::HistogramPoint;
use crate::context::Context;
use crate::kernels::extended::interpolate as interpolate_floats;
use crate::kernels::extrapolate::Extrapolation;
use crate::tile::{RowMut, weight};

/// Returns the histogram at `at` on the line between two samples; a counter that was reset began again from zero. `note` is
/// told when bounds were reconciled. `None`: they do not go together.
fn interpolate(
    a: &HistogramPoint,
    b: &HistogramPoint,
    at: i64,
    is_counter: bool,
    note: impl Fn(Note),
) -> Option<FloatHistogram> {
    if at == a.t.0 {
        return Some(FloatHistogram::clone(&a.h));
    }
    let mut h = FloatHistogram::clone(&b.h);
    if at == b.t.0 {
        return Some(h);
    }
    let fraction = (at - a.t.0) as f64 / (b.t.0 - a.t.0) as f64;
    if is_counter && b.h.detect_reset(&a.h) {
        h.mul(fraction);
        return Some(h);
    }
    if h.sub(&a.h).ok()?.bounds_reconciled {
        note(Note::MismatchedBounds { during: "subtraction" });
    }
    h.mul(fraction);
    if h.add(&a.h).ok()?.bounds_reconciled {
        note(Note::MismatchedBounds { during: "addition" });
    }
    Some(h)
}

/// `rate`, `increase` and `delta` of an extended range of histograms.
pub(super) fn difference(kind: Extrapolation, window: &Window<'_>) -> Option<Answer> {
    let is_counter = kind != Extrapolation::Delta;
    let smoothed = window.extended.is_some_and(|range| range.mode == RangeMode::Smoothed);
    let h = window.samples.h;
    let mut last = h.len().checked_sub(1)?;
    // Upstream searches before the last sample only.
    let first = h[..last].partition_point(|point| point.t.0 <= window.start).saturating_sub(1);
    if smoothed {
        last = h[..last].partition_point(|point| point.t.0 < window.end);
    }
    if h[last].t.0 <= window.start || smoothed && h[first].t.0 > window.end {
        return None;
    }
    let mixed = || window.note(Note::MixedExponentialCustom { metric: window.metric() });
    let custom = h[first].h.uses_custom_buckets();
    for point in h.get(first..=last)? {
        if point.h.uses_custom_buckets() != custom {
            mixed();
            return None;
        }
        if is_counter && point.h.counter_reset == CounterReset::Gauge {
            window.note(Note::NotCounterHistogram { metric: window.metric() });
        }
    }
    let edge = |from: usize, at: i64| {
        let value = interpolate(&h[from], &h[from + 1], at, is_counter, |note| window.note(note));
        if value.is_none() {
            mixed();
        }
        value
    };
    let left = if smoothed && h[first].t.0 < window.start {
        edge(first, window.start)?
    } else {
        FloatHistogram::clone(&h[first].h)
    };
    let right = if smoothed && last > 0 && h[last].t.0 > window.end {
        edge(last - 1, window.end)?
    } else {
        FloatHistogram::clone(&h[last].h)
    };
    let gauge = |h: &FloatHistogram| h.counter_reset == CounterReset::Gauge;
    if !(is_counter || gauge(&left) && gauge(&right)) {
        window.note(Note::NotGaugeHistogram { metric: window.metric() });
    }
    let mut result = right.clone();
    sub(&mut result, &left, window)?;
    if is_counter {
        let mut before = Arc::new(left);
        let mut from = first + 1;
        if smoothed
            && h[first].t.0 < window.start
            && let Some(next) = h.get(first + 1)
            && next.h.detect_reset(&h[first].h)
        {
            // That reset is in the interpolated edge already.
            before = Arc::clone(&next.h);
            from += 1;
        }
        // The last sample is represented by the right edge.
        if from <= last {
            let mut correction: Option<FloatHistogram> = None;
            let mut correct = |before: &FloatHistogram| match &mut correction {
                Some(correction) => add(correction, before, window),
                None => {
                    correction = Some(before.clone());
                    Some(())
                }
            };
            for point in &h[from..last] {
                if point.h.detect_reset(&before) {
                    correct(&before)?;
                }
                before = Arc::clone(&point.h);
            }
            if right.detect_reset(&before) {
                correct(&before)?;
            }
            if let Some(correction) = correction {
                add(&mut result, &correction, window)?;
            }
        }
    }
    if kind == Extrapolation::Rate {
        result.div(window.range_seconds);
    }
    result.counter_reset = CounterReset::Gauge;
    result.compact(0);
    Some(Answer::Histogram(Arc::new(result)))
}

/// Fills a row of a smoothed instant selector whose series has histograms: values interpolated between the samples around
/// each moment; where none follows within the lookback the one before stands.
pub(crate) fn smooth_histograms(
    cx: &Context<'_>,
    series: Series<'_>,
    n_steps: usize,
    moment: impl Fn(usize) -> i64,
    out: &mut RowMut<'_>,
) -> Result<(), QueryError> {
    let (t, v, h) = (series.columns.t(), series.columns.v(), series.columns.histograms());
    let note = |note: Note| cx.note(note, series.span);
    let mut found = 0;
    for step in 0..n_steps {
        let at = moment(step);
        let (from, to) = (at.saturating_sub(cx.lookback_ms), at.saturating_add(cx.lookback_ms));
        let t = t.partition_point(|t| t.0 <= from)..t.partition_point(|t| t.0 <= to);
        let h = &h[h.partition_point(|point| point.t.0 <= from)..h.partition_point(|point| point.t.0 <= to)];
        if h.is_empty() {
            let (times, values) = (&series.columns.t()[t.clone()], &v[t]);
            let next = times.partition_point(|t| t.0 < at);
            if times.get(next).is_some_and(|t| t.0 == at) {
                out.set(step, values[next]);
            } else if next > 0 {
                let v = if next < times.len() {
                    interpolate_floats(times, values, next - 1, at, false)
                } else {
                    values[next - 1]
                };
                out.set(step, v);
            }
            continue;
        }
        if !t.is_empty() {
            note(Note::MixedFloatsHistograms { metric: series.metric.to_owned() });
            continue;
        }
        let next = h.partition_point(|point| point.t.0 < at);
        let value = match (next.checked_sub(1).map(|i| &h[i]), h.get(next)) {
            (_, Some(point)) if point.t.0 == at => Some(FloatHistogram::clone(&point.h)),
            (Some(before), Some(after)) => {
                let both_gauges = [before, after].iter().all(|point| point.h.counter_reset == CounterReset::Gauge);
                let alike = before.h.uses_custom_buckets() == after.h.uses_custom_buckets();
                let value = if alike { interpolate(before, after, at, !both_gauges, note) } else { None };
                if value.is_none() {
                    note(Note::MixedExponentialCustom { metric: series.metric.to_owned() });
                }
                value
            }
            (Some(before), None) => {
                Some(FloatHistogram { counter_reset: CounterReset::Unknown, ..FloatHistogram::clone(&before.h) })
            }
            (None, _) => None,
        };
        if let Some(value) = value {
            found += weight(&value);
            out.set_histogram(step, Arc::new(value));
        }
    }
    found += out.as_row().n_floats() as u64;
    cx.count(found, found);
    Ok(())
}
