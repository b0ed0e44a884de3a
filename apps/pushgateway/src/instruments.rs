//! The gateway's own metrics, in upstream's names (`handler/metrics.go`).

use std::sync::Arc;
use std::time::Duration;

use firesteel_cli::{Version, version};
use firesteel_client::{BuildInfo, Counter, Family, ProcessCollector, Registry, Summary};
use firesteel_model::{MetricFamily, MetricType};

use crate::options::RELEASE;

const RANKS: &[f64] = &[0.1, 0.5, 0.9];
const REQUESTS: (&str, &str) =
    ("pushgateway_http_requests_total", "Total HTTP requests processed by the Pushgateway, excluding scrapes.");
const SIZE: (&str, &str) = ("pushgateway_http_push_size_bytes", "HTTP request size for pushes to the Pushgateway.");
const DURATION: (&str, &str) =
    ("pushgateway_http_push_duration_seconds", "HTTP request duration for pushes to the Pushgateway.");

/// Counts requests and measures pushes.
#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    requests: Family<Counter>,
    sizes: Family<Summary>,
    durations: Family<Summary>,
}

impl Instruments {
    /// Registers the instruments, `pushgateway_build_info` and `process_*`.
    pub(crate) fn new(registry: &Registry) -> Self {
        let v = Version { compatible: RELEASE, ..version() };
        BuildInfo {
            version: v.compatible,
            revision: v.revision,
            branch: v.branch,
            goversion: v.compiler,
            tags: concat!("firesteel ", env!("CARGO_PKG_VERSION")),
        }
        .register(registry, "pushgateway");
        registry.register(Arc::new(ProcessCollector::default()));
        Self {
            requests: registry.counter_vec(REQUESTS.0, REQUESTS.1, &["code", "handler", "method"]),
            sizes: registry.summary_vec(SIZE.0, SIZE.1, &["method"], RANKS),
            durations: registry.summary_vec(DURATION.0, DURATION.1, &["method"], RANKS),
        }
    }

    /// Returns name, help and type of all that `registry` shows or will show.
    pub(crate) fn shapes(registry: &Registry) -> Vec<MetricFamily> {
        let shape = |(name, help): (&str, &str), metric_type| MetricFamily {
            name: name.to_owned(),
            help: help.to_owned(),
            metric_type,
            ..MetricFamily::default()
        };
        let mut shapes = registry.gather();
        shapes.push(shape(REQUESTS, MetricType::Counter));
        shapes.push(shape(SIZE, MetricType::Summary));
        shapes.push(shape(DURATION, MetricType::Summary));
        shapes
    }

    /// Counts a request; `method` in lower case.
    pub(crate) fn count(&self, code: &str, handler: &str, method: &str) {
        self.requests.with(&[code, handler, method]).inc();
    }

    /// Measures a push.
    pub(crate) fn measure(&self, method: &str, bytes: u64, took: Duration) {
        self.sizes.with(&[method]).observe(bytes as f64);
        self.durations.with(&[method]).observe_duration(took);
    }
}
