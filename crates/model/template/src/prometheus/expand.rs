//! Expanding the labels and annotations of alerts.

use std::fmt;

use firesteel_model::{FloatHistogram, Labels};

use crate::error::TemplateError;
use crate::value::Value;

/// Where `query` gets its answers.
pub trait QuerySource: Send + Sync {
    /// Runs an instant query at a time, in milliseconds. A scalar is one sample without labels. The error is upstream's text.
    fn query(&self, expr: &str, at_ms: i64) -> Result<Vec<Sample>, String>;
}

/// One element of an answer to `query`.
#[derive(Clone, Debug)]
pub struct Sample {
    pub labels: Labels,
    pub value: SampleValue,
}

/// What a sample holds.
#[derive(Clone, Debug)]
pub enum SampleValue {
    Float(f64),
    Histogram(Box<FloatHistogram>),
}

/// What the templates of one alert see: `.Labels`, `.ExternalLabels`, `.ExternalURL`, `.Value`. `external_labels` is
/// [`Value::string_map`] of them, made once.
pub fn alert_data<'a>(
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    external_labels: &Value,
    external_url: &str,
    value: &SampleValue,
) -> Value {
    let _ = (labels.into_iter().count(), external_labels, external_url, value);
    todo!()
}

/// What expanding needs beside the data.
pub struct Expander<'a> {
    /// The time of the evaluation: `now`, and that of queries.
    pub now_ms: i64,
    pub external_url: &'a str,
    pub source: &'a dyn QuerySource,
}

impl fmt::Debug for Expander<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expander").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

/// The text of a label or annotation of an alert, parsed once with upstream's variables (`$labels`, `$externalLabels`,
/// `$externalURL`, `$value`) before it. Text without an action costs nothing.
#[derive(Clone, Debug)]
pub struct AlertTemplate {
    text: String,
}

impl AlertTemplate {
    /// Parses it. A fault is kept, and is what each expansion says, as upstream, which parses each time.
    pub fn new(alert: &str, text: &str) -> Self {
        let _ = alert;
        Self { text: text.to_owned() }
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Expands it. The error is upstream's: `error parsing template __alert_X: …`, `error executing template __alert_X: …`.
    pub fn expand(&self, data: &Value, with: &Expander<'_>) -> Result<String, String> {
        let _ = (data, with.now_ms, with.external_url, with.source);
        todo!()
    }

    /// Expands it, with `<error expanding template: …>` in the place of a result that fails. The second is the error,
    /// for the log.
    pub fn expand_or_error(&self, data: &Value, with: &Expander<'_>) -> (String, Option<String>) {
        match self.expand(data, with) {
            Ok(text) => (text, None),
            Err(error) => (format!("<error expanding template: {error}>"), Some(error)),
        }
    }
}

/// Returns what upstream refuses in a template of an alert when it loads a rule file (`ParseTest`).
pub fn check_alert_template(alert: &str, text: &str) -> Result<(), TemplateError> {
    let _ = (alert, text);
    todo!()
}
