//! Writing families as `io.prometheus.client.MetricFamily` messages (client_model, `metrics.proto`).
//!
//! Fields are written as Go's client writes them: what a metric is said to have is there even when it is zero.

use firesteel_base::bytes::put_uvarint;
use firesteel_model::histogram::Span;
use firesteel_model::{Exemplar, Metric, MetricFamily, MetricType, MetricValue, NativeHistogram, RichHistogram};
use firesteel_proto::encode::{
    put_bytes_field, put_message, put_some_double, put_some_varint, put_text_field, put_varint_field, put_zigzag_field,
};

/// Appends all families as delimited messages. Families without metrics are left out.
pub fn write_protobuf(families: &[MetricFamily], out: &mut Vec<u8>) {
    let mut message = Vec::new();
    for family in families.iter().filter(|f| !f.metrics.is_empty()) {
        message.clear();
        family_to_message(family, &mut message);
        put_uvarint(out, message.len() as u64);
        out.extend_from_slice(&message);
    }
}

/// Appends one message, without its length.
pub fn family_to_message(family: &MetricFamily, out: &mut Vec<u8>) {
    put_bytes_field(out, 1, family.name.as_bytes());
    put_text_field(out, 2, &family.help);
    let kind = match family.metric_type {
        MetricType::Counter => 0,
        MetricType::Gauge => 1,
        MetricType::Summary => 2,
        MetricType::Histogram => 4,
        MetricType::GaugeHistogram => 5,
        MetricType::Unknown | MetricType::Info | MetricType::StateSet => 3,
    };
    put_some_varint(out, 3, kind);
    for metric in &family.metrics {
        put_message(out, 4, |out| write_metric(metric, out));
    }
    put_text_field(out, 5, &family.unit);
}

fn write_metric(metric: &Metric, out: &mut Vec<u8>) {
    for (name, value) in &metric.labels {
        put_label(out, name, value);
    }
    let created = metric.created_ms;
    match &metric.value {
        MetricValue::Gauge(value) => put_message(out, 2, |out| put_some_double(out, 1, *value)),
        MetricValue::Counter { value, exemplar } => put_message(out, 3, |out| {
            put_some_double(out, 1, *value);
            put_exemplar(out, 2, exemplar.as_ref());
            put_timestamp(out, 3, created);
        }),
        MetricValue::Summary(summary) => put_message(out, 4, |out| {
            put_some_varint(out, 1, summary.count);
            put_some_double(out, 2, summary.sum);
            for &(rank, value) in &summary.quantiles {
                put_message(out, 3, |out| {
                    put_some_double(out, 1, rank);
                    put_some_double(out, 2, value);
                });
            }
            put_timestamp(out, 4, created);
        }),
        MetricValue::Untyped(value) => put_message(out, 5, |out| put_some_double(out, 1, *value)),
        MetricValue::Histogram(h) => put_message(out, 7, |out| {
            put_some_varint(out, 1, h.count);
            put_some_double(out, 2, h.sum);
            for bucket in &h.buckets {
                put_message(out, 3, |out| {
                    put_some_varint(out, 1, bucket.cumulative_count);
                    put_some_double(out, 2, bucket.upper_bound);
                    put_exemplar(out, 3, bucket.exemplar.as_ref());
                });
            }
            put_timestamp(out, 15, created);
        }),
        MetricValue::RichHistogram(h) => put_message(out, 7, |out| write_rich(h, created, out)),
    }
    if let Some(ms) = metric.timestamp_ms {
        put_some_varint(out, 6, ms as u64);
    }
}

fn write_rich(h: &RichHistogram, created: Option<i64>, out: &mut Vec<u8>) {
    if h.float_counts.is_none() {
        put_some_varint(out, 1, h.classic.count);
    }
    put_some_double(out, 2, h.classic.sum);
    for ((upper_bound, cumulative), bucket) in h.buckets().zip(&h.classic.buckets) {
        put_message(out, 3, |out| {
            if h.float_counts.is_none() {
                put_some_varint(out, 1, bucket.cumulative_count);
            }
            put_some_double(out, 2, upper_bound);
            put_exemplar(out, 3, bucket.exemplar.as_ref());
            if h.float_counts.is_some() {
                put_some_double(out, 4, cumulative);
            }
        });
    }
    if let Some(floats) = &h.float_counts {
        put_some_double(out, 4, floats.count);
    }
    match &h.native {
        None => {}
        Some(NativeHistogram::Int(h)) => {
            put_zigzag_field(out, 5, i64::from(h.schema));
            put_some_double(out, 6, h.zero_threshold);
            put_some_varint(out, 7, h.zero_count);
            put_spans(out, 9, &h.negative_spans);
            put_deltas(out, 10, &h.negative_buckets);
            put_spans(out, 12, spans_or_mark(&h.positive_spans, &h.negative_spans, h.zero_threshold));
            put_deltas(out, 13, &h.positive_buckets);
        }
        Some(NativeHistogram::Float(h)) => {
            put_zigzag_field(out, 5, i64::from(h.schema));
            put_some_double(out, 6, h.zero_threshold);
            put_some_double(out, 8, h.zero_count);
            put_spans(out, 9, &h.negative_spans);
            put_floats(out, 11, &h.negative_buckets);
            put_spans(out, 12, spans_or_mark(&h.positive_spans, &h.negative_spans, h.zero_threshold));
            put_floats(out, 14, &h.positive_buckets);
        }
    }
    put_timestamp(out, 15, created);
    for exemplar in &h.exemplars {
        put_exemplar(out, 16, Some(exemplar));
    }
}

/// An empty native histogram is told from a classic one by a span of no length, as client_golang marks it.
fn spans_or_mark<'a>(positive: &'a [Span], negative: &[Span], zero_threshold: f64) -> &'a [Span] {
    if positive.is_empty() && negative.is_empty() && zero_threshold == 0.0 {
        return &[Span { offset: 0, length: 0 }];
    }
    positive
}

fn put_spans(out: &mut Vec<u8>, field: u32, spans: &[Span]) {
    for span in spans {
        put_message(out, field, |out| {
            put_zigzag_field(out, 1, i64::from(span.offset));
            put_varint_field(out, 2, u64::from(span.length));
        });
    }
}

/// Not packed, as proto2 has it.
fn put_deltas(out: &mut Vec<u8>, field: u32, deltas: &[i64]) {
    for delta in deltas {
        put_some_varint(out, field, ((delta << 1) ^ (delta >> 63)) as u64);
    }
}

fn put_floats(out: &mut Vec<u8>, field: u32, counts: &[f64]) {
    for count in counts {
        put_some_double(out, field, *count);
    }
}

fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    put_message(out, 1, |out| {
        put_bytes_field(out, 1, name.as_bytes());
        put_bytes_field(out, 2, value.as_bytes());
    });
}

fn put_exemplar(out: &mut Vec<u8>, field: u32, exemplar: Option<&Exemplar>) {
    let Some(exemplar) = exemplar else { return };
    put_message(out, field, |out| {
        for (name, value) in &exemplar.labels {
            put_label(out, name, value);
        }
        put_some_double(out, 2, exemplar.value);
        put_timestamp(out, 3, exemplar.timestamp_ms);
    });
}

fn put_timestamp(out: &mut Vec<u8>, field: u32, ms: Option<i64>) {
    let Some(ms) = ms else { return };
    put_message(out, field, |out| {
        put_varint_field(out, 1, ms.div_euclid(1000) as u64);
        put_varint_field(out, 2, ms.rem_euclid(1000) as u64 * 1_000_000);
    });
}
