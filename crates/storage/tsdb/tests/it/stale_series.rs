//! Series that got a staleness marker leave the head before their time, and nothing is lost or comes back by that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::{FaultVfs, Vfs};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_client::Registry;
use firesteel_model::{Labels, Matcher, stale_nan};
use firesteel_storage::{AppendOptions, Appendable as _, Exemplar, ExemplarQueryable as _, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};
use firesteel_tsdb_block::Hint;

use crate::database::{answer, series};

const HOUR: i64 = 3_600_000;
const START: i64 = 1_700_000_000_000;
/// Of eight series, those that vanish half way.
const GONE: std::ops::Range<usize> = 0..6;

fn append(db: &Db, t: i64, rows: impl Iterator<Item = (usize, f64)>) {
    let mut appender = db.appender();
    let mut batch = SampleBatch::default();
    for (i, v) in rows {
        let found = appender.series(&series(i), &SeriesMeta::default()).expect("valid labels");
        batch.push(found, TimestampMs(t), v);
    }
    let mut refused = Vec::new();
    appender.append(&batch, AppendOptions::default(), &mut refused);
    assert!(refused.is_empty(), "{refused:?}");
    appender.commit().expect("commits");
}

/// Eight series, of which six vanish; across the end of a block's range.
fn filled(options: DbOptions) -> Arc<Db> {
    let db = Db::open(options).expect("opens");
    for step in 0..100 {
        append(&db, START + step * 90_000, (0..8).map(|i| (i, step as f64)));
    }
    append(&db, START + 100 * 90_000, GONE.map(|i| (i, stale_nan())).chain([(6, 100.0), (7, 100.0)]));
    db
}

fn still(dir: &std::path::Path) -> DbOptions {
    DbOptions { background: false, no_lockfile: true, ..DbOptions::new(dir) }
}

#[test]
fn stale_series_become_blocks_and_leave_the_head() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = filled(still(dir.path()));
    let mut all = answer(&db);
    db.compact_stale_series().expect("moves them");
    assert_eq!(answer(&db), all);
    let stats = db.head_stats();
    assert_eq!((stats.series, stats.stale_series), (2, 0));
    let blocks = db.blocks();
    let early = |hint| blocks.iter().all(|b| b.compaction.has(hint) && b.stats.num_series == 6);
    assert!(blocks.len() == 2 && early(Hint::StaleSeries), "{blocks:#?}");
    db.compact_stale_series().expect("there are none");
    assert_eq!(db.blocks().len(), 2);

    // Killed: the log has their samples, and is not believed.
    let kill = |db: Arc<Db>| {
        db.sync().expect("syncs");
        drop(db);
        Db::open(still(dir.path())).expect("opens")
    };
    let db = kill(db);
    assert_eq!(answer(&db), all);
    // One comes back: what it brings is not what was dropped.
    append(&db, START + 101 * 90_000, [(0, 101.0), (7, 101.0)].into_iter());
    for (i, t) in [(0, START + 101 * 90_000), (7, START + 101 * 90_000)] {
        all.get_mut(&format!("{:?}", series(i))).expect("is there").push((t, 101f64.to_bits()));
    }
    assert_eq!(answer(&db), all);
    let db = kill(db);
    assert_eq!(answer(&db), all);
    // What is deleted in the blocks does not return from the log.
    let range = TimeRange { min: TimestampMs(START), max: TimestampMs(START + HOUR) };
    db.delete(range, &[Matcher::equal("i", "1")]).expect("deletes");
    all.get_mut(&format!("{:?}", series(1))).expect("is there").retain(|(t, _)| *t > START + HOUR);
    assert_eq!(answer(&db), all);
    assert_eq!(answer(&kill(db)), all);
}

/// Adds an exemplar of a series that is there.
fn append_exemplar(db: &Db, i: usize, t: i64) {
    let mut appender = db.appender();
    let series = appender.known(&series(i)).expect("is there");
    let labels = Labels::from_pairs([("trace_id", t.to_string())]);
    let mut refused = Vec::new();
    appender
        .append_exemplars(&[Exemplar { series, labels, t: TimestampMs(t), v: 1.0, timestamped: true }], &mut refused);
    assert!(refused.is_empty(), "{refused:?}");
    appender.commit().expect("commits");
}

/// Of a series that comes back under another reference; both kinds of snapshots, as upstream's one.
#[test]
fn exemplars_of_a_series_that_came_back_are_in_snapshots() {
    for memory_snapshot in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        let options = || DbOptions { memory_snapshot, exemplars_max: 10, ..still(dir.path()) };
        let db = filled(options());
        let exemplars = |db: &Db| -> BTreeMap<String, Vec<i64>> {
            let found = db.exemplars(TimeRange::ALL, &[&[]]);
            found.iter().map(|of| (format!("{:?}", of.labels), of.exemplars.iter().map(|e| e.t.0).collect())).collect()
        };
        let times = [98, 99, 102].map(|step| START + step * 90_000);
        for t in &times[..2] {
            (0..2).for_each(|i| append_exemplar(&db, i, *t));
        }
        db.compact_stale_series().expect("moves them");
        append(&db, START + 101 * 90_000, [(0, 101.0), (7, 101.0)].into_iter());
        append_exemplar(&db, 0, times[2]);
        assert_eq!(exemplars(&db)[&format!("{:?}", series(1))], times[..2]);
        if memory_snapshot {
            db.close().expect("closes");
        } else {
            db.roll_snapshot().expect("a snapshot");
        }
        drop(db);
        let db = Db::open(options()).expect("opens");
        let replay = db.replay_stats();
        assert_eq!((replay.samples, replay.unknown_exemplar_refs), (0, 0), "{replay:?}");
        // The other one did not come back.
        assert_eq!(exemplars(&db), BTreeMap::from([(format!("{:?}", series(0)), times.to_vec())]));
    }
}

