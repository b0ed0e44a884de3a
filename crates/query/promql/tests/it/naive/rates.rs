//! `rate`, `increase`, `delta`, `irate`, `idelta`, `resets`, `changes`.

use std::rc::Rc;

use firesteel_model::CounterReset;

use super::data::{Datum, Timed, Window};
use super::histogram::Histogram;
use super::notes::{self, Notes};

/// A window with its edges and what the function is told besides.
pub(crate) struct Asked<'a> {
    pub(crate) window: &'a Window,
    /// The left edge, which is outside, and the right one.
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) range_ms: i64,
    /// Whether start timestamps are looked at.
    pub(crate) starts: bool,
    pub(crate) notes: &'a Notes,
}

/// Returns whether the start timestamp of the later of two samples says that the counter began anew between them.
fn began_anew<T>(before: &Timed<T>, after: &Timed<T>, starts: bool) -> bool {
    if !starts || after.start == 0 || after.start >= after.t || after.start < before.t {
        return false;
    }
    after.start > before.t || before.start != 0 && before.start < before.t
}

fn overlaps<T>(before: &Timed<T>, after: &Timed<T>, starts: bool) -> bool {
    starts && after.start != 0 && after.start < before.t && after.start != before.start
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

impl Asked<'_> {
    /// Computes `rate`, `increase` (counters) or `delta`.
    pub(crate) fn extrapolated(&self, is_counter: bool, is_rate: bool) -> Option<Datum> {
        let (floats, histograms) = (&self.window.floats, &self.window.histograms);
        if self.window.is_mixed() {
            self.notes.add(notes::MIXED_RANGE);
            return None;
        }
        let starts = self.starts && is_counter;
        let times: Vec<(i64, i64)> = if histograms.is_empty() {
            floats.iter().map(|sample| (sample.t, sample.start)).collect()
        } else {
            histograms.iter().map(|sample| (sample.t, sample.start)).collect()
        };
        let (first, first_start) = *times.first()?;
        let last = times.last()?.0;
        let gaps = times.len() - 1;
        let mut sum = 0.0;
        let mut total = None;
        if histograms.is_empty() {
            sum = floats[gaps].v - floats[0].v;
            if is_counter {
                for pair in floats.windows(2) {
                    self.notes.add_if(overlaps(&pair[0], &pair[1], starts), notes::START_OVERLAP);
                    if pair[1].v < pair[0].v || began_anew(&pair[0], &pair[1], starts) {
                        sum += pair[0].v;
                    }
                }
            }
        } else if gaps > 0 {
            total = Some(self.histogram_increase(is_counter)?);
        }
        let mut to_start = seconds(first - self.from);
        let mut to_end = seconds(self.to - last);
        let mut sampled = seconds(last - first);
        let average = if gaps > 0 { sampled / gaps as f64 } else { 0.0 };
        let threshold = average * 1.1;
        if starts && first_start != 0 && first_start > self.from && first_start < first {
            to_start = 0.0;
            sampled = seconds(last - first_start);
            match (histograms.first(), total) {
                (None, _) => {
                    sum += floats[0].v;
                    total = None;
                }
                (Some(first), None) => total = Some(Histogram::clone(&first.v)),
                (Some(first), Some(so_far)) => {
                    let Ok((added, remarks)) = so_far.plus(&first.v) else {
                        self.notes.add(notes::MIXED_BUCKETS);
                        return None;
                    };
                    self.notes.add_if(remarks.reconciled, notes::RECONCILED);
                    total = Some(added);
                }
            }
        } else if gaps == 0 {
            return None;
        } else {
            if to_start >= threshold {
                to_start = average / 2.0;
            }
            if is_counter {
                let mut to_zero = to_start;
                if sum > 0.0 && !floats.is_empty() && floats[0].v >= 0.0 {
                    to_zero = sampled * (floats[0].v / sum);
                } else if let Some(total) = &total
                    && total.count > 0.0
                    && histograms[0].v.count >= 0.0
                {
                    to_zero = sampled * (histograms[0].v.count / total.count);
                }
                if to_zero < to_start {
                    to_start = to_zero;
                }
            }
        }
        if to_end >= threshold {
            to_end = average / 2.0;
        }
        let mut factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
        if is_rate {
            factor /= seconds(self.range_ms);
        }
        Some(match total {
            None => Datum::Float(sum * factor),
            Some(total) => Datum::Histogram(Rc::new(total.times(factor))),
        })
    }

    /// Returns by how much histograms grew between the first and the last.
    fn histogram_increase(&self, is_counter: bool) -> Option<Histogram> {
        let points = &self.window.histograms;
        let starts = self.starts && is_counter;
        let (mut before, last) = (points[0].v.as_ref().clone(), &points[points.len() - 1].v);
        let mut custom = before.is_custom();
        let gauge = |h: &Histogram| h.hint == CounterReset::Gauge;
        self.notes.add_if(is_counter && (gauge(&before) || gauge(last)), notes::NOT_COUNTER);
        let second = &points[1].v;
        if is_counter && (began_anew(&points[0], &points[1], starts) || second.is_reset_after(&before)) {
            before = Histogram { schema: second.schema, custom: second.custom.clone(), ..Histogram::default() };
            custom = second.is_custom();
        }
        let incompatible = || {
            self.notes.add(notes::MIXED_BUCKETS);
            None
        };
        if last.is_custom() != custom {
            return incompatible();
        }
        let mut schema = last.schema.min(before.schema);
        if is_counter {
            for point in &points[1..points.len() - 1] {
                self.notes.add_if(gauge(&point.v), notes::NOT_COUNTER);
                schema = schema.min(point.v.schema);
                if point.v.is_custom() != custom {
                    return incompatible();
                }
            }
        }
        let Ok((mut total, remarks)) = last.at_schema(schema).minus(&before) else { return incompatible() };
        self.notes.add_if(remarks.reconciled, notes::RECONCILED);
        if is_counter {
            let mut before = before;
            for pair in points.windows(2) {
                self.notes.add_if(overlaps(&pair[0], &pair[1], starts), notes::START_OVERLAP);
                if began_anew(&pair[0], &pair[1], starts) || pair[1].v.is_reset_after(&before) {
                    let Ok((added, remarks)) = total.plus(&before) else { return incompatible() };
                    self.notes.add_if(remarks.reconciled, notes::RECONCILED);
                    total = added;
                }
                before = pair[1].v.as_ref().clone();
            }
        } else {
            self.notes.add_if(!gauge(&points[0].v) || !gauge(last), notes::NOT_GAUGE);
        }
        total.hint = CounterReset::Gauge;
        Some(total.compacted())
    }

    /// Computes `irate` or `idelta` from the last two samples of either kind.
    pub(crate) fn of_last_two(&self, is_rate: bool) -> Option<Datum> {
        let all = merged(self.window);
        let [a, b] = all.get(all.len().checked_sub(2)?..)? else { return None };
        if a.t == b.t {
            return None;
        }
        let anew = is_rate && began_anew(a, b, self.starts);
        let per = |ms: i64| ms as f64 / 1000.0;
        match (&a.v, &b.v) {
            (Datum::Float(before), Datum::Float(after)) => {
                let change = if is_rate && (after < before || anew) { *after } else { after - before };
                Some(Datum::Float(if is_rate { change / per(b.t - a.t) } else { change }))
            }
            (Datum::Histogram(before), Datum::Histogram(after)) => {
                let gauges = [before, after].map(|h| h.hint == CounterReset::Gauge);
                self.notes.add_if(is_rate && (gauges[0] || gauges[1]), notes::NOT_COUNTER);
                self.notes.add_if(!(is_rate || gauges[0] && gauges[1]), notes::NOT_GAUGE);
                let mut change = Histogram::clone(after);
                if !is_rate || !anew && !after.is_reset_after(before) {
                    let Ok((difference, remarks)) = after.minus(before) else {
                        self.notes.add(notes::MIXED_BUCKETS);
                        return None;
                    };
                    self.notes.add_if(remarks.reconciled, notes::RECONCILED);
                    change = difference;
                }
                change.hint = CounterReset::Gauge;
                change = change.compacted();
                Some(Datum::Histogram(Rc::new(if is_rate { change.divided(per(b.t - a.t)) } else { change })))
            }
            _ => {
                self.notes.add(notes::MIXED_RANGE);
                None
            }
        }
    }

    /// Counts `resets` in samples of either kind.
    pub(crate) fn resets(&self, samples: &[Timed<Datum>]) -> f64 {
        let is_reset = |pair: &[Timed<Datum>]| match (&pair[0].v, &pair[1].v) {
            (Datum::Float(a), Datum::Float(b)) => b < a || began_anew(&pair[0], &pair[1], self.starts),
            (Datum::Histogram(a), Datum::Histogram(b)) => {
                began_anew(&pair[0], &pair[1], self.starts) || b.is_reset_after(a)
            }
            _ => true,
        };
        samples.windows(2).filter(|pair| is_reset(pair)).count() as f64
    }
}

