//! Taking floats apart into a fraction and a power of two, and together again.

const EXPONENT: u64 = 0x7ff << 52;

/// Splits a finite value that is not zero into a fraction of magnitude [0.5, 1) and its exponent, as `math.Frexp`;
/// others come back with exponent 0.
pub(super) fn frexp(v: f64) -> (f64, i32) {
    if v == 0.0 || !v.is_finite() {
        return (v, 0);
    }
    let (bits, shift) = normal(v);
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1022 - shift;
    (f64::from_bits(bits & !EXPONENT | 1022 << 52), exponent)
}

/// Computes `fraction * 2^exponent` with one rounding, as `math.Ldexp`.
pub(super) fn ldexp(fraction: f64, exponent: i64) -> f64 {
    if fraction == 0.0 || !fraction.is_finite() {
        return fraction;
    }
    let (bits, shift) = normal(fraction);
    let exponent = exponent.saturating_add((bits >> 52 & 0x7ff) as i64 - 1023 - i64::from(shift));
    if exponent < -1075 {
        return 0.0f64.copysign(fraction);
    }
    if exponent > 1023 {
        return f64::INFINITY.copysign(fraction);
    }
    let with = |exponent: i64| f64::from_bits(bits & !EXPONENT | ((exponent + 1023) as u64) << 52);
    if exponent < -1022 { power_of_two(-53) * with(exponent + 53) } else { with(exponent) }
}

/// Returns 2^`exponent` of a normal float.
#[inline]
pub(super) fn power_of_two(exponent: i32) -> f64 {
    debug_assert!((-1022..=1023).contains(&exponent));
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// Returns the bits of the value lifted out of the subnormals, and by how many powers of two it was.
fn normal(v: f64) -> (u64, i32) {
    if v.abs() < f64::MIN_POSITIVE { ((v * power_of_two(52)).to_bits(), 52) } else { (v.to_bits(), 0) }
}
