//! Expanding the labels and annotations of alerts.

use std::fmt;

use super::functions::{functions, names_only};
use super::sample::{QuerySource, SampleValue};
use crate::error::TemplateError;
use crate::limits::Limits;
use crate::template::{MissingKey, Template};
use crate::types::Type;
use crate::value::Value;

/// What stands before each text, so that people need not know the dot (rules/alerting.go, model/rulefmt).
const VARIABLES: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                         {{$externalURL := .ExternalURL}}{{$value := .Value}}";

static ALERT_DATA: Type = Type::record(
    "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }",
    false,
)
.with_any_fields(&["Value"]);

/// What the templates of one alert see: `.Labels`, `.ExternalLabels`, `.ExternalURL`, `.Value`. `external_labels` is
/// [`Value::string_map`] of them, made once.
pub fn alert_data<'a>(
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    external_labels: &Value,
    external_url: &str,
    value: &SampleValue,
) -> Value {
    let fields = vec![
        ("Labels", Value::string_map(labels)),
        ("ExternalLabels", external_labels.clone()),
        ("ExternalURL", external_url.into()),
        ("Value", value.to_value()),
    ];
    Value::record(&ALERT_DATA, fields)
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
    /// None if the text has no action.
    parsed: Option<Result<Box<Template>, String>>,
    name: String,
    limits: Limits,
}

impl AlertTemplate {
    /// Parses it. A fault is kept, and is what each expansion says, as upstream, which parses each time.
    pub fn new(alert: &str, text: &str) -> Self {
        let name = format!("__alert_{alert}");
        let parsed = text.contains("{{").then(|| match parse(&name, text) {
            Ok(template) => Ok(Box::new(template)),
            Err(error) => Err(format!("error parsing template {name}: {error}")),
        });
        Self { text: text.to_owned(), parsed, name, limits: Limits::default() }
    }

    /// Sets what one expansion may take.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Expands it. The error is upstream's: `error parsing template __alert_X: …`, `error executing template __alert_X: …`.
    pub fn expand(&self, data: &Value, with: &Expander<'_>) -> Result<String, String> {
        match &self.parsed {
            None => Ok(self.text.clone()),
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(template)) => template
                .execute(data, &functions(with), self.limits)
                .map_err(|error| format!("error executing template {}: {error}", self.name)),
        }
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

fn parse(name: &str, text: &str) -> Result<Template, TemplateError> {
    let template = Template::parse(name, &format!("{VARIABLES}{text}"), names_only())?;
    Ok(template.missing_key(MissingKey::Zero))
}

/// Returns what upstream refuses in a template of an alert when it loads a rule file (`ParseTest`). The place is that in
/// `text`, without the variables before it.
pub fn check_alert_template(alert: &str, text: &str) -> Result<(), TemplateError> {
    if !text.contains("{{") {
        return Ok(());
    }
    parse(&format!("__alert_{alert}"), text).map(drop).map_err(|error| TemplateError {
        offset: error.offset.saturating_sub(VARIABLES.len()).min(text.len()),
        ..error
    })
}
