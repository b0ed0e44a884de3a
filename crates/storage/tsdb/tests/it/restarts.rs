//! What was answered before is answered after: clean stops, lost processes, torn tails, checkpoints.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_model::{SeriesRef, stale_nan};
use firesteel_storage::{AppendOptions, Appendable, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbError, DbOptions, Retention};

use crate::database::{Model, answer, append, series};

#[test]
fn answers_are_the_same_after_clean_and_unclean_stops() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = DbOptions { wal_segment_bytes: 64 << 10, ..DbOptions::new(dir.path()) };
    let mut model = Model::default();
    let mut t = 1_700_000_000_000;
    for round in 0..4usize {
        let db = Db::open(options.clone()).expect("opens");
        assert_eq!(answer(&db), model.0, "round {round}");
        assert_eq!(db.replay_stats().unknown_refs, 0);
        for step in 0..150i64 {
            t += 15_000;
            let rows: Vec<_> = (round..40)
                .map(|i| (i, t + i as i64, if step % 50 == 49 { stale_nan() } else { (i as i64 * step) as f64 * 0.5 }))
                .collect();
            assert!(append(&db, &rows).durable);
            model.add(&rows);
        }
        assert_eq!(answer(&db), model.0);
        if round % 2 == 0 {
            db.close().expect("closes");
        } else {
            // As after kill -9: nothing is synced, nothing filled up, the lock file stays. A copy of what the system has.
            let copy = dir.path().join("copy");
            fs::create_dir_all(copy.join("wal")).expect("creates");
            for file in fs::read_dir(db.wal_dir()).expect("lists").flatten() {
                fs::copy(file.path(), copy.join("wal").join(file.file_name())).expect("copies");
            }
            let other = Db::open(DbOptions { dir: copy.clone(), ..options.clone() }).expect("opens the copy");
            assert_eq!(answer(&other), model.0);
            drop(other);
            fs::remove_dir_all(copy).expect("removes");
            db.close().expect("closes");
        }
    }
}

#[test]
fn a_torn_tail_is_cut_and_the_rest_served() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = DbOptions::new(dir.path());
    let db = Db::open(options.clone()).expect("opens");
    let mut model = Model::default();
    for t in 1..100i64 {
        let rows = [(1, t * 1000, t as f64), (2, t * 1000, -t as f64)];
        append(&db, &rows);
        model.add(&rows);
    }
    let wal = db.wal_dir();
    db.close().expect("closes");
    let newest = fs::read_dir(&wal).expect("lists").flatten().map(|e| e.path()).max().expect("a segment");
    let mut file = OpenOptions::new().append(true).open(newest).expect("opens");
    file.write_all(&[1, 0, 200, 9, 9, 9, 9, 1, 2, 3]).expect("writes a fragment that is cut short");
    drop(file);
    for repaired in [true, false] {
        let db = Db::open(options.clone()).expect("opens");
        assert_eq!(answer(&db), model.0);
        assert_eq!(db.replay_stats().repaired, repaired);
        let rows = [(1, 200_000 + i64::from(repaired) * -1000, 1.0)];
        append(&db, &rows);
        model.add(&rows);
        db.close().expect("closes");
    }
}

#[test]
fn a_series_of_a_dropped_batch_is_logged_with_its_first_samples() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = DbOptions::new(dir.path());
    let db = Db::open(options.clone()).expect("opens");
    let known: SeriesRef = db.appender().series(&series(7), &SeriesMeta::default()).expect("creates, and rolls back");
    let mut batch = SampleBatch::default();
    batch.push(known, TimestampMs(1000), 1.0);
    let mut appender = db.appender();
    let mut rejected = Vec::new();
    appender.append(&batch, AppendOptions::default(), &mut rejected);
    assert_eq!(appender.commit().expect("commits").appended, 1);
    let want = answer(&db);
    db.close().expect("closes");
    let db = Db::open(options).expect("opens");
    assert_eq!((answer(&db), db.replay_stats().unknown_refs), (want, 0));
}

