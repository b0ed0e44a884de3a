//! Warnings and infos: what an answer's reader should know. They never change values.
//!
//! Texts are upstream's (`util/annotations/annotations.go`, 3.14). Two of the same text are one, whatever their place in
//! the query. Upstream evaluates operands from left to right and then the operator, and the last one to say something gives
//! its place: the place that ends last, and of those that end together the widest.

use firesteel_go_compat::{FloatForm, Instant, format_float_as, push_float_precision, quote};
use firesteel_promql_syntax::Span;

/// How many of each level an answer carries; a last line counts the rest.
const MAX_SHOWN: usize = 10;

/// Something to be said about an answer.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Note {
    /// `quantile value should be between 0 and 1`.
    InvalidQuantile(f64),
    /// `ratio value should be between -1 and 1`.
    InvalidRatio {
        got: f64,
        capped_to: f64,
    },
    /// A bucket without an upper bound that is a number.
    BadBucketLabel {
        le: String,
        metric: String,
    },
    /// `sort` in a range query.
    SortInRangeQuery,
    /// `rate` or `increase` of a metric whose name does not say counter.
    PossibleNonCounter {
        metric: String,
    },
    /// The same by the `__type__` label.
    PossibleNonCounterLabel {
        metric: String,
        type_label: String,
    },
    /// Buckets that decrease with their bounds.
    ForcedMonotonicity {
        metric: String,
        fixed: Monotonicity,
    },
    /// An operator that is not for this pair of floats and histograms.
    IncompatibleTypes {
        left: &'static str,
        op: &'static str,
        right: &'static str,
    },
    /// Floats and histograms in one range.
    MixedFloatsHistograms {
        metric: String,
    },
    /// Floats and histograms in one group.
    MixedFloatsHistogramsAgg,
    /// Bucket series and a native histogram of the same labels.
    MixedClassicNative {
        metric: String,
    },
    NotCounterHistogram {
        metric: String,
    },
    NotGaugeHistogram {
        metric: String,
    },
    MixedExponentialCustom {
        metric: String,
    },
    /// Exponential and custom buckets do not combine.
    IncompatibleBuckets {
        op: &'static str,
    },
    HistogramIgnoredInAggregation {
        aggregation: &'static str,
    },
    HistogramIgnoredInRange {
        metric: String,
    },
    QuantileNaNResult {
        metric: String,
    },
    QuantileNaNSkew {
        metric: String,
    },
    FractionNaNs {
        metric: String,
    },
    /// One histogram said that its counter was reset, another that it was not.
    ResetCollision {
        during: &'static str,
    },
    /// Custom bounds differed and were reconciled.
    MismatchedBounds {
        during: &'static str,
    },
    /// A start timestamp before the previous sample. Counted.
    StartOverlap {
        metric: String,
        count: u64,
    },
    /// What storage had to say.
    Storage(String),
}

/// What had to be fixed in classic histograms, over all steps and series.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Monotonicity {
    pub(crate) min_t: i64,
    pub(crate) max_t: i64,
    pub(crate) min_bucket: f64,
    pub(crate) max_bucket: f64,
    pub(crate) max_diff: f64,
    pub(crate) samples: u64,
}

impl Monotonicity {
    fn merge(&mut self, other: Self) {
        self.min_t = self.min_t.min(other.min_t);
        self.max_t = self.max_t.max(other.max_t);
        self.min_bucket = self.min_bucket.min(other.min_bucket);
        self.max_bucket = self.max_bucket.max(other.max_bucket);
        self.max_diff = self.max_diff.max(other.max_diff);
        self.samples += other.samples;
    }
}

impl Note {
    fn is_info(&self) -> bool {
        matches!(
            self,
            Self::PossibleNonCounter { .. }
                | Self::PossibleNonCounterLabel { .. }
                | Self::ForcedMonotonicity { .. }
                | Self::IncompatibleTypes { .. }
                | Self::HistogramIgnoredInAggregation { .. }
                | Self::HistogramIgnoredInRange { .. }
                | Self::QuantileNaNResult { .. }
                | Self::QuantileNaNSkew { .. }
                | Self::FractionNaNs { .. }
                | Self::MismatchedBounds { .. }
        )
    }

