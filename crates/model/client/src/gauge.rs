//! A number that goes up and down.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use firesteel_model::{MetricType, MetricValue};

use crate::Instrument;
use crate::atomic_float::AtomicFloat;

/// A present value. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicFloat>);

impl Gauge {
    /// Sets the value.
    #[inline]
    pub fn set(&self, v: f64) {
        self.0.set(v);
    }

    /// Adds one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Subtracts one.
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// Adds an amount that may be negative.
    pub fn add(&self, v: f64) {
        self.0.add(v);
    }

    /// Sets the value to the seconds since the Unix epoch.
    pub fn set_to_current_time(&self) {
        self.set(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()));
    }

    /// Returns the value.
    pub fn value(&self) -> f64 {
        self.0.get()
    }
}

impl Instrument for Gauge {
    type Settings = ();
    const METRIC_TYPE: MetricType = MetricType::Gauge;

    fn create((): &()) -> Self {
        Self::default()
    }

    fn read(&self) -> (MetricValue, Option<i64>) {
        (MetricValue::Gauge(self.value()), None)
    }
}
