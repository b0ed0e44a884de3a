//! `stddev_over_time` and `stdvar_over_time`: Welford's update with compensated sums.

use firesteel_base::TimestampMs;

use super::kahan;
use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

/// Writes the population variance of each window, or its square root.
pub(crate) fn over_time(
    root: bool,
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| {
        let variance = variance(&v[lo..hi]);
        Some(if root { variance.sqrt() } else { variance })
    })
}

fn variance(v: &[f64]) -> f64 {
    let (mut mean, mut c_mean) = (0.0, 0.0);
    let (mut aux, mut c_aux) = (0.0, 0.0);
    let mut count = 0.0;
    for &x in v {
        count += 1.0;
        let delta = x - (mean + c_mean);
        (mean, c_mean) = kahan::inc(delta / count, mean, c_mean);
        (aux, c_aux) = kahan::inc(delta * (x - (mean + c_mean)), aux, c_aux);
    }
    (aux + c_aux) / count
}
