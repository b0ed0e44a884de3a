//! Milliseconds since the Unix epoch, ranges of them, and nanoseconds where upstream keeps those.

use std::fmt;
use std::time::Duration;

/// Milliseconds since the Unix epoch; may be negative. Every timestamp of a sample or a query is one of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct TimestampMs(pub i64);

impl TimestampMs {
    /// The earliest representable time: "no lower bound".
    pub const MIN: Self = Self(i64::MIN);
    /// The latest representable time: "no upper bound".
    pub const MAX: Self = Self(i64::MAX);

    /// Returns the time `ms` milliseconds later, stopping at the ends of the scale.
    #[inline]
    pub const fn saturating_add(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns the time `ms` milliseconds earlier, stopping at the ends of the scale.
    #[inline]
    pub const fn saturating_sub(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Returns seconds since the epoch, as the API prints them.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl fmt::Debug for TimestampMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// Nanoseconds since the Unix epoch (the years 1677 to 2262): slots of evaluations and times of alerts, which upstream
/// computes and shows finer than samples.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct TimestampNs(pub i64);

impl TimestampNs {
    /// Returns the time of a sample, stopping at the ends of the scale.
    #[inline]
    pub const fn from_ms(t: TimestampMs) -> Self {
        Self(t.0.saturating_mul(1_000_000))
    }

    /// Returns the time of a sample taken then: what is finer than a millisecond is cut off.
    #[inline]
    pub const fn to_ms(self) -> TimestampMs {
        TimestampMs(self.0.div_euclid(1_000_000))
    }

    /// Returns whole seconds since the epoch.
    #[inline]
    pub const fn unix_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Returns the time so much later, stopping at the end of the scale.
    #[inline]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// Returns the time so much earlier, stopping at the end of the scale.
    #[inline]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(by)))
    }

    /// Returns how long ago `earlier` was; zero when it was not.
    #[inline]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Debug for TimestampNs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ns", self.0)
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A closed range of time: both ends belong to it, as in upstream's queriers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeRange {
    pub min: TimestampMs,
    pub max: TimestampMs,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { min: TimestampMs::MIN, max: TimestampMs::MAX };

    /// Returns whether `t` lies in the range, ends included.
    #[inline]
    pub fn contains(self, t: TimestampMs) -> bool {
        self.min <= t && t <= self.max
    }

    /// Returns whether the two closed ranges share a point.
    #[inline]
    pub fn overlaps(self, other: Self) -> bool {
        self.min <= other.max && other.min <= self.max
    }
}
