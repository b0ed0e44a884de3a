//! Times and durations as parameters of the HTTP API (web/api/v1/api.go).

use std::time::Duration;

use crate::{Instant, parse_duration, parse_float_bytes, quote};

/// The earliest time the API accepts and prints: its default `start`.
pub const MIN_TIME_FORMATTED: &str = "-292273086-05-16T16:47:06Z";
/// The latest time the API accepts and prints: its default `end`.
pub const MAX_TIME_FORMATTED: &str = "292277025-08-18T07:12:54.999999999Z";

const INTERNAL_TO_UNIX_SECS: i64 = 62_135_596_801;

/// What [`MIN_TIME_FORMATTED`] stands for.
pub const MIN_TIME: Instant = Instant { unix_secs: i64::MIN / 1000 + INTERNAL_TO_UNIX_SECS, nanos: 0, offset_secs: 0 };
/// What [`MAX_TIME_FORMATTED`] stands for.
pub const MAX_TIME: Instant =
    Instant { unix_secs: i64::MAX / 1000 - INTERNAL_TO_UNIX_SECS, nanos: 999_999_999, offset_secs: 0 };

/// A parameter that is neither; displays as upstream's error.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ApiTimeError {
    #[error("cannot parse {} to a valid timestamp", quote(.0.as_bytes()))]
    Time(String),
    #[error("cannot parse {} to a valid duration", quote(.0.as_bytes()))]
    Duration(String),
    #[error("cannot parse {} to a valid duration. It overflows int64", quote(.0.as_bytes()))]
    DurationOverflow(String),
}

/// Reads a time parameter: seconds as a float, rounded to milliseconds, or RFC 3339.
pub fn parse_api_time(text: &str) -> Result<Instant, ApiTimeError> {
    if let Ok(seconds) = parse_float_bytes(text.as_bytes()) {
        return Ok(from_float_seconds(seconds));
    }
    if let Some(instant) = Instant::parse_rfc3339(text) {
        return Ok(instant);
    }
    match text {
        MIN_TIME_FORMATTED => Ok(MIN_TIME),
        MAX_TIME_FORMATTED => Ok(MAX_TIME),
        _ => Err(ApiTimeError::Time(text.to_owned())),
    }
}

fn from_float_seconds(seconds: f64) -> Instant {
    let whole = seconds.trunc();
    let fraction = ((seconds - whole) * 1000.0).round() / 1000.0;
    let unix_secs = go_i64(whole);
    let nanos = go_i64(fraction * 1e9);
    Instant {
        unix_secs: unix_secs.wrapping_add(nanos.div_euclid(1_000_000_000)),
        nanos: nanos.rem_euclid(1_000_000_000) as u32,
        offset_secs: 0,
    }
}

/// Converts as Go does on amd64: cut off towards zero, and whatever does not fit is the smallest integer.
pub fn go_i64(v: f64) -> i64 {
    if (-(2f64.powi(63))..2f64.powi(63)).contains(&v) { v as i64 } else { i64::MIN }
}

/// Reads a duration parameter, such as `step`: seconds as a float or a Prometheus duration; returns nanoseconds,
/// which may be negative.
pub fn parse_api_duration_ns(text: &str) -> Result<i64, ApiTimeError> {
    if let Ok(seconds) = parse_float_bytes(text.as_bytes()) {
        let ns = seconds * 1e9;
        if ns > i64::MAX as f64 || ns < i64::MIN as f64 {
            return Err(ApiTimeError::DurationOverflow(text.to_owned()));
        }
        return Ok(go_i64(ns));
    }
    match parse_duration(text) {
        Ok(duration) => Ok(i64::try_from(Duration::as_nanos(&duration)).unwrap_or(i64::MAX)),
        Err(_) => Err(ApiTimeError::Duration(text.to_owned())),
    }
}

#[cfg(test)]
mod tests;