#[test]
fn truncation_checkpoints_the_log_and_nothing_that_remains_is_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = DbOptions {
        wal_segment_bytes: 32 << 10,
        retention: Retention::of_time(Duration::from_secs(1800)),
        min_block_duration: Duration::from_secs(1200),
        ..DbOptions::new(dir.path())
    };
    let mut db = Db::open(options.clone()).expect("opens");
    let mut t = 1_700_000_000_000;
    let mut sizes = Vec::new();
    for round in 0..30usize {
        for _ in 0..20 {
            t += 15_000;
            // Ten series stay, ten are of this round only, and series 500 comes back now and then.
            let mut rows: Vec<_> =
                (0..10).chain(1000 + round * 10..1010 + round * 10).map(|i| (i, t, t as f64)).collect();
            if round % 12 == 0 {
                rows.push((500, t, 1.0));
            }
            append(&db, &rows);
        }
        db.compact().expect("compacts");
        db.reload_blocks().expect("reloads");
        if round % 7 == 6 {
            let before = answer(&db);
            db.close().expect("closes");
            db = Db::open(options.clone()).expect("opens");
            assert_eq!(db.replay_stats().unknown_refs, 0, "round {round}");
            // Blocks go as a whole, when all of them is too old: what counts is what lies within retention.
            let kept = |samples: &[(i64, u64)]| -> Vec<(i64, u64)> {
                samples.iter().copied().filter(|s| s.0 >= t - 1_800_000).collect()
            };
            let after = answer(&db);
            for (labels, samples) in before.iter().filter(|(_, samples)| !kept(samples).is_empty()) {
                let got = after.get(labels).map(|samples| kept(samples));
                assert_eq!(got, Some(kept(samples)), "{labels} in round {round}");
            }
        }
        sizes.push(
            fs::read_dir(db.wal_dir())
                .expect("lists")
                .flatten()
                .map(|e| e.metadata().map_or(0, |m| m.len()))
                .sum::<u64>(),
        );
    }
    let half = sizes.len() / 2;
    let most = |sizes: &[u64]| sizes.iter().copied().max().unwrap_or(0);
    assert!(most(&sizes[half..]) <= most(&sizes[..half]) / 2 * 3, "the log grows without bound: {sizes:?}");
    assert!(db.head_stats().series < 120, "{:?}", db.head_stats());
    let oldest = db.head_stats().min_time.expect("has samples").0;
    assert!(t - oldest <= 1_800_000 + 15_000 + 120_000, "{}", t - oldest);
}

#[test]
fn one_process_a_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(DbOptions::new(dir.path())).expect("opens");
    assert!(matches!(Db::open(DbOptions::new(dir.path())), Err(DbError::Locked { .. })));
    db.close().expect("closes");
    assert!(!dir.path().join("lock").exists());
    assert!(db.appender().commit().is_ok(), "an empty batch has nothing to refuse");
    let again = Db::open(DbOptions::new(dir.path())).expect("opens");
    // Somebody takes it for what a crash left.
    std::fs::remove_file(dir.path().join("lock")).expect("removes");
    again.close().expect("closes");
}

#[test]
fn metrics_tell_what_happened() {
    let dir = tempfile::tempdir().expect("a directory");
    let registry = firesteel_client::Registry::new();
    let db = Db::open(DbOptions::new(dir.path())).expect("opens");
    db.register(&registry);
    append(&db, &[(1, 1000, 1.0), (2, 1000, 1.0)]);
    append(&db, &[(1, 2000, 1.0), (2, 2000, stale_nan())]);
    let value = |name: &str| {
        let families = registry.gather();
        let family = families.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no {name}"));
        match &family.metrics[0].value {
            firesteel_model::MetricValue::Counter { value, .. } | firesteel_model::MetricValue::Gauge(value) => *value,
            other => panic!("{other:?}"),
        }
    };
    let cases = [
        ("prometheus_tsdb_head_series", 2.0),
        ("prometheus_tsdb_head_stale_series", 1.0),
        ("prometheus_tsdb_head_chunks", 2.0),
        ("prometheus_tsdb_head_samples_appended_total", 4.0),
        ("prometheus_tsdb_head_max_time_seconds", 2.0),
        ("prometheus_tsdb_head_min_time", 1000.0),
        ("prometheus_tsdb_head_active_appenders", 0.0),
        ("prometheus_tsdb_wal_record_part_writes_total", 3.0),
        ("prometheus_tsdb_clean_start", 1.0),
        ("firesteel_tsdb_samples_not_durable_total", 0.0),
    ];
    for (name, want) in cases {
        assert_eq!(value(name), want, "{name}");
    }
    let top = db.status(1);
    assert_eq!((top.series_by_metric_name[0].name.as_str(), top.series_by_metric_name[0].count), ("m", 2));
    assert_eq!((top.values_by_label_name[0].name.as_str(), top.values_by_label_name[0].count), ("i", 2));
    assert_eq!(top.series_by_label_pair, [firesteel_tsdb::NamedCount { name: "__name__=m".into(), count: 2 }]);
}
