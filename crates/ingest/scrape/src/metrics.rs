//! The `prometheus_target_*` metrics of the server itself.

use std::time::Duration;

use firesteel_client::{Counter, Family, Gauge, Histogram, Registry, Summary};
use firesteel_net::Dialers;

const BUCKETS: [f64; 4] = [0.01, 0.1, 1.0, 10.0];

/// Instruments of all pools. Names and texts are upstream's (`scrape/metrics.go`).
#[derive(Clone, Debug)]
pub(crate) struct ScrapeMetrics {
    pub(crate) dialers: Dialers,
    pub(crate) pools: Counter,
    pub(crate) pools_failed: Counter,
    pub(crate) reload_length: Family<Summary>,
    pub(crate) pool_reloads: Counter,
    pub(crate) pool_reloads_failed: Counter,
    pub(crate) exceeded_target_limit: Counter,
    pub(crate) exceeded_label_limits: Counter,
    pub(crate) pool_target_limit: Family<Gauge>,
    pub(crate) pool_targets: Family<Gauge>,
    pool_syncs: Family<Counter>,
    pub(crate) pool_symbols: Family<Gauge>,
    sync_length: Family<Summary>,
    sync_length_histogram: Family<Histogram>,
    pub(crate) sync_failed: Family<Counter>,
    interval_length: Family<Summary>,
    interval_length_histogram: Family<Histogram>,
    /// From start to commit, of targets that are to have extra metrics (upstream: `scrape/scrape.go`, 3.14).
    pub(crate) scrape_duration: Histogram,
    pub(crate) exceeded_body_size: Counter,
    pub(crate) exceeded_bucket_limit: Counter,
    pub(crate) exceeded_sample_limit: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) out_of_order: Counter,
    pub(crate) out_of_bounds: Counter,
    pub(crate) exemplars_out_of_order: Counter,
}

