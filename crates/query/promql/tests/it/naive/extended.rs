//! `anchored` and `smoothed` ranges and selectors.

use std::rc::Rc;

use firesteel_model::CounterReset;

use super::data::{Datum, Series, Timed, Window};
use super::histogram::{Histogram, Incompatible};
use super::notes::{self, Notes};
use super::rates::Asked;

/// Returns the value between two samples; a counter that fell is taken to have begun at 0.
fn between(a: &Timed<f64>, b: &Timed<f64>, t: i64, is_counter: bool) -> f64 {
    let from = if is_counter && b.v < a.v { 0.0 } else { a.v };
    from + (b.v - from) * (t - a.t) as f64 / (b.t - a.t) as f64
}

fn between_histograms(
    a: &Timed<Rc<Histogram>>,
    b: &Timed<Rc<Histogram>>,
    t: i64,
    is_counter: bool,
    notes: &Notes,
) -> Result<Histogram, Incompatible> {
    if t == a.t {
        return Ok(Histogram::clone(&a.v));
    }
    if t == b.t {
        return Ok(Histogram::clone(&b.v));
    }
    let part = (t - a.t) as f64 / (b.t - a.t) as f64;
    if is_counter && b.v.is_reset_after(&a.v) {
        return Ok(b.v.times(part));
    }
    let (difference, first) = b.v.minus(&a.v)?;
    let (sum, second) = difference.times(part).plus(&a.v)?;
    notes.add_if(first.reconciled || second.reconciled, notes::RECONCILED);
    Ok(sum)
}

/// The samples of a window between two edges, with what stands at the edges.
struct Edges {
    first: usize,
    last: usize,
}

/// Finds the samples that stand at the edges, `None` if the window says nothing.
fn edges(times: &[i64], from: i64, to: i64, smoothed: bool) -> Option<Edges> {
    let mut last = times.len() - 1;
    let first = times[..last].partition_point(|t| *t <= from).saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|t| *t < to);
    }
    (times[last] > from && !(smoothed && times[first] > to)).then_some(Edges { first, last })
}

impl Asked<'_> {
    /// Computes `rate`, `increase` or `delta` over an extended range.
    pub(crate) fn extended(&self, is_counter: bool, is_rate: bool, smoothed: bool) -> Option<Datum> {
        if self.window.is_mixed() {
            self.notes.add(notes::MIXED_RANGE);
            return None;
        }
        let per_second = self.range_ms as f64 / 1000.0;
        if self.window.histograms.is_empty() {
            let v = self.extended_floats(is_counter, smoothed)?;
            return Some(Datum::Float(if is_rate { v / per_second } else { v }));
        }
        let h = self.extended_histograms(is_counter, smoothed)?;
        let mut h = if is_rate { h.divided(per_second) } else { h };
        h.hint = CounterReset::Gauge;
        Some(Datum::Histogram(Rc::new(h.compacted())))
    }

    fn extended_floats(&self, is_counter: bool, smoothed: bool) -> Option<f64> {
        let f = &self.window.floats;
        if f.is_empty() {
            return None;
        }
        let times: Vec<i64> = f.iter().map(|sample| sample.t).collect();
        let Edges { first, last } = edges(&times, self.from, self.to, smoothed)?;
        let left = if smoothed && f[first].t < self.from {
            between(&f[first], &f[first + 1], self.from, is_counter)
        } else {
            f[first].v
        };
        let right = if smoothed && last > 0 && f[last].t > self.to {
            between(&f[last - 1], &f[last], self.to, is_counter)
        } else {
            f[last].v
        };
        let mut change = right - left;
        if is_counter {
            let first = if f[first].t <= self.from { first + 1 } else { first };
            let end = if f[last].t >= self.to { last } else { last + 1 };
            let (mut before, mut correction) = (left, 0.0);
            for sample in f.get(first..end).unwrap_or_default() {
                if sample.v < before {
                    correction += before;
                }
                before = sample.v;
            }
            if right < before {
                correction += before;
            }
            change += correction;
        }
        Some(change)
    }

    fn extended_histograms(&self, is_counter: bool, smoothed: bool) -> Option<Histogram> {
        let h = &self.window.histograms;
        let times: Vec<i64> = h.iter().map(|sample| sample.t).collect();
        let Edges { first, last } = edges(&times, self.from, self.to, smoothed)?;
        let incompatible = |_: Incompatible| self.notes.add(notes::MIXED_BUCKETS);
        for sample in &h[first..=last] {
            if sample.v.is_custom() != h[first].v.is_custom() {
                incompatible(Incompatible);
                return None;
            }
            self.notes.add_if(is_counter && sample.v.hint == CounterReset::Gauge, notes::NOT_COUNTER);
        }
        let left = if smoothed && h[first].t < self.from {
            between_histograms(&h[first], &h[first + 1], self.from, is_counter, self.notes)
                .map_err(incompatible)
                .ok()?
        } else {
            Histogram::clone(&h[first].v)
        };
        let right = if smoothed && last > 0 && h[last].t > self.to {
            between_histograms(&h[last - 1], &h[last], self.to, is_counter, self.notes).map_err(incompatible).ok()?
        } else {
            Histogram::clone(&h[last].v)
        };
        let gauges = left.hint == CounterReset::Gauge && right.hint == CounterReset::Gauge;
        self.notes.add_if(!is_counter && !gauges, notes::NOT_GAUGE);
        let (mut change, remarks) = right.minus(&left).map_err(incompatible).ok()?;
        self.notes.add_if(remarks.reconciled, notes::RECONCILED);
        if !is_counter {
            return Some(change);
        }
        // The reset that an interpolated left edge has seen is not to be seen again.
        let (mut at, mut before) = (first + 1, &left);
        if smoothed && h[first].t < self.from && h[first + 1].v.is_reset_after(&h[first].v) {
            before = &h[first + 1].v;
            at += 1;
        }
        let mut correction: Option<Histogram> = None;
        let mut correct = |by: &Histogram| -> Option<()> {
            correction = Some(match &correction {
                None => by.clone(),
                Some(so_far) => {
                    let (sum, remarks) = so_far.plus(by).map_err(incompatible).ok()?;
                    self.notes.add_if(remarks.reconciled, notes::RECONCILED);
                    sum
                }
            });
            Some(())
        };
        if at <= last {
            for sample in &h[at..last] {
                if sample.v.is_reset_after(before) {
                    correct(before)?;
                }
                before = &sample.v;
            }
            if right.is_reset_after(before) {
                correct(before)?;
            }
        }
        if let Some(correction) = correction {
            let (sum, remarks) = change.plus(&correction).map_err(incompatible).ok()?;
            self.notes.add_if(remarks.reconciled, notes::RECONCILED);
            change = sum;
        }
        Some(change)
    }
}

