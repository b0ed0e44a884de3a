//! Logarithms.

use std::f64::consts::{FRAC_1_SQRT_2, LOG2_E, LOG10_E};

use super::scale::frexp;
use super::{LN2_HI, LN2_LO, NAN, polynomial};

/// The even and the odd coefficients of the series in s = f / (2 + f), highest power first.
const EVEN: [f64; 3] = [0.15313837699209373, 0.22222198432149784, 0.3999999999940942];
const ODD: [f64; 4] = [0.14798198605116586, 0.1818357216161805, 0.2857142874366239, 0.6666666666666735];

/// Go's `math.Log` as its assembly for amd64 computes it. That does not normalise subnormals, so their logarithms are
/// those of other values (`src/math/log_amd64.s`, 1.26); kept.
pub fn ln(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_sign_negative() {
        return NAN;
    }
    if !x.is_finite() {
        return x;
    }
    let bits = x.to_bits();
    let (mut fraction, mut k) =
        (f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0.5f64.to_bits()), f64::from((bits >> 52) as i32 - 1022));
    if fraction <= FRAC_1_SQRT_2 {
        (fraction, k) = (fraction * 2.0, k - 1.0);
    }
    let f = fraction - 1.0;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let r = s2 * polynomial(s4, ODD) + s4 * polynomial(s4, EVEN);
    let half_square = 0.5 * f * f;
    k * LN2_HI - ((half_square - (s * (half_square + r) + k * LN2_LO)) - f)
}

/// Go's `math.Log2`: exact for powers of two.
pub fn log2(x: f64) -> f64 {
    let (fraction, exponent) = frexp(x);
    if fraction == 0.5 { f64::from(exponent - 1) } else { ln(fraction) * LOG2_E + f64::from(exponent) }
}

/// Go's `math.Log10`.
pub fn log10(x: f64) -> f64 {
    ln(x) * LOG10_E
}

/// Go's `math.Log1p`: ln(1 + x), exact to the last digit near zero.
pub fn ln_1p(x: f64) -> f64 {
    const SQRT2_LESS_1: f64 = 0.41421356237309503;
    const SQRT_HALF_LESS_1: f64 = -0.2928932188134525;
    const SMALL: f64 = 1.0 / (1u64 << 29) as f64;
    const TINY: f64 = 1.0 / (1u64 << 54) as f64;
    if x < -1.0 || x.is_nan() {
        return NAN;
    }
    if x == -1.0 {
        return f64::NEG_INFINITY;
    }
    if x == f64::INFINITY {
        return x;
    }
    let size = x.abs();
    if size < TINY {
        return x;
    }
    if size < SMALL {
        return x - x * x * 0.5;
    }
    let reduced = if size < SQRT2_LESS_1 && x > SQRT_HALF_LESS_1 {
        Reduced { k: 0.0, f: x, correction: 0.0, tiny: false }
    } else {
        Reduced::of(x)
    };
    let Reduced { k, f, correction, tiny } = reduced;
    let half_square = 0.5 * f * f;
    if tiny {
        if f == 0.0 {
            return if k == 0.0 { 0.0 } else { k * LN2_HI + (correction + k * LN2_LO) };
        }
        let r = half_square * (1.0 - 0.6666666666666666 * f);
        return if k == 0.0 { f - r } else { k * LN2_HI - ((r - (k * LN2_LO + correction)) - f) };
    }
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * polynomial(z, [ODD[0], EVEN[0], ODD[1], EVEN[1], ODD[2], EVEN[2], ODD[3]]);
    if k == 0.0 {
        return f - (half_square - s * (half_square + r));
    }
    k * LN2_HI - ((half_square - (s * (half_square + r) + (k * LN2_LO + correction))) - f)
}

/// 1 + x = 2^k (1 + f), with what the addition of 1 lost.
struct Reduced {
    k: f64,
    f: f64,
    correction: f64,
    /// The mantissa is so near a power of two that the series needs two terms only.
    tiny: bool,
}

impl Reduced {
    fn of(x: f64) -> Self {
        const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;
        const MANTISSA_OF_SQRT2: u64 = 0x0006_a09e_667f_3bcd;
        let rounded = x.abs() < (1u64 << 53) as f64;
        let u = if rounded { 1.0 + x } else { x };
        let mut k = (u.to_bits() >> 52) as i32 - 1023;
        let correction = match rounded {
            true if k > 0 => (1.0 - (u - x)) / u,
            true => (x - (u - 1.0)) / u,
            false => 0.0,
        };
        let mantissa = u.to_bits() & MANTISSA;
        let (u, tiny) = if mantissa < MANTISSA_OF_SQRT2 {
            (f64::from_bits(mantissa | 1.0f64.to_bits()), mantissa == 0)
        } else {
            k += 1;
            (f64::from_bits(mantissa | 0.5f64.to_bits()), (MANTISSA + 1 - mantissa) >> 2 == 0)
        };
        Self { k: f64::from(k), f: u - 1.0, correction, tiny }
    }
}
