//! The transcendental functions of Go's `math` on amd64 (1.26), bit for bit, the same on every target.
//!
//! The platform's libm is not used: its answers differ in the last digits from Go's and from one libc to the next.
//! Each function takes the algorithm that Go takes and rounds in the order in which Go rounds. Where they come from:
//!
//! - `ln`, `ln_1p`, `asinh`, `acosh`, `atanh`, `exp2`: FreeBSD's msun (`e_log.c`, `s_log1p.c`, `s_asinh.c`,
//!   `e_acosh.c`, `e_atanh.c`, `e_exp.c`), Copyright (C) 1993 by Sun Microsystems, Inc., who permit to use, copy,
//!   modify and distribute them freely as long as this notice is kept.
//! - `sin`, `cos`, `tan`, `atan`, `tanh`: the Cephes library, Copyright 1984, 1987, 1989, 1992, 2000 by Stephen L.
//!   Moshier, free to use.
//! - `exp`: Naoki Shibata, "Efficient evaluation methods of elementary functions suitable for SIMD computation" (2010),
//!   as in SLEEF, which its author gave to the public domain.
//! - `sinh`: approximation 2029 of Hart and Cheney, "Computer Approximations"; `sin` and its kin of great arguments:
//!   Payne and Hanek's reduction.
//!
//! Only a NaN is not compared: the bits of a NaN that arithmetic makes depend on the processor.

mod exp;
mod hyperbolic;
mod inverse_hyperbolic;
mod inverse_trig;
mod log;
mod pow;
mod reduce;
mod scale;
#[cfg(test)]
mod tests;
mod trig;

pub use exp::{exp, exp2};
pub use hyperbolic::{cosh, sinh, tanh};
pub use inverse_hyperbolic::{acosh, asinh, atanh};
pub use inverse_trig::{acos, asin, atan, atan2};
pub use log::{ln, ln_1p, log2, log10};
pub use pow::pow;
pub use trig::{cos, sin, tan};

/// What Go's `math.NaN` returns.
const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);
/// The upper digits of ln 2, so few that their product with an exponent is exact, and the rest.
const LN2_HI: f64 = 0.6931471803691238;
const LN2_LO: f64 = 1.9082149292705877e-10;

/// Evaluates a polynomial by Horner's rule, coefficient of the highest power first.
#[inline(always)]
fn polynomial<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = sum * x + coefficient;
    }
    sum
}
