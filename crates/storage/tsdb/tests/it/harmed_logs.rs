//! Somebody removes or cuts files of the logs, before a start or under the running database.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firesteel_base::vfs::{Crash, FaultVfs, Faults, Vfs};
use firesteel_tsdb::{Db, DbOptions};

use crate::database::{Model, answer, append};

fn options(dir: &Path, vfs: &FaultVfs) -> DbOptions {
    DbOptions {
        vfs: Arc::new(vfs.clone()) as Arc<dyn Vfs>,
        no_lockfile: true,
        out_of_order_window: Duration::from_hours(1),
        min_block_duration: Duration::from_mins(10),
        ..DbOptions::new(dir)
    }
}

/// Whatever becomes of the files that are written, nothing is lost that memory has, nor what comes later.
fn check_under_way(harm: impl Fn(&FaultVfs, &Path)) {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let db = Db::open(options(dir.path(), &vfs)).expect("opens");
    let mut model = Model::default();
    let mut add = |n: i64| {
        let rows = [(n as usize % 7, 2_000_000 + n * 1000, n as f64), (7, 2_000_000 + n * 1000, 0.0)];
        append(&db, &rows);
        model.add(&rows);
        let late = [(7, 1_000_000 - n * 1000, 1.0)];
        append(&db, &late);
        model.add(&late);
    };
    (0..50).for_each(&mut add);
    db.look_at_disk();
    harm(&vfs, dir.path());
    // Nobody knows yet.
    (50..60).for_each(&mut add);
    db.look_at_disk();
    wait_for_snapshot(&vfs, dir.path());
    (60..70).for_each(&mut add);
    db.look_at_disk();
    model.0.values_mut().for_each(|samples| samples.sort_unstable());
    assert_eq!(answer(&db), model.0);
    let after = vfs.crash(Crash::LoseNothing);
    let again = Db::open(options(dir.path(), &after)).expect("opens");
    assert_eq!(answer(&again), model.0);
}

fn wait_for_snapshot(vfs: &FaultVfs, dir: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while vfs.open_read(&dir.join("firesteel/head_snapshot")).is_err() {
        assert!(Instant::now() < deadline, "no snapshot is written");
        std::thread::yield_now();
    }
}

/// What memory has is stored when the disk has room again, though it was too much to be kept for the log.
#[test]
fn what_was_not_kept_for_the_log_is_stored_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let db = Db::open(DbOptions { wal_backlog_bytes: 2000, ..options(dir.path(), &vfs) }).expect("opens");
    let mut model = Model::default();
    let mut add = |n: i64| {
        for rows in [[(1, 2_000_000 + n * 1000, n as f64)], [(2, 1_000_000 - n * 1000, 1.0)]] {
            append(&db, &rows);
            model.add(&rows);
        }
    };
    add(0);
    vfs.set_faults(Faults { space_bytes: Some(0), ..Faults::default() });
    (1..200).for_each(&mut add);
    db.look_at_disk();
    assert!(db.health().log_failing);
    vfs.set_faults(Faults::default());
    add(200);
    db.look_at_disk();
    assert!(!db.health().log_failing);
    wait_for_snapshot(&vfs, dir.path());
    model.0.values_mut().for_each(|samples| samples.sort_unstable());
    assert_eq!(answer(&db), model.0);
    let again = Db::open(options(dir.path(), &vfs.crash(Crash::LoseNothing))).expect("opens");
    assert_eq!(answer(&again), model.0);
}

#[test]
fn a_segment_that_is_removed_under_way_is_stored_anew() {
    check_under_way(|vfs, dir| {
        vfs.remove_file(&dir.join("wal/00000000")).expect("removes");
        vfs.remove_file(&dir.join("wbl/00000000")).expect("removes");
    });
}

#[test]
fn a_segment_that_is_cut_under_way_is_stored_anew() {
    for keep in [0, 1000] {
        check_under_way(|vfs, dir| {
            for log in ["wal/00000000", "wbl/00000000"] {
                vfs.corrupt(&dir.join(log), |bytes| bytes.truncate(keep)).expect("cuts");
            }
        });
    }
}

