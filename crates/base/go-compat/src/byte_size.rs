//! Byte sizes of flags and configuration: `512MB`, `1.5GiB`, `1GB512MB` (Base2Bytes of alecthomas/units).
//!
//! All units are powers of two: `KB` and `KiB` both mean 1024 bytes.

/// Why a text is no size, in the words of the library upstream uses.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ByteSizeError {
    #[error("units: invalid {0}")]
    Invalid(String),
    #[error("units: unknown unit {unit} in {text}")]
    UnknownUnit { unit: String, text: String },
    #[error("units: overflow parsing unit")]
    Overflow,
}

const PREFIXES: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];

/// Reads a size in bytes; may be negative. A unit is needed but for `0`.
///
/// The units of one size are all of the `KiB` kind or all of the `KB` kind; `B` belongs to both.
pub fn parse_byte_size(text: &str) -> Result<i64, ByteSizeError> {
    parse_with(text, "iB").or_else(|_| parse_with(text, "B"))
}

fn parse_with(text: &str, suffix: &str) -> Result<i64, ByteSizeError> {
    let invalid = || ByteSizeError::Invalid(text.to_owned());
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let (whole, tail) = split_digits(rest);
        let (fraction, tail) = tail.strip_prefix('.').map_or(("", tail), split_digits);
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let v = leading_int(whole).ok_or_else(invalid)? as f64
            + leading_int(fraction).ok_or_else(invalid)? as f64 / fraction.bytes().fold(1.0, |scale, _| scale * 10.0);
        let unit_end = tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let bytes = unit_bytes(unit, suffix)
            .ok_or_else(|| ByteSizeError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() })?;
        total += v * bytes;
        rest = tail;
    }
    let total = if negative { -total } else { total };
    // upstream: exactly 8EiB wraps to a negative size there; refused here like all that is larger.
    if !(-(2f64.powi(63))..2f64.powi(63)).contains(&total) {
        return Err(ByteSizeError::Overflow);
    }
    Ok(total as i64)
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// No digits count as zero; numbers near 2^63 are refused.
fn leading_int(digits: &str) -> Option<i64> {
    const LIMIT: i64 = ((1u64 << 63) - 10) as i64 / 10;
    digits.bytes().try_fold(0i64, |v, b| (v < LIMIT).then(|| v * 10 + i64::from(b - b'0')))
}

fn unit_bytes(unit: &str, suffix: &str) -> Option<f64> {
    if unit == "B" {
        return Some(1.0);
    }
    let prefix = unit.strip_suffix(suffix)?;
    let power = PREFIXES.iter().skip(1).position(|p| *p == prefix)? + 1;
    Some(1024f64.powi(power as i32))
}

/// Writes bytes as the flags endpoint shows them: `512MiB`, `1GiB1B`, `0B`.
pub fn format_byte_size(bytes: i64) -> String {
    let mut parts = Vec::new();
    let mut left = bytes;
    for (power, prefix) in PREFIXES.iter().enumerate() {
        if left % 1024 != 0 || power == 0 && left == 0 {
            parts.push(format!("{}{prefix}{}", left % 1024, if power == 0 { "B" } else { "iB" }));
        }
        left /= 1024;
        if left == 0 {
            break;
        }
    }
    parts.reverse();
    parts.concat()
}

#[cfg(test)]
mod tests;
