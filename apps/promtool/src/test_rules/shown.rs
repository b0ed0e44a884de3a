//! Alerts and samples as upstream prints them when they differ.

use std::fmt::Write as _;

use firesteel_go_compat::{FloatForm, format_float_as, quote};
use firesteel_model::is_legacy_label_name;

/// Names and values, sorted; unlike a series' labels they may be empty.
pub(super) type Pairs = Vec<(String, String)>;

/// An alert as it is compared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Alert {
    pub(super) labels: Pairs,
    pub(super) annotations: Pairs,
}

/// A sample as it is compared.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) labels: Pairs,
    pub(super) value: f64,
    /// Empty for a float.
    pub(super) histogram: String,
}

impl Sample {
    pub(super) fn equals(&self, other: &Self, fuzzy: bool) -> bool {
        let (a, b) = (self.value, other.value);
        let near = fuzzy && (a.next_down() == b || a.next_up() == b);
        self.labels == other.labels && self.histogram == other.histogram && (a == b || near)
    }

    fn shown(&self) -> String {
        let labels = pairs(&self.labels);
        if !self.histogram.is_empty() {
            return format!("{labels} {}", self.histogram);
        }
        let value = format_float_as(self.value, FloatForm::Exponent).to_string();
        format!("{labels} {}", value.replace('e', "E"))
    }
}

/// `{a="b", c="d"}`
pub(super) fn pairs(pairs: &Pairs) -> String {
    let mut out = String::from("{");
    for (at, (name, value)) in pairs.iter().enumerate() {
        let between = if at > 0 { ", " } else { "" };
        // Writing to memory cannot fail.
        let _ = if is_legacy_label_name(name) {
            write!(out, "{between}{name}={}", quote(value))
        } else {
            write!(out, "{between}{}={}", quote(name), quote(value))
        };
    }
    out + "}"
}

pub(super) fn samples(samples: &[Sample]) -> String {
    if samples.is_empty() {
        return "nil".to_owned();
    }
    samples.iter().map(Sample::shown).collect::<Vec<_>>().join(", ")
}

pub(super) fn alerts(alerts: &[Alert]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let shown = |(at, alert): (usize, &Alert)| {
        let text = format!("\nLabels:{}\nAnnotations:{}", pairs(&alert.labels), pairs(&alert.annotations));
        format!("{at}:{}", indented(&text, "  "))
    };
    format!("[\n{}\n]", alerts.iter().enumerate().map(shown).collect::<Vec<_>>().join(",\n"))
}

/// Puts `indent` before each line but the first.
pub(super) fn indented(text: &str, indent: &str) -> String {
    text.split('\n').collect::<Vec<_>>().join(&format!("\n{indent}"))
}
