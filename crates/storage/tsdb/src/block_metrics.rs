//! `prometheus_tsdb_*` of the database as a whole: read from blocks, head and disk when they are gathered.

use std::sync::{Arc, Weak};

use firesteel_client::{Collect, Registry};
use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue};

use crate::compaction::Compaction;
use crate::health::DiskWatch;

/// Registers everything. A database that is gone reads as zero.
pub(crate) fn register(registry: &Registry, compaction: &Arc<Compaction>, watch: &DiskWatch) {
    let weak = Arc::downgrade(compaction);
    let gauge = |name: &str, help: &str, read: fn(&Compaction) -> f64| {
        let compaction = Weak::clone(&weak);
        registry.gauge_fn(name, help, move || compaction.upgrade().map_or(0.0, |c| read(&c)));
    };
    gauge("prometheus_tsdb_blocks_loaded", "Number of currently loaded data blocks", |c| c.blocks.list().len() as f64);
    gauge("prometheus_tsdb_symbol_table_size_bytes", "Size of symbol table in memory for loaded blocks", |c| {
        c.blocks.list().iter().map(|b| b.symbol_table_bytes()).sum::<u64>() as f64
    });
    gauge(
        "prometheus_tsdb_lowest_timestamp",
        "Lowest timestamp value stored in the database. The unit is decided by the library consumer.",
        |c| lowest_time(c) as f64,
    );
    gauge("prometheus_tsdb_lowest_timestamp_seconds", "Lowest timestamp value stored in the database.", |c| {
        lowest_time(c) as f64 / 1000.0
    });
    gauge(
        "firesteel_tsdb_head_series_limit",
        "Series of the head beyond which new ones are refused; 0 = no limit.",
        |c| c.head.growth.limit() as f64,
    );
    registry.register(Arc::new(Refused(weak.clone())));
    let health = |name: &str, help: &str, read: fn(&crate::Health) -> bool| {
        let watch = watch.clone();
        registry.gauge_fn(name, help, move || f64::from(u8::from(read(&watch.health()))));
    };
    health(
        "firesteel_tsdb_log_failing",
        "1 while the write-ahead log cannot be written: samples are in memory only and pushes are refused.",
        |h| h.log_failing,
    );
    health(
        "firesteel_tsdb_log_sync_failing",
        "1 while the write-ahead log cannot be synced: a loss of power would take the newest samples, and pushes are refused.",
        |h| h.sync_failing,
    );
    health("firesteel_tsdb_space_low", "1 while there is so little disk space that pushes are refused.", |h| {
        h.space_low
    });
}

/// Blocks are sorted by least time; without blocks the head knows.
fn lowest_time(c: &Compaction) -> i64 {
    let of_head = || c.head.time_range().map_or(i64::MAX, |r| r.0);
    c.blocks.list().first().map_or_else(of_head, |b| b.range().min.0)
}

/// Series refused for a bound on growth, by job.
struct Refused(Weak<Compaction>);

impl Collect for Refused {
    fn collect(&self, out: &mut Vec<MetricFamily>) {
        let refused = self.0.upgrade().map(|c| c.head.growth.refused()).unwrap_or_default();
        if refused.is_empty() {
            return;
        }
        out.push(MetricFamily {
            name: "firesteel_tsdb_head_series_refused_total".to_owned(),
            help: "New series refused because the limit of head series was reached, by job.".to_owned(),
            unit: String::new(),
            metric_type: MetricType::Counter,
            metrics: refused
                .into_iter()
                .map(|(job, n)| {
                    let value = MetricValue::Counter { value: n as f64, exemplar: None };
                    Metric::new(Labels::from_pairs([("job", job.as_str())]), value)
                })
                .collect(),
        });
    }
}
