//! One group: what was pushed under its labels, and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use firesteel_base::TimestampNs;
use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue};

use crate::GroupLabels;
use crate::options::Wishes;
use crate::quiet::Rhythm;
use crate::sanitise::sanitised;

/// The name of the gauge that says when the group last changed.
pub const PUSH_TIME: &str = "push_time_seconds";
/// The name of the gauge that says when a change of the group was last refused.
pub const PUSH_FAILURE_TIME: &str = "push_failure_time_seconds";

const PUSH_HELP: &str = "Last Unix time when changing this group in the Pushgateway succeeded.";
const PUSH_FAILURE_HELP: &str = "Last Unix time when changing this group in the Pushgateway failed.";

/// A family as a group keeps it.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    /// When it was pushed.
    pub pushed: TimestampNs,
    /// Every metric bears the group's labels and `instance`.
    pub family: Arc<MetricFamily>,
}

/// What was pushed under one set of labels. Owned by the gateway; others see it through an `Arc`.
#[derive(Clone, Debug, Default)]
pub struct Group {
    pub labels: GroupLabels,
    /// By name; [`PUSH_TIME`] and [`PUSH_FAILURE_TIME`] are among them.
    pub families: BTreeMap<String, Kept>,
    pub(crate) wishes: Wishes,
    pub(crate) rhythm: Rhythm,
}

impl Group {
    pub(crate) fn new(labels: GroupLabels) -> Self {
        Self { labels, ..Self::default() }
    }

    /// Returns whether the last push was a good one; true when that is not known.
    pub fn last_push_successful(&self) -> bool {
        let seconds = |name| self.gauge(name);
        match (seconds(PUSH_FAILURE_TIME), seconds(PUSH_TIME)) {
            (Some(failure), Some(success)) => failure <= success,
            _ => true,
        }
    }

    /// Returns when the group last changed; `None` before the first good push.
    pub fn last_push(&self) -> Option<TimestampNs> {
        let kept = self.families.get(PUSH_TIME)?;
        (self.gauge(PUSH_TIME)? > 0.0).then_some(kept.pushed)
    }

    /// Returns the time after which the group is deleted.
    pub fn expires(&self) -> Option<TimestampNs> {
        let last = self.families.values().map(|kept| kept.pushed).max()?;
        self.wishes.ttl.map(|ttl| last.after(ttl))
    }

    fn gauge(&self, name: &str) -> Option<f64> {
        match self.families.get(name)?.family.metrics.first()?.value {
            MetricValue::Gauge(seconds) => Some(seconds),
            _ => None,
        }
    }

    pub(crate) fn push_time(labels: &GroupLabels, at: Option<TimestampNs>) -> MetricFamily {
        time_gauge((PUSH_TIME, PUSH_HELP), labels, at)
    }

    pub(crate) fn push_failure_time(labels: &GroupLabels, at: Option<TimestampNs>) -> MetricFamily {
        time_gauge((PUSH_FAILURE_TIME, PUSH_FAILURE_HELP), labels, at)
    }
}

fn time_gauge(of: (&str, &str), labels: &GroupLabels, at: Option<TimestampNs>) -> MetricFamily {
    gauge(of, labels, at.map_or(0.0, |at| at.0 as f64 / 1e9))
}

/// Returns a gauge of that name and help, with the group's labels.
pub(crate) fn gauge((name, help): (&str, &str), labels: &GroupLabels, value: f64) -> MetricFamily {
    MetricFamily {
        name: name.to_owned(),
        help: help.to_owned(),
        unit: String::new(),
        metric_type: MetricType::Gauge,
        metrics: vec![Metric::new(sanitised(&Labels::empty(), labels), MetricValue::Gauge(value))],
    }
}
