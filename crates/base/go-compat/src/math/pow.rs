//! Powers with any exponent.

use super::scale::{frexp, ldexp};
use super::{NAN, exp, ln};

/// Go's `math.Pow`: the fractional part of the exponent by logarithm, the whole part by repeated squaring.
pub fn pow(x: f64, y: f64) -> f64 {
    if let Some(v) = special(x, y) {
        return v;
    }
    let size = y.abs();
    let (mut whole, mut fraction) = (size.trunc(), size - size.trunc());
    if fraction != 0.0 && x < 0.0 {
        return NAN;
    }
    if whole >= (1u64 << 63) as f64 {
        return beyond_all(x, y);
    }
    let mut power = 1.0;
    if fraction != 0.0 {
        if fraction > 0.5 {
            (fraction, whole) = (fraction - 1.0, whole + 1.0);
        }
        power = exp(fraction * ln(x));
    }
    let (power, exponent) = by_squaring(x, whole as i64, power);
    // The inverse is taken before the scaling, so that what ends subnormal is rounded once.
    if y < 0.0 { ldexp(1.0 / power, -exponent) } else { ldexp(power, exponent) }
}

/// Multiplies `start` by x^n; returns the product as a fraction and the exponent of two that is still to be applied.
fn by_squaring(x: f64, mut n: i64, start: f64) -> (f64, i64) {
    let (mut square, exponent) = frexp(x);
    let (mut square_exponent, mut product, mut product_exponent) = (i64::from(exponent), start, 0);
    while n != 0 {
        if !(-(1 << 12)..=1 << 12).contains(&square_exponent) {
            // At least one bit of n is left, so the result overflows or vanishes whatever follows.
            product_exponent += square_exponent;
            break;
        }
        if n & 1 == 1 {
            product *= square;
            product_exponent += square_exponent;
        }
        square *= square;
        square_exponent *= 2;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        n >>= 1;
    }
    (product, product_exponent)
}

/// Returns the answers that need no computing.
fn special(x: f64, y: f64) -> Option<f64> {
    if y == 0.0 || x == 1.0 {
        return Some(1.0);
    }
    if y == 1.0 {
        return Some(x);
    }
    if x.is_nan() || y.is_nan() {
        return Some(NAN);
    }
    if x == 0.0 || x.is_infinite() && y.is_finite() {
        let odd = x.is_sign_negative() && is_odd(y);
        let size = if (x == 0.0) == (y < 0.0) { f64::INFINITY } else { 0.0 };
        return Some(if odd { -size } else { size });
    }
    if y.is_infinite() {
        return Some(beyond_all(x, y));
    }
    match y {
        0.5 => Some(x.sqrt()),
        -0.5 => Some(1.0 / x.sqrt()),
        _ => None,
    }
}

/// Returns the power whose exponent is a huge even number or infinite: 0, 1 or an infinity.
fn beyond_all(x: f64, y: f64) -> f64 {
    if x == -1.0 {
        1.0
    } else if (x.abs() < 1.0) == (y > 0.0) {
        0.0
    } else {
        f64::INFINITY
    }
}

fn is_odd(v: f64) -> bool {
    v.abs() < (1u64 << 53) as f64 && v % 2.0 != 0.0 && v.trunc() == v
}
