//! Reduces an angle to an octant of the circle and the rest.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_4};

/// The bits of 4/π, behind 63 zero bits and the leading one.
const FOUR_OVER_PI: [u64; 20] = [
    0x0000000000000001,
    0x45f306dc9c882a53,
    0xf84eafa3ea69bb81,
    0xb6c52b3278872083,
    0xfca2c757bd778ac3,
    0x6e48dc74849ba5c0,
    0x0c925dd413a32439,
    0xfc3bd63962534e7d,
    0xd1046bea5d768909,
    0xd338e04d68befc82,
    0x7323ac7306a673e9,
    0x3908bf177bf25076,
    0x3ff12fffbc0b301f,
    0xde5e2316b414da3e,
    0xda6cfd9e4f96136e,
    0x9e8c7ecd3cbfd45a,
    0xea4f758fd7cbe2f6,
    0x7a0e73ef14a525d4,
    0xd7f6bf623f1aba10,
    0xac06608df8f6d757,
];

/// Returns the even octant nearest to an angle that is finite and not negative, modulo 8, and the angle from there, in
/// ±π/4.
pub(super) fn octant(x: f64) -> (u64, f64) {
    // π/4 in three parts, the first two so short that their products with an octant are exact.
    const PI4_A: f64 = 0.7853981256484985;
    const PI4_B: f64 = 3.774894707930798e-08;
    const PI4_C: f64 = 2.6951514290790595e-15;
    if x >= (1u64 << 29) as f64 {
        return great(x);
    }
    let mut j = (x * (2.0 * FRAC_2_PI)) as u64;
    j += j & 1;
    let y = j as f64;
    (j & 7, ((x - y * PI4_A) - y * PI4_B) - y * PI4_C)
}

/// Payne and Hanek: of the product of the mantissa and 4/π only the digits around the point are computed.
fn great(x: f64) -> (u64, f64) {
    let exponent = (x.to_bits() >> 52 & 0x7ff) as usize + 61 - 52 - 1023;
    let mantissa = x.to_bits() & 0x000f_ffff_ffff_ffff | 1 << 52;
    let (digit, shift) = (exponent / 64, exponent % 64);
    let word = |i: usize| {
        let pair = u128::from(FOUR_OVER_PI[digit + i]) << 64 | u128::from(FOUR_OVER_PI[digit + i + 1]);
        (pair << shift >> 64) as u64
    };
    let product = |word: u64| u128::from(word) * u128::from(mantissa);
    // The top three bits are the octant, what follows is the fraction of the octant.
    let sum = (product(word(0)) << 64).wrapping_add(product(word(1))).wrapping_add(product(word(2)) >> 64);
    let mut j = (sum >> 125) as u64;
    let (hi, lo) = ((sum << 3 >> 64) as u64, sum as u64);
    let zeros = hi.leading_zeros();
    // Upstream goes on with the low word unshifted, three bits early (src/math/trig_reduce.go, 1.26); kept.
    let fraction = ((u128::from(hi) << 64 | u128::from(lo)) << (zeros + 1) >> 64) as u64 >> 12;
    let mut z = f64::from_bits(fraction | u64::from(1023 - (zeros + 1)) << 52);
    if j & 1 == 1 {
        j = (j + 1) & 7;
        z -= 1.0;
    }
    (j, z * FRAC_PI_4)
}
