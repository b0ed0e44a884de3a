//! Histograms of integer counts, as they are scraped and stored.

use crate::sample::{is_stale_nan, stale_nan};

use super::FloatHistogram;
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

impl Histogram {
    /// Returns whether bucket bounds are custom.
    pub fn uses_custom_buckets(&self) -> bool {
        is_custom_schema(self.schema)
    }

    /// Returns whether this is a staleness marker.
    pub fn is_stale(&self) -> bool {
        is_stale_nan(self.sum)
    }

    /// Returns a staleness marker.
    pub fn stale() -> Self {
        Self { sum: stale_nan(), ..Self::default() }
    }

    /// Converts to float counts.
    pub fn to_float(&self) -> FloatHistogram {
        let mut out = FloatHistogram::default();
        self.to_float_into(&mut out);
        out
    }

    /// Converts to float counts, reusing the memory of `out`.
    pub fn to_float_into(&self, out: &mut FloatHistogram) {
        let custom = self.uses_custom_buckets();
        out.counter_reset = self.counter_reset;
        out.schema = self.schema;
        out.count = self.count as f64;
        out.sum = self.sum;
        out.zero_threshold = if custom { 0.0 } else { self.zero_threshold };
        out.zero_count = if custom { 0.0 } else { self.zero_count as f64 };
        out.positive_spans.clone_from(&self.positive_spans);
        add_up(&self.positive_buckets, &mut out.positive_buckets);
        out.negative_spans.clear();
        out.negative_buckets.clear();
        out.custom_values.clear();
        if custom {
            out.custom_values.extend_from_slice(&self.custom_values);
        } else {
            out.negative_spans.extend_from_slice(&self.negative_spans);
            add_up(&self.negative_buckets, &mut out.negative_buckets);
        }
    }
}

fn add_up(deltas: &[i64], out: &mut Vec<f64>) {
    let mut count = 0.0;
    out.clear();
    out.extend(deltas.iter().map(|&delta| {
        count += delta as f64;
        count
    }));
}
