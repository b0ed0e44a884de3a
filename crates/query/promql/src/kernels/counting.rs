//! Range functions that count or pick samples: `count_over_time`, `changes`, `resets`, `last_over_time` and kin.

use firesteel_base::TimestampMs;

use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

pub(crate) fn count_over_time(t: &[TimestampMs], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| Some((hi - lo) as f64))
}

/// `present_over_time`, and the inner part of `absent_over_time`.
pub(crate) fn present_over_time(t: &[TimestampMs], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, _, _| Some(1.0))
}

pub(crate) fn first_over_time(t: &[TimestampMs], v: &[f64], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, lo, _| Some(v[lo]))
}

pub(crate) fn last_over_time(t: &[TimestampMs], v: &[f64], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, _, hi| Some(v[hi - 1]))
}

pub(crate) fn ts_of_first(t: &[TimestampMs], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, lo, _| Some(t[lo].0 as f64 / 1000.0))
}

pub(crate) fn ts_of_last(t: &[TimestampMs], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, _, hi| Some(t[hi - 1].0 as f64 / 1000.0))
}

/// Counts changes of value; NaN after NaN is none.
pub(crate) fn changes(t: &[TimestampMs], v: &[f64], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    count_pairs(t, v, windows, row, |before, after| after != before && !(after.is_nan() && before.is_nan()))
}

/// Counts decreases.
pub(crate) fn resets(t: &[TimestampMs], v: &[f64], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    count_pairs(t, v, windows, row, |before, after| after < before)
}

#[inline(always)]
fn count_pairs(
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    row: &mut RowMut<'_>,
    counts: impl Fn(f64, f64) -> bool,
) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| Some(v[lo..hi].windows(2).filter(|pair| counts(pair[0], pair[1])).count() as f64))
}
