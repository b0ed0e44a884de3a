//! What collectors write into: families by name, in the order of their names at the end.

use std::cmp::Ordering;
use std::fmt::{Display, Write as _};

use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue, push_packed};
use hashbrown::HashMap;

/// Gathers the metrics of one scrape. Names are given without their `node_` prefix. Names and help may be
/// `format_args!`: they are written into a buffer that is kept, help only for the first sample of a family.
#[derive(Debug, Default)]
pub struct MetricSink {
    places: HashMap<String, usize>,
    families: Vec<MetricFamily>,
    name: String,
    packed: Vec<u8>,
}

impl MetricSink {
    /// Adds a sample of a counter; `name` ends in `_total` where node_exporter's does.
    pub fn counter(&mut self, name: impl Display, help: impl Display, labels: &[(&str, &str)], value: f64) {
        self.put(name, help, MetricType::Counter, labels, MetricValue::Counter { value, exemplar: None });
    }

    /// Adds a sample of a gauge.
    pub fn gauge(&mut self, name: impl Display, help: impl Display, labels: &[(&str, &str)], value: f64) {
        self.put(name, help, MetricType::Gauge, labels, MetricValue::Gauge(value));
    }

    /// Adds a sample of unknown type, as node_exporter does for the kernel's own counters.
    pub fn untyped(&mut self, name: impl Display, help: impl Display, labels: &[(&str, &str)], value: f64) {
        self.put(name, help, MetricType::Unknown, labels, MetricValue::Untyped(value));
    }

    /// Adds a sample that says all in its labels.
    pub fn info(&mut self, name: impl Display, help: impl Display, labels: &[(&str, &str)]) {
        self.gauge(name, help, labels, 1.0);
    }

    /// Adds a whole family under the very name it has. Where one of that name is there with another type or help, the new
    /// one is left out and false returned: a scraper refuses a page that contradicts itself.
    pub fn family(&mut self, family: MetricFamily) -> bool {
        match self.places.get(&family.name) {
            Some(&at) => {
                let known = &mut self.families[at];
                let fits = known.metric_type == family.metric_type && known.help == family.help;
                if fits {
                    known.metrics.extend(family.metrics);
                }
                fits
            }
            None => {
                self.places.insert(family.name.clone(), self.families.len());
                self.families.push(family);
                true
            }
        }
    }

    fn put(
        &mut self,
        name: impl Display,
        help: impl Display,
        metric_type: MetricType,
        labels: &[(&str, &str)],
        value: MetricValue,
    ) {
        self.name.clear();
        self.name.push_str("node_");
        // A String takes all.
        let _written = write!(self.name, "{name}");
        let at = match self.places.get(&self.name) {
            Some(&at) => at,
            None => {
                self.places.insert(self.name.clone(), self.families.len());
                self.families.push(MetricFamily {
                    name: self.name.clone(),
                    help: help.to_string(),
                    unit: String::new(),
                    metric_type,
                    metrics: Vec::new(),
                });
                self.families.len() - 1
            }
        };
        let labels = self.pack(labels);
        self.families[at].metrics.push(Metric::new(labels, value));
    }

    /// Sorts and packs the labels. Empty values stay: the page shows them as node_exporter's does.
    fn pack(&mut self, labels: &[(&str, &str)]) -> Labels {
        self.packed.clear();
        let mut last: Option<&str> = None;
        // The least name above the last one, as often as there are labels: they are few.
        while let Some((name, value)) =
            labels.iter().filter(|(name, _)| last.is_none_or(|last| *name > last)).min_by_key(|(name, _)| *name)
        {
            push_packed(&mut self.packed, name);
            push_packed(&mut self.packed, value);
            last = Some(name);
        }
        Labels::from_packed(&self.packed)
    }

    /// Returns the families by name, members in the order of client_golang; of two with the same labels the first stays,
    /// because a scraper refuses a page with duplicates.
    pub fn into_families(self) -> Vec<MetricFamily> {
        let mut families = self.families;
        families.sort_by(|a, b| a.name.cmp(&b.name));
        for family in &mut families {
            if !family.metrics.is_sorted_by(|a, b| order(&a.labels, &b.labels).is_lt()) {
                family.metrics.sort_by(|a, b| order(&a.labels, &b.labels).then_with(|| a.labels.cmp(&b.labels)));
                family.metrics.dedup_by(|later, first| later.labels == first.labels);
            }
        }
        families
    }
}

/// Fewer labels first, then by their values.
fn order(a: &Labels, b: &Labels) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().map(|(_, value)| value).cmp(b.iter().map(|(_, value)| value)))
}
