//! The head becomes blocks, blocks become larger ones, and answers stay the same.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_storage::{Queryable as _, Selection};
use firesteel_tsdb::{Db, DbOptions, Retention};

use crate::database::{Model, answer, append, read};

const MINUTE: i64 = 60_000;

/// Blocks of two minutes, merged up to 18; nothing happens by itself.
pub(crate) fn options(dir: &Path) -> DbOptions {
    DbOptions {
        retention: Retention::UNLIMITED,
        min_block_duration: Duration::from_secs(120),
        max_block_duration: Duration::from_secs(18 * 60),
        block_reload_interval: Duration::from_hours(1),
        wal_segment_bytes: 32 << 10,
        ..DbOptions::new(dir)
    }
}

/// Appends five series every five seconds, some of which come and go.
pub(crate) fn fill(db: &Db, model: &mut Model, from: i64, to: i64) {
    let mut t = from;
    while t < to {
        let of_time = (t / (7 * MINUTE)) as usize % 50;
        let rows: Vec<_> = (0..4).chain([10 + of_time]).map(|i| (i, t, (t % 977) as f64 * i as f64)).collect();
        append(db, &rows);
        model.add(&rows);
        t += 5000;
    }
}

#[test]
fn a_head_that_is_due_waits_as_long_as_it_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = options(dir.path());
    let mut model = Model::default();
    for (delay, blocks) in [(Duration::from_hours(1), false), (Duration::ZERO, true)] {
        let db = Db::open(DbOptions { compaction_delay: delay, background: false, ..options.clone() }).expect("opens");
        if model.0.is_empty() {
            fill(&db, &mut model, 1_700_000_100_000, 1_700_000_100_000 + 10 * MINUTE);
        }
        for _turn in 0..2 {
            db.compact().expect("compacts");
        }
        assert_eq!((!db.blocks().is_empty(), answer(&db) == model.0), (blocks, true), "{delay:?}");
        db.close().expect("closes");
    }
}

fn block_names(dir: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(dir).expect("lists").flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    names.filter(|n| n.len() >= 26).collect()
}

#[test]
fn the_head_becomes_blocks_and_blocks_grow() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = options(dir.path());
    let mut db = Db::open(options.clone()).expect("opens");
    let mut model = Model::default();
    let start = 1_700_000_100_000;
    for part in 0..12 {
        let from = start + part * 5 * MINUTE;
        fill(&db, &mut model, from, from + 5 * MINUTE);
        db.compact().expect("compacts");
        assert_eq!(answer(&db), model.0, "part {part}");
        if part % 4 == 3 {
            db.close().expect("closes");
            db = Db::open(options.clone()).expect("opens");
            assert_eq!(answer(&db), model.0, "after restart in part {part}");
            assert_eq!(db.replay_stats().unknown_refs, 0);
        }
    }
    let blocks = db.blocks();
    // An hour in blocks of 18, 6 and 2 minutes.
    assert!(blocks.len() < 12, "{blocks:#?}");
    assert!(blocks.iter().any(|b| b.max_time - b.min_time == 18 * MINUTE && b.compaction.level == 3), "{blocks:#?}");
    assert!(blocks.windows(2).all(|b| b[0].max_time <= b[1].min_time), "they follow each other");
    assert_eq!(block_names(dir.path()).len(), blocks.len(), "parents are deleted");
    let (head, last) = (db.head_stats(), blocks.last().expect("blocks"));
    assert!(head.min_time.expect("samples").0 >= last.max_time, "the head begins where blocks end");
    assert!(head.chunks <= 5 * 5, "{head:?}");
    let log: u64 =
        std::fs::read_dir(db.wal_dir()).expect("lists").flatten().map(|e| e.metadata().map_or(0, |m| m.len())).sum();
    assert!(log < 200 << 10, "the log keeps {log} bytes");
    // In order of labels, for several parts answer.
    let querier = db.querier(TimeRange::ALL).expect("opens");
    let selected = querier.select(&Selection::default()).expect("selects");
    assert!(selected.series().is_sorted_by_key(|e| e.labels.clone()));
    let values = querier.label_values("i", &Selection::default()).expect("values");
    assert_eq!(values.len(), model.0.len());
}

