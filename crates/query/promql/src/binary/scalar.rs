//! Arithmetic and comparison of floats.

use firesteel_go_compat::math;
use firesteel_promql_syntax::BinaryOp;

use crate::tile::RowMut;

/// Computes `a op b` between scalars: comparisons yield 0 or 1.
pub(crate) fn binary(op: BinaryOp, a: f64, b: f64) -> f64 {
    if op.is_comparison() { f64::from(u8::from(compare(op, a, b))) } else { arithmetic(op, a, b) }
}

/// Computes `a op b` for an arithmetic operator.
#[inline]
pub(crate) fn arithmetic(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        // fmod: the sign of the dividend.
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => math::pow(a, b),
        BinaryOp::Atan2 => math::atan2(a, b),
        _ => f64::NAN,
    }
}

/// Returns whether `a op b` holds for a comparison operator.
#[inline]
pub(crate) fn compare(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Eq => a == b,
        BinaryOp::Ne => a != b,
        BinaryOp::Lt => a < b,
        BinaryOp::Le => a <= b,
        BinaryOp::Gt => a > b,
        BinaryOp::Ge => a >= b,
        _ => false,
    }
}

/// Returns whether the result of the operator is another metric, so that the name goes.
pub(crate) fn changes_metric(op: BinaryOp) -> bool {
    use BinaryOp as B;
    matches!(op, B::Add | B::Sub | B::Mul | B::Div | B::Mod | B::Pow | B::Atan2)
}

/// Combines a row with the scalar of each step, in place. Operators on histograms leave nothing of a float.
pub(crate) fn combine_rows(op: BinaryOp, scalar_is_left: bool, scalar: &[f64], row: &mut RowMut<'_>) {
    #[inline(always)]
    fn run(scalar_is_left: bool, scalar: &[f64], row: &mut RowMut<'_>, f: impl Fn(f64, f64) -> f64) {
        for (v, s) in row.values.iter_mut().zip(scalar) {
            *v = if scalar_is_left { f(*s, *v) } else { f(*v, *s) };
        }
    }
    match op {
        BinaryOp::Add => run(scalar_is_left, scalar, row, |a, b| a + b),
        BinaryOp::Sub => run(scalar_is_left, scalar, row, |a, b| a - b),
        BinaryOp::Mul => run(scalar_is_left, scalar, row, |a, b| a * b),
        BinaryOp::Div => run(scalar_is_left, scalar, row, |a, b| a / b),
        BinaryOp::TrimLower | BinaryOp::TrimUpper => row.present.fill(0),
        _ => run(scalar_is_left, scalar, row, |a, b| arithmetic(op, a, b)),
    }
}

/// Go's `math.Max`: an infinity that decides wins over NaN, and +0 is above -0.
#[inline]
pub(crate) fn go_max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else if a > b {
        a
    } else {
        b
    }
}

/// Go's `math.Min`, the mirror of [`go_max`].
#[inline]
pub(crate) fn go_min(a: f64, b: f64) -> f64 {
    -go_max(-a, -b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_and_min_of_odd_values() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        assert_eq!(go_max(inf, nan), inf);
        assert!(go_max(-inf, nan).is_nan());
        assert_eq!(go_min(-inf, nan), -inf);
        assert!(go_min(1.0, nan).is_nan());
        assert!(go_max(-0.0, 0.0).is_sign_positive());
        assert!(go_min(0.0, -0.0).is_sign_negative());
        assert_eq!((go_max(1.0, 2.0), go_min(1.0, 2.0)), (2.0, 1.0));
    }

    #[test]
    fn modulo_has_the_sign_of_the_dividend() {
        assert_eq!(arithmetic(BinaryOp::Mod, -5.0, 3.0), -2.0);
        assert!(arithmetic(BinaryOp::Mod, 5.0, 0.0).is_nan());
    }
}
