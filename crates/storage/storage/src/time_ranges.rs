//! Deleted times of a series.

use firesteel_base::{TimeRange, TimestampMs};

/// Closed ranges of time, sorted, that neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TimeRanges(Vec<TimeRange>);

impl TimeRanges {
    /// Adds a range and joins what it overlaps or touches. A range that ends before it begins is none.
    pub fn add(&mut self, range: TimeRange) {
        if range.min > range.max {
            return;
        }
        let from = self.0.partition_point(|r| r.max.saturating_add(1) < range.min);
        let to = self.0.partition_point(|r| r.min <= range.max.saturating_add(1));
        let mut joined = range;
        for r in &self.0[from..to] {
            joined.min = joined.min.min(r.min);
            joined.max = joined.max.max(r.max);
        }
        self.0.splice(from..to, [joined]);
    }

    /// Returns the ranges, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = TimeRange> + '_ {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether some range has `t`.
    pub fn contains(&self, t: TimestampMs) -> bool {
        let at = self.0.partition_point(|r| r.max < t);
        self.0.get(at).is_some_and(|r| r.min <= t)
    }

    /// Returns whether some range has all of `range`.
    pub fn covers(&self, range: TimeRange) -> bool {
        let at = self.0.partition_point(|r| r.max < range.min);
        self.0.get(at).is_some_and(|r| r.min <= range.min && range.max <= r.max)
    }

    /// Returns whether some range shares a point with `range`.
    pub fn overlaps(&self, range: TimeRange) -> bool {
        let at = self.0.partition_point(|r| r.max < range.min);
        self.0.get(at).is_some_and(|r| r.min <= range.max)
    }

    /// Drops what lies before `t`.
    pub fn truncate_before(&mut self, t: TimestampMs) {
        self.0.retain_mut(|r| {
            r.min = r.min.max(t);
            r.max >= t
        });
    }
}

impl FromIterator<TimeRange> for TimeRanges {
    fn from_iter<I: IntoIterator<Item = TimeRange>>(ranges: I) -> Self {
        let mut all = Self::default();
        ranges.into_iter().for_each(|range| all.add(range));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(min: i64, max: i64) -> TimeRange {
        TimeRange { min: TimestampMs(min), max: TimestampMs(max) }
    }

    #[test]
    fn ranges_are_a_set_of_times() {
        let offers = [(5, 7), (20, 30), (8, 9), (1, 2), (3, 3), (40, 39), (29, 41), (50, 50), (-5, -3), (10, 19)];
        let mut ranges = TimeRanges::default();
        for n in 0..offers.len() {
            ranges.add(range(offers[n].0, offers[n].1));
            let is_in = |t: i64| offers[..=n].iter().any(|o| o.0 <= t && t <= o.1);
            for t in -8..60 {
                assert_eq!(ranges.contains(TimestampMs(t)), is_in(t), "{t} {ranges:?}");
                for len in [0, 1, 4, 12] {
                    let r = range(t, t + len);
                    assert_eq!(ranges.covers(r), (t..=t + len).all(is_in), "{r:?} {ranges:?}");
                    assert_eq!(ranges.overlaps(r), (t..=t + len).any(is_in), "{r:?} {ranges:?}");
                }
            }
            assert!(ranges.0.windows(2).all(|w| w[0].max.0 + 1 < w[1].min.0));
        }
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [range(-5, -3), range(1, 3), range(5, 41), range(50, 50)]);
        ranges.truncate_before(TimestampMs(10));
        assert_eq!(ranges, [range(50, 50), range(10, 41)].into_iter().collect());
        let all: TimeRanges = [range(i64::MIN, 3), range(4, i64::MAX)].into_iter().collect();
        assert_eq!(all.len(), 1);
    }
}
