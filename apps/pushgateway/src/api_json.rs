//! `/api/v1`: status and metrics as JSON, in upstream's shapes, keys in Go's order.

use std::collections::BTreeMap;

use firesteel_gateway::{Group, Kept};
use firesteel_go_compat::{FloatForm, Instant, push_float};
use firesteel_model::histogram::Bucket;
use firesteel_model::{
    ClassicHistogram, Metric, MetricFamily, MetricType, MetricValue, NativeHistogram, RichHistogram,
};

/// Writes JSON text by text.
#[derive(Debug, Default)]
struct Json(String);

impl Json {
    /// A string, with what Go escapes for HTML escaped.
    fn text(&mut self, text: &str) {
        let quoted = serde_json::Value::from(text).to_string();
        for c in quoted.chars() {
            match c {
                '<' => self.0.push_str("\\u003c"),
                '>' => self.0.push_str("\\u003e"),
                '&' => self.0.push_str("\\u0026"),
                '\u{2028}' => self.0.push_str("\\u2028"),
                '\u{2029}' => self.0.push_str("\\u2029"),
                c => self.0.push(c),
            }
        }
    }

    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// A number in a string, as Go prints one.
    fn number(&mut self, v: f64) {
        self.text(&general(v));
    }

    /// An object or array: its elements with commas between them.
    fn each<T>(
        &mut self,
        brackets: [&str; 2],
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.raw(brackets[0]);
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                self.raw(",");
            }
            write(self, item);
        }
        self.raw(brackets[1]);
    }

    fn texts<K: AsRef<str>, V: AsRef<str>>(&mut self, pairs: impl IntoIterator<Item = (K, V)>) {
        self.each(["{", "}"], pairs, |json, (name, value)| {
            json.text(name.as_ref());
            json.raw(":");
            json.text(value.as_ref());
        });
    }
}

fn general(v: f64) -> String {
    let mut out = Vec::new();
    push_float(&mut out, v, FloatForm::General);
    String::from_utf8(out).unwrap_or_default()
}

/// Returns the answer of `/api/v1/status`.
pub(crate) fn status(build: &BTreeMap<&str, String>, flags: &BTreeMap<String, String>, started: Instant) -> String {
    let mut json = Json::default();
    json.raw("{\"status\":\"success\",\"data\":{\"build_information\":");
    json.texts(build);
    json.raw(",\"flags\":");
    json.texts(flags);
    json.raw(",\"start_time\":");
    json.text(&started.to_rfc3339_nano());
    json.raw("}}");
    json.0
}

/// Returns the answer of `/api/v1/metrics`.
pub(crate) fn metrics<'a>(groups: impl Iterator<Item = &'a Group>) -> String {
    let mut json = Json::default();
    json.raw("{\"status\":\"success\",\"data\":");
    json.each(["[", "]"], groups, write_group);
    json.raw("}");
    json.0
}

fn write_group(json: &mut Json, group: &Group) {
    enum Part<'a> {
        Labels,
        Successful,
        Family(&'a Kept),
    }
    // A family of one of these names takes its place, as it does in upstream's map.
    let mut parts = BTreeMap::from([("labels", Part::Labels), ("last_push_successful", Part::Successful)]);
    parts.extend(group.families.iter().map(|(name, kept)| (name.as_str(), Part::Family(kept))));
    json.each(["{", "}"], parts, |json, (name, part)| {
        json.text(name);
        json.raw(":");
        match part {
            Part::Labels => json.texts(group.labels.iter()),
            Part::Successful => json.raw(if group.last_push_successful() { "true" } else { "false" }),
            Part::Family(kept) => write_family(json, kept),
        }
    });
}

fn write_family(json: &mut Json, kept: &Kept) {
    let family = &*kept.family;
    json.raw("{\"time_stamp\":");
    json.text(&Instant::from_unix_ns(kept.pushed.0).to_rfc3339_nano());
    json.raw(",\"type\":");
    json.text(type_name(family.metric_type));
    if !family.help.is_empty() {
        json.raw(",\"help\":");
        json.text(&family.help);
    }
    json.raw(",\"metrics\":");
    json.each(["[", "]"], &family.metrics, |json, metric| write_metric(json, metric, family));
    json.raw("}");
}

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

