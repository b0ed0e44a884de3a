//! `prometheus_tsdb_*`: read from the head and the log when they are gathered. Names and help texts are upstream's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use firesteel_base::{Clock as _, SystemClock};
use firesteel_client::{Collect, Registry};
use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue};

use crate::log_metrics;
use firesteel_tsdb_head::{Counts, ExemplarStats, Head, HistogramCounts, ReplayStats};

/// A counter that upstream splits by the type of sample.
struct Typed {
    name: String,
    help: String,
    head: Weak<Head>,
    floats: fn(&Counts) -> &AtomicU64,
    histograms: fn(&HistogramCounts) -> &AtomicU64,
    began_ms: i64,
}

impl Collect for Typed {
    fn collect(&self, out: &mut Vec<MetricFamily>) {
        let head = self.head.upgrade();
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed) as f64;
        let floats = head.as_ref().map_or(0.0, |head| read((self.floats)(&head.counts)));
        let histograms = head.as_ref().map_or(0.0, |head| read((self.histograms)(&head.counts.histograms)));
        let metric = |kind, value| {
            let value = MetricValue::Counter { value, exemplar: None };
            let created_ms = Some(self.began_ms);
            Metric { created_ms, ..Metric::new(Labels::from_pairs([("type", kind)]), value) }
        };
        out.push(MetricFamily {
            name: self.name.clone(),
            help: self.help.clone(),
            unit: String::new(),
            metric_type: MetricType::Counter,
            metrics: vec![metric("float", floats), metric("histogram", histograms)],
        });
    }
}

/// How far late samples were behind.
struct Late(Weak<Head>);

impl Collect for Late {
    fn collect(&self, out: &mut Vec<MetricFamily>) {
        let Some(head) = self.0.upgrade() else { return };
        let (value, created_ms) = head.counts.late_by.read();
        out.push(MetricFamily {
            name: "prometheus_tsdb_sample_ooo_delta".to_owned(),
            help: "Delta in seconds by which a sample is considered out of order (reported regardless of OOO time window and whether sample is accepted or not).".to_owned(),
            unit: String::new(),
            metric_type: MetricType::Histogram,
            metrics: vec![Metric { created_ms, ..Metric::new(Labels::empty(), value) }],
        });
    }
}

/// Registers everything. A database that is gone reads as zero.
pub(super) fn register(registry: &Registry, head: &Arc<Head>, clean_start: Option<bool>, replay: &ReplayStats) {
    let head = Arc::downgrade(head);
    gauges(registry, &head);
    counters(registry, &head);
    log_metrics::register(registry, &head);
    exemplars(registry, &head);
    registry.register(Arc::new(Late(Weak::clone(&head))));
    let clean = match clean_start {
        None => -1.0,
        Some(clean) => f64::from(u8::from(clean)),
    };
    let help = "-1: lockfile is disabled. 0: a lockfile from a previous execution was replaced. 1: lockfile creation was clean";
    registry.gauge("prometheus_tsdb_clean_start", help).set(clean);
    registry
        .gauge("prometheus_tsdb_data_replay_duration_seconds", "Time taken to replay the data on disk.")
        .set(replay.duration.as_secs_f64());
    let help = "Total number of WAL corruptions.";
    registry.counter("prometheus_tsdb_wal_corruptions_total", help).inc_by(u64::from(replay.repaired));
    let help = "Total number snapshot replays that failed.";
    registry
        .counter("prometheus_tsdb_snapshot_replay_error_total", help)
        .inc_by(u64::from(replay.chunk_snapshot_failed));
    let help = "Total number of unknown series references encountered during WAL replay.";
    let unknown = registry.counter_vec("prometheus_tsdb_wal_replay_unknown_refs_total", help, &["type"]);
    for (kind, n) in [
        ("samples", replay.unknown_refs),
        ("histograms", replay.unknown_histogram_refs),
        ("exemplars", replay.unknown_exemplar_refs),
        ("metadata", replay.unknown_metadata_refs),
        ("tombstones", replay.unknown_tombstone_refs),
    ] {
        if n > 0 {
            unknown.with(&[kind]).inc_by(n);
        }
    }
    let help = "Total number of unknown series references encountered during WBL replay.";
    let unknown = registry.counter_vec("prometheus_tsdb_wbl_replay_unknown_refs_total", help, &["type"]);
    for (kind, n) in [("samples", replay.unknown_late_refs), ("mmap_markers", replay.unknown_marker_refs)] {
        if n > 0 {
            unknown.with(&[kind]).inc_by(n);
        }
    }
}