#[test]
fn too_large_a_share_of_stale_series_is_moved_by_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let options =
        DbOptions { block_reload_interval: Duration::from_millis(50), no_lockfile: true, ..DbOptions::new(dir.path()) };
    let db = filled(options);
    let registry = Registry::new();
    db.register(&registry);
    let counted = || {
        let name = "prometheus_tsdb_stale_series_compactions_triggered_total";
        let families = registry.gather();
        let family = families.iter().find(|f| f.name == name).expect("is shown");
        format!("{:?}", family.metrics[0].value)
    };
    let all: BTreeMap<_, _> = answer(&db);
    // Six of eight are too few.
    db.set_stale_series_threshold(0.8);
    let reloads = || {
        let families = registry.gather();
        format!(
            "{:?}",
            families.iter().find(|f| f.name == "prometheus_tsdb_reloads_total").expect("is shown").metrics[0].value
        )
    };
    let wait_for = |what: &str, is: &dyn Fn() -> bool| {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while !is() {
            assert!(std::time::Instant::now() < deadline, "no {what} in a minute");
            std::thread::yield_now();
        }
    };
    let (before, none) = (reloads(), counted());
    wait_for("reload", &|| reloads() != before);
    assert_eq!((db.head_stats().series, counted()), (8, none));
    db.set_stale_series_threshold(0.75);
    wait_for("move", &|| db.head_stats().series == 2);
    assert_eq!(answer(&db), all);
    db.close().expect("closes");
}

#[test]
fn series_come_and_go_while_they_are_moved() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(still(dir.path())).expect("opens");
    let mut model: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
    let writer = std::thread::spawn({
        let db = Arc::clone(&db);
        move || {
            for step in 0..400 {
                let t = START + step * 1000;
                // Each is stale every third time, not all at once.
                let rows =
                    (0..30).map(|i| (i, if (step as usize + i).is_multiple_of(3) { stale_nan() } else { step as f64 }));
                append(&db, t, rows.clone());
                for (i, v) in rows {
                    model.entry(format!("{:?}", series(i))).or_default().push((t, v.to_bits()));
                }
            }
            model
        }
    });
    let mut moves = 0;
    while !writer.is_finished() {
        db.compact_stale_series().expect("moves them");
        moves += 1;
    }
    let model = writer.join().expect("no panic");
    assert!(moves > 0 && !db.blocks().is_empty());
    assert_eq!(answer(&db), model);
    db.sync().expect("syncs");
    drop(db);
    assert_eq!(answer(&Db::open(still(dir.path())).expect("opens")), model);
}

/// A snapshot does not tell of what is gone: who began with one must not let go of records whose samples stay in the log, or a
/// start that reads all of it, as another program's does, finds samples of nobody. Nor are they kept for ever.
#[test]
fn the_log_behind_a_snapshot_keeps_the_records_of_series_that_are_gone_while_it_names_them() {
    for (memory_snapshot, cuts) in [(true, 1), (true, 6), (false, 1), (false, 6)] {
        let what = format!("memory_snapshot: {memory_snapshot}, cuts: {cuts}");
        let (dir, vfs) = (std::path::Path::new("/db"), FaultVfs::new());
        let open = || {
            let min_block_duration = Duration::from_mins(2);
            let vfs = Arc::new(vfs.clone()) as Arc<dyn Vfs>;
            Db::open(DbOptions { memory_snapshot, min_block_duration, vfs, ..still(dir) }).expect("opens")
        };
        let mut times = (0..).map(|n| START + n * 10_000);
        // The first segment has the records, each has samples.
        for _segment in 0..4 {
            let db = open();
            times.by_ref().take(3).for_each(|t| append(&db, t, [(0, 1.0), (1, 1.0)].into_iter()));
            db.close().expect("closes");
        }
        let db = open();
        append(&db, times.next().expect("is endless"), [(0, stale_nan()), (1, 1.0)].into_iter());
        db.compact_stale_series().expect("moves it");
        db.roll_snapshot().expect("a snapshot");
        db.close().expect("closes");
        drop(db);
        let db = open();
        assert_eq!((db.head_stats().series, db.replay_stats().samples), (1, 0), "{what}");
        for _cut in 0..cuts {
            times.by_ref().take(30).for_each(|t| append(&db, t, [(1, 1.0)].into_iter()));
            db.compact().expect("compacts");
        }
        let all = answer(&db);
        db.close().expect("closes");
        drop(db);
        for entry in vfs.list(dir).expect("lists") {
            if entry.name == "firesteel" || entry.name.starts_with("chunk_snapshot.") {
                vfs.remove_dir_all(&dir.join(entry.name)).expect("removes");
            }
        }
        let db = open();
        let replay = db.replay_stats();
        assert_eq!((replay.unknown_refs, replay.series), (0, if cuts == 1 { 2 } else { 1 }), "{what}");
        assert_eq!(answer(&db), all, "{what}");
    }
}
