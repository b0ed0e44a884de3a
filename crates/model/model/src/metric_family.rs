//! Metrics of one name as an exposition shows them: what a registry gathers, `expfmt` writes and a page is read into.
//!
//! The shape is that of upstream's client_model (`io.prometheus.client.MetricFamily`). It is for pages of thousands of
//! lines, not for the samples of a scrape, which never take this form.

use crate::histogram;
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
    RichHistogram(Box<RichHistogram>),
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

/// A histogram that the classic shape cannot hold: of float counts, or with native buckets. Only protobuf carries all of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RichHistogram {
    /// Sum, and the classic buckets if there are any. Its counts are zero where `float_counts` are given.
    pub classic: ClassicHistogram,
    pub float_counts: Option<FloatCounts>,
    pub native: Option<NativeHistogram>,
    /// Of native buckets; each has a time.
    pub exemplars: Vec<Exemplar>,
}

/// The counts of a classic histogram where they are no whole numbers.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FloatCounts {
    pub count: f64,
    /// Cumulative, one for each classic bucket.
    pub buckets: Vec<f64>,
}

/// Native buckets, of whole numbers or not.
#[derive(Clone, PartialEq, Debug)]
pub enum NativeHistogram {
    Int(Box<histogram::Histogram>),
    Float(Box<histogram::FloatHistogram>),
}

impl NativeHistogram {
    /// Makes it one that can go down.
    pub fn set_gauge(&mut self) {
        let reset = match self {
            Self::Int(h) => &mut h.counter_reset,
            Self::Float(h) => &mut h.counter_reset,
        };
        *reset = histogram::CounterReset::Gauge;
    }
}

impl RichHistogram {
    /// Returns the number of observations.
    pub fn count(&self) -> f64 {
        match (&self.float_counts, &self.native) {
            (Some(floats), _) => floats.count,
            (None, Some(NativeHistogram::Float(h))) => h.count,
            _ => self.classic.count as f64,
        }
    }

    /// Returns the classic buckets: upper bound and cumulative count.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, f64)> {
        self.classic.buckets.iter().enumerate().map(|(at, bucket)| {
            let float = self.float_counts.as_ref().and_then(|floats| floats.buckets.get(at)).copied();
            (bucket.upper_bound, float.unwrap_or(bucket.cumulative_count as f64))
        })
    }
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
