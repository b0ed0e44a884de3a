//! `min_over_time`, `max_over_time` and the times of the extremes.

use firesteel_base::TimestampMs;

use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

pub(crate) fn max_over_time(t: &[TimestampMs], v: &[f64], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| {
        let window = &v[lo..hi];
        Some(window.iter().fold(window[0], |max, &x| if x > max || max.is_nan() { x } else { max }))
    })
}

pub(crate) fn min_over_time(t: &[TimestampMs], v: &[f64], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| {
        let window = &v[lo..hi];
        Some(window.iter().fold(window[0], |min, &x| if x < min || min.is_nan() { x } else { min }))
    })
}

/// Writes the time in seconds of the last greatest (or least) value.
pub(crate) fn ts_of_extreme(
    greatest: bool,
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| {
        let mut best = lo;
        for i in lo..hi {
            let better = if greatest { v[i] >= v[best] } else { v[i] <= v[best] };
            if better || v[best].is_nan() {
                best = i;
            }
        }
        Some(t[best].0 as f64 / 1000.0)
    })
}
