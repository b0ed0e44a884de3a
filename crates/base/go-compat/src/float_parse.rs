//! Floats as Go's `strconv.ParseFloat` reads them.

use crate::number_error::{NumberError, NumberFault};

/// Reads a float by the rules of `strconv.ParseFloat(s, 64)`: decimal, hexadecimal with its exponent, underscores
/// between digits, `inf`, `infinity` with a sign and `nan` without one, in any case.
///
/// Errors when the text is something else, and with [`NumberFault::Range`] when it is too large; too small is zero.
pub fn parse_float(text: impl AsRef<[u8]>) -> Result<f64, NumberError> {
    let text = text.as_ref();
    match parse_short_decimal(text) {
        Some(v) => Ok(v),
        None => parse_any(text).map_err(|fault| NumberError { function: "ParseFloat", input: text.to_vec(), fault }),
    }
}

/// As [`parse_float`], but a failure costs nothing: for parsers that word their own errors.
#[inline]
pub fn parse_float_bytes(text: &[u8]) -> Result<f64, NumberFault> {
    match parse_short_decimal(text) {
        Some(v) => Ok(v),
        None => parse_any(text),
    }
}

/// Go's NaN, which is also upstream's `value.NormalNaN`: its bits reach the disk.
const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Reads decimals of which digits and power of ten are exact floats, so that one rounding step gives the right value
/// (Clinger's fast path): nearly all numbers of an exposition. Longer ones go to the standard library. `None` says
/// nothing about validity.
#[inline]
fn parse_short_decimal(text: &[u8]) -> Option<f64> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut mantissa = 0u64;
    let mut fraction_digits = 0i32;
    let mut seen_digits = 0usize;
    let mut after_point = false;
    let mut exponent = 0i32;
    for (at, &byte) in unsigned.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            seen_digits += 1;
            fraction_digits += i32::from(after_point);
        } else if byte == b'.' && !after_point {
            after_point = true;
        } else if byte | 0x20 == b'e' {
            exponent = short_exponent(&unsigned[at + 1..])?;
            break;
        } else {
            return None;
        }
    }
    if seen_digits == 0 {
        return None;
    }
    let power = exponent - fraction_digits;
    let v = match EXACT_POWERS.get(power.unsigned_abs() as usize) {
        Some(scale) if seen_digits <= 19 && mantissa <= 1 << 53 => {
            let mantissa = mantissa as f64;
            if power < 0 { mantissa / scale } else { mantissa * scale }
        }
        // The text is known to be a decimal by now.
        _ => std::str::from_utf8(unsigned).ok()?.parse().ok().filter(|v: &f64| v.is_finite())?,
    };
    Some(if negative { -v } else { v })
}

fn short_exponent(text: &[u8]) -> Option<i32> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 3 {
        return None;
    }
    let mut v = 0i32;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        v = v * 10 + i32::from(digit);
    }
    Some(if negative { -v } else { v })
}

#[cold]
fn parse_any(text: &[u8]) -> Result<f64, NumberFault> {
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let signed = unsigned.len() < text.len();
    let negative = text.first() == Some(&b'-');
    if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
        return Ok(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    if unsigned.eq_ignore_ascii_case(b"nan") && !signed {
        return Ok(NORMAL_NAN);
    }
    let without_underscores: Vec<u8>;
    let digits = if unsigned.contains(&b'_') {
        if !underscores_between_digits(unsigned) {
            return Err(NumberFault::Syntax);
        }
        without_underscores = unsigned.iter().copied().filter(|&b| b != b'_').collect();
        &without_underscores
    } else {
        unsigned
    };
    let v = match digits {
        // A lone "0x" is too short to be a prefix for Go, and no decimal either.
        [b'0', b'x' | b'X', hex @ ..] => crate::hex_float::parse_hex_float(hex)?,
        [b'0'..=b'9' | b'.', ..] => {
            let text = std::str::from_utf8(digits).map_err(|_| NumberFault::Syntax)?;
            // Beginning with a digit or point, the standard library takes just Go's decimals.
            text.parse::<f64>().map_err(|_| NumberFault::Syntax)?
        }
        _ => return Err(NumberFault::Syntax),
    };
    if v.is_infinite() {
        return Err(NumberFault::Range);
    }
    Ok(if negative { -v } else { v })
}

/// Go's rule: an underscore stands between two digits, or between the base prefix and a digit.
fn underscores_between_digits(unsigned: &[u8]) -> bool {
    let (hex, number) = match unsigned {
        [b'0', b'x' | b'X', rest @ ..] => (true, rest),
        [b'0', b'b' | b'B' | b'o' | b'O', rest @ ..] => (false, rest),
        _ => (false, unsigned),
    };
    let has_prefix = number.len() < unsigned.len();
    let is_digit = |b: u8| if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() };
    number.iter().enumerate().filter(|&(_, &b)| b == b'_').all(|(at, _)| {
        let before = if at == 0 { has_prefix } else { is_digit(number[at - 1]) };
        before && number.get(at + 1).is_some_and(|&b| is_digit(b))
    })
}

#[cfg(test)]
mod tests;
