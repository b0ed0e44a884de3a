//! What `/metrics` says about the logs and the head's upkeep.

use std::time::Duration;

use firesteel_client::Registry;
use firesteel_model::{MetricFamily, MetricValue, NativeHistogram};
use firesteel_tsdb::{Db, DbOptions};
use firesteel_tsdb_wal::Compression;

use crate::database::append;

fn find<'f>(families: &'f [MetricFamily], name: &str) -> &'f MetricFamily {
    families.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// The number of a counter or gauge; how many observations a summary or histogram has.
fn value(families: &[MetricFamily], name: &str) -> f64 {
    match &find(families, name).metrics[0].value {
        MetricValue::Counter { value, .. } | MetricValue::Gauge(value) => *value,
        MetricValue::Summary(summary) => summary.count as f64,
        MetricValue::Histogram(histogram) => histogram.count as f64,
        MetricValue::RichHistogram(histogram) => histogram.count(),
        MetricValue::Untyped(_) => panic!("{name} is untyped"),
    }
}

#[test]
fn both_logs_and_their_upkeep_are_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(DbOptions {
        background: false,
        wal_compression: Compression::Zstd,
        wal_segment_bytes: 64 << 10,
        min_block_duration: Duration::from_secs(1200),
        out_of_order_window: Duration::from_mins(10),
        ..DbOptions::new(dir.path())
    })
    .expect("opens");
    let registry = Registry::new();
    db.register(&registry);
    let mut t = 1_700_000_000_000;
    for _ in 0..150 {
        t += 15_000;
        append(&db, &(0..400).map(|i| (i, t, (t % 977) as f64 + i as f64)).collect::<Vec<_>>());
        append(&db, &[(0, t - 40_000, 0.5)]);
    }
    db.sync().expect("syncs");
    let before = registry.gather();
    let now = |name: &str| value(&before, name);
    for prefix in ["prometheus_tsdb_wal_", "prometheus_tsdb_out_of_order_wbl_"] {
        let of = |name: &str| now(&format!("{prefix}{name}"));
        for none in ["truncations_total", "truncations_failed_total", "writes_failed_total"] {
            assert_eq!(of(none), 0.0, "{prefix}{none}");
        }
        for some in ["page_flushes_total", "record_part_writes_total", "record_parts_bytes_written_total"] {
            assert!(of(some) >= 100.0, "{prefix}{some}");
        }
        assert!(of("storage_size_bytes") >= of("record_parts_bytes_written_total"), "{prefix}");
    }
    assert!(now("prometheus_tsdb_wal_segment_current") > 1.0);
    assert!(now("prometheus_tsdb_wal_completed_pages_total") > 1.0);
    let syncs = &find(&before, "prometheus_tsdb_wal_fsync_duration_seconds").metrics[0].value;
    let MetricValue::Summary(syncs) = syncs else { panic!("{syncs:?}") };
    assert!(syncs.count > 0 && syncs.sum > 0.0, "{syncs:?}");
    assert_eq!(syncs.quantiles.iter().map(|q| q.0).collect::<Vec<_>>(), [0.5, 0.9, 0.99]);
    assert!(syncs.quantiles.iter().all(|q| q.1 > 0.0), "{syncs:?}");
    let saved = &find(&before, "prometheus_tsdb_wal_record_bytes_saved_total").metrics[0];
    assert_eq!(saved.labels.value("compression"), "zstd");
    assert!(now("prometheus_tsdb_wal_record_bytes_saved_total") > 1000.0);
    for none in [
        "prometheus_tsdb_checkpoint_deletions_total",
        "prometheus_tsdb_head_gc_duration_seconds",
        "prometheus_tsdb_wal_truncate_duration_seconds",
        "prometheus_tsdb_head_truncations_failed_total",
        "prometheus_tsdb_snapshot_replay_error_total",
        "prometheus_tsdb_mmap_chunk_corruptions_total",
    ] {
        assert_eq!(now(none), 0.0, "{none}");
    }

    let late = &find(&before, "prometheus_tsdb_sample_ooo_delta").metrics[0];
    assert!(late.created_ms.is_some());
    let MetricValue::RichHistogram(late) = &late.value else { panic!("no native histogram") };
    assert_eq!((late.classic.count, late.classic.sum), (150, 150.0 * 40.0));
    assert_eq!(late.classic.buckets[0].cumulative_count, 150);
    // All in the bucket of 40.
    let Some(NativeHistogram::Int(native)) = &late.native else { panic!("no native buckets") };
    assert_eq!((native.schema, &native.positive_buckets[..]), (3, &[150][..]));

    db.compact().expect("compacts");
    let after = registry.gather();
    for some in [
        "prometheus_tsdb_wal_truncations_total",
        "prometheus_tsdb_checkpoint_creations_total",
        "prometheus_tsdb_checkpoint_deletions_total",
        "prometheus_tsdb_head_truncations_total",
        "prometheus_tsdb_head_gc_duration_seconds",
        "prometheus_tsdb_wal_truncate_duration_seconds",
        "prometheus_tsdb_out_of_order_wbl_truncations_total",
    ] {
        assert!(value(&after, some) >= 1.0, "{some}");
    }
    let size = "prometheus_tsdb_wal_storage_size_bytes";
    assert!(value(&after, size) < now(size));
}

#[test]
fn without_a_window_there_is_one_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = DbOptions { wal_compression: Compression::None, ..DbOptions::new(dir.path()) };
    let db = Db::open(options).expect("opens");
    let registry = Registry::new();
    db.register(&registry);
    let names: Vec<String> = registry.gather().into_iter().map(|f| f.name).collect();
    assert!(
        !names.iter().any(|n| n.contains("_wbl_") && !n.contains("replay") || n.contains("bytes_saved")),
        "{names:?}"
    );
    assert!(names.iter().any(|n| n == "prometheus_tsdb_wal_storage_size_bytes"));
}
