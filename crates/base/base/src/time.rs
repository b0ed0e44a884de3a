//! Milliseconds since the Unix epoch, and ranges of them.

use std::fmt;

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
