//! Alerting rules: the elements of an expression's answer become alerts.

use std::sync::Arc;
use std::time::Duration;

use firesteel_base::{FastBuildHasher, TimestampMs, TimestampNs};
use firesteel_model::{ALERT_NAME, Alert, Labels, LabelsBuilder, METRIC_NAME, push_packed};
use firesteel_promql::VectorSample;
use firesteel_template::Value;
use firesteel_template::prometheus::{AlertTemplate, Expander, alert_data};
use indexmap::IndexMap;
use parking_lot::Mutex;
use tracing::warn;

use crate::active::{ActiveAlert, AlertState, Fate, Holds};
use crate::context::{EvalContext, RuleFailure, TemplateQueries, template_value};
use crate::output::float;
use crate::rule::RuleCore;
use crate::view::View;

/// The metric of alerts that are pending or firing.
pub(crate) const ALERTS: &str = "ALERTS";
/// The metric whose value is when an alert became active, in seconds.
pub(crate) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";
pub(crate) const ALERT_STATE: &str = "alertstate";

/// Alerts by their labels, in the order in which they came.
pub(crate) type Alerts = IndexMap<Labels, ActiveAlert, FastBuildHasher>;

/// Makes alerts of what an expression yields.
#[derive(Debug)]
pub struct AlertingRule {
    pub(crate) core: RuleCore,
    pub(crate) hold: Duration,
    pub(crate) keep_firing_for: Duration,
    annotations: Labels,
    label_templates: Vec<(String, Text)>,
    annotation_templates: Vec<(String, Text)>,
    external_labels: Value,
    external_url: String,
    generator_url: Arc<str>,
    /// Whether another rule makes alerts of the same name: what storage has of them may be the other's.
    pub(crate) shares_name: bool,
    /// Held for a step of all alerts, or to copy them.
    pub(crate) active: Mutex<Alerts>,
}

/// A label's or annotation's text.
#[derive(Debug)]
enum Text {
    /// Without any action: as it is written.
    Plain(String),
    Template(AlertTemplate),
}

/// What an alerting rule is made of, beside what all rules have.
#[derive(Debug)]
pub(crate) struct AlertParts<'a> {
    pub(crate) hold: Duration,
    pub(crate) keep_firing_for: Duration,
    pub(crate) annotations: Labels,
    pub(crate) external_labels: &'a Value,
    pub(crate) external_url: &'a str,
}

impl AlertingRule {
    pub(crate) fn new(core: RuleCore, parts: AlertParts<'_>) -> Self {
        let name = core.name().to_owned();
        let text = |(key, text): (&str, &str)| {
            let one = if text.contains("{{") {
                Text::Template(AlertTemplate::new(&name, text))
            } else {
                Text::Plain(text.to_owned())
            };
            (key.to_owned(), one)
        };
        Self {
            hold: parts.hold,
            keep_firing_for: parts.keep_firing_for,
            label_templates: core.labels().iter().map(text).collect(),
            annotation_templates: parts.annotations.iter().map(text).collect(),
            annotations: parts.annotations,
            external_labels: parts.external_labels.clone(),
            external_url: parts.external_url.to_owned(),
            generator_url: format!("{}/graph?g0.expr={}&g0.tab=1", parts.external_url, query_escaped(core.query()))
                .into(),
            shares_name: false,
            active: Mutex::default(),
            core,
        }
    }

    /// Returns `for`.
    pub fn hold(&self) -> Duration {
        self.hold
    }

    /// Returns `keep_firing_for`.
    pub fn keep_firing_for(&self) -> Duration {
        self.keep_firing_for
    }

    /// Returns the annotations, templates as written; values may be empty.
    pub fn annotations(&self) -> &Labels {
        &self.annotations
    }

    /// Returns alerts that are pending or firing.
    pub fn active_alerts(&self) -> Vec<(Labels, ActiveAlert)> {
        let active = self.active.lock();
        active
            .iter()
            .filter(|(_, alert)| alert.is_active())
            .map(|(labels, alert)| (labels.clone(), alert.clone()))
            .collect()
    }

