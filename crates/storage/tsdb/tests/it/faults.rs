//! A disk that fails: what is in memory goes on, and is logged when writing works again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::{Crash, FaultVfs, Faults, Vfs};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Matcher, stale_nan};
use firesteel_storage::{AppendOptions, Appendable as _, SampleBatch, SeriesMeta, StorageError};
use firesteel_tsdb::{Db, DbOptions, Retention};

use crate::database::{Answer, Model, answer, append, series};

fn options(dir: &std::path::Path, vfs: &FaultVfs) -> DbOptions {
    DbOptions { vfs: Arc::new(vfs.clone()) as Arc<dyn Vfs>, ..DbOptions::new(dir) }
}

#[test]
fn a_full_disk_loses_nothing_once_there_is_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let db = Db::open(options(dir.path(), &vfs)).expect("opens");
    let mut model = Model::default();
    let mut t = 0;
    for phase in 0..6 {
        let failing = phase % 2 == 1;
        vfs.set_faults(match phase {
            1 | 5 => Faults { space_bytes: Some(0), ..Faults::default() },
            3 => Faults { gone_from: Some(0), ..Faults::default() },
            _ => Faults::default(),
        });
        for _ in 0..10 {
            t += 1000;
            // Each phase brings a series of its own: its record must come before its samples.
            let rows = [(1, t, t as f64), (10 + phase, t, 1.0)];
            assert_eq!(append(&db, &rows).durable, !failing, "phase {phase}");
            model.add(&rows);
        }
        assert_eq!(answer(&db), model.0);
    }
    vfs.set_faults(Faults::default());
    let rows = [(1, t + 1000, 1.0)];
    assert!(append(&db, &rows).durable);
    model.add(&rows);
    let after = vfs.crash(Crash::LoseNothing);
    let again = Db::open(DbOptions { no_lockfile: true, ..options(dir.path(), &after) }).expect("opens");
    assert_eq!(answer(&again), model.0);
    assert_eq!(again.replay_stats().unknown_refs, 0);
}

#[test]
fn what_must_be_durable_is_refused_while_the_log_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let db = Db::open(options(dir.path(), &vfs)).expect("opens");
    let push = |t: i64| {
        let mut appender = db.appender();
        let series = appender.series(&series(1), &SeriesMeta::default()).expect("valid labels");
        let mut batch = SampleBatch::default();
        batch.push(series, TimestampMs(t), 1.0);
        appender.append(&batch, AppendOptions { durable: true, ..AppendOptions::default() }, &mut Vec::new());
        appender.commit()
    };
    vfs.set_faults(Faults { space_bytes: Some(0), ..Faults::default() });
    assert!(matches!(push(1000), Err(StorageError::NotDurable { .. })));
    assert_eq!(answer(&db), Answer::new(), "nothing of it is visible");
    vfs.set_faults(Faults::default());
    assert!(push(1000).expect("there is room again").durable);
    let again = Db::open(DbOptions { no_lockfile: true, ..options(dir.path(), &vfs.crash(Crash::LoseNothing)) });
    assert_eq!(answer(&again.expect("opens")), answer(&db));
}

/// What cannot be synced is not durable, though it can be written: it is said, pushes are refused, the rest goes on.
#[test]
fn what_must_be_durable_is_refused_while_the_log_cannot_be_synced() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let db = Db::open(DbOptions { background: false, ..options(dir.path(), &vfs) }).expect("opens");
    let mut t = 0;
    let mut append = |durable| {
        t += 1000;
        let mut appender = db.appender();
        let series = appender.series(&series(1), &SeriesMeta::default()).expect("valid labels");
        let mut batch = SampleBatch::default();
        batch.push(series, TimestampMs(t), 1.0);
        appender.append(&batch, AppendOptions { durable, ..AppendOptions::default() }, &mut Vec::new());
        appender.commit()
    };
    assert!(append(true).expect("is taken").durable);
    vfs.set_faults(Faults { no_syncs: true, ..Faults::default() });
    assert!(append(true).expect("nobody knows yet").durable);
    assert!(db.sync().is_err());
    assert_eq!(db.health().refuses_pushes(), Some("the write-ahead log cannot be synced"));
    assert!(matches!(append(true), Err(StorageError::NotDurable { .. })));
    append(false).expect("is taken");
    vfs.set_faults(Faults::default());
    db.sync().expect("syncs");
    assert_eq!(db.health().refuses_pushes(), None);
    assert!(append(true).expect("is taken").durable);
}

