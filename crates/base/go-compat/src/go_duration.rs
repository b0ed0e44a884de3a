//! Go's own durations: `1m30s`, `2.5ms`, `-1.5h` (`time.Duration`).

/// Why a text is no Go duration, in the words of `time.ParseDuration`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GoDurationError {
    #[error("time: invalid duration {}", quote_time(.0))]
    Invalid(String),
    #[error("time: missing unit in duration {}", quote_time(.0))]
    MissingUnit(String),
    #[error("time: unknown unit {} in duration {}", quote_time(.unit), quote_time(.text))]
    UnknownUnit { unit: String, text: String },
}

const SECOND_NS: u64 = 1_000_000_000;

fn unit_ns(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // Micro sign and Greek mu.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1000,
        "ms" => 1_000_000,
        "s" => SECOND_NS,
        "m" => 60 * SECOND_NS,
        "h" => 3600 * SECOND_NS,
        _ => return None,
    })
}

/// Writes nanoseconds as `time.Duration.String`.
pub fn format_go_duration(ns: i64) -> String {
    let magnitude = ns.unsigned_abs();
    let sign = if ns < 0 { "-" } else { "" };
    match magnitude {
        0 => "0s".to_owned(),
        1..1000 => format!("{sign}{magnitude}ns"),
        1000..1_000_000 => format!("{sign}{}\u{b5}s", with_fraction(magnitude, 3)),
        1_000_000..SECOND_NS => format!("{sign}{}ms", with_fraction(magnitude, 6)),
        _ => {
            let (minutes, left) = (magnitude / (60 * SECOND_NS), magnitude % (60 * SECOND_NS));
            let seconds = with_fraction(left, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

fn with_fraction(v: u64, digits: u32) -> String {
    let unit = 10u64.pow(digits);
    if v.is_multiple_of(unit) {
        return (v / unit).to_string();
    }
    let text = format!("{}.{:0width$}", v / unit, v % unit, width = digits as usize);
    text.trim_end_matches('0').to_owned()
}

/// Reads nanoseconds as `time.ParseDuration`: `300ms`, `-1.5h`, `2h45m`; `0` may stand bare.
pub fn parse_go_duration(text: &str) -> Result<i64, GoDurationError> {
    let invalid = || GoDurationError::Invalid(text.to_owned());
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let (whole, tail) = split_digits(rest);
        let (fraction, tail) = tail.strip_prefix('.').map_or(("", tail), split_digits);
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let whole_ns: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let unit_end = tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        if unit.is_empty() {
            return Err(GoDurationError::MissingUnit(text.to_owned()));
        }
        let unit_ns = unit_ns(unit)
            .ok_or_else(|| GoDurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() })?;
        let part = whole_ns.checked_mul(unit_ns).filter(|&ns| ns <= 1 << 63).ok_or_else(invalid)?;
        total = part
            .checked_add(fraction_ns(fraction, unit_ns))
            .and_then(|ns| ns.checked_add(total))
            .filter(|&ns| ns <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = tail;
    }
    if negative {
        return Ok((total as i64).wrapping_neg());
    }
    i64::try_from(total).map_err(|_| invalid())
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Digits past what 63 bits can hold are without effect, as in Go.
fn fraction_ns(digits: &str, unit_ns: u64) -> u64 {
    let mut v = 0u64;
    let mut scale = 1.0;
    for digit in digits.bytes().map(|b| u64::from(b - b'0')) {
        if v > ((1 << 63) - 1) / 10 || v * 10 + digit > 1 << 63 {
            break;
        }
        v = v * 10 + digit;
        scale *= 10.0;
    }
    (v as f64 * (unit_ns as f64 / scale)) as u64
}

/// The time package's own quoting: everything but printable ASCII as hex bytes.
fn quote_time(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if c < ' ' || !c.is_ascii() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.extend(['\\', 'x', hex_digit(byte >> 4), hex_digit(byte & 15)]);
            }
        } else {
            if c == '"' || c == '\\' {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out.push('"');
    out
}

fn hex_digit(v: u8) -> char {
    char::from_digit(u32::from(v), 16).unwrap_or('0')
}

#[cfg(test)]
mod tests;
