//! Hexadecimal floats: `0x1.8p3`.

use crate::number_error::NumberFault;

/// Reads what follows `0x`: hex digits with at most one point, then `p` and a decimal exponent, which must be there.
/// Rounds to nearest, ties to even; too large is infinity.
pub(crate) fn parse_hex_float(text: &[u8]) -> Result<f64, NumberFault> {
    let at = text.iter().position(|b| b | 0x20 == b'p').ok_or(NumberFault::Syntax)?;
    let (digits, exponent) = (&text[..at], &text[at + 1..]);
    let mut exponent = decimal_exponent(exponent)?;
    let mut mantissa = 0u64;
    let mut lost = false;
    let mut seen_digits = false;
    let mut after_point = false;
    for &byte in digits {
        if byte == b'.' && !after_point {
            after_point = true;
            continue;
        }
        let digit = (byte as char).to_digit(16).ok_or(NumberFault::Syntax)?;
        seen_digits = true;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | u64::from(digit);
            exponent -= if after_point { 4 } else { 0 };
        } else {
            lost |= digit != 0;
            exponent += if after_point { 0 } else { 4 };
        }
    }
    if !seen_digits {
        return Err(NumberFault::Syntax);
    }
    Ok(scale(mantissa, exponent, lost))
}

fn decimal_exponent(text: &[u8]) -> Result<i64, NumberFault> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberFault::Syntax);
    }
    // Far beyond what a float can hold the exact exponent no longer matters.
    let v = digits.iter().fold(0i64, |v, b| (v * 10 + i64::from(b - b'0')).min(100_000));
    Ok(if negative { -v } else { v })
}

/// Returns `mantissa × 2^exponent`, where `lost` tells that bits below the mantissa were not all zero.
fn scale(mantissa: u64, exponent: i64, lost: bool) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    // Put the leading one at bit 63: value = m × 2^e with 2^63 ≤ m.
    let shift = mantissa.leading_zeros();
    let m = mantissa << shift;
    let e = exponent - i64::from(shift);
    // Exponent of the leading one; below -1022 the float is subnormal and has fewer bits.
    let top = e + 63;
    if top > 1023 {
        return f64::INFINITY;
    }
    let kept_bits = if top >= -1022 { 53 } else { 53 - (-1022 - top) };
    if kept_bits < 0 {
        return 0.0;
    }
    let dropped = 64 - kept_bits as u32;
    let (kept, rest) = if dropped == 64 { (0, m) } else { (m >> dropped, m << (64 - dropped)) };
    let half = 1u64 << 63;
    let up = rest > half || rest == half && (lost || kept & 1 == 1);
    let kept = kept + u64::from(up);
    // Adding the fraction to the exponent's field lets a carry out of the fraction raise the exponent by itself.
    let bits = if top >= -1022 { ((top + 1022) as u64) << 52 } else { 0 } + kept;
    f64::from_bits(bits)
}
