//! Writing families in the text format 0.0.4, as upstream's `expfmt.MetricFamilyToText`.

use firesteel_go_compat::{FloatForm, push_float};
use firesteel_model::{Labels, MetricFamily, MetricType, MetricValue};

use crate::write_labels::{push_escaped_help, push_help_name, push_series};

/// Appends all families. Families without metrics are left out.
pub fn write_text(families: &[MetricFamily], out: &mut Vec<u8>) {
    for family in families.iter().filter(|f| !f.metrics.is_empty()) {
        if !family.help.is_empty() {
            out.extend_from_slice(b"# HELP ");
            push_help_name(out, &family.name);
            out.push(b' ');
            push_escaped_help(out, &family.help, false);
            out.push(b'\n');
        }
        push_text_type(out, &family.name, type_word(family.metric_type));
        for metric in &family.metrics {
            let mut line = |suffix: &str, extra: Option<(&str, f64)>, value: f64| {
                sample(out, &family.name, suffix, &metric.labels, extra, value, metric.timestamp_ms);
            };
            match &metric.value {
                MetricValue::Counter { value, .. } | MetricValue::Gauge(value) | MetricValue::Untyped(value) => {
                    line("", None, *value);
                }
                MetricValue::Summary(summary) => {
                    for &(rank, value) in &summary.quantiles {
                        line("", Some(("quantile", rank)), value);
                    }
                    line("_sum", None, summary.sum);
                    line("_count", None, summary.count as f64);
                }
                MetricValue::Histogram(histogram) => {
                    for bucket in &histogram.buckets {
                        line("_bucket", Some(("le", bucket.upper_bound)), bucket.cumulative_count as f64);
                    }
                    if !histogram.buckets.iter().any(|b| b.upper_bound == f64::INFINITY) {
                        line("_bucket", Some(("le", f64::INFINITY)), histogram.count as f64);
                    }
                    line("_sum", None, histogram.sum);
                    line("_count", None, histogram.count as f64);
                }
                MetricValue::RichHistogram(histogram) => {
                    let count = histogram.count();
                    for (upper_bound, cumulative) in histogram.buckets() {
                        line("_bucket", Some(("le", upper_bound)), cumulative);
                    }
                    if !histogram.buckets().any(|(upper_bound, _)| upper_bound == f64::INFINITY) {
                        line("_bucket", Some(("le", f64::INFINITY)), count);
                    }
                    line("_sum", None, histogram.classic.sum);
                    line("_count", None, count);
                }
            }
        }
    }
}

/// Appends a TYPE line.
pub fn push_text_type(out: &mut Vec<u8>, name: &str, word: &str) {
    out.extend_from_slice(b"# TYPE ");
    push_help_name(out, name);
    out.push(b' ');
    out.extend_from_slice(word.as_bytes());
    out.push(b'\n');
}

/// Appends one sample with its labels in the order given.
pub fn push_text_sample<'a>(
    out: &mut Vec<u8>,
    name: &str,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    value: f64,
    timestamp_ms: Option<i64>,
) {
    push_series(out, name, "", labels, None);
    push_value(out, value, timestamp_ms);
}

/// Types that the format does not know are untyped in it.
fn type_word(metric_type: MetricType) -> &'static str {
    match metric_type {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        // upstream: a gauge histogram is written as a histogram (common/expfmt/text_create.go); kept.
        MetricType::Histogram | MetricType::GaugeHistogram => "histogram",
        MetricType::Summary => "summary",
        MetricType::Unknown | MetricType::Info | MetricType::StateSet => "untyped",
    }
}

fn sample(
    out: &mut Vec<u8>,
    name: &str,
    suffix: &str,
    labels: &Labels,
    extra: Option<(&str, f64)>,
    value: f64,
    timestamp_ms: Option<i64>,
) {
    push_series(out, name, suffix, labels, extra.map(|(label, v)| (label, v, FloatForm::General)));
    push_value(out, value, timestamp_ms);
}

fn push_value(out: &mut Vec<u8>, value: f64, timestamp_ms: Option<i64>) {
    out.push(b' ');
    push_float(out, value, FloatForm::General);
    if let Some(ms) = timestamp_ms {
        out.push(b' ');
        out.extend_from_slice(ms.to_string().as_bytes());
    }
    out.push(b'\n');
}
