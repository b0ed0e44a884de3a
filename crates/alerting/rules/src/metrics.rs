//! What rules tell of themselves: `prometheus_rule_*` (`rules/group.go`, `NewGroupMetrics`).

use firesteel_client::{Counter, Family, Gauge, Histogram, Registry, Summary};

/// The label by which groups are told apart.
const GROUP: &[&str] = &["rule_group"];
const BUCKETS: [f64; 4] = [0.01, 0.1, 1.0, 10.0];

/// Instruments of all rules.
#[derive(Clone, Debug)]
pub(crate) struct RuleMetrics {
    pub(crate) evaluation: Timing,
    pub(crate) iteration: Timing,
    missed: Family<Counter>,
    iterations: Family<Counter>,
    evaluations: Family<Counter>,
    failures: Family<Counter>,
    interval: Family<Gauge>,
    last_evaluation: Family<Gauge>,
    last_duration: Family<Gauge>,
    rule_duration_sum: Family<Gauge>,
    restore_duration: Family<Gauge>,
    rules: Family<Gauge>,
    samples: Family<Gauge>,
    nothing: Family<Gauge>,
    pub(crate) expansions: Counter,
    pub(crate) expansions_failed: Counter,
}

/// A duration in both shapes.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    summary: Summary,
    histogram: Histogram,
}

impl Timing {
    pub(crate) fn observe(&self, took: std::time::Duration) {
        self.summary.observe_duration(took);
        self.histogram.observe_duration(took);
    }
}

/// Instruments of one group.
#[derive(Clone, Debug)]
pub(crate) struct GroupInstruments {
    pub(crate) missed: Counter,
    pub(crate) iterations: Counter,
    pub(crate) evaluations: Counter,
    pub(crate) failures: Counter,
    pub(crate) last_evaluation: Gauge,
    pub(crate) last_duration: Gauge,
    pub(crate) rule_duration_sum: Gauge,
    pub(crate) samples: Gauge,
}

impl RuleMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str| registry.counter_vec(&format!("prometheus_rule_{name}"), help, GROUP);
        let gauge = |name: &str, help: &str| registry.gauge_vec(&format!("prometheus_rule_{name}"), help, GROUP);
        let timing = |name: &str, help: &str, ranks: &[f64]| Timing {
            summary: registry.summary(&format!("prometheus_rule_{name}_seconds"), help, ranks),
            histogram: registry.native_histogram(&format!("prometheus_rule_{name}_histogram_seconds"), help, &BUCKETS),
        };
        Self {
            evaluation: timing("evaluation_duration", "The duration for a rule to execute.", &[0.5, 0.9, 0.99]),
            iteration: timing(
                "group_duration",
                "The duration of rule group evaluations.",
                &[0.01, 0.05, 0.5, 0.9, 0.99],
            ),
            missed: counter(
                "group_iterations_missed_total",
                "The total number of rule group evaluations missed due to slow rule group evaluation.",
            ),
            iterations: counter(
                "group_iterations_total",
                "The total number of scheduled rule group evaluations, whether executed or missed.",
            ),
            evaluations: counter("evaluations_total", "The total number of rule evaluations."),
            failures: counter("evaluation_failures_total", "The total number of rule evaluation failures."),
            interval: gauge("group_interval_seconds", "The interval of a rule group."),
            last_evaluation: gauge(
                "group_last_evaluation_timestamp_seconds",
                "The timestamp of the last rule group evaluation in seconds.",
            ),
            last_duration: gauge("group_last_duration_seconds", "The duration of the last rule group evaluation."),
            rule_duration_sum: gauge(
                "group_last_rule_duration_sum_seconds",
                "The sum of time in seconds it took to evaluate each rule in the group regardless of concurrency. This should be higher than the group duration if rules are evaluated concurrently.",
            ),
            restore_duration: gauge(
                "group_last_restore_duration_seconds",
                "The duration of the last alert rules alerts restoration using the `ALERTS_FOR_STATE` series.",
            ),
            rules: gauge("group_rules", "The number of rules."),
            samples: gauge(
                "group_last_evaluation_samples",
                "The number of samples returned during the last rule group evaluation.",
            ),
            expansions: registry
                .counter("prometheus_template_text_expansions_total", "The total number of template text expansions."),
            expansions_failed: registry.counter(
                "prometheus_template_text_expansion_failures_total",
                "The total number of template text expansion failures.",
            ),
            nothing: registry.gauge_vec(
                "firesteel_rule_matches_nothing",
                "Rules that cannot yield anything because a selector of theirs matches no series in storage.",
                &["rule_group", "rule"],
            ),
        }
    }

    /// Returns the instruments of a group, which show from now on.
    pub(crate) fn of_group(&self, key: &str, rules: usize, interval: std::time::Duration) -> GroupInstruments {
        let key = &[key];
        self.rules.with(key).set(rules as f64);
        self.interval.with(key).set(interval.as_secs_f64());
        GroupInstruments {
            missed: self.missed.with(key),
            iterations: self.iterations.with(key),
            evaluations: self.evaluations.with(key),
            failures: self.failures.with(key),
            last_evaluation: self.last_evaluation.with(key),
            last_duration: self.last_duration.with(key),
            rule_duration_sum: self.rule_duration_sum.with(key),
            samples: self.samples.with(key),
        }
    }

    pub(crate) fn restored(&self, key: &str, took: std::time::Duration) {
        self.restore_duration.with(&[key]).set(took.as_secs_f64());
    }

    /// Notes whether a rule matches nothing.
    pub(crate) fn matches_nothing(&self, key: &str, rule: &str, nothing: bool) {
        if nothing {
            self.nothing.with(&[key, rule]).set(1.0);
        } else {
            self.nothing.remove(&[key, rule]);
        }
    }

    /// Forgets the marks of rules of a group, before it is replaced.
    pub(crate) fn forget_marks(&self, key: &str) {
        self.nothing.retain(|values| values.first().is_none_or(|group| **group != *key));
    }

    /// Forgets a group that is gone.
    pub(crate) fn remove_group(&self, key: &str) {
        let one = &[key];
        for family in [&self.missed, &self.iterations, &self.evaluations, &self.failures] {
            family.remove(one);
        }
        for family in [
            &self.interval,
            &self.last_evaluation,
            &self.last_duration,
            &self.rules,
            &self.samples,
            &self.rule_duration_sum,
            &self.restore_duration,
        ] {
            family.remove(one);
        }
        self.forget_marks(key);
    }
}
