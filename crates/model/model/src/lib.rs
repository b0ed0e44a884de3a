//! The vocabulary: labels, matchers, series references, samples, metadata, annotations, relabelling.

mod alert;
pub mod histogram;
mod labels;
mod labels_builder;
mod matcher;
mod metadata;
mod metric_family;
mod names;
pub mod relabel;
mod sample;
mod series_ref;

pub use alert::{ALERT_NAME, Alert};
pub use histogram::{CounterReset, FloatHistogram, Histogram, HistogramError, Span};
pub use labels::{Labels, LabelsIter, packed_hash64, packed_texts, push_packed};
pub use labels_builder::LabelsBuilder;
pub use matcher::{MatchType, Matcher};
pub use metadata::{Metadata, MetricType};
pub use metric_family::{
    Bucket, ClassicHistogram, Exemplar, FloatCounts, Metric, MetricFamily, MetricValue, NativeHistogram, RichHistogram,
    Summary,
};
pub use names::{ValidationScheme, is_legacy_label_name, is_legacy_metric_name};
pub use sample::{STALE_NAN_BITS, is_stale_nan, stale_nan};
pub use series_ref::SeriesRef;

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";
/// The upper bound label of a classic histogram's bucket.
pub const BUCKET_LABEL: &str = "le";