fn gauges(registry: &Registry, head: &Weak<Head>) {
    let gauge = |name: &str, help: &str, read: fn(&Head) -> f64| {
        let head = Weak::clone(head);
        registry.gauge_fn(name, help, move || head.upgrade().map_or(0.0, |head| read(&head)));
    };
    gauge("prometheus_tsdb_head_series", "Total number of series in the head block.", |h| {
        h.counts.series.load(Ordering::Relaxed) as f64
    });
    gauge("prometheus_tsdb_head_stale_series", "Total number of stale series in the head block.", |h| {
        h.stats().stale_series as f64
    });
    gauge(
        "prometheus_tsdb_head_native_histogram_series",
        "Number of series whose most recent in-order sample is a native histogram.",
        |h| h.stats().histogram_series as f64,
    );
    gauge(
        "prometheus_tsdb_head_native_histogram_buckets",
        "Number of positive and negative bucket entries in the most recent in-order native histogram sample of each series, including entries carried by staleness markers.",
        |h| h.stats().histogram_buckets as f64,
    );
    gauge("prometheus_tsdb_head_chunks", "Total number of chunks in the head block.", |h| h.stats().chunks as f64);
    gauge("prometheus_tsdb_head_chunks_storage_size_bytes", "Size of the chunks_head directory.", |h| {
        h.chunks_head_bytes() as f64
    });
    gauge("prometheus_tsdb_head_active_appenders", "Number of currently active appender transactions", |h| {
        h.counts.appenders_active.load(Ordering::Relaxed) as f64
    });
    gauge(
        "prometheus_tsdb_head_min_time",
        "Minimum time bound of the head block. The unit is decided by the library consumer.",
        |h| h.time_range().map_or(i64::MAX, |r| r.0) as f64,
    );
    gauge(
        "prometheus_tsdb_head_max_time",
        "Maximum timestamp of the head block. The unit is decided by the library consumer.",
        |h| h.time_range().map_or(i64::MIN, |r| r.1) as f64,
    );
    gauge("prometheus_tsdb_head_min_time_seconds", "Minimum time bound of the head block.", |h| {
        h.time_range().map_or(i64::MAX, |r| r.0) as f64 / 1000.0
    });
    gauge("prometheus_tsdb_head_max_time_seconds", "Maximum timestamp of the head block.", |h| {
        h.time_range().map_or(i64::MIN, |r| r.1) as f64 / 1000.0
    });
    gauge("prometheus_tsdb_isolation_low_watermark", "The lowest TSDB append ID that is still referenced.", |h| {
        h.watermarks().0 as f64
    });
    gauge("prometheus_tsdb_isolation_high_watermark", "The highest TSDB append ID that has been given out.", |h| {
        h.watermarks().1 as f64
    });
}

