//! A number that only grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firesteel_base::{Clock, SystemClock};
use firesteel_model::{MetricType, MetricValue};

use crate::Instrument;
use crate::atomic_float::AtomicFloat;

/// Counts events or amounts. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<Count>);

/// Whole amounts, the usual case, need one atomic addition; the rest is kept apart.
#[derive(Debug)]
struct Count {
    whole: AtomicU64,
    rest: AtomicFloat,
    began_ms: i64,
}

impl Default for Count {
    fn default() -> Self {
        Self { whole: AtomicU64::new(0), rest: AtomicFloat::default(), began_ms: SystemClock.now().0 }
    }
}

impl Counter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds a whole amount.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        self.0.whole.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds an amount; what is negative or NaN is ignored, for a counter never goes down.
    pub fn add(&self, v: f64) {
        if v > 0.0 {
            self.0.rest.add(v);
        }
    }

    /// Returns the count.
    pub fn value(&self) -> f64 {
        self.0.whole.load(Ordering::Relaxed) as f64 + self.0.rest.get()
    }
}

impl Instrument for Counter {
    type Settings = ();
    const METRIC_TYPE: MetricType = MetricType::Counter;

    fn create((): &()) -> Self {
        Self::default()
    }

    fn read(&self) -> (MetricValue, Option<i64>) {
        (MetricValue::Counter { value: self.value(), exemplar: None }, Some(self.0.began_ms))
    }
}