#[test]
fn a_snapshot_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let db = Db::open(DbOptions { background: false, ..options(dir.path(), &vfs) }).expect("opens");
    append(&db, &[(1, 1000, 1.0), (1, 100_000_000, 2.0)]);
    db.compact().expect("cuts");
    let to = dir.path().join("snapshots/one");
    let try_it = |faults: Faults| {
        vfs.create_dir_all(&to).expect("creates");
        vfs.set_faults(faults);
        let done = db.snapshot(&to, true);
        vfs.set_faults(Faults::default());
        done
    };
    for n in 0..40 {
        if try_it(Faults { eio_at: Some(n), ..Faults::default() }).is_ok() {
            assert!(n > 10, "{n}");
            break;
        }
        assert!(vfs.list(&to).is_err(), "something is left after call {n}");
    }
    assert!(vfs.list(&to).expect("is there").len() == 2, "a block and the head");
}

/// Late samples have a log of their own: what was synced of both is there after a loss of power, what was deleted is not.
#[test]
fn power_is_lost_while_samples_come_late() {
    for seed in 0..40u64 {
        let dir = tempfile::tempdir().expect("a directory");
        let vfs = FaultVfs::new();
        let options = |vfs: &FaultVfs| DbOptions {
            out_of_order_window: Duration::from_mins(60),
            out_of_order_cap: 4,
            no_lockfile: true,
            ..options(dir.path(), vfs)
        };
        // The directory itself is there for long.
        vfs.create_dir_all(dir.path()).expect("creates");
        for part in dir.path().ancestors() {
            vfs.sync_dir(part).expect("syncs");
        }
        let db = Db::open(options(&vfs)).expect("opens");
        let (mut model, mut synced) = (Model::default(), Answer::new());
        let mut deleted: Vec<i64> = Vec::new();
        for n in 0..60i64 {
            let t = 10_000_000 + n * 1000;
            let rows = [(1, t, n as f64), (1, t - 1_000_001 - (n * 7 % 60) * 11, -1.0)];
            append(&db, &rows);
            model.add(&rows);
            if n == 20 {
                let range = TimeRange { min: TimestampMs(10_005_000), max: TimestampMs(10_008_000) };
                assert_eq!(db.delete(range, &[Matcher::equal("i", "1")]).expect("is logged"), 1);
                deleted = (5..=8).map(|n| 10_000_000 + n * 1000).collect();
            }
            if n as u64 == 21 + seed % 39 {
                db.sync().expect("syncs");
                synced = model.0.clone();
            }
        }
        let after = vfs.crash(Crash::Dice { seed });
        let again = Db::open(options(&after)).expect("opens");
        let (got, key) = (answer(&again), format!("{:?}", series(1)));
        let of = |answer: &Answer| -> BTreeSet<(i64, u64)> {
            answer.get(&key).into_iter().flatten().copied().filter(|s| !deleted.contains(&s.0)).collect()
        };
        let all: BTreeSet<(i64, u64)> = got[&key].iter().copied().collect();
        assert!(of(&synced).is_subset(&all), "seed {seed}: synced samples are missing");
        assert!(all.is_subset(&of(&model.0)), "seed {seed}: something came from nowhere, or came back");
    }
}

/// Blocks are rewritten and merged while one call of the disk fails, each in its turn: they or their parents stay.
#[test]
fn no_failed_call_takes_a_block_along_with_its_parents() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = |vfs: &FaultVfs| DbOptions {
        retention: Retention::UNLIMITED,
        max_block_duration: Duration::from_hours(18),
        background: false,
        no_lockfile: true,
        ..options(dir.path(), vfs)
    };
    let hours = |n: i64| n * 3_600_000;
    for nth in 0.. {
        let vfs = FaultVfs::new();
        vfs.create_dir_all(dir.path()).expect("creates");
        dir.path().ancestors().for_each(|part| vfs.sync_dir(part).expect("syncs"));
        let db = Db::open(options(&vfs)).expect("opens");
        let mut model = Model::default();
        let fill = |model: &mut Model, from: i64, to: i64| {
            for t in (from..to).step_by(600_000) {
                let rows = [(1, t, t as f64), (2, t, 1.0)];
                append(&db, &rows);
                model.add(&rows);
            }
        };
        fill(&mut model, 0, hours(9));
        db.compact().expect("compacts");
        assert_eq!(db.blocks().len(), 3);
        for block in 0..3 {
            let from = hours(2 * block);
            let range = TimeRange { min: TimestampMs(from), max: TimestampMs(from + 900_000) };
            db.delete(range, &[Matcher::equal("i", "1")]).expect("deletes");
            let of_series = model.0.get_mut(&format!("{:?}", series(1))).expect("is there");
            of_series.retain(|(t, _)| !(range.min.0..=range.max.0).contains(t));
        }
        // One more block, after which the three are merged.
        fill(&mut model, hours(9), hours(11));
        db.sync().expect("syncs");
        assert_eq!(answer(&db), model.0);

        vfs.set_faults(Faults { eio_at: Some(nth), ..Faults::default() });
        // Whether they fail or not.
        let _ = db.clean_tombstones();
        let _ = db.compact();
        let through = vfs.calls() <= nth;
        vfs.set_faults(Faults::default());
        assert_eq!(answer(&db), model.0, "call {nth} failed");
        for how in [Crash::LoseAll, Crash::LoseNothing] {
            let again = Db::open(options(&vfs.crash(how))).expect("opens");
            assert_eq!(answer(&again), model.0, "call {nth} failed, {how:?}");
        }
        db.reload_blocks().expect("reloads");
        assert_eq!(answer(&db), model.0, "call {nth} failed, read again");
        if through {
            assert_eq!(db.blocks().len(), 2, "the three were merged");
            break;
        }
    }
}

