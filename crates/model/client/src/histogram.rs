//! Observations counted in fixed buckets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firesteel_model::{Bucket, ClassicHistogram, MetricType, MetricValue};

use crate::Instrument;
use crate::atomic_float::AtomicFloat;

/// Counts observations by size. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    /// Increasing and finite.
    upper_bounds: Box<[f64]>,
    /// One more than bounds: the last is for what is above them all, NaN included.
    in_bucket: Box<[AtomicU64]>,
    sum: AtomicFloat,
}

impl Histogram {
    /// Makes a histogram with these upper bounds; they are sorted, and +Inf is understood.
    pub fn new(upper_bounds: &[f64]) -> Self {
        let mut bounds: Vec<f64> = upper_bounds.iter().copied().filter(|bound| bound.is_finite()).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let in_bucket = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counts { upper_bounds: bounds.into(), in_bucket, sum: AtomicFloat::default() }))
    }

    /// Counts one observation.
    pub fn observe(&self, v: f64) {
        let at = if v.is_nan() {
            self.0.upper_bounds.len()
        } else {
            self.0.upper_bounds.partition_point(|&bound| bound < v)
        };
        self.0.in_bucket[at].fetch_add(1, Ordering::Relaxed);
        self.0.sum.add(v);
    }

    /// Counts a duration in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Returns the counts. Buckets and count always agree; while others observe, the sum may be one observation ahead
    /// or behind.
    pub fn snapshot(&self) -> ClassicHistogram {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.0.upper_bounds.len());
        for (n, upper_bound) in self.0.in_bucket.iter().zip(self.0.upper_bounds.iter().copied().chain([f64::INFINITY]))
        {
            count += n.load(Ordering::Relaxed);
            if upper_bound.is_finite() {
                buckets.push(Bucket { upper_bound, cumulative_count: count, exemplar: None });
            }
        }
        ClassicHistogram { count, sum: self.0.sum.get(), buckets }
    }
}

impl Instrument for Histogram {
    type Settings = Vec<f64>;
    const METRIC_TYPE: MetricType = MetricType::Histogram;

    fn create(upper_bounds: &Vec<f64>) -> Self {
        Self::new(upper_bounds)
    }

    fn read(&self) -> MetricValue {
        MetricValue::Histogram(self.snapshot())
    }
}
