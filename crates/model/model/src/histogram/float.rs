//! Histograms of float counts, as PromQL computes with them.

use crate::sample::{is_stale_nan, stale_nan};

use super::HistogramError;
use super::schema::is_custom_schema;
use super::span::{CounterReset, Span, spans_match};

/// A native histogram of float counts. Buckets hold absolute counts.
#[derive(Clone, Debug, Default)]
pub struct FloatHistogram {
    pub counter_reset: CounterReset,
    /// −4 to 8 for exponential buckets (each bound is the last times 2^(2^−schema)), −53 for custom bounds.
    pub schema: i32,
    /// Half the width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// Sum of all observations; the staleness marker here marks the histogram as stale.
    pub sum: f64,
    pub positive_spans: Vec<Span>,
    pub negative_spans: Vec<Span>,
    pub positive_buckets: Vec<f64>,
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of custom buckets, strictly increasing, the last (+Inf) left out; empty unless the schema is −53.
    pub custom_values: Vec<f64>,
}

impl PartialEq for FloatHistogram {
    /// Compares data, not mathematics: same buckets (empty ones too), floats by bits, hints aside (`Equals` of upstream).
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema
            && self.count.to_bits() == other.count.to_bits()
            && self.sum.to_bits() == other.sum.to_bits()
            && (!is_custom_schema(self.schema) || self.custom_values == other.custom_values)
            && self.zero_threshold == other.zero_threshold
            && self.zero_count.to_bits() == other.zero_count.to_bits()
            && spans_match(&self.negative_spans, &other.negative_spans)
            && same_bits(&self.negative_buckets, &other.negative_buckets)
            && spans_match(&self.positive_spans, &other.positive_spans)
            && same_bits(&self.positive_buckets, &other.positive_buckets)
    }
}

fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()))
}

impl FloatHistogram {
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

    /// Returns whether any count, the sum or a bound is infinite.
    pub fn has_overflow(&self) -> bool {
        [self.zero_count, self.count, self.sum]
            .iter()
            .chain(&self.positive_buckets)
            .chain(&self.negative_buckets)
            .chain(&self.custom_values)
            .any(|v| v.is_infinite())
    }

    /// Returns a copy with a coarser exponential schema and no counter reset hint; a plain copy where the schema is the same.
    pub fn copy_to_schema(&self, schema: i32) -> Result<Self, HistogramError> {
        let mut copy = self.clone();
        if schema != self.schema {
            copy.reduce_resolution(schema)?;
            copy.counter_reset = CounterReset::Unknown;
        }
        Ok(copy)
    }

    /// Returns the bytes that upstream counts for a histogram: 168 and 8 for each span, bucket and bound. The samples that a
    /// query may load are measured by it.
    pub fn size_bytes(&self) -> usize {
        let parts = [
            self.positive_spans.len(),
            self.negative_spans.len(),
            self.positive_buckets.len(),
            self.negative_buckets.len(),
            self.custom_values.len(),
        ];
        168 + 8 * parts.iter().sum::<usize>()
    }
}
