//! `anchored` and `smoothed` ranges: the value at a window's edges is that of the sample before it, or interpolated.
//! There is no extrapolation (`promql/functions.go`, extendedRate; 3.14).

use firesteel_base::TimestampMs;
use firesteel_promql_syntax::RangeMode;

use super::extrapolate::Extrapolation;
use super::window::{WindowCounts, Windows};
use crate::tile::RowMut;

/// A range whose edges are looked at with the lookback beyond them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExtendedRange {
    pub(crate) mode: RangeMode,
    pub(crate) lookback_ms: i64,
}

/// What is computed over an extended range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extended {
    Difference(Extrapolation),
    /// `changes` (anchored only).
    Changes,
    /// `resets` (anchored only).
    Resets,
}

impl ExtendedRange {
    /// Returns how far behind a window's start samples count.
    pub(crate) fn back_ms(&self) -> i64 {
        self.lookback_ms
    }

    /// Returns how far past a window's end samples count.
    pub(crate) fn ahead_ms(&self) -> i64 {
        if self.mode == RangeMode::Smoothed { self.lookback_ms } else { 0 }
    }
}

/// Writes the value of each window.
pub(crate) fn over_windows(
    what: Extended,
    range: ExtendedRange,
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    let mut counts = WindowCounts::default();
    let mut seen = 0;
    for step in 0..windows.n {
        let (start, end) = (windows.start(step), windows.end(step));
        let lo = t.partition_point(|t| t.0 <= start.saturating_sub(range.back_ms()));
        let hi = t.partition_point(|t| t.0 <= end.saturating_add(range.ahead_ms()));
        if lo >= hi {
            continue;
        }
        counts.total += (hi - lo) as u64;
        counts.read += hi.saturating_sub(seen.max(lo)) as u64;
        seen = seen.max(hi);
        let edges = Edges { start, end, smoothed: range.mode == RangeMode::Smoothed };
        let (t, v) = (&t[lo..hi], &v[lo..hi]);
        let value = match what {
            Extended::Difference(kind) => edges.difference(kind, t, v, windows.range_seconds()),
            Extended::Changes => {
                edges.count(t, v, |before, after| after != before && !(after.is_nan() && before.is_nan()))
            }
            Extended::Resets => edges.count(t, v, |before, after| after < before),
        };
        if let Some(value) = value {
            row.set(step, value);
        }
    }
    counts
}

/// Returns the difference over one window of floats, which spans (start, end).
pub(crate) fn floats_of_extended(
    kind: Extrapolation,
    smoothed: bool,
    t: &[TimestampMs],
    v: &[f64],
    (start, end): (i64, i64),
    range_seconds: f64,
) -> Option<f64> {
    if t.is_empty() {
        return None;
    }
    Edges { start, end, smoothed }.difference(kind, t, v, range_seconds)
}

/// One window.
struct Edges {
    start: i64,
    end: i64,
    smoothed: bool,
}

impl Edges {
    fn difference(&self, kind: Extrapolation, t: &[TimestampMs], v: &[f64], range_seconds: f64) -> Option<f64> {
        let is_counter = kind != Extrapolation::Delta;
        let mut last = t.len() - 1;
        // Upstream searches before the last sample only.
        let mut first = t[..last].partition_point(|t| t.0 <= self.start).saturating_sub(1);
        if self.smoothed {
            last = t[..last].partition_point(|t| t.0 < self.end);
        }
        if t[last].0 <= self.start || self.smoothed && t[first].0 > self.end {
            return None;
        }
        let left = if self.smoothed && t[first].0 < self.start {
            interpolate(t, v, first, self.start, is_counter)
        } else {
            v[first]
        };
        let right = if self.smoothed && last > 0 && t[last].0 > self.end {
            interpolate(t, v, last - 1, self.end, is_counter)
        } else {
            v[last]
        };
        let mut result = right - left;
        if is_counter {
            if t[first].0 <= self.start {
                first += 1;
            }
            let inside_end = if t[last].0 >= self.end { last } else { last + 1 };
            let mut before = left;
            let mut correction = 0.0;
            for &x in v.get(first..inside_end).unwrap_or_default() {
                if x < before {
                    correction += before;
                }
                before = x;
            }
            if right < before {
                correction += before;
            }
            result += correction;
        }
        if kind == Extrapolation::Rate {
            result /= range_seconds;
        }
        Some(result)
    }

    /// Counts neighbours from the newest sample at or before the start on.
    fn count(&self, t: &[TimestampMs], v: &[f64], counts: impl Fn(f64, f64) -> bool) -> Option<f64> {
        let inside = t.partition_point(|t| t.0 <= self.start);
        if inside >= t.len() {
            return None;
        }
        let v = &v[inside.saturating_sub(1)..];
        Some(v.windows(2).filter(|pair| counts(pair[0], pair[1])).count() as f64)
    }
}

/// Returns the value at `at` on the line between samples `i` and `i + 1`; a counter that fell started again from zero.
pub(crate) fn interpolate(t: &[TimestampMs], v: &[f64], i: usize, at: i64, is_counter: bool) -> f64 {
    let (mut from, to) = (v[i], v[i + 1]);
    if is_counter && to < from {
        from = 0.0;
    }
    from + (to - from) * (at - t[i].0) as f64 / (t[i + 1].0 - t[i].0) as f64
}

/// Returns the points that a raw range of this kind shows: its edges at their exact times, and what lies between.
pub(crate) fn edge_points(
    smoothed: bool,
    t: &[TimestampMs],
    v: &[f64],
    start: i64,
    end: i64,
) -> Option<(Vec<TimestampMs>, Vec<f64>)> {
    let mut last = t.len().checked_sub(1)?;
    let mut first = t[..last].partition_point(|t| t.0 <= start).saturating_sub(1);
    if smoothed {
        last = t[..last].partition_point(|t| t.0 < end);
    }
    if t[last].0 <= start {
        return None;
    }
    let left = if smoothed && t[first].0 < start { interpolate(t, v, first, start, false) } else { v[first] };
    let right = if smoothed && last > 0 && t[last].0 > end { interpolate(t, v, last - 1, end, false) } else { v[last] };
    if t[first].0 <= start {
        first += 1;
    }
    let inside_end = if t[last].0 >= end { last } else { last + 1 };
    let mut times = vec![TimestampMs(start)];
    let mut values = vec![left];
    times.extend_from_slice(t.get(first..inside_end).unwrap_or_default());
    values.extend_from_slice(v.get(first..inside_end).unwrap_or_default());
    times.push(TimestampMs(end));
    values.push(right);
    Some((times, values))
}
