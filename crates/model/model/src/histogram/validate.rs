//! What a histogram must keep to be taken.

use super::error::Side;
use super::schema::{is_custom_schema, is_exponential_schema};
use super::span::buckets_of;
use super::{Count, FloatHistogram, Histogram, HistogramError, Span};

impl Histogram {
    /// Checks that spans, buckets, bounds and counts fit together.
    ///
    /// The count must equal what the buckets hold; with a NaN sum it may be more, because NaN observations are in no bucket.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let mut found = self.zero_count;
        if is_custom_schema(self.schema) {
            let zero = (self.zero_count != 0, self.zero_threshold != 0.0);
            let negative = (!self.negative_spans.is_empty(), !self.negative_buckets.is_empty());
            check_custom(&self.custom_values, &self.positive_spans, self.positive_buckets.len(), zero, negative)?;
        } else if is_exponential_schema(self.schema) {
            check_spans(&self.positive_spans, self.positive_buckets.len(), Side::Positive)?;
            check_spans(&self.negative_spans, self.negative_buckets.len(), Side::Negative)?;
            found = found.wrapping_add(check_deltas(&self.negative_buckets, Side::Negative)?);
            if !self.custom_values.is_empty() {
                return Err(HistogramError::ExponentialSchemaCustomBounds);
            }
        } else {
            return Err(HistogramError::InvalidSchema { schema: self.schema });
        }
        found = found.wrapping_add(check_deltas(&self.positive_buckets, Side::Positive)?);
        let count = self.count;
        match self.sum.is_nan() {
            true if found > count => Err(HistogramError::CountNotBigEnough { found, count }),
            false if found != count => Err(HistogramError::CountMismatch { found, count }),
            _ => Ok(()),
        }
    }
}

impl FloatHistogram {
    /// Checks that spans, buckets and bounds fit together and no count is negative. The count is not compared with the
    /// buckets' sum, which may differ by rounding.
    pub fn validate(&self) -> Result<(), HistogramError> {
        if is_custom_schema(self.schema) {
            let zero = (self.zero_count != 0.0, self.zero_threshold != 0.0);
            let negative = (!self.negative_spans.is_empty(), !self.negative_buckets.is_empty());
            check_custom(&self.custom_values, &self.positive_spans, self.positive_buckets.len(), zero, negative)?;
        } else if is_exponential_schema(self.schema) {
            check_spans(&self.positive_spans, self.positive_buckets.len(), Side::Positive)?;
            check_spans(&self.negative_spans, self.negative_buckets.len(), Side::Negative)?;
            check_counts(&self.negative_buckets, Side::Negative)?;
            if self.zero_count < 0.0 {
                return Err(HistogramError::NegativeZeroCount { count: Count::Float(self.zero_count.to_bits()) });
            }
            if !self.custom_values.is_empty() {
                return Err(HistogramError::ExponentialSchemaCustomBounds);
            }
        } else {
            return Err(HistogramError::InvalidSchema { schema: self.schema });
        }
        if self.count < 0.0 {
            return Err(HistogramError::NegativeCount { count: Count::Float(self.count.to_bits()) });
        }
        check_counts(&self.positive_buckets, Side::Positive)
    }
}

fn check_spans(spans: &[Span], have: usize, side: Side) -> Result<(), HistogramError> {
    for (i, span) in spans.iter().enumerate().skip(1) {
        if span.offset < 0 {
            return Err(HistogramError::SpanNegativeOffset { side, number: i + 1, offset: span.offset });
        }
    }
    match buckets_of(spans) {
        need if need != have => Err(HistogramError::SpansBucketsMismatch { side, need, have }),
        _ => Ok(()),
    }
}

fn check_deltas(deltas: &[i64], side: Side) -> Result<u64, HistogramError> {
    let (mut count, mut sum) = (0i64, 0u64);
    for (i, delta) in deltas.iter().enumerate() {
        count = count.wrapping_add(*delta);
        if count < 0 {
            return Err(HistogramError::NegativeBucketCount { side, number: i + 1, count: Count::Int(count) });
        }
        sum = sum.wrapping_add(count as u64);
    }
    Ok(sum)
}

fn check_counts(counts: &[f64], side: Side) -> Result<(), HistogramError> {
    match counts.iter().position(|&count| count < 0.0) {
        Some(i) => {
            let count = Count::Float(counts.get(i).copied().unwrap_or_default().to_bits());
            Err(HistogramError::NegativeBucketCount { side, number: i + 1, count })
        }
        None => Ok(()),
    }
}

/// `zero` and `negative` say whether those parts are there: (count, threshold) and (spans, buckets).
fn check_custom(
    bounds: &[f64],
    spans: &[Span],
    have: usize,
    zero: (bool, bool),
    negative: (bool, bool),
) -> Result<(), HistogramError> {
    check_bounds(bounds)?;
    let side = Side::Custom;
    for (i, span) in spans.iter().enumerate() {
        if span.offset < 0 {
            return Err(HistogramError::SpanNegativeOffset { side, number: i + 1, offset: span.offset });
        }
    }
    let need = buckets_of(spans);
    if need != have {
        return Err(HistogramError::SpansBucketsMismatch { side, need, have });
    }
    let reach: i64 = spans.iter().map(|span| i64::from(span.length) + i64::from(span.offset)).sum();
    if (bounds.len() as i64) + 1 < reach {
        return Err(HistogramError::CustomBoundsTooFew { bounds: bounds.len(), spans: reach });
    }
    match (zero, negative) {
        ((true, _), _) => Err(HistogramError::CustomBucketsZeroCount),
        ((_, true), _) => Err(HistogramError::CustomBucketsZeroThreshold),
        (_, (true, _)) => Err(HistogramError::CustomBucketsNegativeSpans),
        (_, (_, true)) => Err(HistogramError::CustomBucketsNegativeBuckets),
        _ => Ok(()),
    }
}

fn check_bounds(bounds: &[f64]) -> Result<(), HistogramError> {
    let mut previous = f64::NEG_INFINITY;
    for (i, &current) in bounds.iter().enumerate() {
        if current.is_nan() {
            return Err(HistogramError::CustomBoundsNaN);
        }
        if i > 0 && current <= previous {
            let (previous, current) = (previous.to_bits(), current.to_bits());
            return Err(HistogramError::CustomBoundsInvalid { previous, current });
        }
        previous = current;
    }
    if previous == f64::INFINITY { Err(HistogramError::CustomBoundsInfinite) } else { Ok(()) }
}
