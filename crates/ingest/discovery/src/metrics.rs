//! The `prometheus_sd_*` metrics. Names and texts are upstream's (`discovery/metrics*.go` and those of each kind).

use std::time::Duration;

use firesteel_client::{Counter, Family, Gauge, Histogram, Registry, Summary};
use firesteel_net::Dialers;

use crate::consul::ConsulMetrics;

/// Instruments of one manager.
#[derive(Clone, Debug)]
pub(crate) struct ManagerMetrics {
    name: &'static str,
    pub(crate) failed_configs: Gauge,
    discovered_targets: Family<Gauge>,
    last_updated: Family<Gauge>,
    pub(crate) received_updates: Counter,
    pub(crate) sent_updates: Counter,
}

impl ManagerMetrics {
    pub(crate) fn new(r: &Registry, name: &'static str) -> Self {
        let label = &["name"];
        // Sets are handed their latest state, so that no update ever waits for its reader.
        let _always_zero = r
            .counter_vec(
                "prometheus_sd_updates_delayed_total",
                "Total number of update events that couldn't be sent immediately.",
                label,
            )
            .with(&[name]);
        Self {
            name,
            failed_configs: r
                .gauge_vec(
                    "prometheus_sd_failed_configs",
                    "Current number of service discovery configurations that failed to load.",
                    label,
                )
                .with(&[name]),
            discovered_targets: r.gauge_vec(
                "prometheus_sd_discovered_targets",
                "Current number of discovered targets.",
                &["name", "config"],
            ),
            last_updated: r.gauge_vec(
                "prometheus_sd_last_update_timestamp_seconds",
                "Timestamp of the last update sent to the SD consumers.",
                &["name", "config"],
            ),
            received_updates: r
                .counter_vec(
                    "prometheus_sd_received_updates_total",
                    "Total number of update events received from the SD providers.",
                    label,
                )
                .with(&[name]),
            sent_updates: r
                .counter_vec(
                    "prometheus_sd_updates_total",
                    "Total number of update events sent to the SD consumers.",
                    label,
                )
                .with(&[name]),
        }
    }

    /// Notes what a set was told.
    pub(crate) fn told(&self, set: &str, targets: usize) {
        self.discovered_targets.with(&[self.name, set]).set(targets as f64);
        self.last_updated.with(&[self.name, set]).set_to_current_time();
    }

    /// Takes a set's series away.
    pub(crate) fn forget(&self, set: &str) {
        self.discovered_targets.remove(&[self.name, set]);
        self.last_updated.remove(&[self.name, set]);
    }
}

/// Instruments of the kinds; managers share them.
#[derive(Clone, Debug)]
pub struct SdMetrics {
    pub(crate) dialers: Dialers,
    refresh_failures: Family<Counter>,
    refresh_duration: Family<Summary>,
    refresh_duration_histogram: Family<Histogram>,
    pub(crate) file: FileMetrics,
    pub(crate) consul: ConsulMetrics,
    pub(crate) http_failures: Counter,
    pub(crate) dns_lookups: Counter,
    pub(crate) dns_lookup_failures: Counter,
    pub(crate) etcd_failures: Counter,
    #[cfg_attr(not(feature = "kubernetes"), expect(dead_code, reason = "registered all the same, as upstream does"))]
    pub(crate) kubernetes: KubernetesMetrics,
    pub(crate) nomad_failures: Counter,
    pub(crate) tree_cache: TreeCacheMetrics,
}

impl SdMetrics {
    /// Makes the instruments, or finds those made before.
    pub fn new(r: &Registry) -> Self {
        Self {
            dialers: Dialers::new(r),
            refresh_failures: r.counter_vec(
                "prometheus_sd_refresh_failures_total",
                "Number of refresh failures for the given SD mechanism.",
                &["mechanism", "config"],
            ),
            refresh_duration: r.summary_vec(
                "prometheus_sd_refresh_duration_seconds",
                "The duration of a refresh in seconds for the given SD mechanism.",
                &["mechanism", "config"],
                &[0.5, 0.9, 0.99],
            ),
            refresh_duration_histogram: r.native_histogram_vec(
                "prometheus_sd_refresh_duration_histogram_seconds",
                "The duration of a refresh for the given SD mechanism.",
                &["mechanism"],
                &[0.01, 0.1, 1.0, 10.0],
            ),
            file: FileMetrics::new(r),
            consul: ConsulMetrics::new(r),
            http_failures: r
                .counter("prometheus_sd_http_failures_total", "Number of HTTP service discovery refresh failures."),
            dns_lookups: r.counter("prometheus_sd_dns_lookups_total", "The number of DNS-SD lookups."),
            dns_lookup_failures: r
                .counter("prometheus_sd_dns_lookup_failures_total", "The number of DNS-SD lookup failures."),
            etcd_failures: r.counter(
                "prometheus_sd_etcd_failures_total",
                "The number of failures to list, watch or read keys of etcd.",
            ),
            kubernetes: KubernetesMetrics::new(r),
            tree_cache: TreeCacheMetrics::new(r),
            nomad_failures: r
                .counter("prometheus_sd_nomad_failures_total", "Number of nomad service discovery refresh failures."),
        }
    }

