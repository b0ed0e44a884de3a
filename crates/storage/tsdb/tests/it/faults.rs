//! A disk that fails: what is in memory goes on, and is logged when writing works again.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_base::vfs::{Crash, FaultVfs, Faults, Vfs};
use firesteel_storage::{AppendOptions, Appendable as _, SampleBatch, SeriesMeta, StorageError};
use firesteel_tsdb::{Db, DbOptions};

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
