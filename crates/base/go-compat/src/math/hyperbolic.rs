//! Hyperbolic sine, cosine and tangent.

use super::{exp, polynomial};

/// Go's `math.Sinh`.
pub fn sinh(x: f64) -> f64 {
    let size = x.abs();
    let v = if size > 21.0 {
        exp(size) * 0.5
    } else if size > 0.5 {
        let e = exp(size);
        (e - 1.0 / e) * 0.5
    } else {
        let square = size * size;
        let p = [-26.30563213397497, -2894.211355989564, -89912.72022039509, -630767.3640497717];
        let q = [1.0, -173.6789535582337, 15215.17378790019, -630767.3640497717];
        polynomial(square, p) * size / polynomial(square, q)
    };
    if x.is_sign_negative() { -v } else { v }
}

/// Go's `math.Cosh`.
pub fn cosh(x: f64) -> f64 {
    let e = exp(x.abs());
    if x.abs() > 21.0 { e * 0.5 } else { (e + 1.0 / e) * 0.5 }
}

/// Go's `math.Tanh`.
pub fn tanh(x: f64) -> f64 {
    /// ln 2^127.
    const MAX_LOG: f64 = 88.02969193111305;
    let size = x.abs();
    if size > 0.5 * MAX_LOG {
        return 1.0f64.copysign(x);
    }
    if size >= 0.625 {
        return (1.0 - 2.0 / (exp(2.0 * size) + 1.0)).copysign(x);
    }
    if x == 0.0 {
        return x;
    }
    let square = x * x;
    let p = [-0.9643991794250523, -99.28772310019185, -1614.6876844170845];
    let q = [1.0, 112.81167849163293, 2235.4883906010045, 4844.063053251255];
    x + x * square * polynomial(square, p) / polynomial(square, q)
}
