//! `deriv` and `predict_linear`: least squares with compensated sums.

use firesteel_base::TimestampMs;

use super::kahan;
use super::window::{WindowCounts, Windows, fill};
use crate::tile::RowMut;

/// Writes the slope per second of each window of two samples and more.
pub(crate) fn deriv(t: &[TimestampMs], v: &[f64], windows: &Windows, row: &mut RowMut<'_>) -> WindowCounts {
    fill(t, windows, row, |_, lo, hi| (hi - lo >= 2).then(|| fit(&t[lo..hi], &v[lo..hi], t[lo].0).0))
}

/// Writes what each window predicts for `ahead` seconds after its step. The intercept lies at the evaluation time
/// `step_t(step)`: offset and `@` do not move it.
pub(crate) fn predict_linear(
    ahead: &[f64],
    step_t: impl Fn(usize) -> i64,
    t: &[TimestampMs],
    v: &[f64],
    windows: &Windows,
    row: &mut RowMut<'_>,
) -> WindowCounts {
    fill(t, windows, row, |step, lo, hi| {
        if hi - lo < 2 {
            return None;
        }
        let (slope, intercept) = fit(&t[lo..hi], &v[lo..hi], step_t(step));
        Some(slope * ahead[step] + intercept)
    })
}

/// Returns slope and intercept at `intercept_t`. Equal values have slope 0 exactly (NaN when infinite).
fn fit(t: &[TimestampMs], v: &[f64], intercept_t: i64) -> (f64, f64) {
    let n = v.len() as f64;
    let (mut sum_x, mut c_x) = (0.0, 0.0);
    let (mut sum_y, mut c_y) = (0.0, 0.0);
    let (mut sum_xy, mut c_xy) = (0.0, 0.0);
    let (mut sum_xx, mut c_xx) = (0.0, 0.0);
    if v[1..].iter().all(|y| *y == v[0]) {
        return if v[0].is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, v[0]) };
    }
    for (t, &y) in t.iter().zip(v) {
        let x = (t.0 - intercept_t) as f64 / 1e3;
        (sum_x, c_x) = kahan::inc(x, sum_x, c_x);
        (sum_y, c_y) = kahan::inc(y, sum_y, c_y);
        (sum_xy, c_xy) = kahan::inc(x * y, sum_xy, c_xy);
        (sum_xx, c_xx) = kahan::inc(x * x, sum_xx, c_xx);
    }
    sum_x += c_x;
    sum_y += c_y;
    sum_xy += c_xy;
    sum_xx += c_xx;
    let cov_xy = sum_xy - sum_x * sum_y / n;
    let var_x = sum_xx - sum_x * sum_x / n;
    let slope = cov_xy / var_x;
    (slope, sum_y / n - slope * sum_x / n)
}
