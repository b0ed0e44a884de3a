//! Times on the command line: RFC 3339, or seconds since the epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_go_compat::{Instant, format_float, parse_float, quote};

/// A time in milliseconds since the epoch.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub(crate) struct QueryTime(i64);

impl QueryTime {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Reads a time, or takes `default` for an empty text. `what` names it in the error.
    pub(crate) fn read(text: Option<&str>, what: &str, default: Self) -> Result<Self, String> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(default) };
        if let Ok(seconds) = parse_float(text) {
            return Ok(Self((seconds * 1000.0).round() as i64));
        }
        match Instant::parse_rfc3339(text) {
            Some(instant) => Ok(Self(instant.unix_ms())),
            None => Err(format!("error parsing {what}: cannot parse {} to a valid timestamp", quote(text))),
        }
    }

    pub(crate) fn earlier(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by.as_millis() as i64))
    }

    pub(crate) fn later(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.as_millis() as i64))
    }

    pub(crate) fn unix_ms(self) -> i64 {
        self.0
    }

    pub(crate) fn seconds_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / 1000.0
    }

    /// Returns seconds as a request carries them.
    pub(crate) fn param(self) -> String {
        format_float(self.0 as f64 / 1000.0).to_string()
    }
}
