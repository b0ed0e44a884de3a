//! Functions of single values, applied to whole rows. Absent points are computed too: that costs less than asking.

use firesteel_go_compat::math;

use crate::binary::scalar::{go_max, go_min};
use crate::functions::calendar;
use crate::grid::Grid;
use crate::plan::MapFunction;
use crate::tile::RowMut;

/// Applies the function to a row; `params` are its scalars, a value for each step.
pub(crate) fn apply(function: MapFunction, grid: Grid, params: &[Vec<f64>], row: &mut RowMut<'_>) {
    use MapFunction as F;
    let param = |i: usize| params.get(i).map_or(&[][..], Vec::as_slice);
    match function {
        F::Abs => each(row, f64::abs),
        F::Acos => each(row, math::acos),
        F::Acosh => each(row, math::acosh),
        F::Asin => each(row, math::asin),
        F::Asinh => each(row, math::asinh),
        F::Atan => each(row, math::atan),
        F::Atanh => each(row, math::atanh),
        F::Ceil => each(row, f64::ceil),
        F::Cos => each(row, math::cos),
        F::Cosh => each(row, math::cosh),
        F::Deg => each(row, |v| v * 180.0 / std::f64::consts::PI),
        F::Exp => each(row, math::exp),
        F::Floor => each(row, f64::floor),
        F::Ln => each(row, math::ln),
        F::Log10 => each(row, math::log10),
        F::Log2 => each(row, math::log2),
        F::Rad => each(row, |v| v * std::f64::consts::PI / 180.0),
        F::Sgn => each(row, |v| {
            if v < 0.0 {
                -1.0
            } else if v > 0.0 {
                1.0
            } else {
                v
            }
        }),
        F::Sin => each(row, math::sin),
        F::Sinh => each(row, math::sinh),
        F::Sqrt => each(row, f64::sqrt),
        F::Tan => each(row, math::tan),
        F::Tanh => each(row, math::tanh),
        F::Timestamp => {
            for (step, v) in row.values.iter_mut().enumerate() {
                *v = grid.at(step) as f64 / 1000.0;
            }
        }
        F::Round => round(param(0), row),
        F::Clamp => clamp(param(0), param(1), row),
        F::ClampMin => clamp(param(0), &[], row),
        F::ClampMax => clamp(&[], param(0), row),
        F::DayOfMonth | F::DayOfWeek | F::DayOfYear | F::DaysInMonth | F::Hour | F::Minute | F::Month | F::Year => {
            each(row, |v| calendar::part(function, v));
        }
    }
}

#[inline(always)]
fn each(row: &mut RowMut<'_>, f: impl Fn(f64) -> f64) {
    row.values.iter_mut().for_each(|v| *v = f(*v));
}

/// Rounds half up to the nearest multiple; by the inverse, as upstream, so that `round(x, 0.1)` keeps its digits.
fn round(nearest: &[f64], row: &mut RowMut<'_>) {
    for (step, v) in row.values.iter_mut().enumerate() {
        let inverse = 1.0 / nearest.get(step).copied().unwrap_or(1.0);
        *v = (*v * inverse + 0.5).floor() / inverse;
    }
}

/// Bounds values; a step whose bounds are inverted has none.
fn clamp(min: &[f64], max: &[f64], row: &mut RowMut<'_>) {
    for step in 0..row.values.len() {
        let min = min.get(step).copied().unwrap_or(f64::NEG_INFINITY);
        let max = max.get(step).copied().unwrap_or(f64::INFINITY);
        if max < min {
            row.present[step / 64] &= !(1 << (step % 64));
        }
        row.values[step] = go_max(min, go_min(max, row.values[step]));
    }
}
