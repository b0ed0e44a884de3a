//! Alerts on their way from rules to Alertmanagers.

use std::sync::Arc;

use firesteel_base::TimestampNs;

use crate::Labels;

/// The label that holds the alert's name.
pub const ALERT_NAME: &str = "alertname";

/// One alert as it is notified (`notifier/alert.go`, `Alert`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// What tells it apart from others; its name is among them.
    pub labels: Labels,
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at: TimestampNs,
    /// When it was resolved; while it fires, the moment after which it counts as resolved unless it is sent again. `None`:
    /// nobody knows.
    pub ends_at: Option<TimestampNs>,
    /// Where its expression is shown.
    pub generator_url: Arc<str>,
}

impl Alert {
    /// Returns the alert's name, or the empty string.
    pub fn name(&self) -> &str {
        self.labels.value(ALERT_NAME)
    }

    /// Returns whether it has ended by `at`.
    pub fn is_resolved_at(&self, at: TimestampNs) -> bool {
        self.ends_at.is_some_and(|end| end <= at)
    }
}
