//! Writing families as OpenMetrics 1.0 text, as upstream's `expfmt.MetricFamilyToOpenMetrics`.

use firesteel_go_compat::{FloatForm, push_float};
use firesteel_model::{Exemplar, Labels, MetricFamily, MetricType, MetricValue};

use crate::normalise::push_openmetrics_float;
use crate::write_labels::{push_braced, push_escaped_help, push_help_name, push_series};

/// Appends all families and the end mark. Counters lose `_total` on their metadata lines and have it on their samples.
pub fn write_openmetrics(families: &[MetricFamily], out: &mut Vec<u8>) {
    write_families(families, true, out);
}

/// As [`write_openmetrics`], without `_created`: as upstream's `promhttp` writes pages unless told otherwise.
pub(crate) fn write_openmetrics_without_created(families: &[MetricFamily], out: &mut Vec<u8>) {
    write_families(families, false, out);
}

fn write_families(families: &[MetricFamily], with_created: bool, out: &mut Vec<u8>) {
    for family in families.iter().filter(|f| !f.metrics.is_empty()) {
        write_family(family, with_created, out);
    }
    out.extend_from_slice(b"# EOF\n");
}

fn write_family(family: &MetricFamily, with_created: bool, out: &mut Vec<u8>) {
    let is_counter = family.metric_type == MetricType::Counter;
    let short = family.name.strip_suffix("_total").filter(|_| is_counter).unwrap_or(&family.name);
    let mut line = |keyword: &str, text: &mut dyn FnMut(&mut Vec<u8>)| {
        out.extend_from_slice(b"# ");
        out.extend_from_slice(keyword.as_bytes());
        out.push(b' ');
        push_help_name(out, short);
        out.push(b' ');
        text(out);
        out.push(b'\n');
    };
    if !family.help.is_empty() {
        line("HELP", &mut |out| push_escaped_help(out, &family.help, true));
    }
    line("TYPE", &mut |out| out.extend_from_slice(family.metric_type.as_str().as_bytes()));
    if !family.unit.is_empty() {
        line("UNIT", &mut |out| out.extend_from_slice(family.unit.as_bytes()));
    }
    for metric in &family.metrics {
        let mut row = Row { out, name: short, labels: &metric.labels, timestamp_ms: metric.timestamp_ms };
        match &metric.value {
            MetricValue::Counter { value, exemplar } => {
                row.sample("_total", None, Number::Float(*value), exemplar.as_ref());
            }
            MetricValue::Gauge(value) | MetricValue::Untyped(value) => {
                row.sample("", None, Number::Float(*value), None);
            }
            MetricValue::Summary(summary) => {
                for &(rank, value) in &summary.quantiles {
                    row.sample("", Some(("quantile", rank)), Number::Float(value), None);
                }
                row.sample("_sum", None, Number::Float(summary.sum), None);
                row.sample("_count", None, Number::Count(summary.count), None);
            }
            MetricValue::Histogram(histogram) => {
                for bucket in &histogram.buckets {
                    let exemplar = bucket.exemplar.as_ref();
                    let count = Number::Count(bucket.cumulative_count);
                    row.sample("_bucket", Some(("le", bucket.upper_bound)), count, exemplar);
                }
                if !histogram.buckets.iter().any(|b| b.upper_bound == f64::INFINITY) {
                    row.sample("_bucket", Some(("le", f64::INFINITY)), Number::Count(histogram.count), None);
                }
                row.sample("_sum", None, Number::Float(histogram.sum), None);
                row.sample("_count", None, Number::Count(histogram.count), None);
            }
            MetricValue::RichHistogram(histogram) => {
                let exemplars = histogram.classic.buckets.iter().map(|bucket| bucket.exemplar.as_ref());
                for ((upper_bound, cumulative), exemplar) in histogram.buckets().zip(exemplars) {
                    row.sample("_bucket", Some(("le", upper_bound)), Number::Float(cumulative), exemplar);
                }
                if !histogram.buckets().any(|(upper_bound, _)| upper_bound == f64::INFINITY) {
                    row.sample("_bucket", Some(("le", f64::INFINITY)), Number::Float(histogram.count()), None);
                }
                row.sample("_sum", None, Number::Float(histogram.classic.sum), None);
                row.sample("_count", None, Number::Float(histogram.count()), None);
            }
        }
        if let Some(ms) = metric.created_ms.filter(|_| with_created) {
            row.timestamp_ms = None;
            row.sample("_created", None, Number::Float(ms as f64 / 1000.0), None);
        }
    }
}

/// Counts are written as integers, all else as floats.
#[derive(Clone, Copy)]
enum Number {
    Float(f64),
    Count(u64),
}

struct Row<'a> {
    out: &'a mut Vec<u8>,
    name: &'a str,
    labels: &'a Labels,
    timestamp_ms: Option<i64>,
}

impl Row<'_> {
    fn sample(&mut self, suffix: &str, extra: Option<(&str, f64)>, value: Number, exemplar: Option<&Exemplar>) {
        let extra = extra.map(|(label, v)| (label, v, FloatForm::Fixed));
        push_series(self.out, self.name, suffix, self.labels, extra);
        self.out.push(b' ');
        match value {
            Number::Float(v) => push_openmetrics_float(self.out, v),
            Number::Count(n) => self.out.extend_from_slice(n.to_string().as_bytes()),
        }
        if let Some(ms) = self.timestamp_ms {
            self.seconds(ms);
        }
        if let Some(exemplar) = exemplar {
            self.out.extend_from_slice(b" # ");
            push_braced(self.out, &exemplar.labels);
            self.out.push(b' ');
            push_openmetrics_float(self.out, exemplar.value);
            if let Some(ms) = exemplar.timestamp_ms {
                self.seconds(ms);
            }
        }
        self.out.push(b'\n');
    }

    fn seconds(&mut self, ms: i64) {
        self.out.push(b' ');
        push_float(self.out, ms as f64 / 1000.0, FloatForm::Fixed);
    }
}