#[test]
fn a_query_that_began_before_a_cut_sees_everything() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(options(dir.path())).expect("opens");
    let mut model = Model::default();
    fill(&db, &mut model, 1_700_000_100_000, 1_700_000_100_000 + 20 * MINUTE);
    let querier = db.querier(TimeRange::ALL).expect("opens");
    let selected = querier.select(&Selection::default()).expect("selects");
    let compacting = std::thread::spawn({
        let db = Arc::clone(&db);
        move || db.compact().expect("compacts")
    });
    // Blocks are there before the head gives anything back.
    while db.blocks().is_empty() {
        std::thread::yield_now();
    }
    // What is in a block and not yet given back by the head is seen twice, and the same.
    assert_eq!(read(&*selected), model.0);
    drop((selected, querier));
    compacting.join().expect("compacts");
    assert_eq!(answer(&db), model.0);
}

#[test]
fn a_query_keeps_the_blocks_it_reads() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(options(dir.path())).expect("opens");
    let mut model = Model::default();
    fill(&db, &mut model, 1_700_000_100_000, 1_700_000_100_000 + 20 * MINUTE);
    db.compact().expect("compacts");
    let last = db.blocks().last().expect("blocks").max_time;
    let querier = db.querier(TimeRange { min: TimestampMs::MIN, max: TimestampMs(last - 1) }).expect("opens");
    let selected = querier.select(&Selection::default()).expect("selects");
    db.set_retention(Retention { size_bytes: 1, ..Retention::UNLIMITED });
    db.reload_blocks().expect("reloads");
    assert!(db.blocks().is_empty() && block_names(dir.path()).is_empty());
    let mut n = 0;
    for i in 0..selected.series().len() {
        let mut chunks = Vec::new();
        selected.chunks(i, &mut chunks).expect("chunks");
        n += chunks.iter().map(|c| c.samples as usize).sum::<usize>();
    }
    let want = model.0.values().flatten().filter(|s| s.0 < last).count();
    assert_eq!(n, want);
}

#[test]
fn a_corrupt_block_is_set_aside_and_the_rest_served() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(dir.path());
    options.max_block_duration = options.min_block_duration;
    let db = Db::open(options.clone()).expect("opens");
    let mut model = Model::default();
    fill(&db, &mut model, 1_700_000_100_000, 1_700_000_100_000 + 20 * MINUTE);
    db.compact().expect("compacts");
    let blocks = db.blocks();
    db.close().expect("closes");
    let index = dir.path().join(blocks[1].ulid.to_string()).join("index");
    let whole = std::fs::read(&index).expect("reads");
    std::fs::write(&index, &whole[..whole.len() / 2]).expect("writes");
    // What a crash leaves behind, and what is none of ours.
    for name in
        ["01BX5ZZKBKACTAV9WEVGEMMVRZ.tmp-for-creation", "01BX5ZZKBKACTAV9WEVGEMMVRZ.tmp-for-deletion", "other.tmp"]
    {
        std::fs::create_dir_all(dir.path().join(name).join("chunks")).expect("creates");
    }
    let registry = firesteel_client::Registry::new();
    let db = Db::open(options.clone()).expect("opens");
    db.register(&registry);
    assert!(dir.path().join("other.tmp").exists());
    assert_eq!(block_names(dir.path()).len(), blocks.len(), "tmp directories are removed");
    assert_eq!(db.blocks().len(), blocks.len() - 1);
    let gone = blocks[1].min_time..blocks[1].max_time;
    let mut rest = model.0.clone();
    for samples in rest.values_mut() {
        samples.retain(|s| !gone.contains(&s.0));
    }
    rest.retain(|_, samples| !samples.is_empty());
    assert_eq!(answer(&db), rest);
    let set_aside = || {
        let families = registry.gather();
        let family = families.iter().find(|f| f.name == "firesteel_tsdb_blocks_set_aside").expect("is there");
        family.metrics[0].value.clone()
    };
    assert_eq!(set_aside(), firesteel_model::MetricValue::Gauge(1.0));
    // Repaired while the database runs.
    std::fs::write(&index, &whole).expect("writes");
    db.reload_blocks().expect("reloads");
    assert_eq!((answer(&db), set_aside()), (model.0.clone(), firesteel_model::MetricValue::Gauge(0.0)));
}

