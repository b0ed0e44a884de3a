//! The engine's own metrics: `prometheus_engine_*`.

use firesteel_client::{Counter, Gauge, Histogram, Registry, Summary};

use crate::QueryStats;
use crate::budget::MemoryInstruments;

/// Instruments of one engine.
#[derive(Debug)]
pub(crate) struct EngineMetrics {
    /// Queries that run or wait.
    pub(crate) queries: Gauge,
    samples: Counter,
    samples_read: Counter,
    queue: Timing,
    prepare: Timing,
    inner: Timing,
    sort: Timing,
}

/// One slice of a query's time, in both shapes.
#[derive(Debug)]
struct Timing {
    summary: Summary,
    histogram: Histogram,
}

impl EngineMetrics {
    pub(crate) fn new(registry: &Registry, max_concurrent: usize) -> Self {
        let durations = registry.summary_vec(
            "prometheus_engine_query_duration_seconds",
            "Query timings",
            &["slice"],
            &[0.5, 0.9, 0.99],
        );
        let histograms = registry.native_histogram_vec(
            "prometheus_engine_query_duration_histogram_seconds",
            "The duration of various parts of PromQL query execution.",
            &["slice"],
            &[0.01, 0.1, 1.0, 10.0],
        );
        let timing = |slice: &str| Timing { summary: durations.with(&[slice]), histogram: histograms.with(&[slice]) };
        let max = registry.gauge("prometheus_engine_queries_concurrent_max", "The max number of concurrent queries.");
        max.set(if max_concurrent == 0 { -1.0 } else { max_concurrent as f64 });
        Self {
            queries: registry
                .gauge("prometheus_engine_queries", "The current number of queries being executed or waiting."),
            samples: registry.counter(
                "prometheus_engine_query_samples_total",
                "The total number of samples loaded by all queries (full window per step for range-vector).",
            ),
            samples_read: registry.counter(
                "prometheus_engine_query_samples_read_total",
                "The total number of samples read by all queries (only new points per step for range-vector).",
            ),
            queue: timing("queue_time"),
            prepare: timing("prepare_time"),
            inner: timing("inner_eval"),
            sort: timing("result_sort"),
        }
    }

    /// Registers what tells of the memory of queries. Ours.
    pub(crate) fn memory(registry: &Registry) -> MemoryInstruments {
        let limit = registry.gauge_vec(
            "firesteel_query_memory_limit_bytes",
            "How many bytes a query, and all queries together, may hold now; 0 = no limit.",
            &["scope"],
        );
        let refused = registry.counter_vec(
            "firesteel_query_memory_refused_total",
            "Queries that ended because they, or all queries together, wanted more memory than the limit.",
            &["scope"],
        );
        MemoryInstruments {
            used: registry
                .gauge("firesteel_query_memory_bytes", "Bytes that all queries hold now, answers under way included."),
            limit_query: limit.with(&["query"]),
            limit_all: limit.with(&["all"]),
            refused_query: refused.with(&["query"]),
            refused_all: refused.with(&["all"]),
        }
    }

    /// Counts a query that has ended.
    pub(crate) fn observe(&self, stats: &QueryStats) {
        self.samples.inc_by(stats.samples_total);
        self.samples_read.inc_by(stats.samples_read);
        let timings = [
            (&self.queue, stats.exec_queue),
            (&self.prepare, stats.preparation),
            (&self.inner, stats.inner_eval),
            (&self.sort, stats.result_sort),
        ];
        for (timing, duration) in timings {
            timing.summary.observe_duration(duration);
            timing.histogram.observe_duration(duration);
        }
    }
}
