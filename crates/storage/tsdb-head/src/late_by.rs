//! How far behind the newest sample late samples are, by upstream's buckets.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds in seconds, those of `prometheus_tsdb_sample_ooo_delta`.
pub const LATE_BOUNDS: [u64; 7] = [600, 1800, 3600, 7200, 10_800, 21_600, 43_200];

/// Counts by bucket, the last one without bound, and their sum.
#[derive(Debug, Default)]
pub struct LateBy {
    counts: [AtomicU64; LATE_BOUNDS.len() + 1],
    sum_ms: AtomicU64,
}

impl LateBy {
    /// Notes a sample that is `ms` behind; one that is not behind at all does not count.
    #[cold]
    pub(crate) fn note(&self, ms: i64) {
        let Some(ms) = u64::try_from(ms).ok().filter(|ms| *ms > 0) else { return };
        let bucket = LATE_BOUNDS.partition_point(|bound| bound * 1000 < ms);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Returns the counts of the buckets, not cumulative, and the sum in seconds.
    pub fn read(&self) -> ([u64; LATE_BOUNDS.len() + 1], f64) {
        let counts = std::array::from_fn(|i| self.counts.get(i).map_or(0, |n| n.load(Ordering::Relaxed)));
        (counts, self.sum_ms.load(Ordering::Relaxed) as f64 / 1000.0)
    }
}