#[test]
fn a_block_of_prometheus_2_1_is_repaired_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(options(dir.path())).expect("opens");
    let mut model = Model::default();
    fill(&db, &mut model, 1_700_000_100_000, 1_700_000_100_000 + 20 * MINUTE);
    db.compact().expect("compacts");
    let blocks = db.blocks();
    db.close().expect("closes");
    let block = dir.path().join(blocks[0].ulid.to_string());
    let (meta, index) = (block.join("meta.json"), block.join("index"));
    let healthy = std::fs::read_to_string(&meta).expect("reads");
    // Its mistake: the index's version stands in the other file.
    std::fs::write(&meta, healthy.replace("\"version\": 1", "\"version\": 2")).expect("writes");
    let mut bytes = std::fs::read(&index).expect("reads");
    bytes[4] = 1;
    std::fs::write(&index, bytes).expect("writes");
    let db = Db::open(options(dir.path())).expect("opens");
    assert_eq!(db.blocks().len(), blocks.len());
    assert_eq!(answer(&db), model.0);
    assert_eq!(std::fs::read_to_string(&meta).expect("reads"), healthy);
    assert_eq!(std::fs::read(&index).expect("reads")[4], 2);
}

#[test]
fn blocks_that_others_bring_appear_and_vanish() {
    let (dir, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let db = Db::open(options(dir.path())).expect("opens");
    let mut model = Model::default();
    let brought = Db::open(options(other.path())).expect("opens");
    fill(&brought, &mut model, 1_700_000_100_000, 1_700_000_100_000 + 4 * MINUTE);
    let snapshot = other.path().join("snap");
    std::fs::create_dir(&snapshot).expect("creates");
    brought.snapshot(&snapshot, true).expect("a snapshot");
    assert!(answer(&db).is_empty());
    for block in std::fs::read_dir(&snapshot).expect("lists").flatten() {
        std::fs::rename(block.path(), dir.path().join(block.file_name())).expect("renames");
    }
    db.reload_blocks().expect("reloads");
    assert_eq!(answer(&db), model.0);
    for name in block_names(dir.path()) {
        std::fs::remove_dir_all(dir.path().join(name)).expect("removes");
    }
    db.reload_blocks().expect("reloads");
    assert!(answer(&db).is_empty());
}

#[test]
fn a_snapshot_holds_all_and_shares_the_files() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(options(dir.path())).expect("opens");
    let mut model = Model::default();
    fill(&db, &mut model, 1_700_000_100_000, 1_700_000_100_000 + 20 * MINUTE);
    db.compact().expect("compacts");
    for with_head in [true, false] {
        let to = dir.path().join(format!("snapshots/{with_head}"));
        std::fs::create_dir_all(&to).expect("creates");
        db.snapshot(&to, with_head).expect("a snapshot");
        let n = db.blocks().len() + usize::from(with_head);
        assert_eq!(block_names(&to).len(), n);
        let first = db.blocks()[0].ulid.to_string();
        let inode = |dir: &Path| std::fs::metadata(dir.join(&first).join("index")).expect("an index").ino();
        assert_eq!(inode(&to), inode(dir.path()));
        let copy = Db::open(options(&to)).expect("opens");
        if with_head {
            assert_eq!(answer(&copy), model.0);
        } else {
            let end = db.blocks().last().expect("blocks").max_time;
            assert!(answer(&copy).values().flatten().all(|s| s.0 < end));
        }
    }
    assert!(db.snapshot(dir.path(), false).is_err(), "not into itself");
}

#[test]
fn retention_by_time_and_size_deletes_the_oldest() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(dir.path());
    options.max_block_duration = options.min_block_duration;
    let db = Db::open(options).expect("opens");
    let mut model = Model::default();
    fill(&db, &mut model, 1_700_000_100_000, 1_700_000_100_000 + 30 * MINUTE);
    db.compact().expect("compacts");
    let all = db.blocks();
    let newest = all.last().expect("blocks").max_time;
    let time = Duration::from_millis(10 * MINUTE as u64);
    db.set_retention(Retention::of_time(time));
    db.reload_blocks().expect("reloads");
    let kept = db.blocks();
    assert!(kept.len() < all.len() && kept.iter().all(|b| newest - b.max_time < 10 * MINUTE));
    assert_eq!(block_names(dir.path()).len(), kept.len());
    // The log counts, too, as in upstream: little is enough to keep all, one byte keeps none.
    db.set_retention(Retention { size_bytes: 1 << 30, ..Retention::UNLIMITED });
    db.reload_blocks().expect("reloads");
    assert_eq!(db.blocks().len(), kept.len());
    db.set_retention(Retention { percentage: 0.000_000_001, size_bytes: 1 << 40, ..Retention::UNLIMITED });
    db.reload_blocks().expect("reloads");
    assert!(db.blocks().is_empty() && block_names(dir.path()).is_empty());
}

