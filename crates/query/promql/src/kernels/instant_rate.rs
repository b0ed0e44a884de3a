//! `irate` and `idelta`: the last two samples of a window.

use firesteel_base::TimestampMs;

use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

/// Writes the difference of the last two samples; `is_rate`: per second, and after a reset the last value alone.
pub(crate) fn last_two(
    is_rate: bool,
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| {
        if hi - lo < 2 {
            return None;
        }
        let (before, last) = (v[hi - 2], v[hi - 1]);
        let interval = t[hi - 1].0 - t[hi - 2].0;
        if interval == 0 {
            return None;
        }
        if !is_rate {
            return Some(last - before);
        }
        let increase = if last < before { last } else { last - before };
        Some(increase / (interval as f64 / 1000.0))
    })
}