/// Counts `changes` in samples of either kind.
pub(crate) fn changes(samples: &[Timed<Datum>]) -> f64 {
    let is_change = |pair: &[Timed<Datum>]| match (&pair[0].v, &pair[1].v) {
        (Datum::Float(a), Datum::Float(b)) => a != b && !(a.is_nan() && b.is_nan()),
        (Datum::Histogram(a), Datum::Histogram(b)) => !b.equals(a),
        _ => true,
    };
    samples.windows(2).filter(|pair| is_change(pair)).count() as f64
}

/// Returns the samples of both kinds in the order of time.
pub(crate) fn merged(window: &Window) -> Vec<Timed<Datum>> {
    let floats = window.floats.iter().map(|s| Timed { t: s.t, start: s.start, v: Datum::Float(s.v) });
    let histograms =
        window.histograms.iter().map(|s| Timed { t: s.t, start: s.start, v: Datum::Histogram(Rc::clone(&s.v)) });
    let mut all: Vec<_> = floats.chain(histograms).collect();
    all.sort_by_key(|sample| sample.t);
    all
}

/// Returns what an anchored window counts from: the newest sample at or before the left edge and all after it, or nothing
/// if there is none after it.
pub(crate) fn anchored(window: &Window, from: i64) -> Vec<Timed<Datum>> {
    let all = merged(window);
    if all.iter().all(|sample| sample.t <= from) {
        return Vec::new();
    }
    let anchor = all.iter().rposition(|sample| sample.t <= from).unwrap_or(0);
    all[anchor..].to_vec()
}
