//! Whether a scrape of everything would make sense: the rules of client_golang's `Gatherers` (1.23), kept as an index so
//! that a push is checked against what it touches, not against all there is.

use std::sync::Arc;

use firesteel_base::FastHashMap;
use firesteel_go_compat::quote;
use firesteel_model::{Metric, MetricFamily, MetricType, MetricValue};
use xxhash_rust::xxh64::Xxh64;

use crate::describe::{described, type_name};

const RESERVED: &str = "__";
const TYPES: [MetricType; 6] = [
    MetricType::Counter,
    MetricType::Gauge,
    MetricType::Summary,
    MetricType::Unknown,
    MetricType::Histogram,
    MetricType::GaugeHistogram,
];

/// The gateway's own families: help and type by name.
pub(crate) type OwnFamilies = FastHashMap<String, (String, MetricType)>;

/// What is in use: names with how many families of each type bear them, and metrics by a hash of name and labels.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: FastHashMap<String, [u32; TYPES.len()]>,
    /// Metrics are told apart by 64 bits, as upstream does.
    metrics: FastHashMap<u64, u32>,
}

impl Index {
    /// Puts families in the place of others. With an error, which tells all that would be wrong, nothing has changed.
    pub(crate) fn exchange<'a>(
        &mut self,
        old: &[Arc<MetricFamily>],
        new: impl Iterator<Item = &'a MetricFamily> + Clone,
        own: &OwnFamilies,
    ) -> Result<(), String> {
        for family in old {
            self.remove(family);
        }
        let mut faults = Vec::new();
        for family in new.clone() {
            self.insert(family, own, &mut faults);
        }
        let Some(text) = told(&faults) else { return Ok(()) };
        for family in new {
            self.remove(family);
        }
        for family in old {
            self.insert(family, own, &mut Vec::new());
        }
        Err(text)
    }

    /// Adds a family, whatever is wrong with it, and tells what is.
    pub(crate) fn insert(&mut self, family: &MetricFamily, own: &OwnFamilies, faults: &mut Vec<String>) {
        let name = &family.name;
        let mut wanted = family.metric_type;
        if let Some(known) = self.type_of(name, own) {
            wanted = known;
            if known != family.metric_type && own.contains_key(name) {
                let (is, should) = (type_name(family.metric_type), type_name(known));
                faults.push(format!("gathered metric family {name} has type {is} but should have {should}"));
            }
        } else {
            faults.extend(self.collision(name, family.metric_type, own));
        }
        for metric in &family.metrics {
            let hash = hash(name, metric);
            let before = self.metrics.entry(hash).or_default();
            *before += 1;
            let is_second = *before > 1;
            if family.metric_type != wanted && !own.contains_key(name) {
                let what = described(&metric.labels, Some(&metric.value));
                faults.push(format!("collected metric {} {{ {what}}} is not a {}", quote(name), type_name(wanted)));
            } else if let Some(fault) = label_fault(metric) {
                let what = described(&metric.labels, Some(&metric.value));
                faults.push(format!("collected metric {} {{ {what}}} {fault}", quote(name)));
            } else if is_second {
                let what = described(&metric.labels, Some(&metric.value));
                faults.push(format!(
                    "collected metric {} {{ {what}}} was collected before with the same name and label values",
                    quote(name)
                ));
            }
        }
        if let Some(at) = TYPES.iter().position(|t| *t == family.metric_type) {
            self.names.entry(name.clone()).or_default()[at] += 1;
        }
    }

    /// Takes out a family that was inserted.
    pub(crate) fn remove(&mut self, family: &MetricFamily) {
        if let Some(types) = self.names.get_mut(&family.name) {
            if let Some(at) = TYPES.iter().position(|t| *t == family.metric_type) {
                types[at] = types[at].saturating_sub(1);
            }
            if types.iter().all(|n| *n == 0) {
                self.names.remove(&family.name);
            }
        }
        for metric in &family.metrics {
            let hash = hash(&family.name, metric);
            if let Some(n) = self.metrics.get_mut(&hash) {
                *n = n.saturating_sub(1);
                if *n == 0 {
                    self.metrics.remove(&hash);
                }
            }
        }
    }

    fn type_of(&self, name: &str, own: &OwnFamilies) -> Option<MetricType> {
        if let Some((_, metric_type)) = own.get(name) {
            return Some(*metric_type);
        }
        let types = self.names.get(name)?;
        TYPES.iter().zip(types).find(|(_, n)| **n > 0).map(|(metric_type, _)| *metric_type)
    }

    /// Summaries and histograms own the names that their samples get in the text format.
    fn collision(&self, name: &str, metric_type: MetricType, own: &OwnFamilies) -> Option<String> {
        for suffix in ["_count", "_sum", "_bucket"] {
            let Some(stem) = name.strip_suffix(suffix).filter(|stem| !stem.is_empty()) else { continue };
            let kind = match self.type_of(stem, own) {
                Some(MetricType::Summary) if suffix != "_bucket" => "summary",
                Some(MetricType::Histogram) => "histogram",
                _ => continue,
            };
            let (name, stem) = (quote(name), quote(stem));
            return Some(format!(
                "collected metric named {name} collides with previously collected {kind} named {stem}"
            ));
        }
        let suffixes: &[&str] = match metric_type {
            MetricType::Summary => &["_count", "_sum"],
            MetricType::Histogram => &["_count", "_sum", "_bucket"],
            _ => &[],
        };
        let taken = suffixes.iter().find(|suffix| self.type_of(&format!("{name}{suffix}"), own).is_some())?;
        let kind = if *taken == "_bucket" { "histogram" } else { "histogram or summary" };
        let other = format!("{name}{taken}");
        let (name, other) = (quote(name), quote(&other));
        Some(format!("collected {kind} named {name} collides with previously collected metric named {other}"))
    }
}