    /// Returns the text without place and details: what makes two notes the same.
    fn text(&self) -> String {
        let general = |v: f64| format_float_as(v, FloatForm::General);
        match self {
            Self::InvalidQuantile(q) => {
                format!("PromQL warning: quantile value should be between 0 and 1, got {}", general(*q))
            }
            Self::InvalidRatio { got, capped_to } => format!(
                "PromQL warning: ratio value should be between -1 and 1, got {}, capping to {}",
                general(*got),
                general(*capped_to)
            ),
            Self::BadBucketLabel { le, metric } => with_metric(
                format!("PromQL warning: bucket label \"le\" is missing or has a malformed value of {}", quote(le)),
                metric,
            ),
            Self::SortInRangeQuery => {
                "PromQL warning: sort is ineffective for range queries since results are always ordered by labels"
                    .to_owned()
            }
            Self::PossibleNonCounter { metric } => format!(
                "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quote(metric)
            ),
            Self::PossibleNonCounterLabel { metric, type_label } => format!(
                "PromQL info: metric might not be a counter, __type__ label is not set to \"counter\" or \
                 \"histogram\", got {}: {}",
                quote(type_label),
                quote(metric)
            ),
            Self::ForcedMonotonicity { metric, .. } => with_metric(
                "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
                    .to_owned(),
                metric,
            ),
            Self::IncompatibleTypes { left, op, right } => format!(
                "PromQL info: incompatible sample types encountered for binary operator \"{op}\": {left} {op} {right}"
            ),
            Self::MixedFloatsHistograms { metric } => {
                format!("PromQL warning: encountered a mix of histograms and floats for metric name {}", quote(metric))
            }
            Self::MixedFloatsHistogramsAgg => {
                "PromQL warning: encountered a mix of histograms and floats for aggregation".to_owned()
            }
            Self::MixedClassicNative { metric } => {
                with_metric("PromQL warning: vector contains a mix of classic and native histograms".to_owned(), metric)
            }
            Self::NotCounterHistogram { metric } => {
                format!("PromQL warning: this native histogram metric is not a counter: {}", quote(metric))
            }
            Self::NotGaugeHistogram { metric } => {
                format!("PromQL warning: this native histogram metric is not a gauge: {}", quote(metric))
            }
            Self::MixedExponentialCustom { metric } => format!(
                "PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for \
                 metric name {}",
                quote(metric)
            ),
            Self::IncompatibleBuckets { op } => {
                format!("PromQL warning: incompatible bucket layout encountered for binary operator {op}")
            }
            Self::HistogramIgnoredInAggregation { aggregation } => {
                format!("PromQL info: ignored histogram in {aggregation} aggregation")
            }
            Self::HistogramIgnoredInRange { metric } => format!(
                "PromQL info: ignored histograms in a range containing both floats and histograms for metric name {}",
                quote(metric)
            ),
            Self::QuantileNaNResult { metric } => with_metric(
                "PromQL info: input to histogram_quantile has NaN observations, result is NaN".to_owned(),
                metric,
            ),
            Self::QuantileNaNSkew { metric } => with_metric(
                "PromQL info: input to histogram_quantile has NaN observations, result is skewed higher".to_owned(),
                metric,
            ),
            Self::FractionNaNs { metric } => with_metric(
                "PromQL info: input to histogram_fraction has NaN observations, which are excluded from all fractions"
                    .to_owned(),
                metric,
            ),
            Self::ResetCollision { during } => {
                format!("PromQL warning: conflicting counter resets during histogram {during}")
            }
            Self::MismatchedBounds { during } => {
                format!("PromQL info: mismatched custom buckets were reconciled during {during}")
            }
            Self::StartOverlap { metric, .. } => format!(
                "PromQL warning: sample has start time that overlaps with previous sample timestamp for metric {}",
                quote(metric)
            ),
            Self::Storage(text) => text.clone(),
        }
    }

    /// Returns the whole text, with its place in `query`.
    fn render(&self, span: Span, query: &str) -> String {
        let text = self.text();
        if query.is_empty() || matches!(self, Self::Storage(_)) {
            return text;
        }
        let place = span.position(query);
        if let Self::StartOverlap { count, .. } = self
            && *count > 1
        {
            return format!("{text} ({count} occurrences) ({place})");
        }
        let Self::ForcedMonotonicity { fixed, .. } = self else {
            return format!("{text} ({place})");
        };
        let mut diff = Vec::new();
        push_float_precision(&mut diff, fixed.max_diff, FloatForm::General, 2);
        let second = |ms: i64| Instant::from_unix_ms(ms / 1000 * 1000).to_rfc3339();
        format!(
            "{text}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {} ({place})",
            format_float_as(fixed.min_bucket, FloatForm::General),
            format_float_as(fixed.max_bucket, FloatForm::General),
            String::from_utf8_lossy(&diff),
            fixed.samples,
            second(fixed.min_t),
            second(fixed.max_t),
        )
    }
}

/// Returns the place of the operator that is evaluated later.
fn later(a: Span, b: Span) -> Span {
    if (b.end, std::cmp::Reverse(b.start)) > (a.end, std::cmp::Reverse(a.start)) { b } else { a }
}

fn with_metric(text: String, metric: &str) -> String {
    if metric.is_empty() { text } else { format!("{text} for metric name {}", quote(metric)) }
}

/// The notes of one query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Annotations {
    notes: Vec<(String, Note, Span)>,
}

impl Annotations {
    /// Adds a note, or moves the place of the one that says the same.
    pub(crate) fn add(&mut self, note: Note, span: Span) {
        let text = note.text();
        let Some((_, old, place)) = self.notes.iter_mut().find(|(known, ..)| *known == text) else {
            self.notes.push((text, note, span));
            return;
        };
        match (old, note) {
            (Note::ForcedMonotonicity { fixed: old, .. }, Note::ForcedMonotonicity { fixed, .. }) => old.merge(fixed),
            (Note::StartOverlap { count: old, .. }, Note::StartOverlap { count, .. }) => {
                *old += count;
                *place = later(*place, span);
            }
            _ => *place = later(*place, span),
        }
    }

    /// Returns warnings and infos as the API shows them.
    pub(crate) fn render(&self, query: &str) -> (Vec<String>, Vec<String>) {
        let level = |info: bool, name: &str| {
            let mut all = self.notes.iter().filter(|(_, note, _)| note.is_info() == info);
            let mut shown: Vec<String> =
                all.by_ref().take(MAX_SHOWN).map(|(_, note, span)| note.render(*span, query)).collect();
            let left = all.count();
            if left > 0 {
                shown.push(format!("{left} more {name} annotations omitted"));
            }
            shown
        };
        (level(false, "warning"), level(true, "info"))
    }
}
