//! What a database keeps beside samples in order: late samples, deletions, exemplars, metadata; over restarts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_client::Registry;
use firesteel_model::{Labels, Matcher, Metadata, MetricType};
use firesteel_storage::{Appendable, Exemplar, ExemplarQueryable, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};

use crate::database::{Answer, Model, answer, append, series};

fn options(dir: &Path) -> DbOptions {
    DbOptions {
        exemplars_max: 10,
        metadata_records: true,
        out_of_order_window: Duration::from_mins(60),
        out_of_order_cap: 4,
        ..DbOptions::new(dir.join("data"))
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("creates");
    for entry in std::fs::read_dir(from).expect("lists").flatten() {
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to.join(entry.file_name()));
        } else if entry.file_name() != "lock" {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
        }
    }
}

/// Leaves the directory as a killed process would.
fn kill(db: Arc<Db>, dir: &Path) {
    let copy = dir.join("killed");
    copy_tree(&dir.join("data"), &copy);
    drop(db);
    std::fs::remove_dir_all(dir.join("data")).expect("removes");
    std::fs::rename(copy, dir.join("data")).expect("renames");
}

fn exemplars(db: &Db) -> BTreeMap<String, Vec<(i64, f64)>> {
    let found = db.exemplars(TimeRange::ALL, &[&[]]);
    let plain = |e: &Exemplar| (e.t.0, e.v);
    found.iter().map(|s| (s.labels.value("i").to_owned(), s.exemplars.iter().map(plain).collect())).collect()
}

#[test]
fn exemplars_and_metadata_outlive_restarts_and_checkpoints() {
    let dir = tempfile::tempdir().expect("a directory");
    let about = |n: i64| Metadata { metric_type: MetricType::Counter, unit: "s".to_owned(), help: format!("{n}é") };
    let start = 1_700_000_000_000;
    let mut want = BTreeMap::new();
    for round in 0..4i64 {
        let db = Db::open(options(dir.path())).expect("opens");
        assert_eq!(exemplars(&db), want, "round {round}");
        let mut rejected = Vec::new();
        for i in 0..6usize {
            let t = start + round * 60_000 + i as i64;
            append(&db, &[(i, t, 1.0)]);
            let mut appender = db.appender();
            let of = appender.series(&series(i), &SeriesMeta::default()).expect("lives");
            if round > 0 && i == 0 {
                assert_eq!(db.metadata_of(of).as_deref(), Some(&about(round - 1)));
            }
            let labels = Labels::from_pairs([("trace_id", round.to_string())]);
            let e = Exemplar { series: of, labels, t: TimestampMs(t), v: i as f64, timestamped: true };
            appender.append_exemplars(&[e], &mut rejected);
            appender.metadata(of, &about(round));
            appender.commit().expect("commits");
        }
        assert!(rejected.is_empty());
        want = exemplars(&db);
        assert_eq!(want.values().map(Vec::len).sum::<usize>(), if round == 0 { 6 } else { 10 });
        if round == 1 {
            db.set_exemplars_max(4);
            assert_eq!(exemplars(&db).len(), 4);
            db.set_exemplars_max(10);
            let registry = Registry::new();
            db.register(&registry);
            let families = registry.gather();
            let names = families.iter().filter(|f| f.name.starts_with("prometheus_tsdb_exemplar_")).count();
            assert_eq!(names, 6);
        }
        if round % 2 == 0 {
            db.close().expect("closes");
        } else {
            kill(db, dir.path());
        }
    }
}

/// Chunks overlap: each time once, in order.
fn merged(db: &Arc<Db>) -> Answer {
    let in_order = |mut samples: Vec<(i64, u64)>| {
        samples.sort_unstable();
        samples.dedup();
        samples
    };
    answer(db).into_iter().map(|(labels, samples)| (labels, in_order(samples))).filter(|(_, s)| !s.is_empty()).collect()
}

#[test]
fn late_samples_and_deletions_outlive_restarts() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut model = Model::default();
    let start = 1_700_000_000_000i64;
    let add = |db: &Arc<Db>, rows: &[(usize, i64, f64)], model: &mut Model| {
        append(db, rows);
        model.add(rows);
        for samples in model.0.values_mut() {
            samples.sort_unstable();
        }
    };
    for round in 0..4i64 {
        let db = Db::open(options(dir.path())).expect("opens");
        assert_eq!(merged(&db), model.0, "round {round}");
        let now = start + round * 600_000;
        for n in 0..60 {
            let t = now + n * 5000;
            add(&db, &[(0, t, n as f64), (1, t, 0.5)], &mut model);
            // Late by up to half an hour, each time once.
            add(&db, &[(0, t - 1_800_001 + (n * 37 % 60) * 7, 0.25), (1, t - 60_001, 1.0)], &mut model);
        }
        assert_eq!(merged(&db), model.0, "round {round}");
        let deleted = TimeRange { min: TimestampMs(now + 100_000), max: TimestampMs(now + 150_000) };
        // In the head, and in a block of what came late.
        assert_eq!(db.delete(deleted, &[Matcher::equal("i", "1")]).expect("is logged"), 2);
        let of = format!("{:?}", series(1));
        model.0.get_mut(&of).expect("is there").retain(|s| !deleted.contains(TimestampMs(s.0)));
        assert_eq!(merged(&db), model.0, "round {round}");
        if round % 2 == 0 {
            db.close().expect("closes");
        } else {
            kill(db, dir.path());
        }
    }
    // Without a window what was late stays, and nothing late is taken any more.
    let db = Db::open(DbOptions { out_of_order_window: Duration::ZERO, ..options(dir.path()) }).expect("opens");
    assert_eq!(merged(&db), model.0);
    db.set_out_of_order_window(Duration::from_mins(60)).expect("opens its log");
    add(&db, &[(0, start + 1_000_003, 2.0)], &mut model);
    assert_eq!(merged(&db), model.0);
}

#[test]
fn late_samples_become_blocks() {
    let dir = tempfile::tempdir().expect("a directory");
    let hour = 3_600_000i64;
    let options = DbOptions { out_of_order_window: Duration::from_hours(6), ..options(dir.path()) };
    let mut model = Model::default();
    let db = Db::open(options.clone()).expect("opens");
    let start = 1_700_006_400_000 / (2 * hour) * (2 * hour);
    let add = |rows: &[(usize, i64, f64)], model: &mut Model| {
        append(&db, rows);
        model.add(rows);
        for samples in model.0.values_mut() {
            samples.sort_unstable();
        }
    };
    for n in 0..240 {
        let t = start + n * 120_000;
        add(&[(0, t, n as f64), (1, t, 1.0)], &mut model);
        if n > 180 {
            // Over two ranges of blocks that are long gone, and one series that has nothing else.
            add(&[(0, t - 4 * hour - 1, -1.0), (2, t - 3 * hour + 7, 0.5)], &mut model);
        }
    }
    assert_eq!(merged(&db), model.0);
    db.compact().expect("compacts");
    // A block of late samples and one of the head over the same time are compacted at once.
    let blocks = db.blocks();
    assert!(blocks.iter().any(|m| m.stats.num_series == 3 && m.compaction.level == 2), "{blocks:?}");
    assert_eq!(merged(&db), model.0);
    kill(db, dir.path());
    let db = Db::open(options).expect("opens");
    assert_eq!(merged(&db), model.0);
    // The log has given back what blocks hold.
    assert_eq!(db.replay_stats().late_samples, 0);
}
