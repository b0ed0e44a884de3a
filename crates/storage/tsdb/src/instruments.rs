//! What the database counts itself: reloads, compactions, retention. Names, helps and buckets are upstream's.

use std::sync::Arc;

use firesteel_client::{Collect, Counter, Gauge, Histogram, Registry, Summary};
use firesteel_model::MetricFamily;

/// Counters that exist from the opening on, whoever shows them later.
#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    registry: Inside,
    pub(crate) reloads: Counter,
    pub(crate) reloads_failed: Counter,
    pub(crate) blocks_set_aside: Gauge,
    pub(crate) blocks_bytes: Gauge,
    pub(crate) triggered: Counter,
    pub(crate) failed: Counter,
    pub(crate) ran: Counter,
    pub(crate) vertical: Counter,
    pub(crate) populating: Gauge,
    pub(crate) duration: Histogram,
    pub(crate) chunk_bytes: Histogram,
    pub(crate) chunk_samples: Histogram,
    pub(crate) chunk_range: Histogram,
    pub(crate) time_retentions: Counter,
    pub(crate) size_retentions: Counter,
    pub(crate) limit_bytes: Gauge,
    pub(crate) limit_seconds: Gauge,
    pub(crate) limit_percentage: Gauge,
    pub(crate) tombstone_cleanup: Histogram,
    pub(crate) stale_triggered: Counter,
    pub(crate) stale_failed: Counter,
    pub(crate) stale_duration: Histogram,
    pub(crate) log_truncation: Summary,
}

/// A registry within the one that is shown.
#[derive(Clone)]
struct Inside(Registry);

impl std::fmt::Debug for Inside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry")
    }
}

impl Collect for Inside {
    fn collect(&self, out: &mut Vec<MetricFamily>) {
        out.extend(self.0.gather());
    }
}

fn exponential(start: f64, factor: f64, n: usize) -> Vec<f64> {
    std::iter::successors(Some(start), |bound| Some(bound * factor)).take(n).collect()
}

impl Instruments {
    pub(crate) fn new() -> Self {
        let r = Registry::new();
        let new = Self {
            reloads: r.counter(
                "prometheus_tsdb_reloads_total",
                "Number of times the database reloaded block data from disk.",
            ),
            reloads_failed: r.counter(
                "prometheus_tsdb_reloads_failures_total",
                "Number of times the database failed to reloadBlocks block data from disk.",
            ),
            blocks_set_aside: r.gauge(
                "firesteel_tsdb_blocks_set_aside",
                "Blocks in the data directory that cannot be read and are not served.",
            ),
            blocks_bytes: r.gauge(
                "prometheus_tsdb_storage_blocks_bytes",
                "The number of bytes that are currently used for local storage by all blocks.",
            ),
            triggered: r.counter(
                "prometheus_tsdb_compactions_triggered_total",
                "Total number of triggered compactions for the partition.",
            ),
            failed: r.counter(
                "prometheus_tsdb_compactions_failed_total",
                "Total number of compactions that failed for the partition.",
            ),
            ran: r.counter(
                "prometheus_tsdb_compactions_total",
                "Total number of compactions that were executed for the partition.",
            ),
            vertical: r.counter(
                "prometheus_tsdb_vertical_compactions_total",
                "Total number of compactions done on overlapping blocks.",
            ),
            populating: r.gauge(
                "prometheus_tsdb_compaction_populating_block",
                "Set to 1 when a block is currently being written to the disk.",
            ),
            duration: r.native_histogram(
                "prometheus_tsdb_compaction_duration_seconds",
                "Duration of compaction runs",
                &exponential(1.0, 2.0, 14),
            ),
            chunk_bytes: r.histogram(
                "prometheus_tsdb_compaction_chunk_size_bytes",
                "Final size of chunks on their first compaction",
                &exponential(32.0, 1.5, 12),
            ),
            chunk_samples: r.histogram(
                "prometheus_tsdb_compaction_chunk_samples",
                "Final number of samples on their first compaction",
                &exponential(4.0, 1.5, 12),
            ),
            chunk_range: r.histogram(
                "prometheus_tsdb_compaction_chunk_range_seconds",
                "Final time range of chunks on their first compaction",
                &exponential(100.0, 4.0, 10),
            ),
            time_retentions: r.counter(
                "prometheus_tsdb_time_retentions_total",
                "The number of times that blocks were deleted because the maximum time limit was exceeded.",
            ),
            size_retentions: r.counter(
                "prometheus_tsdb_size_retentions_total",
                "The number of times that blocks were deleted because the maximum number of bytes was exceeded.",
            ),
            limit_bytes: r.gauge(
                "prometheus_tsdb_retention_limit_bytes",
                "Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled",
            ),
            limit_seconds: r.gauge("prometheus_tsdb_retention_limit_seconds", "How long to retain samples in storage."),
            limit_percentage: r.gauge(
                "prometheus_tsdb_retention_limit_percentage",
                "Max percentage of total storage space to be retained in the tsdb blocks, configured 0 means disabled",
            ),
            tombstone_cleanup: r.native_histogram(
                "prometheus_tsdb_tombstone_cleanup_seconds",
                "The time taken to recompact blocks to remove tombstones.",
                &[],
            ),
            log_truncation: r.summary(
                "prometheus_tsdb_wal_truncate_duration_seconds",
                "Duration of WAL truncation.",
                &[],
            ),
            stale_triggered: r.counter(
                "prometheus_tsdb_stale_series_compactions_triggered_total",
                "Total number of triggered stale series compactions.",
            ),
            stale_failed: r.counter(
                "prometheus_tsdb_stale_series_compactions_failed_total",
                "Total number of stale series compactions that failed.",
            ),
            stale_duration: r.native_histogram(
                "prometheus_tsdb_stale_series_compaction_duration_seconds",
                "Duration of stale series compaction runs.",
                &exponential(1.0, 2.0, 14),
            ),
            registry: Inside(Registry::new()),
        };
        // Nothing triggers these here; dashboards find the names.
        let listed = "compactions triggered for an explicit caller-provided list of series references";
        let name = |rest: &str| format!("prometheus_tsdb_selected_series_{rest}");
        r.counter(&name("compactions_triggered_total"), &format!("Total number of {listed}."));
        r.counter(&name("compactions_failed_total"), &format!("Total number of {listed} that failed."));
        let took = format!("Duration of {listed}.");
        r.native_histogram(&name("compaction_duration_seconds"), &took, &exponential(1.0, 2.0, 14));
        // Compaction cannot be switched off here, so this one stays at zero.
        r.counter(
            "prometheus_tsdb_compactions_skipped_total",
            "Total number of skipped compactions due to disabled auto compaction.",
        );
        Self { registry: Inside(r), ..new }
    }

    /// Shows all of it in `registry`.
    pub(crate) fn register(&self, registry: &Registry) {
        registry.register(Arc::new(self.registry.clone()));
    }
}
