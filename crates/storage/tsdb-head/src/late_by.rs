//! How far behind the newest sample late samples are, by upstream's buckets.

use firesteel_client::{Histogram, Instrument as _, NativeBuckets};
use firesteel_model::MetricValue;

/// Upper bounds in seconds, those of `prometheus_tsdb_sample_ooo_delta`.
const BOUNDS: [f64; 7] = [600.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0];

/// Counts of late samples by how many seconds they are behind.
#[derive(Debug)]
pub struct LateBy(Histogram);

impl Default for LateBy {
    fn default() -> Self {
        Self(Histogram::native(&BOUNDS, NativeBuckets::default()))
    }
}

impl LateBy {
    /// Notes a sample that is `ms` behind; one that is not behind at all does not count.
    #[cold]
    pub(crate) fn note(&self, ms: i64) {
        if ms > 0 {
            self.0.observe(ms as f64 / 1000.0);
        }
    }

    /// Returns the counts, and since when they are counted, in milliseconds.
    pub fn read(&self) -> (MetricValue, Option<i64>) {
        self.0.read()
    }
}
