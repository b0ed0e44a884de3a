//! Quantiles of plain values: `quantile_over_time`, `mad_over_time`, and the `quantile` aggregation.

use firesteel_base::TimestampMs;

use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

/// Sorts `values` (NaN first) and returns their `q`-quantile, interpolated between neighbours.
///
/// Empty or NaN `q`: NaN; below 0: -Inf; above 1: +Inf (`promql/quantile.go`, quantile).
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(nan_first);
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

/// Writes the quantile of each window; `q` has a value for each step.
pub(crate) fn quantile_over_time(
    q: &[f64],
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    scratch: &mut Vec<f64>,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    fill(t, windows, row, |step, lo, hi| {
        scratch.clear();
        scratch.extend_from_slice(&v[lo..hi]);
        Some(quantile(q[step], scratch))
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
