//! Metrics of one name as an exposition shows them: what a registry gathers, `expfmt` writes and a page is read into.
//!
//! The shape is that of upstream's client_model (`io.prometheus.client.MetricFamily`). It is for pages of thousands of
//! lines, not for the samples of a scrape, which never take this form.

use crate::{Labels, MetricType};

/// All metrics of one name, with what is common to them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MetricFamily {
    /// The name on the TYPE line. A counter's name is as its samples show it in the text format, `_total` included.
    pub name: String,
    pub help: String,
    /// Empty when there is none.
    pub unit: String,
    pub metric_type: MetricType,
    /// In the order they are written: by label values for what a registry gathers.
    pub metrics: Vec<Metric>,
}

/// One labelled member of a family.
#[derive(Clone, PartialEq, Debug)]
pub struct Metric {
    /// Without the metric's name, and without `le` and `quantile`.
    pub labels: Labels,
    pub value: MetricValue,
    /// An explicit timestamp of the sample in milliseconds.
    pub timestamp_ms: Option<i64>,
    /// When the counter, histogram or summary began, in milliseconds: `_created` of OpenMetrics.
    pub created_ms: Option<i64>,
}

impl Metric {
    /// Returns a metric without timestamps.
    pub fn new(labels: Labels, value: MetricValue) -> Self {
        Self { labels, value, timestamp_ms: None, created_ms: None }
    }
}

/// The value by type of metric.
#[derive(Clone, PartialEq, Debug)]
pub enum MetricValue {
    Counter { value: f64, exemplar: Option<Exemplar> },
    Gauge(f64),
    Untyped(f64),
    Summary(Summary),
    Histogram(ClassicHistogram),
}

/// Sum and count of observations, with quantiles if there are any.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Summary {
    pub count: u64,
    pub sum: f64,
    /// Pairs of rank (0 to 1) and value, by rank.
    pub quantiles: Vec<(f64, f64)>,
}

/// A histogram with fixed buckets.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ClassicHistogram {
    pub count: u64,
    pub sum: f64,
    /// By upper bound. The bucket of +Inf may be left out: its count is `count`.
    pub buckets: Vec<Bucket>,
}

/// How many observations were at or below the upper bound.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Bucket {
    pub upper_bound: f64,
    pub cumulative_count: u64,
    pub exemplar: Option<Exemplar>,
}

/// An example of what was counted, such as the trace of a request.
#[derive(Clone, PartialEq, Debug)]
pub struct Exemplar {
    pub labels: Labels,
    pub value: f64,
    pub timestamp_ms: Option<i64>,
}
