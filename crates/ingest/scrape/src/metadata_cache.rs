//! `prometheus_target_metadata_cache_*`: read when they are gathered (upstream: `scrape/metrics.go`).

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use firesteel_client::Collect;
use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue};
use parking_lot::Mutex;

use crate::pool::PoolHandle;

/// What pools know about metadata, as long as there are pools.
pub(crate) struct MetadataCache(pub(crate) Weak<Mutex<BTreeMap<String, PoolHandle>>>);

impl Collect for MetadataCache {
    fn collect(&self, out: &mut Vec<MetricFamily>) {
        let Some(pools) = self.0.upgrade() else { return };
        let views: Vec<_> = pools.lock().iter().map(|(job, pool)| (job.clone(), Arc::clone(&pool.view))).collect();
        let gauge = |name: &str, help: &str| MetricFamily {
            name: format!("prometheus_target_metadata_cache_{name}"),
            help: help.to_owned(),
            metric_type: MetricType::Gauge,
            ..MetricFamily::default()
        };
        let mut entries = gauge("entries", "Total number of metric metadata entries in the cache");
        let help = "The number of bytes that are currently used for storing metric metadata in the cache";
        let mut bytes = gauge("bytes", help);
        for (job, view) in views {
            let targets: Vec<_> = view.lock().active.iter().map(|(target, _)| Arc::clone(target)).collect();
            let (mut families, mut size) = (0, 0);
            for target in targets {
                let store = target.metadata.lock();
                families += store.len();
                size += store.bytes();
            }
            let metric = |n: usize| {
                Metric::new(Labels::from_pairs([("scrape_job", job.as_str())]), MetricValue::Gauge(n as f64))
            };
            entries.metrics.push(metric(families));
            bytes.metrics.push(metric(size));
        }
        out.extend([entries, bytes]);
    }
}
