//! Native histograms between the wire and the model.

use firesteel_model::histogram::{
    CounterReset, FloatHistogram, Histogram, HistogramError, SCHEMA_MAX, SCHEMA_MAX_RESERVED, Span,
};
use firesteel_proto::histogram::{Count, Histogram as Wire};
use firesteel_storage::HistogramValue;

fn counter_reset(hint: i32) -> CounterReset {
    match hint {
        1 => CounterReset::Reset,
        2 => CounterReset::NotReset,
        3 => CounterReset::Gauge,
        _ => CounterReset::Unknown,
    }
}

fn reset_hint(reset: CounterReset) -> i32 {
    match reset {
        CounterReset::Unknown => 0,
        CounterReset::Reset => 1,
        CounterReset::NotReset => 2,
        CounterReset::Gauge => 3,
    }
}

fn spans(wire: &[(i32, u32)]) -> Vec<Span> {
    wire.iter().map(|&(offset, length)| Span { offset, length }).collect()
}

/// Takes a histogram off the wire. A resolution above what is known is brought down, as upstream does; nothing else is
/// checked.
pub(crate) fn from_wire(wire: Wire) -> Result<HistogramValue, HistogramError> {
    let too_fine = wire.schema > SCHEMA_MAX && wire.schema <= SCHEMA_MAX_RESERVED;
    if wire.is_float() {
        let mut histogram = FloatHistogram {
            counter_reset: counter_reset(wire.reset_hint),
            schema: wire.schema,
            zero_threshold: wire.zero_threshold,
            zero_count: wire.zero_count.float(),
            count: wire.count.float(),
            sum: wire.sum,
            positive_spans: spans(&wire.positive_spans),
            negative_spans: spans(&wire.negative_spans),
            positive_buckets: wire.positive_counts,
            negative_buckets: wire.negative_counts,
            custom_values: wire.custom_values,
        };
        if too_fine {
            histogram.reduce_resolution(SCHEMA_MAX)?;
        }
        return Ok(HistogramValue::Float(Box::new(histogram)));
    }
    let mut histogram = Histogram {
        counter_reset: counter_reset(wire.reset_hint),
        schema: wire.schema,
        zero_threshold: wire.zero_threshold,
        zero_count: wire.zero_count.int(),
        count: wire.count.int(),
        sum: wire.sum,
        positive_spans: spans(&wire.positive_spans),
        negative_spans: spans(&wire.negative_spans),
        positive_buckets: wire.positive_deltas,
        negative_buckets: wire.negative_deltas,
        custom_values: wire.custom_values,
    };
    if too_fine {
        histogram.reduce_resolution(SCHEMA_MAX)?;
    }
    Ok(HistogramValue::Int(Box::new(histogram)))
}

fn wire_spans(spans: &[Span]) -> Vec<(i32, u32)> {
    spans.iter().map(|span| (span.offset, span.length)).collect()
}

/// Puts a histogram on the wire.
pub(crate) fn to_wire(t_ms: i64, value: &HistogramValue) -> Wire {
    match value {
        HistogramValue::Int(h) => Wire {
            count: Count::Int(h.count),
            sum: h.sum,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            zero_count: Count::Int(h.zero_count),
            negative_spans: wire_spans(&h.negative_spans),
            negative_deltas: h.negative_buckets.clone(),
            positive_spans: wire_spans(&h.positive_spans),
            positive_deltas: h.positive_buckets.clone(),
            reset_hint: reset_hint(h.counter_reset),
            timestamp_ms: t_ms,
            custom_values: h.custom_values.clone(),
            ..Wire::default()
        },
        HistogramValue::Float(h) => Wire {
            count: Count::Float(h.count),
            sum: h.sum,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            zero_count: Count::Float(h.zero_count),
            negative_spans: wire_spans(&h.negative_spans),
            negative_counts: h.negative_buckets.clone(),
            positive_spans: wire_spans(&h.positive_spans),
            positive_counts: h.positive_buckets.clone(),
            reset_hint: reset_hint(h.counter_reset),
            timestamp_ms: t_ms,
            custom_values: h.custom_values.clone(),
            ..Wire::default()
        },
    }
}
