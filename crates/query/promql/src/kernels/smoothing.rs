//! `double_exponential_smoothing` (Holt's linear trend).

use firesteel_base::TimestampMs;

use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

/// Writes the smoothed last value of each window of two samples and more; factors have a value for each step.
pub(crate) fn double_exponential(
    smoothing: &[f64],
    trend: &[f64],
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    fill(t, windows, row, |step, lo, hi| {
        let v = &v[lo..hi];
        if v.len() < 2 {
            return None;
        }
        let (sf, tf) = (smoothing[step], trend[step]);
        let (mut before, mut last) = (0.0, v[0]);
        let mut b = v[1] - v[0];
        for (i, &x) in v.iter().enumerate().skip(1) {
            let scaled = sf * x;
            if i > 1 {
                b = tf * (last - before) + (1.0 - tf) * b;
            }
            let rest = (1.0 - sf) * (last + b);
            (before, last) = (last, scaled + rest);
        }
        Some(last)
    })
}