fn counters(registry: &Registry, head: &Weak<Head>) {
    let counter = |name: &str, help: &str, which: fn(&Counts) -> &AtomicU64| {
        let head = Weak::clone(head);
        registry.counter_fn(name, help, move || {
            head.upgrade().map_or(0.0, |head| which(&head.counts).load(Ordering::Relaxed) as f64)
        });
    };
    let c = counter;
    c("prometheus_tsdb_head_series_created_total", "Total number of series created in the head", |c| &c.series_created);
    c("prometheus_tsdb_head_series_removed_total", "Total number of series removed in the head", |c| &c.series_removed);
    c("prometheus_tsdb_head_series_not_found_total", "Total number of requests for series that were not found.", |c| {
        &c.series_not_found
    });
    c("prometheus_tsdb_head_chunks_created_total", "Total number of chunks created in the head", |c| &c.chunks_created);
    c("prometheus_tsdb_head_chunks_removed_total", "Total number of chunks removed in the head", |c| &c.chunks_removed);
    c("prometheus_tsdb_head_truncations_total", "Total number of head truncations attempted.", |c| &c.truncations);
    c("prometheus_tsdb_head_truncations_failed_total", "Total number of head truncations that failed.", |c| {
        &c.truncations_failed
    });
    c("prometheus_tsdb_mmap_chunks_total", "Total number of chunks that were memory-mapped.", |c| &c.mmap_chunks);
    c("prometheus_tsdb_mmap_chunk_corruptions_total", "Total number of memory-mapped chunk corruptions.", |c| {
        &c.mmap_chunk_corruptions
    });
    c("prometheus_tsdb_checkpoint_creations_total", "Total number of checkpoint creations attempted.", |c| {
        &c.checkpoints
    });
    c("prometheus_tsdb_checkpoint_creations_failed_total", "Total number of checkpoint creations that failed.", |c| {
        &c.checkpoints_failed
    });
    c("prometheus_tsdb_head_appenders_created_total", "Total number of appenders created in the head.", |c| {
        &c.appenders_created
    });
    c("firesteel_tsdb_samples_not_durable_total", "Samples that were in memory only when they became visible.", |c| {
        &c.not_durable
    });
    let began_ms = SystemClock.now().0;
    let typed =
        |name: &str, help: &str, floats: fn(&Counts) -> &AtomicU64, histograms: fn(&HistogramCounts) -> &AtomicU64| {
            let head = Weak::clone(head);
            let (name, help) = (name.to_owned(), help.to_owned());
            registry.register(Arc::new(Typed { name, help, head, floats, histograms, began_ms }));
        };
    typed(
        "prometheus_tsdb_head_samples_appended_total",
        "Total number of appended samples.",
        |c| &c.samples_appended,
        |c| &c.appended,
    );
    typed(
        "prometheus_tsdb_out_of_bound_samples_total",
        "Total number of out of bound samples ingestion failed attempts with out of order support disabled.",
        |c| &c.out_of_bounds,
        |c| &c.out_of_bounds,
    );
    typed(
        "prometheus_tsdb_too_old_samples_total",
        "Total number of out of order samples ingestion failed attempts with out of support enabled, but sample outside of time window.",
        |c| &c.too_old,
        |c| &c.too_old,
    );
    typed(
        "prometheus_tsdb_head_out_of_order_samples_appended_total",
        "Total number of appended out of order samples.",
        |c| &c.late_appended,
        |c| &c.late_appended,
    );
    typed(
        "prometheus_tsdb_out_of_order_samples_total",
        "Total number of out of order samples ingestion failed attempts due to out of order being disabled.",
        |c| &c.out_of_order,
        |c| &c.out_of_order,
    );
}

/// Registered whether the feature is on or not, as upstream does.
fn exemplars(registry: &Registry, head: &Weak<Head>) {
    let reader = |read: fn(&ExemplarStats) -> f64| {
        let head = Weak::clone(head);
        move || head.upgrade().map_or(0.0, |head| read(&head.exemplar_stats()))
    };
    let c = |name: &str, help: &str, read| registry.counter_fn(name, help, reader(read));
    c("prometheus_tsdb_exemplar_exemplars_appended_total", "Total number of appended exemplars.", |s| {
        s.appended as f64
    });
    c(
        "prometheus_tsdb_exemplar_out_of_order_exemplars_total",
        "Total number of out of order exemplar ingestion failed attempts.",
        |s| s.out_of_order as f64,
    );
    let g = |name: &str, help: &str, read| registry.gauge_fn(name, help, reader(read));
    g("prometheus_tsdb_exemplar_exemplars_in_storage", "Number of exemplars currently in circular storage.", |s| {
        s.in_storage as f64
    });
    g(
        "prometheus_tsdb_exemplar_series_with_exemplars_in_storage",
        "Number of series with exemplars currently in circular storage.",
        |s| s.series as f64,
    );
    // upstream: the missing blanks are its own (tsdb/exemplar.go, 3.14); kept.
    g(
        "prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds",
        "The timestamp of the oldest exemplar stored in circular storage. Useful to check for what timerange the current exemplar buffer limit allows. This usually means the last timestampfor all exemplars for a typical setup. This is not true though if one of the series timestamp is in future compared to rest series.",
        |s| s.oldest_t.0 as f64 / 1000.0,
    );
    g(
        "prometheus_tsdb_exemplar_max_exemplars",
        "Total number of exemplars the exemplar storage can store, resizeable.",
        |s| s.max as f64,
    );
}