    /// Returns the instruments of one refreshing provider.
    pub(crate) fn refresh(&self, mechanism: &str, set: &str) -> RefreshMetrics {
        RefreshMetrics {
            failures: self.refresh_failures.with(&[mechanism, set]),
            duration: self.refresh_duration.with(&[mechanism, set]),
            histogram: self.refresh_duration_histogram.with(&[mechanism]),
        }
    }

    /// Takes a provider's series away.
    pub(crate) fn forget(&self, mechanism: &str, set: &str) {
        self.refresh_failures.remove(&[mechanism, set]);
        self.refresh_duration.remove(&[mechanism, set]);
    }
}

/// How refreshes went.
#[derive(Clone, Debug)]
pub(crate) struct RefreshMetrics {
    pub(crate) failures: Counter,
    duration: Summary,
    histogram: Histogram,
}

impl RefreshMetrics {
    pub(crate) fn observe(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
        self.histogram.observe(took.as_secs_f64());
    }
}

/// Instruments of `file_sd_configs`.
#[derive(Clone, Debug)]
pub(crate) struct FileMetrics {
    pub(crate) read_errors: Counter,
    pub(crate) watcher_errors: Counter,
    pub(crate) scan_duration: Summary,
    pub(crate) mtime: Family<Gauge>,
}

impl FileMetrics {
    fn new(r: &Registry) -> Self {
        Self {
            read_errors: r.counter("prometheus_sd_file_read_errors_total", "The number of File-SD read errors."),
            watcher_errors: r.counter(
                "prometheus_sd_file_watcher_errors_total",
                "The number of File-SD errors caused by filesystem watch failures.",
            ),
            scan_duration: r.summary(
                "prometheus_sd_file_scan_duration_seconds",
                "The duration of the File-SD scan in seconds.",
                &[0.5, 0.9, 0.99],
            ),
            mtime: r.gauge_vec(
                "prometheus_sd_file_mtime_seconds",
                "Timestamp (mtime) of files read by FileSD. Timestamp is set at read time.",
                &["filename"],
            ),
        }
    }
}

/// Instruments of `kubernetes_sd_configs`.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "kubernetes"), expect(dead_code, reason = "registered all the same, as upstream does"))]
pub(crate) struct KubernetesMetrics {
    events: Family<Counter>,
    pub(crate) failures: Counter,
}

impl KubernetesMetrics {
    fn new(r: &Registry) -> Self {
        let labels = &["role", "event"];
        let events =
            r.counter_vec("prometheus_sd_kubernetes_events_total", "The number of Kubernetes events handled.", labels);
        for role in ["endpointslice", "endpoints", "node", "pod", "service", "ingress"] {
            for event in ["add", "delete", "update"] {
                events.with(&[role, event]);
            }
        }
        let help = "The number of failed WATCH/LIST requests.";
        Self { events, failures: r.counter("prometheus_sd_kubernetes_failures_total", help) }
    }

    /// Counts what became of an object of a role.
    #[cfg_attr(not(feature = "kubernetes"), expect(dead_code, reason = "registered all the same, as upstream does"))]
    pub(crate) fn event(&self, role: &str, event: &str) {
        self.events.with(&[role, event]).inc();
    }
}

/// Instruments of ZooKeeper's kinds.
#[derive(Clone, Debug)]
pub(crate) struct TreeCacheMetrics {
    pub(crate) failures: Counter,
    /// Upstream runs a goroutine for each node; here it is the number of nodes that are watched.
    pub(crate) watchers: Gauge,
}

impl TreeCacheMetrics {
    fn new(r: &Registry) -> Self {
        Self {
            failures: r
                .counter("prometheus_treecache_zookeeper_failures_total", "The total number of ZooKeeper failures."),
            watchers: r.gauge("prometheus_treecache_watcher_goroutines", "The current number of watcher goroutines."),
        }
    }
}
