//! Histograms of integer counts, as they are scraped and stored.

use super::schema::is_custom_schema;
use super::span::{CounterReset, Span, spans_match};

/// A native histogram of integer counts. Buckets hold deltas: the first an absolute count, each other the difference to
/// its predecessor.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    pub counter_reset: CounterReset,
    /// −4 to 8 for exponential buckets (each bound is the last times 2^(2^−schema)), −53 for custom bounds.
    pub schema: i32,
    /// Half the width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: u64,
    /// All observations.
    pub count: u64,
    /// Sum of all observations; the staleness marker here marks the histogram as stale.
    pub sum: f64,
    pub positive_spans: Vec<Span>,
    pub negative_spans: Vec<Span>,
    pub positive_buckets: Vec<i64>,
    pub negative_buckets: Vec<i64>,
    /// Upper bounds of custom buckets, strictly increasing, the last (+Inf) left out; empty unless the schema is −53.
    pub custom_values: Vec<f64>,
}

impl PartialEq for Histogram {
    /// Compares data, not mathematics: same buckets (empty ones too), floats by bits, hints aside (`Equals` of upstream).
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema
            && self.count == other.count
            && self.sum.to_bits() == other.sum.to_bits()
            && (!is_custom_schema(self.schema) || self.custom_values == other.custom_values)
            && self.zero_threshold == other.zero_threshold
            && self.zero_count == other.zero_count
            && spans_match(&self.negative_spans, &other.negative_spans)
            && self.negative_buckets == other.negative_buckets
            && spans_match(&self.positive_spans, &other.positive_spans)
            && self.positive_buckets == other.positive_buckets
    }
}
