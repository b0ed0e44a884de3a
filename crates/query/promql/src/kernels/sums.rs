//! `sum_over_time` and `avg_over_time`.

use firesteel_base::TimestampMs;

use super::kahan;
use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

pub(crate) fn sum_over_time(t: &[TimestampMs], v: &[f64], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| Some(sum(&v[lo..hi])))
}

/// Returns the compensated sum.
#[inline]
pub(crate) fn sum(v: &[f64]) -> f64 {
    let (mut s, mut c) = (0.0, 0.0);
    for &x in v {
        (s, c) = kahan::inc(x, s, c);
    }
    if s.is_infinite() { s } else { s + c }
}

pub(crate) fn avg_over_time(t: &[TimestampMs], v: &[f64], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| Some(average(&v[lo..hi])))
}

/// Returns the mean: of the sum while that is finite, incrementally from the value that makes it infinite.
pub(crate) fn average(v: &[f64]) -> f64 {
    let mut mean = Mean::new(v[0]);
    for &x in &v[1..] {
        mean.add(x);
    }
    mean.value()
}

/// A running mean as upstream keeps it (`promql/functions.go`, `funcAvgOverTime`; `promql/engine.go`, AVG).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mean {
    /// The sum, or after the switch the mean.
    value: f64,
    compensation: f64,
    count: f64,
    incremental: bool,
}

impl Mean {
    pub(crate) fn new(first: f64) -> Self {
        Self { value: first, compensation: 0.0, count: 1.0, incremental: false }
    }

    #[inline]
    pub(crate) fn add(&mut self, x: f64) {
        self.count += 1.0;
        if !self.incremental {
            let (s, c) = kahan::inc(x, self.value, self.compensation);
            if !s.is_infinite() {
                (self.value, self.compensation) = (s, c);
                return;
            }
            self.incremental = true;
            self.value /= self.count - 1.0;
            self.compensation /= self.count - 1.0;
        }
        let q = (self.count - 1.0) / self.count;
        (self.value, self.compensation) = kahan::inc(x / self.count, q * self.value, q * self.compensation);
    }

    pub(crate) fn value(&self) -> f64 {
        if self.incremental {
            self.value + self.compensation
        } else {
            self.value / self.count + self.compensation / self.count
        }
    }
}
