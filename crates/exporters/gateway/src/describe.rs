//! A metric as upstream's error texts show it: protobuf's text form on one line.

use std::fmt::Write as _;

use firesteel_go_compat::{FloatForm, format_float_as, quote};
use firesteel_model::{ClassicHistogram, MetricType, MetricValue, RichHistogram};

/// Returns the type as protobuf names it.
pub(crate) fn type_name(metric_type: MetricType) -> &'static str {
    match metric_type {
        MetricType::Counter => "COUNTER",
        MetricType::Gauge => "GAUGE",
        MetricType::Summary => "SUMMARY",
        MetricType::Histogram => "HISTOGRAM",
        MetricType::GaugeHistogram => "GAUGE_HISTOGRAM",
        _ => "UNTYPED",
    }
}

/// Returns labels and value.
pub(crate) fn described<'a>(
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    value: Option<&MetricValue>,
) -> String {
    let mut out = String::new();
    for (name, value) in labels {
        let _ = write!(out, "label:{{name:{} value:{}}} ", quote(name), quote(value));
    }
    match value {
        None => {}
        Some(MetricValue::Counter { value, .. }) => out += &format!("counter:{{value:{}}}", number(*value)),
        Some(MetricValue::Gauge(value)) => out += &format!("gauge:{{value:{}}}", number(*value)),
        Some(MetricValue::Untyped(value)) => out += &format!("untyped:{{value:{}}}", number(*value)),
        Some(MetricValue::Summary(summary)) => {
            let _ = write!(out, "summary:{{sample_count:{} sample_sum:{}", summary.count, number(summary.sum));
            for &(rank, value) in &summary.quantiles {
                let _ = write!(out, " quantile:{{quantile:{} value:{}}}", number(rank), number(value));
            }
            out.push('}');
        }
        Some(MetricValue::Histogram(h)) => classic(&mut out, h),
        Some(MetricValue::RichHistogram(h)) => rich(&mut out, h),
    }
    out.trim_end().to_owned()
}

fn classic(out: &mut String, h: &ClassicHistogram) {
    let _ = write!(out, "histogram:{{sample_count:{} sample_sum:{}", h.count, number(h.sum));
    for bucket in &h.buckets {
        let (count, upper) = (bucket.cumulative_count, number(bucket.upper_bound));
        let _ = write!(out, " bucket:{{cumulative_count:{count} upper_bound:{upper}}}");
    }
    out.push('}');
}

fn rich(out: &mut String, h: &RichHistogram) {
    let _ = write!(out, "histogram:{{sample_count_float:{} sample_sum:{}", number(h.count()), number(h.classic.sum));
    for (upper, count) in h.buckets() {
        let (count, upper) = (number(count), number(upper));
        let _ = write!(out, " bucket:{{cumulative_count_float:{count} upper_bound:{upper}}}");
    }
    out.push('}');
}

fn number(v: f64) -> String {
    match v {
        f64::INFINITY => "inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        v if v.is_nan() => "nan".to_owned(),
        v => format_float_as(v, FloatForm::General).to_string(),
    }
}
