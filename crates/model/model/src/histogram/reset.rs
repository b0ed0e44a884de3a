//! Detecting that a counter histogram was reset.

use super::bucket::{Bucket, Merged};
use super::schema::is_custom_schema;
use super::{CounterReset, FloatHistogram};

impl FloatHistogram {
    /// Returns whether the counter was reset between `previous` and this histogram: any count is smaller, a populated
    /// bucket is missing, the resolution is finer or the zero bucket narrower.
    ///
    /// An explicit hint decides at once. Histograms marked as gauges are compared as counters would be.
    pub fn detect_reset(&self, previous: &Self) -> bool {
        match self.counter_reset {
            CounterReset::Reset => return true,
            CounterReset::NotReset => return false,
            CounterReset::Unknown | CounterReset::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.uses_custom_buckets() {
            if !previous.uses_custom_buckets() {
                return true;
            }
            if self.custom_values != previous.custom_values {
                return self.any_common_range_decreased(previous);
            }
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold, _) = previous.zero_count_for(self.zero_threshold, None);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        [true, false].into_iter().any(|positive| decreased(self.walk(positive, self), previous.walk(positive, self)))
    }

    /// Walks the buckets outside `like`'s zero bucket in `like`'s schema.
    fn walk(&self, positive: bool, like: &Self) -> Merged<'_> {
        let (spans, buckets) = if positive {
            (&self.positive_spans, &self.positive_buckets)
        } else {
            (&self.negative_spans, &self.negative_buckets)
        };
        Merged::new(spans, buckets, self.schema, like.schema, like.zero_threshold)
    }

    /// Compares counts between the custom bounds that both histograms have.
    fn any_common_range_decreased(&self, previous: &Self) -> bool {
        debug_assert!(is_custom_schema(self.schema) && is_custom_schema(previous.schema));
        fn up_to(buckets: &mut std::iter::Peekable<impl Iterator<Item = Bucket>>, bound: f64) -> f64 {
            let mut sum = 0.0;
            while let Some(bucket) = buckets.next_if(|b| b.upper <= bound) {
                sum += bucket.count;
            }
            sum
        }
        let (mut mine, mut before) = (self.positive().peekable(), previous.positive().peekable());
        let with_end = |bounds: &[f64]| bounds.iter().copied().chain([f64::INFINITY]).collect::<Vec<_>>();
        let theirs = with_end(&previous.custom_values);
        with_end(&self.custom_values)
            .into_iter()
            .filter(|bound| theirs.binary_search_by(|b| b.total_cmp(bound)).is_ok())
            .any(|bound| up_to(&mut mine, bound) < up_to(&mut before, bound))
    }
}

/// Returns whether a bucket of `before` is populated but missing in `now`, or holds less there.
fn decreased(now: impl Iterator<Item = (i32, f64)>, before: impl Iterator<Item = (i32, f64)>) -> bool {
    let mut now = now.peekable();
    for (index, count) in before {
        while now.next_if(|(i, _)| *i < index).is_some() {}
        let lost = match now.peek() {
            Some((i, current)) if *i == index => *current < count,
            _ => count != 0.0,
        };
        if lost {
            return true;
        }
    }
    false
}
