//! Powers of e and of two.

use super::scale::{ldexp, power_of_two};
use super::{LN2_HI, LN2_LO, polynomial};

/// Go's `math.Exp` as its assembly for amd64 with fused multiply-add computes it.
pub fn exp(x: f64) -> f64 {
    const OVERFLOW: f64 = 7.09782712893384e+02;
    const LN2_UPPER: f64 = 0.693147180559663;
    const LN2_LOWER: f64 = 2.8235290563031577e-13;
    const TAYLOR: [f64; 8] = [
        2.48015873015873e-05,
        0.0001984126984126984,
        0.001388888888888889,
        0.008333333333333333,
        0.041666666666666664,
        0.16666666666666666,
        0.5,
        1.0,
    ];
    if !x.is_finite() {
        return if x == f64::NEG_INFINITY { 0.0 } else { x };
    }
    if x > OVERFLOW {
        return f64::INFINITY;
    }
    let k = (x * std::f64::consts::LOG2_E).round_ties_even();
    // Below here even half of the smallest subnormal is too great.
    if k < -1075.0 {
        return 0.0;
    }
    // e^x = 2^k (e^r)^16: the series yields e^r - 1, and v (v + 2) is (v + 1)^2 - 1.
    let r = (-k).mul_add(LN2_LOWER, (-k).mul_add(LN2_UPPER, x)) * 0.0625;
    let mut v = r * TAYLOR[1..].iter().fold(TAYLOR[0], |sum, c| sum.mul_add(r, *c));
    for _ in 0..3 {
        v *= v + 2.0;
    }
    let v = (v + 2.0).mul_add(v, 1.0);
    match k as i32 {
        k if k <= -1023 => v * power_of_two(k + 1022) * f64::MIN_POSITIVE,
        k if k >= 1024 => f64::INFINITY,
        k => v * power_of_two(k),
    }
}

/// Go's `math.Exp2`.
pub fn exp2(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 1023.9999999999999 {
        return f64::INFINITY;
    }
    if x < -1.0740e+03 {
        return 0.0;
    }
    // Half away from zero, but the addition rounds first.
    let k = if x > 0.0 { (x + 0.5) as i64 } else { (x - 0.5) as i64 };
    let t = x - k as f64;
    let (hi, lo) = (t * LN2_HI, -t * LN2_LO);
    let r = hi - lo;
    let square = r * r;
    let c = r - square
        * polynomial(
            square,
            [
                4.1381367970572385e-08,
                -1.6533902205465252e-06,
                6.613756321437934e-05,
                -0.0027777777777015593,
                0.16666666666666666,
            ],
        );
    ldexp(1.0 - ((lo - (r * c) / (2.0 - c)) - hi), k)
}
