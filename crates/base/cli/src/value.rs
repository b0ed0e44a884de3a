//! Checking flag values, and printing them as the flags page shows them.

use std::time::Duration;

use firesteel_go_compat::{self as go, GoDurationError};

use crate::FlagKind;

/// Checks one value; the error is upstream's text.
pub(crate) fn check(kind: FlagKind, text: &str) -> Result<(), String> {
    match kind {
        FlagKind::Bool | FlagKind::Text => Ok(()),
        FlagKind::Int | FlagKind::Float => number(text).map(drop),
        FlagKind::Int64 => whole(text).map(drop),
        FlagKind::Duration => go::parse_duration(text).map(drop).map_err(|e| e.to_string()),
        FlagKind::GoDuration => go_duration_ns(text).map(drop).map_err(|e| e.to_string()),
        FlagKind::Bytes => go::parse_byte_size(text).map(drop).map_err(|e| e.to_string()),
        FlagKind::Enum(words) if words.contains(&text) => Ok(()),
        FlagKind::Enum(words) => Err(format!("enum value must be one of {}, got '{text}'", words.join(","))),
        FlagKind::Checked(check) => check(text),
    }
}

/// Prints one value in its canonical form; a value that does not parse stays as it is.
pub(crate) fn canonical(kind: FlagKind, text: &str) -> String {
    let shown = match kind {
        FlagKind::Int => number(text).ok().map(|v| (v as i64).to_string()),
        FlagKind::Int64 => whole(text).ok().map(|v| v.to_string()),
        FlagKind::Float => number(text).ok().map(|v| v.to_string()),
        FlagKind::Duration => go::parse_duration(text).ok().map(go::format_duration),
        FlagKind::GoDuration => go_duration_ns(text).ok().map(go::format_go_duration),
        FlagKind::Bytes => go::parse_byte_size(text).ok().map(go::format_byte_size),
        _ => None,
    };
    shown.unwrap_or_else(|| text.to_owned())
}

/// Returns what an unset flag of this kind shows.
pub(crate) fn unset(kind: FlagKind) -> &'static str {
    match kind {
        FlagKind::Bool => "false",
        FlagKind::Int | FlagKind::Int64 | FlagKind::Float => "0",
        FlagKind::Duration | FlagKind::GoDuration => "0s",
        FlagKind::Bytes => "0B",
        FlagKind::Text | FlagKind::Enum(_) | FlagKind::Checked(_) => "",
    }
}

/// Parses a number; upstream reads whole numbers as floats too.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    go::parse_float(text).map_err(|e| e.to_string())
}

/// Parses a number of 64 bits as `strconv.ParseInt` with base 0: decimal, or with a prefix `0x`, `0o` or `0b`.
pub(crate) fn whole(text: &str) -> Result<i64, String> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (&text[..1], digits),
        None => ("", text),
    };
    let prefix = digits.get(..2).map(str::to_ascii_lowercase);
    let radix = match prefix.as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    let digits = if radix == 10 { digits } else { &digits[2..] };
    let fault = |what: &str| format!("strconv.ParseInt: parsing {}: {what}", go::quote(text));
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(fault("invalid syntax"));
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).map_err(|_| fault("value out of range"))
}

/// Parses Go's duration; a negative one counts as zero.
pub(crate) fn go_duration(text: &str) -> Option<Duration> {
    go_duration_ns(text).ok().map(|ns| Duration::from_nanos(ns.max(0) as u64))
}

/// Parses Go's duration with two units more: upstream's flags know days and weeks as well.
fn go_duration_ns(text: &str) -> Result<i64, GoDurationError> {
    if !text.contains(['d', 'w']) {
        return go::parse_go_duration(text);
    }
    let invalid = || GoDurationError::Invalid(text.to_owned());
    let of_whole = |e| match e {
        GoDurationError::Invalid(_) => invalid(),
        GoDurationError::MissingUnit(_) => GoDurationError::MissingUnit(text.to_owned()),
        GoDurationError::UnknownUnit { unit, .. } => GoDurationError::UnknownUnit { unit, text: text.to_owned() },
    };
    let is_number = |c: char| c == '.' || c.is_ascii_digit();
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut total = 0i64;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c| !is_number(c)).unwrap_or(rest.len()));
        let (unit, tail) = tail.split_at(tail.find(is_number).unwrap_or(tail.len()));
        let (unit, times) = match unit {
            "d" => ("h", 24),
            "w" => ("h", 7 * 24),
            unit => (unit, 1),
        };
        let part = go::parse_go_duration(&format!("{number}{unit}")).map_err(of_whole)?;
        total = part.checked_mul(times).and_then(|ns| ns.checked_add(total)).ok_or_else(invalid)?;
        rest = tail;
    }
    Ok(if text.starts_with('-') { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_flags_know_days_and_weeks() {
        const HOUR_NS: i64 = 3_600_000_000_000;
        let check = |text: &str, want: Result<i64, &str>| {
            assert_eq!(go_duration_ns(text).map_err(|e| e.to_string()), want.map_err(str::to_owned), "{text}");
        };
        check("1d", Ok(24 * HOUR_NS));
        check("-1w2d3h", Ok(-(7 * 24 + 2 * 24 + 3) * HOUR_NS));
        check("1.5d", Ok(36 * HOUR_NS));
        check("90m", Ok(HOUR_NS * 3 / 2));
        check("d", Err("time: invalid duration \"d\""));
        check("1d5x", Err("time: unknown unit \"x\" in duration \"1d5x\""));
        check("1d5", Err("time: missing unit in duration \"1d5\""));
        check("99999999d", Err("time: invalid duration \"99999999d\""));
    }

    #[test]
    fn whole_numbers() {
        let check = |text: &str, want: Result<i64, &str>| {
            let want = want.map_err(|what| format!("strconv.ParseInt: parsing \"{text}\": {what}"));
            assert_eq!(whole(text), want);
        };
        check("-9223372036854775808", Ok(i64::MIN));
        check("9223372036854775807", Ok(i64::MAX));
        check("0x10", Ok(16));
        check("+7", Ok(7));
        check("1h", Err("invalid syntax"));
        check("1.5", Err("invalid syntax"));
        check("", Err("invalid syntax"));
        check("--1", Err("invalid syntax"));
        check("9223372036854775808", Err("value out of range"));
    }
}
