//! `min_over_time`, `max_over_time` and the times of the extremes.

use firesteel_base::TimestampMs;

use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

pub(crate) fn max_over_time(
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    scratch: &mut Vec<f64>,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    sliding(t, v, windows, scratch, row, |max, x| if x > max || max.is_nan() { x } else { max })
}

pub(crate) fn min_over_time(
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    scratch: &mut Vec<f64>,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    sliding(t, v, windows, scratch, row, |min, x| if x < min || min.is_nan() { x } else { min })
}

/// Folds each window with an associative `fold`, at a cost of two folds a sample however long the windows are.
///
/// A window is seen as what lies before `middle` and what lies behind: of the former each end is folded beforehand, the
/// latter only grows. When the former is used up, the whole window becomes it.
#[inline(always)]
fn sliding(
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    ends: &mut Vec<f64>,
    row: &mut RowMut<'_>,
    fold: impl Fn(f64, f64) -> f64,
) -> WindowCounts {
    let (mut from, mut middle, mut seen) = (0, 0, 0);
    let mut behind = f64::NAN;
    fill(t, windows, row, |_, lo, hi| {
        if lo >= middle {
            (from, middle, seen) = (lo, hi, hi);
            behind = f64::NAN;
            ends.clear();
            ends.extend_from_slice(&v[lo..hi]);
            let mut end = v[hi - 1];
            for x in ends.iter_mut().rev().skip(1) {
                end = fold(*x, end);
                *x = end;
            }
            return Some(end);
        }
        // A NaN gives way to whatever follows.
        behind = v[seen..hi].iter().fold(behind, |folded, x| fold(folded, *x));
        seen = hi;
        let before = ends[lo - from];
        Some(if hi > middle { fold(before, behind) } else { before })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tile::Tile;

    /// Upstream's way: every window from its start.
    fn plainly(v: &[f64], greatest: bool) -> f64 {
        v.iter().fold(v[0], |best, &x| {
            let better = if greatest { x > best } else { x < best };
            if better || best.is_nan() { x } else { best }
        })
    }

    #[test]
    fn sliding_is_as_every_window_by_itself() {
        let other_nan = f64::from_bits(f64::NAN.to_bits() ^ 1);
        let odd = [f64::NAN, other_nan, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1.0, 2.0, -1.0];
        let mut seed = 7_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize
        };
        for _ in 0..200 {
            let mut at = 0;
            let t: Vec<_> = (0..60)
                .map(|_| {
                    at += [1, 10, 10, 10, 95][next() % 5];
                    TimestampMs(at)
                })
                .collect();
            let v: Vec<f64> = t.iter().map(|_| if next() % 3 == 0 { 0.5 } else { odd[next() % odd.len()] }).collect();
            let windows = Windows {
                first_end: 5,
                stride_ms: [0, 7, 40, 300][next() % 4],
                range_ms: [9, 50, 400][next() % 3],
                n: 70,
                stop: crate::cancel::Stop::default(),
            };
            for greatest in [false, true] {
                let (mut tile, mut scratch) = (Tile::default(), Vec::new());
                tile.reset(0, 1, windows.n);
                let kernel = if greatest { max_over_time } else { min_over_time };
                kernel(&t, &v, &windows, &mut scratch, &mut tile.row_mut(0));
                for step in 0..windows.n {
                    let inside = |t: &TimestampMs| t.0 > windows.start(step) && t.0 <= windows.end(step);
                    let values: Vec<f64> = t.iter().zip(&v).filter(|(t, _)| inside(t)).map(|(_, v)| *v).collect();
                    let want = (!values.is_empty()).then(|| plainly(&values, greatest).to_bits());
                    assert_eq!(tile.row(0).get(step).map(f64::to_bits), want, "{values:?}");
                }
            }
        }
    }
}
