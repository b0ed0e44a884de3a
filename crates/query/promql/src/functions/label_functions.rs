//! `label_replace` and `label_join`: what they make of one series' labels.

use firesteel_model::{LabelsBuilder, METRIC_NAME};
use firesteel_re2::AnchoredRegex;

use crate::QueryError;
use crate::series::OutputSeries;

/// `label_replace` with its arguments checked.
#[derive(Debug)]
pub(crate) struct LabelReplace {
    dst: String,
    replacement: String,
    src: String,
    regex: AnchoredRegex,
}

impl LabelReplace {
    /// Errors: the expression does not compile (looked at first), or the destination is no label name.
    pub(crate) fn new(dst: &str, replacement: &str, src: &str, regex: &str) -> Result<Self, QueryError> {
        let compiled = AnchoredRegex::wrapped(regex)
            .map_err(|_| QueryError::Execution(format!("invalid regular expression in label_replace(): {regex}")))?;
        if !is_label_name(dst) {
            return Err(QueryError::Execution(format!("invalid destination label name in label_replace(): {dst}")));
        }
        Ok(Self { dst: dst.to_owned(), replacement: replacement.to_owned(), src: src.to_owned(), regex: compiled })
    }

    /// Returns the series with the label replaced, or as it was when the source does not match.
    pub(crate) fn apply(&self, series: &OutputSeries) -> OutputSeries {
        match self.regex.expand(series.labels.value(&self.src), &self.replacement) {
            Some(value) => with_label(series, &self.dst, &value),
            None => series.clone(),
        }
    }
}

/// `label_join` with its arguments checked.
#[derive(Debug)]
pub(crate) struct LabelJoin {
    dst: String,
    separator: String,
    src: Vec<String>,
}

impl LabelJoin {
    /// Errors: a source or the destination is no label name.
    pub(crate) fn new(dst: &str, separator: &str, src: &[String]) -> Result<Self, QueryError> {
        if let Some(bad) = src.iter().find(|name| !is_label_name(name)) {
            return Err(QueryError::Execution(format!("invalid source label name in label_join(): {bad}")));
        }
        if !is_label_name(dst) {
            return Err(QueryError::Execution(format!("invalid destination label name in label_join(): {dst}")));
        }
        Ok(Self { dst: dst.to_owned(), separator: separator.to_owned(), src: src.to_vec() })
    }

    pub(crate) fn apply(&self, series: &OutputSeries) -> OutputSeries {
        let values: Vec<&str> = self.src.iter().map(|name| series.labels.value(name)).collect();
        with_label(series, &self.dst, &values.join(&self.separator))
    }
}

/// Sets a label; a new metric name is not dropped at the end.
fn with_label(series: &OutputSeries, name: &str, value: &str) -> OutputSeries {
    let mut builder = LabelsBuilder::from_labels(&series.labels);
    builder.set(name, value);
    OutputSeries { labels: builder.build(), drop_name: series.drop_name && name != METRIC_NAME, apart: false }
}

/// Any text that is not empty is a label name, as long as it was UTF-8 in the query.
fn is_label_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('\u{fffd}')
}
