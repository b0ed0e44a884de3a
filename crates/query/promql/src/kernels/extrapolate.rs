//! `rate`, `increase` and `delta`: the difference over a window, extrapolated towards its ends.

use firesteel_base::TimestampMs;

use super::window::{Window, WindowCounts, Windows, fill_with};
use crate::tile::RowMut;

/// Which member of the family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extrapolation {
    Rate,
    Increase,
    Delta,
}

/// Writes the extrapolated difference of each window of two samples and more.
///
/// `resets` is scratch: the positions at which the counter fell, found once and not once a window.
pub(crate) fn extrapolated(
    kind: Extrapolation,
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    resets: &mut Vec<u32>,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    match kind {
        Extrapolation::Rate => over_windows::<true, true>(t, v, windows, resets, row),
        Extrapolation::Increase => over_windows::<true, false>(t, v, windows, resets, row),
        Extrapolation::Delta => over_windows::<false, false>(t, v, windows, resets, row),
    }
}

fn over_windows<const COUNTER: bool, const RATE: bool>(
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    resets: &mut Vec<u32>,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    resets.clear();
    if COUNTER {
        find_resets(v, resets);
    }
    let range_seconds = windows.range_seconds();
    let mut next_reset = 0;
    let mut batch = Batch::new();
    let counts = fill_with(t, windows, row, |row, Window { step, lo, hi, start, end }| {
        if hi - lo < 2 {
            return;
        }
        let (first, last) = (v[lo], v[hi - 1]);
        let mut result = last - first;
        while next_reset < resets.len() && resets[next_reset] as usize <= lo {
            next_reset += 1;
        }
        for &reset in resets[next_reset..].iter().take_while(|reset| (**reset as usize) < hi) {
            result += v[reset as usize - 1];
        }
        let (first_t, last_t) = (t[lo].0, t[hi - 1].0);
        let n = batch.n;
        batch.step[n] = step;
        batch.first[n] = first;
        batch.result[n] = result;
        batch.to_start_ms[n] = (first_t - start) as f64;
        batch.to_end_ms[n] = (end - last_t) as f64;
        batch.sampled_ms[n] = (last_t - first_t) as f64;
        batch.intervals[n] = (hi - lo - 1) as f64;
        batch.n += 1;
        if batch.n == BATCH {
            batch.write::<COUNTER, RATE>(range_seconds, row);
        }
    });
    batch.write::<COUNTER, RATE>(range_seconds, row);
    counts
}

/// Notes where a value is below the one before it. A NaN on either side is no reset.
fn find_resets(v: &[f64], resets: &mut Vec<u32>) {
    const BLOCK: usize = 64;
    for at in (1..v.len()).step_by(BLOCK) {
        let end = (at + BLOCK).min(v.len());
        let (before, after) = (&v[at - 1..end - 1], &v[at..end]);
        // Counters hardly ever fall, so whole blocks are asked at once.
        if before.iter().zip(after).fold(0, |any, (before, after)| any | u8::from(after < before)) != 0 {
            let falls = before.iter().zip(after).enumerate().filter(|(_, (before, after))| after < before);
            resets.extend(falls.map(|(i, _)| (at + i) as u32));
        }
    }
}

/// How many windows are computed at once.
const BATCH: usize = 32;
/// How many of them by one instruction or two; a window alone costs so many.
const LANES: usize = 8;

/// What the differences of some windows are made of, in columns: the divisions, which are most of the cost, are done
/// for several windows at a time.
struct Batch {
    n: usize,
    step: [usize; BATCH],
    first: [f64; BATCH],
    /// The difference with the resets added.
    result: [f64; BATCH],
    to_start_ms: [f64; BATCH],
    to_end_ms: [f64; BATCH],
    sampled_ms: [f64; BATCH],
    /// One less than the samples.
    intervals: [f64; BATCH],
}

impl Batch {
    fn new() -> Self {
        Self {
            n: 0,
            step: [0; BATCH],
            first: [0.0; BATCH],
            result: [0.0; BATCH],
            to_start_ms: [0.0; BATCH],
            to_end_ms: [0.0; BATCH],
            sampled_ms: [0.0; BATCH],
            intervals: [1.0; BATCH],
        }
    }

    /// Extrapolates and empties the batch.
    fn write<const COUNTER: bool, const RATE: bool>(&mut self, range_seconds: f64, row: &mut RowMut<'_>) {
        // Whole blocks of places, unused ones too: so the inner loop has no rest.
        for block in 0..self.n.div_ceil(LANES) {
            let lanes = |column: &[f64; BATCH]| -> [f64; LANES] { column.as_chunks().0[block] };
            let (first, result) = (lanes(&self.first), lanes(&self.result));
            let (to_start, to_end) = (lanes(&self.to_start_ms), lanes(&self.to_end_ms));
            let (sampled, intervals) = (lanes(&self.sampled_ms), lanes(&self.intervals));
            let mut values = [0.0; LANES];
            for (i, value) in values.iter_mut().enumerate() {
                let (first, result) = (first[i], result[i]);
                let to_start = to_start[i] / 1000.0;
                let to_end = to_end[i] / 1000.0;
                let sampled = sampled[i] / 1000.0;
                let average = sampled / intervals[i];
                let half = average / 2.0;
                // upstream: the ends are reached when no more than 1.1 average intervals are missing, else half an
                // interval is added (promql/functions.go, extrapolatedRate).
                let threshold = average * 1.1;
                let mut to_start = if to_start >= threshold { half } else { to_start };
                if COUNTER {
                    // A counter was not below zero: its zero point bounds the extrapolation.
                    let to_zero = sampled * (first / result);
                    let bounded = result > 0.0 && first >= 0.0 && to_zero < to_start;
                    to_start = if bounded { to_zero } else { to_start };
                }
                let to_end = if to_end >= threshold { half } else { to_end };
                let reached = (sampled + to_start + to_end) / sampled;
                let mut factor = if sampled == 0.0 { 1.0 } else { reached };
                if RATE {
                    factor /= range_seconds;
                }
                *value = result * factor;
            }
            let from = block * LANES;
            for (step, v) in self.step[from..].iter().zip(values).take(self.n - from) {
                row.set(*step, v);
            }
        }
        self.n = 0;
    }
}
