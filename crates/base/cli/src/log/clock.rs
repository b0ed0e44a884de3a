//! The time of a log line, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use firesteel_go_compat::CivilDate;

/// A civil time in UTC with nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct UtcTime {
    secs: i64,
    nanos: u32,
}

/// Returns the time of day.
pub(super) fn now() -> UtcTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcTime { secs: since.as_secs() as i64, nanos: since.subsec_nanos() }
}

impl UtcTime {
    #[cfg(test)]
    pub(super) fn at(secs: i64, nanos: u32) -> Self {
        Self { secs, nanos }
    }

    /// Returns RFC 3339 with milliseconds, as slog's text handler writes it.
    pub(super) fn millis(self) -> String {
        format!("{}.{:03}Z", self.seconds(), self.nanos / 1_000_000)
    }

    /// Returns RFC 3339 with as many digits as are not zero, as slog's JSON handler writes it.
    pub(super) fn nanos(self) -> String {
        if self.nanos == 0 {
            return format!("{}Z", self.seconds());
        }
        let digits = format!("{:09}", self.nanos);
        format!("{}.{}Z", self.seconds(), digits.trim_end_matches('0'))
    }

    fn seconds(self) -> String {
        let (days, second) = (self.secs.div_euclid(86_400), self.secs.rem_euclid(86_400));
        let CivilDate { year, month, day } = CivilDate::from_unix_days(days);
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
    }
}
