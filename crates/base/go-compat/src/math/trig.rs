//! Sine, cosine and tangent.

use super::reduce::octant;
use super::{NAN, polynomial};

/// Go's `math.Sin`.
pub fn sin(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return NAN;
    }
    let (j, z) = octant(x.abs());
    let v = if j & 2 == 2 { cos_near_zero(z) } else { sin_near_zero(z) };
    if (x < 0.0) != (j > 3) { -v } else { v }
}

/// Go's `math.Cos`.
pub fn cos(x: f64) -> f64 {
    if !x.is_finite() {
        return NAN;
    }
    let (j, z) = octant(x.abs());
    let v = if j & 2 == 2 { sin_near_zero(z) } else { cos_near_zero(z) };
    if j == 2 || j == 4 { -v } else { v }
}

/// Go's `math.Tan`.
pub fn tan(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return NAN;
    }
    let (j, z) = octant(x.abs());
    let square = z * z;
    let mut v = z;
    if square > 1e-14 {
        let p = polynomial(square, [-13093.693918138379, 1153516.6483858742, -17956525.197648488]);
        let q =
            polynomial(square, [1.0, 13681.296347069296, -1320892.3444021097, 25008380.18233579, -53869575.592945464]);
        v = z + z * (square * p / q);
    }
    if j & 2 == 2 {
        v = -1.0 / v;
    }
    if x < 0.0 { -v } else { v }
}

fn sin_near_zero(z: f64) -> f64 {
    let square = z * z;
    let series = [
        1.5896230157654656e-10,
        -2.5050747762857807e-08,
        2.7557313621385722e-06,
        -0.0001984126982958954,
        0.008333333333322118,
        -0.1666666666666663,
    ];
    z + z * square * polynomial(square, series)
}

fn cos_near_zero(z: f64) -> f64 {
    let square = z * z;
    let series = [
        -1.1358536521387682e-11,
        2.087570084197473e-09,
        -2.755731417929674e-07,
        2.4801587288851704e-05,
        -0.0013888888888873056,
        0.041666666666666595,
    ];
    1.0 - 0.5 * square + square * square * polynomial(square, series)
}
