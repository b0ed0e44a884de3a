//! `sum_over_time` and `avg_over_time`.

use firesteel_base::TimestampMs;

use super::kahan;
use super::running_sums::RunningSums;
use super::window::{Window, WindowCounts, Windows, fill, fill_with};
use crate::tile::RowMut;

/// `room` is overwritten.
pub(crate) fn sum_over_time(
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    room: &mut Vec<f64>,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    if windows.overlap() >= MUCH
        && let Some(sums) = RunningSums::any(v, room)
    {
        return fill(t, windows, row, |_, lo, hi| Some(sums.sum(v, lo, hi)));
    }
    let finish = |_: &[f64], s: f64, c: f64| if s.is_infinite() { s } else { s + c };
    side_by_side(t, v, windows, row, 0, finish)
}

/// `room` is overwritten.
pub(crate) fn avg_over_time(
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    room: &mut Vec<f64>,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    // The quotients of sum and compensation are rounded each by itself, so that only sums without compensation are known
    // from running ones.
    if windows.overlap() >= MUCH
        && let Some(sums) = RunningSums::whole(v, room)
    {
        return fill(t, windows, row, |_, lo, hi| Some(sums.sum(v, lo, hi) / (hi - lo) as f64 + 0.0));
    }
    // A sum that was infinite once is so in the end, or NaN.
    let finish = |window: &[f64], s: f64, c: f64| {
        let n = window.len() as f64;
        if s.is_finite() { s / n + c / n } else { average(window) }
    };
    side_by_side(t, v, windows, row, 1, finish)
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

/// Returns the mean: of the sum while that is finite, incrementally from the value that makes it infinite.
pub(crate) fn average(v: &[f64]) -> f64 {
    let mut mean = Mean::new(v[0]);
    for &x in &v[1..] {
        mean.add(x);
    }
    mean.value()
}

/// From so many windows over each sample on, running sums are cheaper.
const MUCH: u64 = 8;

/// How many windows are summed at once.
const LANES: usize = 8;

/// Sums of some windows side by side. Each window's values are added in their order, but while one addition waits for
/// the one before it, those of the other windows go on.
#[derive(Default)]
struct Lanes {
    n: usize,
    step: [usize; LANES],
    lo: [usize; LANES],
    hi: [usize; LANES],
}

impl Lanes {
    /// Writes what `finish` makes of each window's values, sum and compensation. The first `seeds` values (0 or 1) are what
    /// the sum begins with.
    fn write(&mut self, v: &[f64], seeds: usize, row: &mut RowMut<'_>, finish: &impl Fn(&[f64], f64, f64) -> f64) {
        let lengths = || self.lo.iter().zip(&self.hi).take(self.n).map(|(lo, hi)| hi - lo);
        let common = lengths().min().unwrap_or(0);
        let (mut s, mut c) = ([0.0; LANES], [0.0; LANES]);
        if seeds > 0 {
            self.lo.iter().zip(&mut s).take(self.n).for_each(|(lo, s)| *s = v[*lo]);
        }
        for at in seeds..common {
            for lane in 0..LANES {
                (s[lane], c[lane]) = kahan::inc(v[self.lo[lane] + at], s[lane], c[lane]);
            }
        }
        for lane in 0..self.n {
            let window = &v[self.lo[lane]..self.hi[lane]];
            let (mut s, mut c) = (s[lane], c[lane]);
            for &x in &window[common.max(seeds)..] {
                (s, c) = kahan::inc(x, s, c);
            }
            row.set(self.step[lane], finish(window, s, c));
        }
        // Unused lanes read along from the start.
        *self = Self::default();
    }
}

fn side_by_side(
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    row: &mut RowMut<'_>,
    seeds: usize,
    finish: impl Fn(&[f64], f64, f64) -> f64,
) -> WindowCounts {
    let mut lanes = Lanes::default();
    let counts = fill_with(t, windows, row, |row, Window { step, lo, hi, .. }| {
        (lanes.step[lanes.n], lanes.lo[lanes.n], lanes.hi[lanes.n]) = (step, lo, hi);
        lanes.n += 1;
        if lanes.n == LANES {
            lanes.write(v, seeds, row, &finish);
        }
    });
    lanes.write(v, seeds, row, &finish);
    counts
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
