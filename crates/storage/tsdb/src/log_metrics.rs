//! `prometheus_tsdb_wal_*`, and `prometheus_tsdb_out_of_order_wbl_*` while there is a log of late samples: read from the
//! logs when they are gathered. Names and help texts are upstream's.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use firesteel_base::{Clock as _, SystemClock};
use firesteel_client::{Collect, Registry};
use firesteel_model::{Labels, Metric, MetricFamily, MetricType, MetricValue, Summary};
use firesteel_tsdb_head::Head;
use firesteel_tsdb_wal::{Compression, Wal};

use crate::disk;

/// Both logs of a head.
struct Logs {
    head: Weak<Head>,
    began_ms: i64,
}

/// Registers everything. A database that is gone shows nothing.
pub(crate) fn register(registry: &Registry, head: &Weak<Head>) {
    registry.register(Arc::new(Logs { head: Weak::clone(head), began_ms: SystemClock.now().0 }));
}

impl Collect for Logs {
    fn collect(&self, out: &mut Vec<MetricFamily>) {
        let Some(head) = self.head.upgrade() else { return };
        let from = out.len();
        if let Some(wal) = head.log.wal() {
            of_log("prometheus_tsdb_wal_", wal, out);
            of_checkpoints(&head, wal, out);
        }
        if let Some(wbl) = head.late_log().wal() {
            of_log("prometheus_tsdb_out_of_order_wbl_", wbl, out);
        }
        for family in out.iter_mut().skip(from) {
            let began_ms = (family.metric_type != MetricType::Gauge).then_some(self.began_ms);
            family.metrics.iter_mut().for_each(|metric| metric.created_ms = began_ms);
        }
    }
}

fn counter(n: u64) -> MetricValue {
    MetricValue::Counter { value: n as f64, exemplar: None }
}

fn family(name: String, help: &str, labels: Labels, value: MetricValue) -> MetricFamily {
    let metric_type = match &value {
        MetricValue::Counter { .. } => MetricType::Counter,
        MetricValue::Summary(_) => MetricType::Summary,
        _ => MetricType::Gauge,
    };
    let metrics = vec![Metric::new(labels, value)];
    MetricFamily { name, help: help.to_owned(), unit: String::new(), metric_type, metrics }
}

fn of_log(prefix: &str, wal: &Wal, out: &mut Vec<MetricFamily>) {
    let stats = wal.stats();
    let mut push = |name: &str, help: &str, value| {
        out.push(family(format!("{prefix}{name}"), help, Labels::empty(), value));
    };
    push("fsync_duration_seconds", "Duration of write log fsync.", MetricValue::Summary(wal.sync_durations()));
    push("page_flushes_total", "Total number of page flushes.", counter(stats.page_flushes));
    push("completed_pages_total", "Total number of completed pages.", counter(stats.completed_pages));
    push("truncations_total", "Total number of write log truncations attempted.", counter(stats.truncations));
    push(
        "truncations_failed_total",
        "Total number of write log truncations that failed.",
        counter(stats.truncations_failed),
    );
    push("writes_failed_total", "Total number of write log writes that failed.", counter(stats.writes_failed));
    push(
        "record_part_writes_total",
        "Total number of record parts written before flushing.",
        counter(stats.record_parts),
    );
    push(
        "record_parts_bytes_written_total",
        "Total number of record part bytes written before flushing, including CRC and compression headers.",
        counter(stats.record_part_bytes),
    );
    push(
        "segment_current",
        "Write log segment index that TSDB is currently writing to.",
        MetricValue::Gauge(stats.segment_current as f64),
    );
    push(
        "storage_size_bytes",
        "Size of the write log directory.",
        MetricValue::Gauge(disk::used_bytes(wal.vfs().as_ref(), wal.dir()) as f64),
    );
    if wal.compression() != Compression::None {
        out.push(family(
            format!("{prefix}record_bytes_saved_total"),
            "Total number of bytes saved by the optional record compression. Use this metric to learn about the \
             effectiveness compression.",
            Labels::from_pairs([("compression", wal.compression().as_str())]),
            counter(stats.record_bytes_saved),
        ));
    }
}

/// What upstream counts in the head, and what is Firesteel's own.
fn of_checkpoints(head: &Head, wal: &Wal, out: &mut Vec<MetricFamily>) {
    let stats = wal.stats();
    let mut push = |name: &str, help: &str, value| out.push(family(name.to_owned(), help, Labels::empty(), value));
    push(
        "prometheus_tsdb_checkpoint_deletions_total",
        "Total number of checkpoint deletions attempted.",
        counter(stats.checkpoint_deletions),
    );
    push(
        "prometheus_tsdb_checkpoint_deletions_failed_total",
        "Total number of checkpoint deletions that failed.",
        counter(stats.checkpoint_deletions_failed),
    );
    let seconds = head.counts.gc_nanos.load(Ordering::Relaxed) as f64 / 1e9;
    push(
        "prometheus_tsdb_head_gc_duration_seconds",
        "Runtime of garbage collection in the head block.",
        MetricValue::Summary(Summary {
            count: head.counts.truncations.load(Ordering::Relaxed),
            sum: seconds,
            quantiles: Vec::new(),
        }),
    );
    push(
        "firesteel_tsdb_wal_backlog_bytes",
        "Bytes of log records that wait in memory until the log can be written.",
        MetricValue::Gauge(stats.backlog_bytes as f64),
    );
}
