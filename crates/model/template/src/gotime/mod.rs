//! Go's `time.Time` and `time.Duration` with the methods that templates call.

mod duration;
mod layout;
mod methods;
mod parse;
mod zone;

use std::sync::Arc;

use firesteel_go_compat::{CivilDate, Instant};

pub use duration::{DURATION, DURATION_POINTER, duration};
pub use methods::{TIME, TIME_POINTER};
pub(crate) use parse::parse;
pub(crate) use zone::Zone;

use crate::value::{Record, Value};

/// A point in time and where it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Time {
    pub(crate) unix_secs: i64,
    pub(crate) nanos: u32,
    pub(crate) zone: Zone,
}

/// A `time.Time` in UTC.
pub fn time(unix_secs: i64, nanos: u32) -> Value {
    Time { unix_secs, nanos, zone: Zone::Utc }.into_value()
}

/// Go's zero `time.Time`, the beginning of the year 1.
pub fn zero() -> Value {
    time(methods::ZERO_TIME_SECS, 0)
}

/// The seconds and nanoseconds of a `time.Time`.
pub fn as_time(value: &Value) -> Option<(i64, u32)> {
    Time::of(value).map(|time| (time.unix_secs, time.nanos))
}

impl Time {
    pub(crate) fn of(value: &Value) -> Option<&Self> {
        match value.indirect() {
            Value::Record(record) => record.inner.as_ref()?.downcast_ref(),
            _ => None,
        }
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Record(Arc::new(Record { type_: &TIME, fields: Vec::new(), inner: Some(Arc::new(self)) }))
    }

    /// `Format`
    pub(crate) fn format(&self, layout: &str) -> String {
        layout::format(self, layout)
    }

    fn offset_secs(&self) -> i32 {
        self.zone.at(self.unix_secs).0
    }

    /// Seconds since the epoch as clocks show them there.
    fn local_secs(&self) -> i64 {
        self.unix_secs.saturating_add(i64::from(self.offset_secs()))
    }

    fn date(&self) -> CivilDate {
        CivilDate::from_unix_days(self.local_secs().div_euclid(86_400))
    }

    fn second_of_day(&self) -> i64 {
        self.local_secs().rem_euclid(86_400)
    }

    /// Days since Sunday.
    fn weekday(&self) -> usize {
        (self.local_secs().div_euclid(86_400) + 4).rem_euclid(7) as usize
    }

    fn instant(&self) -> Instant {
        Instant { unix_secs: self.unix_secs, nanos: self.nanos, offset_secs: self.offset_secs() }
    }

    fn plus_ns(&self, ns: i64) -> Self {
        let total = i128::from(self.unix_secs) * 1_000_000_000 + i128::from(self.nanos) + i128::from(ns);
        let secs = total.div_euclid(1_000_000_000);
        Self {
            unix_secs: i64::try_from(secs).unwrap_or(if secs < 0 { i64::MIN } else { i64::MAX }),
            nanos: total.rem_euclid(1_000_000_000) as u32,
            zone: self.zone.clone(),
        }
    }

    /// Nanoseconds between; what does not fit is cut to the largest that does.
    fn minus(&self, other: &Self) -> i64 {
        let between = (i128::from(self.unix_secs) - i128::from(other.unix_secs)) * 1_000_000_000
            + (i128::from(self.nanos) - i128::from(other.nanos));
        i64::try_from(between).unwrap_or(if between < 0 { i64::MIN } else { i64::MAX })
    }
}