    /// Returns the greatest state of its alerts.
    pub fn state(&self) -> AlertState {
        if self.core.status().at.is_none() {
            return AlertState::Unknown;
        }
        self.active.lock().values().map(|alert| alert.state).fold(AlertState::Inactive, AlertState::max)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.hold, self.keep_firing_for) == (other.hold, other.keep_firing_for)
            && self.annotations == other.annotations
    }

    /// Returns whether a template may run queries, whose answers other rules can change.
    pub(crate) fn queries_in_templates(&self) -> bool {
        let texts = self.label_templates.iter().chain(&self.annotation_templates);
        texts.into_iter().any(|(_, text)| matches!(text, Text::Template(t) if t.text().contains("query")))
    }

    /// Evaluates the rule at `at`; query and samples are `offset` earlier (`rules/alerting.go`, `Eval`).
    pub(crate) fn eval(
        &self,
        cx: &EvalContext,
        view: &View<'_>,
        at: TimestampNs,
        offset: Duration,
        limit: usize,
    ) -> Result<Vec<VectorSample>, RuleFailure> {
        let sampled_at = at.before(offset).to_ms();
        let samples = cx.vector_in(view, &self.core.expr, sampled_at, &self.core.options)?;
        let found = self.alerts_of(&samples, cx, at).ok_or(RuleFailure::DuplicateAlerts)?;
        let mut active = self.active.lock();
        let holds = Holds { hold: self.hold, keep_firing_for: self.keep_firing_for };
        let mut counted = 0;
        let mut out = Vec::new();
        active.retain(|labels, alert| {
            let now = found.get(labels);
            if let Some(now) = now.filter(|_| alert.state == AlertState::Inactive) {
                // Resolved, and there again: a new alert.
                *alert = now.clone();
            } else if let Some(now) = now {
                alert.value = now.value;
                alert.annotations.clone_from(&now.annotations);
            }
            self.step(labels, alert, at, now.is_some(), holds, sampled_at, &mut counted, &mut out)
        });
        for (labels, alert) in found {
            if let indexmap::map::Entry::Vacant(entry) = active.entry(labels) {
                let labels = entry.key().clone();
                let alert = entry.insert(alert);
                self.step(&labels, alert, at, true, holds, sampled_at, &mut counted, &mut out);
            }
        }
        if limit > 0 && counted > limit {
            active.clear();
            return Err(RuleFailure::Limit { limit, n: counted, what: "alerts" });
        }
        Ok(out)
    }

    /// Takes one alert through the evaluation and adds its samples; returns whether it is kept.
    fn step(
        &self,
        labels: &Labels,
        alert: &mut ActiveAlert,
        at: TimestampNs,
        is_there: bool,
        holds: Holds,
        sampled_at: TimestampMs,
        counted: &mut usize,
        out: &mut Vec<VectorSample>,
    ) -> bool {
        match alert.step(at, is_there, holds) {
            Fate::Gone => return false,
            Fate::Rests => return true,
            Fate::Counts => {}
        }
        *counted += 1;
        let state = usize::from(alert.state == AlertState::Firing);
        let word = alert.state.as_str();
        let series = alert.series[state].get_or_insert_with(|| self.series_labels(labels, ALERTS, Some(word)));
        out.push(float(series.clone(), sampled_at, 1.0));
        let series = alert.series[2].get_or_insert_with(|| self.series_labels(labels, ALERTS_FOR_STATE, None));
        out.push(float(series.clone(), sampled_at, alert.active_at.unix_secs() as f64));
        true
    }

    /// Returns the labels of a series about an alert.
    ///
    /// upstream: a label of the rule whose template yields nothing is there as the template is written
    /// (rules/alerting.go, `sample`, 3.14).
    fn series_labels(&self, alert: &Labels, metric: &str, state: Option<&str>) -> Labels {
        let mut builder = LabelsBuilder::new();
        for (name, value) in self.core.labels().iter().chain(alert) {
            builder.set(name, value);
        }
        builder.set(METRIC_NAME, metric);
        builder.set(ALERT_NAME, self.core.name());
        if let Some(state) = state {
            builder.set(ALERT_STATE, state);
        }
        builder.build()
    }

    /// Returns the alerts of an answer, all pending; `None` when two of them have the same labels.
    pub(crate) fn alerts_of(&self, samples: &[VectorSample], cx: &EvalContext, at: TimestampNs) -> Option<Alerts> {
        let mut alerts = Alerts::with_capacity_and_hasher(samples.len(), FastBuildHasher::default());
        let source = TemplateQueries { cx, options: &self.core.options };
        let expander = Expander { now_ms: at.to_ms().0, external_url: &self.external_url, source: &source };
        let needs_data = self
            .label_templates
            .iter()
            .chain(&self.annotation_templates)
            .any(|(_, text)| matches!(text, Text::Template(_)));
        let mut builder = LabelsBuilder::new();
        // upstream: texts without a template are expanded as well.
        let texts = self.label_templates.len() + self.annotation_templates.len();
        cx.metrics.expansions.inc_by((samples.len() * texts) as u64);
        for sample in samples {
            let data = needs_data.then(|| {
                let value = template_value(sample);
                alert_data(&sample.labels, &self.external_labels, &self.external_url, &value)
            });
            let expanded = |text: &Text, each: &mut dyn FnMut(&str)| match (text, &data) {
                (Text::Plain(text), _) => each(text),
                (Text::Template(template), Some(data)) => {
                    let (text, error) = template.expand_or_error(data, &expander);
                    if let Some(err) = error {
                        cx.metrics.expansions_failed.inc();
                        warn!(
                            component = "rule manager",
                            alert = self.core.name(),
                            err,
                            "Expanding alert template failed"
                        );
                    }
                    each(&text);
                }
                (Text::Template(_), None) => {}
            };
            builder.reset(&sample.labels);
            builder.del(METRIC_NAME);
            for (name, text) in &self.label_templates {
                expanded(text, &mut |value| {
                    builder.set(name, value);
                });
            }
            builder.set(ALERT_NAME, self.core.name());
            let mut packed = Vec::new();
            for (name, text) in &self.annotation_templates {
                push_packed(&mut packed, name);
                expanded(text, &mut |value| push_packed(&mut packed, value));
            }
            let value = if sample.histogram.is_some() { 0.0 } else { sample.v };
            let alert = ActiveAlert::new(at, value, Labels::from_packed(&packed));
            if alerts.insert(builder.build(), alert).is_some() {
                return None;
            }
        }
        Some(alerts)
    }

    /// Gives the sink what is to be told now.
    pub(crate) fn send(&self, cx: &EvalContext, at: TimestampNs, interval: Duration) {
        let resend_delay = cx.settings.resend_delay;
        let mut alerts = Vec::new();
        for (labels, alert) in self.active.lock().iter_mut() {
            if !alert.needs_sending(at, resend_delay) {
                continue;
            }
            alert.last_sent_at = Some(at);
            // Time for two failures, of evaluations or of sending.
            let valid_until = at.after(4 * interval.max(resend_delay));
            alert.valid_until = Some(valid_until);
            alerts.push(Alert {
                labels: labels.clone(),
                annotations: alert.annotations.clone(),
                starts_at: alert.fired_at.unwrap_or(alert.active_at),
                ends_at: Some(alert.resolved_at.unwrap_or(valid_until)),
                generator_url: self.generator_url.clone(),
            });
        }
        if !alerts.is_empty() {
            cx.sink.send(alerts);
        }
    }
}

/// Escapes as Go's `url.QueryEscape`.
fn query_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3 / 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_escaped_as_go_does() {
        let cases = [("up == 0", "up+%3D%3D+0"), ("a{b=~\"c*\"}/~é", "a%7Bb%3D~%22c%2A%22%7D%2F~%C3%A9")];
        for (text, want) in cases {
            assert_eq!(query_escaped(text), want);
        }
    }
}
