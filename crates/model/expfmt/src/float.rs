//! Numbers of exposition bodies: Go's decimal syntax, without hexadecimal forms and digit separators.

use crate::error::NumberFault;
use crate::quoted;

/// The NaN that stands for all NaNs of a body (`model/value/value.go`, `NormalNaN`).
pub const NORMAL_NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// Powers of ten that are exact as f64.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Parses a value as upstream's `parseFloat`; every NaN becomes the normal one.
pub fn parse_value(text: &[u8]) -> Result<f64, NumberFault> {
    let value = parse_float(text)?;
    Ok(if value.is_nan() { f64::from_bits(NORMAL_NAN_BITS) } else { value })
}

/// Parses a float as upstream's `parseFloat`.
pub(crate) fn parse_float(text: &[u8]) -> Result<f64, NumberFault> {
    if let Some((value, len)) = short_decimal(text)
        && len == text.len()
    {
        return Ok(value);
    }
    if text.iter().any(|c| matches!(c, b'p' | b'P' | b'_')) {
        return Err(NumberFault::Character);
    }
    let syntax = || NumberFault::FloatSyntax { text: quoted::quote(text) };
    // A sign before "nan" is Rust's freedom, not Go's.
    if matches!(text, [b'+' | b'-', b'n' | b'N', ..]) {
        return Err(syntax());
    }
    let value: f64 = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).ok_or_else(syntax)?;
    if value.is_infinite() && text.iter().any(u8::is_ascii_digit) {
        return Err(NumberFault::FloatRange { text: quoted::quote(text) });
    }
    Ok(value)
}

/// Reads a decimal number from the front of `text` if its value is exact by one multiplication or division (Clinger's
/// fast path: at most 2^53 times or by a power of ten up to 22). Returns the value and how many bytes it took; the byte
/// after it, if any, is no digit, point, or exponent. `None` says nothing about validity.
#[inline]
pub fn short_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let mut i = 0;
    let negative = text.first() == Some(&b'-');
    if negative || text.first() == Some(&b'+') {
        i = 1;
    }
    let mut mantissa: u64 = 0;
    let first = i;
    while let Some(digit) = digit_at(text, i) {
        // 19 digits cannot overflow; the count is checked once, below.
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        i += 1;
    }
    let mut digits = i - first;
    let mut exponent: i32 = 0;
    if text.get(i) == Some(&b'.') {
        i += 1;
        let fraction = i;
        while let Some(digit) = digit_at(text, i) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            i += 1;
        }
        digits += i - fraction;
        exponent = -i32::try_from(i - fraction).ok()?;
    }
    if digits == 0 || digits > 19 {
        return None;
    }
    if matches!(text.get(i), Some(b'e' | b'E')) {
        i += 1;
        let minus = text.get(i) == Some(&b'-');
        if minus || text.get(i) == Some(&b'+') {
            i += 1;
        }
        let mut shown = 0i32;
        let start = i;
        while let Some(digit) = digit_at(text, i) {
            shown = shown * 10 + digit as i32;
            i += 1;
            if i - start > 3 {
                return None;
            }
        }
        if i == start {
            return None;
        }
        exponent += if minus { -shown } else { shown };
    }
    if mantissa > 1 << 53 {
        return None;
    }
    let magnitude = mantissa as f64;
    let power = *EXACT_POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    let value = if exponent < 0 { magnitude / power } else { magnitude * power };
    Some((if negative { -value } else { value }, i))
}

#[inline(always)]
fn digit_at(text: &[u8], i: usize) -> Option<u64> {
    let digit = text.get(i)?.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_go() {
        let good: &[(&str, f64)] = &[
            ("0", 0.0),
            ("-0", -0.0),
            ("1", 1.0),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1.620000768e+09", 1620000768.0),
            ("4.9406564584124654e-324", 5e-324),
            ("1.7976931348623157e308", f64::MAX),
            ("9007199254740993", 9007199254740992.0),
            ("123456789012345678901234567890", 123456789012345678901234567890.0),
            ("Inf", f64::INFINITY),
            ("+inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
            ("0.1", 0.1),
            ("1e-400", 0.0),
        ];
        for (text, want) in good {
            let got = parse_value(text.as_bytes()).expect(text);
            assert_eq!(got.to_bits(), want.to_bits(), "{text}");
        }
        for text in ["NaN", "nan", "nAN"] {
            assert_eq!(parse_value(text.as_bytes()).expect(text).to_bits(), NORMAL_NAN_BITS);
        }
    }

    #[test]
    fn refusals_with_gos_words() {
        let bad: &[(&str, &str)] = &[
            ("", "strconv.ParseFloat: parsing \"\": invalid syntax"),
            ("a", "strconv.ParseFloat: parsing \"a\": invalid syntax"),
            ("-nan", "strconv.ParseFloat: parsing \"-nan\": invalid syntax"),
            ("1e", "strconv.ParseFloat: parsing \"1e\": invalid syntax"),
            (".", "strconv.ParseFloat: parsing \".\": invalid syntax"),
            ("1\r", "strconv.ParseFloat: parsing \"1\\r\": invalid syntax"),
            ("0x1", "strconv.ParseFloat: parsing \"0x1\": invalid syntax"),
            ("1e400", "strconv.ParseFloat: parsing \"1e400\": value out of range"),
            ("0x1p3", "unsupported character in float"),
            ("1_000", "unsupported character in float"),
        ];
        for (text, want) in bad {
            assert_eq!(parse_value(text.as_bytes()).expect_err(text).to_string(), *want);
        }
    }

    #[test]
    fn short_decimals_are_exact() {
        let mut state = 0x1234_5678_9abc_def0_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let text = format!("{}.{:04}", state >> 50, (state >> 20) % 10_000);
            let (got, len) = short_decimal(text.as_bytes()).expect("short enough");
            assert_eq!(len, text.len());
            assert_eq!(got.to_bits(), text.parse::<f64>().expect("a float").to_bits(), "{text}");
        }
    }
}