fn write_metric(json: &mut Json, metric: &Metric, family: &MetricFamily) {
    json.raw("{");
    let labels = |json: &mut Json| {
        json.raw("\"labels\":");
        json.texts(&metric.labels);
    };
    match &metric.value {
        MetricValue::Counter { value, .. } | MetricValue::Gauge(value) | MetricValue::Untyped(value) => {
            labels(json);
            json.raw(",\"value\":");
            json.number(*value);
        }
        MetricValue::Summary(summary) => {
            json.raw("\"count\":");
            json.text(&summary.count.to_string());
            json.raw(",");
            labels(json);
            json.raw(",\"quantiles\":");
            let quantiles: BTreeMap<String, String> =
                summary.quantiles.iter().map(|(rank, value)| (general(*rank), general(*value))).collect();
            json.texts(&quantiles);
            json.raw(",\"sum\":");
            json.number(summary.sum);
        }
        // upstream shows of a gauge histogram the value that it does not have (`api/v1/api.go`, 1.11); kept.
        _ if family.metric_type == MetricType::GaugeHistogram => {
            labels(json);
            json.raw(",\"value\":\"0\"");
        }
        MetricValue::Histogram(h) => {
            json.raw("\"buckets\":");
            classic(json, h.buckets.iter().map(|b| (b.upper_bound, b.cumulative_count.to_string())));
            rest_of_histogram(json, &h.count.to_string(), h, labels);
        }
        MetricValue::RichHistogram(h) => write_rich(json, h, labels),
    }
    json.raw("}");
}

fn write_rich(json: &mut Json, h: &RichHistogram, labels: impl Fn(&mut Json)) {
    json.raw("\"buckets\":");
    match &h.native {
        Some(NativeHistogram::Int(native))
            if !native.positive_spans.is_empty() || !native.negative_spans.is_empty() =>
        {
            let negative: Vec<Bucket<u64>> = native.negative().collect();
            let zero = (native.zero_count != 0).then(|| native.zero_bucket());
            let buckets = negative.into_iter().rev().chain(zero).chain(native.positive());
            buckets_of(json, buckets.filter(|b| b.count != 0), |n| n.to_string());
        }
        Some(NativeHistogram::Float(native))
            if !native.positive_spans.is_empty() || !native.negative_spans.is_empty() =>
        {
            let zero = (native.zero_count != 0.0).then(|| native.zero_bucket());
            let buckets = native.negative_reverse().chain(zero).chain(native.positive());
            buckets_of(json, buckets.filter(|b| b.count != 0.0), general);
        }
        _ => classic(json, h.buckets().map(|(upper, count)| (upper, general(count)))),
    }
    let count = if h.float_counts.is_some() { general(h.count()) } else { h.classic.count.to_string() };
    rest_of_histogram(json, &count, &h.classic, labels);
}

fn classic(json: &mut Json, buckets: impl Iterator<Item = (f64, String)>) {
    let by_bound: BTreeMap<String, String> = buckets.map(|(upper, count)| (general(upper), count)).collect();
    json.texts(&by_bound);
}

fn rest_of_histogram(json: &mut Json, count: &str, h: &ClassicHistogram, labels: impl Fn(&mut Json)) {
    json.raw(",\"count\":");
    json.text(count);
    json.raw(",");
    labels(json);
    json.raw(",\"sum\":");
    json.number(h.sum);
}

/// Each as `[rule of its bounds, "lower", "upper", "count"]`.
fn buckets_of<C: Copy>(json: &mut Json, buckets: impl Iterator<Item = Bucket<C>>, count: impl Fn(C) -> String) {
    json.each(["[", "]"], buckets, |json, bucket| {
        let rule = match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => "0",
            (true, false) => "1",
            (false, false) => "2",
            (true, true) => "3",
        };
        json.raw("[");
        json.raw(rule);
        for text in [general(bucket.lower), general(bucket.upper), count(bucket.count)] {
            json.raw(",");
            json.text(&text);
        }
        json.raw("]");
    });
}