/// A block was named and the name could not be synced; then something is deleted, and power is lost.
#[test]
fn what_is_deleted_after_a_failed_compaction_does_not_return() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = |vfs: &FaultVfs| DbOptions {
        retention: Retention::UNLIMITED,
        background: false,
        no_lockfile: true,
        ..options(dir.path(), vfs)
    };
    for nth in 0.. {
        let vfs = FaultVfs::new();
        vfs.create_dir_all(dir.path()).expect("creates");
        dir.path().ancestors().for_each(|part| vfs.sync_dir(part).expect("syncs"));
        let db = Db::open(options(&vfs)).expect("opens");
        let mut model = Model::default();
        for t in (0..5 * 3_600_000).step_by(600_000) {
            let rows = [(1, t, t as f64), (2, t, 1.0)];
            append(&db, &rows);
            model.add(&rows);
        }
        db.sync().expect("syncs");
        vfs.set_faults(Faults { eio_at: Some(nth), ..Faults::default() });
        let _ = db.compact();
        let through = vfs.calls() <= nth;
        vfs.set_faults(Faults::default());
        let range = TimeRange { min: TimestampMs(600_000), max: TimestampMs(3_000_000) };
        db.delete(range, &[Matcher::equal("i", "1")]).expect("deletes");
        let of_series = model.0.get_mut(&format!("{:?}", series(1))).expect("is there");
        of_series.retain(|(t, _)| !(range.min.0..=range.max.0).contains(t));
        assert_eq!(answer(&db), model.0, "call {nth} failed");
        db.reload_blocks().expect("reloads");
        assert_eq!(answer(&db), model.0, "call {nth} failed, read again");
        for seed in 0..6 {
            let again = Db::open(options(&vfs.crash(Crash::Dice { seed }))).expect("opens");
            assert_eq!(answer(&again), model.0, "call {nth} failed, seed {seed}");
        }
        if through {
            assert_eq!(db.blocks().len(), 1);
            break;
        }
    }
}

/// What the log of late samples gave back does not come again with the power: nothing has the record of a series any more
/// that is gone since.
#[test]
fn late_samples_that_are_in_blocks_stay_out_of_their_log_when_power_is_lost() {
    for what in ["a stale series", "a series of old"] {
        let (dir, vfs) = (std::path::Path::new("/db"), FaultVfs::new());
        vfs.create_dir_all(dir).expect("creates");
        let open = |vfs: &FaultVfs| {
            let options = DbOptions {
                background: false,
                no_lockfile: true,
                out_of_order_window: Duration::from_mins(10),
                min_block_duration: Duration::from_mins(2),
                ..options(dir, vfs)
            };
            Db::open(options).expect("opens")
        };
        let mut db = open(&vfs);
        let mut model = Model::default();
        let push = |db: &Db, model: &mut Model, rows: &[(usize, i64, f64)]| {
            append(db, rows);
            model.add(rows);
        };
        let mut times = (1..).map(|n| n * 10_000);
        for t in times.by_ref().take(60) {
            push(&db, &mut model, &[(0, t, t as f64), (1, t, 1.0)]);
        }
        // Late ones, at times that have none.
        push(&db, &mut model, &[(0, 305_000, 1.0), (0, 315_000, 2.0)]);
        // Another segment is begun before this one goes, and gets nothing: its name is the last thing that is synced.
        db.close().expect("closes");
        db = open(&vfs);
        assert_eq!(db.replay_stats().late_samples, 2);
        db.sync().expect("syncs");
        db.compact().expect("compacts");
        if what == "a stale series" {
            let t = times.next().expect("is endless");
            push(&db, &mut model, &[(0, t, stale_nan()), (1, t, 1.0)]);
            db.compact_stale_series().expect("moves it");
        } else {
            times.by_ref().take(60).for_each(|t| push(&db, &mut model, &[(1, t, 1.0)]));
            db.compact().expect("compacts");
        }
        model.0.values_mut().for_each(|of_series| of_series.sort_unstable());
        assert_eq!(answer(&db), model.0, "{what}");
        // The next start needs no older part of the log, where the records of both series are.
        db.roll_snapshot().expect("a snapshot");
        db.sync().expect("syncs");
        let again = open(&vfs.crash(Crash::LoseAll));
        assert_eq!(answer(&again), model.0, "{what}");
        let replay = again.replay_stats();
        assert_eq!((replay.late_samples, replay.unknown_late_refs), (0, 0), "{what}");
    }
}