/// Returns the point of a smoothed selector: between its neighbours, or the one before where none follows.
pub(crate) fn smoothed_at(series: &Series, t: i64, lookback: i64, notes: &Notes) -> Option<Datum> {
    let window = series.window(t - lookback, t + lookback);
    if window.is_mixed() {
        notes.add(notes::MIXED_RANGE);
        return None;
    }
    let (f, h) = (&window.floats, &window.histograms);
    if h.is_empty() {
        let next = f.partition_point(|sample| sample.t < t);
        return match (next.checked_sub(1).map(|i| &f[i]), f.get(next)) {
            (_, Some(b)) if b.t == t => Some(Datum::Float(b.v)),
            (Some(a), Some(b)) => Some(Datum::Float(between(a, b, t, false))),
            (Some(a), None) => Some(Datum::Float(a.v)),
            (None, _) => None,
        };
    }
    let next = h.partition_point(|sample| sample.t < t);
    let point = match (next.checked_sub(1).map(|i| &h[i]), h.get(next)) {
        (_, Some(b)) if b.t == t => Histogram::clone(&b.v),
        (Some(a), Some(b)) => {
            let is_counter = a.v.hint != CounterReset::Gauge || b.v.hint != CounterReset::Gauge;
            let Ok(point) = between_histograms(a, b, t, is_counter, notes) else {
                notes.add(notes::MIXED_BUCKETS);
                return None;
            };
            point
        }
        (Some(a), None) => Histogram { hint: CounterReset::Unknown, ..Histogram::clone(&a.v) },
        (None, _) => return None,
    };
    Some(Datum::Histogram(Rc::new(point)))
}

/// Returns the floats of an extended range as an instant query shows them: points on both edges, and those between.
pub(crate) fn shown(window: &Window, from: i64, to: i64, smoothed: bool) -> Vec<(i64, f64)> {
    let f = &window.floats;
    let times: Vec<i64> = f.iter().map(|sample| sample.t).collect();
    let mut last = f.len() - 1;
    let first = times[..last].partition_point(|t| *t <= from).saturating_sub(1);
    if smoothed {
        last = times[..last].partition_point(|t| *t < to);
    }
    if f[last].t <= from {
        return Vec::new();
    }
    let left = if smoothed && f[first].t < from { between(&f[first], &f[first + 1], from, false) } else { f[first].v };
    let right =
        if smoothed && last > 0 && f[last].t > to { between(&f[last - 1], &f[last], to, false) } else { f[last].v };
    let start = if f[first].t <= from { first + 1 } else { first };
    let end = if f[last].t >= to { last } else { last + 1 };
    let inner = f.get(start..end).unwrap_or_default().iter().map(|sample| (sample.t, sample.v));
    std::iter::once((from, left)).chain(inner).chain(std::iter::once((to, right))).collect()
}
