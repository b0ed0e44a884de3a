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
    let is_counter = kind != Extrapolation::Delta;
    resets.clear();
    if is_counter {
        // A NaN on either side is no reset.
        resets.extend(v.windows(2).enumerate().filter(|(_, pair)| pair[1] < pair[0]).map(|(i, _)| i as u32 + 1));
    }
    let range_seconds = windows.range_seconds();
    let mut next_reset = 0;
    fill_with(t, windows, row, |Window { lo, hi, start, end, .. }| {
        if hi - lo < 2 {
            return None;
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
        let mut to_start = (first_t - start) as f64 / 1000.0;
        let mut to_end = (end - last_t) as f64 / 1000.0;
        let sampled = (last_t - first_t) as f64 / 1000.0;
        let average = sampled / (hi - lo - 1) as f64;
        // upstream: the ends are reached when no more than 1.1 average intervals are missing, else half an interval
        // is added (promql/functions.go, extrapolatedRate).
        let threshold = average * 1.1;
        if to_start >= threshold {
            to_start = average / 2.0;
        }
        if is_counter && result > 0.0 && first >= 0.0 {
            // A counter was not below zero: its zero point bounds the extrapolation.
            let to_zero = sampled * (first / result);
            if to_zero < to_start {
                to_start = to_zero;
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
            factor /= range_seconds;
        }
        Some(result * factor)
    })
}
