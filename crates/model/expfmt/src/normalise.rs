//! Label values that are numbers, in OpenMetrics' one way of writing them.

use firesteel_go_compat::{FloatForm, parse_float, push_float};
use firesteel_model::{BUCKET_LABEL, MetricType};

/// The label of a summary's quantiles.
const QUANTILE_LABEL: &str = "quantile";

/// Returns the normal form of `le` in a histogram and of `quantile` in a summary; `None` where the value stays.
pub(crate) fn label_value(metric_type: MetricType, label: &str, value: &str) -> Option<String> {
    let is_number = match metric_type {
        MetricType::Histogram => label == BUCKET_LABEL,
        MetricType::Summary => label == QUANTILE_LABEL,
        _ => false,
    };
    if !is_number {
        return None;
    }
    parse_float(value).ok().map(openmetrics_float)
}

/// Writes a float as OpenMetrics does: Go's shortest `g` form, with `.0` where it would look like an integer
/// (`model/labels/float.go`, `FormatOpenMetricsFloat`).
pub fn openmetrics_float(v: f64) -> String {
    let mut out = Vec::with_capacity(24);
    push_openmetrics_float(&mut out, v);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends what [`openmetrics_float`] returns.
pub fn push_openmetrics_float(out: &mut Vec<u8>, v: f64) {
    let from = out.len();
    push_float(out, v, FloatForm::General);
    let written = out.get(from..).unwrap_or_default();
    if v.is_finite() && !written.iter().any(|c| matches!(c, b'e' | b'.')) {
        out.extend_from_slice(b".0");
    }
}
