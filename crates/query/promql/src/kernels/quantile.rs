//! Quantiles of plain values: `quantile_over_time`, `mad_over_time`, and the `quantile` aggregation.

use firesteel_base::TimestampMs;

use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

/// Sorts `values` (NaN first) and returns their `q`-quantile, interpolated between neighbours.
///
/// Empty or NaN `q`: NaN; below 0: -Inf; above 1: +Inf (`promql/quantile.go`, quantile).
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if !(0.0..=1.0).contains(&q) {
        return of_sorted(q, values);
    }
    values.sort_unstable_by(nan_first);
    of_sorted(q, values)
}

/// The same of values that are sorted.
fn of_sorted(q: f64, values: &[f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let n = values.len() as f64;
    let rank = q * (n - 1.0);
    let lower = rank.floor().max(0.0);
    let upper = (lower + 1.0).min(n - 1.0);
    let weight = rank - rank.floor();
    // An infinite neighbour of weight 0 gives NaN, as upstream.
    values[lower as usize] * (1.0 - weight) + values[upper as usize] * weight
}

/// Orders floats with all NaNs before -Inf.
pub(crate) fn nan_first(a: &f64, b: &f64) -> std::cmp::Ordering {
    b.is_nan().cmp(&a.is_nan()).then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
}

/// Returns a number that orders floats as [`nan_first`] does, and equal ones by their bits.
#[inline(always)]
fn place(x: f64) -> u64 {
    let bits = x.to_bits() as i64;
    // Negative numbers grow downwards; NaNs come before all.
    let ordered = (bits ^ ((bits >> 63) as u64 >> 1) as i64) as u64 ^ 1 << 63;
    if x.is_nan() { bits as u64 & 0x7_ffff_ffff_ffff } else { ordered }
}

/// Takes `x` out of sorted values, or puts it in.
fn change(values: &mut Vec<f64>, x: f64, put: bool) {
    let at = values.partition_point(|other| place(*other) < place(x));
    if put {
        values.insert(at, x);
    } else {
        values.remove(at);
    }
}

/// Writes the quantile of each window; `q` has a value for each step.
pub(crate) fn quantile_over_time(
    q: &[f64],
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    sorted: &mut Vec<f64>,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    let (mut from, mut to) = (0, 0);
    sorted.clear();
    fill(t, windows, row, |step, lo, hi| {
        let changes = (lo.min(to) - from) + (hi - to);
        if lo >= to || changes * 2 > hi - lo {
            sorted.clear();
            sorted.extend_from_slice(&v[lo..hi]);
            sorted.sort_unstable_by_key(|x| place(*x));
        } else {
            // Most of the window was in the one before.
            v[from..lo].iter().for_each(|x| change(sorted, *x, false));
            v[to..hi].iter().for_each(|x| change(sorted, *x, true));
        }
        (from, to) = (lo, hi);
        Some(of_sorted(q[step], sorted))
    })
}

/// Writes the median absolute deviation of each window; any NaN makes it NaN.
pub(crate) fn mad_over_time(
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    scratch: &mut Vec<f64>,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| {
        scratch.clear();
        scratch.extend_from_slice(&v[lo..hi]);
        if scratch.iter().any(|x| x.is_nan()) {
            return Some(f64::NAN);
        }
        let median = quantile(0.5, scratch);
        for x in scratch.iter_mut() {
            *x = (*x - median).abs();
        }
        Some(quantile(0.5, scratch))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_order() {
        let ascending = [f64::NEG_INFINITY, -2.5, -1.0, -f64::MIN_POSITIVE, -0.0, 0.0, 5e-324, 1.0, 2.5, f64::INFINITY];
        assert!(ascending.windows(2).all(|pair| place(pair[0]) < place(pair[1])));
        for nan in [f64::NAN, -f64::NAN, f64::from_bits(0x7ff0_0000_0000_0002), f64::from_bits(u64::MAX)] {
            assert!(place(nan) < place(f64::NEG_INFINITY), "{:x}", nan.to_bits());
        }
    }

    #[test]
    fn moving_windows_are_as_each_by_itself() {
        let mut seed = 3_u64;
        let v: Vec<f64> = (0..400)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let x = (seed >> 40) % 20;
                if x == 0 { f64::NAN } else { x as f64 - 10.0 }
            })
            .collect();
        let t: Vec<_> = (0..400).map(|i| TimestampMs(i * 10 + i / 50 * 120)).collect();
        for (stride_ms, range_ms) in [(10, 200), (30, 100), (50, 60), (70, 20)] {
            let stop = crate::cancel::Stop::default();
            let windows = Windows { first_end: -40, stride_ms, range_ms, n: 500, stop };
            let mut tile = crate::tile::Tile::default();
            tile.reset(0, 1, windows.n);
            quantile_over_time(&[0.9; 500], &t, &v, &windows, &mut Vec::new(), &mut tile.row_mut(0));
            for step in 0..windows.n {
                let inside = |t: &TimestampMs| t.0 > windows.start(step) && t.0 <= windows.end(step);
                let mut values: Vec<f64> = t.iter().zip(&v).filter(|(t, _)| inside(t)).map(|(_, v)| *v).collect();
                let want = (!values.is_empty()).then(|| quantile(0.9, &mut values));
                assert_eq!(tile.row(0).get(step).map(f64::to_bits), want.map(f64::to_bits), "{values:?}");
            }
        }
    }

    #[test]
    fn edges() {
        let cases: &[(f64, &[f64], f64)] = &[
            (0.5, &[3.0, 1.0], 2.0),
            (0.0, &[3.0, f64::NAN, 1.0], f64::NAN),
            (1.0, &[3.0, f64::NAN, 1.0], 3.0),
            (-0.1, &[1.0], f64::NEG_INFINITY),
            (1.1, &[1.0], f64::INFINITY),
            (f64::NAN, &[1.0], f64::NAN),
            (0.5, &[], f64::NAN),
            (0.0, &[1.0, f64::INFINITY], f64::NAN),
        ];
        for (q, values, want) in cases {
            let got = quantile(*q, &mut values.to_vec());
            assert!(got == *want || got.is_nan() && want.is_nan(), "quantile({q}, {values:?}) = {got}, want {want}");
        }
    }
}