#[test]
fn logs_that_are_removed_under_way_are_made_again() {
    check_under_way(|vfs, dir| {
        for log in ["wal", "wbl", "chunks_head", "firesteel"] {
            // The last one is not there yet.
            let _ = vfs.remove_dir_all(&dir.join(log));
        }
    });
}

/// Returns a file system in which a database has died that had a checkpoint and some segments, and what it answered.
fn with_checkpoint(dir: &Path) -> (FaultVfs, Model) {
    let vfs = FaultVfs::new();
    let mut model = Model::default();
    let mut t = 0;
    for start in 0..7 {
        let db = Db::open(DbOptions { background: false, ..options(dir, &vfs) }).expect("opens");
        for _ in 0..20 {
            t += 30_000;
            let rows = [(1, t, 1.0), (2, t, 2.0)];
            append(&db, &rows);
            model.add(&rows);
        }
        // Each start begins a segment, and so does each cut.
        if start < 4 {
            db.compact().expect("cuts");
        }
    }
    let after = vfs.crash(Crash::LoseNothing);
    assert!(checkpoint(&after, dir).is_some(), "{:?}", after.list(&dir.join("wal")));
    (after, model)
}

fn checkpoint(vfs: &FaultVfs, dir: &Path) -> Option<String> {
    let entries = vfs.list(&dir.join("wal")).expect("lists");
    entries.into_iter().map(|entry| entry.name).find(|name| name.starts_with("checkpoint."))
}

fn segments(vfs: &FaultVfs, dir: &Path) -> Vec<String> {
    let entries = vfs.list(&dir.join("wal")).expect("lists");
    let mut names: Vec<String> = entries.into_iter().filter(|entry| !entry.is_dir).map(|entry| entry.name).collect();
    names.sort();
    names
}

/// Upstream does not start where segments are missing, and makes no checkpoint any more.
#[test]
fn missing_segments_are_told_and_the_rest_serves() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let n = segments(&with_checkpoint(dir).0, dir).len();
    assert!(n >= 3, "{n}");
    for missing in 0..n {
        let (vfs, mut model) = with_checkpoint(dir);
        let name = &segments(&vfs, dir)[missing];
        vfs.remove_file(&dir.join("wal").join(name)).expect("removes");
        let before = checkpoint(&vfs, dir);
        let db = Db::open(DbOptions { background: false, ..options(dir, &vfs) }).expect("opens");
        // The last one leaves no gap.
        assert_eq!(db.replay_stats().repaired, missing + 1 < n, "{name}");
        let kept = answer(&db);
        for (series, samples) in &kept {
            assert!(
                samples.iter().all(|sample| model.0[series].contains(sample)),
                "{name}: something came from nowhere"
            );
        }
        // It goes on, and the log is cut in its time.
        model.0 = kept;
        for n in 0..60 {
            let rows = [(1, 10_000_000 + n * 30_000, 1.0)];
            append(&db, &rows);
            model.add(&rows);
        }
        db.compact().expect("cuts");
        assert_ne!(checkpoint(&vfs, dir), before, "{name}");
        let again = Db::open(options(dir, &vfs.crash(Crash::LoseNothing))).expect("opens");
        assert!(!again.replay_stats().repaired, "{name}");
        assert_eq!(answer(&again), model.0, "{name}");
    }
}

/// Segments before the checkpoint's number would be passed over by the next start.
#[test]
fn a_log_without_segments_begins_behind_its_checkpoint() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let (vfs, mut model) = with_checkpoint(dir);
    for name in segments(&vfs, dir) {
        vfs.remove_file(&dir.join("wal").join(name)).expect("removes");
    }
    let db = Db::open(DbOptions { background: false, ..options(dir, &vfs) }).expect("opens");
    model.0 = answer(&db);
    for n in 0..10 {
        let rows = [(1, 10_000_000 + n * 1000, 1.0), (3, 10_000_000 + n * 1000, 1.0)];
        append(&db, &rows);
        model.add(&rows);
    }
    let again = Db::open(options(dir, &vfs.crash(Crash::LoseNothing))).expect("opens");
    assert_eq!(answer(&again), model.0);
}
