//! Where alerts go.

use firesteel_model::Alert;

/// Takes the alerts of one evaluation of one rule. Called on evaluation threads: it must not wait for anybody.
pub trait AlertSink: Send + Sync {
    /// Takes alerts that fire or were resolved; never an empty list.
    fn send(&self, alerts: Vec<Alert>);
}

/// Alerts are dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl AlertSink for NoSink {
    fn send(&self, _alerts: Vec<Alert>) {}
}
