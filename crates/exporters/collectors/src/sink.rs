//! What collectors write into: families by name, in the order of their names at the end.

use std::collections::BTreeMap;

use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue};

/// Gathers the metrics of one scrape. Names are given without their `node_` prefix.
#[derive(Debug, Default)]
pub struct MetricSink {
    families: BTreeMap<String, MetricFamily>,
}

impl MetricSink {
    /// Adds a sample of a counter; `name` ends in `_total` where node_exporter's does.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.put(name, help, MetricType::Counter, labels, MetricValue::Counter { value, exemplar: None });
    }

    /// Adds a sample of a gauge.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.put(name, help, MetricType::Gauge, labels, MetricValue::Gauge(value));
    }

    /// Adds a sample of unknown type, as node_exporter does for the kernel's own counters.
    pub fn untyped(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.put(name, help, MetricType::Unknown, labels, MetricValue::Untyped(value));
    }

    fn put(&mut self, name: &str, help: &str, metric_type: MetricType, labels: &[(&str, &str)], value: MetricValue) {
        let full = format!("node_{name}");
        let family = self.families.entry(full).or_insert_with_key(|full| MetricFamily {
            name: full.clone(),
            help: help.to_owned(),
            unit: String::new(),
            metric_type,
            metrics: Vec::new(),
        });
        family.metrics.push(Metric::new(Labels::from_pairs(labels.iter().copied()), value));
    }

    /// Returns the families by name, members by labels; of two with the same labels the first stays, because a scraper
    /// refuses a page with duplicates.
    pub fn into_families(self) -> Vec<MetricFamily> {
        let mut families: Vec<MetricFamily> = self.families.into_values().collect();
        for family in &mut families {
            family.metrics.sort_by(|a, b| a.labels.cmp(&b.labels));
            family.metrics.dedup_by(|later, first| later.labels == first.labels);
        }
        families
    }
}