#[test]
fn late_samples_become_blocks_and_are_merged() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = options(dir.path());
    options.out_of_order_window = Duration::from_hours(1);
    let mut db = Db::open(options.clone()).expect("opens");
    let mut model = Model::default();
    let start = 1_700_000_100_000;
    fill(&db, &mut model, start, start + 20 * MINUTE);
    for round in 0..3 {
        // Between what is there, over ranges whose samples are in blocks by now.
        for step in 0..40 {
            let t = start + 1001 + round + step * 20_000;
            let rows = [(1, t, t as f64), (200, t, 1.0)];
            append(&db, &rows);
            model.add(&rows);
        }
        model.0.values_mut().for_each(|samples| samples.sort_by_key(|s| s.0));
        assert_eq!(answer(&db), model.0, "round {round}");
        db.compact().expect("compacts");
        assert_eq!(answer(&db), model.0, "round {round}");
        db.close().expect("closes");
        db = Db::open(options.clone()).expect("opens");
        assert_eq!(answer(&db), model.0, "round {round}");
        let from = start + (20 + round * 5) * MINUTE;
        fill(&db, &mut model, from, from + 5 * MINUTE);
    }
    db.compact().expect("compacts");
    assert_eq!(answer(&db), model.0);
    let blocks = db.blocks();
    assert!(blocks.windows(2).all(|b| b[0].max_time <= b[1].min_time), "overlapping blocks are merged: {blocks:#?}");
    let left: u64 = std::fs::read_dir(dir.path().join("wbl"))
        .expect("lists")
        .flatten()
        .map(|e| e.metadata().map_or(0, |m| m.len()))
        .sum();
    assert!(left <= 32 << 10, "the log of late samples keeps {left} bytes");
}

/// A block of late samples fills a range whose other samples are in the head: merged with older blocks it would tell the
/// next start that the log is not needed.
#[test]
fn late_blocks_do_not_overtake_the_head() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = DbOptions { out_of_order_window: Duration::from_hours(1), ..options(dir.path()) };
    let db = Db::open(options.clone()).expect("opens");
    let mut model = Model::default();
    // From the beginning of a range of six minutes on: two blocks of it, and the head.
    let start = 1_700_000_100_000 / (6 * MINUTE) * (6 * MINUTE);
    fill(&db, &mut model, start, start + 5 * MINUTE + MINUTE / 2);
    db.compact().expect("compacts");
    assert_eq!(db.blocks().len(), 2);
    fill(&db, &mut model, start + 5 * MINUTE + MINUTE / 2, start + 6 * MINUTE + MINUTE / 2);
    // Late in the third block's time, and in the one after it.
    for t in [start + 5 * MINUTE + 1, start + 6 * MINUTE + 1] {
        append(&db, &[(1, t, 7.0)]);
        model.add(&[(1, t, 7.0)]);
    }
    let none = [firesteel_model::Matcher::equal("i", "1"), firesteel_model::Matcher::equal("i", "2")];
    db.delete(TimeRange::ALL, &none).expect("deletes nothing");
    db.delete(TimeRange { min: TimestampMs(start + 6 * MINUTE + 1), ..TimeRange::ALL }, &none[..1]).expect("deletes");
    let of = model.0.get_mut(&format!("{:?}", crate::database::series(1))).expect("is there");
    of.retain(|s| s.0 <= start + 6 * MINUTE);
    model.0.values_mut().for_each(|samples| samples.sort_unstable());
    db.compact().expect("compacts");
    assert_eq!(answer(&db), model.0);
    db.close().expect("closes");
    let db = Db::open(options).expect("opens");
    assert_eq!(answer(&db), model.0);
}