fn hash(name: &str, metric: &Metric) -> u64 {
    let mut hasher = Xxh64::new(0);
    hasher.update(name.as_bytes());
    hasher.update(&[0xff]);
    hasher.update(metric.labels.as_packed());
    hasher.digest()
}

fn label_fault(metric: &Metric) -> Option<String> {
    let is_summary = matches!(metric.value, MetricValue::Summary(_));
    metric.labels.iter().find_map(|(name, _)| {
        if name.is_empty() || name.starts_with(RESERVED) {
            return Some(format!("has a label with an invalid name: {name}"));
        }
        (is_summary && name == "quantile").then(|| "must not have an explicit \"quantile\" label".to_owned())
    })
}

/// Returns the faults as one text, as client_golang's `MultiError` puts them.
pub(crate) fn told(faults: &[String]) -> Option<String> {
    match faults {
        [] => None,
        [one] => Some(one.clone()),
        all => {
            let mut text = format!("{} error(s) occurred:", all.len());
            for fault in all {
                text += &format!("\n* {fault}");
            }
            Some(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use firesteel_model::{Labels, Summary};

    use super::*;

    fn family(name: &str, values: &[(&str, MetricValue)]) -> MetricFamily {
        let metric_type = match values[0].1 {
            MetricValue::Counter { .. } => MetricType::Counter,
            MetricValue::Summary(_) => MetricType::Summary,
            MetricValue::Histogram(_) => MetricType::Histogram,
            _ => MetricType::Gauge,
        };
        let metrics = values.iter().map(|(a, v)| Metric::new(Labels::from_pairs([("a", *a)]), v.clone())).collect();
        MetricFamily { name: name.to_owned(), metric_type, metrics, ..MetricFamily::default() }
    }

    fn faults(index: &mut Index, family: &MetricFamily) -> Vec<String> {
        let own = [("own_total".to_owned(), ("Help.".to_owned(), MetricType::Counter))].into_iter().collect();
        let mut faults = Vec::new();
        index.insert(family, &own, &mut faults);
        faults
    }

    #[test]
    fn faults_are_told_in_upstreams_words() {
        let gauge = |v| MetricValue::Gauge(v);
        let summary = || MetricValue::Summary(Summary { count: 1, sum: 2.0, quantiles: vec![(0.5, f64::NAN)] });
        let cases: [(&[MetricFamily], &[&str]); 6] = [
            (&[family("g", &[("1", gauge(1.0)), ("2", gauge(1.0))])], &[]),
            (
                &[family("g", &[("1", gauge(1.0))]), family("g", &[("1", gauge(2.5))])],
                &[
                    "collected metric \"g\" { label:{name:\"a\" value:\"1\"} gauge:{value:2.5}} was collected before with the same name and label values",
                ],
            ),
            (
                &[family("g", &[("1", gauge(1.0))]), family("g", &[("2", summary())])],
                &[
                    "collected metric \"g\" { label:{name:\"a\" value:\"2\"} summary:{sample_count:1 sample_sum:2 quantile:{quantile:0.5 value:nan}}} is not a GAUGE",
                ],
            ),
            (
                &[family("s", &[("1", summary())]), family("s_count", &[("1", gauge(1.0))])],
                &["collected metric named \"s_count\" collides with previously collected summary named \"s\""],
            ),
            (
                &[family("s_sum", &[("1", gauge(1.0))]), family("s", &[("1", summary())])],
                &[
                    "collected histogram or summary named \"s\" collides with previously collected metric named \"s_sum\"",
                ],
            ),
            (
                &[family("own_total", &[("1", gauge(1.0))])],
                &["gathered metric family own_total has type GAUGE but should have COUNTER"],
            ),
        ];
        for (families, want) in cases {
            let mut index = Index::default();
            let mut got = Vec::new();
            for family in families {
                got.extend(faults(&mut index, family));
            }
            assert_eq!(got, want);
            for family in families {
                index.remove(family);
            }
            assert!(index.names.is_empty() && index.metrics.is_empty());
        }
    }

    #[test]
    fn several_faults_are_one_text() {
        let text = |faults: &[&str]| told(&faults.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>());
        assert_eq!(text(&[]), None);
        assert_eq!(text(&["a"]).as_deref(), Some("a"));
        assert_eq!(text(&["a", "b"]).as_deref(), Some("2 error(s) occurred:\n* a\n* b"));
    }
}
