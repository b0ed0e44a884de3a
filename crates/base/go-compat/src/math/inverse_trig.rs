//! Arc sine, arc cosine and arc tangent.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use super::{NAN, polynomial};

/// Go's `math.Asin`.
pub fn asin(x: f64) -> f64 {
    if x == 0.0 {
        return x;
    }
    let size = x.abs();
    if size > 1.0 {
        return NAN;
    }
    let cosine = (1.0 - size * size).sqrt();
    let v = if size > 0.7 { FRAC_PI_2 - atan_positive(cosine / size) } else { atan_positive(size / cosine) };
    if x < 0.0 { -v } else { v }
}

/// Go's `math.Acos`.
pub fn acos(x: f64) -> f64 {
    FRAC_PI_2 - asin(x)
}

/// Go's `math.Atan`.
pub fn atan(x: f64) -> f64 {
    if x == 0.0 {
        x
    } else if x > 0.0 {
        atan_positive(x)
    } else {
        -atan_positive(-x)
    }
}

/// Go's `math.Atan2`: the angle of the point (`x`, `y`).
pub fn atan2(y: f64, x: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        return NAN;
    }
    let left = x.is_sign_negative();
    if y == 0.0 || x.is_infinite() && y.is_finite() {
        return if left { PI } else { 0.0 }.copysign(y);
    }
    if x.is_infinite() {
        return if left { 2.356194490192345 } else { FRAC_PI_4 }.copysign(y);
    }
    if x == 0.0 || y.is_infinite() {
        return FRAC_PI_2.copysign(y);
    }
    match atan(y / x) {
        v if !left => v,
        v if v <= 0.0 => v + PI,
        v => v - PI,
    }
}

/// Returns the arc tangent of a value that is not negative; NaN stays NaN.
fn atan_positive(x: f64) -> f64 {
    /// What the float π/2 lacks of the number.
    const MORE_BITS: f64 = 6.123233995736766e-17;
    const TAN_3_PI_8: f64 = 2.414213562373095;
    if x <= 0.66 {
        atan_near_zero(x)
    } else if x > TAN_3_PI_8 {
        FRAC_PI_2 - atan_near_zero(1.0 / x) + MORE_BITS
    } else {
        FRAC_PI_4 + atan_near_zero((x - 1.0) / (x + 1.0)) + 0.5 * MORE_BITS
    }
}

fn atan_near_zero(x: f64) -> f64 {
    let square = x * x;
    let p = polynomial(
        square,
        [-0.8750608600031904, -16.157537187333652, -75.00855792314705, -122.88666844901361, -64.85021904942025],
    );
    let q = polynomial(
        square,
        [1.0, 24.858464901423062, 165.02700983169885, 432.88106049129027, 485.3903996359137, 194.5506571482614],
    );
    x * (square * p / q) + x
}