impl ScrapeMetrics {
    pub(crate) fn new(r: &Registry) -> Self {
        let ranks = [0.01, 0.05, 0.5, 0.9, 0.99];
        let _cache_is_bounded_by_the_page = r.counter(
            "prometheus_target_scrapes_cache_flush_forced_total",
            "How many times a scrape cache was flushed due to getting big while scrapes are failing.",
        );
        Self {
            dialers: Dialers::new(r),
            pools: r.counter("prometheus_target_scrape_pools_total", "Total number of scrape pool creation attempts."),
            pools_failed: r.counter(
                "prometheus_target_scrape_pools_failed_total",
                "Total number of scrape pool creations that failed.",
            ),
            reload_length: r.summary_vec(
                "prometheus_target_reload_length_seconds",
                "Actual interval to reload the scrape pool with a given configuration.",
                &["interval"],
                &ranks,
            ),
            pool_reloads: r
                .counter("prometheus_target_scrape_pool_reloads_total", "Total number of scrape pool reloads."),
            pool_reloads_failed: r.counter(
                "prometheus_target_scrape_pool_reloads_failed_total",
                "Total number of failed scrape pool reloads.",
            ),
            exceeded_target_limit: r.counter(
                "prometheus_target_scrape_pool_exceeded_target_limit_total",
                "Total number of times scrape pools hit the target limit, during sync or config reload.",
            ),
            exceeded_label_limits: r.counter(
                "prometheus_target_scrape_pool_exceeded_label_limits_total",
                "Total number of times scrape pools hit the label limits, during sync or config reload.",
            ),
            pool_target_limit: r.gauge_vec(
                "prometheus_target_scrape_pool_target_limit",
                "Maximum number of targets allowed in this scrape pool.",
                &["scrape_job"],
            ),
            pool_targets: r.gauge_vec(
                "prometheus_target_scrape_pool_targets",
                "Current number of targets in this scrape pool.",
                &["scrape_job"],
            ),
            pool_syncs: r.counter_vec(
                "prometheus_target_scrape_pool_sync_total",
                "Total number of syncs that were executed on a scrape pool.",
                &["scrape_job"],
            ),
            pool_symbols: r.gauge_vec(
                "prometheus_target_scrape_pool_symboltable_items",
                "Current number of symbols in table for this scrape pool.",
                &["scrape_job"],
            ),
            sync_length: r.summary_vec(
                "prometheus_target_sync_length_seconds",
                "Actual interval to sync the scrape pool.",
                &["scrape_job"],
                &ranks,
            ),
            sync_length_histogram: r.native_histogram_vec(
                "prometheus_target_sync_length_histogram_seconds",
                "Actual interval to sync the scrape pool.",
                &["scrape_job"],
                &BUCKETS,
            ),
            sync_failed: r.counter_vec(
                "prometheus_target_sync_failed_total",
                "Total number of target sync failures.",
                &["scrape_job"],
            ),
            interval_length: r.summary_vec(
                "prometheus_target_interval_length_seconds",
                "Actual intervals between scrapes.",
                &["interval"],
                &ranks,
            ),
            interval_length_histogram: r.native_histogram_vec(
                "prometheus_target_interval_length_histogram_seconds",
                "Actual intervals between scrapes.",
                &["interval"],
                &BUCKETS,
            ),
            scrape_duration: r.native_histogram(
                "prometheus_target_scrape_duration_seconds",
                "Total duration of the scrape from start to commit completion in seconds.",
                &[],
            ),
            exceeded_body_size: r.counter(
                "prometheus_target_scrapes_exceeded_body_size_limit_total",
                "Total number of scrapes that hit the body size limit",
            ),
            exceeded_bucket_limit: r.counter(
                "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
                "Total number of scrapes that hit the native histogram bucket limit and were rejected.",
            ),
            exceeded_sample_limit: r.counter(
                "prometheus_target_scrapes_exceeded_sample_limit_total",
                "Total number of scrapes that hit the sample limit and were rejected.",
            ),
            duplicates: r.counter(
                "prometheus_target_scrapes_sample_duplicate_timestamp_total",
                "Total number of samples rejected due to duplicate timestamps but different values.",
            ),
            out_of_order: r.counter(
                "prometheus_target_scrapes_sample_out_of_order_total",
                "Total number of samples rejected due to not being out of the expected order.",
            ),
            out_of_bounds: r.counter(
                "prometheus_target_scrapes_sample_out_of_bounds_total",
                "Total number of samples rejected due to timestamp falling outside of the time bounds.",
            ),
            exemplars_out_of_order: r.counter(
                "prometheus_target_scrapes_exemplar_out_of_order_total",
                "Total number of exemplar rejected due to not being out of the expected order.",
            ),
        }
    }

    /// Returns the instruments of loops of an interval.
    pub(crate) fn intervals(&self, interval: &str) -> IntervalLengths {
        let (summary, histogram) =
            (self.interval_length.with(&[interval]), self.interval_length_histogram.with(&[interval]));
        IntervalLengths { summary, histogram }
    }

    /// Notes that a pool's targets were brought up to date.
    pub(crate) fn synced(&self, job: &str, took: Duration) {
        self.sync_length.with(&[job]).observe_duration(took);
        self.sync_length_histogram.with(&[job]).observe_duration(took);
        self.pool_syncs.with(&[job]).inc();
        // It shows from the first time on, whether any failed or not.
        self.sync_failed.with(&[job]);
    }

    /// Takes a pool's own series away.
    pub(crate) fn forget_pool(&self, job: &str) {
        for family in [&self.pool_target_limit, &self.pool_targets, &self.pool_symbols] {
            family.remove(&[job]);
        }
        self.pool_syncs.remove(&[job]);
        self.sync_failed.remove(&[job]);
        self.sync_length.remove(&[job]);
        self.sync_length_histogram.remove(&[job]);
    }
}

/// How long scrapes of an interval were apart.
#[derive(Clone, Debug)]
pub(crate) struct IntervalLengths {
    summary: Summary,
    histogram: Histogram,
}

impl IntervalLengths {
    pub(crate) fn observe(&self, length: Duration) {
        self.summary.observe_duration(length);
        self.histogram.observe_duration(length);
    }
}
