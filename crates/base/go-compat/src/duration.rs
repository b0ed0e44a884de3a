//! Prometheus durations: `1d12h`, `5m`, `0` (`model.Duration` of prometheus/common).

use std::time::Duration;

use crate::quote;

/// Why a text is no duration; in upstream's words.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DurationError {
    #[error("empty duration string")]
    Empty,
    #[error("not a valid duration string: {}", quote(.0.as_bytes()))]
    Invalid(String),
    #[error("unknown unit {} in duration {}", quote(.unit.as_bytes()), quote(.text.as_bytes()))]
    UnknownUnit { unit: String, text: String },
    #[error("duration out of range")]
    OutOfRange,
}

const MILLISECOND_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1000 * MILLISECOND_NS;
const DAY_NS: u64 = 86_400 * SECOND_NS;

/// Units from biggest to smallest, which is the order they must be written in. A year has 365 days.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * DAY_NS),
    ("w", 7 * DAY_NS),
    ("d", DAY_NS),
    ("h", 3600 * SECOND_NS),
    ("m", 60 * SECOND_NS),
    ("s", SECOND_NS),
    ("ms", MILLISECOND_NS),
];

/// Reads a duration as upstream's `model.ParseDuration`: whole numbers with units, biggest first, none twice; `0` may
/// stand bare. At most 2^63-1 nanoseconds.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    parse_duration_ns(text).map(Duration::from_nanos)
}

fn parse_duration_ns(text: &str) -> Result<u64, DurationError> {
    match text {
        "0" => return Ok(0),
        "" => return Err(DurationError::Empty),
        _ => {}
    }
    let invalid = || DurationError::Invalid(text.to_owned());
    let mut rest = text;
    let mut total = 0u64;
    let mut units_left = &UNITS[..];
    while !rest.is_empty() {
        let digits_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(digits_end);
        let v: u64 = digits.parse().map_err(|_| invalid())?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        if unit.is_empty() {
            return Err(invalid());
        }
        let Some(&(_, unit_ns)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() });
        };
        let at = units_left.iter().position(|(name, _)| *name == unit).ok_or_else(invalid)?;
        units_left = &units_left[at + 1..];
        total = v
            .checked_mul(unit_ns)
            .and_then(|ns| total.checked_add(ns))
            .filter(|&ns| i64::try_from(ns).is_ok())
            .ok_or(DurationError::OutOfRange)?;
        rest = tail;
    }
    Ok(total)
}

/// Reads a duration that may have a minus sign; returns milliseconds (`model.ParseDurationAllowNegative`).
pub fn parse_signed_duration_ms(text: &str) -> Result<i64, DurationError> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let ms = (parse_duration_ns(unsigned)? / MILLISECOND_NS) as i64;
    Ok(if negative { -ms } else { ms })
}

/// Writes a duration as upstream's `model.Duration.String`: `1d12h`, `0s`; what is below a millisecond is cut off.
pub fn format_duration(duration: Duration) -> String {
    format_duration_ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// As [`format_duration`], from milliseconds that may be negative.
pub fn format_duration_ms(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut left = ms.unsigned_abs();
    let mut out = String::new();
    if ms < 0 {
        out.push('-');
    }
    for (unit, unit_ns) in UNITS {
        let unit_ms = unit_ns / MILLISECOND_NS;
        // upstream: years and weeks only when nothing remains, as 90d reads easier than 12w6d.
        if matches!(unit, "y" | "w") && !left.is_multiple_of(unit_ms) {
            continue;
        }
        if left >= unit_ms {
            out.push_str(&(left / unit_ms).to_string());
            out.push_str(unit);
            left %= unit_ms;
        }
    }
    out
}

#[cfg(test)]
mod tests;
